"""What the kernel and the pages of JupyterLab's extension say to each other.

There is one comm, and its name is known: a page finds it where the extension is loaded, and every
page hears what is told.  Nothing is counted, and nobody is told, before the first page says hello.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from failextract_nb.widget import protocol
from failextract_nb.widget.following import Follower
from failextract_nb.widget.glance import Glance

if TYPE_CHECKING:
    from failextract_nb.widget.live import Table

Send = Callable[..., None]  # data, and buffers=


class Pages:
    """The kernel's side: ``send`` tells all pages, ``capture`` asks for or sets what is recorded."""

    def __init__(self, send: Send, capture: Callable[[bool | None], bool]) -> None:
        self._send = send
        self._capture = capture
        self._glance = Glance()
        self._follower = Follower(self._tell)
        self._followed = False
        self._table: Table | None = None

    def stop(self) -> None:
        """The extension is unloaded."""
        self._follower.stop()
        if self._table:
            self._table.unlisten(self._show)

    def received(self, message: Mapping[str, Any]) -> None:
        """Answer a page; what goes wrong is told to it."""
        kind = message.get("type")
        if kind in protocol.specification()["notices"]:  # a page that only counts
            self._noticed(message)
            return
        from failextract_nb.widget.answers import refusal, reply

        try:
            if kind == "hello":
                self._looked().refresh()
                self._show()
            fields, buffers = reply(self._looked(), message)
        except KeyboardInterrupt:  # who has asked must not wait for ever
            self._send(refusal(message, "the kernel was interrupted; ask again"))
            raise
        except ImportError as error:
            fields, buffers = refusal(message, str(error)), []
        self._send(fields, buffers=buffers)

    # --- counts and marks

    def _noticed(self, message: Mapping[str, Any]) -> None:
        try:
            kind, asked = protocol.request(message, "notices")
        except ValueError as error:
            self._send({"v": protocol.version(), "type": "refused", "message": str(error)})
            return
        if not self._followed:
            self._followed = True
            self._follower.start()
        if kind == "seen":
            self._glance.seen()
        elif kind == "capture":
            self._capture(asked["on"])
        self._tell(whole=kind == "glance")

    def _tell(self, whole: bool = False) -> None:
        told = self._glance.look(whole)
        capture = self._capture(None)
        self._send({"v": protocol.version(), "type": "glance", "capture": capture, **told})

    # --- the table

    def _looked(self) -> Table:
        if self._table is None or self._table.left:
            from failextract_nb.widget import live

            self._table = live.table()
            self._table.listen(self._show)
        return self._table

    def _show(self) -> None:
        from failextract_nb.widget.state import state_of

        table = self._looked()
        with table.looking():
            self._send({"v": protocol.version(), "type": "state", "state": state_of(table)})
