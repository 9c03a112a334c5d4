"""The failure table where nothing can run it: as text, as static HTML, as records for a viewer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from shutil import get_terminal_size
from typing import Any

from failextract_nb import failure as words
from failextract_nb.failure import counted
from failextract_nb.formats._base import visible
from failextract_nb.rows import Rows
from failextract_nb.shown import Shown, Wishes, one_line

LINES = 25  # of a printed table
COLUMNS = ("#", "time", "where", "exception", "message", "line", "count")
MIN_MESSAGE = 20  # characters, however narrow the terminal is
MAX_MESSAGE = 100

# Bytes in the notebook's file.  Ten tables, each with both, and the widget's own state stay below
# 400 KB; GitHub and nbconvert show the HTML.
HTML_BUDGET = 15_000
RECORDS_BUDGET = 10_000
_INDENT = 11  # bytes of each line in a record: its place in a notebook, and a comma
MAX_TRACEBACK = 2_000  # characters, from the end

MIME = "application/vnd.failextract.failures.v1+json"

_NOTHING = "No failures yet. The next one of this session will stand here."
_LEFT = 'style="text-align:left;vertical-align:top"'

Records = Sequence[Mapping[str, Any]]
Statistics = Mapping[str, Any] | None


def shown(failures: Records, statistics: Statistics = None) -> Shown:
    """The table of these failures as one first sees it: newest first, equal ones in groups."""
    rows = Rows()
    rows.update(failures, int((statistics or {}).get("dropped_failures") or 0), anew=False)
    return Shown(rows, Wishes())


def lines_of(table: Shown, count: int = LINES) -> list[dict[str, Any]]:
    """The first lines of a table; none is selected."""
    import numpy as np

    return table.window(0, count, np.zeros(len(table.rows), dtype=bool))


def _cells(line: Mapping[str, Any]) -> list[str]:
    message = one_line(line["message"], MAX_MESSAGE)
    when = _local_time(line["time"])
    place = one_line(line["where"], MAX_MESSAGE)
    kind = one_line(line["type"], MAX_MESSAGE)
    return [str(line["number"]), when, place, kind, message, line["line"], str(line["count"])]


def _local_time(stamp: str) -> str:
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%H:%M:%S")
    except (ValueError, OverflowError):
        return ""


def to_text(failures: Records, statistics: Statistics = None) -> str:
    """The table for a terminal, as wide as that is: messages are cut to fit."""
    return text_of(shown(failures, statistics), statistics) if failures else _NOTHING


def text_of(table: Shown, statistics: Statistics = None) -> str:
    """The first lines of a table for a terminal, below a caption."""
    if not len(table):
        return caption(table, statistics) if len(table.rows) else _NOTHING
    rows = [list(COLUMNS), *map(_cells, lines_of(table))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    at = COLUMNS.index("message")
    free = get_terminal_size().columns - sum(widths) - 2 * len(widths) + widths[at]
    widths[at] = min(widths[at], max(MIN_MESSAGE, free))
    for row in rows:
        row[at] = one_line(row[at], widths[at])
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join([caption(table, statistics), "", *(line.rstrip() for line in lines)])


def to_html(failures: Records, statistics: Statistics = None) -> str:
    """The table for a notebook: static, theme-neutral, with every text escaped."""
    if not failures:
        return f"<p><em>{_NOTHING}</em></p>"
    return html_of(shown(failures, statistics), statistics)


def html_of(table: Shown, statistics: Statistics = None) -> str:
    """The first lines of a table with their tracebacks folded, in at most ``HTML_BUDGET`` bytes.

    Where they do not fit, the older lines lack the traceback, then the oldest are left out.
    """
    if not len(table):
        text = caption(table, statistics) if len(table.rows) else _NOTHING
        return f"<p><em>{escape(text)}</em></p>"
    lines = lines_of(table)
    rows = [_html_row(_cells(line), "") for line in lines]
    free = HTML_BUDGET - 1_000 - sum(map(_size, rows))  # the caption and the head
    while rows and free < 0:
        free += _size(rows.pop())
    for place, row in enumerate(rows):
        record = table.rows.records[lines[place]["number"] - table.rows.dropped - 1]
        traceback = str(record.get("exception_traceback") or "")
        folded = _html_row(_cells(lines[place]), traceback)
        more = _size(folded) - _size(row)
        if more <= free:
            rows[place] = folded
            free -= more
    head = "".join(f"<th {_LEFT}>{escape(column)}</th>" for column in COLUMNS)
    return (
        f"<p>{escape(caption(table, statistics, len(rows)))}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _size(text: str) -> int:
    """Bytes in a notebook's file, where a quote and a newline take more than one."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def _html_row(cells: Sequence[str], traceback: str) -> str:
    shown_cells = [escape(cell) for cell in cells]
    if traceback:
        text = visible(traceback)
        text = text if len(text) <= MAX_TRACEBACK else f"…{text[-MAX_TRACEBACK:]}"
        at = COLUMNS.index("message")
        summary = shown_cells[at] or "traceback"
        shown_cells[at] = (
            f"<details><summary>{summary}</summary><pre {_LEFT}>\n{escape(text)}</pre></details>"
        )
    return f"<tr>{''.join(f'<td {_LEFT}>{cell}</td>' for cell in shown_cells)}</tr>"


