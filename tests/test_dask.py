"""What fails on a Dask cluster of processes is in the store of each session that watches it."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager, suppress

import cloudpickle
import dask
import pytest
from conftest import ROOT
from distributed import Client, LocalCluster, wait, worker_client
from runs import execute_plainly, notebook, output

from failextract_nb import FailureExtractor, capture_failures, extract_on_failure
from failextract_nb.dask import FailurePlugin, events, watch
from failextract_nb.dask.worker import Limit

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # no worker can import this file
SOON = 60  # seconds that a test waits for what takes one or two
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@contextmanager
def a_cluster(**options):
    options = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
        **options,
    }
    with LocalCluster(silence_logs=logging.CRITICAL, **options) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster():
    with a_cluster() as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=SOON)
        yield client


@pytest.fixture
def watched(client, extractor):
    with watch(client):
        yield client


def eventually(condition, seconds=SOON):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not come true: {[*FailureExtractor().failures]}"
        time.sleep(0.005)
    return found


def gather(future):
    """The exception of a future, read in a ``with`` block."""
    with suppress(Exception), capture_failures("reads the result"):
        future.result(SOON)


def half(x):
    y = x * 2
    return y / (x - x)


@extract_on_failure
def decorated(x, password="swordfish"):
    y = x * 2
    return [][y]


def same(x):
    return x


def dies(_x):
    os.kill(os.getpid(), signal.SIGKILL)


# ---- tasks


def test_a_task_that_fails(watched, extractor):
    """Within a second, with what the cluster knows of it."""
    future = watched.submit(half, watched.submit(same, 5, key="five"), key="half-of-five")
    wait(future, SOON)
    eventually(lambda: extractor.failures, seconds=1)
    (record,) = extractor.failures
    assert (record["origin"], record["exception_type"]) == ("dask", "ZeroDivisionError")
    assert record["test_name"] == "half-of-five"
    assert record["dask"]["key"] == "half-of-five"
    assert record["dask"]["worker"] in watched.scheduler_info(n_workers=-1)["workers"]
    assert record["dask"]["dependencies"] == ["five"]
    assert record["attempts"] == 1
    assert record["process_id"] != os.getpid()
    (frame,) = record["extracted_code"]  # none of Dask's own
    assert (frame["function"], frame["line"]) == ("half", half.__code__.co_firstlineno + 2)
    assert "column" not in frame


def test_locals_of_a_decorated_function(watched, extractor):
    """As they were on the worker, without the secrets; reading the result adds a door, no failure."""
    future = watched.submit(decorated, 3)
    gather(future)
    eventually(lambda: extractor.failures and extractor.failures[0].get("attempts"))
    (record,) = extractor.failures
    assert record["locals"][-1] == {"x": "3", "password": "[redacted: password]", "y": "6"}
    assert record["test_args"] == ["3"]
    assert "swordfish" not in json.dumps(record["locals"])
    doors = [one["origin"] for one in record["contexts"]]
    assert doors == ["function", "dask", "block"]


def test_a_result_that_is_read_first(watched, extractor):
    """Whichever comes first, what is told or what is raised: one failure with all doors."""
    futures = watched.map(half, range(1, 9), pure=False)
    for future in futures:
        gather(future)
        gather(future)
    eventually(lambda: sum(one.get("attempts", 0) for one in extractor.failures) == 8)
    assert len(extractor.failures) == 8
    for record in extractor.failures:
        assert {one["origin"] for one in record["contexts"]} == {"dask", "block"}


def test_a_task_that_is_retried(watched, extractor):
    """Once, on whichever workers; the attempts are counted."""
    future = watched.submit(half, 1, retries=3, pure=False)
    gather(future)
    eventually(lambda: extractor.failures[0].get("attempts") == 4)
    (record,) = extractor.failures
    assert [one["origin"] for one in record["contexts"]].count("block") == 1


def test_a_retry_that_succeeds(watched, extractor, tmp_path):
    """The failures that nobody else will ever see."""

    def third_time(folder):
        if len(os.listdir(folder)) < 2:
            open(f"{folder}/{len(os.listdir(folder))}", "w").close()
            raise ConnectionError("not yet")
        return "done"

    assert watched.submit(third_time, str(tmp_path), retries=3).result(SOON) == "done"
    eventually(lambda: extractor.failures and extractor.failures[0].get("attempts") == 2)
    assert len(extractor.failures) == 1


def test_a_task_that_is_computed_again(watched, extractor):
    """Its key is the same, its failure is another."""
    for expected in (1, 2):
        future = watched.submit(half, 7, key="half-again")
        gather(future)
        eventually(lambda: len(extractor.failures) == expected)
        future.release()
        watched.run_on_scheduler(_forgotten, "half-again")
        time.sleep(0.2)  # what is sent within a tenth of a second counts as one piece of work
    assert [one["attempts"] for one in extractor.failures] == [1, 1]


async def _forgotten(key, dask_scheduler):
    import asyncio

    while key in dask_scheduler.tasks:  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.01)


def test_what_depends_on_it_is_no_further_failure(watched, extractor):
    first = watched.submit(half, 1, pure=False)
    rest = [watched.submit(same, first, pure=False) for _ in range(5)]
    wait([first, *rest], SOON)
    eventually(lambda: extractor.failures)
    watched.submit(decorated, 1, pure=False)
    eventually(lambda: len(extractor.failures) == 2)  # nothing of the five has come before it


class Odd(Exception):
    """Takes what its ``args`` do not give back, so that it cannot be read again."""

    def __init__(self, one, two):
        super().__init__(one)


class Locked(Exception):
    """Cannot be pickled."""

    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()


@extract_on_failure
def locked(x):
    half = x / 2
    raise Locked(f"half is {half}")


@extract_on_failure
def talks(x):
    half = x / 2
    raise ValueError("much to say " * 2_000)


@pytest.mark.parametrize(
    ("function", "kind", "said"), [(locked, "Locked", "half is"), (talks, "ValueError", "much to")]
)
def test_exceptions_that_dask_replaces(watched, extractor, function, kind, said):
    """It sends others, without their class and what they bear; the record is that of the first."""
    gather(watched.submit(function, 1, pure=False))
    eventually(lambda: extractor.failures and extractor.failures[0].get("attempts"))
    (record,) = extractor.failures
    assert record["exception_type"] == kind
    assert record["exception_message"].startswith(said)
    assert record["locals"][-1]["half"] == "0.5"
    assert [one["origin"] for one in record["contexts"]] == ["function", "dask", "block"]


def test_a_class_that_dask_replaces(watched, extractor):
    """Of a plain function only the text is left, and the name of the class."""

    def plainly():
        raise Locked("as it is")

    wait(watched.submit(plainly, pure=False), SOON)
    eventually(lambda: extractor.failures)
    (record,) = extractor.failures
    assert record["exception_type"] == "Locked"
    assert "as it is" in record["exception_message"]


def test_a_task_that_asks_for_anothers_result(watched, extractor):
    """What it raises is the other's failure, which is there already."""

    def asks():
        with worker_client() as client:
            return client.submit(half, 1, key="asked-for", pure=False).result()

    gather(watched.submit(asks, pure=False))
    eventually(lambda: extractor.failures and extractor.failures[0].get("attempts"))
    (record,) = extractor.failures
    assert record["dask"]["key"] == "asked-for"
    assert [one["origin"] for one in record["contexts"]] == ["dask", "block"]


