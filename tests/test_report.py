"""Reports: what goes in, in which format, where to; several at once; added to old ones."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from conftest import example, fail
from lxml import etree
from test_formats import read

from failextract_nb import FailureExtractor, NotAReport, OutputConfig, OutputFormatter, formats
from failextract_nb.formats.csv import COLUMNS

# ---- OutputConfig


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"path": 5}, TypeError, "path"),
        ({"path": b"x.json"}, TypeError, "path"),
        ({"path": ""}, ValueError, "path"),
        ({"path": "x.unknown"}, ValueError, "x.unknown"),
        ({"path": "x"}, ValueError, "'x'"),
        ({"format": "jsn"}, ValueError, "format 'jsn'"),
        ({"format": ""}, ValueError, "format ''"),
        ({"format": 5}, TypeError, "format"),
        ({"append": 1}, TypeError, "append"),
        ({"append": True, "path": None}, ValueError, "append"),
        ({"append": True, "path": "-"}, ValueError, "append"),
        ({"include_passed": None}, TypeError, "include_passed"),
        ({"include_source": "no"}, TypeError, "include_source"),
        ({"include_fixtures": 0}, TypeError, "include_fixtures"),
        ({"include_locals": []}, TypeError, "include_locals"),
        ({"include_traceback": 1.0}, TypeError, "include_traceback"),
        ({"max_failures": 0}, ValueError, "max_failures"),
        ({"max_failures": -1}, ValueError, "max_failures"),
        ({"max_failures": 1.5}, TypeError, "max_failures"),
        ({"max_failures": True}, TypeError, "max_failures"),
        ({"max_failures": "3"}, TypeError, "max_failures"),
        ({"where": "x"}, TypeError, "where"),
        ({"colour": "red"}, TypeError, "colour"),
    ],
)
def test_an_argument_that_is_wrong_is_named(arguments, kind, words):
    """The error says which argument, where it is made, not where it is used."""
    error = fail(OutputConfig, **{"path": "x.json", **arguments})
    assert type(error) is kind
    assert words in str(error)


def test_a_config_cannot_be_changed():
    """What was checked stays true."""
    config = OutputConfig("x.json")
    assert isinstance(fail(setattr, config, "format", "nope"), AttributeError)


def test_the_format_is_what_the_extension_says_or_what_is_said():
    """A named format wins; standard output is JSON."""
    assert OutputConfig("x.md").format == "markdown"
    assert OutputConfig("x.md", format="json").format == "json"
    assert OutputConfig("x.txt", format="csv").format == "csv"
    assert OutputConfig(None).format == "json"


def test_a_path_may_start_at_home(monkeypatch, tmp_path, extractor):
    """As in a shell; the name of nobody is a folder's name."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    path = extractor.save_report(OutputConfig("~/x.json"))
    assert path == tmp_path / "home" / "x.json"
    assert path.exists()
    assert OutputConfig("~no-such-user/x.json").path == Path("~no-such-user/x.json")


# ---- what goes in


def saved(config):
    path = FailureExtractor().save_report(config)
    return json.loads(path.read_text(encoding="utf-8"))


def test_save_report_returns_the_path(extractor):
    """A Path, also for a text, also in a folder that was not there."""
    path = extractor.save_report(OutputConfig("a/b/x.json"))
    assert path == Path("a/b/x.json")
    assert json.loads(path.read_text())["failures"] == []


@pytest.mark.parametrize("target", [None, "-"])
def test_standard_output(target, extractor, capsys):
    """None or "-" prints the report and returns no path."""
    extractor.add_failure(example())
    assert extractor.save_report(OutputConfig(target)) is None
    assert json.loads(capsys.readouterr().out)["metadata"]["failure_count"] == 1
    assert os.listdir() == []


