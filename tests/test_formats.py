"""Every format: the contract they share, and what an independent parser reads back."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from itertools import chain

import html5lib
import pytest
import yaml
from conftest import example
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt

from failextract_nb import FailureExtractor, formats
from failextract_nb.failure import line_of, where
from failextract_nb.formats._base import visible
from failextract_nb.formats.csv import COLUMNS
from failextract_nb.report import metadata

ABOUT = metadata([{}])
# Deterministic; the store is made empty in each example, so the fixture's scope is no matter.
hostile = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
PIECES = (
    *("]]>", "<![CDATA[", "\x1b[31m", "\0", "|", "\\|", "\\", "`", "```", "````\n", "~~~", "\n"),
    *("\r", "\r\n", "\x85", "\u2028", "\ud800", "\ufeff", "\ufffe", "\U0001f600", "\t", "  ", '"'),
    *(
        "'",
        ",",
        ";",
        "=1+1",
        "- a",
        "# b",
        "1. c",
        "<!-- d -->",
        "-->",
        "<script>",
        "&amp;",
        "&#0;",
    ),
    *("![x](y)", "<http://x.y>", "www.x.y", "*e*", "__f__", "$g$", ": ", " #", "!!int", "---\n"),
    *("%", "@", "null", "1e5", "2026-01-01", "</pre>", "\n    code", "> q", "==", "\n\n", "{", "["),
)
TEXT = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(st.characters(), max_size=8)), max_size=6
).map("".join)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=2)
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
FRAME = {"file": "x.py", "line": 2, "code": "a\nb", "code_start": 1}
RECORD = st.fixed_dictionaries(
    {"exception_message": TEXT, "exception_traceback": TEXT, "test_name": TEXT},
    optional={
        "exception_type": TEXT,
        "test_module": TEXT,
        "test_file": TEXT,
        "id": TEXT,
        "line_number": st.integers(0, 10**6),
        "execution_count": st.none() | st.integers(1, 99),
        "duration": st.floats(),
        "origin": st.sampled_from(["cell", "function"]),
        "cell_source": TEXT,
        "test_source": TEXT,
        "notebook": TEXT,
        "tags": st.lists(TEXT, max_size=2),
        "test_kwargs": TEXTS,
        "fixtures": TEXTS,
        "extracted_code": TEXT.map(lambda name: [{**FRAME, "function": name}]),
        "locals": TEXTS.map(lambda values: [values]),
        "more": VALUE,
    },
)
RECORDS = st.lists(RECORD, max_size=3)


def stored(records) -> list[dict]:
    """The records as the store keeps them: complete, clean, JSON-native."""
    extractor = FailureExtractor()
    extractor.clear()
    for record in records:
        extractor.add_failure(record)
    return extractor.failures.snapshot()


def shown(value):
    """Data as a format shows it that cannot hold every character."""
    if isinstance(value, dict):
        return {visible(key): shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return visible(value) if isinstance(value, str) else value


def one_line(value) -> str:
    return " ".join(visible(value).split())


def written(name, records, passed=None, about=ABOUT) -> str:
    return formats.get(name).format(records, passed, about)


# ---- the contract


@pytest.fixture(params=formats.names())
def name(request):
    return request.param


# A reader for each built-in format that fails on text that is not well formed.
READERS = {
    "json": json.loads,
    "jsonl": lambda text: [json.loads(line) for line in text.split("\n") if line],
    "yaml": lambda text: yaml.load(text, Loader=yaml.SafeLoader),
    "xml": lambda text: etree.fromstring(text.encode()),
    "junit": lambda text: etree.fromstring(text.encode()),
    "csv": lambda text: list(csv.reader(io.StringIO(text, newline=""), strict=True)),
    "html": lambda text: html5lib.HTMLParser(strict=True).parse(text),
    "markdown": lambda text: MarkdownIt("commonmark").enable("table").parse(text),
}


def read(name, text):
    return READERS.get(name, str)(text)


ODD = [
    pytest.param([], id="no failures"),
    pytest.param([{}], id="an empty record"),
    pytest.param([{"id": "1"}, {}], id="a record with an id only"),
    pytest.param([example(), example(exception_message="")], id="no optional key"),
    pytest.param([example(mood="bad", deep={"a": [{"b": [None, 1.5, True]}]})], id="unknown keys"),
    pytest.param([example(**{"two words": 1, "xmlns": 2, "": 3, "é": 4})], id="odd keys"),
]


@pytest.mark.parametrize("passed", [None, [], [{"test_name": "test_ok", "id": "p1"}, {}]])
@pytest.mark.parametrize("records", ODD)
def test_every_format_writes_any_records(name, records, passed):
    """Whatever keys are there or not, the text is well formed, and the chunks are that text."""
    for about in (None, {}, ABOUT):
        text = formats.get(name).format(records, passed, about)
        assert "".join(formats.get(name).iter_format(records, passed, about)) == text
        read(name, text)


KNOWN_KEYS = (
    *("id", "timestamp", "origin", "test_name", "test_module", "test_file", "line_number"),
    *("exception_type", "exception_message", "exception_traceback", "thread_name", "thread_id"),
    *("process_id", "duration", "test_source", "test_args", "test_kwargs", "fixtures", "tags"),
    *("contexts", "cell_id", "cell_source", "execution_count", "notebook", "extracted_code"),
    *("locals", "notes", "causes", "exceptions", "passed"),
)


@pytest.mark.parametrize("value", [None, 0, 7, True, 0.5, "", "text", [], {}, [1], ["a"], {"a": 1}])
def test_every_format_bears_a_known_key_with_a_value_of_another_kind(name, value):
    """Users write records by hand: locals may be a text, tags a number."""
    for key in KNOWN_KEYS:
        frames = {"extracted_code": [FRAME, 3]} if key != "extracted_code" else {}
        records = [{**example(), **frames, key: value}]
        read(name, written(name, records, records))


def test_every_format_takes_iterators(name):
    """Records may come from a generator, and are read once."""
    records, passed = [example(id="a"), example(id="b")], [{"test_name": "test_ok"}]
    assert written(name, iter(records), iter(passed)) == written(name, records, passed)


def test_every_format_leaves_the_records_alone(name):
    """What is written is not changed."""
    records = [example(exception_message="a\rb", passed=True, deep={"a": [1]})]
    before = json.dumps(records)
    written(name, records, records)
    assert json.dumps(records) == before


def test_every_format_shows_the_exception(name):
    """Type, message, and test are in the text of every format."""
    text = written(name, stored([example(test_name="Tally", exception_message="Gone")]))
    assert all(word in text for word in ("Tally", "ValueError", "Gone"))


def test_every_format_shows_passes_only_where_given(name):
    """A report without passes does not speak of them."""
    assert "Tally" in written(name, [], [{"test_name": "Tally"}])
    assert "Tally" not in written(name, [])


@hostile
@given(records=RECORDS)
def test_every_format_writes_hostile_text(records):
    """No text of the user's makes a report that cannot be read, or fails to be written."""
    records = stored(records)
    for name in formats.names():
        text = written(name, records, [{"test_name": one["test_name"]} for one in records])
        if name != "html":  # strict html5lib refuses some characters that browsers take
            read(name, text)
        text.encode()


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, (1, [2]), 10**30, b"x"],
    ids=["object", "set", "tuple", "int", "bytes"],
)
def test_every_format_takes_values_that_json_has_no_words_for(name, value):
    """Records that did not pass the store may hold any object: its text is written."""
    read(name, written(name, [example(more=value)], None, {"more": value}))


