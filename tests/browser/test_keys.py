"""The table by keyboard alone, what a screen reader hears of it, and that no key leaks."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.failing import Table, add, add_many, ask, open_table
from browser.lab import Notebook

CELLS = """return [notebook.activeCellIndex, ...notebook.model.sharedModel.cells.map(
    (cell) => `${cell.cell_type} ${cell.execution_count} ${cell.source}`)]"""
# What JupyterLab does with them: cells, runs, deletes, cuts, undoes, changes types, moves.
SHORTCUTS = [
    *"a b d d x z m y r c v 1 0 0 i i j k".split(),
    *"Enter Shift+Enter Control+Enter Alt+Enter ArrowUp ArrowDown Delete Control+b".split(),
]
DECISIVE = ("Enter", "Control+Enter", "Shift+Enter", "Alt+Enter")  # what presses a button
SOME = [
    {"exception_type": "KeyError", "exception_message": "'revenue'", "line_number": 7},
    {"exception_type": "OSError", "exception_message": "disk full", "line_number": 3},
    *[{"exception_type": "ValueError", "exception_message": "no number"}] * 3,
]


def open_some(page, server, **wishes) -> tuple[Notebook, Table]:
    """Five failures on three lines, between cells that nothing has run; the grid has the focus."""
    notebook, table = open_table(page, server, **wishes)
    notebook.ask("""
        for (const source of ["x = 1", "y = 2"])
            notebook.model.sharedModel.addCell({ cell_type: "code", source });
    """)
    add(notebook, *SOME)
    expect(table.rows).to_have_count(3)
    table.grid.focus()
    return notebook, table


def press(table: Table, *keys: str) -> None:
    for key in keys:
        table.page.keyboard.press(key)


def focused(table: Table) -> str:
    """What has the focus: its name for a reader, or its text."""
    return table.page.evaluate("""() => {
        const { ariaLabel, title, textContent } = document.activeElement;
        return ariaLabel || textContent || title;
    }""")


def current(table: Table):
    return table.grid.locator(".ft-current")


def test_tab_reaches_everything_in_the_order_of_the_page(page, lab):
    _, table = open_some(page, lab)
    table.search.focus()
    reached = []
    while focused(table) != "yaml":
        reached.append(focused(table))
        press(table, "Tab")
        assert len(reached) < 60
    inside = "() => document.activeElement.closest('.ft-table') !== null"
    assert page.evaluate(inside)
    places = [
        reached.index(name)
        for name in ("Search failures", "Columns", "Clear…", "Failures", "What is exported", "csv")
    ]
    assert places == sorted(places)
    assert any(name.startswith("Exception") for name in reached)
    press(table, "Shift+Tab")
    assert focused(table) == "xml"


def test_keys_move_through_the_lines(page, lab):
    """Arrows, pages, the first and the last: the line stays in view, and is told to a reader."""
    notebook, table = open_table(page, lab)
    add_many(notebook, 300)
    expect(table.status).to_contain_text("300 failures")
    table.grid.focus()
    press(table, "ArrowDown", "ArrowDown", "ArrowUp")
    expect(current(table)).to_contain_text("many 298")
    press(table, "PageDown")
    page_down = int(current(table).get_attribute("data-index"))
    assert page_down > 5
    press(table, "PageUp")
    expect(current(table)).to_contain_text("many 298")
    press(table, "End")
    expect(current(table)).to_contain_text("many 0")
    expect(current(table)).to_be_in_viewport()
    active = table.grid.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_contain_text("many 0")
    expect(page.locator(f"#{active}")).to_have_attribute("aria-rowindex", "301")
    press(table, "ArrowDown")
    expect(current(table)).to_contain_text("many 0")
    press(table, "Home")
    expect(current(table)).to_contain_text("many 299")


def test_keys_search_and_open_and_close(page, lab):
    """Escape closes what is uppermost: a menu, the question, the search's text, the details."""
    _, table = open_some(page, lab)
    press(table, "Enter")
    expect(table.detail).to_contain_text("no number")
    press(table, "ArrowDown", "Enter")
    expect(table.detail).to_contain_text("disk full")
    press(table, "/")
    expect(table.search).to_be_focused()
    page.keyboard.type("disk/")
    expect(table.rows).to_have_count(0)
    press(table, "Backspace")
    expect(table.rows).to_have_count(1)
    table.menu("Columns").locator("summary").focus()
    press(table, "Enter", "Tab")
    expect(table.menu("Columns").get_by_label("#")).to_be_focused()
    press(table, "Escape")
    expect(table.menu("Columns")).not_to_have_attribute("open", "")
    expect(table.menu("Columns").locator("summary")).to_be_focused()
    table.button("Clear…").focus()
    press(table, "Enter")
    expect(table.button("Keep them")).to_be_focused()
    press(table, "Escape")
    expect(table.element.get_by_role("alertdialog")).to_be_hidden()
    expect(table.grid).to_be_focused()
    expect(table.search).to_have_value("disk")
    press(table, "/", "Escape")
    expect(table.search).to_have_value("")
    expect(table.grid).to_be_focused()
    expect(table.rows).to_have_count(3)
    expect(table.detail).to_be_visible()
    press(table, "Escape")
    expect(table.detail).to_have_count(0)


def test_the_focus_returns_to_the_lines_when_the_details_close(page, lab):
    """By Escape inside them, and by their button."""
    _, table = open_some(page, lab)
    press(table, "Enter")
    table.detail.get_by_role("button", name="Copy as JSON").focus()
    press(table, "Escape")
    expect(table.detail).to_have_count(0)
    expect(table.grid).to_be_focused()
    press(table, "ArrowDown", "Enter")
    expect(table.detail).to_contain_text("disk full")
    table.detail.get_by_role("button", name="Close details").focus()
    press(table, "Enter")
    expect(table.detail).to_have_count(0)
    expect(table.grid).to_be_focused()
    expect(current(table)).to_contain_text("disk full")


