"""On the scheduler: what no worker can tell, as the worker is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distributed import Scheduler, SchedulerPlugin

from failextract_nb.batch.records import record
from failextract_nb.dask import events
from failextract_nb.failure import counted

MAX_EVENTS = 1_000  # that the scheduler keeps of ours
GIVEN_UP = ("KilledWorker", "NoValidWorkerError", "NoWorkerError")  # what a scheduler raises itself
LEAVING = frozenset({"closing", "closed", "closing_gracefully"})


class LostPlugin(SchedulerPlugin):
    """Tells of workers that are lost, and of tasks that the scheduler gives up."""

    name = "failextract_nb-lost"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._leaving: set[str] = set()  # workers that go because somebody wants it
        self._told = 0

    def restart(self, scheduler: Scheduler) -> None:
        self._leaving.update(scheduler.workers)

    def log_event(self, topic: str, msg: Any) -> None:
        if topic == events.TOPIC:
            self._forget_old()
        elif not isinstance(msg, Mapping):
            return
        elif msg.get("action") == "worker-status-change" and msg.get("status") in LEAVING:
            self._leaving.add(topic)
        elif topic == "all" and msg.get("action") == "remove-worker":
            worker = str(msg.get("worker"))
            if not msg.get("expected") and worker not in self._leaving:
                self._lost(worker, msg)
            self._leaving.discard(worker)

    def transition(self, key: Any, start: str, finish: str, *_: Any, **kwargs: Any) -> None:  # noqa: ARG002
        # What a worker has said of its failure has a text; the scheduler's own exceptions do not.
        if finish != "erred" or kwargs.get("exception_text") or kwargs.get("cause") != key:
            return
        error = kwargs.get("exception")
        if not isinstance(error, bytes):
            return
        number, worker = str(kwargs.get("stimulus_id")), kwargs.get("worker")
        task = self._scheduler.tasks.get(key)
        asked = {one.key for one in task.dependencies} if task else set()
        # Nothing is unpickled on a scheduler: the name of the class stands in the bytes.
        kind = next((one for one in GIVEN_UP if one.encode() in error), GIVEN_UP[0])
        why = "no worker that may run it came in time"
        if kind == GIVEN_UP[0]:
            many = counted(task.suspicious if task else 1, "worker")
            why = f"{many} died that were to run it, the last one {worker}"
        self._tell(
            number,
            events.identity(self._scheduler.address, key, number),
            kind,
            f"{key!s} was given up: {why}",
            exception_module="distributed.scheduler",
            test_name=str(task.prefix.name if task and task.prefix else key),
            dask={
                "key": str(key),
                "given_up": True,
                "worker": worker,
                "dependencies": events.named(asked),
                "dependency_count": len(asked),
            },
        )

    def _lost(self, worker: str, msg: Mapping[str, Any]) -> None:
        ran, held = msg.get("processing-tasks") or (), msg.get("lost-computed-tasks") or ()
        gone = msg.get("lost-scattered-tasks") or ()
        parts = [f"the worker {worker} was lost"]
        if ran:
            parts.append(f"it had {counted(len(ran), 'task')} to run: {events.listed(ran)}")
        if held:
            parts.append(f"{counted(len(held), 'result')} it held must be computed again")
        if gone:
            parts.append(f"nothing can compute again what it held: {events.listed(gone)}")
        number = str(msg.get("stimulus_id"))
        self._tell(
            number,
            events.identity(self._scheduler.address, worker, number),
            "LostWorker",
            "; ".join(parts),
            test_name=worker,
            dask={"worker": worker, "tasks": events.named(ran), "task_count": len(ran)},
        )

    def _tell(self, attempt: str, number: str, kind: str, message: str, **more: Any) -> None:
        known = record(events.ORIGIN, kind, message, id=number, **more)
        self._scheduler.log_event(events.TOPIC, events.failed(known, f"{number}/{attempt}"))

    def _forget_old(self) -> None:
        """The scheduler would keep the newest 100,000 of each topic."""
        self._told += 1
        if self._told >= MAX_EVENTS:
            self._told = 0
            broker = getattr(self._scheduler, "_broker", None)
            if broker is not None:
                broker.truncate(events.TOPIC)
