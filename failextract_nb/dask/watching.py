"""In the notebook: what the cluster tells becomes failures of this session."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any, Self

from distributed import Client, default_client

from failextract_nb import remember
from failextract_nb._strings import module_of
from failextract_nb.batch.records import record as own_record
from failextract_nb.dask import events
from failextract_nb.dask.scheduler import LostPlugin
from failextract_nb.dask.worker import BURST, RATE, FailurePlugin
from failextract_nb.extractor import FailureExtractor
from failextract_nb.failure import Failure, counted

HEARD_WITHIN = 10.0  # seconds that a scheduler may take to subscribe us
MAX_TASKS = 10_000  # the newest, whose attempts are counted

_active: dict[str, Watch] = {}  # by the client's id
_heard: OrderedDict[str, dict[str, None]] = OrderedDict()  # by failure: its attempts
_given_up: OrderedDict[str, str] = OrderedDict()  # by task: the failure that the scheduler told
_counts: dict[str, Counter[str]] = {}  # by cluster: what is only counted, by exception class
_hearing = threading.RLock()  # each client has a thread of its own


def watch(client: Client | None = None, *, rate: float = RATE, burst: int = BURST) -> Watch:
    """Record what fails on a Dask cluster, from now on: tasks, and workers that are lost.

    ``client`` is the current one where none is given.  Each task that fails is one failure with
    origin ``dask``, however often it is tried: ``attempts`` counts.  A worker tells ``burst``
    failures at once and ``rate`` a second; the rest is counted in a record of its own.  Watching a
    client a second time returns the same ``Watch``; ``stop()`` ends it.

    Raises ValueError where there is no client, or one that is asynchronous, TypeError for what is
    none, and ImportError where the cluster does not have this package.
    """
    plugin = FailurePlugin(rate, burst)
    if client is None:
        try:
            client = default_client()
        except ValueError as error:
            raise ValueError(
                "there is no Dask client: make one, client = Client(...), and watch(client)"
            ) from error
    if not isinstance(client, Client):
        raise TypeError(f"watch() takes a distributed.Client, not {type(client).__name__}")
    if client.asynchronous:
        raise ValueError("watch() takes a client that was made without asynchronous=True")
    with _hearing:
        for known in [*_active.values()]:
            if not known.is_active:  # its client was closed
                known.stop()
        found = _active.get(client.id)
    return found if found is not None else Watch(client, plugin)


class Watch:
    """Failures of one cluster that are recorded here, until ``stop()`` or the end of a ``with``."""

    def __init__(self, client: Client, plugin: FailurePlugin) -> None:
        self._client = client
        self._ids: set[str] = set()  # of the failures that it has told
        self._cluster = _address(client)
        try:
            client.register_plugin(plugin)
            client.register_plugin(LostPlugin())
        except ModuleNotFoundError as error:
            raise ImportError(
                f"the cluster at {_address(client)} cannot import {error.name}: install "
                "failextract-nb[dask] for its scheduler and its workers"
            ) from error
        with _hearing:
            _active[client.id] = self
            events.watched_here.add(client.id)
        self._is_heard = threading.Event()
        client.subscribe_topic(events.TOPIC, self._told)
        for _ in range(int(HEARD_WITHIN / 0.05)):  # the scheduler subscribes us in its own time
            client.log_event(events.TOPIC, self._hello)
            if self._is_heard.wait(0.05):
                return

    def stop(self) -> None:
        """Record no more.  What the cluster tells goes on to others that watch it."""
        with _hearing:
            events.watched_here.discard(self._client.id)
            if _active.pop(self._client.id, None) is not None and self._is_connected:
                self._client.unsubscribe_topic(events.TOPIC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_active(self) -> bool:
        """Whether failures of the cluster are still recorded."""
        return self._client.id in _active and self._is_connected

    @property
    def counted(self) -> dict[str, int]:
        """Failures that came too fast to be told one by one: how many, by exception class."""
        return dict(_counts.get(self._cluster, {}))

    def __repr__(self) -> str:
        what = "watching" if self.is_active else "stopped watching"
        more = f" and {total} more counted" if (total := sum(self.counted.values())) else ""
        return f"<{what} {self._cluster}: {counted(len(self._ids))}{more}>"

    @property
    def _hello(self) -> str:
        return f"hello {self._client.id}"

    @property
    def _is_connected(self) -> bool:
        return self._client.status not in ("closing", "closed")

    def _told(self, event: tuple[float, Any]) -> None:
        """Called by the client, on its own thread."""
        if event[1] == self._hello:
            self._is_heard.set()
        said = events.read(event[1])
        if said is None or self._client.id not in _active:
            return
        try:
            if said["type"] == events.FAILED:
                self._ids.add(self._failed(said["record"], said["attempt"]))
            else:
                self._counted(said["counts"], said["attempt"])
        except Exception as problem:  # noqa: BLE001  # the next event may be read
            remember.note_problem("what the cluster has told", problem)

    def _failed(self, told: dict[str, Any], attempt: str) -> str:
        failure_id = str(told["id"])
        with _hearing:
            attempts = _attempts_of(failure_id)
            if attempt not in attempts:  # else another client of this session watches the cluster
                attempts[attempt] = None
                remember.of_elsewhere(told, len(attempts))
                if (where := told.get("dask") or {}).get("given_up"):
                    _newest(_given_up, str(where["key"]), failure_id)
        return failure_id

    def _counted(self, new: Mapping[str, int], number: str) -> None:
        store = FailureExtractor._store
        failure_id = events.identity("more", self._cluster, store.generation)
        with _hearing:
            heard = _attempts_of(failure_id)
            if not heard:  # the first, or since clear()
                _counts[self._cluster] = Counter()
            if number in heard:
                return
            heard[number] = None
            known = _counts[self._cluster]
            known.update(new)
            kinds = ", ".join(f"{many} {kind}" for kind, many in known.most_common(5))
            FailureExtractor().add_failure(
                own_record(
                    events.ORIGIN,
                    known.most_common(1)[0][0],
                    f"{counted(known.total(), 'more task')} failed, faster than they can be told "
                    f"one by one: {kinds}",
                    id=failure_id,
                    test_name="more tasks",
                    attempts=known.total(),
                    dask={"worker": self._cluster},
                )
            )


def _attempts_of(failure_id: str) -> dict[str, None]:
    attempts = _heard.get(failure_id, {})
    _newest(_heard, failure_id, attempts)
    return attempts


def _newest(known: OrderedDict[str, Any], key: str, value: Any) -> None:
    """Put it in as the newest of ``MAX_TASKS``."""
    known[key] = value
    known.move_to_end(key)
    while len(known) > MAX_TASKS:
        known.popitem(last=False)


def _told_of(error: BaseException) -> Failure | None:
    """What the scheduler itself raises bears no mark, but names the task that it has given up."""
    if not module_of(type(error)).startswith("distributed"):
        return None
    failure_id = _given_up.get(str(getattr(error, "task", "")))
    return FailureExtractor._store.failures.get(failure_id) if failure_id else None


remember.told_of = _told_of


def _address(client: Client) -> str:
    return str(client.scheduler.address) if client.scheduler else "a cluster"
