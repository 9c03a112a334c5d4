"""``FILE[:FORMAT]``: where a report goes, as the command line has it."""

from __future__ import annotations

import os
from typing import Any

import click

from failextract_nb import formats
from failextract_nb.report import OutputConfig


class Target(click.ParamType):  # type: ignore[type-arg]  # old ones take no arguments
    """A report: ``failures.html``, ``out.txt:markdown``, ``-`` or ``-:jsonl`` for stdout."""

    name = "FILE[:FORMAT]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> OutputConfig:
        if isinstance(value, OutputConfig):
            return value
        path, name = split(str(value))
        try:
            return OutputConfig(path, format=name)
        except (ValueError, TypeError, ImportError) as error:
            self.fail(str(error), param, ctx)


def split(text: str) -> tuple[str, str | None]:
    """The path and the format; a colon before a path (C:/x.json) is a part of it."""
    path, colon, name = text.rpartition(":")
    is_format = colon and path and name.replace("-", "_").isidentifier()
    return (path, name) if is_format else (text, None)


def same_twice(configs: tuple[OutputConfig, ...]) -> str:
    """What two of the reports would both write; "" where each has its own."""
    said = [str(one.path or "standard output") for one in configs]
    targets = [os.path.realpath(one.path) if one.path else "" for one in configs]
    return next((one for one, to in zip(said, targets, strict=True) if targets.count(to) > 1), "")


def complete_formats(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[click.shell_completion.CompletionItem]:
    """After a colon the formats, before it the files."""
    from click.shell_completion import CompletionItem

    path, colon, start = incomplete.rpartition(":")
    if not colon:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(f"{path}:{name}") for name in formats.names() if name.startswith(start)]
