"""One notebook, run from outside in a real kernel."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import IPython
import nbformat
import pytest
from batches import (
    ADDING,
    TELL,
    WITHOUT_US,
    add_kernel,
    cell,
    gone,
    number_in,
    outcomes,
    run,
    told,
    until,
    write,
)
from conftest import violation
from jupyter_client import AsyncKernelManager
from runs import execute_plainly, listening

from failextract_nb.batch import client
from failextract_nb.batch.notebook import Job, Stop, run_notebook

posix = pytest.mark.skipif(os.name != "posix", reason="signals and sessions are POSIX'")


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch, tmp_path):
    """No folder of a run, and no process of a kernel."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    yield
    assert list((tmp_path / "temporary").glob("failextract-run-*")) == []


@pytest.fixture
def kernels(monkeypatch, tmp_path):
    """Where ``add_kernel`` puts kernels, so that they are found."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return tmp_path / "jupyter"


def checked(book):
    """The failures, each of which has to be as the schema says."""
    assert [said for one in book.failures if (said := violation()(one))] == []
    return book.failures


# ---- what fails


def test_every_failing_cell_is_told_and_the_rest_runs(tmp_path):
    """With its variables, its cell, its place, and the line in the notebook's file."""
    path = write(
        tmp_path / "a.ipynb",
        "import json\ndef ratio(a, b):\n    return a / b\n",
        "limit = 7\nratio(limit, 0)",
        "int('twelve')",
        nbformat.v4.new_markdown_cell("text"),
        "print('still here')",
    )
    book = run(path)
    assert outcomes(book) == ["passed", "failed", "failed", "passed"]
    assert told(book) == [(1, "cell", "ZeroDivisionError"), (2, "cell", "ValueError")]
    first, second = checked(book)
    lines = path.read_text().splitlines()
    assert "return a / b" in lines[first["notebook_line"] - 1]
    assert "twelve" in lines[second["notebook_line"] - 1]
    assert first["locals"][-1] == {"a": "7", "b": "0"}
    assert first["cell_id"] == nbformat.read(path, 4).cells[1].id
    assert first["notebook"] == "a.ipynb"
    assert book.cells[1].line == next(n for n, line in enumerate(lines, 1) if "limit = 7" in line)


def test_what_a_cell_does_not_notice_fails_it(tmp_path):
    """A command, a thread, a task: the cell that has started it has failed, however much later."""
    path = write(
        tmp_path / "a.ipynb",
        "!exit 3",
        "import threading, asyncio\ngo = threading.Event()\n"
        "thread = threading.Thread(target=lambda: (go.wait(), 1 / 0))\nthread.start()",
        "async def late():\n    raise KeyError('late')\ntask = asyncio.ensure_future(late())",
        "go.set(); thread.join()",
    )
    book = run(path)
    assert outcomes(book) == ["failed", "failed", "failed", "passed"]
    assert {(cell, origin) for cell, origin, _ in told(book)} == {
        (0, "shell"),
        (1, "thread"),
        (2, "task"),
    }
    assert [one["cell_index"] for one in checked(book)] == [0, 1, 2]


def test_a_task_that_a_later_cell_awaits_is_no_failure_before(tmp_path):
    """That something failed in a cell does not make the others' tasks be asked too early."""
    path = write(
        tmp_path / "a.ipynb",
        "import asyncio\nasync def late():\n    raise KeyError('late')\n"
        "task = asyncio.ensure_future(late())\nawait asyncio.sleep(0)\n1 / 0",
        "try:\n    await task\nexcept KeyError:\n    pass",
    )
    assert told(run(path)) == [(0, "cell", "ZeroDivisionError")]


def test_tags_that_say_a_cell_has_to_fail_are_honoured_both_ways(tmp_path):
    """One that raises is no failure, one that does not is; --expect names more such tags."""
    path = write(
        tmp_path / "a.ipynb",
        cell("1 / 0", "raises-exception"),
        cell("1", "raises-exception"),
        cell("1 / 0", "negative"),
        cell("1", "negative"),
    )
    book = run(path, expect=("negative",))
    assert outcomes(book) == ["passed", "failed", "passed", "failed"]
    assert [one.expected for one in book.cells] == [True, False, True, False]
    assert told(book) == [(1, "expectation", "DidNotRaise"), (3, "expectation", "DidNotRaise")]
    assert checked(book)[-1]["exception_message"].endswith("tagged negative and raised nothing")
    assert outcomes(run(path)) == ["passed", "failed", "failed", "passed"]


