"""What a test's fixtures are: where they are defined, what they depend on, what they held.

Nothing is imported or run: definitions are found in the objects that the test's module already has,
and by reading the source of its file, its class and the ``conftest.py`` files above it.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from failextract_nb import positions
from failextract_nb._redact import redact
from failextract_nb._safe import text_of
from failextract_nb._strings import clean, clip

MAX_SOURCE = 4_000  # characters of one fixture's source
MAX_FILES = 200  # parsed files kept
MAX_CHAIN = 50  # fixtures that one test needs, directly or through others

Info = dict[str, Any]
Definition = ast.FunctionDef | ast.AsyncFunctionDef

# pytest's own, with their scope and what they are for.
BUILTIN: dict[str, tuple[str, str]] = {
    "cache": ("function", "values that survive between test runs"),
    "capfd": ("function", "what is written to file descriptors 1 and 2, as text"),
    "capfdbinary": ("function", "what is written to file descriptors 1 and 2, as bytes"),
    "caplog": ("function", "the log records of the test"),
    "capsys": ("function", "what is written to sys.stdout and sys.stderr, as text"),
    "capsysbinary": ("function", "what is written to sys.stdout and sys.stderr, as bytes"),
    "capteesys": ("function", "as capsys, and passed through"),
    "doctest_namespace": ("session", "names that doctests see"),
    "monkeypatch": ("function", "changes that are undone after the test"),
    "pytestconfig": ("session", "the configuration of the run"),
    "pytester": ("function", "runs pytest itself in a folder of its own"),
    "record_property": ("function", "extra properties of the test in the JUnit report"),
    "record_testsuite_property": ("session", "extra properties of the suite in the JUnit report"),
    "record_xml_attribute": ("function", "extra attributes of the test in the JUnit report"),
    "recwarn": ("function", "the warnings of the test"),
    "request": ("function", "the test that asks for a fixture"),
    "subtests": ("function", "parts of a test that are reported one by one"),
    "testdir": ("function", "pytester with py.path objects"),
    "tmp_path": ("function", "a new folder for the test, as a Path"),
    "tmp_path_factory": ("session", "new folders for the whole run, as Paths"),
    "tmpdir": ("function", "a new folder for the test, as a py.path object"),
    "tmpdir_factory": ("session", "new folders for the whole run, as py.path objects"),
}
# A project's root: no conftest.py above it belongs to the test.
_ROOT_MARKS = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", "setup.py", ".git")


class FixtureExtractor:
    """Finds the fixtures of test functions.  Files are parsed once, until they change."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[list[str], dict[str, list[_Found]]]] = {}
        self._roots: dict[str, list[str]] = {}

    def extract_fixture_info(
        self, test_func: Callable[..., Any], test_locals: Mapping[str, Any] | None = None
    ) -> dict[str, Info]:
        """The fixtures that ``test_func`` needs, directly or through others, by name.

        Each has ``name`` and ``kind``: "fixture" (with ``scope file line source depends_on
        autouse``, and ``overrides`` where it asks for one of its own name), "builtin" (pytest's
        own, with ``scope`` and ``about``) or "parameter" (nothing is known).  ``value`` is the
        text of what ``test_locals`` holds under that name.
        """
        function = plain_function(test_func)
        out: dict[str, Info] = {}
        waiting = _wanted(function)
        while waiting and len(out) < MAX_CHAIN:
            name = waiting.pop(0)
            if name in out:
                continue
            info = self._describe(name, function)
            if test_locals and name in test_locals:
                info["value"] = text_of(test_locals[name], name)
            out[name] = info
            level: Info | None = info
            while level is not None:
                waiting += [needed for needed in level.get("depends_on", []) if needed not in out]
                level = level.get("overrides")
        return out

    def info_of(self, name: str, function: Any, scope: str) -> Info:
        """What ``extract_fixture_info`` says of a fixture that pytest has found; nothing it asks
        for of its own name.
        """
        code = getattr(plain_function(function), "__code__", None)
        if code is not None:
            file = code.co_filename
            for found in self._parse(file).get(name, []):
                if found.first == code.co_firstlineno:
                    return {**self._info(name, found, file), "scope": scope}
        return {"name": name, "kind": "fixture", "scope": scope}

    def clear_cache(self) -> None:
        """Forget what was read from files."""
        self._files.clear()
        self._roots.clear()

    def _get_source_lines(self, filename: str, lineno: int) -> list[str]:
        """The lines of the definition that starts at ``lineno`` (1-based); [] if there is none."""
        lines = linecache.getlines(filename)
        for definitions in self._parse(filename).values():
            for found in definitions:
                if found.first <= lineno <= (found.node.end_lineno or found.first):
                    return lines[found.first - 1 : found.node.end_lineno]
        return lines[lineno - 1 : lineno]

    def _describe(self, name: str, function: Any) -> Info:
        """The fixture of this name that the test gets, and what it overrides if it asks for it."""
        infos: list[Info] = []
        for file, found in self._candidates(name, function):
            info = self._info(name, found, file)
            infos.append(info)
            if name not in info["depends_on"]:
                break
        else:
            if name in BUILTIN:
                scope, about = BUILTIN[name]
                infos.append({"name": name, "kind": "builtin", "scope": scope, "about": about})
        for info, overridden in pairwise(infos):
            info["overrides"] = overridden
        return infos[0] if infos else {"name": name, "kind": "parameter"}

    def _candidates(self, name: str, function: Any) -> Iterator[tuple[str, _Found]]:
        """The definitions that the test can see, nearest first: innermost class, last line."""
        seen = set()
        for file, qualname in self._places(name, function):
            visible = [one for one in self._parse(file).get(name, []) if one.visible_from(qualname)]
            visible.sort(key=lambda one: (len(one.inside), one.first), reverse=True)
            for found in visible:
                if (file, found.first) not in seen:
                    seen.add((file, found.first))
                    yield file, found

    def _places(self, name: str, function: Any) -> Iterator[tuple[str, str]]:
        """Files to look into, nearest first, with the class that the test is in there."""
        code = getattr(function, "__code__", None)
        if code is None:
            return
        inside = getattr(function, "__qualname__", "").rpartition(".")[0]
        yield code.co_filename, inside
        yield from _bases(getattr(function, "__globals__", {}).get(inside))
        imported = _fixture_function(getattr(function, "__globals__", {}).get(name))
        if imported is not None:
            yield imported.__code__.co_filename, ""
        for conftest in self._conftests(code.co_filename):
            yield conftest, ""

    def _conftests(self, file: str) -> list[str]:
        folder = os.path.dirname(os.path.abspath(file))
        if folder not in self._roots:
            found = []
            for parent in (Path(folder), *Path(folder).parents):
                if (parent / "conftest.py").is_file():
                    found.append(str(parent / "conftest.py"))
                if any((parent / mark).exists() for mark in _ROOT_MARKS):
                    break
            self._roots[folder] = found
        return self._roots[folder]

    def _parse(self, file: str) -> dict[str, list[_Found]]:
        """The fixtures that a file (or a cell that linecache knows) defines."""
        linecache.checkcache(file)
        lines = linecache.getlines(file)
        known = self._files.get(file)
        if known is not None and known[0] is lines:  # linecache reads a changed file anew
            return known[1]
        definitions: dict[str, list[_Found]] = {}
        try:
            tree = ast.parse("".join(lines))
        except (SyntaxError, ValueError, RecursionError):  # a cell with magics, a broken file
            tree = ast.Module(body=[], type_ignores=[])
        for found in _definitions(tree.body, ""):
            definitions.setdefault(found.name, []).append(found)
        if len(self._files) >= MAX_FILES:
            self._files.clear()
        self._files[file] = (lines, definitions)
        return definitions

    def _info(self, name: str, found: _Found, file: str) -> Info:
        source = "".join(self._get_source_lines(file, found.first))
        cell = positions.cell_of(file, None)
        line = found.node.lineno
        return {
            "name": name,
            "kind": "fixture",
            "scope": found.scope,
            "file": cell.label if cell else clean(file),
            "line": cell.line(line) if cell else line,
            "source": clean(clip(redact(source), MAX_SOURCE)),
            "depends_on": _parameters(found.node),
            "autouse": found.autouse,
        }


