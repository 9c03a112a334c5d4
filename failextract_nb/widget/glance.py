"""What JupyterLab shows of the failures around the cells: how many are new, and where they were."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from failextract_nb import formats
from failextract_nb.extractor import FailureExtractor
from failextract_nb.shown import one_line

MAX_CELLS = 1_000  # the newest that have failed


class Glance:
    """The failures counted, in all and for each cell; brought up to date when it is looked at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells: dict[str, dict[str, Any]] = {}  # id -> its failures; the newest last
        self._changed: set[str] = set()  # cells, since the last look
        self._generation = -1
        self._next = 0  # the number of the failure that comes next
        self._seen = ""  # the id of the newest failure that somebody has looked at

    def seen(self, count: int | None = None) -> None:
        """Somebody has looked at the first ``count`` failures since the last clear, or at all."""
        store = FailureExtractor._store
        with store.lock:
            failures, ids = store.failures, store.failures.ids
            place = len(failures)
            if count is not None:
                place = min(place, count - failures.dropped)
            if place > 0:
                newest = failures[place - 1]["id"]
                if ids[newest] > ids.get(self._seen, -1):  # another page may have seen more
                    self._seen = newest

    def look(self, whole: bool) -> dict[str, Any]:
        """Totals, and the cells that failed since the last look, or with ``whole`` all of them."""
        store = FailureExtractor._store
        with self._lock:
            with store.lock:
                records, dropped = store.failures.snapshot(), store.failures.dropped
                generation, ids = store.generation, store.failures.ids
                seen = ids.get(self._seen)
                unseen = 0 if seen is None else seen + 1 - ids[records[0]["id"]]
            anew = whole
            if generation != self._generation:
                self._generation, self._next, anew = generation, dropped, True
                self._cells.clear()
            self._count(records[max(self._next - dropped, 0) :])
            self._next = dropped + len(records)
            names = [name for name in self._cells if anew or name in self._changed]
            self._changed.clear()
            return {
                "anew": anew,
                "total": len(records),
                "unseen": sum(not one.get("expected") for one in records[unseen:]),
                "formats": formats.names(),
                "cells": {name: dict(self._cells[name]) for name in names},
                "last": next(reversed(self._cells), ""),
            }

    def _count(self, records: Iterable[Mapping[str, Any]]) -> None:
        counts: Counter[str] = Counter()
        newest: dict[str, Mapping[str, Any]] = {}
        for record in records:
            cell = record.get("cell_id")
            if not cell or not isinstance(cell, str) or record.get("expected"):
                continue
            counts[cell] += 1
            # A thread of an earlier run may fail after the cell has run again.
            if cell not in newest or _run(record) >= _run(newest[cell]):
                newest.pop(cell, None)
                newest[cell] = record
        for cell, record in newest.items():
            before = self._cells.pop(cell, {"count": 0, "run": 0})
            count = before["count"] + counts[cell]
            if before["run"] > _run(record):
                self._cells[cell] = {**before, "count": count}
                continue
            self._cells[cell] = {
                "count": count,
                "run": _run(record),
                "line": _line(record),
                "message": one_line(_said(record)),
                "failure": record["id"],
            }
        self._changed.update(newest)
        while len(self._cells) > MAX_CELLS:
            self._cells.pop(next(iter(self._cells)))


def _said(record: Mapping[str, Any]) -> str:
    kind, message = record.get("exception_type"), record.get("exception_message")
    return f"{kind}: {message}" if message else str(kind)


def _run(record: Mapping[str, Any]) -> int:
    return _whole(record.get("execution_count"))


def _line(record: Mapping[str, Any]) -> int:
    """The line of its own cell, from 1, at which a failure happened; 0 where it is not known."""
    own = f"Cell In[{record.get('execution_count')}]"
    frames = record.get("extracted_code")
    for frame in reversed(frames) if isinstance(frames, list) else ():
        if isinstance(frame, Mapping) and frame.get("file") == own:
            return _whole(frame.get("line"))
    return _whole(record.get("line_number")) if record.get("test_file") == own else 0


def _whole(value: object) -> int:
    """A number of a record's; 0 where a user has written something else there."""
    return value if type(value) is int else 0