def test_a_decorated_function_in_an_expected_cell_is_expected(tmp_path):
    """Its record is written before the cell's end, and once more after it."""
    source = (
        "from failextract_nb import extract_on_failure\n@extract_on_failure\ndef f():\n    1/0\n"
    )
    book = run(write(tmp_path / "a.ipynb", source, cell("f()", "raises-exception"), "f()"))
    assert outcomes(book) == ["passed", "passed", "failed"]
    assert told(book) == [(2, "function", "ZeroDivisionError")]
    assert len(book.failures) == 2
    assert len(book.failures[1]["contexts"]) == 2


def test_cells_that_lack_what_a_failed_one_was_to_make_are_blocked(tmp_path):
    """Also through another blocked cell, and within a function; a name nobody makes is a failure."""
    path = write(
        tmp_path / "a.ipynb",
        "import no_such_module\ntable = {}",
        "def size():\n    return len(table)",
        "number = size()",
        "print(number)",
        "print(tabel)",
        "1 / 0",
    )
    book = run(path)
    assert outcomes(book) == ["failed", "passed", "blocked", "blocked", "failed", "failed"]
    root, second, third, typo, other = checked(book)
    assert second["blocked_by"] == {"failure": root["id"], "cell_index": 0, "name": "table"}
    assert third["blocked_by"] == {"failure": second["id"], "cell_index": 2, "name": "number"}
    assert "blocked_by" not in typo
    assert "blocked_by" not in other
    assert book.cells[3].reason == "needs 'number', which cell 3 was to make"


def test_a_cell_that_was_meant_to_fail_blocks_nothing(tmp_path):
    """What lacks a name then is a mistake in the notebook."""
    path = write(tmp_path / "a.ipynb", cell("x = 1 / 0", "raises-exception"), "x")
    assert outcomes(run(path)) == ["passed", "failed"]


def test_stop_ends_a_notebook_at_its_first_failure(tmp_path):
    """Which may be a silent one; what was not run says why."""
    book = run(write(tmp_path / "a.ipynb", "1", "!exit 3", "1"), keep_going=False)
    assert outcomes(book) == ["passed", "failed", "not run"]
    assert book.cells[2].reason == "cell 2 has failed, and the run stops there"


def test_an_exit_with_0_is_no_failure(tmp_path):
    """Any other is."""
    path = write(tmp_path / "a.ipynb", "import sys\nsys.exit()", "sys.exit(0)", "sys.exit(3)")
    book = run(path)
    assert outcomes(book) == ["passed", "passed", "failed"]


def test_an_interrupt_that_nobody_sent_is_a_failure(tmp_path):
    """As nbclient has it: nobody was there."""
    assert told(run(write(tmp_path / "a.ipynb", "raise KeyboardInterrupt"))) == [
        (0, "cell", "KeyboardInterrupt")
    ]


def test_a_failure_that_the_extension_may_not_record_is_told_from_the_reply(tmp_path):
    """The notebook unloads it, or forgets what failed."""
    path = write(
        tmp_path / "a.ipynb",
        "%load_ext failextract_nb",
        "1 / 0\n",
        "from failextract_nb import FailureExtractor\nFailureExtractor().clear()",
        "%unload_ext failextract_nb",
        "\nint('x')",
    )
    book = run(path)
    assert told(book) == [(1, "cell", "ZeroDivisionError"), (4, "cell", "ValueError")]
    assert checked(book)[1]["line_number"] == 2


# ---- what goes wrong with the run


def test_a_cell_that_takes_too_long_is_interrupted_and_the_rest_runs(tmp_path):
    """The record says where it stood, with its variables."""
    path = write(
        tmp_path / "a.ipynb",
        "import time\ndef wait(reason):\n    time.sleep(1000)",
        "wait('for ever')",
        "print('on')",
    )
    book = run(path, timeout=2)
    assert outcomes(book) == ["passed", "failed", "passed"]
    (failure,) = checked(book)
    assert (failure["origin"], failure["exception_type"]) == ("timeout", "CellTimeoutError")
    assert failure["exception_message"] == "the cell ran longer than 2 s"
    assert failure["locals"][-1] == {"reason": "'for ever'"}
    assert "time.sleep(1000)" in path.read_text().splitlines()[failure["notebook_line"] - 1]


