"""The failure table as text, as static HTML and as records for a viewer."""

from __future__ import annotations

import json

import html5lib
import nbformat
import pytest
from conftest import example, fail
from test_table import failures

from failextract_nb import extract_on_failure, printed, table
from failextract_nb.shown import Wishes

HTML = "{http://www.w3.org/1999/xhtml}"


def cells(html):
    """The rows of the one table in ``html``, parsed as a browser does."""
    tree = html5lib.parse(html)
    return [
        ["".join(cell.itertext()) for cell in row if cell.tag in (f"{HTML}td", f"{HTML}th")]
        for row in tree.iter(f"{HTML}tr")
    ]


def test_records_that_lack_everything():
    """A record without any key is a line."""
    assert "unknown" in printed.to_text([{}])
    assert "unknown" in printed.to_html([{}])


def test_text_is_newest_first_and_bounded():
    """So many rows, the newest on top, and a caption that says how many there are."""
    lines = printed.to_text(failures(100)).splitlines()
    assert lines[0] == f"100 failures, the newest {printed.LINES} are shown"
    rows = lines[4:]
    assert len(rows) == printed.LINES
    assert rows[0].startswith("100 ")
    assert "test_99" in rows[0]
    assert "test_75" in rows[-1]


def test_another_order_is_not_called_the_newest():
    """The caption says what is shown."""
    shown = printed.shown(failures(30))
    assert printed.caption(shown.wish(sort="message")) == "30 failures, the first 25 are shown"
    assert printed.caption(shown.wish(descending=False)) == "30 failures, the first 25 are shown"
    assert printed.caption(shown) == "30 failures, the newest 25 are shown"


def test_html_is_newest_first_and_bounded():
    """As the text, with the caption before it."""
    html = printed.to_html(failures(100))
    head, *rows = cells(html)
    assert head == [*printed.COLUMNS]
    assert len(rows) == printed.LINES
    assert [row[0] for row in rows[:2]] == ["100", "99"]
    assert rows[0][2] == "test_99"
    caption = html5lib.parse(html).find(f".//{HTML}p").text
    assert caption == f"100 failures, the newest {printed.LINES} are shown"


HOSTILE = '<script>alert("x")</script>&amp;\x1b[31m red\x00\x07\u202a'


def test_html_escapes_everything():
    """No text of a failure becomes markup, whatever key it stands under."""
    html = printed.to_html(
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
    text = printed.to_text(
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
    shown = printed.to_text([long]).splitlines()
    assert len(shown) == 5
    assert "first second xxx" in shown[-1]
    assert "…" in shown[-1]
    assert len(shown[-1]) < 3 * printed.MAX_MESSAGE
    cell = cells(printed.to_html([long]))[1][4]
    assert len(cell) <= printed.MAX_MESSAGE + 1
    assert cell.endswith("…")


def test_the_text_fits_the_terminal(monkeypatch):
    """Messages are cut to the width there is, and never to nothing."""
    one = example(exception_message="x" * 1_000)
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, printed.to_text([one]).splitlines())) <= 80
    monkeypatch.setenv("COLUMNS", "10")
    assert "x" * (printed.MIN_MESSAGE - 1) in printed.to_text([one])


def caption(records, statistics=None):
    return printed.caption(printed.shown(records, statistics), statistics)


def test_captions():
    """What is not shown, has passed or was dropped is said."""
    assert caption(failures(1)) == "1 failure"
    known = {"passed_count": 2, "dropped_failures": 5}
    assert caption(failures(3), known) == "3 failures, 2 passed, 5 older ones dropped"
    assert caption(failures(3), {"expected_count": 2}) == "1 failure, 2 expected"


def test_nothing_to_show():
    """Before the first failure there is a sentence."""
    assert "No failures yet" in printed.to_text([])
    assert "No failures yet" in printed.to_html([])


def test_tables_of_the_live_sequence(extractor):
    """The store's own sequence is taken like a list."""
    for record in failures(30):
        extractor.add_failure(record)
    assert len(table.to_frame(extractor.failures)) == 30
    assert printed.to_text(extractor.failures) == printed.to_text(extractor.failures.snapshot())


