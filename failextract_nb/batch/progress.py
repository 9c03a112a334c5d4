"""How a run goes while it goes: live in a terminal, a line for each notebook elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from failextract_nb.batch import outcome as words
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.failure import counted
from failextract_nb.foreign import harmless
from failextract_nb.shown import one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

PER_SECOND = 5  # pictures
SHOWN = 10  # notebooks that run, however many do
NAME, SOURCE = 40, 50  # characters at most


class Progress:
    """Is told of each step by any thread; knows what is done, what runs and what is left."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.failures = 0
        self.running: dict[str, NotebookOutcome] = {}
        self.cell_started: dict[str, float] = {}
        self._started = monotonic()
        self._lock = threading.Lock()

    def __call__(self, what: str, book: NotebookOutcome) -> None:
        with self._lock:
            if what == "done":
                self.running.pop(book.path, None)
                self.done += 1
                self.failures += len(words.unexpected([book]))
            else:
                self.running[book.path] = book
            if what == "cell":
                self.cell_started[book.path] = monotonic()

    @property
    def failing(self) -> int:
        """Failures so far; of what still runs, the cells that have failed."""
        with self._lock:
            books = list(self.running.values())
        counts = [book.counts for book in books]
        return self.failures + sum(one[words.FAILED] + one[words.BLOCKED] for one in counts)

    @property
    def share(self) -> float:
        """How much of the run is done, from 0 to 1."""
        with self._lock:
            books = list(self.running.values())
        begun = sum(1 - book.counts[words.NOT_RUN] / max(1, len(book.cells)) for book in books)
        return (self.done + begun) / max(1, self.total)

    @property
    def seconds_left(self) -> float | None:
        """If the rest goes as what is done went; None while too little is."""
        share, spent = self.share, monotonic() - self._started
        return spent * (1 - share) / share if share > 0 and spent > 1 else None


class Lines(Progress):
    """Prints a line when a notebook is done."""

    def __init__(self, total: int, console: Console) -> None:
        super().__init__(total)
        self._console = console

    def __call__(self, what: str, book: NotebookOutcome) -> None:
        super().__call__(what, book)
        if what == "done":
            width = len(str(self.total))
            place = f"[{self.done:>{width}}/{self.total}]"
            name = one_line(book.name, 200)
            told = f"{place} {name}: {words.end_in_words(book)} in {book.seconds:.1f} s"
            with suppress(OSError):  # nobody reads it any more
                self._console.print(harmless(told), soft_wrap=True, markup=False, highlight=False)


class Picture(Progress):
    """Draws itself: what is done, and a line for each notebook that runs."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        failing, left = self.failing, self.seconds_left
        colour = "red" if failing else "green"
        bar = ProgressBar(
            total=1.0,
            completed=self.share,
            width=min(40, options.max_width // 3),
            style="dim",
            complete_style=colour,
            finished_style=colour,
        )
        told = Text(f"{self.done}/{counted(self.total, 'notebook')}")
        told.append(" · ")
        told.append(counted(failing) if failing else "no failures", colour)
        if left is not None:
            told.append(f" · about {_clock(left)} left", "dim")
        head = Table.grid(padding=(0, 1))
        head.add_row(bar, told)
        yield head
        with self._lock:
            books = list(self.running.values())
        rows = Table.grid(padding=(0, 2))
        for column in range(4):
            rows.add_column(no_wrap=True, overflow="ellipsis", ratio=None if column < 3 else 1)
        for book in books[: min(SHOWN, max(1, console.size.height - 3))]:
            rows.add_row(*self._row(book))
        yield rows
        if len(books) > SHOWN:
            yield Text(f"  and {len(books) - SHOWN} more", "dim")

    def _row(self, book: NotebookOutcome) -> list[Any]:
        from rich.text import Text

        name = Text(f"  {one_line(book.name, NAME)}")
        at = next(
            (place for place, one in enumerate(book.cells) if one.index == book.running), None
        )
        if at is None:
            return [name, Text("starting" if not book.kernel else "", "dim"), Text(), Text()]
        seconds = monotonic() - self.cell_started.get(book.path, monotonic())
        return [
            name,
            Text(f"cell {book.cells[at].index + 1} ({at + 1}/{len(book.cells)})"),
            Text(_clock(seconds), "dim"),
            Text(one_line(book.cells[at].first_line, SOURCE), "dim"),
        ]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def shown(total: int, console: Console, quiet: bool) -> Iterator[Progress]:
    """What to tell the steps to; it is gone from the terminal at the end."""
    if quiet:
        yield Progress(total)
    elif (
        not console.file.isatty() or console.is_dumb_terminal
    ):  # a log that is to have colours, too
        yield Lines(total, console)
    else:
        from rich.live import Live

        picture = Picture(total)
        with Live(picture, console=console, refresh_per_second=PER_SECOND, transient=True):
            yield picture
