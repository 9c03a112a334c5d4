"""What is rarely met: changes that wait for one another, overrides that fail, ends of a command."""

from __future__ import annotations

import asyncio
import errno
import importlib
import inspect
import os
import sys
from concurrent.futures import Future
from contextlib import suppress
from math import inf

import click
import pytest
import yaml
from conftest import example

from failextract_nb import (
    FailureExtractor,
    OutputConfig,
    extract_on_failure,
    formats,
    locks,
    positions,
    remember,
    report,
)
from failextract_nb.batch import cluster
from failextract_nb.cli import commands, options, targets
from failextract_nb.formats._base import NotAReport
from failextract_nb.ipython import hooks
from failextract_nb.recent import Tally
from failextract_nb.rows import Column
from failextract_nb.wrappers import wrap


def raised():
    try:
        1 / 0
    except ZeroDivisionError as error:
        return error


def test_what_comes_in_the_middle_of_a_change_waits_for_its_end(extractor):
    """As from a signal's handler, or a finalizer: all of it, in its order."""
    store = extractor._store
    first = extractor.add_failure(example(test_name="first"))
    with store.lock, store.changing:
        extractor.add_failure(example(test_name="second"))
        extractor.add_passed({"test_name": "passed"})
        assert extractor.add_context(first, {"tags": ["later"]})
        extractor.set_memory_limits(max_failures=2)
        assert len(extractor.failures) == 1
        extractor.add_failure(example(test_name="third"))
    store.changing.finish()
    assert [one["test_name"] for one in extractor.failures] == ["second", "third"]
    assert len(extractor.passed_tests) == 1
    with store.lock, store.changing:
        extractor.clear()
        extractor.add_failure(example(test_name="fourth"))
        assert store.restore() == 0
        store.forget()
    store.changing.finish()
    assert [one["test_name"] for one in extractor.failures] == ["fourth"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_override_that_raises(extractor, kind):
    """The user's Ctrl-C goes through; anything else is a problem that is told."""

    class Refuses(FailureExtractor):
        def add_failure(self, failure_data):
            raise kind("no")

        add_passed = add_failure

    Refuses()
    error = raised()
    calls = (
        lambda: remember.remember(error, origin="function", name="f"),
        lambda: remember.store(example()),
        lambda: remember.of_elsewhere(example(id="told"), 1),
    )
    for call in calls:
        if kind is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                call()
        else:
            with pytest.warns(RuntimeWarning, match="not recorded"):
                call()
    if kind is ValueError:
        with pytest.warns(RuntimeWarning, match="the pass of t was not recorded"):
            remember.store_passed({"test_name": "t"})
        assert len(extractor.get_statistics()["problems"]) == 4


def test_what_is_captured_for_later_and_cannot_be(monkeypatch):
    """A door that stores later gets none; a Ctrl-C goes through."""
    error = raised()
    for kind in (ValueError, KeyboardInterrupt):

        def refuses(*_args, kind=kind, **_more):
            raise kind("no")

        monkeypatch.setattr(remember.capture, "failure_from", refuses)
        if kind is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                remember.captured(error, origin="test", name="t", details={})
        else:
            with pytest.warns(RuntimeWarning, match="was not recorded"):
                assert remember.captured(error, origin="test", name="t", details={}) is None


def test_a_failure_that_others_have_told_already(extractor, monkeypatch):
    """An exception that bears no mark is that failure, when who watches says so."""
    failure_id = extractor.add_failure(example(contexts=[{"origin": "dask", "name": "t"}]))
    monkeypatch.setattr(remember, "told_of", lambda _: extractor._store.failures.get(failure_id))
    assert remember.remember(raised(), origin="block", name="reads") == failure_id
    (record,) = extractor.failures
    assert [one["origin"] for one in record["contexts"]] == ["dask", "block"]


def test_a_place_that_cannot_be_described(extractor, monkeypatch):
    """It is told by what its code object says; a Ctrl-C goes through."""

    def breaks(*_):
        raise kind("no")

    positions.forget()
    monkeypatch.setattr(positions, "_describe", breaks)
    kind = ValueError
    with suppress(ZeroDivisionError):
        extract_on_failure(lambda: 1 / 0)()
    (frame,) = extractor.failures[-1]["extracted_code"]  # nothing of ours
    assert (frame["file"], frame["line"]) == (__file__, sys._getframe().f_lineno - 2)
    assert "code" not in frame

    def leads_on():
        try:
            extract_on_failure(lambda: 1 / 0)()
        except ZeroDivisionError as error:
            raise ValueError from error

    with suppress(ValueError):
        extract_on_failure(leads_on)()
    (cause,) = extractor.failures[-1]["causes"]
    assert len(cause["extracted_code"]) == 2
    kind = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        extract_on_failure(lambda: 1 / 0)()
    positions.forget()  # else our own frames stay as they were described here


def test_no_frame_of_ours_is_shown_at_the_end_of_the_stack(extractor):
    """There, none may be left to describe a place with."""

    def down(n):
        return down(n - 1) if n else extract_on_failure(lambda: 1 / 0)()

    deepest = sys.getrecursionlimit() - len(inspect.stack())
    bare = 0
    for depth in range(deepest - 80, deepest):
        positions.forget()
        with suppress(ZeroDivisionError, RecursionError):
            down(depth)
        bare += positions._try_again < inf
    assert bare
    functions = {
        frame["function"]
        for record in extractor.failures
        for frame in record.get("extracted_code", ())
    }
    assert not [name for name in functions if "wrapper" in name]


def test_what_could_not_be_described_is_tried_again(extractor, monkeypatch):
    """After a while, with the next place to describe: a busy moment must not mark it for good."""

    def fails(other=None):
        with suppress(ZeroDivisionError):
            extract_on_failure(other or (lambda: 1 / 0))()
        return extractor.failures[-1]["extracted_code"][0]

    described = positions._describe
    monkeypatch.setattr(positions, "_describe", lambda *_: {}["busy"])
    assert "code" not in fails()
    monkeypatch.setattr(positions, "_describe", described)
    assert "code" in fails(lambda: 1 / 0)
    assert "code" not in fails()
    monkeypatch.setattr(positions, "_try_again", 0.0)
    assert "code" in fails(lambda: 1 / 0)
    assert "code" in fails()


def test_a_column_of_what_has_no_hash():
    column = Column(lambda one: one["x"])
    column.extend([{"x": 1}, {"x": [1]}, {"x": [1]}, {"x": "a"}])
    assert column.distinct == [1, "[1]", "a"]
    assert [*column._codes] == [0, 1, 1, 2]


def out_of_stack(*_):
    raise RecursionError


def test_a_door_with_no_stack_left():
    """The exception goes on; a door further out has stack to record it."""

    def plain():
        raise KeyError("plain")

    def generator():
        yield 1
        raise KeyError("generator")

    async def coroutine():
        raise KeyError("coroutine")

    async def asynchronous():
        yield 1
        raise KeyError("asynchronous")

    async def all_of(asynchronous):
        return [one async for one in asynchronous()]

    for function, call in (
        (plain, lambda one: one()),
        (generator, lambda one: [*one()]),
        (coroutine, lambda one: asyncio.run(one())),
        (asynchronous, lambda one: asyncio.run(all_of(one))),
    ):
        with pytest.raises(KeyError, match=function.__name__):
            call(wrap(function, out_of_stack, Tally()))


# ---- cells


def test_a_cell_that_ends_without_a_result(shell, extractor):
    """IPython tells of none where it was interrupted, or has failed itself."""
    shell.run_line_magic("load_ext", "failextract_nb")
    try:
        shell.events.trigger("post_run_cell", None)  # none has begun
        assert not extractor.failures
        shell.user_ns["end"] = lambda: shell.events.trigger("post_run_cell", None)
        shell.run_cell("try:\n    1 / 0\nexcept ZeroDivisionError:\n    end()", store_history=True)
        assert [one["exception_type"] for one in extractor.failures] == ["ZeroDivisionError"]
        shell.run_cell("[][1]", store_history=True)
        assert [one["test_name"] for one in extractor.failures] == ["In[1]", "In[2]"]
    finally:
        shell.run_line_magic("unload_ext", "failextract_nb")


def test_a_cell_that_a_transformer_breaks(shell, monkeypatch):
    """What stands in it is what the user has written."""
    run = hooks.runs.CellRun(shell, type("Info", (), {"raw_cell": "x = 1"})(), 1)
    session = hooks.Hooks(shell, None)

    def breaks(_):
        raise SyntaxError("no")

    monkeypatch.setattr(shell, "transform_cell", breaks)
    assert session._transformed(run) == "x = 1"


# ---- variables and files


class Unreadable(dict):
    """What a class body runs in, by its metaclass."""

    def items(self):
        raise ValueError("not so")


class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases):
        return Unreadable()


