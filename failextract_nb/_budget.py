"""A time limit for code of the user's that a capture has to run: a ``__repr__``, a ``__str__``.

What takes too long is broken off in its own thread, so that it sees the locks, contexts and
connections that it always sees: by an exception that CPython raises there, and in the main thread,
where the platform has one, by a signal that also ends a call that waits.  What waits inside C in
another thread cannot be broken off; it ends when it ends.
"""

from __future__ import annotations

import _signal  # what signal wraps, a tenth of its cost
import os
import signal
import threading
import time
from collections.abc import Callable
from threading import get_ident
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 0.1  # that one value may take
TICK = 0.02  # seconds between two looks at the clock
IDLE = 5.0  # seconds without a call after which nobody looks at it any more
GRUDGE = 10.0  # seconds for which a class that took too long is not asked again

_WAKE = getattr(signal, "SIGURG", None)  # ignored unless somebody asks for it


class TooLong(BaseException):
    """Raised inside what took too long, and by ``limited``."""


class _Watch:
    """One call that is on its way."""

    __slots__ = ("deadline", "fired")

    def __init__(self) -> None:
        self.deadline = time.monotonic() + SECONDS
        self.fired = False


_lock = threading.Lock()
_watches: dict[int, _Watch] = {}  # by thread
_slow: dict[int, float] = {}  # id of a class -> until when it is not asked
_running = False
_last = 0.0


def limited(call: Callable[[Any], T], value: Any) -> T:
    """``call(value)``; TooLong after ``SECONDS``, and at once for a class that just took so long."""
    global _last  # noqa: PLW0603  # how long the watch goes on
    if _slow and _is_slow(type(value)):
        raise TooLong
    ident = get_ident()
    if ident in _watches:  # a repr in a repr: the time of the outer one counts
        return call(value)
    watch = _watches[ident] = _Watch()
    _last = watch.deadline
    before = _listen(ident)
    try:
        if not _running:
            _start()
        return call(value)
    except TooLong:
        _slow[id(type(value))] = time.monotonic() + GRUDGE
        raise
    finally:
        _settle(ident, watch, before)


def _is_slow(cls: type) -> bool:
    until = _slow.get(id(cls))
    if until is None:
        return False
    if time.monotonic() < until:
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
    if watch is not None and watch.fired:
        raise TooLong


def _settle(ident: int, watch: _Watch, before: Any) -> None:
    """Nothing can break in after this, whenever it was fired."""
    while True:
        try:
            with _lock:
                _watches.pop(ident, None)
                if watch.fired:
                    _raise_in(ident, None)
            if before is not None:
                _signal.signal(_WAKE, before)  # type: ignore[arg-type]  # there is one
        except TooLong:  # it landed here: the call had just ended
            continue
        return


def _raise_in(ident: int, error: type[BaseException] | None) -> None:
    """Raise ``error`` in a thread as soon as it runs Python code; None takes that back."""
    import ctypes

    raised = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)


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
            late = [(ident, one) for ident, one in _watches.items() if now > one.deadline]
            for ident, one in late:
                _break(ident, one)
            if not _watches and now - _last > IDLE:
                _running = False
                return


def _break(ident: int, watch: _Watch) -> None:
    if not watch.fired:
        watch.fired = True
        _raise_in(ident, TooLong)
    elif _WAKE is not None and ident == threading.main_thread().ident:
        signal.pthread_kill(ident, _WAKE)  # it waits for something: the signal ends that
    else:
        _raise_in(ident, TooLong)  # it was swallowed: once more


def _forget() -> None:
    """In a forked child: its parent's threads, and what they were doing, are not there."""
    global _lock, _running  # noqa: PLW0603
    _lock, _running = threading.Lock(), False
    _watches.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
