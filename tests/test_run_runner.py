"""Many notebooks on any executor: the order, what is lost, what is not begun."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from batches import cell, invoke, run, write
from conftest import violation

from failextract_nb.batch import finding, listing, processes, progress, records, running
from failextract_nb.batch.gathering import Gathering
from failextract_nb.batch.notebook import Job, Stop, run_notebook
from failextract_nb.batch.outcome import NotebookOutcome, end_in_words, totals
from failextract_nb.batch.runner import run_here, run_on


class Processes(Executor):
    """A process of its own for each call: what is lost with one is lost for one call only."""

    def submit(self, function, /, *arguments):
        future = Future()
        threading.Thread(target=self._call, args=(future, function, arguments)).start()
        return future

    def _call(self, future, function, arguments):
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_send, args=(there, function, arguments))
        process.start()
        there.close()
        try:
            future.set_result(here.recv())
        except EOFError:
            future.set_exception(RuntimeError("the worker was killed"))
        process.join()
        here.close()


def _send(connection, function, arguments):
    connection.send(function(*arguments))


def _run_or_die(job):
    """Die in the middle, as many times as ``job.parameters`` says."""
    with Path(f"{job.name}.begun").open("a") as file:
        file.write("x")
    if len(Path(f"{job.name}.begun").read_text()) <= job.parameters["deaths"]:
        os._exit(1)
    return run_notebook(Job(job.path, job.name))


@pytest.mark.skipif(os.name != "posix", reason="spawning takes long elsewhere")
def test_a_notebook_whose_worker_is_lost_runs_again_once():
    """In a real process; what is lost twice is a failure of its own kind."""
    path = str(write("a.ipynb", "1 / 0"))
    jobs = [Job(path, f"{n}", parameters={"deaths": n}) for n in range(3)]
    books = run_on(Processes(), _run_or_die, jobs, 3, stop=Stop())
    assert [Path(f"{n}.begun").read_text() for n in range(3)] == ["x", "xx", "xx"]
    assert [book.failures[0]["origin"] for book in books] == ["cell", "cell", "worker"]
    assert "tried 2 times" in books[2].broken
    assert violation()(books[2].failures[0]) is None


def test_an_executor_that_takes_nothing_any_more():
    """Each notebook has its failure."""
    with ThreadPoolExecutor() as pool:
        pass
    books = run_on(pool, run_notebook, [Job("a", "a"), Job("b", "b")], 2, stop=Stop())
    assert [book.failures[0]["origin"] for book in books] == ["worker", "worker"]


def test_results_come_in_the_order_of_the_jobs():
    """Whatever was quicker; no more run at a time than there may."""
    lock, running, most = threading.Lock(), set(), []
    second = threading.Event()

    def run_one(job):
        with lock:
            running.add(job.name)
            most.append(len(running))
        if job.name == "a":
            assert second.wait(20)
        else:
            second.set()
        with lock:
            running.discard(job.name)
        return NotebookOutcome(job.path, job.name, begun=True)

    with ThreadPoolExecutor(8) as pool:
        books = run_on(pool, run_one, [Job(n, n) for n in "abcd"], 2, stop=Stop())
    assert [book.name for book in books] == [*"abcd"]
    assert max(most) <= 2


def test_after_a_stop_nothing_begins():
    """What was not begun says so."""
    stop = Stop()

    def run_one(job):
        stop.set()
        return NotebookOutcome(job.path, job.name, begun=True)

    with ThreadPoolExecutor(1) as pool:
        books = run_on(pool, run_one, [Job(n, n) for n in "ab"], 1, stop=stop)
    assert [book.outcome for book in books] == ["passed", "not run"]


def test_totals_of_a_run():
    """Of notebooks, of cells, of failures."""
    failing = run(write("a.ipynb", "x = no_such", "x", cell("1/0", "raises-exception"), "1"))
    books = [failing, run(write("b.ipynb")), NotebookOutcome("c", "c")]
    assert totals(books) == {
        "notebook_count": 3,
        "failed_notebooks": 1,
        "cells": {"passed": 2, "failed": 1, "blocked": 1},
        "blocked_count": 1,
        "expected_count": 1,
    }
    assert [end_in_words(book) for book in books] == [
        "1 failed, 1 blocked, 2 passed",
        "nothing to run",
        "not run",
    ]


def test_progress_knows_what_is_done_and_what_runs():
    """Also while a notebook is in its middle."""
    seen = []
    told = progress.Progress(2)

    def watch(what, book):
        told(what, book)
        seen.append((what, told.done, told.failing, round(told.share, 2), len(told.running)))

    jobs = [Job(str(write("a.ipynb", "1 / 0", "1")), "a"), Job(str(write("b.ipynb", "1")), "b")]
    run_here(jobs, 1, watch, Stop())
    assert seen == [
        ("begun", 0, 0, 0.0, 1),
        ("cell", 0, 0, 0.0, 1),
        ("cell done", 0, 1, 0.25, 1),
        ("cell", 0, 1, 0.25, 1),
        ("cell done", 0, 1, 0.5, 1),
        ("done", 1, 1, 0.5, 0),
        ("begun", 1, 1, 0.5, 1),
        ("cell", 1, 1, 0.5, 1),
        ("cell done", 1, 1, 1.0, 1),
        ("done", 2, 1, 1.0, 0),
    ]


def test_names_of_notebooks(tmp_path):
    """From here, where they are below; else the whole path."""
    assert finding.name_of("./deep/../a.ipynb") == "a.ipynb"
    assert finding.name_of(str(tmp_path / "deep" / "a.ipynb")) == "deep/a.ipynb"
    assert finding.name_of("/elsewhere/a.ipynb") == "/elsewhere/a.ipynb"


def test_hidden_folders_are_left_out():
    """They hold what was not written by hand: checkpoints, environments."""
    for path in ("a.ipynb", ".venv/b.ipynb", "deep/.ipynb_checkpoints/c.ipynb", "deep/d.ipynb"):
        write(path, "1")
    assert [*finding.notebooks_in(["."])] == ["./a.ipynb", "./deep/d.ipynb"]


# ---- what is rarely met


def test_why_a_kernel_is_dead():
    """As far as its exit code tells."""
    assert "SIGKILL, as the system does where memory runs out" in records.why_dead(-9)
    assert records.why_dead(-15) == "the kernel was ended by SIGTERM"
    assert records.why_dead(-250) == "the kernel was ended by signal 250"
    assert "exit code 3" in records.why_dead(3)
    assert records.why_dead(None) == "the kernel does not answer any more"


def test_half_a_line_of_a_killed_kernel_waits_for_its_end():
    """And what is no record at all costs nothing else."""
    journal, path = records.Journal(Path("x.jsonl")), Path("x.jsonl")
    assert journal.news() == []
    path.write_bytes(b'{"id": "a"}\n{"broken\n[]\n{"id": "b"')
    assert [one["id"] for one in journal.news()] == ["a"]
    assert journal.news() == []
    path.write_bytes(path.read_bytes() + b"}\n")
    assert [one["id"] for one in journal.news()] == ["b"]


def test_the_guard_ends_what_it_was_not_told_to_forget(monkeypatch, tmp_path):
    """A session, with all that is in it, what bears its mark wherever it is, and its folder."""
    sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
    ended, kept = (subprocess.Popen(sleep, start_new_session=True) for _ in range(2))
    env = {**os.environ, processes.MARK: "outer marked"}
    marked = subprocess.Popen(sleep, start_new_session=True, env=env)
    folder = tmp_path / "folder"
    folder.mkdir()
    told = [[ended.pid, "marked", str(folder)], [kept.pid, "kept", "x"], [kept.pid, "", None]]
    lines = "".join(json.dumps(line) + "\n" for line in told).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(lines)))
    processes.main()
    assert ended.wait(20) != 0
    if sys.platform.startswith("linux"):
        assert marked.wait(20) != 0
    marked.kill()
    marked.wait(20)
    assert not folder.exists()
    assert kept.poll() is None
    kept.kill()
    kept.wait(20)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what bears it")
def test_a_process_that_is_just_starting_is_waited_for():
    """For a moment nothing is known of it: one of twenty was overlooked, more on a busy machine."""
    env = {**os.environ, processes.MARK: "outer starting"}
    for _ in range(200):
        with started(env) as process:
            assert processes._bears(process.pid, "starting")
    assert not processes._bears(process.pid, "starting")  # it is gone


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what bears it")
def test_nobody_is_waited_for_who_has_nothing_to_say(monkeypatch):
    """No environment at all; ended, but not taken back yet; a thread of the system's."""
    monkeypatch.setattr(processes, "LOOKS", 10**9)
    with started({}) as process:
        assert not processes._bears(process.pid, "starting")
        process.kill()
        assert not processes._bears(process.pid, "starting")
    assert not processes._bears(2, "starting")


