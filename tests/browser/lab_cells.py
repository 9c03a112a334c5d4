"""What a test does with the cells of a notebook, and the marks at them."""

from __future__ import annotations

import nbformat
from playwright.sync_api import Locator, expect

from browser.lab import METADATA, Notebook

ZERO = "ZeroDivisionError: division by zero"
SET = "notebook.widgets[args[0]].model.sharedModel.setSource(args[1])"
# What the user does to the cells from `args[0]` to `args[1]`, by the command `args[2]`; what a test
# does within half a second would be undone together.
DO = """
    notebook.model.sharedModel.undoManager.stopCapturing();
    notebook.deselectAll();
    notebook.activeCellIndex = args[0];
    if (args[1] > args[0]) notebook.extendContiguousSelectionTo(args[1]);
    await app.commands.execute(args[2]);
"""
OTHER = (
    'await app.commands.execute("docmanager:open", { path: args[0], kernel: { id: kernel.id } })'
)


def mark(notebook: Notebook, index: int) -> Locator:
    return notebook.cell(index).locator(".fx-mark")


def marked(notebook: Notebook, texts: dict[int, str]) -> None:
    """Wait until these cells, and no others, have marks with these texts."""
    expect(notebook.panel.locator(".fx-mark")).to_have_count(len(texts))
    for index, text in texts.items():
        expect(mark(notebook, index)).to_have_text(text)


def do(notebook: Notebook, command: str, first: int, last: int = -1) -> None:
    notebook.ask(DO, first, last, f"notebook:{command}")


def change(notebook: Notebook, index: int, source: str) -> None:
    """Put another source into a cell, and run it."""
    notebook.ask(SET, index, source)
    notebook.run(index)


def on_same_kernel(notebook: Notebook, sources: list[str]) -> Notebook:
    """A second notebook on the same kernel, in front of the first."""
    other = Notebook(notebook.page, notebook.server, notebook.path.replace(".ipynb", "-2.ipynb"))
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), other.file)
    notebook.ask(OTHER, other.path)
    other.wait("panel?.context.isReady && panel.sessionContext.isReady && kernel")
    return other
