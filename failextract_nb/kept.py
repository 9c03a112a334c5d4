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


# What captured records share.
_SOURCES = ("cell_source", "test_source")
_INNER = ("causes", "exceptions")
MAX_TEXTS = 2_048  # of locals, that a new record may share with those that hold them
PLACE = 500  # bytes that the cache of positions keeps for a frame that a record shares with it


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
        # Failures at one place share all frames and sources: such a bundle is looked up as one.
        self._bundles: dict[tuple[int, ...], list[int]] = {}  # by ids of parts: of how many records
        self._shared: dict[int, list[int]] = {}  # by id of a part: in how many bundles, its bytes
        self._texts: dict[str, str] = {}  # of locals, each under itself
        self._again: dict[int, int] = {}  # by id of a text of locals: how often, but for once
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

    def sized(self) -> list[tuple[Record, int]]:
        """The records as they are now, each with the size that it came with."""
        with self._lock:
            sizes = (size - OVERHEAD for size in self._sizes)
            return list(zip(self._records.values(), sizes, strict=True))

    def restart(self, dropped: int) -> None:
        """Count on from where ``dropped`` older records were; there must be none now."""
        self._first = self.dropped = dropped

    def append(self, record: Record, size: int) -> None:
        """Add ``record`` as the newest; ``size`` is what it holds alone (``own_size``)."""
        number = self._first + len(self._records)
        self._records[number] = record
        self.ids[record["id"]] = number
        self._sizes.append(size + OVERHEAD)
        self.bytes += size + OVERHEAD
        self._share(record)

    def replace(self, record: Record, size: int) -> None:
        """Put ``record`` in the place of the one that has its id."""
        number = self.ids[record["id"]]
        place = number - self._first
        self._share(record)
        self._unshare(self._records[number])
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
        self._unshare(record)
        self.dropped += 1
        return record

    def clear(self) -> None:
        """Forget everything; a reference to this sequence stays live."""
        self._records.clear()
        self.ids.clear()
        self._sizes.clear()
        self._bundles.clear()
        self._shared.clear()
        self._again.clear()
        self._texts.clear()
        self._first = self.bytes = self.dropped = 0

    def mend(self) -> None:
        """Build anew what follows from the records, which are as they are."""
        known = dict(sorted(self._records.items()))
        anew: Kept[Record] = Kept(self._lock)
        anew.restart(min(known, default=self._first))
        self._texts.clear()
        for record in known.values():
            anew.append(record, own_size(record))
        vars(self).update(vars(anew))  # in one go: all of it or nothing

    def _share(self, record: Record) -> None:
        """Weigh the parts that other records hold, too, with the first that comes."""
        parts, held = _shared_in(record)
        bundle = tuple(map(id, parts))  # their own, as long as a record holds them
        count = self._bundles.get(bundle)
        if count is not None:
            count[0] += 1
        else:
            self._bundles[bundle] = [1]
            for part in parts:
                self._share_part(part)
        if held:
            self._share_texts(held)

    def _share_texts(self, held: list[dict[str, str]]) -> None:
        texts, again, new = self._texts, self._again, 0
        if len(texts) > MAX_TEXTS:
            texts.clear()
        for one in held:
            for name, text in one.items():
                if type(text) is not str:  # written by a user
                    continue
                if text not in texts:
                    texts[text] = text
                    new += text.__sizeof__()
                    continue
                stored = texts[text]
                key = id(stored)
                again[key] = again[key] + 1 if key in again else 1
                if stored is not text:
                    one[name] = stored
        self.bytes += new

    def _unshare(self, record: Record) -> None:
        parts, held = _shared_in(record)
        bundle = tuple(map(id, parts))
        count = self._bundles.get(bundle)
        if count is not None:  # else a reader has changed the record
            count[0] -= 1
            if not count[0]:
                del self._bundles[bundle]
                for part in parts:
                    self._unshare_part(part)
        if held:
            self._unshare_texts(held)

    def _unshare_texts(self, held: list[dict[str, str]]) -> None:
        texts, again, gone = self._texts, self._again, 0
        for one in held:
            for text in one.values():
                if type(text) is not str:
                    continue
                key = id(text)
                if key not in again:  # nobody else holds it
                    gone += text.__sizeof__()
                    if text in texts:
                        del texts[text]
                elif again[key] == 1:
                    del again[key]
                else:
                    again[key] -= 1
        self.bytes -= gone

    def _share_part(self, part: Any) -> None:
        known = self._shared.get(id(part))
        if known is None:
            size = size_of(part) + (PLACE if type(part) is dict else 0)
            self._shared[id(part)] = [1, size]
            self.bytes += size
        else:
            known[0] += 1

    def _unshare_part(self, part: Any) -> None:
        known = self._shared[id(part)]
        known[0] -= 1
        if not known[0]:
            self.bytes -= known[1]
            del self._shared[id(part)]


def _shared_in(failure: Mapping[str, Any]) -> tuple[list[Any], list[dict[str, str]]]:
    """What a failure may share with others: its sources and frames, and its dicts of variables.

    Those of its causes and members, too.
    """
    parts = [failure[key] for key in _SOURCES if key in failure]
    held: list[dict[str, str]] = []
    alone = "causes" not in failure and "exceptions" not in failure
    for raised in (failure,) if alone else _all_raised(failure):
        frames, variables, last = raised.get("extracted_code"), raised.get("locals"), None
        if type(frames) is list:
            parts += frames
        if type(variables) is list:
            for one in variables:
                # What a frame hands on to the next with all that it has is one dict.
                if one is not last and type(one) is dict:
                    held.append(one)
                    last = one
    return parts, held


def _all_raised(raised: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A failure, its causes and members, and theirs."""
    found = [raised]
    for key in _INNER:
        inner = raised.get(key)
        if type(inner) is list:
            for one in inner:
                if type(one) is dict:
                    found += _all_raised(one)
    return found


def own_size(raised: Mapping[str, Any]) -> int:
    """The bytes of a failure, but for what it may share."""
    parts, held = _shared_in(raised)
    texts = [text for one in held for text in one.values() if type(text) is str]
    return size_of(raised) - sum(map(size_of, parts)) - sum(map(sys.getsizeof, texts))


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
