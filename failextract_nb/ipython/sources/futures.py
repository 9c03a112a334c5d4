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
from failextract_nb.ipython.runs import RUN, CellRun, current_run
from failextract_nb.ipython.sources._source import Source

_SETTLE = "_failextract_nb_unread"  # of a failed future: what to do when it dies unread


class Futures(Source):
    """A future that has failed becomes, until somebody asks it, one of a class that knows.

    One that dies unasked is a failure; one that is still there is, once a whole cell has passed
    without a question.  It belongs to the cell that has submitted the work.  A future that does not
    fail pays for one attribute.
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

    def _init(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(future: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            __tracebackhide__ = True
            original(future, *args, **kwargs)
            if self.active and (run := current_run()) is not None:
                setattr(future, RUN, run)

        return __init__

    def _set_exception(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def set_exception(future: Any, exception: BaseException | None) -> None:
            __tracebackhide__ = True
            run = getattr(future, RUN, None)
            if self.active and run is not None and exception is not None:
                with suppress(Exception):  # of a class that is unlike the standard library's
                    self._watch(future)
            original(future, exception)

        return set_exception

    def _watch(self, future: Any) -> None:
        with future._condition:
            # Who waits in result() or exception() is about to read it.
            if getattr(future._condition, "_waiters", ()):
                return
            setattr(future, _SETTLE, self._dies)
            future.__class__ = _unread_class(type(future))
        key = id(future)
        gone = functools.partial(_forget, self._unread, key)
        self._unread[key] = weakref.ref(future, gone), time.perf_counter()

    def _dies(self, future: Any) -> None:
        error = future._exception
        if error is not None and self.active:
            self.failed(
                error, origin="future", name=_name_of(error), run=getattr(future, RUN, None)
            )

    def settle(self, run: CellRun | None) -> None:
        before = time.perf_counter() if run is None else run.started
        for key, (reference, failed_at) in list(self._unread.items()):
            future = reference()
            if future is None or _SETTLE not in vars(future):
                self._unread.pop(key, None)
            elif failed_at < before and future.done():
                self._unread.pop(key, None)
                self._dies(future)


def _forget(unread: dict[int, Any], key: int, _: object) -> None:
    unread.pop(key, None)


def _make_unread(cls: Any) -> Any:
    def ask(method: str) -> Any:
        original = getattr(cls, method)

        @functools.wraps(original)
        def asked(future: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            future.__class__ = cls
            vars(future).pop(_SETTLE, None)
            return original(future, *args, **kwargs)

        return asked

    def __del__(future: Any) -> None:  # noqa: N807
        dies = vars(future).pop(_SETTLE, None)
        if dies is not None:
            with suppress(Exception):  # at the end of the process nothing may be left to tell
                dies(future)
        if hasattr(cls, "__del__"):
            cls.__del__(future)

    body = {"result": ask("result"), "exception": ask("exception"), "__del__": __del__}
    body |= {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls,), body)


_unread_class = PerObject(_make_unread)


def _name_of(error: BaseException) -> str:
    """The function that was submitted: the first below the pool's own."""
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "concurrent" not in code.co_filename:
            return code.co_qualname
        traceback = traceback.tb_next
    return "a future"
