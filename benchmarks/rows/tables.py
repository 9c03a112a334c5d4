"""How quickly a long session's failures are a table, and how quickly that obeys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from measure import Call, in_turns
from report import Row, at_most

from failextract_nb import table as tables
from failextract_nb.failure import CORE
from failextract_nb.rows import FACETS, Rows
from failextract_nb.shown import Shown, Wishes

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
    """A hundred thousand failures as a table: made, sorted, searched, filtered, a window."""
    failures = session(100_000)
    size = f"of {len(failures):,}"
    made = in_turns({"frame": lambda: tables.to_frame(failures)}, rounds=3 if quick else 9, slot=0)[
        "frame"
    ]
    yield Row(f"to_frame() {size}", made, unit="s", must=at_most(1))
    first = in_turns({"": lambda: followed(failures)}, rounds=3, slot=0)[""]
    yield Row(f"the columns of the table {size}", first, unit="s")
    first = in_turns({"": lambda: Shown(followed(failures), Wishes(search="usd")).kept}, 3, 0)[""]
    yield Row(f"the same and the first search {size}", first, unit="s")
    for name, seconds in in_turns(_steps(failures), rounds=5 if quick else 15, slot=0).items():
        most = 0.01 if name.startswith("window") else 0.05
        yield Row(f"{name} {size}", seconds, unit="s", must=at_most(most))


def followed(failures: list[dict[str, Any]]) -> Rows:
    """The rows of a table that is shown for the first time."""
    rows = Rows()
    rows.update(failures, 0, anew=False)
    return rows


def _steps(failures: list[dict[str, Any]]) -> dict[str, Call]:
    """What a person does with a table, up to the lines that are sent to the page."""
    rows = followed(failures)
    shown = Shown(rows, Wishes(search="no rate"))
    shown.wish(sort="message", search="").window(0, 1, (none := np.zeros(len(rows), dtype=bool)))
    by_message = shown.wish(sort="message", search="")

    def step(**wishes: Any) -> Call:
        return lambda: Shown(rows, replace(Wishes(), **wishes)).window(0, 50, none)

    plain = Shown(rows, Wishes())
    plain.window(0, 1, none)
    # Of some hundred equal failures each, as a cell that runs again and again gives.
    again = Shown(followed([one | {"exception_message": "no rate"} for one in failures]), Wishes())
    again.window(0, 1, none)
    some = np.arange(len(rows)) % 3 == 0
    return {
        "the first lines": step(),
        "filter by type": step(query="type == 'KeyError'"),
        "filter by two columns": step(query="type == 'KeyError' and line > 3"),
        "a facet": step(facets={"type": frozenset(["KeyError"])}),
        "counts of all facets": lambda: [plain.facet(name) for name in FACETS],
        "search for a word in few": step(search="order 4711"),
        "search for a word in many": step(search="usd"),
        "one letter more": lambda: shown.wish(search="no rate f").window(0, 50, none),
        "sort by time, newest first": step(sort="time"),
        "sort by type": step(sort="type", descending=False),
        "sort by line": step(sort="line"),
        "sort by message": lambda: by_message.wish(descending=False).ordered,
        "window in the middle": lambda: plain.window(50_000, 100, none),
        "window of groups, some selected": lambda: again.window(100, 100, some),
        "window at a failure": lambda: plain.place("g50000"),
        "a hundred more": lambda: _more(rows, failures),
    }


def _more(rows: Rows, failures: list[dict[str, Any]]) -> None:
    """What an update of the page costs while failures come."""
    rows.update(failures[:-100], 0, anew=False)
    rows.update(failures, 0, anew=False)
