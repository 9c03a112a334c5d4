"""The failures of this session, told to the CI server that it runs on."""

from __future__ import annotations

import sys
from typing import NoReturn

from failextract_nb.ci.findings import by_notebook
from failextract_nb.ci.servers import NAMES, detect
from failextract_nb.ci.telling import report
from failextract_nb.extractor import FailureExtractor
from failextract_nb.report import OutputConfig

REPORTS = ("test_failures.json", "test_failures.md")


class CIIntegration:
    """Reports of this session's failures, as the CI server that it runs on takes them.

    ``ci_environment`` is the server's name: one of ``NAMES``, or "unknown".
    """

    def __init__(self) -> None:
        self.extractor = FailureExtractor()
        self.ci_environment = self._detect_ci_environment()

    def generate_ci_reports(self) -> list[str]:
        """Write the reports into the current folder and return their paths; [] without failures.

        There is always one in JSON and one in Markdown, and what the server takes.  Raises OSError
        where one of the two cannot be written; what the server cannot be told is said on standard
        error.
        """
        if not self.extractor.failures:
            return []
        for path in REPORTS:
            self.extractor.save_report(OutputConfig(path))
        if self.ci_environment == "github_actions":
            told = self._generate_github_annotations()
        elif self.ci_environment == "jenkins":
            told = self._generate_jenkins_report()
        else:
            told = self._tell(self.ci_environment)
        return [*REPORTS, *(told or [])]  # a subclass's need not return anything

    def set_exit_code(self) -> NoReturn:
        """End the process with 1 where anything has failed that was not expected to, else with 0.

        Raises SystemExit, so that what is to be written at exit is.
        """
        sys.exit(1 if self.extractor.get_statistics()["failure_count"] else 0)

    def _detect_ci_environment(self) -> str:
        return detect()

    def _generate_github_annotations(self) -> list[str]:
        """Annotations and the job summary."""
        return self._tell("github_actions")

    def _generate_jenkins_report(self) -> list[str]:
        """JUnit."""
        return self._tell("jenkins")

    def _tell(self, server: str) -> list[str]:
        if server not in NAMES:
            return []
        return report(by_notebook(self.extractor.failures), server)
