"""The built front end, which the package carries as files."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).with_name("widget") / "static"


def read(name: str) -> str:
    """A file of the front end; FileNotFoundError says how to build it."""
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the front end of failextract_nb is not built ({name} is missing); "
            "in a checkout: python labextension/build.py"
        ) from error
