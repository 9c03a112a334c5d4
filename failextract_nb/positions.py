"""Places in code, each described once.

A place is a (code object, instruction) pair.  Everything that depends on nothing else - file,
line, columns, source, the piece of traceback text - is made on first sight and shared by every
record that passes there.  The cache is bounded, and lives with the code object: a module that is
reloaded or a cell that is run again has new code objects, and its file is looked at anew.
"""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from math import inf
from time import monotonic
from traceback import FrameSummary, StackSummary
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

from failextract_nb import failure
from failextract_nb._budget import GRUDGE, current
from failextract_nb._names import rules
from failextract_nb._perobject import PerObject
from failextract_nb._redact import masks_in, noted, put_back, redact, redact_said
from failextract_nb._strings import bounded, clean

if TYPE_CHECKING:
    from failextract_nb._repeats import Secrets

MAX_POSITIONS = 10_000
MAX_LINE = 500  # characters of one source line
CONTEXT_LINES = 3  # shown before and after the failing line
MAX_FILES = 200  # of the user's, that are kept as they are shown
MAX_FILE = 1_000_000  # characters of one that is read as a whole
_COMPILED = (".pyx", ".pxi", ".pxd")
# In code that tblib has made, to stand for a frame of another process (Dask, Celery): of that, it
# knows file, function and line.
REBUILT = "__traceback_maker"
HIDDEN = "__tracebackhide__"  # the local variable that IPython and pytest look for, too


@dataclass(slots=True)
class Position:
    """A place in code, ready to be put into a record."""

    frame: failure.Frame
    text: str  # its piece of the traceback, ending in a newline
    users: bool  # the user's own code, not a library's
    hidden: bool
    machinery: bool  # runs the user's cell; not shown above it
    masks: int  # of secrets, in its frame
    secrets: Secrets | None = None  # that its file gives away by their names


def _no_positions(_code: CodeType) -> dict[int, Position]:
    return {}


positions_in = PerObject(_no_positions)  # of a code object, by instruction
rules.watch(positions_in.clear)
# Files of the user's: their lines, the same without secrets, and these.
_shown: dict[str, tuple[list[str], list[str], Secrets | None]] = {}
rules.watch(_shown.clear)
_count = 0  # of positions described since the cache was empty
_try_again = inf  # when what could not be described is described anew, with the next one


class Cell(NamedTuple):
    """A cell that a file stands for, as the user sees it."""

    label: str  # "Cell In[5]"
    offset: int = 0  # lines of the cell above line 1 of the file
    source: str | None = None  # where linecache has none, or not what the user wrote
    lines: tuple[int, ...] = ()  # of the cell, by line of the file, where an offset does not do

    def line(self, line: int) -> int:
        """The line of the cell that stands at ``line`` of the file; both are 1-based."""
        if not self.lines:
            return line + self.offset
        return self.lines[min(max(line, 1), len(self.lines)) - 1]


def no_cell(_file: str, _code: CodeType | None) -> Cell | None:
    """Outside a notebook no file is a cell."""
    return None


