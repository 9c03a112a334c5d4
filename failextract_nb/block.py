"""``with capture_failures(...)``: the door for blocks."""

from __future__ import annotations

import os
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from failextract_nb.capture import check_depth, check_name
from failextract_nb.extractor import FailureExtractor
from failextract_nb.output import config_for, name_of, write
from failextract_nb.remember import remember, store_passed
from failextract_nb.report import OutputConfig


class capture_failures:  # noqa: N801  # used as a statement: with capture_failures(...)
    """Record a failure of a ``with`` (or ``async with``) block; the exception goes on.

    ``name`` names the block; by default a failure has that of the function it stands in.  The other
    arguments are those of ``extract_on_failure``.  After the block, ``failure_id`` is the id of its
    failure, or None.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        output: str | os.PathLike[str] | OutputConfig | None = None,
        format: str | None = None,
        append: bool = False,
        include_locals: bool | None = None,
        include_passed: bool = False,
        max_depth: int | None = None,
        tags: list[str] | None = None,
    ) -> None:
        self.name = name
        self.failure_id: str | None = None
        check_name(name)
        check_depth(max_depth)
        self._config = config_for(output, format, append, include_passed)
        self._include_locals = include_locals
        self._include_passed = include_passed
        self._max_depth = max_depth
        self._tags = tags
        self._started = 0.0

    def __enter__(self) -> Self:
        self.failure_id = None
        self._started = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        duration = perf_counter() - self._started
        if error is None:
            if self._include_passed:
                store_passed({"test_name": self.name or "block", "duration": duration})
            else:
                FailureExtractor._store.tally.passes += 1
            return
        try:  # noqa: SIM105  # suppress() itself needs stack
            self._failed(error, traceback, duration)
        except RecursionError:  # none left to record on; a door further out has some
            pass

    def _failed(
        self, error: BaseException, traceback: TracebackType | None, duration: float
    ) -> None:
        name = self.name
        if name is None and traceback is not None:
            name = traceback.tb_frame.f_code.co_qualname.replace("<locals>.", "")
            name = "block" if name == "<module>" else name
        details: dict[str, Any] = {"duration": duration}
        if self._tags:
            details["tags"] = list(self._tags)
        if self._config is not None:
            details["output"] = name_of(self._config)
        self.failure_id = remember(
            error,
            origin="block",
            name=name,
            include_locals=self._include_locals,
            max_depth=self._max_depth,
            details=details,
        )
        if self.failure_id is not None:
            write(self._config)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)
