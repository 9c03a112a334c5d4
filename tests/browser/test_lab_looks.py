"""How JupyterLab looks with the failures beside a notebook, in both themes.

The screenshots in build/screenshots/ are made here, and looked at by people.
"""

from __future__ import annotations

from playwright.sync_api import expect

from browser import axe
from browser.lab import DARK, LIGHT, Notebook, open_notebook
from browser.lab_panel import NOT_LOADED, Panel
from browser.sample import AGAIN, TAGGED, THREAD
from browser.test_looks import wear, wider

ORDERS = """orders = [
    {"region": "north", "amount": 120.0},
    {"region": "south", "amount": "n/a"},
    {"region": "west", "amount": 240.25},
]

def total(orders):
    \"\"\"The sum of all amounts, rounded to cents.\"\"\"
    result = 0.0
    for order in orders:
        result += order["amount"]
    return round(result, 2)

total(orders)"""
FAILING = [ORDERS, AGAIN.strip(), TAGGED, THREAD.strip()]

SIDE = ":not(#failextract-panel)"  # what the panel is in
SCROLLING = "pre, .ft-message, .ft-cell"


def check_in_every_theme(notebook: Notebook, *selectors: str) -> None:
    """Axe, which measures contrast too; the light theme is on when it ends."""
    for theme in (DARK, LIGHT):
        wear(notebook, theme)
        for selector in selectors:
            axe.check(notebook.page, selector)


def test_the_panel_reads_in_both_themes(page, server):
    """Before anything is loaded, with some failures, with the details of one; nothing is cut off."""
    is_lab = server.app == "jupyterlab"
    notebook = open_notebook(page, server, FAILING, name="orders", width=1400)
    panel = Panel(notebook)
    page.mouse.move(0, 0)  # over nothing that would look different
    if is_lab:
        notebook.ask('await app.commands.execute("application:toggle-left-area")')
    panel.show()
    expect(panel.told).to_contain_text(NOT_LOADED)
    check_in_every_theme(notebook, "#failextract-panel")
    if is_lab:
        notebook.shot("lab-panel-not-loaded")

    panel.load.click()
    expect(panel.table.element).to_be_visible()
    for cell in [*range(len(FAILING)), FAILING.index(AGAIN.strip())]:
        notebook.run(cell)
    notebook.ask("notebook.activeCellIndex = 0; await notebook.scrollToItem(0)")
    expect(panel.table.status).to_contain_text("5 failures · 4 lines")
    check_in_every_theme(notebook, "#failextract-panel", ".fx-toolbar")
    assert wider(panel.element, SIDE, SCROLLING) == []
    notebook.shot("lab-panel" if is_lab else "notebook7-panel")
    if is_lab:
        wear(notebook, DARK)
        notebook.shot("lab-panel-dark")
        wear(notebook, LIGHT)

    panel.table.open("unsupported operand")
    expect(panel.table.detail.locator("mark").last).to_have_text('result += order["amount"]')
    expect(notebook.panel.locator(".fx-flash")).to_have_count(0)
    assert wider(panel.element, SIDE, SCROLLING) == []
    if is_lab:
        notebook.shot("lab-panel-detail")
    check_in_every_theme(notebook, "#failextract-panel")
