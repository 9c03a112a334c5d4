"""The extension of JupyterLab and the kernel: loaded, unloaded, restarted, killed, lost, shared."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import expect

from browser.failing import LOAD
from browser.kernels import more_kernels
from browser.lab import READY, open_notebook
from browser.lab_panel import NOT_LOADED, Panel, make_current, open_beside

NO_MORE = "%unload_ext failextract_nb"
RELOAD = "%reload_ext failextract_nb"
WAITING = "Waiting for the kernel. It answers when it has started, or the cell has run."
NO_KERNEL = "This notebook has no running kernel. Start one to go on."
TWO_MINUTES = 120_000  # milliseconds
# Until the test makes a file.
BUSY = """import os, time
while not os.path.exists("go"):
    time.sleep(0.01)"""
LATER = f"""import threading
from failextract_nb import FailureExtractor
def later():
    exec({BUSY!r})
    FailureExtractor().add_failure({{"exception_message": "while nobody listened"}})
threading.Thread(target=later).start()"""


@pytest.fixture
def kernels(lab):
    """JupyterLab with two kernels more: ``echo``, which knows no Python, and ``older``."""
    with more_kernels(lab, "echo", "older"):
        yield lab


def test_loading_and_unloading_in_a_cell_is_noticed(page, server):
    notebook = open_notebook(page, server, [LOAD, "1 / 0", NO_MORE, RELOAD, f"{RELOAD}\n" * 5])
    panel = Panel(notebook)
    panel.show()
    expect(panel.told).to_contain_text(NOT_LOADED)
    for _ in range(2):
        notebook.run(0)
        notebook.run(1)
        expect(panel.table.line("division by zero").first).to_be_visible()
        notebook.run(2)
        expect(panel.told).to_contain_text(NOT_LOADED)
        expect(panel.count).to_be_hidden()
    notebook.run(3)
    notebook.run(3)
    notebook.run(1)
    expect(panel.table.column("message").first).to_have_text("division by zero")
    for _ in range(3):  # before the page has what it needs for the first of them
        notebook.run(2)
        notebook.run(4)
        notebook.run(1)
        expect(panel.table.column("message").first).to_have_text("division by zero")


def test_nothing_is_asked_while_nothing_happens(page, lab):
    """Two minutes of the page's clock: with the panel open, and before anything is loaded."""
    page.clock.install()
    sent, asked = [], []
    page.on("websocket", lambda one: one.on("framesent", lambda frame: sent.append(frame)))
    page.on("request", lambda one: asked.append(one.url))
    notebook = open_notebook(page, lab, [LOAD, "1 / 0"])
    panel = Panel(notebook)
    panel.show()
    expect(panel.told).to_contain_text(NOT_LOADED)
    sent.clear()
    page.clock.run_for(TWO_MINUTES)
    assert [one for one in sent if b"debugInfo" not in one] == []
    notebook.ask("app.shell.collapseRight()")
    notebook.run(0)
    notebook.run(1)
    expect(panel.count).to_have_text("1")
    panel.button.click()
    expect(panel.table.column("message")).to_have_text(["division by zero"])
    expect(panel.count).to_be_hidden()  # the kernel knows that it was seen: the last word
    notebook.execute("1")
    sent.clear()
    asked.clear()
    page.clock.run_for(TWO_MINUTES)
    assert [one for one in sent if b"debugInfo" not in one] == []
    assert asked, "JupyterLab itself asks its server how things are"
    assert not any("failextract" in url for url in asked)


@pytest.mark.newest
def test_a_restart_a_kill_and_a_shutdown_are_told(page, server):
    """After each the panel says how to go on, and nothing of the kernel before is left."""
    notebook = open_notebook(page, server, [LOAD, "1 / 0", BUSY])
    panel = Panel(notebook)
    notebook.run(0)
    notebook.run(1)
    expect(panel.count).to_have_text("1")
    notebook.restart()
    expect(panel.count).to_be_hidden()
    panel.button.click()
    panel.load.click()
    expect(panel.table.element).to_contain_text("No failures yet")
    notebook.run(1)
    expect(panel.table.column("message")).to_have_text(["division by zero"])

    kernel = int(notebook.execute("import os; print(os.getpid())"))
    os.kill(kernel, signal.SIGKILL)
    page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    expect(panel.told).to_contain_text(NOT_LOADED)
    notebook.wait(READY)
    panel.load.click()
    expect(panel.table.element).to_contain_text("No failures yet")
    notebook.run(1)
    notebook.start(2)  # it answers as the one before did
    expect(panel.table.open("division").locator("mark")).to_have_text("1 / 0")
    (notebook.folder / "go").touch()
    notebook.finished(2)

    server.shutdown_kernels()
    expect(panel.told).to_have_text(NO_KERNEL)


def test_the_page_is_loaded_again(page, server):
    """The panel comes back with the failures, and with the count of those that nobody saw."""
    notebook = open_notebook(page, server, [LOAD, "1 / 0", BUSY])
    panel = Panel(notebook)
    notebook.run(0)
    notebook.run(1)
    notebook.save()
    expect(panel.count).to_have_text("1")
    notebook.load()
    expect(panel.count).to_have_text("1")
    panel.button.click()
    expect(panel.table.column("message")).to_have_text(["division by zero"])
    notebook.start(2)
    notebook.visit()
    notebook.ask("await app.restored")
    panel.show()
    expect(panel.told).to_have_text(WAITING)
    (notebook.folder / "go").touch()
    expect(panel.table.column("message")).to_have_text(["division by zero"])
    expect(panel.count).to_be_hidden()


