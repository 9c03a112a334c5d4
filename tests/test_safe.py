"""Text of any object: bounded, redacted, and it never raises."""

from __future__ import annotations

import functools
import json
import types
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest

from failextract_nb import OutputConfig, _native, _strings, _values
from failextract_nb._native import native
from failextract_nb._safe import message_of, text_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (5, "5"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (2j, "2j"),
        ("it's", '"it\'s"'),
        (b"ab", "b'ab'"),
        (bytearray(b"ab"), "bytearray(b'ab')"),
        (range(3), "range(0, 3)"),
        ([], "[]"),
        ([1, "a"], "[1, 'a']"),
        ((), "()"),
        ((1,), "(1,)"),
        ((1, 2), "(1, 2)"),
        (set(), "set()"),
        ({1}, "{1}"),
        (frozenset({1}), "{1}"),
        ({}, "{}"),
        ({"a": [1]}, "{'a': [1]}"),
        ({"a": 1}.keys(), "dict_keys(['a'])"),
        ({"a": 1}.values(), "dict_values([1])"),
        (deque([1, 2]), "deque([1, 2])"),
        (OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (defaultdict(int, a=1), "defaultdict({'a': 1})"),
        (Ellipsis, "Ellipsis"),
        (PurePosixPath("/a"), "PurePosixPath('/a')"),
        (len, "<built-in function len>"),
        (json, "json"),
    ],
)
def test_built_ins(value, text):
    """Built-in values read as Python writes them."""
    assert text in text_of(value)


def test_long_text_says_that_it_was_cut():
    """A long string shows its start and how long it was."""
    text = text_of("a" * 1_000_000)
    assert len(text) < 2 * _values.MAX_TEXT
    assert "(1000000 characters)" in text


def test_long_bytes_say_that_they_were_cut():
    """Long bytes show their start and how many there were."""
    for value in (b"a" * 100_000, bytearray(b"a" * 100_000)):
        text = text_of(value)
        assert len(text) < 2 * _values.MAX_TEXT
        assert "(100000 bytes)" in text


def test_huge_integers():
    """An integer that Python would not write in decimal is described."""
    assert text_of(10**5000) == f"<int of {(10**5000).bit_length()} bits>"
    assert text_of(-(10**59)) == str(-(10**59))


def test_broad_containers_say_what_was_cut():
    """Of a container a few items are shown, and how many more there are."""
    for value in (list(range(100)), tuple(range(100)), set(range(100)), dict.fromkeys(range(100))):
        assert f"… {100 - _values.MAX_ITEMS} more" in text_of(value)
    assert len(text_of(["x" * 200] * 100)) < _values.MAX_CONTAINER + 50


def test_deep_containers_say_what_was_cut():
    """Below the last level there is only a count."""
    value = [1, 2]
    for _ in range(10):
        value = [value]
    assert text_of(value) == "[[[[… 1 items]]]]"
    assert "{… 1 items}" in text_of({1: {2: {3: {4: 5}}}})


def test_containers_that_hold_themselves():
    """A container that holds itself, also more than once, has an end."""
    items: list = []
    items += [items, items]
    mapping: dict = {}
    mapping["me"] = mapping["again"] = mapping
    assert len(text_of(items)) < 1_000
    assert len(text_of(mapping)) < 1_000


def hostile(base):
    """A subclass of ``base`` in which whatever a reader might call raises."""

    def refuse(*_args, **_kwargs):
        raise RuntimeError("do not touch")

    names = ("__iter__", "__len__", "__getitem__", "__contains__", "__bool__", "__str__")
    names += ("items", "keys", "values", "__eq__", "__format__", "__getattr__")
    return type(f"Hostile{base.__name__.title()}", (base,), dict.fromkeys(names, refuse))


@pytest.mark.parametrize(
    ("base", "value", "shown"),
    [
        (list, [1, 2], "HostileList([1, 2])"),
        (tuple, (1, 2), "HostileTuple([1, 2])"),
        (set, {1}, "HostileSet([1])"),
        (frozenset, {1}, "HostileFrozenset([1])"),
        (dict, {"a": 1}, "HostileDict({'a': 1})"),
        (str, "abc", "'abc'"),
        (bytes, b"abc", "b'abc'"),
        (int, 7, "7"),
    ],
)
def test_subclasses_are_read_past_their_overrides(base, value, shown):
    """A subclass whose methods raise is shown with what the built-in type holds."""
    assert text_of(hostile(base)(value)) == shown


class Bad:
    def __init__(self, error):
        self.error = error

    def __repr__(self):
        raise self.error


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(3), GeneratorExit(), RecursionError()]
)
def test_a_repr_that_raises_costs_that_value_only(error):
    """Whatever a repr raises is said in the place of that value's text."""
    assert text_of(Bad(error)) == f"<Bad: its repr raised {type(error).__name__}>"


