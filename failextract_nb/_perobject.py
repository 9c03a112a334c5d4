"""What depends on one object alone - a class, a code object - made once for each."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PerObject(Generic[T]):
    """Calls ``make(thing)`` once for each thing, and forgets what it made when the thing dies.

    Things are told apart by identity: a metaclass may define equality and hashes of its own.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._known: dict[int, tuple[weakref.ref[Any], T]] = {}

    def __call__(self, thing: Any) -> T:
        known = self._known.get(id(thing))
        # Where the stack is full, nothing is told of a thing that dies: another may have its place.
        return known[1] if known is not None and known[0]() is thing else self._first(thing)

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forget all that was made."""
        self._known.clear()

    def _first(self, thing: Any) -> T:
        made = self._make(thing)
        key, all_known = id(thing), self._known
        all_known[key] = (weakref.ref(thing, lambda _: all_known.pop(key, None)), made)
        return made
