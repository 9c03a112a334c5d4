"""JSON lines: one failure a line, for logs, ``grep`` and streams.

A pass has ``"passed": true``.  There is no line of metadata, so files can be concatenated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from failextract_nb.formats._base import (
    Metadata,
    NotAReport,
    OutputFormatter,
    Records,
    Report,
    not_in,
)
from failextract_nb.formats.json import dumps, loads


class JSONLFormatter(OutputFormatter):
    """One JSON object a line."""

    extensions = (".jsonl", ".ndjson")

    def iter_format(
        self,
        failures: Records,
        passed: Records | None = None,
        metadata: Metadata | None = None,  # noqa: ARG002  # the format has no place for it
    ) -> Iterator[str]:
        for record in failures:
            yield dumps(record, pretty=False) + "\n"
        for record in passed or ():
            yield dumps({**record, "passed": True}, pretty=False) + "\n"

    def append(
        self, old: str, failures: Records, passed: Records | None, metadata: Metadata | None
    ) -> Iterator[str]:
        old_failures, old_passed = self.read(old)
        yield old if old.endswith("\n") else f"{old}\n"
        new_passed = not_in(old_passed or (), passed or ())
        yield from self.iter_format(not_in(old_failures, failures), new_passed, metadata)

    def read(self, text: str) -> Report:
        failures: list[dict[str, Any]] = []
        passed: list[dict[str, Any]] = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                record = loads(line)
            except ValueError as error:
                raise NotAReport(f"line {number} is not valid JSON ({error})") from error
            if not isinstance(record, dict) or "id" not in record:
                raise NotAReport(f"line {number} is not a JSON object with an id")
            is_pass = record.get("passed") is True and "exception_type" not in record
            if is_pass:
                del record["passed"]
            (passed if is_pass else failures).append(record)
        return failures, passed or None


formatter = JSONLFormatter()
