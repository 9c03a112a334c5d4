"""The published JSON Schema, and what two versions of the package do with each other's reports.

That every record in the test run is valid is what ``every_record_is_valid`` in conftest.py sees to.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import jsonschema
import pytest
import yaml
from conftest import example, fail, violation
from hypothesis import example as also
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import failextract_nb
from failextract_nb import (
    FailureExtractor,
    NotAReport,
    OutputConfig,
    extract_on_failure,
    failure,
    formats,
)

SCHEMA = json.loads((Path(failextract_nb.__file__).parent / "schema.json").read_bytes())
PARTS = {
    "failure": failure.Failure,
    "raised": failure.Raised,
    "passed": failure.Passed,
    "frame": failure.Frame,
    "repetition": failure.Repetition,
    "context": failure.Context,
    "assertion": failure.Assertion,
}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def declared(hint):
    """What the schema should say of a type in failure.py."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return {}
    if is_typeddict(hint):
        return {"$ref": f"#/$defs/{hint.__name__.lower()}"}
    if origin is list:
        return {"type": "array", **({"items": declared(inner[0])} if inner[0] is not Any else {})}
    if origin is dict:
        values = declared(inner[1])
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    if origin is UnionType:
        found = declared(inner[0])
        return {**found, "type": [found["type"], "null"]}
    return {"type": SCALARS[hint]}


def bare(schema):
    """A schema without what is for people, and bounds, for which types have no words."""
    kept = {key: value for key, value in schema.items() if key not in {"description", "minimum"}}
    if kept.get("items") == {}:
        del kept["items"]
    return {key: bare(value) if isinstance(value, dict) else value for key, value in kept.items()}


