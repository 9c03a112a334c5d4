"""Autosave: a report that keeps itself up to date, and loses nothing at the end."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
from conftest import example, fail

from failextract_nb import FailureExtractor, OutputConfig, OutputFormatter, autosave, formats

SOON = 20  # seconds that a test waits for what takes milliseconds
NEVER = 10_000.0  # seconds after which no test is still there


def until(condition):
    """Wait for a condition, and say which one did not come."""
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def names_in(path):
    """The test names in a report, [] while there is none."""
    try:
        return [one["test_name"] for one in json.loads(Path(path).read_text())["failures"]]
    except FileNotFoundError:
        return []


def threads():
    return [one for one in threading.enumerate() if one.name.startswith("failextract-autosave")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Each test ends what it starts, or replaces it."""
    yield
    for running in list(autosave._running.values()):
        running.stop()
    assert threads() == []


class Sometimes(OutputFormatter):
    """A format that works while ``works`` is set, and says when it is at work."""

    def __init__(self):
        self.works = threading.Event()
        self.works.set()
        self.started, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def format(self, failures, passed=None, metadata=None):
        self.started.set()
        assert self.go_on.wait(SOON)
        if not self.works.is_set():
            raise RuntimeError("not today")
        return json.dumps({"failures": list(failures)})


@pytest.fixture
def sometimes():
    formatter = Sometimes()
    formats.register("sometimes", formatter)
    return formatter


# ---- when it saves


def test_it_saves_after_so_many_failures(extractor):
    """Not before; and again after as many more."""
    with extractor.autosave(OutputConfig("x.json"), every=3, seconds=NEVER) as running:
        for name in "ab":
            extractor.add_failure(example(test_name=name))
        assert running.saves == 0
        extractor.add_failure(example(test_name="c"))
        until(lambda: running.saves == 1)
        assert names_in("x.json") == ["a", "b", "c"]
        for name in "def":
            extractor.add_failure(example(test_name=name))
        until(lambda: running.saves == 2)
        assert names_in("x.json") == [*"abcdef"]


def test_it_saves_after_so_many_seconds(extractor):
    """One failure among few does not wait for a hundred."""
    with extractor.autosave(OutputConfig("x.json"), every=100, seconds=0.01) as running:
        extractor.add_failure(example(test_name="a"))
        until(lambda: running.saves == 1)
        assert names_in("x.json") == ["a"]


def test_it_saves_at_the_end(extractor):
    """What no count and no time has saved yet."""
    running = extractor.autosave(OutputConfig("x.json"), every=100, seconds=NEVER)
    extractor.add_failure(example(test_name="a"))
    running.stop()
    assert names_in("x.json") == ["a"]
    assert threads() == []


def test_the_end_of_the_block_is_the_end(extractor):
    """As a context manager it stops, also when the block raises."""
    try:
        with extractor.autosave(OutputConfig("x.json"), seconds=NEVER):
            extractor.add_failure(example(test_name="a"))
            raise KeyError
    except KeyError:
        pass
    assert names_in("x.json") == ["a"]
    assert threads() == []


def test_it_saves_what_failed_before_it_began(extractor):
    """The report is one of the session, not of the time since."""
    extractor.add_failure(example(test_name="a"))
    with extractor.autosave(OutputConfig("x.json"), every=1, seconds=NEVER):
        until(lambda: names_in("x.json") == ["a"])


def test_the_last_save_has_what_came_to_a_failure_later(extractor):
    """A door further out adds to a record that is in the report already."""
    running = extractor.autosave(OutputConfig("x.json"), every=1, seconds=NEVER)
    failure_id = extractor.add_failure(example())
    until(lambda: running.saves == 1)
    extractor.add_context(failure_id, {"notebook": "n.ipynb"})
    running.stop()
    assert json.loads(Path("x.json").read_text())["failures"][0]["notebook"] == "n.ipynb"


def test_the_last_save_has_the_passes(extractor):
    """Passes alone do not make it save; at the end they are there."""
    config = OutputConfig("x.json", include_passed=True)
    with extractor.autosave(config, every=1, seconds=NEVER):
        extractor.add_passed({"test_name": "ok"})
    assert json.loads(Path("x.json").read_text())["passed"][0]["test_name"] == "ok"


def test_nothing_to_save_is_no_file(extractor):
    """A session without failures leaves no report; an old one stays."""
    extractor.autosave(OutputConfig("x.json"), every=1, seconds=0.01).stop()
    assert not Path("x.json").exists()
    with extractor.autosave(OutputConfig("x.json"), every=1, seconds=NEVER) as running:
        extractor.add_failure(example(test_name="a"))
        until(lambda: running.saves == 1)
        extractor.clear()
    assert names_in("x.json") == ["a"]


