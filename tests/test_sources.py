"""Where failures surface: switched on and off, beside other tools, and each at its own cell."""

from __future__ import annotations

import asyncio
import builtins
import gc
import os
import sys
import threading
import traceback
import weakref
from concurrent.futures import Future

import pytest
from conftest import fail
from IPython.core import interactiveshell
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError

from failextract_nb import FailureExtractor, remember
from failextract_nb.ipython import _loaded, hooks, runs
from failextract_nb.ipython.settings import SOURCES
from failextract_nb.ipython.sources import _later, shown

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def ip(ip, monkeypatch):
    """The session that ``get_ipython()`` finds, with the extension loaded."""
    monkeypatch.setattr(InteractiveShell, "_instance", ip)
    return ip


def run(ip, *cells: str) -> None:
    for source in cells:
        ip.run_cell(source, store_history=True)


def failures() -> list[dict]:
    return list(FailureExtractor().failures)


def told() -> list[tuple]:
    return [
        (one["origin"], one["exception_type"], one.get("execution_count")) for one in failures()
    ]


def settings(ip):
    return next(one for one in ip.configurables if type(one).__name__ == "FailExtract")


THREAD = "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()"
TASK = (
    "import asyncio\nasync def work():\n    1 / 0\nasyncio.create_task(work())\n"
    "await asyncio.sleep(0.01)"
)
DEL = "class A:\n    def __del__(self):\n        1 / 0\na = A()\ndel a"
POOL = (
    "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(1) as pool:\n    pool.submit(lambda: 1 / 0)\n    None"
)
REPR = "class B:\n    def __repr__(self):\n        1 / 0\nB()"
CLICK = "import ipywidgets\nb = ipywidgets.Button()\nb.on_click(lambda button: 1 / 0)\nb.click()"
CAUSES = {
    "cell": "1 / 0", "shell": "!exit 3", "display": REPR, "callback": CLICK, "thread": THREAD,
    "future": POOL, "task": TASK, "unraisable": DEL, "run": "%run fails.py",
}  # fmt: skip


@pytest.fixture(autouse=True)
def script(clean_store):
    with open("fails.py", "w") as file:
        file.write("1 / 0\n")


@pytest.mark.parametrize("source", CAUSES)
def test_each_source_can_be_switched_off_and_on(ip, source, capsys):
    """Off it records nothing, the others go on, and on again it records."""
    run(
        ip, f"%config FailExtract.sources = {{{source!r}: False}}", CAUSES[source], "!exit 9", "1/0"
    )
    origins = [one["origin"] for one in failures()]
    assert origins == [one for one in ("shell", "cell") if one != source]
    run(ip, f"%config FailExtract.sources = {{{source!r}: True}}", CAUSES[source])
    assert [one["origin"] for one in failures()][len(origins) :] == [source]


@pytest.mark.parametrize("source", CAUSES)
def test_nothing_is_recorded_after_off_and_after_unloading(ip, source, capsys):
    """``%failextract off`` stops every source at once, ``%unload_ext`` does so for good."""
    run(ip, "%failextract off", CAUSES[source])
    assert failures() == []
    run(ip, "%failextract on", CAUSES[source])
    assert [one["origin"] for one in failures()] == [source]
    run(ip, "%unload_ext failextract_nb", CAUSES[source])
    assert len(failures()) == 1


def places(shell) -> dict[str, object]:
    """What stands where the sources listen."""
    return {
        "start": threading.Thread.start,
        "excepthook": threading.excepthook,
        "unraisablehook": sys.unraisablehook,
        "sys.excepthook": sys.excepthook,
        "create_task": asyncio.BaseEventLoop.create_task,
        "call_exception_handler": asyncio.BaseEventLoop.call_exception_handler,
        "init": Future.__init__,
        "set_exception": Future.set_exception,
        "getoutput": interactiveshell.getoutput,
        "own": {name for name in vars(shell) if "show" in name or "system" in name},
        "meta_path": list(sys.meta_path),
        "import": builtins.__import__,
        "details": remember.cell_details,
    }


def test_unloading_puts_everything_back(shell):
    """Whatever was replaced stands in its place again, however often one loads."""
    before = places(shell)
    for _ in range(3):
        run(shell, "%load_ext failextract_nb")
        assert places(shell) != before
        run(shell, "%reload_ext failextract_nb")
        run(shell, "%unload_ext failextract_nb")
        assert places(shell) == before


def test_a_place_that_somebody_else_has_taken_meanwhile_is_theirs(shell, capsys):
    """Their hook stays where it is when we go, and what was there before us is still called."""
    seen = []
    first = threading.excepthook
    try:
        threading.excepthook = lambda args: seen.append("before us")
        run(shell, "%load_ext failextract_nb")
        ours = threading.excepthook

        def theirs(args):
            seen.append("after us")
            ours(args)

        threading.excepthook = theirs
        run(shell, THREAD)
        assert seen == ["after us", "before us"]
        assert told() == [("thread", "ZeroDivisionError", 2)]
        run(shell, "%unload_ext failextract_nb")
        assert threading.excepthook is theirs
        run(shell, THREAD)
        assert seen == ["after us", "before us"] * 2
        assert len(failures()) == 1
    finally:
        threading.excepthook = first


