"""What is kept, for how long, and what it weighs.  Bytes and objects are counted, no time is."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
import tracemalloc
import weakref
from pathlib import Path

import pytest
from conftest import fail

import failextract_nb
from failextract_nb import (
    FailureExtractor,
    _budget,
    capture_failures,
    decorator,
    extract_on_failure,
    failure,
    formats,
    recent,
)

PACKAGE = str(Path(failextract_nb.__file__).parent / "*")

# Measured without coverage's own memory, in an interpreter of its own.
ALONE = {"COVERAGE_PROCESS_CONFIG": None, "COVERAGE_PROCESS_START": None}
MEASURE = """
import gc, json, sys, tracemalloc
from failextract_nb import FailureExtractor, extract_on_failure
extractor = FailureExtractor()
extractor.set_memory_limits(warn_at=10**9)

@extract_on_failure
def test(number, size=0):
    text, rows, nested = "x" * size, list(range(number % 7, 100)), {"n": number, "deep": [1, 2]}
    settings = {"retry": [1, 2, 3], "hosts": ["one", "two"], "path": "/somewhere/else"}
    convert(number, text, settings, [settings] * 3)

def convert(number, text, settings, several):
    ratio, name, found = number / 7, f"name {number}", None
    raise ValueError(f"no rate in order {number} {text}")

def run(count, size=lambda number: 0):
    for number in range(count):
        try:
            test(number, size(number))
        except ValueError:
            pass

def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

run(10)
extractor.clear()
tracemalloc.start()
before = traced()
"""


class Big:
    """Something that a session would not want to keep."""


def test_what_a_failed_function_held_can_go():
    """Neither the locals, the arguments nor the exception live on because they were recorded."""
    alive = []

    @extract_on_failure
    def test(argument):
        local = Big()
        alive.extend([weakref.ref(local), weakref.ref(argument)])
        raise ValueError(local, argument)

    error = fail(test, Big())
    assert len(FailureExtractor().failures) == 1
    del error
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def test_what_a_failed_cell_held_can_go(ip):
    """A variable that the user deletes after a failure is gone; IPython's own last error aside."""
    ip.user_ns["Big"] = Big
    ip.run_cell("def use(big):\n    held = [big]\n    raise ValueError(held)\n")
    ip.run_cell("thing = Big()\nuse(thing)")
    assert FailureExtractor().failures[-1]["exception_type"] == "ValueError"
    alive = weakref.ref(ip.user_ns["thing"])
    ip.run_cell("del thing")
    # Where Python and IPython remember the last exception themselves.
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            delattr(sys, name)
    ip.InteractiveTB.tb = ip.InteractiveTB.etype = ip.InteractiveTB.evalue = None
    ip._last_traceback = None
    gc.collect()
    assert alive() is None


def test_what_a_failed_block_held_can_go():
    """The same for ``with capture_failures()``."""
    alive = []

    def run():
        thing = Big()
        alive.append(weakref.ref(thing))
        with capture_failures():
            raise KeyError(thing)

    error = fail(run)
    del error
    gc.collect()
    assert FailureExtractor().failures[-1]["exception_type"] == "KeyError"
    assert alive[0]() is None


def test_a_class_and_its_objects_can_go():
    """What is remembered about a class to write its objects keeps no class alive."""

    def session():
        class Local:
            def __repr__(self):
                return f"<{super().__repr__()}>"

        class Error(Exception):
            pass

        class Numbers(list):
            pass

        @extract_on_failure
        def run():
            things, numbers = Local(), Numbers([1])
            raise Error(things)

        fail(run)
        return [weakref.ref(Local), weakref.ref(Error), weakref.ref(Numbers)]

    alive = session()
    gc.collect()
    assert "numbers" in FailureExtractor().failures[-1]["locals"][-1]
    assert [ref() for ref in alive] == [None, None, None]


