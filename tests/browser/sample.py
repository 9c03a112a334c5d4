"""A notebook that fails as notebooks do: in a library, a thread, a tagged cell, again, in a group."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from browser.failing import LOAD, SHOW, Table
from browser.lab import Notebook, open_notebook
from browser.server import Server

LIBRARY = '''
import pandas as pd

sales = pd.DataFrame({"region": ["north", "south", "west"], "amount": [120.0, 87.5, 240.25]})

def total(frame, column):
    """The sum of a column, rounded to cents."""
    values = frame[column]
    return round(values.sum(), 2)

total(sales, "revenue")
'''
THREAD = """
import threading

def fetch(url, timeout):
    attempts = 3
    raise TimeoutError(f"{url} did not answer within {timeout} s ({attempts} attempts)")

worker = threading.Thread(target=fetch, args=("orders.example/v2/open", 2.5), name="fetch-orders")
worker.start()
worker.join()
"""
TAGGED = 'int("n/a")  # shows what int() says'
GROUP = """
def check(path):
    if path.endswith(".csv"):
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return int(path)
    except ValueError as error:
        raise RuntimeError(f"{path} is no partition") from error

def check_all(paths):
    errors = []
    for path in paths:
        try:
            check(path)
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup(f"{len(errors)} of {len(paths)} inputs cannot be used", errors)

check_all(["orders.csv", "part-7", "12"])
"""
AGAIN = """
def rate(amount, orders):
    return amount / orders

rate(1250, 0)
"""
CELLS = [one.strip() for one in (LOAD, SHOW, LIBRARY, THREAD, TAGGED, GROUP, AGAIN)]
TABLE = CELLS.index(SHOW)
TIMES = 3  # that AGAIN runs
TOTAL = 4 + TIMES


def open_sample(page: Page, server: Server, **wishes: object) -> tuple[Notebook, Table]:
    """Seven failures on five lines; the table stands above the cells that have failed."""
    notebook = open_notebook(page, server, CELLS, **wishes)
    tag = "notebook.widgets[args[0]].model.setMetadata('tags', ['raises-exception', 'demo'])"
    notebook.ask(tag, CELLS.index(TAGGED))
    for cell in [*range(len(CELLS)), *[len(CELLS) - 1] * (TIMES - 1)]:
        notebook.run(cell)
    notebook.ask("notebook.activeCellIndex = args[0]; await notebook.scrollToItem(args[0])", TABLE)
    table = Table(notebook, TABLE)
    expect(table.status).to_contain_text(f"{TOTAL} failures")
    return notebook, table
