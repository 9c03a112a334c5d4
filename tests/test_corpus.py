"""Real notebooks that really fail: what is captured is what the kernel says has failed."""

from __future__ import annotations

from pathlib import Path

import IPython
import pytest
from conftest import SHARED
from runs import execute

CORPUS = SHARED / "corpus" / "pydata-book"
OWN = Path(__file__).parent / "notebooks"


@pytest.fixture(autouse=True)
def comparable(monkeypatch):
    """Two runs say the same: sets have one order, and the network answers at once, no."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")


def check(path: Path, folder: Path) -> int:
    """Execute twice, plain and with the extension, and compare; return how many cells failed."""
    plain = execute(path, folder, extension=False)
    watched = execute(path, folder, extension=True)
    # The rest is what no reply tells of: commands whose exit code is lost.
    beside = [one for one in watched.captured if one["origin"] != "cell"]
    watched.captured = [one for one in watched.captured if one["origin"] == "cell"]
    if IPython.version_info < (
        9,
        4,
    ):  # it shows some errors under %%time and replies that all is well
        told = {count for count, _, _ in watched.failed}
        hidden = [one for one in watched.captured if one["execution_count"] not in told]
        assert all("%%time" in one["cell_source"] for one in hidden)
        watched.captured = [one for one in watched.captured if one not in hidden]
    assert watched.summary() == watched.failed
    for one in beside:
        assert one["origin"] == "shell"
        assert f"!{one['command']}" in one["cell_source"]
        assert one["exit_code"] != 0
    assert [(count, kind) for count, kind, _ in watched.failed] == [
        (count, kind) for count, kind, _ in plain.failed
    ]
    # Addresses differ from run to run; everything else in a message must not.
    for (_, _, with_it), (_, _, without) in zip(watched.failed, plain.failed, strict=True):
        assert with_it == without or " at 0x" in without
    by_count = {
        cell.execution_count: cell.source
        for cell in watched.notebook.cells
        if cell.cell_type == "code"
    }
    for one in watched.captured:
        assert one["cell_source"] == by_count[one["execution_count"]]
    return len(plain.failed)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not here")
@pytest.mark.parametrize("name", ["ch02", "ch03", "ch04", "ch06", "ch08", "ch10", "ch12"])
@pytest.mark.timeout(600)
def test_the_failures_of_a_book_are_captured_one_to_one(name, tmp_path):
    """Same cell, same type, same message, none missing, none invented."""
    assert check(CORPUS / f"{name}.ipynb", tmp_path) > 0


@pytest.mark.parametrize("path", sorted(OWN.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_failures_of_our_own_notebooks_are_captured_one_to_one(path, tmp_path):
    """As above, with notebooks that are always here."""
    assert check(path, tmp_path) > 0


def test_there_are_notebooks_of_our_own():
    """The test above does not pass by having nothing to do."""
    assert len(list(OWN.glob("*.ipynb"))) >= 3
