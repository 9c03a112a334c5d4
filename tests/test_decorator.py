"""``@extract_on_failure``: records every failure, and changes nothing else."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import traceback
import warnings
import weakref
from pathlib import Path

import pytest
from conftest import fail

from failextract_nb import FailureExtractor, OutputConfig, capture, extract_on_failure
from failextract_nb.decorator import MAX_ARGUMENTS

A_REFERENCE = weakref.ref(pytest)  # in this module's globals: the ancestor could not copy it


def boom(message="no", password=None):
    """Fails."""
    raise ValueError(message)


async def async_boom(message="no"):
    await asyncio.sleep(0)
    raise ValueError(message)


def numbers(count):
    yield from range(count)
    raise ValueError("end")


async def async_numbers(count):
    for n in range(count):
        await asyncio.sleep(0)
        yield n
    raise ValueError("end")


async def drain(items):
    return [item async for item in items]


RUN = {
    boom: boom.__call__,
    async_boom: lambda: asyncio.run(async_boom()),
    numbers: lambda: list(numbers(2)),
    async_numbers: lambda: asyncio.run(drain(async_numbers(2))),
}
RUN_DECORATED = {
    boom: lambda f: f(),
    async_boom: lambda f: asyncio.run(f()),
    numbers: lambda f: list(f(2)),
    async_numbers: lambda f: asyncio.run(drain(f(2))),
}


@pytest.mark.parametrize("function", RUN, ids=lambda function: function.__name__)
def test_every_kind_of_function(extractor, function):
    """A failure of each kind is recorded with the function's own place and frames."""
    error = fail(RUN_DECORATED[function], extract_on_failure(function))
    (record,) = extractor.failures
    assert record["id"] == capture.mark_of(error)["id"]
    assert (record["origin"], record["test_name"]) == ("function", function.__name__)
    assert (record["test_module"], record["test_file"]) == (__name__, __file__)
    assert record["extracted_code"][-1]["function"] == function.__name__
    assert record["test_source"] == inspect.getsource(function).rstrip()
    assert not any("wrappers.py" in frame["file"] for frame in record["extracted_code"])


@pytest.mark.parametrize("function", RUN, ids=lambda function: function.__name__)
def test_inspect_answers_as_before(function):
    """Name, docs, module, signature and kind are those of the function."""
    decorated = extract_on_failure(name="other", include_passed=True)(function)
    for answer in (
        inspect.signature, inspect.iscoroutinefunction, inspect.isgeneratorfunction,
        inspect.isasyncgenfunction, inspect.isfunction, inspect.getdoc, inspect.getsource,
    ):  # fmt: skip
        assert answer(decorated) == answer(function)
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        assert getattr(decorated, name) == getattr(function, name)
    assert decorated.__wrapped__ is function


def frames_of(error):
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("function", RUN, ids=lambda function: function.__name__)
def test_the_exception_is_as_it_was(function):
    """The same frames at its end, no cause or context of ours."""
    plain, decorated = (
        fail(RUN[function]),
        fail(RUN_DECORATED[function], extract_on_failure(function)),
    )
    assert type(decorated) is type(plain)
    assert frames_of(decorated)[-1] == frames_of(plain)[-1]
    assert decorated.__traceback__.tb_frame.f_code is fail.__code__
    assert decorated.__cause__ is None
    assert decorated.__context__ is None


def test_the_very_object_goes_on():
    """The exception that is caught is the one that was raised, with its cause and context."""
    cause, context, error = KeyError("cause"), OSError("context"), ValueError("x")

    @extract_on_failure
    def raising():
        try:
            raise context
        except OSError:
            raise error from cause

    caught = fail(raising)
    assert caught is error
    assert caught.__cause__ is cause
    assert caught.__context__ is context
    assert caught.__suppress_context__ is True


