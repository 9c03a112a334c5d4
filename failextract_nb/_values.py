"""Bounded text of values, by their type: what is shown of a number, a dict, a DataFrame.

The limits stand on top; whatever is cut says so.  A repr may raise anything: ``_safe`` guards.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from failextract_nb import _libraries
from failextract_nb._names import (
    MAX_NAME,
    can_be_secret,
    hidden,
    name_in,
    pair_reason,
    rules,
    secret_name,
    value_of,
)
from failextract_nb._perobject import PerObject
from failextract_nb._redact import MASK, mask, redact_said
from failextract_nb._reprs import (
    CARDS,
    MAX_TEXT,
    PLAIN_BASES,
    Writer,
    bare_object,
    briefly_quoted,
    by_patterns,
    data_writer,
    hides_itself,
    method,
    moment,
    octet_array,
    octets,
    own_repr,
    plain,
    quoted,
    said_by,
    whole,
    without_address,
    wrote_repr,
)
from failextract_nb._strings import CONTAINERS, base_of, clip, module_of, type_name

MAX_CONTAINER = 960  # characters of one container
MAX_ITEMS = 12  # shown of one container
MAX_DEPTH = 3  # containers in containers
MAX_KEYS = 4096  # of dicts, that are remembered

_FEW = 6  # numbers that are as quickly written one by one
_NUMBERS = frozenset({int, float, bool})
_SHOWN = (dict, *CONTAINERS, str, bytes, int)  # whose subclasses are shown by what they hold


def _text(value: Any, depth: int) -> str:
    return WRITERS[type(value)](value, depth)


def _list(value: Any, depth: int) -> str:
    length = len(value)
    if length == 2 and type(value[1]) not in _NUMBERS and (shown := _pair(value, depth)):
        return f"[{shown}]"
    return _items(value[:MAX_ITEMS], length, depth, "[", "]")


def _tuple(value: Any, depth: int) -> str:
    length = len(value)
    if length == 2 and type(value[1]) not in _NUMBERS and (shown := _pair(value, depth)):
        return f"({shown})"
    if length == 3 and (shown := _pair(value[1:], depth)):  # ("db", "password", "…")
        return f"({_text(value[0], depth - 1)}, {shown})"
    return _items(value[:MAX_ITEMS], length, depth, "(", ",)" if length == 1 else ")")


def _pair(value: Any, depth: int) -> str | None:
    """A name and a secret, as lists of headers have them; None for all else."""
    name, given = value
    reason = pair_reason(name, given)
    return f"{_text(name, depth)}, {mask(reason, given)}" if reason and depth > 0 else None


def _set(value: Any, depth: int) -> str:
    return _some(value, len(value), depth, "{", "}") if value else "set()"


def _some(values: Iterable[Any], length: int, depth: int, left: str, right: str) -> str:
    return _items(list(islice(values, MAX_ITEMS)), length, depth, left, right)


def _items(head: Sequence[Any], length: int, depth: int, left: str, right: str) -> str:
    """``length`` items between ``left`` and ``right``; ``head`` are the first of them."""
    if length and depth <= 0:
        return f"{left}… {length} items{right}"
    if (
        length > _FEW
        and type(head[0]) in _NUMBERS
        and _NUMBERS.issuperset(map(type, head))
        and max(head) < CARDS
        and not rules.patterns
    ):
        inner = repr(head)[1:-1]
    else:
        writers, parts = WRITERS, []
        for item in head:
            parts.append(writers[type(item)](item, depth - 1))  # noqa: PERF401  # few: no function
        inner = ", ".join(parts)
        if "'-" in inner:  # the words of a command: what follows --password
            inner = redact_said(inner)
    if length > MAX_ITEMS:
        inner = f"{inner}, … {length - MAX_ITEMS} more"
    text = f"{left}{inner}{right}"
    return text if len(text) <= MAX_CONTAINER else clip(text, MAX_CONTAINER)


def _dict(value: dict[Any, Any], depth: int) -> str:
    length = dict.__len__(value)
    if length and depth <= 0:
        return f"{{… {length} items}}"
    depth -= 1
    parts, writers, keys = [], WRITERS, _keys
    for key, item in islice(dict.items(value), MAX_ITEMS):
        shown, reason = keys[key] if type(key) is str else _key(key, depth)
        if reason is not None and can_be_secret(name_in(key), reason, item):
            parts.append(f"{shown}{mask(reason, item)}")
        else:
            parts.append(shown + writers[type(item)](item, depth))
    if length > MAX_ITEMS:
        parts.append(f"… {length - MAX_ITEMS} more")
    text = f"{{{', '.join(parts)}}}"
    if "alue': " in text and (held := value_of(value)):  # {"name": "DB_PASSWORD", "value": …}
        start = f"{held[0]!r}: "
        shown = start + mask(held[1], value[held[0]])
        parts = [shown if part.startswith(start) else part for part in parts]
        text = f"{{{', '.join(parts)}}}"
    return text if len(text) <= MAX_CONTAINER else clip(text, MAX_CONTAINER)


class _Keys(dict[str, tuple[str, str | None]]):
    """What ``_key`` says of keys that are texts: the same ones come again and again."""

    def __missing__(self, key: str) -> tuple[str, str | None]:
        shown, _ = described = _key(key, 0)
        if len(key) <= MAX_NAME and MASK not in shown:  # who counts masks has to be told
            if len(self) >= MAX_KEYS:
                self.clear()
            self[key] = described
        return described


_keys = _Keys()
rules.watch(_keys.clear)


def _key(key: Any, depth: int) -> tuple[str, str | None]:
    """A key of a dict as it is written before its value, and why that is hidden, if it is."""
    return f"{_text(key, depth)}: ", secret_name(name_in(key))


def _named(name: str, value: Any, depth: int) -> str:
    return mask(reason, value) if (reason := hidden(name, value)) else _text(value, depth - 1)


def _view(value: Any, depth: int) -> str:
    return f"{type(value).__name__}({_some(value, len(value), depth, '[', ']')})"


SCALARS: dict[type, Writer] = {
    int: whole,
    float: plain,
    bool: plain,
    type(None): plain,
    complex: plain,
    str: briefly_quoted,
}


class _Writers(dict[type, Writer]):
    """Writers of what is exactly of a built-in type; of all else, they are chosen once."""

    def __missing__(self, cls: type) -> Writer:
        return writer_of(cls)


WRITERS = _Writers(
    {
        **SCALARS,
        range: plain,
        date: plain,
        timedelta: plain,
        datetime: moment,
        bytes: octets,
        bytearray: octet_array,
        list: _list,
        tuple: _tuple,
        set: _set,
        frozenset: _set,
        dict: _dict,
        type({}.keys()): _view,
        type({}.values()): _view,
    }
)


def _follow_rules() -> None:
    quick = {int: whole, float: plain, str: briefly_quoted}
    patient = {int: by_patterns, float: by_patterns, str: quoted}
    for kind, write in (patient if rules.patterns else quick).items():
        SCALARS[kind] = WRITERS[kind] = write


rules.watch(_follow_rules)


def _choose(cls: type) -> Writer:
    """For anything that is not exactly a built-in type, the safest description there is."""
    write = _chosen(cls)
    if write is own_repr or not hides_itself(cls) or not issubclass(cls, _SHOWN):
        return write
    if wrote_repr(cls):
        return own_repr
    hiding = f"<{type_name(cls)}: {{}}>"
    return lambda value, depth: (
        hiding.format(mask("secret")) if rules.is_on else write(value, depth)
    )


def _chosen(cls: type) -> Writer:
    name = type_name(cls)
    roots = [module_of(base).partition(".")[0] for base in cls.__mro__]
    if _libraries.is_lazy(roots, name):
        return lambda _value, _depth: f"<{name}: not evaluated>"
    if not _libraries.DATA.isdisjoint(roots):
        return data_writer(cls, name, roots)
    if issubclass(cls, dict):
        return lambda value, depth: f"{name}({_dict(value, depth)})"
    if issubclass(cls, CONTAINERS):
        return lambda value, depth: _subclass_of_container(value, type(value), name, depth)
    if issubclass(cls, MethodType):  # its repr is made of that of its object
        return method
    if issubclass(cls, partial):
        return lambda value, depth: f"<partial of {_text(value.func, depth - 1)}>"
    if issubclass(cls, (type, FunctionType, BuiltinFunctionType, ModuleType)):
        return lambda value, _depth: clip(without_address(repr(value)), MAX_TEXT)
    if hasattr(cls, "__dataclass_fields__"):
        by_hand = wrote_repr(cls)
        return lambda value, depth: _dataclass(value, name, depth, by_hand)
    if cls.__repr__ is object.__repr__:
        return bare_object
    if cls.__repr__ is BaseException.__repr__:  # made of those of what it holds
        return lambda value, depth: f"{name}{_arguments(value, depth)}"
    if "failextract_nb" in roots:  # the extractor's repr is a table of all failures
        return lambda _value, _depth: f"<{name} object>"
    if (plain := PLAIN_BASES.get(cls.__repr__)) is not None:
        write, to_base = plain
        return lambda value, depth: write(to_base(value), depth)
    return own_repr


writer_of = PerObject(_choose)


def _arguments(error: Any, depth: int) -> str:
    held = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    return _items(held[:MAX_ITEMS], len(held), depth, "(", ")")


def _subclass_of_container(value: Any, cls: type, name: str, depth: int) -> str:
    base = base_of(cls)
    names = getattr(cls, "_fields", None)
    if base is tuple and type(names) is tuple and all(type(one) is str for one in names):
        pairs = islice(zip(names, tuple.__iter__(value), strict=False), MAX_ITEMS)
        parts = [f"{field}={_named(field, item, depth)}" for field, item in pairs]
        return clip(f"{name}({', '.join(parts)})", MAX_CONTAINER)
    return f"{name}({_some(base.__iter__(value), base.__len__(value), depth, '[', ']')})"


def _dataclass(value: Any, name: str, depth: int, by_hand: bool) -> str:
    if depth <= 0:
        return f"{name}(…)"
    if by_hand:  # it may hide what it holds
        with suppress(Exception):
            return said_by(value)
    parts = []
    for field in islice(dataclasses.fields(value), MAX_ITEMS):
        if field.repr:
            try:
                item = object.__getattribute__(value, field.name)
            except AttributeError:  # not set yet: it failed in its __init__
                continue
            parts.append(f"{field.name}={_named(field.name, item, depth)}")
    return clip(f"{name}({', '.join(parts)})", MAX_CONTAINER)
