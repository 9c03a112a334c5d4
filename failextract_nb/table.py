"""Failures as a pandas DataFrame, and that as text and as static HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from failextract_nb.failure import counted, line_of, where
from failextract_nb.formats._base import visible

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 25  # rows of a table that is shown; all are in the DataFrame
SHOWN_COLUMNS = ("time", "where", "type", "message", "line")
MIN_MESSAGE = 20  # however narrow the terminal is
MAX_MESSAGE = 100  # characters of a message in a table that is shown
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

_NOTHING = "No failures yet. The next one of this session will stand here."


def to_frame(failures: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each failure, in the order given, numbered from 1; columns are ``COLUMNS``.

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
    index = pd.RangeIndex(1, len(records) + 1, name="#")
    frame = pd.DataFrame({name: columns[name] for name in COLUMNS}, columns=COLUMNS)
    # An empty column says nothing about its type.
    return frame.astype(dict.fromkeys([*_TEXT, "where", "tags"], "str")).set_axis(index)


def _whole(values: Iterable[float]) -> list[int | None]:
    return [int(value) if 0 < value < MAX_LINE else None for value in values]


def _tags(tags: object) -> str:
    return ", ".join(map(str, tags)) if isinstance(tags, list) else str(tags or "")


def newest(failures: Sequence[Mapping[str, Any]], count: int = SHOWN) -> pd.DataFrame:
    """The last ``count`` failures as they are shown: newest first, local time, one line each."""
    import pandas as pd

    first = max(0, len(failures) - count)
    frame = to_frame(failures[first:])
    frame.index = pd.RangeIndex(first + 1, len(failures) + 1, name="#")
    shown = frame[list(SHOWN_COLUMNS)].iloc[::-1].copy()
    local = frame["time"].dt.tz_convert(_local_zone()).dt.strftime("%H:%M:%S")
    shown["time"] = local.iloc[::-1].fillna("")
    for column in ("where", "type", "message"):
        shown[column] = [_one_line(value) for value in shown[column]]
    shown["line"] = [_one_line(line_of(record)) for record in reversed(failures[first:])]
    return shown


def _local_zone() -> Any:
    return datetime.now().astimezone().tzinfo


def _one_line(value: str) -> str:
    return _cut(" ".join(visible(value).split()), MAX_MESSAGE)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def to_text(
    failures: Sequence[Mapping[str, Any]], statistics: Mapping[str, Any] | None = None
) -> str:
    """The table for a terminal, as wide as that is: messages are cut to fit."""
    if not failures:
        return _NOTHING
    shown = newest(failures).reset_index().astype(str)
    rows: list[list[str]] = [[str(name) for name in shown.columns], *shown.to_numpy().tolist()]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    at = rows[0].index("message")
    free = get_terminal_size().columns - sum(widths) - 2 * len(widths) + widths[at]
    widths[at] = min(widths[at], max(MIN_MESSAGE, free))
    for row in rows:
        row[at] = _cut(row[at], widths[at])
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join([caption(failures, statistics), "", *(line.rstrip() for line in lines)])


def to_html(
    failures: Sequence[Mapping[str, Any]], statistics: Mapping[str, Any] | None = None
) -> str:
    """The table for a notebook: static, theme-neutral, with every text escaped."""
    if not failures:
        return f"<p><em>{_NOTHING}</em></p>"
    shown = newest(failures).reset_index()
    head = "".join(f"<th {_LEFT}>{escape(column)}</th>" for column in shown.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td {_LEFT}>{escape(str(value))}</td>' for value in row)}</tr>"
        for row in shown.to_numpy().tolist()
    )
    return (
        f"<p>{escape(caption(failures, statistics))}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


_LEFT = 'style="text-align:left"'


def caption(
    failures: Sequence[Mapping[str, Any]], statistics: Mapping[str, Any] | None = None
) -> str:
    """``3 failures, 2 passed, 5 older ones dropped``, and how many rows are not shown."""
    known = statistics or {}
    count = len(failures)
    expected = known.get("expected_count", 0)
    parts = [counted(count - expected)]
    if expected:
        parts.append(f"{expected} expected")
    if known.get("passed_count"):
        parts.append(f"{known['passed_count']} passed")
    if known.get("dropped_failures"):
        parts.append(f"{counted(known['dropped_failures'], 'older one')} dropped")
    if count > SHOWN:
        parts.append(f"the newest {SHOWN} are shown")
    return ", ".join(parts)
