"""The mark at a cell whose last run has failed, whatever happens to the cell or the kernel."""

from __future__ import annotations

import re

import nbformat
import pytest
from playwright.sync_api import expect

from browser.failing import LOAD
from browser.lab import open_notebook
from browser.lab_cells import SET, ZERO, change, do, mark, marked, on_same_kernel
from browser.lab_panel import Panel, make_current

SCROLL = "await notebook.scrollToItem(args[0], 'center')"
UNTIL_GO = """import os, time
while not os.path.exists("go"):
    time.sleep(0.01)
"""


def test_a_mark_says_how_the_last_run_of_its_cell_has_failed(page, server):
    """It comes and goes with the runs, and a click on it opens the failure's details."""
    notebook = open_notebook(page, server, [LOAD, "1 / 0", "2", "int('x')"])
    for index in range(4):
        notebook.run(index)
    marked(notebook, {1: "!", 3: "!"})
    button = notebook.cell(1).get_by_role("button", name=f"Failed: {ZERO}", exact=True)
    expect(button).to_have_attribute("title", ZERO)

    notebook.run(1)
    marked(notebook, {1: "2", 3: "!"})
    expect(mark(notebook, 1)).to_have_attribute("title", f"{ZERO}\nfailed 2 times in this session")
    change(notebook, 1, "'well'")
    marked(notebook, {3: "!"})
    change(notebook, 1, "<<")  # does not even compile
    marked(notebook, {1: "3", 3: "!"})
    expect(mark(notebook, 1)).to_have_attribute("title", re.compile("^SyntaxError: invalid syntax"))

    if server.app == "jupyterlab":
        notebook.shot("lab-marks")

    panel = Panel(notebook)
    before = notebook.ask("return notebook.activeCellIndex")
    mark(notebook, 3).click()
    expect(panel.table.detail).to_have_accessible_name("Details of ValueError")
    expect(panel.table.status).to_contain_text("4 failures")
    mark(notebook, 1).focus()
    page.keyboard.press("Enter")
    expect(panel.table.detail).to_have_accessible_name("Details of SyntaxError")
    assert notebook.ask("return notebook.activeCellIndex") == before  # nothing has moved


@pytest.mark.newest
def test_a_mark_stays_right_when_cells_are_edited(page, lab):
    """Moved, copied, deleted and back, split, merged, of another type, without its outputs."""
    notebook = open_notebook(page, lab, [LOAD, "1 / 0", "2", "int('x')", "a = 1\nb = 1 / 0"])
    for index in (0, 1, 1, 2, 3, 4):
        notebook.run(index)
    marked(notebook, {1: "2", 3: "!", 4: "!"})
    do(notebook, "move-cell-down", 1)
    marked(notebook, {2: "2", 3: "!", 4: "!"})
    notebook.run(2)  # its own history has come with it
    marked(notebook, {2: "3", 3: "!", 4: "!"})

    do(notebook, "copy-cell", 2)
    do(notebook, "paste-cell-below", 0)
    marked(notebook, {1: "!", 3: "3", 4: "!", 5: "!"})  # the copy has failed once, as it shows
    expect(mark(notebook, 1)).to_have_attribute("title", ZERO)
    do(notebook, "delete-cell", 1)
    do(notebook, "delete-cell", 2)
    marked(notebook, {2: "!", 3: "!"})
    do(notebook, "undo-cell-action", 0)
    marked(notebook, {2: "3", 3: "!", 4: "!"})

    notebook.ask("notebook.activeCellIndex = 4; await notebook.activeCell.ready")
    notebook.ask("notebook.activeCell.editor.setCursorPosition({ line: 1, column: 0 })")
    notebook.ask('await app.commands.execute("notebook:split-cell-at-cursor")')
    notebook.wait("notebook.widgets.length === 6")
    marked(notebook, {2: "3", 3: "!", 5: "!"})  # where the traceback is
    do(notebook, "merge-cells", 4, 5)
    notebook.wait("notebook.widgets.length === 5")
    marked(notebook, {2: "3", 3: "!"})  # as it is now it has not run
    notebook.run(4)
    expect(mark(notebook, 4)).to_be_visible()

    do(notebook, "change-cell-to-markdown", 3)
    do(notebook, "change-cell-to-code", 3)
    do(notebook, "clear-cell-output", 4)
    marked(notebook, {2: "3"})
    notebook.run(3)
    marked(notebook, {2: "3", 3: "2"})


