"""No process is left behind: not a kernel, not what it has started, not where we are killed.

A kernel leads a session of its own, and has a mark in its environment: whatever it starts bears the
one or the other.  A guard, a small process that outlives this one, ends what is still there when
this one is gone.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

MARK = "FAILEXTRACT_NB_KERNEL"  # in the environment of a kernel
ROUNDS = 5
LOOKS = 500  # at a process that is just starting
LOOK_AGAIN = 0.002  # seconds until the next
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_HAS_SESSIONS = hasattr(os, "getsid")  # not on Windows, where a kernel ends with its parent
_CHILD_SUBREAPER = 36  # of Linux' prctl


class Guard:
    """Ends the sessions it was told of, if this process ends before it has taken them back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def watch(self, leader: int, mark: str, folder: str) -> None:
        """From now on the session of this process must not outlive us, nor the folder."""
        self._tell(json.dumps([leader, mark, folder]))

    def forget(self, leader: int) -> None:
        """It is over."""
        self._tell(json.dumps([leader, "", None]))

    @property
    def pid(self) -> int | None:
        """The guard's own process."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """End the guard; what it still watches ends with it."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            with suppress(OSError):
                process.communicate()

    def _tell(self, line: str) -> None:
        if not _HAS_SESSIONS:
            return
        with self._lock, suppress(OSError):  # somebody has ended it: then it cannot help
            if self._process is None or self._owner != os.getpid():
                self._start()
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def _start(self) -> None:
        if not self._owner:
            atexit.register(self.close)
        self._owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603  # this very file
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


guard = Guard()


def descendants(pid: int) -> list[psutil.Process]:
    """The processes that this one has started, and theirs."""
    import psutil

    if _has_no_children(pid):
        return []
    found: list[psutil.Process] = []
    with suppress(psutil.Error):
        found = psutil.Process(pid).children(recursive=True)
    return found


def _has_no_children(pid: int) -> bool:
    """Linux tells it without a look at all processes there are."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                if file.read(1):
                    return False
    except OSError:
        return False
    return True


def end(leader: int, mark: str, others: Iterable[psutil.Process] = ()) -> None:
    """End at once what is left of a kernel: its session, what bears its mark, and these."""
    import psutil

    for _ in range(ROUNDS):  # what is about to be ended may start another
        found = 0
        for pid in psutil.pids() if _HAS_SESSIONS else ():
            with suppress(OSError):
                if os.getsid(pid) == leader or _bears(pid, mark):
                    os.kill(pid, KILL)
                    found += 1
        if not found:
            break
    for process in others:
        with suppress(psutil.Error):
            process.kill()  # knows whether its number belongs to another one by now


def _bears(pid: int, mark: str) -> bool:
    """Whether a process was started with this mark.  Only Linux tells without asking it."""
    with suppress(OSError):  # not ours, gone, or another system
        looks = 0
        while not (found := _said_of(pid, "environ")) and _is_starting(pid) and looks < LOOKS:
            time.sleep(LOOK_AGAIN)
            looks += 1
        # It may have got there between the two questions.
        return mark.encode() in (found or _said_of(pid, "environ"))
    return False


def _is_starting(pid: int) -> bool:
    """Whether it is in the middle of ``exec``: a program, of which nothing is known for a moment.

    One that has ended, and a thread of the system's, have no program: OSError.
    """
    os.readlink(f"/proc/{pid}/exe")
    return not _said_of(pid, "cmdline")


def _said_of(pid: int, what: str) -> bytes:
    with open(f"/proc/{pid}/{what}", "rb") as file:
        return file.read()


@contextmanager
def no_orphans() -> Iterator[None]:
    """For a process that does nothing but run notebooks: at the end it has no child any more.

    On Linux what a dead kernel leaves becomes a child of ours, whatever session it is in.
    """
    import psutil

    if sys.platform.startswith("linux"):
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        for process in psutil.Process().children(recursive=True):
            if process.pid != guard.pid:
                with suppress(psutil.Error):
                    process.kill()
        guard.close()


def main() -> None:
    """Be the guard: learn what to watch until the one who tells is gone, then end what is left."""
    watched: dict[int, tuple[str, str]] = {}
    for line in sys.stdin.buffer:
        leader, mark, folder = json.loads(line)
        if folder is None:
            watched.pop(leader, None)
        else:
            watched[leader] = mark, folder
    for leader, (mark, folder) in watched.items():
        with suppress(OSError):
            os.killpg(leader, KILL)
        end(leader, mark)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
