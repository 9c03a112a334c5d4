"""JSON: an object with ``metadata``, ``failures``, and ``passed`` where asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from failextract_nb.formats._base import (
    Metadata,
    NotAReport,
    OutputFormatter,
    Records,
    Report,
    report_of,
)


def dumps(value: object, pretty: bool = True) -> str:
    """``value`` as JSON text; orjson where it can, the standard library for what it refuses."""
    import orjson

    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if pretty else 0)
    try:
        return orjson.dumps(value, option=option, default=str).decode()
    except orjson.JSONEncodeError:  # an integer past 64 bits, a lone surrogate, …
        return json.dumps(value, indent=2 if pretty else None, default=str)


class JSONFormatter(OutputFormatter):
    """One JSON object, written record by record."""

    extensions = (".json",)

    def iter_format(
        self, failures: Records, passed: Records | None = None, metadata: Metadata | None = None
    ) -> Iterator[str]:
        yield f'{{\n"metadata": {dumps(metadata or {})},\n"failures": '
        yield from _array(failures)
        if passed is not None:
            yield ',\n"passed": '
            yield from _array(passed)
        yield "\n}\n"

    def read(self, text: str) -> Report:
        try:
            data = json.loads(text)
        except ValueError as error:
            raise NotAReport(f"it is not valid JSON ({error})") from error
        return report_of(data)


def _array(records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    separator = "[\n"
    for record in records:
        yield separator + dumps(record)
        separator = ",\n"
    yield "[]" if separator == "[\n" else "\n]"


formatter = JSONFormatter()
