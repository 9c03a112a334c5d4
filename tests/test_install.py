"""What is installed: JupyterLab finds the extension, and no Node.js is needed for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from test_front_end_build import EXTENSION, STATIC, hatchling, not_copied

SECONDS = 900  # an environment with JupyterLab is made
PLACE = Path("share", "jupyter", "labextensions", "failextract-nb")


@pytest.fixture
def python(tmp_path, monkeypatch):
    """The Python of a new environment; nothing is on the PATH, and so no Node.js."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    for name in [name for name in os.environ if name.startswith(("JUPYTER", "PYTHON"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    folder = "Scripts" if os.name == "nt" else "bin"
    return environment / folder / "python"


def run(*command: str | Path) -> str:
    """What a command says on both streams, without colours; AssertionError if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


@pytest.mark.timeout(SECONDS)
def test_the_wheel_brings_an_extension_that_jupyterlab_takes(python, tmp_path):
    """Enabled, of the package's version, and OK: it suits this JupyterLab."""
    wheel = hatchling(ROOT, "wheel", tmp_path / "wheel")
    run(python, "-m", "pip", "install", "--quiet", wheel, "jupyterlab")
    told = run(python, "-m", "jupyter", "labextension", "list")
    version = run(python, "-c", "import failextract_nb as one; print(one.__version__)").strip()
    (line,) = (line for line in told.splitlines() if "failextract-nb" in line)
    assert line.split() == [
        *["failextract-nb", f"v{version}", "enabled", "OK"],
        *["(python,", "failextract-nb)"],
    ]
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "failextract-nb")
    assert not (python.parent.parent / PLACE).exists()


def test_the_lowest_jupyterlab_is_the_one_that_is_promised():
    """The extension says what it needs; `make test-lab-lowest` installs just that."""
    needs = json.loads((ROOT / EXTENSION / "package.json").read_text())["dependencies"]
    promised = {needs[name] for name in ("@jupyterlab/application", "@jupyterlab/notebook")}
    lowest = (ROOT / "tests" / "lab-lowest.txt").read_text()
    tested = re.findall(r"^jupyterlab==(.+)\.\*$", lowest, re.M)
    assert promised == {f"^{version}.0" for version in tested}


@pytest.mark.timeout(SECONDS)
def test_an_editable_install_brings_it_too(python, tmp_path):
    """The package is that of the checkout; the extension stands where JupyterLab looks for it."""
    checkout = tmp_path / "checkout"
    for name in ("failextract_nb", "labextension"):
        shutil.copytree(ROOT / name, checkout / name, ignore=not_copied)
    for name in (STATIC, EXTENSION):
        shutil.copytree(ROOT / name, checkout / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", checkout)
    assert str(checkout) in run(
        python, "-c", "import failextract_nb; print(failextract_nb.__file__)"
    )
    there = python.parent.parent / PLACE
    for built in (checkout / EXTENSION).rglob("*.*"):
        assert (there / built.relative_to(checkout / EXTENSION)).read_bytes() == built.read_bytes()
    assert (there / "install.json").exists()
