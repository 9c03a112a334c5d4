"""What runs around each cell."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Callable
from time import perf_counter
from types import CodeType
from typing import Any

from failextract_nb.extractor import FailureExtractor
from failextract_nb.ipython import runs
from failextract_nb.ipython.cells import (
    CellOptions,
    body_offset_of,
    is_misuse,
    lines_of,
    offset_of,
    options_of,
)
from failextract_nb.ipython.runs import CellRun
from failextract_nb.ipython.settings import FailExtract
from failextract_nb.output import name_of, write
from failextract_nb.positions import Cell
from failextract_nb.remember import note_problem, remember

MAX_CELLS = 10_000  # remembered, of those that do not start with their own line 1
MAX_MAGICS = 200  # cells remembered, whose code may be called later
MAX_DECORATORS = 5  # lines between where a function starts and its "def"
_MAGIC = "get_ipython()."  # what IPython makes of a magic or a !command
_DEFINED_BY = {"<lambda>": "lambda", "<listcomp>": "for", "<genexpr>": "for"}
_TIMES = re.compile(r"%(time|timeit|prun)\b")
# What IPython compiles the body of a cell magic as, and what it calls the function it makes of it.
_BODIES = {
    "<timed exec>": "<module>", "<timed eval>": "<module>", "<magic-timeit>": "inner",
    "<string>": "<module>",
}  # fmt: skip


class Hooks:
    """The callbacks of one session."""

    def __init__(self, ip: Any, settings: FailExtract) -> None:
        self._ip = ip
        self._settings = settings
        self.settle: Callable[[CellRun], None] = lambda _run: None
        self._runs: dict[int, CellRun] = {}  # of the cells that run, by id of the ExecutionInfo
        self._cells: dict[str, Cell] = {}  # by name of the file that IPython makes of the code
        self._magics: deque[CellRun] = deque(maxlen=MAX_MAGICS)  # cells with a magic, newest last
        self._bodies: dict[str, str] = {}  # of %%capture and its like -> that name

    def pre_run_cell(self, info: Any) -> None:
        """Note the time, and the cells whose lines are not those of their code."""
        run = self._runs[id(info)] = runs.start(self._ip, info)
        raw = run.raw
        if run.outer is not None:
            self._name_body(run)
        elif (
            raw[:1] in ("%", "\n", " ", "\t", "\r")
            or "\\\n" in raw
            or _may_have_magic(info, raw)
            or self._was_body(raw)
        ):
            self._name_cell(run)

    def post_run_cell(self, result: Any) -> None:
        """Record the failure of the cell that has just run, if it failed."""
        if result is None:  # it was interrupted, or IPython has failed at telling how it failed
            run, error = self._untold(), sys.exc_info()[1]
            if run is None:
                return
        else:
            run = self._runs.pop(id(result.info), None) or self._unknown(result)
            error = result.error_before_exec or result.error_in_exec
        runs.current.set(run)  # IPython may call this in another context than it ran the cell in
        try:
            if error is not None and not is_misuse(error):
                self._failed(result, error, run, options_of(run.raw))
            elif result is not None and error is None and run.outer is None and run.raw:
                self._passed(run)
            if run.outer is None:
                self.settle(run)
        except Exception as problem:  # noqa: BLE001  # IPython must go on, whatever happens here
            note_problem("a failing cell was not recorded", problem)
        run.finished = True
        runs.current.set(run.outer)

    def _untold(self) -> CellRun | None:
        """The run that ends without a result; None where it has not begun."""
        if not self._runs:
            return None
        current = runs.current.get()
        key = id(current.info) if current is not None else 0
        return self._runs.pop(key if key in self._runs else next(reversed(self._runs)))

    def _unknown(self, result: Any) -> CellRun:
        """A run that the hook before the cell was not told of: IPython could not even start it.

        Or it has failed at showing the error, and tells of the cell anew.
        """
        outer = runs.current.get()
        within = outer if outer is not None and not outer.finished else None
        if within is not None and within.raw == (result.info.raw_cell or ""):
            self._runs.pop(id(within.info), None)
            return within
        return CellRun(self._ip, result.info, result.execution_count, within)

    def arrive(self) -> None:
        """A cell loads the extension: what it does below that line is its own."""
        for info in runs.running_cells():
            self.pre_run_cell(info)

    def leave(self) -> None:
        """The session is left while a cell runs, whose end we shall not hear of."""
        for run in self._runs.values():
            run.finished = True
        self._runs.clear()
        runs.current.set(None)

    def _failed(self, result: Any, error: BaseException, run: CellRun, wish: CellOptions) -> None:
        if isinstance(error, KeyboardInterrupt):
            FailureExtractor._store.interrupted += 1
        cell = run.root
        if self._settings.watches("cell"):
            failure_id = remember(
                error,
                origin="cell",
                name=wish.name or f"In[{cell.count}]",
                include_locals=wish.include_locals,
                details=self._details(cell, wish),
            )
            cell.recorded = cell.recorded or failure_id is not None
            if failure_id is not None and (path := write(wish.config)) is not None:
                print(f"failextract: written to {path}")  # noqa: T201  # the user asked for it
        if wish.go_on and result is not None and not isinstance(error, KeyboardInterrupt):
            result.error_in_exec = result.error_before_exec = None

    def _details(self, cell: CellRun, wish: CellOptions) -> dict[str, Any]:
        details = {
            "duration": perf_counter() - cell.started,
            "tags": [*wish.tags, *cell.tags],
            "output": name_of(wish.config),
            "expected": cell.tag_to_fail is not None,
        }
        return {**cell.details(), **{key: value for key, value in details.items() if value}}

    def _passed(self, run: CellRun) -> None:
        """A cell that is tagged to raise, and did not, has failed."""
        tag = run.tag_to_fail
        if tag is None or run.recorded or not self._settings.watches("expectation"):
            return
        FailureExtractor().add_failure(
            {
                "origin": "expectation",
                "test_name": f"In[{run.count}]",
                "test_file": f"Cell In[{run.count}]",
                "exception_type": "DidNotRaise",
                "exception_message": f"the cell is tagged {tag} and raised nothing",
                "duration": perf_counter() - run.started,
                **run.details(),
            }
        )

    def _name_cell(self, run: CellRun) -> None:
        """Remember a cell whose code does not start at its line 1, or has other lines."""
        raw, transformed = run.raw, self._transformed(run)
        offset, lines = offset_of(raw), lines_of(raw, transformed)
        if _MAGIC in transformed and _TIMES.search(raw):
            self._magics.append(run)
        name = self._bodies.pop(raw.strip(), None) or self._file_name(run, transformed)
        self._cells.pop(name, None)
        has_magic = _MAGIC in transformed
        if offset or lines or has_magic:
            source = raw if lines or has_magic else None
            self._remember(name, Cell(f"Cell In[{run.count}]", offset, source, lines))

    def _name_body(self, run: CellRun) -> None:
        """The code that a cell magic runs as a cell of its own is a part of the cell around it."""
        cell, raw = run.root, run.raw
        above = cell.raw.rfind(raw.strip("\n"))
        if above < 0:  # it is not what stands in the cell: %macro, or run_cell() in the user's code
            return
        offset = cell.raw.count("\n", 0, above) - (len(raw) - len(raw.lstrip("\n")))
        name = self._file_name(run, self._transformed(run))
        offset += offset_of(raw)
        self._remember(name, Cell(f"Cell In[{cell.count}]", offset))
        self._bodies[raw.strip()] = name

    def _was_body(self, raw: str) -> bool:
        return bool(self._bodies) and raw.strip() in self._bodies

    def _remember(self, name: str, cell: Cell) -> None:
        if len(self._cells) >= MAX_CELLS:
            self._cells.clear()
            self._bodies.clear()
        self._cells[name] = cell

    def _transformed(self, run: CellRun) -> str:
        transformed = getattr(run.info, "transformed_cell", None)
        if transformed is None:
            try:
                transformed = self._ip.transform_cell(run.raw)
            except Exception:  # noqa: BLE001  # a user's transformer; the cell is about to fail
                transformed = run.raw
        return str(transformed)

    def _file_name(self, run: CellRun, transformed: str) -> str:
        return str(self._ip.compile.get_code_name(run.raw, transformed, run.count))

    def cell_of(self, file: str, code: CodeType | None) -> Cell | None:
        """The cell that ``file`` stands for, for ``positions``."""
        if file in _BODIES:
            return self._cell_of_body(file, code)
        known = runs.elsewhere.get(file) or self._cells.get(file)
        if known is not None:
            return known
        named = self._ip.compile.format_code_name(file)
        return None if named is None else Cell(" ".join(named))

    def _cell_of_body(self, file: str, code: CodeType | None) -> Cell | None:
        """Every %%time has the same file name: it is that of the cell whose source agrees."""
        current = runs.current_run()
        if code is None or current is None:
            return None
        if code.co_name == _BODIES[file]:
            return self._body_in(current, file, code)
        for run in reversed(self._magics):  # a function that is defined in one
            offset = body_offset_of(run.raw)
            first = offset + code.co_firstlineno - 1
            word = _DEFINED_BY.get(code.co_name, f"def {code.co_name}")
            around = run.raw.splitlines()[first : first + MAX_DECORATORS]
            if offset and any(word in line for line in around):
                return Cell(f"Cell In[{run.count}]", offset, run.raw)
        return None

    def _body_in(self, run: CellRun, file: str, code: CodeType) -> Cell | None:
        """Where in a cell the code stands that its ``%%time`` or its ``%time`` runs."""
        raw, label = run.raw, f"Cell In[{run.count}]"
        if raw.lstrip().startswith("%%"):
            offset = body_offset_of(raw)
            if file == "<string>" and not self._is_profiled(raw, offset, code):
                return None
            return Cell(label, offset, raw)
        lines = [number for number, line in enumerate(raw.splitlines()) if _TIMES.search(line)]
        return Cell(label, lines[0], raw) if len(lines) == 1 else None

    def _is_profiled(self, raw: str, offset: int, code: CodeType) -> bool:
        """Whether ``code``, which is called "<string>" as much is, is the body of %%prun."""
        if "%%prun" not in raw:
            return False
        body = "".join(raw.splitlines(keepends=True)[offset:])
        try:
            profiled = compile(self._ip.transform_cell(body), "<string>", "exec", dont_inherit=True)
        except SyntaxError:
            return False
        return profiled == code


def _may_have_magic(info: Any, raw: str) -> bool:
    transformed = getattr(info, "transformed_cell", None)
    if transformed is None:  # older IPython does not tell
        return "!" in raw or "%" in raw
    return _MAGIC in transformed
