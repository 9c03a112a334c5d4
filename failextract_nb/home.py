"""Records of other processes, in a session that knows more: the cells that their frames are in."""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Mapping
from types import CodeType, FunctionType
from typing import Any, cast

from failextract_nb import positions
from failextract_nb._redact import redact
from failextract_nb.failure import Frame

MAX_WRAPPERS = 10  # of one function, each with another around it
CODE = "code"  # in what is told of a task: what tells its functions from others of their names


def at_home(record: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``record`` with the names and the source of this session's cells, where frames are in some.

    A function that was written in a cell has failed in a process that has no such file.  ``about``
    is the failure that ``record`` is a cause or a member of.
    """
    about = record if about is None else about
    known = {**record}
    for key in ("causes", "exceptions"):
        inner = known.get(key)
        if isinstance(inner, list):
            known[key] = [at_home(one, about) if isinstance(one, Mapping) else one for one in inner]
    if isinstance(task := known.get("dask"), Mapping):
        known["dask"] = {key: value for key, value in task.items() if key != CODE}
    frames = known.get("extracted_code")
    if not isinstance(frames, list):
        return known
    found = [_frame(one, about) if isinstance(one, dict) else one for one in frames]
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


def _frame(frame: dict[str, Any], about: Mapping[str, Any]) -> Frame:
    file, line = frame.get("file"), frame.get("line")
    if not isinstance(file, str) or not isinstance(line, int) or "code" in frame:
        return cast("Frame", frame)
    if file.startswith("<"):  # cloudpickle, which carries functions, takes their files' names away
        code = _code_of(str(frame.get("function")))
        if code is None or not _is_same(code, about):
            return cast("Frame", frame)
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


def plain(found: object) -> object:
    """The function that a decorated one is around.  Nothing is asked of any other object."""
    for _ in range(MAX_WRAPPERS):
        if type(found) is FunctionType and "__wrapped__" in found.__dict__:
            found = found.__dict__["__wrapped__"]
    return found


def mark_of(code: CodeType) -> str:
    """What tells a function's code, and where in its cell it stands, from any other."""
    parts = (code.co_firstlineno, code.co_code, code.co_names, code.co_varnames)
    return hashlib.blake2s(repr(parts).encode(), digest_size=8).hexdigest()


def _code_of(function: str) -> CodeType | None:
    """The code of the function that the session has under this name."""
    found = plain(vars(sys.modules["__main__"]).get(function.partition(".")[0]))
    return found.__code__ if type(found) is FunctionType else None


def _is_same(code: CodeType, about: Mapping[str, Any]) -> bool:
    """Whether it is what has failed, and not what bears its name by now."""
    task = about.get("dask")
    marks = task.get(CODE) if isinstance(task, Mapping) else None
    if isinstance(marks, Mapping) and code.co_name in marks:
        return bool(marks[code.co_name] == mark_of(code))
    return positions.source_of(code) == about.get("test_source")


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