def test_methods(extractor):
    """Methods, class methods and static methods, decorated on either side."""

    class Tests:
        @extract_on_failure
        def plain(self, n):
            raise ValueError(n)

        @extract_on_failure
        @classmethod
        def class_outside(cls, n):
            assert cls is Tests
            raise ValueError(n)

        @classmethod
        @extract_on_failure
        def class_inside(cls, n):
            assert cls is Tests
            raise ValueError(n)

        @extract_on_failure()
        @staticmethod
        def static_outside(n):
            raise ValueError(n)

        @staticmethod
        @extract_on_failure
        def static_inside(n):
            raise ValueError(n)

    names = ["plain", "class_outside", "class_inside", "static_outside", "static_inside"]
    for n, name in enumerate(names):
        assert str(fail(getattr(Tests(), name), n)) == str(n)
    assert [record["test_name"] for record in extractor.failures] == names
    assert [record["test_args"][-1] for record in extractor.failures] == list("01234")
    assert extractor.failures[0]["extracted_code"][-1]["function"].endswith("Tests.plain")
    assert isinstance(inspect.getattr_static(Tests, "class_outside"), classmethod)
    assert isinstance(inspect.getattr_static(Tests, "static_outside"), staticmethod)


def test_what_can_be_called_like_a_function(extractor):
    """A partial and an object with ``__call__``, also an asynchronous one."""

    class Caller:
        def __call__(self, password):
            raise ValueError("called")

    class AsyncCaller:
        async def __call__(self):
            await asyncio.sleep(0)
            raise ValueError("awaited")

    fail(extract_on_failure(functools.partial(boom, "part")), "hunter2")
    fail(extract_on_failure(Caller()), "hunter2")
    fail(lambda: asyncio.run(extract_on_failure(AsyncCaller())()))
    fail(extract_on_failure(max))
    names = [record["test_name"] for record in extractor.failures]
    assert names == ["boom", "Caller", "AsyncCaller", "max"]
    for record in extractor.failures[:2]:
        assert record["test_args"] == ["[redacted: password]"]
    assert extractor.get_statistics()["problems"] == []


def test_a_class_has_its_own_tests_decorated(extractor):
    """Test methods of each kind, not what it inherits, not its helpers, not what is no function."""

    class Base:
        def test_inherited(self):
            raise ValueError("inherited")

    @extract_on_failure("class.json")
    class TestThings(Base):
        test_data = {"not": "a function"}

        def test_method(self):
            self.helper()

        @classmethod
        def test_class(cls):
            raise ValueError("class")

        @staticmethod
        def test_static():
            raise ValueError("static")

        def helper(self):
            raise ValueError("helper")

    things = TestThings()
    for call in (things.test_method, things.test_class, things.test_static, things.test_inherited):
        fail(call)
    fail(things.helper)
    assert [one["test_name"] for one in extractor.failures] == [
        "test_method", "test_class", "test_static",
    ]  # fmt: skip
    assert TestThings.test_data == {"not": "a function"}
    assert len(json.loads(Path("class.json").read_text())["failures"]) == 3


@extract_on_failure
def echo():
    got = yield "first"
    while True:
        try:
            got = yield got
        except KeyError:
            got = "caught"
        if got == "stop":
            return "result"


def test_generators_keep_their_protocol(extractor):
    """``send``, ``throw``, ``close`` and the returned value go through."""
    items = echo()
    assert next(items) == "first"
    assert items.send(5) == 5
    assert items.throw(KeyError()) == "caught"
    with pytest.raises(StopIteration) as end:
        items.send("stop")
    assert end.value.value == "result"
    other = echo()
    next(other)
    other.close()
    with pytest.raises(StopIteration):
        next(other)
    assert not extractor.failures
    assert extractor.get_statistics()["passed_count"] == 1
    third = echo()
    next(third)
    error = OSError()
    assert fail(third.throw, error) is error
    assert len(extractor.failures) == 1