def test_records_share_what_repeats():
    """Frames, sources, contexts and equal texts of two failures are the same objects."""

    @extract_on_failure
    def test(number):
        name, table = "the same in both", {"key": [1, 2, 3]}
        raise ValueError(number)

    fail(test, 1)
    fail(test, 2)
    one, two = FailureExtractor().failures
    assert one["exception_message"] != two["exception_message"]
    for key in ("test_source", "test_name", "test_file", "test_module"):
        assert one[key] is two[key], key
    assert one["contexts"][0] is two["contexts"][0]
    assert all(a is b for a, b in zip(one["extracted_code"], two["extracted_code"], strict=True))
    for name in ("name", "table"):
        assert one["locals"][-1][name] is two["locals"][-1][name]


def inner(table, number):
    raise ValueError(number)


def middle(table, number):
    inner(table, number)


def test_what_is_handed_down_is_written_once():
    """An object in three frames of two failures has one text; frames with the same have one dict."""

    @extract_on_failure
    def outer(table):
        middle(table, 1)

    fail(outer, {"key": [1, 2]})
    fail(outer, {"key": [1, 2]})
    texts = [held["table"] for one in FailureExtractor().failures for held in one["locals"]]
    assert texts[0] == "{'key': [1, 2]}"
    assert len(texts) == 6
    assert all(text is texts[0] for text in texts)
    held = FailureExtractor().failures[0]["locals"]
    assert held[1] is held[2]


def test_a_record_that_is_changed_changes_no_other():
    """An override may do with its record what it likes."""

    class Adding(FailureExtractor):
        def add_failure(self, failure_data):
            failure_data["contexts"].append({"origin": "override", "name": "x"})
            failure_data["extracted_code"].append({"file": "x"})
            failure_data.setdefault("test_args", []).append({1, 2})
            return super().add_failure(failure_data)

    Adding()

    @extract_on_failure
    def test(number):
        raise ValueError("same")

    for _ in range(3):
        fail(test, 1)
    for one in FailureExtractor().failures:
        assert [context["origin"] for context in one["contexts"]] == ["function", "override"]
        assert len(one["extracted_code"]) == 2
        assert one["test_args"] == ["1", [1, 2]]


def test_a_failure_is_small(run_python):
    """With locals, arguments and source a failure of two frames takes two kilobytes."""
    told = run_python(MEASURE + "run(2_000); print((traced() - before) / 2_000)", **ALONE)
    assert float(told.stdout) < 2 * 1024 + 512


def test_told_memory_is_what_it_is(run_python):
    """``memory_usage_mb`` is within 20 % of tracemalloc, for alike and for different failures."""
    for size in ("lambda number: 0", "lambda number: number % 50 * 40"):
        done = run_python(
            f"""{MEASURE}
run(3_000, {size})
used = traced() - before
told = extractor.get_statistics()["memory_usage_mb"] * 1024 * 1024
print(told / used)
run(6_000, {size})
used = traced() - before
told = extractor.get_statistics()["memory_usage_mb"] * 1024 * 1024
print(told / used)
""",
            **ALONE,
        )
        for ratio in map(float, done.stdout.split()):
            assert 0.8 < ratio < 1.2, (size, done.stdout)


def test_told_memory_counts_code_that_is_new(run_python):
    """Cells that are run once each: their frames and sources are counted with their failures."""
    done = run_python(
        f"""{MEASURE}
import linecache
SOURCE = "def cell(number):\\n" + "    value = number * 2\\n" * 5 + "    raise ValueError(value)\\n"
cells = []
for number in range(1_500):
    name, source = f"<cell {{number}}>", SOURCE.replace("number * 2", f"number * {{number}}")
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace = {{}}
    exec(compile(source, name, "exec"), namespace)
    cells.append(extract_on_failure(namespace["cell"]))
before = traced()
for number, cell in enumerate(cells):
    try:
        cell(number)
    except ValueError:
        pass
assert extractor.failures[-1]["extracted_code"][0]["code"]
print(extractor.get_statistics()["memory_usage_mb"] * 1024 * 1024 / (traced() - before))
""",
        **ALONE,
    )
    assert 0.8 < float(done.stdout) < 1.2


