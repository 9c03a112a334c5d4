"""``failextract-nb report`` and ``stats``: what reports hold, merged, converted, counted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from failextract_nb import formats
from failextract_nb.cli import BROKEN, PASSED
from failextract_nb.cli.targets import Target, complete_formats, split
from failextract_nb.failure import counted
from failextract_nb.foreign import harmless
from failextract_nb.formats import NotAReport
from failextract_nb.report import OutputConfig
from failextract_nb.shown import one_line

Records = list[dict[str, Any]]
MOST = 15  # lines of each count


class Source(click.ParamType):  # type: ignore[type-arg]  # old ones take no arguments
    """A report that can be read back: its failures and its passes."""

    name = "IN"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Records, Records]:
        if isinstance(value, tuple):
            return value
        path, name = split(str(value))
        try:
            text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
            name = name or (_format_of(text) if path == "-" else formats.for_path(path))
            failures, passed = formats.get(name).read(text)
        except NotAReport as error:
            self.fail(f"{path!r} is no report of the format {name}: {error}", param, ctx)
        except NotImplementedError:
            self.fail(
                f"{path!r}: a report of the format {name} cannot be read back; use json", param, ctx
            )
        except UnicodeDecodeError as error:
            self.fail(f"{path!r} is not text: {error}", param, ctx)
        except OSError as error:
            self.fail(f"{path!r} cannot be read: {error.strerror or error}", param, ctx)
        except (ValueError, ImportError) as error:
            self.fail(str(error), param, ctx)
        return failures, passed or []


def _format_of(text: str) -> str:
    """What comes through a pipe is JSON or JSON lines; only the first is one object as a whole."""
    first = text.strip().partition("\n")[0]
    return "jsonl" if first.endswith("}") and len(first) > 2 else "json"


def _merged(sources: Sequence[tuple[Records, Records]]) -> tuple[Records, Records]:
    """All records, each once: of those with one id the last one, in the place of the first."""
    found: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    for source in sources:
        for kept, records in zip(found, source, strict=True):
            for number, one in enumerate(records):
                kept[str(one.get("id", f"{id(records)}-{number}"))] = one
    return list(found[0].values()), list(found[1].values())


@click.command(short_help="Merge and convert reports.")
@click.argument("sources", nargs=-1, required=True, metavar="IN...", type=Source())
@click.option(
    "--to",
    "config",
    required=True,
    type=Target(),
    shell_complete=complete_formats,
    help="Where the report goes. The format is that of the extension, or stands after a colon; - "
    "is stdout.",
)
def report(sources: Sequence[tuple[Records, Records]], config: OutputConfig) -> int:
    """Merge reports, and write them in any format.

    IN is a JSON or JSON lines report (or another that can be appended to); - is stdin. A failure
    that stands in several of them is taken once.

    \b
    Examples:
      failextract-nb report failures.json --to failures.html
      failextract-nb report monday.jsonl tuesday.json --to week.json
      failextract-nb report failures.jsonl --to -:markdown
    """  # noqa: D301  # for click
    from dataclasses import replace

    from failextract_nb import report as reports

    failures, passed = _merged(sources)
    try:
        config = replace(config, include_passed=bool(passed))
        path = reports.save(config, failures, passed)  # type: ignore[arg-type]  # as they were read
    except BrokenPipeError:
        raise
    except (OSError, ValueError, ImportError) as error:
        click.echo(f"nothing was written: {error}", err=True)
        return BROKEN
    if path is not None:
        click.echo(f"{counted(len(failures))} written to {path}", err=True)
    return PASSED


@click.command(short_help="Count the failures of reports.")
@click.argument("sources", nargs=-1, required=True, metavar="IN...", type=Source())
def stats(sources: Sequence[tuple[Records, Records]]) -> int:
    """Count the failures of reports: by exception, by origin, by notebook.

    \b
    Examples:
      failextract-nb stats failures.json
      failextract-nb run notebooks/ --report -:jsonl --quiet | failextract-nb stats -
    """  # noqa: D301  # for click
    failures, passed = _merged(sources)
    expected = sum(bool(one.get("expected")) for one in failures)
    blocked = sum("blocked_by" in one for one in failures)
    told = [counted(len(failures) - expected)]
    told += [f"{blocked} of them blocked"] if blocked else []
    told += [f"{expected} expected"] if expected else []
    told += [f"{len(passed)} passed"] if passed else []
    click.echo(", ".join(told))
    for title, key in (
        ("exception", "exception_type"),
        ("origin", "origin"),
        ("notebook", "notebook"),
    ):
        counts = Counter(one_line(one.get(key) or "unknown", 80) for one in failures)
        if counts:
            click.echo(f"\nby {title}")
        for name, count in counts.most_common(MOST):
            click.echo(harmless(f"{count:>8}  {name}"))
        if len(counts) > MOST:
            click.echo(f"          and {len(counts) - MOST} more")
    return PASSED
