"""The defects of the ancestor, by number; each must not exist here."""

from __future__ import annotations

import asyncio
import csv
import json
import weakref
from xml.etree import ElementTree as ET

import pytest
import yaml
from conftest import example, fail

from failextract_nb import (
    FailureExtractor,
    OutputConfig,
    OutputFormatter,
    extract_on_failure,
    formats,
)

watched = weakref.ref(FailureExtractor)  # what a module's globals may hold


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def test_1_capture_never_replaces_the_users_exception(extractor):
    """No readable source, a weak reference among the globals, a __str__ that raises."""
    namespace = {"extract_on_failure": extract_on_failure, "ref": weakref.ref(Unspeakable)}
    exec("@extract_on_failure\ndef no_source():\n    raise KeyError('k')", namespace)
    assert type(fail(namespace["no_source"])) is KeyError

    @extract_on_failure
    def unspeakable():
        raise Unspeakable

    assert type(fail(unspeakable)) is Unspeakable
    assert [one["exception_type"] for one in extractor.failures] == ["KeyError", "Unspeakable"]


def test_2_the_locals_are_those_of_the_function_that_failed(extractor, tmp_path):
    """Not the wrapper's; and NumPy objects among them can be exported."""
    import numpy as np

    @extract_on_failure(include_locals=True)
    def fails():
        array = np.ones((3, 4))
        kind = np.float32
        number = np.float64(2.5)
        raise ValueError(array.shape)

    fail(fails)
    values = extractor.failures[0]["locals"][-1]
    assert values["array"] == "ndarray(3 × 4; float64)"
    assert set(values) == {"array", "kind", "number"}
    extractor.save_report(OutputConfig(tmp_path / "x.json"))
    assert json.loads((tmp_path / "x.json").read_text())["failures"][0]["locals"] == [values]


def test_3_coroutines_and_generators_are_captured(extractor):
    """Async functions, generators, async generators."""

    @extract_on_failure
    async def coroutine():
        raise ValueError("coroutine")

    @extract_on_failure
    def generator():
        yield 1
        raise ValueError("generator")

    @extract_on_failure
    async def async_generator():
        yield 1
        raise ValueError("async generator")

    async def drain():
        return [item async for item in async_generator()]

    fail(asyncio.run, coroutine())
    fail(list, generator())
    fail(asyncio.run, drain())
    assert [one["exception_message"] for one in extractor.failures] == [
        "coroutine",
        "generator",
        "async generator",
    ]


def test_4_append_adds_and_never_overwrites_what_is_no_report(extractor, tmp_path):
    """Old failures stay, and so does a file that holds something else."""
    path = tmp_path / "x.json"
    for name in ("first", "second"):
        extractor.clear()
        extractor.add_failure(example(test_name=name))
        extractor.save_report(OutputConfig(path, append=True))
    assert [one["test_name"] for one in json.loads(path.read_text())["failures"]] == [
        "first",
        "second",
    ]
    path.write_text("{ not json")
    assert isinstance(fail(extractor.save_report, OutputConfig(path, append=True)), ValueError)
    assert path.read_text() == "{ not json"


def test_5_a_decorated_function_that_fails_twice_leaves_two_failures(tmp_path):
    """In the file that it writes."""

    @extract_on_failure("x.json")
    def fails(n):
        raise ValueError(n)

    fail(fails, 1)
    fail(fails, 2)
    report = json.loads((tmp_path / "x.json").read_text())
    assert [one["exception_message"] for one in report["failures"]] == ["1", "2"]


def test_6_a_subclass_made_later_is_used():
    """Its add_failure really runs, for the decorator, too."""
    FailureExtractor()
    seen = []

    class Mine(FailureExtractor):
        def add_failure(self, failure_data):
            seen.append(failure_data["exception_type"])
            return super().add_failure(failure_data)

    Mine()

    @extract_on_failure
    def fails():
        raise KeyError("k")

    fail(fails)
    assert seen == ["KeyError"]
    assert len(FailureExtractor().failures) == 1


def test_7_the_registry_is_the_one_that_reports_use(extractor, tmp_path):
    """A format that is registered by name can be written at once."""

    class Count(OutputFormatter):
        def format(self, failures, passed=None, metadata=None):
            return str(len(list(failures)))

    formats.register("count", Count())
    extractor.add_failure(example())
    extractor.save_report(OutputConfig(tmp_path / "n", format="count"))
    assert (tmp_path / "n").read_text() == "1"


def test_8_hostile_messages_and_missing_keys_give_files_that_parsers_read(extractor, tmp_path):
    """`]]>`, ESC, and records that lack every key."""
    extractor.add_failure({"exception_message": "]]> \x1b[31m & <b>"})
    extractor.add_failure({})
    for name in ("xml", "csv", "yaml", "json"):
        extractor.save_report(OutputConfig(tmp_path / f"x.{name}"))
    assert len(ET.parse(tmp_path / "x.xml").getroot().find("failures")) == 2
    assert len(yaml.safe_load((tmp_path / "x.yaml").read_text())["failures"]) == 2
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_9_arguments_are_bounded_and_redacted(extractor):
    """By the parameter's name, positional or not."""

    @extract_on_failure
    def login(user, password, data=None):
        raise PermissionError(user)

    secret = "hunter" + "2"
    fail(login, "me", secret, data="x" * 100_000)
    fail(login, "me", password=secret)
    record = json.dumps(list(extractor.failures))
    assert secret not in record
    assert len(record) < 20_000


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_10_another_process_can_go_on_with_a_report(run_python, tmp_path, name):
    """What one process has written, the next one keeps; the live log comes with its own issue."""
    code = f"""
        from failextract_nb import FailureExtractor, OutputConfig
        FailureExtractor().add_failure({{"test_name": "t"}})
        FailureExtractor().save_report(OutputConfig("x.{name}", append=True))
    """
    run_python(code)
    run_python(code)
    failures, _ = formats.get(name).read((tmp_path / f"x.{name}").read_text())
    assert len({one["id"] for one in failures}) == 2


def test_11_groups_notes_and_causes_are_data_and_junit_exists(extractor):
    """Not only text in a traceback."""

    @extract_on_failure
    def fails():
        try:
            raise KeyError("cause")
        except KeyError as cause:
            error = ExceptionGroup("group", [ValueError("member")])
            error.add_note("a note")
            raise error from cause

    fail(fails)
    (one,) = extractor.failures
    assert one["causes"][0]["exception_type"] == "KeyError"
    assert one["exceptions"][0]["exception_message"] == "member"
    assert one["notes"] == ["a note"]
    assert "junit" in formats.names()


def test_12_success_looks_at_no_frame(monkeypatch, extractor):
    """A passing call reads no frame, no clock, no store."""
    import sys

    from failextract_nb import capture, decorator, remember, wrappers

    def forbidden(*_args, **_kwargs):
        raise AssertionError("the success path was to cost nothing")

    @extract_on_failure
    def passes(x):
        return x

    monkeypatch.setattr(sys, "_getframe", forbidden)
    for module, name in (
        (remember, "remember"),
        (decorator, "remember"),
        (capture, "perf_counter"),
    ):
        monkeypatch.setattr(module, name, forbidden)
    for name in ("add_failure", "add_passed", "add_context"):
        monkeypatch.setattr(FailureExtractor, name, forbidden)
    assert passes(5) == 5
    names = set(wrappers._plain(passes, None, None).__code__.co_names)
    # Looked up when something is raised; before that, the one count.
    assert names == {"BaseException", "RecursionError", "passes"}
    assert extractor.get_statistics()["passed_count"] == 1
