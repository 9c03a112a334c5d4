"""The button in a notebook's toolbar, its menu, and the panel at the side, as a reader uses them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser import axe
from browser.failing import LOAD, WORK, add_many, ask
from browser.kernels import MISSING
from browser.lab import open_notebook
from browser.lab_panel import NOT_LOADED, Panel, make_current, open_beside

# What JupyterLab's shortcuts do to cells and to the page.
KEYS = [
    *"a b d d x z m y r c v 1 0 0 i i j k".split(),
    *"Enter Shift+Enter Control+Enter ArrowUp ArrowDown Delete Control+b".split(),
]
CELLS = """return [app.shell.leftCollapsed, notebook.activeCellIndex, notebook.mode,
    ...notebook.model.sharedModel.cells.map(
        (cell) => `${cell.cell_type} ${cell.execution_count} ${cell.source}`)]"""

# The counts around the cells come a second later than the lines of the table.
LATE = """import sys, time
from failextract_nb.widget.pages import Pages
tell = Pages.tell
def late(self, whole=False):
    if sys._getframe(1).f_globals["__name__"].endswith(".following"):
        time.sleep(1)
    tell(self, whole)
Pages.tell = late"""


@pytest.mark.newest
def test_the_button_counts_and_opens_the_panel_while_a_cell_runs(page, server):
    """Nobody waits for the cell: not the count, the lines, the details, a search, an export."""
    notebook = open_notebook(page, server, [LOAD, WORK, "work(3)"])
    panel = Panel(notebook)
    expect(panel.button).to_have_accessible_name("Failures")
    expect(panel.count).to_be_hidden()
    notebook.run(0)
    notebook.run(1)
    notebook.start(2)
    expect(panel.count).to_have_text("3")
    expect(panel.button).to_have_accessible_name("3 unseen failures")
    expect(panel.element).to_be_hidden()

    panel.button.click()
    expect(panel.title).to_have_text("notebook.ipynb")
    expect(panel.table.column("message")).to_have_text([f"while it runs {n}" for n in (2, 1, 0)])
    expect(panel.count).to_be_hidden()
    expect(panel.table.open("runs 1").locator(".ft-message")).to_have_text("while it runs 1")
    panel.table.search.fill("runs 2")
    expect(panel.table.status).to_have_text("1 of 3 failures")
    with page.expect_download() as download:
        panel.table.export("json").click()
    assert "while it runs 2" in download.value.path().read_text(encoding="utf-8")
    expect(panel.table.notes).to_have_count(1)  # the download's: nobody is told to wait
    expect(panel.table.notes).to_contain_text("1 failure downloaded")
    expect(notebook.cell(2)).to_contain_text("[*]:")

    # What is looked at is not unseen, until the panel is hidden again.
    (notebook.folder / "go").touch()
    notebook.finished(2)
    panel.table.search.fill("")
    add_many(notebook, 1, "seen")
    expect(panel.table.status).to_have_text("4 failures")
    expect(panel.count).to_be_hidden()
    notebook.ask("app.shell.collapseRight()")
    expect(panel.element).to_be_hidden()
    add_many(notebook, 2, "unseen")
    expect(panel.count).to_have_text("2")


@pytest.mark.newest
def test_what_the_panel_has_shown_is_seen(page, lab):
    """Also where the count of it comes after the panel was hidden."""
    notebook = open_notebook(page, lab, [LATE, LOAD])
    panel = Panel(notebook)
    notebook.run(0)
    notebook.run(1)
    panel.show()
    add_many(notebook, 1, "seen")
    expect(panel.table.status).to_have_text("1 failure")
    notebook.ask("app.shell.collapseRight()")
    add_many(notebook, 2, "unseen")
    expect(panel.count).to_have_text("2")


def test_the_menu_has_an_entry_for_each_format(page, server):
    """Also for one that the kernel was taught; they download, the last one copies."""
    register = """from failextract_nb import formats
class Slack(formats.OutputFormatter):
    extensions = (".slack",)
    def format(self, failures, passed=None, metadata=None):
        return f"to slack: {failures[0]['exception_message']}"
