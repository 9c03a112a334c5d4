"""The table in a page: JupyterLab in Chromium, with a hundred thousand failures in the kernel."""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from measure import Figure
from playwright.sync_api import Browser, Page, sync_playwright
from report import Row, at_most

from rows.tables import session

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

from browser import chromium
from browser.lab import START, Notebook, open_notebook
from browser.server import Server

ROUNDS = 3
FEW, MANY, NEW = 1_000, 100_000, 1_000  # failures; the new ones come within a second
PLACES = 60  # that are scrolled to in a round
WORDS = ("usd in order 471", "keyerror", "orders.py", "test_order_17", "no rate for gbp")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server")
PROBE = Path(__file__).with_name("probe.js")

TRACEBACK = """Traceback (most recent call last):
  File "/home/ada/shop/orders.py", line {line}, in checkout
    return sum(price(item, order.currency) for item in order.items)
  File "/home/ada/shop/orders.py", line 18, in price
    return round(item.price * rate_of(currency, day=item.day), 2)
  File "/home/ada/shop/rates.py", line 52, in rate_of
    raise {kind}(f"no rate for {{currency}} in order {{order.number}}")
{kind}: {message}
"""
FILL = """
%load_ext failextract_nb
import orjson
from failextract_nb import FailureExtractor
extractor = FailureExtractor()
extractor.set_memory_limits(warn_at=10**12)
with open("failures.json", "rb") as file:
    failures = orjson.loads(file.read())
new = [failures.pop() for _ in range({new})]
for one in failures:
    extractor.add_failure(one)
del failures, one
"""
ARRIVE = """
from time import monotonic, sleep
began = monotonic()
for number, one in enumerate(new):
    sleep(max(0, began + number / len(new) - monotonic()))
    extractor.add_failure(one)
"""
SHOWS = "%failextract"
COUNT = "from failextract_nb import FailureTable; print(len(FailureTable().frame))"

FIRST = (
    "const began = performance.now();"
    + START
    + """
    const isThere = () => notebook.widgets[index].node.querySelector(".ft-row[data-index]");
    return await probe.drawn(isThere) - began;
"""
)
TABLE = "const table = notebook.widgets[args[0]].node.querySelector('.ft-table');"
JUMPS = (
    TABLE
    + """
    const lineOf = (element) => Number(element?.closest(".ft-row[data-index]")?.dataset.index);
    const isThere = (grid) => {
        const { left, top, width } = grid.getBoundingClientRect();
        const head = grid.querySelector(".ft-head").offsetHeight;
        const box = new DOMRect(left, top + head, width, grid.clientHeight - head);
        const { height } = grid.querySelector(".ft-row").getBoundingClientRect();
        return probe.shows(box, grid.scrollTop / height, lineOf);
    };
    return await probe.jumps(table.querySelector(".ft-grid"), args[1], isThere);
"""
)
STATUS = TABLE + "return table.querySelector('.ft-status').textContent"


def page(quick: bool) -> Iterator[Row]:
    """A hundred thousand failures in a page: first rows, scrolling, search, arrivals, memory."""
    if quick:
        return
    found: dict[str, list[float]] = {}
    lost = ""
    with browsing() as browser, TemporaryDirectory(prefix="failextract-bench-") as folder:
        server = Server("jupyterlab", Path(folder)).start()
        try:
            for number in range(ROUNDS):
                for count in (FEW, MANY):
                    with browser.new_context() as context:
                        visit = Visit(context.new_page(), server, count, seed=number)
                        lost = lost or visit.take(found)
                    server.clear()
        finally:
            server.stop()
    yield from _rows({name: Figure(values) for name, values in found.items()}, lost)


def _rows(found: dict[str, Figure], lost: str) -> Iterator[Row]:
    for name, most in (
        ("first rows, of the session's first table", 0.5),
        ("first rows, of a table shown before", 0.5),
        ("scroll to a place, 95th percentile", 0.1),
        ("the first letter that is searched for", 0.2),
        ("a letter more, 95th percentile", 0.2),
    ):
        yield Row(name, found[f"{name} {MANY}"] * 0.001, unit="s", must=at_most(most))
    longest = found[f"longest frame {MANY}"] * 0.001
    what = f"longest frame while {NEW:,} come in a second"
    yield Row(what, longest, unit="s", must=at_most(0.1), broken=lost)
    added = found[f"what the table adds to it {MANY}"]
    for name in ("heap of the page", "what the table adds to it", "DOM nodes of the page"):
        few, many = found[f"{name} {FEW}"], found[f"{name} {MANY}"]
        yield Row(f"{name}, {MANY:,} failures", many / few, f"{FEW:,} failures", must=at_most(1.2))
    yield Row("what the table adds to the heap", added, unit="B")


