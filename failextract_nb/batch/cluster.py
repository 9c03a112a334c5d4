"""Notebooks on the workers of a Dask cluster: an executor as any other, and what a worker runs."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any

import distributed
from distributed.comm.addressing import get_address_host_port

from failextract_nb.batch.notebook import Job, Stop, Watch, run_notebook
from failextract_nb.batch.outcome import CellOutcome, NotebookOutcome
from failextract_nb.batch.runner import run_on

CONNECT_WITHIN = 10  # seconds
KNOWN_WITHIN = 10.0  # seconds until a scheduler has heard of a task that was submitted
STOP_WITHIN = 20.0  # seconds in which workers have to say what was done, after Ctrl-C
TELL_EVERY = 0.2  # seconds between two steps of a notebook that are told
LOOK_EVERY = 1.0  # seconds between two looks whether somebody still waits for a notebook
MAX_RUNS = 100  # whose end a worker remembers
GONE = frozenset({"cancelled", "released", "forgotten"})  # states of a task that nobody waits for

_stops: OrderedDict[str, Stop] = OrderedDict()  # on a worker: by run
_finding = threading.Lock()


@contextmanager
def connected(address: str) -> Iterator[distributed.Client]:
    """A client of the cluster at ``address``.  Raises OSError or ValueError that name it."""
    try:
        get_address_host_port(address)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"{address!r} is no address of a Dask scheduler: {error}") from error
    try:
        client = distributed.Client(address, timeout=CONNECT_WITHIN, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise OSError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield client


def run_there(
    client: distributed.Client,
    jobs: Sequence[Job],
    at_a_time: int,
    watch: Watch,
    stop: Stop,
    *,
    keep_going: bool = True,
) -> list[NotebookOutcome]:
    """``runner.run_here`` on a cluster, whose workers have to see the same files.

    Raises ImportError where the cluster does not have this package.
    """
    try:
        client.run_on_scheduler(_answer)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the cluster at {client.scheduler_info()['address']} cannot import {error.name}: "
            "install 'failextract-nb[run,dask]' for its scheduler and its workers"
        ) from error
    run = uuid.uuid4().hex
    topic = f"failextract_nb-run-{run}"
    client.subscribe_topic(topic, lambda event: _step(event[1], watch))
    executor = _Workers(client)
    take_back = stop.on_set(partial(_in_background, lambda: _end(client, run, executor)))
    try:
        run_one = partial(run_on_worker, run=run, topic=topic)
        done = partial(watch, "done")
        return run_on(
            executor, run_one, jobs, at_a_time, stop=stop, keep_going=keep_going, done=done
        )
    finally:
        take_back()
        client.unsubscribe_topic(topic)


class _Workers(Executor):
    """Hands each call to a worker; one whose worker is lost is lost, and not begun anew."""

    def __init__(self, client: distributed.Client) -> None:
        self._client = client
        self.waiting: dict[Any, distributed.Future[Any]] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        key = f"failextract-nb-{uuid.uuid4().hex}"
        theirs = self._client.submit(fn, *args, key=key, pure=False, **kwargs)
        self.waiting[key] = theirs
        self._client.run_on_scheduler(_no_second_try, key)
        ours: Future[Any] = Future()
        theirs.add_done_callback(partial(self._done, ours))
        return ours

    def _done(self, ours: Future[Any], theirs: distributed.Future[Any]) -> None:
        self.waiting.pop(theirs.key, None)
        try:
            if theirs.status == "finished":
                ours.set_result(theirs.result())
            elif theirs.status == "error":
                ours.set_exception(theirs.exception())
            else:
                ours.set_exception(RuntimeError(f"the cluster has dropped it ({theirs.status})"))
        except Exception as error:  # noqa: BLE001  # the result went with its worker: who waits is told
            ours.set_exception(error)

    def cancel(self, keys: Iterable[Any]) -> None:
        """Wait for these no longer."""
        for key in [*keys]:
            with suppress(Exception):  # the others are to be dropped all the same
                if (one := self.waiting.get(key)) is not None:
                    one.cancel()


def _answer() -> None:
    """Shows that a scheduler can import this."""


async def _no_second_try(key: str, dask_scheduler: Any = None) -> None:
    """On the scheduler: give this task up with its first worker.  We decide what runs again."""
    late = monotonic() + KNOWN_WITHIN
    while key not in dask_scheduler.tasks and monotonic() < late:  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.001)
    if key in dask_scheduler.tasks:
        dask_scheduler.tasks[key].suspicious = dask_scheduler.allowed_failures


def _in_background(call: Callable[[], object]) -> None:
    """A signal's handler must not wait for the network."""
    threading.Thread(target=call, name="failextract-stop", daemon=True).start()


def _end(client: distributed.Client, run: str, executor: _Workers) -> None:
    """Stop what runs on workers; what is not heard of in time is given up."""
    with suppress(Exception):  # the cluster may be gone
        runs = {key for keys in client.processing().values() for key in keys}
        executor.cancel(key for key in executor.waiting.copy() if key not in runs)
    with suppress(Exception):
        client.run(_stop, run, on_error="ignore")
    ends = threading.Event()
    late = monotonic() + STOP_WITHIN
    while executor.waiting and monotonic() < late:
        ends.wait(0.1)
    with suppress(Exception):
        executor.cancel(executor.waiting.copy())


def _step(message: Any, watch: Watch) -> None:
    """What a worker has told of a notebook that runs, for the progress."""
    what, told = json.loads(message)
    cells = [CellOutcome(**cell) for cell in told.pop("cells")]
    watch(what, NotebookOutcome(**{**told, "cells": cells}))


# --- on a worker


def run_on_worker(job: Job, *, run: str, topic: str) -> NotebookOutcome:
    """Run one notebook, until the run is stopped or nobody waits for it any more."""
    worker = distributed.get_worker()
    key = worker.get_current_task()
    stop, over, teller = Stop(), threading.Event(), _Teller(worker, topic)
    take_back = _stop_of(run).on_set(stop.set)

    def look() -> None:
        while not over.wait(LOOK_EVERY):
            teller.tell_latest()
            task = worker.state.tasks.get(key)
            if task is None or task.state in GONE:
                stop.set()

    threading.Thread(target=look, name="failextract-look", daemon=True).start()
    try:
        return run_notebook(job, teller, stop)
    finally:
        over.set()
        take_back()


class _Teller:
    """Tells who has started the run how a notebook goes, without its failures."""

    def __init__(self, worker: distributed.Worker, topic: str) -> None:
        self._worker, self._topic = worker, topic
        self._next = 0.0
        self._latest: tuple[str, NotebookOutcome] | None = None  # that is not told yet

    def __call__(self, what: str, book: NotebookOutcome) -> None:
        if what == "done":
            return
        self._latest = what, book
        if what == "begun" or monotonic() >= self._next:
            self.tell_latest()

    def tell_latest(self) -> None:
        """Tell the step that came too soon after the one before it."""
        latest, self._latest = self._latest, None
        if latest is None:
            return
        self._next = monotonic() + TELL_EVERY
        what, book = latest
        told = dataclasses.asdict(dataclasses.replace(book, failures=[], warnings=[]))
        self._worker.log_event(self._topic, json.dumps([what, told]))


def _stop_of(run: str) -> Stop:
    with _finding:
        stop = _stops.setdefault(run, Stop())
        while len(_stops) > MAX_RUNS:
            _stops.popitem(last=False)
        return stop


def _stop(run: str) -> None:
    _stop_of(run).set()
