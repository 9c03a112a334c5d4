"""Where the table is shown: Notebook 7, again, twice, without a kernel, in nbconvert's HTML."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import psutil
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect
from runs import execute_plainly

from browser import axe
from browser.failing import LOAD, SHOW, Table, add, open_table
from browser.lab import Notebook, open_notebook
from browser.sample import TOTAL, open_sample

MODULES = Path(__file__).parent.parent.parent / "labextension" / "node_modules"
# What nbconvert's page of a notebook with widgets loads from the net.
LOADED = {
    r"/require(\.min)?\.js": MODULES / "requirejs" / "require.js",
    r"@jupyter-widgets/html-manager@[^/]*/dist/embed-amd\.js": MODULES
    / "@jupyter-widgets/html-manager/dist/embed-amd.js",
    r"/anywidget@[^/]*/dist/index\.js": MODULES / "anywidget" / "dist" / "index.js",
}
FAILS = ["1 / 0", "{}['rate']"]
SILENT = "The kernel is busy or gone."
GONE = "The kernel of these failures is gone. Run the cell again"


def open_failing(page, server) -> tuple[Notebook, Table]:
    """The table after two cells that fail."""
    notebook, table = open_table(page, server, FAILS)
    expect(table.status).to_have_text("2 failures")
    return notebook, table


def test_notebook_7_shows_searches_opens_and_exports(page, notebook7, tmp_path):
    notebook, table = open_sample(page, notebook7, height=1500)
    table.search.fill("revenue")
    expect(table.status).to_contain_text(f"1 of {TOTAL} failures")
    expect(table.open("'revenue'").get_by_text("DataFrame 3 × 2")).to_be_visible()
    axe.check(page)
    notebook.shot("notebook7")
    with page.expect_download() as download:
        table.export("json").click()
    download.value.save_as(tmp_path / "report.json")
    assert "'revenue'" in (tmp_path / "report.json").read_text(encoding="utf-8")


def test_a_page_that_is_loaded_again_shows_the_table_again(page, server):
    """As it is now: it goes on to follow the kernel."""
    notebook, table = open_failing(page, server)
    notebook.save()
    notebook.load()
    expect(table.status).to_have_text("2 failures")
    add(notebook, {"exception_type": "EOFError"})
    expect(table.status).to_have_text("3 failures")
    expect(table.open("division by zero")).to_contain_text("ZeroDivisionError")


def test_a_restarted_kernel_is_told(page, server):
    """The old lines stay, with what to do; the cell that is run again shows the new kernel's."""
    notebook, table = open_failing(page, server)
    notebook.restart()
    table.search.fill("rate")
    expect(table.notes.filter(has_text=GONE)).to_be_visible()
    expect(table.line("division by zero")).to_be_visible()
    for cell in range(notebook.cells()):
        notebook.run(cell)
    expect(table.status).to_have_text("2 failures")
    table.search.fill("rate")
    expect(table.status).to_have_text("1 of 2 failures")
    expect(table.notes).to_have_count(0)


def test_a_kernel_that_has_ended_is_told(page, lab):
    notebook, table = open_failing(page, lab)
    notebook.ask("await panel.sessionContext.shutdown()")
    table.line("rate").click()
    expect(table.notes.filter(has_text=GONE)).to_be_visible()
    expect(table.detail).to_have_count(0)
    expect(table.line("division by zero")).to_be_visible()


def test_a_running_cell_leaves_the_table_usable(page, lab):
    busy = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.01)"
    notebook, table = open_failing(page, lab)
    notebook.ask("notebook.widgets[2].model.sharedModel.setSource(args[0])", busy)
    notebook.start(2)
    notebook.wait("kernel.status === 'busy'")
    table.search.fill("rate")
    expect(table.status).to_have_text("1 of 2 failures")
    expect(table.open("rate")).to_contain_text("KeyError")
    expect(table.notes).to_have_count(0)
    (notebook.folder / "go").touch()
    notebook.finished(2)


def test_a_kernel_that_does_not_answer_is_told_until_it_does(page, lab):
    """As one does while it computes in a library that lets nothing else run."""
    notebook, table = open_failing(page, lab)
    kernel = psutil.Process(int(notebook.execute("import os; print(os.getpid())")))
    kernel.suspend()
    try:
        table.search.fill("rate")
        expect(table.notes).to_contain_text(SILENT)
        expect(table.rows).to_have_count(2)
    finally:
        kernel.resume()
    expect(table.status).to_have_text("1 of 2 failures")
    expect(table.notes).to_have_count(0)


