"""Bounded, redacted text of any object.  Nothing here raises, whatever it is handed.

``text_of`` is for what the user's code held (locals, arguments); ``native`` is for what a user
hands to the store; ``message_of`` is for exceptions.  The limits stand on top; whatever is cut
says so.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from failextract_nb._redact import mask, redact, secret_name

MAX_TEXT = 240  # characters of one value
MAX_CONTAINER = 960  # characters of one container
MAX_MESSAGE = 10_000  # characters of an exception's message
MAX_NATIVE_TEXT = 1_000_000  # characters of a text that the user handed over
MAX_ITEMS = 12  # shown of one container
MAX_DEPTH = 3  # containers in containers
MAX_NATIVE_DEPTH = 30
MAX_NATIVE_ITEMS = 100_000
MAX_DIGITS = 60  # of an integer
MAX_INTEGER = 2**63  # beyond it JSON readers disagree
_LOOK_AHEAD = 2_000  # read for secrets before a text is cut

# Summarised by what their attributes say: their repr may be slow, huge, or a download.
DATA_LIBRARIES = frozenset({
    "numpy", "pandas", "polars", "torch", "xarray", "cupy", "jax", "jaxlib", "tensorflow",
    "pyarrow", "scipy", "geopandas",
})  # fmt: skip
# Never asked for anything: to look at them is to run them.
LAZY_LIBRARIES = frozenset({
    "dask", "distributed", "pyspark", "django", "sqlalchemy", "ibis", "vaex", "modin", "ray",
})  # fmt: skip
LAZY_NAMES = frozenset({"LazyFrame", "LazyGroupBy"})

_CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")


def text_of(value: object, name: str = "") -> str:
    """``value`` as bounded text, or a mask when ``name`` or its look says that it is secret."""
    try:
        if name and (reason := secret_name(name)) and not _is_blank(value):
            return mask(reason)
        return _text(value, MAX_DEPTH)
    except BaseException as error:  # noqa: BLE001  # a repr may raise anything, SystemExit too
        return f"<{type_name(type(value))}: its repr raised {type_name(type(error))}>"


def message_of(error: BaseException) -> str:
    """``str(error)``, bounded and redacted, or what is wrong with it."""
    try:
        return clean(clip(redact(str(error)), MAX_MESSAGE))
    except BaseException as inner:  # noqa: BLE001  # a __str__ may raise anything
        return f"<no message: __str__ raised {type_name(type(inner))}>"


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


def native(value: Any, name: str = "", depth: int = MAX_NATIVE_DEPTH) -> Any:
    """``value`` as JSON-native data (str, int, float, bool, None, list, dict), copied and redacted.

    Numbers that JSON has no words for (NaN, infinities, integers past 64 bits) become text.
    """
    cls = type(value)
    if value is None or cls is bool:
        return value
    try:
        if name and (reason := secret_name(name)) and not _is_blank(value):
            return mask(reason)
        if cls is str:
            return clean(clip(redact(value), MAX_NATIVE_TEXT))
        if cls is int:
            return value if -MAX_INTEGER <= value < MAX_INTEGER else _int(value, 0)
        if cls is float:
            return value if math.isfinite(value) else repr(value)
        if issubclass(cls, (dict, *_CONTAINERS)) and depth <= 0:
            return f"<{type_name(cls)}: nested too deep>"
        if issubclass(cls, dict):
            return _native_dict(value, depth)
        if issubclass(cls, _CONTAINERS):
            return _native_list(value, depth)
        if issubclass(cls, str):
            return clean(clip(redact(str.__str__(value)), MAX_NATIVE_TEXT))
    except Exception:  # noqa: BLE001  # a hostile subclass: fall back to its text
        return text_of(value)
    return text_of(value)


def _native_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in islice(dict.items(value), MAX_NATIVE_ITEMS):
        key_text = clean(key) if type(key) is str else text_of(key)
        out[key_text] = native(item, key_text, depth - 1)
    if (length := dict.__len__(value)) > MAX_NATIVE_ITEMS:
        out["…"] = f"{length - MAX_NATIVE_ITEMS} more"
    return out


def _native_list(value: Iterable[Any], depth: int) -> list[Any]:
    items = [native(item, "", depth - 1) for item in islice(value, MAX_NATIVE_ITEMS)]
    length = len(value)  # type: ignore[arg-type]
    if length > MAX_NATIVE_ITEMS:
        items.append(f"… {length - MAX_NATIVE_ITEMS} more")
    return items


def _is_blank(value: object) -> bool:
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


def _bytes(value: bytes, _depth: int) -> str:
    shown = redact(value[:MAX_TEXT].decode("latin-1")).encode("latin-1", "replace")
    more = f"… ({len(value)} bytes)" if len(value) > MAX_TEXT else ""
    return f"{shown!r}{more}"


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
        reason = secret_name(key) if type(key) is str else None
        shown = mask(reason) if reason and not _is_blank(item) else _text(item, depth - 1)
        parts.append(f"{_text(key, depth - 1)}: {shown}")
    if length > MAX_ITEMS:
        parts.append(f"… {length - MAX_ITEMS} more")
    return clip(f"{{{', '.join(parts)}}}", MAX_CONTAINER)


_EXACT: dict[type, Callable[[Any, int], str]] = {
    int: _int,
    float: _plain,
    bool: _plain,
    type(None): _plain,
    complex: _plain,
    range: _plain,
    str: _str,
    bytes: _bytes,
    list: _sequence,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    dict: _dict,
}


def _other(value: Any, cls: type, depth: int) -> str:
    """Anything that is not exactly a built-in type, by the safest description there is."""
    name = type_name(cls)
    roots = {str(base.__dict__.get("__module__", "")).partition(".")[0] for base in cls.__mro__}
    if roots & LAZY_LIBRARIES or name in LAZY_NAMES:
        return f"<{name}: not evaluated>"
    if roots & DATA_LIBRARIES:
        return _data(value, name)
    if issubclass(cls, dict):
        return f"{name}({_dict(value, depth)})"
    if issubclass(cls, _CONTAINERS):
        return _subclass_of_container(value, cls, depth)
    if issubclass(cls, (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)):
        return clip(_ADDRESS.sub("", repr(value)), MAX_TEXT)
    if "__dataclass_fields__" in cls.__dict__:
        return _dataclass(value, name, depth)
    if cls.__repr__ is object.__repr__:
        return f"<{name} object>"
    return clean(clip(redact(_ADDRESS.sub("", repr(value))[:_LOOK_AHEAD]), MAX_TEXT))


def _subclass_of_container(value: Any, cls: type, depth: int) -> str:
    """A subclass of list, tuple or set by the base's own methods, past any override."""
    base = next(base for base in _CONTAINERS if issubclass(cls, base))
    items, length = base.__iter__(value), base.__len__(value)
    return f"{type_name(cls)}({_items(items, length, depth, '[', ']')})"


