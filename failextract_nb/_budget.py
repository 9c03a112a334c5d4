"""A time limit for code of the user's that a capture runs: a ``__repr__``, a property.

A capture goes in steps, from value to value.  A step that takes too long is broken off in its own
thread, so that it sees the locks, contexts and connections that it always sees: by an exception
that CPython raises there, and in the main thread, where the platform has one, by a signal that also
ends a call that waits.  What waits inside C in another thread cannot be broken off; it ends when it
ends.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal wraps, a tenth of its cost
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 0.1  # that one value may take
IN_ALL = 2.0  # seconds that a capture may take, or one step of it that is no value
TICK = 0.02  # seconds between two looks at who is still at the same step
TRACED = 20  # times as long, where a debugger looks at each line
LATE = 1.5 * TICK  # seconds that count between two at most: in the rest the process did not run
IDLE = 5.0  # seconds without a capture after which nobody looks any more
AGAIN = 0.2  # seconds until it is tried again: it may have been swallowed
GRUDGE = 10.0  # seconds for which a class that took too long is not asked again
MAX_SLOW = 1_000  # classes that are remembered

_WAKE = getattr(_signal, "SIGURG", None)  # ignored unless somebody asks for it
OVER = f"was not asked, as its capture took longer than {IN_ALL:g} s"


class TooLong(BaseException):
    """Raised inside what took too long, and by ``limited``; its argument says what it was."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else f"took longer than {SECONDS * 1000:g} ms"


class Work:
    """What a thread is at: a capture, or the text of one value."""

    step = 0  # another number with each value
    in_value = False  # a step of which SECONDS is the limit, not IN_ALL
    is_asking = False  # a value writes itself
    is_broken = False  # this step was broken into
    is_over = False  # no value is asked any more
    again = 0.0  # when it is broken into once more
    patience = 1  # times the limits

    def next(self) -> None:
        """The step is done."""
        self.step += 1
        if self.is_broken:
            _let_land(self)


_busy: dict[int, Work] = {}  # by thread
_lock = threading.RLock()  # held while one is broken into; re-entrant, for handlers of signals
# By the id of a class, which another may have when it is gone: until when it is not asked.
_slow: dict[int, tuple[weakref.ref[type], float]] = {}
_running = False
_listening = _WAKE is None  # the main thread was asked to


def current() -> Work:
    """What this thread is at; to be called in what ``watched`` calls."""
    return _busy.get(get_ident()) or Work()


def watched(call: Callable[..., T], *args: Any) -> T:
    """``call(*args)``, whose steps are looked at; TooLong where it does not catch that itself."""
    ident = get_ident()
    if (outer := _busy.get(ident)) is not None:  # a handler of a signal fails meanwhile
        outer.next()
        try:
            return call(*args)
        finally:
            outer.next()
    if not (_running and _listening):
        _start(ident)
    work = Work()
    if (tracer := sys.gettrace()) is not None and not _is_quick(tracer):
        work.patience = TRACED
    try:
        _busy[ident] = work
        answer = call(*args)
        _end(ident, work)
    except BaseException:  # at any place, that of _end too
        _end(ident, work)
        raise
    return answer


def _is_quick(tracer: object) -> bool:
    """Whether it is coverage's, which is in C: nobody is slowed down by it as by a debugger."""
    return type(tracer).__module__.partition(".")[0] == "coverage"


def _end(ident: int, work: Work) -> None:
    """After this nothing breaks in any more."""
    with _lock:
        _busy.pop(ident, None)
    if work.is_broken:
        _let_land(work)


def limited(call: Callable[[Any], T], value: Any) -> T:
    """``call(value)``; TooLong after ``SECONDS``, at once for a class that just took so long."""
    if _slow and _is_slow(type(value)):
        raise TooLong
    work = _busy.get(get_ident())
    if work is None:
        text: T = watched(limited, call, value)
        return text
    if work.is_asking:  # a repr in a repr: the time of the outer one counts
        return call(value)
    if work.is_over:
        raise TooLong(OVER)
    work.step += 1
    work.is_asking = True
    try:
        return call(value)
    except KeyboardInterrupt:
        raise
    except BaseException:
        if not work.is_broken:
            raise
        _remember(type(value))
        raise TooLong from None  # whatever the call made of it
    finally:
        work.is_asking = False
        work.next()


def is_capturing() -> bool:
    """Whether this thread is in the middle of a capture."""
    return get_ident() in _busy


def is_asking() -> bool:
    """Whether this thread runs a repr of the user's for a capture."""
    work = _busy.get(get_ident())
    return work is not None and work.is_asking


def _let_land(work: Work) -> None:
    """Have what was raised in this thread, and may not be there yet, come here.

    CPython could take it back, but would go on looking for it then: under a profiler, for ever.
    """
    while work.is_broken:
        try:
            with _lock:  # who breaks in is done
                work.is_broken = False
            _raise_in(get_ident())  # there is one at most
            while True:
                pass
        except TooLong:
            pass


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
        with suppress(ValueError):  # a subinterpreter takes no signals
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
    work = _busy.get(get_ident())
    if work is not None and work.is_broken:
        raise TooLong


def _raise_in(ident: int) -> None:
    """Raise TooLong in a thread as soon as it runs Python code."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(TooLong))


def _watch() -> None:
    global _running  # noqa: PLW0603
    pause = threading.Event()
    began: dict[int, tuple[Work, float]] = {}  # who is at what, and since when
    steps: dict[int, tuple[int, float]] = {}  # at which step, and since when
    now = last = 0.0  # in seconds that count
    looked = time.monotonic()
    while True:
        pause.wait(TICK)
        looked, gone = time.monotonic(), looked
        now += min(max(looked - gone, TICK), LATE)  # a test may have stopped the clock
        before, began = began, {}
        steps_before, steps = steps, {}
        for ident, work in list(_busy.items()):
            known, since = before.get(ident, (work, now))
            began[ident] = work, since if known is work else now
            step, stepped = steps_before.get(ident, (-1, now))
            steps[ident] = work.step, stepped if known is work and step == work.step else now
            limit = SECONDS if work.in_value or work.is_asking else IN_ALL
            limit *= work.patience
            work.is_over = now - began[ident][1] > IN_ALL * work.patience
            if now - steps[ident][1] > limit - 2 * TICK and now > work.again:
                _break(ident, work, steps[ident][0], now)
        if began:
            last = now
        elif now - last > IDLE:
            _running = False
            return


def _break(ident: int, work: Work, step: int, now: float) -> None:
    """Break into a thread that is still at this step."""
    with _lock:
        if _busy.get(ident) is not work or work.step != step:
            return
        if not _is_at_it(ident):  # an interrupt has kept it from saying that it was done
            del _busy[ident]
            return
        is_first, work.is_broken = not work.is_broken, True
        work.again = now + AGAIN
        is_main = ident == threading.main_thread().ident
        listens = is_main and _WAKE is not None and _signal.getsignal(_WAKE) is _broken_into
        if listens and is_first:
            _signal.pthread_kill(ident, _WAKE)  # ends a call that waits, too
        else:  # as well, where the signal is blocked
            _raise_in(ident)


def _is_at_it(ident: int) -> bool:
    frame = sys._current_frames().get(ident)
    while frame is not None:
        if frame.f_code is watched.__code__:
            return True
        frame = frame.f_back
    return False


def _forget() -> None:
    """In a forked child: its parent's threads, and what they were doing, are not there."""
    global _lock, _running
    _lock, _running = threading.RLock(), False
    _busy.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
