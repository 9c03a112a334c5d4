"""Exceptions in futures of ``concurrent.futures`` that nobody reads."""

from __future__ import annotations

import functools
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, ClassVar

from failextract_nb._perobject import PerObject
from failextract_nb._strings import type_name
from failextract_nb.ipython.runs import RUN, CellRun, current, current_run
from failextract_nb.ipython.sources._later import forget, when_imported
from failextract_nb.ipython.sources._source import Source, is_users

_SETTLE = "_failextract_nb_unread"  # of a failed future: what to do when it dies unread
_NAME = "_failextract_nb_name"  # of a failed future: the function that was submitted
NAMELESS = "a future"
_POOL = "concurrent.futures.thread"


class Futures(Source):
    """A future that has failed becomes, until somebody reads it, one of a class that notices.

    One that dies unread is a failure; one that is still there is, once a whole cell has passed
    without a question.  It belongs to the cell that has submitted the work.  A future that does not
    fail pays for one attribute.

    Who gets one error out of many pieces of equal work (``pool.map``, joblib) drops the others: of
    what a cell has submitted, an error like one that was read is no failure of its own.
    """

    names: ClassVar = {"future": "a future (ThreadPoolExecutor, …) whose error nobody reads"}
    module = "concurrent.futures._base"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._unread: dict[int, tuple[weakref.ref[Any], float]] = {}  # since when

    def listen(self) -> None:
        future = sys.modules[self.module].Future
        self.replace(future, "__init__", self._init)
        self.replace(future, "set_exception", self._set_exception)
        when_imported(_POOL, self._listen_to_pools)

    def _listen_to_pools(self) -> None:
        self.replace(sys.modules[_POOL]._WorkItem, "run", self._run)

    def take_out(self) -> None:
        forget(_POOL, self._listen_to_pools)
        for reference, _ in list(self._unread.values()):
            future = reference()
            if future is not None:
                _is_read(future)
        self._unread.clear()
        super().take_out()

    def _init(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(future: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            __tracebackhide__ = True
            original(future, *args, **kwargs)
            if self.active and (run := current_run()) is not None:
                object.__setattr__(future, RUN, run)  # past its own, and quicker than its __dict__

        return __init__

    def _run(self, original: Callable[..., None]) -> Callable[..., None]:
        """In a pool's thread: what the work starts belongs to the cell that has submitted it."""

        @functools.wraps(original)
        def run(item: Any, *args: Any) -> None:
            __tracebackhide__ = True
            token = current.set(getattr(item.future, RUN, None))
            try:
                original(item, *args)
            finally:
                current.reset(token)

        return run

    def _set_exception(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def set_exception(future: Any, exception: BaseException | None) -> None:
            __tracebackhide__ = True
            if self.active and exception is not None and _was_raised(exception):
                with suppress(Exception):  # of a class that is unlike the standard library's
                    self._watch(future, sys._getframe(1).f_locals.get("self"))
            original(future, exception)

        return set_exception

    def _watch(self, future: Any, work: Any) -> None:
        if future.__dict__.get(RUN) is None or future.done():
            return
        function = getattr(work, "fn", None)  # of the pool's own item
        future.__dict__[_NAME] = getattr(function, "__qualname__", NAMELESS)
        future.__dict__[_SETTLE] = self._dies
        future.__class__ = _unread_class(type(future))
        key = id(future)
        gone = functools.partial(_forget, self._unread, key)
        self._unread[key] = weakref.ref(future, gone), time.perf_counter()

    def _dies(self, future: Any) -> None:
        error, run = future.__dict__.get("_exception"), future.__dict__.get(RUN)
        if error is not None and self.active:
            kind, name = _kind_of(future, error)
            if (kind, name) not in run.read:
                self.failed(error, origin="future", name=name, run=run)

    def settle(self, run: CellRun | None) -> None:
        if not self._unread:
            return
        for key, (reference, failed_at) in list(self._unread.items()):
            future = reference()
            if future is None or _SETTLE not in future.__dict__:
                self._unread.pop(key, None)
            elif future.done() and _has_had_time(future.__dict__[RUN], failed_at, run):
                self._unread.pop(key, None)
                self._dies(future)


def _has_had_time(made_by: CellRun, failed_at: float, run: CellRun | None) -> bool:
    """Whether a whole cell has passed since, or (None) somebody looks in a later cell."""
    return made_by.finished if run is None else failed_at < run.started


def _forget(unread: dict[int, Any], key: int, _: object) -> None:
    unread.pop(key, None)


def _make_unread(cls: Any) -> Any:
    """A class of futures that are of ``cls`` again as soon as anybody reads their exception.

    It is read where ``result()`` and ``exception()`` read it, and by whoever waits in them already;
    so no frame of ours is in anybody's traceback.
    """

    def get(future: Any) -> BaseException | None:
        error: BaseException | None = future.__dict__.get("_exception")
        reader = sys._getframe(1)
        if error is not None and reader.f_code.co_name != "__repr__":
            run = future.__dict__.get(RUN)
            if run is not None:
                run.read.add(_kind_of(future, error))
            _is_read(future)
            _hand_on(run, reader.f_back)
        return error

    def put(future: Any, error: BaseException | None) -> None:
        future.__dict__["_exception"] = error

    def __del__(future: Any) -> None:  # noqa: N807
        dies = future.__dict__.pop(_SETTLE, None)
        if dies is not None:
            with suppress(Exception):  # at the end of the process nothing may be left to tell
                dies(future)
        if hasattr(cls, "__del__"):
            cls.__del__(future)

    body = {"_exception": property(get, put), "__del__": __del__, "__doc__": cls.__doc__}
    body |= {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "_read_as": cls}
    return type(cls.__name__, (cls,), body)


_unread_class = PerObject(_make_unread)


def _is_read(future: Any) -> None:
    if future.__dict__.pop(_SETTLE, None) is not None:
        future.__class__ = type(future)._read_as


def _hand_on(run: CellRun | None, reader: Any) -> None:
    """Asyncio copies the exception into a future of its own, which has the same cell."""
    if reader is not None and reader.f_code.co_name == "_copy_future_state":
        with suppress(Exception):  # a future that takes no attributes has no cell
            setattr(reader.f_locals["dest"], RUN, run)


def _was_raised(error: BaseException) -> bool:
    """Whether work has raised it, here or in a worker's process.

    Libraries built on pools fail futures of their own with what nobody has raised, and drop them.
    """
    return error.__traceback__ is not None or is_users(error)


def _kind_of(future: Any, error: BaseException) -> tuple[str, str]:
    """What equal work fails with: the type's name, and the function that was submitted."""
    return type_name(type(error)), name_of(error) or str(future.__dict__.get(_NAME, NAMELESS))


def name_of(error: BaseException) -> str:
    """The function that was submitted: the first below the pool's own, "" if it has no frame."""
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "concurrent" not in code.co_filename:
            return code.co_qualname.replace("<locals>.", "")
        traceback = traceback.tb_next
    return ""
