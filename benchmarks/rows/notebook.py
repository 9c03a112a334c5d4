"""What a notebook pays while nothing fails: the hooks around each cell, and a hundred cells."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from measure import Figure, in_turns
from nbclient import NotebookClient
from report import Row, against, at_most
from traitlets.config import Config

import failextract_nb

ROUNDS = 9  # of a hundred cells
EXTENSION = "failextract_nb"
PACKAGE = os.path.dirname(failextract_nb.__file__)
CELLS = {
    "a cell that passes": "total = 0\nfor number in range(3):\n    total += number\n",
    "one that starts with a blank line": "\n# the total\ntotal = sum(range(3))\n",
}


def shell() -> InteractiveShell:
    """A real session, without a history file."""
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    return InteractiveShell.instance(config=config)


def hook(quick: bool) -> Iterator[Row]:
    """The hooks before and after a cell that passes, above a session without the extension."""
    ip = shell()
    for name, source in CELLS.items():
        yield from _hooks(ip, name, ip.run_cell(source), rounds=11 if quick else 61)
    yield _kept(ip, cells=1_000 if quick else 10_000)


def _hooks(ip: Any, name: str, result: Any, rounds: int) -> Iterator[Row]:
    hooks = ("pre_run_cell", "post_run_cell")

    def cell() -> None:
        ip.events.trigger("pre_run_cell", result.info)
        ip.events.trigger("post_run_cell", result)

    def empty(_: object) -> None:
        """The least that a hook can do."""

    def without() -> None:
        ip.extension_manager.unload_extension(EXTENSION)
        for event in hooks:
            if empty in ip.events.callbacks[event]:
                ip.events.unregister(event, empty)

    def with_ours() -> None:
        without()
        ip.extension_manager.load_extension(EXTENSION)

    def with_empty() -> None:
        without()
        for event in hooks:
            ip.events.register(event, empty)

    before = {"without": without, "ours": with_ours, "empty": with_empty}
    seconds = in_turns(dict.fromkeys(before, cell), rounds, before=before)
    without()
    ours, least = (seconds[one] - seconds["without"] for one in ("ours", "empty"))
    what = f"hooks of {name}"
    yield Row(what, ours, unit="s", must=at_most(20e-6), reach=at_most(5e-6))
    yield against(what, ours, "two hooks that do nothing", least)


def _kept(ip: Any, cells: int) -> Row:
    """Bytes that our code has allocated, and kept, after so many cells were really run."""
    ip.extension_manager.load_extension(EXTENSION)
    tracemalloc.start()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern=os.path.join(PACKAGE, "*"))
    ip.run_cell("number = -1")
    before = tracemalloc.take_snapshot().filter_traces([ours])
    for number in range(cells):
        ip.run_cell(f"number = {number}")
    after = tracemalloc.take_snapshot().filter_traces([ours])
    tracemalloc.stop()
    ip.extension_manager.unload_extension(EXTENSION)
    grown = sum(one.size_diff for one in after.compare_to(before, "filename"))
    what = f"kept by our code after {cells:,} cells that pass"
    return Row(what, Figure([float(grown)]), unit="B", must=at_most(0))


def notebook(failing: bool) -> Any:
    """A hundred small cells; where ``failing``, every tenth raises."""
    sources = [f"rows = [number * {place} for number in range(1_000)]" for place in range(100)]
    sources[1::5] = [f"print(sum(rows), {place})" for place in range(20)]
    if failing:
        sources[9::10] = [f"rows[{place}] / 0" for place in range(10)]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])


def cells(quick: bool) -> Iterator[Row]:
    """A notebook of a hundred cells, run by nbclient in two kernels, one with the extension."""
    if quick:
        return
    config = Config()
    config.KernelManager.transport = "ipc"  # no port is opened
    for failing in (False, True):
        with ExitStack() as kernels:
            clients = {}
            for name, first in (("with", f"%load_ext {EXTENSION}"), ("without", "pass")):
                client = NotebookClient(
                    notebook(failing), allow_errors=True, kernel_name="python3", config=config
                )
                kernels.enter_context(client.setup_kernel())
                client.execute_cell(nbformat.v4.new_code_cell(first), 0)
                clients[name] = client
            taken: dict[str, list[float]] = {name: [] for name in clients}
            order = list(clients)
            for _ in range(ROUNDS):
                for name in order:
                    taken[name].append(_seconds(clients[name]))
                order.reverse()
        ours, theirs = Figure(taken["with"]), Figure(taken["without"])
        what = "100 cells, 10 of which fail" if failing else "100 cells that pass"
        yield against(what, ours, "without the extension", theirs)


def _seconds(client: NotebookClient) -> float:
    started = perf_counter()
    for place, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, place)
    return perf_counter() - started
