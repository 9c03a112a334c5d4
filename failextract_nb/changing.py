"""The store's lock, and what has to come after a change instead of in its middle."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident


class Changing:
    """``with`` it: the lock is held, and what came up meanwhile on this thread is done at the end.

    A signal's handler or a ``__del__`` may run between any two instructions, fail, and be recorded:
    on the thread that holds the lock, which lets it in, while half of a change is done.
    """

    __slots__ = ("_late", "_lock", "_owner")

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._owner = 0  # the thread that is in the middle of a change
        self._late: deque[Callable[[], object]] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._owner = get_ident()

    def __exit__(self, *_: object) -> None:
        self._owner = 0
        self._lock.release()
        while self._late:
            with suppress(IndexError):  # another thread was quicker
                self._late.popleft()()

    @property
    def is_mine(self) -> bool:
        """Whether this thread is in the middle of a change."""
        return self._owner == get_ident()

    def later(self, call: Callable[[], object]) -> None:
        """Have ``call()`` done when the change is."""
        self._late.append(call)