# ---- json, jsonl, yaml: what is read is what was there


@hostile
@given(records=RECORDS, passed=st.none() | st.lists(st.fixed_dictionaries({"test_name": TEXT})))
def test_json_holds_the_records(records, passed):
    """json.loads gives the records back, character for character."""
    records, passed = stored(records), passed and stored(passed)
    data = json.loads(written("json", records, passed))
    assert data["failures"] == records
    assert data.get("passed") == passed


def test_json_has_the_documented_shape():
    """An object with metadata, failures, and passed only where it is asked for."""
    data = json.loads(written("json", [example()]))
    assert list(data) == ["metadata", "failures"]
    assert data["metadata"] == ABOUT
    assert ABOUT["schema_version"] == 1
    assert ABOUT["failure_count"] == 1
    assert ABOUT["passed_count"] == 0
    assert {"python", "failextract_nb"} <= ABOUT["versions"].keys()
    assert list(json.loads(written("json", [], []))) == ["metadata", "failures", "passed"]


@hostile
@given(records=RECORDS)
def test_jsonl_holds_a_record_on_each_line(records):
    """Each line, cut at newlines alone, is the JSON of a record; passes say so."""
    records = stored(records)
    lines = written("jsonl", records, [{"test_name": "ok"}]).split("\n")
    assert lines.pop() == ""
    assert json.loads(lines.pop()) == {"test_name": "ok", "passed": True}
    assert [json.loads(line) for line in lines] == records


