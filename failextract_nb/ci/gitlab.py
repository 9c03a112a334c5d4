"""GitLab: failures as findings of a code quality report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from failextract_nb._strings import clip
from failextract_nb.ci.findings import Finding, apart
from failextract_nb.formats.json import dumps

MAX_DESCRIPTION = 1_000  # characters; it is shown on one line


def code_quality(findings: Sequence[Finding]) -> str:
    """The report as JSON: a list of failures, but for those that only follow from others."""
    seen: Counter[str] = Counter()
    return dumps([_entry(finding, seen) for finding in apart(findings)[0]]) + "\n"


def _entry(finding: Finding, seen: Counter[str]) -> dict[str, Any]:
    return {
        "description": clip(
            " ".join(f"{finding.title}: {finding.message}".split()), MAX_DESCRIPTION
        ),
        "check_name": finding.kind,
        "fingerprint": _fingerprint(finding, seen),
        "severity": "critical",
        "location": {
            "path": finding.path or finding.notebook,
            "lines": {"begin": finding.line or 1},
        },
    }


def _fingerprint(finding: Finding, seen: Counter[str]) -> str:
    """The same for the same failure of another run, though its line has moved; else unique."""
    cell = finding.failure.get("cell_id") or finding.failure.get("test_name")
    text = "\0".join(map(str, (finding.path, cell, finding.kind)))
    seen[text] += 1
    return hashlib.sha256(f"{text}\0{seen[text]}".encode("utf-8", "backslashreplace")).hexdigest()
