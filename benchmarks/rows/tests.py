"""What ``pytest --failextract`` costs: for each test that passes, and for each that fails."""

from __future__ import annotations

import gc
import io
import os
from collections.abc import Generator, Iterator
from contextlib import redirect_stdout
from tempfile import TemporaryDirectory
from time import process_time

import pytest
from measure import Figure
from report import Row, at_most

PASSING = 2_000
FAILING = 200
WITH = ("-p", "failextract_nb.pytest_plugin", "--failextract=report.json")
CODE = """
import pytest

@pytest.fixture(scope="module")
def base():
    return 41

@pytest.mark.parametrize("number", range({count}))
def test_it(base, number):
    total = base + number
    assert total {sign} 41
"""


class Timer:
    """Notes the processor's time for the tests of a run, without start, collection, reports."""

    seconds = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        gc.collect()
        started = process_time()
        result = yield
        self.seconds = process_time() - started
        return result


def tests(quick: bool) -> Iterator[Row]:
    """A test that passes and one that fails, with ``--failextract`` and without, run by run."""
    rounds = 5 if quick else 21
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for what, sign, count in (("passes", ">=", PASSING), ("fails", "<", FAILING)):
        code = CODE.format(count=count, sign=sign)
        taken = _run_in_turns(f"test_{what}.py", code, rounds)
        each = {name: Figure([one / count for one in all_of]) for name, all_of in taken.items()}
        added, plain = each["with"] - each["without"], each["without"]
        must = at_most(50e-6) if what == "passes" else None
        yield Row(
            f"added to a test that {what}", added, "pytest's own time for it", "s",
            ours=each["with"], theirs=plain, must=must,
        )  # fmt: skip


def _run_in_turns(module: str, code: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each run; the first of each kind, which imports, is not counted."""
    options: dict[str, tuple[str, ...]] = {"with": WITH, "without": ()}
    taken: dict[str, list[float]] = {name: [] for name in options}
    order = list(options)
    before = os.getcwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, text in (("pytest.ini", "[pytest]\n"), (module, code)):
                with open(name, "w", encoding="utf-8") as file:
                    file.write(text)
            for _ in range(rounds + 1):
                for name in order:
                    timer = Timer()
                    with redirect_stdout(io.StringIO()):
                        pytest.main(["-q", "-p", "no:cacheprovider", *options[name]], [timer])
                    taken[name].append(timer.seconds)
                order.reverse()
        finally:
            os.chdir(before)
    return {name: seconds[1:] for name, seconds in taken.items()}
