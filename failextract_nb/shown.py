"""What a table shows: the rows that a reader has asked for, in groups of equal ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from failextract_nb.failure import line_of, where
from failextract_nb.formats._base import visible
from failextract_nb.rows import FACETS, Rows, values_of
from failextract_nb.view import View

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Numbers = np.ndarray[Any, Any]

COLUMNS = ("number", "time", "where", "type", "message", "line", "count")
MAX_MESSAGE = 300  # characters of a message in a row; details have it in full
LISTED = 20  # values of a facet


@dataclass(frozen=True)
class Wishes:
    """What a reader asks for.  ``query`` is a pandas expression over the columns of the frame."""

    search: str = ""
    query: str = ""
    facets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sort: str = "number"
    descending: bool = True
    grouped: bool = True
    opened: frozenset[int] = frozenset()  # groups

    def __post_init__(self) -> None:
        _check("column", [self.sort], COLUMNS)
        _check("facet", self.facets, FACETS)


def _check(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}; there are: {', '.join(known)}")


class Shown:
    """The lines of a table: groups by their newest member, and in open ones their members.

    Everything is worked out when it is first asked for, and once.  ``before`` is what was shown
    for the same rows: a search that goes on from there looks at what it found only.
    """

    def __init__(self, rows: Rows, wishes: Wishes, before: Shown | None = None) -> None:
        self.rows = rows
        self.size = len(rows)
        self.wishes = wishes
        self._before = before
        if wishes.query:
            _ = self._queried  # raises here, where who asked can be told

    # --- which rows

    @cached_property
    def _found(self) -> Numbers | None:
        """What the search leaves, as true or false for each row; None: all."""
        text, before = self.wishes.search, self._before
        self._before = None  # not a chain of all that was ever shown
        if not text:
            return None
        among = None
        if before is not None and before.size == self.size and before.wishes.search:
            if before.wishes.search == text:
                return before._found
            if before.wishes.search.casefold() in text.casefold():
                among = before._found
        return self.rows.search(text, among)

    @cached_property
    def _queried(self) -> Numbers | None:
        import numpy as np

        if not self.wishes.query:
            return None
        kept = np.zeros(self.size, dtype=bool)
        kept[View(self.rows.frame).filter(self.wishes.query).rows] = True
        return kept

    @cached_property
    def _chosen(self) -> dict[str, Numbers]:
        """What each facet leaves."""
        import numpy as np

        masks = {}
        for name, chosen in self.wishes.facets.items():
            if chosen:
                column = self.rows.facets[name]
                hits = np.array(
                    [not chosen.isdisjoint(values_of(one)) for one in column.distinct], dtype=bool
                )
                masks[name] = hits[column.codes]
        return masks

    def _mask(self, without: str = "") -> Numbers | None:
        masks = [self._found, self._queried]
        masks += [mask for name, mask in self._chosen.items() if name != without]
        found: Numbers | None = None
        for mask in masks:
            if mask is not None:
                found = mask if found is None else found & mask
        return found

    @cached_property
    def kept(self) -> Numbers:
        """The places of the rows that are shown, oldest first."""
        import numpy as np

        mask = self._mask()
        return np.arange(self.size) if mask is None else np.flatnonzero(mask)

    @cached_property
    def ordered(self) -> Numbers:
        """The same in the order that was asked for."""
        return self._sorted(self.kept)

    def _sorted(self, places: Numbers) -> Numbers:
        column, descending = self.wishes.sort, self.wishes.descending
        if column in ("number", "count"):
            return places[::-1] if descending else places
        return View(self.rows.frame, places).sort(column, not descending).rows

    # --- lines

    @cached_property
    def _groups(self) -> Numbers:
        """The group of each row that is shown."""
        return self.rows.groups.codes[self.kept]

    @cached_property
    def counts(self) -> Numbers:
        """How many rows of each group are shown."""
        import numpy as np

        return np.bincount(self._groups, minlength=len(self.rows.groups.distinct))

    @cached_property
    def _lines(self) -> tuple[Numbers, Numbers]:
        """For each line its row, and its group; -1 for a failure that stands for itself."""
        import numpy as np

        if not self.wishes.grouped:
            return self.ordered, np.full(len(self.ordered), -1)
        newest = np.full(len(self.counts), -1)
        newest[self._groups] = self.kept  # ascending, so the newest of each stays
        tops = self._sorted(np.sort(newest[newest >= 0]))
        groups = self.rows.groups.codes[tops]
        if self.wishes.sort == "count":
            counts = self.counts[groups]
            order = np.argsort(-counts if self.wishes.descending else counts, kind="stable")
            tops, groups = tops[order], groups[order]
        return self._with_members(tops, groups)

    def _with_members(self, tops: Numbers, groups: Numbers) -> tuple[Numbers, Numbers]:
        import numpy as np

        is_open = np.isin(groups, list(self.wishes.opened)) & (self.counts[groups] > 1)
        open_lines = np.flatnonzero(is_open)
        if not len(open_lines):
            return tops, groups
        of_ordered = self.rows.groups.codes[self.ordered]
        rows, marks, last = [], [], 0
        for line in open_lines.tolist():
            members = self.ordered[of_ordered == groups[line]]
            rows += [tops[last : line + 1], members]
            marks += [groups[last : line + 1], np.full(len(members), -1)]
            last = line + 1
        return np.concatenate([*rows, tops[last:]]), np.concatenate([*marks, groups[last:]])

    def __len__(self) -> int:
        """Lines, not failures."""
        return len(self._lines[0])

    def window(self, start: int, count: int, picked: Numbers) -> list[dict[str, Any]]:
        """``count`` lines from ``start`` (0-based); ``picked`` says which rows are selected."""
        rows, groups = (part[start : start + count].tolist() for part in self._lines)
        of_groups = self._picked(picked)
        return [
            self._line(row, group, int(picked[row] if group < 0 else of_groups[group]))
            for row, group in zip(rows, groups, strict=True)
        ]

    def _line(self, row: int, group: int, chosen: int) -> dict[str, Any]:
        record = self.rows.records[row]
        number = self.rows.dropped + row + 1
        count = 1 if group < 0 else int(self.counts[group])
        return {
            "key": f"f{number}" if group < 0 else f"g{group}",
            "id": str(record.get("id", "")),
            "number": number,
            "time": visible(record.get("timestamp", "")),
            "where": one_line(where(record)),
            "type": one_line(record.get("exception_type", "")),
            "message": one_line(record.get("exception_message", "")),
            "line": one_line(line_of(record)),
            "count": count,
            "open": group in self.wishes.opened,
            "member": group < 0 and self.wishes.grouped,
            "selected": "none" if not chosen else "all" if chosen == count else "some",
            "expected": bool(record.get("expected")),
        }

    def _picked(self, picked: Numbers) -> Numbers:
        """How many of each group's rows are selected."""
        import numpy as np

        if not picked.any():
            return np.zeros(len(self.counts), dtype="int64")
        chosen = self.kept[picked[self.kept]]
        return np.bincount(self.rows.groups.codes[chosen], minlength=len(self.counts))

    def place(self, key: str) -> int | None:
        """On which line the group or failure of this key stands; None where it is not shown."""
        import numpy as np

        rows, groups = self._lines
        number = int(key[1:]) if key[1:].isdecimal() else -1
        if key[:1] == "g":
            found = np.flatnonzero(groups == number)
        else:
            found = np.flatnonzero((rows == number - self.rows.dropped - 1) & (groups < 0))
        return int(found[0]) if number >= 0 and len(found) else None

    def members(self, lines: Iterable[int]) -> Numbers:
        """The rows that these lines stand for."""
        import numpy as np

        rows, groups = self._lines
        wanted = np.fromiter(lines, dtype="int64")
        whole = groups[wanted]
        in_groups = self.kept[np.isin(self._groups, whole[whole >= 0])]
        return np.union1d(in_groups, rows[wanted][whole < 0])

    # --- what they have in common

    def facet(self, name: str, limit: int = LISTED) -> dict[str, Any]:
        """The values of a facet, the most frequent first, as if it chose none itself."""
        import numpy as np

        column, mask = self.rows.facets[name], self._mask(without=name)
        codes = column.codes if mask is None else column.codes[mask]
        counts: dict[str, int] = {}
        for code, count in enumerate(np.bincount(codes, minlength=len(column.distinct)).tolist()):
            for value in values_of(column.distinct[code]) if count else ():
                counts[value] = counts.get(value, 0) + count
        chosen = self.wishes.facets.get(name, frozenset())
        counts |= {value: 0 for value in chosen if value not in counts}
        labels = self.rows.cells if name == "cell" else {}
        ranked = sorted(counts, key=lambda one: (-counts[one], labels.get(one, one)))
        listed = [one for place, one in enumerate(ranked) if place < limit or one in chosen]
        return {
            "name": name,
            "values": [
                {
                    "value": one,
                    "label": one_line(labels.get(one, one)),
                    "count": counts[one],
                    "chosen": one in chosen,
                }
                for one in listed
            ],
            "more": len(ranked) - len(listed),
        }

    def frame(self) -> pd.DataFrame:
        """The failures that are shown, in their order: a copy, to do with as one likes."""
        return self.rows.frame.iloc[self.ordered].copy()

    def wish(self, **changes: Any) -> Shown:
        """The same rows for other wishes."""
        return Shown(self.rows, replace(self.wishes, **changes), self)


def one_line(value: object, limit: int = MAX_MESSAGE) -> str:
    """A text of the user's on one line, cut where it is long."""
    text = " ".join(visible(str(value)[: 4 * limit]).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
