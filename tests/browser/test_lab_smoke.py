"""The ground that the browser tests stand on: servers, notebooks, pages and what watches them."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import psutil
import pytest

from browser.lab import DARK, LIGHT, open_notebook
from browser.server import Server

ASK = """
from failextract_nb import FailureExtractor
print([one["exception_type"] for one in FailureExtractor().failures])
"""
# The kernel is busy until the test makes a file.
UNTIL_GO = """
import os, time
while not os.path.exists("go"):
    time.sleep(0.01)
"""


def test_a_failing_cell_is_shown_and_recorded(page, server):
    notebook = open_notebook(page, server, ["%load_ext failextract_nb", "1 / 0"])
    notebook.run(0)
    notebook.run(1)
    assert "ZeroDivisionError: division by zero" in notebook.text(1)
    assert notebook.execute(ASK) == "['ZeroDivisionError']\n"


def test_a_widget_lives_in_an_output(page, server):
    """ipywidgets' own, and anywidget's with a module that comes from the kernel."""
    anywidget = """
import anywidget, traitlets
class Counter(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el }) {
        const button = document.createElement("button");
        const tell = () => { button.textContent = `at ${model.get("count")}`; };
        button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); };
        model.on("change:count", tell);
        tell();
        el.append(button);
    } }'''
    count = traitlets.Int(3).tag(sync=True)
counter = Counter()
counter"""
    notebook = open_notebook(
        page, server, ["import ipywidgets; ipywidgets.Label('words')", anywidget]
    )
    notebook.run_all()
    notebook.output(0).get_by_text("words").wait_for()
    notebook.output(1).get_by_role("button", name="at 3").click()
    notebook.output(1).get_by_role("button", name="at 4").wait_for()
    assert notebook.execute("print(counter.count)") == "4\n"


def test_a_started_cell_runs_until_it_is_done(page, lab):
    notebook = open_notebook(page, lab, [f"{UNTIL_GO}'gone'"])
    notebook.start(0)
    notebook.cell(0).get_by_text("[*]:").wait_for()
    assert notebook.text(0) == ""
    (notebook.folder / "go").touch()
    notebook.finished(0)
    assert notebook.text(0) == "'gone'"
    notebook.run(0)
    assert notebook.cell(0).get_by_text("[2]:").first.is_visible()


def test_run_all_stops_at_the_first_failure(page, lab):
    # A kernel refuses what has arrived by then; what a busy machine brings later, it would run.
    patient = "get_ipython().kernel.stop_on_error_timeout = 1.0\n1"
    notebook = open_notebook(page, lab, [patient, "1 / 0", "3"])
    notebook.run_all()
    assert [bool(notebook.text(index)) for index in range(3)] == [True, True, False]


def test_keys_reach_the_notebook(page, lab):
    notebook = open_notebook(page, lab, ["1", "2"])
    notebook.run(0)
    assert notebook.cells() == 2
    page.keyboard.press("b")
    notebook.wait("notebook.widgets.length === 3")
    assert notebook.cells() == 3


def test_code_that_fails_out_of_band_fails_the_test(page, lab):
    notebook = open_notebook(page, lab, ["1"])
    with pytest.raises(AssertionError, match="ZeroDivisionError: division by zero"):
        notebook.execute("1 / 0")
    assert notebook.execute("print('before'); 1 / 0", check=False) == "before\n"
    with pytest.raises(Exception, match="not done within"):
        notebook.execute(UNTIL_GO, seconds=0.1)
    (notebook.folder / "go").touch()


def test_a_notebook_is_saved_loaded_again_and_restarted(page, server):
    notebook = open_notebook(page, server, ["x = 3; x"], name="analysis")
    notebook.run(0)
    assert notebook.save().cells[0].execution_count == 1
    assert notebook.file.name == "analysis.ipynb"
    notebook.load()
    assert notebook.text(0) == "3"
    assert notebook.execute("print(x)") == "3\n"
    notebook.restart()
    assert notebook.execute("print('x' in globals())") == "False\n"


def test_a_theme_is_seen_on_a_screenshot(page, server, monkeypatch, tmp_path):
    monkeypatch.setattr("browser.lab.SCREENSHOTS", tmp_path / "screenshots")
    notebook = open_notebook(page, server, ["1"], dark=True, width=800, height=600)
    dark = notebook.shot("dark").read_bytes()
    assert dark.startswith(b"\x89PNG")
    assert (int.from_bytes(dark[16:20]), int.from_bytes(dark[20:24])) == (800, 600)
    color = "getComputedStyle(document.body).getPropertyValue('--jp-layout-color0')"
    colors = [page.evaluate(color)]
    for name in (LIGHT, DARK):
        notebook.theme(name)
        colors.append(page.evaluate(color))
    assert colors[0] == colors[2] != colors[1]
    assert len(dark) > 10_000


def test_a_page_copies_and_downloads(page, lab, tmp_path):
    page.goto(f"{lab.address}api/status")
    page.evaluate("navigator.clipboard.writeText('copied')")
    assert page.evaluate("navigator.clipboard.readText()") == "copied"
    with page.expect_download() as download:
        page.evaluate(
            """() => {
                const link = document.createElement("a");
                link.href = URL.createObjectURL(new Blob(["words"]));
                link.download = "words.txt";
                link.click();
            }"""
        )
    download.value.save_as(tmp_path / "words.txt")
    assert (tmp_path / "words.txt").read_text() == "words"


def test_a_request_to_another_host_is_told(page, lab, watch):
    page.goto(f"{lab.address}api/status")
    for script in (
        "fetch('http://127.0.0.2:9/').catch(() => null)",
        "fetch('https://example.org/x.js').catch(() => null)",
        "void new WebSocket('ws://127.0.0.3:9/')",
    ):
        with page.expect_console_message():  # it says so itself, and then nothing more comes
            page.evaluate(script)
    with pytest.raises(AssertionError, match=r"127\.0\.0\.2.*example\.org.*127\.0\.0\.3"):
        watch.check()
    watch.forget()


def test_an_error_of_a_page_is_told(page, lab, watch):
    page.goto(f"{lab.address}api/status")
    with page.expect_event("pageerror"):
        page.evaluate("console.error('logged'); setTimeout(() => { throw new Error('thrown'); })")
    with pytest.raises(AssertionError, match=r"(?s)logged.*thrown"):
        watch.check()
    watch.forget()


@pytest.fixture
def loop_is_given_back():
    yield
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_a_page_leaves_no_event_loop_behind(loop_is_given_back, page):
    """Other tests call asyncio.run()."""
    assert asyncio.get_running_loop()


def test_kernels_and_servers_leave_nothing_behind(page, tmp_path):
    """A kernel ends in its own time: what is to be done at its exit is done."""
    server = Server("jupyterlab", tmp_path / "server").start()
    try:
        notebook = open_notebook(page, server, ["1"])
        kernel = int(notebook.execute("import os, atexit; print(os.getpid())"))
        notebook.execute(f"atexit.register(open, {str(tmp_path / 'left.txt')!r}, 'w')")
        assert {server.process.pid, kernel} <= {one.pid for one in server.processes()}
        page.close()
        server.clear()
        assert not psutil.pid_exists(kernel)
        assert (tmp_path / "left.txt").exists()
        assert list(server.folder.iterdir()) == []
    finally:
        server.stop()
    assert server.processes() == []


def test_a_process_that_stays_is_named_and_killed(tmp_path):
    server = Server("notebook", tmp_path / "server").start()
    stays = subprocess.Popen(
        [sys.executable, "-c", "input()"], env=server.env, stdin=subprocess.PIPE
    )
    with (
        stays,
        pytest.raises(AssertionError, match=rf"left processes behind: .*{stays.pid} .*input"),
    ):
        server.stop(seconds=3)
    assert server.processes() == []