def test_a_timeout_is_no_failure_that_was_expected(tmp_path):
    """The tag speaks of what the code raises."""
    path = write(tmp_path / "a.ipynb", cell("import time; time.sleep(1000)", "raises-exception"))
    assert told(run(path, timeout=0.5)) == [(0, "timeout", "CellTimeoutError")]


@posix
def test_a_cell_that_ignores_the_interrupt_costs_its_kernel(tmp_path, monkeypatch):
    """What it should have made is missing; the rest is not run, and says why."""
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    source = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(1000)"
    book = run(write(tmp_path / "a.ipynb", source, "1"), timeout=0.5)
    assert outcomes(book) == ["failed", "not run"]
    assert book.cells[1].reason == "the kernel died in cell 1"
    (failure,) = checked(book)
    assert failure["origin"] == "kernel"
    assert "did not end when it was interrupted" in failure["exception_message"]


@posix
def test_a_kernel_that_is_killed_keeps_what_has_failed(tmp_path):
    """kill -9: the failures before it are told, and which cell ran, and what ended it."""
    path = write(
        tmp_path / "a.ipynb",
        "secret_free = 3\n1 / 0",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "print('never')",
    )
    book = run(path)
    assert outcomes(book) == ["failed", "failed", "not run"]
    first, second = checked(book)
    assert first["exception_type"] == "ZeroDivisionError"
    assert first["locals"]
    assert (second["origin"], second["cell_index"]) == ("kernel", 1)
    assert "SIGKILL" in second["exception_message"]
    assert second["cell_source"].startswith("import os, signal")


def test_a_kernel_that_exits_tells_its_code(tmp_path):
    """os._exit in a cell."""
    book = run(write(tmp_path / "a.ipynb", "import os", "os._exit(17)"))
    assert told(book) == [(1, "kernel", "DeadKernelError")]
    assert "exit code 17" in book.failures[0]["exception_message"]


@posix
def test_a_segmentation_fault_tells_its_line(tmp_path):
    """What faulthandler has written is the traceback."""
    path = write(tmp_path / "a.ipynb", "import ctypes\n\nctypes.string_at(0)")
    (failure,) = checked(run(path))
    assert "SIGSEGV" in failure["exception_message"]
    assert "Fatal Python error: Segmentation fault" in failure["exception_traceback"]
    assert "ctypes.string_at(0)" in path.read_text().splitlines()[failure["notebook_line"] - 1]


@pytest.mark.parametrize(
    "text",
    [
        *["", "no notebook", "[]", "{}", "\x00"],
        '{"cells": 3, "nbformat": 4, "nbformat_minor": 5}',
        '{"cells": [{"cell_type": "code"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        '{"nbformat": 99}',
    ],
    ids=["empty", "text", "list", "object", "NUL", "no cells", "half a cell", "future"],
)
def test_what_is_no_notebook_is_a_failure_of_its_kind(tmp_path, text):
    """And no crash of the run."""
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    book = run(path)
    assert told(book)[0][1] == "unreadable"
    assert checked(book)[0]["exception_message"].startswith("a.ipynb cannot be read as a notebook")
    assert book.outcome == "failed"


def test_what_is_no_text_or_not_there_is_unreadable(tmp_path):
    """Bytes that are no UTF-8, a folder, a file that has gone."""
    (tmp_path / "bytes.ipynb").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.ipynb").mkdir()
    for name in ("bytes.ipynb", "folder.ipynb", "gone.ipynb"):
        assert told(run(tmp_path / name))[0][1] == "unreadable", name


def test_a_kernel_that_is_not_installed_is_named(tmp_path):
    """With those that are."""
    book = run(write(tmp_path / "a.ipynb", "1", kernel="no-such-kernel"))
    assert told(book) == [(None, "start", "NoSuchKernel")]
    message = checked(book)[0]["exception_message"]
    assert "'no-such-kernel'" in message
    assert "python3" in message
    assert book.cells[0].reason == "its kernel could not start"


