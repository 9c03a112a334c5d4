"""What a test's fixtures are, found without running or importing anything again."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from functools import lru_cache

import pytest

from failextract_nb import FixtureExtractor
from failextract_nb.fixtures import BUILTIN, MAX_CHAIN


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write files below tmp_path (a conftest.py is not imported) and import one of them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "pytest.ini").write_text("")
    loaded = []

    def write(module, **files):
        for name, source in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        path = tmp_path / f"{module.replace('__', '/')}.py"
        name = f"made_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        made = importlib.util.module_from_spec(spec)
        sys.modules[name] = made
        loaded.append(name)
        spec.loader.exec_module(made)
        return made

    yield write
    for name in loaded:
        sys.modules.pop(name, None)


def describe(function, values=None):
    return FixtureExtractor().extract_fixture_info(function, values or {})


MODULE = '''
import pytest

@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """A connection."""
    return tmp_path_factory

@pytest.fixture(autouse=True)
def clean():
    yield

@pytest.fixture(name="user")
def make_user(connection, n=3, *, clean):
    return connection

@pytest.fixture
async def later(user):
    return user

def plain():
    pass

def test_it(user, later, plain, tmp_path, monkeypatch, capsys, request, default=5, *, clean):
    assert 0

def test_nothing():
    assert 0
'''


def test_fixtures_of_a_module(load):
    """Scope, place, source, flags and needs of each; other fixtures they need are there, too."""
    info = describe(load("test_a", test_a=MODULE).test_it)
    assert set(info) == {
        "user", "later", "plain", "tmp_path", "monkeypatch", "capsys", "request", "clean",
        "connection", "tmp_path_factory",
    }  # fmt: skip
    connection = info["connection"]
    assert connection["kind"] == "fixture"
    assert connection["scope"] == "module"
    assert connection["depends_on"] == ["tmp_path_factory"]
    assert connection["autouse"] is False
    assert connection["file"].endswith("test_a.py")
    assert MODULE.splitlines()[connection["line"] - 1].startswith("def connection")
    assert connection["source"].startswith('@pytest.fixture(scope="module")\ndef connection')
    assert connection["source"].endswith("return tmp_path_factory\n")
    assert info["clean"]["autouse"] is True
    assert info["user"]["depends_on"] == ["connection", "clean"]
    assert info["user"]["scope"] == "function"
    assert info["later"]["source"].startswith("@pytest.fixture\nasync def later")
    assert info["plain"] == {"name": "plain", "kind": "parameter"}
    for name in ("tmp_path", "monkeypatch", "capsys", "request"):
        assert info[name]["kind"] == "builtin"
    assert info["tmp_path_factory"]["scope"] == "session"


def test_a_test_without_fixtures(load):
    """There is nothing to say, and no error."""
    assert describe(load("test_a", test_a=MODULE).test_nothing) == {}
    assert describe(len) == {}
    assert describe(5) == {}


def test_every_builtin_of_pytest_is_known():
    """The names that this pytest defines itself are in the table."""
    defined = set()
    for name, module in sys.modules.items():
        if name.startswith("_pytest.") and name != "_pytest.pytester":
            for key, value in vars(module).items():
                if type(value).__name__ == "FixtureFunctionDefinition":
                    defined.add(key)
    assert {"tmp_path", "capsys"} <= defined
    assert {name for name in defined if not name.startswith("_")} <= set(BUILTIN)


def test_values_are_redacted_text(load):
    """What the fixtures held is text, masked where the name or the look is a secret's."""
    source = "def test_it(api_key, url, rows): pass\n"
    values = {"api_key": "abcdef", "url": "https://bob:hunter2@host/", "rows": [1], "other": 5}
    info = describe(load("test_a", test_a=source).test_it, values)
    assert info["api_key"]["value"] == "[redacted: api key]"
    assert "hunter2" not in info["url"]["value"]
    assert info["rows"]["value"] == "[1]"
    assert "other" not in info


CLASS = """
import pytest

@pytest.fixture
def thing():
    return "module"

class TestBase:
    @pytest.fixture
    def inherited(self):
        return "base"

class TestA(TestBase):
    @pytest.fixture
    def thing(self, helper):
        return "class"

    @pytest.fixture
    def helper(self):
        return "helper"

    def test_it(self, thing, inherited): pass

    class TestInner:
        def test_it(self, thing): pass

class TestB:
    def test_it(self, thing, helper): pass

    @staticmethod
    def test_static(thing): pass
"""


