"""What counts as a failure: the situations, and what each has to become.

``python tests/matrix.py`` runs them all, beside a plain hook, nbclient and papermill, and writes the
table into the README.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KERNEL, TERMINAL, SHELL = "kernel", "terminal", "shell"
EVERYWHERE = frozenset({KERNEL, TERMINAL, SHELL})
# No top-level await, no front end, or only text is displayed.
IN_KERNELS = frozenset({KERNEL})
AWAITS = frozenset({KERNEL, TERMINAL, SHELL})


@dataclass(frozen=True)
class Cell:
    """A cell with the tags that JupyterLab sends along."""

    source: str
    tags: tuple[str, ...] = ()


CLICK = "click"  # a step: the front end clicks on the button whose id the cell before has shown


@dataclass(frozen=True)
class Record:
    """A failure that must be there, exactly once."""

    origin: str
    type: str
    cell: int  # execution count
    line: int | None = None
    place: str = ""  # of the innermost frame of the user's: "Cell In[1]", a file's name
    check: Callable[[dict[str, Any]], object] = lambda one: True


@dataclass(frozen=True)
class Case:
    """A situation: a row of the contract, or one of several that it names."""

    row: int
    name: str
    cells: tuple[Any, ...]
    records: tuple[Record, ...]
    hosts: frozenset[str] = EVERYWHERE
    files: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.row}-{self.name.replace(' ', '-')}"


CASES: list[Case] = []


def case(row: int, name: str, *cells: Any, records: list[Record], **more: Any) -> None:
    CASES.append(Case(row, name, cells, tuple(records), **more))


def frames_of(one: dict) -> list[tuple[str, str, int]]:
    return [(frame["file"], frame["function"], frame["line"]) for frame in one["extracted_code"]]


ZERO = "ZeroDivisionError"
case(
    1,
    "an exception in the cell",
    "x = 1\nx / 0",
    records=[Record("cell", ZERO, 1, 2, "Cell In[1]")],
)
case(
    1,
    "in a function of an earlier cell",
    "\n\ndef f(x):\n    return 1 / x",
    "f(0)",
    records=[
        Record(
            "cell",
            ZERO,
            2,
            4,
            "Cell In[1]",
            lambda one: frames_of(one)[0] == ("Cell In[2]", "<module>", 1),
        )
    ],
)
case(
    1,
    "in an imported module",
    "import broken_module\nbroken_module.f()",
    records=[Record("cell", "KeyError", 1, 2, "broken_module.py")],
    files={"broken_module.py": "def f():\n    return {}['x']\n"},
)
case(
    2,
    "SyntaxError",
    "x = 1\ny = (",
    records=[
        Record(
            "cell",
            "SyntaxError",
            1,
            2,
            "Cell In[1]",
            lambda one: "y = (" in one["extracted_code"][-1]["code"],
        )
    ],
)
case(
    2,
    "IndentationError",
    "\n\nif 1:\nprint(1)",
    records=[Record("cell", "IndentationError", 1, 4, "Cell In[1]")],
)
case(
    2,
    "a failing input transformer",
    "def transform(lines):\n    if 'broken' in lines[0]:\n        raise ValueError('no')\n    return lines\n"
    "get_ipython().input_transformers_cleanup.append(transform)",
    "broken",
    records=[Record("cell", "ValueError", 2, 3, "Cell In[1]")],
)
case(3, "an unknown magic", "%no_such_magic", records=[Record("cell", "UsageError", 1, 1)])
case(
    4,
    "a top-level await that fails",
    "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    raise ValueError(1)",
    "\nawait f()",
    records=[
        Record("cell", "ValueError", 2, 4, "Cell In[1]", lambda one: frames_of(one)[0][2] == 2)
    ],
)
case(
    5,
    "sys.exit(3)",
    "import sys\nsys.exit(3)",
    records=[Record("cell", "SystemExit", 1, 2)],
    hosts=frozenset({KERNEL, SHELL}),
)
case(
    5,
    "raise SystemExit with a text",
    "raise SystemExit('x')",
    records=[Record("cell", "SystemExit", 1, 1)],
    hosts=frozenset({KERNEL, SHELL}),
)
case(
    5,
    "exit with 0 or None",
    "raise SystemExit",
    "raise SystemExit(0)",
    records=[],
    hosts=frozenset({SHELL}),
)
case(6, "KeyboardInterrupt", "raise KeyboardInterrupt", records=[])
case(
    6,
    "KeyboardInterrupt where a setting records it",
    "%config FailExtract.record_interrupts = True",
    "raise KeyboardInterrupt",
    records=[Record("cell", "KeyboardInterrupt", 2, 1)],
)
case(
    7,
    "a nested ExceptionGroup",
    "def g():\n    1 / 0\ndef caught():\n    try:\n        g()\n    except Exception as e:\n        return e",
    "raise ExceptionGroup('outer', [ExceptionGroup('inner', [caught()]), KeyError(1)])",
    records=[
        Record(
            "cell",
            "ExceptionGroup",
            2,
            1,
            check=lambda one: (
                [
                    (
                        part["exception_type"],
                        [inner["exception_type"] for inner in part.get("exceptions", [])],
                    )
                    for part in one["exceptions"]
                ]
                == [("ExceptionGroup", [ZERO]), ("KeyError", [])]
                and frames_of(one["exceptions"][0]["exceptions"][0])[-1][:2] == ("Cell In[1]", "g")
            ),
        )
    ],
)
case(
    8,
    "causes and notes",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    error = ValueError('b')\n    error.add_note('read me')\n"
    "    raise error from e",
    records=[
        Record(
            "cell",
            "ValueError",
            1,
            6,
            check=lambda one: (
                one["notes"] == ["read me"]
                and [(c["exception_type"], c["relation"]) for c in one["causes"]]
                == [(ZERO, "cause")]
            ),
        )
    ],
)
case(
    8,
    "raised while handling, and from None",
    "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}['x']",
    "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('y') from None",
    records=[
        Record(
            "cell", "KeyError", 1, 4, check=lambda one: one["causes"][0]["relation"] == "context"
        ),
        Record("cell", "KeyError", 2, 4, check=lambda one: "causes" not in one),
    ],
)
case(
    9,
    "a recursion 3,000 deep",
    "import sys\nsys.setrecursionlimit(4000)\ndef f(n):\n    return f(n + 1) if n < 3000 else 1 / 0",
    "f(0)",
    records=[
        Record(
            "cell",
            ZERO,
            2,
            4,
            check=lambda one: (
                len(one["extracted_code"]) == 60
                and one["frames_omitted"] == 2942
                and (one["repetition"]["function"], one["repetition"]["count"]) == ("f", 2942)
            ),
        )
    ],
)
for magic in ("time", "timeit -n1 -r1", "prun"):
    case(
        10,
        f"%%{magic.split()[0]} and an error",
        f"%%{magic}\nx = 1\n1 / 0",
        records=[Record("cell", ZERO, 1, 3, "Cell In[1]")],
    )
case(10, "%%bash exit 3", "%%bash\nexit 3", records=[Record("cell", "CalledProcessError", 1)])
case(
    11,
    "%%capture and an error",
    "1",
    "%%capture\nx = 1\n\n1 / 0",
    records=[
        Record(
            "cell",
            ZERO,
            2,
            4,
            "Cell In[2]",
            lambda one: one["cell_source"].startswith("%%capture") and one["test_name"] == "In[2]",
        )
    ],
)
SHELL_CHECK = lambda code: lambda one: one["exit_code"] == code and f"exit {code}" in one["command"]
case(
    12,
    "!exit 3",
    "x = 1\n!exit 3",
    records=[Record("shell", "CalledProcessError", 1, 2, "Cell In[1]", SHELL_CHECK(3))],
)
case(
    12,
    "x = !command",
    "x = !echo out; exit 4",
    "x",
    records=[Record("shell", "CalledProcessError", 1, 1, "Cell In[1]", SHELL_CHECK(4))],
)
case(
    12,
    "the last of several commands",
    "!true\ny = !true\n!echo a \\\n  b\n!exit 5",
    records=[Record("shell", "CalledProcessError", 1, 5, "Cell In[1]", SHELL_CHECK(5))],
)
case(
    12,
    "a command, switched off",
    "%config FailExtract.sources = {'shell': False}",
    "!exit 3",
    records=[],
)
case(
    13,
    "%run script.py",
    "%run script.py",
    records=[
        Record("run", "KeyError", 1, 3, "script.py", lambda one: one["test_name"] == "script.py")
    ],
    files={"script.py": "def f():\n    pass\nf() or {}['x']\n"},
)
case(
    13,
    "%run -i script.py",
    "y = 0",
    "%run -i script.py",
    records=[Record("run", ZERO, 2, 1, "script.py")],
    files={"script.py": "1 / y\n"},
)
case(
    13,
    "%run notebook.ipynb",
    "%run other.ipynb",
    records=[Record("run", ZERO, 1, 2, "other.ipynb")],
    files={
        "other.ipynb": '{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "execution_count": null, '
        '"outputs": [], "source": "z = 1\\n1 / 0"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    },
)
case(
    14,
    "a last expression whose _repr_html_ raises",
    "class A:\n    def _repr_html_(self):\n        raise ValueError('no')\n",
    "A()",
    records=[
        Record(
            "display",
            "ValueError",
            2,
            3,
            "Cell In[1]",
            lambda one: one["test_name"] == "display of A",
        )
    ],
    hosts=IN_KERNELS,
)
case(
    14,
    "a last expression whose __repr__ raises",
    "class A:\n    def __repr__(self):\n        raise ValueError('no')\n",
    "A()",
    records=[Record("display", "ValueError", 2, 3, "Cell In[1]")],
)
case(
    14,
    "display() of a broken _repr_mimebundle_",
    "class A:\n    def _repr_mimebundle_(self, **more):\n        raise ValueError('no')\n",
    "display(A())",
    records=[Record("display", "ValueError", 2, 3, "Cell In[1]")],
)
THREAD = "import threading\ndef work():\n    1 / 0\ngo = threading.Event()\ndef later():\n    go.wait(60)\n    1 / 0\n"
case(
    15,
    "an exception in a thread",
    THREAD,
    "thread = threading.Thread(target=work, name='worker')\nthread.start(); thread.join()",
    records=[
        Record("thread", ZERO, 2, 3, "Cell In[1]", lambda one: one["thread_name"] == "worker")
    ],
)
case(
    15,
    "in a thread, three cells later",
    THREAD,
    "thread = threading.Thread(target=later)\nthread.start()",
    "1",
    "2",
    "go.set(); thread.join()",
    records=[Record("thread", ZERO, 2, 7, "Cell In[1]")],
)
POOL = (
    "from concurrent.futures import ThreadPoolExecutor, wait\npool = ThreadPoolExecutor(1)\n"
    "def work(x):\n    return 1 / x\n"
)
case(
    16,
    "a future that nobody reads",
    POOL,
    "pool.submit(work, 1)",
    "_ = wait([pool.submit(work, 0)]); del _",
    records=[Record("future", ZERO, 3, 4, "Cell In[1]", lambda one: one["test_name"] == "work")],
)
case(
    16,
    "a future in a variable that nobody reads",
    POOL,
    "future = pool.submit(work, 0)\nwait([future])\n1",
    "1",
    records=[Record("future", ZERO, 2, 4, "Cell In[1]")],
)
case(
    16,
    "a future that is read",
    POOL,
    "try:\n    pool.submit(work, 0).result()\nexcept ZeroDivisionError:\n    pass",
    "error = pool.submit(work, 0).exception()",
    records=[],
)
TASK = "import asyncio\nasync def work():\n    1 / 0\n"
case(
    17,
    "a task that nobody awaits",
    TASK,
    "asyncio.create_task(work(), name='one')\nawait asyncio.sleep(0.01)",
    records=[Record("task", ZERO, 2, 3, "Cell In[1]", lambda one: "one" in one["test_name"])],
    hosts=AWAITS,
)
case(
    17,
    "a task in a variable that nobody awaits",
    TASK,
    "task = asyncio.create_task(work())\nawait asyncio.sleep(0)",
    "await asyncio.sleep(0.01)",
    "1",
    records=[Record("task", ZERO, 2, 3, "Cell In[1]")],
    hosts=AWAITS,
)
case(
    17,
    "a task that is awaited",
    TASK,
    "task = asyncio.create_task(work())\nawait asyncio.sleep(0.01)",
    "try:\n    await task\nexcept ZeroDivisionError:\n    pass",
    records=[],
    hosts=AWAITS,
)
BUTTON = (
    "import ipywidgets\nbutton = ipywidgets.Button()\ndef clicked(button):\n    1 / 0\n"
    "button.on_click(clicked)\nbutton.comm.comm_id"
)
case(
    18,
    "on_click of a widget",
    "1",
    BUTTON,
    CLICK,
    "1",
    records=[
        Record("callback", ZERO, 2, 4, "Cell In[2]", lambda one: one["test_name"] == "clicked")
    ],
    hosts=IN_KERNELS,
)
case(
    18,
    "observe of a widget",
    "import ipywidgets\nslider = ipywidgets.IntSlider()\ndef moved(change):\n    1 / 0\n",
    "slider.observe(moved, 'value')",
    "slider._handle_msg({'content': {'data': {'method': 'update', 'state': {'value': 7}}}})",
    records=[Record("callback", ZERO, 2, 4, "Cell In[1]", lambda one: one["test_name"] == "moved")],
)
case(
    18,
    "a cell in an Output",
    "import ipywidgets\nout = ipywidgets.Output()",
    "with out:\n    1 / 0",
    records=[Record("callback", ZERO, 2, 2, "Cell In[2]")],
)
case(
    19,
    "an exception in __del__",
    "class A:\n    def __del__(self):\n        1 / 0\n",
    "a = A()\ndel a",
    records=[Record("unraisable", ZERO, 2, 3, "Cell In[1]")],
)
case(
    20,
    "a set_custom_exc handler that swallows it",
    "seen = []\ndef handler(self, kind, value, tb, tb_offset=None):\n    seen.append(kind)\n"
    "get_ipython().set_custom_exc((ZeroDivisionError,), handler)",
    "1 / 0",
    "assert len(seen) == 1",
    records=[Record("cell", ZERO, 2, 1, "Cell In[2]")],
)
case(
    21,
    "an exception that is handled",
    "try:\n    1 / 0\nexcept ZeroDivisionError:\n    pass",
    records=[],
)
case(
    22,
    "tagged raises-exception, and raises",
    Cell("1 / 0", ("raises-exception",)),
    records=[Record("cell", ZERO, 1, 1, check=lambda one: one["expected"] is True)],
    hosts=IN_KERNELS,
)
case(
    23,
    "tagged raises-exception, and does not raise",
    Cell("1", ("raises-exception",)),
    records=[Record("expectation", "DidNotRaise", 1)],
    hosts=IN_KERNELS,
)
KINDS = """import functools, asyncio
from failextract_nb import extract_on_failure as watch, capture_failures
@watch
def function(): 1 / 0
class A:
    @watch
    def method(self): 1 / 0
    @watch
    @classmethod
    def class_one(cls): 1 / 0
    @classmethod
    @watch
    def class_two(cls): 1 / 0
    @watch
    @staticmethod
    def static_one(): 1 / 0
    @staticmethod
    @watch
    def static_two(): 1 / 0
