"""What it takes to make a record of a failure: the workload's, six frames deep, fifteen locals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import failextract
import numpy as np
import pandas as pd
import peers
from failing import described, failing
from measure import Figure, in_turns
from report import Row, against, at_least, at_most, faster_than
from workload import shop

from failextract_nb import FailureExtractor, extract_on_failure, positions
from failextract_nb.capture import failure_from

STORED = "a stored failure with locals"
RECORD = "its record alone"  # what most peers make: a description, not kept anywhere


def store() -> FailureExtractor:
    """The store as these measurements want it: it drops the oldest from 1,000 on."""
    extractor = FailureExtractor()
    extractor.set_memory_limits(max_failures=1_000, warn_at=10**12)
    return extractor


def capture(quick: bool) -> Iterator[Row]:
    """A failure with locals, from the decorated call to the stored record; less raise and catch."""
    extractor, clear = store(), failextract.FailureExtractor().clear
    everyone = {str(one): one for one in peers.everyone()}
    ours = failing(extract_on_failure(shop.test_checkout))
    decorators = {
        "failextract, defaults": failextract.extract_on_failure,
        "failextract, with locals": failextract.extract_on_failure(include_locals=True),
    }
    calls = {
        "raise and catch": failing(shop.test_checkout),
        "ours": ours,
        "failure_from": described(shop.test_checkout, failure_from),
        **{name: failing(one(shop.test_checkout)) for name, one in decorators.items()},
        **{name: described(shop.test_checkout, one.describe) for name, one in everyone.items()},
    }
    before = {name: one.prepare for name, one in everyone.items() if one.prepare}
    before |= dict.fromkeys(decorators, clear)
    while not extractor.get_statistics()["failures_at_limit"]:
        ours()
    whole = in_turns(calls, rounds=5 if quick else 41, before=before)
    limit = whole.pop("raise and catch")
    net = {name: seconds - limit for name, seconds in whole.items()}
    mine, record = net["ours"], net["failure_from"]
    yield against(STORED, mine, "raise and catch", limit)
    yield against(RECORD, record, STORED, mine)
    for name in decorators:
        yield faster_than(STORED, mine, name, net[name], must=at_least(100))
    for name, one in everyone.items():
        whole_way = one.name == "sentry_sdk" and "event only" not in one.settings
        what, seconds = (STORED, mine) if whole_way else (RECORD, record)
        yield _against_peer(what, seconds, one, net[name])


def _against_peer(what: str, mine: Figure, peer: peers.Peer, theirs: Figure) -> Row:
    """Other libraries are to be left behind; the standard library shows what is possible."""
    if peer.name == "TracebackException" and not peer.locals:
        return against(what, mine, str(peer), theirs, reach=at_most(0.8))
    judged = peer.locals and peer.name in ("sentry_sdk", "structlog", "rich")
    return faster_than(what, mine, str(peer), theirs, must=at_least(20) if judged else None)


def seen(quick: bool) -> Iterator[Row]:
    """A failure where one was before, against the first in its place."""
    store()
    ours = failing(extract_on_failure(shop.test_checkout))

    def first() -> None:
        positions.forget()
        ours()

    calls = {
        "raise and catch": failing(shop.test_checkout),
        "forget": positions.forget,
        "again": ours,
        "first": first,
    }
    before = {"again": ours}  # who comes first after "forget" sees the places for the first time
    seconds = in_turns(calls, rounds=11 if quick else 61, before=before)
    limit, again = seconds["raise and catch"], seconds["again"]
    sight = seconds["first"] - seconds["forget"]
    what = "a failure at places seen before"
    yield against(what, again, "at first sight", sight, must=at_most(0.5))
    yield against(
        f"{what}, less raise", again - limit, "at first sight, less raise", sight - limit,
        must=at_most(0.5),
    )  # fmt: skip
    yield against(what, again, "raise and catch", limit, reach=at_most(10))


def deep(frames: int, number: int) -> int:
    """Fail ``frames`` deep, with some locals in each frame."""
    half, name = number / 2, "tea"
    if frames > 1:
        return deep(frames - 1, number)
    raise ValueError(f"no {name} for {half}")


DEPTHS = (10, 20, 40, 60, 200, 2_000)  # 60 frames are kept
SIZES = (10, 1_000_000)
VALUES: dict[str, tuple[Any, ...]] = {
    "DataFrame": tuple(pd.DataFrame({"a": range(size), "b": 1.0}) for size in SIZES),
    "dict": tuple({number: str(number) for number in range(size)} for size in SIZES),
    "list": tuple(list(range(size)) for size in SIZES),
    "ndarray": tuple(np.arange(size, dtype="float64") for size in SIZES),
}


def growth(quick: bool) -> Iterator[Row]:
    """What a capture is to take no longer for: many frames, large values, secrets and addresses."""
    store()
    yield from _by_depth(rounds=5 if quick else 41)
    yield from _by_size(rounds=5 if quick else 41)
    yield from _by_secrets(rounds=5 if quick else 41)


def _by_depth(rounds: int) -> Iterator[Row]:
    sys.setrecursionlimit(2 * max(DEPTHS))
    recorded = extract_on_failure(deep)
    calls = {}
    for depth in DEPTHS:
        calls[f"raise {depth}"] = failing(partial(deep, depth))
        calls[f"record {depth}"] = failing(partial(recorded, depth))
    seconds = in_turns(calls, rounds)
    net = {depth: seconds[f"record {depth}"] - seconds[f"raise {depth}"] for depth in DEPTHS}

    few = net[10] * (1 / 10)
    for depth in (20, 40, 60):
        frame = net[depth] * (1 / depth)
        yield against(f"a frame, of {depth}", frame, "a frame, of 10", few, must=at_most(1.3))
    # Past the limit frames are walked over, and not described.
    yield against("a failure of 200 frames", net[200], "of 60", net[60])
    yield against("a failure of 2,000 frames", net[2_000], "of 200", net[200])


def holding(kind: str, place: int) -> Callable[[int], None]:
    """A test that fails with a small or a large value of this kind among its locals."""

    def test(number: int) -> None:
        value = VALUES[kind][place]
        raise ValueError(f"failure {number} of {kind}")

    return test


def _by_size(rounds: int) -> Iterator[Row]:
    calls = {}
    for kind in VALUES:
        for place, size in enumerate(SIZES):
            test = holding(kind, place)
            calls[f"raise {kind} {size}"] = failing(test)
            calls[f"record {kind} {size}"] = failing(extract_on_failure(test))
    seconds = in_turns(calls, rounds)
    small, large = SIZES
    for kind in VALUES:
        few, many = (
            seconds[f"record {kind} {size}"] - seconds[f"raise {kind} {size}"] for size in SIZES
        )
        what = f"a local {kind} of {large:,}"
        yield against(what, many, f"of {small}", few, must=at_most(1.3))


def logs_in(token: str, number: int) -> None:
    raise PermissionError(f"failure {number}: nobody with a token of {len(token)}")


def asks(text: str, number: int) -> None:
    raise OSError(f"failure {number}: {text}")


def _by_secrets(rounds: int) -> Iterator[Row]:
    token = f"a1b2-c3d4-{min(SIZES)}"  # the source is not to give it away
    calls = {
        "the same token": lambda number: logs_in(token, number),
        "a new token": lambda number: logs_in(f"a1b2-c3d4-{number}", number),
        "words": lambda number: asks("there is no item with that number, sort", number),
        "an address": lambda number: asks("https://host.example/items/55?sort=asc", number),
    }
    recorded = {name: failing(extract_on_failure(test)) for name, test in calls.items()}
    raised = {f"raise {name}": failing(test) for name, test in calls.items()}
    seconds = in_turns(recorded | raised, rounds)
    net = {name: seconds[name] - seconds[f"raise {name}"] for name in calls}
    same, new, words, address = (net[name] for name in calls)
    yield against("a token that is new each time", new, "the same one", same, must=at_most(1.3))
    yield against("an address in a message", address, "words", words, must=at_most(1.3))