# The notebook puts its own function here while the extension is loaded.
cell_of: Callable[[str, CodeType | None], Cell | None] = no_cell

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PATHS = sysconfig.get_paths()
_LIBRARY_PREFIXES = tuple(
    {os.path.realpath(_PATHS[key]) + os.sep for key in ("stdlib", "platstdlib")}
    | {_PATHS[key] + os.sep for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {_HERE}
)
_RUN_CELLS = ("IPython", "ipykernel", "asyncio", "traitlets", "distributed", "dask")
_MACHINERY = (_HERE, *(f"{os.sep}{name}{os.sep}" for name in _RUN_CELLS))


def position_of(code: CodeType, lasti: int, line: int) -> Position:
    """The description of instruction ``lasti`` (in bytes) of ``code``, which is on ``line``."""
    global _try_again  # noqa: PLW0603  # as with _count
    if _try_again < monotonic():
        forget()
    known = positions_in(code)
    found = known.get(lasti)
    if found is None:
        try:
            made, secrets = noted(_describe, code, lasti, line)
            made.secrets = secrets
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001  # a loader of the user's, a busy moment
            made = _bare(code, line)
            current().next()
            _try_again = min(_try_again, monotonic() + GRUDGE)
        known[lasti] = found = made
        _count_one()
    return found


def _bare(code: CodeType, line: int) -> Position:
    """A place of which no more is known than its code object says."""
    file = code.co_filename
    frame = failure.Frame(file=clean(file), function=_function(code), line=line)
    text = f'  File "{frame["file"]}", line {line}, in {frame["function"]}\n'
    library = is_library(file)
    if library:
        frame["library"] = True
    hidden, machinery = HIDDEN in code.co_varnames, library and _is_machinery(file)
    return Position(frame, text, not library, hidden, machinery, masks=0)


def _count_one() -> None:
    """Count a new position; past the limit, start anew: rare, and cheaper than keeping an order."""
    global _count  # noqa: PLW0603  # being a little off is no harm
    _count += 1
    if _count > MAX_POSITIONS:
        forget()


def forget() -> None:
    """Empty the cache: the names of files have changed, or a place is to be described anew."""
    global _count, _try_again  # as above
    _count, _try_again = 0, inf
    positions_in.clear()


def is_library(file: str) -> bool:
    """Whether code in ``file`` is not the user's: installed, of the standard library, or ours."""
    if file.startswith("<frozen"):
        return True
    if file.endswith(_COMPILED) and not os.path.exists(file):
        return True  # Cython names files as they were called where a package was built
    return "site-packages" in file or "dist-packages" in file or file.startswith(_LIBRARY_PREFIXES)


def _is_machinery(file: str) -> bool:
    """Whether a library runs the user's cells."""
    return any(part in file for part in _MACHINERY)


def is_users(file: str) -> bool:
    """Whether code in ``file`` is the user's own: a cell, or a file that is no library's."""
    return cell_of(file, None) is not None or not is_library(file)


def _describe(code: CodeType, lasti: int, line: int) -> Position:
    file = code.co_filename
    linecache.checkcache(file)
    lines = _lines_of(file)
    cell = cell_of(file, code)
    cell_line = cell.line if cell else int  # of a file that is one, a line is itself
    name = cell.label if cell else clean(redact_said(file))
    start, end, column, end_column = span(code, lasti)
    line = line or start or code.co_firstlineno
    library = cell is None and is_library(file)
    frame = failure.Frame(file=name, function=_function(code), line=cell_line(line))
    if end is not None and end != line:
        frame["end_line"] = cell_line(end)
    if column is not None and end_column is not None and 0 < line <= len(lines):
        frame["column"] = _characters(lines[line - 1], column)
        frame["end_column"] = _characters(lines[min(end or line, len(lines)) - 1], end_column)
    written = ""  # by the user, where that is not what runs: !command
    shown = lines if library else _without_secrets(file, lines)
    if cell and cell.source is not None:
        _put_code(frame, redact(cell.source).splitlines(keepends=True), 0)
        written = _line_in(frame)
        if 0 < line <= len(lines) and lines[line - 1].strip() == written.strip():
            written = ""
        if written:
            frame.pop("column", None)
            frame.pop("end_column", None)
    else:
        _put_code(frame, shown, cell.offset if cell else 0)
        if 0 < line <= len(shown) and shown[line - 1] != lines[line - 1]:
            written = shown[line - 1]
    if library:
        frame["library"] = True
    summary = FrameSummary(
        file, line, code.co_name, lookup_line=False,
        end_lineno=end, colno=column, end_colno=end_column,
    )  # fmt: skip
    return Position(
        frame=frame,
        text=_piece(frame, summary, cell is not None, written),
        users=not library,
        hidden=HIDDEN in code.co_varnames,
        machinery=library and _is_machinery(file),
        masks=masks_in(frame),
    )


def _lines_of(file: str) -> list[str]:
    # Every exec() is "<string>"; from Python 3.13 on, linecache has the -c script under that name.
    return [] if file == "<string>" else linecache.getlines(file)


def _put_code(frame: failure.Frame, lines: list[str], offset: int) -> None:
    """The source around the frame's line; ``lines`` start below ``offset`` lines of the cell."""
    line = frame["line"] - offset
    first = max(1, line - CONTEXT_LINES)
    around = lines[first - 1 : line + CONTEXT_LINES]
    if around:
        frame["code"] = _source("".join(around))
        frame["code_start"] = first + offset


def span(code: CodeType, lasti: int) -> tuple[int | None, int | None, int | None, int | None]:
    """First line, last line, first column, last column (in bytes) of an instruction."""
    if lasti < 0 or REBUILT in code.co_names:
        return (None, None, None, None)
    return next(islice(code.co_positions(), lasti // 2, None), (None, None, None, None))


def _function(code: CodeType) -> str:
    name = code.co_name if REBUILT in code.co_names else code.co_qualname
    return name.replace("<locals>.", "")


def _characters(line: str, offset: int) -> int:
    """A column in UTF-8 bytes as one in characters."""
    return offset if line.isascii() else len(line.encode()[:offset].decode("utf-8", "replace"))


def _source(text: str) -> str:
    lines = [
        line if len(line) <= MAX_LINE else bounded(line, MAX_LINE, redact)
        for line in text.rstrip("\n").split("\n")
    ]
    return clean(redact("\n".join(lines)))


def _without_secrets(file: str, lines: list[str]) -> list[str]:
    """The same lines: what stands under a name may be a few lines below it."""
    known = _shown.get(file)
    if known is None or known[0] is not lines:  # linecache reads a changed file anew
        text = "".join(lines)
        shown, secrets = (text, None) if len(text) > MAX_FILE else noted(redact, text)
        if len(_shown) >= MAX_FILES:
            _shown.clear()
        without = lines if shown == text else StringIO(shown).readlines()
        _shown[file] = known = lines, without, secrets
    put_back(known[2])
    return known[1]


def _piece(frame: failure.Frame, summary: FrameSummary, named: bool, written: str) -> str:
    """What Python itself would print for this place, under the name that the user knows."""
    text = StackSummary.from_list([summary]).format()[0]
    head, _, rest = text.partition("\n")
    if named:
        head = f"  {frame['file']}, line {frame['line']}, in {summary.name}"
    elif frame["file"] != summary.filename:  # there was a secret in it
        head = head.replace(summary.filename, frame["file"])
    if written or (named and not rest):
        rest = f"    {_line_in(frame).strip()}"
    return bounded(f"{head}\n{rest}", 4 * MAX_LINE, redact).rstrip("\n") + "\n"


def _line_in(frame: failure.Frame) -> str:
    """The frame's own line of the source around it."""
    lines = frame.get("code", "").split("\n")
    place = frame["line"] - frame.get("code_start", 1)
    return lines[place] if 0 <= place < len(lines) else ""


def source_of(code: CodeType) -> str:
    """The source of a whole function, or "" where there is none to read."""
    lines = _without_secrets(code.co_filename, _lines_of(code.co_filename))
    last = max((end or start or 0 for start, end, *_ in code.co_positions()), default=0)
    first = code.co_firstlineno
    return _source("".join(lines[first - 1 : max(first, last)])) if lines else ""