def test_a_users_own_thread_hook_that_calls_nobody(ip):
    """It runs, and the failure is recorded all the same, once."""
    run(
        ip,
        "import threading\nseen = []\nbefore = threading.excepthook\n"
        "threading.excepthook = lambda args: seen.append(args.exc_type)",
        THREAD,
        "threading.excepthook = before",
    )
    assert ip.user_ns["seen"] == [ZeroDivisionError]
    assert told() == [("thread", "ZeroDivisionError", 2)]


def test_a_users_own_loop_handler_still_runs(ip):
    """``loop.set_exception_handler`` has one slot, and it stays the user's."""
    run(
        ip,
        "import asyncio\nseen = []\nloop = asyncio.new_event_loop()\n"
        "loop.set_exception_handler(lambda loop, context: seen.append(context['message']))",
        "async def work():\n    1 / 0\n"
        "async def main():\n    asyncio.get_running_loop().create_task(work())\n"
        "    await asyncio.sleep(0.01)\nloop.run_until_complete(main())",
        "loop.call_soon(lambda: {}['x'])\nloop.run_until_complete(asyncio.sleep(0.01))\nloop.close()",
    )
    assert len(ip.user_ns["seen"]) == 2
    assert told() == [("task", "ZeroDivisionError", 2), ("callback", "KeyError", 3)]


def test_an_asyncio_future_that_nobody_awaits(ip):
    """A bare future belongs to the cell that runs when it goes."""
    run(
        ip,
        "import asyncio, gc\nloop = asyncio.new_event_loop()\nfuture = loop.create_future()\n"
        "future.set_exception(ValueError('unread'))",
        "del future; gc.collect(); loop.close()",
    )
    assert told() == [("task", "ValueError", 2)]


def test_what_a_loop_says_of_itself_is_no_failure_of_the_users(ip):
    """Without an exception, or without any code of the user's, nothing is recorded."""
    loop = asyncio.new_event_loop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio.BaseEventLoop, "default_exception_handler", lambda *_: None)
            loop.call_exception_handler({"message": "just so"})
            loop.call_exception_handler({"message": "ours", "exception": ValueError("internal")})
    finally:
        loop.close()
    assert failures() == []


def test_a_task_that_goes_in_a_cycle_keeps_its_cell(ip):
    """Weak references are gone when the collector finds it; its context still tells the cell."""
    run(
        ip,
        "import asyncio, gc\nloop = asyncio.new_event_loop()\n"
        "async def work(held):\n    1 / 0\n"
        "async def main():\n    held = []\n    task = asyncio.create_task(work(held))\n"
        "    held.append(task)\n    await asyncio.sleep(0.01)\n"
        "gc.disable()\nloop.run_until_complete(main())",
        "gc.enable()\ngc.collect()\nloop.close()",
    )
    assert told() == [("task", "ZeroDivisionError", 1)]


def test_a_task_that_is_asked_in_time_is_no_failure(ip):
    """Two cells: it fails in the one, and is awaited in the next."""
    run(
        ip,
        "import asyncio\nasync def work():\n    1 / 0\n",
        "task = asyncio.create_task(work())\nawait asyncio.sleep(0.01)",
        "await asyncio.gather(task, return_exceptions=True)",
        "1",
    )
    assert failures() == []


def test_who_looks_sees_what_nobody_has_asked_for_yet(ip, capsys):
    """``%failextract`` and ``.failures`` tell of a task that has failed a moment ago, once."""
    run(
        ip,
        "import asyncio\nasync def work():\n    1 / 0\n",
        "task = asyncio.create_task(work())\nawait asyncio.sleep(0.01)",
        "%failextract last",
    )
    assert "ZeroDivisionError" in capsys.readouterr().out
    run(ip, "1", "del task")
    assert told() == [("task", "ZeroDivisionError", 2)]


def test_a_task_awaited_later_is_one_failure(ip):
    """Told of as a task, and then raised in a cell: the cell is one more of its contexts."""
    run(
        ip,
        "import asyncio\nasync def work():\n    1 / 0\n",
        "task = asyncio.create_task(work())\nawait asyncio.sleep(0.01)",
        "1",
        "1",
        "await task",
    )
    (one,) = failures()
    assert (one["origin"], one["execution_count"]) == ("task", 2)
    assert [context["origin"] for context in one["contexts"]] == ["task", "cell"]


FUTURE = (
    "from concurrent.futures import ThreadPoolExecutor, wait, as_completed\nimport time\n"
    "pool = ThreadPoolExecutor(2)\ndef work(x):\n    time.sleep(0.02)\n    return 1 / x\n"
)


