"""Random exceptions with random values through random doors: one valid record each, nothing else.

The test run takes a sample; `make fuzz` sets FAILEXTRACT_FUZZ to the number of examples.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from dataclasses import make_dataclass

import pytest
from conftest import violation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from IPython.core.interactiveshell import InteractiveShell

from failextract_nb import FailureExtractor, capture_failures, extract_on_failure
from failextract_nb.failure import CORE

EXAMPLES = int(os.environ.get("FAILEXTRACT_FUZZ", "150"))
SECONDS = 30  # that a failure may take on a machine that does other things, too
TIMEOUT = pytest.mark.timeout(0 if EXAMPLES > 1_000 else 180)
MAX_RECORD = 2_000_000  # characters of a record as JSON; groups of groups hold much


class Boom(BaseException):
    pass


ERRORS = [
    ValueError, KeyError, OSError, RecursionError, MemoryError, StopIteration, Boom, SystemExit,
    AttributeError, UnicodeError, AssertionError,
]  # fmt: skip
METHODS = [
    "__repr__", "__str__", "__getattr__", "__getattribute__", "__eq__", "__hash__", "__len__",
    "__iter__", "__bool__", "__format__", "__dir__", "__reduce__", "__sizeof__", "__call__",
]  # fmt: skip
ANSWERS = st.sampled_from([None, 0, -1, "", "text", b"bytes", "\ud800\0", [], NotImplemented])


@st.composite
def hostile(draw):
    """An object some of whose methods raise or answer with nonsense."""
    body = {}
    for name in draw(st.lists(st.sampled_from(METHODS), unique=True, max_size=6)):
        if draw(st.booleans()):
            error = draw(st.sampled_from(ERRORS))
            body[name] = lambda self, *_a, error=error: (_ for _ in ()).throw(error("inside"))
        else:
            answer = draw(ANSWERS)
            body[name] = lambda self, *_a, answer=answer: answer
    base = draw(st.sampled_from([object, dict, list, tuple, str, int, set, deque, Exception]))
    name = draw(st.sampled_from(["Own", "é" * 30, "DataFrame", "SecretStr"]))
    try:
        return type(name, (base,), body)()
    except BaseException:
        return body


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(),
    st.binary(), st.dates(), st.datetimes(), st.timedeltas(), st.uuids(), st.decimals(),
    st.characters(categories=["Cs", "Cc"]), st.integers(10**400, 10**401), hostile(),
    st.sampled_from([object, len, iter([]), (x for x in ()), lambda: 0, NotImplemented, ...]),
)  # fmt: skip


def containers(children):
    keys = st.one_of(st.text(max_size=20), st.integers(), st.none(), st.tuples(st.text()))
    mappings = st.dictionaries(keys, children, max_size=5)
    lists = st.lists(children, max_size=5)
    return st.one_of(
        lists,
        mappings,
        lists.map(tuple),
        lists.map(deque),
        mappings.map(OrderedDict),
        mappings.map(lambda one: defaultdict(list, one)),
        mappings.map(lambda one: ChainMap(one, {})),
        children.map(lambda one: make_dataclass("Data", ["held", "password"])(one, one)),
        st.lists(st.integers()).map(Counter),
    )


values = st.recursive(leaves, containers, max_leaves=20)


class Slotted(Exception):
    __slots__ = ()


class Own(Exception):
    def __init__(self, *args, **more):
        super().__init__(*args)
        self.__dict__.update(more)

    def __str__(self):
        return self.args[0]


def refuses(cls):
    """An exception whose own methods raise."""

    def raises(self, *_):
        raise Boom

    return type("Refuses", (cls,), {"__str__": raises, "__repr__": raises, "__setattr__": raises})


@st.composite
def exceptions(draw, depth=2):
    kinds = [ValueError, KeyError, OSError, Slotted, Own, SyntaxError, UnicodeDecodeError]
    kind = draw(st.sampled_from([*kinds, refuses(ValueError), refuses(KeyError)]))
    args = draw(st.lists(values, max_size=3))
    try:
        error = kind(*args)
    except BaseException:
        error = ValueError(*args)
    if depth and draw(st.integers(0, 4)) == 0:
        members = draw(st.lists(exceptions(depth - 1), min_size=1, max_size=3))
        error = ExceptionGroup(draw(st.text(max_size=20)), members)
    if depth and draw(st.booleans()):
        # Past a __setattr__ of its own, as the interpreter does it.
        BaseException.__cause__.__set__(error, draw(exceptions(depth - 1)))
    if draw(st.integers(0, 5)) == 0:
        BaseException.__context__.__set__(error, error.__cause__)
    for note in draw(st.lists(st.text(), max_size=2)):
        try:
            error.add_note(note)
        except BaseException:
            break
    return error


def by_function(error, held):
    @extract_on_failure
    def fails(argument, *, secret=None):
        raise error

    fails(held, secret=held)


def by_block(error, held):
    with capture_failures("block"):
        local = held
        raise error


def by_coroutine(error, held):
    @extract_on_failure
    async def fails(argument):
        raise error

    fails(held).send(None)  # a loop would ask for the repr of the exception itself


def by_thread(error, held):
    caught = []

    @extract_on_failure
    def fails(argument):
        raise error

    def run():
        try:
            fails(held)
        except BaseException as one:
            caught.append(one)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    raise caught[0]


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "failextract_nb")
    shell.showtraceback = lambda *_a, **_k: None  # what it prints of hostile values is its own
    yield shell
    shell.run_line_magic("unload_ext", "failextract_nb")


@pytest.fixture(scope="module")
def by_cell(shell):
    def fails(error, held):
        shell.user_ns.update(error=error, held=held)
        result = shell.run_cell("local = held\nraise error")
        raise result.error_in_exec

    return fails


def check(door, error, held):
    """The same exception out, one record in: JSON-native, complete, within bounds."""
    extractor = FailureExtractor()
    extractor.clear()
    began = time.monotonic()
    try:
        door(error, held)
    except BaseException as caught:  # noqa: BLE001
        assert caught is error
    else:
        raise AssertionError("nothing was raised")
    assert time.monotonic() - began < SECONDS
    assert len(extractor.failures) == 1, [dict(one) for one in extractor.failures]
    record = dict(extractor.failures[0])
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text) == record
    assert not violation("failure")(record)
    assert len(text) < MAX_RECORD
    assert all(record.get(key) is not None for key in CORE)
    assert extractor.get_statistics()["problems"] == []


given_failures = given(
    exceptions(), values, st.sampled_from(["function", "block", "coroutine", "thread", "cell"])
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given_failures
@TIMEOUT
def test_any_failure_through_any_door(by_cell, error, held, door):
    doors = {
        "function": by_function, "block": by_block, "coroutine": by_coroutine, "thread": by_thread,
        "cell": by_cell,
    }  # fmt: skip
    check(doors[door], error, held)


class Sessions(RuleBasedStateMachine):
    """Failures, limits, clears and undos in any order; what the store holds is what it says."""

    def __init__(self):
        super().__init__()
        self.extractor = FailureExtractor()
        self.extractor.set_memory_limits(warn_at=10**9)
        self.extractor.clear()
        self.ids = []  # of what should be there, oldest first
        self.limit = None
        self.taken = None

    def added(self):
        if self.limit is not None:
            del self.ids[: -self.limit]

    @rule(error=exceptions(depth=1), held=values)
    def fails(self, error, held):
        try:
            by_function(error, held)
        except BaseException as caught:  # noqa: BLE001
            assert caught is error
        self.ids.append(self.extractor.failures[-1]["id"])
        self.added()

    @rule(record=st.dictionaries(st.text(), values, max_size=4))
    def is_told(self, record):
        self.extractor.add_failure(record)
        self.ids.append(self.extractor.failures[-1]["id"])
        self.added()

    @rule(limit=st.none() | st.integers(1, 5))
    def is_limited(self, limit):
        self.extractor.set_memory_limits(max_failures=limit, warn_at=10**9)
        self.limit = limit
        self.added()

    @rule()
    def is_cleared(self):
        self.extractor._store.remembers = True
        self.extractor.clear()
        self.taken, self.ids = self.ids, []

    @rule()
    def is_undone(self):
        self.extractor._store.restore()
        if self.taken is not None:
            self.ids, self.taken = [*self.taken, *self.ids], None
            self.added()

    @invariant()
    def the_store_is_what_it_says(self):
        held = self.extractor.failures.snapshot()
        assert [one["id"] for one in held] == self.ids
        assert all(not violation("failure")(dict(one)) for one in held)
        counts = self.extractor.get_statistics()
        assert counts["failure_count"] == len(held)
        assert counts["by_exception_type"] == Counter(one["exception_type"] for one in held)
        assert counts["problems"] == []

    def teardown(self):
        self.extractor.set_memory_limits()
        self.extractor._store.forget()
        self.extractor.clear()


TestSessions = TIMEOUT(Sessions.TestCase)
TestSessions.settings = settings(
    max_examples=max(10, EXAMPLES // 15),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
