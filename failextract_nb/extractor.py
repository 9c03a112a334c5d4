"""The store: one process-wide ``FailureExtractor`` that every door writes to."""

from __future__ import annotations

import operator
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from sys import getsizeof
from typing import TYPE_CHECKING, Any, ClassVar

from failextract_nb import capture, failure, report
from failextract_nb._native import fit, native
from failextract_nb._safe import text_of
from failextract_nb.failure import Failure, Passed
from failextract_nb.kept import Kept, own_size, size_of
from failextract_nb.report import OutputConfig
from failextract_nb.store import MANY_FAILURES, MEGABYTE, Listener, Store

if TYPE_CHECKING:
    from failextract_nb.autosave import Autosave

# Containers that capture makes itself, of texts only, some shared between records.
_CAPTURED = frozenset({"extracted_code", "locals", "causes", "exceptions", "notes", "contexts"})
_SCALARS = frozenset({str, int, float, bool, type(None)})


class _OneActive(type):
    """``FailureExtractor()`` is the active instance; a subclass, once made, becomes it."""

    active: Any = None
    making = threading.RLock()

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        kind: type = cls
        if isinstance(_OneActive.active, kind):  # the quick way, without the lock
            return _OneActive.active
        with _OneActive.making:
            if not isinstance(_OneActive.active, kind):
                _OneActive.active = super().__call__(*args, **kwargs)
            return _OneActive.active