def test_fixtures_of_classes(load):
    """A class sees its own before the module's, and those it inherits; not those of others."""
    made = load("test_a", test_a=CLASS)
    info = describe(made.TestA.test_it)
    assert '"class"' in info["thing"]["source"]
    assert '"helper"' in info["helper"]["source"]
    assert '"base"' in info["inherited"]["source"]
    assert describe(made.TestA().test_it) == info
    assert '"class"' in describe(made.TestA.TestInner.test_it)["thing"]["source"]
    other = describe(made.TestB.test_it)
    assert '"module"' in other["thing"]["source"]
    assert other["helper"]["kind"] == "parameter"
    assert set(describe(made.TestB.test_static)) == {"thing"}


CONFTEST = """
import pytest
from pathlib import Path

with Path({log!r}).open("a") as file:
    file.write("run ")

@pytest.fixture(scope="session")
def {name}():
    return {value!r}
"""


def test_conftests_are_found_and_not_run_again(load, tmp_path):
    """The nearest one wins, all above up to the project's root count, none is executed."""
    log = tmp_path / "log.txt"
    log.write_text("")
    files = {
        "conftest": CONFTEST.format(log=str(log), name="top", value="top"),
        "a__conftest": CONFTEST.format(log=str(log), name="shared", value="a"),
        "a__b__conftest": CONFTEST.format(log=str(log), name="shared", value="b"),
        "a__b__test_a": "def test_it(top, shared): pass\n",
    }
    info = describe(load("a__b__test_a", **files).test_it)
    assert "'b'" in info["shared"]["source"]
    assert info["shared"]["file"] == str(tmp_path / "a" / "b" / "conftest.py")
    assert (info["top"]["scope"], info["top"]["file"]) == ("session", str(tmp_path / "conftest.py"))
    assert log.read_text() == ""


def test_a_conftest_above_the_root_is_not_the_projects(load, tmp_path):
    """The search ends at the folder with the project's configuration."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pyproject.toml").write_text("")
    conftest = CONFTEST.format(log=str(tmp_path / "log"), name="top", value="top")
    made = load("a__test_a", conftest=conftest, a__test_a="def test_it(top): pass\n")
    assert describe(made.test_it)["top"]["kind"] == "parameter"


def test_imported_fixtures(load):
    """A fixture that the test's module imports is found where it is defined."""
    library = "import pytest\n\n@pytest.fixture(scope='class')\ndef tool(tmp_path):\n    return 5\n"
    test = "from tools_of_ours import tool\n\ndef test_it(tool): pass\n"
    try:
        info = describe(load("test_a", tools_of_ours=library, test_a=test).test_it)
    finally:
        sys.modules.pop("tools_of_ours", None)
    assert info["tool"]["file"].endswith("tools_of_ours.py")
    assert (info["tool"]["scope"], info["tool"]["depends_on"]) == ("class", ["tmp_path"])
    assert info["tmp_path"]["kind"] == "builtin"


def test_fixtures_as_older_versions_of_pytest_make_them(load):
    """pytest 8.0 hands out a function with marks on it, wrapped around the fixture's own."""
    library = """
import functools

def fixture(function):
    @functools.wraps(function)
    def result(*args, **kwargs):
        raise RuntimeError("called directly")
    result._pytestfixturefunction = object()
    return result

@fixture
def tool(tmp_path):
    return 5
"""
    test = "from tools_of_old import tool\n\ndef test_it(tool): pass\n"
    try:
        info = describe(load("test_a", tools_of_old=library, test_a=test).test_it)
    finally:
        sys.modules.pop("tools_of_old", None)
    assert info["tool"]["kind"] == "fixture"
    assert info["tool"]["depends_on"] == ["tmp_path"]


def test_an_override_that_asks_for_its_own_name(load):
    """The nearest is described, with what it overrides, and what that one needs."""
    conftest = "import pytest\n\n@pytest.fixture\ndef db(server):\n    return 1\n"
    test = """
import pytest

@pytest.fixture
def db(db, capsys):
    return db

@pytest.fixture
def tmp_path(tmp_path):
    return tmp_path / "x"

@pytest.fixture
def lonely(lonely):
    return lonely

def test_it(db, tmp_path, lonely): pass
"""
    info = describe(load("test_a", conftest=conftest, test_a=test).test_it)
    assert info["db"]["depends_on"] == ["db", "capsys"]
    assert info["db"]["overrides"]["file"].endswith("conftest.py")
    assert info["tmp_path"]["overrides"]["kind"] == "builtin"
    assert "overrides" not in info["lonely"]
    assert set(info) == {"db", "tmp_path", "lonely", "capsys", "server"}


def test_fixtures_that_need_each_other(load):
    """A circle ends, a long chain is bounded."""
    circle = """
import pytest

@pytest.fixture
def a(b): pass

@pytest.fixture
def b(a): pass

def test_it(a): pass
"""
    assert set(describe(load("test_a", test_a=circle).test_it)) == {"a", "b"}
    chain = "\n".join(f"@pytest.fixture\ndef f{n}(f{n + 1}): pass\n" for n in range(200))
    source = f"import pytest\n{chain}\ndef test_it(f0): pass\n"
    assert len(describe(load("test_b", test_b=source).test_it)) == MAX_CHAIN


