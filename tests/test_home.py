"""Records of other processes find the cells of this session that their frames are in."""

from __future__ import annotations

import sys

import pytest

from failextract_nb import FailureExtractor, positions
from failextract_nb.home import at_home, mark_of, plain

CELL = """
import functools
def work(x):
    half = x / 2
    return (1 /
            half)
@functools.wraps(work)
def wrapped(x):
    return work(x)
password = "swordfish"
class Odd:
    def __getattr__(self, name):
        raise SystemExit
odd = Odd()
"""


@pytest.fixture
def session(shell, monkeypatch):
    """A shell that has run ``CELL`` as its first; its variables are those of ``__main__``."""
    shell.run_line_magic("load_ext", "failextract_nb")
    shell.run_cell(CELL, store_history=True)
    for name in ("work", "wrapped", "odd"):
        monkeypatch.setitem(vars(sys.modules["__main__"]), name, shell.user_ns[name])
    yield shell
    shell.run_line_magic("unload_ext", "failextract_nb")


def made(name):
    return plain(vars(sys.modules["__main__"])[name]).__code__


def frame(function, line, **more):
    return {"file": "<dynamic-code>", "function": function, "line": line, **more}


def record(*frames, **more):
    more = {
        "dask": {
            "code": {
                code.co_name: mark_of(code) for code in (made("work"), made(frames[0]["function"]))
            }
        },
        **more,
    }
    last = frames[-1]
    lines = [
        f'  File "{one["file"]}", line {one["line"]}, in {one["function"]}\n' for one in frames
    ]
    return {
        "exception_type": "ZeroDivisionError",
        "extracted_code": [*frames],
        "test_file": last["file"],
        "line_number": last["line"],
        "exception_traceback": "Traceback (most recent call last):\n" + "".join(lines) + "Z: no\n",
        **more,
    }


def test_a_function_of_a_cell(session):
    told = at_home(record(frame("work", 4, end_line=5)))
    (found,) = told["extracted_code"]
    assert (found["file"], found["line"], found["end_line"]) == ("Cell In[1]", 5, 6)
    assert "    return (1 /" in found["code"]
    assert (told["test_file"], told["line_number"]) == ("Cell In[1]", 5)
    assert told["exception_traceback"] == (
        "Traceback (most recent call last):\n"
        "  Cell In[1], line 5, in work\n    return (1 /\nZ: no\n"
    )
    assert "swordfish" not in str(told)


def test_a_decorated_function_is_known_by_its_source(session):
    """What travels without Dask has no marks."""
    source = positions.source_of(made("work"))
    assert at_home(record(frame("work", 4), dask=None, test_source=source))["line_number"] == 5
    told = at_home(record(frame("work", 4), dask=None, test_source=source.replace("half", "third")))
    assert told["test_file"] == "<dynamic-code>"
    other = {"code": {"work": "of another"}}
    assert at_home(record(frame("work", 4), dask=other, test_source=source))["dask"] == {}
    assert at_home(record(frame("work", 4), dask=other))["test_file"] == "<dynamic-code>"


def test_wrapped_functions_and_causes(session):
    cause = record(frame("wrapped", 4))
    told = at_home(record(frame("work", 5), causes=[cause, "nonsense"], exceptions="none"))
    assert told["causes"][0]["extracted_code"][0]["file"] == "Cell In[1]"
    assert told["causes"][1] == "nonsense"
    assert told["exceptions"] == "none"


@pytest.mark.parametrize(
    "one",
    [
        frame("work", 500),  # it is another function by now
        frame("odd", 3),
        frame("nobody", 3),
        frame("work", 5, code="known there"),
        {"file": "/their/module.py", "function": "work", "line": 5},
        {"file": 5, "function": "work", "line": "x"},
        {},
    ],
)
def test_what_is_not_in_a_cell_of_ours_stays(session, one):
    given = {"extracted_code": [one, "nonsense"], "exception_traceback": "said"}
    assert at_home(given) == given
    assert at_home({"extracted_code": "none"}) == {"extracted_code": "none"}


def test_a_cell_of_magics(session):
    """Shown as the user has written it."""
    session.run_cell("%time 1\ndef later():\n    return 1 / 0", store_history=True)
    vars(sys.modules["__main__"])["later"] = session.user_ns["later"]
    try:
        (found,) = at_home(record(frame("later", 3)))["extracted_code"]
    finally:
        del vars(sys.modules["__main__"])["later"]
    assert found["file"] == "Cell In[2]"
    assert "%time 1" in found["code"]


def test_a_traceback_that_says_something_else(session):
    told = at_home(record(frame("work", 5), exception_traceback="nothing of it"))
    assert told["exception_traceback"] == "nothing of it"
    FailureExtractor().add_failure(told)
