"""Texts that would run if a page took them for HTML, SVG, an address or JavaScript."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

RUN = "window.ran = true; alert(1)"
PAYLOADS = [
    f"<script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f"</script><script>{RUN}</script>",
    f"<!--<script>{RUN}//",
    f"]]></noscript></style><svg onload='{RUN}'>",
    f'<a href="javascript:{RUN}">here</a>',
    f"javascript:{RUN}",
    f"'\"`onfocus={RUN} autofocus=",
]
OPEN = "(all) => all.forEach((one) => (one.open = true))"
ACTIVE = ":is(img, a, script, svg, iframe)"


def hostile(payload: str, number: int) -> dict[str, Any]:
    """A failure that holds a payload wherever it holds text."""
    frame = {"file": payload, "function": payload, "line": 1, "code": payload, "code_start": 1}
    raised = {
        "exception_type": payload,
        "exception_module": payload,
        "exception_message": f"number {number} {payload}\n{payload}",
        "notes": [payload],
        "extracted_code": [frame],
        "locals": [{payload: payload}],
    }
    return {
        **raised,
        "id": payload,
        "exception_traceback": payload,
        "test_name": payload,
        "test_file": payload,
        "test_source": payload,
        "test_args": [payload],
        "test_kwargs": {payload: payload},
        "fixtures": {payload: {"value": payload, "source": payload, "scope": payload}},
        "cell_source": payload,
        "cell_id": payload,
        "thread_name": payload,
        "origin": payload,
        "tags": [payload],
        "timestamp": payload,
        "causes": [raised],
        "exceptions": [raised],
        payload: payload,
    }


def watch_for(page: Page) -> list[str]:
    """The dialogs that the page opens from now on."""
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    return dialogs


def look_at_all(table: Locator) -> None:
    """Open each failure of ``hostile`` and all that it holds; the payloads stand there as text."""
    rows = table.locator(".ft-row")
    expect(rows).to_have_count(len(PAYLOADS))
    for number, payload in enumerate(PAYLOADS):
        rows.filter(has_text=f"number {number} ").locator(".ft-cell-message").click()
        detail = table.locator(".ft-detail")
        expect(detail.locator(".ft-message").first).to_contain_text(f"number {number} {payload}")
        for _ in range(4):  # what opens may hold more to open
            detail.locator("details").evaluate_all(OPEN)
    table.locator(".ft-facets details").evaluate_all(OPEN)
    assert table.locator(ACTIVE).count() == 0
