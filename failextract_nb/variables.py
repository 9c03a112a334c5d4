"""The variables of a frame as text.

Most variables of a failure hold what they held at the one before: a text that the store holds
already is taken from there, so that it is kept once.
"""

from __future__ import annotations

from collections.abc import Iterable
from sys import getsizeof
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from failextract_nb._budget import OVER, TooLong, Work
from failextract_nb._names import rules, secret_name
from failextract_nb._redact import masks_among
from failextract_nb._reprs import refused
from failextract_nb._safe import text_of
from failextract_nb._strings import module_of
from failextract_nb._values import EXACT, MAX_DEPTH, SCALARS, writer_of

MAX_LOCALS = 50  # of one frame
MAX_NAMES = 4096  # that are remembered

# What compilers and pytest add, and Python's own names.
_NOT_VARIABLES = (".", "@", "__")
# Not worth a line among the variables of a cell.
_MODULE_LEVEL = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, type)
_SHELL = ("IPython.", "ipykernel.")  # exit, quit, get_ipython: the session's own

_PLAIN, _SECRET, _NO_VARIABLE = "plain", "secret", "none"
_kinds: dict[str, str] = {}  # of names: the same ones come again and again
# Texts that stored records hold, each under itself.  Only the store writes here, as it alone knows
# which are held and for how long.
stored: dict[str, str] = {}
rules.watch(_kinds.clear)


class Variables:
    """The variables of all frames of one capture."""

    def __init__(self) -> None:
        self.work = Work()  # of which each value that is written is a step
        self.bytes = 0  # of the dicts; the store weighs the texts in them
        self.masks = 0
        # What is handed down from frame to frame is written once.  By id, with the object itself,
        # so that the id stays its own; it goes when the capture is done.
        self._texts: dict[int, tuple[Any, str]] = {}
        self._last: dict[str, str] | None = None  # of the frame before
        self._last_masks = 0

    def of(self, frame: FrameType) -> dict[str, str] | None:
        """The variables of ``frame`` as text, by name; None if there are none."""
        found: dict[str, str] = {}
        hidden, work = rules.hidden, self.work
        try:
            for name, value in _variables(frame):
                kind = _kinds.get(name) or _kind_of(name)
                if kind is _NO_VARIABLE:
                    continue
                try:
                    cls = type(value)
                    write = SCALARS.get(cls)
                    if kind is _SECRET and cls is not ModuleType:  # import secrets
                        text = text_of(value, name)
                    elif write is not None:
                        text = write(value, 0)
                    elif cls is ModuleType:
                        continue
                    elif (known := self._texts.get(id(value))) is not None:
                        text = known[1]
                    else:
                        if work.is_over and cls not in EXACT:
                            raise TooLong(OVER)
                        text = (EXACT.get(cls) or writer_of(cls))(value, MAX_DEPTH)
                        work.step += 1
                except BaseException as error:  # noqa: BLE001  # a repr may raise anything
                    text, write = refused(value, error), None
                    work.next()
                text = stored.get(text, text)
                if write is None and kind is _PLAIN:
                    self._texts[id(value)] = value, text
                found[name] = text
                if len(found) >= MAX_LOCALS:
                    break
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001, S110  # a class body may run in a mapping of the user's
            pass
        if work.is_broken:
            work.next()
        if not found:
            return None
        if found == self._last:  # the same arguments, handed on
            self.masks += self._last_masks
            return self._last
        self.bytes += getsizeof(found)
        self._last = found
        if rules.hidden != hidden or self.masks:
            self._last_masks = masks_among(found.values())
            self.masks += self._last_masks
        return found


def _kind_of(name: str) -> str:
    kind = _SECRET if secret_name(name) else _PLAIN
    if name.startswith(_NOT_VARIABLES):
        kind = _NO_VARIABLE
    if len(_kinds) >= MAX_NAMES:
        _kinds.clear()
    _kinds[name] = kind
    return kind


def _variables(frame: FrameType) -> Iterable[tuple[str, Any]]:
    code, namespace = frame.f_code, frame.f_locals
    if code.co_name == "<module>" or namespace is frame.f_globals:
        return _used_globals(code, frame.f_globals)
    return namespace.items()


def _used_globals(code: CodeType, namespace: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Of a whole notebook's variables, those that this cell names."""
    for name in code.co_names:
        if name not in namespace:
            continue
        kind = type(namespace[name])
        if not issubclass(kind, _MODULE_LEVEL) and not module_of(kind).startswith(_SHELL):
            yield name, namespace[name]
