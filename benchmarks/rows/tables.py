"""How quickly a long session's failures are a table, and how quickly that obeys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from measure import Call, in_turns
from report import Row, at_most

from failextract_nb import table as tables
from failextract_nb.failure import CORE
from failextract_nb.view import View

TYPES = (
    "ValueError", "KeyError", "TypeError", "IndexError", "AttributeError", "ZeroDivisionError",
    "FileNotFoundError", "RuntimeError", "AssertionError", "OSError", "TimeoutError", "NameError",
    "PermissionError", "UnicodeDecodeError", "StopIteration", "LookupError", "ImportError",
    "NotImplementedError", "OverflowError", "RecursionError",
)  # fmt: skip
CELLS = 200
CURRENCIES = ("EUR", "USD", "GBP")
STARTED = datetime(2026, 1, 31, 12, tzinfo=UTC)


def session(count: int) -> list[dict[str, Any]]:
    """The failures of a session that ran its cells again and again; every third in a function."""
    return [_record(number) for number in range(count)]


def _record(number: int) -> dict[str, Any]:
    cell, kind = number * 7 % CELLS + 1, TYPES[number * 11 % len(TYPES)]
    record: dict[str, Any] = dict.fromkeys(CORE)
    record |= {
        "id": f"a1b2c3d4e5-{number}",
        "timestamp": (STARTED + timedelta(seconds=number * 0.731)).isoformat(),
        "thread_id": 140_000,
        "thread_name": "MainThread",
        "process_id": 4_242,
        "exception_type": kind,
        "exception_message": f"no rate for {CURRENCIES[number % 3]} in order {number}",
        "exception_traceback": f"Traceback (most recent call last):\n{kind}: {number}\n",
        "duration": number % 1_000 / 250,
        "line_number": number % 40 + 1,
        "test_file": f"Cell In[{cell}]",
        "test_module": "__main__",
    }
    if number % 3:
        return record | {"origin": "cell", "test_name": f"In[{cell}]", "execution_count": cell}
    return record | {"origin": "function", "test_name": f"test_order_{cell}"}


def table(quick: bool) -> Iterator[Row]:
    """A hundred thousand failures as a DataFrame: made, sorted, searched, filtered, a window."""
    failures = session(100_000)
    size = f"of {len(failures):,}"
    made = in_turns({"frame": lambda: tables.to_frame(failures)}, rounds=3 if quick else 9, slot=0)[
        "frame"
    ]
    frame = tables.to_frame(failures)
    yield Row(f"to_frame() {size}", made, unit="s", must=at_most(1))
    first = in_turns({"": lambda: View(frame).search("usd")}, rounds=3, slot=0)[""]
    yield Row(f"the first search {size}", first, unit="s")
    for name, seconds in in_turns(_steps(frame), rounds=5 if quick else 15, slot=0).items():
        yield Row(f"{name} {size}", seconds, unit="s", must=at_most(0.05))


def _steps(frame: Any) -> dict[str, Call]:
    """What a person does with a table."""
    view = View(frame)
    view.search("")  # the first one reads the texts
    by_message = view.sort("message")
    return {
        "filter by type": lambda: view.filter("type == 'KeyError'"),
        "filter by two columns": lambda: view.filter("type == 'KeyError' and line > 3"),
        "search for a word in few": lambda: view.search("order 4711"),
        "search for a word in many": lambda: view.search("usd"),
        "search what is sorted": lambda: by_message.search("usd"),
        "sort by time, newest first": lambda: view.sort("time", ascending=False),
        "sort by type": lambda: view.sort("type"),
        "sort by line": lambda: view.sort("line"),
        "sort by message": lambda: view.sort("message"),
        "sort by message, backwards": lambda: view.sort("message", ascending=False),
        "window in the middle": lambda: by_message.window(50_000, 25),
    }
