"""Exceptions in asyncio tasks and callbacks that nobody awaits."""

from __future__ import annotations

import functools
import gc
import re
import sys
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import Any, ClassVar

from failextract_nb.ipython.runs import RUN, CellRun, current, current_run
from failextract_nb.ipython.sources._source import Source, is_users
from failextract_nb.ipython.sources.futures import NAMELESS, name_of

FEW = 1_000  # tasks that are remembered before the list is looked through
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
        self._made: list[weakref.ref[Any]] = []  # by cells
        self._many = FEW
        self._seen: set[int] = set()  # ids of these: found failed and unasked at the end of a cell

    def listen(self) -> None:
        loop = sys.modules[self.module].BaseEventLoop
        self.replace(loop, "create_task", self._create_task)
        self.replace(loop, "call_exception_handler", self._handler)

    def _create_task(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def create_task(loop: Any, coro: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            task = original(loop, coro, **kwargs)
            if self.active and current.get() is not None and hasattr(task, "_log_traceback"):
                try:
                    self._made.append(weakref.ref(task))
                except TypeError:  # of a task factory whose tasks cannot be referred to
                    return task
                if len(self._made) > self._many:
                    self._prune()
            return task

        return create_task

    def _prune(self) -> None:
        """Forget tasks that have gone or have done well; as rarely as that costs nothing."""
        made, self._made = self._made, []
        self._made += [one for one in made if (task := one()) is not None and not _is_settled(task)]
        self._many = max(FEW, 2 * len(self._made))

    def settle(self, run: CellRun | None) -> None:
        """A task that was seen failed at the end of one cell, and is unasked after the next."""
        if not self._made:
            return
        made, self._made = self._made, []
        seen, self._seen = self._seen, set()
        for reference in made:
            task = reference()
            if task is None or _is_settled(task):
                continue
            made_by = _run_of(task) if task.done() else None
            if made_by is not None and (made_by.finished if run is None else id(task) in seen):
                self.failed(
                    task._exception,
                    origin="task",
                    name=_name_of(task, task._exception),
                    run=made_by,
                )
                continue
            self._made.append(reference)
            if task.done() and run is not None:
                self._seen.add(id(task))

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
        if run is None and not is_users(error):
            return  # of the kernel itself
        is_task = context.get("handle") is None
        self.failed(
            error, name=_name_of(owner, error), run=run, origin="task" if is_task else "callback"
        )


def _is_settled(task: Any) -> bool:
    """Whether it has ended well, was cancelled, or somebody has read how it has failed."""
    return bool(task.done() and (task.cancelled() or not task._log_traceback))


def _run_of(owner: Any) -> CellRun | None:
    """The cell in whose context a task or a handle was made."""
    if owner is None:
        return None
    known = getattr(owner, RUN, None)  # of a future that stands for work in a pool
    if isinstance(known, CellRun):
        return known.root
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
    children = getattr(owner, "_children", None)  # of gather()
    return _run_of(children[0]) if isinstance(children, list) and children else None


def _name_of(owner: Any, error: BaseException) -> str:
    if hasattr(owner, "get_coro"):
        coroutine = owner.get_coro()
        name = getattr(coroutine, "__qualname__", "a coroutine").replace("<locals>.", "")
        given = owner.get_name()
        return name if _DEFAULT_NAME.fullmatch(given) else f"{given} {name}"
    callback = getattr(owner, "_callback", None)
    return str(getattr(callback, "__qualname__", None) or name_of(error) or NAMELESS)
