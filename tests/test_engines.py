"""Work in other processes, in real pools and clusters: what travels is what the README says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import uuid
from functools import cache
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, fail
from engines import ENGINES, WORKER
from ipyparallel.serialize import pack_apply_message, unpack_apply_message
from runs import execute_plainly, notebook, output

from failextract_nb import extract_on_failure

README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = README.partition("<!-- travels: begin -->")[2].partition("<!-- travels: end -->")[0]
(GATHER,) = re.findall(r"^```py\n(def kept.*?)^```", README, re.M | re.S)
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
MARK = "FAILEXTRACT_TEST_OF"  # in the environment of all that a test starts
WITHIN = 30


def rows() -> dict[tuple[str, str], list[str]]:
    """The README's table, by engine and kind of function."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.split("\n")[3:-1]
    ]
    return {(engine, function): rest for engine, function, *rest in lines}


def row_of(one: dict) -> list[str]:
    """What came home, in the table's words."""
    made = f"the {one['from']}'s" + (", a `RemoteError`" if one["type"] == "RemoteError" else "")
    frames = "yes" if one["frames"] else "as a cause's text" if one["text"] else "no"
    variables = "yes" if one["variables"] and one["arguments"] == ["0"] else "no"
    at_worker = one["doors"][0] in ("function", "dask")
    parents = "the worker's and the parent's" if at_worker else "the parent's"
    return [made, frames, variables, parents]


def left_of(mark: str) -> list[psutil.Process]:
    """The processes that were started with ``mark`` in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:  # a zombie has none
                found.append(process)
        except psutil.Error:
            continue
    return found


@cache
def what_travels(engine: str) -> tuple[dict, str]:
    """What ``engines.py`` tells of an engine, and the mark of all it has started."""
    mark = uuid.uuid4().hex
    folder = Path.cwd()  # of the test that asks first
    (folder / "worker_module.py").write_text(WORKER)
    more = {MARK: mark, "IPYTHONDIR": str(folder / "ipython"), "GATHER": GATHER}
    more["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "engines.py"), engine],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    (told,) = re.findall(r"^TOLD (.*)$", done.stdout, re.M) or [None]
    assert told, done.stderr
    return json.loads(told), mark


def engines():
    return [pytest.param(name, marks=FORKS if name.endswith(" fork") else ()) for name in ENGINES]


@pytest.mark.parametrize("function", ["decorated", "plain"])
@pytest.mark.parametrize("engine", engines())
def test_what_travels_is_what_the_readme_says(engine, function):
    """Below a block and below a cell: one record, whose frames show the failing line."""
    told, _ = what_travels(engine)
    for host, door in (("by_block", "block"), ("by_cell", "cell")):
        (one,) = told[f"{function} {host}"]
        assert row_of(one) == rows()[engine, function]
        doors = [door]
        if engine == "Dask, watched":
            doors.insert(0, "dask")
        if one["from"] == "worker" and function == "decorated":
            doors.insert(0, "function")
        assert one["doors"] == doors
        assert one["frames"] in ([], [[function, True]])


@pytest.mark.parametrize("engine", engines())
def test_nothing_is_left_running(engine):
    """No worker, engine or controller."""
    _, mark = what_travels(engine)
    end = time.monotonic() + WITHIN
    while left := left_of(mark):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def test_the_table_has_every_engine_and_no_other():
    """Twice each."""
    assert {engine for engine, _ in rows()} == {*ENGINES}
    assert len(rows()) == 2 * len(ENGINES)


def test_what_stays_in_the_engines_of_ipyparallel_can_be_gathered():
    """As the README says: what was recorded there, whole, and each once."""
    told, _ = what_travels("ipyparallel")
    assert len(told["gathered"]) == 2
    for one in told["gathered"]:
        assert row_of(one) == ["the worker's", "yes", "yes", "the worker's and the parent's"]


@FORKS
def test_a_child_that_is_forked_in_the_middle_has_a_store_of_its_own(run_python):
    """It begins with a copy; what either records then is not the other's."""
    done = run_python("""
        import multiprocessing
        from failextract_nb import FailureExtractor, extract_on_failure
        extractor = FailureExtractor()
        @extract_on_failure
        def fails(name):
            raise ValueError(name)
        def child(pipe):
            try:
                fails("in the child")
            except ValueError:
                pipe.send(list(extractor.failures))
        try:
            fails("before")
        except ValueError:
            pass
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=child, args=(there,))
        process.start()
        told = here.recv()
        process.join()
        try:
            fails("after")
        except ValueError:
            pass
        for failures in (told, extractor.failures):
            print([one["exception_message"] for one in failures])
        ids = {one["id"] for one in (*told, *extractor.failures)}
        print(len(ids), told[0] == extractor.failures[0])
    """)
    assert done.stdout.splitlines() == [
        "['before', 'in the child']",
        "['before', 'after']",
        "3 True",
    ]


