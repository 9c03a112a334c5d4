"""What the choice of the grid rests on: ours and others at the same task, in pages of their own."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import Figure
from playwright.sync_api import Browser
from report import Row

from rows.page import PROBE, browsing, heap, percentile

HERE = Path(__file__).resolve().parents[1] / "grids"
BUILD = HERE.parents[1] / "labextension" / "build.py"
GRIDS = {
    "ours": "ours",
    "regular-table": "regular-table",
    "AG Grid": "ag-grid",
    "TanStack virtual-core": "virtual-core",
}
ROUNDS = 3
PLACES = 60  # that are scrolled to in a round
IS_THERE = """({ scroller, head, lineOf, count }) => {
    const { left, top } = scroller.getBoundingClientRect();
    const { clientWidth, clientHeight, scrollTop, scrollHeight } = scroller;
    const box = new DOMRect(left, top + head, clientWidth, clientHeight - head);
    const share = scrollTop / (scrollHeight - clientHeight);
    return probe.shows(box, share * (count - box.height / 28), lineOf);
}"""
FIRST = f"window.first = probe.drawn(() => window.grid && ({IS_THERE})(window.grid))"
JUMPS = f"(shares) => probe.jumps(grid.scroller, shares, () => ({IS_THERE})(grid))"


def grids(quick: bool) -> Iterator[Row]:
    """A hundred thousand rows, whose windows take 20 ms to come, in our grid and in others."""
    if quick:
        return
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        _npm("ci")
    _npm("run", "build")
    for title, name in GRIDS.items():
        code = (HERE / "dist" / f"{name}.js").read_bytes()
        yield Row(f"{title}: minified", Figure([len(code)]), unit="B")
        yield Row(f"{title}: minified, with gzip", Figure([len(gzip.compress(code))]), unit="B")
    found: dict[str, list[float]] = {}
    order = list(GRIDS.values())
    with browsing() as browser:
        for seed in range(ROUNDS):
            for name in order:
                for what, value in _visit(browser, name, seed).items():
                    found.setdefault(f"{name} {what}", []).append(value)
            order.append(order.pop(0))
    for title, name in GRIDS.items():
        figures = {what: Figure(found[f"{name} {what}"]) for what in ("first", "jump", "heap")}
        yield Row(f"{title}: first rows", figures["first"] * 0.001, unit="s")
        yield Row(f"{title}: scroll to a place, 95th percentile", figures["jump"] * 0.001, unit="s")
        yield Row(f"{title}: heap of the page after that", figures["heap"], unit="B")


def _npm(*words: str) -> None:
    """Run npm in the folder of the grids, with the Node.js that builds ours."""
    command = [sys.executable, str(BUILD), "npm", "--prefix", str(HERE), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(words)} failed: {done.stderr.strip()[-1_000:]}")


def _visit(browser: Browser, name: str, seed: int) -> dict[str, float]:
    """Milliseconds from the opening of a page to its first rows and for a jump; bytes then."""
    chance = random.Random(seed)
    shares = [chance.random() for _ in range(PLACES)]
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(path=PROBE)
        page.add_init_script(FIRST)
        page.goto(f"{(HERE / 'grid.html').as_uri()}?{name}")
        first = page.evaluate("window.first")
        taken = page.evaluate(JUMPS, shares)
        used = heap(page)["JSHeapUsedSize"]
    return {"first": first, "jump": percentile(taken), "heap": used}