def test_async_generators_keep_their_protocol(extractor):
    """``asend``, ``athrow`` and ``aclose`` go through, and what is inside is closed."""
    closed = []

    @extract_on_failure
    async def items():
        got = "first"
        try:
            while True:
                try:
                    got = yield got
                except KeyError:
                    got = "caught"
                if got == "stop":
                    return
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    async def run():
        one = items()
        assert await anext(one) == "first"
        assert await one.asend(5) == 5
        assert await one.athrow(KeyError()) == "caught"
        with pytest.raises(StopAsyncIteration):
            await one.asend("stop")
        two = items()
        await anext(two)
        await two.aclose()
        assert len(closed) == 2
        assert not extractor.failures
        three = items()
        await anext(three)
        with pytest.raises(OSError):
            await three.athrow(OSError())

    asyncio.run(run())
    assert len(closed) == 3
    assert len(extractor.failures) == 1
    assert extractor.get_statistics()["passed_count"] == 1


def test_cancelling_is_no_failure(extractor):
    """A task that is cancelled has not failed."""

    @extract_on_failure
    async def wait():
        await asyncio.Event().wait()

    async def run():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert not extractor.failures


def test_nested_decorators_are_one_failure(extractor):
    """Both functions are named in the one record; it is the inner one's."""

    @extract_on_failure
    def outer():
        extract_on_failure(boom)("x")

    fail(outer)
    (record,) = extractor.failures
    assert record["test_name"] == "boom"
    assert [one["name"] for one in record["contexts"]] == ["boom", "outer"]


def test_arguments_are_recorded_and_redacted(extractor):
    """Positional ones too are known by their parameters' names."""
    fail(extract_on_failure(boom), "a", "hunter2")
    fail(extract_on_failure(boom), message="b", password="hunter2")
    first, second = extractor.failures
    assert first["test_args"] == ["'a'", "[redacted: password]"]
    assert second["test_kwargs"] == {"message": "'b'", "password": "[redacted: password]"}
    assert "hunter2" not in str(extractor.failures[:])
    many = extract_on_failure(lambda *args, **kwargs: boom())
    fail(many, *range(100), **{f"k{n}": n for n in range(100)})
    assert len(extractor.failures[2]["test_args"]) == MAX_ARGUMENTS
    assert len(extractor.failures[2]["test_kwargs"]) == MAX_ARGUMENTS


def test_include_locals(extractor, monkeypatch):
    """Without locals there are no arguments either; the option decides where nothing is said."""
    quiet = extract_on_failure(include_locals=False)(boom)
    fail(quiet, "visible")
    monkeypatch.setattr(capture.options, "include_locals", False)
    fail(extract_on_failure(boom), "visible")
    for record in extractor.failures:
        assert not {"locals", "test_args", "test_kwargs"} & set(record)
    fail(extract_on_failure(include_locals=True)(boom), "visible")
    assert extractor.failures[2]["test_args"] == ["'visible'"]


def test_locals_are_those_of_the_frame_that_failed(extractor):
    """Not those of our wrapper."""

    @extract_on_failure
    def run(n):
        inner_value = n * 2
        raise ValueError

    fail(run, 4)
    record = extractor.failures[0]
    assert record["locals"][-1] == {"n": "4", "inner_value": "8"}
    assert "failed" not in str(record["locals"])


def test_include_fixtures(extractor):
    """A parameter that is a fixture is described, unless that is not wanted."""

    def test_it(tmp_path, other):
        raise ValueError

    fail(extract_on_failure(test_it), tmp_path=5, other=6)
    fail(extract_on_failure(include_fixtures=False)(test_it), 5, 6)
    fail(extract_on_failure(boom))
    first, second, third = extractor.failures
    assert first["fixtures"]["tmp_path"]["kind"] == "builtin"
    assert first["fixtures"]["tmp_path"]["value"] == "5"
    assert list(first["fixtures"]) == ["tmp_path"]
    assert "fixtures" not in second
    assert "fixtures" not in third


def test_name_and_depth(extractor):
    """The name stands for the function's own, and so many frames are kept."""
    fail(extract_on_failure(name="my test", max_depth=1)(lambda: boom()))
    (record,) = extractor.failures
    assert record["test_name"] == "my test"
    assert len(record["extracted_code"]) == 1


