"""The words of the project: what a failure, a frame and a pass look like.

A failure is a plain ``dict`` that holds only what JSON can hold.  The keys in ``CORE`` are in
every record that the store keeps; any other key may be missing, so readers use ``.get``.  Records
share the parts that repeat (frames, source), so treat a record as read-only and copy it first if
you want to change it.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypedDict

from failextract_nb._redact import count_masks
from failextract_nb._strings import shown_name

SCHEMA_VERSION = 1
RAISES = "raises-exception"  # the tag of a cell that is meant to fail
# In the metadata of a request to run a cell, from who runs a whole notebook and so knows more than
# the kernel does: {"cell_index": 3, "notebook": "a.ipynb", "must_fail": "a tag that says so"}.
METADATA = "failextract_nb"


class Frame(TypedDict, total=False):
    """One level of a traceback, outermost first in ``extracted_code``."""

    file: str  # a path, or "Cell In[5]"
    function: str
    line: int  # 1-based, as the user counts
    end_line: int
    column: int  # 0-based, in characters; absent where Python does not know it
    end_column: int
    code: str  # the source around the line
    code_start: int  # the number of the first line in ``code``
    library: bool  # not the user's own code


class Repetition(TypedDict):
    """The place that a recursion went through again and again."""

    file: str
    function: str
    line: int
    count: int  # of the frames there that were left out


class Raised(TypedDict, total=False):
    """An exception as data: the failure itself, one of its causes, or a member of its group."""

    exception_type: str
    exception_module: str
    exception_message: str
    notes: list[Any]  # texts, but for what an override has put in
    extracted_code: list[Frame]
    locals: list[dict[str, str] | None]  # parallel to ``extracted_code``
    frames_omitted: int
    repetition: Repetition  # where most of them are at one place
    relation: str  # in ``causes`` only: "cause" (raise ... from) or "context" (while handling)
    causes: list[Raised]
    exceptions: list[Raised]  # the members of an exception group
    exceptions_omitted: int


class Assertion(TypedDict, total=False):
    """What pytest says of an assert that has failed."""

    explanation: list[str]  # line by line
    operator: str  # of the last comparison in it, and what stands at its sides, as text
    left: str
    right: str


class Context(TypedDict, total=False):
    """A door that the exception passed on its way out."""

    origin: str
    name: str
    output: str  # the report that this door writes


class Blocker(TypedDict):
    """Why a cell has failed that an earlier one has left without what it needs."""

    failure: str  # the id of the earlier one's
    cell_index: int
    name: str  # that is not defined


class Failure(Raised, total=False):
    """One failure.  ``CORE`` names the keys that are always there."""

    id: str
    # cell, function, block, shell, run, display, callback, thread, future, task, unraisable,
    # expectation, test, dask, or what add_failure was handed ("manual"); of a notebook that is run
    # from outside also timeout, kernel, start, unreadable, worker
    origin: str
    timestamp: str  # ISO 8601 with the offset, UTC
    test_name: str
    test_module: str
    test_file: str
    line_number: int
    exception_traceback: str
    thread_id: int
    thread_name: str
    process_id: int
    duration: float  # seconds; this and the following where known
    test_source: str
    test_args: list[Any]  # texts, but for what a user has handed in
    test_kwargs: dict[str, Any]
    fixtures: dict[str, Any]
    contexts: list[Context]
    tags: list[str]
    cell_id: str | None
    cell_index: int  # place in the notebook, from 0
    cell_source: str
    notebook_line: int  # of the notebook's file, where the failing line stands
    blocked_by: Blocker
    execution_count: int | None
    notebook: str | None
    output: str  # the report this failure was asked to be written to
    again: str  # the id of the failure that this same exception object was before
    expected: bool  # the cell is tagged raises-exception
    command: str  # of origin shell
    exit_code: int
    node_id: str  # of a test under pytest, as its other keys down to subtest
    phase: str  # collect, setup, call, teardown; crash where a worker of pytest-xdist has died
    parameters: dict[str, str]  # what the test is parametrised with, as text
    captured: dict[str, str]  # what it has written, by stream and phase: "stdout call"
    assertion: Assertion
    subtest: str  # "[message] (name=value)"
    dask: dict[str, Any]  # key and dependencies of a task, worker; of one lost also its tasks
    attempts: int  # how often a task has failed; where failures are only counted, how many
    redacted: int  # values that were removed from this record, where some were


class Passed(TypedDict, total=False):
    """A test or function that passed."""

    id: str
    timestamp: str
    test_name: str
    test_module: str
    test_file: str
    thread_id: int
    duration: float


UNKNOWN = "unknown"
_PASSED_DEFAULTS: dict[str, Any] = dict.fromkeys(("test_name", "test_module", "test_file"), UNKNOWN)
_FAILURE_DEFAULTS: dict[str, Any] = {
    **_PASSED_DEFAULTS,
    "origin": "manual",
    "line_number": 0,
    "exception_type": UNKNOWN,
    "exception_message": "",
    "exception_traceback": "",
}
CORE = (
    "id",
    "timestamp",
    "thread_id",
    "thread_name",
    "process_id",
    *_FAILURE_DEFAULTS,
)

# What each include_* switch of a report takes away, from causes and members of groups, too.
FRAME_KEYS = frozenset({"code", "code_start"})  # the source in a frame
SOURCE_KEYS = FRAME_KEYS | {"test_source", "cell_source"}
FIXTURE_KEYS = frozenset({"fixtures"})
LOCALS_KEYS = frozenset({"locals", "test_args", "test_kwargs"})
TRACEBACK_KEYS = frozenset({"exception_traceback", "extracted_code", "locals"})

_numbers = itertools.count(1)


def _new_process() -> None:
    global process_token, process_id  # noqa: PLW0603  # what a fork has to renew
    process_token = os.urandom(5).hex()
    process_id = os.getpid()


process_token = ""
process_id = 0
_new_process()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_new_process)


def new_id() -> str:
    """An id that no other failure has, in this process or another."""
    return f"{process_token}-{next(_numbers)}"


def now() -> str:
    """This moment as records write it: microseconds, UTC."""
    second, rest = divmod(time.time_ns() // 1_000, 1_000_000)
    return f"{_second(second)}.{rest:06}+00:00"


@lru_cache(maxsize=1)  # failures come in bursts, and the date is slow
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamps() -> dict[str, Any]:
    """The keys that tell a new failure from all others, and where and when it was."""
    return {
        "id": f"{process_token}-{next(_numbers)}",
        "timestamp": now(),
        "thread_id": threading.get_ident(),
        "thread_name": shown_name(threading.current_thread().name),
        "process_id": process_id,
    }


def complete(record: dict[str, Any]) -> Failure:
    """Fill in, in place, what core keys ``record`` lacks."""
    _stamp(record)
    thread = threading.current_thread()
    if record.get("thread_name") is None:
        record["thread_name"] = shown_name(thread.name)
    if record.get("process_id") is None:
        record["process_id"] = process_id
    _fill(record, _FAILURE_DEFAULTS)
    count_masks(record)
    return record  # type: ignore[return-value]  # a dict that now has the core keys


def complete_passed(record: dict[str, Any]) -> Passed:
    """Fill in, in place, what a passed record lacks."""
    _stamp(record)
    _fill(record, _PASSED_DEFAULTS)
    return record  # type: ignore[return-value]  # as above


def _stamp(record: dict[str, Any]) -> None:
    if not record.get("id"):
        record["id"] = new_id()
    elif type(record["id"]) is not str:
        record["id"] = str(record["id"])
    if not record.get("timestamp"):
        record["timestamp"] = now()
    elif type(record["timestamp"]) is not str:
        record["timestamp"] = str(record["timestamp"])
    if record.get("thread_id") is None:
        record["thread_id"] = threading.get_ident()


def _fill(record: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Put in what is missing; what is text by definition becomes text."""
    for key, default in defaults.items():
        value = record.get(key)
        if value is None:
            record[key] = default
        elif type(default) is str and type(value) is not str:
            record[key] = str(value)


def redacted_in(failures: Iterable[Mapping[str, Any]]) -> int:
    """How many values were removed from these records."""
    counts = (one.get("redacted") for one in failures)
    return sum(count for count in counts if type(count) is int)


def counted(count: int, noun: str = "failure") -> str:
    """``1 failure``, ``2 failures``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def where(failure: Mapping[str, Any]) -> str:
    """The short place of a failure that a person recognises: ``In[5]``, a test, a function."""
    name = str(failure.get("test_name", UNKNOWN))
    count = failure.get("execution_count")
    if failure.get("origin") != "cell" and not count:
        return name
    cell = f"In[{count}]" if count else "a cell"
    return cell if name in (cell, UNKNOWN) else f"{cell} {name}"


def line_of(failure: Mapping[str, Any]) -> str:
    """The line (``4``), with its file where that is not the cell that failed (``In[3]:4``).

    "" where no line is known.
    """
    line = failure.get("line_number")
    if not line:
        return ""
    file = str(failure.get("test_file", UNKNOWN)).removeprefix("Cell ")
    if file in (UNKNOWN, f"In[{failure.get('execution_count')}]"):
        return str(line)
    return f"{file.replace(chr(92), '/').rpartition('/')[2]}:{line}"
