"""An exception becomes a record, whatever it is, and nothing of the user's stays alive."""

from __future__ import annotations

import ast
import asyncio
import copy
import gc
import json
import pickle
import sys
import threading
import types
import unittest
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import fail

from failextract_nb import _safe, _strings, _values, capture, failure, positions, raised, variables


def record_of(function, *args, **options):
    """The record of what ``function`` raises, checked to be whole and JSON."""
    record = capture.failure_from(fail(function, *args), **options)
    assert set(failure.CORE) <= set(record)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    return record


def functions(part):
    return [frame["function"].rpartition(".")[2] for frame in part["extracted_code"]]


def divide(n):
    half = n / 2
    return half / 0


def test_the_record_of_a_failure():
    """Every core key is there, and says what happened, where and when."""
    record = record_of(divide, 4)
    assert record["origin"] == "function"
    assert record["exception_type"] == "ZeroDivisionError"
    assert record["exception_message"] == "float division by zero"
    assert record["test_file"] == __file__
    assert record["test_module"] == __name__
    assert record["test_name"] == "divide"
    assert record["line_number"] == divide.__code__.co_firstlineno + 2
    assert record["thread_id"] == threading.get_ident()
    assert record["thread_name"] == threading.current_thread().name
    assert record["process_id"] == failure.process_id
    assert record["timestamp"].endswith("+00:00")
    assert functions(record) == ["fail", "divide"]
    assert record["locals"][1] == {"n": "4", "half": "2.0"}
    assert "exception_module" not in record


def test_the_traceback_reads_like_pythons():
    """The text has Python's first and last line, and a piece for each frame in between."""
    text = record_of(divide, 4)["exception_traceback"]
    lines = text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ZeroDivisionError: float division by zero"
    assert f'  File "{__file__}", line {divide.__code__.co_firstlineno + 2}, in divide' in lines
    assert "    return half / 0" in lines


def test_name_origin_and_context_are_taken_over():
    """What the door knows stands in the record; it wins over what is found."""
    record = record_of(divide, 1, origin="cell", name="In[3]", test_module="mine", tags=["a"])
    assert (record["origin"], record["test_name"]) == ("cell", "In[3]")
    assert (record["test_module"], record["tags"]) == ("mine", ["a"])
    assert record["contexts"] == [{"origin": "cell", "name": "In[3]"}]


def test_a_source_is_redacted_and_shared():
    """The source of a cell carries no secret, and two failures share one text of it."""
    source = 'connect(password="hunter2")'
    one = record_of(divide, 1, cell_source=source)["cell_source"]
    two = record_of(divide, 1, cell_source=source)["cell_source"]
    assert "hunter2" not in one
    assert one is two


def test_causes_are_data():
    """``raise … from …`` is a cause, an error while handling another a context."""

    def run():
        try:
            try:
                divide(1)
            except ZeroDivisionError:
                raise KeyError("second")
        except KeyError as error:
            raise ValueError("third") from error

    record = record_of(run)
    assert [(one["relation"], one["exception_type"]) for one in record["causes"]] == [
        ("cause", "KeyError"),
        ("context", "ZeroDivisionError"),
    ]
    assert functions(record["causes"][1])[-1] == "divide"
    assert record["causes"][1]["locals"][-1] == {"n": "1", "half": "0.5"}
    text = record["exception_traceback"]
    places = [text.index(part) for part in ("ZeroDivisionError:", "KeyError:", "ValueError:")]
    assert places == sorted(places)


def test_from_none_hides_the_context():
    """``raise … from None`` says that what came before does not matter."""

    def run():
        try:
            divide(1)
        except ZeroDivisionError:
            raise ValueError("clean") from None

    record = record_of(run)
    assert "causes" not in record
    assert "ZeroDivisionError" not in record["exception_traceback"]


def test_causes_in_a_circle_end():
    """Two exceptions that cause each other are each there once."""

    def run():
        one, two = ValueError("one"), KeyError("two")
        one.__cause__, two.__cause__ = two, one
        raise one

    assert [one["exception_type"] for one in record_of(run)["causes"]] == ["KeyError"]

    def itself():
        error = ValueError("me")
        error.__cause__ = error
        raise error

    assert "causes" not in record_of(itself)


def test_a_long_chain_of_causes_is_bounded():
    """Of a hundred causes the nearest ones are kept."""

    def run():
        error = ValueError(0)
        for n in range(1, 100):
            later = ValueError(n)
            later.__cause__, error = error, later
        raise error

    causes = record_of(run)["causes"]
    assert len(causes) == raised.MAX_CAUSES
    assert causes[0]["exception_message"] == "98"