def test_a_kernel_that_does_not_come_up_is_a_failure_of_its_kind(tmp_path, kernels):
    """Its program is missing; it ends at once, and what it said is kept."""
    add_kernel(kernels, "missing", str(tmp_path / "no-such-program"))
    add_kernel(kernels, "ends", sys.executable, "-c", "raise ImportError('half installed')")
    path = write(tmp_path / "a.ipynb", "1")
    assert told(run(path, kernel="missing"))[0][1] == "start"
    (failure,) = checked(run(path, kernel="ends"))
    assert failure["origin"] == "start"
    assert "half installed" in failure["exception_traceback"]


def test_a_kernel_whose_port_somebody_has_taken_is_started_again(tmp_path, kernels):
    """Three times in all; the notebook does not notice."""
    source = (
        "import sys\nfrom pathlib import Path\n"
        f"tried = Path({str(tmp_path / 'tried')!r})\n"
        "before = tried.read_text() if tried.exists() else ''\ntried.write_text(before + 'x')\n"
        "if len(before) < {}:\n    sys.exit('zmq.error.ZMQError: Address already in use')\n"
        "from ipykernel import kernelapp; kernelapp.launch_new_instance()"
    )
    path = write(tmp_path / "a.ipynb", "1")
    for name, times in (("twice", 2), ("always", 9)):
        argv = [sys.executable, "-c", source.format(times), "-f", "{connection_file}"]
        add_kernel(kernels, name, *argv)
    assert run(path, kernel="twice").outcome == "passed"
    (tmp_path / "tried").unlink()
    (failure,) = checked(run(path, kernel="always"))
    assert (tmp_path / "tried").read_text() == "xxx"
    assert (failure["origin"], "already in use" in failure["exception_traceback"]) == (
        "start",
        True,
    )


# ---- other kernels


def test_a_kernel_of_another_language_is_told_from_its_replies(tmp_path, kernels):
    """Nothing is loaded there; tags, blocking and timeouts are as elsewhere."""
    add_kernel(
        kernels,
        "adding",
        sys.executable,
        "-c",
        ADDING,
        "-f",
        "{connection_file}",
        language="adding",
    )
    path = write(
        tmp_path / "a.ipynb",
        "1+2",
        "1+x",
        cell("y", "raises-exception"),
        cell("5", "raises-exception"),
        kernel="adding",
    )
    book = run(path)
    assert outcomes(book) == ["passed", "failed", "passed", "failed"]
    assert told(book) == [(1, "cell", "NoNumber"), (3, "expectation", "DidNotRaise")]
    assert checked(book)[0]["exception_traceback"] == "NoNumber"
    assert book.warnings == []
    book = run(path, parameters={"x": 1})
    assert told(book) == [(None, "start", "ParametersNotSet")]


def test_a_kernel_without_this_package_is_told_from_its_replies(tmp_path, kernels):
    """And the user is told what is missing there."""
    add_kernel(kernels, "bare", sys.executable, "-c", WITHOUT_US, "-f", "{connection_file}")
    path = write(tmp_path / "a.ipynb", "1", "\nhere = 1\n1 / 0", "print(x)", kernel="bare")
    book = run(path, parameters={"x": 5})
    assert outcomes(book) == ["passed", "failed", "passed"]
    (failure,) = checked(book)
    assert (failure["exception_type"], failure["line_number"]) == ("ZeroDivisionError", 3)
    assert "1 / 0" in path.read_text().splitlines()[failure["notebook_line"] - 1]
    assert "Install failextract-nb" in book.warnings[0]


# ---- what is saved


def saved(path):
    """A notebook without what differs from one run to the next: when, and where in memory."""
    book = json.loads(Path(path).read_text())
    for one in book["cells"]:
        for moment in one["metadata"].get("execution", {}):
            one["metadata"]["execution"][moment] = "then"
    return json.dumps(book, indent=1).replace(str(os.getpid()), "pid")


