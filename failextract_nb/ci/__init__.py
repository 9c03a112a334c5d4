"""What failed, told to a CI server in its own way.

``report`` tells of a run of notebooks, ``CIIntegration`` of this session::

    ci = CIIntegration()
    ci.generate_ci_reports()
    ci.set_exit_code()
"""

from __future__ import annotations

from failextract_nb.ci.cases import cases_of, save_cases
from failextract_nb.ci.servers import CHOICES, NAMES, detect, resolve
from failextract_nb.ci.session import CIIntegration
from failextract_nb.ci.telling import CODE_QUALITY, JUNIT, report
from failextract_nb.foreign import harmless

__all__ = [
    "CHOICES",
    "CODE_QUALITY",
    "JUNIT",
    "NAMES",
    "CIIntegration",
    "cases_of",
    "detect",
    "harmless",
    "report",
    "resolve",
    "save_cases",
]
