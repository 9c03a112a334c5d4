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
        self._make = make  # never None
        self.made: dict[int, T] = {}  # by id, for whom a call for each thing is too much
        self._refs: dict[int, weakref.ref[Any]] = {}

    def __call__(self, thing: Any) -> T:
        made = self.made.get(id(thing))
        return self._first(thing) if made is None else made

    def __len__(self) -> int:
        return len(self.made)

    def clear(self) -> None:
        """Forget all that was made."""
        self.made.clear()
        self._refs.clear()

    def _first(self, thing: Any) -> T:
        made = self._make(thing)
        key, all_made, refs = id(thing), self.made, self._refs

        def forget(ref: weakref.ref[Any]) -> None:
            if refs.get(key) is ref:
                del refs[key]
                all_made.pop(key, None)

        refs[key] = weakref.ref(thing, forget)
        all_made[key] = made
        return made
