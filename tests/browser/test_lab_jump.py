"""From a failure in the panel to the line of its cell."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from browser.failing import LOAD
from browser.lab import Notebook, open_notebook
from browser.lab_cells import SET, do, on_same_kernel
from browser.lab_panel import Panel, make_current

TIMED = "%%time\na = 1\nb = a / 0\nc = 2"
TALL = "\n".join(f"x{number} = {number}" for number in range(80))
LONG = f"{TALL}\nint('x')\n{TALL}"
FUNCTION = "def half(word):\n    return len(word) / 0\n\nhalf('ab')"
# The cursor stands there, and the reader sees it.
CURSOR = """(({ editor }, [index, line, column]) => {
    if (notebook.activeCellIndex !== index || !editor) return false;
    const at = editor.getCursorPosition();
    if (at.line !== line || at.column !== column) return false;
    const { top, bottom } = notebook.node.getBoundingClientRect();
    const place = editor.getCoordinateForPosition(at);
    return place !== null && place.top >= top && place.bottom <= bottom;
})(notebook.activeCell, args)"""
WINDOWING = """
    notebook.notebookConfig = { ...notebook.notebookConfig, windowingMode: args[0] };
"""
FLASHES = """
    window.flashed = [];
    new MutationObserver((changes) => {
        for (const { target } of changes)
            if (target.matches(".fx-flash")) window.flashed.push(target.dataset.windowedListIndex);
    }).observe(panel.node, { subtree: true, attributes: true, attributeFilter: ["class"] });
