"""Text of any length made fit for a record, and what any class is called and extends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from failextract_nb._names import rules
from failextract_nb._perobject import PerObject
from failextract_nb._redact import redact_said

MAX_MESSAGE = 10_000  # characters of an exception's message
CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
LOOK_AHEAD = 2_000  # characters read for secrets before a text is cut


def bounded(text: str, limit: int = MAX_MESSAGE, hide: Callable[[str], str] = redact_said) -> str:
    """``text`` bounded and redacted; no more of it is read than that takes."""
    if len(text) <= limit:
        return clean(hide(text))
    return clean(f"{start_of(text, limit, hide)}… ({len(text)} characters)")


def start_of(
    text: str,
    limit: int,
    hide: Callable[[str], str] = redact_said,
    ahead: int = LOOK_AHEAD,
) -> str:
    """The first ``limit`` characters of ``text`` without a secret, nor a part of one."""
    read = text[: limit + ahead]
    shown = hide(read)
    if len(read) < len(text):  # what is cut there may be a secret that nobody can tell any more
        shown = shown[: max(0, len(shown) - ahead)]
    return shown[:limit]


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


@lru_cache(maxsize=256)
def shown_name(name: str) -> str:
    """The name of a test, a function, a thread, redacted: the same few fail again and again."""
    return clean(redact_said(name))


rules.watch(shown_name.cache_clear)


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


@dataclass(slots=True)
class Kind:
    """What a class of exceptions is called, and what more its exceptions have to tell."""

    name: str
    module: str  # "" where nobody would say it
    full_name: str  # as at the end of a traceback
    is_syntax: bool
    is_group: bool


def _name_kind(cls: type) -> Kind:
    module = clean(module_of(cls))
    module = "" if module in ("builtins", "__main__") else module
    full_name = clean(str(type.__dict__["__qualname__"].__get__(cls)))
    return Kind(
        name=type_name(cls),
        module=module,
        full_name=f"{module}.{full_name}" if module else full_name,
        is_syntax=issubclass(cls, SyntaxError),
        is_group=issubclass(cls, BaseExceptionGroup),
    )


kind_of = PerObject(_name_kind)