def test_odd_exceptions(watched, extractor):
    """Texts that no message of Dask's could carry, classes that cannot be read again, a secret."""

    def lone():
        raise ValueError("\ud800 \x00", 2**80)

    def odd():
        raise Odd(1, 2)

    def locked():
        error = ValueError("has a lock")
        error.lock = threading.Lock()
        raise error

    def tells():
        raise RuntimeError("postgres://ada:swordfish@db/x")

    for function in (lone, odd, locked, tells):
        gather(watched.submit(function, pure=False))
    eventually(lambda: sum(one.get("attempts", 0) for one in extractor.failures) == 4)
    said = [one["exception_message"] for one in extractor.failures if one.get("attempts")]
    assert any("\\ud800" in one or "\ud800" in one for one in said)
    assert any("has a lock" in one for one in said)
    assert "Odd" in {one["exception_type"] for one in extractor.failures}
    assert "swordfish" not in json.dumps([*extractor.failures])


# ---- workers


def test_a_worker_that_is_lost(extractor):
    """With what it had to do; and the task that the scheduler gives up, once."""
    with a_cluster() as cluster, Client(cluster) as client, watch(client):
        task = client.submit(dies, 1, key="dies")
        gather(task)
        kinds = lambda: [one["exception_type"] for one in extractor.failures]
        eventually(lambda: kinds().count("LostWorker") == 4)  # Dask tries three times more
        assert kinds().count("KilledWorker") == 1
        lost = [one for one in extractor.failures if one["exception_type"] == "LostWorker"]
        for record in lost:
            assert record["dask"]["tasks"] == ["dies"]
            assert "it had 1 task to run: dies" in record["exception_message"]
        (given_up,) = (one for one in extractor.failures if one["exception_type"] == "KilledWorker")
        assert given_up["dask"]["key"] == "dies"
        assert "dies was given up: 4 workers died" in given_up["exception_message"]
        assert [one["origin"] for one in given_up["contexts"]] == ["block"]


