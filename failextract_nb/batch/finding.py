"""Which notebooks are to be run, what they are called, and where the executed ones go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

ENDING = ".ipynb"


class NothingToRun(ValueError):  # noqa: N818  # says it best
    """What was named holds no notebook; the text says what it is."""


def notebooks_in(paths: Sequence[str], without: str | None = None) -> dict[str, Path]:
    """Each notebook once, by its path, in the order of ``paths``; with the folder it was found in.

    A folder stands for all notebooks below it, sorted; hidden folders such as .ipynb_checkpoints
    and the folder ``without`` are left out.  Raises NothingToRun that says what is missing.
    """
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise NothingToRun(f"there is no {', no '.join(map(repr, missing))}; check the spelling")
    odd = [path for path in paths if not os.path.isdir(path) and not os.path.isfile(path)]
    if odd:  # who opens a pipe waits for its writer
        raise NothingToRun(f"{odd[0]!r} is no file but a device or a pipe")
    found: dict[str, Path] = {}
    known: set[str] = set()
    left_out = os.path.realpath(without) if without else None
    for path in paths:
        below = _below(path, left_out) if os.path.isdir(path) else [path]
        base = Path(path if os.path.isdir(path) else os.path.dirname(path) or ".").absolute()
        for one in below:
            real = os.path.realpath(one)
            if real not in known:
                known.add(real)
                found[one] = base
    if not found:
        raise NothingToRun(f"there is no notebook (*{ENDING}) in {', '.join(map(repr, paths))}")
    return found


def _below(folder: str, left_out: str | None) -> list[str]:
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) != left_out
        ]
        books = [name for name in files if name.endswith(ENDING) and not name.startswith(".")]
        found += filter(os.path.isfile, (os.path.join(parent, name) for name in books))
    return sorted(found, key=lambda path: Path(path).parts)


def check_reports(notebooks: Iterable[str], reports: Iterable[str]) -> None:
    """Raise ValueError where a report would be written over a notebook that is run."""
    known = {os.path.realpath(path) for path in notebooks}
    over = next((path for path in reports if os.path.realpath(path) in known), None)
    if over is not None:
        raise ValueError(f"the report {over} would be written over the notebook; name another file")


def name_of(path: str) -> str:
    """What a notebook is called: its path from here, or the whole one where it is elsewhere."""
    absolute = Path(path).absolute()
    here = Path.cwd()
    chosen = absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
    return Path(os.path.normpath(chosen)).as_posix()


def outputs_of(found: dict[str, Path], folder: str) -> dict[str, str]:
    """Where each executed notebook goes: below ``folder``, as it lies below what was named.

    Raises ValueError where that would be a notebook that is to be run.
    """
    root = Path(os.path.commonpath([str(base) for base in found.values()]))
    outputs = {}
    originals = {os.path.realpath(path) for path in found}
    for path in found:
        output = os.path.abspath(Path(folder, os.path.relpath(Path(path).absolute(), root)))
        if os.path.realpath(output) in originals:
            name = name_of(output)
            raise ValueError(f"{name!r} is a notebook that is to be run; choose another folder")
        outputs[path] = output
    return outputs
