"""What the table hands on in JupyterLab: every format, as a download or beside the notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect

from browser.failing import add, add_many, ask, open_table

WRITE = """
from failextract_nb import FailureExtractor, OutputConfig, formats
for name in formats.names():
    FailureExtractor().save_report(OutputConfig(f"kernel-{name}", format=name))
"""
MOMENT = re.compile(r"20\d\d[\d\-:. T\\+Z]{12,}")  # Markdown escapes
SHORT = """from failextract_nb import formats
class Short:
    extensions = (".short.txt",)
    def format(self, failures, passed=None, metadata=None):
        return "\\n".join(f"{one['exception_type']} é" for one in failures)
formats.register("short", Short)"""
BROKEN = """from failextract_nb import formats
class Broken:
    def format(self, failures, passed=None, metadata=None):
        return failures[0]["no such key"]
formats.register("broken", Broken)"""
# Each record takes as long as the test says.
SLOW = """from failextract_nb import OutputFormatter, formats
import os, time
class Slow(OutputFormatter):
    extensions = (".slow",)
    def iter_format(self, failures, passed=None, metadata=None):
        for place, one in enumerate(failures):
            while not os.path.exists("go") and len(failures) > 100:
                time.sleep(0.01)
                yield ""
            yield f"{place}\\n"
