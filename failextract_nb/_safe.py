"""Bounded, redacted text of any object.  Nothing here raises, whatever it is handed.

``text_of`` is for what the user's code held (locals, arguments), ``message_of`` for exceptions.
The limits stand on top; whatever is cut says so.  Only the user's own interrupt goes through.
"""

from __future__ import annotations

import dataclasses
import re
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from failextract_nb import _libraries
from failextract_nb._redact import mask, redact, secret_name
from failextract_nb._strings import LOOK_AHEAD, bounded, clean, clip, module_of, type_name

MAX_TEXT = 240  # characters of one value
MAX_CONTAINER = 960  # characters of one container
MAX_ITEMS = 12  # shown of one container
MAX_DEPTH = 3  # containers in containers
MAX_DIGITS = 60  # of an integer

CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")
_HUGE = 10**MAX_DIGITS
_NUMBERS = frozenset({int, float, bool})

Writer = Callable[[Any, int], str]  # of an object, and how many containers deep it may look


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


def base_of(cls: type) -> Any:
    """The built-in container that a class extends: its methods are past any override."""
    return next(base for base in CONTAINERS if issubclass(cls, base))


def is_blank(value: object) -> bool:
    """Nothing to hide: a flag, None, an empty text."""
    return value is None or type(value) is bool or (type(value) is str and not value)


def _text(value: Any, depth: int) -> str:
    write = _EXACT.get(type(value))
    if write is None:
        write = _writer_of(type(value))
    return write(value, depth)


def _plain(value: object, _depth: int) -> str:
    return repr(value)


def _int(value: Any, _depth: int) -> str:
    # CPython refuses to write an int of more than 4300 digits in decimal.
    if -_HUGE < value < _HUGE:
        return int.__repr__(value)
    return f"<int of {value.bit_length()} bits>"


def _str(value: str, _depth: int) -> str:
    if len(value) > LOOK_AHEAD:
        return clean(f"{redact(value[:LOOK_AHEAD])[:MAX_TEXT]!r}… ({len(value)} characters)")
    shown = redact(value)
    if len(shown) > MAX_TEXT:
        return clean(f"{shown[:MAX_TEXT]!r}… ({len(value)} characters)")
    text = repr(shown)
    return text if text.isascii() else clean(text)


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
    head = list(islice(values, MAX_ITEMS))
    if length > 2 and _NUMBERS.issuperset(map(type, head)) and _are_small(head):
        inner = repr(head)[1:-1]
    else:
        inner = ", ".join([_text(item, depth - 1) for item in head])
    if length > MAX_ITEMS:
        inner = f"{inner}, … {length - MAX_ITEMS} more"
    text = f"{left}{inner}{right}"
    return text if len(text) <= MAX_CONTAINER else clip(text, MAX_CONTAINER)


def _are_small(numbers: list[Any]) -> bool:
    return bool(-_HUGE < min(numbers)) and bool(max(numbers) < _HUGE)


def _dict(value: dict[Any, Any], depth: int) -> str:
    length = dict.__len__(value)
    if length and depth <= 0:
        return f"{{… {length} items}}"
    parts = [
        f"{_text(key, depth - 1)}: "
        f"{_named(key, item, depth) if type(key) is str else _text(item, depth - 1)}"
        for key, item in islice(dict.items(value), MAX_ITEMS)
    ]
    if length > MAX_ITEMS:
        parts.append(f"… {length - MAX_ITEMS} more")
    text = f"{{{', '.join(parts)}}}"
    return text if len(text) <= MAX_CONTAINER else clip(text, MAX_CONTAINER)


def _named(name: str, value: Any, depth: int) -> str:
    reason = secret_name(name)
    return mask(reason) if reason and not is_blank(value) else _text(value, depth - 1)


def _view(value: Any, depth: int) -> str:
    return f"{type(value).__name__}({_items(value, len(value), depth, '[', ']')})"


_EXACT: dict[type, Writer] = {
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
_PLAIN_BASES: dict[Any, tuple[Writer, Callable[[Any], Any]]] = {
    base.__repr__: (write, to_base)
    for base, write, to_base in (
        (str, _str, str.__str__),
        (bytes, _bytes, bytes.__bytes__),
        (int, _int, int.__int__),
    )
}


# By the id of a class: the class, weakly; its repr where that is a built-in's; its writer.
_writers: dict[int, tuple[Any, Any, Writer]] = {}


def _writer_of(cls: type) -> Writer:
    """The function that writes objects of ``cls``, chosen once.  It does not keep ``cls`` alive."""
    key = id(cls)
    known = _writers.get(key)
    # %autoreload may have put a repr into a living class that had none.
    if known is not None and (known[1] is None or known[1] is cls.__repr__):
        return known[2]
    gone = weakref.ref(cls, lambda _: _writers.pop(key, None))
    inherited = cls.__repr__ if isinstance(cls.__repr__, WrapperDescriptorType) else None
    write = _choose(cls, type_name(cls))
    _writers[key] = (gone, inherited, write)
    return write


def _choose(cls: type, name: str) -> Writer:
    """For anything that is not exactly a built-in type, the safest description there is."""
    roots = [module_of(base).partition(".")[0] for base in cls.__mro__]
    if _libraries.is_lazy(roots, name):
        return lambda _value, _depth: f"<{name}: not evaluated>"
    if not _libraries.DATA.isdisjoint(roots):
        return _data_writer(cls, name, roots[0] in _libraries.DATA)
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
        return lambda _value, _depth: f"<{name} object>"
    if cls.__repr__ is BaseException.__repr__:  # made of those of what it holds
        return lambda value, depth: f"{name}{_arguments(value, depth)}"
    if (plain := _PLAIN_BASES.get(cls.__repr__)) is not None:
        write, to_base = plain
        return lambda value, depth: write(to_base(value), depth)
    return _own_repr


def _arguments(error: Any, depth: int) -> str:
    held = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    return _items(held, len(held), depth, "(", ")")


def _method(value: Any, _depth: int) -> str:
    return f"<method {type_name(type(value.__self__))}.{value.__func__.__name__}>"


def _own_repr(value: object, _depth: int = 0) -> str:
    text = str.__str__(repr(value))[:LOOK_AHEAD]
    if " at 0x" in text:
        text = _ADDRESS.sub("", text)
    return clean(clip(redact(text), MAX_TEXT))


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


def _data_writer(cls: type, name: str, trusted: bool) -> Writer:
    """A repr is ``trusted`` where the library itself wrote it."""
    describe = _libraries.describer(cls)

    def write(value: object, _depth: int) -> str:
        parts = describe(value)
        if trusted and (not parts or parts[0] == _libraries.SCALAR):  # a number, a Timestamp
            return _own_repr(value)
        text = f"{name}({'; '.join(parts)})" if parts else f"<{name} object>"
        return clean(clip(text, MAX_TEXT))

    return write
