"""Bounded text of values, by their type: what is shown of a number, a dict, a DataFrame.

The limits stand on top; whatever is cut says so.  A repr may raise anything: ``_safe`` guards.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import partial
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from failextract_nb import _libraries
from failextract_nb._budget import limited
from failextract_nb._looks import is_card_number
from failextract_nb._perobject import PerObject
from failextract_nb._redact import MAX_NAME, is_blank, mask, redact_said, rules, secret_name
from failextract_nb._strings import (
    CONTAINERS,
    LOOK_AHEAD,
    base_of,
    clean,
    clip,
    module_of,
    type_name,
)

MAX_TEXT = 240  # characters of one value
MAX_CONTAINER = 960  # characters of one container
MAX_ITEMS = 12  # shown of one container
MAX_DEPTH = 3  # containers in containers
MAX_DIGITS = 60  # of an integer
MAX_KEYS = 4096  # of dicts, that are remembered

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")
_MOST, _LEAST = 10**MAX_DIGITS, -(10**MAX_DIGITS)
_CARDS = 10**14  # below it nothing is the number of a card
_NUMBERS = frozenset({int, float, bool})

Writer = Callable[[Any, int], str]  # of an object, and how many containers deep it may look


def _text(value: Any, depth: int) -> str:
    return (EXACT.get(type(value)) or writer_of(type(value)))(value, depth)


def _plain(value: object, _depth: int) -> str:
    return repr(value)


def _int(value: Any, _depth: int) -> str:
    # CPython refuses to write an int of more than 4300 digits in decimal.
    if -_CARDS < value < _CARDS:
        return int.__repr__(value)
    if _LEAST < value < _MOST:
        return mask("card") if is_card_number(value) else int.__repr__(value)
    return f"<int of {value.bit_length()} bits>"


def _str(value: str, _depth: int) -> str:
    if len(value) > LOOK_AHEAD:
        return clean(_start(redact_said(value[:LOOK_AHEAD]), len(value)))
    shown = redact_said(value)
    text = repr(shown) if len(shown) <= MAX_TEXT else _start(shown, len(value))
    return text if text.isascii() else clean(text)


def _start(text: str, length: int) -> str:
    return f"{text[:MAX_TEXT]!r}… ({length} characters)"


def _moment(value: Any, _depth: int) -> str:
    ours = value.tzinfo is None or type(value.tzinfo) is timezone
    return repr(value) if ours else _own_repr(value)


def _bytes(value: bytes | bytearray, _depth: int) -> str:
    shown = redact_said(value[:MAX_TEXT].decode("latin-1")).encode("latin-1", "replace")
    more = f"… ({len(value)} bytes)" if len(value) > MAX_TEXT else ""
    return f"{shown!r}{more}"


def _list(value: Any, depth: int) -> str:
    return _items(value[:MAX_ITEMS], len(value), depth, "[", "]")


def _tuple(value: Any, depth: int) -> str:
    length = len(value)
    return _items(value[:MAX_ITEMS], length, depth, "(", ",)" if length == 1 else ")")


def _set(value: Any, depth: int) -> str:
    return _some(value, len(value), depth, "{", "}") if value else "set()"


def _some(values: Iterable[Any], length: int, depth: int, left: str, right: str) -> str:
    return _items(list(islice(values, MAX_ITEMS)), length, depth, left, right)


def _items(head: Sequence[Any], length: int, depth: int, left: str, right: str) -> str:
    """``length`` items between ``left`` and ``right``; ``head`` are the first of them."""
    if length and depth <= 0:
        return f"{left}… {length} items{right}"
    if (
        length > 2
        and type(head[0]) in _NUMBERS
        and _NUMBERS.issuperset(map(type, head))
        and -_CARDS < min(head) <= max(head) < _CARDS
    ):
        inner = repr(head)[1:-1]
    else:
        depth -= 1
        inner = ", ".join(
            [(EXACT.get(type(item)) or writer_of(type(item)))(item, depth) for item in head]
        )
    if length > MAX_ITEMS:
        inner = f"{inner}, … {length - MAX_ITEMS} more"
    text = f"{left}{inner}{right}"
    return text if len(text) <= MAX_CONTAINER else clip(text, MAX_CONTAINER)


def _dict(value: dict[Any, Any], depth: int) -> str:
    length = dict.__len__(value)
    if length and depth <= 0:
        return f"{{… {length} items}}"
    depth -= 1
    parts = []
    for key, item in islice(dict.items(value), MAX_ITEMS):
        shown, reason = (type(key) is str and _keys.get(key)) or _key(key, depth)
        if reason is not None and not is_blank(item):
            parts.append(f"{shown}: {mask(reason)}")
        else:
            write = EXACT.get(type(item)) or writer_of(type(item))
            parts.append(f"{shown}: {write(item, depth)}")
    if length > MAX_ITEMS:
        parts.append(f"… {length - MAX_ITEMS} more")
    text = f"{{{', '.join(parts)}}}"
    return text if len(text) <= MAX_CONTAINER else clip(text, MAX_CONTAINER)


_keys: dict[str, tuple[str, str | None]] = {}  # of dicts: the same ones come again and again
rules.watch(_keys.clear)


def _key(key: Any, depth: int) -> tuple[str, str | None]:
    """A key of a dict as text, and why its value is hidden, if it is."""
    if type(key) is not str:
        return _text(key, depth), None
    described = _str(key, depth), secret_name(key)
    if len(key) <= MAX_NAME:
        if len(_keys) >= MAX_KEYS:
            _keys.clear()
        _keys[key] = described
    return described


def _named(name: str, value: Any, depth: int) -> str:
    reason = secret_name(name)
    return mask(reason) if reason and not is_blank(value) else _text(value, depth - 1)


def _view(value: Any, depth: int) -> str:
    return f"{type(value).__name__}({_some(value, len(value), depth, '[', ']')})"


SCALARS: dict[type, Writer] = {
    int: _int,
    float: _plain,
    bool: _plain,
    type(None): _plain,
    complex: _plain,
    str: _str,
}
EXACT: dict[type, Writer] = {
    **SCALARS,
    range: _plain,
    date: _plain,
    timedelta: _plain,
    datetime: _moment,
    bytes: _bytes,
    bytearray: lambda value, depth: f"bytearray({_bytes(value, depth)})",
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    dict: _dict,
    type({}.keys()): _view,
    type({}.values()): _view,
}
# A subclass that inherits its repr is written as its base is: bounded, and nothing of it is run.
_PLAIN_BASES: dict[Any, tuple[Writer, Callable[[Any], Any]]] = {
    base.__repr__: (write, to_base)
    for base, write, to_base in (
        (str, _str, str.__str__),
        (bytes, _bytes, bytes.__bytes__),
        (int, _int, int.__int__),
    )
}


def _choose(cls: type) -> Writer:
    """For anything that is not exactly a built-in type, the safest description there is."""
    name = type_name(cls)
    roots = [module_of(base).partition(".")[0] for base in cls.__mro__]
    if _libraries.is_lazy(roots, name):
        return lambda _value, _depth: f"<{name}: not evaluated>"
    if not _libraries.DATA.isdisjoint(roots):
        return _data_writer(cls, name, roots)
    if issubclass(cls, dict):
        return lambda value, depth: f"{name}({_dict(value, depth)})"
    if issubclass(cls, CONTAINERS):
        return lambda value, depth: _subclass_of_container(value, type(value), name, depth)
    if issubclass(cls, MethodType):  # its repr is made of that of its object
        return _method
    if issubclass(cls, partial):
        return lambda value, depth: f"<partial of {_text(value.func, depth - 1)}>"
    if issubclass(cls, (type, FunctionType, BuiltinFunctionType, ModuleType)):
        return lambda value, _depth: clip(_ADDRESS.sub("", repr(value)), MAX_TEXT)
    if hasattr(cls, "__dataclass_fields__"):
        return lambda value, depth: _dataclass(value, name, depth)
    if cls.__repr__ is object.__repr__:
        return _bare_object
    if cls.__repr__ is BaseException.__repr__:  # made of those of what it holds
        return lambda value, depth: f"{name}{_arguments(value, depth)}"
    if "failextract_nb" in roots:  # the extractor's repr is a table of all failures
        return lambda _value, _depth: f"<{name} object>"
    if (plain := _PLAIN_BASES.get(cls.__repr__)) is not None:
        write, to_base = plain
        return lambda value, depth: write(to_base(value), depth)
    return _own_repr


def _bare_object(value: object, _depth: int) -> str:
    if type(value).__repr__ is not object.__repr__:  # %autoreload gave the class one since
        return _own_repr(value)
    return f"<{type_name(type(value))} object>"


writer_of = PerObject(_choose)


def _arguments(error: Any, depth: int) -> str:
    held = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    return _items(held[:MAX_ITEMS], len(held), depth, "(", ")")


def _method(value: Any, _depth: int) -> str:
    return f"<method {type_name(type(value.__self__))}.{value.__func__.__name__}>"


def _own_repr(value: object, _depth: int = 0) -> str:
    text = str.__str__(limited(repr, value))[:LOOK_AHEAD]
    if " at 0x" in text:
        text = _ADDRESS.sub("", text)
    text = clean(redact_said(text))
    return text if len(text) <= MAX_TEXT else clip(text, MAX_TEXT)


def _subclass_of_container(value: Any, cls: type, name: str, depth: int) -> str:
    base = base_of(cls)
    names = getattr(cls, "_fields", None)
    if base is tuple and type(names) is tuple and all(type(one) is str for one in names):
        pairs = islice(zip(names, tuple.__iter__(value), strict=False), MAX_ITEMS)
        parts = [f"{field}={_named(field, item, depth)}" for field, item in pairs]
        return clip(f"{name}({', '.join(parts)})", MAX_CONTAINER)
    return f"{name}({_some(base.__iter__(value), base.__len__(value), depth, '[', ']')})"


def _dataclass(value: Any, name: str, depth: int) -> str:
    if depth <= 0:
        return f"{name}(…)"
    parts = []
    for field in islice(dataclasses.fields(value), MAX_ITEMS):
        if field.repr:
            try:
                item = object.__getattribute__(value, field.name)
            except AttributeError:  # not set yet: it failed in its __init__
                continue
            parts.append(f"{field.name}={_named(field.name, item, depth)}")
    return clip(f"{name}({', '.join(parts)})", MAX_CONTAINER)


def _data_writer(cls: type, name: str, roots: list[str]) -> Writer:
    """``roots`` are the packages that ``cls`` and its bases are from."""
    describe = _libraries.describer(cls, roots)
    trusted = roots[0] in _libraries.DATA  # the library itself wrote its repr

    def write(value: object, _depth: int) -> str:
        parts = describe(value)
        if trusted and (not parts or parts[0] == _libraries.SCALAR):  # a number, a Timestamp
            return _own_repr(value)
        text = f"{name}({'; '.join(parts)})" if parts else f"<{name} object>"
        return text if len(text) <= MAX_TEXT else clip(text, MAX_TEXT)

    return write