@pytest.mark.parametrize(
    "read",
    [
        "try:\n    pool.submit(work, 0).result()\nexcept ZeroDivisionError:\n    pass",
        "error = pool.submit(work, 0).exception()",
        "f = pool.submit(work, 0)\nwait([f])\nassert f.exception()\n",
        "for f in as_completed([pool.submit(work, 0)]):\n    f.exception()\n",
        (
            "seen = []\nf = pool.submit(work, 0)\nf.add_done_callback(lambda f: seen.append(f.exception()))\n"
            "wait([f])\n"
        ),
        "try:\n    list(pool.map(work, [0]))\nexcept ZeroDivisionError:\n    pass",
        (
            "import asyncio\ntry:\n    await asyncio.get_running_loop().run_in_executor(pool, work, 0)\n"
            "except ZeroDivisionError:\n    pass"
        ),
        "assert pool.submit(work, 1).result() == 1",
    ],
)
def test_a_future_that_is_read_is_no_failure(ip, read):
    """However it is read: waiting, asking, in a callback, in a loop, by asyncio."""
    run(
        ip,
        FUTURE,
        f"{read}\nprint('read')",
        "f = None",
        "import gc; gc.collect()",
        "pool.shutdown()",
    )
    assert ip.last_execution_succeeded
    assert told() == []


def test_a_future_is_what_it_was(ip):
    """Its type and its error are the user's, and nothing keeps it alive."""
    run(ip, FUTURE, "f = pool.submit(work, 0)\nwait([f]); None")
    future = ip.user_ns["f"]
    assert isinstance(future, Future)
    assert type(future).__qualname__ == "Future"
    error = fail(future.result)
    assert type(error) is ZeroDivisionError
    assert type(future) is Future
    alive = weakref.ref(future)
    ip.user_ns["pool"].shutdown()
    ip.user_ns["f"] = None
    del future, error
    gc.collect()
    assert alive() is None


def test_a_future_of_another_kind_is_left_alone(ip):
    """A class that hides what the standard library's has works as it did."""

    class Odd(Future):
        __slots__ = ("more",)

    runs.current.set(
        runs.CellRun(ip, interactiveshell.ExecutionInfo("1", False, False, True, None), 1)
    )
    try:
        odd = Odd()
        odd._condition = None  # not even this
        with pytest.raises(TypeError):
            Future.set_exception(odd, ValueError())
    finally:
        runs.current.set(None)
    assert failures() == []


def test_the_cell_of_pool_work_is_the_one_that_submitted(ip):
    """A decorated function in a pool whose thread an earlier cell has made."""
    run(
        ip,
        FUTURE + "from failextract_nb import extract_on_failure as watch\n@watch\ndef w(): 1 / 0\n",
        "pool.submit(work, 1).result()",
        "pool.submit(w).exception()",
        "pool.submit(w).exception(); pool.shutdown()",
    )
    assert told() == [("function", "ZeroDivisionError", 3), ("function", "ZeroDivisionError", 4)]


def test_our_frames_are_hidden_where_the_users_own_mistake_passes_them(ip, capsys):
    """A thread started twice, a task that is none: the traceback shows no frame of ours."""
    run(
        ip,
        "import threading\nt = threading.Thread(target=int)\nt.start(); t.join(); t.start()",
        "import asyncio\nasyncio.get_running_loop().create_task(5)",
        "await asyncio.sleep(0)\nasyncio.get_running_loop().create_task(5)",
    )
    assert "failextract_nb/ipython/sources" not in capsys.readouterr().out
    assert len(failures()) == 3
    for one in failures():
        assert not any("failextract_nb" in frame["file"] for frame in one["extracted_code"])


def test_threads_of_threads_belong_to_the_cell(ip):
    """A thread that a thread has started, and a decorated function in it."""
    run(
        ip,
        "import threading\nfrom failextract_nb import extract_on_failure\n"
        "@extract_on_failure\ndef inner():\n    1 / 0\n"
        "def outer():\n    t = threading.Thread(target=inner)\n    t.start(); t.join()\n",
        "t = threading.Thread(target=outer)\nt.start(); t.join()",
    )
    (one,) = failures()
    assert (one["origin"], one["execution_count"]) == ("function", 2)
    assert [context["origin"] for context in one["contexts"]] == ["function", "thread"]


def test_a_thread_that_ends_itself_is_no_failure(ip):
    """SystemExit in a thread: Python says nothing, and nor do we."""
    run(
        ip,
        "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,))\nt.start(); t.join()",
    )
    assert failures() == []


def test_twenty_threads_never_mix_up_their_cells(ip):
    """Each of forty cells starts threads that fail when all have been started."""
    run(
        ip,
        "import threading\ngo, threads = threading.Event(), []\n"
        "def fail(number):\n    go.wait(60)\n    raise ValueError(str(number))\n",
    )
    for number in range(40):
        run(
            ip,
            f"for _ in range(20):\n    t = threading.Thread(target=fail, args=({number},))\n"
            "    t.start(); threads.append(t)",
        )
    run(ip, "go.set()\nfor t in threads: t.join()")
    found = failures()
    assert len(found) == 800
    assert {(one["exception_message"], one["execution_count"]) for one in found} == {
        (str(number), number + 2) for number in range(40)
    }


