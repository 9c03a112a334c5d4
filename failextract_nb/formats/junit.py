"""JUnit XML: a suite for each notebook or module, a case for each record, for CI servers.

Valid against Ant's JUnit schema, the strictest of those in use, and against Jenkins' own.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from failextract_nb import failure as words
from failextract_nb.formats._base import Metadata, OutputFormatter, Records, visible

# What the schema allows as a timestamp has no fraction and no offset: 2026-01-31T12:00:00
_TIMESTAMP_LENGTH = 19
_NO_TIME = "1970-01-01T00:00:00"


class Case(NamedTuple):
    """A record as a test case: that it has failed, or why it is skipped; else it has passed."""

    record: Mapping[str, Any]
    has_failed: bool = False
    skipped: str = ""


class Suite(NamedTuple):
    """The cases of one notebook or module, and what is to be said beside them."""

    name: str
    cases: list[Case]
    beside: str = ""


class JUnitFormatter(OutputFormatter):
    """``<testsuites>`` with failures and, where they are given, passes."""

    extensions = (".junit.xml",)

    def iter_format(
        self,
        failures: Records,
        passed: Records | None = None,
        metadata: Metadata | None = None,  # noqa: ARG002  # the format has no place for it
    ) -> Iterator[str]:
        cases = chain(map(of_failure, failures), map(Case, passed or ()))
        suites: dict[str, Suite] = {}
        for case in cases:
            name = _suite_name(case.record)
            suites.setdefault(name, Suite(name, [])).cases.append(case)
        return to_junit(suites.values())


def to_junit(suites: Iterable[Suite]) -> Iterator[str]:
    """The report in chunks, each with one case at most."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n'
    for number, suite in enumerate(suites):
        name = token(suite.name)
        before, after = _suite(number, name, suite).split(_CASES)
        yield before
        for case in suite.cases:
            element = _case(name, case)
            ET.indent(element, level=2)
            yield f"    {ET.tostring(element, encoding='unicode')}\n"
        yield f"{after}\n"
    yield "</testsuites>\n"


def expected(record: Mapping[str, Any]) -> str:
    """Why a case is skipped whose cell is tagged to raise."""
    return f"expected: {record.get('exception_type')}: {record.get('exception_message')}"


def of_failure(record: Mapping[str, Any]) -> Case:
    """The case of a failure."""
    if record.get("expected"):
        return Case(record, skipped=expected(record))
    return Case(record, has_failed=True)


def _suite_name(record: Mapping[str, Any]) -> str:
    return token(record.get("notebook") or record.get("test_module") or words.UNKNOWN)


_CASES = "    <cases />\n"


def _suite(number: int, name: str, suite: Suite) -> str:
    """A suite with one element for all its cases, which are written one by one."""
    records = [case.record for case in suite.cases]
    times = filter(None, map(_timestamp, records))
    element = ET.Element(
        "testsuite",
        id=str(number),
        name=name,
        package=name,
        hostname=token(socket.gethostname() or "localhost"),
        timestamp=min(times, default=_NO_TIME),
        tests=str(len(records)),
        failures=str(sum(case.has_failed for case in suite.cases)),
        errors="0",
        skipped=str(sum(bool(case.skipped) for case in suite.cases)),
        time=_seconds(sum(map(_duration, records))),
    )
    properties = ET.SubElement(element, "properties")
    if redacted := words.redacted_in(records):
        ET.SubElement(properties, "property", name="redacted_values", value=str(redacted))
    for part in ("cases", "system-out", "system-err"):
        ET.SubElement(element, part)
    ET.indent(element, level=1)
    element[-1].text = visible(suite.beside) or None
    return f"  {ET.tostring(element, encoding='unicode')}"


def _case(suite: str, case: Case) -> ET.Element:
    record = case.record
    element = ET.Element(
        "testcase",
        name=token(words.where(record)),
        classname=token(record.get("test_module") or suite),
        time=_seconds(_duration(record)),
    )
    if case.skipped:
        ET.SubElement(element, "skipped", message=visible(case.skipped))
    elif case.has_failed:
        fault = ET.SubElement(
            element,
            "failure",
            message=visible(record.get("exception_message") or ""),
            type=visible(record.get("exception_type") or words.UNKNOWN),
        )
        fault.text = visible(record.get("exception_traceback") or "")
    return element


def token(value: object) -> str:
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
