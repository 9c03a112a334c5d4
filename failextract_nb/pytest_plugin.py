"""``pytest --failextract REPORT``: every failing test is a record; the door for pytest.

pytest loads this module whenever it starts, so it does nothing and imports nothing until it is
asked for: by the option, by the controller of a worker, or by the notebook that it runs in.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

OPTION = "failextract"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--failextract FILE[:FORMAT]``."""
    group = parser.getgroup(OPTION, "records of what fails (failextract_nb)")
    group.addoption(
        f"--{OPTION}",
        action="append",
        default=[],
        metavar="FILE[:FORMAT]",
        help="write every failure with its fixtures, variables and output to this report; the "
        "extension says in which format, or what follows the colon. May be repeated; - is "
        "standard output.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Record this run, if somebody asks for it."""
    wanted = config.getoption(OPTION, [])
    told = getattr(config, "workerinput", None)  # to a worker of pytest-xdist
    is_worker = told is not None
    if told.get(OPTION) if told is not None else wanted or _in_a_notebook_that_asks():
        from failextract_nb import pytest_recorder

        pytest_recorder.put_in(config, wanted, is_worker)


def _in_a_notebook_that_asks() -> bool:
    """Whether the extension is loaded in this process: ipytest runs pytest in the kernel."""
    remember = sys.modules.get("failextract_nb.remember")
    return remember is not None and bool(remember.wants_tests())
