"""What a terminal shows at the end of a run: each failure in two lines, and one of totals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from failextract_nb.batch import outcome as words
from failextract_nb.batch.gathering import blocked_in_words
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.failure import counted
from failextract_nb.foreign import harmless
from failextract_nb.shown import one_line

if TYPE_CHECKING:
    from rich.text import Text

MAX_MESSAGE = 300  # characters
MAX_SOURCE = 60

Piece = tuple[str, str]  # a text that is inert, and its style


def lines(notebooks: Sequence[NotebookOutcome], seconds: float) -> Iterator[Text]:
    """The listing, line by line."""
    from rich.text import Text

    for pieces in _all(notebooks, seconds):
        yield Text.assemble(*((harmless(text), style) for text, style in pieces))


def _all(notebooks: Sequence[NotebookOutcome], seconds: float) -> Iterator[list[Piece]]:
    for book in notebooks:
        if book.outcome == words.FAILED:
            yield from _of(book)
            yield []
    for book in notebooks:
        for warning in book.warnings:
            yield [(f"{one_line(book.name)}: {one_line(warning, 500)}", "yellow")]
        if book.broken:
            yield [(one_line(book.broken, 500), "bold red")]
    yield _totals(notebooks, seconds)


def _of(book: NotebookOutcome) -> Iterator[list[Piece]]:
    yield [(one_line(book.name, 200), "bold"), (f": {words.end_in_words(book)}", "")]
    sources = {cell.index: cell.first_line for cell in book.cells}
    for one in book.failures:
        if not one.get("expected"):
            yield from _failure(book, one, sources.get(one.get("cell_index", -1), ""))


def _failure(book: NotebookOutcome, one: Mapping[str, Any], source: str) -> Iterator[list[Piece]]:
    index, line = one.get("cell_index"), one.get("notebook_line")
    if index is not None:
        place = f"{one_line(book.name, 200)}:{line}" if line else one_line(book.name, 200)
        yield [
            (f"  cell {index + 1}", "bold"),
            (f"  {place}", ""),
            (f"  {one_line(source, MAX_SOURCE)}", "dim"),
        ]
    kind = one_line(one.get("exception_type", ""), 100)
    message = one_line(one.get("exception_message", ""), MAX_MESSAGE)
    blocker = one.get("blocked_by")
    if blocker:
        said = one_line(blocked_in_words(blocker), MAX_MESSAGE)
        yield [("    blocked: ", "yellow"), (said, "")]
    else:
        yield [(f"    {kind}", "red"), (f": {message}" if message else "", "")]


def _totals(notebooks: Sequence[NotebookOutcome], seconds: float) -> list[Piece]:
    known = words.totals(notebooks)
    cells, failed = known["cells"], known["failed_notebooks"]
    not_run = sum(book.outcome == words.NOT_RUN for book in notebooks)
    of = f"{failed} of {counted(len(notebooks), 'notebook')} failed"
    parts: list[Piece] = [(of, "bold red" if failed else "bold green")]
    if not failed:
        passed = len(notebooks) - not_run
        parts = [(f"{counted(passed, 'notebook')} passed", "bold green")]
    if any(book.interrupted for book in notebooks):
        parts.insert(0, ("interrupted: ", "bold yellow"))
    if not_run:
        parts.append((f", {not_run} not run to the end", "bold yellow"))
    styles = {words.FAILED: "red", words.BLOCKED: "yellow", words.NOT_RUN: "yellow"}
    told = [
        (f"{cells[one]} {one}", styles.get(one, ""))
        for one in (words.FAILED, words.BLOCKED, words.NOT_RUN, words.SKIPPED, words.PASSED)
        if one in cells
    ]
    if known["expected_count"]:
        told.append((f"{counted(known['expected_count'])} expected", ""))
    for number, piece in enumerate(told):
        parts += [("; cells: " if not number else ", ", ""), piece]
    return [*parts, (f"; {_time(seconds)}", "dim")]


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
