"""GitHub Actions: failures as annotations of the notebook's lines."""

from __future__ import annotations

from collections.abc import Sequence

from failextract_nb._strings import clip
from failextract_nb.ci.findings import Finding, apart, following
from failextract_nb.failure import counted

MAX_ANNOTATIONS = 10  # errors of one step; GitHub shows no more
MAX_TITLE = 200  # characters; GitHub's limit is 255
MAX_MESSAGE = 4_000  # characters; GitHub's limit is 64 KB

_IN_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = _IN_DATA | str.maketrans({":": "%3A", ",": "%2C"})


def command(name: str, message: str, **properties: object) -> str:
    """A workflow command; properties that are None or "" are left out."""
    given = {key: str(one) for key, one in properties.items() if one not in (None, "")}
    listed = ",".join(f"{key}={one.translate(_IN_PROPERTY)}" for key, one in given.items())
    # The runner compares as the culture does: an accent behind the colons would belong to the
    # last of them, and what follows would be looked through for another command.
    gap = "" if message[:1].isascii() else " "
    return f"::{name}{f' {listed}' if listed else ''}::{gap}{message.translate(_IN_DATA)}"


def notes(findings: Sequence[Finding]) -> list[str]:
    """The lines to print: at most ten annotations, then how many failures have none."""
    shown, blocked = apart(findings)
    lines = [
        command(
            "error",
            clip(finding.text, MAX_MESSAGE),
            title=clip(finding.title, MAX_TITLE),
            file=finding.path,
            line=finding.line,
        )
        for finding in shown[:MAX_ANNOTATIONS]
    ]
    more = len(shown) - MAX_ANNOTATIONS
    rest = [counted(more, "more failure")] if more > 0 else []
    if blocked:
        rest.append(following(len(blocked)))
    if rest:
        lines.append(f"Without an annotation: {', '.join(rest)}. The job summary lists them all.")
    return lines
