"""What a decorated test costs while it passes, and how many of them many threads can run."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import failextract
from measure import Figure, in_turns
from report import Row, against, at_least, at_most, faster_than
from workload import shop

from failextract_nb import FailureExtractor, extract_on_failure

THREADS = 20
Test = Callable[..., Any]


def bare(function: Test) -> Test:
    """The least that any decorator with a try can cost."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException:
            raise

    return wrapper


def passing(quick: bool) -> Iterator[Row]:
    """A decorated call that passes: what it takes above the plain call."""
    seconds = in_turns(
        {
            "plain": shop.passing,
            "bare": bare(shop.passing),
            "ours": extract_on_failure(shop.passing),
            "failextract": failextract.extract_on_failure(shop.passing),
        },
        rounds=21 if quick else 101,
    )
    plain = seconds["plain"]
    ours, least, theirs = (seconds[name] - plain for name in ("ours", "bare", "failextract"))
    what = "added to a call that passes"
    yield against(what, ours, "a bare try wrapper", least, must=at_most(1.5), reach=at_most(1.2))
    yield faster_than(what, ours, "failextract", theirs)


def third_fails(number: int) -> None:
    """A small test, of the kind that there are thousands of."""
    assert number % 3, f"{number} is a multiple of three"


def threads(quick: bool) -> Iterator[Row]:
    """Twenty threads call a decorated test, and every third call fails."""
    calls = 150 if quick else 600  # of one thread in one round
    extractor, peer = FailureExtractor(), failextract.FailureExtractor()
    extractor.set_memory_limits(warn_at=10**12)
    tests = {
        "bare": (bare(third_fails), calls),
        "ours": (extract_on_failure(third_fails), calls),
        "failextract": (failextract.extract_on_failure(third_fails), calls // 10),
    }
    taken: dict[str, list[float]] = {name: [] for name in tests}
    lost = ""
    for _ in range(5 if quick else 11):
        for name, (test, number) in tests.items():
            extractor.clear()
            peer.clear()
            taken[name].append(_seconds_a_call(test, number))
            if name == "ours":
                lost = lost or _lost(calls)
    seconds = {name: Figure(values) for name, values in taken.items()}
    ours = seconds["ours"]
    yield Row(
        "decorated calls a second, of 20 threads", ours.per_second(), "", "/s",
        ours=ours, must=at_least(20_000), reach=at_least(50_000), broken=lost,
    )  # fmt: skip
    yield against("one of those calls", ours, "a bare try wrapper", seconds["bare"])
    yield faster_than("one of those calls", ours, "failextract", seconds["failextract"])


def _seconds_a_call(test: Test, calls: int) -> float:
    """Wall time for one of all threads' calls, from their common start until the last has ended."""
    start = threading.Barrier(THREADS + 1)

    def work() -> None:
        start.wait()
        for number in range(calls):
            try:
                test(number)
            except AssertionError:
                pass

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    start.wait()
    started = perf_counter()
    for worker in workers:
        worker.join()
    return (perf_counter() - started) / (THREADS * calls)


def _lost(calls: int) -> str:
    """What the store lacks of a round, "" if nothing."""
    fails = len(range(0, calls, 3))
    expected = (THREADS * fails, THREADS * fails, THREADS * (calls - fails))
    known = FailureExtractor().get_statistics()
    found = (known["failure_count"], len({one["id"] for one in FailureExtractor().failures}))
    found = (*found, known["passed_count"])
    return "" if found == expected else f"failures, ids, passes: {found} instead of {expected}"