"""
FLASHED = "window.flashed.at(-1) === args[0] && !panel.node.querySelector('.fx-flash')"


def at(notebook: Notebook, cell: int, line: int, column: int) -> None:
    """Wait until the cursor is there, counted from 0, in view."""
    notebook.wait(CURSOR, cell, line, column, seconds=20)


def with_panel(notebook: Notebook) -> Panel:
    """The panel of a notebook whose cells have all run."""
    for index in range(notebook.cells()):
        notebook.run(index)
    panel = Panel(notebook)
    panel.show()
    expect(panel.table.rows.first).to_be_visible()
    return panel


def source_then(panel: Panel) -> Locator:
    """The source of the cell, where the details show it open."""
    return panel.table.detail.locator("details.ft-cell[open]")


def test_a_click_goes_to_the_failing_line(page, server):
    """Lines are counted as the reader sees them, and the editor takes what is typed next."""
    notebook = open_notebook(page, server, [LOAD, TIMED, TALL, LONG, FUNCTION])
    panel = with_panel(notebook)
    notebook.ask(FLASHES)
    panel.table.open("ZeroDivisionError").wait_for()
    at(notebook, 4, 1, 11)
    notebook.wait(FLASHED, "4")
    panel.table.line("In[2]").locator(".ft-cell-message").click()
    at(notebook, 1, 2, 0)
    notebook.wait(FLASHED, "1")
    expect(panel.table.detail).to_contain_text("In[2]")
    panel.table.open("ValueError")
    at(notebook, 3, 80, 0)  # a line far down in its cell
    page.keyboard.type("x = 1;")
    notebook.wait("notebook.widgets[3].model.sharedModel.getSource().includes('\\nx = 1;int(')")


def test_keys_look_and_stay_where_they_are(page, lab):
    """Enter shows the cell, the focus stays in the table; "Go to cell" takes it there."""
    notebook = open_notebook(page, lab, [LOAD, TIMED, TALL, LONG])
    panel = with_panel(notebook)
    panel.table.grid.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    at(notebook, 3, 80, 0)
    expect(panel.table.grid).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    at(notebook, 1, 2, 0)
    expect(panel.table.grid).to_be_focused()
    go = panel.table.detail.get_by_role("button", name="Go to cell")
    go.focus()
    page.keyboard.press("Enter")
    expect(notebook.cell(1).locator(".cm-content")).to_be_focused()
    at(notebook, 1, 2, 0)


def test_a_cell_that_has_changed_or_is_gone_is_told(page, server):
    """And its source is shown as it was."""
    notebook = open_notebook(page, server, [LOAD, "1 / 0", TALL, "int('x')"])
    panel = with_panel(notebook)
    notebook.ask(SET, 1, "# new\n1 / 1")
    detail = panel.table.open("ZeroDivisionError")
    changed = "The cell has changed since it failed; its source then is shown below."
    expect(panel.table.notes).to_contain_text(changed)
    expect(source_then(panel)).to_contain_text("1 / 0")
    notebook.wait("notebook.activeCellIndex === 1")

    do(notebook, "delete-cell", 3)
    detail = panel.table.open("ValueError")
    gone = "The cell is gone from the notebook; its source is shown below."
    expect(panel.table.notes).to_contain_text(gone)
    expect(source_then(panel)).to_contain_text("int('x')")
    do(notebook, "undo-cell-action", 1)
    detail.get_by_role("button", name="Go to cell").click()
    at(notebook, 3, 0, 0)
    panel.table.grid.focus()
    page.keyboard.press("Enter")
    expect(source_then(panel)).to_have_count(0)  # it is as it was: there is nothing to tell


def test_what_is_folded_away_is_shown(page, lab):
    """A collapsed input, and a cell under a collapsed heading."""
    notebook = open_notebook(page, lab, [LOAD, "# Part", "## Within", "1 / 0", "int('x')"])
    for index in (1, 2):
        do(notebook, "change-cell-to-markdown", index)
    panel = with_panel(notebook)
    notebook.ask("notebook.widgets[4].inputHidden = true")
    # What is no heading yet, as it is still being rendered, is not collapsed.
    notebook.wait("[1, 2].every((one) => notebook.widgets[one].headingInfo?.level > 0)")
    do(notebook, "collapse-all-headings", 0)
    expect(notebook.cell(4)).to_be_hidden()
    panel.table.open("ZeroDivisionError")
    at(notebook, 3, 0, 0)
    expect(notebook.cell(3)).to_be_visible()
    panel.table.open("ValueError")
    at(notebook, 4, 0, 0)
    expect(notebook.cell(4).locator(".cm-content")).to_be_visible()


def test_a_cell_of_another_notebook_on_the_kernel(page, lab):
    """Its notebook comes to the front; the panel stays as it is, and so does the focus."""
    notebook = open_notebook(page, lab, [LOAD, "1 / 0"])
    notebook.run(0)
    notebook.run(1)
    other = on_same_kernel(notebook, ["2", "int('x')"])
    other.run(1)
    make_current(notebook)
    panel = Panel(notebook)
    panel.show()
    panel.table.grid.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    other.wait("app.shell.currentWidget === panel")
    at(other, 1, 0, 0)
    expect(panel.title).to_have_text("notebook-2.ipynb")
    expect(panel.table.detail).to_have_accessible_name("Details of ValueError")
    expect(panel.table.grid).to_be_focused()

    panel.table.open("ZeroDivisionError")
    at(notebook, 1, 0, 0)
    expect(notebook.cell(1).locator(".cm-content")).to_be_focused()
    expect(panel.table.detail).to_have_accessible_name("Details of ZeroDivisionError")
    other.ask("panel.dispose()")
    panel.table.open("ValueError")
    expect(panel.table.notes).to_contain_text("is gone from the notebook")


def test_the_cells_between_need_not_be_drawn(page, lab):
    """In a long notebook a page draws those cells that are in view."""
    notebook = open_notebook(page, lab, [LOAD, *["pass"] * 198, TIMED])
    notebook.run(0)
    notebook.run(199)
    panel = Panel(notebook)
    panel.show()
    for mode in ("contentVisibility", "full"):
        notebook.ask(WINDOWING, mode)
        notebook.ask("notebook.activeCellIndex = 0; await notebook.scrollToItem(0)")
        panel.table.open("ZeroDivisionError")
        at(notebook, 199, 2, 0)
