"""The ``%%failextract`` line of a cell: its options, and how it gets out of the way.

The cell's body must run as an ordinary cell, or ``await``, ``_`` and ``Out`` would break.  So an
input transformer takes the line off before anything else happens, and the hook that sees the
failure reads the options from the raw cell.
"""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from typing import NamedTuple

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from failextract_nb.output import config_for
from failextract_nb.report import OutputConfig

MAGIC = "%%failextract"


def misuse(text: str) -> UsageError:
    """A magic of ours was used wrongly: the user is told, and it is no failure of their code.

    Not a subclass: IPython shows exactly UsageError in one line, all others with a traceback.
    """
    error = UsageError(text)
    error.misuse_of = MAGIC  # type: ignore[attr-defined]
    return error


def is_misuse(error: BaseException) -> bool:
    """Whether ``error`` was made by ``misuse``."""
    return type(error) is UsageError and vars(error).get("misuse_of") == MAGIC


class CellOptions(NamedTuple):
    """What ``%%failextract`` asks for."""

    name: str | None = None
    go_on: bool = False
    config: OutputConfig | None = None
    include_locals: bool | None = None
    tags: tuple[str, ...] = ()


NO_OPTIONS = CellOptions()


def _parser() -> MagicArgumentParser:
    parser = MagicArgumentParser(prog=MAGIC[1:], add_help=False)  # it puts a % before it
    parser.add_argument("--name", help="what the failure is called")
    parser.add_argument(
        "--continue", dest="go_on", action="store_true", help="show the error, then go on"
    )
    parser.add_argument("--output", help="write the failures of this file's cells there")
    parser.add_argument("--format", help="the report's format, if not by the extension")
    parser.add_argument("--no-locals", action="store_true", help="keep no variables")
    parser.add_argument("--tag", action="append", default=[], help="a tag; may be repeated")
    return parser


def split(line: str) -> list[str]:
    """The words of a magic's line, as a shell would see them; UsageError for an open quote."""
    try:
        return shlex.split(line, posix=os.name != "nt")
    except ValueError as error:
        raise misuse(f"{line.strip()!r}: {error}") from None


def parse_words(parser: MagicArgumentParser, words: list[str]) -> Namespace:
    """What argparse makes of ``words``; a UsageError that lists the command's options."""
    try:
        found: Namespace = parser.parse_args(words)
    except UsageError as error:
        usage = " ".join(parser.format_usage().split()).removeprefix(":: ")
        raise misuse(f"{error}; the usage is {usage}") from None
    return found


def help_text() -> str:
    """The options of ``%%failextract``."""
    return str(_parser().format_help()).lstrip(":\n")  # what reStructuredText would need


def parse(line: str) -> CellOptions:
    """The options on a ``%%failextract`` line; UsageError that says what is wrong."""
    try:
        found: Namespace = _parser().parse_args(split(line))
        config = config_for(found.output, found.format)
    except (UsageError, ValueError, TypeError) as error:
        raise misuse(f"{MAGIC}: {error}; %failextract help lists the options") from None
    return CellOptions(
        name=found.name,
        go_on=found.go_on,
        config=config,
        include_locals=False if found.no_locals else None,
        tags=tuple(found.tag),
    )


def options_of(raw_cell: str) -> CellOptions:
    """The options of a cell, ``NO_OPTIONS`` where it has none."""
    for line in raw_cell.splitlines():
        line = line.lstrip()  # IPython takes a cell's indentation off  # noqa: PLW2901
        if line.startswith(MAGIC):
            try:
                return parse(line[len(MAGIC) :])
            except UsageError:  # the cell did not run: the magic has raised this very error
                return NO_OPTIONS
        if line.strip() and not line.startswith("%%"):
            break
    return NO_OPTIONS


def strip_magic(lines: list[str]) -> list[str]:
    """The input transformer: a cell without its ``%%failextract`` line.

    An empty line takes its place, so that line numbers stay; but another cell magic below it has
    to come first.  A line with wrong options stays: the magic then says what is wrong.
    """
    if not lines or not _is_magic(lines[0]):
        return lines
    try:
        parse(lines[0][len(MAGIC) :].rstrip("\n"))
    except UsageError:
        return lines
    dropped = _lines_dropped(lines)
    return lines[dropped:] if dropped else ["\n", *lines[1:]]


def _is_magic(line: str) -> bool:
    return line.strip() == MAGIC or line.lstrip().startswith(f"{MAGIC} ")


def _lines_dropped(lines: list[str]) -> int:
    """How many lines ``strip_magic`` takes off the top of a cell that starts with its magic."""
    for number, line in enumerate(lines[1:], 1):
        if line.strip():
            return number if line.lstrip().startswith("%%") else 0
    return 0


def offset_of(raw_cell: str) -> int:
    """How many of the cell's lines are above line 1 of the code that runs."""
    lines = raw_cell.splitlines()
    blank = 0
    while blank < len(lines) and not lines[blank].strip():
        blank += 1
    rest = lines[blank:]
    return blank + (_lines_dropped(rest) if rest and _is_magic(rest[0]) else 0)


def lines_of(raw_cell: str, transformed: str) -> tuple[int, ...]:
    """By line of the code that runs, the line of the cell; () where an offset says it all.

    IPython makes one line of a ``!command`` or magic that goes on over several.
    """
    lines, start = raw_cell.split("\n"), offset_of(raw_cell)
    found, at = [], start
    for line in transformed.splitlines():
        found.append(at + 1)
        if at < len(lines) and lines[at].rstrip() != line.rstrip() and "get_ipython()" in line:
            while at < len(lines) and lines[at].endswith("\\"):
                at += 1
        at += 1
    return () if not found or found[-1] == start + len(found) else tuple(found)


def body_offset_of(raw_cell: str) -> int:
    """How many of the cell's lines are above the code that its cell magics run."""
    lines = raw_cell.splitlines()
    for number, line in enumerate(lines):
        if line.strip() and not line.startswith("%%"):
            return number
    return len(lines)
