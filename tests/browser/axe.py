"""What axe-core finds wrong with a part of a page, for those who hear it or use keys only."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parent.parent.parent / "labextension" / "node_modules" / "axe-core/axe.min.js"
RUN = """async (selector) => {
    const { violations } = await axe.run(selector, { resultTypes: ["violations"] });
    return violations
        .filter(({ impact }) => ["serious", "critical"].includes(impact))
        .flatMap(({ id, help, nodes }) => nodes.map(
            (node) => `${id}: ${help}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""


def check(page: Page, selector: str = ".ft-table") -> None:
    """Fail where there is a serious or critical violation inside what the selector finds."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = page.evaluate(RUN, selector)
    assert not violations, "\n\n".join(violations)
