"""CI servers as a whole: which one it is, what it is handed, and what happens where it cannot be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import junitparser
import nbformat
import pytest
from batches import cell, run, write
from conftest import example
from runs import execute, notebook, output
from test_ci_commands import azure_command, github_command
from test_formats import stored

from failextract_nb import ci
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.ci import CIIntegration, buildkite, detect, report, resolve
from failextract_nb.ci.findings import by_notebook, findings
from failextract_nb.ci.places import line_in_file

SIGNS = {
    "GITHUB_ACTIONS": "github_actions",
    "JENKINS_URL": "jenkins",
    "GITLAB_CI": "gitlab",
    "CIRCLECI": "circleci",
    "TF_BUILD": "azure",
    "BUILDKITE": "buildkite",
}
posix = pytest.mark.skipif(os.name != "posix", reason="the agent here is a shell script")


def failed(path="a.ipynb", **more):
    """A notebook with one failure."""
    failure = example(origin="cell", execution_count=1, notebook_line=7, notebook=path, **more)
    return NotebookOutcome(os.path.abspath(path), path, begun=True, failures=stored([failure]))


# ---- which one


@pytest.mark.parametrize(("sign", "name"), SIGNS.items())
def test_a_server_is_known_by_its_variable(sign, name, monkeypatch):
    """From what is given, or from this process' environment."""
    assert detect({sign: "true"}) == name
    monkeypatch.setenv(sign, "true")
    assert detect() == resolve("auto") == name


def test_no_server():
    """Without a sign, or with an empty one."""
    assert detect({}) == detect({"GITHUB_ACTIONS": "", "CI": "true"}) == "unknown"


def test_all_names_are_known():
    """Each has its sign and its steps, and is a choice of the command."""
    assert sorted(ci.NAMES) == sorted(SIGNS.values())
    assert ("auto", *ci.NAMES, "off") == ci.CHOICES


@pytest.mark.parametrize(
    ("name", "server"),
    [
        *((name, name) for name in SIGNS.values()),
        *(("github", "github_actions"), ("circle", "circleci"), ("off", "unknown")),
    ],
)
def test_a_server_is_named_by_the_beginning_of_its_name(name, server):
    """Whatever the environment says."""
    assert resolve(name, {"BUILDKITE": "true"}) == server


@pytest.mark.parametrize("name", ["travis", "g", "GitHub", ""])
def test_an_unknown_name_lists_the_choices(name):
    """Also one that is not clear."""
    with pytest.raises(ValueError, match=rf"no CI server '{name}'; choose one of auto, github_act"):
        report([], name)


@pytest.mark.parametrize(("name", "environment"), [("auto", {}), ("off", {"GITHUB_ACTIONS": "1"})])
def test_nobody_is_told_anything_outside_of_ci(name, environment, capsys, tmp_path):
    """Nothing is printed, nothing is written."""
    assert report([failed()], name, environment) == []
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


# ---- what each is handed

