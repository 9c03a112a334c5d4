"""How the table looks: in both themes, on narrow pages, with nothing to show, in every locale.

The screenshots in build/screenshots/ are made here, and looked at by people.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, expect

from browser import axe
from browser.failing import Table, add_many, ask, open_table
from browser.lab import DARK, LIGHT, SCREENSHOTS, Notebook
from browser.sample import TOTAL, open_sample

NARROW = 400  # pixels
COLOURS = """(table) => {
    const { backgroundColor, color } = getComputedStyle(table);
    return [backgroundColor, color];
}"""
# What within an element is wider than a box around it, other than what scrolls by itself.
WIDER = """(element, [around, scrolling]) => {
    const { left, right } = element.closest(around).getBoundingClientRect();
    const scrolls = (one) => one.closest(scrolling);
    return [...element.querySelectorAll("*")]
        .filter((one) => one.checkVisibility() && (!scrolls(one) || one === scrolls(one)))
        .filter((one) => {
            const box = one.getBoundingClientRect();
            return box.left < left - 1 || box.right > right + 1;
        })
        .map((one) => one.outerHTML.slice(0, 100));
}"""
SIDEWAYS = "(grid) => grid.scrollWidth - grid.clientWidth"  # pixels that the lines can scroll


def wider(element: Locator, around: str, scrolling: str) -> list[str]:
    """What stands out of the box that ``around`` names, as HTML."""
    return element.evaluate(WIDER, [around, scrolling])


def wear(notebook: Notebook, theme: str) -> None:
    """Change the theme, and wait until JupyterLab takes its curtain away."""
    notebook.theme(theme)
    notebook.page.locator("#jupyterlab-splash").wait_for(state="detached")


def shot(table: Table, name: str) -> None:
    table.element.screenshot(path=SCREENSHOTS / f"{name}.png")


def check_in_every_theme(notebook: Notebook, table: Table, name: str) -> None:
    """Axe, which measures contrast too, and a screenshot in the dark theme, then in the light."""
    for theme, path in ((DARK, f"{name}-dark"), (LIGHT, name)):
        wear(notebook, theme)
        shot(table, path)
        axe.check(table.page)


def check_fits(table: Table, part: Locator | None = None) -> None:
    """Nothing is wider than the table, and a mouse reaches every control of it, or of a part."""
    assert wider(table.element, ".ft-table", ".ft-grid, pre, .ft-message") == []
    for control in (part or table.element).locator("button, summary, select, input").all():
        if control.is_visible() and control.is_enabled():
            control.click(trial=True)


def test_the_themes_are_followed_in_place(page, lab):
    """Every text reads in both, also on a line below the mouse and on a selected one."""
    notebook, table = open_sample(page, lab)
    table.line("division by zero").get_by_role("checkbox").click()
    expect(table.status).to_contain_text("3 selected")
    table.line("orders.example").hover()
    grid = table.grid.element_handle()
    assert grid.evaluate(SIDEWAYS) == 0
    light = table.element.evaluate(COLOURS)
    axe.check(page)
    wear(notebook, DARK)
    dark = table.element.evaluate(COLOURS)
    axe.check(page)
    shot(table, "table-dark")
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    wear(notebook, LIGHT)
    assert table.element.evaluate(COLOURS) == light
    shot(table, "table-light")
    assert grid.evaluate("(grid) => grid.isConnected"), "the table was drawn anew"
    expect(table.status).to_contain_text(f"{TOTAL} failures · 5 lines · 3 selected · 1 expected")


def test_details_read_in_both_themes(page, lab):
    """A traceback with library frames and values; a group with its members opened."""
    notebook, table = open_sample(page, lab, height=2300)
    detail = table.open("'revenue'")
    for summary in detail.locator("summary", has_text="library frames").all():
        summary.click()
    expect(detail.get_by_text("DataFrame 3 × 2")).to_be_visible()
    check_in_every_theme(notebook, table, "table-detail")
    detail = table.open("2 of 3 inputs")
    detail.locator("summary", has_text="1 of 2").click()
    detail.locator("summary", has_text="2 of 2").click()
    expect(detail.locator("summary", has_text="because of")).to_be_visible()
    check_in_every_theme(notebook, table, "table-group")


def test_what_narrows_and_clears_reads_in_both_themes(page, lab):
    """Each menu, filters, a search that finds nothing and leads back, the question to clear."""
    notebook, table = open_sample(page, lab)
    for title in ("Origin", "Cell", "Thread", "Tag", "Columns", "Exception"):
        menu = table.open_menu(title)
        assert wider(table.element, ".ft-table", ".ft-grid, pre, .ft-message") == []
        axe.check(page)
    menu.get_by_label("KeyError").check()
    menu.get_by_label("TimeoutError").check()
    expect(table.status).to_contain_text(f"2 of {TOTAL} failures")
    check_in_every_theme(notebook, table, "table-filters")
    table.search.fill("no such words")
    expect(table.status).to_contain_text(f"0 of {TOTAL} failures")
    check_in_every_theme(notebook, table, "table-no-match")
    table.button(f"Show all {TOTAL}").click()
    expect(table.status).to_contain_text(f"{TOTAL} failures · 5 lines")
    expect(table.search).to_have_value("")
    table.button("Clear…").click()
    expect(table.element.get_by_role("alertdialog")).to_be_visible()
    check_in_every_theme(notebook, table, "table-clear")
    table.button("Keep them").click()
    expect(table.status).to_contain_text(f"{TOTAL} failures")


def test_a_table_without_failures_says_what_to_do_next(page, lab):
    notebook, table = open_table(page, lab)
    expect(table.element).to_contain_text("Run a cell")
    check_in_every_theme(notebook, table, "table-empty")
    check_fits(table, table.open_menu("Columns"))


@pytest.mark.parametrize("host", ["lab", "notebook7"])
def test_it_works_on_a_page_of_400_pixels(page, request, host):
    """The columns that matter are shown, every control is reached, nothing overflows."""
    notebook, table = open_sample(page, request.getfixturevalue(host), width=NARROW, height=1000)
    if host == "lab":
        notebook.ask("""if (!app.shell.leftCollapsed)
            await app.commands.execute("application:toggle-left-area")""")
    expect(table.grid.get_by_role("columnheader")).to_have_text(
        ["", "Where", "Exception", "Message", "Count"]
    )
    check_fits(table)
    if host == "notebook7":  # JupyterLab leaves the table 284 of them
        assert table.grid.evaluate(SIDEWAYS) == 0
    axe.check(page)
    for title in ("Exception", "Tag", "Columns"):
        menu = table.open_menu(title)
        check_fits(table, menu)
        if title != "Columns":
            page.keyboard.press("Escape")
    menu.get_by_label("Time").check()
    expect(table.header("Time")).to_be_visible()
    menu.get_by_role("button", name="As at first").click()
    page.keyboard.press("Escape")
    table.button("Clear…").click()
    check_fits(table)
    table.button("Keep them").click()
    if host == "notebook7":
        notebook.shot("table-narrow")
    table.open("'revenue'")
    check_fits(table)
    axe.check(page)
    if host == "notebook7":
        page.set_viewport_size({"width": NARROW, "height": 1900})
        shot(table, "table-narrow-detail")


def test_numbers_and_times_are_those_of_the_readers_locale(browser, context, watch, lab):
    """German numbers, in New York."""
    zone = "America/New_York"
    abroad = browser.new_context(locale="de-DE", timezone_id=zone)
    watch.look(abroad)
    try:
        notebook, table = open_table(abroad.new_page(), lab)
        add_many(notebook, 1234)
        expect(table.status).to_have_text("1.234 failures")
        expect(table.column("number").first).to_have_text("1.234")
        stamp = ask(notebook, "FailureExtractor().failures[-1]['timestamp']")
        time = datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone))
        shown = table.column("time").first.locator("time")
        expect(shown).to_have_text(f"{time:%H:%M:%S}")
        expect(shown).to_have_attribute("title", f"{time:%d.%m.%y}, {time:%H:%M:%S}")
        detail = table.open("many 1233")
        expect(detail).to_contain_text(f"{time:%d.%m.%Y}, {time:%H:%M:%S}")
    finally:
        abroad.close()
