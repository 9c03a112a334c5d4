"""The live, bounded sequences of records."""

from __future__ import annotations

import sys
import threading

import pytest
from conftest import example

from failextract_nb.kept import Kept, size_of


@pytest.fixture
def kept():
    return Kept(threading.RLock())


def fill(kept, count, start=0):
    for n in range(start, start + count):
        kept.append({"id": str(n), "test_name": f"test_{n}"}, 10)


def names(records):
    return [record["test_name"][5:] for record in records]


def test_it_reads_like_a_list(kept):
    """Length, indices from both ends, slices and steps are those of a list."""
    fill(kept, 5)
    assert len(kept) == 5
    assert kept[0]["id"] == "0"
    assert kept[-1]["id"] == "4"
    assert kept[True]["id"] == "1"
    same = [kept[n] for n in range(5)]
    for part in (slice(None), slice(1, 3), slice(-2, None), slice(None, None, -2), slice(9, 20)):
        assert kept[part] == same[part]
    assert list(kept) == same
    assert list(reversed(kept)) == same[::-1]
    assert kept == same
    assert kept != same[1:]
    assert kept != 5
    assert same[2] in kept
    assert kept.index(same[3]) == 3
    assert bool(kept)
    assert not Kept(threading.RLock())


def test_an_index_that_is_not_there(kept):
    """The error says how many there are; what is no index is a TypeError, as for a list."""
    fill(kept, 3)
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"there are 3 records, and none at {index}"):
            kept[index]
    with pytest.raises(TypeError):
        kept["id"]


def test_its_repr_is_short(kept):
    """A few names say what is in it."""
    assert repr(kept) == "<no records>"
    fill(kept, 2)
    assert repr(kept) == "<2 records: 'test_0', 'test_1'>"
    fill(kept, 1_000, start=2)
    assert repr(kept).startswith("<1002 records: 'test_0'")
    assert len(repr(kept)) < 100


def test_it_cannot_be_a_key(kept):
    """It changes, so it has no hash."""
    with pytest.raises(TypeError):
        hash(kept)


def test_dropping_the_oldest_keeps_places_right(kept):
    """After drops, indices and ids speak of what is left."""
    fill(kept, 5)
    kept.drop_oldest()
    kept.drop_oldest()
    fill(kept, 2, start=5)
    assert names(kept) == ["2", "3", "4", "5", "6"]
    assert kept[0]["id"] == "2"
    assert kept.get("1") is None
    assert kept.get("6") is kept[-1]
    assert kept.dropped == 2


def test_replacing_keeps_the_place_and_counts_the_bytes(kept):
    """A record with a known id takes the place of the one before, and of its size."""
    fill(kept, 3)
    kept.drop_oldest()
    before = kept.bytes
    kept.replace({"id": "1", "test_name": "test_new"}, 110)
    assert names(kept) == ["new", "2"]
    assert kept.bytes == before + 100
    for _ in range(2):
        kept.drop_oldest()
    assert kept.bytes == 0


def test_clear_keeps_references_live(kept):
    """Who holds the sequence sees it empty, and what comes after."""
    fill(kept, 3)
    kept.drop_oldest()
    kept.clear()
    assert (len(kept), kept.bytes, kept.dropped) == (0, 0, 0)
    fill(kept, 1)
    assert names(kept) == ["0"]


def test_iteration_sees_a_snapshot(extractor):
    """What is added while one reads does not get into the reading, and breaks nothing."""
    for n in range(3):
        extractor.add_failure(example(test_name=f"test_{n}"))
    seen = []
    for record in extractor.failures:
        seen.append(record["test_name"])
        adding = threading.Thread(target=extractor.add_failure, args=(example(),))
        adding.start()
        adding.join()
    assert seen == ["test_0", "test_1", "test_2"]
    assert len(extractor.failures) == 6


def test_reading_while_others_write(extractor):
    """A reader never meets a gap or a record that is half gone."""
    extractor.set_memory_limits(max_failures=5)
    stop = threading.Event()
    wrong = []

    def read():
        while not stop.is_set():
            count = len(list(extractor.failures))
            part = extractor.failures[-3:]
            if count > 5 or any("id" not in record for record in part):
                wrong.append(count)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(500):
        extractor.add_failure(example())
    stop.set()
    reader.join()
    assert wrong == []


def test_size_of():
    """Containers count with what they hold."""
    big = "x" * 1_000
    assert size_of({"a": [big]}) > 1_000
    keys = {f"key {n} {big}": None for n in range(10)}
    assert size_of(keys) > 10_000
    assert size_of("x") == sys.getsizeof("x")


def test_a_record_that_a_reader_has_changed_can_go(extractor):
    """Records are to be read; who writes into one all the same breaks nothing."""
    extractor.set_memory_limits(max_failures=2)
    extractor.add_failure({"test_name": "one", "cell_source": "x = 1", "extracted_code": [{}]})
    extractor.failures[0]["cell_source"] = "something else"
    extractor.failures[0]["extracted_code"].append({"file": "x"})
    for number in range(5):
        extractor.add_failure({"test_name": str(number)})
    assert [one["test_name"] for one in extractor.failures] == ["3", "4"]
    assert extractor.get_statistics()["problems"] == []