def test_the_schema_is_one():
    """Of draft 2020-12, and versioned as the reports are."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"].endswith(f":{failure.SCHEMA_VERSION}")


@pytest.mark.parametrize("part", PARTS)
def test_the_schema_says_what_the_types_say(part):
    """Key by key; a key that is added to failure.py has to be added to schema.json."""
    kind, schema = PARTS[part], SCHEMA["$defs"][part]
    hints = get_type_hints(kind)
    if schema.get("allOf"):
        (base,) = schema["allOf"]
        hints = {key: hint for key, hint in hints.items() if key not in RAISED}
        assert base == {"$ref": "#/$defs/raised"}
    expected = {key: declared(hint) for key, hint in hints.items()}
    assert {key: bare(one) for key, one in schema["properties"].items()} == expected
    for key, one in schema["properties"].items():
        assert one.get("description") or "$ref" in one, f"{key} is not described"


RAISED = get_type_hints(failure.Raised)


def test_the_core_keys_are_required():
    """Of a failure, of a pass; and what is required of a part has to be there."""
    assert set(SCHEMA["$defs"]["failure"]["required"]) == set(failure.CORE)
    completed = set(failure.complete_passed({}))
    assert set(SCHEMA["$defs"]["passed"]["required"]) == completed
    required = set(failure.Repetition.__required_keys__)
    assert set(SCHEMA["$defs"]["repetition"]["required"]) == required


def rich_session():
    """Failures with all that a record can have, and a pass."""

    @extract_on_failure
    def nested(depth):
        if depth:
            nested.__wrapped__(depth - 1)
        try:
            raise ExceptionGroup("group", [ValueError("a"), KeyError("b")])
        except ExceptionGroup as error:
            error.add_note("a note")
            raise RuntimeError("lone \ud800") from error

    @extract_on_failure
    def endless():
        endless.__wrapped__()

    fail(nested, 2)
    fail(endless)
    extractor = FailureExtractor()
    extractor.add_failure(example(more={"x": [1.5, None, 2**70, float("nan")]}))
    extractor.add_passed({"test_name": "ok"})
    return extractor


def test_a_report_is_valid():
    """With everything in it, by the reference implementation; and so is each line of JSON lines."""
    extractor = rich_session()
    validator = jsonschema.Draft202012Validator(SCHEMA)
    path = extractor.save_report(OutputConfig("x.json", include_passed=True))
    report = json.loads(path.read_text())
    validator.validate(report)
    assert report["metadata"]["schema_version"] == failure.SCHEMA_VERSION
    assert {"repetition", "causes", "notes"} <= {
        key for one in report["failures"] for part in (one, *one.get("causes", ())) for key in part
    }
    extractor.save_report(OutputConfig("x.jsonl"))
    for line in Path("x.jsonl").read_text().splitlines():
        validator.evolve(schema={**SCHEMA["$defs"]["failure"], "$defs": SCHEMA["$defs"]}).validate(
            json.loads(line)
        )


def test_a_record_that_is_not_valid_is_seen():
    """The check of all tests is not one that lets everything through."""
    good = FailureExtractor().failures
    FailureExtractor().add_failure(example())
    assert violation("failure")(good[0]) is None
    for wrong in (
        {"id": 5},
        {"line_number": "4"},
        {"extracted_code": [{"line": None}]},
        {"causes": [{"causes": [{"exception_type": 1}]}]},
        {"locals": [{"x": 1}]},
        {"repetition": {}},
    ):
        assert violation("failure")({**good[0], **wrong}), wrong
    assert "exception_type" in violation("failure")({"id": "a"})


# ---- what a user hands in


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({*get_type_hints(failure.Failure), "mine"}))
NESTED = {
    "causes": st.lists(
        st.dictionaries(st.sampled_from(sorted(RAISED)), JSON, max_size=3), max_size=2
    ),
    "extracted_code": st.lists(
        st.dictionaries(st.sampled_from(["file", "line", "code", "library"]), JSON), max_size=2
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(KEYS, JSON, max_size=6), st.fixed_dictionaries({}, optional=NESTED), KEYS, JSON
)
@also({"redacted": -1}, {}, "redacted", -2)
def test_whatever_is_handed_in_the_record_is_valid(record, nested, key, value):
    """Keys of ours with values of any shape, when it is added and when more is added to it."""
    extractor = FailureExtractor()
    extractor.clear()
    failure_id = extractor.add_failure({**record, **nested})
    assert violation("failure")(extractor.failures[-1]) is None
    extractor.add_context(failure_id, {key: value})
    assert violation("failure")(extractor.failures[-1]) is None
    passed_id = extractor.add_passed(record)
    assert violation("passed")(extractor.passed_tests[-1]) is None, passed_id


def test_what_does_not_fit_is_kept_beside(extractor):
    """Nothing that was handed in is lost; what can be made to fit is."""
    extractor.add_failure(
        {
            "tags": "slow",
            "line_number": "4",
            "duration": "2.5",
            "exit_code": 3.0,
            "locals": [{"x": 1}, None],
            "cell_index": "first",
            "causes": "none",
            "notebook": None,
            "command": None,
            "extracted_code": [{"line": "many", "file": 5}],
            "expected": 1,
        }
    )
    record = extractor.failures[0]
    assert record["tags"] == ["slow"]
    assert (record["line_number"], record["duration"], record["exit_code"]) == (4, 2.5, 3)
    assert record["locals"] == [{"x": "1"}, None]
    assert record["cell_index_given"] == "first"
    assert record["causes_given"] == "none"
    assert record["notebook"] is None
    assert record["extracted_code"] == [{"line_given": "many", "file": "5"}]
    assert record["expected"] is True
    assert not {"cell_index", "causes", "command", "command_given"} & record.keys()


def test_what_an_override_puts_in_is_shaped_too(extractor):
    """In a record that capture has made."""

    class Mine(FailureExtractor):
        def add_failure(self, failure_data):
            failure_data["tags"] = "slow"
            failure_data["duration"] = "long"
            return super().add_failure(failure_data)

    Mine()
    fail(extract_on_failure(lambda: 1 / 0))
    record = extractor.failures[0]
    assert record["tags"] == ["slow"]
    assert record["duration_given"] == "long"


# ---- two versions


WHOLE = ["json", "yaml", "xml"]


def newer(record):
    """A record of a version to come."""
    return {**record, "severity": {"level": 3}, "causes": [{"exception_type": "E", "hint": "x"}]}


def from_a_newer_version(name):
    """Its report, which says more than ours does."""
    about = {"schema_version": 2, "generated": "2031", "mood": "good", "versions": {"python": "4"}}
    parts = {
        "metadata": about,
        "failures": [newer(example(id="theirs"))],
        "passed": [{"id": "p", "test_name": "ok", "speed": "high"}],
        "groups": [{"name": "g", "members": ["theirs"]}],
    }
    return "".join(formats.get(name).iter_parts(parts))


def data_of(name, text):
    """The report by a parser that is not ours."""
    if name == "xml":
        return plain(etree.fromstring(text.encode()))
    return json.loads(text) if name == "json" else yaml.safe_load(text)


def plain(element):
    if len(element) and element[0].tag in ("item", "failure", "test"):
        return [plain(one) for one in element]
    if len(element):
        return {one.tag: plain(one) for one in element}
    return int(element.text) if (element.text or "").isdigit() else element.text


@pytest.mark.parametrize("name", WHOLE)
def test_append_keeps_what_a_newer_version_has_written(name, extractor):
    """In records, in passes, in the metadata, and parts that we do not know."""
    Path("x").write_text(from_a_newer_version(name))
    extractor.add_failure(example(id="ours"))
    for _ in range(2):
        extractor.save_report(OutputConfig("x", format=name, append=True))
    data = data_of(name, Path("x").read_text())
    theirs, ours = data["failures"]
    assert theirs == newer(example(id="theirs"))
    assert ours["id"] == "ours"
    assert data["passed"] == [{"id": "p", "test_name": "ok", "speed": "high"}]
    assert data["groups"] == [{"name": "g", "members": ["theirs"]}]
    about = data["metadata"]
    assert (about["schema_version"], about["mood"], about["failure_count"]) == (2, "good", 2)
    assert about["generated"] != "2031"
    assert str(about["versions"]["failextract_nb"]) == failextract_nb.__version__


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_append_keeps_what_a_newer_version_has_put_into_lines(name, extractor):
    """A format without metadata keeps the records' keys."""
    theirs = newer(failure.complete(example(id="theirs", exception_traceback="T")))
    Path("x").write_text("".join(formats.get(name).iter_format([theirs])))
    extractor.add_failure(example(id="ours"))
    extractor.save_report(OutputConfig("x", format=name, append=True))
    read, _ = formats.get(name).read(Path("x").read_text())
    assert [one["id"] for one in read] == ["theirs", "ours"]
    assert read[0] == theirs


