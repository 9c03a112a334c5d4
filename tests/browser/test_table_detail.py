"""The details of a failure, as a click on its line opens them in JupyterLab."""

from __future__ import annotations

import json
from itertools import groupby

from playwright.sync_api import expect

from browser.failing import ask, open_table

MISSING = """import pandas as pd
prices = pd.DataFrame({"city": ["Oslo", "Rome"], "sum": [1, 2]})
def total(frame):
    factor = 2.5
    return frame["rate"].sum() * factor
total(prices)"""
RECORD = "dict(__import__('failextract_nb').FailureExtractor().failures[{}])"


def folds(place):
    """The lines that open and close a part, those inside other parts left out."""
    return place.locator(":scope > details.ft-fold > summary")


def part(detail, name):
    heading = detail.page.get_by_role("heading", name=name, exact=True)
    return detail.locator("section.ft-part").filter(has=heading)


def test_the_message_is_shown_in_full(page, lab):
    """The line of the table has its beginning, on one line."""
    message = "\n".join(f"line {number} of the message" for number in range(100))
    source = "raise ValueError('\\n'.join(f'line {n} of the message' for n in range(100)))"
    _, table = open_table(page, lab, [source, "1 / 0"])
    start = message.replace("\n", " ")[:299]
    expect(table.line("ValueError").locator(".ft-cell-message")).to_have_text(f"{start}…")
    detail = table.open("ValueError")
    expect(detail.get_by_role("heading", level=3)).to_have_text("ValueError")
    assert detail.get_by_role("group", name="Message").inner_text() == message
    table.open("division")  # another one takes its place
    expect(table.detail).to_have_count(1)
    expect(table.detail.locator(".ft-message")).to_have_text("division by zero")


def test_user_frames_are_open_and_library_frames_folded(page, lab):
    """Of a KeyError in pandas: the failing columns, the locals, how many frames pandas has."""
    notebook, table = open_table(page, lab, [MISSING])
    record = ask(notebook, RECORD.format(0))
    traceback = part(table.open("KeyError"), "Traceback")
    kinds = [bool(frame.get("library")) for frame in record["extracted_code"]]
    runs = [(library, len(list(run))) for library, run in groupby(kinds)]
    assert runs[0] == (False, 2)
    assert [library for library, _ in runs[1:]] == [True]
    labels = ["<module>, Cell In[2]:6", "total, Cell In[2]:5", f"{runs[1][1]} library frames"]
    lines = folds(traceback)
    # What led to it follows the frames.
    assert lines.all_inner_texts()[:3] == labels
    frames = traceback.locator(":scope > details")
    assert frames.evaluate_all("all => all.slice(0, 3).map(one => one.open)") == [True, True, False]

    outer, inner, library = (frames.nth(place) for place in range(3))
    expect(outer.locator(".ft-failing mark")).to_have_text("total(prices)")
    expect(inner.locator(".ft-failing")).to_have_text(
        '→ 5     return frame["rate"].sum() * factor\n'
    )
    expect(inner.locator("mark")).to_have_text('frame["rate"]')
    expect(inner.locator(".ft-number")).to_have_text(["2", "3", "4", "→ 5", "6"])
    values = inner.get_by_role("row")
    expect(values).to_have_text(
        ["NameTypeValue", "frameDataFrame 2 × 2columns: city, sum", "factorfloat2.5"]
    )
    library.locator("summary").first.click()
    inside = library.locator(":scope > .ft-folded > details > summary")
    expect(inside).to_have_count(runs[1][1])
    expect(inside.first).to_contain_text("pandas/core/")
    assert "/site-packages/" not in inside.first.inner_text()


TREE = """def check(value):
    if value < 0:
        raise ValueError(f"{value} is below zero")
found = []
for value in (-1, -2):
    try:
        check(value)
    except ValueError as error:
        found.append(error)
try:
    open("no such file")
except OSError as error:
    raise ExceptionGroup("two of two", [*found, ExceptionGroup("more", [KeyError("x")])]) from error
"""


