"""Failures as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from failextract_nb.failure import where

if TYPE_CHECKING:
    import pandas as pd

MAX_LINE = 2**53  # no line, no count is above; a float is exact up to it

# Column of the frame -> key of the record, where the value is taken as it is.
_TEXT = {
    "type": "exception_type",
    "message": "exception_message",
    "origin": "origin",
    "name": "test_name",
    "file": "test_file",
    "thread": "thread_name",
    "id": "id",
}
_NUMBERS = {"line": "line_number", "duration": "duration", "execution_count": "execution_count"}
COLUMNS = (
    "time", "where", "type", "message", "line", "origin", "name", "file", "thread",
    "execution_count", "duration", "tags", "id",
)  # fmt: skip


def to_frame(failures: Iterable[Mapping[str, Any]], first: int = 1) -> pd.DataFrame:
    """One row for each failure, in the order given, numbered from ``first``; see ``COLUMNS``.

    ``time`` is a UTC timestamp (NaT where a record's is unreadable), ``duration`` seconds.
    """
    import pandas as pd

    records = list(failures)
    columns: dict[str, Any] = {
        name: [str(record.get(key) or "") for record in records] for name, key in _TEXT.items()
    }
    for name, key in _NUMBERS.items():
        values = pd.Series([record.get(key) for record in records], dtype="object")
        columns[name] = pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64")
    columns["line"] = pd.array(_whole(columns["line"]), dtype="Int64")
    columns["execution_count"] = pd.array(_whole(columns["execution_count"]), dtype="Int64")
    columns["time"] = pd.to_datetime(
        [str(record.get("timestamp")) for record in records],
        utc=True,
        errors="coerce",
        format="ISO8601",
    ).as_unit("us")  # whatever the first record is written in
    columns["where"] = [where(record) for record in records]
    columns["tags"] = [_tags(record.get("tags")) for record in records]
    index = pd.RangeIndex(first, first + len(records), name="#")
    frame = pd.DataFrame({name: columns[name] for name in COLUMNS}, columns=COLUMNS)
    # An empty column says nothing about its type.
    return frame.astype(dict.fromkeys([*_TEXT, "where", "tags"], "str")).set_axis(index)


def _whole(values: Iterable[float]) -> list[int | None]:
    return [int(value) if 0 < value < MAX_LINE else None for value in values]


def _tags(tags: object) -> str:
    return ", ".join(map(str, tags)) if isinstance(tags, list) else str(tags or "")
