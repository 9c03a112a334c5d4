"""``pytest --failextract``: what fails in a run of pytest, in one process and with pytest-xdist."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from importlib import import_module

import example_suite
import pytest
from conftest import ROOT
from pytest_runs import (
    ALONE,
    PLUGIN,
    REPORT,
    WORKERS,
    command,
    environment,
    failures_in,
    lay_out,
    run_pytest,
)


@pytest.fixture(scope="module", params=[(), WORKERS], ids=["alone", "xdist"])
def suite(request, tmp_path_factory):
    """The suite that fails in every way, run once in one process, once by two workers."""
    folder = tmp_path_factory.mktemp("suite")
    lay_out(folder, example_suite.FILES)
    return run_pytest(folder, *request.param)


def test_every_failure_is_one_record(suite):
    """Failing tests, setup, teardown and collection errors, strict xpasses; nothing else."""
    found = Counter(
        (one["node_id"].removeprefix("test_all.py::"), one["phase"], one["exception_type"])
        for one in suite.failures
    )
    assert found == Counter(example_suite.RECORDS)
    assert {one["origin"] for one in suite.failures} == {"test"}
    assert suite.code == pytest.ExitCode.TESTS_FAILED
    assert f"failextract: {len(example_suite.RECORDS)} failures written to" in suite.output


def test_fixtures_have_their_scopes_and_values(suite):
    """As pytest has worked them out; a secret in one is not shown."""
    fixtures = suite.of("test_compares[second]")["fixtures"]
    told = {name: (one["kind"], one["scope"], one.get("value")) for name, one in fixtures.items()}
    assert told["base"] == (
        "fixture",
        "session",
        "{'password': [redacted: password], 'answer': 41}",
    )
    assert told["folder"] == ("fixture", "package", "'in a package'")
    assert told["kind"] == ("fixture", "module", "'secondsecond'")
    assert told["around"] == ("fixture", "function", "'autouse'")
    assert told["tmp_path_factory"][:2] == ("builtin", "session")
    assert fixtures["around"]["autouse"] is True
    assert fixtures["folder"]["depends_on"] == ["tmp_path_factory"]
    assert fixtures["base"]["file"].endswith("conftest.py")
    assert "def base():" in fixtures["base"]["source"]
    method = suite.of("::test_method")["fixtures"]
    assert (method["mine"]["scope"], method["mine"]["value"]) == ("class", "'of the class'")
    assert method["base"]["scope"] == "session"  # asked for while the test ran
    assert (method["own"]["value"], method["own"]["file"][-11:]) == (
        "'OF CONFTEST.PY'",
        "test_all.py",
    )
    assert method["own"]["overrides"]["file"].endswith("conftest.py")


def test_a_fixture_that_fails_has_no_value(suite):
    """Nor has one that was to come after it; the tests that share its exception refer to it."""
    first, second = suite.of("test_first_of_broken"), suite.of("test_second_of_broken")
    for one in (first, second):
        assert (one["exception_message"], one["phase"]) == ("no database", "setup")
        assert one["test_file"].endswith("conftest.py")
        assert one["fixtures"]["broken"]["scope"] == "module"
        assert "value" not in one["fixtures"]["broken"]
    if first["process_id"] == second["process_id"]:
        assert {first.get("again"), second.get("again")} in (
            {None, first["id"]},
            {None, second["id"]},
        )


def test_parameters_are_told_by_name(suite):
    """Those of the test, and those of its fixtures."""
    one = suite.of("test_sum[two]")
    assert one["parameters"] == {"a": "3", "b": "3"}
    assert one["fixtures"]["a"] == {
        "name": "a", "kind": "parameter", "scope": "function", "value": "3",
    }  # fmt: skip
    assert suite.of("test_compares[first]")["parameters"] == {"kind": "'first'"}


def test_output_is_told_by_stream_and_phase(suite):
    """What the test has printed and logged."""
    captured = suite.of("test_compares[first]")["captured"]
    assert captured["stdout call"] == "said\n"
    assert captured["stderr call"] == "complained"
    assert captured["log call"].endswith("logged")
    assert "captured" not in suite.of("test_calls")


def test_an_assert_is_explained(suite):
    """Pytest's own lines, and what was compared last; not what was compared before."""
    one = suite.of("test_compares[first]")
    assertion = one["assertion"]
    assert assertion["explanation"][0] == "assert [1, 2, 3] == [1, 2, 41]"
    assert "  At index 2 diff: 3 != 41" in assertion["explanation"]
    assert (assertion["operator"], assertion["left"], assertion["right"]) == (
        "==", "[1, 2, 3]", "[1, 2, 41]",
    )  # fmt: skip
    assert suite.of("::test_method")["assertion"]["operator"] == "in"
    caught = suite.of("test_caught_before")["assertion"]
    assert caught == {"explanation": ["with a message", "assert not 'something'"]}
    assert "assertion" not in suite.of("test_calls")