def test_the_users_interrupt_goes_through():
    """Who presses stop during a slow repr is obeyed."""
    with pytest.raises(KeyboardInterrupt):
        text_of(Bad(KeyboardInterrupt()))


def test_a_repr_that_returns_its_own_kind_of_text_is_not_kept():
    """A repr may return a subclass of str; plain text is kept of it."""

    class Text(str):
        pass

    class Odd:
        def __repr__(self):
            return Text("odd")

    class OddError(Exception):
        def __str__(self):
            return Text("odd")

    assert type(text_of(Odd())) is str
    assert type(message_of(OddError())) is str


def test_a_hostile_metaclass():
    """A class that answers every question with an exception gives text all the same."""

    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError(name)

    class Hidden(metaclass=Meta):
        pass

    assert "Hidden" in text_of(Hidden())
    assert text_of(Hidden)
    assert isinstance(native(Hidden()), str)


def test_default_reprs_show_no_address():
    """Addresses say nothing, and would make equal failures different."""

    class Plain:
        def method(self):
            return None

        def __call__(self):
            return None

    values = (Plain(), Plain().method, Plain, lambda: 0, iter([]), (x for x in []), [].append)
    for value in (*values, functools.partial(Plain()), types.SimpleNamespace(a=Plain())):
        assert "0x" not in text_of(value)


def test_a_method_does_not_bring_its_objects_repr():
    """Python writes a bound method with its object's repr, which may be a download."""
    assert text_of(Bad(RuntimeError()).__init__) == "<method Bad.__init__>"
    assert text_of(pd.DataFrame({"a": [1]}).head) == "<method DataFrame.head>"
    shown = text_of(functools.partial(print, pd.DataFrame({"a": [1]})))
    assert shown == "<partial of <built-in function print>>"


def test_exceptions_are_written_by_what_they_hold():
    """Python writes an exception with the reprs of its arguments, a group with all its members."""
    assert text_of(ValueError("a", 1)) == "ValueError('a', 1)"
    assert text_of(KeyError(pd.DataFrame({"a": [1]}))) == "KeyError(DataFrame(1 × 1; columns: a))"
    error: Exception = ValueError(0)
    for n in range(20):
        error = ExceptionGroup(str(n), [error] * 10)
    assert len(text_of(error)) < 2 * _values.MAX_CONTAINER


@dataclass
class Point:
    x: int
    password: str = "hunter2"
    hidden: int = field(default=0, repr=False)


@dataclass(slots=True)
class Slim:
    api_key: str
    size: int


class Child(Point):
    def __repr__(self):
        raise RuntimeError


def test_dataclasses_are_written_by_their_fields():
    """Also with slots, also a subclass with a bad repr; secrets are masked by their names."""
    assert text_of(Point(1)) == "Point(x=1, password=[redacted: password])"
    assert text_of(Slim("abcdef", 2)) == "Slim(api_key=[redacted: api key], size=2)"
    assert text_of(Child(1)).startswith("Child(x=1")
    half = Point.__new__(Point)
    half.x = 3
    assert text_of(half).startswith("Point(x=3")
    assert text_of(Slim.__new__(Slim)) == "Slim()"


def test_named_tuples_are_written_by_their_fields():
    """A field's name says whether its value is secret."""
    account = namedtuple("Account", "user password")("bob", "hunter2")
    assert text_of(account) == "Account(user='bob', password=[redacted: password])"


def test_lone_surrogates_become_visible():
    """What no encoder takes becomes an escape."""
    for text in (
        text_of("a\ud800b"),
        message_of(ValueError("a\ud800b")),
        native("a\ud800b"),
        *native({"a\ud800b": 1}),
    ):
        text.encode()
        assert "ud800" in text


class SilentFrame(pd.DataFrame):
    def __repr__(self):
        pytest.fail("the repr of a frame was called")


class SilentSeries(pd.Series):
    def __repr__(self):
        pytest.fail("the repr of a series was called")


class SilentArray(np.ndarray):
    def __repr__(self):
        pytest.fail("the repr of an array was called")


class SilentFloat(np.float64):
    def __repr__(self):
        pytest.fail("the repr of a scalar was called")


def test_data_is_summarised_without_its_repr():
    """Frames, series, arrays and scalars say type, shape, dtype and columns."""
    frame = SilentFrame({"a": [1, 2], "b": [3.0, 4.0]})
    assert text_of(frame) == "SilentFrame(2 × 2; columns: a, b)"
    assert text_of(SilentSeries([1.0, 2.0])) == "SilentSeries(2; float64)"
    array = np.zeros((2, 3)).view(SilentArray)
    assert text_of(array) == "SilentArray(2 × 3; float64)"
    assert text_of(np.array(1.0).view(SilentArray)) == "SilentArray(scalar; float64)"
    assert text_of(SilentFloat(1.5)) == "SilentFloat(scalar; float64)"
    assert text_of(np.arange(3)) == "ndarray(3; int64)"
    assert text_of(np.float64(1.5)) in ("np.float64(1.5)", "1.5")
    assert text_of([frame]) == "[SilentFrame(2 × 2; columns: a, b)]"