@watch
async def coroutine(): 1 / 0
@watch
def generator():
    yield 1
    1 / 0
@watch
async def async_generator():
    yield 1
    1 / 0
partial = watch(functools.partial(lambda x: 1 / x, 0))
class Callable:
    def __call__(self): 1 / 0
called = watch(Callable())
@watch
class TestClass:
    def test_one(self): 1 / 0
    def helper(self): 1 / 0
def block():
    with capture_failures("block"):
        1 / 0
async def all_of(it):
    return [one async for one in it]
def handled(call):
    try: call()
    except ZeroDivisionError: pass
    else: raise AssertionError(call)"""
CALLS = """for call in (function, A().method, A.class_one, A.class_two, A.static_one, A.static_two,
             lambda: coroutine().send(None), lambda: list(generator()),
             lambda: all_of(async_generator()).send(None), partial, called, TestClass().test_one,
             TestClass().helper, block):
    handled(call)"""
NAMES = [
    "function",
    "method",
    "class_one",
    "class_two",
    "static_one",
    "static_two",
    "coroutine",
    "generator",
    "async_generator",
    "<lambda>",
    "Callable",
    "test_one",
]
case(
    24,
    "every kind of decorated thing",
    KINDS,
    CALLS,
    records=[
        *(
            Record("function", ZERO, 2, check=lambda one, name=name: one["test_name"] == name)
            for name in NAMES
        ),
        Record("block", ZERO, 2, check=lambda one: one["test_name"] == "block"),
    ],
)
case(
    24,
    "cancelling and closing",
    KINDS,
    "@watch\nasync def waits():\n    raise asyncio.CancelledError\ntry:\n    waits().send(None)\n"
    "except asyncio.CancelledError:\n    pass\nit = generator()\nnext(it)\nit.close()",
    records=[],
)
case(
    25,
    "decorated in decorated in a cell",
    "from failextract_nb import extract_on_failure\n@extract_on_failure\ndef inner():\n    1 / 0\n"
    "@extract_on_failure\ndef outer():\n    inner()\nouter()",
    records=[
        Record(
            "function",
            ZERO,
            1,
            4,
            "Cell In[1]",
            lambda one: (
                [context["name"] for context in one["contexts"]] == ["inner", "outer", "In[1]"]
            ),
        )
    ],
)
case(
    26,
    "raised again in a later cell",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    error = e\nraise error",
    "raise error",
    records=[
        Record("cell", ZERO, 1, 2, check=lambda one: "again" not in one),
        Record("cell", ZERO, 2, None, check=lambda one: one["again"]),
    ],
)
WORKER = (
    "from failextract_nb import extract_on_failure\n"
    "@extract_on_failure\ndef work(x):\n    half = x / 2\n    return 1 / half\n"
)
FAR = [
    Record(
        "function",
        ZERO,
        2,
        5,
        "worker_module.py",
        lambda one: (
            one["process_id"] != one["home_process"]
            and any(held and held.get("half") == "0.0" for held in one["locals"])
        ),
    )
]
case(
    27,
    "in a process pool",
    "import worker_module, multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor",
    "with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:\n    pool.submit(worker_module.work, 0).result()",
    records=FAR,
    files={"worker_module.py": WORKER},
)
case(
    27,
    "in joblib",
    "import worker_module, joblib",
    "joblib.Parallel(2)([joblib.delayed(worker_module.work)(0)])",
    records=FAR,
    files={"worker_module.py": WORKER},
)
case(
    27,
    "in multiprocessing",
    "import worker_module, multiprocessing",
    "with multiprocessing.get_context('spawn').Pool(1) as pool:\n    pool.apply(worker_module.work, (0,))",
    records=FAR,
    files={"worker_module.py": WORKER},
)
case(
    27,
    "in Dask",
    "import worker_module\nfrom distributed import Client, LocalCluster\n"
    "cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None)\nclient = Client(cluster)",
    "try:\n    client.submit(worker_module.work, 0).result()\nfinally:\n    client.close(); cluster.close()",
    records=FAR,
    files={"worker_module.py": WORKER},
    hosts=IN_KERNELS,
)
case(
    28,
    "a thousand tests on twenty threads",
    "from concurrent.futures import ThreadPoolExecutor\nfrom failextract_nb import extract_on_failure, FailureExtractor\n"
    "@extract_on_failure\ndef test(number):\n    assert number % 3, number\n"
    "def call(number):\n    try:\n        test(number)\n    except AssertionError:\n        pass",
    "with ThreadPoolExecutor(20) as pool:\n    list(pool.map(call, range(1000)))",
    records=[
        Record(
            "function",
            "AssertionError",
            2,
            5,
            "Cell In[1]",
            lambda one, number=number: (
                one["exception_message"] == str(number) and one["thread_name"] != "MainThread"
            ),
        )
        for number in range(0, 1000, 3)
    ],
)
# The entry point as pyproject.toml declares it: pytest finds it also where nothing is installed anew.
PYPROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
ENTRY_POINT = {
    "declared-0.dist-info/METADATA": "Metadata-Version: 2.1\nName: declared\nVersion: 0\n",
    "declared-0.dist-info/entry_points.txt": "[pytest11]\n"
    + "".join(
        f"{name} = {target}\n"
        for name, target in PYPROJECT["project"]["entry-points"]["pytest11"].items()
    ),
}
TESTS = (
    'import pytest\n\n@pytest.fixture(scope="module")\ndef base():\n    return 41\n\n'
    "def test_passes(base):\n    pass\n\n@pytest.mark.parametrize('more', [1, 2])\n"
    "def test_sum(base, more):\n    print('adding')\n    assert base + more == 42\n"
)
IPYTEST = "import ipytest\nipytest.autoconfig()"


def is_of_test(one: dict[str, Any]) -> bool:
    """What pytest knows of the test is there."""
    base, more = one["fixtures"]["base"], one["fixtures"]["more"]
    return (
        one["node_id"].endswith("::test_sum[2]")
        and (base["scope"], base["value"], base["file"]) == ("module", "41", one["test_file"])
        and (more["kind"], one["parameters"], one["phase"]) == ("parameter", {"more": "2"}, "call")
        and one["captured"] == {"stdout call": "adding\n"}
        and (one["assertion"]["left"], one["assertion"]["right"]) == ("43", "42")
        and one["locals"] == [{"base": "41", "more": "2"}]
    )


for name, cells, cell, line in (
    ("a failing test under %%ipytest", [f"%%ipytest -qq\n{TESTS}"], 2, 14),
    ("a failing test under ipytest.run()", [TESTS, "ipytest.run()"], 3, 13),
):
    case(
        29,
        name,
        IPYTEST,
        *cells,
        records=[Record("test", "AssertionError", cell, line, "Cell In[2]", is_of_test)],
        hosts=frozenset({KERNEL, TERMINAL}),
        files=ENTRY_POINT,
    )
LATER = {30: "the kernel dies"}
