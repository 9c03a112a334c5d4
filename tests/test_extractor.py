"""The one store: who is active, what it takes, what it keeps, what it counts."""

from __future__ import annotations

import collections
import json
import queue
import subprocess
import sys
import threading
import types
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import example, fail

from failextract_nb import (
    FailureExtractor,
    OutputConfig,
    capture_failures,
    extract_on_failure,
    failure,
    recent,
)
from failextract_nb.extractor import _OneActive


def boom(message="no"):
    raise ValueError(message)


# --- who is active


def test_twenty_racing_threads_get_one_object():
    """The first call is made once, however many make it."""
    _OneActive.active = None
    barrier = threading.Barrier(20)

    def get(_):
        barrier.wait()
        return FailureExtractor()

    with ThreadPoolExecutor(20) as pool:
        found = set(map(id, pool.map(get, range(20))))
    assert found == {id(FailureExtractor())}


def test_a_subclass_made_later_is_really_used(extractor, tmp_path):
    """It becomes the active one, over the same data; the doors call its overrides."""
    extractor.add_failure(example(test_name="before"))
    failures = extractor.failures
    calls = []

    class Mine(FailureExtractor):
        def __init__(self, tag):
            super().__init__()
            calls.append(f"init {tag}")

        def add_failure(self, failure_data):
            calls.append("add")
            failure_data["mine"] = True
            return super().add_failure(failure_data)

        def save_report(self, config):
            calls.append("save")
            return super().save_report(config)

    mine = Mine("a")
    assert FailureExtractor() is mine
    assert Mine() is mine
    fail(extract_on_failure(tmp_path / "x.json")(boom))
    with pytest.raises(ValueError), capture_failures():
        boom()
    assert calls == ["init a", "add", "save", "add"]
    assert mine.failures is failures
    assert [record.get("mine") for record in extractor.failures] == [None, True, True]
    mine.clear()
    assert len(failures) == len(extractor.failures) == 0
    mine.add_failure(example())
    assert len(failures) == 1


def test_a_subclass_that_forgets_super_init(extractor):
    """The data is not made in ``__init__``, so nothing is missing."""
    extractor.add_failure(example())

    class Forgetful(FailureExtractor):
        def __init__(self):
            self.mine = 1

    assert len(Forgetful().failures) == 1
    assert Forgetful().add_failure(example())


def test_a_subclass_that_is_defined_again(extractor):
    """A cell that is run again makes a new class, and that is the one in use."""
    made = []
    for n in range(2):

        class Again(FailureExtractor):
            number = n

            def add_failure(self, failure_data):
                made.append(self.number)
                return super().add_failure(failure_data)

        Again()
        fail(extract_on_failure(boom))
    assert made == [0, 1]
    assert len(extractor.failures) == 2


def test_a_subclass_whose_init_raises_changes_nothing(extractor):
    """The one before stays the active one."""

    class Broken(FailureExtractor):
        def __init__(self):
            raise RuntimeError

    fail(Broken)
    assert FailureExtractor() is extractor


# --- what it takes


@pytest.mark.parametrize(
    "kind", [dict, collections.OrderedDict, collections.UserDict, types.MappingProxyType]
)
def test_any_mapping_is_taken(extractor, kind):
    """Whatever is a mapping is copied, completed with the core keys, and has an id."""
    given = kind({"test_name": "test_x", "my_key": {"a": [1]}})
    failure_id = extractor.add_failure(given)
    record = extractor.failures[0]
    assert record["id"] == failure_id
    assert set(failure.CORE) <= set(record)
    assert record["my_key"] == {"a": [1]}
    assert record["origin"] == "manual"
    assert record["thread_id"] == threading.get_ident()
    assert set(given) == {"test_name", "my_key"}


@pytest.mark.parametrize("value", [[], None, "text", 5, [("a", 1)]])
@pytest.mark.parametrize("method", ["add_failure", "add_passed"])
def test_what_is_no_mapping_is_refused(extractor, method, value):
    """A TypeError names the method and what it got."""
    with pytest.raises(TypeError, match=rf"{method}\(\) takes a mapping.*{type(value).__name__}"):
        getattr(extractor, method)(value)
    assert not extractor.failures