class _Found:
    """The definition of a fixture in a file."""

    def __init__(self, node: Definition, decorator: ast.expr, inside: str) -> None:
        options = {}
        if isinstance(decorator, ast.Call):
            options = {
                word.arg: word.value.value
                for word in decorator.keywords
                if isinstance(word.value, ast.Constant)
            }
        self.node = node
        self.inside = inside
        self.name = str(options.get("name") or node.name)
        self.scope = str(options.get("scope") or "function")
        self.autouse = options.get("autouse") is True
        self.first = min(part.lineno for part in (node, *node.decorator_list))

    def visible_from(self, qualname: str) -> bool:
        """A fixture in a class is for that class and those inside it."""
        return not self.inside or f"{qualname}.".startswith(f"{self.inside}.")


def _definitions(body: list[ast.stmt], inside: str) -> Iterator[_Found]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, f"{inside}.{node.name}".lstrip("."))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                word = getattr(called, "attr", getattr(called, "id", ""))
                if word in ("fixture", "yield_fixture"):
                    yield _Found(node, decorator, inside)


def plain_function(test_func: Any) -> Any:
    """The plain function under decorators and bound methods."""
    for _ in range(20):
        inner = getattr(test_func, "__wrapped__", None) or getattr(test_func, "__func__", None)
        if inner is None:
            break
        test_func = inner
    return test_func


def _bases(cls: Any) -> Iterator[tuple[str, str]]:
    """The files of the classes that a test's class extends, and their names there."""
    for base in getattr(cls, "__mro__", ())[1:-1]:
        file = getattr(sys.modules.get(base.__module__), "__file__", None)
        if file:
            yield file, base.__qualname__


def _fixture_function(value: Any) -> Any:
    """The function that ``@pytest.fixture`` has wrapped, or None when ``value`` is no fixture."""
    kind = type(value).__name__
    is_fixture = kind == "FixtureFunctionDefinition" or hasattr(value, "_pytestfixturefunction")
    function = plain_function(getattr(value, "_fixture_function", value)) if is_fixture else None
    return function if hasattr(function, "__code__") else None


def _wanted(function: Any) -> list[str]:
    """The names of a test's parameters, and those of its ``usefixtures`` marks."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    if defaults := getattr(function, "__defaults__", None):  # pytest fills in no such parameter
        del names[code.co_argcount - len(defaults) : code.co_argcount]
    if "." in getattr(function, "__qualname__", "").replace("<locals>.", "") and names[:1] in (
        ["self"],
        ["cls"],
    ):
        del names[0]
    for mark in getattr(function, "pytestmark", []):
        if getattr(mark, "name", "") == "usefixtures":
            names += [name for name in mark.args if isinstance(name, str)]
    return names


def _parameters(node: Definition) -> list[str]:
    arguments = [*node.args.posonlyargs, *node.args.args]
    arguments = arguments[: len(arguments) - len(node.args.defaults)] + node.args.kwonlyargs
    return [one.arg for one in arguments if one.arg not in ("self", "cls")]