def test_the_saved_notebook_is_what_plain_nbclient_saves(tmp_path):
    """Byte for byte, but for times: outputs, errors, widgets, counts, metadata."""
    path = write(
        tmp_path / "a.ipynb",
        "import itertools, uuid\nnumbers = itertools.count()\n"
        "uuid.uuid4 = lambda: uuid.UUID(int=next(numbers))",
        "%load_ext failextract_nb",
        "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider",
        "out = ipywidgets.Output()\nwith out:\n    print('within')\nout",
        "print('a'); 1 / 0",
        "x = !exit 3\nx",
        cell("never = 1", "skip-execution"),
        nbformat.v4.new_markdown_cell("# text"),
        "",
        cell("int('x')", "raises-exception"),
        "from IPython.display import display\nhandle = display('one', display_id='here')",
        "handle.update('two')\n_, In[-2], len(Out)",
        "slider.value = 5",
    )
    plain = nbformat.read(path, as_version=4)
    execute_plainly(plain, tmp_path, allow_errors=True)
    nbformat.write(plain, tmp_path / "plain.ipynb")
    before = path.read_bytes()
    book = run(path, output=str(tmp_path / "deep" / "ours.ipynb"))
    assert book.written == str(tmp_path / "deep" / "ours.ipynb")
    assert saved(book.written) == saved(tmp_path / "plain.ipynb")
    assert '"value": 5' in saved(book.written)
    assert path.read_bytes() == before


def test_a_notebook_that_cannot_be_written_is_what_broke(tmp_path):
    """Its failures are told all the same."""
    (tmp_path / "file").write_text("")
    book = run(write(tmp_path / "a.ipynb", "1 / 0"), output=str(tmp_path / "file" / "a.ipynb"))
    assert told(book) == [(0, "cell", "ZeroDivisionError")]
    assert "was not written" in book.broken


def test_a_message_that_comes_while_another_is_sent_is_noticed():
    """As an Output widget makes nbclient send: plainly, the one who waits never hears of it."""
    hears = []

    async def meet(notice, where):
        manager = AsyncKernelManager(**where)
        await manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kc = manager.client()
        kc.start_channels()
        await kc.wait_for_ready(timeout=60)
        notice(kc.shell_channel)
        waiting = asyncio.ensure_future(kc.shell_channel.get_msg())
        await asyncio.sleep(0.05)
        kc.kernel_info()
        time.sleep(1)  # noqa: ASYNC251  # until the answer has come; nobody looks meanwhile
        kc.shell_channel.send(kc.session.msg("comm_msg", {"comm_id": "none", "data": {}}))
        hears.append(bool((await asyncio.wait({waiting}, timeout=2))[0]))
        waiting.cancel()
        kc.stop_channels()
        await manager.shutdown_kernel(now=True)

    with listening() as where:
        asyncio.run(meet(client.notice_all, where))
    assert hears == [True]


# ---- parameters, and where it runs


def test_parameters_are_set_without_a_cell(tmp_path):
    """Before the first cell; after the one that is tagged so, in its place."""
    path = write(tmp_path / "a.ipynb", "assert rows == [1, None], rows\nassert name == 'é\"\\''")
    values = {"rows": [1, None], "name": "é\"'"}
    assert run(path, parameters=values).outcome == "passed"
    path = write(tmp_path / "b.ipynb", cell("rows = 1", "parameters"), "assert rows == [1, None]")
    output = str(tmp_path / "out.ipynb")
    assert run(path, parameters=values, output=output).outcome == "passed"
    assert len(nbformat.read(output, as_version=4).cells) == 2


def test_a_notebook_runs_in_its_folder(tmp_path):
    """Whatever the folder of the run is."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "data.txt").write_text("here")
    path = write(tmp_path / "deep" / "a.ipynb", "assert open('data.txt').read() == 'here'")
    assert run(path).outcome == "passed"


def test_a_notebook_without_code_passes(tmp_path):
    """And one without cells."""
    assert run(write(tmp_path / "a.ipynb", nbformat.v4.new_markdown_cell("x"))).outcome == "passed"
    assert run(write(tmp_path / "b.ipynb")).outcome == "passed"


def test_jobs_and_outcomes_can_be_pickled(tmp_path):
    """So that any executor can carry them."""
    job = Job(str(write(tmp_path / "a.ipynb", "1 / 0")), "a", parameters={"x": 1})
    again = pickle.loads(pickle.dumps(job))
    assert again == job
    book = run_notebook(again)
    assert pickle.loads(pickle.dumps(book)) == book


@pytest.mark.parametrize(
    "source", ["await asyncio.sleep(100)", "while True:\n    await asyncio.sleep(0.1)"]
)
def test_a_cell_that_awaits_too_long(tmp_path, source):
    """Interrupted as any other: one failure, where it stood, and the next cell runs."""
    path = write(tmp_path / "a.ipynb", f"import asyncio\n{source}", "1")
    book = run(path, timeout=1)
    assert outcomes(book) == ["failed", "passed"]
    assert told(book) == [(0, "timeout", "CellTimeoutError")]
    assert book.seconds < 15


def test_an_error_that_the_kernel_cannot_tell(tmp_path):
    """IPython itself fails then, and tells its hooks no result: no cell gets another one's failure."""
    path = write(tmp_path / "a.ipynb", "raise ValueError('\\ud800 bad')", "1 / 0", "1")
    book = run(path)
    assert outcomes(book) == ["failed", "failed", "passed"]
    assert told(book) == [(0, "cell", "UnicodeEncodeError"), (1, "cell", "ZeroDivisionError")]
    assert book.failures[0]["causes"][-1]["exception_type"] == "ValueError"
    first, second = (one["execution_count"] for one in book.failures)
    # IPython 8 does not count a cell whose error it cannot show.
    assert (first, second) == (1, 2) or (IPython.version_info < (9,) and (first, second) == (1, 1))


