"""``failextract-nb run --dask``: the same run, on the workers of a real cluster of processes."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from batches import (
    COMMAND,
    ENV,
    SOON,
    TELL,
    command,
    gone,
    invoke,
    number_in,
    outcomes,
    told,
    until,
    write,
)
from distributed import LocalCluster

from failextract_nb.batch.cluster import connected, run_there
from failextract_nb.batch.notebook import Job, Stop
from failextract_nb.batch.runner import run_here
from failextract_nb.formats.json import loads

FOREVER = "import time\ntime.sleep(1000)\n"
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def on_cluster(cluster):
    with connected(cluster.scheduler_address) as client:
        wait_for_workers(cluster)

        def run(jobs, at_a_time=8, watch=lambda what, book: None, **options):
            return run_there(client, jobs, at_a_time, watch, Stop(), **options)

        yield run


def jobs_of(*paths, **options):
    return [Job(os.path.abspath(path), str(path), **options) for path in paths]


def worker_of(pid):
    """The worker in which a kernel was started."""
    return psutil.Process(pid).ppid()


def wait_for_workers(cluster):
    """Two that live: the scheduler hears of a dead one a moment later."""
    until(
        lambda: (
            {one.worker_address for one in cluster.workers.values()}
            == set(cluster.scheduler.workers)
            and not any(gone(one.pid) for one in cluster.workers.values() if one.pid)
            and len(cluster.scheduler.workers) == 2
        ),
        "two workers",
    )


# ---- what becomes of notebooks


def test_the_same_as_here(on_cluster, cluster):
    """Cells, failures and executed notebooks; each step is told."""
    write("sub/a.ipynb", "x = 1", "1 / 0", "y", "x")
    write("b.ipynb", "print('fine')")
    write("c.ipynb", "import missing_module_xyz", "missing_module_xyz.f()")
    open("d.ipynb", "w").close()
    paths = ["sub/a.ipynb", "b.ipynb", "c.ipynb", "d.ipynb"]
    steps = []
    there = on_cluster(
        jobs_of(*paths), watch=lambda what, book: steps.append((what, book.name, len(book.cells)))
    )
    here = run_here(jobs_of(*paths), 2, lambda what, book: None, Stop())
    assert [book.name for book in there] == paths
    for one, other in zip(there, here, strict=True):
        assert (one.outcome, outcomes(one), told(one)) == (
            other.outcome,
            outcomes(other),
            told(other),
        )
        assert not one.broken
    assert {name for what, name, _ in steps if what == "done"} == set(paths)
    assert ("begun", "sub/a.ipynb", 4) in steps
    assert any(what.startswith("cell") for what, *_ in steps)


def test_the_kernels_are_the_workers(on_cluster, cluster):
    """Both of them run notebooks."""
    for name in ("a", "b"):
        other = {"a": "b", "b": "a"}[name]
        write(
            f"{name}.ipynb",
            f"import os\nwith open('parent-{name}', 'w') as file: print(os.getppid(), file=file)",
            f"import time\nwhile not os.path.exists('parent-{other}'): time.sleep(0.01)",
        )
    books = on_cluster(jobs_of("a.ipynb", "b.ipynb"))
    assert [book.outcome for book in books] == ["passed", "passed"]
    parents = {number_in("parent-a"), number_in("parent-b")}
    assert parents == {worker.pid for worker in cluster.workers.values()}


def test_the_cell_that_runs_is_told(on_cluster):
    """Also where it has begun just after another one."""
    wait_for_go = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
    write("a.ipynb", "1", "2", wait_for_go)

    def watch(what, book):
        if what == "cell" and book.running == 2:
            open("go", "w").close()

    (book,) = on_cluster(jobs_of("a.ipynb"), watch=watch)
    assert book.outcome == "passed"


@posix
def test_a_notebook_whose_worker_is_killed_runs_again(on_cluster, cluster):
    """Elsewhere, once."""
    write(
        "a.ipynb",
        "with open('runs', 'a') as file: print(1, file=file)",
        TELL.format("pid"),
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)",
    )
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(on_cluster, jobs_of("a.ipynb"))
        kernel = number_in("pid")
        worker = worker_of(kernel)
        os.remove("pid")
        os.kill(worker, signal.SIGKILL)
        assert worker_of(number_in("pid")) != worker
        open("go", "w").close()
        (book,) = running.result(SOON)
    assert (book.outcome, book.failures) == ("passed", [])
    assert open("runs").read() == "1\n1\n"
    until(lambda: gone(kernel), "the end of the first kernel")
    wait_for_workers(cluster)


@posix
def test_a_notebook_that_kills_its_worker_twice_is_lost(on_cluster, cluster):
    """One failure that says so; the other notebook is not touched."""
    kill = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n" + FOREVER
    write("a.ipynb", "with open('runs', 'a') as file: print(1, file=file)", kill)
    write("b.ipynb", "1")
    (lost,) = on_cluster(jobs_of("a.ipynb"))
    assert open("runs").read() == "1\n1\n"
    (failure,) = lost.failures
    assert (failure["origin"], failure["exception_type"]) == ("worker", "KilledWorker")
    assert "was tried 2 times" in failure["exception_message"]
    wait_for_workers(cluster)
    (fine,) = on_cluster(jobs_of("b.ipynb"))
    assert fine.outcome == "passed"


def test_stop_begins_no_further(on_cluster):
    write("a.ipynb", "1 / 0", "1")
    write("b.ipynb", "1")
    jobs = jobs_of("a.ipynb", "b.ipynb", keep_going=False)
    books = on_cluster(jobs, at_a_time=1, keep_going=False)
    assert [book.outcome for book in books] == ["failed", "not run"]


# ---- the command


def start(*arguments):
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_command(cluster):
    """Its listing, reports and exit codes are those of any run."""
    write("a.ipynb", "1 / 0", "1")
    write("b.ipynb", "1")
    done = command(
        "run", ".", "--dask", cluster.scheduler_address, "-r", "r.json", "-o", "out", check=1
    )
    assert "1 of 2 notebooks failed; cells: 1 failed, 2 passed" in done.stdout
    assert "Traceback" not in done.stderr
    assert os.path.exists("out/a.ipynb")
    (failure,) = loads(open("r.json").read())["failures"]
    assert failure["notebook"] == "a.ipynb"
    command("run", "b.ipynb", "--dask", cluster.scheduler_address, "--quiet", check=0)


@posix
def test_an_interrupted_run_says_what_was_done(cluster):
    """Kernels on the workers end; a notebook that has not begun does not begin."""
    wait_for_workers(cluster)
    write("a.ipynb", "1 / 0", TELL.format("pid-a") + FOREVER)
    write("b.ipynb", TELL.format("pid-b") + FOREVER)
    write("c.ipynb", TELL.format("pid-c"))
    process = start("run", ".", "--dask", cluster.scheduler_address, "-r", "report.json")
    kernels = [number_in("pid-a"), number_in("pid-b")]
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=SOON)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, err
    until(lambda: all(map(gone, kernels)), "the end of the kernels")
    failures = loads(open("report.json").read())["failures"]
    assert [one["exception_type"] for one in failures] == ["ZeroDivisionError"]
    assert "interrupted: 1 of 3 notebooks failed, 2 not run to the end" in out
    assert not os.path.exists("pid-c")


@posix
def test_a_killed_run_ends_its_kernels(cluster):
    """Nobody waits for the notebook any more."""
    wait_for_workers(cluster)
    write("a.ipynb", TELL.format("pid") + FOREVER)
    process = start("run", "a.ipynb", "--dask", cluster.scheduler_address)
    kernel = number_in("pid")
    process.kill()
    process.communicate()
    until(lambda: gone(kernel), "the end of the kernel")


def test_addresses_that_are_none():
    write("a.ipynb", "1")
    done = invoke("run", "a.ipynb", "--dask", "tcp://127.0.0.1:1", check=3)
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in done.stderr
    done = invoke("run", "a.ipynb", "--dask", "nonsense://x:1", check=2)
    assert "'nonsense://x:1' is no address of a Dask scheduler" in done.stderr


def test_a_cluster_without_the_package():
    write("a.ipynb", "1")
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
        done = invoke("run", "a.ipynb", "--dask", address, check=3)
        assert f"the cluster at {address} cannot import failextract_nb" in done.stderr
    finally:
        other.kill()
        other.communicate()


def test_where_dask_is_not_installed(run_python):
    write("a.ipynb", "1")
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from failextract_nb.cli import main\n"
        "print(main(['run', 'a.ipynb', '--dask', 'tcp://127.0.0.1:1']))"
    )
    done = run_python(code)
    assert done.stdout == "2\n"
    assert "pip install 'failextract-nb[dask]'" in done.stderr