def test_a_class_body_whose_names_cannot_be_read(extractor):
    """The frames around it have their variables."""

    def defines(around):
        class _Body(metaclass=Meta):
            inside = around
            1 / 0  # noqa: B018

    with suppress(ZeroDivisionError):
        extract_on_failure(defines)("here")
    frames = extractor.failures[0]["locals"]
    assert [one and one.get("around") for one in frames if one] == ["'here'"]


def test_an_old_yaml_counts_how_deep_it_is(monkeypatch):
    """Which would end the process itself; libyaml may know a limit of its own."""
    monkeypatch.setattr(yaml, "__version__", "6.0.2")
    form = formats.get("yaml")
    monkeypatch.setattr(sys.modules["failextract_nb.formats.yaml"], "MAX_DEPTH", 50)
    text = form.format([example()], None)
    assert form.read(text)[0][0]["test_name"] == example()["test_name"]
    with pytest.raises(NotAReport, match="nested too deep"):
        form.read("failures:\n" + "- " * 100 + "x")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_a_lock_that_fails_is_closed(extractor, monkeypatch, error):
    """What the system says of it names the report."""
    taken = []

    def fails(handle):
        taken.append(handle)
        raise error

    monkeypatch.setattr(locks, "_lock", fails)
    extractor.add_failure(example())
    with pytest.raises(type(error), match="x.json" if type(error) is OSError else None):
        extractor.save_report(OutputConfig("x.json"))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(taken[0])
    assert not os.path.exists("x.json")


