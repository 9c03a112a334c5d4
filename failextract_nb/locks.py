"""One writer at a time for a file: among the threads here, and among all processes.

Beside the file stands an empty ``.name.failextract.lock`` while it is written.  What counts is the
lock that the system keeps on it: when its holder is killed, the next one has it at once, and
removes what was left.
"""

from __future__ import annotations

import errno
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


WITHIN = 30.0  # seconds that a writer waits for the one before it
LOOK_AGAIN = 0.01  # seconds at most, between two looks at another process's lock
ENDING = ".failextract.lock"
_BUSY = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})

_turns: WeakValueDictionary[str, Any] = WeakValueDictionary()
_turns_lock = threading.RLock()  # a finalizer may write a report anywhere
_held: set[int] = set()


def _after_fork() -> None:
    """In a forked child: the threads that held a lock are not there to give it back."""
    global _turns_lock  # noqa: PLW0603  # what a fork has to renew
    _turns_lock = threading.RLock()
    _turns.clear()
    for handle in _held:  # else the child would hold them as long as it lives
        with suppress(OSError):
            os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def alone(target: str, processes: bool = True) -> Iterator[None]:
    """Be the only one who writes ``target`` (a path without links), its folder being there.

    ``processes=False`` is for a device, beside which nothing may be written.  Where the file system
    knows no locks, only the threads here take turns.  Raises TimeoutError after ``WITHIN`` seconds.
    """
    until = time.monotonic() + WITHIN
    with _turns_lock:
        turn = _turns.setdefault(target, threading.Lock())
    if not turn.acquire(timeout=WITHIN):
        raise _too_long("another thread", target)
    try:
        if processes:
            with _only_process(target, until):
                yield
        else:
            yield
    finally:
        turn.release()


@contextmanager
def _only_process(target: str, until: float) -> Iterator[None]:
    folder, name = os.path.split(target)
    path = os.path.join(folder, f".{name[:50]}{ENDING}")
    process, handle = os.getpid(), None
    while (handle := _take(path)) is None:
        if time.monotonic() > until:
            raise _too_long(f"another process (its lock is {path})", target)
        time.sleep(random.uniform(0, LOOK_AGAIN))  # noqa: S311  # so that not all come at once
    try:
        yield
    finally:
        if os.getpid() == process:
            _give_back(path, handle)


def drop(path: str) -> None:
    """Remove the lock file that a killed process has left; one that is held stays."""
    if (handle := _take(path)) is not None:
        _give_back(path, handle)


def _take(path: str) -> int | None:
    """An open file that holds the lock, None while another has it; -1 where there are no locks."""
    handle = _opened(path)
    if handle is None:
        return None
    try:
        _lock(handle)
        # The one before may have removed it: then it is a lock on nothing.
        if os.path.samestat(os.fstat(handle), os.lstat(path)):
            _held.add(handle)
            return handle
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in _BUSY:
            os.close(handle)
            if error.errno not in _NO_LOCKS:
                raise
            with suppress(OSError):
                os.unlink(path)
            return -1
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _opened(path: str) -> int | None:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with suppress(FileExistsError):  # another was quicker
        try:
            return os.open(path, os.O_RDWR | flags)
        except FileNotFoundError:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
        except PermissionError:  # another user's: reading is enough for a lock
            with suppress(PermissionError):
                return os.open(path, os.O_RDONLY | flags)
            if sys.platform != "win32":  # where one that is being removed is refused
                os.lstat(path)  # raises where it is the folder that is closed to us
    return None


def _give_back(path: str, handle: int) -> None:
    if handle < 0:
        return
    _held.discard(handle)
    with suppress(OSError):
        os.unlink(path)  # while it is held: nobody else can take it for a live one
    os.close(handle)
    if sys.platform == "win32":  # where an open file cannot be removed
        with suppress(OSError):
            os.unlink(path)


def _too_long(who: str, target: str) -> TimeoutError:
    return TimeoutError(
        errno.ETIMEDOUT, f"{who} has been writing this file for {WITHIN:g} seconds", target
    )
