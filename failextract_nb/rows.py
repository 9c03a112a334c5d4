"""The failures as columns, kept up to date while failures come, change and go.

What is new extends the columns, so that a table of a hundred thousand failures follows a session
that goes on failing; they are made anew only when most of what they remember is gone.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import islice
from operator import is_, methodcaller
from typing import TYPE_CHECKING, Any

from failextract_nb import table
from failextract_nb.failure import UNKNOWN, where

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Numbers = np.ndarray[Any, Any]

Record = Mapping[str, Any]

_CELL_FILES = ("Cell In[", "<ipython-input")
AT_ONCE = 256  # records
MAX_GONE = 1_000  # groups that no failure is in any more
MAX_FACET = 200  # characters of a value
MAX_TEXT = 20_000  # characters of a failure's variables that a search looks at
MAX_DEPTH = 50  # of causes and members; what capture writes is far flatter


class _Numbered(dict[Hashable, int]):
    """Gives every value that it has not seen the next number."""

    def __missing__(self, value: Hashable) -> int:
        number = self[value] = len(self)
        return number


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


class Column:
    """What a function says of each record, written as numbers: the place in ``distinct``."""

    def __init__(self, value_of: Callable[[Record], Any]) -> None:
        self.distinct: list[Any] = []
        self._value_of = value_of
        self._known = _Numbered()
        self._codes = array("q")

    def extend(self, records: Sequence[Record]) -> None:
        """Take in what follows the records that are known."""
        known, values = self._known, map(self._value_of, records)
        before = len(self._codes)
        try:
            self._codes.extend(map(known.__getitem__, values))
        except TypeError:  # a list or so, in a record of a user's
            rest = records[len(self._codes) - before :]
            self._codes.extend([known[_hashable(self._value_of(one))] for one in rest])
        new = len(known) - len(self.distinct)
        self.distinct += [*islice(reversed(known), new)][::-1]

    def forget(self, part: slice) -> None:
        """Take records out at one end; what they said keeps its number."""
        del self._codes[part]

    @property
    def codes(self) -> Numbers:
        """The numbers, one for each record: a copy."""
        import numpy as np

        return np.array(self._codes, dtype="int64")


def equality(record: Record) -> tuple[Any, ...]:
    """What equal failures have in common.

    A cell that runs again has another number: its id stands for it.
    """
    get = record.get
    name, file = get("test_name"), get("test_file")
    if name == UNKNOWN or name == f"In[{get('execution_count')}]":
        name = ""
    if isinstance(file, str) and file.startswith(_CELL_FILES):
        file = get("cell_id") or file
    return (
        get("exception_type") or "",
        get("exception_message") or "",
        get("line_number") or "",
        get("origin") or "",
        UNKNOWN if file is None else file,
        "" if name is None else name,
    )


def _group(record: Record) -> int:
    """One number for all equal failures: 64 bits, so that a hundred thousand need no more."""
    found = equality(record)
    try:  # not by way of _hashable: it would be hashed twice, for each of a hundred thousand
        return hash(found)
    except TypeError:  # a list or so, in a record of a user's
        return hash(repr(found))


def _tags(record: Record) -> str | tuple[str, ...] | None:
    tags = record.get("tags")
    return tuple(dict.fromkeys(map(str, tags))) if isinstance(tags, list) else tags


# Facet -> its value in a record; a tuple where there may be several.
FACETS: dict[str, Callable[[Record], Any]] = {
    "type": methodcaller("get", "exception_type"),
    "origin": methodcaller("get", "origin"),
    "cell": methodcaller("get", "cell_id"),
    "thread": methodcaller("get", "thread_name"),
    "tag": _tags,
}


def values_of(value: Any) -> tuple[str, ...]:
    """What a facet's value in a record counts for: nothing, one text, or several."""
    if isinstance(value, tuple):
        return tuple(map(_short, value))
    return (_short(str(value)),) if value else ()


def _short(value: str) -> str:
    """It goes to every page with every update; a long one keeps what tells it from others."""
    return value if len(value) <= MAX_FACET else f"{value[: MAX_FACET - 20]}…{hash(value):x}"


def source_of(record: Record) -> str:
    """The source that was run: the cell's, else the function's; "" where none is known."""
    return str(record.get("cell_source") or record.get("test_source") or "")


# Keys whose values hold variables, a failure's own or those of its causes and members.
_HOLDERS = frozenset({"test_args", "test_kwargs", "fixtures", "locals", "causes", "exceptions"})


def text_of(record: Record) -> str:
    """All that a search looks through, but for sources; case is folded."""
    keys = ("exception_type", "exception_message", "test_name", "test_file", "thread_name")
    parts = [where(record), *(str(record.get(key) or "") for key in keys)]
    parts += values_of(_tags(record))
    parts.append(str(record.get("exception_traceback") or ""))
    if not _HOLDERS.isdisjoint(record):
        parts.append("\n".join(f"{name} = {one}" for name, one in _variables(record))[:MAX_TEXT])
    return "\n".join(parts).casefold()


