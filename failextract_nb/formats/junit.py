"""JUnit XML: a suite for each notebook or module, a case for each record, for CI servers.

Valid against Ant's JUnit schema, the strictest of those in use, and against Jenkins' own.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any
from xml.etree import ElementTree as ET

from failextract_nb import failure as words
from failextract_nb.formats._base import Metadata, OutputFormatter, Records, visible

# What the schema allows as a timestamp has no fraction and no offset: 2026-01-31T12:00:00
_TIMESTAMP_LENGTH = 19
_NO_TIME = "1970-01-01T00:00:00"


class JUnitFormatter(OutputFormatter):
    """``<testsuites>`` with failures and, where they are given, passes."""

    extensions = (".junit.xml",)

    def iter_format(
        self,
        failures: Records,
        passed: Records | None = None,
        metadata: Metadata | None = None,  # noqa: ARG002  # the format has no place for it
    ) -> Iterator[str]:
        suites: dict[str, _Cases] = {}
        for record in failures:
            suites.setdefault(_suite_name(record), ([], []))[0].append(record)
        for record in passed or ():
            suites.setdefault(_suite_name(record), ([], []))[1].append(record)
        yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n'
        for number, (name, cases) in enumerate(suites.items()):
            before, after = _suite(number, name, cases).split(_CASES)
            yield before
            for is_failed, records in zip((True, False), cases, strict=True):
                for record in records:
                    case = _case(name, record, is_failed)
                    ET.indent(case, level=2)
                    yield f"    {ET.tostring(case, encoding='unicode')}\n"
            yield f"{after}\n"
        yield "</testsuites>\n"


def _suite_name(record: Mapping[str, Any]) -> str:
    return _token(record.get("notebook") or record.get("test_module") or words.UNKNOWN)


_CASES = "    <cases />\n"
_Cases = tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]  # that failed, that passed


def _suite(number: int, name: str, cases: _Cases) -> str:
    """A suite with one element for all its cases, which are written one by one."""
    failed, passed = cases
    expected = sum(bool(record.get("expected")) for record in failed)
    times = filter(None, map(_timestamp, chain(failed, passed)))
    suite = ET.Element(
        "testsuite",
        id=str(number),
        name=name,
        package=name,
        hostname=_token(socket.gethostname() or "localhost"),
        timestamp=min(times, default=_NO_TIME),
        tests=str(len(failed) + len(passed)),
        failures=str(len(failed) - expected),
        errors="0",
        skipped=str(expected),
        time=_seconds(sum(map(_duration, chain(failed, passed)))),
    )
    properties = ET.SubElement(suite, "properties")
    if redacted := words.redacted_in(failed):
        ET.SubElement(properties, "property", name="redacted_values", value=str(redacted))
    for part in ("cases", "system-out", "system-err"):
        ET.SubElement(suite, part)
    ET.indent(suite, level=1)
    return f"  {ET.tostring(suite, encoding='unicode')}"


def _case(suite: str, record: Mapping[str, Any], is_failed: bool) -> ET.Element:
    case = ET.Element(
        "testcase",
        name=_token(words.where(record)),
        classname=_token(record.get("test_module") or suite),
        time=_seconds(_duration(record)),
    )
    if is_failed and record.get("expected"):  # the cell is tagged to raise
        kind, message = record.get("exception_type"), record.get("exception_message")
        ET.SubElement(case, "skipped", message=visible(f"expected: {kind}: {message}"))
    elif is_failed:
        fault = ET.SubElement(
            case,
            "failure",
            message=visible(record.get("exception_message") or ""),
            type=visible(record.get("exception_type") or words.UNKNOWN),
        )
        fault.text = visible(record.get("exception_traceback") or "")
    return case


def _token(value: object) -> str:
    """One line without outer or double blanks, as the schema's tokens are; never empty."""
    return " ".join(visible(value).split()) or words.UNKNOWN


def _timestamp(record: Mapping[str, Any]) -> str | None:
    try:
        moment = datetime.fromisoformat(str(record.get("timestamp")))
    except ValueError:
        return None
    return moment.isoformat()[:_TIMESTAMP_LENGTH] if moment.year >= 1000 else None


def _duration(record: Mapping[str, Any]) -> float:
    duration = record.get("duration")
    usable = isinstance(duration, (int, float)) and 0 <= duration < 1e9
    return float(duration) if usable else 0.0  # type: ignore[arg-type]


def _seconds(duration: float) -> str:
    return f"{duration:.3f}"  # Jenkins' schema takes no more digits


formatter = JUnitFormatter()