def test_keys_open_groups_and_select(page, lab):
    notebook, table = open_some(page, lab)
    press(table, "ArrowRight")
    expect(table.rows).to_have_count(6)
    expect(current(table)).to_have_attribute("aria-expanded", "true")
    press(table, "ArrowDown", "ArrowDown")
    expect(current(table)).to_have_attribute("aria-level", "2")
    press(table, "ArrowLeft")
    expect(current(table)).to_have_attribute("data-index", "0")
    press(table, "ArrowLeft")
    expect(table.rows).to_have_count(3)
    press(table, "Space")
    expect(table.status).to_contain_text("3 selected")
    press(table, "Space")
    expect(table.status).not_to_contain_text("selected")
    press(table, "ArrowDown", "Shift+ArrowDown")
    expect(table.status).to_contain_text("2 selected")
    assert ask(notebook, "[*FailureTable().selected.type]") == ["OSError", "KeyError"]
    press(table, "Shift+ArrowUp", "Shift+ArrowUp")
    expect(table.status).to_contain_text("4 selected")
    press(table, "Control+a")
    expect(table.status).to_contain_text("5 selected")
    expect(table.rows.nth(1)).to_have_attribute("aria-selected", "true")


def test_keys_sort_and_resize_columns(page, lab):
    """On a header: Enter sorts and keeps the focus, Alt and an arrow change the width."""
    _, table = open_some(page, lab)
    header = table.header("Exception")
    header.get_by_role("button").focus()
    press(table, "Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(table.column("type")).to_have_text(["KeyError", "OSError", "ValueError"])
    expect(header.get_by_role("button")).to_be_focused()
    press(table, "Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    width = header.bounding_box()["width"]
    press(table, "Alt+ArrowRight", "Alt+ArrowRight")
    assert header.bounding_box()["width"] == pytest.approx(width + 32, abs=2)
    press(table, "Alt+ArrowLeft")
    assert header.bounding_box()["width"] == pytest.approx(width + 16, abs=2)
    expect(header.get_by_role("button")).to_be_focused()


def test_no_key_reaches_the_notebook(page, server):
    """Wherever in the table the focus is; beside it the same keys do what they always did."""
    notebook, table = open_some(page, server)
    before = notebook.ask(CELLS)
    table.open("disk full")
    table.button("Clear…").focus()
    places = {
        "grid": table.grid,
        "search": table.search,
        "menu": table.menu("Columns").locator("summary"),
        "box": table.grid.get_by_label("Select all that is shown"),
        "choice": table.element.get_by_label("What is exported"),
        "header": table.header("Message").get_by_role("button"),
        "button": table.detail.get_by_role("button", name="Copy as JSON"),
        "source": table.detail.locator("summary").last,
    }
    for name, place in places.items():
        place.focus()
        expect(place).to_be_focused()
        for key in SHORTCUTS:
            if place.count() and not (name == "button" and key in DECISIVE):
                place.focus()
            press(table, key)
        notebook.execute("pass")  # after whatever a key may have started
        assert notebook.ask(CELLS) == before, f"a key pressed in the {name} reached the notebook"
    table.search.fill("")
    notebook.ask("""
        notebook.mode = "command";
        notebook.activeCellIndex = 2;
        notebook.widgets[2].node.focus();
    """)
    press(table, "b")
    notebook.wait("notebook.widgets.length === 5")
    press(table, "d", "d")
    notebook.wait("notebook.widgets.length === 4")


def test_a_screen_reader_hears_what_is_there(page, lab):
    """Roles, names, places and states of the table and its lines; news are announced."""
    notebook, table = open_some(page, lab)
    expect(table.element).to_have_attribute("aria-label", "Failure table")
    expect(table.grid).to_have_attribute("aria-rowcount", "4")
    expect(table.grid).to_have_attribute("aria-multiselectable", "true")
    headers = table.grid.get_by_role("columnheader")
    expect(headers.first).to_have_accessible_name("Selected")
    orders = [headers.nth(i).get_attribute("aria-sort") for i in range(1, headers.count())]
    assert orders == ["descending", *["none"] * (len(orders) - 1)]
    rows = table.grid.get_by_role("row")
    expect(rows).to_have_count(4)
    for place in range(4):
        expect(rows.nth(place)).to_have_attribute("aria-rowindex", str(place + 1))
    expect(rows.nth(1).get_by_role("gridcell").filter(has_text="no number")).to_be_visible()
    expect(rows.nth(1)).to_have_attribute("aria-expanded", "false")
    expect(rows.nth(2)).not_to_have_attribute("aria-expanded", "false")
    expect(rows.nth(1).get_by_role("checkbox")).to_have_accessible_name("Select failure 5")
    active = table.grid.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_attribute("aria-rowindex", "2")
    expect(table.status).to_have_role("status")
    expect(table.status).to_have_text("5 failures · 3 lines")
    add(notebook, {"exception_type": "EOFError"})
    expect(table.status).to_have_text("6 failures · 4 lines")
    table.open("disk full")
    expect(table.detail).to_have_role("region")
    expect(table.detail).to_have_accessible_name("Details of OSError")
    table.button("Clear…").click()
    question = table.element.get_by_role("alertdialog", name="Forget all?")
    expect(question).to_contain_text("Forget all 6 failures?")