def test_standard_output_is_the_report_and_a_newline(extractor, capsys):
    """A pipe gets what a file gets: no blank line, but never an open last line."""
    formats.register("open", type("Open", (), {"format": lambda *_: "text"}))
    for name, expected in (("jsonl", ""), ("csv", None), ("open", "text\n")):
        extractor.save_report(OutputConfig(None, format=name))
        out = capsys.readouterr().out
        assert out == expected or (expected is None and out.count("\n") == 1)


ORDERS = "x\n::error file=a.py::forged\n  ::add-mask::y\n##vso[task.complete]z ##[group]q"
CONTROLS = "\x1b[2J\r\x9bJ\x0bgone"


@pytest.mark.parametrize("server", ["GITHUB_ACTIONS", "TF_BUILD"])
@pytest.mark.parametrize("name", formats.names())
def test_what_is_printed_gives_a_ci_server_no_orders(name, server, extractor, capsys, monkeypatch):
    """It reads all that a job prints, also what a message says."""
    monkeypatch.setenv(server, "true")
    extractor.add_failure(example(exception_message=ORDERS, exception_traceback=ORDERS))
    extractor.save_report(OutputConfig(None, format=name))
    out = capsys.readouterr().out
    assert "forged" in out
    lines = out.splitlines()
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert not [line for line in lines if "##[" in line or "##vso[" in line]
    if name == "json":
        json.loads(out)


@pytest.mark.parametrize("name", formats.names())
def test_what_is_printed_gives_a_terminal_no_orders(name, extractor, monkeypatch):
    """No escape sequence, no way back to the start of the line."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    extractor.add_failure(example(exception_message=CONTROLS, exception_traceback=CONTROLS))
    extractor.save_report(OutputConfig(None, format=name))
    assert "gone" in terminal.getvalue()
    assert not set(terminal.getvalue()) & set("\x1b\r\x9b\x0b")


def test_a_problem_is_told_on_one_line(extractor, recwarn):
    """A warning goes to the terminal, or to a log."""
    extractor._store.note_problem("a save", ValueError(ORDERS + CONTROLS))
    text = str(recwarn.pop(RuntimeWarning).message)
    assert text.isprintable()
    assert "forged" in text


def test_a_module_without_a_version_costs_nothing(extractor, monkeypatch, capsys):
    """A module may be an object of any kind."""

    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

    monkeypatch.setitem(sys.modules, "polars", Odd())
    extractor.save_report(OutputConfig(None, format="json"))
    assert "polars" not in json.loads(capsys.readouterr().out)["metadata"]["versions"]


def test_the_metadata_counts_what_is_in_the_report(extractor):
    """Failures and passes that are in, failures that the store had to drop."""
    extractor.set_memory_limits(max_failures=3)
    for _ in range(5):
        extractor.add_failure(example())
    extractor.add_passed({"test_name": "ok"})
    about = saved(OutputConfig("x.json", include_passed=True, max_failures=2))["metadata"]
    assert about["failure_count"] == 2
    assert about["passed_count"] == 1
    assert about["dropped_failures"] == 2
    about = saved(OutputConfig("x.json"))["metadata"]
    assert about["failure_count"] == 3
    assert about["passed_count"] == 0


def test_max_failures_takes_the_newest(extractor):
    """In their order."""
    for number in range(5):
        extractor.add_failure(example(number=number))
    failures = saved(OutputConfig("x.json", max_failures=2))["failures"]
    assert [one["number"] for one in failures] == [3, 4]


def test_where_chooses_and_max_failures_counts_the_chosen(extractor):
    """The newest of those that ``where`` returns true for."""
    for number in range(6):
        extractor.add_failure(example(number=number))
    config = OutputConfig("x.json", where=lambda one: one["number"] % 2 == 0, max_failures=2)
    assert [one["number"] for one in saved(config)["failures"]] == [2, 4]


def test_passes_are_there_where_asked_for(extractor):
    """Else the report has no such part."""
    extractor.add_passed({"test_name": "ok"})
    assert saved(OutputConfig("x.json", include_passed=True))["passed"][0]["test_name"] == "ok"
    assert "passed" not in saved(OutputConfig("x.json"))


RAISED = {
    "exception_type": "E",
    "extracted_code": [{"file": "x.py", "line": 1, "code": "raise", "code_start": 1}],
    "locals": [{"x": "1"}],
}
WHOLE = {
    **example(),
    **RAISED,
    "exception_traceback": "Traceback…",
    "test_source": "def f(): …",
    "cell_source": "f()",
    "test_args": ["1"],
    "test_kwargs": {"y": "2"},
    "fixtures": {"db": "3"},
    "causes": [{**RAISED, "causes": [RAISED]}],
    "exceptions": [{**RAISED, "exceptions": [{**RAISED, "causes": [RAISED]}]}],
}


def keys_of(value):
    """Every key at any depth."""
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in keys_of(item)}
    return {key for item in value for key in keys_of(item)} if isinstance(value, list) else set()


@pytest.mark.parametrize(
    ("switch", "gone"),
    [
        ("include_source", {"test_source", "cell_source", "code", "code_start"}),
        ("include_fixtures", {"fixtures", "db"}),
        ("include_locals", {"locals", "x", "test_args", "test_kwargs", "y"}),
        (
            "include_traceback",
            {"exception_traceback", "extracted_code", "locals"}
            | {"file", "line", "code", "code_start", "x"},
        ),
    ],
)
def test_what_is_not_to_be_included_is_nowhere(switch, gone, extractor):
    """Not in causes, not in groups; all else is there, and the store's record is whole."""
    extractor.add_failure(WHOLE)
    before = json.dumps(extractor.failures[0])
    (record,) = saved(OutputConfig("x.json", **{switch: False}))["failures"]
    kept = keys_of(extractor.failures[0])
    assert gone <= kept
    assert keys_of(record) & gone == set()
    assert json.dumps(extractor.failures[0]) == before


