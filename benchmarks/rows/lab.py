"""JupyterLab's extension: what it takes to start, what it weighs, what a cell that passes costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import Figure
from report import Row, at_most

from rows.page import Notebook, Server, browsing, open_notebook

ROOT = Path(__file__).resolve().parents[2]
PAGES = 5
CELLS = 50  # that pass
BEFORE = 5  # others, until what the panel has asked is answered

# Notes the milliseconds in which the extension's code runs while JupyterLab starts.
WATCH = """
window.spent = {};
const timed = (name, work) => (...given) => {
    const began = performance.now();
    try {
        return work(...given);
    } finally {
        window.spent[name] = performance.now() - began;
    }
};
const watched = (container) => ({
    init: container.init,
    async get(module) {
        const make = await container.get(module);
        return timed("evaluate", () => {
            const made = make();
            for (const one of made.default) one.activate = timed(one.id, one.activate);
            return made;
        });
    },
});
window._JUPYTERLAB = new Proxy({}, {
    set(containers, name, container) {
        containers[name] = name === "failextract-nb" ? watched(container) : container;
        return true;
    },
});
"""
PLUGINS = ("failextract-nb:plugin", "failextract-nb:mime")
COUNT = """
    window.told = { all: 0, ours: 0 };
    kernel.anyMessage.connect((_, { msg }) => {
        window.told.all += 1;
        if (msg.content.comm_id === "failextract_nb") window.told.ours += 1;
    });
"""


def lab(quick: bool) -> Iterator[Row]:
    """The extension in JupyterLab: its start, its size, the messages of a cell that passes."""
    if quick:
        return
    spent = []
    with browsing() as browser, TemporaryDirectory(prefix="failextract-bench-") as folder:
        server = Server("jupyterlab", Path(folder)).start()
        try:
            for _ in range(PAGES):
                with browser.new_context() as context:
                    page = context.new_page()
                    page.add_init_script(WATCH)
                    notebook = open_notebook(page, server, ["%load_ext failextract_nb", "1"])
                    found = page.evaluate("spent")
                    missing = [name for name in PLUGINS if name not in found]
                    spent.append(sum(found.values()) / 1000)
                    told = messages(notebook)
                server.clear()
        finally:
            server.stop()
    what = "its code, read and activated"
    broken = f"not activated: {missing}" if missing else ""
    yield Row(what, Figure(spent), unit="s", must=at_most(0.05), broken=broken)
    sizes = json.loads(
        subprocess.check_output(
            [sys.executable, "labextension/build.py", "npm", "run", "--silent", "sizes"], cwd=ROOT
        )
    )
    beside = Figure([sizes["all"] - sizes["table"]])
    yield Row("beside the shared table, minified", beside, unit="B", must=at_most(40_000))
    yield Row("with it", Figure([sizes["all"]]), unit="B")
    ours = Figure([told["ours"] / CELLS])
    yield Row("messages of ours for a cell that passes", ours, unit="", must=at_most(0))
    yield Row("messages of Jupyter's", Figure([told["all"] / CELLS]), unit="")


def messages(notebook: Notebook) -> dict[str, int]:
    """How many messages come and go while cells pass, with the extension loaded and looked at."""
    notebook.run(0)
    notebook.page.locator(".fx-show").click()
    notebook.page.locator("#failextract-panel .ft-table").wait_for()
    for _ in range(BEFORE):
        notebook.run(1)
    notebook.ask(COUNT)
    for _ in range(CELLS):
        notebook.run(1)
    return dict(notebook.ask("return window.told"))