def test_include_passed(extractor):
    """Passes are stored where that is wanted, and counted in any case."""
    extract_on_failure(include_passed=True, name="stored")(lambda: 5)()
    extract_on_failure(lambda: 5)()
    (record,) = extractor.passed_tests
    assert (record["test_name"], record["test_module"]) == ("stored", __name__)
    assert extractor.get_statistics()["passed_count"] == 2


def test_an_override_that_raises_on_a_pass(extractor):
    """The call that passed passes; the problem is a warning."""

    class Broken(FailureExtractor):
        def add_passed(self, test_data):
            raise RuntimeError("full")

    Broken()
    with pytest.warns(RuntimeWarning, match="RuntimeError: full"):
        assert extract_on_failure(include_passed=True)(lambda: 5)() == 5


def test_success_costs_nothing(extractor, monkeypatch):
    """A call that passes captures nothing, stores nothing, and asks for no frame and no lock."""

    def refuse(*_args, **_kwargs):
        pytest.fail("the success path did something")

    passing = extract_on_failure(lambda n: n)
    decorated_generator = extract_on_failure(lambda: (yield 1))
    for name in ("failure_from", "is_failure", "mark_of"):
        monkeypatch.setattr(capture, name, refuse)
    monkeypatch.setattr(FailureExtractor, "add_failure", refuse)
    monkeypatch.setattr(FailureExtractor, "add_passed", refuse)
    monkeypatch.setattr("sys._getframe", refuse)
    monkeypatch.setattr(inspect, "currentframe", refuse)
    with extractor._store.lock:
        assert passing(5) == 5
        assert list(decorated_generator()) == [1]
    monkeypatch.undo()
    assert len(extractor.failures) == len(extractor.passed_tests) == 0
    assert extractor.get_statistics()["passed_count"] == 2


def test_a_function_without_source(extractor):
    """Code that is in no file fails like any other."""
    namespace = {"__name__": "made"}
    exec("def made(n):\n    return n / 0\n", namespace)
    assert type(fail(extract_on_failure(namespace["made"]), 1)) is ZeroDivisionError
    (record,) = extractor.failures
    assert record["test_module"] == "made"
    assert "test_source" not in record
    assert extractor.get_statistics()["problems"] == []


def test_what_cannot_be_decorated():
    """A class without tests, or what cannot be called: a TypeError that says what can be."""
    with pytest.raises(TypeError, match="Kind defines none whose name starts with 'test'"):
        extract_on_failure(type("Kind", (), {}))
    with pytest.raises(TypeError, match="takes a function; got 5"):
        extract_on_failure()(5)
    with pytest.raises(TypeError, match="property"):
        extract_on_failure()(property(boom))
    with pytest.raises(TypeError, match="path"):
        extract_on_failure(5)
    with pytest.raises(ValueError, match="max_depth"):
        extract_on_failure(max_depth=0)
    with pytest.raises(ValueError, match="output"):
        extract_on_failure(append=True)


# --- reports


def names_in(path):
    return [record["test_name"] for record in json.loads(path.read_text())["failures"]]


@pytest.mark.parametrize("kind", [str, lambda path: path, OutputConfig])
def test_output_holds_every_failure(tmp_path, kind):
    """Two failures are two in the file, given as text, Path or config."""
    path = tmp_path / "x.json"
    failing = extract_on_failure(kind(path))(boom)
    fail(failing)
    assert names_in(path) == ["boom"]
    fail(failing)
    assert names_in(path) == ["boom", "boom"]


def test_output_holds_the_failures_of_its_functions(extractor, tmp_path, monkeypatch):
    """Two functions may share a file, also under two spellings; others are not in it."""
    (tmp_path / "sub").mkdir()
    one = extract_on_failure("x.json", name="one")(boom)
    monkeypatch.chdir(tmp_path / "sub")
    two = extract_on_failure("../x.json", name="two")(boom)
    fail(extract_on_failure(name="other")(boom))
    fail(one)
    fail(two)
    fail(extract_on_failure(tmp_path / "y.json", name="y")(boom))
    assert names_in(tmp_path / "x.json") == ["one", "two"]
    assert names_in(tmp_path / "y.json") == ["y"]
    assert len(extractor.failures) == 4


