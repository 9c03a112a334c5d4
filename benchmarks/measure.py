"""Timing in turns: every subject of a comparison runs once a round, so noise hits all alike."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

SLOT = 0.02  # seconds that one subject runs in one round, at the least one call
ROUNDS = 15


@dataclass(frozen=True)
class Figure:
    """Seconds for a call: one value a round."""

    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def over(self, other: Figure, less: Figure | None = None) -> Figure:
        """This figure as a multiple of ``other``, round by round; ``less`` is taken off both."""
        off = less.rounds if less else [0.0] * len(self.rounds)
        return Figure([
            (mine - base) / (theirs - base)
            for mine, theirs, base in zip(self.rounds, other.rounds, off, strict=True)
        ])  # fmt: skip

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.rounds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return (high - low) / 2 / self.median


def timed(call: Callable[[], object], number: int) -> float:
    """Seconds for one of ``number`` calls."""
    repeat = range(number)
    started = perf_counter()
    for _ in repeat:
        call()
    return (perf_counter() - started) / number


def in_turns(
    subjects: dict[str, Callable[[], object]], rounds: int = ROUNDS, slot: float = SLOT
) -> dict[str, Figure]:
    """A figure for each subject.  The garbage collector runs as it does for users."""
    numbers = {name: max(1, int(slot / _warm(call))) for name, call in subjects.items()}
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, call in subjects.items():
            gc.collect()
            figures[name].append(timed(call, numbers[name]))
    return {name: Figure(times) for name, times in figures.items()}


def _warm(call: Callable[[], object]) -> float:
    """About the seconds for a call, after one that may import things."""
    call()
    number, took = 1, timed(call, 1)
    while took * number < 0.002:
        number *= 5
        took = timed(call, number)
    return took
