"""What is written for CI servers: JUnit of a run, GitLab's code quality, the summary of a job."""

from __future__ import annotations

import json
import re

import fastjsonschema
import junitparser
import pytest
from conftest import example
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from test_ci_commands import BOOKS, FOREIGN, book, named, of_themselves
from test_formats import hostile, markdown, one_line, stored
from test_junit import ANT, JENKINS, schema

from failextract_nb._strings import clip
from failextract_nb.batch.outcome import OUTCOMES, CellOutcome, NotebookOutcome
from failextract_nb.ci import cases_of
from failextract_nb.ci.findings import findings
from failextract_nb.ci.gitlab import code_quality
from failextract_nb.ci.summary import MAX_CELL, to_markdown
from failextract_nb.failure import where
from failextract_nb.formats._base import visible

# ---- JUnit


def suites_of(*books):
    """The suites, after both schemas and junitparser have taken the report."""
    text = "".join(cases_of(books)).encode()
    root = etree.fromstring(text)
    for path in (ANT, JENKINS):
        schema(path).assertValid(root)
    suites = root.findall("testsuite")
    for read, suite in zip(junitparser.JUnitXml.fromstring(text), suites, strict=True):
        assert (read.name, str(read.failures)) == (suite.get("name"), suite.get("failures"))
        results = [(case.name, [one.message for one in case.result]) for case in read]
        assert results == [
            (case.get("name"), [part.get("message") for part in case])
            for case in suite.findall("testcase")
        ]
    assert len(suites) == len(books)
    return suites


def cell(index, outcome, reason="", **more):
    return CellOutcome(index, f"id{index}", f"line {index}", outcome=outcome, reason=reason, **more)


CELL = st.builds(
    lambda outcome, reason, line, seconds, expected: {
        "outcome": outcome,
        "reason": reason,
        "first_line": line,
        "seconds": seconds,
        "expected": expected,
    },
    st.sampled_from(OUTCOMES),
    FOREIGN,
    FOREIGN,
    st.floats(0, 1e6),
    st.booleans(),
)


def test_there_is_a_suite_for_each_notebook_and_a_case_for_each_cell():
    """Passed, failed, blocked, skipped and not run; what no cell has is a case of its own."""
    failed = example(cell_index=1, exception_traceback="Traceback…", origin="cell")
    follows = example(cell_index=2, blocked_by={"failure": "f", "cell_index": 1, "name": "df"})
    dead = example(exception_type="DeadKernelError", test_name="kernel")
    one = NotebookOutcome(
        "/a.ipynb",
        "a.ipynb",
        cells=[
            cell(0, "passed", seconds=1.5),
            cell(1, "failed"),
            cell(2, "blocked", "needs df, which cell 2 lacks"),
            cell(4, "skipped", "tagged skip-execution"),
            cell(5, "not run", "the kernel died in cell 2"),
        ],
        failures=stored([failed, follows, dead]),
        warnings=["no extension"],
    )
    first, second = suites_of(
        one, NotebookOutcome("/b.ipynb", "b.ipynb", cells=[cell(0, "passed")])
    )
    assert [suite.get("name") for suite in (first, second)] == ["a.ipynb", "b.ipynb"]
    counts = {name: first.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {
        "tests": "6",
        "failures": "2",
        "errors": "0",
        "skipped": "3",
        "time": "1.500",
    }
    cases = first.findall("testcase")
    assert [case.get("name") for case in cases] == [
        *("cell 1: line 0", "cell 2: line 1", "cell 3: line 2"),
        *("cell 5: line 4", "cell 6: line 5", "kernel"),
    ]
    assert [[part.tag for part in case] for case in cases] == [
        *([], ["failure"], ["skipped"], ["skipped"], ["skipped"], ["failure"]),
    ]
    assert cases[1][0].text == "Traceback…"
    assert [case[0].get("message") for case in cases[2:5]] == [
        "blocked: needs df, which cell 2 lacks",
        "skipped: tagged skip-execution",
        "not run: the kernel died in cell 2",
    ]
    assert first.find("system-err").text == "no extension"
    assert second.find("testcase").get("classname") == "b.ipynb"


def test_a_cell_that_fails_in_several_ways_is_one_case():
    """It names the first, counts the rest and holds every traceback."""
    failures = [
        example(cell_index=0, exception_message=str(n), exception_traceback=f"Trace {n}")
        for n in range(3)
    ]
    one = NotebookOutcome("/a", "a", cells=[cell(0, "failed")], failures=stored(failures))
    (case,) = suites_of(one)[0].findall("testcase")
    assert case[0].get("message") == "0 (and 2 more failures)"
    assert case[0].text == "Trace 0\nTrace 1\nTrace 2"


def test_a_cell_that_failed_as_it_was_meant_to_is_skipped():
    """As in the report of a session; a cell that did not is a failure like any."""
    raised = example(cell_index=0, expected=True)
    did_not = example(cell_index=1, origin="expectation", exception_type="DidNotRaise")
    cells = [cell(0, "passed", expected=True), cell(1, "failed"), cell(2, "failed", "no record")]
    one = NotebookOutcome("/a", "a", cells=cells, failures=stored([raised, did_not]))
    first, second, third = suites_of(one)[0].findall("testcase")
    assert first[0].get("message") == "expected: ValueError: no"
    assert second[0].get("type") == "DidNotRaise"
    assert (third[0].tag, third[0].get("message")) == ("failure", "no record")


@hostile
@given(books=BOOKS, cells=st.lists(CELL, max_size=3))
def test_hostile_runs_are_valid_and_whole(books, cells):
    """Both schemas and junitparser agree; each cell, and each failure of no cell, is a case."""
    for one in books:
        one.cells = [CellOutcome(index, "", **cell) for index, cell in enumerate(cells)]
        for failure in one.failures[::2]:
            failure["cell_index"] = 0
    for one, suite in zip(books, suites_of(*books), strict=True):
        beside = one.failures[1::2] if cells else one.failures
        found = suite.findall("testcase")
        assert len(found) == len(cells) + len(beside)
        for index, (cell, case) in enumerate(zip(cells, found, strict=False)):
            assert case.get("name") == named(f"cell {index + 1}: {cell['first_line']}")
        for failure, case in zip(beside, found[len(cells) :], strict=True):
            assert case.get("name") == named(where(failure))
            if not failure.get("expected"):
                assert case[0].get("message") == visible(failure["exception_message"])


# ---- GitLab

# What GitLab asks for, in our own words.
ENTRY = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    }
)