def test_notes_are_data():
    """The notes of an exception are in the record and its text, bounded and redacted."""

    def run():
        error = ValueError("x")
        error.add_note("first\nsecond")
        error.add_note("password='hunter2'")
        for n in range(100):
            error.add_note(f"note {n}")
        raise error

    record = record_of(run)
    assert record["notes"][0] == "first\nsecond"
    assert "first\nsecond\n" in record["exception_traceback"]
    assert "hunter2" not in str(record)
    assert len(record["notes"]) == _safe.MAX_NOTES


@pytest.mark.parametrize("notes", [None, 5, "text", {"a": 1}, [5, None, object()]])
def test_notes_that_are_no_list_of_text(notes):
    """Whatever stands under ``__notes__``, there is a record."""

    def run():
        error = ValueError("x")
        error.__notes__ = notes
        raise error

    assert record_of(run)["exception_message"] == "x"


def test_groups_are_data():
    """The members of a group have frames, causes and groups of their own."""

    def member():
        try:
            divide(3)
        except ZeroDivisionError as error:
            raise KeyError("deep") from error

    def run():
        inner = ExceptionGroup("inner", [fail(member), ValueError("bare")])
        raise ExceptionGroup("outer", [inner, fail(divide, 2)])

    record = record_of(run)
    assert record["exception_message"] == "outer (2 sub-exceptions)"
    inner, zero = record["exceptions"]
    assert functions(zero) == ["fail", "divide"]
    assert zero["locals"][1]["n"] == "2"
    deep, bare = inner["exceptions"]
    assert deep["causes"][0]["exception_type"] == "ZeroDivisionError"
    assert functions(deep["causes"][0])[-1] == "divide"
    assert bare["extracted_code"] == []
    assert "├─ 1 of 2" in record["exception_traceback"]
    assert record["line_number"] == run.__code__.co_firstlineno + 2


def test_big_groups_are_bounded():
    """A group of a hundred names some, says how many more; nested ones are bounded together."""

    def wide():
        raise ExceptionGroup("wide", [ValueError(n) for n in range(100)])

    def deep():
        error = ValueError(0)
        for n in range(12):
            error = ExceptionGroup(str(n), [error] * 12)
        raise error

    record = record_of(wide)
    assert len(record["exceptions"]) == raised.MAX_MEMBERS
    assert record["exceptions_omitted"] == 100 - raised.MAX_MEMBERS
    assert f"{100 - raised.MAX_MEMBERS} more" in record["exception_traceback"]
    assert str(record_of(deep)).count("exception_type") <= raised.MAX_EXCEPTIONS


def test_deep_recursion_is_bounded():
    """Of three thousand frames the first and the last are kept, and the rest is counted."""

    def down(n):
        return divide(n) if n == 0 else down(n - 1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 4_000)
    try:
        record = record_of(down, 3_000)
    finally:
        sys.setrecursionlimit(limit)
    assert len(record["extracted_code"]) == len(record["locals"]) == raised.MAX_FRAMES
    assert record["frames_omitted"] == 3_003 - raised.MAX_FRAMES
    assert functions(record)[-1] == "divide"
    repetition = record["repetition"]
    assert repetition["function"].endswith("down")
    assert repetition["count"] == record["frames_omitted"]
    said = f"… {record['frames_omitted']} more frames, {repetition['count']} of them of "
    assert said in record["exception_traceback"]


def test_frames_left_out_that_repeat_nothing_are_no_recursion():
    """Frames that differ are counted together, and no place among them is named."""
    namespace = {}
    for number in range(9):
        inner = f"f{number - 1}()" if number else "1 / 0"
        exec(f"def f{number}():\n    {inner}", namespace)
    record = record_of(namespace["f8"], max_depth=4)
    assert record["frames_omitted"] == 6
    assert "repetition" not in record
    assert "  … 6 more frames …\n" in record["exception_traceback"]


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_max_depth_keeps_the_first_and_the_last_frames(depth):
    """The innermost frame is kept, however few there are."""

    def down(n):
        return divide(n) if n == 0 else down(n - 1)

    record = record_of(down, 10, max_depth=depth)
    assert len(record["extracted_code"]) == depth
    assert record["frames_omitted"] == 13 - depth
    assert functions(record)[-1] == ("fail" if depth == 1 else "divide")


