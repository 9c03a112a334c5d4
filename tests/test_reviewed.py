"""Defects that a review of the whole path has found; each stays mended."""

from __future__ import annotations

import inspect
import json
import os
import sys
import threading

import pytest
from conftest import example, fail

from failextract_nb import (
    FailureExtractor,
    FixtureExtractor,
    OutputConfig,
    capture_failures,
    extract_on_failure,
    formats,
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_amid_other_threads_leaves_the_child_able_to_store(run_python):
    """Another thread may hold the store's lock at that moment; the child must not wait for it."""
    # Not measured: the lock of coverage may be the one that is held.
    unmeasured = dict.fromkeys(["COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"])
    code = """
        import os, threading
        from failextract_nb import FailureExtractor, capture_failures
        extractor, stop = FailureExtractor(), threading.Event()
        extractor.set_memory_limits(max_failures=100, warn_at=10**9)
        def spin():
            while not stop.is_set():
                extractor.add_failure({"a": 1})
        threads = [threading.Thread(target=spin) for _ in range(4)]
        [thread.start() for thread in threads]
        for _ in range(5):
            child = os.fork()
            if child == 0:
                try:
                    with capture_failures("child"):
                        1 / 0
                except ZeroDivisionError:
                    pass
                os._exit(0 if extractor.failures[-1]["test_name"] == "child" else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        [thread.join() for thread in threads]
    """
    run_python(code, **unmeasured)


def test_near_the_recursion_limit_the_users_exception_goes_on():
    """There may be no stack left to record on; the exception must not be replaced by that."""
    reached = []

    @extract_on_failure
    def leaf():
        reached.append(True)
        raise ValueError("the user's own")

    def down(n):
        return leaf() if n == 0 else down(n - 1)

    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit(), 3):
        reached.clear()
        error = fail(down, depth)
        assert type(error) is ValueError or not reached, depth


def test_a_pass_with_an_id_that_is_stored_replaces_it(extractor):
    """And limits work on."""
    extractor.add_passed({"id": "a"})
    extractor.add_passed({"id": "a", "test_name": "second"})
    assert [one["test_name"] for one in extractor.passed_tests] == ["second"]
    extractor.set_memory_limits(max_passed=1)
    extractor.add_passed({"id": "b"})
    extractor.add_passed({"id": "c"})
    assert [one["id"] for one in extractor.passed_tests] == ["c"]


@pytest.mark.filterwarnings("ignore:failextract_nb has reached its memory limit")
def test_the_memory_limit_holds_when_records_grow(extractor):
    """A record that is replaced by a larger one counts as what it is now."""
    extractor.set_memory_limits(max_memory_mb=1)
    for number in range(5):
        extractor.add_failure({"id": str(number)})
    for number in range(5):
        extractor.add_failure({"id": str(number), "blob": "x" * 900_000})
    assert extractor.get_statistics()["memory_usage_mb"] <= 1


@pytest.mark.parametrize("contexts", [["note"], 3, {"a": 1}])
def test_a_users_odd_contexts_do_not_stop_reports(extractor, tmp_path, contexts):
    """A door's report looks at contexts only where they are ours."""
    extractor.add_failure({"contexts": contexts})

    @extract_on_failure("x.json")
    def fails():
        raise ValueError

    fail(fails)
    assert len(json.loads((tmp_path / "x.json").read_text())["failures"]) == 1


def test_a_name_that_is_no_text_is_refused_at_once():
    """Not when something fails."""
    with pytest.raises(TypeError, match="name must be text; got 5"):
        extract_on_failure(name=5)
    with pytest.raises(TypeError, match="name must be text; got 7"):
        capture_failures(7)


@pytest.mark.parametrize("make", [lambda f: f, staticmethod, classmethod])
def test_every_question_of_inspect_has_its_old_answer(make):
    """Those that follow __wrapped__, and those that do not."""

    def plain(a, b: int = 1, *rest, c="x", **more) -> str: ...

    async def coroutine(a, *, b): ...

    def generator(a):
        yield a

    for function in (plain, coroutine, generator):
        watched = extract_on_failure(make(function))
        watched = getattr(watched, "__func__", watched)
        for ask in (inspect.signature, inspect.getfullargspec, inspect.getsource, inspect.getdoc):
            assert ask(watched) == ask(function), (ask, function)


