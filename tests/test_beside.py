"""Beside others, in real kernels: tools that use the same hooks, subshells, clicks while a cell runs."""

from __future__ import annotations

import json
import time
from queue import Empty

import pytest
from runs import execute, kernel, notebook, output

WAIT = 60  # seconds; a test that waits so long has failed


def told(run) -> list[tuple]:
    return [(one["origin"], one["exception_type"], one["execution_count"]) for one in run.captured]


@pytest.mark.parametrize("first", ["rich", "failextract_nb"])
def test_rich_shows_tracebacks_before_us_or_after_us(first, tmp_path):
    """Whoever was there first: rich draws the traceback, and every failure is recorded once."""
    loads = ["from rich.traceback import install\n_ = install()", "%load_ext failextract_nb"]
    book = notebook(
        *(loads if first == "rich" else loads[::-1]),
        "1 / 0",
        "%run fails.py",
        "class A:\n    def __repr__(self):\n        {}['x']\nA()",
        "!exit 3",
        "%unload_ext failextract_nb",
        "1 / 0",
    )
    (tmp_path / "fails.py").write_text("[][1]\n")
    run = execute(book, tmp_path, extension=False, tell=True)
    assert told(run) == [
        ("cell", "ZeroDivisionError", 3),
        ("run", "IndexError", 4),
        ("display", "KeyError", 5),
        ("shell", "CalledProcessError", 6),
    ]
    for place in (2, 3, 7):
        assert "most recent call last" in everything(book.cells[place])
        assert "╭" in everything(book.cells[place])  # rich's frame


def everything(cell) -> str:
    return output(cell) + json.dumps([dict(one) for one in cell.outputs], ensure_ascii=False)


def test_line_profiler_profiles_what_fails(tmp_path):
    """``%lprun`` of a function that raises: its numbers are shown, the failure is recorded."""
    run = execute(
        notebook(
            "%load_ext line_profiler",
            "def slow(x):\n    y = 2 * x\n    return 1 / y",
            "%lprun -f slow slow(0)",
            "%lprun -T profile.txt -f slow slow(1)\nprint(open('profile.txt').read())",
            "%%failextract --name decorated\nimport line_profiler\nprofile = line_profiler.LineProfiler()\n"
            "profile(slow)(0)",
        ),
        tmp_path,
        extension=True,
    )
    assert told(run) == [("cell", "ZeroDivisionError", 3), ("cell", "ZeroDivisionError", 5)]
    assert [one["line_number"] for one in run.captured] == [3, 3]
    assert "y = 2 * x" in output(run.notebook.cells[3])
    assert "% Time" in output(run.notebook.cells[3])


def ask(client, expression: str):
    """The value of a JSON-native expression in the kernel."""
    code = f"__import__('json').dumps({expression})"
    reply = client.execute_interactive("", user_expressions={"it": code}, timeout=WAIT)
    text = reply["content"]["user_expressions"]["it"]["data"]["text/plain"]
    return json.loads(eval(text))


FAILURES = "list(__import__('failextract_nb').FailureExtractor().failures)"