def test_causes_and_members_are_a_tree(page, lab):
    _, table = open_table(page, lab, [TREE])
    traceback = part(table.open("two of two"), "Traceback")
    assert folds(traceback).all_inner_texts() == [
        "<module>, Cell In[2]:13",
        "1 of 3 ValueError: -1 is below zero",
        "2 of 3 ValueError: -2 is below zero",
        "3 of 3 ExceptionGroup: more (1 sub-exception)",
        "because of FileNotFoundError: [Errno 2] No such file or directory: 'no such file'",
    ]
    branches = traceback.locator(":scope > details")
    member = branches.nth(1)
    member.locator("summary").first.click()
    expect(member.locator("mark")).to_have_text(
        ["check(value)", 'raise ValueError(f"{value} is below zero")']
    )
    group = branches.nth(3)
    group.locator("summary").first.click()
    expect(group.locator(".ft-folded")).to_contain_text("1 of 1 KeyError: 'x'")
    cause = branches.nth(4)
    cause.locator("summary").first.click()
    expect(cause.locator("mark").first).to_have_text('open("no such file")')


DECORATED = """import pytest
from failextract_nb import extract_on_failure
@pytest.fixture
def rates():
    return [0.1, 0.2]
@extract_on_failure
def test_rates(rates, limit, *, unit="kg"):
    # every rate
    assert max(rates) < limit, unit
try:
    test_rates([0.1, 0.2], 0.15, unit="t")
except AssertionError:
    pass"""


def test_arguments_fixtures_and_sources_are_shown(page, lab):
    _, table = open_table(page, lab, [DECORATED])
    detail = table.open("AssertionError")
    expect(part(detail, "Arguments").get_by_role("row")).to_have_text(
        ["NameTypeValue", "#1list[0.1, 0.2]", "#2float0.15", "unitstr't'"]
    )
    fixtures = part(detail, "Fixtures").get_by_role("row")
    expect(fixtures).to_have_count(2)
    expect(fixtures.nth(1)).to_contain_text("rates[0.1, 0.2]function scope · Cell In[2]:4")
    fixtures.nth(1).locator("summary").click()
    expect(fixtures.nth(1)).to_contain_text("@pytest.fixture\ndef rates():")

    facts = detail.locator(".ft-facts div")
    told = dict(one.split("\n") for one in facts.all_inner_texts())
    assert (told["Where"], told["Line"], told["Origin"]) == ("In[2] test_rates", "9", "function")
    source = part(detail, "Source")
    assert folds(source).all_inner_texts() == ["Cell, 13 lines"]  # the function's is a part of it
    source.locator("summary").click()
    expect(source.locator(".ft-code-line")).to_have_count(13)
    expect(source.locator("mark")).to_have_text("max(rates) < limit")


def test_the_details_are_copied(page, lab):
    """As traceback, as Markdown for an issue, as the record's JSON."""
    notebook, table = open_table(page, lab, [MISSING])
    record = ask(notebook, RECORD.format(-1))
    detail = table.open("KeyError")

    def copied(name, what):
        detail.get_by_role("button", name=name).click()
        expect(table.notes).to_contain_text(f"{what} copied")
        return page.evaluate("navigator.clipboard.readText()")

    traceback = copied("Copy traceback", "Traceback")
    assert traceback == record["exception_traceback"]
    assert "KeyError: 'rate'" in traceback
    markdown = copied("Copy as Markdown", "Markdown")
    assert markdown.startswith("### KeyError: 'rate'\n\n- Where: `In[2]`\n- Line: `5`\n")
    assert f"\n```text\n{traceback}" in markdown
    assert f"\nCell:\n\n```python\n{MISSING}\n```\n" in markdown
    text = copied("Copy as JSON", "JSON")
    assert json.loads(text) == record
    assert text.startswith('{\n  "')


def test_the_details_are_closed(page, lab):
    """By their button, and by Escape; the line that was open is no longer marked."""
    _, table = open_table(page, lab, ["1 / 0", "int('x')"])
    opened = table.grid.locator(".ft-opened")
    detail = table.open("division")
    expect(opened).to_contain_text("division")
    detail.get_by_role("button", name="Close details").click()
    expect(table.detail).to_have_count(0)
    expect(opened).to_have_count(0)
    expect(table.grid).to_be_focused()
    table.open("invalid")
    page.keyboard.press("Escape")
    expect(table.detail).to_have_count(0)
    detail = table.open("division")
    detail.get_by_role("button", name="Copy traceback").focus()
    page.keyboard.press("Escape")
    expect(table.detail).to_have_count(0)
    expect(table.grid).to_be_focused()
