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
TICK = 0.02  # seconds between two looks at who is still at the same value
IDLE = 5.0  # seconds without a value after which nobody looks any more
AGAIN = 0.5  # seconds until it is tried again: it may have been swallowed
GRUDGE = 10.0  # seconds for which a class that took too long is not asked again
MAX_SLOW = 1_000  # classes that are remembered

_WAKE = getattr(_signal, "SIGURG", None)  # ignored unless somebody asks for it


class TooLong(BaseException):
    """Raised inside what took too long, and by ``limited``."""


class _Work:
    """A call that is on its way."""

    is_broken = False


_busy: dict[int, _Work] = {}  # by thread
_broken: dict[int, float] = {}  # threads that were broken into, and when it is tried again
_lock = threading.Lock()  # held while one is broken into
# By the id of a class, which another may have when it is gone: until when it is not asked.
_slow: dict[int, tuple[weakref.ref[type], float]] = {}
_running = False
_listening = _WAKE is None  # the main thread was asked to


def limited(call: Callable[[Any], T], value: Any) -> T:
    """``call(value)``; TooLong after ``SECONDS``, at once for a class that just took so long."""
    if _slow and _is_slow(type(value)):
        raise TooLong
    ident = get_ident()
    if ident in _busy:  # a repr in a repr: the time of the outer one counts
        return call(value)
    if not (_running and _listening):
        _start(ident)
    work = _Work()
    try:
        _busy[ident] = work
        try:
            return call(value)
        finally:
            if _busy.pop(ident, None) is not work:
                _settle(ident)
    except KeyboardInterrupt:
        raise
    except BaseException:
        if not work.is_broken:
            raise
        _settle(ident)  # it may have landed while that was done
        _remember(type(value))
        raise TooLong from None  # whatever the call made of it


def _settle(ident: int) -> None:
    """After this nothing breaks in any more.

    What was raised in this thread, and may not be there yet, comes here.  CPython could take it
    back, but would go on looking for it then: under a profiler, for ever.
    """
    while True:
        try:
            with _lock:
                _busy.pop(ident, None)
                _broken.pop(ident, None)
            _raise_in(ident)  # there is one at most
            while True:
                pass
        except TooLong:
            if ident not in _broken:
                return


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


def _start(ident: int) -> None:
    """Have somebody look at the clock, and the signal break into the main thread."""
    global _listening, _running  # noqa: PLW0603
    if not _listening and ident == threading.main_thread().ident:
        _listening = True
        if _signal.getsignal(_WAKE) is _signal.SIG_DFL:  # else somebody uses it
            _signal.signal(_WAKE, _broken_into)
    with _lock:
        if _running:
            return
        _running = True
    try:
        threading.Thread(target=_watch, name="failextract-budget", daemon=True).start()
    except RuntimeError:  # the interpreter goes down, or there are too many
        _running = False


def _broken_into(_number: int, _frame: Any) -> None:
    if get_ident() in _broken:
        raise TooLong


def _raise_in(ident: int) -> None:
    """Raise TooLong in a thread as soon as it runs Python code."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(TooLong))


def _watch() -> None:
    global _running  # noqa: PLW0603
    pause = threading.Event()
    seen: dict[int, tuple[_Work, float]] = {}  # who is at what, and since when
    last = time.monotonic()
    while True:
        pause.wait(TICK)
        now = time.monotonic()
        before, seen = seen, {}
        for ident, work in list(_busy.items()):
            known, since = before.get(ident, (None, 0.0))
            seen[ident] = work, since if known is work else now
            if known is work and now - since > SECONDS - 2 * TICK:
                _break(ident, work, now)
        for ident, again in list(_broken.items()):
            if now > again:
                _break(ident, None, now)
        if seen or _broken:
            last = now
        elif now - last > IDLE:
            _running = False
            return


def _break(ident: int, work: _Work | None, now: float) -> None:
    """Break into a thread that is at this ``work``; None: that was broken into before."""
    with _lock:
        if work is None:
            if ident not in _broken:
                return
        else:
            taken = _busy.pop(ident, None)
            if taken is not work:
                if taken is not None:  # it has begun something else
                    _busy[ident] = taken
                return
            work.is_broken = True
        _broken[ident] = now + AGAIN
        is_main = ident == threading.main_thread().ident
        if is_main and _WAKE is not None and _signal.getsignal(_WAKE) is _broken_into:
            _signal.pthread_kill(ident, _WAKE)  # ends a call that waits, too
        else:
            _raise_in(ident)


def _forget() -> None:
    """In a forked child: its parent's threads, and what they were doing, are not there."""
    global _lock, _running
    _lock, _running = threading.Lock(), False
    _busy.clear()
    _broken.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
