"""What a row of the report is, and how it is printed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from measure import Figure


@dataclass(frozen=True)
class Bound:
    """A limit to keep: ``≤ 1.5`` or ``≥ 20``, in the unit of its row."""

    sign: str
    limit: float

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.sign == "≤" else value >= self.limit


def at_most(limit: float) -> Bound:
    return Bound("≤", limit)


def at_least(limit: float) -> Bound:
    return Bound("≥", limit)


@dataclass(frozen=True)
class Row:
    """One line: a value with its bounds, and the absolute figures that it is made of."""

    what: str
    value: Figure
    against: str = ""
    unit: str = "×"
    ours: Figure | None = None
    theirs: Figure | None = None
    must: Bound | None = None
    reach: Bound | None = None
    broken: str = ""  # what was lost, so that the run fails

    @property
    def met(self) -> dict[str, bool]:
        """Whether the median keeps each bound there is."""
        bounds = {"must": self.must, "reach": self.reach}
        return {name: one.holds(self.value.median) for name, one in bounds.items() if one}

    def as_json(self) -> dict[str, Any]:
        """All rounds, their median and spread."""
        out = {key: value for key, value in asdict(self).items() if value}
        for key in ("value", "ours", "theirs"):
            if (figure := getattr(self, key)) is not None:
                median, spread = figure.median, figure.spread
                out[key] = {"median": median, "spread": spread, "rounds": figure.rounds}
        return {**out, "met": self.met}


def against(what: str, ours: Figure, name: str, theirs: Figure, **bounds: Any) -> Row:
    """Ours as a multiple of theirs: below 1 is better."""
    return Row(what, ours / theirs, name, ours=ours, theirs=theirs, **bounds)


def faster_than(what: str, ours: Figure, name: str, theirs: Figure, **bounds: Any) -> Row:
    """How many times as fast ours is: above 1 is better."""
    return Row(what, theirs / ours, name, "× faster", ours=ours, theirs=theirs, **bounds)


_WIDTHS = (48, 46, 9, 9, 15, 5, 11, 11, 10)


def head() -> str:
    """The line above all rows, with a rule."""
    titles = ("what", "against", "ours", "theirs", "value", "±", "must", "reach", "met")
    return f"{_line(titles)}\n{'─' * (sum(_WIDTHS) + 2 * len(_WIDTHS))}"


def line(row: Row) -> str:
    """A row as text."""
    cells = (
        row.what,
        row.against,
        _amount(row.ours, "s"),
        _amount(row.theirs, "s"),
        _amount(row.value, row.unit),
        f"{row.value.spread:.0%}",
        _bound(row.must, row.unit),
        _bound(row.reach, row.unit),
        _verdict(row.met),
    )
    return _line(cells) + (f"\n  BROKEN: {row.broken}" if row.broken else "")


def _line(cells: Iterable[str]) -> str:
    what, other, *numbers = (
        f"{cell:<{width}}" if place < 2 else f"{cell:>{width}}"
        for place, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    )
    return "  ".join((what, other, *numbers)).rstrip()


def _verdict(met: dict[str, bool]) -> str:
    if met.get("must") is False:
        return "NO"
    return "+".join(name for name, held in met.items() if held) or ("no" if met else "")


def _bound(bound: Bound | None, unit: str) -> str:
    return f"{bound.sign} {number(bound.limit, unit).removesuffix(' faster')}" if bound else ""


def _amount(figure: Figure | None, unit: str) -> str:
    return "" if figure is None else number(figure.median, unit)


def number(value: float, unit: str) -> str:
    """Three digits and a unit; seconds and bytes in the unit that suits their size."""
    if unit == "× faster" and 0 < value < 1:
        value, unit = 1 / value, "× slower"
    if unit == "s":
        scales = ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (math.inf, 1.0, "s"))
    elif unit == "B":
        scales = ((100_000, 1.0, "B"), (math.inf, 2**-20, "MB"))
    else:
        scales = ((math.inf, 1.0, unit),)
    factor, name = next((factor, name) for top, factor, name in scales if abs(value) < top)
    value *= factor
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    space = "" if name.startswith("×") else " "
    return f"{value:,.{digits}f}{space}{name}"