def test_usefixtures(load):
    """Names in the mark are needed like parameters."""
    source = """
import pytest

@pytest.fixture
def quiet(): pass

@pytest.mark.usefixtures("quiet", "tmp_path")
def test_it(): pass
"""
    info = describe(load("test_a", test_a=source).test_it)
    assert (info["quiet"]["kind"], info["tmp_path"]["kind"]) == ("fixture", "builtin")


def test_decorated_tests(load):
    """The fixtures are those of the function under its decorators."""
    source = """
from failextract_nb import extract_on_failure

@extract_on_failure
def test_it(tmp_path): pass
"""
    assert set(describe(load("test_a", test_a=source).test_it)) == {"tmp_path"}


@pytest.mark.parametrize("broken", ["def (:\n", "\0", "# coding: nonsense\n", "\ud800"])
def test_a_broken_conftest_costs_nothing(load, tmp_path, broken):
    """What cannot be read defines nothing; the rest is found."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "conftest.py").write_bytes(broken.encode("utf-8", "surrogatepass"))
    conftest = "import pytest\n\n@pytest.fixture\ndef top(): pass\n"
    made = load("a__test_a", conftest=conftest, a__test_a="def test_it(top): pass\n")
    assert describe(made.test_it)["top"]["kind"] == "fixture"


def test_files_are_parsed_once_until_they_change(load, tmp_path, monkeypatch):
    """The second look costs no parsing; a changed file is read anew; the cache can be emptied."""
    made = load("test_a", test_a=MODULE)
    parsed = []
    real = ast.parse
    monkeypatch.setattr(ast, "parse", lambda *args: parsed.append(1) or real(*args))
    extractor = FixtureExtractor()
    first = extractor.extract_fixture_info(made.test_it, {})
    assert len(parsed) == 1
    assert extractor.extract_fixture_info(made.test_it, {}) == first
    assert len(parsed) == 1
    path = tmp_path / "test_a.py"
    path.write_text(MODULE.replace('scope="module"', 'scope="class"'))
    os.utime(path, (1, 1))
    assert extractor.extract_fixture_info(made.test_it, {})["connection"]["scope"] == "class"
    assert len(parsed) == 2
    extractor.clear_cache()
    extractor.extract_fixture_info(made.test_it, {})
    assert len(parsed) == 3


def test_the_cache_of_files_is_bounded(load, monkeypatch):
    """A session that looks at many files keeps a few."""
    monkeypatch.setattr("failextract_nb.fixtures.MAX_FILES", 2)
    extractor = FixtureExtractor()
    for n in range(5):
        made = load(f"test_{n}", **{f"test_{n}": MODULE})
        extractor.extract_fixture_info(made.test_it, {})
        assert len(extractor._files) <= 2


def test_source_lines(load, tmp_path):
    """The lines of the definition at a line; of anything else the line itself."""
    load("test_a", test_a=MODULE)
    extractor, path = FixtureExtractor(), str(tmp_path / "test_a.py")
    lines = extractor._get_source_lines(path, 4)
    assert lines[0].startswith("@pytest.fixture(scope")
    assert lines[-1].strip() == "return tmp_path_factory"
    assert extractor._get_source_lines(path, 2) == ["import pytest\n"]
    assert extractor._get_source_lines(path, 5_000) == []
    assert extractor._get_source_lines(str(tmp_path / "none.py"), 1) == []


def test_a_caching_subclass(load):
    """A user's subclass may keep whole answers, and source lines, of its own."""

    class Cached(FixtureExtractor):
        def __init__(self):
            super().__init__()
            self.answers = {}

        @lru_cache(maxsize=100)  # noqa: B019
        def lines(self, filename, lineno):
            return self._get_source_lines(filename, lineno)

        def extract_fixture_info(self, test_func, test_locals):
            key = (test_func.__name__, id(test_func), frozenset(test_locals))
            if key not in self.answers:
                self.answers[key] = super().extract_fixture_info(test_func, test_locals).copy()
            return self.answers[key].copy()

    made = load("test_a", test_a=MODULE)
    cached = Cached()
    first = cached.extract_fixture_info(made.test_it, {"user": 1})
    assert first == cached.extract_fixture_info(made.test_it, {"user": 1})
    assert first["user"]["value"] == "1"
    assert cached.lines(made.__file__, 4) is cached.lines(made.__file__, 4)


def test_secrets_in_a_fixtures_source(load):
    """A password in a fixture is not in what is told about it."""
    source = """
import pytest

@pytest.fixture
def db():
    return dict(password="hunter2")

def test_it(db): pass
"""
    assert "hunter2" not in str(describe(load("test_a", test_a=source).test_it))
