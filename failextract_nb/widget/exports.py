"""An export that goes on step by step, so that the kernel and the page stay usable meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from failextract_nb import files, formats, report
from failextract_nb.extractor import FailureExtractor
from failextract_nb.formats import OutputFormatter

REPORT = "failextract-report"  # the name of the files, without extension
STEP_BYTES = 256 * 1024  # of one message to the page
STEP_SECONDS = 0.05
SAMPLE = 20  # records that tell how long a report will be


class Stopped(Exception):  # noqa: N818  # it is no error
    """The reader wants no more of an export."""


def file_name(format: str) -> str:
    """What a report of this format is called."""
    return f"{REPORT}{formats.extension(format)}"


def folder() -> Path:
    """Where the notebook is, as far as its server tells; else where the kernel works."""
    beside = Path(os.environ.get("JPY_SESSION_NAME", "")).parent
    return beside if beside.is_absolute() and beside.is_dir() else Path.cwd()


class Export:
    """A report on its way into a file beside the notebook, or piece by piece to the page.

    Raises ValueError for an unknown format, OSError where the file cannot be made.
    """

    def __init__(self, format: str, records: Sequence[Mapping[str, Any]], to_file: bool) -> None:
        formatter = formats.get(format)
        about = report.metadata(records, None, FailureExtractor._store.dropped())
        self.filename = file_name(format)
        self._chunks = iter(formatter.iter_format(records, None, about))
        self._expected = _expected_length(formatter, records, about)
        self._made = 0
        self.path = folder() / self.filename if to_file else None
        self._writing = files.replacing(self.path) if self.path else None
        self._file = self._writing.__enter__() if self._writing else None

    def step(self) -> tuple[bytes, float, bool]:
        """Go on for a moment: bytes for the page, how far it is, and whether that was all.

        How far is between 0 and 1, or -1 where it cannot be told.  What a format or the disk
        raises ends the export, and leaves the old file as it was.
        """
        pieces: list[str] = []
        size, ends, done = 0, time.monotonic() + STEP_SECONDS, True
        try:
            for chunk in self._chunks:
                pieces.append(chunk)
                size += len(chunk)
                if size >= STEP_BYTES or time.monotonic() > ends:
                    done = False
                    break
            text = "".join(pieces)
            if self._file:
                self._file.write(text)
            if done:
                self._close()
        except BaseException as error:
            self._close(error)
            raise
        self._made += size
        share = min(0.99, self._made / self._expected) if self._expected else -1.0
        sent = b"" if self.path else text.encode("utf-8", "backslashreplace")
        return sent, 1.0 if done else share, done

    def stop(self) -> None:
        """Leave it: nothing is written, what stood there stays."""
        self._close(Stopped())

    def _close(self, error: BaseException | None = None) -> None:
        writing, self._writing, self._file = self._writing, None, None
        if writing is not None:
            with suppress(Stopped):
                writing.__exit__(type(error) if error else None, error, None)


def _expected_length(
    formatter: OutputFormatter, records: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> float:
    """About how many characters the report will have; 0 for formats that give it in one piece."""
    if type(formatter).iter_format is OutputFormatter.iter_format or len(records) <= SAMPLE:
        return 0
    sample = records[:: -(-len(records) // SAMPLE)]
    length = sum(map(len, formatter.iter_format(sample, None, about)))
    return length * len(records) / len(sample)
