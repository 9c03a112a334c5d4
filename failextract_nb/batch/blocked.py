"""Which cells fail only because an earlier one did: they need a name that it would have made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

EVERYTHING = "*"  # what "from module import *" may have made
_NOT_DEFINED = re.compile(r"name '(\w+)' is not defined")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_INNER = (*_DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Of the cell magics those whose cell runs in the notebook's own namespace.
_TRANSPARENT = frozenset({"capture", "failextract", "prun", "time"})
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[ \t]*(.*)\n?")
_MAGIC = re.compile(r"^\s*[!%?]")
_ASSIGNED = re.compile(r"^(\s*[\w.,\s]+?=)\s*[!%].*$")


def name_missing(failure: Mapping[str, Any]) -> str | None:
    """The name that a failure says is not defined."""
    if failure.get("exception_type") != "NameError":
        return None
    found = _NOT_DEFINED.match(str(failure.get("exception_message")))
    return found[1] if found else None


def names_made(source: str) -> frozenset[str]:
    """The global names that a cell gives a value to when it runs to its end.

    ``EVERYTHING`` stands for those of a star import.  A cell that does not compile makes none that
    is known, but for what its lines that do compile make.
    """
    found: set[str] = set()
    while (magic := _CELL_MAGIC.match(source)) is not None:
        if magic[1] not in _TRANSPARENT:
            return frozenset(found)
        if magic[1] == "capture":
            found |= {word for word in magic[2].split() if word.isidentifier()}
        source = source[magic.end() :]
    code = _python(source)
    try:
        found.update(_made(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError):
        found.update(name for line in code.split("\n") for name in _made_by_line(line))
    return frozenset(found)


def _python(source: str) -> str:
    """A cell without what is IPython's: its magics and commands make nothing but what they are
    assigned to.
    """
    lines = [_ASSIGNED.sub(r"\1 None", line) for line in source.split("\n")]
    return "\n".join("" if _MAGIC.match(line) else line for line in lines)


def _made_by_line(line: str) -> Iterator[str]:
    try:
        yield from _made(ast.parse(line.rstrip().rstrip("\\") if line[:1].strip() else ""))
    except (SyntaxError, ValueError, RecursionError):
        defined = re.match(r"(?:async\s+)?(?:def|class)\s+(\w+)", line)
        if defined:
            yield defined[1]


def _made(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        if isinstance(node, _INNER):
            yield from _walrus(node)
        else:
            yield from _made(node)


def _walrus(scope: ast.AST) -> Iterator[str]:
    """``:=`` in a comprehension makes a name outside of it; a function's own are not global, but
    for those that it declares so.
    """
    comprehension = not isinstance(scope, (*_DEFINITIONS, ast.Lambda))
    for node in ast.walk(scope):
        if comprehension and isinstance(node, ast.NamedExpr):
            yield node.target.id
        elif isinstance(node, ast.Global):
            yield from node.names
