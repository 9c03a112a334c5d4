"""What a SyntaxError says of itself: a place that has no frame."""

from __future__ import annotations

from traceback import format_exception_only

from failextract_nb import failure, positions
from failextract_nb._redact import redact, redact_said, redact_traceback
from failextract_nb._strings import MAX_MESSAGE, bounded, clean
from failextract_nb.failure import Raised


def describe(
    error: SyntaxError, place: failure.Frame | None, out: Raised
) -> tuple[str, failure.Frame | None]:
    """The last lines of a SyntaxError's traceback, and its place.

    A cell that does not compile has no frame of its own: the place that the exception speaks of
    becomes one.  Where the user's code was running (``import``, ``ast.parse``) its frame stands.
    """
    text = "".join(format_exception_only(type(error), error))
    file, line = error.filename, error.lineno
    if not isinstance(file, str) or not isinstance(line, int):
        return _last_lines(text), place
    cell = positions.cell_of(file, None)
    if cell is not None:
        text = text.replace(f'File "{file}", line {line}', f"{cell.label}, line {cell.line(line)}")
        line = cell.line(line)
    if place is None:
        place = failure.Frame(
            file=cell.label if cell else clean(redact_said(file)), function="<module>", line=line
        )
        if isinstance(error.offset, int) and error.offset > 0:
            place["column"] = error.offset - 1
        if isinstance(error.text, str):
            place["code"] = bounded(error.text.rstrip("\n"), positions.MAX_LINE, redact)
            place["code_start"] = line
        out["extracted_code"].append(place)
        if "locals" in out:
            out["locals"].append(None)
    return _last_lines(text), place


def _last_lines(text: str) -> str:
    return bounded(text, MAX_MESSAGE, redact_traceback).rstrip("\n") + "\n"
