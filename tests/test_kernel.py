"""The extension in real kernels and in the real terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from runs import execute, execute_plainly, kernel, notebook, output

SUMMARY = """
from failextract_nb import FailureExtractor
for one in FailureExtractor().failures:
    print(one["test_name"], one["exception_type"], one["test_file"], one["line_number"])
"""


def test_run_all_goes_on_after_continue(tmp_path):
    """nbclient stops at a failing cell, but not at one that says --continue."""
    book = notebook(
        "%load_ext failextract_nb",
        "%%failextract --continue --name first\n1 / 0",
        "%%failextract --continue\n1 +* 2",
        "%%failextract\nimport asyncio\nawait asyncio.sleep(0)\n'awaited'",
        "_",
        "Out[4]",
        SUMMARY,
    )
    execute_plainly(book, tmp_path)
    texts = [output(cell) for cell in book.cells]
    assert "ZeroDivisionError" in texts[1]
    assert "SyntaxError" in texts[2]
    assert texts[3:6] == ["'awaited'"] * 3
    assert texts[6].splitlines() == [
        "first ZeroDivisionError Cell In[2] 2",
        "In[3] SyntaxError Cell In[3] 2",
    ]


def test_lines_and_places_in_a_kernel(tmp_path):
    """Cells are named by their number, never by ipykernel's temporary file."""
    run = execute(
        notebook(
            "\n\ndef f(x):\n    return 1 / x",
            "\n%%time\n\nf(0)",
            "%%failextract --name stacked\n%%time\nx = 1\n[][x]",
            "%%failextract\n\nawait f(0)",
            "f(0)",
            "f(0)",
        ),
        tmp_path,
        extension=True,
    )
    places = [
        [
            (frame["file"], frame["line"])
            for frame in one["extracted_code"]
            if "library" not in frame
        ]
        for one in run.captured
    ]
    timed = [
        [("Cell In[2]", 4), ("Cell In[1]", 4)],
        [("Cell In[3]", 4)],
    ]
    for frames, magic in zip(places[:2], (("Cell In[2]", 2), ("Cell In[3]", 2)), strict=True):
        if frames[0] == magic:  # IPython before 9.4 catches the error below this frame
            del frames[0]
    assert places == [
        *timed,
        [("Cell In[4]", 3), ("Cell In[1]", 4)],
        [("Cell In[5]", 1), ("Cell In[1]", 4)],
        [("Cell In[6]", 1), ("Cell In[1]", 4)],
    ]
    assert not any("ipykernel_" in one["exception_traceback"] for one in run.captured)


def test_the_table_in_a_notebook(tmp_path):
    """A widget, and for those who run none text, static HTML and records; one model for all."""
    run = execute(
        notebook(
            "%failextract",
            "raise ValueError('<script>alert(1)</script> & more')",
            "%failextract show",
            "from failextract_nb import FailureExtractor, FailureTable\nFailureExtractor()",
            "FailureTable()",
            "len(FailureTable().frame), FailureTable() is FailureTable()",
        ),
        tmp_path,
        extension=True,
    )
    cells = run.notebook.cells
    assert "No failures yet" in output(cells[0])
    models = set()
    for cell in cells[2:5]:
        (table,) = (out["data"] for out in cell.outputs)
        assert "&lt;script&gt;alert(1)" in table["text/html"]
        assert "<script>" not in table["text/html"]
        assert "ValueError" in table["text/plain"]
        records = table["application/vnd.failextract.failures.v1+json"]
        assert records["failures"][0]["exception_type"] == "ValueError"
        models.add(table["application/vnd.jupyter.widget-view+json"]["model_id"])
    assert len(models) == 1
    assert output(cells[5]) == "(1, True)"


