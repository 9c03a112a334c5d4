"""What a store costs that is full, at several sizes: each size has a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection

from measure import Call, Figure, Subject
from report import Row, against, at_most

from failextract_nb import FailureExtractor
from failextract_nb.capture import failure_from

NEW_DICT = "a new dict into a full deque of as many"
RECENT = 1_000  # captures that the store can have seen in the last minute, at most


class Full:
    """A process with a store of ``limit`` failures, and a deque of as many, that times on demand.

    What it times is a function of this file.  The others wait meanwhile.
    """

    def __init__(self, limit: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, limit), daemon=True)
        self._process.start()
        theirs.close()  # so that recv() ends if the process does

    def ready(self) -> None:
        self._pipe.recv()

    def take(self, name: str) -> float:
        """Seconds for a call of the subject ``name``, in one slot."""
        self._pipe.send(name)
        return float(self._pipe.recv())

    def end(self) -> None:
        self._pipe.send(None)
        self._process.join()


def store(quick: bool) -> Iterator[Row]:
    """A store that drops the oldest: adding to it, and asking it for its statistics."""
    limits = (10, 1_000, 100_000) if quick else (10, 1_000, 100_000, 1_000_000)
    full = {limit: Full(limit) for limit in limits}
    for one in full.values():
        one.ready()
    rounds = 9 if quick else 41
    try:
        ends = {limit: full[limit] for limit in (limits[0], limits[-1])}
        yield from _asking(ends, rounds, "ask", "")
        yield from _adding({limit: full[limit] for limit in limits[1:]}, rounds)
        yield from _asking(ends, rounds, "ask a busy one", ", busy for a minute")
    finally:
        for one in full.values():
            one.end()


def _in_turns(
    full: dict[int, Full], names: tuple[str, ...], rounds: int
) -> dict[tuple[str, int], Figure]:
    taken: dict[tuple[str, int], list[float]] = {}
    order = list(full)
    for _ in range(rounds):
        for limit in order:
            for name in names:
                taken.setdefault((name, limit), []).append(full[limit].take(name))
        order.append(order.pop(0))
    return {key: Figure(seconds) for key, seconds in taken.items()}


def _adding(full: dict[int, Full], rounds: int) -> Iterator[Row]:
    """``add_failure`` of a small dict, and what a door adds to a capture that it stores."""
    names = ("add", "append", "append the same", "describe", "describe and add")
    seconds = _in_turns(full, names, rounds)
    smallest = min(full)
    for limit in full:
        add, append = seconds["add", limit], seconds["append", limit]
        what = f"add_failure() at {limit:,}"
        yield against(what, add, NEW_DICT, append, must=at_most(10), reach=at_most(5))
        if limit == smallest:
            yield against(what, add, "the same dict, again", seconds["append the same", limit])
        else:
            fewest = seconds["add", smallest]
            yield against(what, add, f"add_failure() at {smallest:,}", fewest, must=at_most(1.3))
    for limit in full:
        door = seconds["describe and add", limit] - seconds["describe", limit]
        what = f"a captured failure, stored at {limit:,}"
        yield against(what, door, NEW_DICT, seconds["append", limit])


def _asking(full: dict[int, Full], rounds: int, name: str, when: str) -> Iterator[Row]:
    """``get_statistics``, after failures that were added and after failures that were captured."""
    seconds = _in_turns(full, (name,), rounds)
    few, many = full
    yield against(
        f"get_statistics() at {many:,}{when}", seconds[name, many],
        f"at {few}{when}", seconds[name, few], must=at_most(1.3),
    )  # fmt: skip


def _small(number: int) -> dict[str, str]:
    """What somebody adds by hand."""
    return {"test_name": "t", "exception_type": f"Error{number % 5}", "exception_message": "m"}


def _subjects(limit: int) -> dict[str, Call]:
    """What can be asked for.  The dicts that are added are new ones; the strings are not."""
    extractor = FailureExtractor()
    extractor.set_memory_limits(max_failures=limit, warn_at=10**12)
    kept: deque[dict[str, str]] = deque(maxlen=limit)
    for number in range(limit):
        extractor.add_failure(_small(number))
        kept.append(_small(number))
    one, error = _small(1), _failed()

    def busy() -> None:
        for _ in range(min(limit, RECENT)):
            extractor.add_failure(failure_from(error))

    return {
        "add": lambda: extractor.add_failure(
            {"test_name": "t", "exception_type": "ValueError", "exception_message": "m"}
        ),
        "append": lambda: kept.append(
            {"test_name": "t", "exception_type": "ValueError", "exception_message": "m"}
        ),
        "append the same": lambda: kept.append(one),
        "describe": lambda: failure_from(error),
        "describe and add": lambda: extractor.add_failure(failure_from(error)),
        "ask": extractor.get_statistics,
        "ask a busy one": extractor.get_statistics,
        "be busy": busy,
    }


def _failed() -> ValueError:
    try:
        raise ValueError("m")
    except ValueError as error:
        return error


def _serve(pipe: Connection, limit: int) -> None:
    """Fill a store, then time what is asked for until None is.

    All do so on one processor: two may differ in speed for seconds.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    calls = _subjects(limit)
    subjects: dict[str, Subject] = {}
    pipe.send("ready")
    while (name := pipe.recv()) is not None:
        if name not in subjects:
            if name == "ask a busy one":
                calls["be busy"]()
            subjects[name] = Subject(calls[name])
        pipe.send(subjects[name].take())
