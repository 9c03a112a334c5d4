"""Bounded, redacted text of any object.  Nothing here raises, whatever it is handed.

``text_of`` is for what the user's code held (locals, arguments), ``message_of`` for exceptions.
The limits stand on top; whatever is cut says so.  Only the user's own interrupt goes through.
"""

from __future__ import annotations

import dataclasses
import re
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from failextract_nb import _libraries
from failextract_nb._redact import mask, redact, secret_name

MAX_TEXT = 240  # characters of one value
MAX_CONTAINER = 960  # characters of one container
MAX_MESSAGE = 10_000  # characters of an exception's message
MAX_ITEMS = 12  # shown of one container
MAX_DEPTH = 3  # containers in containers
MAX_DIGITS = 60  # of an integer
_LOOK_AHEAD = 2_000  # read for secrets before a text is cut

CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")


def text_of(value: object, name: str = "") -> str:
    """``value`` as bounded text, or a mask when ``name`` or its look says that it is secret."""
    try:
        if name and (reason := secret_name(name)) and not is_blank(value):
            return mask(reason)
        return _text(value, MAX_DEPTH)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a repr may raise anything, SystemExit too
        return f"<{type_name(type(value))}: its repr raised {type_name(type(error))}>"


def message_of(error: BaseException) -> str:
    """``str(error)``, bounded and redacted, or what is wrong with it."""
    try:
        return bounded(str.__str__(str(error)))
    except KeyboardInterrupt:
        raise
    except BaseException as inner:  # noqa: BLE001  # a __str__ may raise anything
        return f"<no message: __str__ raised {type_name(type(inner))}>"


def note_of(note: object) -> str:
    """A note of an exception, which should be text and may be anything."""
    return bounded(note) if type(note) is str else text_of(note)


def bounded(text: str, limit: int = MAX_MESSAGE) -> str:
    """``text`` bounded and redacted; no more of it is read than that takes."""
    shown = redact(text[: limit + _LOOK_AHEAD])
    if len(text) > limit:
        shown = f"{shown[:limit]}… ({len(text)} characters)"
    return clean(shown)


def clip(text: str, limit: int) -> str:
    """``text`` cut to about ``limit`` characters, with a note of how many there were."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text)} characters)"


def clean(text: str) -> str:
    """``text`` that every encoder takes: lone surrogates become visible escapes."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def type_name(cls: type) -> str:
    """The bare name of a class, also of one whose metaclass misbehaves."""
    name = type.__dict__["__name__"].__get__(cls)
    return str(name)


def module_of(cls: type) -> str:
    """The module that a class says it is from, "" if it says nothing sensible."""
    module = type.__dict__["__module__"].__get__(cls)
    return module if type(module) is str else ""


def base_of(cls: type) -> Any:
    """The built-in container that a class extends: its methods are past any override."""
    return next(base for base in CONTAINERS if issubclass(cls, base))


def is_blank(value: object) -> bool:
    """Nothing to hide: a flag, None, an empty text."""
    return value is None or type(value) is bool or (type(value) is str and not value)


def _text(value: Any, depth: int) -> str:
    cls = type(value)
    exact = _EXACT.get(cls)
    if exact is not None:
        return exact(value, depth)
    return _other(value, cls, depth)


def _plain(value: object, _depth: int) -> str:
    return repr(value)


def _int(value: Any, _depth: int) -> str:
    # CPython refuses to write an int of more than 4300 digits in decimal.
    if value.bit_length() > MAX_DIGITS * 3.32:
        return f"<int of {value.bit_length()} bits>"
    return int.__repr__(value)


def _str(value: str, _depth: int) -> str:
    shown = redact(value[:_LOOK_AHEAD])
    if len(shown) <= MAX_TEXT and len(value) <= _LOOK_AHEAD:
        return clean(repr(shown))
    return clean(f"{shown[:MAX_TEXT]!r}… ({len(value)} characters)")


def _bytes(value: bytes | bytearray, _depth: int) -> str:
    shown = redact(value[:MAX_TEXT].decode("latin-1")).encode("latin-1", "replace")
    more = f"… ({len(value)} bytes)" if len(value) > MAX_TEXT else ""
    return f"{shown!r}{more}"


def _bytearray(value: bytearray, depth: int) -> str:
    return f"bytearray({_bytes(value, depth)})"


def _sequence(value: Any, depth: int) -> str:
    return _items(value, len(value), depth, "[", "]")


def _tuple(value: Any, depth: int) -> str:
    return _items(value, len(value), depth, "(", ",)" if len(value) == 1 else ")")


def _set(value: Any, depth: int) -> str:
    return _items(value, len(value), depth, "{", "}") if value else "set()"