@hostile
@given(records=RECORDS)
def test_yaml_holds_the_records(records):
    """The pure-Python SafeLoader gives the records back, character for character."""
    records = stored(records)
    data = yaml.load(written("yaml", records, records), Loader=yaml.SafeLoader)
    assert data == {"metadata": ABOUT, "failures": records, "passed": records}


def test_yaml_writes_a_traceback_as_a_block_and_a_frame_in_full():
    """A person can read it: no escapes, no anchors for parts that records share."""
    frame = {"file": "x.py", "line": 1}
    records = [example(exception_traceback="a\n  b\n", extracted_code=[frame, frame])] * 2
    text = written("yaml", records)
    assert "exception_traceback: |\n    a\n      b\n" in text
    assert "&" not in text
    assert "*" not in text


# ---- xml


def value_of(element):
    """An XML element as data, from the types that the format documents."""
    kind, text = element.get("type"), element.text or ""
    if kind == "dict":
        return {child.get("key", child.tag): value_of(child) for child in element}
    if kind == "list":
        return [value_of(child) for child in element]
    plain = {"null": lambda _: None, "bool": "True".__eq__, "int": int, "float": float, None: str}
    return plain[kind](text)


@hostile
@given(records=RECORDS)
def test_xml_holds_the_records(records):
    """lxml reads every record with its types; what XML forbids is a visible escape."""
    records = stored(records)
    root = etree.fromstring(written("xml", records, records).encode())
    assert value_of(root.find("metadata")) == ABOUT
    for part in ("failures", "passed"):
        assert [value_of(element) for element in root.find(part)] == shown(records)


@pytest.mark.parametrize("key", ["", "a b", "1a", "xmlfoo", "{x}y", "a:b", "é", "-", "<", '"'])
def test_xml_takes_any_key(key):
    """A key that is no XML name stands in an attribute."""
    root = etree.fromstring(written("xml", [{key: 1}]).encode())
    assert value_of(root[1][0]) == {key: 1}


# ---- csv


def cells(text):
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(header) == COLUMNS
    return [dict(zip(header, row, strict=True)) for row in rows]


