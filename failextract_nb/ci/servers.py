"""Which CI server this is, by the variables that it sets."""

from __future__ import annotations

import os
from collections.abc import Mapping

UNKNOWN = "unknown"
AUTO, OFF = "auto", "off"

SIGNS = {
    "github_actions": "GITHUB_ACTIONS",
    "jenkins": "JENKINS_URL",
    "gitlab": "GITLAB_CI",
    "circleci": "CIRCLECI",
    "azure": "TF_BUILD",
    "buildkite": "BUILDKITE",
}
NAMES = tuple(SIGNS)
CHOICES = (AUTO, *NAMES, OFF)


def detect(environment: Mapping[str, str] = os.environ) -> str:
    """The name of the CI server that ``environment`` is of, one of ``NAMES``; else "unknown"."""
    return next((name for name, sign in SIGNS.items() if environment.get(sign)), UNKNOWN)


def resolve(name: str = AUTO, environment: Mapping[str, str] = os.environ) -> str:
    """What ``--ci`` is given as the name of a server; "unknown" for none.

    The beginning of a name is enough (``github``).  Raises ValueError that lists the choices.
    """
    if name == AUTO:
        return detect(environment)
    if name in (OFF, UNKNOWN):
        return UNKNOWN
    found = [known for known in NAMES if name and known.startswith(name)]
    if len(found) != 1:
        raise ValueError(f"there is no CI server {name!r}; choose one of {', '.join(CHOICES)}")
    return found[0]
