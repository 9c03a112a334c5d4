"""``failextract-nb run``: run notebooks, list what failed, write reports."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import click

from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.cli import BROKEN, FAILED, PASSED
from failextract_nb.cli.options import Broken, Parameter, Server, kernels
from failextract_nb.cli.targets import Target, complete_formats, same_twice
from failextract_nb.report import OutputConfig


@click.command(
    short_help="Run notebooks and list what fails.",
    epilog="Exit codes: 0 nothing failed, 1 failures, 2 wrong use, 3 the run itself broke or a "
    "report could not be written, 130 interrupted.",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Notebooks that run at a time.  [default: the number of cores]",
)
@click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Seconds that a cell may take. It is interrupted then, which is a failure of its own "
    "kind, and the rest still runs.",
)
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(file_okay=False),
    metavar="D",
    help="Write the executed notebooks into this folder, in their relative folders. Without it "
    "they are written nowhere; the originals are never changed.",
)
@click.option(
    "-r",
    "--report",
    "reports",
    type=Target(),
    multiple=True,
    shell_complete=complete_formats,
    help="Write a report; may be repeated. The format is that of the extension, or stands after a "
    "colon; - is stdout, and the listing then goes to stderr.",
)
@click.option(
    "--keep-going/--stop",
    default=True,
    help="--stop: the first failing cell is the last one of its notebook, and no other notebook "
    "begins.  [default: --keep-going]",
)
@click.option(
    "-p",
    "--param",
    "parameters",
    type=Parameter(),
    multiple=True,
    help="Give a variable of each notebook a value: after its first cell that is tagged "
    "'parameters' has run, or before the first cell where there is none. No cell is added.",
)
@click.option(
    "--expect",
    multiple=True,
    metavar="TAG",
    help="Cells with this tag have to fail, too, as those tagged 'raises-exception': one that "
    "does not fail is a failure. May be repeated.",
)
@click.option("--kernel", metavar="NAME", shell_complete=kernels, help="Run all in this kernel.")
@click.option(
    "--ci",
    "server",
    type=Server(),
    default="auto",
    metavar="auto|NAME|off",
    help="Tell a CI server what failed, in its own way. auto finds out whether this is one: "
    "github_actions, gitlab, jenkins, circleci, azure or buildkite.  [default: auto]",
)
@click.option(
    "--dask",
    "cluster",
    metavar="ADDRESS",
    help="Run them on the workers of the Dask cluster whose scheduler has this address, such as "
    "tcp://10.0.0.5:8786. The workers have to see the same folders. A notebook whose worker is "
    "lost runs again on another, once.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress; nothing at all if nothing failed.")
def run(
    *,
    paths: Sequence[str],
    jobs: int | None,
    timeout: float | None,
    output_dir: str | None,
    reports: tuple[OutputConfig, ...],
    keep_going: bool,
    parameters: Sequence[tuple[str, Any]],
    expect: tuple[str, ...],
    kernel: str | None,
    **how: Any,
) -> int:
    """Run notebooks, each in its own kernel, and list every cell that fails.

    A PATH is a notebook, or a folder with notebooks at any depth. All cells are run, also after one
    that failed; cells that fail only because of it are told apart. Whatever fails counts: cells,
    and what they do not notice, such as !commands, threads and tasks.

    \b
    Examples:
      failextract-nb run analysis.ipynb
      failextract-nb run notebooks/ --jobs 4 --timeout 600 --output-dir executed/
      failextract-nb run notebooks/ --report failures.html --report ci.junit.xml
      failextract-nb run train.ipynb --param epochs=3 --param 'name="quick"'
      failextract-nb run notebooks/ --report -:jsonl --quiet | jq .exception_type
      failextract-nb run notebooks/ --dask tcp://10.0.0.5:8786
    """  # noqa: D301  # for click
    from failextract_nb.batch import finding

    if twice := same_twice(reports):
        raise click.UsageError(f"two reports would be written to {twice}; give each its own file")
    try:
        found = finding.notebooks_in(paths, without=output_dir)
        outputs = finding.outputs_of(found, output_dir) if output_dir else {}
        finding.check_reports(found, [str(one.path) for one in reports if one.path])
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    from failextract_nb.batch.notebook import Job

    work = [
        Job(
            os.path.abspath(path),
            finding.name_of(path),
            timeout=timeout,
            output=outputs.get(path),
            keep_going=keep_going,
            parameters=dict(parameters),
            expect=expect,
            kernel=kernel,
        )
        for path in found
    ]
    return _run(work, jobs, reports, keep_going=keep_going, **how)


def _run(
    work: Sequence[Any],
    jobs: int | None,
    reports: Sequence[OutputConfig],
    *,
    keep_going: bool,
    server: str,
    cluster: str | None,
    quiet: bool,
) -> int:
    from rich.console import Console

    from failextract_nb.batch import listing, progress
    from failextract_nb.batch.notebook import Stop
    from failextract_nb.batch.runner import interruptible
    from failextract_nb.ci import report
    from failextract_nb.foreign import harmless

    started, stop = perf_counter(), Stop()
    errors = Console(stderr=True, highlight=False)
    with interruptible(stop, lambda: errors.show_cursor(True)) as interrupted:
        with _runner(cluster) as run_all, progress.shown(len(work), errors, quiet) as watch:
            at_a_time = jobs or (len(work) if cluster else _cores())
            books = run_all(work, min(at_a_time, len(work)), watch, stop, keep_going=keep_going)
        unwritten = [problem for one in reports if (problem := _save(one, books))]
    to_stdout = any(one.path is None for one in reports)
    screen = errors if to_stdout else Console(highlight=False)
    code = _exit_code(books, unwritten)
    if not quiet or code or interrupted.signal:
        for line in listing.lines(books, perf_counter() - started):
            _print(screen, line)
    for problem in unwritten:
        _print(errors, harmless(problem), style="bold red")
    report(books, server, stream=sys.stderr if to_stdout else None)
    return interrupted.exit_code if interrupted.signal else code


@contextmanager
def _runner(cluster: str | None) -> Iterator[Any]:
    """What runs notebooks: here, or on the workers of a cluster."""
    if cluster is None:
        from failextract_nb.batch.runner import run_here

        yield run_here
        return
    try:
        from failextract_nb.batch.cluster import connected, run_there
    except ImportError as error:
        raise click.UsageError(
            "--dask needs Dask's scheduler; pip install 'failextract-nb[dask]'"
        ) from error
    try:
        with connected(cluster) as client:
            yield partial(run_there, client)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except (OSError, ImportError) as error:
        raise Broken(str(error)) from error


def _exit_code(books: Sequence[NotebookOutcome], unwritten: Sequence[str]) -> int:
    from failextract_nb.batch.outcome import unexpected

    if unwritten or any(book.broken for book in books):
        return BROKEN
    return FAILED if unexpected(books) else PASSED


def _save(config: OutputConfig, books: Sequence[NotebookOutcome]) -> str:
    """Write a report; what went wrong, "" for nothing."""
    from failextract_nb import report
    from failextract_nb.batch.outcome import totals
    from failextract_nb.ci import save_cases

    try:
        if config.format == "junit":
            save_cases(config.path, books)
        else:
            report.save(config, [one for book in books for one in book.failures], [], totals(books))
        sys.stdout.flush()
    except BrokenPipeError:  # who reads it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, ImportError) as error:
        return f"the report {config.path or '-'} was not written: {error}"
    return ""


def _print(screen: Any, line: Any, style: str = "") -> None:
    from contextlib import suppress

    with suppress(OSError):  # nobody reads it any more, or the disk is full
        screen.print(line, style=style or None, soft_wrap=True, markup=False)


def _cores() -> int:
    """Those that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
