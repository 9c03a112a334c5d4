"""A run in Markdown: one table with all that failed, for the page of a job or a build."""

from __future__ import annotations

from collections.abc import Sequence

from failextract_nb._strings import clip
from failextract_nb.batch.outcome import FAILED, PASSED, NotebookOutcome
from failextract_nb.ci.findings import Finding, apart, following
from failextract_nb.failure import counted
from failextract_nb.formats.markdown import inline

MAX_BYTES = 1024 * 1024  # GitHub's for the summary of a step, and Buildkite's for an annotation
MAX_CELL = 300  # characters of one cell of the table
_TABLE = "| Notebook | Cell | Exception | Message | Cause |\n|---|---|---|---|---|\n"
_ROOM = 100  # bytes for the line that counts what is left out


def to_markdown(
    notebooks: Sequence[NotebookOutcome], findings: Sequence[Finding], limit: int = MAX_BYTES
) -> str:
    """What became of the notebooks, in at most ``limit`` bytes of UTF-8; "" where none is enough.

    Rows that do not fit are counted in a last line.
    """
    text = f"### {_headline(notebooks, findings)}\n\n{_TABLE if findings else ''}"
    left = limit - len(text.encode()) - _ROOM
    if left < 0:
        return ""
    for number, finding in enumerate(findings):
        row = _row(finding)
        left -= len(row.encode())
        if left < 0:
            return f"{text}\n… and {counted(len(findings) - number, 'more failure')}.\n"
        text += row
    return text


def _headline(notebooks: Sequence[NotebookOutcome], findings: Sequence[Finding]) -> str:
    shown, blocked = apart(findings)
    if not findings:
        stopped = sum(book.outcome != PASSED for book in notebooks)
        passed = f"{counted(len(notebooks) - stopped, 'notebook')} passed"
        return f"{passed}, {stopped} did not get to the end" if stopped else passed
    failed = sum(book.outcome == FAILED for book in notebooks)
    some = "" if failed == len(notebooks) else f"{failed} of "
    text = f"{counted(len(shown), 'failure')} in {some}{counted(len(notebooks), 'notebook')}"
    return f"{text}, and {following(len(blocked))}" if blocked else text


def _row(finding: Finding) -> str:
    cells = finding.notebook, finding.cell, finding.kind, finding.message, finding.cause
    return f"| {' | '.join(inline(clip(cell, MAX_CELL)) for cell in cells)} |\n"
