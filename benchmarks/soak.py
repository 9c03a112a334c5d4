"""``make soak``: a million failures through a store of a thousand; memory must not grow.

Most fail six frames deep with fifteen locals, as in the other benchmarks.  Every hundredth is new
in all that is remembered about one: its code, its class, the class of a local, the names
and texts of its locals.  Exits with 1 when resident memory after the first tenth rises by more than
``MAX_GROWTH``, or when a failure is neither kept nor counted as dropped.
"""

from __future__ import annotations

import argparse
import gc
import sys
from contextlib import suppress
from time import monotonic

import psutil
from workload import shop

from failextract_nb import FailureExtractor, extract_on_failure

FAILURES = 1_000_000
KEPT = 1_000
MAX_GROWTH = 0.05  # of what was resident after the first tenth
MAX_SECONDS = 600
SAMPLES = 100

NEW = """
class Error{number}(Exception): pass
class Local{number}:
    def __repr__(self): return "local {number}"
@extract_on_failure
def cell_{number}():
    variable_{number}, text = Local{number}(), "{number} " * 20
    raise Error{number}(text)
"""


def something_new(number: int) -> None:
    """Fail in code, with classes and with names that were never seen before."""
    namespace = {"extract_on_failure": extract_on_failure}
    exec(compile(NEW.format(number=number), f"<cell {number}>", "exec"), namespace)
    namespace[f"cell_{number}"]()


def resident() -> int:
    """Bytes of this process in memory, after what is garbage has gone."""
    gc.collect()
    return psutil.Process().memory_info().rss


def soak(failures: int) -> list[int]:
    """Fail ``failures`` times; the resident bytes after each hundredth of them."""
    test = extract_on_failure(shop.test_checkout)
    started, samples = monotonic(), []
    for number in range(failures):
        with suppress(Exception):
            something_new(number) if number % 100 == 0 else test(number)
        if (number + 1) % (failures // SAMPLES) == 0:
            samples.append(resident())
            end = "\r" if sys.stdout.isatty() else "\n"
            print(f"{number + 1:>9,} failures, {samples[-1] / 1e6:.1f} MB", end=end, flush=True)
        if monotonic() - started > MAX_SECONDS:
            sys.exit(f"\nstopped after {number + 1:,} failures: over {MAX_SECONDS} seconds")
    print(f"\nin {monotonic() - started:.0f} s")
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", type=int, default=FAILURES)
    failures = parser.parse_args().failures
    extractor = FailureExtractor()
    extractor.set_memory_limits(max_failures=KEPT, warn_at=10**12)
    samples = soak(failures)
    after_a_tenth, most = samples[SAMPLES // 10], max(samples[SAMPLES // 10 :])
    growth = most / after_a_tenth - 1
    statistics = extractor.get_statistics()
    seen = statistics["failure_count"] + statistics["dropped_failures"]
    print(f"after the first tenth {after_a_tenth / 1e6:.1f} MB, at most {growth:+.1%} afterwards")
    print(f"{seen:,} of {failures:,} failures kept or counted as dropped")
    if growth > MAX_GROWTH or seen != failures or statistics["problems"]:
        sys.exit(f"not flat, or not all there: {statistics['problems']}")


if __name__ == "__main__":
    main()
