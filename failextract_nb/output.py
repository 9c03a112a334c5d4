"""The report that a door was asked to write: all failures of the session that go to one file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from failextract_nb._names import rules
from failextract_nb._redact import redact_said
from failextract_nb._strings import clean
from failextract_nb.extractor import FailureExtractor
from failextract_nb.failure import Failure
from failextract_nb.remember import note_problem
from failextract_nb.report import STDOUT, OutputConfig


def config_for(
    output: Any,
    format: str | None = None,
    append: bool = False,
    include_passed: bool = False,
) -> OutputConfig | None:
    """The config of a door's ``output`` (a path or an OutputConfig), None where there is none.

    It takes the failures that passed a door with that file, so that two doors may share one.
    """
    if output is None:
        if format is not None or append:
            raise ValueError("format and append say how to write a file; name it with output")
        return None
    if not isinstance(output, OutputConfig):
        output = OutputConfig(output, format=format, append=append, include_passed=include_passed)
    config: OutputConfig = output
    if config.path is None:
        return config
    # Absolute, so that one file has one name wherever the doors stand and the session goes.
    path = os.path.abspath(config.path)
    return replace(config, path=path, where=partial(_goes_to, path, config.where))


def _goes_to(path: str, wanted: Callable[[Failure], object] | None, one: Failure) -> object:
    contexts, shown = one.get("contexts"), _shown(path)
    written = isinstance(contexts, list) and any(
        isinstance(context, dict) and context.get("output") == shown for context in contexts
    )
    return written and (wanted is None or wanted(one))


def config_of(text: str, folder: str) -> OutputConfig:
    """The report that ``FILE[:FORMAT]`` on a command line asks for; FILE is below ``folder``.

    Raises ValueError or ImportError that say what is wrong, before anything has run.
    """
    file, colon, name = text.rpartition(":")
    if not (colon and name.replace("-", "_").isidentifier()):  # C:/a.json has a colon, too
        file, name = text, ""
    if not file:
        raise ValueError("no file is named; a report is FILE or FILE:FORMAT")
    if file == STDOUT:
        return OutputConfig(None, format=name or None)
    config = OutputConfig(os.path.join(folder, os.path.expanduser(file)), format=name or None)
    parent = Path(str(config.path))
    if parent.is_dir():
        raise ValueError(f"{file!r} is a folder; name a file in it")
    while not parent.exists():
        parent = parent.parent
        if parent.exists() and not parent.is_dir():
            raise ValueError(f"{str(parent)!r} is a file, so there can be no file in it")
    return config


def name_of(config: OutputConfig | None) -> str:
    """What a failure has under ``output``, "" for none."""
    return _shown(str(config.path)) if config is not None and config.path is not None else ""


@lru_cache(maxsize=256)
def _shown(path: str) -> str:
    """A path as records have it, which may look like a secret."""
    return clean(redact_said(path))


rules.watch(_shown.cache_clear)


def write(config: OutputConfig | None) -> Path | None:
    """Write the report; what goes wrong is a warning, because the user's exception comes first."""
    if config is None:
        return None
    try:
        return FailureExtractor().save_report(config)
    except Exception as problem:  # noqa: BLE001  # an override or a format may raise anything
        note_problem(f"the report {config.path} was not written", problem)
        return None