formats.register("slack", Slack())"""
    notebook = open_notebook(page, server, [LOAD, "1 / 0", register])
    panel = Panel(notebook)
    for cell in range(3):
        notebook.run(cell)
    expect(panel.count).to_have_text("1")
    axe.check(page, ".fx-toolbar")
    names = ask(notebook, "formats.names()")
    assert "slack" in names
    downloads = []
    page.on("download", lambda one: downloads.append(one.suggested_filename))

    entries = panel.menu()
    expect(entries).to_have_text(
        [
            *[f"Export Failures as {name}" for name in names],
            "Export Failures in All Formats",
            "Copy Failures as Markdown",
        ]
    )
    with page.expect_download() as download:
        entries.filter(has_text="as slack").click()
    assert download.value.path().read_text() == "to slack: division by zero"
    assert download.value.suggested_filename == "failextract-report.slack"

    downloads.clear()
    panel.menu().filter(has_text="All Formats").click()
    if len(downloads) < len(names):
        page.wait_for_event("download", lambda _: len(downloads) == len(names))
    extensions = ask(notebook, "[formats.get(one).extensions[0] for one in formats.names()]")
    assert sorted(downloads) == sorted(f"failextract-report{one}" for one in extensions)

    panel.menu().filter(has_text="Copy").click()
    expect(page.get_by_text("Failures copied as Markdown.")).to_be_visible()
    assert "division by zero" in page.evaluate("navigator.clipboard.readText()")


def test_the_panel_says_what_there_is_to_do(page, lab):
    """Where nothing is loaded, nothing can be, there is no kernel, and no notebook."""
    notebook = open_notebook(page, lab, ["1 / 0", "work(0)"])
    panel = Panel(notebook)
    panel.button.click()
    expect(panel.told).to_contain_text(NOT_LOADED)
    expect(panel.title).to_have_text("notebook.ipynb")

    notebook.execute(MISSING)
    panel.load.click()
    expect(panel.told).to_contain_text("ModuleNotFoundError: No module named 'failextract_nb'")
    expect(panel.told).to_contain_text("pip install failextract-nb")
    notebook.execute("del sys.meta_path[0]")
    panel.element.get_by_role("button", name="Try again").click()
    expect(panel.told).to_contain_text(NOT_LOADED)
    notebook.execute(WORK)
    notebook.start(1)
    panel.load.click()
    expect(panel.told).to_have_text("Loading; a cell that runs comes first …")
    (notebook.folder / "go").touch()
    expect(panel.table.element).to_contain_text("No failures yet")
    notebook.run(0)
    expect(panel.table.column("message")).to_have_text(["division by zero"])
    expect(notebook.cell(0)).to_contain_text("[2]:")  # loading counts as no cell

    notebook.ask("await panel.sessionContext.shutdown()")
    expect(panel.told).to_have_text("This notebook has no running kernel. Start one to go on.")
    expect(panel.table.element).to_be_hidden()
    notebook.ask("await panel.sessionContext.startKernel()")
    expect(panel.told).to_contain_text(NOT_LOADED)
    notebook.ask("panel.dispose()")
    expect(panel.told).to_have_text("Open a notebook to see its failures here.")
    expect(panel.title).to_be_hidden()


def test_the_panel_follows_the_current_notebook(page, lab):
    first = open_notebook(page, lab, [LOAD, "1 / 0"], name="first")
    second = open_beside(first, [LOAD, "{}['a']"], name="second")
    third = open_beside(first, ["1"], name="third")
    panel = Panel(first)
    for notebook in (first, second):
        make_current(notebook)
        for cell in range(notebook.cells()):
            notebook.run(cell)
    make_current(third)
    panel.show()
    expect(panel.told).to_contain_text(NOT_LOADED)
    expect(panel.count).to_be_hidden()
    make_current(second)
    expect(panel.title).to_have_text("second.ipynb")
    expect(panel.table.column("message")).to_have_text(["'a'"])
    make_current(first)
    expect(panel.table.column("message")).to_have_text(["division by zero"])
    expect(panel.count).to_be_hidden()


def test_clear_is_undone_and_keys_stay_in_the_panel(page, server):
    """What is typed there does nothing to the notebook beside it, nor to the page."""
    notebook = open_notebook(page, server, ["x = 1", "y = 2"])
    notebook.execute(LOAD)
    add_many(notebook, 3)
    panel = Panel(notebook)
    panel.button.click()
    expect(panel.table.rows).to_have_count(3)
    before = notebook.ask(CELLS)
    panel.table.grid.focus()
    for key in KEYS:
        page.keyboard.press(key)
    panel.table.search.focus()
    for key in KEYS:
        page.keyboard.press(key)
    assert notebook.ask(CELLS) == before
    panel.table.search.fill("")

    panel.table.button("Clear…").click()
    panel.table.button("Forget them").click()
    expect(panel.table.notes).to_contain_text("3 failures forgotten.")
    assert ask(notebook, "len(FailureExtractor().failures)") == 0
    panel.table.button("Undo").click()
    expect(panel.table.rows).to_have_count(3)
    assert ask(notebook, "len(FailureExtractor().failures)") == 3
