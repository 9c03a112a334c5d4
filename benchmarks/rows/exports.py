"""How quickly reports are written: FailExtract's own records, by its formatters and by ours."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import failextract
from failextract.core.formatters import FormatterRegistry
from measure import in_turns
from report import Row, at_least, faster_than
from workload import shop

from failextract_nb import formats

CAPTURED = 200  # by FailExtract's decorator; the others are copies that say a number of their own
MUST = {"json": at_least(4), "yaml": at_least(8)}
MEGABYTE = 1024 * 1024


def records(count: int) -> list[dict[str, Any]]:
    """What FailExtract has stored after ``count`` failures of the workload."""
    test = failextract.extract_on_failure(shop.test_checkout)
    for number in range(min(count, CAPTURED)):
        try:
            test(number)
        except ValueError:
            pass
    captured = failextract.FailureExtractor().failures
    made = []
    for number in range(count):
        # No two records share a list: YAML would write the second as a reference.
        record = copy.deepcopy(captured[number % CAPTURED])
        message = f"{record['exception_message']}, attempt {number}"
        made.append({**record, "exception_message": message})
    return made


def export(quick: bool) -> Iterator[Row]:
    """Reports of the same failures: the time for a megabyte of what each writes, and for all.

    Ours has every key of a record; FailExtract's XML and CSV have a few of them.
    """
    count, rounds = (150, 3) if quick else (10_000, 3)
    failures = records(count)
    for name in ("json", "yaml", "markdown", "xml", "csv"):
        ours, theirs = formats.get(name), FormatterRegistry.get_formatter(name)
        texts: dict[str, str] = {}
        calls = {
            "ours": lambda one=ours, to=texts: to.update(ours=one.format(failures)),
            "theirs": lambda one=theirs, to=texts: to.update(theirs=one.format(failures)),
        }
        seconds = in_turns(calls, rounds, slot=0)
        sizes = {of: len(text.encode()) / MEGABYTE for of, text in texts.items()}
        what = f"{name} of {count:,} failures"
        for_one = {of: seconds[of] * (1 / sizes[of]) for of in calls}
        yield faster_than(
            f"{what}, for a MB", for_one["ours"], "failextract, for a MB", for_one["theirs"],
            must=MUST.get(name),
        )  # fmt: skip
        yield faster_than(
            what, seconds["ours"], "failextract", seconds["theirs"],
        )  # fmt: skip