def test_recursion_error():
    """The failure that leaves no room to work in is recorded like any other."""

    def forever():
        return forever()

    record = record_of(forever)
    assert record["exception_type"] == "RecursionError"
    assert functions(record)[-1] == "forever"


def test_a_syntax_error_of_parsed_text_keeps_the_users_frame():
    """``ast.parse`` fails where it is called, and the text shows the line it could not read."""

    def run():
        return ast.parse("x = 1\nif x\n", "some.txt")

    record = record_of(run)
    assert record["test_file"] == __file__
    assert record["line_number"] == run.__code__.co_firstlineno + 1
    assert 'File "some.txt", line 2' in record["exception_traceback"]


def test_a_syntax_error_without_a_frame_has_its_own_place():
    """What did not compile has no frame: the place that the error speaks of becomes one."""
    error = SyntaxError("bad", ("job.py", 7, 3, "a b\n"))
    record = capture.failure_from(error)
    assert (record["test_file"], record["line_number"]) == ("job.py", 7)
    assert record["extracted_code"][-1]["code"] == "a b"
    assert len(record["locals"] if "locals" in record else [None]) == 1
    assert capture.failure_from(SyntaxError("bad"))["exception_type"] == "SyntaxError"
    assert capture.failure_from(SyntaxError("bad", (None, None, None, None)))["line_number"] == 0


@pytest.mark.parametrize(
    "source", ["1 / 0", "exec('1 / 0')", "eval('1 / 0')", "exec(compile('1 / 0', 'x', 'exec'))"]
)
def test_frames_without_source(source):
    """Code that was never in a file has frames without a source."""
    record = record_of(exec, source, {"__name__": "made"})
    assert record["exception_type"] == "ZeroDivisionError"
    assert record["test_module"] == "made"
    assert "code" not in record["extracted_code"][-1]


def test_lambdas_classes_and_comprehensions():
    """Every kind of frame has a name, and its variables."""

    def run():
        class Body:
            attribute = 5
            broken = [n / 0 for n in [attribute]]

    record = record_of(run)
    names = [frame["function"] for frame in record["extracted_code"]]
    assert any(name.endswith("run.Body") for name in names)
    assert any("attribute" in (found or {}) for found in record["locals"])
    assert functions(record_of(lambda: 1 / 0))[-1] == "<lambda>"


def test_library_frames_are_flagged_and_the_line_is_the_users():
    """An error deep in the standard library is the user's line to look at."""

    def run():
        given = "{bad"
        return json.loads(given)

    record = record_of(run)
    last = record["extracted_code"][-1]
    assert last["library"] is True
    assert last["file"].startswith(json.__path__[0])
    assert record["line_number"] == run.__code__.co_firstlineno + 2
    assert record["test_file"] == __file__
    users = [not frame.get("library") for frame in record["extracted_code"]]
    assert [found is not None for found in record["locals"]] == users
    assert record["locals"][1] == {"given": "'{bad'"}


def test_an_error_of_library_code_alone():
    """Where no frame is the user's, the innermost one is the place."""
    try:
        json.loads("{")
    except ValueError as error:
        error.__traceback__ = error.__traceback__.tb_next
        record = capture.failure_from(error)
    assert record["extracted_code"][-1]["library"] is True
    assert record["line_number"] == record["extracted_code"][-1]["line"]


def test_locals_are_bounded_and_redacted():
    """Many variables, long ones and secret ones make a small record without the secret."""

    def run():
        password = "hunter2"
        long = "x" * 1_000_000
        rows = list(range(1_000_000))
        raise ValueError

    found = record_of(run)["locals"][-1]
    assert found["password"] == "[redacted: password]"
    assert len(str(found)) < 3 * _values.MAX_CONTAINER
    namespace = {}
    many = "\n".join(f"    v{n} = {n}" for n in range(500))
    exec(f"def f():\n{many}\n    raise ValueError\n", namespace)
    assert len(record_of(namespace["f"])["locals"][-1]) == variables.MAX_LOCALS
    imports = "\n".join(f"    import os as m{n}" for n in range(40))
    exec(f"def g():\n{imports}\n{many}\n    raise ValueError\n", namespace)
    assert len(record_of(namespace["g"])["locals"][-1]) == variables.MAX_LOCALS


def test_no_locals_when_they_are_not_wanted(monkeypatch):
    """``include_locals=False`` leaves no trace of them, asked for here or in the options."""
    assert "locals" not in record_of(divide, 987654, include_locals=False)
    monkeypatch.setattr(capture.options, "include_locals", False)
    record = record_of(divide, 987654)
    assert "locals" not in record
    assert "987654" not in str(record)
    assert "locals" in record_of(divide, 987654, include_locals=True)


