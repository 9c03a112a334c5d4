"""XML: the records as elements, with types, so that a reader gets back what was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from failextract_nb.formats._base import RECORDS, NotAReport, WholeFormatter, report_of, visible

ROOT = "failextract"
MAX_NAME = 100  # characters of an element's name


class XMLFormatter(WholeFormatter):
    """``<failextract><metadata/><failures><failure>…``; an element for each key.

    ``type`` is text where it is not said.  A key that is no XML name stands in
    ``<entry key="…">``.  Characters that XML forbids become visible escapes.
    """

    extensions = (".xml",)

    def iter_parts(self, parts: Mapping[str, Any]) -> Iterator[str]:
        yield f'<?xml version="1.0" encoding="utf-8"?>\n<{ROOT}>\n'
        for key, value in parts.items():
            if key in RECORDS and value is not None:
                yield from _list(key, "failure" if key == "failures" else "test", value)
            else:
                yield _text(_element(key, value))
        yield f"</{ROOT}>\n"

    def parts(self, text: str) -> Mapping[str, Any]:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise NotAReport("it declares a document type, which our reports do not")
        try:
            root = ET.fromstring(text)  # noqa: S314  # entities are refused above
        except ET.ParseError as error:
            raise NotAReport(f"it is not valid XML ({error})") from error
        if root.tag != ROOT:
            raise NotAReport(f"it is XML, but not a <{ROOT}>")
        parts = {
            part.get("key", part.tag): _read_all(part) if part.tag in RECORDS else _value(part)
            for part in root
        }
        if len(parts) != len(root):
            raise NotAReport("it has a part twice")
        return report_of(parts)


def _list(tag: str, item: str, records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f"<{tag}>\n"
    for record in records:
        yield _text(_element(item, dict(record)))
    yield f"</{tag}>\n"


def _element(name: str, value: object) -> ET.Element:
    # XML reserves names that start with xml, and readers bound their length.
    plain = name.isascii() and name.isidentifier() and len(name) <= MAX_NAME
    if plain and not name.lower().startswith("xml"):
        element = ET.Element(name)
    else:
        element = ET.Element("entry", key=visible(name))
    if isinstance(value, Mapping):
        element.set("type", "dict")
        element.extend(_element(str(key), item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        element.set("type", "list")
        element.extend(_element("item", item) for item in value)
    elif value is None:
        element.set("type", "null")
    elif isinstance(value, (bool, int, float)):
        element.set("type", type(value).__name__)
        element.text = str(value)
    else:
        element.text = visible(value)
    return element


def _text(element: ET.Element) -> str:
    ET.indent(element)
    return ET.tostring(element, encoding="unicode") + "\n"


def _read_all(parent: ET.Element) -> list[dict[str, Any]]:
    records = [_value(element) for element in parent]
    if not all(isinstance(record, dict) for record in records):
        raise NotAReport(f"<{parent.tag}> holds something that is not a record")
    return records


def _value(element: ET.Element) -> Any:
    kind, text = element.get("type"), element.text or ""
    if kind == "dict":
        return {child.get("key", child.tag): _value(child) for child in element}
    if kind == "list":
        return [_value(child) for child in element]
    if kind == "null":
        return None
    if kind == "bool":
        return text == "True"
    if kind in ("int", "float"):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError as error:
            raise NotAReport(f"<{element.tag}> does not hold a number") from error
    return text


formatter = XMLFormatter()
