"""The registry: a format is a file, a registered object, or an entry point."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import ROOT, example, fail

import failextract_nb
from failextract_nb import OutputConfig, OutputFormatter, formats
from failextract_nb.formats.json import JSONFormatter

BUILT_IN = ["csv", "html", "json", "jsonl", "junit", "markdown", "xml", "yaml"]


class Shout(OutputFormatter):
    """A user's own format."""

    extensions = (".shout", ".Loud.TXT")

    def format(self, failures, passed=None, metadata=None):
        return "".join(f"{one['exception_message'].upper()}!\n" for one in failures)


class Plain:
    """A user's own format that knows nothing of ours."""

    def format(self, failures, passed=None, metadata=None):
        return f"{len(failures)} failed"


# ---- what is there


def test_names_are_the_files_of_the_folder():
    """Every file is a format, and nothing else is."""
    files = (Path(formats.__file__).parent).glob("[!_]*.py")
    assert formats.names() == sorted(file.stem for file in files) == BUILT_IN


def test_names_and_registry_import_no_format(run_python):
    """Listing is cheap: no format, no library of one."""
    run_python("""
        import sys
        from failextract_nb import formats
        assert "json" in formats.names()
        loaded = {name for name in sys.modules if name.startswith("failextract_nb.formats.")}
        assert loaded == {"failextract_nb.formats._base"}, loaded
        assert not {"yaml", "orjson"} & set(sys.modules)
    """)


def test_a_format_dropped_into_the_folder_is_known(tmp_path, run_python):
    """One new file and no edit elsewhere: a name, an extension, a report."""
    shutil.copytree(
        ROOT / "failextract_nb",
        tmp_path / "failextract_nb",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "failextract_nb" / "formats" / "count.py").write_text(
        "from failextract_nb.formats._base import OutputFormatter\n"
        "class CountFormatter(OutputFormatter):\n"
        "    extensions = ('.count',)\n"
        "    def format(self, failures, passed=None, metadata=None):\n"
        "        return str(len(list(failures)))\n"
        "formatter = CountFormatter()\n"
    )
    run_python("""
        import sys
        sys.path.insert(0, "")
        from failextract_nb import FailureExtractor, OutputConfig, formats
        assert "count" in formats.names()
        FailureExtractor().add_failure({})
        path = FailureExtractor().save_report(OutputConfig("x.count"))
        assert path.read_text() == "1"
    """)


@pytest.mark.parametrize("name", BUILT_IN)
def test_get_gives_the_one_formatter_of_a_name(name):
    """It is an OutputFormatter, and the same one each time."""
    assert isinstance(formats.get(name), OutputFormatter)
    assert formats.get(name) is formats.get(name)


def test_the_public_classes_are_those_of_the_registry():
    """``from failextract_nb import JSONFormatter`` gives the class that save_report uses."""
    names = [name for name in failextract_nb.__all__ if name.endswith("Formatter")]
    used = {type(formats.get(name)) for name in BUILT_IN} | {OutputFormatter}
    assert {getattr(failextract_nb, name) for name in names} == used


@pytest.mark.parametrize(("name", "nearest"), [("jsn", "json"), ("Markdown", "markdown")])
def test_an_unknown_name_lists_the_known_and_the_nearest(name, nearest):
    """A typing error is put right by its message."""
    for call in (formats.get, formats.extension, lambda name: OutputConfig("x.y", format=name)):
        error = fail(call, name)
        assert type(error) is ValueError
        assert f"there is no format {name!r}" in str(error)
        assert f"Did you mean {nearest!r}?" in str(error)
        assert all(known in str(error) for known in BUILT_IN)


def test_an_unknown_name_that_is_near_nothing_has_no_guess():
    """No hint is better than a wrong one."""
    assert "Did you mean" not in str(fail(formats.get, "0123456789"))


# ---- register