def test_module_level_code_has_the_names_it_uses():
    """Of a notebook's thousand variables a cell shows those it names, and no functions."""
    namespace = {f"other{n}": n for n in range(1_000)}
    namespace |= {"used": 7, "helper": divide, "json": json, "Kind": int, "__name__": "m"}
    code = compile("helper(used); json; Kind; missing", "<cell>", "exec")
    record = record_of(exec, code, namespace)
    place = functions(record).index("<module>")
    assert record["locals"][place] == {"used": "7"}


def test_one_odd_global_costs_nothing():
    """A variable of a class without a sensible module is a variable like others."""
    odd = type("Odd", (), {"__module__": None, "__repr__": lambda self: "odd"})()
    record = record_of(exec, "1 / zero, odd", {"odd": odd, "zero": 0})
    assert record["locals"][-1] == {"zero": "0", "odd": "odd"}


def test_hidden_frames_are_not_shown():
    """A function that asks to be hidden is, as in pytest and IPython."""

    def hidden():
        __tracebackhide__ = True
        return divide(1)

    record = record_of(hidden)
    assert functions(record) == ["fail", "divide"]
    assert "hidden" not in record["exception_traceback"]


def test_nothing_of_the_users_is_kept_alive():
    """When the exception is gone, so are the locals it held."""

    class Big:
        pass

    class BigError(Exception):
        pass

    alive = []

    def run():
        big = Big()
        alive.append(weakref.ref(big))
        nested = {"a": [big]}
        raise BigError(big)

    def caller():
        error = fail(run)
        record = capture.failure_from(error)
        alive.append(weakref.ref(error))
        return record

    record = caller()
    gc.collect()
    assert record["exception_type"] == "BigError"
    assert [reference() for reference in alive] == [None, None]


class Slotted(Exception):
    __slots__ = ("code",)


class Closed(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(name)


@dataclass(frozen=True)
class Frozen(Exception):
    code: int = 5


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


class OwnText(OSError):
    pass


class KeyKind(KeyError):
    pass


def own_text():
    return OwnText(2, "No such file", "a.txt")


def unicode_error():
    return fail(b"\xff".decode, "utf-8")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Slotted, ""),
        (Closed, ""),
        (Frozen, ""),
        (Mute, "<no message: __str__ raised RuntimeError>"),
        (own_text, "[Errno 2] No such file: 'a.txt'"),
        (lambda: KeyKind("a"), "'a'"),
        (unicode_error, "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (lambda: ValueError(np.array([1, 2])), "[1 2]"),
    ],
)
def test_exceptions_of_every_make(make, message):
    """Whatever an exception does with its attributes and text, it is recorded and marked."""
    error = make()

    def run():
        raise error

    record = record_of(run)
    assert record["exception_message"] == message
    assert record["exception_type"] == type(error).__name__
    assert capture.mark_of(error) is record
    assert type(error).__name__ in record["exception_traceback"].splitlines()[-1]


def test_the_users_exceptions_are_named_with_their_module():
    """As Python does, a traceback names the module of an exception that is not built in."""
    record = record_of(json.loads, "{")
    assert record["exception_module"] == "json.decoder"
    assert "\njson.decoder.JSONDecodeError: " in record["exception_traceback"]


def test_a_hostile_metaclass():
    """A class that answers every question with an exception is recorded."""

    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError(name)

    class Hostile(Exception, metaclass=Meta):
        pass

    def run():
        raise Hostile("x")

    record = record_of(run)
    assert record["exception_type"] == "Hostile"
    assert functions(record)[-1] == "run"


def test_what_fails_inside_is_said_in_the_record():
    """When the walk over the traceback itself breaks, type and message are still there."""

    class Odd(SyntaxError):
        @property
        def filename(self):
            raise RuntimeError("no name for you")

    record = capture.failure_from(Odd("x"))
    assert (record["exception_type"], record["exception_message"]) == ("Odd", "x")
    assert "RuntimeError" in record["exception_traceback"]
    assert record["test_file"] == failure.UNKNOWN


def test_an_exception_that_was_never_raised():
    """Without a traceback there is a record without frames."""
    record = capture.failure_from(ValueError("x"))
    assert record["extracted_code"] == []
    assert record["exception_traceback"] == "ValueError: x\n"
    assert (record["line_number"], record["test_name"]) == (0, failure.UNKNOWN)


