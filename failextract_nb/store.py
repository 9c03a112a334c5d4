"""What every ``FailureExtractor`` shares: the records, the counts and the one lock."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from failextract_nb._safe import message_of
from failextract_nb._strings import type_name
from failextract_nb.changing import Changing
from failextract_nb.failure import Failure, Passed, complete
from failextract_nb.kept import Kept, own_size
from failextract_nb.recent import Recent, Tally, nothing

if TYPE_CHECKING:
    from failextract_nb.forgotten import Forgotten

MEGABYTE = 1024 * 1024
MANY_FAILURES = 1_000  # a session with more gets one warning
REMEMBERED_PROBLEMS = 20

Listener = Callable[[Failure], None]
Watcher = Callable[[], None]


class Store:
    """What all instances of ``FailureExtractor`` share.  The lock covers changes, nothing else."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changing = Changing(self.lock, self._mend)
        self.failures: Kept[Failure] = Kept(self.lock)
        self.passed: Kept[Passed] = Kept(self.lock)
        self.max_failures: int | None = None
        self.max_passed: int | None = None
        self.max_memory: float | None = None  # bytes
        self.many = MANY_FAILURES
        self.by_type: dict[str, int] = {}
        self.by_origin: dict[str, int] = {}
        self.expected = 0  # failures of cells that are meant to fail: kept, and not counted
        self.interrupted = 0
        self.generation = 0  # how often clear() was called
        # What went wrong inside, newest last.
        self.problems: deque[str] = deque(maxlen=REMEMBERED_PROBLEMS)
        self.warned: set[str] = set()
        self.listeners: tuple[Listener, ...] = ()
        self.watchers: list[Watcher] = []  # are told that there is something new to see
        self.remembers = False  # whether the next clear() is to be undone, and what it took
        self.forgotten: Forgotten | None = None
        # The notebook tells here what nobody has asked for until now, such as a task's exception.
        self.before_looking: Callable[[], None] = nothing
        self.capture_times = Recent()
        self.save_times = Recent()
        self.tally = Tally()
        self.passes_before = 0

    @property
    def pass_count(self) -> int:
        return self.tally.passes - self.passes_before

    def add(self, record: Failure, size: int, seconds: float | None = None) -> None:
        """Keep ``record``, of ``size`` bytes; ``seconds`` is what its capture took, if known."""
        if self.changing.comes_later(self.add, record, size, seconds):
            return
        with self.lock, self.changing:
            if seconds is not None:
                self.capture_times.note(seconds)
            if record["id"] in self.failures.ids:
                self._replace(record, size)
            else:
                self.failures.append(record, size)
                self.count(record, 1)
            crossed = self.trim()
        self.changing.finish()
        if crossed:
            self.warn(crossed)
        self.tell()

    def tell(self) -> None:
        """Let those who watch know that failures came, changed or went."""
        for watcher in [*self.watchers]:
            try:
                watcher()
            except Exception as error:  # noqa: BLE001  # it must not cost who has failed anything
                self.note_problem("a watcher", error)

    def amend(self, failure_id: str, changes: Mapping[str, Any]) -> bool:
        if self.changing.comes_later(self.amend, failure_id, changes):
            return True
        with self.lock, self.changing:
            old = self.failures.get(failure_id)
            if old is None:
                return False
            new = complete({**old, **changes, "id": failure_id})
            before = {key: old[key] for key in changes if key in old}  # type: ignore[literal-required]
            size = self.failures.size_of(failure_id) + own_size(changes) - own_size(before)
            self._replace(new, size)
            crossed = self.trim()
        self.changing.finish()
        self.warn(crossed)
        self.tell()
        return True

    def _replace(self, record: Failure, size: int) -> None:
        old = self.failures.get(record["id"])
        assert old is not None  # noqa: S101  # both callers have looked, under the lock
        self.count(old, -1)
        self.count(record, 1)
        self.failures.replace(record, size)

    def add_passed(self, record: Passed, size: int) -> None:
        if self.changing.comes_later(self.add_passed, record, size):
            return
        with self.lock, self.changing:
            if self.passed.get(record["id"]) is not None:
                self.passed.replace(record, size)
                return
            self.passed.append(record, size)
            if self.max_passed is not None and len(self.passed) > self.max_passed:
                self.passed.drop_oldest()
            crossed = self.trim()
        self.changing.finish()
        self.tally.passes += 1
        self.warn(crossed)

    def set_limits(
        self, failures: int | None, passed: int | None, memory: float | None, many: int
    ) -> None:
        """Keep so many failures, passes and bytes from now on; warn at ``many`` failures."""
        if self.changing.comes_later(self.set_limits, failures, passed, memory, many):
            return
        with self.lock, self.changing:
            self.max_failures, self.max_passed, self.max_memory = failures, passed, memory
            self.many = many
            self.warned.clear()
            while passed is not None and len(self.passed) > passed:
                self.passed.drop_oldest()
            crossed = self.trim()
        self.changing.finish()
        self.warn(kind for kind in crossed if kind == "memory")
        self.tell()

    def trim(self) -> list[str]:
        """Drop the oldest until every limit holds; return the warnings that are due."""
        failures, limit = self.failures, self.max_failures
        count = len(failures)
        while limit is not None and count > limit:
            self.count(failures.drop_oldest(), -1)
            count -= 1
        crossed = [] if self.max_memory is None else self._trim_to(self.max_memory)
        if len(failures) + failures.dropped >= self.many and "many" not in self.warned:
            crossed.append("many")
        return crossed

    def _trim_to(self, max_memory: float) -> list[str]:
        crossed = []
        if self.forgotten and self.bytes + self.forgotten.bytes > max_memory:
            self.forgotten = None
        while self.bytes > max_memory:
            crossed = ["memory"]
            if len(self.passed):
                self.passed.drop_oldest()
            elif len(self.failures) > 1:
                self.count(self.failures.drop_oldest(), -1)
            else:
                break
        return crossed

    def dropped(self) -> dict[str, int]:
        """What a report says of the records that are not kept any more."""
        return {"dropped_failures": self.failures.dropped, "dropped_passed": self.passed.dropped}

    @property
    def held(self) -> int:
        """Bytes of all records, those that an undo would bring back too."""
        return self.bytes + (self.forgotten.bytes if self.forgotten else 0)

    @property
    def bytes(self) -> int:
        return self.failures.bytes + self.passed.bytes

    def count(self, record: Failure, by: int) -> None:
        if record.get("expected"):
            self.expected += by
            return
        _count(self.by_type, record["exception_type"], by)
        _count(self.by_origin, record["origin"], by)

    def warn(self, crossed: Iterable[str]) -> None:
        """Each warning once, until ``clear``; after the lock, as a warning filter is user code."""
        for kind in crossed:
            if kind in self.warned:
                continue
            self.warned.add(kind)
            # Not a ResourceWarning: Python shows none of those.  Where warnings are errors, the
            # record is stored all the same.
            with suppress(RuntimeWarning):
                warnings.warn(self._warning(kind), RuntimeWarning, stacklevel=4)

    def _warning(self, kind: str) -> str:
        if kind == "many":
            return (
                f"failextract_nb has seen {self.many} failures; set_memory_limits(max_failures=…) "
                "keeps the newest only, export and clear() start afresh"
            )
        limit = (self.max_memory or 0) / MEGABYTE
        return (
            f"failextract_nb has reached its memory limit of {limit:g} MB and drops the oldest "
            "records; get_statistics()['dropped_failures'] counts them"
        )

    def note_problem(self, what: str, problem: BaseException) -> None:
        """Say what went wrong inside, and keep it for ``get_statistics()["problems"]``."""
        text = f"{what}: {type_name(type(problem))}: {message_of(problem)}"
        self.problems.append(text)
        from failextract_nb.foreign import harmless

        shown = " ".join(harmless(text).split())  # to a terminal, or a log that obeys some lines
        with suppress(Exception):  # where warnings are errors, they must not replace the user's own
            warnings.warn(f"failextract_nb: {shown}", RuntimeWarning, stacklevel=5)

    def clear(self) -> None:
        if self.changing.comes_later(self.clear):
            return
        with self.lock, self.changing:
            self.forgotten = self._all() if self.remembers else None
            self.remembers = False
            self._empty()
            self.problems.clear()
        self.changing.finish()
        self.tell()

    def _empty(self) -> None:
        self.generation += 1
        self.failures.clear()
        self.passed.clear()
        self.by_type.clear()
        self.by_origin.clear()
        self.expected = 0
        self.warned.clear()
        self.interrupted = 0
        self.passes_before += self.pass_count

    def _all(self) -> Forgotten:
        from failextract_nb.forgotten import all_of

        return all_of(self)

    def forget(self) -> None:
        """Let go of what the last ``clear`` took."""
        if self.changing.comes_later(self.forget):
            return
        with self.lock, self.changing:
            self.forgotten = None
        self.changing.finish()
        self.tell()

    def restore(self) -> int:
        """Bring back what the last ``clear`` took, before what came since; how many failures.

        0 where nothing was remembered.
        """
        from failextract_nb.forgotten import bring_back

        if self.changing.comes_later(self.restore):
            return 0
        with self.lock, self.changing:
            before, self.forgotten = self.forgotten, None
            if before is None:
                return 0
            since = self._all()
            warned = set(self.warned)
            self._empty()
            self.warned |= warned
            bring_back(self, before, since)
            self.trim()
        self.changing.finish()
        self.tell()
        return len(before.failures)

    def _mend(self) -> None:
        """Make all that follows from the records true again: a change was left half done."""
        self.passed.mend()
        self.failures.mend()  # the last: it has the texts that records share
        self.by_type, self.by_origin, self.expected = {}, {}, 0
        for record in self.failures.snapshot():
            self.count(record, 1)


def _count(counts: dict[str, int], name: str, by: int) -> None:
    if count := counts.get(name, 0) + by:
        counts[name] = count
    else:
        counts.pop(name, None)
