"""What every format is: ``OutputFormatter``, and the few things that several of them need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

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
        all_failures = _united(old_failures, failures)
        all_passed = None
        if old_passed is not None or passed is not None:
            all_passed = _united(old_passed or [], passed or [])
        about = dict(metadata or {})
        about["failure_count"], about["passed_count"] = len(all_failures), len(all_passed or ())
        return self.iter_format(all_failures, all_passed, about)


def _united(old: Sequence[Mapping[str, Any]], new: Records) -> list[Mapping[str, Any]]:
    known = {record.get("id") for record in old} - {None}
    return list(chain(old, (record for record in new if record.get("id") not in known)))


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
