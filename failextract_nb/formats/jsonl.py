"""JSON lines: one failure a line, for logs, ``grep`` and streams.

A pass has ``"passed": true``.  There is no line of metadata, so files can be concatenated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from failextract_nb.formats._base import Metadata, NotAReport, OutputFormatter, Records, Report
from failextract_nb.formats.json import dumps


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

    def read(self, text: str) -> Report:
        failures: list[dict[str, Any]] = []
        passed: list[dict[str, Any]] = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise NotAReport(f"line {number} is not valid JSON ({error})") from error
            if not isinstance(record, dict):
                raise NotAReport(f"line {number} is not a JSON object")
            is_pass = record.get("passed") is True
            if is_pass:
                del record["passed"]
            (passed if is_pass else failures).append(record)
        return failures, passed or None


formatter = JSONLFormatter()
