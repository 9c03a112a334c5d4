"""Where failures surface that no hook after the cell is told of: one file for each place.

``ALL`` are those that are watched; ``%config FailExtract.sources`` chooses among their names.
"""

from __future__ import annotations

from typing import Any

from failextract_nb.ipython.runs import CellRun
from failextract_nb.ipython.settings import FailExtract
from failextract_nb.ipython.sources._source import Source
from failextract_nb.ipython.sources.callbacks import Callbacks
from failextract_nb.ipython.sources.futures import Futures
from failextract_nb.ipython.sources.shell import Shell
from failextract_nb.ipython.sources.shown import Shown
from failextract_nb.ipython.sources.tasks import Tasks
from failextract_nb.ipython.sources.threads import Threads
from failextract_nb.ipython.sources.unraisable import Unraisable
from failextract_nb.remember import note_problem

ALL: tuple[type[Source], ...] = (Shell, Shown, Callbacks, Threads, Futures, Tasks, Unraisable)
# The hooks' own, and what the plugin of pytest asks for.
_ELSEWHERE = {
    "cell": "a cell that raises, or does not compile",
    "expectation": "a cell tagged raises-exception that does not raise",
    "test": "a failing test that pytest or ipytest runs in this session",
}


class Sources:
    """All sources of one session."""

    def __init__(self, ip: Any, settings: FailExtract) -> None:
        self._settings = settings
        self._all = [make(ip, settings) for make in ALL]
        self._settling: list[Source] = []

    def put_in(self) -> None:
        """Listen where the settings say, from now on and whenever they change."""
        self._settings.observe(self._apply, names=["sources", "enabled"])
        self._apply()

    def take_out(self) -> None:
        """Listen nowhere."""
        self._settling = []
        for source in reversed(self._all):
            source.take_out()

    def _apply(self, _change: Any = None) -> None:
        for source in self._all:
            if any(map(self._settings.watches, source.names)):
                source.put_in()
            else:
                source.take_out()
        self._settling = [
            one for one in self._all if one.active and type(one).settle is not Source.settle
        ]

    def settle(self, run: CellRun | None = None) -> None:
        """A cell has ended, or (None) somebody looks at the failures."""
        for source in self._settling:
            try:
                source.settle(run)
            except Exception as problem:  # noqa: BLE001  # tasks and futures are of any class
                note_problem(f"{type(source).__name__.lower()} were not looked at", problem)

    def told(self) -> list[tuple[str, str, str]]:
        """Name, what it is, and why it is not watched ("" if it is), of every source."""
        rows = [(name, what, self._why_off(name)) for name, what in _ELSEWHERE.items()]
        for source in self._all:
            for name, what in source.names.items():
                if all(name != known for known, _, _ in rows):
                    rows.append((name, what, self._why_off(name) or source.why_not()))
        return rows

    def _why_off(self, name: str) -> str:
        if not self._settings.enabled:
            return "everything is off: %failextract on"
        return "" if self._settings.watches(name) else "switched off: FailExtract.sources"