def quality_of(books):
    """The entries, each as GitLab asks for it, and no fingerprint twice."""
    entries = json.loads(code_quality(findings(books, {})))
    for entry in entries:
        ENTRY(entry)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    return entries


@hostile
@given(books=BOOKS)
def test_gitlab_gets_the_failures_as_findings(books):
    """Each that stands for itself, with its place and its words on one line."""
    entries, expected = quality_of(books), of_themselves(books)
    for entry, (one, failure) in zip(entries, expected, strict=True):
        assert entry["check_name"] == named(failure["exception_type"])
        assert entry["location"]["path"] == (visible(one.path) or named(one.name))
        line = failure.get("notebook_line", 0)
        assert entry["location"]["lines"]["begin"] == (line if line > 0 else 1)
        said = f"{named(where(failure))} of {named(one.name)}: {entry['check_name']}"
        said = one_line(f"{said}: {visible(failure['exception_message'])}")
        assert entry["description"] == clip(said, 1_000)


def test_a_finding_is_known_again_in_the_next_run():
    """Its line and message may change; a second one of the same cell is another."""
    first = example(cell_id="a", notebook_line=3, exception_message="at 0x1")
    moved = example(cell_id="a", notebook_line=9, exception_message="at 0x2")
    other = example(cell_id="b")
    before, now = quality_of([book("n", first)]), quality_of([book("n", moved, moved, other)])
    assert before[0]["fingerprint"] == now[0]["fingerprint"]
    assert len(now) == 3


# ---- the summary


def rows_of(text):
    """The head line and the rows of the one table, after a look that nothing in it is markup."""
    tokens, blocks = markdown(text)
    kinds = [token.type for token in tokens if token.type.endswith("_open")]
    assert kinds.count("table_open") <= 1
    assert set(kinds) <= {
        *("heading_open", "table_open", "thead_open", "tbody_open", "tr_open", "th_open"),
        *("td_open", "paragraph_open"),
    }
    cells = [content for tag, content in blocks if tag == "td"]
    return blocks[0][1], [tuple(cells[at : at + 5]) for at in range(0, len(cells), 5)]


@hostile
@given(books=BOOKS)
def test_the_summary_is_one_table_of_plain_text(books):
    """Notebook, cell, exception, message and cause of every failure, as they are."""
    found = findings(books, {})
    _, rows = rows_of(to_markdown(books, found))
    assert rows == [
        tuple(
            one_line(clip(text, MAX_CELL))
            for text in (one.notebook, one.cell, one.kind, one.message, one.cause)
        )
        for one in found
    ]


def test_the_summary_tells_causes():
    """What an exception was raised from, and which cell a blocked one lacks."""
    chain = [
        {"exception_type": "KeyError", "exception_message": "'b'"},
        {"exception_type": "OSError", "exception_message": "gone"},
    ]
    failures = [
        example(id="f", origin="cell", execution_count=2, test_name="In[2]", causes=chain),
        example(
            exception_type="NameError",
            exception_message="name 'df' is not defined",
            blocked_by={"failure": "f", "cell_index": 1, "name": "df"},
        ),
    ]
    books = [book("a.ipynb", *failures), NotebookOutcome("/b", "b", begun=True)]
    head, rows = rows_of(to_markdown(books, findings(books, {})))
    assert head == "1 failure in 1 of 2 notebooks, and 1 that only follows from another failure"
    assert rows == [
        ("a.ipynb", "In[2]", "ValueError", "no", "OSError: gone"),
        (
            *("a.ipynb", "test_x", "NameError", "name 'df' is not defined"),
            "In[2] has failed, and df is missing",
        ),
    ]


@pytest.mark.parametrize(
    ("books", "head"),
    [
        ([NotebookOutcome("/a", "a", begun=True)], "1 notebook passed"),
        (
            [NotebookOutcome("/a", "a", begun=True), NotebookOutcome("/b", "b", interrupted=True)],
            "1 notebook passed, 1 did not get to the end",
        ),
    ],
)
def test_the_summary_of_a_run_without_failures(books, head):
    """A line, and no table."""
    assert rows_of(to_markdown(books, [])) == (head, [])


@pytest.mark.parametrize("limit", [0, 50, 300, 1_000, 20_000, 1024 * 1024])
def test_the_summary_fits_into_its_limit(limit):
    """Rows that do not fit are counted, and none is cut in two."""
    books = [book("ä.ipynb", *[example(exception_message="ü|" * 99)] * 3_000)]
    found = findings(books, {})
    text = to_markdown(books, found, limit)
    assert len(text.encode()) <= limit
    if not text:
        assert limit <= 300
        return
    assert len(text.encode()) > limit - 800
    _, rows = rows_of(text)
    assert {row[3] for row in rows} <= {"ü|" * 99}
    assert int(re.search(r"… and (\d+) more failures\.\n\Z", text)[1]) + len(rows) == 3_000