def test_messages_are_bounded_and_redacted():
    """A message of megabytes or with a password makes a small record without it."""

    def run():
        raise ValueError("password='hunter2' " + "x" * 1_000_000)

    record = record_of(run)
    assert len(json.dumps(record)) < 10 * _strings.MAX_MESSAGE
    assert "hunter2" not in json.dumps(record)


def test_text_that_no_encoder_takes():
    """Lone surrogates in names, messages, notes and files become escapes."""

    def run():
        error = ValueError("\ud800")
        error.add_note("\ud800")
        raise error

    record = record_of(run, name="\ud800", output="caf\udce9.json")
    json.dumps(record, ensure_ascii=False).encode()


def test_the_mark_survives_pickling_and_copying():
    """The record rides on the exception, through pickle and copy, and is data itself."""
    error = fail(divide, 4)
    record = capture.failure_from(error)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert capture.mark_of(other) == record


@pytest.mark.parametrize("mark", [5, [], {}, {"a": 1}, "text"])
def test_what_is_no_mark_is_none(mark):
    """Someone else's attribute of our name is not taken for a record."""
    error = ValueError()
    setattr(error, capture.MARK, mark)
    assert capture.mark_of(error) is None
    assert capture.mark_of(ValueError()) is None


def test_what_takes_no_mark():
    """An exception that cannot be marked is recorded all the same."""
    target = types.SimpleNamespace()
    capture.mark(object(), {"id": "1"})
    assert capture.mark_of(object()) is None
    assert not vars(target)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (ValueError(), True),
        (AssertionError(), True),
        (MemoryError(), True),
        (SystemExit(), False),
        (SystemExit(0), False),
        (SystemExit(3), True),
        (SystemExit("no"), True),
        (KeyboardInterrupt(), False),
        (GeneratorExit(), False),
        (asyncio.CancelledError(), False),
        (unittest.SkipTest("later"), False),
        (type("MySkip", (unittest.SkipTest,), {})("later"), False),
        (pytest.skip.Exception("later"), False),
        (pytest.exit.Exception("stop"), False),
        (pytest.fail.Exception("no"), True),
        (BaseExceptionGroup("both", [ValueError(), KeyboardInterrupt()]), True),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_a_failure(error, answer):
    """To stop, to skip and to clean up is not to fail; to leave with a status is."""
    assert capture.is_failure(error) is answer


def test_interrupts_are_failures_when_the_user_says_so(monkeypatch):
    """The option decides on KeyboardInterrupt."""
    monkeypatch.setattr(capture.options, "record_interrupts", True)
    assert capture.is_failure(KeyboardInterrupt())


def test_ids_differ_and_name_their_process():
    """No two failures have one id."""
    ids = {failure.new_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {one.rpartition("-")[0] for one in ids} == {failure.process_token}


def test_max_depth_is_checked_by_name():
    """A depth that makes no sense is named."""
    for bad in (0, -1, True, 1.5, "3"):
        with pytest.raises(ValueError, match="max_depth"):
            capture.check_depth(bad)
    capture.check_depth(None)
    capture.check_depth(1)


def test_where_names_the_place_a_person_knows():
    """A cell by its number, anything else by its name."""
    assert failure.where({"origin": "cell", "execution_count": 5}) == "In[5]"
    assert failure.where({"origin": "cell"}) == "a cell"
    assert failure.where({"test_name": "f"}) == "f"
    assert failure.where({}) == failure.UNKNOWN


def test_positions_of_capture_are_the_positions_module():
    """The frames in a record are those that the cache holds."""
    record = record_of(divide, 1)
    held = positions.positions_in(divide.__code__)
    assert any(record["extracted_code"][-1] is position.frame for position in held.values())


def test_a_syntax_error_of_a_cell(monkeypatch):
    """The text and the place speak of the cell, and of its lines as the user counts them."""
    cell = positions.Cell("Cell In[5]", 2, None)
    monkeypatch.setattr(positions, "cell_of", lambda file, _: cell if file == "<it>" else None)
    error = SyntaxError("bad", ("<it>", 1, 0, "a b\n"))
    record = capture.failure_from(error)
    assert (record["test_file"], record["line_number"]) == ("Cell In[5]", 3)
    assert "Cell In[5], line 3" in record["exception_traceback"]
    assert "<it>" not in record["exception_traceback"]
    assert "column" not in record["extracted_code"][-1]
