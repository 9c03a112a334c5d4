"""``with capture_failures(...)``: the door for blocks."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import traceback

import pytest
from conftest import fail

from failextract_nb import FailureExtractor, OutputConfig, capture_failures, extract_on_failure


def boom():
    raise ValueError("no")


def test_a_failing_block(extractor):
    """The exception goes on as it was; the failure has name, time, tags and the block's id."""
    error = ValueError("mine")
    block = capture_failures("loading", tags=["slow"])
    with pytest.raises(ValueError) as caught, block:
        inside = 5
        raise error
    assert caught.value is error
    record = extractor.failures[0]
    assert record["id"] == block.failure_id
    assert (record["origin"], record["test_name"], record["tags"]) == ("block", "loading", ["slow"])
    assert record["duration"] >= 0
    assert record["contexts"] == [{"origin": "block", "name": "loading"}]
    assert record["locals"][-1]["inside"] == "5"
    assert [frame["file"] for frame in record["extracted_code"]] == [__file__]


def test_a_passing_block(extractor):
    """It is counted, and stored where that is wanted; nothing else happens."""
    with capture_failures("a") as block:
        pass
    assert block.failure_id is None
    with capture_failures("b", include_passed=True):
        pass
    with capture_failures(include_passed=True):
        pass
    assert extractor.get_statistics()["passed_count"] == 3
    assert [record["test_name"] for record in extractor.passed_tests] == ["b", "block"]
    assert all(record["duration"] >= 0 for record in extractor.passed_tests)
    assert not extractor.failures


def test_the_default_name_is_that_of_the_function_around(extractor):
    """Not that of the function that failed inside."""

    def outer():
        with capture_failures():
            boom()

    fail(outer)
    record = extractor.failures[0]
    assert record["test_name"].endswith(".outer")
    assert record["contexts"][0]["name"] == record["test_name"]
    assert record["line_number"] == boom.__code__.co_firstlineno + 1


def test_async_with(extractor):
    """``async with`` does the same, across an await."""

    async def run():
        async with capture_failures(tags=["a"]) as block:
            await asyncio.sleep(0)
            boom()
        return block

    fail(asyncio.run, run())
    assert extractor.failures[0]["test_name"].endswith(".run")

    async def passing():
        async with capture_failures():
            await asyncio.sleep(0)

    asyncio.run(passing())
    assert extractor.get_statistics()["passed_count"] == 1


def test_a_block_in_a_decorated_function_is_one_failure(extractor):
    """Both doors are named in the one record, innermost first."""

    @extract_on_failure
    def outer():
        with capture_failures("inner"):
            boom()

    with pytest.raises(ValueError), capture_failures("around"):
        outer()
    (record,) = extractor.failures
    assert record["test_name"] == "inner"
    assert record["contexts"] == [
        {"origin": "block", "name": "inner"},
        {"origin": "function", "name": "outer"},
        {"origin": "block", "name": "around"},
    ]
    assert "capture_failures" in record["test_source"]


def test_what_is_no_failure_goes_through(extractor):
    """To stop and to skip is neither a failure nor a pass."""
    for error in (KeyboardInterrupt(), SystemExit(0), pytest.skip.Exception("later")):
        block = capture_failures()
        with pytest.raises(type(error)), block:
            raise error
        assert block.failure_id is None
    assert not extractor.failures
    assert extractor.get_statistics()["passed_count"] == 0


def test_a_block_may_be_used_again(extractor):
    """The id is that of the last time."""
    block = capture_failures("twice")
    with pytest.raises(ValueError), block:
        boom()
    assert block.failure_id
    with block:
        pass
    assert block.failure_id is None


def test_output(extractor, tmp_path):
    """The report holds the failures of this block, passes where wanted, as the config says."""
    for n in range(2):
        with pytest.raises(ValueError), capture_failures(f"b{n}", output="x.json"):
            boom()
    with capture_failures(include_passed=True):
        pass
    with pytest.raises(ValueError), capture_failures("y", output="y.json", include_passed=True):
        boom()
    config = OutputConfig("z.json", include_locals=False)
    with pytest.raises(ValueError), capture_failures("z", output=config):
        boom()
    x, y, z = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "xyz")
    assert [record["test_name"] for record in x["failures"]] == ["b0", "b1"]
    assert [record["test_name"] for record in y["failures"]] == ["y"]
    assert len(y["passed"]) == 1
    assert "passed" not in x
    assert "locals" not in z["failures"][0]


def test_arguments_are_checked_at_once():
    """A mistake is said where it is made, not when something fails."""
    with pytest.raises(ValueError, match="max_depth"):
        capture_failures(max_depth=0)
    with pytest.raises(ValueError, match="output"):
        capture_failures(format="json")
    with pytest.raises(ValueError, match="jsn"):
        capture_failures(output="x", format="jsn")


def test_max_depth_and_locals(extractor):
    """Frames and locals are as asked for."""
    with pytest.raises(ValueError), capture_failures(max_depth=1, include_locals=False):
        boom()
    record = extractor.failures[0]
    assert len(record["extracted_code"]) == 1
    assert "locals" not in record


def test_an_override_that_raises_on_a_pass(extractor):
    """The block that passed passes; the problem is a warning, and listed."""

    class Broken(FailureExtractor):
        def add_passed(self, test_data):
            raise RuntimeError("full")

    Broken()
    with (
        pytest.warns(RuntimeWarning, match="RuntimeError: full"),
        capture_failures(include_passed=True),
    ):
        pass
    assert "full" in extractor.get_statistics()["problems"][0]


def test_where_no_stack_is_left_the_exception_goes_on(extractor):
    """It is the user's own: there is no room to record it, as there is none for anything."""
    mine = ValueError("mine")

    def down(n):
        if n:
            return down(n - 1)
        with block:
            raise mine

    deepest = sys.getrecursionlimit() - len(inspect.stack())
    unrecorded = 0
    for depth in range(deepest - 60, deepest):
        block = capture_failures("deep")
        try:
            down(depth)
        except ValueError as error:
            assert error is mine
            assert error.__context__ is None
            unrecorded += block.failure_id is None
        except RecursionError as error:  # the user's own: there was no room to come here
            assert traceback.extract_tb(error.__traceback__)[-1].name in ("down", "__enter__")
    assert 0 < unrecorded < 30
