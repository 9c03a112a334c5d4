"""Tab after ``%failextract`` and ``%%failextract``."""

from __future__ import annotations

from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from failextract_nb import formats
from failextract_nb.ipython.magics import EXPORT_OPTIONS, LIMIT_OPTIONS, SUBCOMMANDS

_CELL_OPTIONS = ("--continue", "--format", "--name", "--no-locals", "--output", "--tag")


@context_matcher()  # type: ignore[untyped-decorator]  # IPython's is not typed
def complete(context: CompletionContext) -> Any:
    """Subcommands, options and formats; nothing on other lines."""
    words = context.line_with_cursor.lstrip().split(" ")
    typed = words[-1]
    found = [one for one in _candidates(words) if one.startswith(typed)]
    # The token is what the completer replaces: after "--" it starts at a boundary of its own.
    cut = len(typed) - len(context.token) if typed.endswith(context.token) else 0
    completions = [SimpleCompletion(text=one[cut:], type="magic") for one in found]
    return {"completions": completions, "suppress": bool(completions)}


def _candidates(words: list[str]) -> list[str]:
    if len(words) < 2 or words[0] not in ("%failextract", "%%failextract"):
        return []
    if words[-2] == "--format":
        return formats.names()
    if words[0] == "%%failextract":
        return list(_CELL_OPTIONS)
    if len(words) == 2:
        return sorted(SUBCOMMANDS)
    if not words[-1].startswith("-"):
        return []
    return list({"export": EXPORT_OPTIONS, "limits": LIMIT_OPTIONS}.get(words[1], ()))