def test_a_thread_started_before_loading_is_recorded_without_a_cell(shell):
    """It has no cell that we know; it is a failure all the same."""
    run(
        shell,
        "import threading\ngo = threading.Event()\ndef work():\n    go.wait(60)\n    1 / 0\n"
        "t = threading.Thread(target=work)\nt.start()",
        "%load_ext failextract_nb",
        "go.set(); t.join()",
    )
    (one,) = failures()
    assert one["origin"] == "thread"
    assert "execution_count" not in one


def test_a_command_finds_the_variables_of_its_function(ip, capfd):
    """``$name`` and ``{name}`` of a function's locals, of nested calls, of the session."""
    run(
        ip,
        "outer = 'session'\ndef f(inner):\n    !echo $inner {inner + '_'} $outer $$HOME\n"
        "    x = !echo $inner\n    return list(x)\n",
        "assert f('local') == ['local']",
        "assert _exit_code == 0",
        "!exit {_exit_code + 2}",
        "assert _exit_code == 2",
    )
    out = capfd.readouterr().out
    assert "local local_ session /" in out.replace("\r", "")
    assert [(one["exit_code"], one["command"]) for one in failures()] == [
        (2, "exit {_exit_code + 2}")
    ]
    assert "var_expand" not in vars(ip)


def test_what_is_shown_is_what_the_user_wrote(ip, capfd):
    """``!command`` and ``%magic``, not what IPython makes of them; columns where the text is the same."""
    run(ip, "x = 1\nif x:\n    y = !exit 4\n1 / 0", "%no_such_magic")
    for one, line in zip(failures(), ("y = !exit 4", "1 / 0", "%no_such_magic"), strict=True):
        assert "get_ipython()" not in one["exception_traceback"].split("IPython/core")[0]
        assert f"\n    {line}\n" in one["exception_traceback"]
        frame = one["extracted_code"][0]
        assert "get_ipython()" not in frame["code"]
        assert ("column" in frame) == (line == "1 / 0")


def test_a_secret_on_a_command_line_is_not_kept(ip, capfd):
    """Neither in the command, nor in the message, nor in the name."""
    run(ip, "!false --password=hunter2secret")
    (one,) = failures()
    assert "hunter2secret" not in str(one)
    assert "[redacted: password]" in one["command"]


def test_a_command_that_raises_by_itself_is_one_failure(ip):
    """IPython's own option, and a background command: the cell fails, and that is it."""
    run(ip, "!sleep 1 &")
    assert told() == [("cell", "OSError", 1)]
    if hasattr(ip, "system_raise_on_error"):
        ip.system_raise_on_error = True
        run(ip, "!exit 3", "x = !exit 4")
        assert told()[1:] == [("cell", "CalledProcessError", 2), ("cell", "CalledProcessError", 3)]


def test_a_command_in_a_script_and_in_a_magic(ip, capfd):
    """``!`` in a .ipy file under %run, and ``%sx``."""
    with open("commands.ipy", "w") as file:
        file.write("x = 1\n!exit 7\n")
    run(ip, "%run commands.ipy", "%sx exit 8")
    assert [(one["origin"], one["exit_code"], one["execution_count"]) for one in failures()] == [
        ("shell", 7, 1),
        ("shell", 8, 2),
    ]


def test_an_exception_that_the_user_shows_is_handled(ip, capsys):
    """``get_ipython().showtraceback()`` in an except block is the user's own way to handle it."""
    run(
        ip,
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()",
        "def show():\n    try:\n        1 / 0\n    except ZeroDivisionError:\n"
        "        get_ipython().showtraceback()\nshow()",
    )
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert failures() == []


def test_an_old_exception_that_is_shown_again_is_no_new_one(ip, capsys):
    """``%tb`` shows the last one, also one from before the extension."""
    run(ip, "1 / 0", "%tb", "%tb Verbose")
    assert told() == [("cell", "ZeroDivisionError", 1)]
    FailureExtractor().clear()
    run(ip, "%tb")
    assert failures() == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_script_that_exits(ip, capsys, monkeypatch, tmp_path):
    """``sys.exit(3)`` under %run is a failure, ``sys.exit(0)`` is none; -m and a wrong name, too."""
    monkeypatch.syspath_prepend(tmp_path)
    with open("exits.py", "w") as file:
        file.write("import sys\nsys.exit(int(sys.argv[1]))\n")
    with open("syntax.py", "w") as file:
        file.write("x = (\n")
    run(
        ip,
        "%run exits.py 3",
        "%run exits.py 0",
        "%run syntax.py",
        "%run -m fails",
        "%run nothing.py",
    )
    assert told()[:4] == [
        ("run", "SystemExit", 1),
        ("run", "SyntaxError", 3),
        ("run", "ZeroDivisionError", 4),
        ("cell", failures()[-1]["exception_type"], 5),
    ]
    assert len(failures()) == 4


def test_an_events_callback_that_raises(ip, capsys):
    """IPython catches it and shows it: the failure of a callback."""

    def callback(*_):
        raise ValueError("in the hook")

    ip.events.register("post_run_cell", callback)
    try:
        run(ip, "1")
    finally:
        ip.events.unregister("post_run_cell", callback)
    assert told() == [("callback", "ValueError", None)]
    (one,) = failures()
    assert one["test_name"].endswith("callback")


