"""What the extension of JupyterLab shows of a notebook's kernel: its button, its menu, its panel."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from browser.failing import Table
from browser.lab import READY, Notebook, write_notebook

SHOW = 'await app.commands.execute("failextract:show")'
NOT_LOADED = "Nothing is recorded yet: failextract_nb is not loaded here."


class Panel:
    """The button in the toolbar of the current notebook, and the panel at the side."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.button = notebook.panel.locator(".fx-show")
        self.count = notebook.panel.locator(".fx-count")
        self.element = self.page.locator("#failextract-panel")
        self.title = self.element.locator(".fx-notebook")
        self.told = self.element.locator(".fx-told")
        self.table = Table(notebook, self.element)
        self.load = self.element.get_by_role("button", name="%load_ext failextract_nb")

    def show(self) -> None:
        """As the command does."""
        self.notebook.ask(SHOW)
        expect(self.element).to_be_visible()

    def menu(self) -> Locator:
        """Open the menu beside the button; returns its entries."""
        self.notebook.panel.get_by_role("button", name="Export failures").click()
        return self.page.locator(".lm-Menu .lm-Menu-item[data-command]")


def open_beside(notebook: Notebook, sources: list[str], *, name: str) -> Notebook:
    """Open another notebook in the same JupyterLab; it is the current one, its kernel is idle."""
    other = write_notebook(notebook.page, notebook.server, sources, name)
    other.ask('await app.commands.execute("docmanager:open", { path })')
    other.wait(READY)
    return other


def make_current(notebook: Notebook) -> None:
    """Bring a notebook that is open to the front."""
    notebook.ask("app.shell.activateById(panel.id)")
    notebook.wait("app.shell.currentWidget === panel")
