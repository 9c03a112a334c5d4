"""The failure table in a notebook; its front end is built into ``static/``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from failextract_nb.widget.model import FailureTable as Model

_making = threading.Lock()
_table: Model | None = None


def FailureTable() -> Model:  # noqa: N802  # reads as the class whose one instance it gives
    """The session's one table: live, shown as often as one likes, the same in every cell.

    ``table.search = "rate"`` and ``table.filter("type == 'KeyError'")`` narrow what is shown;
    ``table.frame`` is that as a DataFrame, ``table.selected`` the part of it that is selected.
    Raises ImportError that says what to install.
    """
    global _table  # noqa: PLW0603  # the one
    try:
        from failextract_nb.widget import model
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "failextract_nb"):
            raise
        raise ImportError(f"the table needs {missing}: pip install {missing}") from error
    with _making:
        if _table is None or _table.closed:
            _table = model.FailureTable()
        return _table