def test_a_mark_outlives_kernels_and_pages(page, server):
    """After a reload the kernel knows the count; without a kernel the output tells the message."""
    notebook = open_notebook(page, server, [LOAD, "1 / 0", "2"])
    for index in (0, 1, 1, 2):
        notebook.run(index)
    notebook.save()
    notebook.load()
    marked(notebook, {1: "2"})
    expect(mark(notebook, 1)).to_have_attribute("title", f"{ZERO}\nfailed 2 times in this session")
    notebook.restart()
    marked(notebook, {1: "!"})
    expect(mark(notebook, 1)).to_have_attribute("title", ZERO)
    notebook.run(0)
    notebook.run(1)
    marked(notebook, {1: "!"})
    notebook.run(1)
    marked(notebook, {1: "2"})
    notebook.ask("await panel.sessionContext.shutdown()")
    marked(notebook, {1: "!"})
    mark(notebook, 1).click()
    expect(Panel(notebook).told).to_have_text(re.compile("no running kernel"))


def test_a_notebook_that_was_saved_has_marks_without_a_kernel(page, lab):
    notebook = open_notebook(page, lab, ["1 / 0", "2"])
    notebook.run(0)
    saved = notebook.save()
    saved.metadata.clear()  # JupyterLab does not know which kernel it wants, and asks
    notebook.path = notebook.path.replace("notebook.ipynb", "saved.ipynb")
    nbformat.write(saved, notebook.folder / "saved.ipynb")
    notebook.ask('void app.commands.execute("docmanager:open", { path })')
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="No Kernel", exact=True).click()
    notebook.wait("panel?.context.isReady && !kernel")
    marked(notebook, {0: "!"})
    expect(mark(notebook, 0)).to_have_attribute("title", ZERO)


THREAD = """import threading
thread = threading.Thread(target=lambda: 1 / 0)
thread.start(); thread.join()"""
LATER = f"""import threading
def wait_and_fail():
{chr(10).join("    " + line for line in UNTIL_GO.splitlines())}
    [].later
thread = threading.Thread(target=wait_and_fail)
thread.start()"""


def test_what_a_failed_run_is(page, lab):
    """A thread counts, and --continue; neither what is expected to fail nor what is stopped."""
    go_on = "%%failextract --continue\n1 / 0"
    again = "if os.path.exists('go'):\n    1 / 0\n"
    notebook = open_notebook(
        page,
        lab,
        [LOAD, THREAD, go_on, LATER, f"print('waits', flush=True)\n{UNTIL_GO}1 / 0", again],
    )
    for index in range(4):
        notebook.run(index)
    marked(notebook, {1: "!", 2: "!"})
    expect(mark(notebook, 1)).to_have_attribute("title", ZERO)
    expect(mark(notebook, 2)).to_have_attribute("title", ZERO)

    tag = "notebook.widgets[2].model.setMetadata('tags', args[0])"
    notebook.ask(tag, ["raises-exception"])
    marked(notebook, {1: "!"})
    notebook.run(2)
    marked(notebook, {1: "!"})
    notebook.ask(tag, [])
    marked(notebook, {1: "!", 2: "!"})

    change(notebook, 3, "int('x')")  # and the thread of the run before has not failed yet
    marked(notebook, {1: "!", 2: "!", 3: "!"})
    (notebook.folder / "go").touch()
    marked(notebook, {1: "!", 2: "!", 3: "2"})
    expect(mark(notebook, 3)).to_have_attribute(
        "title", re.compile("^ValueError: .*\nfailed 2 tim")
    )
    mark(notebook, 3).click()
    expect(Panel(notebook).table.detail).to_have_accessible_name("Details of ValueError")

    notebook.run(4)
    expect(mark(notebook, 4)).to_have_text("!")
    (notebook.folder / "go").unlink()
    notebook.start(4)
    notebook.cell(4).get_by_text("[*]:").wait_for()
    notebook.output(4).get_by_text("waits").wait_for()  # before that, an interrupt is nobody's
    marked(notebook, {1: "!", 2: "!", 3: "2"})
    notebook.ask("await kernel.interrupt()")
    notebook.finished(4)
    assert "KeyboardInterrupt" in notebook.text(4)
    marked(notebook, {1: "!", 2: "!", 3: "2"})


