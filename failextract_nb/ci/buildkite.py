"""Buildkite: the run as an annotation of the build."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

AGENT = "buildkite-agent"
WITHIN = 60.0  # seconds for the agent to hand it on


def annotate(markdown: str, has_failed: bool, environment: Mapping[str, str]) -> bool:
    """Put ``markdown`` on the build's page; False where Buildkite's agent is not on the path.

    Raises OSError or subprocess.SubprocessError when the agent does not do it.
    """
    agent = shutil.which(AGENT, path=environment.get("PATH"))
    if agent is None:
        return False
    style = "error" if has_failed else "success"
    subprocess.run(  # noqa: S603  # Buildkite's own program
        [agent, "annotate", "--style", style, "--context", "failextract-nb"],
        input=markdown.encode(),
        env=dict(environment),
        capture_output=True,
        timeout=WITHIN,
        check=True,
    )
    return True
