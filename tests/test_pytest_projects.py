"""The plugin on what others have written: pytest's own examples, and projects that are broken here.

``make test`` brings the sources; what is recorded is compared with pytest's own JUnit report.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from pytest_runs import WORKERS, lay_out, run_pytest, told_by_pytest, told_by_us

PROJECTS = ROOT / "build" / "projects"
XML = ("--junitxml=told.xml", "-o", "junit_family=xunit1")

pytestmark = pytest.mark.skipif(
    not (PROJECTS / ".ready").exists(), reason="the projects are not here: make test brings them"
)


@pytest.fixture(params=[(), WORKERS], ids=["alone", "xdist"])
def workers(request):
    return request.param


def unpacked(name: str, folder: str, to: Path) -> Path:
    """A copy of a folder of a project's source archive."""
    [source] = PROJECTS.glob(f"{name}-[0-9]*/")
    return shutil.copytree(source / folder, to / name)


def replace(file: Path, *changes: tuple[str, str]) -> None:
    """Change each of these texts, which stand there exactly once."""
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)


def test_the_examples_of_pytest(tmp_path, workers):
    """Each that fails, and no other: asserts of every kind, fixtures, files that are no Python."""
    examples = unpacked("pytest", "doc/en/example", tmp_path)
    (examples / "conftest.py").unlink()  # it leaves some out
    (examples / "multipython.py").unlink()  # runs other Pythons
    shutil.rmtree(examples / "customdirectory")  # a run of its own
    lay_out(examples, {"pytest.ini": "[pytest]\npython_files = *.py\n"})
    run = run_pytest(examples, *XML, "--continue-on-collection-errors", *workers)
    told = told_by_us(run.failures)
    assert told == told_by_pytest(examples / "told.xml")
    assert sum(told.values()) > 40
    asserts = [one for one in run.failures if one["test_file"].endswith("failure_demo.py")]
    assert sum("left" in one.get("assertion", {}) for one in asserts) > 20


def test_a_project_that_is_broken(tmp_path, workers):
    """toolz with wrong lines: each test that fails is a failure, at the line that is wrong."""
    project = unpacked("toolz", "", tmp_path)
    replace(
        project / "toolz" / "itertoolz.py",
        ("    elif len(seqs) == 1:\n        return iter(seqs[0])\n", ""),
        (
            "        return len(seq) == len(set(seq))\n",
            "        return len(seq) != len(set(seq))\n",
        ),
    )
    replace(project / "toolz" / "dicttoolz.py", ("func(v.__self__)", "func(v.__self)"))
    lay_out(project, {})
    run = run_pytest(project, *XML, "toolz/tests", *workers)
    told = told_by_us(run.failures)
    assert told == told_by_pytest(project / "told.xml")
    assert {one["exception_type"] for one in run.failures} == {
        "AssertionError", "AttributeError", "RecursionError",
    }  # fmt: skip
    for one in run.failures:
        if one["exception_type"] == "AttributeError":
            assert one["extracted_code"][-1]["code"].count("v.__self)") == 1
            assert "result" in one["locals"][-1]


def test_another_project_that_is_broken(tmp_path, workers):
    """more-itertools: its parts of unittests are failures of their own, and their sum is none."""
    project = unpacked("more_itertools", "", tmp_path)
    replace(
        project / "more_itertools" / "recipes.py",
        ("    return next(islice(iterable, n, None), default)\n",
         "    return next(islice(iterable, n + 1, None), default)\n"),
        ("    return sum(map(pred, iterable))\n", "    return sum(map(pred, iterable)) - 1\n"),
        ("    return chain(iterable, repeat(None))\n", "    return chain(iterable, repeat(0))\n"),
        ("        return zip_longest(*iterators, fillvalue=fillvalue)\n",
         "        return zip_longest(*iterators, fillvalue=None)\n"),
    )  # fmt: skip
    lay_out(project, {})
    slow = "--deselect=tests/test_recipes.py::PrimeFunctionTests::test_primes"
    run = run_pytest(project, *XML, slow, "tests/test_recipes.py", *workers)
    told = told_by_us(run.failures)
    assert told == told_by_pytest(project / "told.xml")
    assert sum(told.values()) >= 3
    assert {"(n=4)", "(n=5)", "(n=7)"} <= {one.get("subtest") for one in run.failures}