def test_told_memory_after_what_was_first_has_gone(run_python):
    """Sources and frames stay counted while any record holds them, and then no longer."""
    done = run_python(
        f"""{MEASURE}
source = "x = 1\\n" * 5_000
def fail_cell(number):
    try:
        raise KeyError(number)
    except KeyError as error:
        record = capture.failure_from(error, cell_source=source + str(number % 5))
        extractor.add_failure(record)
from failextract_nb import capture
extractor.set_memory_limits(max_failures=20, warn_at=10**9)
for number in range(200):
    fail_cell(number)
told = extractor.get_statistics()["memory_usage_mb"] * 1024 * 1024
print(told)
extractor.clear()
print(extractor.get_statistics()["memory_usage_mb"], extractor.failures._shared)
""",
        **ALONE,
    )
    told, after = done.stdout.splitlines()
    assert 5 * 30_000 < float(told) < 5 * 30_000 + 20 * 4_000
    assert after == "0.0 {}"


def test_told_memory_of_a_small_store_that_drops(run_python):
    """Large texts that twenty records share are told once, however many records have gone."""
    for every in (1, 10):
        done = run_python(
            f"""{MEASURE}
class Some(FailureExtractor):
    seen = 0
    def add_failure(self, failure_data):
        self.seen += 1
        return super().add_failure(failure_data) if self.seen % {every} == 0 else ""

@extract_on_failure
def large(number):
    lists = [[f"word {{one}} of {{number // 400}}" for one in range(at, 60)] for at in range(12)]
    a, b, c, d, e, f, g, h, i, j, k, l = lists
    own = [f"{{number}} {{one}}" for one in range(12)]
    raise ValueError(number)

def run_large(first, last):
    for number in range(first, last):
        try:
            large(number)
        except ValueError:
            pass

Some()
extractor = FailureExtractor()
extractor.set_memory_limits(max_failures=20, warn_at=10**9)
run_large(0, 10)
extractor.clear()
before = traced()
run_large(10, 1_500)
assert len(extractor.failures) == 20
told = extractor.get_statistics()["memory_usage_mb"] * 1024 * 1024
print(told / (traced() - before))
extractor.clear()
print(extractor.get_statistics()["memory_usage_mb"])
""",
            **ALONE,
        )
        ratio, after = map(float, done.stdout.split())
        assert 0.8 < ratio < 1.2, (every, done.stdout)
        assert after == 0


def test_told_memory_of_what_has_no_frames(run_python):
    """Errors of a cell's syntax, and errors that were never raised, with long messages."""
    done = run_python(
        f"""{MEASURE}
from failextract_nb import capture
for number in range(1_000):
    try:
        compile(f"a b {{number}}", f"<cell {{number}}>", "exec")
    except SyntaxError as error:
        syntax = error.with_traceback(None)
    extractor.add_failure(capture.failure_from(syntax))
    extractor.add_failure(capture.failure_from(ValueError(f"{{number}} " * 500)))
print(extractor.get_statistics()["memory_usage_mb"] * 1024 * 1024 / (traced() - before))
""",
        **ALONE,
    )
    assert 0.8 < float(done.stdout) < 1.2


def test_more_context_is_weighed_once(extractor):
    """The same key told again and again takes the place of the one before, in the weight, too."""
    failure_id = extractor.add_failure({"test_name": "one"})
    extractor.add_context(failure_id, {"note": "x" * 2_000})
    before = extractor.get_statistics()["memory_usage_mb"]
    for number in range(100):
        extractor.add_context(failure_id, {"note": f"{number:04}" * 500})
    assert extractor.get_statistics()["memory_usage_mb"] == before


def test_the_memory_limit_holds(run_python):
    """Under a load of differing failures the store takes at most 10 % more than its limit."""
    done = run_python(
        f"""{MEASURE}
import warnings
warnings.simplefilter("ignore")
extractor.set_memory_limits(max_memory_mb=4, warn_at=10**9)
most = 0
for _ in range(12):
    run(500, lambda number: number * 37 % 3_000)
    most = max(most, traced() - before)
kept = extractor.get_statistics()
assert kept["dropped_failures"] > 1_000, kept
print(most / (4 * 1024 * 1024))
""",
        **ALONE,
    )
    assert 0.8 < float(done.stdout) <= 1.1