def test_two_views_show_the_same_and_open_their_own_details(page, lab):
    notebook, first = open_failing(page, lab)
    notebook.ask("""
        notebook.model.sharedModel.addCell({ cell_type: "code", source: "%failextract" })
    """)
    notebook.run(4)
    second = Table(notebook, 4)
    second.search.fill("rate")
    for table in (first, second):
        expect(table.status).to_have_text("1 of 2 failures")
        expect(table.search).to_have_value("rate")
    second.open("rate")
    expect(first.detail).to_have_count(0)
    first.search.fill("")
    expect(second.rows).to_have_count(2)
    expect(second.detail).to_be_visible()


def test_another_version_of_the_protocol_says_what_to_do(page, lab):
    """In a table that is open, which goes on showing what it had, and in the next display."""
    notebook, table = open_failing(page, lab)
    notebook.execute("from failextract_nb import FailureTable; table = FailureTable()")
    notebook.execute("table._state = {**table._state, 'v': 99}")
    advice = "restart the kernel and reload the page"
    expect(table.notes).to_contain_text(advice)
    expect(table.rows).to_have_count(2)
    notebook.ask("notebook.model.sharedModel.addCell({ cell_type: 'code', source: 'table' })")
    notebook.run(4)
    expect(notebook.output(4)).to_contain_text(advice)


# --- without a kernel


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook with the table in cell 3, executed, with and without the widgets' state."""
    sources = [LOAD, *FAILS, SHOW]
    folder = tmp_path_factory.mktemp("executed")

    def execute(*, store_widget_state: bool) -> nbformat.NotebookNode:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in sources]
        )
        options = {"store_widget_state": store_widget_state, "kernel_name": "python3"}
        return execute_plainly(notebook, folder, allow_errors=True, **options)

    return {stored: execute(store_widget_state=stored) for stored in (True, False)}


@pytest.fixture
def converted(page, watch, tmp_path):
    """Opens nbconvert's HTML of a notebook, which asks for what is in LOADED, and no more."""

    def answer(route):
        path = next((LOADED[one] for one in LOADED if re.search(one, route.request.url)), None)
        if path is None:
            route.abort()
        else:
            route.fulfill(path=path, content_type="text/javascript")

    def open_html(notebook: nbformat.NotebookNode) -> Page:
        html, _ = HTMLExporter(mathjax_url="", mermaid_js_url="").from_notebook_node(notebook)
        file = tmp_path / "notebook.html"
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri())
        return page

    page.route(re.compile("^https?:"), answer)
    yield open_html
    others = [url for url in watch.foreign if not any(re.search(one, url) for one in LOADED)]
    assert others == []
    # Jupyter's HTML looks for a widget's module beside the page first.
    assert all("/anywidget.js" in error for error in watch.errors), watch.errors
    watch.forget()


def test_nbconvert_shows_the_table_from_the_widgets_state(converted, executed):
    """Its first lines, and where more is asked for, that no kernel answers."""
    page = converted(executed[True])
    table = page.locator(".ft-table")
    expect(table.locator(".ft-row")).to_have_count(2)
    expect(table.locator(".ft-row").first).to_contain_text("KeyError")
    table.locator(".ft-row").first.click()
    expect(table).to_contain_text(SILENT)


def check_static(output) -> None:
    """The static table: two lines, whose tracebacks are folded."""
    rows = output.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("KeyError")
    traceback = rows.first.locator("pre")
    expect(traceback).to_be_hidden()
    rows.first.locator("summary").click()
    expect(traceback).to_contain_text("Traceback (most recent call last)")


def test_nbconvert_without_widget_state_shows_the_static_table(converted, executed):
    page = converted(executed[False])
    check_static(page.locator(".jp-OutputArea-output").last)


# The environment of the server need not be that of the kernel.
NO_EXTENSION = """window._JUPYTERLAB = new Proxy({}, {
    set(containers, name, container) {
        const none = { init() {}, get: async () => () => ({ __esModule: true, default: [] }) };
        containers[name] = name === "failextract-nb" ? none : container;
        return true;
    },
});"""


def test_a_notebook_without_a_kernel_shows_the_static_table(page, lab, executed, watch):
    """Where JupyterLab does not have the extension that would show the saved failures."""
    page.add_init_script(NO_EXTENSION)
    notebook = open_notebook(page, lab, [])
    nbformat.write(executed[False], notebook.folder / "closed.ipynb")
    notebook.ask(
        """await app.commands.execute("docmanager:open", {
            path: args[0], kernelPreference: { autoStartDefault: false, shouldStart: false },
        });""",
        f"{notebook.folder.name}/closed.ipynb",
    )
    check_static(notebook.panel.locator(".jp-OutputArea-output").last)
    # ipywidgets looks for the kernel of any widget that it finds in a notebook.
    assert all("reading 'kernel'" in error for error in watch.errors), watch.errors
    assert watch.foreign == []  # forget() forgets that, too
    watch.forget()
