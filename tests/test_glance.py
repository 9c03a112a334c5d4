"""What the page is told of the failures around the cells: counts, and where they were."""

from __future__ import annotations

import json
import threading

import pytest
from conftest import example

from failextract_nb.widget import glance
from failextract_nb.widget.glance import Glance
from failextract_nb.widget.live import table


@pytest.fixture
def look(extractor):
    """What a page is told next; ``whole`` for one that has just come."""
    looked = Glance()

    def look(whole=False):
        told = looked.look(whole)
        json.dumps(told, allow_nan=False, ensure_ascii=False).encode()
        return told

    look.seen = looked.seen
    return look


def add(extractor, count=1, **keys):
    return [extractor.add_failure(example(**keys)) for _ in range(count)]


def totals(told):
    return told["total"], told["unseen"]


def counts(told):
    return {name: cell["count"] for name, cell in told["cells"].items()}


def test_failures_are_counted_for_each_cell(extractor, look):
    """The newest of a cell is told with its run, its line and its message on one line."""
    frames = [{"file": "lib.py", "line": 9}, {"file": "Cell In[3]", "line": 2}, {"file": "lib.py"}]
    add(extractor, 2, cell_id="a", execution_count=1)
    (newest,) = add(
        extractor,
        cell_id="a",
        execution_count=3,
        extracted_code=frames,
        exception_message="two\nlines",
    )
    add(extractor, cell_id="b", test_file="Cell In[5]", line_number=7, execution_count=5)
    add(extractor)  # of no cell
    told = look()
    assert totals(told) == (5, 5)
    assert told["cells"]["a"] == {
        "count": 3,
        "run": 3,
        "line": 2,
        "message": "ValueError: two lines",
        "failure": newest,
    }
    assert told["cells"]["b"]["line"] == 7
    assert told["last"] == "b"


def test_a_line_of_another_cell_is_not_the_cells_own(extractor, look):
    """A function that an earlier cell has defined fails there, not here."""
    frames = [{"file": "Cell In[2]", "line": 4}, {"file": "Cell In[1]", "line": 9}]
    add(extractor, cell_id="a", execution_count=2, extracted_code=frames)
    add(extractor, cell_id="b", execution_count=3, test_file="lib.py", line_number=9)
    assert [cell["line"] for cell in look()["cells"].values()] == [4, 0]


def test_a_thread_of_an_earlier_run_fails_late(extractor, look):
    """It is counted; what the cell's last run failed with is told as before."""
    (newest,) = add(extractor, cell_id="a", execution_count=4, exception_message="of the last run")
    add(extractor, cell_id="a", execution_count=2)
    look()
    add(extractor, cell_id="a", execution_count=3)
    (cell,) = look()["cells"].values()
    assert (cell["count"], cell["run"], cell["failure"]) == (3, 4, newest)


def test_only_cells_that_have_failed_since_are_told(extractor, look):
    """A page that has just come is told all of them, the newest last."""
    add(extractor, cell_id="a")
    add(extractor, cell_id="b")
    assert look()["anew"]
    assert (look()["cells"], look()["anew"]) == ({}, False)
    add(extractor, cell_id="a")
    told = look()
    assert (counts(told), told["anew"], told["last"]) == ({"a": 2}, False, "a")
    told = look(whole=True)
    assert (list(told["cells"]), told["anew"]) == (["b", "a"], True)


def test_what_was_seen_is_not_counted_as_new(extractor, look):
    """The failures stay, and so do the cells that have failed."""
    add(extractor, 3, cell_id="a")
    look.seen()
    assert totals(look()) == (3, 0)
    add(extractor, 2, cell_id="a")
    told = look()
    assert totals(told) == (5, 2)
    assert counts(told) == {"a": 5}


def test_what_was_shown_is_seen_and_nothing_else(extractor, look):
    """The kernel may hear of it when more have come, and after a page that has seen more."""
    add(extractor, 5)
    look.seen(3)
    assert totals(look()) == (5, 2)
    look.seen(1)
    assert totals(look()) == (5, 2)
    look.seen(99)
    assert totals(look()) == (5, 0)
    add(extractor)
    look.seen(-1)
    look.seen(0)
    assert totals(look()) == (6, 1)
    extractor.set_memory_limits(max_failures=4)
    add(extractor, 2)
    look.seen(2)  # they are gone
    assert totals(look()) == (4, 3)
    look.seen(7)
    assert totals(look()) == (4, 1)


def test_cells_that_are_meant_to_fail_are_not_counted(extractor, look):
    """Also where that turns out only after the failure was counted."""
    add(extractor, cell_id="a", expected=True)
    (late,) = add(extractor)
    add(extractor)
    told = look()
    assert totals(told) == (3, 2)
    assert told["cells"] == {}
    assert extractor.add_context(late, {"expected": True})
    assert totals(look()) == (3, 1)


def test_a_record_that_changes_is_not_counted_twice(extractor, look):
    """Doors that an exception passes later add to its record; a second one may replace it."""
    (one,) = add(extractor, cell_id="a")
    look()
    extractor.add_context(one, {"contexts": [{"origin": "cell"}]})
    extractor.add_failure(example(id=one, cell_id="a"))
    told = look(whole=True)
    assert totals(told) == (1, 1)
    assert counts(told) == {"a": 1}


