"""Calls that fail, each in its own words: what the measurements call again and again."""

from __future__ import annotations

import itertools
from collections.abc import Callable

_numbers = itertools.count()  # message and values of every failure differ


def failing(test: Callable[[int], object]) -> Callable[[], None]:
    """Call ``test`` with the next number, and catch what it raises."""

    def call() -> None:
        try:
            test(next(_numbers))
        except (ValueError, OSError):
            pass

    return call


def described(
    test: Callable[[int], object], describe: Callable[[BaseException], object]
) -> Callable[[], None]:
    """Let ``test`` fail, and describe that: its own frames, without the one of this file."""

    def call() -> None:
        try:
            test(next(_numbers))
        except ValueError as error:
            describe(error.with_traceback(error.__traceback__.tb_next))  # type: ignore[union-attr]

    return call
