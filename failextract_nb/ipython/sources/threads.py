"""Exceptions that end a thread."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from failextract_nb.ipython.runs import RUN, current_run
from failextract_nb.ipython.sources._source import Source


class Threads(Source):
    """A thread belongs to the cell that started it; ``threading.excepthook`` is called as before.

    A user's own hook may have taken that place, so a thread that is started while we listen tells
    us itself.
    """

    names: ClassVar = {"thread": "an exception that ends a threading.Thread"}

    def listen(self) -> None:
        self.replace(threading.Thread, "start", self._start)
        self.replace(threading, "excepthook", self._excepthook)

    def _start(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def start(thread: threading.Thread, *args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            run = current_run() if self.active else None
            if run is not None:
                vars(thread)[RUN] = run
                invoke = getattr(thread, "_invoke_excepthook", None)
                if invoke is not None:
                    vars(thread)["_invoke_excepthook"] = functools.partial(self._invoke, invoke)
            original(thread, *args, **kwargs)

        return start

    def _invoke(self, invoke: Callable[[Any], None], thread: threading.Thread) -> None:
        self._ended(thread, sys.exc_info()[1])
        invoke(thread)

    def _excepthook(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        def excepthook(args: Any) -> None:
            self._ended(args.thread, args.exc_value)
            original(args)

        return excepthook

    def _ended(self, thread: threading.Thread | None, error: BaseException | None) -> None:
        # SystemExit is how a thread ends itself: Python says nothing of it, either.
        if self.active and error is not None and not isinstance(error, SystemExit):
            name = thread.name if thread is not None else "a thread"
            self.failed(error, origin="thread", name=name, run=getattr(thread, RUN, None))