@contextmanager
def browsing() -> Iterator[Browser]:
    """A Chromium without a window."""
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
        stack.callback(browser.close)
        yield browser


class Visit:
    """One reader, in a new page with a new kernel, in which ``count`` failures are kept."""

    def __init__(self, page: Page, server: Server, count: int, seed: int) -> None:
        self.page = page
        self.count = count
        self.random = random.Random(seed)
        page.add_init_script(path=PROBE)
        page.set_default_timeout(60_000)
        self.notebook = open_notebook(page, server, [SHOWS, SHOWS, ARRIVE])
        fill(self.notebook, count)

    def take(self, found: dict[str, list[float]]) -> str:
        """Add the figures of this visit, milliseconds and bytes; returns what was lost."""

        def note(name: str, value: float) -> None:
            found.setdefault(f"{name} {self.count}", []).append(value)

        empty = heap(self.page)
        note("first rows, of the session's first table", self.ask(FIRST, 0))
        shares = [self.random.random() for _ in range(PLACES)]
        note("scroll to a place, 95th percentile", percentile(self.ask(JUMPS, 0, shares)))
        full = heap(self.page)
        note("heap of the page", full["JSHeapUsedSize"])
        note("what the table adds to it", full["JSHeapUsedSize"] - empty["JSHeapUsedSize"])
        note("DOM nodes of the page", full["Nodes"])
        if self.count == FEW:
            return ""
        first, *others = self.letters()
        note("the first letter that is searched for", first)
        note("a letter more, 95th percentile", percentile(others))
        note("first rows, of a table shown before", self.ask(FIRST, 1))
        longest, lost = self.arrivals()
        note("longest frame", longest)
        return lost

    def ask(self, script: str, *args: Any) -> Any:
        """What a script says, when all that the notebook started has ended."""
        answer = self.notebook.ask(script, *args)
        self.notebook.wait("kernel.status === 'idle'")
        return answer

    def letters(self) -> list[float]:
        """Milliseconds from each key of the words until what holds them is painted."""
        search = self.notebook.output(0).get_by_label("Search failures")
        taken = []
        for word in WORDS:
            search.focus()
            for letter in word:
                self.ask(TABLE + "probe.watch(table.querySelector('.ft-status'))", 0)
                self.page.keyboard.press(letter)
                taken.append(self.page.evaluate("probe.answered"))
            told = self.ask(STATUS, 0).split()[0].replace(",", "")
            known = self.notebook.execute(COUNT).strip()
            assert told == known, f"{word!r}: {told} on the page, {known} in the kernel"
            self.ask(TABLE + "probe.watch(table.querySelector('.ft-status'))", 0)
            search.fill("")
            self.page.evaluate("probe.answered")
        return taken

    def arrivals(self) -> tuple[float, str]:
        """The longest frame, in milliseconds, while failures come; and what the page lacks then."""
        self.ask("probe.frames()")
        self.notebook.run(2)
        told = f"{self.count + NEW:,} failures"
        try:
            self.notebook.wait(f"(() => {{ {STATUS} }})().startsWith(args[1])", 1, told)
        except Exception:  # noqa: BLE001  # it is told, as what is lost
            return self.page.evaluate("probe.stop()"), f"{self.ask(STATUS, 1)}; not {told}"
        return self.page.evaluate("probe.stop()"), ""


def records(count: int) -> list[dict[str, Any]]:
    """The failures of a session, with tracebacks of some 400 characters."""
    failures = session(count)
    for one in failures:
        kind, message = one["exception_type"], one["exception_message"]
        text = TRACEBACK.format(kind=kind, message=message, line=one["line_number"])
        one["exception_traceback"] = text
    return failures


def fill(notebook: Notebook, count: int) -> None:
    """Have ``count`` failures in the kernel, and new ones at hand, without a cell."""
    (notebook.folder / "failures.json").write_bytes(orjson.dumps(records(count + NEW)))
    notebook.execute(FILL.format(new=NEW))


def heap(page: Page) -> dict[str, float]:
    """What a page holds after its garbage was collected: ``JSHeapUsedSize`` (bytes), ``Nodes``."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    for _ in range(2):  # what finalizers let go is garbage of the second time
        devtools.send("HeapProfiler.collectGarbage")
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    devtools.detach()
    return {one["name"]: one["value"] for one in metrics}


def percentile(values: list[float], which: int = 95) -> float:
    """The value that ``which`` percent of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[which - 1]
