"""Many notebooks: as many at a time as there are jobs, on any executor, until they are done."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

from failextract_nb.batch import records
from failextract_nb.batch.notebook import Job, Stop, Watch, run_notebook
from failextract_nb.batch.outcome import FAILED, NotebookOutcome

ATTEMPTS = 2  # a notebook whose worker is lost is run again, once
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

RunOne = Callable[[Job], NotebookOutcome]


def run_on(
    executor: Executor,
    run_one: RunOne,
    jobs: Sequence[Job],
    at_a_time: int,
    *,
    stop: Stop,
    keep_going: bool = True,
    done: Callable[[NotebookOutcome], object] = id,
) -> list[NotebookOutcome]:
    """What became of each, in the order of ``jobs``; ``done`` is told of each as it ends.

    ``run_one`` is what the executor is given with each job.  A notebook that it loses is run again,
    once.  Nothing more begins once ``stop`` is set, or where something has failed and we are not to
    keep going.
    """
    waiting = deque((place, 1) for place in range(len(jobs)))
    running: dict[Future[NotebookOutcome], tuple[int, int]] = {}
    found: dict[int, NotebookOutcome] = {}
    goes_on = True
    while True:
        while waiting and goes_on and not stop.is_set and len(running) < at_a_time:
            place, attempt = waiting.popleft()
            running[_submitted(executor, run_one, jobs[place])] = place, attempt
        if not running:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            place, attempt = running.pop(future)
            error = future.exception()
            if error is None:
                found[place] = future.result()
            elif attempt < ATTEMPTS:
                waiting.appendleft((place, attempt + 1))
                continue
            else:
                found[place] = lost(jobs[place], error)
            done(found[place])
            goes_on = goes_on and (keep_going or found[place].outcome != FAILED)
    return [found.get(place) or not_begun(job) for place, job in enumerate(jobs)]


def _submitted(executor: Executor, run_one: RunOne, job: Job) -> Future[NotebookOutcome]:
    """A future also where the executor takes nothing any more: then it is lost."""
    try:
        return executor.submit(run_one, job)
    except Exception as error:  # noqa: BLE001  # each kind of executor has its own
        refused: Future[NotebookOutcome] = Future()
        refused.set_exception(error)
        return refused


def run_here(
    jobs: Sequence[Job], at_a_time: int, watch: Watch, stop: Stop, keep_going: bool = True
) -> list[NotebookOutcome]:
    """The same on threads of this process: each drives its kernel, which does the work."""
    from concurrent.futures import ThreadPoolExecutor

    run_one = partial(run_notebook, watch=watch, stop=stop)
    with ThreadPoolExecutor(at_a_time, thread_name_prefix="failextract-run") as pool:
        return run_on(pool, run_one, jobs, at_a_time, stop=stop, keep_going=keep_going)


def lost(job: Job, error: BaseException) -> NotebookOutcome:
    """What is said of a notebook whose worker is gone, twice."""
    said = f"{type(error).__name__}: {error}".strip(": ")
    message = f"{job.name} was tried {ATTEMPTS} times, and what was to run it was lost: {said}"
    result = NotebookOutcome(os.path.abspath(job.path), job.name, broken=message)
    result.failures.append(
        records.record(
            records.WORKER,
            type(error).__name__,
            message,
            test_name=job.name,
            test_file=job.name,
            notebook=job.name,
        )
    )
    return result


def not_begun(job: Job) -> NotebookOutcome:
    """Of a notebook that there was no time for."""
    return NotebookOutcome(os.path.abspath(job.path), job.name)


class Interrupted:
    """Which signal has ended the run; 0 for none."""

    signal = 0

    @property
    def exit_code(self) -> int:
        """As a shell has it: 130 for Ctrl-C."""
        return 128 + self.signal


@contextmanager
def interruptible(stop: Stop, give_up: Callable[[], object]) -> Iterator[Interrupted]:
    """A signal to end sets ``stop``; a second one ends this process at once, after ``give_up()``.

    The guard then ends the kernels.
    """
    told = Interrupted()

    def end(number: int, _frame: FrameType | None) -> None:
        if told.signal:
            with suppress(Exception):  # the user wants to be out of here
                give_up()
            os._exit(told.exit_code)
        told.signal = number
        stop.set()

    before: dict[int, Any] = {}
    try:
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                before[number] = signal.signal(number, end)
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