def send(client, code: str, subshell: str | None = None) -> str:
    """Send a cell, to a subshell if one is named; return the message's id."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
               "allow_stdin": False, "stop_on_error": False}  # fmt: skip
    message = client.session.msg("execute_request", content, metadata={"cellId": f"id of {code}"})
    if subshell:
        message["header"]["subshell_id"] = subshell
    client.shell_channel.send(message)
    return message["header"]["msg_id"]


def reply_to(client, *ids: str) -> list[dict]:
    """The replies to these messages, in whatever order they come."""
    replies = {}
    while set(replies) != set(ids):
        message = client.get_shell_msg(timeout=WAIT)
        if message["parent_header"].get("msg_id") in ids:
            replies[message["parent_header"]["msg_id"]] = message
    return [replies[one] for one in ids]


def control(client, kind: str, content: dict) -> dict:
    """Ask on the control channel."""
    message = client.session.msg(kind, content)
    client.control_channel.send(message)
    while True:
        reply = client.get_control_msg(timeout=WAIT)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            return reply["content"]


def subshell_of(client) -> str:
    features = client.kernel_info(reply=True, timeout=WAIT)["content"].get("supported_features", [])
    if "kernel subshells" not in features:
        pytest.skip("this ipykernel has no subshells")
    return control(client, "create_subshell_request", {})["subshell_id"]


def test_cells_in_subshells_are_told_apart(tmp_path):
    """Three cells at once, each of which fails; threads that they started fail, too."""
    with kernel(tmp_path) as client:
        *subshells, third = [subshell_of(client) for _ in range(3)]
        client.execute_interactive("import threading\ngo = threading.Event()", timeout=WAIT)
        code = (
            "def work(): 1 / 0\nstarted.append({0!r})\ngo.wait(60)\n"
            "def in_a_thread():\n    t = threading.Thread(target=work); t.start(); t.join()\n"
            "in_a_thread()\nraise KeyError({0!r})"
        )
        client.execute_interactive("started = []", timeout=WAIT)
        main = send(client, code.format("main"))
        others = [send(client, code.format(name), name) for name in subshells]
        release = send(
            client, "import time\nwhile len(started) < 3: time.sleep(0.01)\ngo.set()", third
        )
        reply_to(client, main, *others, release)
        failures = ask(client, FAILURES)
    cells = {
        one["exception_message"]: one["cell_source"] for one in failures if one["origin"] == "cell"
    }
    assert cells == {repr(name): code.format(name) for name in ("main", *subshells)}
    assert all(one["cell_id"] == f"id of {one['cell_source']}" for one in failures)
    threads = [one["cell_source"] for one in failures if one["origin"] == "thread"]
    assert sorted(threads) == sorted(cells.values())


def test_a_click_while_a_cell_runs(tmp_path):
    """A widget of a subshell: the cell that registered the callback, not the one that runs."""
    with kernel(tmp_path) as client:
        subshell = subshell_of(client)
        register = (
            "import ipywidgets, threading\ngo = threading.Event()\nb = ipywidgets.Button()\n"
            "def clicked(_):\n    go.set()\n    1 / 0\nb.on_click(clicked)"
        )
        reply_to(client, send(client, register, subshell))
        comm_id = ask(client, "b.comm.comm_id")
        running = send(client, "assert go.wait(60)\nimport time\ntime.sleep(0.05)\n{}['x']")
        click = client.session.msg(
            "comm_msg",
            {"comm_id": comm_id, "data": {"method": "custom", "content": {"event": "click"}}},
        )
        click["header"]["subshell_id"] = subshell
        client.shell_channel.send(click)
        reply_to(client, running)
        while len(failures := ask(client, FAILURES)) < 2:
            time.sleep(0.05)
    by_origin = {one["origin"]: one for one in failures}
    assert by_origin["callback"]["cell_source"] == register
    assert by_origin["callback"]["test_name"] == "clicked"
    assert by_origin["cell"]["cell_source"].startswith("assert go.wait")


def debug(client, seq: int, command: str, **arguments) -> dict:
    """A request to the kernel's debugger; its answer's body."""
    content = {"type": "request", "seq": seq, "command": command, "arguments": arguments}
    reply = control(client, "debug_request", content)
    assert reply.get("success"), reply
    return reply.get("body") or {}


def test_the_debugger_stops_where_it_should(tmp_path):
    """A breakpoint of debugpy in a cell that fails: it stops, goes on, and one failure is recorded."""
    code = "x = 1\ny = x - 1\nx / y"
    with kernel(tmp_path) as client:
        debug(client, 1, "initialize", clientID="test", adapterID="", linesStartAt1=True,
              columnsStartAt1=True, pathFormat="path")  # fmt: skip
        debug(client, 2, "attach")
        path = debug(client, 3, "dumpCell", code=code)["sourcePath"]
        found = debug(client, 4, "setBreakpoints", source={"path": path}, breakpoints=[{"line": 3}],
                      sourceModified=False)  # fmt: skip
        assert found["breakpoints"][0]["verified"]
        debug(client, 5, "configurationDone")
        cell = send(client, code)
        stopped = event(client, "stopped")
        frames = debug(client, 6, "stackTrace", threadId=stopped["threadId"])["stackFrames"]
        assert frames[0]["line"] == 3
        debug(client, 7, "continue", threadId=stopped["threadId"])
        (reply,) = reply_to(client, cell)
        assert reply["content"]["ename"] == "ZeroDivisionError"
        debug(client, 8, "disconnect", restart=False, terminateDebuggee=False)
        (failure,) = ask(client, FAILURES)
    assert (failure["origin"], failure["line_number"]) == ("cell", 3)
    assert failure["locals"][-1] == {"x": "1", "y": "0"}


def event(client, name: str) -> dict:
    """The body of the debugger's next event of this name."""
    ends = time.monotonic() + WAIT
    while time.monotonic() < ends:
        try:
            message = client.get_iopub_msg(timeout=1)
        except Empty:
            continue
        if message["msg_type"] == "debug_event" and message["content"]["event"] == name:
            return message["content"]["body"]
    raise AssertionError(f"no event {name}")


def test_capture_goes_on_in_an_autoreloaded_session(tmp_path):
    """``%autoreload`` and ``%pdb`` leave our hooks as they are."""
    (tmp_path / "mine.py").write_text("def f():\n    return 1 / 0\n")
    run = execute(
        notebook(
            "%load_ext autoreload\n%autoreload 2\nimport mine", "%pdb off", "mine.f()", "mine.f()"
        ),
        tmp_path,
        extension=True,
    )
    assert told(run) == [("cell", "ZeroDivisionError", 3), ("cell", "ZeroDivisionError", 4)]
