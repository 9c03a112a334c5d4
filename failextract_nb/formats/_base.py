"""What every format is: ``OutputFormatter``, and the few things that several of them need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from failextract_nb.failure import redacted_in

Records = Iterable[Mapping[str, Any]]
Metadata = Mapping[str, Any]
Report = tuple[list[dict[str, Any]], list[dict[str, Any]] | None]


class NotAReport(ValueError):  # noqa: N818  # says it best
    """A file that was to be read or appended to is not a report of this format."""


class OutputFormatter:
    """Turns records into text.  A subclass writes ``format``, or ``iter_format`` for a long text.

    ``extensions`` are the endings of files (with their dots) that belong to the format, the usual
    one first.  A format that implements ``read`` can be appended to.
    """

    extensions: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.format is OutputFormatter.format and cls.iter_format is OutputFormatter.iter_format:
            raise TypeError(f"{cls.__name__} needs a method format() or iter_format()")

    def format(
        self, failures: Records, passed: Records | None = None, metadata: Metadata | None = None
    ) -> str:
        """The whole report as text."""
        return "".join(self.iter_format(failures, passed, metadata))

    def iter_format(
        self, failures: Records, passed: Records | None = None, metadata: Metadata | None = None
    ) -> Iterator[str]:
        """The report in chunks that follow each other; what is written to files."""
        yield self.format(failures, passed, metadata)

    def read(self, text: str) -> Report:  # noqa: ARG002  # what others read
        """The records of a report: failures, and passes or None.  NotAReport if it is none."""
        raise NotAReport("reports of this format cannot be read back, and so not appended to")

    def append(
        self, old: str, failures: Records, passed: Records | None, metadata: Metadata | None
    ) -> Iterator[str]:
        """The chunks of ``old`` with the records added that it does not hold (by their id)."""
        old_failures, old_passed = self.read(old)
        all_failures = [*old_failures, *not_in(old_failures, failures)]
        all_passed = None
        if old_passed is not None or passed is not None:
            all_passed = [*(old_passed or ()), *not_in(old_passed or (), passed or ())]
        about = dict(metadata or {})
        about["failure_count"], about["passed_count"] = len(all_failures), len(all_passed or ())
        about["redacted_values"] = redacted_in(all_failures)
        return self.iter_format(all_failures, all_passed, about)


class WholeFormatter(OutputFormatter):
    """A format whose report is one mapping: ``metadata``, ``failures``, ``passed`` where asked for.

    What a newer version has in it beside them is kept when its report is appended to.
    """

    def iter_parts(self, parts: Mapping[str, Any]) -> Iterator[str]:
        """The text of the mapping; the values of ``RECORDS`` are written record by record."""
        raise NotImplementedError

    def parts(self, text: str) -> Mapping[str, Any]:
        """What ``iter_parts`` was given.  NotAReport if it is none."""
        raise NotImplementedError

    def iter_format(
        self, failures: Records, passed: Records | None = None, metadata: Metadata | None = None
    ) -> Iterator[str]:
        parts: dict[str, Any] = {"metadata": dict(metadata or {}), "failures": failures}
        if passed is not None:
            parts["passed"] = passed
        return self.iter_parts(parts)

    def read(self, text: str) -> Report:
        parts = self.parts(text)
        return parts["failures"], parts.get("passed")

    def append(
        self, old: str, failures: Records, passed: Records | None, metadata: Metadata | None
    ) -> Iterator[str]:
        parts = dict(self.parts(old))
        parts["failures"] = [*parts["failures"], *not_in(parts["failures"], failures)]
        if parts.get("passed") is not None or passed is not None:
            before = parts.get("passed") or []
            parts["passed"] = [*before, *not_in(before, passed or ())]
        about = {**mapping(parts["metadata"]), **(metadata or {})}
        about["failure_count"] = len(parts["failures"])
        about["passed_count"] = len(parts.get("passed") or ())
        about["redacted_values"] = redacted_in(parts["failures"])
        if _version(parts["metadata"]) > _version(about):  # it may hold what only that one knows
            about["schema_version"] = _version(parts["metadata"])
        return self.iter_parts({**parts, "metadata": about})


RECORDS = ("failures", "passed")


def not_in(old: Records, new: Records) -> list[Mapping[str, Any]]:
    """The records of ``new`` whose id no record of ``old`` has."""
    known = {str(record["id"]) for record in old if record.get("id") is not None}
    return [record for record in new if str(record.get("id")) not in known]


def report_of(data: object) -> dict[str, Any]:
    """``data``, the report as one mapping; NotAReport if it is anything else.

    Keys that are not ours are somebody's data, unless a newer version of us has written them.
    """
    if not isinstance(data, dict) or not {"metadata", "failures"} <= data.keys():
        raise NotAReport("it is not a mapping with `metadata` and `failures`")
    others = data.keys() - {"metadata", *RECORDS}
    if others and not _version(data["metadata"]):
        raise NotAReport(f"it has what no report of ours has: {min(map(str, others))!r}")
    failures, passed = data["failures"], data.get("passed")
    if not _is_records(failures) or not (passed is None or _is_records(passed)):
        raise NotAReport("its `failures` or `passed` are not lists of mappings")
    return data


def _version(metadata: object) -> int:
    """The schema's version that a report says it has, 0 for none."""
    version = mapping(metadata).get("schema_version")
    return version if type(version) is int else 0


