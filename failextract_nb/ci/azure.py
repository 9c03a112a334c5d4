"""Azure Pipelines: failures as issues of the step's log."""

from __future__ import annotations

from collections.abc import Sequence

from failextract_nb._strings import clip
from failextract_nb.ci.findings import Finding, apart
from failextract_nb.failure import counted

MAX_ISSUES = 10  # as many as the page of a run shows of one step
MAX_MESSAGE = 4_000  # characters

_ESCAPES = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A", ";": "%3B", "]": "%5D"})


def command(name: str, message: str, **properties: object) -> str:
    """A logging command; properties that are None or "" are left out."""
    given = {key: str(one) for key, one in properties.items() if one not in (None, "")}
    listed = ";".join(f"{key}={one.translate(_ESCAPES)}" for key, one in given.items())
    return f"##vso[{name} {listed}]{message.translate(_ESCAPES)}"


def issues(findings: Sequence[Finding]) -> list[str]:
    """The lines to print: at most ten issues, then how many failures are none."""
    shown = apart(findings)[0]
    lines = [
        command(
            "task.logissue",
            clip(f"{finding.title}\n{finding.text}", MAX_MESSAGE),
            type="error",
            sourcepath=finding.path,
            linenumber=finding.line,
        )
        for finding in shown[:MAX_ISSUES]
    ]
    if rest := len(findings) - len(lines):
        lines.append(f"{counted(rest, 'more failure')}: the JUnit report has them all.")
    return lines
