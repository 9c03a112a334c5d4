"""The table in JupyterLab while things happen: failures come, are forgotten, are many.

And what Python code does with it, which the page follows.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.failing import WORK, add, add_many, ask, open_table

TRICKLE = """import time
started = time.monotonic()
for number in range(400):
    FailureExtractor().add_failure({"exception_message": f"trickle {number}"})
    time.sleep(0.005)
print(time.monotonic() - started)"""
# Every text that the line below the table has had.
NOTE_UPDATES = """status => {
    window.updates = [];
    new MutationObserver(() => window.updates.push(status.textContent)).observe(
        status, { childList: true, characterData: true, subtree: true });
}"""


def test_failures_are_seen_while_a_cell_runs(page, lab):
    """And so are their details; a search is answered, too."""
    notebook, table = open_table(page, lab, ["1 / 0"], more=[f"{WORK}work(3)"])
    notebook.wait("[...kernel._comms.values()].every((comm) => comm.subshellId)")
    notebook.start(3)
    expect(table.column("message").first).to_have_text("while it runs 2")
    expect(table.rows).to_have_count(4)
    expect(table.open("division").locator("mark")).to_have_text("1 / 0")
    table.search.fill("runs 1")
    expect(table.column("message")).to_have_text(["while it runs 1"])
    expect(table.notes).to_have_count(0)  # nobody is told to wait
    expect(notebook.cell(3)).to_contain_text("[*]:")
    (notebook.folder / "go").touch()
    notebook.finished(3)
    expect(table.status).to_have_text("1 of 4 failures")


def test_updates_are_batched(page, lab):
    """400 failures in two seconds and more are told some ten times a second."""
    notebook, table = open_table(page, lab, ["1 / 0"])
    table.status.evaluate(NOTE_UPDATES)
    lasted = float(notebook.execute(f"from failextract_nb import FailureExtractor\n{TRICKLE}"))
    expect(table.status).to_have_text("401 failures")
    updates = page.evaluate("window.updates")
    assert 3 <= len(updates) <= 10 * lasted + 3
    assert lasted >= 2


def test_a_burst_arrives_whole(page, lab):
    notebook, table = open_table(page, lab)
    expect(table.element).to_contain_text("No failures yet")
    add_many(notebook, 1_000, "burst")
    expect(table.status).to_have_text("1,000 failures")
    expect(table.column("message").first).to_have_text("burst 999")
    table.element.get_by_label("What is exported").select_option("all")
    with page.expect_download() as download:
        table.export("csv").click()
    lines = download.value.path().read_text(encoding="utf-8")
    assert all(f",burst {number}," in lines for number in range(1_000))


def test_new_failures_leave_the_reader_where_they_are(page, lab):
    """In the middle of 500: the first line in view, the selected, open and current one."""
    notebook, table = open_table(page, lab)
    add_many(notebook, 500, "old")
    expect(table.status).to_have_text("500 failures")
    table.grid.evaluate("one => one.scrollTop = 250 * 28 + 10")
    expect(table.line("old 248")).to_be_visible()
    detail = table.open("old 247")
    current = table.grid.locator(".ft-current")
    for message in ("old 246", "old 245"):
        page.keyboard.press("ArrowDown")
        expect(current).to_contain_text(message)
    table.line("old 246").get_by_role("checkbox").click()
    expect(table.status).to_have_text("500 failures · 1 selected")
    expect(current).to_contain_text("old 246")
    before = table.offset("old 249")
    for count in (1, 50, 1_000):
        add_many(notebook, count, f"{count} new")
    expect(table.status).to_have_text("1,551 failures · 1 selected")
    expect(table.grid).to_have_attribute("aria-rowcount", "1552")
    assert abs(table.offset("old 249") - before) <= 1
    expect(table.grid.locator('[aria-selected="true"].ft-row')).to_contain_text("old 246")
    expect(current).to_contain_text("old 246")
    expect(table.grid.locator(".ft-opened")).to_contain_text("old 247")
    expect(detail.locator(".ft-message")).to_have_text("old 247")
    page.keyboard.press("ArrowDown")
    expect(current).to_contain_text("old 245")


def test_the_current_line_is_followed_from_the_top(page, lab):
    """New failures come in above it; a key goes on from where the reader was."""
    notebook, table = open_table(page, lab)
    add_many(notebook, 5, "old")
    current = table.grid.locator(".ft-current")
    table.line("old 4").locator(".ft-cell-message").click()
    page.keyboard.press("ArrowDown")
    expect(current).to_contain_text("old 3")
    add_many(notebook, 2, "new")
    expect(table.rows).to_have_count(7)
    expect(current).to_contain_text("old 3")
    page.keyboard.press("ArrowDown")
    expect(current).to_contain_text("old 2")


def test_clear_asks_and_is_undone(page, lab):
    notebook, table = open_table(page, lab)
    add_many(notebook, 3, "old")
    expect(table.rows).to_have_count(3)
    question = table.element.get_by_role("alertdialog", name="Forget all?")
    clear = table.button("Clear…")
    clear.click()
    expect(question).to_contain_text("Forget all 3 failures?")
    expect(question.get_by_role("button", name="Keep them")).to_be_focused()
    question.get_by_role("button", name="Keep them").click()
    expect(question).to_be_hidden()
    clear.click()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert ask(notebook, "len(FailureExtractor().failures)") == 3

    clear.click()
    question.get_by_role("button", name="Forget them").click()
    expect(table.element).to_contain_text("No failures yet")
    expect(table.notes).to_contain_text("3 failures forgotten.")
    assert ask(notebook, "len(FailureExtractor().failures)") == 0
    add_many(notebook, 1, "new")
    expect(table.column("message")).to_have_text(["new 0"])
    table.button("Undo").click()
    expect(table.column("message")).to_have_text(["new 0", "old 2", "old 1", "old 0"])
    expect(table.notes).to_contain_text("3 failures brought back.")
    expect(table.button("Undo")).to_be_hidden()
    assert ask(notebook, "len(FailureExtractor().failures)") == 4


def test_clear_in_a_cell_empties_the_table(page, lab):
    clear = "from failextract_nb import FailureExtractor\nFailureExtractor().clear()"
    notebook, table = open_table(page, lab, ["1 / 0"], more=[clear])
    expect(table.rows).to_have_count(1)
    notebook.run(3)
    expect(table.rows).to_have_count(0)
    expect(table.element).to_contain_text("No failures yet")
    expect(clear_button := table.button("Clear…")).to_be_disabled()
    notebook.run(1)
    expect(table.column("message")).to_have_text(["division by zero"])
    expect(clear_button).to_be_enabled()


def test_the_next_cell_reads_and_narrows_the_table(page, lab):
    """frame, selected, search and filter; the page follows."""
    cells = [
        "table = FailureTable()",
        "table.filter(\"type == 'KeyError' and line > 3\")",
        "print(table.frame[['type', 'line']].to_csv(index=False))",
        "table.filter()\ntable.search = 'a 1'",
        "print(*table.selected['message'], sep=', ')",
        "table.filter('kind == 3')",
    ]
    load = "from failextract_nb import FailureTable"
    notebook, table = open_table(page, lab, [load], more=cells)
    make = [("KeyError", 2), ("KeyError", 4), ("ValueError", 5), ("KeyError", 6)]
    add(
        notebook,
        *(
            {"exception_type": kind, "line_number": line, "exception_message": f"{kind[0]}a {n}"}
            for n, (kind, line) in enumerate(make)
        ),
    )
    expect(table.rows).to_have_count(4)
    for index in (3, 4, 5):
        notebook.run(index)
    expect(table.column("line")).to_have_text(["6", "4"])
    query = table.element.locator(".ft-query")
    expect(query.locator("code")).to_have_text("type == 'KeyError' and line > 3")
    assert notebook.text(5).split() == ["type,line", "KeyError,6", "KeyError,4"]
    query.get_by_role("button", name="Remove this filter").click()
    expect(table.rows).to_have_count(4)
    assert ask(notebook, "FailureTable().query") == ""

    notebook.run(6)
    expect(table.search).to_have_value("a 1")
    expect(table.column("message")).to_have_text(["Ka 1"])
    table.search.fill("")
    boxes = table.rows.get_by_role("checkbox")
    expect(boxes).to_have_count(4)
    boxes.nth(0).click()
    boxes.nth(2).click()
    expect(table.status).to_contain_text("2 selected")
    notebook.run(7)
    assert notebook.text(7).strip() == "Ka 3, Ka 1"

    notebook.run(8)
    told = notebook.text(8)
    assert "TraitError: the failures cannot be filtered by 'kind == 3'" in told
    assert "The columns are: time, where, type, message, line" in told
    expect(query).to_be_hidden()


def test_what_is_done_in_the_page_is_observed(page, lab):
    observe = """from failextract_nb import FailureTable