def _is_records(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(record, dict) for record in value)


_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def visible(value: object) -> str:
    r"""``value`` as text without the characters that XML forbids and terminals obey.

    They become escapes such as ``\x1b``; newlines and tabs stay.
    """
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return _UNSHOWN.sub(_escape, text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "backslashreplace").decode("ascii")


def title(failure: Mapping[str, Any]) -> str:
    """``ValueError: the first line of the message`` for a heading."""
    message = str(failure.get("exception_message") or "").strip()
    first = message.splitlines()[0] if message else ""
    kind = str(failure.get("exception_type", "unknown"))
    return f"{kind}: {first}" if first else kind


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one: users' records have any shape."""
    return value if isinstance(value, Mapping) else {}


def frames(failure: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each frame with its locals (empty where there are none), outermost first."""
    found, values = failure.get("extracted_code"), failure.get("locals")
    if not isinstance(found, list):
        return []
    pairs = zip_longest(found, values if isinstance(values, list) else ())
    return [(frame, mapping(held)) for frame, held in pairs if isinstance(frame, Mapping)]


def facts(failure: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader wants to know first, in order, by the words to show it under."""
    tags = failure.get("tags")
    known = {
        "Test": failure.get("test_name"),
        "File": failure.get("test_file"),
        "Line": failure.get("line_number"),
        "Time": failure.get("timestamp"),
        "Thread": failure.get("thread_name"),
        "Tags": ", ".join(map(str, tags)) if isinstance(tags, list) else tags,
    }
    return {name: value for name, value in known.items() if value}


def tables(failure: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What the test was given, by the words to show it under."""
    for name, key in (("Arguments", "test_kwargs"), ("Parameters", "parameters")):
        if values := mapping(failure.get(key)):
            yield name, values
    if fixtures := mapping(failure.get("fixtures")):
        yield "Fixtures", {name: _held(info) for name, info in fixtures.items()}


def _held(info: object) -> object:
    """The value and the scope of a fixture, without its source; what is no such thing as it is."""
    about = mapping(info)
    if "kind" not in about:
        return info
    value = about.get("value", "no value")
    return f"{value} ({about['scope']})" if "scope" in about else value


def code_with_mark(frame: Mapping[str, Any]) -> str:
    """The source around a frame's line, numbered, with an arrow at that line."""
    code, start = frame.get("code"), frame.get("code_start")
    if not isinstance(code, str) or not isinstance(start, int):
        return ""
    lines = code.split("\n")
    width = len(str(start + len(lines)))
    return "\n".join(
        f"{'→' if number == frame.get('line') else ' '} {number:>{width}}  {line}"
        for number, line in enumerate(lines, start)
    )
