"""Documents run: the README's blocks and every notebook."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from pytest_runs import lay_out, run_pytest
from runs import execute_plainly, notebook, output

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def test_the_python_of_the_readme_runs(run_python, tmp_path):
    """All blocks, in their order, as one script; the files they speak of are there."""
    found = blocks("python")
    assert len(found) >= 4
    done = run_python("\n".join(found))
    assert "handled, and remembered" in done.stdout
    assert "ratio ZeroDivisionError" in done.stdout
    for name in ("failures.json", "failures.log"):
        assert (tmp_path / name).stat().st_size > 0


def test_the_cells_of_the_readme_run(tmp_path):
    """In a real kernel; the one that is to fail does, the one that is to go on does."""
    found = blocks("ipython")
    book = notebook(*found)
    execute_plainly(book, tmp_path, allow_errors=True)
    texts = dict(zip(found, map(output, book.cells), strict=True))
    assert texts["%failextract\n"].startswith("<p>1 failure</p>")
    assert "ValueError" in texts['int("twelve")\n']
    assert "FileNotFoundError" in texts[found[-1]]


def test_the_command_of_the_readme_for_pytest_runs(tmp_path):
    """It writes the reports that it names."""
    lay_out(tmp_path, {"test_it.py": "def test_it(tmp_path):\n    assert tmp_path is None\n"})
    (line,) = re.findall(r"^pytest (--failextract .*)$", README, re.M)
    run = run_pytest(tmp_path, *line.split())
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert "AssertionError" in (tmp_path / "failures.html").read_text()
    assert "| tmp\\_path |" in (tmp_path / "failures.txt").read_text()


def test_the_readme_names_the_formats_there_are():
    """Their names, extensions, and whether they can be appended to."""
    from failextract_nb import formats
    from failextract_nb.formats import OutputFormatter

    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (yes|no) \|$", README, re.M)
    told = {name: (re.findall(r"`(.+?)`", endings), can == "yes") for name, endings, can in rows}
    really = {}
    for name in formats.names():
        kind = type(formats.get(name))
        can_append = (
            kind.read is not OutputFormatter.read or kind.append is not OutputFormatter.append
        )
        really[name] = (list(formats.get(name).extensions), can_append)
    assert told == really


def test_the_readme_names_the_make_targets_there_are():
    """What it says to type exists."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    assert set(re.findall(r"^make ([a-z-]+)", README, re.M)) <= targets
    assert {
        "demo",
        "test",
        "test-lowest",
        "lab",
        "bench",
        "bench-quick",
        "soak",
        "lint",
        "help",
    } <= targets


def test_the_readme_lists_the_keys_that_are_always_there():
    """The promise and the code are one."""
    from failextract_nb import failure

    text = README.split("These keys are always there:")[1].split(". Where")[0]
    assert sorted(re.findall(r"\w+", text)) == sorted(failure.CORE)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_every_notebook_runs(path: Path, tmp_path):
    """To its end, in an empty folder; no cell fails that is not tagged to fail; no output is kept."""
    book = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells), "clear the outputs before a commit"
    execute_plainly(book, tmp_path)
    for cell in book.cells:
        failed = any(out["output_type"] == "error" for out in cell.get("outputs", []))
        expected = "raises-exception" in cell.metadata.get("tags", [])
        assert failed == (expected or "--continue" in cell.source), cell.source


def test_the_demo_shows_the_failures_and_the_reports(run_python):
    """`make demo` ends well, with the table and a report of every format."""
    from failextract_nb import formats

    done = run_python(
        f"import runpy; runpy.run_path({str(ROOT / 'notebooks' / 'demo.py')!r}, run_name='demo')['main']()"
    )
    assert "5 failures, 1 passed" in done.stdout
    for name in formats.names():
        assert f"failures{formats.extension(name)}" in done.stdout


def test_a_second_make_installs_nothing():
    """Once the environment stands, make has nothing to set up before it tests or opens the lab."""
    stamp, xsd = ROOT / ".venv" / ".ready", ROOT / "build" / "junit-10.xsd"
    more = (
        ROOT / ".venv" / ".browser",
        ROOT / "labextension" / "node_modules" / ".ready",
        ROOT / "build" / "projects" / ".ready",
    )
    if not all(made.exists() for made in (stamp, xsd, *more)):
        pytest.skip("the environment was not made by make")
    assert stamp.stat().st_mtime >= (ROOT / "pyproject.toml").stat().st_mtime
    done = subprocess.run(
        ["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "pytest" in done.stdout
    assert "pip " not in done.stdout
    assert "npm ci" not in done.stdout
    assert "venv .venv" not in done.stdout