def test_a_task_that_no_worker_may_run(extractor):
    """Where the scheduler waits for one no longer than it is told to."""
    with dask.config.set({"distributed.scheduler.no-workers-timeout": "100ms"}):
        with a_cluster(n_workers=1) as cluster, Client(cluster) as client, watch(client):
            task = client.submit(same, 1, key="picky", resources={"GPU": 1})
            gather(task)
            eventually(lambda: extractor.failures)
            (record,) = extractor.failures
            assert record["exception_type"] == "NoValidWorkerError"
            assert "no worker that may run it came in time" in record["exception_message"]
            assert [one["origin"] for one in record["contexts"]] == ["block"]


def test_workers_that_go_because_somebody_wants_it(extractor):
    """Fewer of them, a restart, the end of the cluster: no failures.  One that is killed: one."""
    with a_cluster(n_workers=3) as cluster, Client(cluster) as client:
        with watch(client):
            cluster.scale(2)
            eventually(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == 2)
            client.restart(timeout=SOON)
            workers = client.scheduler_info(n_workers=-1)["workers"]
            pids = client.run(os.getpid)
            worker, pid = next(iter(pids.items()))
            assert len(workers) == 2
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: extractor.failures)
            cluster.close(timeout=SOON)
        (record,) = extractor.failures
        assert (record["exception_type"], record["dask"]["worker"]) == ("LostWorker", worker)


# ---- many


def test_ten_thousand_that_fail(extractor):
    """A few hundred are told, the rest is counted: every one of them once."""
    with a_cluster() as cluster, Client(cluster) as client:
        with watch(client, rate=10, burst=50) as seen:
            futures = client.map(half, range(1, 10_001), pure=False)
            started = time.monotonic()
            wait(futures, 3 * SOON)
            seconds = time.monotonic() - started
            told = lambda: [one for one in extractor.failures if one["test_name"] != "more tasks"]
            more = lambda: [one for one in extractor.failures if one["test_name"] == "more tasks"]
            eventually(lambda: len(told()) + sum(seen.counted.values()) == 10_000)
            assert len(told()) <= 2 * (50 + 10 * (seconds + 2))
            (record,) = more()
            assert record["attempts"] == seen.counted["ZeroDivisionError"] == 10_000 - len(told())
            assert "faster than they can be told" in record["exception_message"]
            assert len(client.get_events(events.TOPIC)) <= 1_000
            assert f"{record['attempts']} more counted" in repr(seen)

            extractor.clear()
            futures = client.map(half, range(1, 1_001), pure=False)
            eventually(lambda: more() and len(told()) + more()[0]["attempts"] == 1_000)


def test_the_scheduler_keeps_the_newest(extractor):
    """Of what it has told: a session of days must not fill its memory."""
    with a_cluster(n_workers=1) as cluster, Client(cluster) as client:
        with watch(client, rate=1e6, burst=10**6):
            wait(client.map(half, range(1, 1_100), pure=False), SOON)
            eventually(lambda: sum(one["origin"] == "dask" for one in extractor.failures) == 1_099)
            assert len(client.get_events(events.TOPIC)) < 1_000
            client.log_event(events.TOPIC, "of somebody else")
            client.log_event("all", {"action": "remove-worker", "worker": "x", "expected": True})
            client.log_event("another", "text")


