"""Exceptions in asyncio tasks and callbacks that nobody awaits."""

from __future__ import annotations

import functools
import gc
import re
import sys
import weakref
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Any, ClassVar

from failextract_nb import positions
from failextract_nb.ipython.runs import CellRun, current, current_run
from failextract_nb.ipython.sources._source import Source

_DEFAULT_NAME = re.compile(r"Task-\d+")
# What asyncio's loops, the tasks and the futures tell call_exception_handler().
_OWNERS = ("task", "future", "handle")


class Tasks(Source):
    """What ``call_exception_handler`` of any loop is told, whatever handler the user has set.

    Python tells it of a task that dies unawaited; a notebook keeps tasks in variables and in Out,
    so one that has failed is told of, too, once a whole cell has passed without asking it.
    """

    names: ClassVar = {"task": "an asyncio task that fails and that nobody awaits"}

    module = "asyncio.base_events"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._made: dict[int, tuple[weakref.ref[Any], CellRun]] = {}  # by cells, alive
        self._seen: set[int] = set()  # of these: found failed and unasked at the end of a cell

    def listen(self) -> None:
        loop = sys.modules[self.module].BaseEventLoop
        self.replace(loop, "create_task", self._create_task)
        self.replace(loop, "call_exception_handler", self._handler)

    def _create_task(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def create_task(loop: Any, coro: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            task = original(loop, coro, **kwargs)
            run = current_run() if self.active else None
            if run is not None:
                key = id(task)
                gone = functools.partial(self._gone, key)
                self._made[key] = weakref.ref(task, gone), run
            return task

        return create_task

    def _gone(self, key: int, _: object) -> None:
        self._made.pop(key, None)
        self._seen.discard(key)

    def _handler(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def call_exception_handler(loop: Any, context: dict[str, Any]) -> None:
            if self.active:
                self._told(context)
            original(loop, context)

        return call_exception_handler

    def _told(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, BaseException):
            return
        owner = next((context[key] for key in _OWNERS if context.get(key) is not None), None)
        run = _run_of(owner) or current_run()
        if run is None and not _has_users_frame(error.__traceback__):
            return  # of the kernel itself
        is_task = context.get("handle") is None
        self.failed(error, name=_name_of(owner), run=run, origin="task" if is_task else "callback")

    def settle(self, run: CellRun | None) -> None:
        """A task that was seen failed at the end of one cell, and is unasked after the next."""
        for key, (reference, made_by) in list(self._made.items()):
            task = reference()
            if task is None or not task.done():
                continue
            if task.cancelled() or not task._log_traceback:
                self._gone(key, None)
            elif run is None or key in self._seen:
                self._gone(key, None)
                self.failed(task._exception, origin="task", name=_name_of(task), run=made_by)
            else:
                self._seen.add(key)


def _run_of(owner: Any) -> CellRun | None:
    """The cell in whose context a task or a handle was made."""
    if owner is None:
        return None
    get_context = getattr(owner, "get_context", None)  # tasks, from Python 3.12 on
    if get_context is not None:
        contexts = [get_context()]
    else:
        contexts = [one for one in gc.get_referents(owner) if type(one) is Context]
        contexts += [one for one in (getattr(owner, "_context", None),) if one is not None]
    for context in contexts:
        run: CellRun | None = context.get(current)
        if run is not None:
            return run.root
    return None


def _name_of(owner: Any) -> str:
    if hasattr(owner, "get_coro"):
        coroutine = owner.get_coro()
        name = getattr(coroutine, "__qualname__", "a coroutine").replace("<locals>.", "")
        given = owner.get_name()
        return name if _DEFAULT_NAME.fullmatch(given) else f"{given} {name}"
    callback = getattr(owner, "_callback", None)
    return str(getattr(callback, "__qualname__", "a future"))


def _has_users_frame(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if positions.cell_of(file, None) is not None or not positions.is_library(file):
            return True
        traceback = traceback.tb_next
    return False
