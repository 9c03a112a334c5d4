"""A live, bounded sequence of records: what the store's ``failures`` and ``passed_tests`` are."""

from __future__ import annotations

import operator
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, overload

Record = TypeVar("Record", bound=Mapping[str, Any])

# What the store itself keeps for a record, beside the record: two dict entries, two numbers,
# a place in a deque (sys.getsizeof on CPython 3.11, 64 bits).
OVERHEAD = 290


class Kept(Sequence[Record], Generic[Record]):
    """The newest records, oldest first.

    ``len`` and indexing are O(1), slices O(their length), iteration sees one consistent snapshot.
    Records are looked up by number, and numbers never have gaps, so dropping the oldest costs the
    same at any size.  Only the store calls the methods that change anything, under its lock.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._records: dict[int, Record] = {}
        self.ids: dict[str, int] = {}
        self._sizes: deque[int] = deque()
        self._first = 0
        self.bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        with self._lock:
            first, length = self._first, len(self._records)
            if isinstance(index, slice):
                return [self._records[first + i] for i in range(*index.indices(length))]
            position = operator.index(index)
            if position < 0:
                position += length
            if not 0 <= position < length:
                raise IndexError(f"there are {length} records, and none at {index}")
            return self._records[first + position]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.snapshot())

    def __reversed__(self) -> Iterator[Record]:
        return iter(self.snapshot()[::-1])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Kept, list)):
            return self.snapshot() == [*other]
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        shown = ", ".join(repr(record.get("test_name")) for record in islice(self, 5))
        more = ", …" if len(self) > 5 else ""
        return f"<{len(self)} records: {shown}{more}>" if len(self) else "<no records>"

    def snapshot(self) -> list[Record]:
        """The records as they are now."""
        with self._lock:
            return list(self._records.values())

    def get(self, record_id: str) -> Record | None:
        """The record with this id, or None when it is not kept (any more)."""
        with self._lock:
            number = self.ids.get(record_id)
            return None if number is None else self._records[number]

    def append(self, record: Record, size: int) -> None:
        """Add ``record`` (of about ``size`` bytes) as the newest."""
        number = self._first + len(self._records)
        self._records[number] = record
        self.ids[record["id"]] = number
        self._sizes.append(size + OVERHEAD)
        self.bytes += size + OVERHEAD

    def replace(self, record: Record, size: int) -> None:
        """Put ``record`` in the place of the one that has its id."""
        number = self.ids[record["id"]]
        place = number - self._first
        self._records[number] = record
        self.bytes += size + OVERHEAD - self._sizes[place]
        self._sizes[place] = size + OVERHEAD

    def size_of(self, record_id: str) -> int:
        """The size that the record with this id came with."""
        return self._sizes[self.ids[record_id] - self._first] - OVERHEAD

    def drop_oldest(self) -> Record:
        """Take the oldest out and count it as dropped."""
        record = self._records.pop(self._first)
        del self.ids[record["id"]]
        self._first += 1
        self.bytes -= self._sizes.popleft()
        self.dropped += 1
        return record

    def clear(self) -> None:
        """Forget everything; a reference to this sequence stays live."""
        self._records.clear()
        self.ids.clear()
        self._sizes.clear()
        self._first = self.bytes = self.dropped = 0


def size_of(value: object) -> int:
    """About how many bytes JSON-native ``value`` holds."""
    size = sys.getsizeof(value)
    if type(value) is dict:
        size += sum(map(sys.getsizeof, value))
        held: Iterable[object] = value.values()
    elif type(value) is list:
        held = value
    else:
        return size
    size += sum(map(sys.getsizeof, held))  # in one go, as most are texts and numbers
    for item in held:
        if type(item) is dict or type(item) is list:
            size += size_of(item) - sys.getsizeof(item)
    return size