def test_nested_functions_write_to_their_own_files(extractor, tmp_path):
    """A failure that passes two doors is in the report of each."""
    inner = extract_on_failure("inner.json")(boom)

    @extract_on_failure("outer.json")
    def outer():
        inner()

    fail(outer)
    fail(inner)
    assert names_in(tmp_path / "inner.json") == ["boom", "boom"]
    assert names_in(tmp_path / "outer.json") == ["boom"]
    assert len(extractor.failures) == 2


def test_a_config_with_a_filter_of_its_own(tmp_path):
    """``where`` of the config still says what goes in."""
    config = OutputConfig("x.json", where=lambda one: "keep" in one["exception_message"])
    failing = extract_on_failure(config)(boom)
    fail(failing, "keep this")
    fail(failing, "not that")
    assert len(names_in(tmp_path / "x.json")) == 1


def test_output_to_standard_output(capsys):
    """ "-" writes the failures there."""
    fail(extract_on_failure("-")(boom))
    assert [one["test_name"] for one in json.loads(capsys.readouterr().out)["failures"]] == ["boom"]


def test_passes_in_the_report(tmp_path):
    """``include_passed`` puts the stored passes into the file, too."""
    maybe = extract_on_failure("x.json", include_passed=True, name="maybe")(lambda n: 1 / n)
    maybe(1)
    fail(maybe, 0)
    report = json.loads((tmp_path / "x.json").read_text())
    assert [one["test_name"] for one in report["passed"]] == ["maybe"]
    assert names_in(tmp_path / "x.json") == ["maybe"]


def test_append_keeps_what_was_there(extractor, run_python, tmp_path):
    """Also what another process wrote; nothing is in the file twice."""
    code = """
        from failextract_nb import extract_on_failure
        @extract_on_failure("x.json", append=True)
        def there():
            1 / 0
        try:
            there()
        except ZeroDivisionError:
            pass
        """
    run_python(code)
    here = extract_on_failure("x.json", append=True)(boom)
    fail(here)
    fail(here)
    run_python(code)
    assert names_in(tmp_path / "x.json") == ["there", "boom", "boom", "there"]
    fail(extract_on_failure("x.json")(boom))
    assert "there" not in names_in(tmp_path / "x.json")


@pytest.mark.parametrize("strict", [False, True])
def test_a_report_that_cannot_be_written(extractor, tmp_path, strict):
    """The user's exception goes on; ours is a warning, also where warnings are errors."""
    (tmp_path / "file").write_text("x")
    failing = extract_on_failure(tmp_path / "file" / "x.json")(boom)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error" if strict else "always")
        error = fail(failing, "mine")
    assert str(error) == "mine"
    assert error.__context__ is None
    assert len(extractor.failures) == 1
    assert "was not written" in extractor.get_statistics()["problems"][0]
    if not strict:
        assert [warning.category for warning in seen] == [RuntimeWarning]


def test_append_to_what_is_no_report(tmp_path):
    """A file that is something else stays what it is."""
    (tmp_path / "x.json").write_text("my notes")
    with pytest.warns(RuntimeWarning, match=r"x\.json"):
        fail(extract_on_failure("x.json", append=True)(boom))
    assert (tmp_path / "x.json").read_text() == "my notes"


def test_passes_of_every_kind_are_counted(extractor):
    """A coroutine, a generator and an asynchronous generator that end well have passed."""

    @extract_on_failure
    async def waiting():
        await asyncio.sleep(0)
        return 5

    @extract_on_failure
    async def items():
        yield 1

    assert asyncio.run(waiting()) == 5
    assert asyncio.run(drain(items())) == [1]
    assert list(extract_on_failure(lambda: (yield 1))()) == [1]
    assert extractor.get_statistics()["passed_count"] == 3
