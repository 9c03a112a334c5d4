"""The commands of JupyterLab's extension: where they are found, and what they do."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from browser.failing import LOAD, add_many, ask
from browser.lab import Notebook, open_notebook
from browser.lab_cells import change, marked
from browser.lab_panel import Panel

FORMATS = ["html", "json", "jsonl", "markdown", "csv", "yaml", "xml", "junit"]
LABELS = {
    "show": "Show Failures",
    "next": "Next Failed Cell",
    "previous": "Previous Failed Cell",
    "last": "Go to the Most Recently Failed Cell",
    "rerun": "Run Failed Cells Again",
    **{f"export {name}": f"Export Failures as {name}" for name in FORMATS},
    "export-all": "Export Failures in All Formats",
    "copy-markdown": "Copy Failures as Markdown",
    "clear": "Clear Failures…",
    "capture": "Capture Failures",
}
EXECUTE = "await app.commands.execute(`failextract:${args[0]}`, args[1])"
START = """
    window.isRunning = true;
    void app.commands.execute(`failextract:${args[0]}`).finally(() => (window.isRunning = false));
"""
IS_ON = 'return app.commands.isToggled("failextract:capture")'
FOREVER = """print('it runs')
import time
while True:
    time.sleep(0.01)
"""
STATE = """
    const { commands } = app;
    const names = commands.listCommands().filter((one) => one.startsWith("failextract:"));
    return Object.fromEntries(names.map((one) => [one.split(":")[1], commands.isEnabled(one)]));
