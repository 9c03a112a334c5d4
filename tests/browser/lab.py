"""A notebook open in a page, in JupyterLab or Notebook 7, and what a test does with it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

from browser.server import Server

SCREENSHOTS = Path(__file__).parent.parent.parent / "build" / "screenshots"
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
# What a piece of JavaScript can name.
FIND = """
    const app = window.jupyterapp;
    const panels = [...(app?.shell?.widgets("main") ?? [])];
    const panel = panels.find((one) => one.context?.path === path);
    const notebook = panel?.content;
    const kernel = panel?.sessionContext.session?.kernel;
"""
WAIT = "([path, args]) => {" + FIND + "return Boolean(%s); }"
# Playwright sets no limit to what a page is asked.
ASK = (
    "async ([path, args, seconds]) => {"
    + FIND
    + """
    const work = async () => { %s };
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not done within ${seconds} s`)), seconds * 1000);
    });
    return Promise.race([work(), late]).finally(() => clearTimeout(timer));
}"""
)
READY = "panel?.context.isReady && panel.sessionContext.isReady && kernel?.status === 'idle'"
# A cell that was started counts as running from then on, not only once its prompt says so.
START = """
    const index = args[0];
    const id = notebook.widgets[index].model.id;
    const running = (window.runningCells ??= new Set());
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    running.add(id);
    void app.commands.execute("notebook:run-cell").finally(() => running.delete(id));
"""
FINISHED = """((model) => !window.runningCells?.has(model.id)
    && (model.type !== "code" || model.executionCount !== null))(notebook.widgets[args[0]].model)"""
EXECUTE = """
    const [code, silent] = args;
    const future = kernel.requestExecute(
        { code, silent, store_history: !silent, stop_on_error: false, allow_stdin: false });
    let text = "";
    future.onIOPub = ({ header, content }) => {
        if (header.msg_type === "stream" && content.name === "stdout") text += content.text;
    };
    const { content } = await future.done;
    return [text, content.status === "error" ? `${content.ename}: ${content.evalue}` : null];
"""


class Notebook:
    """One notebook in a page; cells are counted from 0. Methods that wait take seconds."""

    def __init__(self, page: Page, server: Server, path: str) -> None:
        self.page = page
        self.server = server
        self.path = path  # as the server names it
        self.file = server.folder / path
        self.folder = self.file.parent  # the kernel runs here; no other notebook does
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def ask(self, script: str, *args: Any, seconds: float = 60) -> Any:
        """Run JavaScript that may name ``app``, ``panel``, ``notebook``, ``kernel``, ``args``."""
        return self.page.evaluate(ASK % script, [self.path, args, seconds])

    def wait(self, condition: str, *args: Any, seconds: float = 60) -> None:
        """Wait until a JavaScript expression, which may name the same, is true."""
        self.page.wait_for_function(WAIT % condition, arg=[self.path, args], timeout=seconds * 1000)

    def load(self) -> None:
        """Load the page, for the first time or again, until the kernel is idle; it goes on."""
        self.visit()
        self.wait(READY)

    def visit(self) -> None:
        """Load the page, and do not wait for the kernel."""
        if self.server.app == "jupyterlab":
            # A workspace of its own: JupyterLab would open again what the test before had open.
            self.page.goto(f"{self.server.address}lab/workspaces/{self.folder.name}")
            self.wait("app?.shell")
            # By its URL, JupyterLab opens a notebook only after a second's wait.
            self.ask('await app.restored; await app.commands.execute("docmanager:open", { path })')
        else:
            self.page.goto(f"{self.server.address}notebooks/{self.path}")
            self.wait("app?.shell")

    def cells(self) -> int:
        return self.ask("return notebook.widgets.length")

    def cell(self, index: int) -> Locator:
        return self.panel.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')

    def output(self, index: int) -> Locator:
        """The output area of a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def text(self, index: int) -> str:
        """The outputs of a cell as a reader sees them, without their prompts."""
        return "\n".join(self.output(index).locator(".jp-OutputArea-output").all_inner_texts())

    def start(self, index: int) -> None:
        """Run a cell and do not wait for it."""
        self.ask(START, index)

    def finished(self, index: int, seconds: float = 60) -> None:
        """Wait until a cell that was started has run; one that a key started, its first time."""
        self.wait(FINISHED, index, seconds=seconds)

    def run(self, index: int, seconds: float = 60) -> None:
        """Run a cell, failing or not, and wait until it has run."""
        self.start(index)
        self.finished(index, seconds)

    def run_all(self, seconds: float = 60) -> None:
        """Run all cells as the menu does: none after the first that fails."""
        self.ask('await app.commands.execute("notebook:run-all-cells")', seconds=seconds)

    def execute(
        self, code: str, *, check: bool = True, silent: bool = True, seconds: float = 60
    ) -> str:
        """Run code in the kernel without a cell; returns what it printed on stdout.

        With ``check``, code that fails raises AssertionError.  With ``silent=False`` the code
        counts as a cell does: the number goes up, and the hooks around cells are called.
        """
        text, error = self.ask(EXECUTE, code, silent, seconds=seconds)
        assert not (check and error), error
        return text

    def save(self) -> nbformat.NotebookNode:
        """Save, and return what is in the file."""
        self.ask("await panel.context.save()")
        return nbformat.read(self.file, as_version=4)

    def restart(self) -> None:
        """Restart the kernel, without the question."""
        self.ask("await kernel.restart()")
        self.wait(READY)

    def theme(self, name: str) -> None:
        """Change the theme, such as ``"JupyterLab Dark"``, and wait until it is applied."""
        self.ask('await app.commands.execute("apputils:change-theme", { theme: args[0] })', name)
        self.wait("document.body.dataset.jpThemeName === args[0]", name)

    def shot(self, name: str) -> Path:
        """Write build/screenshots/<name>.png of what the window shows; returns its path."""
        path = SCREENSHOTS / f"{name}.png"
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.page.screenshot(path=path)
        return path


def open_notebook(
    page: Page,
    server: Server,
    sources: list[str],
    *,
    name: str = "notebook",
    dark: bool = False,
    width: int = 1200,
    height: int = 900,
) -> Notebook:
    """Write a notebook of code cells, in a folder of its own, and open it; its kernel is idle."""
    notebook = write_notebook(page, server, sources, name)
    server.set("themes", theme=DARK if dark else LIGHT)
    page.set_viewport_size({"width": width, "height": height})
    notebook.load()
    return notebook


def write_notebook(page: Page, server: Server, sources: list[str], name: str) -> Notebook:
    """Write a notebook of code cells, in a folder of its own, for a page to open."""
    folder = uuid.uuid4().hex[:12]
    notebook = Notebook(page, server, f"{folder}/{name}.ipynb")
    notebook.folder.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), notebook.file)
    return notebook