formats.register("slow", Slow)"""


def exported(table, format):
    """The file name and content of a download."""
    with table.page.expect_download() as download:
        table.export(format).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def choose(table, label, value):
    table.element.get_by_label(label).select_option(value)


def names_in(table):
    """The messages of the failures in the JSON Lines that are exported now."""
    lines = [json.loads(line) for line in exported(table, "jsonl")[1].splitlines()]
    return [one["exception_message"] for one in lines if "exception_message" in one]


def test_each_format_has_a_button_that_downloads_its_report(page, lab):
    """The same text that the kernel writes, but for the moment it was written at."""
    notebook, table = open_table(page, lab, ["1 / 0", "int('é')"])
    names = ask(notebook, "__import__('failextract_nb').formats.names()")
    buttons = table.element.get_by_role("group", name="Export as").get_by_role("button")
    expect(buttons).to_have_text(names)
    notebook.execute(WRITE)
    for name in names:
        filename, content = exported(table, name)
        ending = ask(notebook, f"__import__('failextract_nb').formats.extension({name!r})")
        assert filename == f"failextract-report{ending}"
        expect(table.notes).to_contain_text(f"2 failures downloaded as {filename}")
        written = (notebook.folder / f"kernel-{name}").read_bytes().decode()
        assert "int() with base 10" in written
        assert MOMENT.sub("…", content.decode()) == MOMENT.sub("…", written), name


def test_a_format_that_a_later_cell_registers_gets_its_button(page, lab):
    notebook, table = open_table(page, lab, ["1 / 0"], more=[SHORT])
    expect(table.export("short")).to_have_count(0)
    notebook.run(3)
    expect(table.export("short")).to_be_visible()
    filename, content = exported(table, "short")
    assert (filename, content.decode()) == ("failextract-report.short.txt", "ZeroDivisionError é")


def test_all_or_what_is_shown_or_selected_is_exported(page, lab):
    notebook, table = open_table(page, lab)
    add(notebook, *({"exception_message": f"{name} {n}"} for n in range(3) for name in ("a", "b")))
    expect(table.column("message")).to_have_text(["b 2", "a 2", "b 1", "a 1", "b 0", "a 0"])
    scope = table.element.get_by_label("What is exported")
    expect(scope).to_have_value("all")
    assert names_in(table) == ["a 0", "b 0", "a 1", "b 1", "a 2", "b 2"]

    table.search.fill("a ")
    expect(scope).to_have_value("shown")
    assert names_in(table) == ["a 0", "a 1", "a 2"]
    choose(table, "What is exported", "all")
    assert len(names_in(table)) == 6
    choose(table, "What is exported", "shown")
    table.search.fill("")
    expect(table.rows).to_have_count(6)

    boxes = table.rows.get_by_role("checkbox")
    boxes.nth(1).click()
    expect(table.status).to_contain_text("1 selected")
    boxes.nth(3).click(modifiers=["Shift"])
    expect(table.status).to_contain_text("3 selected")
    expect(table.grid.locator('.ft-row[aria-selected="true"]')).to_have_count(3)
    choose(table, "What is exported", "selected")
    assert names_in(table) == ["a 1", "b 1", "a 2"]
    boxes.nth(2).click()
    expect(table.status).to_contain_text("2 selected")
    assert names_in(table) == ["a 1", "a 2"]
    everything = table.grid.get_by_role("checkbox", name="Select all that is shown")
    expect(everything).to_be_checked(indeterminate=True)
    everything.click()
    expect(table.status).to_contain_text("6 selected")
    assert len(names_in(table)) == 6
    everything.click()
    expect(table.status).to_have_text("6 failures")
    expect(scope).to_have_value("all")


def test_a_report_is_written_beside_the_notebook(page, lab):
    """Wherever the kernel works; the note says the path."""
    notebook, table = open_table(page, lab, ["import os; os.makedirs('work'); os.chdir('work')"])
    add(notebook, {"exception_message": "kept"})
    expect(table.rows).to_have_count(1)
    choose(table, "Where it goes", "file")
    table.export("jsonl").click()
    path = notebook.folder / "failextract-report.jsonl"
    expect(table.notes).to_contain_text(f"1 failure written to {path}.")
    assert "kept" in path.read_text(encoding="utf-8")
    assert list((notebook.folder / "work").iterdir()) == []


@pytest.mark.parametrize("target", ["download", "file"])
def test_a_long_export_shows_its_progress_and_is_cancelled(page, lab, target):
    """Meanwhile cells run and the table scrolls; nothing is left of what was cancelled."""
    notebook, table = open_table(page, lab, [SLOW], more=["print('ran')"])
    add_many(notebook, 1_000)
    expect(table.status).to_have_text("1,000 failures")
    downloads = []
    page.on("download", lambda one: downloads.append(one))
    choose(table, "Where it goes", target)
    files = set(notebook.folder.iterdir())
    table.export("slow").click()
    bar = table.element.get_by_role("progressbar", name="Export")
    expect(bar).to_be_visible()
    expect(table.export("json")).to_be_disabled()
    notebook.run(3)
    assert notebook.text(3).strip() == "ran"
    table.grid.evaluate("one => one.scrollTop = one.scrollHeight")
    expect(table.line("many 0")).to_be_visible()
    table.button("Cancel").click()
    expect(table.notes).to_contain_text("The export was cancelled; nothing was written.")
    expect(bar).to_be_hidden()
    notebook.wait("kernel.status === 'idle'")
    assert set(notebook.folder.iterdir()) == files
    jobs = "FailureTable().live.jobs"
    if target == "file":  # the page said it when the kernel had left it
        assert ask(notebook, f"len({jobs})") == 0
    else:  # the page has let go; a thread of the kernel hears of it
        notebook.execute(
            f"import time; from failextract_nb import FailureTable\nwhile {jobs}: time.sleep(0.01)"
        )

    (notebook.folder / "go").touch()
    choose(table, "Where it goes", "download")
    filename, content = exported(table, "slow")
    assert (filename, content.count(b"\n")) == ("failextract-report.slow", 1_000)
    assert len(downloads) == 1


def test_a_kernel_that_does_not_answer_may_still_write_the_file(page, lab):
    """Who cancels is told so; when it is awake again, it stops."""
    notebook, table = open_table(page, lab, [SLOW])
    add_many(notebook, 1_000)
    expect(table.status).to_have_text("1,000 failures")
    kernel = psutil.Process(int(notebook.execute("import os; print(os.getpid())")))
    choose(table, "Where it goes", "file")
    files = set(notebook.folder.iterdir())
    table.export("slow").click()
    bar = table.element.get_by_role("progressbar", name="Export")
    expect(bar).to_have_attribute("value", re.compile(r"\d"))  # the kernel is at it
    kernel.suspend()
    try:
        table.button("Cancel").click()
        expect(table.element.get_by_role("alert")).to_contain_text(
            "The kernel does not answer; it may still write the file."
        )
        notebook.shot("export-without-answer")
    finally:
        kernel.resume()
    while set(notebook.folder.iterdir()) != files:  # what it had begun goes
        page.wait_for_timeout(20)
    notebook.wait("kernel.status === 'idle'")
    assert set(notebook.folder.iterdir()) == files


def test_progress_is_told_in_parts(page, lab):
    """30,000 failures with long texts: the bar moves on, the download is whole."""
    notebook, table = open_table(page, lab)
    add_many(notebook, 30_000, padding=" long" * 100)
    expect(table.status).to_have_text("30,000 failures")
    table.element.locator("progress").evaluate(
        """bar => {
            window.shares = [];
            new MutationObserver(() => window.shares.push(bar.position)).observe(
                bar, { attributeFilter: ["value"] });
        }"""
    )
    filename, content = exported(table, "jsonl")
    records = [json.loads(line) for line in content.splitlines()]
    assert sum("exception_message" in one for one in records) == 30_000
    shares = [one for one in page.evaluate("window.shares") if one >= 0]
    assert shares == sorted(shares)
    assert len({one for one in shares if 0 < one < 1}) > 5
    expect(table.element.locator("progress")).to_be_hidden()


def test_what_is_wrong_with_a_format_is_told(page, lab):
    """The table goes on, and so do other formats."""
    notebook, table = open_table(page, lab, ["1 / 0"])
    notebook.execute(BROKEN)
    table.export("broken").click()
    expect(table.element.get_by_role("alert")).to_contain_text("KeyError: 'no such key'")
    choose(table, "Where it goes", "file")
    table.export("broken").click()
    expect(table.export("json")).to_be_enabled()
    assert not (notebook.folder / "failextract-report.broken").exists()
    choose(table, "Where it goes", "download")
    assert exported(table, "json")[0] == "failextract-report.json"