def test_all_that_is_known_is_included_unless_said_otherwise(extractor):
    """A plain report is the record."""
    extractor.add_failure(WHOLE)
    assert saved(OutputConfig("x.json"))["failures"] == [extractor.failures[0]]


@pytest.mark.parametrize("name", formats.names())
def test_a_report_of_nothing_is_written(name, extractor):
    """Valid, and empty, in every format."""
    path = extractor.save_report(OutputConfig("x", format=name, include_passed=True))
    read(name, text_of(path))
    if name in APPENDABLE:
        assert read_back(name, text_of(path)) == ([], [])


def test_a_formatter_that_raises_half_way_leaves_the_old_report(extractor):
    """The user's own format has a mistake: its error comes out, the old file stays."""

    class Broken(OutputFormatter):
        def iter_format(self, failures, passed=None, metadata=None):
            yield "half"
            raise KeyError("mood")

    formats.register("broken", Broken)
    Path("x.broken").write_text("old")
    assert type(fail(extractor.save_report, OutputConfig("x.broken"))) is KeyError
    assert os.listdir() == ["x.broken"]
    assert Path("x.broken").read_text() == "old"


def test_a_report_is_streamed(extractor):
    """The second record is asked for after the first is written, by a user's format too."""
    asked = []

    class Lines(OutputFormatter):
        def iter_format(self, failures, passed=None, metadata=None):
            for one in failures:
                asked.append(sum(entry.stat().st_size for entry in os.scandir()))
                yield "x" * 100_000

    formats.register("lines", Lines)
    for _ in range(5):
        extractor.add_failure(example())
    extractor.save_report(OutputConfig("x.lines"))
    assert asked[0] == 0
    assert asked[-1] >= 300_000


# ---- append


