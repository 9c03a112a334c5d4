"""What runs work in other processes, for real: ``python engines.py ENGINE`` tells what came home.

A function fails in a worker, once decorated and once plain, below a block and below a cell of the
parent. Printed is, as JSON, what the parent's store then holds of each.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from contextlib import contextmanager, nullcontext
from functools import partial

WORKER = """
from failextract_nb import extract_on_failure


def plain(x):
    half = x / 2
    return 1 / half


@extract_on_failure
def decorated(x):
    half = x / 2
    return 1 / half
"""


@contextmanager
def futures(method):
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        yield lambda function: pool.submit(function, 0).result()


@contextmanager
def pool(method):
    with multiprocessing.get_context(method).Pool(2) as workers:
        yield lambda function: workers.map(function, [0])


@contextmanager
def loky():
    import joblib
    from joblib.externals.loky import get_reusable_executor

    yield lambda function: joblib.Parallel(2)([joblib.delayed(function)(0)])
    get_reusable_executor().shutdown(wait=True)


@contextmanager
def dask(watched):
    from distributed import Client, LocalCluster

    from failextract_nb.dask import watch

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        watch(client) if watched else nullcontext(),
    ):
        # Each is another task to Dask, which else would give what it knows.
        yield lambda function: client.submit(function, 0, pure=False).result()


@contextmanager
def engines():
    """A controller and two engines that listen here only."""
    cluster, client = two_engines()
    try:
        view = client[:]
        view.apply_sync(os.chdir, os.getcwd())
        yield lambda function: client.load_balanced_view().apply_sync(function, 0)
        told["gathered"] = gather(view)
    finally:
        client.close()
        cluster.stop_cluster_sync()


def two_engines():
    """Now and then engines do not find a controller, as its ports are chosen before they are taken."""
    import ipyparallel

    for attempt in (1, 2, 3):
        cluster = ipyparallel.Cluster(
            n=2, controller_ip="127.0.0.1", log_level=40, engine_timeout=30
        )
        try:
            return cluster, cluster.start_and_connect_sync()
        except TimeoutError:
            cluster.stop_cluster_sync()
            if attempt == 3:
                raise


ENGINES = {
    "concurrent.futures, fork": partial(futures, "fork"),
    "concurrent.futures, spawn": partial(futures, "spawn"),
    "multiprocessing, fork": partial(pool, "fork"),
    "multiprocessing, spawn": partial(pool, "spawn"),
    "joblib, loky": loky,
    "Dask": partial(dask, watched=False),
    "Dask, watched": partial(dask, watched=True),
    "ipyparallel": engines,
}
told: dict = {}


def gather(view):
    """What the README says to do where records stay in the engines: how many come, and again."""
    from failextract_nb import FailureExtractor

    FailureExtractor().clear()
    (block,) = [one for one in os.environ["GATHER"].split("\0") if one]
    for _ in range(2):
        exec(block, {"view": view, "extractor": FailureExtractor()})
    return [what_of(one) for one in FailureExtractor().failures]


def what_of(one):
    """What a record tells of the worker."""
    frames = [frame for frame in one["extracted_code"] if "worker_module" in frame["file"]]
    held = [named for named in one.get("locals", []) if named and named.get("half") == "0.0"]
    return {
        "from": "parent" if one["process_id"] == os.getpid() else "worker",
        "type": one["exception_type"],
        "frames": [(frame["function"], frame["code"].count("1 / half") > 0) for frame in frames],
        "text": "return 1 / half" in one["exception_traceback"],
        "variables": bool(held),
        "arguments": one.get("test_args"),
        "doors": [door["origin"] for door in one["contexts"]],
    }


def by_block(call, function):
    from failextract_nb import capture_failures

    with capture_failures("gathering"):
        call(function)


def by_cell(call, function):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "failextract_nb")
    shell.user_ns.update(call=call, function=function)
    shell.run_cell("call(function)", store_history=True)
    shell.run_line_magic("unload_ext", "failextract_nb")


def main(name):
    import worker_module

    from failextract_nb import FailureExtractor

    with ENGINES[name]() as call:
        for function in (worker_module.decorated, worker_module.plain):
            for host in (by_block, by_cell):
                FailureExtractor().clear()
                try:
                    host(call, function)
                except Exception as error:
                    assert host is by_block, error
                key = f"{function.__name__} {host.__name__}"
                told[key] = [what_of(one) for one in FailureExtractor().failures]
    sys.stdout.write(f"TOLD {json.dumps(told)}\n")


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main(sys.argv[1])
