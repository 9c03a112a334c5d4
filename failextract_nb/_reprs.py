"""Text of objects that write themselves, and how those are told that hide what they hold."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

from failextract_nb import _libraries
from failextract_nb._budget import limited
from failextract_nb._names import is_hiding
from failextract_nb._redact import redact_said
from failextract_nb._strings import LOOK_AHEAD, clean, clip, start_of, type_name

MAX_TEXT = 240  # characters of one value

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")


def own_repr(value: object, _depth: int = 0) -> str:
    """What ``value`` says of itself, bounded and redacted."""
    text = str.__str__(limited(repr, value))
    if len(text) > LOOK_AHEAD:
        return f"{clean(start_of(without_address(text[: 2 * LOOK_AHEAD]), MAX_TEXT))}…"
    text = clean(redact_said(without_address(text)))
    return text if len(text) <= MAX_TEXT else clip(text, MAX_TEXT)


def without_address(text: str) -> str:
    """``text`` without what differs from run to run."""
    return _ADDRESS.sub("", text) if " at 0x" in text else text


def bare_object(value: object, _depth: int) -> str:
    """An object that says nothing of itself."""
    if type(value).__repr__ is not object.__repr__:  # %autoreload gave the class one since
        return own_repr(value)
    return f"<{type_name(type(value))} object>"


def data_writer(cls: type, name: str, roots: list[str]) -> Callable[[Any, int], str]:
    """For the data of libraries; ``roots`` are the packages that ``cls`` and its bases are from."""
    describe = _libraries.describer(cls, roots)
    trusted = roots[0] in _libraries.DATA  # the library itself wrote its repr

    def write(value: object, _depth: int) -> str:
        parts = describe(value)
        if trusted and (not parts or parts[0] == _libraries.SCALAR):  # a number, a Timestamp
            return own_repr(value)
        text = f"{name}({'; '.join(parts)})" if parts else f"<{name} object>"
        return text if len(text) <= MAX_TEXT else clip(text, MAX_TEXT)

    return write


def hides_itself(cls: type) -> bool:
    """Whether a class is made to hide what it holds, as ``SecretStr`` is."""
    return any(is_hiding(type_name(base)) for base in type.__dict__["__mro__"].__get__(cls))


def wrote_repr(cls: type) -> bool:
    """Whether somebody wrote the class a repr in Python; that of ``dataclass`` does not count."""
    written = cls.__repr__
    if not isinstance(written, FunctionType):
        return False
    return bool(inspect.unwrap(written).__code__.co_filename != "<string>")