def read_back(name, text):
    """Test names of failures and passes, by a parser that is not ours."""
    if name == "json":
        data = json.loads(text)
    elif name == "yaml":
        data = yaml.load(text, Loader=yaml.SafeLoader)
    elif name == "xml":
        root = etree.fromstring(text.encode())
        data = {
            part.tag: [{"test_name": one.findtext("test_name")} for one in part] for part in root
        }
    elif name == "markdown":
        parts = re.split(r"^---$", text, flags=re.MULTILINE)
        failures = re.findall(r"^- Test: (\w+)", text, re.MULTILINE)
        passes = [re.findall(r"^- (\w+) <!--", part, re.MULTILINE) for part in parts]
        return failures, sum(passes, [])
    else:
        if name == "csv":
            limit = csv.field_size_limit(len(text) + 1)
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
            csv.field_size_limit(limit)
        else:
            rows = [json.loads(line) for line in text.split("\n") if line]
            rows = [{**row, "status": "passed" if row.get("passed") else "failed"} for row in rows]
        data = {"failures": [row for row in rows if row["status"] == "failed"]}
        data["passed"] = [row for row in rows if row["status"] == "passed"]
    parts = (data["failures"], data.get("passed") or [])
    return tuple([one["test_name"] for one in part] for part in parts)


APPENDABLE = ["json", "jsonl", "csv", "yaml", "xml", "markdown"]


def text_of(path):
    return Path(path).read_bytes().decode()


@pytest.mark.parametrize("name", APPENDABLE)
def test_append_adds_what_is_not_there_yet(name, extractor):
    """Two sessions, each saving twice: every failure and every pass is there once."""
    config = OutputConfig("x", format=name, append=True, include_passed=True)
    for session in ("first", "second"):
        for number in "ab":
            extractor.add_failure(example(test_name=f"{session}{number}"))
            extractor.add_passed({"test_name": f"ok{session}{number}"})
            extractor.save_report(config)
        extractor.clear()
    failures, passed = read_back(name, text_of("x"))
    assert failures == ["firsta", "firstb", "seconda", "secondb"]
    assert passed == ["okfirsta", "okfirstb", "okseconda", "oksecondb"]


@pytest.mark.parametrize("name", APPENDABLE)
def test_append_of_nothing_new_loses_and_doubles_nothing(name, extractor):
    """A save without news, a save after clear()."""
    config = OutputConfig("x", format=name, append=True, include_passed=True)
    extractor.add_failure(example(test_name="a"))
    extractor.add_passed({"test_name": "ok"})
    for _ in range(3):
        extractor.save_report(config)
    extractor.clear()
    extractor.save_report(config)
    assert read_back(name, text_of("x")) == (["a"], ["ok"])


@pytest.mark.parametrize("name", APPENDABLE)
def test_append_adds_passes_when_nothing_failed(name, extractor):
    """A session in which all went well is in the report too."""
    config = OutputConfig("x", format=name, append=True, include_passed=True)
    extractor.add_failure(example(test_name="a"))
    extractor.save_report(config)
    extractor.clear()
    extractor.add_passed({"test_name": "ok"})
    extractor.save_report(config)
    assert read_back(name, text_of("x")) == (["a"], ["ok"])


@pytest.mark.parametrize("name", APPENDABLE)
def test_append_keeps_hostile_text(name, extractor):
    """What is appended to is read back exactly: again saved, the text is the same."""
    long = "x" * 200_000  # longer than a cell that the csv module reads by default
    texts = [
        "'=1",
        "\r",
        "a\n\n",
        "\x1b",
        "\u2028\n",
        "",
        "```\n<!-- failextract:b -->",
        "]]>",
        long,
    ]
    for text in texts:
        extractor.add_failure(example(exception_message=text, more={text: [text, 1, None, 1.5]}))
    config = OutputConfig("x", format=name, append=True)
    extractor.save_report(config)
    once = text_of("x")
    extractor.save_report(config)
    assert without_time(text_of("x")) == without_time(once)
    extractor.add_failure(example(id="b"))
    extractor.save_report(config)
    assert len(read_back(name, text_of("x"))[0]) == len(texts) + 1


def without_time(text):
    """``text`` without the line that says when it was made, which each save renews."""
    return re.sub(r"generated.*", "", text)


