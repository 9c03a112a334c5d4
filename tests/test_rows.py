"""The failures as columns that follow the store, and what a table shows of them."""

from __future__ import annotations

import json
import threading

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, example
from hypothesis import given, settings
from hypothesis import strategies as st

from failextract_nb import table
from failextract_nb.rows import FACETS, MAX_FACET, MAX_GONE, Rows, equality
from failextract_nb.shown import Shown, Wishes


def record(number: int, **keys) -> dict:
    return example(
        **{
            "id": f"a-{number}",
            "timestamp": f"2026-01-02T03:{number // 60:02}:{number % 60:02}+00:00",
            "exception_message": f"message {number}",
            "exception_type": ("ValueError", "KeyError", "OSError")[number % 3],
            "origin": "cell",
            "test_name": f"In[{number}]",
            "test_file": f"Cell In[{number}]",
            "execution_count": number,
            "cell_id": f"c{number % 4}",
            "thread_name": "MainThread",
            "line_number": number % 5 + 1,
            **keys,
        }
    )


def shown(records, **wishes) -> Shown:
    rows = Rows()
    rows.update(records, 0, anew=False)
    return Shown(rows, Wishes(**wishes))


def lines(table: Shown, *keys: str, picked=None) -> list:
    picked = np.zeros(len(table.rows), dtype=bool) if picked is None else picked
    found = table.window(0, len(table), picked)
    return [tuple(one[key] for key in keys) if len(keys) > 1 else one[keys[0]] for one in found]


# ---- following the store


def same_as_new(rows: Rows) -> None:
    """Rows that were brought up to date are those that are made of the records at once."""
    new = Rows()
    new.update(rows.records, rows.dropped, anew=False)
    new.frame.index  # noqa: B018
    pd.testing.assert_frame_equal(rows.frame, new.frame)
    for one, other in ((rows.groups, new.groups), *zip(rows.facets.values(), new.facets.values())):
        told = [[column.distinct[code] for code in column.codes] for column in (one, other)]
        assert told[0] == told[1]
    for text in ("message 1", "cell source", "not there"):
        assert rows.search(text).tolist() == new.search(text).tolist()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 5)),
        st.tuples(st.just("drop"), st.integers(1, 3)),
        st.tuples(st.just("change"), st.integers(0, 10)),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("search"), st.just(0)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_rows_follow_whatever_happens(steps):
    """Failures come, change and go, in any order, looked at and searched in between."""
    rows, records, dropped, number, anew = Rows(), [], 0, 0, False
    for step, count in steps:
        if step == "add":
            records = [*records, *(record(number + one) for one in range(count))]
            number += count
        elif step == "drop":
            count = min(count, len(records))
            records, dropped = records[count:], dropped + count
        elif step == "change" and count < len(records):
            records = [*records]
            records[count] = {**records[count], "execution_count": 99, "cell_source": "Cell source"}
        elif step == "look":
            rows.frame.index  # noqa: B018
        elif step == "search":
            rows.search("message")
        elif step == "clear":
            records, dropped, anew = [], 0, True
            continue
        rows.update(records, dropped, anew)
        anew = False
        assert rows.records == records
    rows.update(records, dropped, anew)
    same_as_new(rows)


def test_nothing_new_is_told():
    """What was seen already is not looked at again."""
    rows = Rows()
    records = [record(1), record(2)]
    assert rows.update(records, 0, anew=False) == (0, 0, False)
    assert rows.update([*records], 0, anew=False) is None
    assert rows.update([*records, record(3)], 0, anew=False) == (0, 2, False)
    assert rows.update([records[1], record(3)], 1, anew=False) == (1, 1, False)


def test_what_is_gone_is_forgotten():
    """A limit of ten and thousands of different failures: the columns stay small."""
    rows, records = Rows(), []
    for number in range(3_000):
        records = [*records, record(number, cell_id=f"c{number}", cell_source=f"s{number}")][-10:]
        rows.update(records, max(0, number - 9), anew=False)
        if number % 500 == 0:
            rows.search("message")
    assert len(rows.groups.distinct) <= MAX_GONE + 30
    assert len(rows.sources.distinct) <= MAX_GONE + 30
    same_as_new(rows)
    rows.update([], 0, anew=True)
    assert (rows.groups.distinct, rows.texts, rows.cells) == ([], [], {})