SOURCES = ["import json\n\n\ndef half(x):\n    return x / 0", "1\n2\nhalf(1)", "json.loads('{')"]
# How editors, formatters and Git may have laid out the file.
LAYOUTS = {
    "as Jupyter does": lambda text: text,
    "on one line": lambda text: json.dumps(json.loads(text)),
    "with other indents": lambda text: json.dumps(json.loads(text), indent=4, sort_keys=True),
    "with Windows' line ends": lambda text: text.replace("\n", "\r\n"),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Notebooks that were really run, one for each layout."""
    folder = tmp_path_factory.mktemp("repository")
    books = {}
    for number, (layout, of) in enumerate(LAYOUTS.items()):
        path = write(folder / "nbs" / f"{number}.ipynb", cell("# a\n# b"), *SOURCES)
        path.write_bytes(of(path.read_text(encoding="utf-8")).encode())
        books[layout] = run(path)
    return folder, books


@pytest.mark.parametrize("layout", LAYOUTS)
def test_github_annotates_the_failing_line_of_the_file(layout, ran, capsys):
    """In the file as it is laid out; a function of an earlier cell is annotated there."""
    folder, books = ran
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(folder)}
    environment["GITHUB_STEP_SUMMARY"] = "summary.md"
    assert report([books[layout]], environment=environment) == ["summary.md"]
    commands = [github_command(line) for line in capsys.readouterr().out.splitlines()]
    path = Path(books[layout].path)
    lines = path.read_bytes().decode().split("\n")
    assert [one.properties["file"] for one in commands] == [f"nbs/{path.name}"] * 2
    assert [one.message.partition(":")[0] for one in commands] == [
        "ZeroDivisionError",
        "JSONDecodeError",
    ]
    for one, source in zip(commands, ["return x / 0", "json.loads('{')"], strict=True):
        assert source in lines[int(one.properties["line"]) - 1]
    assert "2 failures in 1 notebook" in Path("summary.md").read_text(encoding="utf-8")


def test_azure_gets_issues_and_junit(ran, capsys):
    """The source path is that from the root, too."""
    folder, books = ran
    environment = {"TF_BUILD": "True", "BUILD_SOURCESDIRECTORY": str(folder)}
    assert report([*books.values()], environment=environment) == [ci.JUNIT]
    found = [azure_command(line) for line in capsys.readouterr().out.splitlines()]
    assert [one.properties["sourcepath"] for one in found] == [
        f"nbs/{number}.ipynb" for number in range(4) for _ in range(2)
    ]


@pytest.mark.parametrize("name", ["jenkins", "circleci", "gitlab"])
def test_others_get_junit(name, ran, capsys):
    """Where it is asked for; what is printed for GitHub and Azure is not printed for them."""
    written = report([*ran[1].values()], name, {}, folder="reports")
    assert written[0] == os.path.join("reports", ci.JUNIT)
    suites = list(junitparser.JUnitXml.fromfile(written[0]))
    assert [(suite.tests, suite.failures) for suite in suites] == [(4, 2)] * 4
    assert capsys.readouterr() == ("", "")


def test_gitlab_gets_code_quality_too(ran):
    """With the paths from the root of the project."""
    environment = {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(ran[0])}
    books = [*ran[1].values()]
    assert report(books, environment=environment) == [ci.JUNIT, ci.CODE_QUALITY]
    entries = json.loads(Path(ci.CODE_QUALITY).read_text(encoding="utf-8"))
    assert [entry["location"]["path"] for entry in entries] == [
        f"nbs/{number}.ipynb" for number in range(4) for _ in range(2)
    ]


def agent(folder: Path, code: int) -> dict[str, str]:
    """Buildkite's agent as a script that keeps what it is handed; the environment to find it in."""
    script = folder / buildkite.AGENT
    script.write_text(f'#!/bin/sh\nprintf "%s " "$@" > said\ncat > handed.md\nexit {code}\n')
    script.chmod(0o755)
    return {"BUILDKITE": "true", "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@posix
def test_buildkite_gets_an_annotation_through_its_agent(tmp_path, capsys):
    """The summary, in the style of its outcome."""
    environment = agent(tmp_path, 0)
    assert report([failed()], environment=environment) == []
    assert Path("said").read_text() == "annotate --style error --context failextract-nb "
    assert "| In\\[1\\] test\\_x |" in Path("handed.md").read_text(encoding="utf-8")
    report([NotebookOutcome("/a", "a", begun=True)], environment=environment)
    assert "--style success" in Path("said").read_text()
    assert capsys.readouterr() == ("", "")


def test_without_its_agent_buildkite_gets_nothing(tmp_path, capsys):
    """And nothing is said of it."""
    assert report([failed()], "buildkite", {"PATH": str(tmp_path)}) == []
    assert capsys.readouterr() == ("", "")


# ---- what cannot be written


def only_line(captured) -> str:
    """The one line on standard error."""
    (line,) = captured.err.splitlines()
    assert line.startswith("failextract-nb: ")
    return line


@posix
def test_an_agent_that_fails_is_one_line(tmp_path, capsys):
    """And no exception."""
    assert report([failed()], environment=agent(tmp_path, 3)) == []
    line = only_line(capsys.readouterr())
    assert "buildkite: annotation could not be written" in line
    assert "exit status 3" in line


def test_the_summary_is_put_behind_what_is_there(capsys):
    """What other commands of the step have written stays."""
    Path("summary.md").write_text("before", encoding="utf-8")
    environment = {"GITHUB_STEP_SUMMARY": "summary.md"}
    report([failed()], "github_actions", environment)
    text = Path("summary.md").read_text(encoding="utf-8")
    assert text.startswith("before\n### 1 failure in 1 notebook\n\n| Notebook |")


def test_the_summary_of_a_step_stays_below_its_limit(capsys):
    """With what is there already; where there is no room left, a line says so."""
    limit = 1024 * 1024
    environment = {"GITHUB_STEP_SUMMARY": "summary.md"}
    many = NotebookOutcome("/a", "a", failures=stored([example()] * 400))
    Path("summary.md").write_bytes(b"x" * (limit - 3_000))
    assert report([many], "github_actions", environment) == ["summary.md"]
    assert limit - 500 < Path("summary.md").stat().st_size <= limit
    capsys.readouterr()
    assert report([many], "github_actions", environment) == []
    assert "job summary could not be written: summary.md holds 1,04" in only_line(
        capsys.readouterr()
    )


@pytest.mark.parametrize(
    ("name", "environment", "what"),
    [
        ("github", {}, "the variable GITHUB_STEP_SUMMARY"),
        ("github", {"GITHUB_STEP_SUMMARY": "no/such/folder/summary.md"}, "No such file"),
        ("jenkins", {}, "A part of the path is a file"),
        ("circleci", {}, "A part of the path is a file"),
    ],
)
def test_what_cannot_be_written_is_one_line(name, environment, what, capsys):
    """On standard error, with the server's name; the rest is written."""
    Path("file").touch()
    assert report([failed()], name, environment, folder="file") == []
    captured = capsys.readouterr()
    assert what in only_line(captured)
    assert captured.out.startswith("::error ") == (name == "github")


def test_an_error_is_no_command_either(capsys):
    """The name of a file may look like one."""
    environment = {"GITHUB_STEP_SUMMARY": "no/##[error]\n::error::x"}
    report([failed()], "github", environment)
    assert github_command(only_line(capsys.readouterr())) is None


def test_a_stream_without_words_for_a_character(run_python):
    """ASCII is what containers often have: the annotation comes with an escape."""
    done = run_python(
        """
        from failextract_nb.batch.outcome import NotebookOutcome
        from failextract_nb.ci import report
        book = NotebookOutcome("/a", "a", failures=[{"exception_message": "5 €"}])
        report([book], "azure")
        """,
        PYTHONIOENCODING="ascii",
    )
    assert "5 \\u20ac" in done.stdout
    assert done.stderr == ""


# ---- paths


def test_paths_are_those_from_the_root_of_the_repository(tmp_path, monkeypatch):
    """As the server names it, else from the current folder; elsewhere they stay as they are."""
    (tmp_path / "repository" / "..nbs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository" / "..nbs")
    root = {"GITHUB_WORKSPACE": str(tmp_path / "repository")}
    for environment, path in ((root, "..nbs/a.ipynb"), ({}, "a.ipynb")):
        assert [one.path for one in findings([failed()], environment)] == [path]
    elsewhere = tmp_path / "b.ipynb"
    (found,) = findings([failed(str(elsewhere))], root)
    assert found.path == elsewhere.resolve().as_posix()


def test_what_has_no_notebook_is_found_in_its_module(tmp_path):
    """The file and line of a test or function; nothing where that is no file."""
    Path("test_a.py").touch()
    records = [
        example(test_file=str(tmp_path / "test_a.py"), line_number=3, test_module="test_a"),
        example(test_file="test_a.py", line_number=0, test_module="test_a"),
        example(test_file="<string>", line_number=3),
    ]
    found = findings(by_notebook(stored(records)), {})
    assert [(one.path, one.line, one.notebook) for one in found] == [
        ("test_a.py", 3, "test_a"),
        ("test_a.py", None, "test_a"),
        ("", None, "unknown"),
    ]


# ---- a session


def test_a_session_that_ran_a_notebook_is_annotated_in_its_file(tmp_path):
    """The record tells the cell, the file tells the line; also of a function of another cell."""
    path = tmp_path / "session.ipynb"
    book = notebook(
        *SOURCES,
        "from failextract_nb.ci import CIIntegration\nCIIntegration().generate_ci_reports()",
    )
    nbformat.write(book, path)
    env = {**os.environ, "JPY_SESSION_NAME": str(path), "GITHUB_ACTIONS": "true"}
    env["GITHUB_STEP_SUMMARY"] = str(tmp_path / "summary.md")
    done = execute(book, tmp_path, extension=True, env=env)
    text = output(done.notebook.cells[3])
    found = [one for line in text.splitlines() if (one := github_command(line))]
    lines = path.read_text(encoding="utf-8").split("\n")
    assert [one.properties["file"] for one in found] == ["session.ipynb"] * 2
    for one, source in zip(found, ["return x / 0", "json.loads('{')"], strict=True):
        assert source in lines[int(one.properties["line"]) - 1]
    assert "'test_failures.md'" in text
    assert json.loads((tmp_path / "test_failures.json").read_text())["failures"]


def frame(cell, line, code, start=1):
    return {"file": f"Cell In[{cell}]", "line": line, "code": code, "code_start": start}


@pytest.mark.parametrize(
    ("failure", "source"),
    [
        ({"cell_index": 1, "execution_count": 9, "extracted_code": [frame(9, 2, "")]}, "b2"),
        ({"cell_id": "two", "execution_count": 9, "extracted_code": [frame(9, 2, "")]}, "b2"),
        ({"cell_source": "b1\nb2", "execution_count": 9}, "b1"),
        ({"cell_index": 1, "extracted_code": [frame(9, 2, "b1\nb2"), frame(3, 2, "a2", 2)]}, "a2"),
        ({"cell_index": 1, "extracted_code": [frame(4, 1, "gone"), {"file": "x.py"}]}, "b1"),
        ({"cell_index": 1, "extracted_code": [frame(4, 1, None), frame(5, None, "a1")]}, "b1"),
        ({"cell_source": "same"}, None),
        ({"cell_index": 7, "cell_id": "seven"}, None),
        ({}, None),
    ],
)
def test_where_a_failure_of_a_session_stands(failure, source):
    """The innermost frame that can be found in the saved notebook, else the start of its cell."""
    book = notebook("a1\na2", "b1\nb2", "same", "same")
    book.cells[1].id = "two"
    nbformat.write(book, "n.ipynb")
    line = line_in_file(failure, "n.ipynb")
    if source is None:
        assert line is None
    else:
        assert f'"{source}' in Path("n.ipynb").read_text().split("\n")[line - 1]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [{}]}', "[" * 10_000, '{"cells": 3}'])
def test_a_file_that_is_no_notebook_has_no_lines(text):
    """Nor one that is not there, or is not text."""
    Path("n.ipynb").write_text(text)
    Path("b.ipynb").write_bytes(b"\xff")
    for path in ("n.ipynb", "b.ipynb", "none.ipynb"):
        assert line_in_file(example(cell_index=0), path) is None


def test_without_failures_there_are_no_reports(tmp_path):
    """As the documented pattern has it."""
    integration = CIIntegration()
    assert integration.ci_environment == "unknown"
    assert integration.generate_ci_reports() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sign", "more"),
    [
        (None, []),
        ("GITHUB_ACTIONS", ["summary.md"]),
        ("JENKINS_URL", [ci.JUNIT]),
        ("GITLAB_CI", [ci.JUNIT, ci.CODE_QUALITY]),
        ("CIRCLECI", [ci.JUNIT]),
        ("TF_BUILD", [ci.JUNIT]),
    ],
)
def test_a_session_writes_what_its_server_takes(sign, more, extractor, monkeypatch, capsys):
    """JSON and Markdown always; the pattern's calls are ours."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    if sign:
        monkeypatch.setenv(sign, "true")
    extractor.add_failure(example())
    integration = CIIntegration()
    assert integration.extractor is extractor
    written = integration.generate_ci_reports()
    assert written == ["test_failures.json", "test_failures.md", *more]
    assert all(Path(path).stat().st_size for path in written)
    assert ("ValueError" in capsys.readouterr().out) == (sign in ("GITHUB_ACTIONS", "TF_BUILD"))


def test_a_subclass_may_do_it_its_own_way(extractor, monkeypatch):
    """What the pattern's methods are called is what is called."""
    called = []

    class Own(CIIntegration):
        def _detect_ci_environment(self):
            return "own" if not called else called[-1]

        def _generate_github_annotations(self):
            called.append("jenkins")

        def _generate_jenkins_report(self):
            called.append("done")

    extractor.add_failure(example())
    assert Own().generate_ci_reports() == ["test_failures.json", "test_failures.md"]
    called.append("github_actions")
    Own().generate_ci_reports()
    Own().generate_ci_reports()
    assert called == ["github_actions", "jenkins", "done"]


