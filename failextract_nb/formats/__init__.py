"""The formats.  A format is a file in this folder whose last line is ``formatter = …``.

Users add theirs with ``register("slack", SlackFormatter())``, or in a package with an entry point
in the group ``failextract_nb.formats``.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from failextract_nb.formats._base import NotAReport, OutputFormatter

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["NotAReport", "OutputFormatter", "extension", "for_path", "get", "names", "register"]

GROUP = "failextract_nb.formats"

_registered: dict[str, OutputFormatter] = {}
watchers: list[Callable[[], None]] = []  # are told that there is a new format


def names() -> list[str]:
    """Every format that a report can be written in, without importing any."""
    return sorted({*_in_folder(), *_registered, *_entry_points()})


def get(name: str) -> OutputFormatter:
    """The formatter of this name.

    Raises ValueError that lists the known names, or ImportError that names what to install.
    """
    if name in _registered:
        return _registered[name]
    if name in _in_folder():
        formatter = importlib.import_module(f"{__name__}.{name}").formatter
    elif name in _entry_points():
        formatter = _checked(name, _entry_points()[name].load())
    else:
        raise _unknown(name)
    return formatter  # type: ignore[no-any-return]  # a module's attribute


def register(name: str, formatter: OutputFormatter | type[OutputFormatter]) -> None:
    """Make ``formatter`` (an object or class with ``format``) known under ``name``.

    A second call replaces the first.  Raises ValueError for a name that is built in or that no
    file could have, TypeError for what cannot format.
    """
    if not isinstance(name, str) or not name.replace("-", "_").isidentifier():
        raise ValueError(f"a format's name is made of letters, digits, - and _; got {name!r}")
    if name in _in_folder():
        raise ValueError(f"{name!r} is built in; register yours under another name")
    _registered[name] = _checked(name, formatter)
    for watcher in [*watchers]:
        watcher()


def extension(name: str) -> str:
    """The ending, with its dot, that files of this format get."""
    if name not in names():
        raise _unknown(name)
    return _endings(name)[0]


def for_path(path: str | os.PathLike[str]) -> str:
    """The name of the format that a file's extension stands for; ValueError if it is nobody's."""
    file = os.path.basename(os.fspath(path)).lower()
    # Built-in formats last: nobody takes an ending away from them.
    by_owner = sorted(names(), key=_in_folder().__contains__)
    endings = {ending: name for name in by_owner for ending in _endings(name)}
    matching = [ending for ending in endings if file.endswith(ending)]
    if not matching and os.path.isdir(path):
        raise ValueError(f"{os.fspath(path)!r} is a folder; name a file in it")
    if not matching:
        raise ValueError(
            f"the extension of {os.fspath(path)!r} is of no known format; "
            f"use one of {', '.join(sorted(endings))}, or name a format: {', '.join(names())}"
        )
    return endings[max(matching, key=len)]


def _unknown(name: str) -> ValueError:
    from difflib import get_close_matches

    nearest = get_close_matches(str(name), names(), n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return ValueError(f"there is no format {name!r}.{hint} Known: {', '.join(names())}")


def _endings(name: str) -> tuple[str, ...]:
    endings: Any = ()
    # A plugin that does not load must not cost the others: asked for by name, it says why.
    with suppress(Exception):
        endings = get(name).extensions
    if isinstance(endings, str):  # (".txt") without its comma
        endings = (endings,)
    return tuple(ending.lower() for ending in endings) or (f".{name}",)


@cache
def _in_folder() -> frozenset[str]:
    modules = pkgutil.iter_modules(__path__)
    return frozenset(module.name for module in modules if not module.name.startswith("_"))


@cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _checked(name: str, formatter: Any) -> OutputFormatter:
    formatter = formatter() if isinstance(formatter, type) else formatter
    if isinstance(formatter, OutputFormatter):
        return formatter
    if callable(getattr(formatter, "format", None)) and not isinstance(formatter, str):
        return _Adapted(formatter)
    raise TypeError(
        f"the formatter of {name!r} needs a method format(failures, passed=None, metadata=None) "
        f"that returns text; {type(formatter).__name__} has none"
    )


class _Adapted(OutputFormatter):
    """An object that has ``format`` and does not derive from OutputFormatter."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        endings = getattr(inner, "extensions", ())
        self.extensions = (endings,) if isinstance(endings, str) else tuple(endings)

    def format(self, failures: Any, passed: Any = None, metadata: Any = None) -> str:
        return str(self.inner.format(failures, passed, metadata))
