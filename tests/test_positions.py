"""Places in code: described once, shared, and never stale."""

from __future__ import annotations

import gc
import importlib
import linecache
import os
import sys
import weakref

import pytest
from conftest import fail

from failextract_nb import capture, positions, ways


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module and import it; called again, it is written anew and reloaded."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def make(name, source):
        path = tmp_path / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        number = len(made) + 1
        os.utime(path, (number, number))  # no clock is fine enough for two writes in a row
        importlib.invalidate_caches()
        made.append(name)
        if name in sys.modules:
            return importlib.reload(sys.modules[name])
        return importlib.import_module(name)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield make
    for name in made:
        sys.modules.pop(name, None)


def record_of(function, *args, **options):
    return capture.failure_from(fail(function, *args), **options)


def frames(record):
    """The frames below the test's own helper."""
    return record["extracted_code"][1:]


def test_frames_are_shared_between_failures_at_one_place():
    """Two failures that pass one place hold the same frame, not two equal ones."""

    def broken(n):
        return 1 / n

    first, second = record_of(broken, 0), record_of(broken, 0)
    assert first is not second
    assert frames(first)[-1] is frames(second)[-1]
    assert frames(first)[-1]["code"] is frames(second)[-1]["code"]


def test_a_frame_says_where_it_is(module):
    """File, function, line, columns and the source around the line, as the user counts."""
    source = "\n" * 4 + "class A:\n    def f(self):\n        x = 'é'\n        return 'é' + x[5]\n"
    frame = frames(record_of(module("placed", source).A().f))[-1]
    assert frame["file"].endswith("placed.py")
    assert (frame["function"], frame["line"]) == ("A.f", 8)
    line = source.splitlines()[frame["line"] - 1]
    assert line[frame["column"] : frame["end_column"]] == "x[5]"
    assert frame["code"].split("\n")[frame["line"] - frame["code_start"]] == line
    assert frame["code_start"] == 8 - positions.CONTEXT_LINES
    assert "library" not in frame


def test_an_expression_of_several_lines(module):
    """The frame says where the expression ends."""
    frame = frames(
        record_of(module("wide", "def f(n):\n    return (\n        1 /\n        n\n    )\n").f, 0)
    )[-1]
    assert (frame["line"], frame["end_line"]) == (3, 4)


def test_a_changed_and_reloaded_module_shows_its_new_source(module):
    """Nothing of the old file is shown for a new code object."""
    old = record_of(module("changing", "def f():\n    return 1 / 0  # old\n").f)
    new = record_of(module("changing", "# more\n\ndef f():\n    return 2 / 0  # new\n").f)
    assert frames(old)[-1]["line"] == 2
    assert frames(new)[-1]["line"] == 4
    assert "old" in old["exception_traceback"]
    assert "new" in new["exception_traceback"]
    assert "old" not in frames(new)[-1]["code"]


def test_the_cache_is_bounded(monkeypatch):
    """However many places a session fails at, only so many descriptions are kept."""
    monkeypatch.setattr(positions, "MAX_POSITIONS", 5)
    functions = []
    for n in range(20):
        namespace = {}
        exec(compile(f"def f():\n    return {n} / 0", f"<made {n}>", "exec"), namespace)
        functions.append(namespace["f"])
        record_of(functions[-1])
        assert len(positions.positions_in) <= 5


def test_the_cache_keeps_no_code_alive():
    """A cell that was run again, a module that was reloaded: their code can go."""
    namespace = {}
    exec("def f():\n    return 1 / 0", namespace)
    code = weakref.ref(namespace["f"].__code__)
    record_of(namespace["f"])
    assert code() is not None
    before = len(positions.positions_in)
    namespace.clear()
    gc.collect()
    assert code() is None
    assert len(positions.positions_in) < before


def test_forget_empties_the_cache():
    """After ``forget`` a place is described anew."""

    def broken():
        return 1 / 0

    first = record_of(broken)
    positions.forget()
    assert len(positions.positions_in) == 0
    assert frames(first)[-1] is not frames(record_of(broken))[-1]


def test_only_so_many_ways_are_remembered(monkeypatch):
    """Of many ways to a place the last are remembered, of long ones none; all are told whole."""
    monkeypatch.setattr(ways, "MAX_WAYS", 5)
    monkeypatch.setattr(ways, "MAX_LENGTH", 20)

    def down(n):
        return down(n - 1) if n else 1 / 0

    for depth in (*range(1, 30), *range(1, 30)):
        record = record_of(down, depth)
        assert record["exception_traceback"].count(", in down") == depth + 1 == len(frames(record))
        assert len(ways._ways) <= 5


