"""The variables of a frame as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import CO_OPTIMIZED
from itertools import chain, islice
from sys import getsizeof
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from failextract_nb._budget import OVER, TooLong, Work
from failextract_nb._names import can_be_secret, rules, secret_name
from failextract_nb._redact import mask
from failextract_nb._reprs import refused
from failextract_nb._strings import module_of
from failextract_nb._values import MAX_DEPTH, SCALARS, WRITERS

MAX_LOCALS = 50  # of one frame
MAX_NAMES = 4096  # that are remembered

# What compilers and pytest add, and Python's own names.
_NOT_VARIABLES = (".", "@", "__")
# Not worth a line among the variables of a cell.
_MODULE_LEVEL = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, type)
_SHELL = ("IPython.", "ipykernel.")  # exit, quit, get_ipython: the session's own

_NO_VARIABLE = "no variable"


class _Kinds(dict[str, str]):
    """Of names, why what they hold is secret, "" for all others: the same come again and again."""

    def __missing__(self, name: str) -> str:
        kind = _NO_VARIABLE if name.startswith(_NOT_VARIABLES) else secret_name(name) or ""
        if len(self) >= MAX_NAMES:
            self.clear()
        self[name] = kind
        return kind


_kinds = _Kinds()
rules.watch(_kinds.clear)


class Variables:
    """The variables of all frames of one capture."""

    work = Work()  # of the capture; each value that is written is a step of it

    def __init__(self) -> None:
        self.bytes = 0  # of the dicts; the store weighs the texts in them
        self._written: list[dict[str, str]] = []  # of all frames
        # What is handed down from frame to frame is written once.  By id, with the object itself,
        # so that the id stays its own; it goes when the capture is done.
        self._texts: dict[int, tuple[Any, str]] = {}

    def of(
        self, frames: Sequence[FrameType], shown: Iterable[tuple[int, bool]]
    ) -> list[dict[str, str] | None]:
        """The variables of frames as text, by name; None if there are none.

        ``shown`` are the numbers of frames, and whether they are the user's: only those are read.
        """
        written: list[dict[str, str] | None] = []
        last: dict[str, str] = {}
        size = 0
        work, texts, kinds, scalars, writers = self.work, self._texts, _kinds, SCALARS, WRITERS
        for number, is_users in shown:
            found: dict[str, str] = {}
            try:
                for name, value in _variables(frames[number]) if is_users else ():
                    kind, cls = kinds[name], type(value)
                    try:
                        if kind:
                            if kind is _NO_VARIABLE or cls is ModuleType:  # import secrets
                                continue
                            if can_be_secret(name, kind, value):
                                found[name] = mask(kind, value)
                                continue
                        if cls in scalars:
                            found[name] = scalars[cls](value, 0)
                        elif (key := id(value)) in texts:
                            found[name] = texts[key][1]
                        elif cls is not ModuleType:
                            if work.is_over and cls not in writers:
                                raise TooLong(OVER)
                            found[name] = text = writers[cls](value, MAX_DEPTH)
                            texts[key] = value, text
                            work.step += 1
                    except BaseException as error:  # noqa: BLE001  # a repr may raise anything
                        found[name] = text = refused(value, error)
                        texts[id(value)] = value, text
                        work.next()
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: BLE001, S110  # a class body may run in a mapping of the user's
                pass
            if work.is_broken:
                work.next()
            if found and found != last:  # else the same arguments, handed on
                last = found
                size += getsizeof(found)
            written.append(last if found else None)
        self.bytes += size
        self._written += filter(None, written)
        return written

    @property
    def texts(self) -> Iterable[str]:
        """All that was written."""
        return chain.from_iterable(map(dict.values, self._written))


def _variables(frame: FrameType) -> Iterable[tuple[str, Any]]:
    """All, or of many as many as are shown, and of those of a cell what it names."""
    code, namespace = frame.f_code, frame.f_locals
    if code.co_flags & CO_OPTIMIZED and len(namespace) <= MAX_LOCALS:  # a function's
        return namespace.items()
    is_cell = code.co_name == "<module>" or namespace is frame.f_globals
    pairs = _used_globals(code, frame.f_globals) if is_cell else namespace.items()
    return islice(filter(_is_shown, pairs), MAX_LOCALS)


def _is_shown(pair: tuple[str, Any]) -> bool:
    name, value = pair
    return _kinds[name] is not _NO_VARIABLE and type(value) is not ModuleType


def _used_globals(code: CodeType, namespace: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Of a whole notebook's variables, those that this cell names."""
    for name in code.co_names:
        if name not in namespace:
            continue
        kind = type(namespace[name])
        if not issubclass(kind, _MODULE_LEVEL) and not module_of(kind).startswith(_SHELL):
            yield name, namespace[name]