def _items(values: Iterable[Any], length: int, depth: int, left: str, right: str) -> str:
    if length and depth <= 0:
        return f"{left}… {length} items{right}"
    parts = [_text(item, depth - 1) for item in islice(values, MAX_ITEMS)]
    if length > MAX_ITEMS:
        parts.append(f"… {length - MAX_ITEMS} more")
    return clip(f"{left}{', '.join(parts)}{right}", MAX_CONTAINER)


def _dict(value: dict[Any, Any], depth: int) -> str:
    length = dict.__len__(value)
    if length and depth <= 0:
        return f"{{… {length} items}}"
    parts = []
    for key, item in islice(dict.items(value), MAX_ITEMS):
        shown = _named(key, item, depth) if type(key) is str else _text(item, depth - 1)
        parts.append(f"{_text(key, depth - 1)}: {shown}")
    if length > MAX_ITEMS:
        parts.append(f"… {length - MAX_ITEMS} more")
    return clip(f"{{{', '.join(parts)}}}", MAX_CONTAINER)


def _named(name: str, value: Any, depth: int) -> str:
    reason = secret_name(name)
    return mask(reason) if reason and not is_blank(value) else _text(value, depth - 1)


def _view(value: Any, depth: int) -> str:
    return f"{type(value).__name__}({_items(value, len(value), depth, '[', ']')})"


_EXACT: dict[type, Callable[[Any, int], str]] = {
    int: _int,
    float: _plain,
    bool: _plain,
    type(None): _plain,
    complex: _plain,
    range: _plain,
    str: _str,
    bytes: _bytes,
    bytearray: _bytearray,
    list: _sequence,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    dict: _dict,
    type({}.keys()): _view,
    type({}.values()): _view,
}
# A subclass that inherits its repr is written as its base is: bounded, and nothing of it is run.
_PLAIN_BASES: dict[Any, tuple[Callable[[Any, int], str], Callable[[Any], Any]]] = {
    base.__repr__: (write, to_base)
    for base, write, to_base in (
        (str, _str, str.__str__),
        (bytes, _bytes, bytes.__bytes__),
        (int, _int, int.__int__),
    )
}


def _other(value: Any, cls: type, depth: int) -> str:
    """Anything that is not exactly a built-in type, by the safest description there is."""
    name = type_name(cls)
    roots = [module_of(base).partition(".")[0] for base in cls.__mro__]
    if _libraries.is_lazy(roots, name):
        return f"<{name}: not evaluated>"
    if not _libraries.DATA.isdisjoint(roots):
        return _data(value, cls, name, roots[0] in _libraries.DATA)
    if issubclass(cls, dict):
        return f"{name}({_dict(value, depth)})"
    if issubclass(cls, CONTAINERS):
        return _subclass_of_container(value, cls, name, depth)
    if issubclass(cls, MethodType):  # its repr is made of that of its object
        return f"<method {type_name(type(value.__self__))}.{value.__func__.__name__}>"
    if issubclass(cls, partial):
        return f"<partial of {_text(value.func, depth - 1)}>"
    if issubclass(cls, (type, FunctionType, BuiltinFunctionType, ModuleType)):
        return clip(_ADDRESS.sub("", repr(value)), MAX_TEXT)
    if hasattr(cls, "__dataclass_fields__"):
        return _dataclass(value, name, depth)
    if cls.__repr__ is object.__repr__:
        return f"<{name} object>"
    if cls.__repr__ is BaseException.__repr__:  # made of those of what it holds
        held = BaseException.args.__get__(value)  # type: ignore[attr-defined]
        return f"{name}{_items(held, len(held), depth, '(', ')')}"
    if (plain := _PLAIN_BASES.get(cls.__repr__)) is not None:
        write, to_base = plain
        return write(to_base(value), depth)
    return _own_repr(value)


def _own_repr(value: object) -> str:
    text = str.__str__(repr(value))
    return clean(clip(redact(_ADDRESS.sub("", text[:_LOOK_AHEAD])), MAX_TEXT))


def _subclass_of_container(value: Any, cls: type, name: str, depth: int) -> str:
    base = base_of(cls)
    names = getattr(cls, "_fields", None)
    if base is tuple and type(names) is tuple and all(type(one) is str for one in names):
        pairs = islice(zip(names, tuple.__iter__(value), strict=False), MAX_ITEMS)
        parts = [f"{field}={_named(field, item, depth)}" for field, item in pairs]
        return clip(f"{name}({', '.join(parts)})", MAX_CONTAINER)
    return f"{name}({_items(base.__iter__(value), base.__len__(value), depth, '[', ']')})"


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


def _data(value: Any, cls: type, name: str, trusted: bool) -> str:
    """A repr is ``trusted`` where the library itself wrote it."""
    parts = _libraries.describe(value, cls)
    if trusted and (not parts or parts[0] == _libraries.SCALAR):  # a number, a Timestamp
        return _own_repr(value)
    if not parts:
        return f"<{name} object>"
    return clean(clip(f"{name}({'; '.join(parts)})", MAX_TEXT))