@hostile
@given(records=RECORDS)
def test_csv_holds_the_records(records):
    """Each column holds its key; ``details`` is the JSON of all other keys."""
    records = stored(records)
    for record, row in zip(records, cells(written("csv", records)), strict=True):
        assert row.pop("status") == "failed"
        rest = json.loads(row.pop("details") or "{}")
        for column, cell in row.items():
            value = rest.get(column, record.get(column, ""))
            if isinstance(value, str) and column not in rest:
                assert cell in {value, f"'{value}"}
            elif column not in rest:
                assert json.loads(cell) == value
        in_columns = {key: value for key, value in record.items() if key not in rest}
        assert {**in_columns, **rest} == record
        assert in_columns.keys() <= set(COLUMNS)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_has_no_formulas(start):
    """A spreadsheet takes no text of the user's for something to compute."""
    record = stored([example(exception_message=f"{start}HYPERLINK()", test_name=f"{start}1")])[0]
    text = written("csv", [record], [record])
    for row in cells(text):
        assert row["exception_message"] == f"'{start}HYPERLINK()"
        assert row["test_name"] == f"'{start}1"
    assert formats.get("csv").read(text)[0][0]["exception_message"] == f"{start}HYPERLINK()"


# ---- markdown


def markdown(text):
    """The blocks of a text, after a look that nothing inside them is markup but our own."""
    tokens = MarkdownIt("commonmark").enable(["table"]).parse(text)
    blocks = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type != "inline":
            continue
        kinds = {child.type for child in token.children}
        own = before.tag == "p"  # the summary is bold, a pass has its id in a comment
        assert kinds <= ({"text", "strong_open", "strong_close"} if own else {"text"}), token
        blocks.append((before.tag, "".join(child.content for child in token.children)))
    return tokens, blocks


@hostile
@given(records=RECORDS)
def test_markdown_shows_the_records_as_plain_text(records):
    """Fences hold message and traceback, cells hold their text; nothing turns into markup."""
    records = stored(records)
    tokens, blocks = markdown(written("markdown", records))
    assert {token.type for token in tokens if token.nesting >= 0} <= {
        *("heading_open", "inline", "paragraph_open", "html_block", "fence", "bullet_list_open"),
        *("list_item_open", "table_open", "thead_open", "tbody_open", "tr_open"),
        *("th_open", "td_open"),
    }
    comments = [token.content for token in tokens if token.type == "html_block"]
    assert len(comments) == len(records)
    assert all(text.count("<!-- failextract:") == 1 for text in comments)
    texts = [(record["exception_message"], record["exception_traceback"]) for record in records]
    # A fence always ends with a newline, so it cannot say whether the text did.
    assert [
        token.content.removesuffix("\n")
        for token in tokens
        if token.type == "fence" and token.info == "text"
    ] == [visible(text).removesuffix("\n") for text in chain(*texts) if text]
    headings = [text for tag, text in blocks if tag == "h2"]
    for number, (heading, record) in enumerate(zip(headings, records, strict=True), 1):
        assert heading.startswith(f"{number}. {one_line(record['exception_type'])}".rstrip())
    cells = iter([text for tag, text in blocks if tag == "td"])
    for number, record in enumerate(records, 1):
        message = record["exception_message"]
        assert next(cells) == str(number)
        assert next(cells) == one_line(where(record))
        assert next(cells) == one_line(record["exception_type"])
        assert next(cells) == one_line(message[:120] + "…" * (len(message) > 120))
        assert next(cells) == one_line(line_of(record))
    named = [text for record in records for text in tables_of(record)]
    assert list(cells) == [one_line(text) for text in named]


def tables_of(record):
    """The texts of the tables below a failure, cell by cell."""
    tables = [record.get("test_kwargs"), record.get("fixtures")]
    if "extracted_code" in record:
        tables.insert(0, (record.get("locals") or [{}])[0])
    return [text for table in tables if table for pair in table.items() for text in pair]


def test_markdown_shows_the_source():
    """The cell's source, else the test's, else the code around the innermost frame."""
    for source in ({"cell_source": "a `b`"}, {"test_source": "a `b`"}):
        tokens, _ = markdown(written("markdown", [example(**source)]))
        assert ("python", "a `b`\n") in [(token.info, token.content) for token in tokens]
    assert "→ 2  b\n" in written("markdown", [example(extracted_code=[FRAME])])