@pytest.mark.parametrize(
    ("failure", "code"), [("", 0), ("{}", 1), ("{'expected': True}", 0), ("{'origin': 'cell'}", 1)]
)
def test_the_exit_code_tells_whether_anything_failed(failure, code, run_python):
    """What was expected to fail does not count; what was to be written at exit is."""
    done = run_python(
        f"""
        from failextract_nb import FailureExtractor, OutputConfig
        from failextract_nb.ci import CIIntegration
        FailureExtractor().autosave(OutputConfig("late.json"), every=99, seconds=99)
        for one in [{failure}]:
            FailureExtractor().add_failure(one)
        print("said", end="")
        CIIntegration().set_exit_code()
        """,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "said", "")
    assert Path("late.json").is_file() == bool(failure)


def test_importing_it_loads_nothing_heavy(run_python):
    """It is for the end of a run; the rest of the package does without it."""
    done = run_python(
        """
        import sys
        from failextract_nb import ci, extractor
        print(sorted({"pandas", "yaml", "IPython", "nbclient", "click", "rich"} & set(sys.modules)))
        """
    )
    assert done.stdout.strip() == "[]"
    done = run_python(
        "import sys, failextract_nb.extractor; print('failextract_nb.ci' in sys.modules)"
    )
    assert done.stdout.strip() == "False"
