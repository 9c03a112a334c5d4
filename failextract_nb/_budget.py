"""A time limit for code of the user's that a capture has to run: a ``__repr__``, a ``__str__``.

What takes too long is broken off in its own thread, so that it sees the locks, contexts and
connections that it always sees: by an exception that CPython raises there, and in the main thread,
where the platform has one, by a signal that also ends a call that waits.  What waits inside C in
another thread cannot be broken off; it ends when it ends.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal wraps, a tenth of its cost
import os
import threading
import time
import weakref
from collections.abc import Callable
from threading import get_ident
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 0.1  # that one value may take
TICK = 0.02  # seconds between two looks at the clock
IDLE = 5.0  # seconds without a call after which nobody looks at it any more
AGAIN = 0.5  # seconds until it is tried again: it may have been swallowed
GRUDGE = 10.0  # seconds for which a class that took too long is not asked again
MAX_SLOW = 1_000  # classes that are remembered

_WAKE = getattr(_signal, "SIGURG", None)  # ignored unless somebody asks for it


class TooLong(BaseException):
    """Raised inside what took too long, and by ``limited``."""


class _Watch:
    """One call that is on its way."""

    __slots__ = ("before", "deadline", "fired", "ident", "is_open")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.deadline = time.monotonic() + SECONDS
        self.fired = False
        self.is_open = True  # it may be broken off
        self.before = _listen(ident)  # what the signal did, where it breaks in; else None


_lock = threading.Lock()
_watches: dict[int, _Watch] = {}  # by thread
# By the id of a class, which another may have when it is gone: until when it is not asked.
_slow: dict[int, tuple[weakref.ref[type], float]] = {}
_running = False
_last = 0.0


def limited(call: Callable[[Any], T], value: Any) -> T:
    """``call(value)``; TooLong after ``SECONDS``, at once for a class that just took so long."""
    global _last  # noqa: PLW0603  # how long the watch goes on
    if _slow and _is_slow(type(value)):
        raise TooLong
    ident = get_ident()
    if ident in _watches:  # a repr in a repr: the time of the outer one counts
        return call(value)
    watch = _Watch(ident)
    _last = watch.deadline
    try:
        try:
            _watches[ident] = watch
            if not _running:
                _start()
            answer = call(value)
        finally:
            watch.is_open = False
            _settle(watch)
    except KeyboardInterrupt:
        raise
    except BaseException:
        if not watch.fired:
            raise
        _settle(watch)  # it may have landed while that was done
        _remember(type(value))
        raise TooLong from None  # whatever the call made of it
    finally:
        if watch.before is not None:
            _signal.signal(_WAKE, watch.before)
    return answer


def _settle(watch: _Watch) -> None:
    """After this nothing breaks in any more."""
    with _lock:
        _watches.pop(watch.ident, None)
    if watch.fired and watch.before is None:
        _let_land()


def _remember(cls: type) -> None:
    if len(_slow) >= MAX_SLOW:
        _slow.clear()
    _slow[id(cls)] = weakref.ref(cls), time.monotonic() + GRUDGE


def _is_slow(cls: type) -> bool:
    known, until = _slow.get(id(cls), (None, 0.0))
    if known is None:
        return False
    if known() is cls and time.monotonic() < until:
        return True
    _slow.pop(id(cls), None)
    return False


def _listen(ident: int) -> Any:
    """Have the signal break into the main thread; what it did before, or None."""
    if _WAKE is None or ident != threading.main_thread().ident:
        return None
    before = _signal.getsignal(_WAKE)
    if before is not _signal.SIG_DFL:  # somebody uses it
        return None
    _signal.signal(_WAKE, _broken_into)
    return before


def _broken_into(_number: int, _frame: Any) -> None:
    watch = _watches.get(get_ident())
    if watch is not None and watch.fired and watch.is_open:
        raise TooLong


def _raise_in(ident: int) -> None:
    """Raise TooLong in a thread as soon as it runs Python code."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(TooLong))


def _let_land() -> None:
    """Have what was raised in this thread, and may not be there yet, come here.

    CPython can take it back, but goes on looking for it then: with a profiler, for ever.
    """
    try:
        _raise_in(get_ident())  # there is one at most
        while True:
            pass
    except TooLong:
        pass


def _start() -> None:
    global _running  # noqa: PLW0603  # the one thread that looks at the clock
    with _lock:
        if _running:
            return
        _running = True
    try:
        threading.Thread(target=_watch, name="failextract-budget", daemon=True).start()
    except RuntimeError:  # the interpreter goes down, or there are too many
        _running = False


def _watch() -> None:
    global _running  # noqa: PLW0603
    pause = threading.Event()
    while True:
        pause.wait(TICK)
        now = time.monotonic()
        with _lock:
            for watch in list(_watches.values()):
                if watch.is_open and now > watch.deadline:
                    _break(watch, now)
            if not _watches and now - _last > IDLE:
                _running = False
                return


def _break(watch: _Watch, now: float) -> None:
    watch.fired = True
    watch.deadline = now + AGAIN
    if watch.before is None:
        _raise_in(watch.ident)
    else:
        _signal.pthread_kill(watch.ident, _WAKE)  # ends a call that waits, too


def _forget() -> None:
    """In a forked child: its parent's threads, and what they were doing, are not there."""
    global _lock, _running
    _lock, _running = threading.Lock(), False
    _watches.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