def test_views_and_notebooks_of_one_kernel_have_their_own_marks(page, lab):
    notebook = open_notebook(page, lab, [LOAD, "1 / 0", "2"])
    notebook.run(0)
    notebook.run(1)
    other = on_same_kernel(notebook, ["3", "4", "int('x')"])
    other.run(2)
    marked(other, {2: "!"})
    panel = Panel(other)
    expect(panel.count).to_have_text("2")  # the kernel has told of both
    mark(other, 2).click()
    expect(panel.title).to_have_text("notebook-2.ipynb")
    expect(panel.table.rows).to_have_count(2)
    expect(panel.table.detail).to_have_accessible_name("Details of ValueError")
    make_current(notebook)
    marked(notebook, {1: "!"})

    notebook.ask('await app.commands.execute("docmanager:clone")')
    views = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(views).to_have_count(2)
    expect(views.locator(".fx-mark")).to_have_text(["!", "!"])
    make_current(notebook)
    notebook.run(1)
    expect(views.locator(".fx-mark")).to_have_text(["2", "2"])
    notebook.ask("panel.dispose()")  # the view that was there first; the other notebook comes up
    make_current(notebook)
    change(notebook, 1, "'well'")
    expect(views).to_have_count(2)
    expect(views.locator(".fx-mark")).to_have_text(["!"])


@pytest.fixture
def windowing(lab):
    """JupyterLab has in the page those cells only that are in view."""
    file = lab.settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    file.parent.mkdir(exist_ok=True)
    file.write_text('{"windowingMode": "full"}')
    yield
    file.unlink()


def test_cells_that_are_scrolled_to_later_have_their_marks(page, lab, windowing):
    failing = (1, 150, 299)
    sources = [LOAD, *("1 / 0" if index in failing else "pass" for index in range(1, 300))]
    notebook = open_notebook(page, lab, sources)
    for index in (0, *failing):
        notebook.run(index)
    notebook.save()
    notebook.load()
    expect(notebook.cell(50)).to_be_hidden()
    for index in failing:
        notebook.ask(SCROLL, index)
        expect(mark(notebook, index)).to_be_in_viewport()
        expect(mark(notebook, index)).to_have_text("!")
    notebook.ask(SCROLL, 1)
    notebook.ask(SET, 299, "'well'")
    notebook.run(299)  # out of sight
    notebook.ask(SCROLL, 299)
    expect(notebook.cell(299)).to_be_in_viewport()
    expect(mark(notebook, 299)).to_have_count(0)


COUNT = """
    window.asked = 0;
    window.messages = [];
    const { model } = notebook.widgets[args[0]];
    for (const [one, name] of [[model, "getMetadata"], [model.outputs, "get"]]) {
        const before = one[name];
        one[name] = function (...given) {
            if (new Error().stack.includes("failextract-nb")) window.asked += 1;
            return before.apply(this, given);
        };
    }
    kernel.anyMessage.connect((_, { msg }) => {
        if (msg.channel !== "iopub" || msg.header.msg_type.startsWith("comm_"))
            window.messages.push(msg.header.msg_type);
    });
"""


def test_a_passing_cell_costs_the_page_nothing(page, lab):
    """A mark is looked at when the number of a run changes, however much the cell prints."""
    notebook = open_notebook(page, lab, [LOAD, "1 / 0", "print(1)"])
    for index in range(3):
        notebook.run(index)
    marked(notebook, {1: "!"})
    notebook.ask(COUNT, 2)
    notebook.run(2)
    once = notebook.ask("return window.asked")
    change(notebook, 2, "for one in range(500):\n    print(one, flush=True)")
    assert notebook.ask(
        "return [window.asked, window.messages.filter((one) => /comm/.test(one))]"
    ) == [2 * once, []]
    assert once <= 3  # JupyterLab 4.2 tells of a new number once more