# ---- clusters


def test_dask_that_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    for name in [one for one in sys.modules if one.startswith("failextract_nb.dask")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'failextract-nb\[dask\]'"):
        importlib.import_module("failextract_nb.dask")


@pytest.mark.parametrize(
    ("status", "said"),
    [("finished", "went with its worker"), ("cancelled", r"dropped it \(cancelled\)")],
)
def test_a_result_that_nobody_has_any_more(status, said):
    """Who waits for it is told.  A stand-in: a real one is lost at no moment that one can choose."""

    class Theirs:
        key = "a"

        def result(self):
            raise RuntimeError("went with its worker")

        def cancel(self):
            raise RuntimeError("the cluster is gone")

    theirs, ours = Theirs(), Future()
    theirs.status = status
    workers = cluster._Workers(None)
    workers.waiting["a"] = theirs
    workers.cancel(["a", "b"])
    workers._done(ours, theirs)
    assert not workers.waiting
    with pytest.raises(RuntimeError, match=said):
        ours.result(0)


# ---- the command


def test_stats_of_more_kinds_than_are_listed(capsys):
    records = [example(exception_type=f"Error{number}") for number in range(20)]
    report.save(OutputConfig("many.json"), records, [])
    assert commands.run_command(["stats", "many.json"]) == 0
    assert "          and 5 more" in capsys.readouterr().out


def test_what_completes_a_report():
    """Files before the colon, formats after it."""
    told = [one.value for one in targets.complete_formats(None, None, "a.txt:j")]
    assert told == ["a.txt:json", "a.txt:jsonl", "a.txt:junit"]
    (file,) = targets.complete_formats(None, None, "a.t")
    assert file.type == "file"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (click.exceptions.Exit(7), 7, ""),
        (click.UsageError("so not"), 2, "so not"),
        (click.Abort(), 130, ""),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "standard output cannot be written"),
        (RuntimeError("of ours"), 3, "this is a bug"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_how_the_command_ends(monkeypatch, capsys, error, code, said):
    def ends(*_args, **_more):
        raise error

    monkeypatch.setattr(commands.command, "main", ends)
    monkeypatch.setattr(commands, "_leave_stdout", lambda: None)
    assert commands.run_command(["formats"]) == code
    assert said in capsys.readouterr().err


def test_what_completes_options():
    assert "python3" in options.kernels(None, None, "py")
    found = options.Server().shell_complete(None, None, "git")
    assert {one.value for one in found} == {"github_actions", "gitlab"}
