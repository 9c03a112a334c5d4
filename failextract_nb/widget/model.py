"""``FailureTable``: the session's table as a widget, one for each kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from failextract_nb import _front, printed
from failextract_nb.extractor import FailureExtractor
from failextract_nb.widget import live
from failextract_nb.widget.answers import refusal, reply
from failextract_nb.widget.state import state_of

if TYPE_CHECKING:
    import pandas as pd


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
        self.closed = False
        self.live = live.table()
        # The page loads what it draws with while the failures are read here.
        super().__init__(_esm=_front.read("widget.js"))
        self.live.listen(self._show)
        self._show()
        self.on_msg(self._received)

    def open(self) -> None:
        """Connect to the pages."""
        super().open()
        # The page names a shell that is free while a cell runs.  ipykernel 7.4 would take the one
        # that has last written to the page, and after an update that is the cell's.
        self.comm._reply_subshell_for = lambda _data, named: named

    def close(self) -> None:
        """Take the table off every page, and stop following the session."""
        self.closed = True
        self.live.unlisten(self._show)
        super().close()

    # --- what is shown

    def filter(self, expression: str | None = "") -> None:
        """Show the failures for which a pandas expression is true, such as ``line > 3``.

        The names are those of ``frame.columns``; nothing or "" shows all again.  Raises TraitError
        for an expression that is not true or false for each failure.
        """
        self.query = expression or ""

    def wish(self, **changes: Any) -> None:
        """Change how it is shown: ``sort``, ``descending``, ``grouped``, ``facets``."""
        self.live.wish(**changes)

    def select(self, how: str, keys: list[str]) -> None:
        """Select lines by their keys: ``how`` is one of ``live.HOW``; ValueError for another."""
        self.live.select(how, keys)

    def clear(self) -> int:
        """Forget every failure, as ``FailureExtractor().clear()``; returns how many there were."""
        return self.live.clear()

    def undo(self) -> int:
        """Bring back what the last ``clear`` of the table took; returns how many failures."""
        return self.live.undo()

    def forget(self) -> None:
        """Let go of what ``undo`` would bring back."""
        self.live.forget()

    @traitlets.validate("query")
    def _valid_query(self, proposal: Any) -> str:
        try:
            self.live.check(proposal["value"])
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from error.__cause__
        return str(proposal["value"])

    @traitlets.observe("search", "query")
    def _asked(self, change: Any) -> None:
        if getattr(self.live.wishes, change["name"]) != change["new"]:
            self.live.wish(**{change["name"]: change["new"]})

    def _look_at(self, name: str) -> pd.DataFrame:
        found: pd.DataFrame = getattr(self.live, name)()
        return found

    def _show(self) -> None:
        """Tell the pages and the observers what has changed."""
        if self.closed:
            return
        wishes = self.live.wishes
        try:
            self.search, self.query = wishes.search, wishes.query
        finally:  # whatever an observer raises
            with self.live.looking():
                self._state = state_of(self.live)
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
            self.send(*reply(self.live, message))
        except KeyboardInterrupt:  # who has asked must not wait for ever
            self.send(refusal(message, "the kernel was interrupted; ask again"))
            raise

    # --- where it cannot be run

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.live.refresh()
        bundle: Any = super()._repr_mimebundle_(**kwargs) or {}
        data, about = bundle if isinstance(bundle, tuple) else (bundle, {})
        statistics = FailureExtractor().get_statistics()
        with self.live.looking() as shown:
            data = {
                **data,
                "text/plain": printed.text_of(shown, statistics),
                "text/html": printed.html_of(shown, statistics),
                printed.MIME: printed.records_of(shown),
            }
        return data, about

    def __repr__(self) -> str:
        self.live.refresh()
        with self.live.looking() as shown:
            return printed.text_of(shown, FailureExtractor().get_statistics())
