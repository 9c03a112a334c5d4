"""What runs around each cell."""

from __future__ import annotations

import linecache
import os
from time import perf_counter
from types import CodeType
from typing import Any

from failextract_nb.extractor import FailureExtractor
from failextract_nb.ipython.cells import (
    CellOptions,
    body_offset_of,
    is_misuse,
    offset_of,
    options_of,
)
from failextract_nb.ipython.settings import FailExtract
from failextract_nb.output import name_of, write
from failextract_nb.positions import Cell
from failextract_nb.remember import note_problem, remember

MAX_OFFSETS = 10_000  # cells remembered that do not start with their own line 1
MAX_DECORATORS = 5  # lines between where a function starts and its "def"
_DEFINED_BY = {"<lambda>": "lambda", "<listcomp>": "for", "<genexpr>": "for"}
# What IPython compiles the body of a cell magic as.
_BODY_FILES = frozenset({"<timed exec>", "<timed eval>"})


class Hooks:
    """The callbacks of one session."""

    def __init__(self, ip: Any, settings: FailExtract) -> None:
        self._ip = ip
        self._settings = settings
        self._started = 0.0
        self._offsets: dict[str, int] = {}
        self._guesses: dict[int, str] = {}
        self._cell: Any = None  # the ExecutionInfo of the cell that runs or has just failed
        self._count: int | None = None

    def pre_run_cell(self, info: Any) -> None:
        """Note the time, and the cells whose lines are not those of their code."""
        self._started = perf_counter()
        self._cell = info
        raw = info.raw_cell or ""
        if raw[:1] in ("%", "\n", " ", "\t", "\r") and (offset := offset_of(raw)):
            if len(self._offsets) >= MAX_OFFSETS:
                self._offsets.clear()
            self._guesses = self._file_names(info, raw)
            self._offsets.update(dict.fromkeys(self._guesses.values(), offset))

    def post_run_cell(self, result: Any) -> None:
        """Record the failure of the cell that has just run, if it failed."""
        if self._guesses:
            right = self._guesses.get(result.execution_count)
            for name in set(self._guesses.values()) - {right}:
                self._offsets.pop(name, None)
            self._guesses = {}
        error = result.error_before_exec or result.error_in_exec
        if error is None or is_misuse(error):
            return
        try:
            self._failed(result, error, options_of(result.info.raw_cell or ""))
        except Exception as problem:  # noqa: BLE001  # IPython must go on, whatever happens here
            note_problem("a failing cell was not recorded", problem)

    def _file_names(self, info: Any, raw: str) -> dict[int, str]:
        """By execution count, the names that IPython may compile the cell under.

        Some versions have counted the cell already when this hook runs, some have not.
        """
        ip = self._ip
        transformed = getattr(info, "transformed_cell", None)
        if transformed is None:
            try:
                transformed = ip.transform_cell(raw)
            except Exception:  # noqa: BLE001  # a user's transformer; the cell is about to fail
                transformed = raw
        counts = (ip.execution_count - 1, ip.execution_count)
        names = {count: ip.compile.get_code_name(raw, transformed, count) for count in counts}
        return {count: name for count, name in names.items() if name not in linecache.cache}

    def _failed(self, result: Any, error: BaseException, options: CellOptions) -> None:
        if isinstance(error, KeyboardInterrupt):
            FailureExtractor._store.interrupted += 1
        if self._settings.enabled:
            self._cell, self._count = result.info, result.execution_count
            failure_id = remember(
                error,
                origin="cell",
                name=options.name or f"In[{result.execution_count}]",
                include_locals=options.include_locals,
                details=self._details(result, options),
            )
            if failure_id is not None and (path := write(options.config)) is not None:
                print(f"failextract: written to {path}")  # noqa: T201  # the user asked for it
        if options.go_on and not isinstance(error, KeyboardInterrupt):
            result.error_in_exec = result.error_before_exec = None

    def _details(self, result: Any, options: CellOptions) -> dict[str, Any]:
        info = result.info
        details = {
            "cell_id": getattr(info, "cell_id", None),
            "cell_source": info.raw_cell,
            "execution_count": result.execution_count,
            "notebook": notebook_path(self._ip),
            "duration": perf_counter() - self._started,
            "tags": list(options.tags),
            "output": name_of(options.config),
        }
        return {key: value for key, value in details.items() if value}

    def cell_of(self, file: str, code: CodeType | None) -> Cell | None:
        """The cell that ``file`` stands for, for ``positions``."""
        if file in _BODY_FILES:
            return self._cell_of_body(code)
        named = self._ip.compile.format_code_name(file)
        if named is None:
            return None
        return Cell(" ".join(named), self._offsets.get(file, 0), None)

    def _cell_of_body(self, code: CodeType | None) -> Cell | None:
        """Every %%time has the same file name: take it for this cell's if the source agrees."""
        raw = (self._cell.raw_cell or "") if self._cell is not None else ""
        offset = body_offset_of(raw)
        if not offset or not raw.lstrip().startswith("%%"):
            return None
        if code is not None and code.co_name != "<module>":
            first = offset + code.co_firstlineno - 1
            word = _DEFINED_BY.get(code.co_name, f"def {code.co_name}")
            if not any(word in line for line in raw.splitlines()[first : first + MAX_DECORATORS]):
                return None
        return Cell(f"Cell In[{self._count}]", offset, raw)


def notebook_path(ip: Any) -> str | None:
    """The notebook's path, where the server or the editor tells it."""
    path = os.environ.get("JPY_SESSION_NAME") or ip.user_ns.get("__vsc_ipynb_file__")
    return str(path) if path else None
