"""The table's lines in JupyterLab: shown, sorted, searched, narrowed, grouped."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.failing import LOAD, SHOW, Table, add, ask, open_table
from browser.lab import open_notebook

TITLES = ["#", "Time", "Where", "Exception", "Message", "Line", "Count"]
COMMS = "len(__import__('comm').get_comm_manager().comms)"
VIEW = "application/vnd.jupyter.widget-view+json"


def test_each_door_shows_the_one_table(page, lab):
    """The magic, FailureTable() and the extractor's display: the same lines, the same search."""
    doors = [
        SHOW,
        "from failextract_nb import FailureTable\nFailureTable()",
        "from failextract_nb import FailureExtractor\nFailureExtractor()",
    ]
    notebook = open_notebook(page, lab, [LOAD, "1 / 0", "int('x')", *doors])
    for index in range(4):
        notebook.run(index)
    comms = ask(notebook, COMMS)
    for index in (4, 5):
        notebook.run(index)
    assert ask(notebook, COMMS) == comms
    cells = notebook.save().cells
    assert len({cells[index].outputs[0]["data"][VIEW]["model_id"] for index in (3, 4, 5)}) == 1
    tables = [Table(notebook, index) for index in (3, 4, 5)]
    for table in tables:
        expect(table.grid.locator(".ft-header button")).to_have_text(
            ["# ↓", *TITLES[1:]], use_inner_text=True
        )
        expect(table.column("number")).to_have_text(["2", "1"])
        expect(table.column("where")).to_have_text(["In[3]", "In[2]"])
        expect(table.column("type")).to_have_text(["ValueError", "ZeroDivisionError"])
        expect(table.column("message")).to_have_text(
            ["invalid literal for int() with base 10: 'x'", "division by zero"]
        )
        expect(table.column("line")).to_have_text(["1", "1"])
        expect(table.column("count")).to_have_text(["1", "1"])
        assert table.column("time").first.locator("time").get_attribute("datetime")
    tables[1].search.fill("zero")
    for table in tables:
        expect(table.search).to_have_value("zero")
        expect(table.column("message")).to_have_text(["division by zero"])
        expect(table.status).to_have_text("1 of 2 failures")


def test_a_header_sorts_and_again_reverses(page, lab):
    notebook, table = open_table(page, lab)
    make = [("A", "t2", "KeyError", "b", 30, 3), ("B", "t3", "ValueError", "a", 4, 1)]
    make += [("C", "t1", "TypeError", "c", 5, 2)] * 2
    add(
        notebook,
        *(
            {
                "test_name": name,
                "exception_type": kind,
                "exception_message": f"{message} {label}",
                "line_number": line,
                "timestamp": f"2026-01-0{day}T12:00:00+00:00",
            }
            for label, name, kind, message, line, day in make
        ),
    )
    orders = {  # as the first click has them
        "Where": "CAB",
        "Exception": "ACB",
        "Message": "BAC",
        "Line": "BCA",
        "Time": "ACB",
        "Count": "CBA",
        "#": "CBA",
    }
    messages = dict(zip("ABC", ("b A", "a B", "c C"), strict=True))
    for title, order in orders.items():
        expected = [messages[label] for label in order]
        for direction in ("down", "up"):
            header = table.header(title)
            header.get_by_role("button").click()
            expect(table.column("message")).to_have_text(expected)
            expected.reverse()
            if title == "Count":  # of equally many, the newest first
                expected = [messages[label] for label in "ABC"]
            falls = (title in ("Time", "Count", "#")) == (direction == "down")
            expect(header).to_have_attribute("aria-sort", "descending" if falls else "ascending")
            others = table.grid.locator('[role=columnheader][aria-sort="none"]')
            expect(others).to_have_count(len(TITLES) - 1)


def test_columns_are_dragged_wider_hidden_and_as_at_first(page, lab):
    _, table = open_table(page, lab, ["1 / 0"])
    headers = table.grid.locator(".ft-header")
    header = table.header("Where")

    def width():
        return header.bounding_box()["width"]

    usual = width()
    handle = header.locator(".ft-handle").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=3)
    page.mouse.move(x + 80, y, steps=3)
    page.mouse.up()
    assert abs(width() - usual - 80) < 2
    assert abs(table.column("where").bounding_box()["width"] - width()) < 2
    expect(header).to_have_attribute("aria-sort", "none")  # dragging does not sort
    header.locator(".ft-handle").dblclick()
    assert width() == usual

    menu = table.open_menu("Columns")
    for title in ("Time", "Line"):
        menu.get_by_role("checkbox", name=title).uncheck()
    expect(headers).to_have_count(5)
    expect(table.column("time")).to_have_count(0)
    expect(table.column("message")).to_have_text(["division by zero"])
    menu.get_by_role("checkbox", name="Time").check()
    expect(headers).to_have_count(6)
    menu.get_by_role("button", name="As at first").click()
    expect(headers).to_have_count(7)
    expect(menu.get_by_role("checkbox", checked=True)).to_have_count(7)
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")


