"""Records of other processes, in a session that knows more: the cells that their frames are in."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping
from types import CodeType, FunctionType
from typing import Any, cast

from failextract_nb import positions
from failextract_nb._redact import redact
from failextract_nb.failure import Frame

MAX_WRAPPERS = 10  # of one function, each with another around it


def at_home(record: Mapping[str, Any]) -> dict[str, Any]:
    """``record`` with the names and the source of this session's cells, where frames are in some.

    A function that was written in a cell has failed in a process that has no such file.
    """
    known = {**record}
    for key in ("causes", "exceptions"):
        inner = known.get(key)
        if isinstance(inner, list):
            known[key] = [at_home(one) if isinstance(one, Mapping) else one for one in inner]
    frames = known.get("extracted_code")
    if not isinstance(frames, list):
        return known
    found = [_frame(one) if isinstance(one, dict) else one for one in frames]
    text, changed = str(known.get("exception_traceback", "")), False
    for before, after in zip(frames, found, strict=True):
        if after is before:
            continue
        changed = True
        text = _in_traceback(text, before, after)
        if (known.get("test_file"), known.get("line_number")) == (before["file"], before["line"]):
            known["test_file"], known["line_number"] = after["file"], after["line"]
    if changed:
        known["extracted_code"] = found
        if "exception_traceback" in known:
            known["exception_traceback"] = text
    return known


def _frame(frame: dict[str, Any]) -> Frame:
    file, line = frame.get("file"), frame.get("line")
    if not isinstance(file, str) or not isinstance(line, int) or "code" in frame:
        return cast("Frame", frame)
    if file.startswith("<") and (code := _code_of(str(frame.get("function")), line)):
        file = code.co_filename
    cell = positions.cell_of(file, None)
    if cell is None:
        return cast("Frame", frame)
    found = cast("Frame", {**frame, "file": cell.label, "line": cell.line(line)})
    if type(frame.get("end_line")) is int:
        found["end_line"] = cell.line(frame["end_line"])
    found.pop("library", None)
    if cell.source is not None:
        positions._put_code(found, redact(cell.source).splitlines(keepends=True), 0)
    else:
        lines = positions._without_secrets(file, linecache.getlines(file))
        positions._put_code(found, lines, cell.offset)
    return found


def _code_of(function: str, line: int) -> CodeType | None:
    """The code of a function that the session has under this name, if the line is one of its.

    cloudpickle, which carries functions to workers, takes the names of their files away.
    """
    found = vars(sys.modules["__main__"]).get(function.partition(".")[0])
    for _ in range(MAX_WRAPPERS):
        if type(found) is FunctionType and "__wrapped__" in found.__dict__:
            found = found.__dict__["__wrapped__"]
    if type(found) is not FunctionType:  # nothing else is asked: it may be of any class
        return None
    code = found.__code__
    last = max((end or start or 0 for start, end, *_ in code.co_positions()), default=0)
    return code if code.co_firstlineno <= line <= last else None


def _in_traceback(text: str, before: dict[str, Any], after: Frame) -> str:
    """The same traceback under the cell's name, with its line of code where there was none."""
    head = f'  File "{before["file"]}", line {before["line"]}, in '
    start = text.find(head)
    if start < 0:
        return text
    end = text.find("\n", start)
    name = text[start + len(head) : end]
    piece = f"  {after['file']}, line {after['line']}, in {name}\n"
    if not text.startswith("    ", end + 1):
        piece += f"    {positions._line_in(after).strip()}\n"
    return text[:start] + piece + text[end + 1 :]