def test_values_become_json(extractor):
    """NumPy, NaN, sets, objects: what is stored is JSON, strictly."""
    extractor.add_failure(
        example(a=np.float64("nan"), b=np.arange(3), c={1, 2}, d=float("inf"), e=object(), f=2**70)
    )
    extractor.add_passed({"test_name": "t", "n": np.int64(3), 5: {"x": (1,)}})
    json.dumps([*extractor.failures, *extractor.passed_tests], allow_nan=False)
    assert extractor.passed_tests[0]["n"] == 3
    assert extractor.passed_tests[0]["5"] == {"x": [1]}


def test_none_and_wrong_types_in_core_keys(extractor):
    """What is text by definition is text; what is None is filled in."""
    extractor.add_failure(dict.fromkeys(failure.CORE))
    record = extractor.failures[0]
    assert all(record[key] is not None for key in failure.CORE)
    extractor.add_failure({"exception_type": ValueError, "test_name": 5, "id": 7, "timestamp": 3})
    record = extractor.failures[1]
    assert (record["test_name"], record["id"], record["timestamp"]) == ("5", "7", "3")
    assert "ValueError" in record["exception_type"]


def test_the_same_id_twice_replaces(extractor):
    """One failure that is told twice is one, as it was told last, and counted once."""
    first = extractor.add_failure(example(id="a", n=1))
    extractor.add_failure(example(id="b"))
    second = extractor.add_failure(example(id="a", n=2, exception_type="KeyError"))
    assert first == second == "a"
    assert [record["id"] for record in extractor.failures] == ["a", "b"]
    assert extractor.failures[0]["n"] == 2
    statistics = extractor.get_statistics()
    assert statistics["failure_count"] == 2
    assert statistics["by_exception_type"] == {"ValueError": 1, "KeyError": 1}


def test_secrets_are_masked_in_what_the_user_hands_over(extractor):
    """A record by hand is redacted like a captured one."""
    extractor.add_failure(example(test_kwargs={"password": "hunter2"}, api_key="abcdef"))
    extractor.add_passed({"token": "abcdef"})
    assert "hunter2" not in str(extractor.failures[:])
    assert "abcdef" not in str([*extractor.failures, *extractor.passed_tests])


def test_what_an_override_adds_becomes_json(extractor):
    """Keys that an override puts into a captured record are made JSON and redacted."""

    class Tagging(FailureExtractor):
        def add_failure(self, failure_data):
            failure_data["score"] = float("nan")
            failure_data["password"] = "hunter2"
            failure_data["notes"] = [np.int64(5)]
            failure_data["tags"] = {"a"}
            del failure_data["thread_name"]
            return super().add_failure(failure_data)

    Tagging()
    fail(extract_on_failure(boom))
    record = extractor.failures[0]
    json.dumps(record, allow_nan=False)
    assert (record["score"], record["password"]) == ("nan", "[redacted: password]")
    assert (record["notes"], record["tags"]) == ([5], ["a"])
    assert set(failure.CORE) <= set(record)


def test_add_context(extractor):
    """Keys are added to a stored failure; its id stays, and what is not there is said."""
    failure_id = extractor.add_failure(example())
    before = extractor.failures[0]
    changes = {"tags": {"a"}, "id": "other", "exception_type": "KeyError"}
    assert extractor.add_context(failure_id, changes)
    record = extractor.failures[0]
    assert (record["id"], record["tags"], record["exception_type"]) == (
        failure_id,
        ["a"],
        "KeyError",
    )
    assert "tags" not in before
    assert extractor.get_statistics()["by_exception_type"] == {"KeyError": 1}
    assert not extractor.add_context("nobody", {"a": 1})
    assert extractor.add_context(failure_id, {"exception_type": None, "origin": [1]})
    assert extractor.get_statistics()["by_exception_type"] == {failure.UNKNOWN: 1}


# --- limits


def test_the_newest_are_kept(extractor):
    """At a limit the oldest go, and are counted."""
    extractor.set_memory_limits(max_failures=3, max_passed=2)
    for n in range(10):
        extractor.add_failure(example(test_name=f"{n}", exception_type=f"E{n}"))
        extractor.add_passed({"test_name": f"{n}"})
    assert [record["test_name"] for record in extractor.failures] == ["7", "8", "9"]
    assert [record["test_name"] for record in extractor.passed_tests] == ["8", "9"]
    statistics = extractor.get_statistics()
    assert (statistics["dropped_failures"], statistics["dropped_passed"]) == (7, 8)
    assert statistics["failures_at_limit"] is True
    assert statistics["by_exception_type"] == {"E7": 1, "E8": 1, "E9": 1}
    assert statistics["by_origin"] == {"manual": 3}
    assert statistics["passed_count"] == 10