def test_the_search_finds_any_text(page, lab):
    """In message, traceback, locals and source of the cell; each word is nowhere else."""
    cells = [
        "raise ValueError('in the ' + 'mess' + 'age')",
        "import json\njson.loads('{')",
        "def place():\n    held = 'need' + 'le'\n    1 / 0\nplace()",
        "# a remark\n\n\n\n\n\n\nNone[0]",
    ]
    notebook, table = open_table(page, lab, cells)
    expect(table.rows).to_have_count(4)
    found = {
        "The Message": "In[2]",  # whatever its case
        "raw_decode": "In[3]",
        "needle": "In[4]",
        "a remark": "In[5]",
        "TypeError": "In[5]",
    }
    for text, where in found.items():
        table.search.fill(text)
        expect(table.column("where")).to_have_text([where])
    table.search.fill("nowhere at all")
    expect(table.rows).to_have_count(0)
    expect(table.element.locator(".ft-empty")).to_contain_text("No failure is like that")
    table.button("Show all 4").click()
    expect(table.rows).to_have_count(4)
    expect(table.search).to_have_value("")


KINDS = [
    "1 / 0",
    """from failextract_nb import extract_on_failure
@extract_on_failure
def reads():
    raise KeyError("rate")
try:
    reads()
except KeyError:
    pass""",
    """import threading
thread = threading.Thread(target=lambda: {}["in a thread"], name="reader")
thread.start()
thread.join()""",
    "%%failextract --tag slow --tag sums\nsum(['x'])",
    "{}['of a cell']",
]


def test_facets_count_and_narrow(page, lab):
    _, table = open_table(page, lab, KINDS)
    expect(table.rows).to_have_count(5)
    facets = {
        "Exception": ["KeyError3", "TypeError1", "ZeroDivisionError1"],
        "Origin": ["cell3", "function1", "thread1"],
        "Cell": ["In[2]1", "In[3]1", "In[4]1", "In[5]1", "In[6]1"],
        "Thread": ["MainThread4", "reader1"],
        "Tag": ["slow1", "sums1"],
    }
    for title, values in facets.items():
        menu = table.open_menu(title)
        expect(menu.locator("label")).to_have_text(values)
    table.open_menu("Exception").get_by_role("checkbox", name="KeyError").check()
    expect(table.column("where")).to_have_text(["In[6]", "In[4] reader", "In[3] reads"])
    expect(table.menu("Exception").locator("summary")).to_have_text("Exception: KeyError")
    origins = table.open_menu("Origin")
    expect(origins.locator("label")).to_have_text(["cell1", "function1", "thread1"])
    origins.get_by_role("checkbox", name="cell").check()
    expect(table.column("where")).to_have_text(["In[6]"])
    expect(table.status).to_have_text("1 of 5 failures")
    origins.get_by_role("checkbox", name="thread").check()
    expect(table.column("where")).to_have_text(["In[6]", "In[4] reader"])
    table.open_menu("Exception").get_by_role("checkbox", name="KeyError").uncheck()
    expect(table.rows).to_have_count(4)
    tags = table.open_menu("Tag")
    tags.get_by_role("checkbox", name="slow").check()
    expect(table.column("where")).to_have_text(["In[5]"])


def test_equal_failures_are_one_line_until_it_is_opened(page, lab):
    notebook, table = open_table(page, lab, ["1 / 0", "int('x')"])
    for _ in range(2):
        notebook.run(1)
    expect(table.column("message")).to_have_count(2)
    line = table.line("division by zero")
    expect(line.locator(".ft-cell-count")).to_have_text("▸ 3")
    expect(table.status).to_have_text("4 failures · 2 lines")
    line.locator(".ft-toggle").click()
    expect(table.column("number")).to_have_text(["4", "4", "3", "1", "2"])
    expect(table.column("count")).to_have_text(["▾ 3", "1", "1", "1", "1"])
    expect(table.rows.first).to_have_attribute("aria-expanded", "true")
    expect(table.rows.nth(1)).to_have_attribute("aria-level", "2")
    table.rows.first.locator(".ft-toggle").click()
    expect(table.column("number")).to_have_text(["4", "2"])
    expect(table.detail).to_have_count(0)  # a click on the count opens no details
    table.element.get_by_label("Group equal ones").uncheck()
    expect(table.column("number")).to_have_text(["4", "3", "2", "1"])
    expect(table.column("count")).to_have_text(["1", "1", "1", "1"])
    table.element.get_by_label("Group equal ones").check()
    expect(table.rows).to_have_count(2)