def test_long_values_of_facets_are_cut():
    """They go to the page with every update, and can still be chosen and told apart."""
    names = ["x" * 5_000 + "a", "x" * 5_000 + "b"]
    table = shown([record(n, thread_name=names[n % 2]) for n in range(3)])
    first, second = table.facet("thread")["values"]
    assert first["value"] != second["value"]
    assert len(first["value"]) <= MAX_FACET
    assert table.wish(facets={"thread": frozenset([first["value"]])}).kept.tolist() == [0, 2]


def test_numbers_go_on_when_older_ones_are_dropped():
    """A failure keeps its number, in the frame and on its line."""
    rows = Rows()
    rows.update([record(one) for one in range(5)], 0, anew=False)
    rows.frame.index  # noqa: B018
    rows.update([*rows.records[2:], record(5)], 2, anew=False)
    assert rows.frame.index.tolist() == [3, 4, 5, 6]
    assert lines(Shown(rows, Wishes()), "number") == [6, 5, 4, 3]


def test_the_extractor_numbers_alike(extractor):
    """As the frame that the store gives."""
    extractor.set_memory_limits(max_failures=3)
    for number in range(5):
        extractor.add_failure(record(number))
    assert extractor.to_frame().index.tolist() == [3, 4, 5]
    assert repr(extractor).splitlines()[4].startswith("5 ")


def test_a_frame_is_made_without_the_lock(extractor, monkeypatch):
    """Who fails meanwhile does not wait for pandas."""
    extractor.add_failure(record(1))
    make = table.to_frame

    def made(*args):
        other = threading.Thread(target=extractor.add_failure, args=(record(2),))
        other.start()
        other.join(20)
        assert not other.is_alive()
        return make(*args)

    monkeypatch.setattr(table, "to_frame", made)
    assert len(extractor.to_frame()) == 1
    assert len(extractor.failures) == 2


# ---- equal failures


@pytest.mark.parametrize(
    "pair", json.loads((ROOT / "labextension/tests/equal.json").read_text("utf-8")), ids=str
)
def test_equal_failures(pair):
    """The same rules as in the page, by the same examples."""
    assert (equality(pair["one"]) == equality(pair["other"])) is pair["equal"]


def test_a_cell_that_runs_again_fails_equally():
    """One line, the newest for all, in whatever execution."""
    again = [
        record(n, exception_message="no", exception_type="E", line_number=1, cell_id="x")
        for n in range(4)
    ]
    assert lines(shown(again), "key", "where", "count") == [("g0", "In[3]", 4)]


def test_a_group_opens():
    """Its members follow it in the order of the table; others stay as they are."""
    records = [record(n, exception_message=str(n % 2), exception_type="E", line_number=1,
                      cell_id=None, test_file="f.py", test_name="t", execution_count=None) for n in range(6)]  # fmt: skip
    closed = shown(records)
    assert lines(closed, "key", "number", "count") == [("g1", 6, 3), ("g0", 5, 3)]
    opened = closed.wish(opened=frozenset([1]))
    assert lines(opened, "key", "number", "member", "open") == [
        ("g1", 6, False, True),
        ("f6", 6, True, False),
        ("f4", 4, True, False),
        ("f2", 2, True, False),
        ("g0", 5, False, False),
    ]
    assert opened.place("g0") == 4
    assert opened.place("f4") == 2
    assert opened.place("f5") is None
    for odd in ("", "g", "gx", "g-1", "f99", "x1"):
        assert opened.place(odd) is None
    assert lines(opened.wish(descending=False), "number") == [5, 6, 2, 4, 6]
    assert lines(opened.wish(grouped=False), "number") == [6, 5, 4, 3, 2, 1]


def test_groups_are_of_what_is_shown():
    """A search takes members away: the count and the newest are those of the rest."""
    records = [
        record(n, exception_message="m", exception_type="E", line_number=1, cell_id="x",
               exception_traceback=f"trace {n}") for n in range(5)
    ]  # fmt: skip
    assert lines(shown(records, search="trace 2"), "number", "count") == [(3, 1)]


# ---- order