def test_columns_are_not_taken_for_attributes():
    """A frame with columns called dtype, device and shape shows none of their values."""
    frame = pd.DataFrame({"dtype": ["aaa"], "device": ["bbb"], "sizes": ["ccc"], "item": ["ddd"]})
    text = text_of(frame)
    assert text == "DataFrame(1 × 4; columns: dtype, device, sizes, item)"
    assert text_of(frame.groupby("device")).endswith("DataFrameGroupBy object>")
    assert native(frame) == text


def test_wide_frames_are_bounded():
    """A frame of many columns names a few."""
    frame = pd.DataFrame(np.zeros((1, 1_000)), columns=[f"column {n}" for n in range(1_000)])
    assert len(text_of(frame)) < 2 * _values.MAX_TEXT
    short = pd.DataFrame(np.zeros((1, 20)), columns=list("abcdefghijklmnopqrst"))
    assert "… 8 more" in text_of(short)


def lazy(module, name="Frame"):
    """A class of a lazy library: to ask one of its objects for anything fails the test."""

    def refuse(_self, name):
        pytest.fail(f"a lazy object was asked for {name}")

    body = {"__module__": module, "__getattribute__": refuse, "__repr__": refuse, "__len__": refuse}
    return type(name, (), body)


@pytest.mark.parametrize(
    "cls", [lazy("dask.dataframe"), lazy("django.db.models"), lazy("polars", "LazyFrame")]
)
def test_lazy_objects_are_never_touched(cls):
    """To look at a lazy object is to run it: nothing asks it for anything."""
    value, child = cls(), type("Child", (cls,), {"__module__": "app"})()
    assert text_of(value) == f"<{cls.__name__}: not evaluated>"
    assert text_of({"a": [value]}) == f"{{'a': [<{cls.__name__}: not evaluated>]}}"
    assert native({"a": value})["a"] == f"<{cls.__name__}: not evaluated>"
    if cls.__name__ == "Frame":
        assert text_of(child) == "<Child: not evaluated>"


def test_generators_are_not_consumed():
    """An iterator has all its items afterwards."""
    numbers, letters, pairs = (n for n in range(3)), iter("abc"), zip([1], [2], strict=True)
    for value in (numbers, letters, pairs):
        text_of(value)
        native(value)
    assert (list(numbers), list(letters), list(pairs)) == ([0, 1, 2], ["a", "b", "c"], [(1, 2)])


def test_secrets_are_masked_by_the_name_they_stand_under():
    """At the top, in dicts, at any depth that is shown; what is empty hides nothing."""
    assert text_of("hunter2", "db_password") == "[redacted: password]"
    assert text_of("", "password") == "''"
    assert text_of(None, "token") == "None"
    assert text_of(True, "auth") == "True"
    shown = text_of([{"password": "hunter2", "n": {"api_key": b"xyzxyz"}, "user": "bob"}])
    assert "hunter2" not in shown
    assert "xyzxyz" not in shown
    assert "bob" in shown
    kept = native({"password": "hunter2", "rows": [{"accessToken": {"a": "b"}}], "port": 1})
    assert kept == {
        "password": "[redacted: password]",
        "rows": [{"accessToken": "[redacted: token]"}],
        "port": 1,
    }


def test_messages_are_bounded_and_redacted():
    """The text of an exception is cut, says so, and carries no secret."""
    long = message_of(ValueError("x" * 1_000_000))
    assert len(long) < _strings.MAX_MESSAGE + 50
    assert long.endswith("(1000000 characters)")
    assert "hunter2" not in message_of(ValueError("https://bob:hunter2@host/"))

    class Mute(Exception):
        def __str__(self):
            raise SystemExit

    assert message_of(Mute()) == "<no message: __str__ raised SystemExit>"


class Colour(Enum):
    RED = 1