class FailureExtractor(metaclass=_OneActive):
    """The failures of this process, from whatever door they came.

    Every call returns the active instance.  Subclass it to see or change what is stored: making an
    instance of the subclass makes it the active one, over the same data.
    """

    _store: ClassVar[Store] = Store()

    @property
    def failures(self) -> Kept[Failure]:
        """The failures that are kept, oldest first: live, O(1) ``len`` and indexing."""
        self._store.before_looking()
        return self._store.failures

    @property
    def passed_tests(self) -> Kept[Passed]:
        """What ``add_passed`` was told, oldest first."""
        return self._store.passed

    def add_failure(self, failure_data: Mapping[str, Any]) -> str:
        """Store a failure and return its id.

        Takes any mapping, completes the keys in ``failure.CORE`` and keeps the others; values that
        JSON has no words for become text.  A failure whose id is stored already replaces it.
        Raises TypeError for what is not a mapping.
        """
        record, size, seconds = self._native(failure_data)
        store = self._store
        store.add(record, size, seconds)
        for listener in store.listeners:
            try:
                listener(record)
            except Exception as error:  # noqa: BLE001  # a broken listener must not cost a failure
                store.problems.append(f"listener {text_of(listener)}: {text_of(error)}")
        return record["id"]

    def _native(self, failure_data: Mapping[str, Any]) -> tuple[Failure, int, float | None]:
        """A record of the store's own, its bytes, and how long its capture took."""
        latest = capture.latest
        handed = latest.handed
        if handed is None or failure_data is not handed.failure:
            record = failure.complete(_mapping(failure_data, "add_failure"))
            if handed is None or handed.failure["id"] != record["id"]:
                return record, own_size(record), None
            latest.handed = None  # it was a copy of what capture has made
            return record, own_size(record), handed.seconds
        # Made by capture on this thread a moment ago: only what an override put in is new.
        latest.handed = None
        captured, size = handed.made, handed.size  # a copy that nobody else has
        if type(self) is not FailureExtractor or not _same(failure_data, captured):
            new = []
            captured = dict(failure_data)
            for key, value in captured.items():
                known = handed.made.get(key) is value
                if not known or not (type(value) in _SCALARS or key in _CAPTURED):
                    captured[key] = native(value, key)
                    size += 0 if known else size_of(captured[key])
                    new.append(key)
            fit(captured, new)
            failure.complete(captured)
        return captured, size + getsizeof(captured), handed.seconds  # type: ignore[return-value]

    def add_passed(self, test_data: Mapping[str, Any]) -> str:
        """Store a test that passed (any mapping) and return its id; else as ``add_failure``."""
        record = failure.complete_passed(_mapping(test_data, "add_passed"))
        self._store.add_passed(record, size_of(record))
        return record["id"]

    def add_context(self, failure_id: str, changes: Mapping[str, Any]) -> bool:
        """Add keys to a stored failure; False when it is not kept (any more)."""
        return self._store.amend(failure_id, _mapping(changes, "add_context"))

    def clear(self) -> None:
        """Forget every failure, pass, count and warning; limits and listeners stay."""
        self._store.clear()

    def save_report(self, config: OutputConfig | str | os.PathLike[str]) -> Path | None:
        """Write a report and return its path (None for standard output).

        A path alone stands for ``OutputConfig(path)``.
        Raises ValueError or OSError that name the file; the old file and the store stay whole.
        """
        started = time.perf_counter()
        if not isinstance(config, OutputConfig):
            config = OutputConfig(config)
        store = self._store
        failures, passed = store.failures.snapshot(), store.passed.snapshot()
        path = report.save(config, failures, passed, store.dropped())
        with store.lock:
            store.save_times.note(time.perf_counter() - started)
        return path

    def save_reports(
        self, configs: Iterable[OutputConfig], max_workers: int = 4
    ) -> list[Path | None]:
        """Write several reports at once and return their paths in the same order.

        All are tried; then the error of the one that failed is raised, or an ExceptionGroup.
        """
        return report.save_all(self.save_report, configs, max_workers)

    def autosave(self, config: OutputConfig, every: int = 100, seconds: float = 30.0) -> Autosave:
        """Keep a report up to date in the background.

        It is written after ``every`` new failures, or ``seconds`` after the first one not yet in
        it, and a last time at exit or ``stop()``.  A second call for one path replaces the first.
        """
        from failextract_nb import autosave

        return autosave.start(FailureExtractor, config, every, seconds)

    def set_memory_limits(
        self,
        max_failures: int | None = None,
        max_passed: int | None = None,
        max_memory_mb: float | None = None,
        warn_at: int = MANY_FAILURES,
    ) -> None:
        """Keep the newest only; None lifts a limit.  What is dropped is counted.

        ``max_memory_mb`` bounds both sequences together, passes go first.  ``warn_at`` failures
        give one warning.  Raises ValueError for a limit that is not a positive number.
        """
        for name, limit in (
            ("max_failures", max_failures),
            ("max_passed", max_passed),
            ("max_memory_mb", max_memory_mb),
            ("warn_at", warn_at),
        ):
            whole = name != "max_memory_mb"
            _check_limit(name, limit, whole)
        memory = None if max_memory_mb is None else max_memory_mb * MEGABYTE
        self._store.set_limits(max_failures, max_passed, memory, warn_at)

    def get_statistics(self) -> dict[str, Any]:
        """Counts, limits and times, in O(1).

        ``failure_count`` (also as ``failures_count``) is what is kept, without the
        ``expected_count`` of cells that are tagged to fail; ``passed_count`` is what has passed
        since the start or ``clear()``, ``total_count`` the sum of the three.
        ``memory_usage_mb`` is an estimate; ``capture_seconds`` and ``save_seconds`` speak of about
        the last minute.
        """
        store = self._store
        with store.lock:
            kept, passes = len(store.failures), store.pass_count
            count = kept - store.expected
            return {
                "failure_count": count,
                "failures_count": count,
                "passed_count": passes,
                "total_count": kept + passes,
                "expected_count": store.expected,
                "memory_usage_mb": store.held / MEGABYTE,
                "dropped_failures": store.failures.dropped,
                "dropped_passed": store.passed.dropped,
                "failures_at_limit": store.max_failures is not None and kept >= store.max_failures,
                "interrupted_count": store.interrupted,
                "by_exception_type": dict(store.by_type),
                "by_origin": dict(store.by_origin),
                "max_failures": store.max_failures,
                "max_passed": store.max_passed,
                "max_memory_mb": None if store.max_memory is None else store.max_memory / MEGABYTE,
                "capture_seconds": store.capture_times.figures(),
                "save_seconds": store.save_times.figures(),
                "problems": list(store.problems),
            }

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener(failure)`` after each failure is stored; returns what ends it.

        It runs on the thread that failed, so it should be quick.
        """
        store = self._store
        with store.lock:
            store.listeners = (*store.listeners, listener)

        def unsubscribe() -> None:
            with store.lock:
                store.listeners = tuple(one for one in store.listeners if one is not listener)

        return unsubscribe

    def to_frame(self) -> Any:
        """The failures as a pandas DataFrame, one row each, oldest first.

        They are numbered since the last ``clear()``, also those that are not kept any more.
        """
        failures = self.failures
        with self._store.lock:
            records, dropped = failures.snapshot(), failures.dropped
        from failextract_nb import table

        return table.to_frame(records, dropped + 1)

    def to_parquet(self, folder: str | os.PathLike[str]) -> Path:
        """Write the failures into ``folder/day=YYYY-MM-DD/<process>.parquet``; return the folder.

        Any number of processes may write into one folder, and each may do so again: what it wrote
        before stays, also what is not kept any more, and each failure stands there once.
        ``parquet.COLUMNS`` are the columns, ``record`` holds each failure whole.  A folder with
        nothing in it gets a file without rows, so that it can be read.
        Raises ImportError that says what to install, ValueError or OSError that name the file.
        """
        from failextract_nb import parquet

        return parquet.write(self.failures.snapshot(), folder)

    def __repr__(self) -> str:
        from failextract_nb import printed

        return printed.to_text(self.failures.snapshot(), self.get_statistics())

    def _repr_html_(self) -> str:
        from failextract_nb import printed

        return printed.to_html(self.failures.snapshot(), self.get_statistics())


# A fork waits for a moment when no other thread is at work here: the child has no such threads.
if hasattr(os, "register_at_fork"):  # not on Windows
    for _one in (FailureExtractor._store.lock, _OneActive.making):
        os.register_at_fork(
            before=_one.acquire, after_in_parent=_one.release, after_in_child=_one.release
        )


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both hold the very same objects under the same keys, in the same order."""
    return (
        len(one) == len(other)
        and all(map(operator.is_, one.values(), other.values()))
        and [*one] == [*other]
    )


def _mapping(data: Mapping[str, Any], method: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise TypeError(
            f"{method}() takes a mapping such as a dict with 'test_name' and "
            f"'exception_message', not {type(data).__name__}"
        )
    record: dict[str, Any] = native(dict(data.items()))  # of a dict, a dict
    fit(record)
    return capture.hide_noted(record)


def _check_limit(name: str, limit: object, whole: bool) -> None:
    if limit is None and name != "warn_at":
        return
    kinds = int if whole else (int, float)
    if isinstance(limit, bool) or not isinstance(limit, kinds) or not limit > 0:
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"{name} must be {kind} above 0, or None for no limit; got {limit!r}")
