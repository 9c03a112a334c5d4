"""The settings of JupyterLab's extension: what they are, and that they take effect at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.failing import ask
from browser.kernels import more_kernels
from browser.lab import READY, open_notebook
from browser.lab_panel import NOT_LOADED, Panel, make_current, open_beside
from browser.server import until

IS_LOADED = "import sys; print('failextract_nb' in sys.modules)"
MESSAGES = "[one['exception_message'] for one in FailureExtractor().failures]"


@pytest.fixture
def kernels(server):
    """The server, with two kernels more: ``echo``, and ``without`` failextract_nb."""
    with more_kernels(server, "echo", "without"):
        yield server


@pytest.fixture
def settings(server):
    """The file of the settings; nothing is set, before and after."""
    folder = server.settings / "failextract-nb"
    yield folder / "plugin.jupyterlab-settings"
    shutil.rmtree(folder, ignore_errors=True)


def write(file: Path, **wishes: bool) -> None:
    """Have wishes as those of a reader who has made them before."""
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(wishes))


class Editor:
    """The settings editor of JupyterLab, beside the notebooks, at our settings."""

    def __init__(self, page: Page, file: Path) -> None:
        self.file = file
        page.evaluate("jupyterapp.commands.execute('settingeditor:open', { query: 'failextract' })")
        self.form = page.locator(".jp-SettingsForm").filter(has_text="Capture on start")

    def box(self, title: str) -> Locator:
        return self.form.get_by_role("checkbox", name=title)

    def set(self, title: str, name: str, wish: bool) -> None:
        """Tick or not, and wait until it is saved."""
        self.box(title).set_checked(wish)
        until(
            lambda: (
                self.file.exists() and f'"{name}": {str(wish).lower()}' in self.file.read_text()
            ),
            "the file of the settings",
        )


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_they_are_explained_and_take_effect_at_once(page, server, settings):
    """What is off by default is done for the next kernel; marks go and come where one looks."""
    notebook = open_notebook(page, server, ["1 / 0"])
    assert notebook.execute(IS_LOADED) == "False\n"
    notebook.run(0)
    mark = notebook.cell(0).locator(".fx-mark")
    expect(mark).to_be_visible()

    editor = Editor(page, settings)
    expect(editor.form).to_contain_text("Load failextract_nb in every Python kernel that starts")
    expect(editor.form).to_contain_text("Mark the cells whose last run has failed.")
    expect(editor.box("Capture on start")).not_to_be_checked()
    expect(editor.box("Marks at cells")).to_be_checked()

    editor.set("Capture on start", "captureOnStart", True)
    editor.set("Marks at cells", "marks", False)
    make_current(notebook)
    expect(mark).to_have_count(0)
    notebook.restart()
    notebook.run(0)
    assert ask(notebook, MESSAGES) == ["division by zero"]
    other = open_beside(notebook, ["{}['rate']"], name="other")
    other.run(0)
    assert ask(other, MESSAGES) == ["'rate'"]
    expect(other.cell(0).locator(".fx-mark")).to_have_count(0)

    editor = Editor(page, settings)
    editor.set("Capture on start", "captureOnStart", False)
    editor.set("Marks at cells", "marks", True)
    make_current(notebook)
    expect(mark).to_be_visible()
    make_current(other)
    expect(other.cell(0).locator(".fx-mark")).to_be_visible()
    other.restart()
    panel = Panel(other)
    panel.show()
    expect(panel.told).to_contain_text(NOT_LOADED)
    assert other.execute(IS_LOADED) == "False\n"


def test_the_first_cell_of_a_new_kernel_is_captured(page, server, settings):
    """Also where it waits for the kernel: after a start, and when all cells run after a restart."""
    write(settings, captureOnStart=True)
    notebook = open_notebook(page, server, ["1 / 0"])
    notebook.ask("await panel.sessionContext.shutdown()")
    notebook.ask("void panel.sessionContext.startKernel()")
    notebook.wait("kernel")
    notebook.run(0)
    assert ask(notebook, MESSAGES) == ["division by zero"]
    assert "[1]:" in notebook.cell(0).inner_text()  # loading counts as no cell
    notebook.ask(
        "kernel.statusChanged.connect((_, one) => (window.restarted ||= /^rest/.test(one)))"
    )
    notebook.ask("void app.commands.execute('notebook:restart-run-all')")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    notebook.wait("window.restarted && notebook.widgets[0].model.executionCount === 1")
    notebook.wait("kernel.status === 'idle'")
    expect(Panel(notebook).count).to_have_text("1")
    assert ask(notebook, MESSAGES) == ["division by zero"]


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_consoles_are_captured_other_languages_are_left_alone(page, kernels, settings):
    write(settings, captureOnStart=True)
    notebook = open_notebook(page, kernels, ["hello"])
    page.evaluate(
        """jupyterapp.commands.execute("console:create", { kernelPreference: { name: "python3" } })"""
    )
    console = page.locator(".jp-CodeConsole")
    console.locator(".jp-CodeConsole-promptCell .cm-content").fill(
        "import sys; 'failextract_nb' in sys.modules"
    )
    page.keyboard.press("Shift+Enter")
    expect(console.locator(".jp-OutputArea-output")).to_have_text("True")

    make_current(notebook)
    notebook.ask("await panel.sessionContext.changeKernel({ name: 'echo' })")
    notebook.wait(READY)
    panel = Panel(notebook)
    panel.show()
    expect(panel.told).to_contain_text("This kernel speaks echo.")
    notebook.run(0)
    assert notebook.text(0).strip() == "['hello']"


def test_a_kernel_without_failextract_nb_says_so_in_the_panel_only(page, kernels, settings):
    write(settings, captureOnStart=True)
    notebook = open_notebook(page, kernels, ["1 / 0"])
    notebook.ask("await panel.sessionContext.changeKernel({ name: 'without' })")
    notebook.wait(READY)
    notebook.run(0)
    assert "ZeroDivisionError" in notebook.text(0)
    assert "failextract" not in page.locator("body").inner_text()
    expect(page.locator(".Toastify__toast, .jp-Dialog")).to_have_count(0)
    panel = Panel(notebook)
    panel.show()
    expect(panel.told).to_contain_text("No module named 'failextract_nb'")
    expect(panel.told).to_contain_text("pip install failextract-nb")
