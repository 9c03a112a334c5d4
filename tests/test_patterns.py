"""The patterns that the API's documentation shows, as users write them."""

from __future__ import annotations

import concurrent.futures
import json
import queue
import subprocess
import sys
import threading
from xml.etree import ElementTree as ET

import psutil
import pytest
from conftest import ROOT, example

from failextract_nb import (
    FailureExtractor,
    FixtureExtractor,
    OutputConfig,
    OutputFormatter,
    extract_on_failure,
    formats,
)


def test_memory_limits_keep_the_newest(extractor):
    """A limit on failures and one on passes; the statistics say what is there and what went."""
    extractor.set_memory_limits(max_failures=1000, max_passed=500)
    for number in range(1200):
        extractor.add_failure(example(number=number))
        extractor.add_passed({"test_name": f"good {number}"})
    assert [one["number"] for one in extractor.failures[:2]] == [200, 201]
    assert extractor.passed_tests[0]["test_name"] == "good 700"
    known = extractor.get_statistics()
    assert (known["failure_count"], known["dropped_failures"]) == (1000, 200)
    assert known["failures_at_limit"]
    assert 0 < known["memory_usage_mb"] < 10


def test_reports_are_made_in_parallel(extractor, tmp_path):
    """By the user's own pool, and by the method that is built in."""
    extractor.add_failure(example())
    configs = [OutputConfig(tmp_path / f"own.{name}", format=name) for name in formats.names()]
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        paths = list(pool.map(extractor.save_report, configs))
    built_in = extractor.save_reports(
        [OutputConfig(tmp_path / f"built-in.{name}", format=name) for name in formats.names()]
    )
    for one, other in zip(paths, built_in, strict=True):
        assert one.stat().st_size > 0
        assert abs(one.stat().st_size - other.stat().st_size) < 10  # the times differ


def test_a_user_may_cache_fixtures(extractor):
    """A subclass that keeps results by function and names of locals."""

    class Cached(FixtureExtractor):
        def __init__(self):
            super().__init__()
            self.cache = {}
            self.asked = 0

        def extract_fixture_info(self, test_func, test_locals):
            key = (test_func.__name__, id(test_func), frozenset(test_locals))
            if key not in self.cache:
                self.asked += 1
                self.cache[key] = super().extract_fixture_info(test_func, test_locals).copy()
            return self.cache[key].copy()

    def test_it(tmp_path): ...

    cached = Cached()
    for _ in range(3):
        assert (
            cached.extract_fixture_info(test_it, {"tmp_path": 1})["tmp_path"]["kind"] == "builtin"
        )
    assert cached.asked == 1
    assert cached._get_source_lines(__file__, 1) == [
        '"""The patterns that the API\'s documentation shows, as users write them."""\n'
    ]


def test_a_user_may_stream(extractor, tmp_path):
    """A formatter that joins a generator, over slices of the live sequence."""

    class Streaming(OutputFormatter):
        def format(self, failures, passed=None, metadata=None):
            lines = (json.dumps(one) for one in failures)
            return "[" + ",\n".join(lines) + "]"

    for number in range(250):
        extractor.add_failure(example(number=number))
    formats.register("streaming", Streaming)
    seen = []
    for start in range(0, len(extractor.failures), 100):
        seen += json.loads(Streaming().format(extractor.failures[start : start + 100]))
    assert [one["number"] for one in seen] == list(range(250))
    extractor.save_report(OutputConfig(tmp_path / "x", format="streaming"))
    assert json.loads((tmp_path / "x").read_text()) == seen


def test_a_thousand_tests_on_twenty_threads(extractor):
    """Every third fails: 334 failures, none lost, none twice, each of its own thread."""
    ran_on = {}

    class Runner:
        @extract_on_failure
        def sample(self, number):
            ran_on[number] = threading.get_ident()
            assert number % 3, f"test {number} failed"

    runner = Runner()
    with concurrent.futures.ThreadPoolExecutor(max_workers=20) as pool:
        futures = [pool.submit(runner.sample, number) for number in range(1000)]
    assert sum(future.exception() is not None for future in futures) == 334
    numbers = {}
    for one in extractor.failures:
        number = int(one["exception_message"].split()[1])
        assert number not in numbers
        numbers[number] = one["thread_id"]
    assert numbers == {number: ran_on[number] for number in range(0, 1000, 3)}
    assert extractor.get_statistics()["passed_count"] == 666


