"""A report that keeps itself up to date in the background."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from failextract_nb.report import OutputConfig

if TYPE_CHECKING:
    from failextract_nb.extractor import FailureExtractor

STOP_WITHIN = 10.0  # seconds that stop() waits for a save under way

_running: dict[str, Autosave] = {}
_lock = threading.Lock()


class Autosave:
    """One background thread that writes one report; ``stop()`` ends it with a last save.

    ``saves`` counts what was written, ``last_error`` is what went wrong last, or None.  Also a
    context manager that stops at the end of its block.
    """

    def __init__(
        self,
        active: Callable[[], FailureExtractor],
        config: OutputConfig,
        every: int,
        seconds: float,
    ) -> None:
        self.config = config
        self.every = every
        self.seconds = min(seconds, threading.TIMEOUT_MAX)
        self.saves = 0
        self.last_error: Exception | None = None
        self._active = active  # asked each time: a subclass may become the active one later
        self._unsaved = len(active().failures)
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._stopping = False
        self._unsubscribe = active().subscribe(self._on_failure)
        self._thread = threading.Thread(
            target=self._run, name=f"failextract-autosave {config.path}", daemon=True
        )
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Save what is not saved yet, and end the thread.  A second call does nothing.

        Where the disk stalls it goes on after ``STOP_WITHIN`` seconds, and says so.
        """
        self._unsubscribe()
        atexit.unregister(self.stop)
        if os.getpid() != self._process:  # a forked child has the object, not the thread
            return
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(STOP_WITHIN)
        if self._thread.is_alive():
            slow = TimeoutError(
                f"the disk has not taken it within {STOP_WITHIN:g} seconds; the session keeps its "
                "failures: save them to another path"
            )
            self.last_error = slow
            self._active()._store.note_problem(f"the report {self.config.path} was not saved", slow)
        with _lock:
            if _running.get(str(self.config.path)) is self:
                del _running[str(self.config.path)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self._thread.is_alive() else "stopped"
        error = f", last error: {self.last_error}" if self.last_error else ""
        return f"<autosave of {self.config.path}: {state}, {self.saves} saves{error}>"

    def _on_failure(self, _failure: Any) -> None:
        if os.getpid() != self._process:  # nor its lock, which may be held for good
            return
        with self._changed:
            self._unsaved += 1
            if self._unsaved == 1 or self._unsaved >= self._threshold():
                self._changed.notify()

    def _threshold(self) -> int:
        """Never wait for more failures than the store keeps: they would be dropped unsaved."""
        limit = self._active()._store.max_failures
        return self.every if limit is None else max(1, min(self.every, limit // 2))

    def _run(self) -> None:
        last = False
        while not last:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._unsaved)
                self._changed.wait_for(
                    lambda: self._stopping or self._unsaved >= self._threshold(),
                    timeout=self.seconds,
                )
                due, self._unsaved = self._unsaved, 0
                last = self._stopping
            # A stored failure may have got more context, and passes are not counted here.
            if due or (last and self._has_records()):
                self._save(due)

    def _has_records(self) -> bool:
        passed = self._active().passed_tests if self.config.include_passed else ()
        return bool(len(self._active().failures) or len(passed))

    def _save(self, due: int) -> None:
        try:
            self._active().save_report(self.config)
        except Exception as error:  # noqa: BLE001  # a thread of ours must not end, nor print
            if repr(error) != repr(self.last_error):
                what = f"the report {self.config.path} was not saved"
                self._active()._store.note_problem(what, error)
            self.last_error = error
            with self._changed:
                self._unsaved += due  # tried again with the next failure, or at the end
                if not self._stopping:
                    self._changed.wait(timeout=self.seconds)
        else:
            self.saves += 1
            self.last_error = None


def start(
    active: Callable[[], FailureExtractor], config: OutputConfig, every: int, seconds: float
) -> Autosave:
    """Start a background save of ``active()``, in the place of the one that writes the same path.

    Raises TypeError or ValueError for a period or a target that makes no sense.
    """
    if not isinstance(config, OutputConfig):
        raise TypeError(f"config must be an OutputConfig; got {config!r}")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"every must be a whole number of failures above 0; got {every!r}")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ValueError(f"seconds must be a number above 0; got {seconds!r}")
    if config.path is None:
        raise ValueError("autosave() needs a file to write; this config writes to standard output")
    # The folder is the one of this moment, wherever a later chdir leads.
    config = replace(config, path=os.path.abspath(config.path))
    with _lock:
        before = _running.pop(str(config.path), None)
    if before is not None:
        before.stop()
    new = Autosave(active, config, every, seconds)
    with _lock:
        _running[str(config.path)] = new
    return new
