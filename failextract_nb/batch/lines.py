"""Where in the file of a notebook the lines of its cells stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is there, and without types

_BLANK = re.compile(r"[ \t\r\n]*")
_VALUE = JSONDecoder()
_CELLS = ("cells", "worksheets")  # the second in notebooks of version 3, around the first
_SOURCES = ("source", "input")

Cells = list[list[int]]


def lines_of_cells(text: str) -> Cells:
    """For each cell of a notebook, its lines' lines in the file: ``found[cell][line - 1]``.

    ``text`` is the file as it is, however it is laid out; all counts of lines start at 1.  A file
    that is no notebook has no cells.
    """
    try:
        return [_lines(text, pieces) for pieces in _sources(text, _blank(text, 0))]
    except (JSONDecodeError, IndexError, RecursionError):
        return []


def line_in(cells: Cells, cell: int, line: int) -> int | None:
    """The line of the file at which a cell's line stands; None for a cell that is not there."""
    if not 0 <= cell < len(cells):
        return None
    return cells[cell][min(max(line, 1), len(cells[cell])) - 1]


def _lines(text: str, pieces: list[tuple[int, str]]) -> list[int]:
    """A source is made of pieces, each at a place in the file; a line starts in one of them."""
    found: list[int] = []
    at, known, starts = 0, 1, True
    for place, piece in pieces:
        known += text.count("\n", at, place)
        at = place
        new = piece.count("\n")
        if starts and piece:
            found.append(known)
        # A newline at the very end starts a line in the next piece, if there is one.
        starts = piece.endswith("\n") if piece else starts
        found += [known] * (new - starts if piece else 0)
    return found or [1 + text.count("\n", 0, pieces[0][0] if pieces else 0)]


def _sources(text: str, at: int) -> Iterator[list[tuple[int, str]]]:
    """The pieces of each cell's source in the object that starts at ``at``."""
    found: list[list[tuple[int, str]]] = []
    for key, place in _members(text, at):
        if key in _CELLS and text[place] == "[":
            found = []  # of a key that stands twice, the last one counts
            for item in _items(text, place):
                if key == "worksheets":
                    found += _sources(text, item)
                else:
                    found.append(_source(text, item))
    yield from found


def _source(text: str, at: int) -> list[tuple[int, str]]:
    pieces: list[tuple[int, str]] = [(at, "")]
    for key, place in _members(text, at):
        if key in _SOURCES:
            places = _items(text, place) if text[place] == "[" else [place]
            pieces = [(one, scanstring(text, one + 1)[0]) for one in places if text[one] == '"']
    return pieces or [(at, "")]


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """The keys of an object, each with the place of its value."""
    if text[at] != "{":
        return
    at = _blank(text, at + 1)
    while text[at] == '"':
        key, at = scanstring(text, at + 1)
        at = _blank(text, _blank(text, at) + 1)  # past the colon
        yield key, at
        at = _past(text, at)


def _items(text: str, at: int) -> Iterator[int]:
    """The places of an array's items."""
    at = _blank(text, at + 1)
    while text[at] != "]":
        yield at
        at = _past(text, at)


def _past(text: str, at: int) -> int:
    """Past a value, and the comma behind it."""
    at = _blank(text, _VALUE.raw_decode(text, at)[1])
    return _blank(text, at + 1) if text[at] == "," else at


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