def test_passing_cells_leave_nothing(ip, monkeypatch):
    """A thousand passing cells leave not one byte that we have allocated."""
    monkeypatch.setattr(_budget, "IDLE", 0.0)  # who watches captures holds bytes of its own
    while any(one.name == "failextract-budget" for one in threading.enumerate()):
        time.sleep(0.01)
    hooks = [tracemalloc.Filter(True, PACKAGE)]
    tracemalloc.start()
    try:
        ip.run_cell("1")
        gc.collect()
        before = tracemalloc.take_snapshot().filter_traces(hooks)
        for number in range(1_000):
            ip.run_cell(f"value = {number}")
        gc.collect()
        after = tracemalloc.take_snapshot().filter_traces(hooks)
    finally:
        tracemalloc.stop()
    grown = sum(line.size_diff for line in after.compare_to(before, "lineno"))
    assert grown <= 200, after.compare_to(before, "lineno")[:5]  # a float or two, not a thousand


@pytest.fixture
def still(monkeypatch):
    """The clock stands: what is done once a second is done once.  Nothing is collected."""
    for module in (failure.time, recent.time):
        monkeypatch.setattr(module, "monotonic", lambda: 5_000.0)
        monkeypatch.setattr(module, "time_ns", lambda: 1_700_000_000_000_000_000)
    monkeypatch.setattr(decorator, "monotonic", lambda: 5_000.0)
    gc.collect()
    gc.disable()  # what other tests have left may tell somebody that it goes
    yield
    gc.enable()


def calls_of(function) -> int:
    """How many Python and C functions are called while ``function`` runs."""
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_capture_does_not_grow_with_what_it_finds(still):
    """A DataFrame, a dict and a list of a million cost as many calls as those of a hundred."""
    import pandas as pd

    @extract_on_failure
    def test(table, mapping, items):
        raise ValueError

    def run(size):
        values = pd.DataFrame({"a": range(size)}), dict.fromkeys(range(size)), list(range(size))
        fail(test, *values)
        return calls_of(lambda: fail(test, *values))

    assert run(1_000_000) == run(100)


def test_capture_grows_with_the_frames_up_to_the_limit(still):
    """Each frame costs the same number of calls; past the limit only the walk goes on."""

    def down(depth):
        if depth == 0:
            raise ValueError
        down(depth - 1)

    test = extract_on_failure(down)

    def run(depth):
        fail(test, depth)
        return calls_of(lambda: fail(test, depth)) - depth  # without the calls of down() itself

    shallow, middle, deep = run(10), run(20), run(40)
    assert middle - shallow == (deep - middle) / 2
    each = (middle - shallow) / 10
    more = (run(800) - run(400)) / 400
    assert more < each / 2


def test_statistics_and_adding_do_not_grow(still):
    """Ten failures or a hundred thousand: as many calls for a statistic, and for one more."""
    extractor = FailureExtractor()

    def costs(count):
        extractor.clear()
        extractor.set_memory_limits(max_failures=count, warn_at=10**9)
        for number in range(count):
            extractor.add_failure({"test_name": "t", "exception_message": str(number)})
        extractor.get_statistics()
        one = {"test_name": "t", "exception_message": "one more"}
        return calls_of(extractor.get_statistics), calls_of(lambda: extractor.add_failure(one))

    few_statistics, few_adding = costs(10)
    many_statistics, many_adding = costs(20_000)
    assert many_statistics == few_statistics
    assert many_adding == few_adding


def test_a_long_report_is_written_in_little_memory(run_python):
    """Every format writes a thousand failures with hardly more memory than two hundred."""
    done = run_python(
        f"""{MEASURE}
from failextract_nb import OutputConfig
run(1)
record = dict(extractor.failures[0])
def peak(count, name):
    extractor.clear()
    for number in range(count):
        extractor.add_failure({{**record, "id": str(number), "exception_message": f"m {{number}}"}})
    gc.collect()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    extractor.save_report(OutputConfig("report", format=name))
    return tracemalloc.get_traced_memory()[1] - before
for name in {[*formats.names()]!r}:
    print(json.dumps([name, peak(200, name), peak(1_000, name)]))
""",
        **ALONE,
    )
    for line in done.stdout.splitlines():
        name, few, many = json.loads(line)
        # Eight bytes and a bit for each failure's place in the list that is written.
        assert many < few + 800 * 100, (name, few, many)