def _variables(raised: Record, depth: int = MAX_DEPTH) -> Iterator[tuple[object, Any]]:
    """Arguments, fixtures and locals, those of causes and members too."""
    arguments = raised.get("test_args")
    yield from enumerate(arguments if isinstance(arguments, list) else ())
    frames, last = raised.get("locals"), None
    for held in (
        raised.get("test_kwargs"),
        raised.get("fixtures"),
        *(frames if isinstance(frames, list) else ()),
    ):
        if isinstance(held, Mapping) and held is not last:
            yield from held.items()
            last = held
    for key in ("causes", "exceptions"):
        inner = raised.get(key)
        for one in inner if isinstance(inner, list) and depth else ():
            if isinstance(one, Mapping):
                yield from _variables(one, depth - 1)


class Rows:
    """One row for each failure that is kept, oldest first."""

    def __init__(self) -> None:
        self.records: Sequence[Record] = []
        self.dropped = 0  # older failures that are not kept: a row's number is dropped + place + 1
        self._renew()
        self._frame: pd.DataFrame | None = None

    def _renew(self) -> None:
        """Forget what all failures ever seen have said, also those that are gone."""
        self.groups = Column(_group)
        self.facets = {name: Column(values) for name, values in FACETS.items()}
        self.cells: dict[str, str] = {}  # id -> the name that it had when it last failed
        self.texts: list[str] = []  # of the first records: made when somebody searches
        self.sources = Column(source_of)

    def __len__(self) -> int:
        return len(self.records)

    def update(
        self, records: Sequence[Record], dropped: int, anew: bool
    ) -> tuple[int, int, bool] | None:
        """Take in the store's records, of which ``dropped`` are gone; ``anew`` after a clear.

        Returns how many rows went from the front, how many of the others are as they were, and
        whether the groups have other numbers now; None where nothing has changed.
        """
        gone = len(self.records) if anew else min(dropped - self.dropped, len(self.records))
        old = self.records[gone:] if gone else self.records
        # A record that changed is another object: the store never writes into one.
        kept = len(old)
        if not all(map(is_, old, records)) or kept > len(records):
            same = (
                place
                for place, pair in enumerate(zip(old, records, strict=False))
                if pair[0] is not pair[1]
            )
            kept = next(same, min(len(old), len(records)))
        if not gone and kept == len(old) == len(records):
            return None
        self._forget(gone, kept)
        self.records, self.dropped = records, dropped
        renewed = anew or len(self.groups.distinct) > MAX_GONE + 2 * len(records)
        if renewed:
            self._renew()
        self._extend(records if renewed or not kept else records[kept:])
        return gone, kept, renewed

    def _columns(self) -> list[Column]:
        return [self.groups, *self.facets.values()]

    def _forget(self, gone: int, kept: int) -> None:
        for part in (slice(gone), slice(kept, None)):
            for column in (*self._columns(), self.sources):
                column.forget(part)
            del self.texts[part]
        if self._frame is not None:
            self._frame = self._frame.iloc[gone : gone + kept]

    def _extend(self, records: Sequence[Record]) -> None:
        columns = self._columns()
        for start in range(0, len(records), AT_ONCE):  # a record stays in the processor's cache
            part = records[start : start + AT_ONCE]
            for column in columns:
                column.extend(part)
        for record in records:
            if cell := record.get("cell_id"):
                count = record.get("execution_count")
                self.cells[str(cell)] = f"In[{count}]" if count else "a cell"

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as ``table.to_frame`` has them, numbered since the last clear."""
        import pandas as pd

        known = 0 if self._frame is None else len(self._frame)
        if self._frame is None or known < len(self.records):
            new = table.to_frame(self.records[known:], self.dropped + known + 1)
            self._frame = pd.concat([self._frame, new]) if known else new
        return self._frame

    def read(self, count: int | None = None) -> bool:
        """Make the texts of ``count`` more records, or of all; true when all are there."""
        known = len(self.texts)
        new = self.records[known : len(self.records) if count is None else known + count]
        self.sources.extend(new)
        self.texts += map(text_of, new)
        return len(self.texts) == len(self.records)

    def search(self, text: str, among: Numbers | None = None) -> Numbers:
        """Which rows hold ``text``, whatever its case: true or false for each.

        ``among`` says which rows can.
        """
        import numpy as np

        self.read()
        wanted = text.casefold()
        found = np.zeros(len(self.records), dtype=bool)
        if among is None:
            found[:] = [wanted in one for one in self.texts]
        else:
            places = np.flatnonzero(among)
            found[places] = [wanted in self.texts[place] for place in places.tolist()]
        hits = np.array([wanted in one.casefold() for one in self.sources.distinct], dtype=bool)
        if hits.any():
            inside = hits[self.sources.codes]
            found |= inside if among is None else inside & among
        return found