@pytest.mark.parametrize("column", ["time", "where", "type", "message", "line"])
@pytest.mark.parametrize("descending", [False, True])
def test_sorting_is_that_of_the_frame(column, descending):
    """Ungrouped, the lines are those of the sorted frame."""
    table = shown([record(n) for n in range(30)], grouped=False, sort=column, descending=descending)
    expected = table.rows.frame.sort_values(column, ascending=not descending, kind="stable")
    assert lines(table, "number") == expected.index.tolist()
    assert table.frame().index.tolist() == expected.index.tolist()


def test_sorting_by_count():
    """Groups by how many they are."""
    records = [record(n, exception_message="m" * (n % 4 // 2), exception_type="E", cell_id="c",
                      line_number=(1, 2, 2, 2)[n % 4]) for n in range(12)]  # fmt: skip
    assert lines(shown(records, sort="count"), "count") == [6, 3, 3]
    assert lines(shown(records, sort="count", descending=False), "count") == [3, 3, 6]


def test_wishes_that_cannot_be():
    """An unknown column or facet names those that there are."""
    with pytest.raises(ValueError, match="no column 'colour'; there are: number, time"):
        Wishes(sort="colour")
    with pytest.raises(ValueError, match="no facet 'size'; there are: type, origin"):
        Wishes(facets={"size": frozenset()})


# ---- search and filters


@pytest.mark.parametrize(
    "keys",
    [
        {"test_name": "an Odd Word"},
        {"exception_type": "an Odd Word"},
        {"exception_message": "an Odd Word"},
        {"test_file": "an Odd Word"},
        {"thread_name": "an Odd Word"},
        {"tags": ["x", "an Odd Word"]},
        {"tags": "an Odd Word"},
        {"exception_traceback": "x\nan Odd Word\n"},
        {"cell_source": "x\nan Odd Word\n"},
        {"test_source": "an Odd Word"},
        {"locals": [None, {"an Odd Word": "1"}]},
        {"locals": [{"x": "an Odd Word"}]},
        {"test_args": ["x", "an Odd Word"]},
        {"test_kwargs": {"x": "an Odd Word"}},
        {"fixtures": {"x": "an Odd Word"}},
        {"causes": [{"locals": [{"x": "an Odd Word"}]}]},
        {"exceptions": [{"causes": [{"locals": [{"x": "an Odd Word"}]}]}]},
    ],
    ids=str,
)
def test_searching_looks_at_every_text(keys):
    """A word is found wherever it stands, in any case."""
    table = shown([record(0), record(1, **keys), record(2)])
    assert table.wish(search="odd w").kept.tolist() == [1]
    assert table.wish(search="not there").kept.tolist() == []
    assert table.wish(search="").kept.tolist() == [0, 1, 2]


@settings(deadline=None)
@given(st.lists(st.text("abAB", min_size=1, max_size=4), max_size=8))
def test_a_search_that_goes_on_finds_what_a_new_one_finds(typed):
    """Letter by letter, forwards and backwards."""
    records = [record(n, exception_message=f"{n:b}".replace("0", "a").replace("1", "B")) for n in range(64)]  # fmt: skip
    table = shown(records)
    for text in typed:
        for length in (*range(1, len(text) + 1), *range(len(text), 0, -1)):
            table = table.wish(search=text[:length])
            expected = shown(records, search=text[:length])
            assert table.kept.tolist() == expected.kept.tolist()


def test_facets_count_what_the_others_leave():
    """Alternatives in one, all of several; a facet's own choice does not narrow its counts."""
    records = [record(n) for n in range(12)]
    table = shown(records, facets={"type": frozenset(["KeyError", "OSError"])})
    assert set(lines(table, "type")) == {"KeyError", "OSError"}
    types = {one["value"]: (one["count"], one["chosen"]) for one in table.facet("type")["values"]}
    assert types == {"ValueError": (4, False), "KeyError": (4, True), "OSError": (4, True)}
    cells = {one["label"]: one["count"] for one in table.facet("cell")["values"]}
    assert sum(cells.values()) == 8
    assert cells.keys() == {"In[8]", "In[9]", "In[10]", "In[11]"}
    both = table.wish(facets={**table.wishes.facets, "cell": frozenset(["c0"])})
    assert lines(both, "number") == [9, 5]


def test_facets_of_tags_and_of_nothing():
    """Each tag counts for itself; failures without a value are not listed."""
    table = shown([record(1, tags=["a", "b", "a"]), record(2, tags="b"), record(3, cell_id=None)])
    tags = [(one["value"], one["count"]) for one in table.facet("tag")["values"]]
    assert tags == [("b", 2), ("a", 1)]
    assert table.wish(facets={"tag": frozenset(["a"])}).kept.tolist() == [0]
    assert len(table.facet("cell")["values"]) == 2
    assert {name: len(shown([]).facet(name)["values"]) for name in FACETS} == dict.fromkeys(
        FACETS, 0
    )


def test_long_facets_are_cut_but_for_what_is_chosen():
    """The most frequent, what is ticked, and how many more there are."""
    records = [record(n, thread_name=f"T{n:03}") for n in range(100)]
    facet = shown(records, facets={"thread": frozenset(["T099", "gone"])}).facet("thread", 10)
    values = [one["value"] for one in facet["values"]]
    assert values == [*(f"T{n:03}" for n in range(10)), "T099", "gone"]
    assert facet["more"] == 89
    assert facet["values"][-1]["count"] == 0


def test_a_query_is_asked_of_the_frame():
    """A pandas expression; what is none raises at once."""
    table = shown([record(n) for n in range(10)])
    assert table.wish(query="type == 'KeyError' and line > 2").kept.tolist() == [4, 7]
    with pytest.raises(ValueError, match="not true or false"):
        table.wish(query="line + 1")


# ---- what stands on a line


def test_a_line_is_one_line():
    """Breaks are spaces, control characters escapes, long messages are cut."""
    (line,) = lines(
        shown([record(0, exception_message="a\n\n\tb\x1b[31m" + "x" * 9_999)]), "message"
    )
    assert line.startswith("a b\\x1b[31mxxx")
    assert len(line) == 300
    assert line.endswith("…")


def test_groups_of_records_that_cannot_be_hashed():
    """A message that is a list, in a record of a user's: equal ones are equal."""
    odd = {"exception_message": [1, {"a": 2}]}
    assert lines(shown([dict(odd), dict(odd), {"exception_message": [1]}]), "count") == [1, 2]


@pytest.mark.parametrize("odd", [{}, dict.fromkeys(record(0)), {**record(0), "tags": 5, "locals": 5, "causes": [5], "test_kwargs": []}])  # fmt: skip
def test_odd_records_are_lines(odd):
    """Whatever a user hands in can be shown, searched, sorted and grouped."""
    table = shown([odd, record(1)])
    assert len(lines(table, "key")) == 2
    for column in ("number", "time", "where", "type", "message", "line", "count"):
        assert len(lines(table.wish(sort=column), "key")) == 2
    assert len(table.wish(search="message 1").kept) == 1
    assert [table.facet(name)["name"] for name in FACETS] == list(FACETS)


def test_selected_lines():
    """All of a group, some of it, none; and the rows that lines stand for."""
    records = [record(n, exception_message=str(n % 2), exception_type="E", line_number=1, cell_id="x") for n in range(4)]  # fmt: skip
    table = shown(records, opened=frozenset([1]))
    picked = np.array([True, True, False, True])
    assert lines(table, "key", "selected", picked=picked) == [
        ("g1", "all"), ("f4", "all"), ("f2", "all"), ("g0", "some"),
    ]  # fmt: skip
    assert table.members([3]).tolist() == [0, 2]
    assert table.members([1]).tolist() == [3]
    assert table.members(range(4)).tolist() == [0, 1, 2, 3]
    assert table.members([]).tolist() == []


def test_what_is_selected_is_counted_once_a_window(monkeypatch):
    """And not for each of its lines: a window stays quick over many groups."""
    records = [record(n, exception_message=str(n % 50), exception_type="E", line_number=1, cell_id="x") for n in range(500)]  # fmt: skip
    table_, calls = shown(records), []
    count = np.bincount
    table_.window(0, 1, np.ones(500, dtype=bool))
    monkeypatch.setattr(
        np, "bincount", lambda *args, **more: calls.append(1) or count(*args, **more)
    )
    assert len(table_.window(0, 50, np.ones(500, dtype=bool))) == 50
    assert len(calls) == 1


def test_the_frame_of_what_is_shown_is_a_copy():
    """Code in the next cell may do with it as it likes."""
    table_ = shown([record(n) for n in range(4)], search="message 2")
    frame = table_.frame()
    assert tuple(frame.columns) == table.COLUMNS
    frame["message"] = "other"
    assert table_.frame()["message"].tolist() == ["message 2"]