def in_a_notebook(data) -> int:
    """Bytes that an output takes in a notebook's file."""
    output = nbformat.v4.new_output("display_data", data)
    cell = nbformat.v4.new_code_cell("", outputs=[output])
    empty = nbformat.v4.new_code_cell("", outputs=[nbformat.v4.new_output("display_data", {})])

    def size(one):
        return len(nbformat.writes(nbformat.v4.new_notebook(cells=[one])).encode())

    return size(cell) - size(empty)


BIG = '<"&\n' * 2_000


@pytest.mark.parametrize("count", [1, 30, 1_000])
@pytest.mark.parametrize("text", ["short", BIG, "ä\x1b" * 3_000])
def test_what_stands_in_a_notebook_is_bounded(count, text):
    """However many and however long: HTML up to 30 KB, records up to their budget."""
    records = [
        {
            **one,
            "exception_message": f"{text} {number}",
            "exception_traceback": text,
            "cell_source": text,
            "locals": [{"x": text}],
        }
        for number, one in enumerate(failures(count))
    ]
    shown = printed.shown(records)
    assert in_a_notebook({"text/html": printed.html_of(shown)}) <= 30_000
    assert in_a_notebook({printed.MIME: printed.records_of(shown)}) <= printed.RECORDS_BUDGET


def test_tracebacks_are_folded():
    """Each line has its traceback in a fold; where they do not fit, the newest have."""
    fail(extract_on_failure(lambda: {}["x"]))
    from failextract_nb import FailureExtractor

    html = FailureExtractor()._repr_html_()
    (fold,) = html5lib.parse(html).iter(f"{HTML}details")
    assert fold.find(f"{HTML}summary").text == "'x'"
    assert "KeyError: 'x'" in fold.find(f"{HTML}pre").text
    assert "open" not in fold.attrib
    many = [{**one, "exception_traceback": "t" * 2_000} for one in failures(25)]
    folds = [
        row.find(f".//{HTML}pre") is not None
        for row in html5lib.parse(printed.to_html(many)).iter(f"{HTML}tr")
    ][1:]
    assert len(folds) == 25
    assert folds[0]
    assert folds == sorted(folds, reverse=True)


def test_equal_failures_are_one_line_with_their_count():
    """As in the live table."""
    records = [*failures(2), *({**failures(1)[0], "id": f"b{n}"} for n in range(3))]
    head, *rows = cells(printed.to_html(records))
    assert [(row[0], row[-1]) for row in rows] == [("5", "4"), ("2", "1")]
    assert printed.to_text(records).splitlines()[-2].split()[-1] == "4"


def test_records_for_a_viewer():
    """Newest first into the budget, in the order of a report; what is left out is known."""
    many = [{**one, "locals": [{"x": "y" * 300}]} for one in failures(100)]
    bundle = printed.records_of(printed.shown(many))
    assert bundle["total"] == 100
    ids = [one["id"] for one in bundle["failures"]]
    assert ids == [f"a-{n}" for n in range(100 - len(ids), 100)]
    assert len(ids) >= printed.ENOUGH
    few = printed.records_of(printed.shown(many[:2]))["failures"]
    assert few == many[:2]


def test_records_for_a_viewer_can_be_saved():
    """A lone surrogate, a number that is none: a notebook with them can be written and read."""
    odd = {**failures(1)[0], "x": [float("nan"), "\ud800", {"\udfff": "\x00"}]}
    bundle = printed.records_of(printed.shown([odd]))
    json.dumps(bundle, allow_nan=False, ensure_ascii=False).encode()
    assert bundle["failures"][0]["x"] == ["nan", "\\ud800", {"\\udfff": "\\x00"}]


def test_a_search_is_in_what_is_printed():
    """What a table shows is what stands in the notebook."""
    shown = printed.shown(failures(30)).wish(search="message 7")
    assert printed.text_of(shown).startswith("30 failures, 1 for the search 'message 7'\n")
    assert len(cells(printed.html_of(shown))) == 2
    assert printed.records_of(shown)["total"] == 1
    assert shown.wishes == Wishes(search="message 7")
    nothing = shown.wish(search="zzz", query="line > 1")
    told = "30 failures, none for the search 'zzz' and the filter 'line > 1'"
    assert printed.text_of(nothing) == told
    assert html5lib.parse(printed.html_of(nothing)).find(f".//{HTML}em").text == told
