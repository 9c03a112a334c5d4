"""A notebook that fails, and the table of its failures as a reader sees and uses it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator, Page, expect

from browser.lab import Notebook, open_notebook
from browser.server import Server

expect.set_options(timeout=20_000)  # milliseconds, as actions have: the machine may be busy

LOAD = "%load_ext failextract_nb"
SHOW = "%failextract"
ADD = """
import json
from failextract_nb import FailureExtractor, FailureTable
for one in json.loads({!r}):
    FailureExtractor().add_failure(one)
"""
MANY = """
from failextract_nb import FailureExtractor
for number in range({count}):
    FailureExtractor().add_failure(
        {{"exception_type": "ValueError", "exception_message": f"{message} {{number}}{padding}"}}
    )
"""
# Failures that are there long before the cell ends, which it does when the test makes a file.
WORK = """import os, time
from failextract_nb import FailureExtractor
def work(count):
    for number in range(count):
        try:
            [][number]
        except IndexError:
            FailureExtractor().add_failure({"exception_message": f"while it runs {number}"})
    while not os.path.exists("go"):
        time.sleep(0.01)
"""


class Table:
    """The failure table in the output of a cell, or in another place of the page."""

    def __init__(self, notebook: Notebook, place: int | Locator) -> None:
        self.page = notebook.page
        within = notebook.output(place) if isinstance(place, int) else place
        self.element = within.locator(".ft-table")
        self.grid = self.element.get_by_role("treegrid", name="Failures")
        self.rows = self.grid.locator(".ft-row")  # those in view, and a few more
        self.search = self.element.get_by_role("searchbox", name="Search failures")
        self.status = self.element.locator(".ft-status")
        self.detail = self.element.get_by_role("region", name="Details of")
        self.notes = self.element.locator(".ft-note:visible")

    def column(self, name: str) -> Locator:
        """What stands in a column, such as ``message``, from the upper edge down."""
        return self.rows.locator(f".ft-cell-{name}")

    def line(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    def header(self, title: str) -> Locator:
        return self.grid.get_by_role("columnheader").filter(has_text=title)

    def button(self, name: str) -> Locator:
        return self.element.get_by_role("button", name=name, exact=True)

    def menu(self, title: str) -> Locator:
        """A menu above the lines, such as ``Columns`` or ``Origin``."""
        summary = self.page.locator("summary").filter(has_text=title)
        return self.element.locator("details.ft-dropdown").filter(has=summary)

    def open_menu(self, title: str) -> Locator:
        menu = self.menu(title)
        menu.locator("summary").click()
        expect(menu).to_have_attribute("open", "")
        return menu

    def open(self, text: str) -> Locator:
        """Click the line with this text; returns its details."""
        self.line(text).first.locator(".ft-cell-message").click()
        expect(self.detail).to_be_visible()
        return self.detail

    def export(self, format: str) -> Locator:
        """The button of a format."""
        return self.element.get_by_role("group", name="Export as").get_by_role(
            "button", name=format, exact=True
        )

    def offset(self, text: str) -> float:
        """How many pixels below the table's upper edge the line with this text is."""
        return self.line(text).evaluate(
            "one => one.getBoundingClientRect().top"
            " - one.closest('.ft-grid').getBoundingClientRect().top"
        )


def open_table(
    page: Page, server: Server, sources: Sequence[str] = (), *, more: Sequence[str] = ()
) -> tuple[Notebook, Table]:
    """A notebook with failextract_nb loaded, ``sources`` run as its cells 1, 2 …, and the table.

    The table is in the cell that follows them; those of ``more`` come after it, and do not run.
    """
    cells = [LOAD, *sources, SHOW]
    notebook = open_notebook(page, server, [*cells, *more])
    for index in range(len(cells)):
        notebook.run(index)
    table = Table(notebook, len(cells) - 1)
    expect(table.element).to_be_visible()
    return notebook, table


def add(notebook: Notebook, *failures: dict[str, Any]) -> None:
    """Put failures into the kernel's store."""
    notebook.execute(ADD.format(json.dumps(failures)))


def add_many(notebook: Notebook, count: int, message: str = "many", padding: str = "") -> None:
    """Put ``count`` failures into the store, ``many 0`` the oldest of them."""
    notebook.execute(MANY.format(count=count, message=message, padding=padding), seconds=120)


def ask(notebook: Notebook, expression: str) -> Any:
    """The value of a Python expression in the kernel, by way of JSON."""
    return json.loads(
        notebook.execute(
            f"import json; from failextract_nb import *; print(json.dumps({expression}))"
        )
    )