def test_what_fails_during_the_last_save_is_saved(extractor, sometimes):
    """stop() comes while a save is under way, with failures that it does not hold."""
    sometimes.go_on.clear()
    running = extractor.autosave(OutputConfig("x.sometimes"), every=1, seconds=NEVER)
    extractor.add_failure(example(test_name="a"))
    assert sometimes.started.wait(SOON)
    extractor.add_failure(example(test_name="b"))
    stopping = threading.Thread(target=running.stop)
    stopping.start()
    until(lambda: running._stopping)
    sometimes.go_on.set()
    stopping.join(SOON)
    assert names_in("x.sometimes") == ["a", "b"]


def test_many_threads_lose_nothing(extractor):
    """Failures from everywhere, saves in between: all are in the file."""
    running = extractor.autosave(OutputConfig("x.json"), every=7, seconds=0.001)

    def work():
        for _ in range(50):
            extractor.add_failure(example())

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    running.stop()
    assert len(names_in("x.json")) == 400


def test_a_users_save_report_is_called(extractor):
    """The background save is one as any other."""

    class Mine(FailureExtractor):
        saved = 0

        def save_report(self, config):
            Mine.saved += 1
            return super().save_report(config)

    with Mine().autosave(OutputConfig("x.json"), seconds=NEVER):
        Mine().add_failure(example())
    assert Mine.saved == 1


def test_it_saves_before_failures_are_dropped(extractor):
    """With room for ten, it does not wait for a hundred."""
    extractor.set_memory_limits(max_failures=10)
    config = OutputConfig("x.json", append=True)
    with extractor.autosave(config, every=100, seconds=NEVER):
        for number in range(30):
            extractor.add_failure(example(test_name=f"t{number}"))
            if number % 5 == 4:
                until(lambda: f"t{number}" in names_in("x.json"))
    assert names_in("x.json") == [f"t{number}" for number in range(30)]


# ---- where it saves


def test_a_second_one_for_a_path_replaces_the_first(extractor):
    """A cell that starts it can be run again; what the first had is saved."""
    first = extractor.autosave(OutputConfig("x.json"), every=100, seconds=NEVER)
    extractor.add_failure(example(test_name="a"))
    second = extractor.autosave(OutputConfig("./y/../x.json"), every=100, seconds=NEVER)
    assert names_in("x.json") == ["a"]
    assert len(threads()) == 1
    assert "stopped" in repr(first)
    assert "running" in repr(second)
    extractor.add_failure(example(test_name="b"))
    first.stop()
    second.stop()
    assert names_in("x.json") == ["a", "b"]


def test_two_paths_have_two(extractor):
    """Each keeps its own report."""
    with extractor.autosave(OutputConfig("x.json"), seconds=NEVER):
        with extractor.autosave(OutputConfig("y.json"), seconds=NEVER):
            extractor.add_failure(example(test_name="a"))
    assert names_in("x.json") == names_in("y.json") == ["a"]


def test_the_folder_is_that_of_the_start(extractor, tmp_path):
    """A later ``%cd`` does not move the report."""
    (tmp_path / "elsewhere").mkdir()
    running = extractor.autosave(OutputConfig("x.json"), seconds=NEVER)
    os.chdir(tmp_path / "elsewhere")
    extractor.add_failure(example(test_name="a"))
    running.stop()
    assert os.listdir() == []
    assert names_in(tmp_path / "x.json") == ["a"]


# ---- how it ends


