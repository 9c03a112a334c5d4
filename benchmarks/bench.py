"""``make bench``: what a passing call, a failure, and a stored failure cost, as ratios.

Each figure is the median over rounds in which the measured code and its yardstick take turns, so
that a machine that slows down slows both. Times are printed for the curious; ratios are to quote.
"""

from __future__ import annotations

import functools
import statistics
import sys
import traceback
import tracemalloc
from time import perf_counter

import pandas as pd

from failextract_nb import FailureExtractor, extract_on_failure


def plain():
    return True


@extract_on_failure
def watched():
    return True


def bare(function):
    """The least that any decorator with a try can cost."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except BaseException:
            raise

    return wrapper


wrapped = bare(plain)


def fail(depth=6):
    """A ValueError six frames deep, with fifteen locals; one of them is a DataFrame."""
    if depth > 1:
        return fail(depth - 1)
    a, b, c, d = 1, 2.5, "text" * 10, None
    items, pairs, nested = list(range(100)), (1, "two"), {"k": {"deep": [1, 2, 3]}}
    frame, flags, name = FRAME, {True, False}, "a name"
    password, count, ratio, path = "hunter2", 10_000, 0.25, "/tmp/somewhere"
    raise ValueError(f"failed with {a}")


FRAME = pd.DataFrame({"a": range(1000), "b": 1.0})
recorded = extract_on_failure(fail)


def raise_and_catch():
    try:
        fail()
    except ValueError:
        pass


def record():
    try:
        recorded()
    except ValueError:
        pass


def describe():
    """The standard library's description of the same failure, without locals."""
    try:
        fail()
    except ValueError as error:
        "".join(traceback.TracebackException.from_exception(error).format())


def timed(function, number):
    started = perf_counter()
    for _ in range(number):
        function()
    return (perf_counter() - started) / number


def medians(functions, number, rounds):
    """Seconds for a call of each, in turns."""
    times = [[timed(function, number) for function in functions] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def decorator_overhead(number=20_000, rounds=15):
    """Passing call: what the decorator adds, against what a bare try wrapper adds."""
    base, bare_try, ours = medians([plain, wrapped, watched], number, rounds)
    return {"ns_added": (ours - base) * 1e9, "ratio_to_bare_try": (ours - base) / (bare_try - base)}


def failure_capture(number=100, rounds=15):
    """Failing call, with locals and redaction, against raise + catch and the standard library."""
    FailureExtractor().set_memory_limits(max_failures=1000)
    caught, described, ours = medians([raise_and_catch, describe, record], number, rounds)
    return {
        "us": ours * 1e6,
        "ratio_to_raise_and_catch": ours / caught,
        "ratio_to_stdlib_without_locals": (ours - caught) / (described - caught),
    }


def memory_per_failure(count=2_000):
    """Bytes that a stored failure takes, with locals."""
    extractor = FailureExtractor()
    extractor.clear()
    extractor.set_memory_limits()
    record()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(count):
        record()
    traced = (tracemalloc.get_traced_memory()[0] - before) / count
    tracemalloc.stop()
    known = extractor.get_statistics()
    told = known["memory_usage_mb"] * 1024 * 1024 / known["failure_count"]
    extractor.clear()
    return {"bytes": traced, "told_by_statistics": told}


def main(quick=False):
    scale = 10 if quick else 1
    figures = {
        "passing call": decorator_overhead(20_000 // scale, 15 if not quick else 3),
        "failing call": failure_capture(100 // scale, 15 if not quick else 3),
        "stored failure": memory_per_failure(2_000 // scale),
    }
    for what, values in figures.items():
        print(what)
        for name, value in values.items():
            print(f"  {name:<32} {value:>12,.2f}")
    return figures


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