@contextmanager
def started(env):
    """A process that does nothing but bear this environment."""
    process = subprocess.Popen(["sleep", "1000"], env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def test_a_guard_that_is_gone_does_not_cost_the_run():
    """Somebody has killed it; a new one is not needed."""
    guard = processes.Guard()
    guard.watch(2**22 + 1, "mark", "none")
    guard._process.kill()
    guard._process.wait(20)
    for _ in range(3):
        guard.forget(2**22 + 1)
    guard.close()
    assert guard.pid is None


def test_what_breaks_a_run_is_said(monkeypatch):
    """An error of ours is none of the notebook's; what has failed before is kept."""

    def broken(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(Gathering, "replied", broken)
    book = run(write("a.ipynb", "1"))
    assert book.broken == "a.ipynb: the run broke: RuntimeError: no such luck"
    assert book.failures == []
    assert not list(Path().glob("failextract-run-*"))


def test_a_kernel_that_dies_after_its_last_cell():
    """A thread of it has ended it: that is the last cell's."""
    source = (
        "import os, threading, time\n"
        "def end():\n    time.sleep(0.3)\n    os._exit(9)\n"
        "threading.Thread(target=end).start()\n"
        "from failextract_nb.batch import kernel\nkernel.Journal.look = lambda self: time.sleep(9)"
    )
    book = run(write("a.ipynb", source))
    assert [one["origin"] for one in book.failures] == ["kernel"]
    assert book.failures[0]["cell_index"] == 0


def test_a_kernel_that_is_busy_at_the_end_is_not_waited_for(monkeypatch):
    """It is no failure; the user is told."""
    monkeypatch.setattr(running, "END_WITHIN", 0.5)
    source = "import time\nfrom failextract_nb.batch import kernel\nkernel.Journal.look = lambda self: time.sleep({})"
    book = run(write("a.ipynb", source.format(3)))
    assert book.outcome == "passed"
    assert "is busy after its last cell" in book.warnings[0]


def test_the_listing_tells_warnings_and_long_times():
    """And what broke."""
    book = NotebookOutcome("a", "a", begun=True, warnings=["mind\x1b"], broken="a: it broke")
    text = "\n".join(line.plain for line in listing.lines([book], 125.0))
    assert text == "a: mind\\x1b\na: it broke\n1 notebook passed; 2 min 5 s"


def test_what_is_wrong_with_the_command_itself_is_3(monkeypatch):
    """1 would say that a notebook has failed."""
    write("a.ipynb", "1")

    def broken(*_, **__):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(finding, "notebooks_in", broken)
    done = invoke("run", "a.ipynb", check=3)
    assert "ZeroDivisionError: ours" in done.stderr
    assert "this is a bug" in done.stderr

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(finding, "notebooks_in", interrupted)
    invoke("run", "a.ipynb", check=130)