def test_stop_twice_is_stop(extractor):
    """And failures after it are not saved."""
    running = extractor.autosave(OutputConfig("x.json"), every=1, seconds=NEVER)
    extractor.add_failure(example(test_name="a"))
    running.stop()
    running.stop()
    saves = running.saves
    extractor.add_failure(example(test_name="b"))
    assert running.saves == saves
    assert names_in("x.json") == ["a"]
    assert extractor._store.listeners == ()


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("import sys; sys.exit(3)", 3), ("raise ValueError('unhandled')", 1)],
    ids=["end", "sys.exit", "exception"],
)
@pytest.mark.parametrize("name", ["json", "yaml"])
def test_it_saves_at_the_exit_of_the_interpreter(run_python, tmp_path, end, code, name):
    """However the program ends, and though the format was never used before."""
    done = run_python(
        f"""
        from failextract_nb import FailureExtractor, OutputConfig
        extractor = FailureExtractor()
        extractor.autosave(OutputConfig("x.{name}"))
        extractor.add_failure({{"test_name": "tally"}})
        {end}
        """,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("unhandled" in done.stderr) == (code == 1)
    assert "tally" in (tmp_path / f"x.{name}").read_text()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_does_not_save(run_python, tmp_path):
    """The child of multiprocessing has the failures, but the report is the parent's."""
    run_python("""
        import os, sys
        from failextract_nb import FailureExtractor, OutputConfig
        extractor = FailureExtractor()
        running = extractor.autosave(OutputConfig("x.json"), every=1, seconds=1000)
        running._changed.acquire()  # as if the thread held its lock at this moment
        child = os.fork()
        if not child:
            extractor.add_failure({"test_name": "child"})
            running.stop()
            sys.exit(7)
        running._changed.release()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert not os.path.exists("x.json")
        extractor.add_failure({"test_name": "parent"})
    """)
    assert names_in(tmp_path / "x.json") == ["parent"]


# ---- what goes wrong


def test_an_error_is_kept_and_no_failure_is_lost(extractor, sometimes, capsys):
    """It says so quietly; with the next failure, or at the end, all is saved."""
    sometimes.works.clear()
    running = extractor.autosave(OutputConfig("x.sometimes"), every=1, seconds=NEVER)
    extractor.add_failure(example(test_name="a"))
    until(lambda: running.last_error)
    assert str(running.last_error) == "not today"
    assert "not today" in repr(running)
    assert running.saves == 0
    assert not Path("x.sometimes").exists()
    sometimes.works.set()
    extractor.add_failure(example(test_name="b"))
    until(lambda: running.saves == 1)
    assert running.last_error is None
    assert names_in("x.sometimes") == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_after_an_error_it_tries_again_by_itself(extractor, sometimes):
    """After its time, without another failure."""
    sometimes.works.clear()
    running = extractor.autosave(OutputConfig("x.sometimes"), every=1, seconds=0.01)
    extractor.add_failure(example(test_name="a"))
    until(lambda: running.last_error)
    sometimes.works.set()
    until(lambda: names_in("x.sometimes") == ["a"])
    running.stop()


def test_after_an_error_the_end_is_a_last_chance(extractor, sometimes):
    """What could not be saved is saved by stop(), or its error is told."""
    sometimes.works.clear()
    running = extractor.autosave(OutputConfig("x.sometimes"), every=1, seconds=NEVER)
    extractor.add_failure(example(test_name="a"))
    until(lambda: running.last_error)
    sometimes.works.set()
    running.stop()
    assert names_in("x.sometimes") == ["a"]
    sometimes.works.clear()
    running = extractor.autosave(OutputConfig("y.sometimes"), every=100, seconds=NEVER)
    running.stop()
    assert str(running.last_error) == "not today"


def test_a_target_that_is_no_file_is_kept_as_the_error(extractor):
    """A folder stands where the report should be, until it does not."""
    Path("x.json").mkdir()
    running = extractor.autosave(OutputConfig("x.json"), every=1, seconds=NEVER)
    extractor.add_failure(example(test_name="a"))
    until(lambda: running.last_error)
    assert type(running.last_error) is IsADirectoryError
    Path("x.json").rmdir()
    running.stop()
    assert names_in("x.json") == ["a"]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"every": 0}, ValueError),
        ({"every": -1}, ValueError),
        ({"every": 1.5}, ValueError),
        ({"every": True}, ValueError),
        ({"every": None}, ValueError),
        ({"seconds": 0}, ValueError),
        ({"seconds": -1.0}, ValueError),
        ({"seconds": float("nan")}, ValueError),
        ({"seconds": "5"}, ValueError),
        ({"seconds": True}, ValueError),
        ({"config": "x.json"}, TypeError),
        ({"config": None}, TypeError),
        ({"config": OutputConfig(None)}, ValueError),
    ],
    ids=str,
)
def test_an_argument_that_is_wrong_is_named(extractor, arguments, kind):
    """And nothing is started."""
    error = fail(extractor.autosave, **{"config": OutputConfig("x.json"), **arguments})
    assert type(error) is kind
    assert str(*arguments) in str(error)
    assert threads() == []


def test_any_number_of_seconds_above_zero_is_one(extractor):
    """Also more than a lock can wait for."""
    with extractor.autosave(OutputConfig("x.json"), every=2, seconds=float("inf")) as running:
        for name in "ab":
            extractor.add_failure(example(test_name=name))
        until(lambda: running.saves == 1)
