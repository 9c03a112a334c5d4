"""The package as a whole: its names, its weight, its bounds, its files."""

from __future__ import annotations

import re
import tomllib

import pytest
from conftest import ROOT

import failextract_nb

HEAVY = (
    "pandas",
    "numpy",
    "yaml",
    "IPython",
    "ipywidgets",
    "orjson",
    "traitlets",
    "pytest",
    "dask",
    "pyarrow",
)


def test_importing_the_package_loads_nothing_heavy(run_python):
    """Neither the package, nor its public names, nor a capture."""
    run_python(f"""
        import sys
        def loaded():
            return [name for name in {HEAVY!r} if name in sys.modules]
        import failextract_nb
        assert not loaded(), loaded()
        from failextract_nb import *
        @extract_on_failure
        def f(x):
            return 1 / x
        try:
            f(0)
        except ZeroDivisionError:
            pass
        assert len(FailureExtractor().failures) == 1
        FailureExtractor().get_statistics()
        assert not loaded(), loaded()
        FailureExtractor().save_report(OutputConfig("x.csv"))
        assert loaded() in ([], ["orjson"]), loaded()
        FailureExtractor().to_frame()
        assert "yaml" not in loaded() and "IPython" not in loaded(), loaded()
    """)


def test_loading_the_extension_loads_little(run_python):
    """``%load_ext`` loads our own modules, and what a notebook waits for elsewhere: nearly nothing."""
    done = run_python("""
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell()
        before = set(sys.modules)
        shell.run_line_magic("load_ext", "failextract_nb")
        print(*sorted(set(sys.modules) - before))
    """)
    loaded = done.stdout.split()
    others = [
        name for name in loaded if name.partition(".")[0] not in ("failextract_nb", "IPython")
    ]
    assert len(loaded) - len(others) <= 50
    # html's entities are a dict of words; sysconfig tells where the standard library is.
    allowed = {"html", "html.entities", "pkgutil", "sysconfig", "traitlets"}
    allowed |= {"contextvars", "_contextvars", "gc"}  # built in, all but a line
    assert {name for name in others if not name.startswith("_sysconfigdata")} <= allowed, others


def test_public_names_are_complete_and_sorted():
    """What is promised can be imported, and nothing else is promised."""
    names = failextract_nb.__all__
    assert names == sorted(names)
    assert set(failextract_nb._HOMES) | {
        "formats",
        "load_ipython_extension",
        "unload_ipython_extension",
    } == set(names)
    for name in names:
        assert getattr(failextract_nb, name) is not None
        assert name in dir(failextract_nb)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        failextract_nb.nothing


def test_public_names_say_what_they_are():
    """Each has a docstring of its own."""
    for name in failextract_nb.__all__:
        assert getattr(failextract_nb, name).__doc__, name


def test_the_package_is_typed():
    """Type checkers of users read our annotations."""
    assert (ROOT / "failextract_nb" / "py.typed").is_file()


def test_lower_bounds_are_the_versions_that_are_tested():
    """pyproject.toml promises what `make test-lowest` installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["parquet"]]
    promised = dict(line.split(">=") for line in lines)
    lines = (ROOT / "tests" / "lowest.txt").read_text().splitlines()
    tested = dict(line.split("==") for line in lines if "==" in line)
    assert {name: tested[name] for name in promised} == promised


def test_the_change_log_speaks_of_this_version():
    """Keep a Changelog: newest first, this version or what is unreleased."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] in ("Unreleased", failextract_nb.__version__)


def test_no_address_of_a_registry_stands_in_the_repository():
    """Lock files and scripts name packages, not where they come from."""
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com")
    folders = ("failextract_nb", "tests", "notebooks", "benchmarks", ".ci")
    ours = [*ROOT.glob("*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    for path in ours:
        if path.is_file() and not {"__pycache__", "node_modules", "dist"} & {*path.parts}:
            text = path.read_text(encoding="utf-8")
            assert not any(host in text for host in hosts), path