class Word(StrEnum):
    ONE = "one"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (2**63, str(2**63)),
        (-(2**63), -(2**63)),
        (10**5000, f"<int of {(10**5000).bit_length()} bits>"),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("text", "text"),
        ((1, {2}), [1, [2]]),
        (deque([1]), [1]),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "None": "b", "(1, 2)": "c"}),
        ({Word.ONE: 1}, {"one": 1}),
        (Colour.RED, "<Colour.RED: 1>"),
        (np.int64(5), 5),
        (np.float32("nan"), "nan"),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1, 2]), "ndarray(2; int64)"),
        (datetime(2026, 1, 2, 3), "2026-01-02 03:00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (PurePosixPath("/a/b.py"), "/a/b.py"),
        (pd.NaT, "NaT"),
        (b"ab", "b'ab'"),
        (hostile(list)([1]), [1]),
        (hostile(dict)({"a": 1}), {"a": 1}),
        (object(), "<object object>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_native_is_what_json_can_hold(value, kept):
    """Whatever a user hands over, what is kept is JSON, strictly, all the way down."""
    found = native(value)
    assert found == kept
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_native_never_shares_the_users_containers():
    """What the user changes afterwards does not change the record."""
    inner = [1]
    given = {"a": inner, "b": (inner,)}
    kept = native(given)
    inner.append(2)
    given["c"] = 3
    assert kept == {"a": [1], "b": [[1]]}


def test_native_ends_for_cycles_and_for_what_repeats_itself():
    """Two to the thirtieth copies of one list are cut at a bound, and it is said."""
    items: list = []
    items += [items, items]
    mapping: dict = {}
    mapping["a"] = mapping["b"] = mapping
    for value in (items, mapping):
        text = json.dumps(native(value))
        assert len(text) < 60 * _native.MAX_NATIVE_ITEMS
        assert "more" in text


def test_native_says_what_it_cut():
    """Long texts, long lists and deep ones are bounded."""
    assert native("x" * 2_000_000).endswith("(2000000 characters)")
    many = native([0] * (_native.MAX_NATIVE_ITEMS + 5))
    assert many[-1] == "… 5 more"
    assert native(dict.fromkeys(range(_native.MAX_NATIVE_ITEMS + 5)))["…"] == "5 more"
    deep: list = []
    for _ in range(100):
        deep = [deep]
    assert "nested too deep" in json.dumps(native(deep))


def test_native_takes_a_value_whose_questions_raise():
    """Hostile objects become text; an array of numpy's own that misbehaves, too."""

    class Weird(PurePosixPath):
        def __str__(self):
            raise RuntimeError

    assert native(Weird("/a")) == "<Weird: its repr raised RuntimeError>"
    assert native(UserDict(a=1)) == "{'a': 1}"

    class Gone(np.ndarray):
        __module__ = "numpy"

        @property
        def shape(self):
            raise RuntimeError

        def __repr__(self):
            raise RuntimeError

    assert native(np.zeros(2).view(Gone)) == "<Gone: its repr raised RuntimeError>"


def from_library(module, **attributes):
    """An object of a class that says it is from ``module``."""

    def refuse(_self):
        raise RuntimeError("its repr was called")

    return type("Data", (), {"__module__": module, "__repr__": refuse, **attributes})()


def test_data_of_libraries_that_are_not_installed():
    """Tensors say where they are, datasets and Arrow tables what is in them."""
    size = type("Size", (tuple,), {})((2, 3))
    tensor = from_library("torch", shape=size, dtype="torch.float32", device="cuda:0")
    assert text_of(tensor) == "Data(2 × 3; torch.float32; cuda:0)"
    on_cpu = from_library("torch", shape=(2,), dtype="torch.float32", device="cpu")
    assert text_of(on_cpu) == "Data(2; torch.float32)"
    dataset = from_library("xarray.core.dataset", sizes={"x": 2, "time": 5})
    assert text_of(dataset) == "Data(x: 2, time: 5)"
    columns = [from_library("pyarrow.lib")]
    arrow = from_library("pyarrow.lib", shape=(3, 1), column_names=["a"], columns=columns)
    assert text_of(arrow) == "Data(3 × 1; columns: a)"
    assert text_of(type("Net", (type(tensor),), {"__module__": "app", "shape": None})()).startswith(
        "<Net object"
    )


def test_an_interrupt_in_a_message_goes_through():
    """Who presses stop while an exception writes its text is obeyed."""

    class Slow(Exception):
        def __str__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        message_of(Slow())


def test_a_dataclass_below_the_last_level():
    """There is its name, and nothing of it."""
    assert text_of([[[Point(1)]]]) == "[[[Point(…)]]]"
    assert "more" in text_of(dict.fromkeys(range(50)))


def test_our_own_objects_are_named(extractor):
    """A session's extractor is a variable of many cells: its table is not drawn into each failure."""

    class Mine(type(extractor)):
        def __repr__(self):
            raise AssertionError

    extractor.add_failure({"test_name": "one"})
    assert text_of(extractor) == "<FailureExtractor object>"
    assert text_of(extractor.failures) == "<Kept object>"
    assert text_of(object.__new__(Mine)) == "<Mine object>"
    assert text_of(OutputConfig("x.json", max_failures=3)).startswith("OutputConfig(path=")


def test_columns_of_a_users_own_kind():
    """A subclass of pandas whose columns are a list is written as others are."""

    class Odd(pd.Series):
        columns = ["x"]

    assert text_of(Odd([1])) == "Odd(1; int64; columns: x)"
