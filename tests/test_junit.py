"""JUnit: valid for the strictest readers, a case for each record, readable by junitparser."""

from __future__ import annotations

import functools

import junitparser
import pytest
from conftest import ROOT, example
from hypothesis import given
from lxml import etree
from test_formats import RECORDS, hostile, one_line, stored

from failextract_nb.formats._base import visible
from failextract_nb.formats.junit import formatter

JENKINS = ROOT / "build" / "junit-10.xsd"
ANT = ROOT / "tests" / "junit_ant.xsd"


@functools.cache
def schema(path):
    assert path.exists(), f"{path} is missing; `make build/junit-10.xsd` makes it"
    return etree.XMLSchema(etree.parse(path))


def suites_of(records, passed=None):
    """The suites, after both schemas have accepted the report."""
    root = etree.fromstring(formatter.format(records, passed).encode())
    for path in (ANT, JENKINS):
        schema(path).assertValid(root)
    return root.findall("testsuite")


@pytest.mark.parametrize("path", [ANT, JENKINS], ids=["ant", "jenkins"])
def test_the_schemas_refuse_what_is_wrong(path):
    """They are no empty promise: a suite without a name is refused."""
    assert not schema(path).validate(etree.fromstring("<testsuites><testsuite/></testsuites>"))


def test_an_empty_report_is_valid():
    """Nothing failed: no suite."""
    assert suites_of([]) == []
    assert suites_of([], []) == []


@hostile
@given(records=RECORDS)
def test_hostile_text_is_valid_and_whole(records):
    """Both schemas, lxml and junitparser agree; each record is a case with its text."""
    records = stored(records)
    suites = suites_of(records, records)
    cases = [case for suite in suites for case in suite.findall("testcase")]
    assert len(cases) == 2 * len(records)
    found = [
        (case[0].get("type"), case[0].get("message"), case[0].text or "")
        for case in cases
        if len(case)
    ]
    assert sorted(found) == sorted(
        (
            visible(record["exception_type"]) or "unknown",
            visible(record["exception_message"]),
            visible(record["exception_traceback"]),
        )
        for record in records
    )
    parsed = junitparser.JUnitXml.fromstring(formatter.format(records, records).encode())
    parsed.update_statistics()
    assert (parsed.tests, parsed.failures) == (2 * len(records), len(records))


def test_there_is_a_case_for_each_record_failed_or_passed():
    """The counts are those of the cases; only a failed one has a failure."""
    records = [
        example(test_name="a", test_module="m", duration=0.25),
        example(test_name="b", test_module="m", exception_traceback="Traceback…", duration=1),
    ]
    (suite,) = suites_of(records, [{"test_name": "c", "test_module": "m", "duration": 0.5}])
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "2", "errors": "0", "skipped": "0"}
    assert float(suite.get("time")) == 1.75
    cases = suite.findall("testcase")
    assert [(case.get("name"), case.get("classname"), len(case)) for case in cases] == [
        ("a", "m", 1),
        ("b", "m", 1),
        ("c", "m", 0),
    ]
    assert [float(case.get("time")) for case in cases] == [0.25, 1, 0.5]
    assert cases[1][0].text == "Traceback…"


def test_what_was_expected_to_fail_is_skipped():
    """A cell tagged raises-exception is no failure to a CI server; the case says what it raised."""
    (suite,) = suites_of([example(test_module="m", expected=True), example(test_module="m")])
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "2", "failures": "1", "errors": "0", "skipped": "1"}
    first, second = suite.findall("testcase")
    assert [first[0].tag, second[0].tag] == ["skipped", "failure"]
    assert first[0].get("message") == "expected: ValueError: no"


def test_suites_are_notebooks_or_modules():
    """A notebook's cells stand together, else the tests of a module do."""
    records = [
        example(notebook="a.ipynb", test_module="__main__"),
        example(notebook="b.ipynb", test_module="__main__"),
        example(test_module="tests.test_a"),
        example(notebook="a.ipynb", test_module="other"),
        example(),
        {},
    ]
    suites = suites_of(records)
    assert [(suite.get("name"), suite.get("id"), suite.get("tests")) for suite in suites] == [
        ("a.ipynb", "0", "2"),
        ("b.ipynb", "1", "1"),
        ("tests.test_a", "2", "1"),
        ("unknown", "3", "2"),
    ]


def test_a_cell_is_named_as_the_user_sees_it():
    """``In[5]``, with the name it was given, if any."""
    cell = example(origin="cell", execution_count=5, test_name="load the data")
    (suite,) = suites_of([cell])
    assert suite.find("testcase").get("name") == one_line("In[5] load the data")


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-01-31T12:00:00.123456+00:00", "2026-01-31T12:00:00"),
        ("2026-01-31", "2026-01-31T00:00:00"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00"),
        ("yesterday", "1970-01-01T00:00:00"),
        (None, "1970-01-01T00:00:00"),
        (0, "1970-01-01T00:00:00"),
        ("0001-01-01T00:00:00", "1970-01-01T00:00:00"),
    ],
)
def test_a_suite_has_the_time_of_its_first_record(timestamp, expected):
    """To the second; what is no time is the start of the epoch."""
    later = example(timestamp="2027-01-01T00:00:00+00:00")
    records = [example(timestamp=timestamp)]
    (suite,) = suites_of(records if expected.startswith("1970") else [later, *records])
    assert suite.get("timestamp") == expected


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -1, "1", None, 1e300, 1e-9])
def test_a_duration_that_is_none_is_zero(duration):
    """A suite's time stays a number that every reader takes."""
    (suite,) = suites_of([example(duration=duration)], [{"duration": duration}])
    assert float(suite.get("time")) == 0


def test_cases_are_written_one_by_one():
    """However many cases a suite has, no chunk holds more than one: a million fit through memory."""
    records = stored([{"test_module": "one", "exception_message": f"{n}"} for n in range(50)])
    chunks = list(formatter.iter_format(records))
    assert max(chunk.count("<testcase") for chunk in chunks) == 1
    assert sum(chunk.count("<testcase") for chunk in chunks) == 50


def test_text_that_looks_like_a_part_of_the_report():
    """A suite whose name is what stands for its cases while they are written is a suite like any."""
    name = "    <cases />\n"
    (suite,) = etree.fromstring(formatter.format(stored([{"test_module": name}])).encode())
    assert suite.get("name") == "<cases />"
    assert len(suite.findall("testcase")) == 1
