"""The failures of the session as their readers look at them, live: one table for each kernel.

Whoever shows it, the widget or JupyterLab's panel, listens to it and draws what it says.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from failextract_nb import formats
from failextract_nb.extractor import FailureExtractor
from failextract_nb.rows import Rows
from failextract_nb.shown import Shown, Wishes
from failextract_nb.widget.exports import Export
from failextract_nb.widget.following import Follower, Reader

if TYPE_CHECKING:
    import pandas as pd

HOW = ("only", "add", "remove", "range", "all", "none")

Listener = Callable[[], None]


def forgotten() -> int:
    """How many failures ``undo`` would bring back."""
    cleared = FailureExtractor._store.forgotten
    return len(cleared.failures) if cleared else 0


class Table:
    """What is shown and what is selected.  It follows the session while somebody listens."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # the store's lock may be taken under it, never around it
        self.rows = Rows()
        self._shown = Shown(self.rows, Wishes())
        self._generation = -1
        self._told: tuple[Any, ...] = ()
        self.picked = np.zeros(0, dtype=bool)  # which rows are selected
        self.version = 0
        self.jobs: dict[str, Export] = {}
        self.listeners: dict[Listener, None] = {}  # in the order they came
        self.left = False  # by the last of them
        self.follower = Follower(self.look)
        self.reader = Reader(self._read)

    def listen(self, listener: Listener) -> None:
        """Have ``listener()`` called after every change, by the thread that made it."""
        with self._lock:
            self.listeners[listener] = None
            first = len(self.listeners) == 1
            self.left = False
            self._update()
        if first:
            self.follower.start()
            atexit.register(self.stop_exports)

    def unlisten(self, listener: Listener) -> None:
        """Call it no more; the last to go takes what was wished for along.

        Widgets call it as they are collected, also in a thread that is storing a failure just then:
        so without the lock.
        """
        self.listeners.pop(listener, None)
        self.left = not self.listeners
        if self.left:
            self.follower.stop()
            atexit.unregister(self.stop_exports)
            self.stop_exports()

    def stop_exports(self) -> None:
        """No half-written file is left behind."""
        for export in self.jobs.values():
            export.stop()
        self.jobs.clear()

    # --- what is shown

    @property
    def wishes(self) -> Wishes:
        """What the reader has asked for."""
        return self._shown.wishes

    @contextmanager
    def looking(self) -> Iterator[Shown]:
        """What is shown, which stays so inside the block."""
        with self._lock:
            yield self._shown

    def wish(self, **changes: Any) -> None:
        """Change some of ``wishes``, such as ``sort``, ``descending``, ``grouped``, ``facets``."""
        with self._lock:
            self._shown = self._shown.wish(**changes)
            self.version += 1
        self.tell()

    def check(self, query: str) -> None:
        """ValueError, which names the columns, for a filter that cannot be worked out."""
        with self._lock:
            try:
                self._shown.wish(query=query)
            except Exception as error:
                raise ValueError(
                    f"the failures cannot be filtered by {query!r}: {type(error).__name__}: "
                    f"{error}. The columns are: {', '.join(self.rows.frame.columns)}"
                ) from error

    def failure(self, failure_id: str) -> Mapping[str, Any] | None:
        """The record with this id; None where it is not kept any more."""
        return FailureExtractor().failures.get(failure_id)

    def select(self, how: str, keys: list[str]) -> None:
        """Select lines by their keys: ``how`` is one of ``HOW``; ValueError for another."""
        if how not in HOW:
            raise ValueError(f"how must be one of {', '.join(HOW)}; got {how!r}")
        with self._lock:
            shown, picked = self._shown, self.picked.copy()
            places = [place for key in keys if (place := shown.place(key)) is not None]
            lines = range(min(places), max(places) + 1) if how == "range" and places else places
            if how not in ("add", "remove"):
                picked[:] = False
            if how == "all":
                picked[shown.kept] = True
            elif how != "none":
                picked[shown.members(lines)] = how != "remove"
            self.picked = picked
            self.version += 1
        self.tell()

    def frame(self) -> pd.DataFrame:
        """The failures that are shown, in their order: a copy."""
        self.refresh()
        with self._lock:
            return self._shown.frame()

    def selected(self) -> pd.DataFrame:
        """The selected ones, in the order of the table: a copy."""
        self.refresh()
        with self._lock:
            order = self._shown.ordered
            return self.rows.frame.iloc[order[self.picked[order]]].copy()

    # --- forgetting

    def clear(self) -> int:
        """Forget every failure, as ``FailureExtractor().clear()``; returns how many there were."""
        store = FailureExtractor._store
        count = len(FailureExtractor().failures)
        store.remembers = True
        try:
            FailureExtractor().clear()
        finally:
            store.remembers = False
        self.look()
        return count

    def undo(self) -> int:
        """Bring back what the last ``clear`` of the table took; returns how many failures."""
        count = FailureExtractor._store.restore()
        self.look()
        return count

    def forget(self) -> None:
        """Let go of what ``undo`` would bring back."""
        FailureExtractor._store.forget()
        self.look()

    # --- following the session

    def refresh(self) -> None:
        """Look at the store now, and tell the listeners what is new."""
        FailureExtractor._store.before_looking()
        with self._lock:
            changed = self._update()
        if changed or self._told != (formats.names(), forgotten()):
            self.tell()

    def look(self) -> None:
        """Look at the store, and tell the listeners."""
        with self._lock:
            self._update()
        self.tell()

    def tell(self) -> None:
        """Let all listeners know, whatever one of them raises."""
        self._told = (formats.names(), forgotten())
        with ExitStack() as stack:
            for listener in reversed([*self.listeners]):
                stack.callback(listener)

    def _update(self) -> bool:
        store = FailureExtractor._store
        with store.lock:
            records, dropped = store.failures.snapshot(), store.failures.dropped
            anew = store.generation != self._generation
            self._generation = store.generation
        changed = self.rows.update(records, dropped, anew)
        if changed is None:
            return False
        gone, kept, renewed = changed
        old = self.picked[gone : gone + kept] if not anew else self.picked[:0]
        self.picked = np.zeros(len(records), dtype=bool)
        self.picked[: len(old)] = old
        wishes = self.wishes
        if renewed:
            wishes = replace(wishes, opened=frozenset())
        try:
            self._shown = Shown(self.rows, wishes)
        except Exception as error:  # noqa: BLE001  # a query that the new failures do not fit
            store.note_problem(f"the filter {wishes.query!r} was taken away", error)
            self._shown = Shown(self.rows, replace(wishes, query=""))
        self.version += 1
        return True

    def read_ahead(self) -> None:
        """Make the first search as quick as the next, in the background."""
        self.reader.start()

    def _read(self, count: int) -> bool:
        with self._lock:
            return self.left or self.rows.read(count)


_making = threading.Lock()
_table: Table | None = None


def table() -> Table:
    """The session's one table; a new one where nobody listens to the last one any more."""
    global _table  # noqa: PLW0603  # the one
    with _making:
        if _table is None or _table.left:
            _table = Table()
        return _table
