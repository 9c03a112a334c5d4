"""YAML: the shape of the JSON report, with tracebacks as readable blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from failextract_nb._strings import clean
from failextract_nb.formats._base import RECORDS, NotAReport, WholeFormatter, report_of

_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")  # to YAML they end a line, in a block too
_TAG = "tag:yaml.org,2002:"
_WIDE = 1_000_000  # characters: never fold a line


SAFE_VERSION = "6.0.4"  # of PyYAML; those before it end the process where text is nested very deep
MAX_DEPTH = 1_000


class YAMLFormatter(WholeFormatter):
    """One YAML document, written record by record; ``yaml.safe_load`` reads it."""

    extensions = (".yaml", ".yml")

    def iter_parts(self, parts: Mapping[str, Any]) -> Iterator[str]:
        for key, value in parts.items():
            if key in RECORDS and value is not None:
                yield from _sequence(key, value)
            else:
                yield _dump({key: value})

    def parts(self, text: str) -> Mapping[str, Any]:
        yaml = _yaml()
        try:
            if yaml.__version__ < SAFE_VERSION:
                _check_depth(yaml, text)
            data = yaml.load(text, Loader=_loader())
        # PyYAML lets other errors through for what looks like a date or a number and is none.
        except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
            if isinstance(error, NotAReport):
                raise
            first_line = str(error).partition("\n")[0]
            raise NotAReport(f"it is not valid YAML ({first_line})") from error
        return report_of(data)


def _sequence(key: str, records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    empty = True
    for record in records:
        if empty:
            yield f"{key}:\n"
        empty = False
        yield _dump([dict(record)])
    if empty:
        yield f"{key}: []\n"


def _dump(data: object) -> str:
    text: str = _yaml().dump(
        data, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=_WIDE
    )
    # libyaml ends a document that ends in blank lines with a mark; ours goes on.
    return text[:-4] if text.endswith("\n...\n") else text


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ImportError("the format 'yaml' needs PyYAML: pip install pyyaml") from error
    return yaml


def _text_node(yaml: Any, text: str) -> Any:
    style = "|" if "\n" in text and not _OTHER_BREAKS.search(text) else None
    return yaml.ScalarNode(f"{_TAG}str", clean(text), style=style)


@cache
def _dumper() -> Any:
    yaml = _yaml()

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """PyYAML's, with a shorter way to what reports are made of."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True  # records share frames; a reader wants each one whole

        def represent_data(self, data: Any) -> Any:
            kind, node = type(data), self.represent_data
            if kind is str:
                return _text_node(yaml, data)
            if kind is dict:
                pairs = [(node(key), node(value)) for key, value in data.items()]
                return yaml.MappingNode(f"{_TAG}map", pairs, flow_style=False)
            if kind is list:
                items = [node(item) for item in data]
                return yaml.SequenceNode(f"{_TAG}seq", items, flow_style=False)
            return super().represent_data(data)

    Dumper.add_multi_representer(object, lambda _, value: _text_node(yaml, str(value)))
    return Dumper


def _check_depth(yaml: Any, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise NotAReport("it is nested too deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@cache
def _loader() -> Any:
    yaml = _yaml()

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """PyYAML's safe one, without what lets a short text stand for a huge one."""

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            if node in self.constructed_objects or node in self.recursive_objects:
                raise NotAReport("it has a part that stands for another, which ours do not")
            return super().construct_object(node, deep)

        def flatten_mapping(self, node: Any) -> None:
            if any(key.tag == f"{_TAG}merge" for key, _ in node.value):
                raise NotAReport("it merges mappings, which our reports do not")

    return Loader


formatter = YAMLFormatter()
