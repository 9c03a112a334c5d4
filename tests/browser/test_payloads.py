"""Nothing that a live failure holds runs: not in the table, not in the panel, not beside the cell."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from browser.failing import LOAD, SHOW, Table, add
from browser.lab import open_notebook
from browser.lab_panel import Panel
from browser.payloads import ACTIVE, PAYLOADS, hostile, look_at_all, watch_for

# What a payload gets into when a cell fails, and what the cell's outputs show of it.
FAIL = """payload = {payload}
failure = type(payload.replace("\\0", ""), (Exception,), {{"__module__": payload}})
{{payload: [payload]}}
exec(compile("def go(failure): raise failure('number {number} ' + payload)", payload, "exec"))
go(failure)  # {payload}"""


def test_nothing_that_a_record_holds_runs(page, server, watch):
    dialogs = watch_for(page)
    notebook = open_notebook(page, server, [LOAD, SHOW])
    notebook.run(0)
    add(notebook, *(hostile(payload, number) for number, payload in enumerate(PAYLOADS)))
    notebook.run(1)
    table = Table(notebook, 1)
    look_at_all(table.element)
    # A search that is hostile, too, is told, and so is what it finds nothing for.
    table.search.fill(PAYLOADS[1])
    expect(table.status).to_contain_text("1 of")
    table.search.fill(f"nothing {PAYLOADS[1]}")
    expect(table.rows).to_have_count(0)
    table.search.fill("")

    panel = Panel(notebook)
    panel.show()
    look_at_all(panel.table.element)
    assert page.evaluate("window.ran") is None
    assert dialogs == []


def test_nothing_that_a_cell_fails_with_runs(page, server, watch):
    """In the mark beside it, in the table, in the panel; the notebook's own output is Jupyter's."""
    dialogs = watch_for(page)
    fails = [
        FAIL.format(payload=json.dumps(payload), number=number)
        for number, payload in enumerate(PAYLOADS)
    ]
    notebook = open_notebook(page, server, [LOAD, *fails, SHOW])
    for cell in range(notebook.cells()):
        notebook.run(cell)
    panel = Panel(notebook)
    for number in range(len(PAYLOADS)):
        mark = notebook.cell(number + 1).locator(".fx-mark")
        expect(mark).to_have_attribute("title", re.compile(f"number {number} "))
        assert mark.locator(ACTIVE).count() == 0
    panel.show()
    for table in (Table(notebook, len(fails) + 1), panel.table):
        look_at_all(table.element)
    assert page.evaluate("window.ran") is None
    assert dialogs == []
