"""How long something took, over about the last minute, in a few numbers."""

from __future__ import annotations

import time

LAST_MINUTE = 60.0  # seconds
STEP = 10.0  # seconds: what is a minute ago is forgotten in steps of these


class _Step:
    """What a few seconds have seen."""

    __slots__ = ("count", "maximum", "minimum", "started", "total")

    def __init__(self, started: float) -> None:
        self.started = started
        self.count = 0
        self.total = 0.0
        self.minimum = float("inf")
        self.maximum = 0.0


class Recent:
    """Durations of the last minute: at most seven steps, however many durations there were.

    Not locked: whoever shares one locks it.
    """

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._until = 0.0  # the last of them goes on

    def note(self, seconds: float) -> None:
        """Count one duration."""
        now = time.monotonic()
        if now >= self._until:
            self._steps = [*self._still(now), _Step(now)]
            self._until = now + STEP
        step = self._steps[-1]
        step.count += 1
        step.total += seconds
        if seconds < step.minimum:  # noqa: PLR1730  # a call costs more
            step.minimum = seconds
        if seconds > step.maximum:  # noqa: PLR1730
            step.maximum = seconds

    def figures(self) -> dict[str, float]:
        """Mean, minimum, maximum (seconds) and count; all 0 where there was none."""
        steps = self._still(time.monotonic())
        count = sum([step.count for step in steps])
        if not count:
            return {"count": 0, "mean": 0.0, "minimum": 0.0, "maximum": 0.0}
        return {
            "count": count,
            "mean": sum([step.total for step in steps]) / count,
            "minimum": min([step.minimum for step in steps]),
            "maximum": max([step.maximum for step in steps]),
        }

    def clear(self) -> None:
        """Forget all durations."""
        self._steps, self._until = [], 0.0

    def _still(self, now: float) -> list[_Step]:
        return [step for step in self._steps if step.started > now - LAST_MINUTE]


class Tally:
    """How often something passed, since the process started."""

    __slots__ = ("passes",)

    def __init__(self) -> None:
        self.passes = 0


def nothing() -> None:
    """What is done before somebody looks, where there is nothing to do."""