@hostile
@given(names=st.lists(TEXT, max_size=3))
def test_markdown_lists_passes_as_plain_text(names):
    """A name of a test is never markup."""
    passed = stored({"test_name": name, "id": f"-a--{name}-"} for name in names)
    text = written("markdown", [], passed).partition("## Passed")[2]
    items = [one for one in MarkdownIt("commonmark").parse(text) if one.type == "inline"]
    for record, item in zip(passed, items, strict=True):
        *text, comment = item.children
        assert {one.type for one in text} == {"text"}
        shown_name = "".join(one.content for one in text).strip()
        assert shown_name == (one_line(record["test_name"]) or "unknown")
        assert comment.content.startswith("<!-- failextract:")


# ---- html


def html(text):
    return html5lib.parse(text, namespaceHTMLElements=False)


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "ul", "li"),
    *("details", "summary", "b", "small", "table", "tbody", "tr", "th", "td", "pre"),
    *("div", "noscript", "script"),
}


@hostile
@given(records=RECORDS)
def test_html_shows_the_records_as_plain_text(records):
    """A browser's parser finds every text whole, and no element or attribute of the user's."""
    records = stored(records)
    page = html(written("html", records, records))
    assert {element.tag for element in page.iter()} <= TAGS
    names = {name for element in page.iter() for name in element.keys()}
    assert names <= {"lang", "charset", "http-equiv", "content", "name", "id", "type"}
    found = page.findall("body/noscript/details")
    for record, details in zip(records, found, strict=True):
        assert details.get("id") == visible(record["id"])
        texts = [pre.text or "" for pre in details.findall("pre")]
        source = record.get("cell_source") or record.get("test_source")
        for text in (record["exception_traceback"], source):
            assert not text or visible(text) in texts
        summary = "".join(details.find("summary").itertext())
        for line in visible(record["exception_message"].strip()).splitlines():
            assert line.strip() in summary or any(line in text for text in texts)
        assert visible(record["exception_type"]) in summary
        held = ["".join(cell.itertext()) for cell in details.iter() if cell.tag in {"th", "td"}]
        assert all(visible(text) in held for text in tables_of(record))
    assert [item.text or "" for item in page.findall("body/ul/li")] == [
        visible(record["test_name"]) for record in records
    ]


def test_html_needs_nothing_from_elsewhere():
    """One file: no link, nothing loaded, one script; the browser is told to run no other."""
    text = written("html", stored([example(exception_message="<img src=http://x.y/z>")]))
    page = html(text)
    assert not {"link", "img", "iframe"} & {element.tag for element in page.iter()}
    data, script = page.findall("body/script")
    assert data.get("type") == "application/json"
    assert not script.keys()
    policy = page.find("head/meta[@http-equiv='Content-Security-Policy']").get("content")
    assert policy.startswith("default-src 'none'")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.count("script-src") == 1


def test_html_has_the_records_as_data():
    """The table in the page reads them whole; no text of theirs can end the data."""
    texts = ("</script><!--<script>", "\u2028ä\x00", "\ud800", "{}")
    records = stored(example(exception_message=text, id=text) for text in texts)
    page = html(written("html", records))
    data = page.find("body/script[@id='failextract-failures']").text
    assert "<" not in data
    assert json.loads(data) == json.loads(json.dumps(records))
    assert (
        json.loads(html(written("html", [])).find("body/script[@id='failextract-failures']").text)
        == []
    )


def test_html_says_that_nothing_failed():
    """An empty report is no riddle."""
    assert "Nothing failed" in written("html", [])


# ---- text that no terminal and no parser stumbles over


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\\rb"),
        ("\x1b[0m\0", "\\x1b[0m\\x00"),
        ("\ud800\uffff\x9b", "\\ud800\\uffff\\x9b"),
        ("é\x85\u2028😀", "é\x85\u2028😀"),
        (5, "5"),
    ],
)
def test_visible_text_has_no_control_characters(text, expected):
    """They become escapes; what all parsers take stays."""
    assert visible(text) == expected
