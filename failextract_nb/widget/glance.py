"""What JupyterLab shows of the failures around the cells: how many are new, and where they were."""

from __future__ import annotations

import threading
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
        self._unseen = 0

    def seen(self) -> None:
        """Somebody has looked at all failures that there are."""
        with self._lock:
            self._update()
            self._unseen = 0

    def look(self, whole: bool) -> dict[str, Any]:
        """Totals, and the cells that failed since the last look, or with ``whole`` all of them."""
        with self._lock:
            anew = self._update() or whole
            names = [name for name in self._cells if anew or name in self._changed]
            self._changed.clear()
            return {
                "anew": anew,
                "total": len(FailureExtractor().failures),
                "unseen": self._unseen,
                "formats": formats.names(),
                "cells": {name: dict(self._cells[name]) for name in names},
                "last": next(reversed(self._cells), ""),
            }

    def _update(self) -> bool:
        """Take in what is new; whether what was known has gone."""
        store = FailureExtractor._store
        with store.lock:
            kept, dropped = store.failures, store.failures.dropped
            anew = store.generation != self._generation
            if anew:
                self._generation, self._next, self._unseen = store.generation, dropped, 0
                self._cells.clear()
            first = max(self._next - dropped, 0)
            new = kept[first:] if first < len(kept) else []
            self._next = dropped + len(kept)
        self._count(new)
        return anew

    def _count(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            if record.get("expected"):
                continue
            self._unseen += 1
            if not (cell := record.get("cell_id")):
                continue
            name = str(cell)
            before = self._cells.pop(name, None)
            self._cells[name] = {
                "count": 1 + (before["count"] if before else 0),
                "run": record.get("execution_count") or 0,
                "line": _line(record),
                "message": one_line(_said(record)),
                "failure": str(record["id"]),
            }
            self._changed.add(name)
            if len(self._cells) > MAX_CELLS:
                self._cells.pop(next(iter(self._cells)))


def _said(record: Mapping[str, Any]) -> str:
    kind, message = record.get("exception_type"), record.get("exception_message")
    return f"{kind}: {message}" if message else str(kind)


def _line(record: Mapping[str, Any]) -> int:
    """The line of its own cell, from 1, at which a failure happened; 0 where it is not known."""
    own = f"Cell In[{record.get('execution_count')}]"
    frames = record.get("extracted_code")
    for frame in reversed(frames if isinstance(frames, list) else ()):
        if isinstance(frame, Mapping) and frame.get("file") == own:
            return int(frame.get("line") or 0)
    return int(record.get("line_number") or 0) if record.get("test_file") == own else 0
