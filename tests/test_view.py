"""Sorting, filtering and looking through a window of many failures."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failextract_nb import table
from failextract_nb.view import View


def record(number: int, **keys) -> dict:
    return {
        "id": str(number),
        "timestamp": f"2026-01-31T12:{number // 60:02}:{number % 60:02}+00:00",
        "origin": "cell",
        "test_name": f"In[{number % 3}]",
        "execution_count": number % 3,
        "exception_type": ("ValueError", "KeyError")[number % 2],
        "exception_message": f"message {number}",
        "line_number": number % 5 + 1,
        "duration": number / 7,
        **keys,
    }


@pytest.fixture
def view():
    return View(table.to_frame([record(number) for number in range(20)]))


def ids(view) -> list[str]:
    return view.window(0, len(view))["id"].tolist()


@pytest.mark.parametrize("column", table.COLUMNS)
@pytest.mark.parametrize("ascending", [True, False])
def test_sorting_is_that_of_pandas(view, column, ascending):
    """Every column sorts as pandas sorts it, and equal rows keep their order."""
    expected = view.frame.sort_values(column, ascending=ascending, kind="stable")
    assert ids(view.sort(column, ascending)) == expected["id"].tolist()


def test_rows_without_a_value_go_last():
    """No line, no duration, no readable time: last, whichever way one sorts."""
    odd = record(99, line_number=0, duration=None, timestamp="never")
    view = View(table.to_frame([odd, record(1), record(2)]))
    for column in ("line", "duration", "time"):
        for ascending in (True, False):
            assert ids(view.sort(column, ascending))[-1] == "99", column


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), max_size=1_200))
def test_any_text_sorts(texts):
    """Few different texts are ranked, many are sorted: the order is Python's in both."""
    view = View(table.to_frame([record(0, exception_message=text) for text in texts]))
    told = view.frame["message"].tolist()
    for ascending in (True, False):
        shown = view.sort("message", ascending).window(0, len(texts))["message"].tolist()
        assert shown == sorted(told, reverse=not ascending)


def test_many_different_and_many_equal_texts_sort_alike():
    """Whatever the start of a column promises, the rest is sorted."""
    alike, different = ["same"] * 3_000, [f"{number * 7919 % 3_000:05}" for number in range(3_000)]
    for texts in (alike + different, different + alike):
        frame = pd.DataFrame({"message": texts})
        assert View(frame).sort("message").window(0, 6_000)["message"].tolist() == sorted(texts)


def test_steps_follow_each_other(view):
    """What was filtered can be sorted and filtered again: rows keep their numbers."""
    kept = view.filter("type == 'KeyError' and line > 2").filter("duration > 1").sort("line", False)
    shown = kept.window(0, 3)
    assert shown["message"].tolist() == ["message 9", "message 19", "message 13"]
    assert shown.index.tolist() == [10, 20, 14]
    assert len(view) == 20


def test_a_window_is_what_there_is(view):
    """Before the start, past the end, of nothing."""
    assert view.window(-5, 2)["id"].tolist() == ["0", "1"]
    assert view.window(18, 10)["id"].tolist() == ["18", "19"]
    assert view.window(30, 10).empty
    assert view.window(0, -1).empty
    nothing = View(table.to_frame([]))
    for step in (nothing, nothing.sort("message"), nothing.sort("time")):
        assert len(step) == 0
        assert step.window(0, 10).empty
    assert len(nothing.filter("line > 3")) == 0


def test_wrong_use_says_what_is_wrong(view):
    """An unknown column, an expression that is no question."""
    with pytest.raises(KeyError, match="no column 'colour'; there are: time, where"):
        view.sort("colour")
    with pytest.raises(ValueError, match=r"'line \+ 1' is not true or false"):
        view.filter("line + 1")
    with pytest.raises(ValueError, match="'5' is not true or false"):
        view.filter("5")


def test_the_frame_stays_as_it_is(view):
    """No step changes the frame, and every view shows the same one."""
    before = view.frame.copy()
    step = view.sort("message").filter("line > 1").filter("line < 4")
    step.window(0, 100)
    assert step.frame is view.frame
    pd.testing.assert_frame_equal(view.frame, before)