def test_the_limit():
    limit = Limit(rate=1e-9, burst=3)
    assert [limit.allows() for _ in range(5)] == [True, True, True, False, False]
    assert not Limit(rate=1e-9, burst=1)._left > 1
    quick = Limit(rate=1e9, burst=1)
    assert all(quick.allows() for _ in range(100) if not time.sleep(1e-6))


# ---- who watches


def test_every_client_that_watches(watched, cluster, extractor):
    """Also one in another process, and two in this one: each session has it once."""
    code = textwrap.dedent("""
        import sys, time
        from distributed import Client
        from failextract_nb import FailureExtractor
        from failextract_nb.dask import watch

        with Client(sys.argv[1]) as client, watch():
            print("watching", flush=True)
            while not FailureExtractor().failures:
                time.sleep(0.01)
            print([one["id"] for one in FailureExtractor().failures], flush=True)
    """)
    other = subprocess.Popen(
        [sys.executable, "-c", code, cluster.scheduler_address],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    with Client(cluster) as second, watch(second) as also:
        assert other.stdout.readline() == "watching\n"
        wait(watched.submit(half, 1, pure=False), SOON)
        out, _ = other.communicate(timeout=SOON)
        eventually(lambda: extractor.failures)
        (record,) = extractor.failures
        assert out == f"{[record['id']]}\n"
        assert record["attempts"] == 1
        eventually(lambda: "1 failure" in repr(also))


def test_the_readme(cluster, extractor):
    """Its lines, on a cluster that is there."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```py\n(from distributed.*?)^```", readme, re.M | re.S)
    assert "tcp://10.0.0.5:8786" in code
    names = {}
    exec(code.replace("tcp://10.0.0.5:8786", cluster.scheduler_address), names)
    with names["client"] as client, names["watch"](client):
        wait(client.submit(half, 1, pure=False), SOON)
        eventually(lambda: extractor.failures, seconds=1)


CELLS = [
    "%load_ext failextract_nb",
    (
        "from distributed import Client\nfrom failextract_nb import FailureExtractor, extract_on_failure\n"
        "from failextract_nb.dask import watch\nclient = Client({!r})\nwatch(client)"
    ),
    (
        "def plain(x):\n    half = x / 2\n    return 1 / half\n"
        "@extract_on_failure\ndef decorated(x):\n    half = x / 2\n    return 1 / half"
    ),
    "client.submit({}, 0, pure=False).result()",
    (
        "import time\nwhile 'attempts' not in FailureExtractor().failures[-1]: time.sleep(0.01)\n"
        "(one,) = FailureExtractor().failures\nframe = one['extracted_code'][-1]\n"
        "print(one['test_file'], one['line_number'], frame['file'], frame['line'])\n"
        "print(frame['code'].splitlines()[frame['line'] - frame['code_start']].strip())\n"
        "print([door['origin'] for door in one['contexts']], one['execution_count'])\n"
        "print('Cell In[3]' in one['exception_traceback'], 'dynamic' in one['exception_traceback'])\n"
        "client.close()"
    ),
]


@pytest.mark.parametrize(("function", "line"), [("plain", 3), ("decorated", 7)])
def test_functions_of_cells(cluster, function, line, tmp_path):
    """In a real kernel: the frames are in the cell that wrote them, though no worker knows it."""
    sources = [one.format(cluster.scheduler_address) if "Client(" in one else one for one in CELLS]
    sources[3] = sources[3].format(function)
    book = notebook(*sources)
    execute_plainly(book, tmp_path, allow_errors=True)
    doors = ["dask", "cell"] if function == "plain" else ["function", "dask", "cell"]
    assert output(book.cells[-1]).splitlines() == [
        f"Cell In[3] {line} Cell In[3] {line}",
        "return 1 / half",
        f"{doors} 4",
        "True False",
    ]


def test_a_function_that_was_written_anew(cluster, tmp_path):
    """While its task ran: no frame is put into code that has not run."""
    sources = [one.format(cluster.scheduler_address) if "Client(" in one else one for one in CELLS]
    wait_first = (
        f"import os, time\ndef plain(x):\n    while not os.path.exists({str(tmp_path / 'go')!r}):\n"
        "        time.sleep(0.01)\n    return 1 / x\nfuture = client.submit(plain, 0, pure=False)"
    )
    anew = f"def plain(x):\n    a = 1\n    b = 2\n    c = 3\n    return a\nopen({str(tmp_path / 'go')!r}, 'w')"
    tell = (
        "(one,) = FailureExtractor().failures\n"
        "print(one['test_file'], one['line_number'], one['extracted_code'][-1]['file'])\nclient.close()"
    )
    book = notebook(
        *sources[:2], wait_first, anew, "future.result()", sources[4][:90].split("\n(")[0], tell
    )
    execute_plainly(book, tmp_path, allow_errors=True)
    assert output(book.cells[-1]) == "<dynamic-code> 5 <dynamic-code>\n"


def test_watching_twice_is_watching_once(client, extractor):
    first = watch(client)
    assert watch(client) is first
    assert first.is_active
    assert repr(first).startswith("<watching tcp://127.0.0.1:")
    first.stop()
    first.stop()
    assert not first.is_active
    assert repr(first).startswith("<stopped watching")
    with watch(client) as second:
        assert second is not first
        wait(client.submit(half, 1, pure=False), SOON)
        eventually(lambda: extractor.failures)


def test_a_watch_that_is_stopped_records_nothing(client, extractor):
    watch(client).stop()
    with Client(client.scheduler.address) as other:
        wait(client.submit(half, 1, pure=False), SOON)
        assert not extractor.failures
        with watch(other):
            wait(client.submit(half, 2, pure=False), SOON)
            eventually(lambda: extractor.failures)
    assert len(extractor.failures) == 1


def test_threads_instead_of_processes(extractor):
    """The workers' store is the session's own: a decorated function's failure is there already."""
    with a_cluster(processes=False) as cluster, Client(cluster) as client:
        with watch(client):
            gather(client.submit(decorated, 3))
            gather(client.submit(half, 3))
            eventually(lambda: [one.get("attempts") for one in extractor.failures] == [1, 1])
            for record in extractor.failures:
                assert record["dask"]["key"].startswith(("decorated-", "half-"))
                assert "block" in [one["origin"] for one in record["contexts"]]


def test_where_there_is_no_client():
    with pytest.raises(ValueError, match="there is no Dask client: make one"):
        watch()


def test_what_is_not_a_client(client):
    with pytest.raises(TypeError, match=r"takes a distributed.Client, not str"):
        watch("tcp://127.0.0.1:8786")
    for more in ({"rate": 0}, {"burst": -1}, {"rate": "many"}):
        with pytest.raises(ValueError, match="must be a number above 0; got"):
            watch(client, **more)
    with pytest.raises(ValueError, match="burst"):
        FailurePlugin(burst=0)


async def _asynchronous(address):
    async with Client(address, asynchronous=True) as client:
        with pytest.raises(ValueError, match="without asynchronous=True"):
            watch(client)


def test_an_asynchronous_client(cluster):
    import asyncio

    asyncio.run(_asynchronous(cluster.scheduler_address))


def test_a_cluster_without_the_package(tmp_path):
    """It says where what has to be installed."""
    code = (
        "import sys; sys.modules['failextract_nb'] = None\n"
        "import asyncio\nfrom distributed import Scheduler\n"
        "async def main():\n"
        "    async with Scheduler(host='127.0.0.1', port=0, dashboard=False) as scheduler:\n"
        "        print(scheduler.address, flush=True)\n"
        "        await scheduler.finished()\n"
        "asyncio.run(main())"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        address = other.stdout.readline().strip()
        with Client(address, timeout=SOON) as client:
            with pytest.raises(ImportError, match=f"the cluster at {address} cannot import"):
                watch(client)
    finally:
        other.kill()
        other.communicate()