def test_what_a_widget_shows_has_a_name(ip, capsys):
    """An Output, and the function that interact() calls."""
    run(
        ip,
        "import ipywidgets\nwith ipywidgets.Output():\n    1 / 0",
        "def f(x):\n    {}['x']\nw = ipywidgets.interactive(f, x=1)",
    )
    assert [(one["test_name"], one["execution_count"]) for one in failures()] == [
        ("an Output", 1),
        ("f", 2),
    ]


def test_a_cell_that_runs_a_cell(ip):
    """``run_cell`` in the user's own code: one failure, of the cell that the user sees."""
    run(ip, "x = 1\nget_ipython().run_cell('1 / 0')")
    assert told() == [("cell", "ZeroDivisionError", 1)]


def test_the_same_body_under_capture_and_alone(ip):
    """Line numbers are those of each cell, whichever comes first."""
    run(
        ip, "x = 1\n1 / 0", "%%capture\nx = 1\n1 / 0", "x = 1\n1 / 0", "%%capture\n\n\nx = 1\n1 / 0"
    )
    assert [(one["test_file"], one["line_number"]) for one in failures()] == [
        ("Cell In[1]", 2),
        ("Cell In[2]", 3),
        ("Cell In[3]", 2),
        ("Cell In[4]", 5),
    ]


def test_sources_are_listed_with_what_and_why(ip, capsys):
    """``%failextract sources`` says what is watched, and why the rest is not."""
    run(ip, "%failextract sources")
    out = capsys.readouterr().out
    for name in SOURCES:
        assert f"✓ {name} " in out
    run(ip, "%config FailExtract.sources = {'thread': False}", "%failextract sources")
    out = capsys.readouterr().out
    assert "· thread" in out
    assert "switched off" in out
    run(ip, "%failextract off", "%failextract sources")
    assert "%failextract on" in capsys.readouterr().out


def test_sources_are_chosen_as_a_set_or_a_dict(ip):
    """A set is all that is watched, a dict changes what it names; what is unknown is refused."""
    one = settings(ip)
    assert one.sources == set(SOURCES)
    one.sources = {"shell", "cell"}
    assert one.sources == {"shell", "cell"}
    one.sources = {"shell": False, "thread": True}
    assert one.sources == {"cell", "thread"}
    one.sources = ["task"]
    assert one.sources == {"task"}
    for wrong in ({"threads"}, {"thraed": False}, {"shell": "no"}, [["cell"]], 5, "cell"):
        with pytest.raises(TraitError, match="there are: cell, expectation"):
            one.sources = wrong
    assert one.sources == {"task"}


def test_a_source_that_breaks_costs_nothing_but_its_record(ip, monkeypatch):
    """The cell goes on, and the problem is listed."""
    monkeypatch.setattr(runs.CellRun, "details", lambda self: 1 / 0)
    with pytest.warns(RuntimeWarning, match="was not recorded"):
        run(ip, "!exit 3")
    assert ip.last_execution_succeeded
    assert "shell" in FailureExtractor().get_statistics()["problems"][0]


