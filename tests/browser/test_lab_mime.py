"""What a notebook has saved: a table without a kernel, of text and nothing else, whatever it holds."""

from __future__ import annotations

import json
import uuid
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

from browser.failing import SHOW, Table, add_many, open_table
from browser.lab import Notebook
from browser.payloads import PAYLOADS, RUN, hostile, look_at_all, watch_for
from browser.server import Server

MIME = "application/vnd.failextract.failures.v1+json"
# Of a kernel that is not installed: Jupyter asks for another one.
ELSEWHERE = {"name": "elsewhere", "display_name": "Elsewhere"}
FAILS = ["order = {'sum': 12}\norder['rate']", "1 / 0"]
MANY = 60


def bundle(notebook: nbformat.NotebookNode, cell: int) -> Any:
    """What an output of a saved notebook holds for the table."""
    (output,) = notebook.cells[cell].outputs
    return output.data[MIME]


def open_without_kernel(page: Page, server: Server, path: str) -> Notebook:
    """Open a notebook in a page that had none open, and choose no kernel for it."""
    notebook = Notebook(page, server, path)
    if server.app == "jupyterlab":
        page.goto(f"{server.address}lab/workspaces/{notebook.folder.name}-saved")
        notebook.wait("app?.shell")
        notebook.ask('await app.restored; app.commands.execute("docmanager:open", { path })')
    else:
        page.goto(f"{server.address}notebooks/{path}")
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="No Kernel").click()
    expect(dialog).to_have_count(0)
    notebook.wait("panel.context.isReady && !kernel")
    return notebook


def trust(notebook: Notebook) -> None:
    """As the reader does who says that all of a notebook may run."""
    notebook.ask("for (const cell of notebook.model.cells) cell.trusted = true")


def open_saved(page: Page, server: Server, *saved: Any) -> Notebook:
    """A notebook that nobody trusts, with one output for each of these bundles, and no kernel."""
    folder = uuid.uuid4().hex[:12]
    (server.folder / folder).mkdir()
    cells = [nbformat.v4.new_code_cell(f"show({place})") for place in range(len(saved))]
    for cell, data in zip(cells, saved, strict=True):
        bundle = {MIME: data, "text/plain": "plain"}
        cell.outputs = [nbformat.v4.new_output("display_data", data=bundle)]
    node = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": ELSEWHERE})
    (server.folder / folder / "saved.ipynb").write_text(json.dumps(node))
    return open_without_kernel(page, server, f"{folder}/saved.ipynb")


def test_without_a_kernel_a_notebook_shows_what_it_has_saved(page, context, server):
    """One can search it and look at details; it says how many of how many it holds."""
    notebook, _ = open_table(page, server)
    add_many(notebook, MANY, padding=" " + 200 * "x")
    for source in [*FAILS, SHOW]:
        place = notebook.cells()
        notebook.ask(
            "notebook.model.sharedModel.addCell({ cell_type: 'code', source: args[0] })", source
        )
        notebook.run(place)
    saved = notebook.save()
    held = bundle(saved, 4)
    count = len(held["failures"])
    assert 2 < count < held["total"] == MANY + 2

    saved.metadata = {"kernelspec": ELSEWHERE}
    nbformat.write(saved, notebook.folder / "closed.ipynb")
    page.close()
    notebook = open_without_kernel(
        context.new_page(), server, f"{notebook.folder.name}/closed.ipynb"
    )
    table = Table(notebook, 4)
    expect(table.status).to_contain_text(f"{count} failures")
    expect(notebook.output(4).locator(".fx-saved")).to_have_text(
        f"The notebook holds the newest {count} of {MANY + 2} failures."
    )
    table.search.fill("rate")
    expect(table.status).to_contain_text(f"1 of {count} failures")
    expect(table.open("rate")).to_contain_text("KeyError")
    expect(table.detail).to_contain_text("order['rate']")
    expect(table.button("Clear…")).to_have_count(0)
    trust(notebook)
    expect(table.search).to_have_value("")
    expect(table.status).to_contain_text(f"{count} failures")


def test_after_a_restart_the_page_shows_what_was_saved(page, lab):
    """Loaded again, it finds no table in the new kernel; a cell that is run again has a live one."""
    notebook, table = open_table(page, lab, FAILS)
    notebook.save()
    notebook.restart()
    notebook.load()
    expect(table.status).to_have_text("2 failures")
    expect(table.open("rate")).to_contain_text("KeyError")
    expect(table.notes).to_have_count(0)
    for cell in (0, 1, 3):
        notebook.run(cell)
    expect(table.status).to_have_text("1 failure")
    notebook.run(2)
    expect(table.status).to_have_text("2 failures")


@pytest.mark.parametrize("trusted", [False, True])
def test_nothing_that_a_record_holds_runs(page, lab, trusted):
    """In lines, menus, details and all that can be unfolded it is text, trusted or not."""
    dialogs = watch_for(page)
    failures = [hostile(payload, number) for number, payload in enumerate(PAYLOADS)]
    notebook = open_saved(page, lab, {"failures": failures, "total": RUN})
    if trusted:
        trust(notebook)
    notebook.wait("notebook.model.cells.get(0).trusted === args[0]", trusted)
    look_at_all(Table(notebook, 0).element)
    assert page.evaluate("window.ran") is None
    assert dialogs == []


def test_what_is_damaged_is_told(page, lab):
    """A notebook may be edited by hand, or cut off."""
    damaged = [
        None,
        5,
        "x",
        [],
        {},
        {"failures": "x", "total": "y"},
        {"failures": None, "total": 9},
    ]
    partly = {"failures": [None, 3, "x", {}, {"locals": 3, "notes": {}}], "total": -1}
    notebook = open_saved(page, lab, *damaged, partly, {"failures": [], "total": 0})
    for place in range(len(damaged)):
        expect(notebook.output(place)).to_contain_text("cannot be read")
    table = Table(notebook, len(damaged))
    expect(table.status).to_contain_text("5 failures")
    table.rows.first.locator(".ft-cell-message").click()
    expect(table.detail).to_be_visible()
    expect(notebook.output(len(damaged) + 1)).to_contain_text("No failures")