"""
NOTHING = "No cell of this notebook has failed in its last run."


def execute(notebook: Notebook, command: str, **args: str) -> None:
    notebook.ask(EXECUTE, command, args)


def start(notebook: Notebook, command: str) -> None:
    """Execute a command that asks something or goes on for long."""
    notebook.ask(START, command)


def current(notebook: Notebook, index: int) -> None:
    """Wait until a cell is the active one, and its editor has the focus."""
    expect(notebook.cell(index).locator(".cm-content")).to_be_focused()
    notebook.wait("notebook.activeCellIndex === args[0]", index)


def notice(page: Page) -> Locator:
    return page.locator(".jp-toastContainer [role=alert]").last


def run_each(notebook: Notebook) -> None:
    for index in range(notebook.cells()):
        notebook.run(index)


def test_commands_are_in_the_palette_and_the_menu(page, server):
    """Those that can do nothing yet are disabled."""
    notebook = open_notebook(page, server, ["1 / 0"])
    notebook.wait("app.commands.isEnabled('failextract:capture')")  # the kernel has answered
    can = notebook.ask(STATE)
    assert set(can) == {one.split()[0] for one in LABELS}
    off = {"export", "export-all", "copy-markdown", "clear"}
    assert {one for one, enabled in can.items() if not enabled} == off
    notebook.execute(LOAD)
    notebook.run(0)
    expect(Panel(notebook).count).to_have_text("1")
    assert all(notebook.ask(STATE).values())

    notebook.ask('await app.commands.execute("apputils:activate-command-palette")')
    palette = page.locator(".lm-CommandPalette-input:visible")
    palette.fill("failures")
    items = page.locator(".lm-CommandPalette-item")
    labels = items.locator(".lm-CommandPalette-itemLabel")
    for label in set(LABELS.values()) - {
        LABELS[one] for one in ("next", "previous", "last", "rerun")
    }:
        expect(labels.get_by_text(label, exact=True).first).to_be_visible()
    palette.fill("failed cell")
    for command, keys in (
        ("next", "Alt+F8"),
        ("previous", "Alt+Shift+F8"),
        ("last", ""),
        ("rerun", ""),
    ):
        item = items.filter(has=page.get_by_text(LABELS[command], exact=True))
        expect(item.locator(".lm-CommandPalette-itemShortcut")).to_have_text(keys)
    page.keyboard.press("Escape")

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-item", has_text="Failures").last.hover()
    entries = page.locator(".lm-Menu").last.locator(".lm-Menu-item[data-command]")
    expect(entries.locator(".lm-Menu-itemLabel")).to_have_text(list(LABELS.values()))
    toggled = entries.and_(page.locator(".lm-mod-toggled"))
    expect(toggled.locator(".lm-Menu-itemLabel")).to_have_text(["Capture Failures"])
    if server.app == "jupyterlab":
        notebook.shot("lab-menu")
    with page.expect_download() as download:
        entries.filter(has_text="as csv").click()
    assert "ZeroDivisionError" in download.value.path().read_text(encoding="utf-8")


def test_keys_go_from_failed_cell_to_failed_cell(page, server):
    """Round and round, from wherever the focus is."""
    sources = [LOAD, "1 / 0", "2", "a = 1\nint('x')", "4", "[].x"]
    notebook = open_notebook(page, server, sources)
    run_each(notebook)
    marked(notebook, {1: "!", 3: "!", 5: "!"})
    notebook.ask("notebook.activeCellIndex = 0; notebook.mode = 'command'; notebook.activate()")
    page.keyboard.press("Alt+F8")
    current(notebook, 1)
    page.keyboard.press("Alt+F8")  # from within an editor
    current(notebook, 3)
    notebook.wait("notebook.activeCell.editor.getCursorPosition().line === 1")
    page.keyboard.press("Alt+F8")
    current(notebook, 5)
    page.keyboard.press("Alt+F8")
    current(notebook, 1)
    page.keyboard.press("Shift+Alt+F8")
    current(notebook, 5)
    page.keyboard.press("Shift+Alt+F8")
    current(notebook, 3)

    panel = Panel(notebook)
    panel.show()
    for place in (panel.table.grid, panel.table.search):
        place.focus()
        page.keyboard.press("Alt+F8")
        current(notebook, 5)
        notebook.ask("notebook.activeCellIndex = 3")
    for index in (1, 3, 5):
        change(notebook, index, "'well'")
    marked(notebook, {})
    page.keyboard.press("Alt+F8")
    expect(notice(page)).to_contain_text(NOTHING)


def test_the_most_recently_failed_cell_is_the_one_that_ran_last(page, lab):
    notebook = open_notebook(page, lab, [LOAD, "1 / 0", "2", "int('x')", "raise ValueError"])
    for index in (0, 4, 3, 1, 2):
        notebook.run(index)
    expect(Panel(notebook).count).to_have_text("3")  # the kernel has told of all of them
    execute(notebook, "last")
    current(notebook, 1)
    change(notebook, 1, "'well'")
    execute(notebook, "last")
    current(notebook, 3)
    notebook.restart()  # the kernel knows nothing: the numbers of the runs tell
    execute(notebook, "next")
    current(notebook, 4)
    execute(notebook, "last")
    current(notebook, 3)


def test_exports_download_and_copy(page, lab):
    notebook = open_notebook(page, lab, [LOAD, "1 / 0"])
    run_each(notebook)
    expect(Panel(notebook).count).to_have_text("1")
    for name in FORMATS:
        with page.expect_download() as download:
            execute(notebook, "export", format=name)
        assert "division by zero" in download.value.path().read_text(encoding="utf-8")
    names = ask(notebook, "formats.names()")
    files: list[str] = []
    page.on("download", lambda one: files.append(one.suggested_filename))
    with page.expect_event("download", lambda _: len(files) == len(names)):
        execute(notebook, "export-all")
    assert len(set(files)) == len(names) >= len(FORMATS)
    execute(notebook, "copy-markdown")
    expect(notice(page)).to_contain_text("Failures copied as Markdown.")
    assert "ZeroDivisionError" in page.evaluate("navigator.clipboard.readText()")


def test_failures_are_cleared_when_the_reader_says_so(page, server):
    """The panel then offers to bring them back; the cells have failed all the same."""
    notebook = open_notebook(page, server, [LOAD, "1 / 0"])
    run_each(notebook)
    add_many(notebook, 2)
    panel = Panel(notebook)
    expect(panel.count).to_have_text("3")
    dialog = page.get_by_role("dialog")
    for answer in ("Cancel", "Clear"):
        start(notebook, "clear")
        expect(dialog).to_contain_text("3 failures are forgotten.")
        assert ask(notebook, "len(FailureExtractor().failures)") == 3
        dialog.get_by_role("button", name=answer).click()
        expect(dialog).to_have_count(0)
    expect(panel.table.notes).to_contain_text("3 failures forgotten.")
    assert ask(notebook, "len(FailureExtractor().failures)") == 0
    expect(panel.count).to_be_hidden()
    marked(notebook, {1: "!"})
    panel.table.button("Undo").click()
    expect(panel.table.status).to_have_text("3 failures")
    assert ask(notebook, "len(FailureExtractor().failures)") == 3


def test_capturing_is_switched_on_and_off(page, lab):
    """Where the extension is not loaded yet, it is loaded."""
    notebook = open_notebook(page, lab, ["1 / 0", "int('x')", "%failextract on"])
    assert not notebook.ask(IS_ON)
    execute(notebook, "capture")
    notebook.wait(f"(() => {{ {IS_ON} }})()")
    execute(notebook, "capture")
    notebook.wait(f"!(() => {{ {IS_ON} }})()")
    notebook.run(0)
    assert ask(notebook, "len(FailureExtractor().failures)") == 0
    execute(notebook, "capture")
    notebook.wait(f"(() => {{ {IS_ON} }})()")
    notebook.run(1)
    kinds = "[one['exception_type'] for one in FailureExtractor().failures]"
    assert ask(notebook, kinds) == ["ValueError"]

    notebook.execute("%failextract off")  # said elsewhere
    notebook.wait(f"!(() => {{ {IS_ON} }})()")
    notebook.run(2)
    notebook.wait(f"(() => {{ {IS_ON} }})()")


def test_failed_cells_run_again_in_their_order(page, server):
    """Each of them, whether or not one before has failed again, and no other."""
    tell = "ran = [*globals().get('ran', []), {}]"
    sources = [
        LOAD,
        f"{tell.format(1)}\n1 / 0",
        tell.format(2),
        f"{tell.format(3)}\nint('x')",
        f"{tell.format(4)}\n[].x",
    ]
    notebook = open_notebook(page, server, sources)
    for index in (0, 3, 1, 2, 4):
        notebook.run(index)
    change_source = "notebook.widgets[3].model.sharedModel.setSource(args[0])"
    notebook.ask(change_source, tell.format(3))
    notebook.execute("ran.clear()")
    execute(notebook, "rerun")
    assert ask(notebook, "ran") == [1, 3, 4]
    marked(notebook, {1: "2", 4: "2"})

    # Who stops the first does not want the others.
    notebook.ask("notebook.widgets[1].model.sharedModel.setSource(args[0])", FOREVER)
    notebook.execute("ran.clear()")
    start(notebook, "rerun")
    notebook.cell(1).get_by_text("[*]:").wait_for()
    expect(notebook.output(1)).to_contain_text("it runs")
    notebook.ask("await kernel.interrupt()")
    notebook.wait("notebook.widgets[1].model.executionCount !== null && !window.isRunning")
    assert ask(notebook, "ran") == []
    marked(notebook, {4: "2"})
    change(notebook, 4, "'well'")
    execute(notebook, "rerun")
    expect(notice(page)).to_contain_text(NOTHING)
    assert ask(notebook, "ran") == []