def test_a_module_that_is_not_there_yet(tmp_path, monkeypatch):
    """What waits for a module is called once, after it has run; it is found as it was before."""
    (tmp_path / "late_module.py").write_text("VALUE = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "late_module", raising=False)
    seen = []

    def call():
        seen.append(sys.modules["late_module"].VALUE)

    before = list(sys.meta_path)
    _later.when_imported("late_module", call)
    assert sys.meta_path != before
    import late_module

    assert seen == [5]
    assert sys.meta_path == before
    assert "exec_module" not in vars(late_module.__spec__.loader)
    _later.when_imported("late_module", call)
    assert seen == [5, 5]
    _later.when_imported("no_such_module", call)
    with pytest.raises(ModuleNotFoundError):
        import no_such_module  # noqa: F401
    _later.forget("no_such_module", call)
    assert sys.meta_path == before
    sys.modules.pop("late_module")


def test_a_decorated_function_tells_the_cell_that_ran_it(ip):
    """Also when the cell handles the exception, and passes."""
    run(
        ip,
        "from failextract_nb import extract_on_failure\n@extract_on_failure\ndef f():\n    1 / 0\n",
        "try:\n    f()\nexcept ZeroDivisionError:\n    pass",
    )
    (one,) = failures()
    assert (one["origin"], one["execution_count"]) == ("function", 2)
    assert one["cell_source"].startswith("try:")
    assert one["cell_id"].startswith("source:")


def test_handled_in_one_cell_and_raised_in_another(ip):
    """The second is a failure of its own cell, and refers to the first."""
    run(
        ip,
        "from failextract_nb import extract_on_failure\n@extract_on_failure\ndef f():\n    1 / 0\n"
        "try:\n    f()\nexcept ZeroDivisionError as e:\n    error = e\n",
        "raise error",
    )
    first, second = failures()
    assert (first["execution_count"], second["execution_count"]) == (1, 2)
    assert second["again"] == first["id"]


def test_equal_cells_have_one_id_without_a_front_end(ip):
    """The fallback is made of the source: the same for the same cell, whatever its number."""
    run(ip, "1 / 0", "  1 / 0\n", "2 / 0")
    one, two, three = (failure["cell_id"] for failure in failures())
    assert one == two != three


def test_expected_failures_are_kept_and_not_counted(extractor):
    """In ``failures``, and beside the counts, also when they are dropped or cleared."""
    extractor.set_memory_limits(max_failures=2)
    for expected in (True, False, True):
        more = {"expected": True} if expected else {}
        extractor.add_failure({"test_name": "t", "exception_type": "E", **more})
    known = extractor.get_statistics()
    assert (known["failure_count"], known["expected_count"], len(extractor.failures)) == (1, 1, 2)
    assert (known["total_count"], known["by_exception_type"]) == (2, {"E": 1})
    extractor.clear()
    assert extractor.get_statistics()["expected_count"] == 0


def test_equal_work_whose_error_was_read_once(ip):
    """``pool.map`` raises one error and drops the others; handled or not, they are one failure."""
    run(
        ip,
        FUTURE,
        "try:\n    list(pool.map(work, [0, 0, 0, 0]))\nexcept ZeroDivisionError:\n    pass",
        "import gc; gc.collect(); pool.shutdown()",
    )
    assert failures() == []


def test_libraries_drop_futures_of_their_own(ip):
    """joblib's workers: a handled error is none, and what it fails its own futures with is none."""
    run(
        ip,
        "import joblib\ndef f(x):\n    return 1 / (x - x)",
        "try:\n    joblib.Parallel(2)([joblib.delayed(f)(i) for i in range(20)])\n"
        "except ZeroDivisionError:\n    done = True",
        "assert done\nimport gc; gc.collect()",
    )
    assert failures() == []


def test_built_in_and_library_functions_in_a_pool(ip):
    """Their errors have no frame of the user's: the work is the user's all the same, and has a name."""
    run(
        ip,
        "import json, math\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool:\n    pool.submit(math.sqrt, -1)\n"
        "    pool.submit(int, 'a')\n    pool.submit(json.loads, '{')\n    None",
    )
    assert [(one["exception_type"], one["test_name"]) for one in failures()] == [
        ("ValueError", "sqrt"),
        ("ValueError", "int"),
        ("JSONDecodeError", "loads"),
    ]


def test_a_future_of_a_process_pool_that_nobody_reads(ip):
    """Its error has no frames here, but the worker's traceback is its cause."""
    run(
        ip,
        "import multiprocessing, operator\nfrom concurrent.futures import ProcessPoolExecutor, wait\n"
        "with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:\n"
        "    wait([pool.submit(operator.truediv, 1, 0)])",
    )
    (one,) = failures()
    assert (one["origin"], one["exception_type"]) == ("future", "ZeroDivisionError")
    assert "truediv" in str(one["causes"]) or "process.py" in str(one["causes"])


def test_a_future_keeps_its_traceback_and_gets_its_class_back(ip):
    """No frame of ours is in what ``traceback`` prints; after unloading it is as it was."""
    run(ip, FUTURE, "f, g, h = [pool.submit(work, 0) for _ in range(3)]\nwait([f, g, h]); None")
    future, other, third = (ip.user_ns[name] for name in "fgh")
    assert "raised ZeroDivisionError" in repr(future)
    assert type(future) is not Future  # a repr is no reading
    text = "".join(traceback.format_exception(fail(future.result)))
    assert "failextract_nb" not in text
    assert third._exception is not None
    assert type(third) is Future
    run(ip, "%unload_ext failextract_nb")
    assert type(other) is Future
    ip.user_ns["pool"].shutdown()


def test_who_waits_already_reads(ip):
    """The exception comes while another thread is in ``result()``."""
    run(
        ip,
        "import threading\nfrom concurrent.futures import Future\nf, seen = Future(), []\n"
        "def wait():\n    try:\n        f.result(60)\n    except Exception as e:\n        seen.append(e)\n"
        "t = threading.Thread(target=wait); t.start()\n"
        "while not f._condition._waiters: pass\n"
        "try: 1 / 0\nexcept Exception as e: f.set_exception(e)\n"
        "t.join()\nassert len(seen) == 1\ndel f, seen[:]",
    )
    assert ip.last_execution_succeeded
    assert failures() == []


def test_work_in_an_executor_that_nobody_awaits(ip):
    """asyncio's own future for it, and ``gather``: of the cell that asked for the work."""
    run(
        ip,
        "import asyncio\ndef w():\n    1 / 0\nasync def c():\n    {}['x']\n",
        "f = asyncio.get_running_loop().run_in_executor(None, w)\nawait asyncio.sleep(0.05)",
        "g = asyncio.gather(c(), c())\nawait asyncio.sleep(0.01)",
        "1",
        "del f, g\nimport gc; gc.collect()",
    )
    found = {
        (one["exception_type"], one["execution_count"], one["test_name"]) for one in failures()
    }
    assert ("ZeroDivisionError", 2, "w") in found
    assert ("KeyError", 3, "c") in found
    assert {count for _, count, _ in found} == {2, 3}


def test_a_look_within_the_cell_invents_nothing(ip):
    """Who looks at the failures and then awaits the task handles it."""
    run(
        ip,
        "import asyncio\nfrom failextract_nb import FailureExtractor\nasync def work():\n    1 / 0\n"
        "t = asyncio.create_task(work())\nawait asyncio.sleep(0.01)\n"
        "assert len(FailureExtractor().failures) == 0\n"
        "try:\n    await t\nexcept ZeroDivisionError:\n    pass",
    )
    assert ip.last_execution_succeeded
    assert failures() == []


def test_many_tasks_are_not_kept(ip):
    """Thousands that end well leave nothing; one that fails among them is told."""
    run(
        ip,
        "import asyncio\nasync def work(x):\n    return 1 / x\n",
        "tasks = [asyncio.create_task(work(x)) for x in range(5000)]\nawait asyncio.wait(tasks); None",
        "for _ in range(5000): await asyncio.create_task(work(1))",
        "1",
    )
    assert told() == [("task", "ZeroDivisionError", 2)]
    source = next(one for one in _loaded[id(ip)].sources._all if type(one).__name__ == "Tasks")
    assert len(source._made) < 1_100


def test_tasks_that_cannot_be_referred_to(ip):
    """A task factory of the user's may make what it likes; nobody who looks is disturbed."""
    run(
        ip,
        "import asyncio\nclass Odd:\n    __slots__ = ()\n    def set_name(self, name): pass\nloop = asyncio.new_event_loop()\n"
        "loop.set_task_factory(lambda loop, coro, **more: coro.close() or Odd())\n"
        "async def work(): pass\nassert type(loop.create_task(work())) is Odd\n"
        "class Other(Odd):\n    pass\nloop.set_task_factory(lambda loop, coro, **more: coro.close() or Other())\n"
        "kept = loop.create_task(work())\nloop.close()",
        "1",
    )
    assert ip.last_execution_succeeded
    assert failures() == []
    assert FailureExtractor().get_statistics()["problems"] == []


def test_exceptions_with_attributes_of_their_own(ip, capsys):
    """A ``__getattr__`` that raises a KeyError: the user's exception is shown and recorded."""
    run(
        ip,
        "class E(Exception):\n    def __getattr__(self, name):\n"
        "        if name.startswith('_'):\n            raise AttributeError(name)\n"
        "        return {}[name]\n",
        "raise E('boom')",
        "class A:\n    def __repr__(self):\n        raise E('shown')\nA()",
    )
    assert [(one["origin"], one["exception_message"]) for one in failures()] == [
        ("cell", "boom"),
        ("display", "shown"),
    ]
    assert FailureExtractor().get_statistics()["problems"] == []


def test_callbacks_that_cannot_be_compared(ip, capsys):
    """Their ``__eq__`` is not asked, and what they raise is recorded."""
    run(
        ip,
        "import ipywidgets\nclass C:\n    def __eq__(self, other):\n        raise RuntimeError('eq')\n"
        "    def __call__(self, button):\n        1 / 0\nb = ipywidgets.Button()\n",
        "b._click_handlers.callbacks = [C()]\nb._click_handlers.register_callback = None\nb.click()",
    )
    assert told() == [("callback", "ZeroDivisionError", 2)]
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_what_breaks_while_something_is_shown(ip, capsys, monkeypatch):
    """The traceback is shown all the same, and the problem is listed."""
    monkeypatch.setattr(shown, "_who_shows", lambda frame: 1 / 0)
    with pytest.warns(RuntimeWarning, match="was not recorded"):
        run(ip, "%run fails.py")
    assert "fails.py" in capsys.readouterr().out


def test_what_a_callback_starts(ip, capsys):
    """A thread, a command: of the cell that registered the callback, not of the one that clicks."""
    run(
        ip,
        "import ipywidgets, threading\nb = ipywidgets.Button()\ndef clicked(_):\n"
        "    t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()\n    x = !exit 3\n",
        "b.on_click(clicked)",
        "b.click()",
    )
    assert told() == [("thread", "ZeroDivisionError", 2), ("shell", "CalledProcessError", 2)]


def test_a_callback_registered_again(ip, capsys):
    """The newest registration counts, and taking one away is none; bound methods, too."""
    run(
        ip,
        "import ipywidgets\nb = ipywidgets.Button()\nclass P:\n    def go(self, _): 1 / 0\np = P()",
        "b.on_click(p.go)",
        "b.on_click(p.go, remove=True)",
        "b.on_click(p.go)",
        "b.on_click(lambda _: None)",
        "b.click()",
        "s = ipywidgets.IntSlider()\ns.observe(handler=p.go, names='value')\n"
        "s._handle_msg({'content': {'data': {'method': 'update', 'state': {'value': 7}}}})",
    )
    assert told() == [("callback", "ZeroDivisionError", 4), ("callback", "ZeroDivisionError", 7)]


def test_widgets_and_callbacks_can_go(ip):
    """That a registration is noted keeps nothing alive."""
    run(
        ip,
        "import ipywidgets, gc, weakref\nclass Panel:\n    def __init__(self):\n"
        "        self.b = ipywidgets.Button()\n        self.b.on_click(self.go)\n"
        "    def go(self, _): pass\npanel = Panel()\nalive = weakref.ref(panel)",
        "panel.b.layout.close(); panel.b.style.close(); panel.b.close()\ndel panel\ngc.collect()",
    )
    assert ip.user_ns["alive"]() is None


def test_a_background_command_leaves_variables_as_they_are(ip, capsys):
    """``!cmd &`` fails before it is expanded; a user's own ``var_expand`` stays."""
    run(ip, "result = 'USER'", "!sleep 1 &", "%env FAILEXTRACT_X=$result")
    assert os.environ.pop("FAILEXTRACT_X") == "USER"
    mine = ip.var_expand
    ip.var_expand = mine
    run(ip, "!true")
    assert vars(ip)["var_expand"] is mine
    del ip.var_expand


def test_the_same_object_shown_in_two_cells(ip, capsys):
    """One exception object, two cells: two failures, and the second refers to the first."""
    run(
        ip,
        "E = ValueError('cached')\nclass A:\n    def __repr__(self):\n        raise E\n",
        "A()",
        "A()",
    )
    first, second = failures()
    assert (first["execution_count"], second["execution_count"]) == (2, 3)
    assert second["again"] == first["id"]


def test_one_display_is_one_failure(ip, capsys):
    """Several formats of one object raise, each an exception of its own; then another object."""
    ip.display_formatter.active_types = ["text/plain", "text/html"]
    run(
        ip,
        "class A:\n    def _repr_html_(self): 1 / 0\n    def __repr__(self): 1 / 0\n",
        "A()",
        "display(A()); display(A())",
    )
    assert (
        told() == [("display", "ZeroDivisionError", 2)] + [("display", "ZeroDivisionError", 3)] * 2
    )


def test_a_cell_run_again_keeps_its_lines(ip):
    """The same cell twice: blank lines above, a command over two lines."""
    cells = ["\n\n1 / 0", "!echo a \\\n b\n1 / 0"]
    run(ip, *cells, *cells)
    assert [one["line_number"] for one in failures()] == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        (["x = 1\n\n%time 1 / 0"], ("Cell In[1]", 3)),
        (["x = 1\n%timeit -n1 -r1 1 / 0"], ("Cell In[1]", 2)),
        (["%%time\ndef g():\n    1 / 0", "\ng()"], ("Cell In[1]", 3)),
        (["%%prun\ndef f():\n    1 / 0\nf()"], ("Cell In[1]", 3)),
        (["%%time\nexec('\\n1 / 0')"], ("<string>", 2)),
    ],
)
def test_code_of_a_magic_has_its_place_in_the_cell(ip, cells, place, capsys):
    """Line magics, and functions that a cell magic defines and a later cell calls."""
    run(ip, *cells)
    assert [(one["test_file"], one["line_number"]) for one in failures()] == [place]


