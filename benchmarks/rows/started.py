"""What a cell starts, and what it costs that we know who has started it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from IPython.core.interactiveshell import ExecutionInfo
from measure import in_turns
from report import Row, against

from failextract_nb.ipython import runs
from rows.notebook import EXTENSION, shell

TASKS = 200


async def nothing() -> None:
    """A task that ends at once."""


def started(quick: bool) -> Iterator[Row]:
    """Tasks, threads and pool work of a cell that do not fail, with the extension and without."""
    ip, loop, pool = shell(), asyncio.new_event_loop(), ThreadPoolExecutor(1)

    async def gather() -> None:
        await asyncio.gather(*[nothing() for _ in range(TASKS)])

    def thread() -> None:
        one = threading.Thread(target=int)
        one.start()
        one.join()

    calls = {
        f"{TASKS} tasks": lambda: loop.run_until_complete(gather()),
        "a thread": thread,
        "work in a pool": lambda: pool.submit(int).result(),
        "a bare Future()": Future,
    }

    def without() -> None:
        ip.extension_manager.unload_extension(EXTENSION)

    def with_ours() -> None:
        without()
        ip.extension_manager.load_extension(EXTENSION)
        info = ExecutionInfo("the cell", False, False, True, None)
        runs.current.set(runs.CellRun(ip, info, 1))

    for what, call in calls.items():
        before = {"with": with_ours, "without": without}
        seconds = in_turns(dict.fromkeys(before, call), 11 if quick else 61, before=before)
        without()
        yield against(what, seconds["with"], "without the extension", seconds["without"])
    pool.shutdown()
    loop.close()