def test_frames_are_the_users(suite):
    """Neither pytest's frames above the test, nor what it puts into an assert."""
    one = suite.of("test_calls")
    assert [frame["function"] for frame in one["extracted_code"]] == ["test_calls", "ratio"]
    assert one["locals"][1] == {"x": "0", "half": "0.0"}
    assert one["exception_traceback"].count("File ") == 2
    assert one["test_source"].startswith("def test_calls():")
    assert one["test_module"] == "test_all"
    for one in suite.failures:
        names = {name for held in one.get("locals", []) if held for name in held}
        assert not any(name.startswith("@") for name in names)
        assert not any("_pytest" in frame["file"] for frame in one.get("extracted_code", ()))
        assert one["test_file"].endswith(".py")


def test_what_cannot_be_collected_is_where_it_is_wrong(suite):
    """The exception of the file itself, and not pytest's around it."""
    broken = suite.of("test_syntax.py")
    assert broken["test_file"].endswith("test_syntax.py")
    assert (broken["line_number"], broken["test_name"]) == (1, "test_syntax.py")
    assert suite.of("test_import.py")["exception_message"] == "No module named 'no_such_module'"
    assert [frame["function"] for frame in suite.of("test_name.py")["extracted_code"]] == [
        "<module>", "helper",
    ]  # fmt: skip


def test_a_doctest_is_at_its_example(suite):
    """What was expected and what came; of an exception, its own frames."""
    one = suite.of("test_all.documented")
    line = 1 + example_suite.TESTS.splitlines().index("    >>> 1 + 1")
    assert (one["line_number"], one["test_file"][-11:]) == (line, "test_all.py")
    assert one["exception_message"] == "1 + 1\nExpected:\n3\nGot:\n2"
    assert [frame["code"] for frame in one["extracted_code"]] == ["1 + 1"]
    assert suite.of("test_all.undocumented")["extracted_code"][-1]["function"] == "ratio"


def test_parts_of_a_test_are_records(suite):
    """Each failing part of a unittest, by its message and values."""
    parts = [one for one in suite.failures if one["node_id"].endswith("test_parts")]
    assert [one["subtest"] for one in parts] == ["[part] (i=0)", "[part] (i=2)"]
    assert parts[0]["test_name"] == "TestUnit::test_parts [part] (i=0)"


@pytest.mark.parametrize("more", [(), WORKERS], ids=["alone", "xdist"])
def test_subtests_are_records_and_their_sum_is_none(tmp_path, more):
    """Two parts that fail are two failures, each with what it has printed."""
    lay_out(tmp_path, {"test_it.py": example_suite.SUBTESTS})
    run = run_pytest(tmp_path, *more)
    assert [one["subtest"] for one in run.failures] == ["[even] (i=0)", "[even] (i=2)"]
    assert [one["captured"] for one in run.failures] == [
        {"stdout call": "at 0\n"}, {"stdout call": "at 2\n"},
    ]  # fmt: skip
    assert "failextract: 2 failures written to" in run.output


def test_a_worker_that_dies_leaves_a_record(tmp_path):
    """Of the test that it was running; the tests of the other workers are there, too."""
    lay_out(
        tmp_path,
        {
            "test_dies.py": "import os\ndef test_dies(): os._exit(3)\n",
            "test_fails.py": "def test_fails(): assert 0\n",
        },
    )
    run = run_pytest(tmp_path, *WORKERS)
    died = run.of("::test_dies")
    assert (died["exception_type"], died["phase"]) == ("WorkerCrashed", "crash")
    assert "crashed while running" in died["exception_message"]
    assert run.of("::test_fails")["phase"] == "call"
    assert len(run.failures) == 2


RERUNS = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for again in (True, True, False):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            if again and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not any(report.outcome == "rerun" for report in reports):
            return True
    return True