@pytest.mark.parametrize("formatter", [Shout, Shout(), Plain, Plain()])
def test_register_takes_a_class_or_an_object(formatter, extractor, tmp_path):
    """With our base class or just a method format()."""
    formats.register("mine", formatter)
    assert "mine" in formats.names()
    extractor.add_failure(example())
    path = extractor.save_report(OutputConfig(tmp_path / "x.txt", format="mine"))
    assert path.read_text() in {"NO!\n", "1 failed"}
    assert "".join(formats.get("mine").iter_format([])) in {"", "0 failed"}


def test_register_again_replaces_ones_own():
    """A cell that registers can be run twice."""
    first, second = Shout(), Shout()
    formats.register("mine", first)
    formats.register("mine", second)
    assert formats.get("mine") is second


@pytest.mark.parametrize("name", BUILT_IN)
def test_register_refuses_a_built_in_name(name):
    """Nobody changes what "json" means."""
    error = fail(formats.register, name, Shout)
    assert type(error) is ValueError
    assert f"{name!r} is built in" in str(error)


@pytest.mark.parametrize("name", ["", "a b", "../x", "1st", "a.b", None, 5, "a/b"])
def test_register_refuses_a_name_that_is_none(name):
    """A name has to be good as an extension and on a command line."""
    assert type(fail(formats.register, name, Shout)) is ValueError


@pytest.mark.parametrize("name", ["mine", "my_format", "my-format", "größe"])
def test_register_takes_a_name_of_letters_digits_and_dashes(name):
    """The name without another word is the extension too."""
    formats.register(name, Plain)
    assert formats.extension(name) == f".{name}"
    assert formats.for_path(f"x.{name}") == name


@pytest.mark.parametrize("formatter", [object(), object, None, "json", 5, lambda: ""])
def test_register_refuses_what_cannot_format(formatter):
    """The error shows the method that is missing."""
    error = fail(formats.register, "mine", formatter)
    assert type(error) is TypeError
    assert "format(failures, passed=None, metadata=None)" in str(error)
    assert "mine" not in formats.names()


def test_a_formatter_without_its_method_is_refused_where_it_is_written():
    """The class statement raises, not the first report."""
    error = fail(type, "Empty", (OutputFormatter,), {})
    assert type(error) is TypeError
    assert str(error) == "Empty needs a method format() or iter_format()"


def test_one_method_gives_the_other():
    """format() is the join of iter_format(), and iter_format() yields what format() gives."""

    class Chunks(OutputFormatter):
        def iter_format(self, failures, passed=None, metadata=None):
            yield "a"
            yield "b"

    assert Chunks().format([]) == "ab"
    assert list(Shout().iter_format([example()])) == ["NO!\n"]


def test_a_subclass_of_a_built_in_format_needs_no_method():
    """It inherits them."""

    class Mine(JSONFormatter):
        pass

    formats.register("mine", Mine)
    assert json.loads(formats.get("mine").format([]))["failures"] == []


# ---- extensions


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x.json", "json"),
        ("x.jsonl", "jsonl"),
        ("x.ndjson", "jsonl"),
        ("x.md", "markdown"),
        ("x.markdown", "markdown"),
        ("x.xml", "xml"),
        ("x.junit.xml", "junit"),
        ("junit.xml", "xml"),
        ("x.csv", "csv"),
        ("x.yaml", "yaml"),
        ("x.yml", "yaml"),
        ("x.html", "html"),
        ("x.htm", "html"),
        ("X.JSON", "json"),
        ("x.JUnit.XML", "junit"),
        ("a.xml/b.json", "json"),
        (Path("a") / "b.tar.json", "json"),
    ],
)
def test_the_extension_says_the_format(path, name):
    """Upper case or not; the longest extension that fits."""
    assert formats.for_path(path) == name
    assert OutputConfig(path).format == name


@pytest.mark.parametrize("path", ["x", "x.txt", "json", "x.json.bak", "x.", "xjson"])
def test_an_unknown_extension_lists_the_known(path):
    """The error names the file, the extensions, and the formats."""
    error = fail(formats.for_path, path)
    assert type(error) is ValueError
    assert repr(path) in str(error)
    assert ".junit.xml" in str(error)
    assert "markdown" in str(error)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_format_has_its_extension_and_it_leads_back(name):
    """What an export button writes is found again as that format."""
    assert formats.for_path(f"x{formats.extension(name)}") == name


