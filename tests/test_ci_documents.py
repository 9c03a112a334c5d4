"""What the README says to put into a CI server's files, run step by step as the server does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import junitparser
import pytest
import yaml
from batches import cell, command, write
from conftest import ROOT
from test_ci_commands import github_command
from test_documents import README, blocks

from failextract_nb import ci

FORGED = """\
import os
print("::error::forged", flush=True)
os.write(1, b"\\n##[error]forged\\n")
!echo ::error::forged; echo ::error::forged >&2
raise ValueError("50% of\\n::error::it\\x1b[0m ##[error]##vso[task.complete]")
"""
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the steps are for bash")
INSTALL = 'python -m pip install "failextract-nb[run]"'
ACTION, GITLAB = (yaml.safe_load(block) for block in blocks("yaml"))
(JENKINS,) = blocks("groovy")


@pytest.fixture
def repository(tmp_path):
    """A fresh folder with notebooks, and the environment of a job in it."""
    write("notebooks/deep/a.ipynb", cell("# fine"), "x = 1\ny = x / 0\nz = 2", "print(z)")
    write("notebooks/b.ipynb", FORGED)
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "failextract-nb"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m failextract_nb "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


def run_steps(steps: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run a job; the package that is tested stands in for what the first step installs."""
    install, *rest = steps
    assert install == INSTALL
    for step in rest:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        if done.returncode:
            break
    return done


def line_of(path: str, source: str) -> str:
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    return str(next(number for number, line in enumerate(lines, 1) if source in line))


def test_the_steps_of_the_composite_action(repository):
    """The job fails, with annotations in the files and a summary, and no command of a failure's."""
    inputs = {name: one["default"] for name, one in ACTION["inputs"].items()}
    environment = {**repository, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
    environment["GITHUB_WORKSPACE"] = os.getcwd()
    steps = ACTION["runs"]["steps"]
    assert (ACTION["runs"]["using"], {step["shell"] for step in steps}) == ("composite", {"bash"})
    for step in steps:
        for name, value in step.get("env", {}).items():
            environment[name] = re.sub(r"\${{ inputs\.(\w+) }}", lambda m: inputs[m[1]], value)
    done = run_steps([step["run"] for step in steps], environment)
    assert done.returncode == 1
    log = re.split("\r\n|\r|\n", done.stdout + done.stderr)
    found = [(one.name, one.properties) for line in log if (one := github_command(line))]
    a, b = "notebooks/deep/a.ipynb", "notebooks/b.ipynb"
    place = {"title": f"In[1] of {b}: ValueError", "file": b, "line": line_of(b, "raise")}
    other = {"title": f"In[2] of {a}: ZeroDivisionError", "file": a, "line": line_of(a, "x / 0")}
    assert [name for name, _ in found] == ["error", "error"]
    told = sorted((one for _, one in found), key=str)
    assert told == sorted([place, other], key=str), done.stdout + done.stderr
    summary = Path("summary.md").read_text(encoding="utf-8")
    assert summary.startswith(
        "### 2 failures in 2 notebooks, and 1 that only follows from another failure\n"
    )
    assert summary.count("\n|") == 2 + 3


def test_the_job_of_gitlab(repository):
    """Both reports are where the artifacts are looked for."""
    job = GITLAB["notebooks"]
    environment = {**repository, "GITLAB_CI": "true", "CI_PROJECT_DIR": os.getcwd()}
    assert run_steps(job["script"], environment).returncode == 1
    reports = job["artifacts"]["reports"]
    assert reports == {"junit": ci.JUNIT, "codequality": ci.CODE_QUALITY}
    suites = list(junitparser.JUnitXml.fromfile(reports["junit"]))
    assert sorted((suite.tests, suite.failures, suite.skipped) for suite in suites) == [
        (1, 1, 0),
        (3, 1, 1),
    ]
    entries = json.loads(Path(reports["codequality"]).read_text(encoding="utf-8"))
    assert sorted(entry["location"]["path"] for entry in entries) == [
        "notebooks/b.ipynb",
        "notebooks/deep/a.ipynb",
    ]


def test_the_stage_of_jenkins(repository):
    """Its shell steps, and the report that its last step asks for."""
    steps = re.findall(r"sh '(.+)'", JENKINS)
    assert run_steps(steps, {**repository, "JENKINS_URL": "http://localhost"}).returncode == 1
    (path,) = re.findall(r"junit '(.+)'", JENKINS)
    assert len(list(junitparser.JUnitXml.fromfile(path))) == 2


def test_a_report_on_standard_output_stays_one(repository):
    """The annotations go to the log's other stream."""
    environment = {**repository, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
    done = command("run", "notebooks", "--report", "-:jsonl", check=1, env=environment)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 3
    assert [one for line in done.stderr.splitlines() if (one := github_command(line))]


def test_a_junit_report_of_a_run_has_its_cells(repository):
    """Whether a CI server is there or not."""
    command("run", "notebooks/deep", "-r", "a.junit.xml", "--ci", "off", check=1, env=repository)
    (suite,) = junitparser.JUnitXml.fromfile("a.junit.xml")
    assert [case.name for case in suite] == ["cell 1: # fine", "cell 2: x = 1", "cell 3: print(z)"]
    done = command("run", "notebooks/deep", "-r", "-:junit", "--quiet", check=1, env=repository)
    assert done.stdout.count("<testcase") == 3


def test_a_server_that_is_none_is_wrong_use(repository):
    """With the choices there are."""
    done = command("run", "notebooks", "--ci", "travis", check=2, env=repository)
    assert "there is no CI server 'travis'; choose one of auto, github_actions" in done.stderr


def test_the_readme_names_the_servers_there_are():
    """Each stands in the table."""
    section = README.split("\n## In CI\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)?) \| (.+) \|$", section, re.M)
    named = [name for names, _ in rows for name in re.findall(r"\w+", names)]
    assert sorted(named) == sorted(ci.NAMES)
