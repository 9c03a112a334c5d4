"""What every view of the table is drawn from, as the front end's ``protocol.ts`` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failextract_nb import formats
from failextract_nb.extractor import FailureExtractor
from failextract_nb.rows import FACETS
from failextract_nb.widget import protocol
from failextract_nb.widget.live import forgotten

if TYPE_CHECKING:
    from failextract_nb.widget.live import Table

FIRST_LINES = 50  # travel with the state, so that a table needs no answer to be seen


def state_of(table: Table) -> dict[str, Any]:
    """The first lines, and what they are a part of; JSON-native, of bounded size."""
    with table.looking() as shown:
        facets = (shown.facet(name) for name in FACETS)
        return {
            "v": protocol.version(),
            "version": table.version,
            "total": len(shown.rows),
            "shown": len(shown.kept),
            "lines": len(shown),
            "expected": FailureExtractor._store.expected,
            "dropped": shown.rows.dropped,
            "selected": int(table.picked.sum()),
            "undo": forgotten(),
            "search": shown.wishes.search,
            "query": shown.wishes.query,
            "sort": shown.wishes.sort,
            "descending": shown.wishes.descending,
            "grouped": shown.wishes.grouped,
            "facets": [one for one in facets if one["values"]],
            "formats": formats.names(),
            "rows": shown.window(0, FIRST_LINES, table.picked),
        }
