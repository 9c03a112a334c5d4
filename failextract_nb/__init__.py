"""failextract_nb remembers the failures of a notebook session.

``%load_ext failextract_nb`` in a notebook; ``@extract_on_failure`` and ``capture_failures`` in
code; ``FailureExtractor()`` is the store, ``OutputConfig`` says where a report goes.

For pytest, whose plugin this package is: PYTEST_DONT_REWRITE, there is no test in it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failextract_nb.block import capture_failures as capture_failures
    from failextract_nb.decorator import extract_on_failure as extract_on_failure
    from failextract_nb.extractor import FailureExtractor as FailureExtractor
    from failextract_nb.failure import Failure as Failure
    from failextract_nb.fixtures import FixtureExtractor as FixtureExtractor
    from failextract_nb.formats import NotAReport as NotAReport
    from failextract_nb.formats import OutputFormatter as OutputFormatter
    from failextract_nb.report import OutputConfig as OutputConfig
    from failextract_nb.widget import FailureTable as FailureTable

__version__ = "0.1.0"

# Public name -> the module it lives in, imported on first use: loading the package costs nothing.
_HOMES = {
    "CSVFormatter": "formats.csv",
    "Failure": "failure",
    "FailureExtractor": "extractor",
    "FailureTable": "widget",
    "FixtureExtractor": "fixtures",
    "HTMLFormatter": "formats.html",
    "JSONFormatter": "formats.json",
    "JSONLFormatter": "formats.jsonl",
    "JUnitFormatter": "formats.junit",
    "MarkdownFormatter": "formats.markdown",
    "NotAReport": "formats",
    "OutputConfig": "report",
    "OutputFormatter": "formats",
    "XMLFormatter": "formats.xml",
    "YAMLFormatter": "formats.yaml",
    "capture_failures": "block",
    "extract_on_failure": "decorator",
}

__all__ = [
    "CSVFormatter",
    "Failure",
    "FailureExtractor",
    "FailureTable",
    "FixtureExtractor",
    "HTMLFormatter",
    "JSONFormatter",
    "JSONLFormatter",
    "JUnitFormatter",
    "MarkdownFormatter",
    "NotAReport",
    "OutputConfig",
    "OutputFormatter",
    "XMLFormatter",
    "YAMLFormatter",
    "capture_failures",
    "extract_on_failure",
    "formats",
    "load_ipython_extension",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    if name == "formats":
        return importlib.import_module(f"{__name__}.formats")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ip: Any) -> None:
    """``%load_ext failextract_nb``: record every failing cell from now on."""
    from failextract_nb.ipython import load

    load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """``%unload_ext failextract_nb``: leave the session as it was; the failures stay."""
    from failextract_nb.ipython import unload

    unload(ip)
