"""What stands in a kernel whose notebook is run from outside: it writes each record to a file.

The file outlives the kernel.  A record may stand there several times: the last one counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from failextract_nb.batch import CRASH, FAILURES
from failextract_nb.extractor import FailureExtractor


class Journal:
    """Writes the failures of this process to one file, each as it is stored."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._process = os.getpid()
        self._doors: dict[str, int] = {}  # by id of what is written, the doors it had passed
        self._of_this_cell: set[str] = set()
        FailureExtractor().subscribe(self.write)

    def write(self, failure: Mapping[str, Any]) -> None:
        """Add a line.  A forked child leaves it to its parent, to which its failures come home."""
        if os.getpid() != self._process:
            return
        line = json.dumps(failure, default=str).encode("ascii") + b"\n"
        self._doors[failure["id"]] = len(failure.get("contexts") or ())
        self._of_this_cell.add(failure["id"])
        while line:
            line = line[os.write(self._file, line) :]

    def after_cell(self, _result: Any) -> None:
        """A failure of this cell may have passed another door since."""
        if self._of_this_cell:
            self._update(self._of_this_cell)
            self._of_this_cell.clear()

    def look(self) -> None:
        """The notebook is at its end: what still runs is asked whether it has failed."""
        _ = FailureExtractor().failures
        self._update(self._doors)

    def _update(self, ids: Iterable[str]) -> None:
        kept = FailureExtractor._store.failures  # without a look at what still runs
        for failure_id in list(ids):
            now = kept.get(failure_id)
            if now is not None and len(now.get("contexts") or ()) != self._doors[failure_id]:
                self.write(now)


_journal: Journal | None = None


def begin(folder: str) -> None:
    """Load the extension, as ``%load_ext`` would, and write what fails into ``folder``.

    ``%load_ext`` in the notebook then changes nothing, and says nothing.
    """
    import faulthandler

    from IPython.core.getipython import get_ipython

    from failextract_nb import capture, load_ipython_extension

    global _journal  # noqa: PLW0603  # there is one for each kernel
    ip: Any = get_ipython()
    load_ipython_extension(ip)
    capture.options.record_interrupts = True  # there is nobody who could have meant it
    _journal = Journal(os.path.join(folder, FAILURES))
    if not faulthandler.is_enabled():
        faulthandler.enable(open(os.path.join(folder, CRASH), "w"), all_threads=False)  # noqa: SIM115  # for good
    ip.events.register("post_run_cell", _journal.after_cell)


def end() -> None:
    """Write what has failed since, or has been added to."""
    if _journal is not None:
        _journal.look()