def test_one_way_is_shown_as_far_as_each_asks():
    """The same traceback, cut to another number of frames, and for a test."""

    def down(n):
        return down(n - 1) if n else 1 / 0

    for _ in range(2):
        for limit in (3, 6, 100):
            record = record_of(down, 9, max_depth=limit)
            assert len(record["extracted_code"]) == len(record["locals"]) == min(limit, 11)
            assert record.get("frames_omitted", 0) == 11 - min(limit, 11)
            assert record["locals"][-1]["n"] == "0"
            assert record["locals"][-2]["n"] == "1"
        assert "repetition" in record_of(down, 9, max_depth=3)


def test_long_lines_are_cut(module):
    """A line of a megabyte costs no megabyte."""
    record = record_of(module("long", f"def f():\n    return 1 / 0, '{'x' * 1_000_000}'\n").f)
    assert len(record["exception_traceback"]) < 20 * positions.MAX_LINE
    assert len(frames(record)[-1]["code"]) < 20 * positions.MAX_LINE


def test_secrets_in_source_are_not_shown(module):
    """A password in the line that fails is in no part of the record."""
    source = 'def f(connect=None):\n    return connect(password="hunter2")\n'
    record = record_of(module("secretive", source).f)
    assert "hunter2" not in str(record)
    assert "redacted: password" in record["exception_traceback"]


def test_source_of_a_function(module):
    """A function's whole source, "" where there is none."""
    source = "x = 1\n\n\ndef f():\n    y = 2\n    return y\n\n\nz = 3\n"
    made = module("whole", source)
    assert positions.source_of(made.f.__code__) == "def f():\n    y = 2\n    return y"
    namespace = {}
    exec("def g(): return 1", namespace)
    assert positions.source_of(namespace["g"].__code__) == ""


@pytest.mark.parametrize(
    ("file", "library"),
    [
        ("<frozen importlib._bootstrap>", True),
        (pytest.__file__, True),
        (linecache.__file__, True),
        (capture.__file__, True),
        ("/usr/lib/python3/dist-packages/x.py", True),
        (__file__, False),
        ("<stdin>", False),
        ("/home/me/work/analysis.py", False),
        ("pandas/_libs/index.pyx", True),
        ("pandas/_libs/hashtable_class_helper.pxi", True),
    ],
)
def test_whose_code_it_is(file, library):
    """Installed packages, the standard library and this package are not the user's code."""
    assert positions.is_library(file) is library


def test_compiled_code_of_the_user(tmp_path):
    """Its source is there, whereas that of an installed package is not."""
    (tmp_path / "fast.pyx").write_text("def f(): ...")
    assert not positions.is_library("fast.pyx")
    assert not positions.is_library(str(tmp_path / "fast.pyx"))


def test_code_without_line_numbers():
    """An instruction that Python knows no place of is at its function's first line."""

    def broken():
        raise ValueError

    bare = broken.__code__.replace(co_linetable=b"")
    broken.__code__ = bare
    frame = frames(record_of(broken))[-1]
    assert frame["line"] == bare.co_firstlineno
    assert "column" not in frame


def test_a_cell_is_known_by_its_label(monkeypatch):
    """Where a file stands for a cell, frame and traceback speak of the cell and its lines."""
    cell = positions.Cell("Cell In[5]", 2, "%%magic\n\n1 / 0\n")
    monkeypatch.setattr(positions, "cell_of", lambda file, _: cell if file == "<it>" else None)
    record = record_of(exec, compile("1 / 0", "<it>", "exec"), {})
    frame = frames(record)[-1]
    assert (frame["file"], frame["line"]) == ("Cell In[5]", 3)
    assert "  Cell In[5], line 3, in <module>\n    1 / 0" in record["exception_traceback"]
    assert frame["code"].split("\n")[frame["line"] - frame["code_start"]] == "1 / 0"


def test_a_frame_that_came_from_another_process(module):
    """As Dask brings them home, in code of tblib's: of its place only function and line are true."""
    from tblib import Traceback

    far = module(
        "far", "class Far:\n    def fails(self):\n        x = 1\n        return x / 0\n"
    ).Far()
    error = fail(far.fails)
    told = Traceback(error.__traceback__).to_dict()

    def gather():
        raise ZeroDivisionError("no").with_traceback(Traceback.from_dict(told).as_traceback())

    frame = frames(record_of(gather))[-1]
    assert (frame["function"], frame["line"]) == ("fails", 4)
    assert "return x / 0" in frame["code"]
    assert "column" not in frame
