"""One notebook, run in its own kernel: what became of it, as data."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from failextract_nb.batch import records
from failextract_nb.batch.outcome import CellOutcome, NotebookOutcome

# Told of each step: what, and the outcome as it is now.  "begun", "cell", "cell done", "done".
Watch = Callable[[str, NotebookOutcome], None]


@dataclass(frozen=True)
class Job:
    """One notebook and how it is to be run: plain data, so that any executor can carry it.

    ``timeout`` are the seconds that a cell may take, ``parameters`` JSON-native values by name,
    ``expect`` the tags of cells that have to fail, beside ``raises-exception``; ``output`` is
    where the executed notebook goes.
    """

    path: str
    name: str
    timeout: float | None = None
    output: str | None = None
    keep_going: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    expect: tuple[str, ...] = ()
    kernel: str | None = None


class Stop:
    """Ends notebooks that run, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: set[Callable[[], object]] = set()
        self.is_set = False

    def set(self) -> None:
        """End them all; those that begin later end at once."""
        with self._lock:
            self.is_set = True
            calls = list(self._calls)
        for call in calls:
            with suppress(RuntimeError):  # its loop has just closed: that notebook is done
                call()

    def on_set(self, call: Callable[[], object]) -> Callable[[], None]:
        """Call ``call()`` when it is set, or now; returns what takes that back."""
        with self._lock:
            self._calls.add(call)
            now = self.is_set
        if now:
            call()
        return lambda: self._calls.discard(call)


def run_notebook(job: Job, watch: Watch | None = None, stop: Stop | None = None) -> NotebookOutcome:
    """Execute one notebook in a kernel of its own, and say what became of it.

    Whatever goes wrong with it is a failure of it; nothing is raised but for what is wrong with
    this package.  The notebook's file is not changed.  Blocks the thread, which must not run an
    asyncio loop.
    """
    started = perf_counter()
    result = NotebookOutcome(os.path.abspath(job.path), job.name, begun=True)
    watch = watch or _nobody
    try:
        text = Path(job.path).read_text(encoding="utf-8")
        book = _read(text)
        result.cells = _cells(book)
    except Exception as error:  # noqa: BLE001  # nbformat raises what it likes of what is no notebook
        result.failures.append(_unreadable(job, error))
    else:
        watch("begun", result)
        folder = Path(tempfile.mkdtemp(prefix="failextract-run-"))
        try:
            from failextract_nb.batch.running import Running

            asyncio.run(Running(job, book, result, folder, watch).run(text, stop or Stop()))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if job.output is not None:
            _write(book, job.output, result)
    for failure in result.failures:
        failure.setdefault("notebook", job.name)
    result.seconds = perf_counter() - started
    watch("done", result)
    return result


_OF_A_CELL = ("cell_type", "metadata", "source")


def _nobody(_what: str, _result: NotebookOutcome) -> None:
    """For a run that nobody watches."""


def _read(text: str) -> Any:
    import nbformat

    book = nbformat.reads(text, as_version=4)
    spec = book.metadata.get("kernelspec", {})
    named = isinstance(spec, Mapping) and isinstance(spec.get("name", ""), str)
    if not (named and all(hasattr(cell, key) for cell in book.cells for key in _OF_A_CELL)):
        nbformat.validate(book)
    return book


def _unreadable(job: Job, error: Exception) -> Any:
    said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    what = "is empty" if not said else f"cannot be read as a notebook: {said}"
    return records.record(
        records.UNREADABLE,
        type(error).__name__,
        f"{job.name} {what}",
        test_name=job.name,
        test_file=job.name,
        notebook=job.name,
    )


def _cells(book: Any) -> list[CellOutcome]:
    """The code cells that have something to run."""
    from failextract_nb.shown import one_line

    return [
        CellOutcome(
            index=index,
            cell_id=str(cell.get("id", "")),
            first_line=one_line(next(filter(str.strip, cell.source.split("\n"))), 100),
        )
        for index, cell in enumerate(book.cells)
        if cell.cell_type == "code" and cell.source.strip()
    ]


def _write(book: Any, output: str, result: NotebookOutcome) -> None:
    """Write the executed notebook as nbformat does; what goes wrong is said in the result."""
    import nbformat

    from failextract_nb import files

    try:
        text = nbformat.writes(book)
        files.write(Path(output), lambda: [text if text.endswith("\n") else f"{text}\n"])
        result.written = output
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        result.broken = f"{output} was not written: {said}"