# ---- functions of cells, which no worker can import


CELL = """
import os
from failextract_nb import FailureExtractor, extract_on_failure
@extract_on_failure
def work(x):
    half = x / 2
    return 1 / half
"""
JOBLIB = "import joblib\njoblib.Parallel(2)([joblib.delayed(work)(0)])"
FORKED = """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(work, [0])
"""
CLUSTER = """
import os, sys, ipyparallel
sys.path.insert(0, os.environ["TESTS"])
from engines import two_engines
cluster, client = two_engines()
view = client[0]
try:
    view.apply_sync(work, 0)
except ipyparallel.RemoteError:
    pass
extractor = FailureExtractor()
extractor.clear()
exec(os.environ["GATHER"].replace("view.apply_sync(kept)", "[view.apply_sync(kept)]"))
client.close()
cluster.stop_cluster_sync()
"""
TELL = """
(one,) = FailureExtractor().failures
print(one["process_id"] != os.getpid(), one["locals"][-1], one["test_source"].splitlines()[-1])
print([door["origin"] for door in one["contexts"]], one["extracted_code"][-1]["file"])
"""


@pytest.mark.parametrize(
    ("run", "doors", "place"),
    [
        pytest.param(FORKED, ["function", "cell"], "Cell In[2]", marks=FORKS, id="fork"),
        pytest.param(JOBLIB, ["function", "cell"], "Cell In[2]", id="joblib"),
        pytest.param(CLUSTER, ["function"], None, id="ipyparallel"),
    ],
)
def test_a_function_of_a_cell_has_its_source_and_variables(
    run, doors, place, tmp_path, monkeypatch
):
    """Also where it was sent as code, to a process that does not know the cell."""
    monkeypatch.setenv("GATHER", GATHER)
    monkeypatch.setenv("TESTS", str(ROOT / "tests"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = notebook("%load_ext failextract_nb", CELL, run, TELL)
    execute_plainly(book, tmp_path, allow_errors=True)
    first, second = output(book.cells[-1]).splitlines()
    assert first == "True {'x': '0', 'half': '0.0'}     return 1 / half"
    assert second.startswith(f"{doors} {place or ''}")


def sent(function):
    """A function as ipyparallel's engines get it: of its code, in a namespace of theirs."""
    there, _, _ = unpack_apply_message(pack_apply_message(function, (), {}), {})
    return there


def test_ipyparallel_sends_decorated_functions(extractor, tmp_path):
    """By value, as it does with all functions; they record where they run, and count there."""
    half = 2

    @extract_on_failure
    def plain(x):
        return 1 / (x / half)

    @extract_on_failure(include_passed=True, name="named")
    async def coroutine(x):
        return x

    @extract_on_failure(output="failures.json")
    def generator(x):
        yield 1 / x

    there = sent(plain)
    assert there is not plain
    assert type(fail(there, 0)) is ZeroDivisionError
    (record,) = extractor.failures
    assert (record["test_name"], record["test_args"]) == ("plain", ["0"])
    assert "return 1 / (x / half)" in record["test_source"]
    passed = extractor.get_statistics()["passed_count"]
    assert there(1) == 2.0
    assert extractor.get_statistics()["passed_count"] == passed + 1
    there = sent(coroutine)
    assert asyncio.run(there(5)) == 5
    assert [one["test_name"] for one in extractor.passed_tests] == ["named"]
    there = sent(generator)
    assert type(fail(list, there(0))) is ZeroDivisionError
    assert json.loads((tmp_path / "failures.json").read_text())["failures"]
