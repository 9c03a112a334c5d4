"""JUnit of a run: a suite for each notebook, a case for each cell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from failextract_nb import failure as words
from failextract_nb import files, report
from failextract_nb.batch.outcome import FAILED, PASSED, CellOutcome, NotebookOutcome
from failextract_nb.formats.junit import Case, Suite, expected, of_failure, to_junit


def cases_of(notebooks: Iterable[NotebookOutcome]) -> Iterator[str]:
    """The report of a run in chunks.

    A cell that is blocked, skipped or was not run is a skipped case with the reason, one that is
    tagged to fail and did, too; a failure that belongs to no cell is a case of its own.
    """
    return to_junit(_suite(book) for book in notebooks)


def save_cases(path: str | os.PathLike[str] | None, notebooks: Sequence[NotebookOutcome]) -> None:
    """Write the report of a run to a file, or to standard output.  Raises OSError."""
    if path is None:
        report.print_out(cases_of(notebooks))
    else:
        files.write(Path(path), lambda: cases_of(notebooks))


def _suite(book: NotebookOutcome) -> Suite:
    found: dict[int, list[Mapping[str, Any]]] = {cell.index: [] for cell in book.cells}
    beside: list[Mapping[str, Any]] = []
    for failure in book.failures:
        index = failure.get("cell_index")
        (found[index] if type(index) is int and index in found else beside).append(failure)
    cases = [_case(book.name, cell, found[cell.index]) for cell in book.cells]
    cases += map(of_failure, beside)
    said = [book.broken, *book.warnings]
    return Suite(book.name, cases, "\n".join(filter(None, said)))


def _case(notebook: str, cell: CellOutcome, failures: Sequence[Mapping[str, Any]]) -> Case:
    """The case of a cell, which may have failed more than once."""
    known: dict[str, Any] = {
        "test_name": f"cell {cell.index + 1}: {cell.first_line}",
        "test_module": notebook,
        "timestamp": words.now(),
        "duration": cell.seconds,
    }
    own = [one for one in failures if not one.get("expected") and "blocked_by" not in one]
    if own:
        return Case({**known, **_joined(own)}, has_failed=True)
    if cell.outcome == FAILED:  # and no record says how
        return Case({**known, "exception_message": cell.reason}, has_failed=True)
    if cell.outcome != PASSED:
        return Case(
            known, skipped=f"{cell.outcome}: {cell.reason}" if cell.reason else cell.outcome
        )
    return Case(known, skipped=expected(failures[-1]) if cell.expected and failures else "")


def _joined(failures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All failures of a cell as one: the first one's type and message, everyone's traceback."""
    first, *more = failures
    message = str(first.get("exception_message") or "")
    if more:
        message += f" (and {words.counted(len(more), 'more failure')})"
    return {
        "exception_type": first.get("exception_type"),
        "exception_message": message,
        "exception_traceback": "\n".join(str(one.get("exception_traceback")) for one in failures),
        "redacted": words.redacted_in(failures),
    }