"""


@pytest.mark.parametrize("more", [(), WORKERS], ids=["alone", "xdist"])
def test_a_test_that_is_run_again_counts_as_pytest_counts_it(tmp_path, more):
    """Once where it fails for good, not at all where it passes in the end."""
    lay_out(
        tmp_path,
        {
            "conftest.py": RERUNS,
            "test_it.py": "tries = []\ndef test_flaky():\n    tries.append(1)\n"
            "    assert len(tries) == 2\ndef test_fails():\n    assert 0\n",
        },
    )
    run = run_pytest(tmp_path, *more)
    assert [one["node_id"] for one in run.failures] == ["test_it.py::test_fails"]
    assert run.failures[0]["locals"] == [None]


MANY = "import pytest\n@pytest.mark.parametrize('i', range(5))\ndef test_it(i):\n    assert i < 2\n"


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["-x"], 1),
        (["--maxfail=2"], 2),
        (["--tb=no"], 3),
        (["--tb=native", "-vv", "--color=yes"], 3),
        (["--assert=plain"], 3),
        (["-p", "no:terminal"], 3),
        (["-W", "error"], 3),
        (["-s"], 3),
        (["--pdb"], 3),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_options_of_pytest_change_nothing_but_what_runs(tmp_path, options, count):
    """What fails is recorded, however it is shown and however early the run ends."""
    lay_out(tmp_path, {"test_it.py": MANY})
    run = run_pytest(tmp_path, *options, given="c\n" * 3)
    assert [one["parameters"] for one in run.failures] == [
        {"i": str(i)} for i in range(2, 2 + count)
    ]
    assert ("assertion" in run.failures[0]) is ("--assert=plain" not in options)
    assert "\x1b" not in json.dumps(run.failures, ensure_ascii=False)
    assert "INTERNALERROR" not in run.output


def test_the_last_failed_alone(tmp_path):
    """``--lf`` after a run: the report is of that run."""
    lay_out(tmp_path, {"test_it.py": MANY, "test_other.py": "def test_passes(): pass\n"})
    cache = ("-p", "cacheprovider")
    run_pytest(tmp_path, *cache, "--deselect", "test_it.py::test_it[4]")
    run = run_pytest(tmp_path, *cache, "--lf")
    assert [one["parameters"]["i"] for one in run.failures] == ["2", "3"]


def test_an_interrupted_run_writes_what_there_was(tmp_path):
    """Ctrl-C in the second test: the failure of the first is in the report."""
    waits = "import pathlib, time\n"
    waits += "def test_fails():\n    assert 0\n"
    waits += "def test_waits():\n    pathlib.Path('waiting').touch()\n"
    # A signal that comes just before a long sleep would be seen after it, by Python itself.
    waits += "    for _ in range(12_000):\n        time.sleep(0.01)\n"
    lay_out(tmp_path, {"test_it.py": waits})
    process = subprocess.Popen(
        command(f"--failextract={REPORT}"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while not (tmp_path / "waiting").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert [one["node_id"] for one in failures_in(tmp_path / REPORT)] == ["test_it.py::test_fails"]
    assert "failextract: 1 failure written to" in output


@pytest.mark.parametrize(
    ("report", "says"),
    [
        ("a.zip", "the extension of"),
        ("a.json:jsn", "there is no format 'jsn'. Did you mean 'json'?"),
        ("folder", "is a folder; name a file in it"),
        ("test_it.py/a.json", "is a file, so there can be no file in it"),
        ("", "no file is named"),
    ],
)
def test_a_report_that_cannot_be_is_refused_at_once(tmp_path, report, says):
    """Before any test runs, in one line that says what to do."""
    lay_out(tmp_path, {"test_it.py": "open('ran', 'w')\n", "folder/keep": ""})
    run = run_pytest(tmp_path, f"--failextract={report}")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.output.startswith(f"ERROR: --failextract {report}: "), run.output
    assert says in run.output
    assert "Traceback" not in run.output
    assert not (tmp_path / "ran").exists()


def test_two_reports_of_one_file_are_refused(tmp_path):
    """Under whatever names."""
    lay_out(tmp_path, {})
    run = run_pytest(tmp_path, "--failextract=a.json", "--failextract=./a.json:jsonl")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "two of the reports would write" in run.output


def test_several_reports_and_standard_output(tmp_path):
    """Each is written where the run began, wherever a test has gone; folders are made."""
    lay_out(
        tmp_path, {"test_it.py": "import os\ndef test_it():\n    os.chdir('/')\n    assert 0\n"}
    )
    run = run_pytest(
        tmp_path,
        "--failextract=deep/er/a.jsonl",
        "--failextract=plain.txt:markdown",
        "--failextract=-:csv",
    )
    assert len((tmp_path / "deep/er/a.jsonl").read_text().splitlines()) == 1
    assert (tmp_path / "plain.txt").read_text().startswith("# Failure report")
    assert "\nfailed," in run.output
    assert "failextract: 1 failure written to standard output" in run.output


def test_a_run_without_failures_replaces_the_report(tmp_path):
    """An old report would say what is not so any more."""
    lay_out(tmp_path, {"test_it.py": "def test_it(): assert 0\n"})
    assert len(run_pytest(tmp_path).failures) == 1
    lay_out(tmp_path, {"test_it.py": "def test_it(): pass\n"})
    run = run_pytest(tmp_path)
    assert (run.code, run.failures) == (0, [])
    assert (tmp_path / REPORT).exists()
    assert "failextract: 0 failures written to" in run.output


def test_a_report_that_cannot_be_written_is_no_success(tmp_path):
    """The run says so, and ends with another code than 0."""
    lay_out(
        tmp_path,
        {"test_it.py": f"import os\ndef test_it():\n    os.mkdir({REPORT!r})\n"},
    )
    run = run_pytest(tmp_path, f"--failextract={REPORT}")
    assert run.code == pytest.ExitCode.INTERNAL_ERROR
    said = run.output.partition("failextract: ")[2].splitlines()[0]
    assert "the report needs a file, and this is a folder" in said
    assert said.endswith(f"{REPORT}'")


def test_what_tests_do_to_the_store_costs_the_report_nothing(tmp_path):
    """They may clear it, bound it and put a subclass into its place."""
    lay_out(
        tmp_path,
        {
            "test_it.py": "from failextract_nb import FailureExtractor\n"
            "def test_fails():\n    assert 0, 'first'\n"
            "def test_clears():\n    FailureExtractor().clear()\n    assert 0, 'second'\n"
            "def test_bounds():\n    FailureExtractor().set_memory_limits(max_failures=1)\n    assert 0\n"
            "class Refusing(FailureExtractor):\n"
            "    def add_failure(self, failure_data):\n        raise RuntimeError('no')\n"
            "def test_replaces():\n    Refusing()\n    assert 0, 'last'\n"
        },
    )
    run = run_pytest(tmp_path)
    names = ["test_fails", "test_clears", "test_bounds", "test_replaces"]
    assert [one["test_name"] for one in run.failures] == names


@pytest.mark.parametrize("more", [(), WORKERS], ids=["alone", "xdist"])
def test_a_decorated_function_and_its_test_are_one_failure(tmp_path, more):
    """The record is the function's, with what pytest knows; what a test handles is none of it."""
    lay_out(
        tmp_path,
        {
            "test_it.py": "import pytest\nfrom failextract_nb import extract_on_failure\n"
            "@extract_on_failure\ndef ratio(a):\n    return 1 / a\n"
            "def test_it(tmp_path):\n    ratio(0)\n"
            "def test_handles():\n    with pytest.raises(ZeroDivisionError):\n        ratio(0)\n"
        },
    )
    run = run_pytest(tmp_path, *more)
    [one] = run.failures
    assert (one["origin"], one["node_id"], one["test_args"]) == (
        "function",
        "test_it.py::test_it",
        ["0"],
    )
    assert [context["origin"] for context in one["contexts"]] == ["function", "test"]
    assert one["fixtures"]["tmp_path"]["value"].startswith("PosixPath(")


