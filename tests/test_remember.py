"""One exception, one failure, whatever doors and processes it passes."""

from __future__ import annotations

import importlib
import multiprocessing
import pickle
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import pytest
from conftest import fail

from failextract_nb import FailureExtractor, capture, capture_failures, extract_on_failure, failure
from failextract_nb.remember import MAX_CONTEXTS, remember


def boom():
    raise ValueError("no")


def test_the_first_door_captures_and_the_later_ones_add_themselves(extractor):
    """One record; a later door fills in what is missing, and changes nothing else."""
    error = fail(boom)
    first = remember(error, origin="function", name="f", details={"duration": 1.0})
    second = remember(error, origin="cell", name="c", details={"duration": 2.0, "cell_id": "x"})
    assert first == second == extractor.failures[0]["id"]
    (record,) = extractor.failures
    assert (record["origin"], record["test_name"]) == ("function", "f")
    assert (record["duration"], record["cell_id"]) == (1.0, "x")
    assert [one["origin"] for one in record["contexts"]] == ["function", "cell"]
    assert capture.mark_of(error)["contexts"] == record["contexts"]


def test_doors_are_bounded(extractor):
    """A decorated function that calls itself five hundred times is one failure, not too big."""

    @extract_on_failure
    def down(n):
        return boom() if n == 0 else down(n - 1)

    fail(down, 100)
    (record,) = extractor.failures
    assert len(record["contexts"]) == MAX_CONTEXTS


def test_recursion_without_end(extractor):
    """Even where there is no room left to work in, the user gets a RecursionError."""

    @extract_on_failure
    def forever():
        return forever()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = fail(forever)
    assert type(error) is RecursionError
    assert 1 <= len(extractor.failures) <= 3


def test_an_override_that_raises(extractor):
    """Whatever a user's override raises is a warning and a listed problem, not an exception."""

    class WorstError(Exception):
        def __str__(self):
            raise RuntimeError

    class Broken(FailureExtractor):
        def add_failure(self, failure_data):
            raise WorstError

    Broken()
    with pytest.warns(RuntimeWarning, match="ValueError was not recorded: WorstError") as seen:
        error = fail(extract_on_failure(boom))
    assert type(error) is ValueError
    assert error.__context__ is None
    assert len(seen) == 1
    assert "WorstError" in extractor.get_statistics()["problems"][0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(fail(extract_on_failure(boom))) is ValueError


def test_what_the_first_door_could_not_store_the_next_one_does(extractor):
    """A record is lost only when no door can store it; what is stored is stored once."""

    class Moody(FailureExtractor):
        broken = True

        def add_failure(self, failure_data):
            if self.broken:
                raise OSError("disk full")
            return super().add_failure(failure_data)

    moody = Moody()
    with pytest.warns(RuntimeWarning, match="disk full"):
        error = fail(extract_on_failure(boom))
    moody.broken = False
    for name in ("In[1]", "again"):
        assert remember(error, origin="cell", name=name)
    (record,) = extractor.failures
    assert record["test_name"] == "boom"
    assert [one["name"] for one in record["contexts"]] == ["boom", "In[1]", "again"]


def test_a_failure_that_was_dropped_is_not_taken_in_again(extractor):
    """A door passed after the limit has pushed the record out does not bring it back."""
    extractor.set_memory_limits(max_failures=1)
    error = fail(extract_on_failure(boom))
    extractor.add_failure({"test_name": "newer"})
    assert remember(error, origin="cell", name="In[1]")
    assert [one["test_name"] for one in extractor.failures] == ["newer"]


def test_a_second_cell_that_raises_the_same_object(extractor):
    """An exception object that a later cell raises again is a new failure that says so."""
    error = fail(boom)
    first = remember(error, origin="cell", name="In[1]", details={"execution_count": 1})
    assert remember(error, origin="cell", name="In[1]", details={"execution_count": 1}) == first
    second = remember(error, origin="cell", name="In[2]", details={"execution_count": 2})
    assert second != first
    assert extractor.failures[1]["again"] == first
    assert len(extractor.failures) == 2


def test_a_record_from_elsewhere_is_taken_in_once(extractor):
    """An exception that comes out of a pickle of another process brings its record."""
    error = fail(boom)
    record = capture.failure_from(error, name="there")
    capture.mark(error, {**record, "id": "other-1", "process_id": 99})
    error = pickle.loads(pickle.dumps(error))
    for name in "abc":
        assert remember(error, origin="block", name=name) == "other-1"
    (kept,) = extractor.failures
    assert kept["process_id"] == 99
    assert [one["name"] for one in kept["contexts"]] == ["there", "a", "b", "c"]
    assert "home" not in kept


WORKER = """
import multiprocessing
import os

from failextract_nb import FailureExtractor, extract_on_failure


@extract_on_failure
def inner(n):
    secret_sauce = n * 2
    raise ValueError(f"worker {os.getpid()}")


@extract_on_failure
def outer(n):
    return inner(n)


def ids(queue):
    FailureExtractor().add_failure({"test_name": "child"})
    queue.put(FailureExtractor().failures[-1]["id"])
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A module that workers can import, with a decorated function that fails."""
    (tmp_path / "failing_worker.py").write_text(WORKER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield importlib.import_module("failing_worker")
    sys.modules.pop("failing_worker")


METHODS = sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["inner", "outer"])
def test_a_failure_in_another_process_comes_home(extractor, worker, method, name):
    """Frames and locals of the worker are in the one record, however many doors it passes here."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        function = extract_on_failure(lambda: pool.submit(getattr(worker, name), 21).result())
        with pytest.raises(ValueError) as caught, capture_failures("parent"):
            function()
    (record,) = extractor.failures
    assert str(record["process_id"]) in str(caught.value)
    assert record["process_id"] != failure.process_id
    assert record["extracted_code"][-1]["function"] == "inner"
    assert record["locals"][-1]["n"] == "21"
    assert record["locals"][-1]["secret_sauce"] == "42"
    assert record["contexts"][-1] == {"origin": "block", "name": "parent"}
    assert extractor.failures.get(record["id"]) is record


@pytest.mark.skipif("fork" not in METHODS, reason="there is no fork")
def test_a_forked_process_has_its_own_ids(extractor, worker):
    """A child that goes on with the parent's store gives ids of its own."""
    context = multiprocessing.get_context("fork")
    extractor.add_failure({})
    channel = context.SimpleQueue()
    child = context.Process(target=worker.ids, args=(channel,))
    child.start()
    theirs = channel.get()
    child.join()
    mine = extractor.add_failure({})
    assert theirs.rpartition("-")[0] != mine.rpartition("-")[0]
    assert len(extractor.failures) == 2
