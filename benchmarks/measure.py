"""Timing in turns: every subject of a comparison runs once a round, so noise hits all alike."""

from __future__ import annotations

import gc
import statistics
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SLOT = 0.01  # seconds of one subject in one round, or one call: short, so that a round is short

Call = Callable[[], object]


@dataclass(frozen=True)
class Figure:
    """One number a round.  Arithmetic goes round by round: a ratio is never of two medians."""

    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.rounds) < 2 or not self.median:
            return 0.0
        low, _, high = statistics.quantiles(self.rounds, n=4, method="inclusive")
        return abs((high - low) / 2 / self.median)

    def __sub__(self, other: Figure) -> Figure:
        return Figure([a - b for a, b in zip(self.rounds, other.rounds, strict=True)])

    def __truediv__(self, other: Figure) -> Figure:
        return Figure([a / b for a, b in zip(self.rounds, other.rounds, strict=True)])

    def __mul__(self, factor: float) -> Figure:
        return Figure([a * factor for a in self.rounds])

    def per_second(self, amount: float = 1.0) -> Figure:
        return Figure([amount / a for a in self.rounds])


class Subject:
    """Something to time: how many calls fill a slot is found out once, when it is made."""

    def __init__(self, call: Call, slot: float = SLOT) -> None:
        # A Timer has code of its own, so no subject spoils what the interpreter has specialised
        # for another.  It switches the garbage collector off; users have it on.
        self._timer = timeit.Timer(call, setup=gc.enable)
        self._number = 1
        call()  # may import things
        if slot:
            # The best of three: a slot that something else filled would make all others short.
            while (took := min(self._timer.repeat(3, self._number))) < min(slot, 0.002):
                self._number *= 5
            self._number = max(1, int(slot * self._number / took))

    def take(self) -> float:
        """Seconds for one call, in one slot."""
        return self._timer.timeit(self._number) / self._number


def in_turns(
    calls: Mapping[str, Call],
    rounds: int,
    slot: float = SLOT,
    before: Mapping[str, Call] | None = None,
) -> dict[str, Figure]:
    """Seconds for a call of each; ``before`` prepares a slot of that name and is not timed.

    Another one begins in each round.  With ``slot=0`` a slot is a single call.
    """
    prepare = before or {}
    subjects = {}
    for name, call in calls.items():
        prepare.get(name, _nothing)()
        subjects[name] = Subject(call, slot)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        gc.collect()
        for name in order:
            prepare.get(name, _nothing)()
            taken[name].append(subjects[name].take())
        order.append(order.pop(0))
    return {name: Figure(seconds) for name, seconds in taken.items()}


def _nothing() -> None:
    """For what needs no preparation."""
