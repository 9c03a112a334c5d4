"""Markdown: a table of what failed, then each failure, for issues, wikis and pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from typing import Any
from urllib.parse import quote

from failextract_nb import failure as words
from failextract_nb.formats._base import (
    Metadata,
    NotAReport,
    OutputFormatter,
    Records,
    code_with_mark,
    facts,
    frames,
    mapping,
    tables,
    title,
    visible,
)

HEADING = "# Failure report"
_ID = "<!-- failextract:{} -->"
_KNOWN = re.compile(r"<!-- failextract:(.*) -->$", re.MULTILINE)
_FENCED = re.compile(r"^(`{3,})[^`\n]*\n(?:.*\n)*?\1`*$", re.MULTILINE)
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~:^$@=\"'])")
MAX_CELL = 120  # characters of a message in the table


class MarkdownFormatter(OutputFormatter):
    """GitHub-flavoured Markdown.  All text of the user's is escaped or fenced."""

    extensions = (".md", ".markdown")

    def iter_format(
        self, failures: Records, passed: Records | None = None, metadata: Metadata | None = None
    ) -> Iterator[str]:
        yield f"{HEADING}\n\n"
        yield from self._section(list(failures), passed, metadata)

    def append(
        self, old: str, failures: Records, passed: Records | None, metadata: Metadata | None
    ) -> Iterator[str]:
        if not old.startswith(HEADING):
            raise NotAReport(f"it does not start with {HEADING!r}")
        ours = _FENCED.sub("", old)  # without the text of the user's
        if "\n```" in ours or "<!--" in ours.rpartition("-->")[2]:
            raise NotAReport("it ends inside a block: its end is missing")
        known = set(_KNOWN.findall(ours)) - {""}
        new = [record for record in failures if _id(record) not in known]
        new_passed = [record for record in passed or () if _id(record) not in known]
        yield old if old.endswith("\n") else f"{old}\n"
        if new or new_passed:
            yield "\n---\n\n"
            yield from self._section(new, new_passed or None, metadata)

    def _section(
        self,
        failures: list[Mapping[str, Any]],
        passed: Records | None,
        metadata: Metadata | None,
    ) -> Iterator[str]:
        passed = None if passed is None else list(passed)
        yield _summary(len(failures), passed, metadata)
        if failures:
            yield "| # | Where | Exception | Message | Line |\n|--:|---|---|---|--:|\n"
        for number, record in enumerate(failures, 1):
            yield _row(number, record)
        for number, record in enumerate(failures, 1):
            yield from _failure(number, record)
        if passed:
            yield "\n## Passed\n\n"
        for record in passed or ():
            name = inline(record.get("test_name")) or words.UNKNOWN
            yield f"- {name} {_ID.format(_id(record))}\n"


def inline(value: object) -> str:
    """Text of the user's on one line, with everything escaped that Markdown acts on."""
    text = " ".join(visible(value).split())
    return _SPECIAL.sub(r"\\\1", text)


def fence(text: object, language: str = "") -> str:
    """Text of the user's in a fence that is longer than any in it."""
    body = visible(text)
    longest = max((len(run) for run in re.findall(r"`{3,}", body)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}{language}\n{body}{'' if body.endswith(chr(10)) else chr(10)}{ticks}\n"


def _summary(count: int, passed: Sized | None, metadata: Metadata | None) -> str:
    known = dict(metadata or {})
    parts = [words.counted(count)]
    if passed is not None:
        parts.append(f"{len(passed)} passed")
    if known.get("dropped_failures"):
        parts.append(f"{inline(known['dropped_failures'])} older ones dropped")
    if known.get("redacted_values"):
        parts.append(f"{inline(known['redacted_values'])} values redacted")
    if "generated" in known:
        parts.append(inline(known["generated"]))
    return f"{', '.join(parts)}\n\n"


def _row(number: int, record: Mapping[str, Any]) -> str:
    message = str(record.get("exception_message") or "")
    cut = message[:MAX_CELL] + ("…" if len(message) > MAX_CELL else "")
    cells = (
        number,
        inline(words.where(record)),
        inline(record.get("exception_type", words.UNKNOWN)),
        inline(cut),
        inline(words.line_of(record)),
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |\n"


def _failure(number: int, record: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## {number}. {inline(title(record))}\n\n{_ID.format(_id(record))}\n"
    shown = {"Where": words.where(record), **facts(record)}
    yield "".join(f"- {key}: {inline(value)}\n" for key, value in shown.items())
    if record.get("exception_message"):
        yield f"\n{fence(record['exception_message'], 'text')}"
    if record.get("exception_traceback"):
        yield f"\n{fence(record['exception_traceback'], 'text')}"
    source = record.get("cell_source") or record.get("test_source") or _innermost(record)
    if source:
        yield f"\n### Source\n\n{fence(source, 'python')}"
    yield from _tables(record)


def _innermost(record: Mapping[str, Any]) -> str:
    found = frames(record)
    return code_with_mark(found[-1][0]) if found else ""


def _tables(record: Mapping[str, Any]) -> Iterator[str]:
    for frame, values in frames(record):
        if values:
            place = f"{frame.get('function')}, line {frame.get('line')}"
            yield f"\n### Locals of {inline(place)}\n\n{_table(values)}"
    for name, values in tables(record):
        yield f"\n### {name}\n\n{_table(values)}"
    for name, text in mapping(record.get("captured")).items():
        yield f"\n### Output: {inline(name)}\n\n{fence(text, 'text')}"


def _table(values: Mapping[str, Any]) -> str:
    rows = "".join(f"| {inline(name)} | {inline(value)} |\n" for name, value in values.items())
    return f"| Name | Value |\n|---|---|\n{rows}"


def _id(record: Mapping[str, Any]) -> str:
    """The id, so written that it cannot end the comment it stands in."""
    return quote(visible(record.get("id", ""))).replace("--", "%2D%2D")


formatter = MarkdownFormatter()