def test_a_users_extension_says_the_users_format():
    """In any case, however it is written in the class."""
    formats.register("shout", Shout)
    assert formats.extension("shout") == ".shout"
    assert formats.for_path("x.SHOUT") == "shout"
    assert formats.for_path("x.loud.txt") == "shout"


def test_nobody_takes_an_extension_from_a_built_in_format():
    """``x.json`` is JSON, whatever else is registered."""

    class Greedy(Shout):
        extensions = (".json", ".a.json")

    formats.register("aaa", Greedy)
    formats.register("zzz", Greedy)
    assert formats.for_path("x.json") == "json"
    assert formats.for_path("x.a.json") in {"aaa", "zzz"}


def test_an_extension_may_be_one_text():
    """``extensions = (".txt")`` lacks a comma, and is not four extensions."""

    class Slip(Shout):
        extensions = ".txt"

    formats.register("slip", Slip)
    assert formats.extension("slip") == ".txt"
    assert formats.for_path("x.txt") == "slip"
    assert type(fail(formats.for_path, "x.t")) is ValueError


# ---- what is not there, and what others bring


def test_a_missing_library_names_the_line_that_installs_it(run_python):
    """Without PyYAML all else works, and a YAML report says what to do; nothing is written."""
    run_python("""
        import os, sys
        sys.modules["yaml"] = None
        from failextract_nb import FailureExtractor, OutputConfig, formats
        assert "yaml" in formats.names()
        assert formats.for_path("x.yml") == "yaml"
        FailureExtractor().save_report(OutputConfig("x.json"))
        try:
            FailureExtractor().save_report(OutputConfig("x.yaml"))
        except ImportError as error:
            assert "pip install pyyaml" in str(error), error
        else:
            raise SystemExit("it did not raise")
        assert os.listdir() == ["x.json"]
    """)


def plugin(folder, name, target, code):
    """A distribution, as pip leaves it, that brings a format."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[failextract_nb.formats]\n{name} = {target}\n")
    (folder / f"{name}_plugin.py").write_text(code)


def test_an_entry_point_brings_a_format(tmp_path, run_python):
    """A package declares it; it is listed without an import, and used by name or extension."""
    plugin(
        tmp_path,
        "roll",
        "roll_plugin:Roll",
        "class Roll:\n"
        "    extensions = ('.roll',)\n"
        "    def format(self, failures, passed=None, metadata=None):\n"
        "        return 'roll of ' + str(len(failures))\n",
    )
    run_python(
        """
        import sys
        from failextract_nb import FailureExtractor, OutputConfig, formats
        assert "roll" in formats.names()
        assert "roll_plugin" not in sys.modules
        FailureExtractor().add_failure({})
        for config in (OutputConfig("a.txt", format="roll"), OutputConfig("b.roll")):
            assert FailureExtractor().save_report(config).read_text() == "roll of 1"
        """,
        PYTHONPATH=str(tmp_path),
    )


@pytest.mark.parametrize("target", ["broken_plugin", "broken_plugin:missing", "nowhere:x"])
def test_a_broken_entry_point_costs_only_itself(tmp_path, run_python, target):
    """The other formats go on; asked for by name, it says what is wrong."""
    plugin(tmp_path, "broken", target, "raise RuntimeError('half installed')\n")
    run_python(
        """
        from failextract_nb import OutputConfig, formats
        assert "broken" in formats.names()
        assert OutputConfig("x.json").format == "json"
        assert formats.extension("broken") == ".broken"
        try:
            OutputConfig("x.txt", format="broken")
        except (RuntimeError, ImportError) as error:
            print(error)
        else:
            raise SystemExit("it did not raise")
        """,
        PYTHONPATH=str(tmp_path),
    )
