"""What each CI server is told, and how: lines in its log, files, a page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from failextract_nb import files
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.ci import azure, buildkite, github
from failextract_nb.ci.cases import save_cases
from failextract_nb.ci.findings import Finding, findings
from failextract_nb.ci.gitlab import code_quality
from failextract_nb.ci.servers import AUTO, UNKNOWN, resolve
from failextract_nb.ci.summary import MAX_BYTES, to_markdown
from failextract_nb.foreign import harmless, say

JUNIT = "test_failures_junit.xml"
CODE_QUALITY = "gl-code-quality-report.json"  # as GitLab's own documents call it
SUMMARY = "GITHUB_STEP_SUMMARY"


class Run(NamedTuple):
    """What is told: of which notebooks, from where, and the folder that files go to."""

    notebooks: Sequence[NotebookOutcome]
    findings: Sequence[Finding]
    environment: Mapping[str, str]
    folder: str
    stream: TextIO


def report(
    notebooks: Sequence[NotebookOutcome],
    name: str = AUTO,
    environment: Mapping[str, str] = os.environ,
    folder: str = "",
    stream: TextIO | None = None,
) -> list[str]:
    """Tell a CI server what became of ``notebooks``; return the paths of the files written.

    ``name`` is one of ``CHOICES``, ``folder`` where files go, by default the current one, and
    ``stream`` the log, by default standard output.
    What cannot be written is a line on standard error, and no reason for a run to fail.  Raises
    ValueError for a name that is none.
    """
    server = resolve(name, environment)
    if server == UNKNOWN:
        return []
    found = findings(notebooks, environment)
    run = Run(notebooks, found, environment, folder, stream or sys.stdout)
    written: list[str] = []
    for what, step in STEPS[server]:
        try:
            written += step(run)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            said = " ".join(harmless(error).split())
            say([f"failextract-nb: {server}: {what} could not be written: {said}"], sys.stderr)
    return written


def annotate(run: Run) -> list[str]:
    """GitHub's annotations, printed."""
    say(github.notes(run.findings), run.stream)
    return []


def summarise(run: Run) -> list[str]:
    """GitHub's job summary, behind what other commands of the step have put there."""
    path = run.environment.get(SUMMARY)
    if not path:
        raise ValueError(f"the variable {SUMMARY}, which names its file, is not set")
    there = os.path.getsize(path) if os.path.exists(path) else 0
    text = to_markdown(run.notebooks, run.findings, MAX_BYTES - there - 1)
    if not text:
        raise ValueError(f"{path} holds {there:,} bytes already, and may hold {MAX_BYTES:,}")
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(f"\n{text}" if there else text)
    return [path]


def log_issues(run: Run) -> list[str]:
    """Azure's issues, printed."""
    say(azure.issues(run.findings), run.stream)
    return []


def write_junit(run: Run) -> list[str]:
    """JUnit, a case for each cell."""
    path = os.path.join(run.folder, JUNIT)
    save_cases(path, run.notebooks)
    return [path]


def write_code_quality(run: Run) -> list[str]:
    """GitLab's code quality report."""
    path = os.path.join(run.folder, CODE_QUALITY)
    files.write(Path(path), lambda: [code_quality(run.findings)])
    return [path]


def annotate_build(run: Run) -> list[str]:
    """Buildkite's annotation of the build."""
    buildkite.annotate(
        to_markdown(run.notebooks, run.findings), bool(run.findings), run.environment
    )
    return []


_JUNIT = ("JUnit", write_junit)
STEPS: Mapping[str, Sequence[tuple[str, Callable[[Run], list[str]]]]] = {
    "github_actions": (("annotations", annotate), ("job summary", summarise)),
    "jenkins": (_JUNIT,),
    "gitlab": (_JUNIT, ("code quality", write_code_quality)),
    "circleci": (_JUNIT,),
    "azure": (("issues", log_issues), _JUNIT),
    "buildkite": (("annotation", annotate_build),),
}