def test_what_a_test_prints_hides_its_secrets(tmp_path):
    """In what is captured, in parameters, fixtures and what is compared."""
    key = "sk-ant-" + "api03-" + "A1b2C3d4" * 5
    lay_out(
        tmp_path,
        {
            "test_it.py": f"import pytest\nKEY = {key!r}\n"
            "@pytest.fixture\ndef api_key():\n    return KEY\n"
            "@pytest.mark.parametrize('password', ['correct horse'])\n"
            "def test_it(api_key, password):\n    print('using', KEY)\n    assert api_key == KEY + '!'\n"
        },
    )
    run = run_pytest(tmp_path, "--failextract=all.html", f"--failextract={REPORT}")
    [one] = run.failures
    for name in ("all.html", REPORT):
        assert key not in (tmp_path / name).read_text()
    said = [one[key] for key in ("parameters", "fixtures", "locals", "captured", "assertion")]
    assert "correct horse" not in json.dumps(said)
    assert one["parameters"] == {"password": "[redacted: password]"}
    assert one["redacted"] > 5


def test_items_that_are_no_functions(tmp_path):
    """What a plugin collects is a record at its file."""
    lay_out(
        tmp_path,
        {
            "conftest.py": "import pytest\n"
            "class Item(pytest.Item):\n    def runtest(self):\n        raise ValueError('not so')\n"
            "class File(pytest.File):\n    def collect(self):\n"
            "        yield Item.from_parent(self, name='claim')\n"
            "def pytest_collect_file(parent, file_path):\n"
            "    if file_path.suffix == '.claim':\n        return File.from_parent(parent, path=file_path)\n",
            "one.claim": "",
        },
    )
    run = run_pytest(tmp_path)
    [one] = run.failures
    assert (one["node_id"], one["exception_message"]) == ("one.claim::claim", "not so")


