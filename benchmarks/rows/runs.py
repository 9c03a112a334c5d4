"""What ``failextract-nb run`` costs above nbclient, what a second job brings, what is kept."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import nbformat
import psutil
from measure import Figure
from nbclient import NotebookClient
from report import Row, against, at_least, at_most, faster_than

from failextract_nb.batch.notebook import Job, Stop
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.batch.runner import run_here

KILOBYTE = 1024
BUSY = """
total, ends = 0, __import__("time").process_time() + 1
while __import__("time").process_time() < ends:
    total += 1
"""
TENTH = ["import math", "rows = [math.sqrt(one) for one in range(1_000)]"] + [
    "print(sum(rows))"
] * 8
FAILING = ["limit = 3", "rows[limit]", *TENTH[2:]]  # all but the first of them


@contextmanager
def notebooks(sources: Sequence[str], count: int) -> Iterator[list[Path]]:
    """So many equal notebooks, in a folder of their own."""
    cells = [nbformat.v4.new_code_cell(one) for one in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    with tempfile.TemporaryDirectory(prefix="failextract-bench-") as folder:
        paths = [Path(folder, f"{number}.ipynb") for number in range(count)]
        for path in paths:
            nbformat.write(book, path)
        yield paths


def plainly(paths: Sequence[Path]) -> None:
    """What a script with nbclient does: read, execute, go on after errors, write."""
    with open(os.devnull, "wb") as nowhere:
        for path in paths:
            book = nbformat.read(path, as_version=4)
            place = {"metadata": {"path": str(path.parent)}}
            client = NotebookClient(book, allow_errors=True, resources=place)
            client.execute(stdout=nowhere, stderr=nowhere)
            nbformat.write(book, path.with_suffix(".executed"))


def ours(paths: Sequence[Path], at_a_time: int = 1) -> list[NotebookOutcome]:
    """The same, by us."""
    jobs = [Job(str(path), path.name, output=str(path.with_suffix(".ours"))) for path in paths]
    return run_here(jobs, at_a_time, lambda *_: None, Stop())


def _in_turns(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Figure]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        for name in order:
            started = perf_counter()
            calls[name]()
            taken[name].append(perf_counter() - started)
        order.reverse()
    return {name: Figure(seconds) for name, seconds in taken.items()}


def run(quick: bool) -> Iterator[Row]:
    """Notebooks that are run one after the other, by us and by nbclient alone."""
    count, rounds = (1, 3) if quick else (4, 11)
    hundred = [f"x = {number}\nprint(x)" for number in range(100)]
    for what, sources, bound in (
        ("ten cells", TENTH, at_most(1.05)),
        ("ten cells that fail, all but one", FAILING, at_most(1.05)),
        ("a hundred cells", hundred, at_most(1.05)),
    )[: 1 if quick else None]:
        with notebooks(sources, count) as paths:
            ours(paths[:1]), plainly(paths[:1])  # imports
            calls = {"ours": lambda: ours(paths), "theirs": lambda: plainly(paths)}
            found = _in_turns(calls, rounds)
        yield against(
            f"notebooks of {what}", found["ours"], "nbclient", found["theirs"], must=bound
        )


def jobs(quick: bool) -> Iterator[Row]:
    """Eight notebooks with two jobs, and with one."""
    if quick:
        return
    with notebooks([BUSY] * 2, 8) as paths:
        ours(paths[:1])
        calls = {"one": lambda: ours(paths, 1), "two": lambda: ours(paths, 2)}
        found = _in_turns(calls, rounds=5)
    what = "eight notebooks with two jobs"
    yield faster_than(what, found["two"], "one job", found["one"], must=at_least(1.7))


def thousand(quick: bool) -> Iterator[Row]:
    """What stays in the process of a run of many small notebooks, one of ten failing."""
    if quick:
        return
    count, first = 1_000, 100
    process, seen = psutil.Process(), []

    def watch(what: str, _book: NotebookOutcome) -> None:
        if what == "done":
            if len(seen) % 50 == 0:
                gc.collect()
            seen.append((process.memory_info().rss, process.num_fds(), process.num_threads()))

    with notebooks(["x = 1", "x + 1"], count) as paths, notebooks(FAILING, 1) as bad:
        work = [bad[0] if place % 10 == 9 else path for place, path in enumerate(paths)]
        jobs = [Job(str(path), f"{place}") for place, path in enumerate(work)]
        books = run_here(jobs, 2, watch, Stop())
    wrong = [
        book.name for book in books if (book.outcome == "failed") != (int(book.name) % 10 == 9)
    ]
    broken = f"{len(wrong)} notebooks did not end as they should" if wrong else ""
    grown = (max(rss for rss, _, _ in seen[-10:]) - max(rss for rss, _, _ in seen[:first])) / (
        count - first
    )
    what = f"kept for a notebook more, of {count:,}"
    yield Row(what, Figure([grown]), unit="B", must=at_most(20 * KILOBYTE), broken=broken)
    for name, place in (("open files", 1), ("threads", 2)):
        more = max(one[place] for one in seen) - max(one[place] for one in seen[:first])
        yield Row(f"more {name} at the end", Figure([float(more)]), unit="", must=at_most(0))
