"""The runs of cells: which one has started what runs here.

A cell's run is a context variable: tasks carry it along, also when they fail three cells later.
Threads and the work that is handed to a pool get it from whoever started them.
"""

from __future__ import annotations

import os
import sys
import threading
from contextvars import ContextVar
from time import perf_counter
from types import FrameType
from typing import Any

import IPython
from IPython.core import interactiveshell

from failextract_nb.failure import METADATA, RAISES
from failextract_nb.positions import Cell

RUN = "_failextract_nb_run"  # the attribute of a thread or future: the run that started it
# Whether a cell has its number already when pre_run_cell is called (seen in IPython's source).
_COUNTED_EARLY = IPython.version_info >= (9, 8)


class CellRun:
    """One execution of a cell; ``outer`` is the run whose magic (``%%capture``) runs this one."""

    __slots__ = (
        "_details", "_metadata", "count", "finished", "info", "ip", "outer", "read", "recorded",
        "started",
    )  # fmt: skip

    def __init__(self, ip: Any, info: Any, count: int | None, outer: CellRun | None = None) -> None:
        self.ip = ip
        self.info = info
        self.count = count
        self.outer = outer
        self.started = perf_counter()
        self.finished = False
        self.recorded = False  # something of this run has failed
        self.read: set[tuple[str, str]] = set()  # kinds of errors read from its futures
        self._details: dict[str, Any] | None = None
        # Of the request that the cell came with; who asks later may be answering another one.
        self._metadata = getattr(info, "cell_meta", None) or _request(ip)

    @property
    def raw(self) -> str:
        return self.info.raw_cell or ""

    @property
    def root(self) -> CellRun:
        """The cell that the user sees."""
        run = self
        while run.outer is not None:
            run = run.outer
        return run

    @property
    def tags(self) -> tuple[str, ...]:
        """The cell's own tags, where the front end sends them (JupyterLab does)."""
        tags = self._metadata.get("tags")
        return tuple(tag for tag in tags if isinstance(tag, str)) if type(tags) is list else ()

    @property
    def _told(self) -> dict[str, Any]:
        """By who runs the whole notebook."""
        told = self._metadata.get(METADATA)
        return told if isinstance(told, dict) else {}

    @property
    def tag_to_fail(self) -> str | None:
        """The tag that says that the cell has to fail; None where it has none."""
        told = self._told.get("must_fail")
        return RAISES if RAISES in self.tags else told if isinstance(told, str) else None

    def details(self) -> dict[str, Any]:
        """The keys that tell a record's cell."""
        if self._details is None:
            told = self._told
            found = {
                "cell_id": getattr(self.info, "cell_id", None) or _id_of_source(self.raw),
                "cell_index": told.get("cell_index"),
                "cell_source": self.raw,
                "execution_count": self.count,
                "notebook": told.get("notebook") or notebook_path(self.ip),
                "tags": list(self.tags) or None,
            }
            self._details = {key: value for key, value in found.items() if value not in (None, "")}
        return self._details


# The files of code that is run on behalf of a cell (%run another.ipynb), while it is recorded.
elsewhere: dict[str, Cell] = {}
current: ContextVar[CellRun | None] = ContextVar("failextract_nb_run", default=None)


def start(ip: Any, info: Any) -> CellRun:
    """A cell begins to run here: it is the current one, or runs within the current one."""
    outer = current.get()
    if outer is not None and outer.finished:  # a task of an earlier cell runs one
        outer = None
    count = ip.execution_count - (1 if _COUNTED_EARLY and info.store_history else 0)
    run = CellRun(ip, info, count, outer)
    current.set(run)
    return run


def running_cells() -> list[Any]:
    """The ExecutionInfo of each cell that runs here now, the outermost first."""
    found: list[Any] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "run_cell_async" and code.co_filename == interactiveshell.__file__:
            info = frame.f_locals.get("info")
            if info is not None and not info.silent:
                found.insert(0, info)
        frame = frame.f_back
    return found


def current_run() -> CellRun | None:
    """The cell that started what runs here; None between the cells."""
    run = current.get()
    if run is None:
        thread = threading.current_thread()
        if thread is not threading.main_thread():
            run = getattr(thread, RUN, None)
    return run.root if run is not None else None


def details() -> dict[str, Any]:
    """The keys that tell the cell of what runs here; none between the cells."""
    run = current_run()
    return {} if run is None else run.details()


def notebook_path(ip: Any) -> str | None:
    """The notebook's path, where the server or the editor tells it."""
    path = os.environ.get("JPY_SESSION_NAME") or ip.user_ns.get("__vsc_ipynb_file__")
    return str(path) if path else None


def _id_of_source(source: str) -> str:
    """What stands for a cell's id where the front end has sent none: the same for equal cells."""
    import hashlib

    digest = hashlib.sha1(source.strip().encode("utf-8", "replace"), usedforsecurity=False)
    return f"source:{digest.hexdigest()[:12]}"


def _request(ip: Any) -> dict[str, Any]:
    """The metadata of the request that is answered now, from IPython that passes none on."""
    kernel = getattr(ip, "kernel", None)
    metadata = kernel.get_parent().get("metadata") if kernel is not None else None
    return metadata if isinstance(metadata, dict) else {}