def test_asynchronous_tests(tmp_path):
    """Of anyio's plugin: the frames are those of the test."""
    pytest.importorskip("anyio")
    lay_out(
        tmp_path,
        {
            "test_it.py": "import pytest\n"
            "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
            "@pytest.fixture\nasync def number():\n    return 4\n"
            "@pytest.mark.anyio\nasync def test_it(number):\n    assert number == 5\n"
        },
    )
    run = run_pytest(tmp_path, "-p", "anyio")
    [one] = run.failures
    assert [frame["function"] for frame in one["extracted_code"]] == ["test_it"]
    assert one["fixtures"]["number"]["value"] == "4"
    assert one["assertion"]["left"] == "4"


def test_without_the_option_nothing_is_loaded(tmp_path):
    """The plugin and the package's own names, and no more."""
    lay_out(
        tmp_path,
        {
            "test_it.py": "import sys\ndef test_it():\n"
            "    ours = sorted(name for name in sys.modules if name.startswith('failextract_nb'))\n"
            "    assert ours == ['failextract_nb', 'failextract_nb.pytest_plugin']\n"
            "def test_hooks(pytestconfig):\n"
            "    assert not pytestconfig.pluginmanager.has_plugin('failextract-recorder')\n"
        },
    )
    done = subprocess.run(
        command(), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_entry_point_is_declared():
    """pytest finds the plugin in the installed package under this name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"failextract": PLUGIN[1]}
    assert callable(import_module(PLUGIN[1]).pytest_addoption)


def test_the_entry_point_does_its_work(tmp_path):
    """An installed distribution that declares it is all that pytest needs, workers included."""
    from matrix import ENTRY_POINT

    lay_out(tmp_path, {**ENTRY_POINT, "test_it.py": "def test_it(): assert 0\n"})
    env = {**environment(), "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    del env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", f"--failextract={REPORT}"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert [one["node_id"] for one in failures_in(tmp_path / REPORT)] == ["test_it.py::test_it"]


def test_pytest_does_not_warn_that_the_package_was_imported_before(tmp_path):
    """It rewrites the asserts of its plugins; a notebook has loaded ours long before."""
    code = "import failextract_nb, pytest\npytest.register_assert_rewrite('failextract_nb')\n"
    lay_out(tmp_path, {"conftest.py": code, "test_it.py": "def test_it(): pass\n"})
    assert run_pytest(tmp_path, "-W", "error").code == 0


IN_A_SESSION = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from failextract_nb import FailureExtractor
import pytest

shell = InteractiveShell.instance()
found = []

def run(*more):
    FailureExtractor().clear()
    pytest.main([*more, "-q", "-p", "no:cacheprovider", "-p", "failextract_nb.pytest_plugin"])
    failures = FailureExtractor().failures
    found.append([one["origin"] for one in failures])
    return list(failures), FailureExtractor().get_statistics()["passed_count"]

run()
shell.run_line_magic("load_ext", "failextract_nb")
failures, passes = run()
assert failures[0]["fixtures"]["tmp_path"]["scope"] == "function"
assert passes == 2, passes
run("-p", "xdist", "-n", "1")
shell.run_line_magic("config", "FailExtract.sources = {'test': False}")
run()
shell.run_line_magic("config", "FailExtract.sources = {'test': True}")
shell.run_line_magic("unload_ext", "failextract_nb")
run()
assert found == [[], ["test"], ["test"], [], []], found
"""


def test_a_session_with_the_extension_records_without_an_option(tmp_path, run_python):
    """As long as it is loaded and watches tests; workers of pytest-xdist are told."""
    lay_out(
        tmp_path,
        {"test_it.py": "def test_it(tmp_path): assert 0\ndef test_a(): pass\ndef test_b(): pass\n"},
    )
    run_python(IN_A_SESSION, **ALONE, IPYTHONDIR=str(tmp_path / "ipython"))
