"""JSON: an object with ``metadata``, ``failures``, and ``passed`` where asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from failextract_nb.formats._base import RECORDS, NotAReport, WholeFormatter, report_of


def dumps(value: object, pretty: bool = True) -> str:
    """``value`` as JSON text; orjson where it can, the standard library for what it refuses."""
    import orjson

    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if pretty else 0)
    try:
        return orjson.dumps(value, option=option, default=str).decode()
    except orjson.JSONEncodeError:  # an integer past 64 bits, a lone surrogate, …
        return json.dumps(value, indent=2 if pretty else None, default=str)


def loads(text: str) -> Any:
    """The data of JSON text.  ValueError for what is none, or is nested too deep to be a report.

    Numbers that JSON has no words for become text, as they do in the store.
    """
    try:
        return json.loads(text, parse_constant=str, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _finite(text: str) -> float | str:
    return number if math.isfinite(number := float(text)) else text


class JSONFormatter(WholeFormatter):
    """One JSON object, written record by record; ``schema.json`` describes it."""

    extensions = (".json",)

    def iter_parts(self, parts: Mapping[str, Any]) -> Iterator[str]:
        separator = "{"
        for key, value in parts.items():
            yield f"{separator}\n{dumps(key)}: "
            if key in RECORDS and value is not None:
                yield from _array(value)
            else:
                yield dumps(value)
            separator = ","
        yield "\n}\n"

    def parts(self, text: str) -> Mapping[str, Any]:
        try:
            data = loads(text)
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