def caption(table: Shown, statistics: Statistics = None, lines: int = LINES) -> str:
    """``3 failures, 2 passed, 5 older ones dropped``, and how many lines are not shown."""
    known = statistics or {}
    expected = known.get("expected_count", 0)
    parts = [counted(len(table.rows) - expected)]
    if expected:
        parts.append(f"{expected} expected")
    if known.get("passed_count"):
        parts.append(f"{known['passed_count']} passed")
    if known.get("dropped_failures"):
        parts.append(f"{counted(known['dropped_failures'], 'older one')} dropped")
    if len(table.kept) < len(table.rows):
        found = f"{len(table.kept) or 'none'} for"
        asked = [f"the search {table.wishes.search!r}"] if table.wishes.search else []
        asked += [f"the filter {table.wishes.query!r}"] if table.wishes.query else []
        parts.append(f"{found} {' and '.join(asked) or 'what is ticked'}")
    if len(table) > lines:
        newest = table.wishes.sort == "number" and table.wishes.descending
        which = "newest" if newest else "first"
        parts.append(f"the {which} {lines} are shown" if lines else "none fits here")
    return ", ".join(parts)


# What a viewer can do without first; then the next, and so on.
_SLIMMER = (
    frozenset[str](),
    words.LOCALS_KEYS | words.FIXTURE_KEYS,
    words.LOCALS_KEYS | words.FIXTURE_KEYS | words.SOURCE_KEYS,
    words.LOCALS_KEYS | words.FIXTURE_KEYS | words.SOURCE_KEYS | words.TRACEBACK_KEYS,
)
ENOUGH = 10  # records; fewer are not worth their details


def records_of(table: Shown, budget: int = RECORDS_BUDGET) -> dict[str, Any]:
    """The newest failures of a table as JSON that takes at most ``budget`` bytes in a notebook.

    ``total`` is how many there are.  Where not enough fit, they go without variables, then without
    sources, then without their traceback.
    """
    newest = [table.rows.records[row] for row in reversed(table.kept[-LINES:].tolist())]
    fitting: list[Any] = []
    for left_out in _SLIMMER:
        fitting = _fitting((slim(record, left_out) for record in newest), budget - 200)
        if len(fitting) >= min(ENOUGH, len(newest)):
            break
    return {
        "schema_version": words.SCHEMA_VERSION,
        "total": len(table.kept),
        "failures": fitting[::-1],  # oldest first, as in every report
    }


def _fitting(records: Iterable[Any], budget: int) -> list[Any]:
    found = []
    for record in records:
        text = json.dumps(record, indent=1, ensure_ascii=False)
        budget -= len(text.encode()) + _INDENT * (text.count("\n") + 1)
        if budget < 0:
            break
        found.append(record)
    return found


def slim(value: Any, left_out: frozenset[str] = frozenset()) -> Any:
    """What a record holds without some keys, such as any notebook's file can hold."""
    if isinstance(value, Mapping):
        return {
            visible(key): slim(item, left_out) for key, item in value.items() if key not in left_out
        }
    if isinstance(value, list):
        return [slim(item, left_out) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return visible(value) if isinstance(value, str) else value