def test_what_is_forgotten_leaves_the_cells(extractor, look):
    """Every page is told that what it knew is no more, however the news of it comes."""
    add(extractor, 2, cell_id="a")
    look()
    extractor.clear()
    add(extractor, cell_id="b")
    look.seen()
    told = look()
    assert told["anew"]
    assert (totals(told), counts(told)) == ((1, 0), {"b": 1})
    assert not look()["anew"]


def test_an_undo_brings_back_what_was_seen_as_seen(extractor, look):
    """And what nobody has seen as new; the cells have their counts again."""
    add(extractor, 2, cell_id="a")
    look.seen()
    add(extractor, cell_id="a")
    look()
    table().clear()
    assert totals(look()) == (0, 0)
    add(extractor, cell_id="b")
    table().undo()
    told = look()
    assert told["anew"]
    assert (totals(told), counts(told)) == ((4, 2), {"a": 3, "b": 1})


def test_what_a_limit_drops_is_not_new_any_more(extractor, look):
    """Nobody can look at it; the cells know that it was."""
    extractor.set_memory_limits(max_failures=3)
    add(extractor, 2, cell_id="a")
    look()
    add(extractor, 2, cell_id="a")
    assert (totals(told := look()), counts(told)) == ((3, 3), {"a": 4})
    look.seen()
    add(extractor, 10, cell_id="b")  # seven of them were gone before anybody looked
    assert (totals(told := look()), counts(told)) == ((3, 3), {"b": 3})


@pytest.mark.parametrize(
    "odd",
    [
        {"cell_id": ["a"]},
        {"cell_id": {}},
        {"cell_id": 7},
        {"cell_id": "a", "execution_count": "5"},
        {"cell_id": "a", "execution_count": float("nan")},
        {"cell_id": "a", "extracted_code": "text"},
        {"cell_id": "a", "extracted_code": [None, "x", {}]},
        {"cell_id": "a", "extracted_code": [{"file": "Cell In[None]", "line": "two"}]},
        {"cell_id": "a", "test_file": "Cell In[None]", "line_number": [1]},
        {"cell_id": "a", "exception_type": None, "exception_message": {"x": 1}},
        {"cell_id": "\ud800", "exception_message": "\ud800\x00" * 10_000},
    ],
)
def test_records_that_users_wrote(extractor, look, odd):
    """What is no place in a notebook is none; nothing else is lost, and all of it is bounded."""
    add(extractor, **odd)
    add(extractor, cell_id="b")
    told = look()
    assert told["total"] == 2
    assert told["last"] == "b"
    for cell in told["cells"].values():
        assert {name: type(value) for name, value in cell.items()} == {
            "count": int,
            "run": int,
            "line": int,
            "message": str,
            "failure": str,
        }
        assert len(cell["message"]) < 500


def test_the_cells_are_bounded(extractor, look, monkeypatch):
    """The newest are told, however many cells there were."""
    monkeypatch.setattr(glance, "MAX_CELLS", 3)
    for number in range(10):
        add(extractor, cell_id=f"c{number}")
    assert list(look()["cells"]) == ["c7", "c8", "c9"]
    add(extractor, cell_id="c7")
    add(extractor, cell_id="new")
    assert list(look()["cells"]) == ["c7", "new"]
    assert list(look(whole=True)["cells"]) == ["c9", "c7", "new"]


def test_very_many_failures(extractor, look, monkeypatch):
    """Each is looked at once, and the text of a cell's newest only; who fails does not wait."""
    texts = []

    def one_line(text):
        failing = threading.Thread(target=add, args=(extractor,))
        failing.start()
        failing.join(30)
        assert not failing.is_alive()
        texts.append(text)
        return text

    monkeypatch.setattr(glance, "one_line", one_line)
    for number in range(20_000):
        extractor.add_failure({"cell_id": f"c{number % 5}", "test_name": "t"})
    assert (totals(told := look()), set(counts(told).values())) == ((20_000,) * 2, {4_000})
    assert len(texts) == 5
    add(extractor, cell_id="c0")
    assert counts(look()) == {"c0": 4_001}
    assert len(texts) == 6


def test_looking_is_not_asking(extractor, look, monkeypatch):
    """A task's exception that the user's code may yet read is no failure because a page counts."""
    asked = []
    monkeypatch.setattr(extractor._store, "before_looking", lambda: asked.append(1))
    add(extractor)
    look(whole=True)
    look.seen()
    assert asked == []


def test_failures_and_looks_that_race(extractor, look):
    """What is told adds up to what there is, whoever looks when."""
    known, lock, done = {}, threading.Lock(), threading.Event()

    def looking():
        while not done.is_set():
            with lock:  # as those do who tell the pages
                known.update(counts(look()))

    lookers = [threading.Thread(target=looking) for _ in range(3)]
    adders = [
        threading.Thread(target=add, args=(extractor, 500), kwargs={"cell_id": f"c{n % 2}"})
        for n in range(4)
    ]
    for thread in lookers + adders:
        thread.start()
    for thread in adders:
        thread.join()
    done.set()
    for thread in lookers:
        thread.join()
    known.update(counts(look()))
    assert known == counts(look(whole=True)) == {"c0": 1_000, "c1": 1_000}
    assert totals(look()) == (2_000, 2_000)
