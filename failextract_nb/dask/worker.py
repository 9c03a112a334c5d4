"""On each worker: a failure becomes a record where it happens, and is told to those that watch."""

from __future__ import annotations

import pickle
from collections import Counter
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any, cast

from dask.utils import key_split
from distributed import Worker, WorkerPlugin

from failextract_nb import capture, remember
from failextract_nb.dask import events
from failextract_nb.extractor import FailureExtractor
from failextract_nb.failure import Failure
from failextract_nb.home import CODE

RATE, BURST = 10.0, 100  # failures that a worker tells a second, and at once
RUNNING = frozenset({"executing", "long-running"})
TOO_LONG, PLAIN = "Long error message", "Exception("  # how Dask begins what it puts in
TELL_COUNTS_AFTER = 0.5  # seconds, in which more may come


class Limit:
    """Allows ``burst`` at once, and ``rate`` a second in the long run."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = self._left = float(burst)
        self._last = monotonic()

    def allows(self) -> bool:
        """Whether one more may pass now."""
        now = monotonic()
        self._left = min(self._burst, self._left + (now - self._last) * self._rate)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class FailurePlugin(WorkerPlugin):
    """Tells of each task that fails on a worker; ``watch`` puts it there.

    A worker tells ``burst`` failures at once and ``rate`` a second; of what is more it tells how
    many there were.  The exception takes its record along to whoever asks for the result.
    Raises ValueError for what is not above 0.
    """

    name = "failextract_nb"
    idempotent = True  # who watches second changes nothing for the first

    def __init__(self, rate: float = RATE, burst: int = BURST) -> None:
        for what, value in (("rate", rate), ("burst", burst)):
            if not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(f"{what} must be a number above 0; got {value!r}")
        self._rate = rate
        self._burst = burst

    def setup(self, worker: Worker) -> None:
        self._worker = worker
        self._limit = Limit(self._rate, self._burst)
        self._counts: Counter[str] = Counter()  # of what is not told one by one
        self._numbers = count(1)
        self._began: dict[Any, int] = {}  # tasks that run: how many failures there were before

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002  # Dask's signature
        self._tell_counts()

    def transition(self, key: Any, start: str, finish: str, **_: Any) -> None:
        if finish == "executing":
            self._began[key] = _recorded()
        if finish in RUNNING:
            return
        began = self._began.pop(key, None)
        if finish != "error" or start == "error":
            return
        task = self._worker.state.tasks.get(key)
        if task is None:
            return
        if not self._limit.allows():
            if not self._counts:
                self._worker.loop.call_later(TELL_COUNTS_AFTER, self._tell_counts)
            self._counts[str(task.exception_text).partition("(")[0]] += 1
            return
        try:
            said = self._failed(task, began)
        except Exception as problem:  # noqa: BLE001  # a class may refuse to be read again
            remember.note_problem(f"the failure of {key!s} was not told", problem)
            self._counts[str(task.exception_text).partition("(")[0]] += 1
            self._tell_counts()
            return
        if said:
            self._worker.log_event(events.TOPIC, said)

    def _failed(self, task: Any, began: int | None) -> str:
        """What is told of a task that has failed; "" for what was told of another."""
        serialized = task.exception
        error = serialized.data
        if isinstance(error, bytes):  # what the worker has pickled and read once already
            error = pickle.loads(error)  # noqa: S301
        known = capture.mark_of(error) or self._stored(task, error, began)
        if known and known.get("dask"):  # of a task whose result this one has asked for
            return ""
        name = str(key_split(task.key))
        details = {"test_name": name, "dask": self._about(task)}
        record = remember.captured(error, origin=events.ORIGIN, name=name, details=details)
        if record is None:
            return ""
        if known is None:
            _name_as_it_was(record, task.exception_text)
        attempt = record["id"]
        # The cluster's number of this piece of work: the same however often it is tried, and where.
        scheduler = self._worker.scheduler.address
        if not (known and events.watched_here and remember.is_here(known)):
            # A worker adds to the priority what only it knows.
            record["id"] = events.identity(scheduler, task.key, task.priority[:-1])
            self._put_back(serialized, error, record)
        return events.failed(record, attempt)

    def _about(self, task: Any) -> dict[str, Any]:
        asked = {one.key for one in task.dependencies}
        return {
            "key": str(task.key),
            "worker": self._worker.address,
            "dependencies": events.named(asked),
            "dependency_count": len(asked),
            CODE: events.marks_of(getattr(task.run_spec, "func", None)),
        }

    def _stored(self, task: Any, error: BaseException, began: int | None) -> Failure | None:
        """The record of a decorated function whose exception could not be sent as it was.

        Dask sends another in its place, which bears no mark: a text of one that cannot be pickled,
        the beginning of one that is too long.
        """
        newest = next(iter(FailureExtractor._store.failures[-1:]), None)
        if newest is None or not _is_replaced(error, task.exception_text):
            return None
        kind, message = newest["exception_type"], newest["exception_message"]
        if (
            newest["thread_id"] != self._worker.state.threads.get(task.key)
            or began == _recorded()
            or not task.exception_text.startswith(f"{kind}(")
            or message[:20] not in str(error)
        ):
            return None
        known = cast("Failure", {**newest, remember.HOME: remember.this_store()})
        capture.mark(error, known)
        return known

    def _put_back(self, serialized: Any, error: BaseException, record: Failure) -> None:
        """Let the exception take the record along, with this id."""
        capture.mark(error, record)
        with suppress(Exception):  # then it is met as another one where it arrives
            if isinstance(serialized.data, bytes):
                serialized.data = pickle.dumps(error)

    def _tell_counts(self) -> None:
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        address = self._worker.address
        number = f"{address}/{next(self._numbers)}"
        self._worker.log_event(events.TOPIC, events.more(address, number, counts))


def _recorded() -> int:
    """How many failures this process has recorded, also those that are not kept."""
    failures = FailureExtractor._store.failures
    return failures.dropped + len(failures)


def _is_replaced(error: BaseException, text: str) -> bool:
    """Whether Dask has put another in the place of the exception whose repr is ``text``."""
    return error.args[:1] == (TOO_LONG,) or (
        type(error) is Exception and not text.startswith(PLAIN)
    )


def _name_as_it_was(record: Failure, text: str) -> None:
    """Put in the class of an exception that could not be pickled, of which ``text`` is the repr."""
    kind, bracket, _ = text.partition("(")
    if record["exception_type"] == "Exception" and not text.startswith(PLAIN) and bracket:
        record["exception_type"] = kind
        record.pop("exception_module", None)