@pytest.mark.parametrize("name", [*WHOLE, "jsonl", "csv"])
def test_what_is_read_can_be_added_whatever_version_wrote_it(name, extractor):
    """Keys that are missing are filled, keys that we do not know are kept."""
    old = {"id": "old", "exception_type": "E"}
    new = newer(example(id="new", line_number=3))
    for one in formats.get(name).read("".join(formats.get(name).iter_format([old, new])))[0]:
        extractor.add_failure(one)
    first, second = extractor.failures
    assert set(failure.CORE) <= first.keys()
    assert (first["id"], first["exception_type"], first["test_name"]) == ("old", "E", "unknown")
    assert second["severity"] == {"level": 3}
    assert second["causes"][0]["hint"] == "x"
    assert second["line_number"] == 3


@pytest.mark.parametrize("name", [*WHOLE, "jsonl", "csv"])
def test_what_was_saved_and_read_is_the_same_record(name, extractor):
    """A report is a store on disk: nothing about a failure changes on the way."""
    extractor = rich_session()
    before = [json.loads(json.dumps(one)) for one in extractor.failures]
    text = extractor.save_report(OutputConfig("x", format=name)).read_bytes().decode()
    extractor.clear()
    for one in formats.get(name).read(text)[0]:
        extractor.add_failure(one)
    assert list(extractor.failures) == before


# ---- reading is safe


BOMBS = {
    "json": ["[" * 1_000_000, '{"a":' * 1_000_000, '{"metadata": {}, "failures": [' + "[" * 900],
    "jsonl": ['{"id": ' + "[" * 1_000_000],
    "yaml": [
        "[" * 1_000_000,
        "- " * 1_000_000,
        "metadata: &a [1]\nfailures: []\npassed: *a",
        "metadata: &a {x: 1}\nfailures: [*a, *a]",
        "metadata: &a [*a]\nfailures: []",
        "metadata: {}\nfailures: [{<<: {x: 1}}]",
        "metadata: {}\nfailures: [&a {x: 1}, {<<: *a}]",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "a: &a {x: 1}\n"
        + "".join(
            f"{new}: &{new} {{<<: [{','.join([f'*{old}'] * 9)}]}}\n"
            for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
        ),
        "metadata: {}\nfailures: [!!python/object/apply:os.system [true]]",
    ],
    "xml": [
        "<a>" * 1_000_000,
        "<failextract><metadata/><failures>"
        + "<f type='list'>" * 100_000
        + "</f>" * 100_000
        + "</failures></failextract>",
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><failextract>&b;</failextract>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><failextract/>',
    ],
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in BOMBS for number in range(len(BOMBS[name]))]
)
def test_a_report_that_is_made_to_harm_is_refused(name, number, extractor):
    """It is parsed, never run, and neither depth nor a part that stands for another blows it up."""
    Path("x").write_text(BOMBS[name][number])
    error = fail(extractor.save_report, OutputConfig("x", format=name, append=True))
    assert type(error) is NotAReport
    assert Path("x").read_text() == BOMBS[name][number]


def test_numbers_that_json_has_no_words_for_are_kept(extractor):
    """Python's json writes them, and a report must not lose them to null."""
    Path("x.json").write_text(
        '{"metadata": {}, "failures": [{"id": "a", "x": [NaN, -Infinity, 1e999, 1.5]}]}'
    )
    extractor.save_report(OutputConfig("x.json", append=True))
    (one,) = json.loads(Path("x.json").read_text())["failures"]
    assert one["x"] == ["NaN", "-Infinity", "1e999", 1.5]