def test_parameters_where_their_cell_is_skipped(tmp_path):
    """They are set before the first cell."""
    path = write(
        tmp_path / "a.ipynb", cell("p = 1", "parameters", "skip-execution"), "assert p == 5"
    )
    assert outcomes(run(path, parameters={"p": 5})) == ["skipped", "passed"]


@pytest.mark.parametrize("spec", [5, {"name": 5}, [], {"name": None}])
def test_a_kernelspec_that_is_none(tmp_path, spec):
    """A notebook that cannot be read, and no broken run."""
    path = write(tmp_path / "a.ipynb", "1")
    data = json.loads(path.read_text())
    data["metadata"]["kernelspec"] = spec
    path.write_text(json.dumps(data))
    book = run(path)
    assert not book.broken
    assert [one["origin"] for one in book.failures] == ["unreadable"]


# ---- no process is left


@posix
def test_what_a_notebook_has_started_ends_with_it(tmp_path):
    """Also in a session of its own, and where the kernel was killed."""
    source = (
        "import subprocess, sys\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(1000)']\n"
        "child = subprocess.Popen(sleep, start_new_session={})\n"
        "with open('pid', 'w') as file:\n    print(child.pid, file=file)\n"
    )
    kill = "import os; os.kill(os.getpid(), 9)"
    for own, last in ((False, "1"), (True, "1"), (False, kill), (True, kill)):
        if own and last == kill and not sys.platform.startswith("linux"):
            continue  # nothing tells whose it was
        run(write(tmp_path / "a.ipynb", source.format(own), last))
        until(lambda: gone(number_in(tmp_path / "pid")), f"the end of the child {own} {last}")


@posix
def test_a_run_is_ended_from_another_thread(tmp_path):
    """In the middle of a cell: the kernel ends at once, and what was done is told."""
    path = write(
        tmp_path / "a.ipynb",
        "1 / 0",
        TELL.format(str(tmp_path / "pid")) + "import time\ntime.sleep(1000)",
        "1",
    )
    stop, found = Stop(), []
    job = Job(str(path), "a.ipynb", output=str(tmp_path / "out.ipynb"))
    thread = threading.Thread(target=lambda: found.append(run_notebook(job, stop=stop)))
    thread.start()
    kernel = number_in(tmp_path / "pid")
    stop.set()
    thread.join(30)
    (book,) = found
    assert gone(kernel)
    assert book.interrupted
    assert outcomes(book) == ["failed", "not run", "not run"]
    assert [one.reason for one in book.cells[1:]] == [
        "interrupted while it ran",
        "the run was interrupted",
    ]
    assert told(book) == [(0, "cell", "ZeroDivisionError")]
    assert nbformat.read(book.written, as_version=4).cells[0].outputs
    assert run_notebook(job, stop=stop).interrupted  # what begins later ends at once


@posix
def test_a_kernel_that_stops_answering_signals_can_be_ended(tmp_path):
    """A stopped process takes no message, but it can be killed."""
    path = write(
        tmp_path / "a.ipynb",
        TELL.format(str(tmp_path / "pid")) + "import signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    )
    stop, found = Stop(), []
    thread = threading.Thread(
        target=lambda: found.append(run_notebook(Job(str(path), "a"), stop=stop))
    )
    thread.start()
    kernel = number_in(tmp_path / "pid")
    stop.set()
    thread.join(30)
    assert found[0].interrupted
    assert gone(kernel)