def test_who_runs_the_notebook_may_tell_the_place_of_a_cell(tmp_path):
    """In the request's metadata, as any front end can: what the kernel cannot know."""
    book = notebook("pass", "1 / 0", "raise KeyError")
    told = {"cell_index": 0, "notebook": "folder/a.ipynb"}
    book.cells[1].metadata = {"tags": ["slow"], "failextract_nb": told}
    book.cells[2].metadata = {"tags": ["slow"], "failextract_nb": "nonsense"}
    first, second = execute(book, tmp_path, extension=True).captured
    assert (first["cell_index"], first["notebook"], first["tags"]) == (
        0,
        "folder/a.ipynb",
        ["slow"],
    )
    assert "cell_index" not in second
    assert (first["cell_id"], second["cell_id"]) == (book.cells[1].id, book.cells[2].id)


def test_the_session_is_as_it_was_after_unloading(tmp_path):
    """In a kernel, too: no record, no magic; and loading again goes on with what is there."""
    run = execute(
        notebook(
            "%load_ext failextract_nb\n%reload_ext failextract_nb",
            "1 / 0",
            "%unload_ext failextract_nb",
            "1 / 0",
            "%failextract",
            "%%failextract\n1",
            "%load_ext failextract_nb",
            "1 / 0",
        ),
        tmp_path,
        extension=True,
    )
    assert [one["execution_count"] for one in run.captured] == [2, 8]
    assert "not found" in output(run.notebook.cells[4])
    assert "not found" in output(run.notebook.cells[5])


def test_the_cell_id_of_the_front_end_is_kept_and_tab_completes(tmp_path):
    """What JupyterLab sends: metadata with the cell's id, and completion requests."""
    with kernel(tmp_path) as client:
        message = client.session.msg(
            "execute_request",
            {
                "code": "1 / 0",
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "stop_on_error": False,
            },
            metadata={"cellId": "abc-123"},
        )
        client.shell_channel.send(message)
        reply = client.get_shell_msg(timeout=30)
        while reply["parent_header"]["msg_id"] != message["header"]["msg_id"]:
            reply = client.get_shell_msg(timeout=30)  # the answer to an earlier question
        assert reply["content"]["ename"] == "ZeroDivisionError"
        ask = {"id": "__import__('failextract_nb').FailureExtractor().failures[0].get('cell_id')"}
        reply = client.execute_interactive("", user_expressions=ask, timeout=30)
        told = reply["content"]["user_expressions"]["id"]["data"]["text/plain"]
        assert told == "'abc-123'"
        for line, word in (
            ("%failextract exp", "export"),
            ("%failextract export x --format ya", "yaml"),
        ):
            content = client.complete(line, len(line), reply=True, timeout=30)["content"]
            done = [line[: content["cursor_start"]] + match for match in content["matches"]]
            assert any(one.endswith(f" {word}") for one in done), (line, content)


@pytest.mark.parametrize(
    "loaded", ["%load_ext failextract_nb", "from failextract_nb import FailureExtractor"]
)
def test_a_terminal_shows_text(tmp_path, loaded):
    """IPython in a terminal prints the table; no widget, no HTML."""
    lines = [
        loaded,
        "%%failextract --name typed" if "load_ext" in loaded else "",
        "1 / 0",
        "",
        "from failextract_nb import FailureExtractor",
        "FailureExtractor()",
        "exit",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython"), "TERM": "dumb"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "load_ext" in loaded:
        assert "1 failure" in done.stdout
        assert "division by zero" in done.stdout.split("1 failure")[1]
    else:
        assert "No failures yet" in done.stdout


def test_a_notebook_without_the_extension_still_shows_the_store(tmp_path):
    """FailureExtractor() has a display of its own."""
    book = notebook(
        "from failextract_nb import FailureExtractor, extract_on_failure",
        "@extract_on_failure\ndef f():\n    1 / 0\ntry:\n    f()\nexcept ZeroDivisionError:\n    pass",
        "FailureExtractor()",
    )
    execute_plainly(book, tmp_path)
    data = book.cells[2].outputs[0]["data"]
    assert "<table>" in data["text/html"]
    assert "ZeroDivisionError" in data["text/plain"]
    assert nbformat.validate(book) is None