def test_adding_at_the_limit_drops_one_for_one(extractor, monkeypatch):
    """The work of adding is one append and one drop, whatever the limit."""
    extractor.set_memory_limits(max_failures=100)
    for _ in range(100):
        extractor.add_failure(example())
    drops = []
    real = type(extractor.failures).drop_oldest
    monkeypatch.setattr(
        type(extractor.failures), "drop_oldest", lambda self: drops.append(1) or real(self)
    )
    monkeypatch.setattr(type(extractor.failures), "snapshot", lambda _: pytest.fail("copied"))
    lengths = []
    for _ in range(50):
        extractor.add_failure(example())
        lengths.append(len(extractor.failures))
    assert lengths == [100] * 50
    assert len(drops) == 50


def test_memory_is_bounded(extractor):
    """``max_memory_mb`` holds for what is reported; passes go first."""
    extractor.set_memory_limits(max_memory_mb=0.1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for n in range(20):
            extractor.add_passed({"test_name": f"{n}", "text": "x" * 5_000})
        for n in range(40):
            extractor.add_failure(example(text="x" * 5_000, n=n))
            assert extractor.get_statistics()["memory_usage_mb"] <= 0.1
    statistics = extractor.get_statistics()
    assert 10 <= statistics["failure_count"] < 21
    assert extractor.failures[-1]["n"] == 39
    assert len(extractor.passed_tests) == 0
    assert statistics["dropped_failures"] + statistics["failure_count"] == 40
    assert [warning.category for warning in seen] == [RuntimeWarning]
    assert "memory limit of 0.1 MB" in str(seen[0].message)
    assert seen[0].filename == __file__


def test_the_last_failure_is_kept_whatever_its_size(extractor, recwarn):
    """A limit smaller than one record does not lose the newest."""
    extractor.set_memory_limits(max_memory_mb=0.001)
    extractor.add_failure(example(text="x" * 5_000))
    assert len(extractor.failures) == 1


def test_lowering_and_lifting_a_limit(extractor, recwarn):
    """A lower limit drops at once, None lifts it."""
    for n in range(10):
        extractor.add_failure(example(n=n))
        extractor.add_passed({"n": n})
    extractor.set_memory_limits(max_failures=4, max_passed=3)
    assert [record["n"] for record in extractor.failures] == [6, 7, 8, 9]
    assert [record["n"] for record in extractor.passed_tests] == [7, 8, 9]
    extractor.set_memory_limits()
    for n in range(20):
        extractor.add_failure(example(n=n))
    assert len(extractor.failures) == 24
    assert extractor.get_statistics()["failures_at_limit"] is False
    assert extractor.get_statistics()["max_failures"] is None
    extractor.set_memory_limits(max_memory_mb=0.003)
    assert len(extractor.failures) < 24


@pytest.mark.parametrize("name", ["max_failures", "max_passed", "max_memory_mb", "warn_at"])
@pytest.mark.parametrize("value", [0, -1, True, "5", [], float("nan")])
def test_a_bad_limit_is_named(extractor, name, value):
    """The error says which limit, and what it was; nothing has changed."""
    with pytest.raises(ValueError, match=name):
        extractor.set_memory_limits(**{"max_failures": 5, name: value})
    assert extractor.get_statistics()["max_failures"] is None


def test_a_limit_in_fractions(extractor):
    """Megabytes may be fractions, counts may not."""
    with pytest.raises(ValueError, match="max_failures must be a whole number"):
        extractor.set_memory_limits(max_failures=1.5)
    extractor.set_memory_limits(max_memory_mb=1.5)
    assert extractor.get_statistics()["max_memory_mb"] == 1.5


# --- counts


def test_statistics_have_the_documented_keys(extractor):
    """All keys are there from the start, and are JSON."""
    statistics = extractor.get_statistics()
    assert set(statistics) >= {
        "failure_count", "failures_count", "passed_count", "total_count", "memory_usage_mb",
        "dropped_failures", "dropped_passed", "failures_at_limit", "by_exception_type",
        "by_origin", "max_failures", "max_passed", "max_memory_mb", "capture_seconds",
        "save_seconds", "problems",
    }  # fmt: skip
    json.dumps(statistics, allow_nan=False)
    nothing = {"count": 0, "mean": 0.0, "minimum": 0.0, "maximum": 0.0}
    assert statistics["capture_seconds"] == statistics["save_seconds"] == nothing


def test_passes_are_counted_though_not_stored(extractor):
    """A decorated call that passes is a number; after ``clear`` it starts at 0."""
    passing = extract_on_failure(lambda: None)
    for _ in range(5):
        passing()
    extractor.add_passed({"test_name": "x"})
    fail(extract_on_failure(boom))
    with capture_failures():
        pass
    statistics = extractor.get_statistics()
    assert statistics["passed_count"] == 7
    assert statistics["failure_count"] == statistics["failures_count"] == 1
    assert statistics["total_count"] == 8
    assert len(extractor.passed_tests) == 1
    extractor.clear()
    assert extractor.get_statistics()["passed_count"] == 0
    assert extractor.get_statistics()["memory_usage_mb"] == 0
    passing()
    assert extractor.get_statistics()["passed_count"] == 1


def test_times_of_the_last_minute(extractor, monkeypatch, tmp_path):
    """Mean, minimum, maximum and count of the captures and saves of the last 60 seconds."""
    now = [1_000.0]
    monkeypatch.setattr(recent.time, "monotonic", lambda: now[0])
    for moment, seconds in ((1_000, 9.0), (1_030, 1.0), (1_050, 3.0)):
        now[0] = moment
        extractor._store.capture_times.note(seconds)
    assert extractor.get_statistics()["capture_seconds"]["count"] == 3
    now[0] = 1_070
    expected = {"count": 2, "mean": 2.0, "minimum": 1.0, "maximum": 3.0}
    assert extractor.get_statistics()["capture_seconds"] == expected
    now[0] = 2_000
    assert extractor.get_statistics()["capture_seconds"]["count"] == 0
    fail(extract_on_failure(boom))
    extractor.save_report(OutputConfig(tmp_path / "x.json"))
    statistics = extractor.get_statistics()
    assert statistics["capture_seconds"]["count"] == statistics["save_seconds"]["count"] == 1
    assert statistics["save_seconds"]["maximum"] > 0


def test_one_warning_for_many_failures(extractor):
    """At the threshold one warning, no second one, and one again after ``clear``."""
    extractor.set_memory_limits(warn_at=3, max_failures=2)

    def add(count):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(count):
                extractor.add_failure(example())
        return [str(warning.message) for warning in seen]

    assert add(2) == []
    first = add(5)
    assert len(first) == 1
    assert "has seen 3 failures" in first[0]
    extractor.clear()
    assert len(add(5)) == 1


def test_the_warning_is_seen_by_default(run_python):
    """Python's own filters let the warning through."""
    done = run_python(
        """
        from failextract_nb import FailureExtractor
        extractor = FailureExtractor()
        extractor.set_memory_limits(warn_at=2)
        for _ in range(4):
            extractor.add_failure({})
        """
    )
    assert done.stderr.count("has seen 2 failures") == 1


def test_a_warning_that_is_an_error_costs_no_failure(extractor):
    """Where warnings are errors, the record is stored, and its id returned."""
    extractor.set_memory_limits(warn_at=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert extractor.add_failure(example()) == extractor.failures[0]["id"]


# --- listeners and locks


def test_listeners(extractor):
    """Each failure is told once it is stored, until the listener is taken off."""
    heard = []
    end = extractor.subscribe(
        lambda record: heard.append((record["test_name"], len(extractor.failures)))
    )
    extractor.add_failure(example(test_name="a"))
    end()
    end()
    extractor.add_failure(example(test_name="b"))
    assert heard == [("a", 1)]


def test_a_listener_that_raises_costs_nothing(extractor):
    """The failure is stored, the other listeners hear it, and the problem is listed."""
    heard = []

    class Worst(Exception):
        def __repr__(self):
            raise RuntimeError

        __str__ = __repr__

    class Broken:
        def __call__(self, _record):
            raise Worst

        __repr__ = Worst.__repr__

    ends = [extractor.subscribe(Broken()), extractor.subscribe(heard.append)]
    extractor.add_failure(example())
    for end in ends:
        end()
    assert len(heard) == len(extractor.failures) == 1
    assert "Worst" in extractor.get_statistics()["problems"][0]


def add_on_another_thread():
    other = threading.Thread(
        target=lambda: FailureExtractor().add_failure(example(test_name="inner"))
    )
    other.start()
    other.join(30)
    assert not other.is_alive(), "the lock was held while user code ran"


def test_no_lock_is_held_while_user_code_runs(extractor):
    """A listener, an override and a repr may wait for a thread that adds a failure."""

    class Waiting(FailureExtractor):
        def add_failure(self, failure_data):
            if failure_data["test_name"] == "override":
                add_on_another_thread()
            return super().add_failure(failure_data)

    class Value:
        def __repr__(self):
            add_on_another_thread()
            return "value"

    Waiting()
    waits = {"listener"}

    def listen(record):
        if record["test_name"] in waits:
            add_on_another_thread()

    end = extractor.subscribe(listen)
    for name in ("override", "listener"):
        FailureExtractor().add_failure(example(test_name=name))
    FailureExtractor().add_failure(example(test_name="repr", value=Value()))
    end()
    assert sum(record["test_name"] == "inner" for record in extractor.failures) == 3


# --- threads


def test_the_warning_of_many_comes_with_that_many(extractor):
    """Not before, whatever a memory limit has dropped meanwhile."""
    extractor.set_memory_limits(max_memory_mb=0.1, warn_at=1_000)
    with pytest.warns(RuntimeWarning, match="memory limit"):
        for number in range(990):
            extractor.add_failure({"test_name": "t", "exception_message": str(number)})
    with pytest.warns(RuntimeWarning, match="has seen 1000 failures"):
        for number in range(10):
            extractor.add_failure({"test_name": "t", "exception_message": str(number)})


def test_no_pass_is_lost_to_another_thread(extractor):
    """The count of passes has no lock, and is exact however often threads take turns."""

    @extract_on_failure
    def test():
        return 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: [test() for _ in range(20_000)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert extractor.get_statistics()["passed_count"] == 160_000


def test_a_thousand_tests_on_twenty_threads(extractor):
    """Every failure is there once, with the thread it ran on, and every pass is counted."""
    ran_on = {}

    @extract_on_failure
    def sample(number):
        ran_on[number] = threading.get_ident()
        assert number % 3, f"Test {number} failed"

    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(sample, number) for number in range(1_000)]
    failed = {n for n, future in enumerate(futures) if future.exception() is not None}
    numbers = {int(record["exception_message"].split()[1]): record for record in extractor.failures}
    assert len(extractor.failures) == len(numbers) == 334
    assert set(numbers) == failed
    assert all(record["thread_id"] == ran_on[n] for n, record in numbers.items())
    assert len({record["id"] for record in extractor.failures}) == 334
    assert extractor.get_statistics()["passed_count"] == 666


def test_producers_and_a_consumer(extractor):
    """Records that threads put into a queue are all stored by the one that takes them out."""
    waiting: queue.Queue = queue.Queue()

    def consume():
        while (record := waiting.get()) is not None:
            FailureExtractor().add_failure(record)

    def produce(worker):
        for n in range(50):
            waiting.put({"test_name": f"{worker}-{n}", "thread_id": threading.get_ident()})

    consumer = threading.Thread(target=consume)
    consumer.start()
    producers = [threading.Thread(target=produce, args=(n,)) for n in range(4)]
    for one in producers:
        one.start()
    for one in producers:
        one.join()
    waiting.put(None)
    consumer.join()
    assert len({record["test_name"] for record in extractor.failures}) == 200
    assert consumer.ident not in {record["thread_id"] for record in extractor.failures}


# --- how it is shown


def test_it_shows_itself_as_a_table(extractor):
    """As text, as HTML and as a DataFrame, from the same failures."""
    assert "No failures yet" in repr(extractor)
    extractor.add_failure(example(exception_message="<b>bad</b>"))
    assert "1 failure" in repr(extractor)
    assert "&lt;b&gt;bad" in extractor._repr_html_()
    assert list(extractor.to_frame()["type"]) == ["ValueError"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_has_ids_of_its_own(run_python):
    """Parent and child never give one id to two failures."""
    done = run_python(
        """
        import os
        from failextract_nb import FailureExtractor
        extractor = FailureExtractor()
        extractor.add_failure({})
        read, write = os.pipe()
        child = os.fork()
        failure_id = extractor.add_failure({})
        record = extractor.failures[-1]
        text = f"{record['process_id'] == os.getpid()} {failure_id}"
        if child == 0:
            os.write(write, text.encode())
            os._exit(0)
        os.waitpid(child, 0)
        print(text, os.read(read, 1000).decode())
        """
    )
    mine, my_id, childs, child_id = done.stdout.split()
    assert (mine, childs) == ("True", "True")
    assert my_id != child_id
    assert isinstance(done, subprocess.CompletedProcess)