@pytest.mark.newest
def test_what_happens_while_the_page_is_off_line_is_shown_afterwards(page, lab):
    connected, is_down = [], False

    def connect(route):
        if is_down:
            route.close()
            return
        route.connect_to_server()
        connected.append(route)

    page.route_web_socket("**/channels**", connect)
    notebook = open_notebook(page, lab, [LOAD, "1 / 0", BUSY])
    panel = Panel(notebook)
    notebook.run(0)
    notebook.run(1)
    panel.show()
    expect(panel.table.rows).to_have_count(1)
    notebook.execute(LATER)
    is_down = True
    for route in connected:
        route.close()
    notebook.wait("kernel.connectionStatus === 'connecting'")
    (notebook.folder / "go").touch()
    is_down = False
    notebook.wait("kernel.connectionStatus === 'connected'")
    expect(panel.table.column("message")).to_have_text(
        ["while nobody listened", "division by zero"]
    )
    (notebook.folder / "go").unlink()
    notebook.start(2)
    expect(panel.table.open("division").locator("mark")).to_have_text("1 / 0")
    (notebook.folder / "go").touch()
    notebook.finished(2)


def test_a_kernel_of_another_language(page, kernels):
    """It is left alone, and what is said of it is true when the notebook gets another kernel."""
    notebook = open_notebook(page, kernels, ["1 / 0"])
    panel = Panel(notebook)
    panel.show()
    expect(panel.told).to_contain_text(NOT_LOADED)
    notebook.ask("await panel.sessionContext.changeKernel({ name: 'echo' })")
    expect(panel.told).to_have_text("This kernel speaks echo. Failures of Python are recorded.")
    notebook.run(0)
    assert notebook.text(0).strip() == "['1 / 0']"
    expect(panel.count).to_be_hidden()
    notebook.ask("await panel.sessionContext.changeKernel({ name: 'python3' })")
    expect(panel.told).to_contain_text(NOT_LOADED)


@pytest.mark.parametrize("reason", ["an older kernel", "the settings"])
def test_where_it_cannot_answer_while_a_cell_runs_it_says_so(page, kernels, reason):
    if reason == "the settings":
        kernels.set("kernels-settings", commsOverSubshells="disabled")
    try:
        notebook = open_notebook(page, kernels, [LOAD, "1 / 0", BUSY])
        if reason == "an older kernel":
            notebook.ask("await panel.sessionContext.changeKernel({ name: 'older' })")
            notebook.wait(READY)
        panel = Panel(notebook)
        notebook.run(0)
        notebook.run(1)
        expect(panel.count).to_have_text("1")
        go = notebook.folder / "go"
        notebook.start(2)
        panel.button.click()
        expect(panel.element).to_contain_text(
            "The kernel is busy. It answers when the cell has run."
        )
        go.touch()
        expect(panel.table.column("message")).to_have_text(["division by zero"])
        expect(panel.element).not_to_contain_text("The kernel is busy")

        notebook.finished(2)
        go.unlink()
        notebook.start(2)
        panel.table.line("division").locator(".ft-cell-message").click()
        expect(panel.table.notes).to_contain_text("The kernel is busy")
        go.touch()
        expect(panel.table.detail.locator("mark")).to_have_text("1 / 0")
        expect(panel.table.notes).to_have_count(0)
    finally:
        kernels.set("kernels-settings")


@pytest.mark.newest
def test_two_notebooks_share_a_kernel(page, lab):
    """Both count the same; the second one answers as the first does, and when that is closed."""
    first = open_notebook(page, lab, [LOAD, "1 / 0", BUSY], name="first")
    second = open_beside(first, ["[][1]", NO_MORE], name="second")
    kernel = first.ask("return kernel.id")
    second.ask("await panel.sessionContext.changeKernel({ id: args[0] })", kernel)
    second.wait(f"kernel?.id === '{kernel}' && {READY}")
    make_current(first)
    panel = Panel(first)
    first.run(0)
    first.run(1)
    expect(panel.count).to_have_text("1")
    make_current(second)
    expect(panel.count).to_have_text("1")
    second.run(0)
    expect(panel.count).to_have_text("2")
    panel.button.click()
    both = ["list index out of range", "division by zero"]
    expect(panel.table.column("message")).to_have_text(both)

    make_current(first)
    expect(panel.title).to_have_text("first.ipynb")
    expect(panel.count).to_be_hidden()
    expect(panel.table.column("message")).to_have_text(both)
    first.start(2)
    make_current(second)
    expect(panel.title).to_have_text("second.ipynb")
    panel.table.search.fill("division")
    expect(panel.table.column("message")).to_have_text(both[1:])
    (first.folder / "go").touch()
    first.finished(2)
    first.ask("panel.dispose()")
    second.run(0)
    expect(panel.table.status).to_have_text("1 of 3 failures")
    second.run(1)
    expect(panel.told).to_contain_text(NOT_LOADED)


def test_two_views_of_a_notebook_and_a_console(page, lab):
    """All of one kernel: what is loaded in the console is seen beside each, whichever is closed."""
    notebook = open_notebook(page, lab, ["1 / 0"])
    panel = Panel(notebook)
    panel.show()
    notebook.ask('await app.commands.execute("notebook:create-console")')
    page.locator(".jp-CodeConsole-input .cm-content").click()
    page.keyboard.type(LOAD)
    page.keyboard.press("Shift+Enter")
    expect(panel.table.element).to_contain_text("No failures yet")
    make_current(notebook)
    notebook.ask('await app.commands.execute("docmanager:clone")')
    notebook.wait("panels.filter((one) => one.context?.path === path).length === 2")
    notebook.run(0)
    expect(panel.table.column("message")).to_have_text(["division by zero"])
    notebook.ask("panel.dispose()")
    notebook.run(0)
    expect(panel.table.status).to_contain_text("2 failures")
