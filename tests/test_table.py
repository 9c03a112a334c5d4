"""Failures as a DataFrame, as text and as HTML."""

from __future__ import annotations

import html5lib
import pandas as pd
import pytest
from conftest import example, fail

from failextract_nb import extract_on_failure, table

HTML = "{http://www.w3.org/1999/xhtml}"


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


def cells(html):
    """The rows of the one table in ``html``, parsed as a browser does."""
    tree = html5lib.parse(html)
    return [
        ["".join(cell.itertext()) for cell in row if cell.tag in (f"{HTML}td", f"{HTML}th")]
        for row in tree.iter(f"{HTML}tr")
    ]


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
    assert "unknown" in table.to_text([{}])
    assert "unknown" in table.to_html([{}])


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
    assert table.to_text(records)
    assert len(cells(table.to_html(records))) == 3


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


def test_text_is_newest_first_and_bounded():
    """So many rows, the newest on top, and a caption that says how many there are."""
    lines = table.to_text(failures(100)).splitlines()
    assert lines[0] == f"100 failures, the newest {table.SHOWN} are shown"
    rows = lines[4:]
    assert len(rows) == table.SHOWN
    assert rows[0].startswith("100 ")
    assert "test_99" in rows[0]
    assert "test_75" in rows[-1]


def test_html_is_newest_first_and_bounded():
    """As the text, with the caption before it."""
    html = table.to_html(failures(100))
    head, *rows = cells(html)
    assert head == ["#", *table.SHOWN_COLUMNS]
    assert len(rows) == table.SHOWN
    assert [row[0] for row in rows[:2]] == ["100", "99"]
    assert rows[0][2] == "test_99"
    caption = html5lib.parse(html).find(f".//{HTML}p").text
    assert caption == f"100 failures, the newest {table.SHOWN} are shown"


HOSTILE = '<script>alert("x")</script>&amp;\x1b[31m red\x00\x07\u202a'


def test_html_escapes_everything():
    """No text of a failure becomes markup, whatever key it stands under."""
    html = table.to_html(
        [example(test_name=HOSTILE, exception_type=HOSTILE, exception_message=HOSTILE)]
    )
    tree = html5lib.parse(html)
    assert not list(tree.iter(f"{HTML}script"))
    row = cells(html)[1]
    for cell in row[2:5]:
        assert '<script>alert("x")</script>&amp;' in cell
    assert "\x1b" not in html
    assert "\x00" not in html


def test_text_obeys_no_control_characters():
    """A message cannot colour, ring, move or overwrite the terminal."""
    text = table.to_text(
        [
            example(
                test_name=HOSTILE,
                exception_message=f"{HOSTILE}\r\x85\x9b2J",
                exception_type="\x1b]0;x\x07",
            )
        ]
    )
    assert not [character for character in text if ord(character) < 32 and character != "\n"]
    assert not [character for character in text if 0x7F <= ord(character) < 0xA0]


def test_messages_are_one_line(monkeypatch):
    """Line breaks and tabs are spaces, long messages are cut and marked."""
    monkeypatch.setenv("COLUMNS", "300")
    long = example(exception_message="first\n\n\tsecond " + "x" * 1_000)
    shown = table.to_text([long]).splitlines()
    assert len(shown) == 5
    assert "first second xxx" in shown[-1]
    assert "…" in shown[-1]
    assert len(shown[-1]) < 3 * table.MAX_MESSAGE
    cell = cells(table.to_html([long]))[1][4]
    assert len(cell) <= table.MAX_MESSAGE + 1
    assert cell.endswith("…")


def test_the_text_fits_the_terminal(monkeypatch):
    """Messages are cut to the width there is, and never to nothing."""
    one = example(exception_message="x" * 1_000)
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, table.to_text([one]).splitlines())) <= 80
    monkeypatch.setenv("COLUMNS", "10")
    assert "x" * (table.MIN_MESSAGE - 1) in table.to_text([one])


def test_captions():
    """What is not shown, has passed or was dropped is said."""
    assert table.caption(failures(1)) == "1 failure"
    known = {"passed_count": 2, "dropped_failures": 5}
    assert table.caption(failures(3), known) == "3 failures, 2 passed, 5 older ones dropped"
    assert table.caption(failures(3), {"expected_count": 2}) == "1 failure, 2 expected"


def test_nothing_to_show():
    """Before the first failure there is a sentence."""
    assert "No failures yet" in table.to_text([])
    assert "No failures yet" in table.to_html([])


def test_tables_of_the_live_sequence(extractor):
    """The store's own sequence is taken like a list."""
    for record in failures(30):
        extractor.add_failure(record)
    assert len(table.to_frame(extractor.failures)) == 30
    assert table.to_text(extractor.failures) == table.to_text(extractor.failures.snapshot())
    assert len(table.newest(extractor.failures, 3)) == 3
    assert list(table.newest(extractor.failures, 3).index) == [30, 29, 28]