@pytest.mark.parametrize("name", ["json", "yaml", "xml"])
def test_append_counts_all_in_the_metadata(name, extractor):
    """The counts are those of the file, not those of the last session."""
    config = OutputConfig("x", format=name, append=True, include_passed=True)
    for _ in range(2):
        extractor.add_failure(example())
        extractor.add_passed({"test_name": "ok"})
        extractor.save_report(config)
        extractor.clear()
    readers = {
        "json": lambda text: json.loads(text)["metadata"],
        "yaml": lambda text: yaml.safe_load(text)["metadata"],
        "xml": lambda text: {one.tag: one.text for one in etree.fromstring(text.encode())[0]},
    }
    about = readers[name](text_of("x"))
    assert int(about["failure_count"]) == int(about["passed_count"]) == 2


@pytest.mark.parametrize("name", APPENDABLE)
def test_append_without_passes_keeps_the_old_ones(name, extractor):
    """A later save that leaves passes out does not take them away."""
    extractor.add_passed({"test_name": "ok"})
    extractor.save_report(OutputConfig("x", format=name, append=True, include_passed=True))
    extractor.add_failure(example(test_name="a"))
    extractor.save_report(OutputConfig("x", format=name, append=True))
    assert read_back(name, text_of("x")) == (["a"], ["ok"])


@pytest.mark.parametrize("name", APPENDABLE)
def test_append_keeps_failures_with_ids_of_any_look(name, extractor):
    """Users choose ids; two that look alike are two."""
    config = OutputConfig("x", format=name, append=True)
    ids = ["a b", "a_b", "a--b", "a->b", "-->", "a\nb", "é", "%", "passed"]
    for number, one in enumerate(ids):
        extractor.add_failure(example(id=one, test_name=f"t{number}", passed=True))
        extractor.save_report(config)
    if name == "jsonl":  # a reader of lines sees what the user wrote
        lines = [json.loads(line) for line in text_of("x").split("\n") if line]
        assert [line["id"] for line in lines] == ids
        assert len(formats.get(name).read(text_of("x"))[0]) == len(ids)
    else:
        assert read_back(name, text_of("x"))[0] == [f"t{number}" for number in range(len(ids))]


@pytest.mark.parametrize("name", formats.names())
def test_append_takes_an_empty_file_as_new(name, extractor):
    """``touch x`` is no report, and nothing is lost."""
    Path("x").touch()
    extractor.add_failure(example(test_name="tally"))
    extractor.save_report(OutputConfig("x", format=name, append=True))
    assert "tally" in text_of("x")


def test_a_formatter_with_read_can_be_appended_to(extractor):
    """A user's format needs one more method."""

    class Names(OutputFormatter):
        def format(self, failures, passed=None, metadata=None):
            return "\n".join(one["id"] for one in failures)

        def read(self, text):
            return [{"id": line} for line in text.splitlines()], None

    formats.register("ids", Names)
    for one in "aab":
        extractor.add_failure(example(id=one))
        extractor.save_report(OutputConfig("x.ids", append=True))
        extractor.clear()
    assert text_of("x.ids") == "a\nb"


