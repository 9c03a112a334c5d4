"""Runs pytest as users do, in a process of its own, with the plugin and nothing that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from conftest import violation

REPORT = "failures.json"
PLUGIN = ("-p", "failextract_nb.pytest_plugin")
OPTIONS = (*PLUGIN, "-p", "no:cacheprovider")
WORKERS = ("-p", "xdist", "-n", "2")
# What the environment has installed is the developer's business.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "COLUMNS": "200"}


@dataclass
class Run:
    """What one run of pytest gave."""

    code: int
    output: str
    failures: list[dict]

    def of(self, node_id: str) -> dict:
        """The one failure whose node id ends so."""
        [found] = [one for one in self.failures if one["node_id"].endswith(node_id)]
        return found


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **ALONE, "PYTHONPATH": path, **more}


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *OPTIONS, *args]


def run_pytest(folder: Path, *args: str, given: str = "", **env: str) -> Run:
    """Run the tests of ``folder``; where the arguments name no report, it is ``REPORT``."""
    if not any(arg.startswith("--failextract") for arg in args):
        args = (f"--failextract={REPORT}", *args)
    done = subprocess.run(
        command(*args),
        cwd=folder,
        env=environment(**env),
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=170,
        check=False,
    )
    return Run(done.returncode, done.stdout, failures_in(folder / REPORT))


def failures_in(report: Path) -> list[dict]:
    """The failures of a JSON report, each as the schema says; [] where there is none."""
    if not report.is_file():
        return []
    failures = json.loads(report.read_bytes())["failures"]
    wrong = {said for one in failures if (said := violation()(one))}
    assert not wrong, wrong
    assert len({one["id"] for one in failures}) == len(failures)
    return failures


def lay_out(folder: Path, files: dict[str, str]) -> None:
    for name, text in {"pytest.ini": "[pytest]\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def told_by_pytest(xml: Path) -> Counter:
    """What pytest's own JUnit report counts: the test, and whether it is a failure or an error."""
    found: Counter = Counter()
    for case in ET.parse(xml).iter("testcase"):
        for kind in ("failure", "error"):
            name = f"{case.get('classname')}.{case.get('name')}".lstrip(".")
            found[name, kind] += len(case.findall(kind))
    return +found


def told_by_us(failures: list[dict]) -> Counter:
    """The same of our failures."""
    found: Counter = Counter()
    for one in failures:
        file, *names = one["node_id"].split("[")[0].split("::")
        names = [file.replace("/", ".").removesuffix(".py"), *names]
        bracket = one["node_id"].find("[")
        name = ".".join(names) + (one["node_id"][bracket:] if bracket >= 0 else "")
        found[name, "failure" if one["phase"] in ("call", "crash") else "error"] += 1
    return found
