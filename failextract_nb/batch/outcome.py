"""What became of a notebook and of each of its cells: plain data that can be pickled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from failextract_nb.failure import Failure

PASSED, FAILED, BLOCKED, SKIPPED, NOT_RUN = "passed", "failed", "blocked", "skipped", "not run"
WELL = (PASSED, SKIPPED)
OUTCOMES = (PASSED, FAILED, BLOCKED, SKIPPED, NOT_RUN)


@dataclass
class CellOutcome:
    """What became of one code cell that is not empty.

    ``index`` is its place among all cells, from 0.  ``reason`` says in words why it is blocked,
    was skipped or not run.  ``expected`` is set where it is tagged to fail, and did.
    """

    index: int
    cell_id: str
    first_line: str
    line: int | None = None  # of the notebook's file, where its source starts
    outcome: str = NOT_RUN
    reason: str = ""
    seconds: float = 0.0
    execution_count: int | None = None
    expected: bool = False


@dataclass
class NotebookOutcome:
    """What became of one notebook.

    ``failures`` are records, in the order of the cells; those of a cell that is tagged to fail
    are ``expected``, those that only follow from another have ``blocked_by``.  ``warnings`` are
    what the user should know and what is no failure; ``broken`` is what went wrong in the run
    itself, such as a disk that is full.
    """

    path: str
    name: str  # as it is shown, and as ``notebook`` in the records
    begun: bool = False
    cells: list[CellOutcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    running: int | None = None  # the index of the cell that runs
    kernel: str = ""
    written: str | None = None  # where the executed notebook stands
    interrupted: bool = False
    warnings: list[str] = field(default_factory=list)
    broken: str = ""

    @property
    def outcome(self) -> str:
        """``failed`` where anything has failed, ``not run`` where it did not get to its end."""
        if any(not one.get("expected") for one in self.failures):
            return FAILED
        if self.interrupted or not self.begun:
            return NOT_RUN
        return NOT_RUN if self.counts[NOT_RUN] else PASSED

    @property
    def counts(self) -> Counter[str]:
        """How many cells have each outcome."""
        return Counter(cell.outcome for cell in self.cells)


def unexpected(notebooks: Iterable[NotebookOutcome]) -> list[Failure]:
    """All failures that make a run fail, blocked ones among them."""
    return [one for book in notebooks for one in book.failures if not one.get("expected")]


def end_in_words(book: NotebookOutcome) -> str:
    """``2 failed, 1 blocked, 9 passed``: the outcomes of its cells, or its own."""
    counts = book.counts
    parts = [f"{counts[one]} {one}" for one in (FAILED, BLOCKED, NOT_RUN, SKIPPED, PASSED)]
    parts = [part for part in parts if not part.startswith("0 ")]
    if not counts[FAILED] and book.outcome == FAILED:  # it is no cell's
        parts.insert(0, FAILED)
    return ", ".join(parts) or ("nothing to run" if book.outcome == PASSED else book.outcome)


def totals(notebooks: Iterable[NotebookOutcome]) -> dict[str, Any]:
    """What a report says of a run beside its failures."""
    books = list(notebooks)
    cells: Counter[str] = Counter()
    for book in books:
        cells.update(book.counts)
    return {
        "notebook_count": len(books),
        "failed_notebooks": sum(book.outcome == FAILED for book in books),
        "cells": {outcome: cells[outcome] for outcome in OUTCOMES if cells[outcome]},
        "blocked_count": sum("blocked_by" in one for one in unexpected(books)),
        "expected_count": sum(bool(one.get("expected")) for book in books for one in book.failures),
    }