HEADER = ",".join(COLUMNS)
NOT_REPORTS = {
    "json": [
        "{",
        "[]",
        "5",
        '{"a": 1}',
        '{"failures": 1, "metadata": {}}',
        '{"failures": [1], "metadata": {}}',
        '{"failures": [], "metadata": {}, "passed": 1}',
        # what mocha writes: it would lose its other parts
        '{"stats": {}, "tests": [], "failures": [], "passes": []}',
        "[" * 100_000,
        "\n",
    ],
    "jsonl": ["{", "[]", "5", '{"a": 1}', '{"id": "a"}\n{"id"', "text"],
    "csv": [
        *("a,b\n1,2\n", "text", '"open', f"{HEADER}\na,b\n", f"{HEADER}\n{',' * 16}[1]\n"),
        *(f"{HEADER}\n{',' * 16}no\n", f"{HEADER}\n{',' * 7}x{',' * 9}\n"),
    ],
    "yaml": [
        "a: [",
        "- 1",
        "text",
        "a: 2026-99-99",
        "!!int ''",
        "!!timestamp x",
        "failures: 1\nmetadata: {}",
        "metadata: {}\nfailures: []\nmore: 1",
        "\t",
        "a: !!python/object/apply:os.getcwd []",
    ],
    "xml": [
        "<a/>",
        "<failextract/>",
        "<failextract><failures/></failextract>",
        "<failextract><metadata/><failures><failure>a</failure></failures></failextract>",
        (
            '<failextract><metadata/><failures><f type="dict"><a type="int">x</a></f></failures>'
            "</failextract>"
        ),
        "<failextract><metadata/><failures/><more/></failextract>",
        "<failextract><metadata/><failures/><failures/></failextract>",
        '<!DOCTYPE a [<!ENTITY b "c">]><failextract><metadata/><failures/></failextract>',
        "text",
    ],
    "markdown": [
        "text",
        "# Another\n",
        "# Failure report\n\n```\nopen\n",
        "# Failure report\n\n<!-- o",
    ],
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name in APPENDABLE for i in range(len(NOT_REPORTS[name]))]
)
def test_what_is_no_report_is_never_changed(name, number, extractor):
    """The error names the file and says that nothing was written; the file is as it was."""
    text = NOT_REPORTS[name][number]
    refused(extractor, name, text.encode())


def refused(extractor, name, content):
    Path("precious").write_bytes(content)
    extractor.add_failure(example())
    error = fail(extractor.save_report, OutputConfig("precious", format=name, append=True))
    assert type(error) is NotAReport
    assert isinstance(error, ValueError)
    assert "precious" in str(error)
    assert "othing was written" in str(error)
    assert Path("precious").read_bytes() == content
    assert os.listdir() == ["precious"]


@pytest.mark.parametrize("name", formats.names())
def test_a_binary_file_is_never_changed(name, extractor):
    """Whatever the format."""
    refused(extractor, name, b"\x89PNG\r\n\x1a\n\0\xff\xfe")


@pytest.mark.parametrize("name", ["html", "junit"])
def test_a_format_that_cannot_be_appended_to_says_so(name, extractor):
    """A report of its own, from a moment ago, is not replaced either."""
    extractor.add_failure(example())
    path = extractor.save_report(OutputConfig("precious", format=name))
    refused(extractor, name, path.read_bytes())


@pytest.mark.parametrize("name", APPENDABLE)
def test_a_report_cut_short_is_refused_or_kept(name, extractor):
    """Wherever it was cut: it stays as it is, or all that it held is still there."""
    extractor.add_failure(
        example(id="old", exception_message="a\n`b`", exception_traceback="```\nc", test_name="old")
    )
    whole = extractor.save_report(OutputConfig("x", format=name)).read_bytes()
    extractor.clear()
    extractor.add_failure(example(id="new", test_name="new"))
    for cut in range(1, len(whole)):
        Path("x").write_bytes(whole[:cut])
        try:
            extractor.save_report(OutputConfig("x", format=name, append=True))
        except NotAReport:
            assert Path("x").read_bytes() == whole[:cut]
            continue
        failures, _ = read_back(name, text_of("x"))
        if name in {"jsonl", "markdown"}:
            assert failures[-1] == "new"
            assert Path("x").read_bytes().startswith(whole[:cut])
        else:
            assert failures == [*read_back(name, whole[:cut].decode())[0], "new"]


@pytest.mark.parametrize("name", APPENDABLE)
def test_twenty_threads_append_to_one_file(name, extractor):
    """None of them loses what another has written."""

    def work(number):
        one = OutputConfig(
            "x", format=name, append=True, where=lambda record: record["test_name"] == f"t{number}"
        )
        extractor.add_failure(example(test_name=f"t{number}"))
        barrier.wait()
        extractor.save_report(one)

    barrier = threading.Barrier(20)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    failures, _ = read_back(name, text_of("x"))
    assert sorted(failures) == sorted(f"t{number}" for number in range(20))


