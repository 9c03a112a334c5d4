"""Failures as a DataFrame."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import example, fail

from failextract_nb import extract_on_failure, printed, table
from failextract_nb.rows import Rows
from failextract_nb.shown import Shown, Wishes


def failures(count):
    return [
        example(
            test_name=f"test_{n}",
            timestamp=f"2026-01-02T03:04:{n % 60:02}+00:00",
            line_number=n + 1,
            exception_message=f"message {n}",
            id=f"a-{n}",
        )
        for n in range(count)
    ]


def rows_of(records):
    rows = Rows()
    rows.update(records, 0, anew=False)
    return rows


def test_the_frame(extractor):
    """One row for each failure, oldest first, numbered from 1, every column with its type."""
    frame = table.to_frame(
        [{**failures(2)[1], "duration": 0.5, "tags": ["a", "b"]}, failures(1)[0]]
    )
    assert tuple(frame.columns) == table.COLUMNS
    assert list(frame.index) == [1, 2]
    assert frame.index.name == "#"
    assert str(frame["time"].dtype).endswith("UTC]")
    assert frame["time"].iloc[0] == pd.Timestamp("2026-01-02T03:04:01Z")
    assert list(frame["line"]) == [2, 1]
    assert (frame["line"].dtype, frame["execution_count"].dtype) == ("Int64", "Int64")
    assert frame["duration"].dtype == "float64"
    assert frame["duration"].iloc[0] == 0.5
    assert frame["execution_count"].isna().all()
    assert list(frame["tags"]) == ["a, b", ""]
    assert list(frame["where"]) == list(frame["name"]) == ["test_1", "test_0"]
    assert list(frame["message"]) == ["message 1", "message 0"]


def test_a_captured_failure(extractor):
    """What a door records fills the row."""
    fail(extract_on_failure(lambda: 1 / 0))
    row = extractor.to_frame().iloc[0]
    assert (row["type"], row["origin"], row["file"]) == ("ZeroDivisionError", "function", __file__)
    assert abs(pd.Timestamp.now("UTC") - row["time"]) < pd.Timedelta(minutes=10)
    assert row["id"] == extractor.failures[0]["id"]


def test_an_empty_frame_has_its_types():
    """No failures: no rows, the same columns, the same types."""
    frame = table.to_frame([])
    assert len(frame) == 0
    assert list(frame.dtypes) == list(table.to_frame(failures(1)).dtypes)


def test_records_that_lack_everything():
    """A record without any key is a row, and can be shown."""
    frame = table.to_frame([{}, {}])
    assert len(frame) == 2
    assert frame["time"].isna().all()
    assert frame["line"].isna().all()
    assert list(frame["where"]) == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timestamp", "yesterday"),
        ("timestamp", 5),
        ("timestamp", None),
        ("timestamp", [1]),
        ("line_number", "inf"),
        ("line_number", "many"),
        ("line_number", [1]),
        ("line_number", 10**30),
        ("line_number", -5),
        ("line_number", None),
        ("duration", "long"),
        ("duration", {}),
        ("tags", "one"),
        ("tags", 5),
        ("tags", [1, None]),
        ("exception_message", {"a": 1}),
        ("exception_type", None),
        ("origin", 5),
        ("execution_count", True),
    ],
)
def test_values_that_are_not_what_they_should_be(key, value):
    """What cannot be read is empty, and costs neither the row nor the others."""
    records = [*failures(1), {**failures(1)[0], key: value}]
    frame = table.to_frame(records)
    assert len(frame) == 2
    assert frame["line"].iloc[0] == 1
    assert frame["time"].iloc[0] == pd.Timestamp("2026-01-02T03:04:00Z")
    assert printed.to_text(records)
    assert len(Shown(rows_of(records), Wishes(grouped=False))) == 2


def test_whole_seconds_and_fractions_are_both_times():
    """Records with different ways to write a time stand in one table."""
    times = [
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T03:04:05.123456+00:00",
        "2026-01-02T05:04:05+02:00",
    ]
    frame = table.to_frame([{"timestamp": time} for time in times])
    assert list(frame["time"].dt.second) == [5, 5, 5]
    assert list(frame["time"].dt.hour) == [3, 3, 3]
