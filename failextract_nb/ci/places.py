"""The line of a notebook's file at which a failure of a session stands.

Whoever runs a notebook from outside tells it in the record (``notebook_line``); a session knows
its cells only, and the file is looked through for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from failextract_nb.batch.lines import line_in, lines_of_cells
from failextract_nb.formats._base import frames

_CELL = re.compile(r"Cell In\[\d+\]")


def line_in_file(failure: Mapping[str, Any], path: str) -> int | None:
    """The line, from 1, of the innermost frame that stands in a cell of the notebook at ``path``.

    Where no frame can be found there, the line at which the failed cell starts; None where that
    is not there either, or the file cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    lines, own = lines_of_cells(text), _own_cell(failure, cells, sources)
    mine = f"Cell In[{failure.get('execution_count')}]"
    for frame in _in_cells(failure):
        if (at := _cell_of(frame, sources, own if frame["file"] == mine else None)) is not None:
            return line_in(lines, at, frame["line"])
    return None if own is None else line_in(lines, own, 1)


def _in_cells(failure: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The frames in cells, innermost first."""
    for frame, _ in reversed(frames(failure)):
        if _CELL.fullmatch(str(frame.get("file"))) and type(frame.get("line")) is int:
            yield frame


def _own_cell(failure: Mapping[str, Any], cells: list[Any], sources: list[str]) -> int | None:
    """The index of the cell that has failed: as it was told, or by its id or its source."""
    index, cell_id = failure.get("cell_index"), failure.get("cell_id")
    if type(index) is int and 0 <= index < len(cells):
        return index
    ids = [cell.get("id") for cell in cells]
    if cell_id and cell_id in ids:
        return ids.index(cell_id)
    return _only(at for at, source in enumerate(sources) if source == failure.get("cell_source"))


def _cell_of(frame: Mapping[str, Any], sources: list[str], own: int | None) -> int | None:
    """The index of the cell that a frame stands in: the one that holds its source."""
    if own is not None:
        return own
    code, start = frame.get("code"), frame.get("code_start")
    if not isinstance(code, str) or type(start) is not int:
        return None
    wanted = code.split("\n")
    span = slice(start - 1, start - 1 + len(wanted))
    return _only(at for at, source in enumerate(sources) if source.split("\n")[span] == wanted)


def _only(found: Iterator[int]) -> int | None:
    """The only one, if there is one and no other."""
    all_found = list(found)
    return all_found[0] if len(all_found) == 1 else None
