"""``FailureTable``: the failures of the session as a widget, one for each kernel."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from failextract_nb import _front, formats, printed
from failextract_nb.extractor import FailureExtractor
from failextract_nb.rows import Rows
from failextract_nb.shown import Shown, Wishes
from failextract_nb.widget.answers import refusal, reply
from failextract_nb.widget.exports import Export
from failextract_nb.widget.following import Follower, Reader
from failextract_nb.widget.state import forgotten, state_of

if TYPE_CHECKING:
    import pandas as pd

HOW = ("only", "add", "remove", "range", "all", "none")


class _Looked(traitlets.TraitType):  # type: ignore[type-arg]
    """A trait that is worked out when somebody looks at it, or observes it."""

    def get(self, obj: Any, cls: Any = None) -> Any:  # noqa: ARG002  # the signature is traitlets'
        return obj._look_at(self.name)

    def set(self, obj: Any, value: Any) -> None:  # noqa: ARG002
        raise traitlets.TraitError(f"{self.name} follows the table; it cannot be set")


class FailureTable(anywidget.AnyWidget):
    """The failures of the session, live: look, search, filter, select, hand on.

    ``search`` (text) and ``query`` (a pandas expression) narrow what is shown; ``frame`` is that
    as a DataFrame, ``selected`` the part of it that is selected.  All four can be observed.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _state = traitlets.Dict().tag(sync=True)
    search = traitlets.Unicode(help="text that the failures shown contain, whatever its case")
    query = traitlets.Unicode(help="a pandas expression that is true for the failures shown")
    frame = _Looked(help="the failures shown, as a DataFrame, in the order of the table")
    selected = _Looked(help="the selected failures, as a DataFrame")

    def __init__(self) -> None:
        self._lock = threading.RLock()  # the store's lock may be taken under it, never around it
        self._rows = Rows()
        self._shown = Shown(self._rows, Wishes())
        self._generation = -1
        self.picked = np.zeros(0, dtype=bool)  # which rows are selected
        self.version = 0
        self.jobs: dict[str, Export] = {}
        self.follower = Follower(self._show_now)
        self.reader = Reader(self._read)
        self.closed = False
        # The page loads what it draws with while the failures are read here.
        super().__init__(_esm=_front.read("widget.js"))
        self._update()
        self._state = state_of(self)
        self.on_msg(self._received)
        self.follower.start()
        atexit.register(self._stop_exports)

    def open(self) -> None:
        """Connect to the pages."""
        super().open()
        # The page names a shell that is free while a cell runs.  ipykernel 7.4 would take the one
        # that has last written to the page, and after an update that is the cell's.
        self.comm._reply_subshell_for = lambda _data, named: named

    def close(self) -> None:
        """Take the table off every page, and stop following the session."""
        self.closed = True
        self.follower.stop()
        atexit.unregister(self._stop_exports)
        self._stop_exports()
        super().close()

    def _stop_exports(self) -> None:
        """No half-written file is left behind."""
        for export in self.jobs.values():
            export.stop()
        self.jobs.clear()

    # --- what is shown

    @property
    def wishes(self) -> Wishes:
        """What the reader has asked for."""
        return self._shown.wishes

    @contextmanager
    def looking(self) -> Iterator[Shown]:
        """What is shown, which stays so inside the block."""
        with self._lock:
            yield self._shown

    def filter(self, expression: str | None = "") -> None:
        """Show the failures for which a pandas expression is true, such as ``line > 3``.

        The names are those of ``frame.columns``; nothing or "" shows all again.  Raises TraitError
        for an expression that is not true or false for each failure.
        """
        self.query = expression or ""

    def wish(self, **changes: Any) -> None:
        """Change some of ``wishes``, such as ``sort``, ``descending``, ``grouped``, ``facets``."""
        with self._lock:
            self._shown = self._shown.wish(**changes)
            self.version += 1
        try:
            self.search, self.query = self.wishes.search, self.wishes.query
        finally:  # whatever an observer raises
            self._tell()

    @traitlets.validate("query")
    def _valid_query(self, proposal: Any) -> str:
        with self._lock:
            try:
                self._shown.wish(query=proposal["value"])
            except Exception as error:
                raise traitlets.TraitError(
                    f"the failures cannot be filtered by {proposal['value']!r}: "
                    f"{type(error).__name__}: {error}. The columns are: "
                    f"{', '.join(self._rows.frame.columns)}"
                ) from error
        return str(proposal["value"])

    @traitlets.observe("search", "query")
    def _asked(self, change: Any) -> None:
        if getattr(self.wishes, change["name"]) != change["new"]:
            self.wish(**{change["name"]: change["new"]})

    def failure(self, failure_id: str) -> Mapping[str, Any] | None:
        """The record with this id; None where it is not kept any more."""
        return FailureExtractor().failures.get(failure_id)

    def select(self, how: str, keys: list[str]) -> None:
        """Select lines by their keys: ``how`` is one of ``HOW``; ValueError for another."""
        if how not in HOW:
            raise ValueError(f"how must be one of {', '.join(HOW)}; got {how!r}")
        with self._lock:
            shown, picked = self._shown, self.picked.copy()
            places = [place for key in keys if (place := shown.place(key)) is not None]
            lines = range(min(places), max(places) + 1) if how == "range" and places else places
            if how not in ("add", "remove"):
                picked[:] = False
            if how == "all":
                picked[shown.kept] = True
            elif how != "none":
                picked[shown.members(lines)] = how != "remove"
            self.picked = picked
            self.version += 1
        self._tell()

    def _look_at(self, name: str) -> pd.DataFrame:
        self.refresh()
        with self._lock:
            if name == "frame":
                return self._shown.frame()
            order = self._shown.ordered
            return self._rows.frame.iloc[order[self.picked[order]]].copy()

    # --- forgetting

    def clear(self) -> int:
        """Forget every failure, as ``FailureExtractor().clear()``; returns how many there were."""
        store = FailureExtractor._store
        count = len(FailureExtractor().failures)
        store.remembers = True
        try:
            FailureExtractor().clear()
        finally:
            store.remembers = False
        self._show_now()
        return count

    def undo(self) -> int:
        """Bring back what the last ``clear`` of the table took; returns how many failures."""
        count = FailureExtractor._store.restore()
        self._show_now()
        return count

    def forget(self) -> None:
        """Let go of what ``undo`` would bring back."""
        FailureExtractor._store.forget()
        self._show_now()

    # --- following the session

    def refresh(self) -> None:
        """Look at the store now, and tell the page what is new."""
        FailureExtractor._store.before_looking()
        with self._lock:
            changed = self._update()
            told = (self._state["formats"], self._state["undo"])
        self.query = self.wishes.query  # one that fits no longer is gone
        if changed or told != (formats.names(), forgotten()):
            self._tell()

    def _update(self) -> bool:
        store = FailureExtractor._store
        with store.lock:
            records, dropped = store.failures.snapshot(), store.failures.dropped
            anew = store.generation != self._generation
            self._generation = store.generation
        changed = self._rows.update(records, dropped, anew)
        if changed is None:
            return False
        gone, kept, renewed = changed
        old = self.picked[gone : gone + kept] if not anew else self.picked[:0]
        self.picked = np.zeros(len(records), dtype=bool)
        self.picked[: len(old)] = old
        wishes = self.wishes
        if renewed:
            wishes = replace(wishes, opened=frozenset())
        try:
            self._shown = Shown(self._rows, wishes)
        except Exception as error:  # noqa: BLE001  # a query that the new failures do not fit
            store.note_problem(f"the filter {wishes.query!r} was taken away", error)
            self._shown = Shown(self._rows, replace(wishes, query=""))
        self.version += 1
        return True

    def read_ahead(self) -> None:
        """Make the first search as quick as the next, in the background."""
        self.reader.start()

    def _read(self, count: int) -> bool:
        with self._lock:
            return self.closed or self._rows.read(count)

    def _show_now(self) -> None:
        with self._lock:
            self._update()
        self.query = self.wishes.query
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            if self.closed:
                return
            self._state = state_of(self)
        for name in ("frame", "selected"):
            if self._trait_notifiers.get(name):
                self._notify(name)

    def _notify(self, name: str) -> None:
        change = {"name": name, "old": None, "owner": self, "type": "change"}
        try:
            self.notify_change(traitlets.Bunch(change, new=self._look_at(name)))
        except Exception as error:  # noqa: BLE001  # as a failure it would be told again, and again
            FailureExtractor._store.note_problem(f"an observer of {name}", error)

    # --- talking to the page

    def _received(self, _widget: Any, message: Any, _buffers: Any) -> None:
        try:
            self.send(*reply(self, message))
        except KeyboardInterrupt:  # who has asked must not wait for ever
            self.send(refusal(message, "the kernel was interrupted; ask again"))
            raise

    # --- where it cannot be run

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.refresh()
        bundle: Any = super()._repr_mimebundle_(**kwargs) or {}
        data, about = bundle if isinstance(bundle, tuple) else (bundle, {})
        statistics = FailureExtractor().get_statistics()
        with self._lock:
            data = {
                **data,
                "text/plain": printed.text_of(self._shown, statistics),
                "text/html": printed.html_of(self._shown, statistics),
                printed.MIME: printed.records_of(self._shown),
            }
        return data, about

    def __repr__(self) -> str:
        self.refresh()
        with self._lock:
            return printed.text_of(self._shown, FailureExtractor().get_statistics())
