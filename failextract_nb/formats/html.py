"""HTML: one file that opens anywhere, offline: the failure table, or without JavaScript a page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree as ET

from failextract_nb import _front
from failextract_nb import failure as words
from failextract_nb.formats._base import (
    Metadata,
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
from failextract_nb.formats.json import dumps

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --mark: #d1242f; }
@media (prefers-color-scheme: dark) { :root { --mark: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
noscript details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
noscript details > *:not(summary) { margin-left: 1rem; margin-right: 1rem; }
noscript summary { cursor: pointer; padding: .5rem 1rem; overflow-wrap: anywhere; }
noscript summary b { color: var(--mark); }
noscript summary small { opacity: .75; margin-left: .75rem; }
noscript pre { background: var(--soft); padding: .75rem 1rem; border-radius: 6px; overflow-x: auto;
      font: 13px/1.45 ui-monospace, monospace; }
noscript table { border-collapse: collapse; margin: .75rem 1rem; }
noscript :is(th, td) { text-align: left; vertical-align: top; padding: .2rem .75rem .2rem 0;
         border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
noscript td { font: 13px/1.45 ui-monospace, monospace; }
noscript h3 { font-size: 1rem; margin-bottom: .25rem; }
"""

# Nothing can be loaded and no script can run but ours, whatever a record holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'"


class HTMLFormatter(OutputFormatter):
    """The failure table over the records as JSON; without JavaScript a ``<details>`` for each.

    ElementTree escapes all text, and JSON has no ``<``.
    """

    extensions = (".html", ".htm")

    def iter_format(
        self, failures: Records, passed: Records | None = None, metadata: Metadata | None = None
    ) -> Iterator[str]:
        failures = list(failures)
        passed = None if passed is None else list(passed)
        script = _front.read("report.js").strip()
        yield '<!DOCTYPE html>\n<html lang="en">\n'
        yield _text(_head(len(failures), script))
        yield "<body>\n"
        yield _text(_el("h1", "Failure report"))
        yield _text(_el("p", _summary(failures, passed, metadata)))
        yield '<div id="failextract-table"></div>\n<noscript>\n'
        for number, record in enumerate(failures, 1):
            yield _text(_failure(number, record))
        yield "</noscript>\n"
        yield from _data(failures)
        yield f"<script>{script}</script>\n"
        if passed:
            names = (_el("li", one.get("test_name", words.UNKNOWN)) for one in passed)
            yield _text(_el("h2", "Passed"))
            yield _text(_el("ul", *names))
        yield "</body>\n</html>\n"


def _data(failures: list[Mapping[str, Any]]) -> Iterator[str]:
    """The records as JSON that nothing of a page's markup can be in."""
    separator = '<script type="application/json" id="failextract-failures">\n['
    for record in failures:
        yield separator + dumps(record, pretty=False).replace("<", "\\u003c")
        separator = ",\n"
    yield f"{separator if not failures else ''}]</script>\n"


def _el(tag: str, *content: object, **attributes: str) -> ET.Element:
    """An element: text is escaped, elements nest, None is left out."""
    element = ET.Element(tag, attributes)
    last: ET.Element | None = None
    for part in content:
        if isinstance(part, ET.Element):
            element.append(part)
            last = part
        elif part is not None and last is None:
            element.text = (element.text or "") + visible(part)
        elif part is not None and last is not None:
            last.tail = (last.tail or "") + visible(part)
    return element


def _pre(text: object) -> ET.Element:
    return _el("pre", "\n", text)  # a reader of HTML drops the first newline in <pre>


def _text(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode", method="html") + "\n"


def _head(count: int, script: str) -> ET.Element:
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = _el("meta", content=_POLICY.format(digest))
    policy.set("http-equiv", "Content-Security-Policy")
    return _el(
        "head",
        _el("meta", charset="utf-8"),
        policy,
        _el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _el("title", f"{words.counted(count)} – failure report"),
        _el("style", _STYLE),
    )


def _summary(
    failures: list[Mapping[str, Any]], passed: Records | None, metadata: Metadata | None
) -> str:
    known = dict(metadata or {})
    parts = [words.counted(len(failures)) if failures else "Nothing failed"]
    if passed is not None and "passed_count" in known:
        parts.append(f"{known['passed_count']} passed")
    if known.get("dropped_failures"):
        parts.append(f"{known['dropped_failures']} older ones were dropped")
    if known.get("redacted_values"):
        parts.append(f"{known['redacted_values']} values were redacted")
    if "generated" in known:
        parts.append(str(known["generated"]))
    versions = known.get("versions")
    if isinstance(versions, Mapping):
        parts.append(", ".join(f"{name} {version}" for name, version in versions.items()))
    return " · ".join(parts)


def _failure(number: int, record: Mapping[str, Any]) -> ET.Element:
    summary = _el(
        "summary",
        f"{number}. ",
        _el("b", record.get("exception_type", words.UNKNOWN)),
        title(record).removeprefix(str(record.get("exception_type", words.UNKNOWN))),
        _el("small", _place(record)),
    )
    parts: list[ET.Element] = [summary, _table(facts(record))]
    message = str(record.get("exception_message") or "")
    if len(message.strip().splitlines()) > 1:  # the summary has the first
        parts.append(_pre(message))
    if record.get("exception_traceback"):
        parts.append(_pre(record["exception_traceback"]))
    if source := record.get("cell_source") or record.get("test_source"):
        parts += [_el("h3", "Source"), _pre(source)]
    parts += _frames(record)
    for name, values in tables(record):
        parts += [_el("h3", name), _table(values)]
    for name, text in mapping(record.get("captured")).items():
        parts += [_el("h3", f"Output: {visible(name)}"), _pre(text)]
    return _el("details", *parts, id=visible(record.get("id", number)))


def _place(record: Mapping[str, Any]) -> str:
    line = words.line_of(record)
    return f"{words.where(record)}, line {line}" if line else words.where(record)


def _frames(record: Mapping[str, Any]) -> Iterator[ET.Element]:
    """The user's frames that have something to show beyond the traceback."""
    for frame, values in frames(record):
        if not values:
            continue
        yield _el("h3", f"{frame.get('function')}, {frame.get('file')}:{frame.get('line')}")
        if code := code_with_mark(frame):
            yield _pre(code)
        yield _table(values)


def _table(values: Mapping[str, Any]) -> ET.Element:
    rows = (_el("tr", _el("th", key), _el("td", value)) for key, value in values.items())
    return _el("table", *rows)


formatter = HTMLFormatter()