def test_an_exception_raised_again_after_clear_is_a_new_failure(extractor):
    """What was forgotten is not known any more."""
    error = ValueError("kept by the user")

    @extract_on_failure
    def fails():
        raise error

    fail(fails)
    fail(fails)
    assert len(extractor.failures) == 1
    extractor.clear()
    fail(fails)
    assert len(extractor.failures) == 1


def test_leaving_out_source_keeps_the_users_own_keys(extractor, tmp_path):
    """`code` is the source in a frame only."""
    extractor.add_failure(example(code=404, http={"code": 500}, test_kwargs={"code": "1"}))
    extractor.save_report(OutputConfig(tmp_path / "x.json", include_source=False))
    (one,) = json.loads((tmp_path / "x.json").read_text())["failures"]
    assert (one["code"], one["http"], one["test_kwargs"]) == (404, {"code": 500}, {"code": "1"})


def test_a_path_is_a_config_and_a_folder_is_none(extractor, tmp_path):
    """save_report takes a path; errors name the file that the user named."""
    extractor.add_failure(example())
    assert extractor.save_report(tmp_path / "x.json").is_file()
    with pytest.raises(ValueError, match="is a folder; name a file in it"):
        OutputConfig(tmp_path)
    with pytest.raises(OSError, match=r"/proc/nowhere/x\.json") as caught:
        extractor.save_report("/proc/nowhere/x.json")
    assert ".tmp" not in str(caught.value)


def test_one_ending_may_be_written_without_a_tuple():
    """Also by a formatter that derives from nothing."""
    formatter = type("Slack", (), {"extensions": ".slack", "format": lambda *_: ""})
    formats.register("slack", formatter())
    assert formats.extension("slack") == ".slack"


def test_a_copy_that_an_override_hands_on_counts_its_time():
    """The capture was made all the same."""

    class Copying(FailureExtractor):
        def add_failure(self, failure_data):
            return super().add_failure({**failure_data, "team": "x"})

    Copying()

    @extract_on_failure
    def fails():
        raise ValueError

    fail(fails)
    assert FailureExtractor().failures[0]["team"] == "x"
    assert FailureExtractor().get_statistics()["capture_seconds"]["count"] == 1


def test_an_autosave_that_cannot_write_says_so_once(extractor, tmp_path):
    """In the statistics, and as a warning; what it could not save is kept."""
    (tmp_path / "x.json").write_text("{}")
    failed = threading.Event()

    class Telling(FailureExtractor):
        def save_report(self, config):
            try:
                return super().save_report(config)
            finally:
                failed.set()

    Telling()  # made before or after: the active one is asked
    with extractor.autosave(OutputConfig("x.json", append=True), every=1, seconds=0.01):
        extractor.add_failure(example())
        assert failed.wait(30)
    problems = extractor.get_statistics()["problems"]
    assert len(problems) == 1
    assert "x.json was not saved: NotAReport" in problems[0]
    assert len(extractor.failures) == 1


def test_an_autosave_asks_the_active_extractor(extractor):
    """A subclass that becomes active later has its override called."""
    calls = []

    class Counting(FailureExtractor):
        def save_report(self, config):
            calls.append(config.path.name)
            return super().save_report(config)

    with extractor.autosave(OutputConfig("x.json"), every=1, seconds=60):
        Counting()
        FailureExtractor().add_failure(example())
    assert calls[-1] == "x.json"


def test_fixture_info_needs_no_locals():
    """Definitions are known without values."""

    def test_it(tmp_path): ...

    assert "value" not in FixtureExtractor().extract_fixture_info(test_it, None)["tmp_path"]


def test_a_users_exception_may_be_called_as_a_skip_is(extractor):
    """Only unittest's, pytest's and asyncio's own are ways out."""

    class Exit(Exception):
        pass

    @extract_on_failure
    def fails():
        raise Exit

    fail(fails)
    assert extractor.failures[0]["exception_type"] == "Exit"
