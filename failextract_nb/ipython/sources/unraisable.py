"""Exceptions that Python cannot raise: those in ``__del__``, in callbacks of weak references."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

from failextract_nb._strings import type_name
from failextract_nb.ipython.sources._source import Source


class Unraisable(Source):
    """``sys.unraisablehook``; the object itself is not kept, and its repr not asked for."""

    names: ClassVar = {"unraisable": "an exception in __del__, or where Python cannot raise it"}

    def listen(self) -> None:
        self.replace(sys, "unraisablehook", self._hook)

    def _hook(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        def unraisablehook(unraisable: Any) -> None:
            if self.active and unraisable.exc_value is not None:
                self.failed(
                    unraisable.exc_value, origin="unraisable", name=_name_of(unraisable.object)
                )
            original(unraisable)

        return unraisablehook


def _name_of(thing: Any) -> str:
    name = getattr(thing, "__qualname__", None) if callable(thing) else None
    return name if type(name) is str else type_name(type(thing))
