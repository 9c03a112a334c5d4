"""The HTML report in a browser: the table offline, what records hold is text, and no JavaScript."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect
from runs import execute_plainly

from browser import axe
from browser.lab import SCREENSHOTS
from browser.payloads import PAYLOADS, RUN, hostile, look_at_all, watch_for
from browser.sample import CELLS, SHOW, TIMES, TOTAL
from failextract_nb import formats

MANY = 2_000
SECONDS = 10  # until a report of so many can be used, on a busy machine


def write(folder: Path, failures: Iterable[Mapping[str, Any]]) -> str:
    """Write a report; returns its address."""
    file = folder / "report.html"
    with file.open("w", encoding="utf-8") as report:
        report.writelines(formats.get("html").iter_format(list(failures)))
    return file.as_uri()


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The failures of the sample notebook, as its kernel has recorded them."""
    folder = tmp_path_factory.mktemp("sample")
    sources = [one for one in CELLS if one != SHOW]
    sources += [sources[-1]] * (TIMES - 1)
    save = "from failextract_nb import FailureExtractor, OutputConfig\n"
    save += "FailureExtractor().save_report('report.json')"
    cells = [nbformat.v4.new_code_cell(source) for source in [*sources, save]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    execute_plainly(notebook, folder, allow_errors=True, kernel_name="python3")
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert len(report["failures"]) == TOTAL
    return report["failures"]


@pytest.fixture
def asked(context):
    """What the pages of this test ask for; the network is off."""
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url))
    context.set_offline(True)
    return urls


def test_it_works_offline(page, asked, sample, tmp_path):
    """Searches, sorts, groups, opens, exports; all that it loads is itself."""
    page.set_viewport_size({"width": 1100, "height": 1000})
    address = write(tmp_path, sample)
    page.goto(address)
    table = page.get_by_label("Failure table", exact=True)
    rows, status = table.locator(".ft-row"), table.locator(".ft-status")
    expect(rows).to_have_count(5)
    axe.check(page)
    table.get_by_role("searchbox").fill("REVENUE")
    expect(rows).to_have_count(1)
    rows.first.click()
    detail = table.get_by_role("region", name="Details of KeyError")
    expect(detail.get_by_text("DataFrame 3 × 2")).to_be_visible()
    with page.expect_download() as download:
        table.get_by_role("button", name="json", exact=True).click()
    download.value.save_as(tmp_path / "one.json")
    found = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert [one["exception_type"] for one in found["failures"]] == ["KeyError"]
    table.get_by_role("searchbox").fill("")
    expect(rows).to_have_count(5)
    table.get_by_role("button", name="Exception").click()
    expect(rows.first).to_contain_text("ExceptionGroup")
    table.get_by_label("Group equal ones").uncheck()
    expect(rows).to_have_count(TOTAL)
    expect(status).to_contain_text(f"{TOTAL} failures")
    with page.expect_download() as download:
        table.get_by_role("button", name="markdown", exact=True).click()
    download.value.save_as(tmp_path / "all.md")
    assert "orders.example/v2/open" in (tmp_path / "all.md").read_text(encoding="utf-8")
    assert [one for one in asked if not one.startswith("blob:")] == [address]


def test_it_reads_in_both_colour_schemes(page, sample, tmp_path):
    page.set_viewport_size({"width": 1100, "height": 1400})
    page.goto(write(tmp_path, sample))
    page.locator(".ft-row", has_text="revenue").click()
    expect(page.locator(".ft-detail")).to_be_visible()
    for scheme, name in (("dark", "report-dark"), ("light", "report")):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")
        axe.check(page, "body")
    page.set_viewport_size({"width": 400, "height": 800})
    headers = page.get_by_role("treegrid").get_by_role("columnheader")
    expect(headers).to_have_text(["", "Where", "Exception", "Message", "Count"])
    wider = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page.wait_for_function(f"!({wider})()")


def test_nothing_that_a_record_holds_runs(page, asked, tmp_path, watch):
    """In lines, menus, details, sources, and all that can be unfolded; it stands there as text."""
    dialogs = watch_for(page)
    failures = [hostile(payload, number) for number, payload in enumerate(PAYLOADS)]
    page.goto(write(tmp_path, failures))
    look_at_all(page.locator(".ft-table"))
    assert page.locator("script").count() == 2  # the records and the table
    with page.expect_console_message(lambda one: "Content Security Policy" in one.text):
        page.evaluate(
            """(code) => {
                const script = document.createElement("script");
                script.textContent = code;
                document.body.append(script);
            }""",
            RUN,
        )
    assert all("Content Security Policy" in one for one in watch.errors), watch.errors
    watch.forget()
    assert page.evaluate("window.ran") is None
    assert dialogs == []
    assert len(asked) == 1


def test_without_javascript_it_is_read_from_top_to_bottom(browser, context, sample, tmp_path):
    """One fold for each failure; payloads stand there as text."""
    plain = browser.new_context(java_script_enabled=False, offline=True)
    try:
        page = plain.new_page()
        page.goto(write(tmp_path, [*sample, hostile(PAYLOADS[2], 0)]))
        folds = page.locator("details")
        expect(folds).to_have_count(TOTAL + 1)
        expect(page.locator("#failextract-table")).to_be_empty()
        first = folds.filter(has_text="'revenue'").first
        expect(first.locator("pre").first).to_be_hidden()
        first.locator("summary").click()
        expect(first.locator("pre").first).to_contain_text("Traceback (most recent call last)")
        expect(folds.last.locator("summary")).to_contain_text(PAYLOADS[2])
        page.screenshot(path=SCREENSHOTS / "report-no-javascript.png")
    finally:
        plain.close()


def test_an_empty_report_says_that_nothing_failed(page, tmp_path):
    page.goto(write(tmp_path, []))
    expect(page.get_by_text("Nothing failed", exact=True)).to_be_visible()
    expect(page.locator(".ft-table")).to_have_count(0)  # nothing here will ever fail
    axe.check(page, "body")


def test_many_failures_open_soon(page, sample, tmp_path):
    """Only the lines in view are in the page."""
    failures = [
        {**sample[number % TOTAL], "id": f"f{number}", "exception_message": f"number {number}"}
        for number in range(MANY)
    ]
    page.goto(write(tmp_path, failures), timeout=SECONDS * 1000)
    rows = page.locator(".ft-row")
    expect(page.locator(".ft-status")).to_contain_text("2,000 failures", timeout=SECONDS * 1000)
    assert rows.count() < 100
    page.get_by_role("searchbox").fill("number 1999")
    expect(rows).to_have_count(1)
