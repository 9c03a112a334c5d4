"""The workload's failure once more, in modules that are as long as real ones."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import failextract
import peers
from failing import described, failing
from measure import in_turns
from report import Row, at_least, faster_than

from failextract_nb import FailureExtractor, extract_on_failure

FUNCTIONS = 40  # more of them in each module, which then has about 400 lines
FUNCTION = '''

def other_{}(value, factor=2):
    """Something else that a module does."""
    total = 0
    for step in range(value):
        if step % factor:
            total += step * factor
    return total
'''


def modules(quick: bool) -> Iterator[Row]:
    """The same failure in modules of 400 lines: some peers read the whole file each time."""
    extractor, clear = FailureExtractor(), failextract.FailureExtractor().clear
    extractor.set_memory_limits(max_failures=1_000, warn_at=10**12)
    with TemporaryDirectory() as folder:
        test = _longer(Path(folder)).test_checkout
        theirs = failextract.extract_on_failure(include_locals=True)(test)
        others = [one for one in (*peers.stdlib(), *peers.structlog()) if one.locals]
        calls = {
            "raise and catch": failing(test),
            "ours": failing(extract_on_failure(test)),
            "failextract, with locals": failing(theirs),
            **{str(one): described(test, one.describe) for one in others},
        }
        before = {"failextract, with locals": clear}
        whole = in_turns(calls, rounds=3 if quick else 31, before=before)
    limit = whole.pop("raise and catch")
    ours = whole.pop("ours") - limit
    for name, seconds in whole.items():
        must = at_least(100) if name.startswith("failextract") else None
        yield faster_than(
            "a stored failure in long modules", ours, name, seconds - limit, must=must
        )


def _longer(folder: Path) -> Any:
    """The workload's ``shop``, imported from a copy that is longer."""
    shutil.copytree(Path(__file__).parents[1] / "workload", folder / "workload")
    for file in (folder / "workload").glob("*.py"):
        text = file.read_text() + "".join(FUNCTION.format(place) for place in range(FUNCTIONS))
        file.write_text(text)
    sys.path.insert(0, str(folder))
    return import_module("workload.shop")