def _dataclass(value: Any, name: str, depth: int) -> str:
    if depth <= 0:
        return f"{name}(…)"
    parts = []
    for field in islice(dataclasses.fields(value), MAX_ITEMS):
        if field.repr and field.name in getattr(value, "__dict__", {}):
            item = value.__dict__[field.name]
            reason = secret_name(field.name)
            shown = mask(reason) if reason and not _is_blank(item) else _text(item, depth - 1)
            parts.append(f"{field.name}={shown}")
    return clip(f"{name}({', '.join(parts)})", MAX_CONTAINER)


def _data(value: Any, name: str) -> str:
    """An array, frame or tensor: its type, shape, dtype and columns, never its content."""
    parts = []
    shape: Any = getattr(value, "shape", None)
    if type(shape) is tuple or type_name(type(shape)) == "Size":  # torch's own tuple
        parts.append(" × ".join(str(n) for n in shape) or "scalar")
    if shape is None and (sizes := getattr(value, "sizes", None)) is not None:
        parts.append(_sizes(sizes))
    if (columns := getattr(value, "columns", None)) is not None:
        parts.append(_columns(columns))
    if (dtype := getattr(value, "dtype", None)) is not None:
        parts.append(clip(str(dtype), 40))
    if (device := getattr(value, "device", None)) is not None and str(device) != "cpu":
        parts.append(clip(str(device), 40))
    if shape == () or not parts:  # a NumPy scalar, a Timestamp, a polars expression
        return clean(clip(redact(repr(value)[:_LOOK_AHEAD]), MAX_TEXT))
    return clean(clip(f"{name}({'; '.join(part for part in parts if part)})", MAX_TEXT))


def _columns(columns: Any) -> str:
    length = len(columns)
    first = [clip(str(column), 40) for column in columns[:MAX_ITEMS]]
    more = f", … {length - MAX_ITEMS} more" if length > MAX_ITEMS else ""
    return f"columns: {', '.join(first)}{more}" if first else ""


def _sizes(sizes: Any) -> str:
    return ", ".join(f"{key}: {sizes[key]}" for key in islice(sizes, MAX_ITEMS))
