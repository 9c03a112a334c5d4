"""Many notebooks on any executor: the order, what is lost, what is not begun."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from batches import cell, run, write
from conftest import violation

from failextract_nb.batch import finding, progress
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
    assert "begun 2 times" in books[2].broken
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
