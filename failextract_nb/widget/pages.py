"""What the kernel and the pages of JupyterLab's extension say to each other.

There is one comm, and its name is known: a page finds it where the extension is loaded, and every
page hears what is told.  Nothing is counted, and nobody is told, before the first page says hello.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from failextract_nb.widget import protocol
from failextract_nb.widget.following import Follower
from failextract_nb.widget.glance import Glance

if TYPE_CHECKING:
    from failextract_nb.widget.live import Table

Send = Callable[..., None]  # data, and buffers=


class Pages:
    """The kernel's side: ``send`` tells all pages, ``capture`` says or sets what is recorded."""

    def __init__(self, send: Send, capture: Callable[[bool | None], bool]) -> None:
        self._send = send
        self._capture = capture
        self._glance = Glance()
        self._follower = Follower(self.tell)
        self._followed = False
        self._stopped = False
        self._lock = threading.Lock()  # each page may ask in a thread of its own
        self._table: Table | None = None

    def stop(self) -> None:
        """The extension is unloaded: nothing is told any more."""
        with self._lock:  # what is being told is told before
            self._stopped = True
            table = self._table
        self._follower.stop()
        if table:
            table.unlisten(self._show)

    def received(self, message: object) -> None:
        """Answer a page; what goes wrong is told to it."""
        kind = message.get("type") if isinstance(message, Mapping) else None
        if isinstance(kind, str) and kind in protocol.specification()["notices"]:
            self._noticed(kind, message)  # a page that only counts
            return
        from failextract_nb.widget.answers import refusal, reply

        try:
            fields, buffers = reply(self._looked(), message)
            if fields["type"] == "hello":
                self._show()
        except KeyboardInterrupt:  # who has asked must not wait for ever
            self._send(refusal(message, "the kernel was interrupted; ask again"))
            raise
        except ImportError as error:
            fields, buffers = refusal(message, str(error)), []
        self._send(fields, buffers=buffers)

    # --- counts and marks

    def _noticed(self, kind: str, message: object) -> None:
        try:
            _, asked = protocol.request(message, "notices")
            count = asked.get("count")
            if count is not None and type(count) is not int:
                raise ValueError("'count' is no whole number")
        except ValueError as error:
            self._send({"v": protocol.version(), "type": "refused", "message": str(error)})
            return
        with self._lock:
            if not self._followed:
                self._followed = True
                self._follower.start()
        if kind == "seen":
            self._glance.seen(count)
        elif kind == "capture":
            self._capture(asked["on"])
        self.tell(whole=kind == "glance")

    def tell(self, whole: bool = False) -> None:
        """Tell all pages the glance: what has changed, or with ``whole`` all of it."""
        with self._lock:  # what was looked at first is told first
            if self._stopped:
                return
            told = self._glance.look(whole)
            capture = self._capture(None)
            self._send({"v": protocol.version(), "type": "glance", "capture": capture, **told})

    # --- the table

    def _looked(self) -> Table:
        from failextract_nb.widget import live

        with self._lock:
            if self._table is None or self._table.left:
                self._table = live.table()
                self._table.listen(self._show)
            return self._table

    def _show(self) -> None:
        from failextract_nb.widget.state import state_of

        table = self._table
        if table is None or self._stopped:
            return
        with table.looking():
            # Not under "state": nbclient would write it into the notebook as a widget's.
            self._send({"v": protocol.version(), "type": "state", "table": state_of(table)})