def test_more_cells_than_are_remembered(ip, monkeypatch, capsys):
    """The newest have their places."""
    monkeypatch.setattr(hooks, "MAX_CELLS", 2)
    run(ip, *["%%capture\n\n1 / 0"] * 4)
    assert [one["line_number"] for one in failures()] == [3] * 4


def test_the_cell_that_loads_the_extension(shell, capsys):
    """What fails below ``%load_ext`` in the same cell is of that cell, with its lines."""
    run(
        shell,
        "\n%load_ext failextract_nb\nimport threading\n"
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()\n!exit 3\n1 / 0",
        "\n\n%reload_ext failextract_nb\n1 / 0",
    )
    assert [(one["origin"], one["execution_count"], one["line_number"]) for one in failures()] == [
        ("thread", 1, 4),
        ("shell", 1, 5),
        ("cell", 1, 6),
        ("cell", 2, 4),
    ]


def test_a_cell_is_over_however_it_ends(ip, capsys):
    """Skipped, cancelled, closed: to who runs all cells it has failed."""
    run(
        ip,
        "import unittest\nraise unittest.SkipTest('x')",
        "import asyncio\nraise asyncio.CancelledError",
        "raise GeneratorExit",
    )
    assert told() == [
        ("cell", "SkipTest", 1),
        ("cell", "CancelledError", 2),
        ("cell", "GeneratorExit", 3),
    ]


def test_a_source_that_breaks_when_somebody_looks(ip, monkeypatch):
    """The failures are there to be read, and the problem is listed."""
    run(ip, FUTURE, "f = pool.submit(work, 0)\nwait([f]); pool.shutdown()")
    monkeypatch.setattr(runs.CellRun, "finished", property(lambda run: 1 / 0), raising=False)
    with pytest.warns(RuntimeWarning, match="futures were not looked at"):
        assert failures() == []
    monkeypatch.undo()


def test_pending_work_of_a_source_that_is_switched_off(ip):
    """A future that has failed before the source went off is not told of afterwards."""
    run(ip, FUTURE, "f = pool.submit(work, 0)\nwait([f])\n1")
    settings(ip).sources = {"future": False}
    run(ip, "f = None", "1", "pool.shutdown()")
    assert failures() == []
