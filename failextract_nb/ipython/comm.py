"""The comm over which JupyterLab's extension hears of the session's failures."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from failextract_nb.ipython.settings import FailExtract

if TYPE_CHECKING:
    from failextract_nb.widget.pages import Pages

TARGET = "failextract_nb"  # the target and the id: there is one in a kernel


class PagesComm:
    """Put into a kernel by ``%load_ext``."""

    def __init__(self, settings: FailExtract) -> None:
        self._settings = settings
        self._comm: Any = None
        self._pages: Pages | None = None
        self._making = threading.Lock()

    def put_in(self) -> None:
        """Open for pages, and say so to those that are there."""
        from comm import create_comm, get_comm_manager

        # Not the one who opens: that would be an error to every page that does not know us.
        comm: Any = create_comm(target_name=TARGET, comm_id=TARGET, primary=False)
        self._comm = comm
        # The page names a shell that is free while a cell runs.  ipykernel 7.4 would take the one
        # that has last written to the page, and after an update that is the cell's.
        comm._reply_subshell_for = lambda _data, named: named
        get_comm_manager().register_comm(comm)
        comm.on_msg(self._received)
        comm.send({"type": "loaded"})

    def take_out(self) -> None:
        """Close it: the pages know that nothing will come any more."""
        if self._comm is None:
            return
        if self._pages:
            self._pages.stop()
        self._comm.close()
        self._comm = None

    def _received(self, message: Any) -> None:
        """A session without pages never loads what answers them."""
        from failextract_nb.widget.pages import Pages

        with self._making:  # each page may ask in a thread of its own
            if self._pages is None:
                self._pages = pages = Pages(self._comm.send, self._capture)
                self._settings.observe(lambda _change: pages.tell(), "enabled")
        self._pages.received(message["content"].get("data"))

    def _capture(self, on: bool | None) -> bool:
        """Whether failures are recorded; with ``on`` as it is wished from now."""
        if on is not None:
            self._settings.enabled = on
        return bool(self._settings.enabled)