def test_producers_and_a_consumer(extractor, tmp_path):
    """Failures queued by many threads are stored in batches by one, with a report in between."""
    waiting = queue.Queue()

    def consume():
        while (failure := waiting.get()) is not None:
            extractor.add_failure(failure)
            if len(extractor.failures) % 100 == 0:
                extractor.save_report(OutputConfig(tmp_path / "incremental.json"))

    consumer = threading.Thread(target=consume)
    consumer.start()
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda n: waiting.put(example(number=n)), range(250)))
    waiting.put(None)
    consumer.join()
    assert sorted(one["number"] for one in extractor.failures) == list(range(250))
    report = json.loads((tmp_path / "incremental.json").read_text())
    assert len(report["failures"]) == 200


def test_statistics_of_the_last_minute(extractor, tmp_path):
    """Times of capture and of saving: mean, minimum, maximum, count."""

    @extract_on_failure
    def fails():
        raise ValueError

    for _ in range(5):
        with pytest.raises(ValueError):
            fails()
    extractor.save_report(OutputConfig(tmp_path / "x.json"))
    known = extractor.get_statistics()
    for name, count in (("capture_seconds", 5), ("save_seconds", 1)):
        times = known[name]
        assert times["count"] == count
        assert 0 < times["minimum"] <= times["mean"] <= times["maximum"] < 60


def test_resources_are_watched_by_a_subclass():
    """psutil in an override, as the documentation's production extractor."""

    class Monitored(FailureExtractor):
        def __init__(self):
            super().__init__()
            self.process = psutil.Process()
            self.memory = []

        def add_failure(self, failure_data):
            result = super().add_failure(failure_data)
            if len(self.failures) % 100 == 0:
                self.memory.append(self.process.memory_info().rss)
            return result

    monitored = Monitored()
    for number in range(300):
        FailureExtractor().add_failure(example(number=number))
    assert len(monitored.memory) == 3
    assert FailureExtractor() is monitored


def test_reports_for_continuous_integration(extractor, tmp_path):
    """Annotations from the keys, and JUnit from the format."""
    extractor.add_failure(example(test_file="nb.ipynb", line_number=7))
    lines = [
        f"::error file={one.get('test_file')},line={one.get('line_number')}::{one.get('exception_message')}"
        for one in extractor.failures
    ]
    assert lines == ["::error file=nb.ipynb,line=7::no"]
    path = extractor.save_report(OutputConfig(tmp_path / "r.junit.xml"))
    suite = ET.parse(path).getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_recovery_and_retry_by_a_subclass(tmp_path):
    """An override that catches what storing raises, and tries a report again."""

    class Resilient(FailureExtractor):
        errors = 0
        attempts = 0

        def add_failure(self, failure_data):
            try:
                return super().add_failure(failure_data)
            except TypeError:
                self.errors += 1
                return False

        def save_report(self, config):
            for _ in range(3):
                self.attempts += 1
                try:
                    return super().save_report(config)
                except OSError:
                    (tmp_path / "folder.json").rmdir()
            raise AssertionError

    resilient = Resilient()
    assert resilient.add_failure("not a mapping") is False
    assert resilient.add_failure(example())
    (tmp_path / "folder.json").mkdir()
    assert resilient.save_report(OutputConfig(tmp_path / "folder.json")).is_file()
    assert (resilient.errors, resilient.attempts) == (1, 2)


def test_the_benchmarks_run(tmp_path):
    """One measurement of the suite, without the peers: its rows, its bounds, all its rounds."""
    results = tmp_path / "results.json"
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "benchmarks/bench.py",
            "--quick",
            "--only=hook",
            "--results",
            results,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(results.read_text())["measurements"]["hook"]
    assert {row["must"]["sign"] for row in rows if "must" in row} == {"≤"}
    assert all(row["value"]["rounds"] for row in rows)
    assert all(row["what"] in done.stdout for row in rows)
