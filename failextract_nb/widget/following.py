"""When a table looks at the store again: soon after something is new, and not too often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from failextract_nb import failure, formats
from failextract_nb.extractor import FailureExtractor

PAUSE = 0.1  # seconds between two looks
SHARE = 0.1  # of the time, at most, is spent on looking
AHEAD = 1_000  # records whose texts are read in one go


class Reader:
    """Reads the texts that a search looks through, on a thread of its own, bit by bit."""

    def __init__(self, read: Callable[[int], bool]) -> None:
        self._read = read
        self._busy = threading.Lock()

    def start(self) -> None:
        """Read what is not read yet, unless somebody does already."""
        with suppress(RuntimeError):  # the interpreter is going down
            threading.Thread(target=self._run, name="failextract-read", daemon=True).start()

    def _run(self) -> None:
        if not self._busy.acquire(blocking=False):
            return
        try:
            while not self._read(AHEAD):
                time.sleep(0.001)  # the user's code goes first
        except Exception as error:  # noqa: BLE001  # it is no failure of the user's
            FailureExtractor._store.note_problem("the table", error)
        finally:
            self._busy.release()


class Follower:
    """Calls ``look()`` on a thread of its own after failures came, changed or went.

    What comes within a moment is looked at together; while nothing comes there is no thread.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._waiting: threading.Thread | None = None
        self._woken = False
        self._pause = PAUSE
        self._process = failure.process_id
        self._starting = threading.RLock()  # a finalizer may fail while a thread is made

    def start(self) -> None:
        """Follow the store and the formats."""
        for watchers in self._watchers():
            watchers.append(self.wake)

    def stop(self) -> None:
        """Follow no more; without a lock, as a widget that is collected may stop it anywhere."""
        for watchers in self._watchers():
            with suppress(ValueError):
                watchers.remove(self.wake)

    @staticmethod
    def _watchers() -> tuple[list[Callable[[], None]], ...]:
        return FailureExtractor._store.watchers, formats.watchers

    @property
    def is_awake(self) -> bool:
        """Whether there will be a look soon."""
        return self._waiting is not None

    def wake(self) -> None:
        """Something is new.  A forked child leaves the page to its parent."""
        self._woken = True
        with self._starting:
            if self._waiting is not None or self._process != failure.process_id:
                return
            # Not a Timer, which has no name: the user's threads are numbered as without us.
            waiting = threading.Thread(target=self._wait, name="failextract-look", daemon=True)
            self._waiting = waiting  # first: on a busy machine it may be over before start() is
            try:
                waiting.start()
            except BaseException as error:
                self._waiting = None  # the next failure tries again
                if not isinstance(error, RuntimeError):  # else no thread can be started
                    raise

    def _wait(self) -> None:
        time.sleep(self._pause)
        self._run()

    def _run(self) -> None:
        started = time.monotonic()
        self._woken = False
        try:
            self._look()
        except Exception as error:  # noqa: BLE001  # as a thread's failure it would wake us again
            FailureExtractor._store.note_problem("the table", error)
        self._pause = max(PAUSE, (time.monotonic() - started) / SHARE)
        self._waiting = None
        if self._woken:  # meanwhile
            self.wake()
