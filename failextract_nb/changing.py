"""What has to come after a change of the store instead of in its middle."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import get_ident


class Changing:
    """``with lock, changing:`` is one change; ``finish`` does what came up meanwhile on its thread.

    A signal's handler or a ``__del__`` may run between any two instructions, fail, and be recorded:
    on the thread that holds the lock, which lets it in, while half of a change is done.  One that
    raises, as that of Ctrl-C does, leaves half of a change: ``mend`` is called then, and before the
    next change where it could not be, for lack of room to work in.
    """

    __slots__ = ("_is_torn", "_late", "_lock", "_mend", "_owner")

    def __init__(self, lock: threading.RLock, mend: Callable[[], None]) -> None:
        self._lock = lock
        self._mend = mend
        self._owner = 0  # the thread that is in the middle of a change
        self._is_torn = False
        self._late: deque[Callable[[], object]] = deque()

    def __enter__(self) -> None:
        self._owner = get_ident()
        if self._is_torn:
            self._mend_now()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._is_torn = True
            self._mend_now()
        self._owner = 0

    def _mend_now(self) -> None:
        self._mend()
        self._is_torn = False

    def comes_later(self, call: Callable[..., object], *args: object) -> bool:
        """Whether this thread is in the middle of a change; ``call(*args)`` comes after it then."""
        # An interrupt may have kept the last change from saying that it was over.
        if self._owner != get_ident() or not self._lock._is_owned():  # type: ignore[attr-defined]
            return False
        self._late.append(partial(call, *args))
        return True

    def finish(self) -> None:
        """Do what came up meanwhile; to be called without the lock."""
        while self._late:
            with suppress(IndexError):  # another thread was quicker
                self._late.popleft()()
