"""CSV: a row for each failure, the columns a spreadsheet user asks for, all else as JSON."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from failextract_nb.formats._base import Metadata, NotAReport, OutputFormatter, Records, Report
from failextract_nb.formats.json import dumps, loads

TEXT = (
    "id",
    "timestamp",
    "origin",
    "test_name",
    "test_module",
    "test_file",
    "exception_type",
    "exception_message",
    "exception_traceback",
    "thread_name",
)
NUMBERS = ("line_number", "execution_count", "thread_id", "process_id", "duration")
COLUMNS = (
    "status",
    "id",
    "timestamp",
    "origin",
    "test_name",
    "test_module",
    "test_file",
    "line_number",
    "execution_count",
    "exception_type",
    "exception_message",
    "exception_traceback",
    "duration",
    "thread_id",
    "thread_name",
    "process_id",
    "details",
)
# A spreadsheet takes a cell that starts with one of these for a formula; the apostrophe stops it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_limit_lock = threading.Lock()


class CSVFormatter(OutputFormatter):
    """RFC 4180 with a header; ``details`` is a JSON object of what has no column."""

    extensions = (".csv",)

    def iter_format(
        self,
        failures: Records,
        passed: Records | None = None,
        metadata: Metadata | None = None,  # noqa: ARG002  # the format has no place for it
    ) -> Iterator[str]:
        yield _line(COLUMNS)
        for record in failures:
            yield _line(_row("failed", record))
        for record in passed or ():
            yield _line(_row("passed", record))

    def read(self, text: str) -> Report:
        rows = _rows(text)
        if not rows or tuple(rows[0]) != COLUMNS:
            raise NotAReport(f"its first line is not {','.join(COLUMNS[:4])},…")
        records = [_record(row) for row in rows[1:] if row]
        failures = [record for status, record in records if status != "passed"]
        passed = [record for status, record in records if status == "passed"]
        return failures, passed or None


def _rows(text: str) -> list[list[str]]:
    # The reader's limit is one for the process, and less than a long traceback has.
    with _limit_lock:
        limit = csv.field_size_limit()
        csv.field_size_limit(max(limit, len(text)))
        try:
            return list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except csv.Error as error:
            raise NotAReport(f"it is not valid CSV ({error})") from error
        finally:
            csv.field_size_limit(limit)


def _line(values: Any) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(values)
    return buffer.getvalue()


def _row(status: str, record: Mapping[str, Any]) -> list[str]:
    rest = dict(record)
    cells = {"status": status}
    for column in TEXT:
        if type(rest.get(column)) is str:
            cells[column] = _inert(rest.pop(column))
    for column in NUMBERS:
        if type(rest.get(column)) in (int, float):
            cells[column] = repr(rest.pop(column))
    cells["details"] = dumps(rest, pretty=False) if rest else ""
    return [cells.get(column, "") for column in COLUMNS]


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _record(row: list[str]) -> tuple[str, dict[str, Any]]:
    if len(row) != len(COLUMNS):
        raise NotAReport(f"it has a row of {len(row)} cells, not {len(COLUMNS)}")
    cells = dict(zip(COLUMNS, row, strict=True))
    record: dict[str, Any] = {
        column: cells[column].removeprefix("'") for column in TEXT if cells[column]
    }
    try:
        for column in NUMBERS:
            if cells[column]:
                record[column] = loads(cells[column])
        details = loads(cells["details"] or "{}")
    except ValueError as error:
        raise NotAReport(f"it has a cell that is not what its column says ({error})") from error
    if not isinstance(details, dict):
        raise NotAReport("it has `details` that are not a JSON object")
    return cells["status"], {**record, **details}


formatter = CSVFormatter()
