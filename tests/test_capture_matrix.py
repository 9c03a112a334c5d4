"""The contract of capturing, row by row: in a real kernel, in terminal IPython, in a test shell.

``matrix.py`` holds the situations; the README's table is made of what they gave.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from compare import (
    BEGIN,
    END,
    HEAD,
    ROOT,
    TOLD,
    caption,
    lay_out,
    name_of,
    notebook_of,
    of_others,
    recorded,
)
from IPython.core.interactiveshell import InteractiveShell
from matrix import CASES, KERNEL, LATER, SHELL, TERMINAL, Case
from runs import execute

from failextract_nb import FailureExtractor

pytestmark = [
    # What Python and IPython say of a failure is no failure of the test.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:To exit:UserWarning"),
]
README = (ROOT / "README.md").read_text()
TABLE = README.partition(BEGIN)[2].partition(END)[0]
HOSTS = [(case, host) for case in CASES for host in (KERNEL, TERMINAL, SHELL) if host in case.hosts]


@pytest.fixture(autouse=True)
def files(request, tmp_path, monkeypatch):
    """What the case needs stands in its folder, and is importable there."""
    case = request.getfixturevalue("case") if "case" in request.fixturenames else None
    if case is not None:
        monkeypatch.setenv("PYTHONPATH", lay_out(case, tmp_path)["PYTHONPATH"])
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name in ("worker_module", "broken_module")]:
        monkeypatch.delitem(sys.modules, name)


def in_kernel(case: Case, folder: Path) -> list[dict]:
    return execute(notebook_of(case), folder, extension=True).captured


# The terminal's own loop, with the keyboard replaced: what is typed is the next cell.
TYPED = """
import json, sys
from IPython.terminal.interactiveshell import TerminalInteractiveShell
cells = json.loads(sys.argv.pop())

def prompt_for_code(self):
    if not cells:
        self.confirm_exit = False
        raise EOFError
    return cells.pop(0)

TerminalInteractiveShell.prompt_for_code = prompt_for_code
TerminalInteractiveShell.simple_prompt = False
import IPython
try:
    IPython.start_ipython(["--ext=failextract_nb", "--no-banner", "--colors=nocolor"])
finally:
    from failextract_nb import FailureExtractor
    print("failures:" + json.dumps(list(FailureExtractor().failures)))
"""


def in_terminal(case: Case, folder: Path) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-c", TYPED, json.dumps(case.cells)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "IPYTHONDIR": str(folder / "ipython"), "TERM": "dumb"},
        check=False,
    )
    told = [line for line in done.stdout.splitlines() if line.startswith("failures:")]
    assert told, done.stdout + done.stderr
    return json.loads(told[-1].removeprefix("failures:"))


@pytest.fixture
def the_shell(shell, monkeypatch):
    """The test's shell is the one that ``get_ipython()`` finds."""
    monkeypatch.setattr(InteractiveShell, "_instance", shell)
    return shell


def in_shell(case: Case, shell) -> list[dict]:
    shell.run_line_magic("load_ext", "failextract_nb")
    for source in case.cells:
        shell.run_cell(source, store_history=True)
    return list(FailureExtractor().failures)


@pytest.mark.parametrize(("case", "host"), HOSTS, ids=lambda one: getattr(one, "id", one))
def test_each_situation_is_what_it_has_to_be(case, host, tmp_path, request):
    """Exactly the records of the row: origin, type, cell, line, place, and what else it says."""
    if host == KERNEL:
        found = in_kernel(case, tmp_path)
    elif host == TERMINAL:
        found = in_terminal(case, tmp_path)
    else:
        found = in_shell(case, request.getfixturevalue("the_shell"))
    told = [
        (one["origin"], one["exception_type"], one.get("execution_count"), one["line_number"],
         one["test_file"], one["test_name"], one["exception_message"][:80])
        for one in found
    ]  # fmt: skip
    assert len(found) == len(case.records), told
    rest = list(found)
    for record in case.records:
        home = {"home_process": os.getpid() if host == SHELL else None}
        match = next((one for one in rest if fits(record, {**one, **home})), None)
        assert match is not None, (record, told, rest[:3])
        rest.remove(match)
    if host == KERNEL and case in TOLD and caption() in README:
        assert line_of(case).endswith(f"| {recorded(found)} |")


def line_of(case: Case) -> str:
    """What the README's table says of it."""
    return next(line for line in TABLE.splitlines() if f"| {name_of(case)} |" in line)


def fits(record, one: dict) -> bool:
    """Whether this failure is that of the matrix."""
    same = (record.origin, record.type, record.cell) == (
        one["origin"], one["exception_type"], one.get("execution_count"),
    )  # fmt: skip
    if not same or record.line not in (None, one["line_number"]):
        return False
    if record.place and not one["test_file"].endswith(record.place):
        return False
    assert (
        one["cell_id"].startswith("source:") or "expected" in one or one["origin"] == "expectation"
    )
    return bool(one["cell_source"]) and bool(record.check(one))


def test_every_row_has_its_situations():
    """Thirty rows; what belongs to later work is named, and nothing is forgotten."""
    assert {case.row for case in CASES} | set(LATER) == set(range(1, 31))


@pytest.mark.parametrize("row", LATER)
def test_rows_of_later_work(row):
    pytest.skip(f"row {row} ({LATER[row]}) is not built yet")


@pytest.mark.peers
@pytest.mark.skipif(caption() not in README, reason="the README's table is of other versions")
@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.id)
def test_the_table_of_the_readme_is_what_is_measured(case):
    """What a plain hook, nbclient and papermill say of the same cells; what we record, the test of
    the situation compares.
    """
    assert of_others(case) in TABLE


def test_the_table_of_the_readme_is_whole():
    """A row for each situation, and no other."""
    assert TABLE.startswith(HEAD)
    assert TABLE.count("\n| ") == len(TOLD) + len(LATER)