# ---- several at once


def test_save_reports_returns_the_paths_in_order(extractor):
    """Every format at once; standard output has no path."""
    extractor.add_failure(example())
    configs = [OutputConfig(f"x.{name}", format=name) for name in formats.names()]
    paths = extractor.save_reports([*configs, OutputConfig(None)], max_workers=3)
    assert paths == [*(config.path for config in configs), None]
    assert all(path.stat().st_size for path in paths[:-1])


def test_save_reports_of_nothing(extractor):
    """No config, no report."""
    assert extractor.save_reports([]) == []
    assert extractor.save_reports(iter([])) == []


def test_one_error_is_raised_itself_and_several_as_a_group(extractor):
    """All others are written."""
    Path("folder").mkdir()
    good = [OutputConfig("a.json"), OutputConfig("b.md")]
    bad = OutputConfig("folder", format="json")
    text = Path("precious.json")
    text.write_text("text")
    worse = OutputConfig(text, append=True)
    assert type(fail(extractor.save_reports, [bad, *good])) is IsADirectoryError
    assert Path("a.json").exists()
    assert Path("b.md").exists()
    Path("a.json").unlink()
    group = fail(extractor.save_reports, [bad, good[0], worse])
    assert type(group) is ExceptionGroup
    assert [type(error) for error in group.exceptions] == [IsADirectoryError, NotAReport]
    assert "2 of 3" in str(group)
    assert Path("a.json").exists()
    assert text.read_text() == "text"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (OutputConfig("x.json"), OutputConfig("x.json")),
        (OutputConfig("x.json"), OutputConfig("./y/../x.json")),
        (OutputConfig("x.json"), OutputConfig("x.json", append=True)),
        (OutputConfig("x.json", append=True), OutputConfig("x.json")),
        (OutputConfig(None), OutputConfig("-", format="csv")),
    ],
    ids=["same", "same file", "then append", "append first", "standard output"],
)
def test_two_reports_for_one_path_are_refused(first, second, extractor):
    """One would be lost, or both mixed; nothing is written."""
    error = fail(extractor.save_reports, [first, second])
    assert type(error) is ValueError
    assert "two of the reports" in str(error)
    assert os.listdir() == []


def test_two_reports_may_be_appended_to_one_path(extractor):
    """Each adds what it chooses."""
    for name in "ab":
        extractor.add_failure(example(test_name=name))
    extractor.save_reports(
        OutputConfig("x.json", append=True, where=lambda one, name=name: one["test_name"] == name)
        for name in "ab"
    )
    assert sorted(read_back("json", text_of("x.json"))[0]) == ["a", "b"]


@pytest.mark.parametrize("max_workers", [0, -1, 1.5, "4", None, True])
def test_max_workers_is_a_whole_number(max_workers, extractor):
    """The error names the argument; nothing is written."""
    error = fail(extractor.save_reports, [OutputConfig("x.json")], max_workers=max_workers)
    assert type(error) is ValueError
    assert "max_workers" in str(error)
    assert os.listdir() == []


@pytest.mark.parametrize("what", ["x.json", None, {"path": "x.json"}])
def test_what_is_no_config_is_refused(what, extractor):
    """The error says what is wanted."""
    error = fail(extractor.save_reports, [what])
    assert type(error) is TypeError
    assert "OutputConfig" in str(error)


def test_a_users_save_report_is_called_for_each():
    """As the spec's own subclasses do, to time it or to try again."""
    calls = []

    class Mine(FailureExtractor):
        def save_report(self, config):
            calls.append(config)
            return super().save_report(config)

    configs = [OutputConfig("a.json"), OutputConfig("b.json")]
    assert Mine().save_reports(configs) == [Path("a.json"), Path("b.json")]
    assert sorted(map(id, calls)) == sorted(map(id, configs))
