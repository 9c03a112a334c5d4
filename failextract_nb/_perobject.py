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
        # By id, for whom a call for each thing is too much.  Whoever looks here asks the reference:
        # where the stack is full, nobody is told of a thing that dies, and another has its place.
        self.known: dict[int, tuple[weakref.ref[Any], T]] = {}

    def __call__(self, thing: Any) -> T:
        known = self.known.get(id(thing))
        return known[1] if known is not None and known[0]() is thing else self._first(thing)

    def __len__(self) -> int:
        return len(self.known)

    def clear(self) -> None:
        """Forget all that was made."""
        self.known.clear()

    def _first(self, thing: Any) -> T:
        made = self._make(thing)
        key, all_known = id(thing), self.known
        all_known[key] = (weakref.ref(thing, lambda _: all_known.pop(key, None)), made)
        return made
