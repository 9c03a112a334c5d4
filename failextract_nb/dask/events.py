"""What workers and scheduler tell those that watch: texts on one topic of the scheduler's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

from failextract_nb.home import mark_of, plain

TOPIC = "failextract_nb"
ORIGIN = "dask"
MAX_KEYS = 50  # of the tasks that a record names

# Clients that this process watches: its workers, where it has some, share the store with them.
watched_here: set[str] = set()

FAILED, MORE = "failed", "more"  # kinds of events


def failed(record: Mapping[str, Any], attempt: str) -> str:
    """One failure; ``attempt`` tells the times that one task fails apart."""
    return _said({"type": FAILED, "attempt": attempt, "record": record})


def more(worker: str, number: str, counts: Mapping[str, int]) -> str:
    """Failures that are counted only, by exception class; ``number`` tells it from others."""
    return _said({"type": MORE, "attempt": number, "worker": worker, "counts": counts})


def read(message: object) -> dict[str, Any] | None:
    """What one of the above has said, None for anything else that is on the topic."""
    try:
        said = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("type") in (FAILED, MORE) else None


def _said(event: Mapping[str, Any]) -> str:
    # Dask's own messages know no lone surrogates and no long integers: a text of ASCII has both.
    return json.dumps(event, allow_nan=False)


def marks_of(function: object) -> dict[str, str]:
    """What tells the code of a function, and of those of its module that it calls, by name.

    A session that has functions of these names can tell whether they are still the same.
    """
    function = plain(function)
    if not isinstance(function, FunctionType):
        return {}
    called = (plain(function.__globals__.get(name)) for name in function.__code__.co_names)
    functions = [function, *(one for one in called if isinstance(one, FunctionType))]
    return {one.__code__.co_name: mark_of(one.__code__) for one in functions[:MAX_KEYS]}


def identity(*parts: object) -> str:
    """The id of a failure that several have to know without having met."""
    return hashlib.blake2s(
        repr(parts).encode("utf-8", "backslashreplace"), digest_size=8
    ).hexdigest()


def named(keys: Iterable[object]) -> list[str]:
    """Keys of tasks as text, the first ``MAX_KEYS`` in the order of their text."""
    return sorted(map(str, keys))[:MAX_KEYS]


def listed(keys: Iterable[object]) -> str:
    """Some keys for a message: ``"a, b, c and 5 more"``."""
    texts = named(keys)
    total = len(list(keys)) if not isinstance(keys, (list, tuple, set, frozenset)) else len(keys)
    shown = ", ".join(texts[:3])
    return f"{shown} and {total - 3} more" if total > 3 else shown