seen = []
FailureTable().observe(lambda change: seen.append(["search", change.new]), "search")
FailureTable().observe(lambda change: seen.append(["frame", list(change.new["message"])]), "frame")
FailureTable().observe(lambda change: seen.append(["selected", list(change.new.message)]), "selected")
"""
    notebook, table = open_table(page, lab, [observe])
    add(notebook, {"exception_message": "one"}, {"exception_message": "two"})
    expect(table.column("message")).to_have_text(["two", "one"])
    table.search.fill("on")
    expect(table.column("message")).to_have_text(["one"])
    table.rows.get_by_role("checkbox").click()
    expect(table.status).to_contain_text("1 selected")
    seen = ask(notebook, "seen")
    assert [one for kind, one in seen if kind == "search"] == ["on"]
    frames = [one for kind, one in seen if kind == "frame"]
    assert ["two", "one"] in frames
    assert frames[-1] == ["one"]
    assert [one for kind, one in seen if kind == "selected"][-1] == ["one"]


@pytest.mark.timeout(240)
def test_of_many_failures_only_those_in_view_are_in_the_page(page, lab):
    """A hundred thousand: the first, the last, and those in the middle."""
    notebook, table = open_table(page, lab)
    add_many(notebook, 100_000)
    expect(table.status).to_have_text("100,000 failures", timeout=60_000)
    expect(table.column("message").first).to_have_text("many 99999")

    def few():
        return table.rows.count() < 40 and table.element.locator("*").count() < 1_000

    assert few()
    table.grid.focus()
    page.keyboard.press("End")
    expect(table.line("many 0")).to_be_visible()
    expect(table.grid.locator(".ft-current")).to_contain_text("many 0")
    assert few()
    table.grid.evaluate("one => one.scrollTop = one.scrollHeight / 2")
    middle = table.line("many 49999")
    expect(middle).to_be_visible()
    expect(table.grid.locator(".ft-waiting")).to_have_count(0)
    assert abs(int(middle.get_attribute("data-index")) - 50_000) <= 1
    assert few()
    page.keyboard.press("Home")
    expect(table.line("many 99999")).to_be_visible()
