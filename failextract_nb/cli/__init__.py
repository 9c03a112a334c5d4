"""The command ``failextract-nb``: its exit code and its reports are a contract.

0: nothing failed.  1: there are failures.  2: it was used wrongly.  3: the run itself broke, or a
report could not be written.  130: it was interrupted.  Each subcommand is a module beside this one.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

NAME = "failextract-nb"
PASSED, FAILED, MISUSED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 130
# Module -> what to install it with, of all that a subcommand needs beyond the package itself.
NEEDED = ("click", "rich", "nbclient", "nbformat", "psutil")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.  Without ``arguments`` it is those of the process."""
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(  # noqa: T201
            f"{NAME} needs {', '.join(missing)}, which is not installed here. "
            "Run: pip install 'failextract-nb[run]'",
            file=sys.stderr,
        )
        return BROKEN
    for name in ("stdout", "stderr"):  # one that was closed stays silent
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    from failextract_nb.batch.processes import no_orphans
    from failextract_nb.cli.commands import run_command

    if arguments is not None:
        return run_command(arguments)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries say to those who write code
    with no_orphans():
        return run_command(sys.argv[1:])
