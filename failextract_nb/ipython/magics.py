"""``%failextract``: look at the failures of the session, hand them on, set what is kept."""

from __future__ import annotations

from typing import Any

from IPython.core.magic_arguments import MagicArgumentParser
from traitlets import TraitError

from failextract_nb import formats
from failextract_nb.block import capture_failures
from failextract_nb.extractor import FailureExtractor
from failextract_nb.failure import counted, where
from failextract_nb.ipython import cells
from failextract_nb.ipython.cells import misuse, parse_words
from failextract_nb.ipython.settings import FailExtract
from failextract_nb.ipython.sources import Sources
from failextract_nb.report import OutputConfig

# Subcommand -> what help says of it.  Each is a method of Magics.
SUBCOMMANDS = {
    "show": "the failures as a table (also without a subcommand)",
    "last": "the traceback of the newest failure; last N: of the newest N",
    "stats": "counts, limits and times",
    "export": "export FILE [--format F] [--append] [--passed]: write a report",
    "formats": "the formats that a report can have",
    "clear": "forget all failures",
    "limits": "limits [--failures N] [--passed N] [--memory MB] [--none]: what is kept",
    "sources": "what is watched, what is not, and why",
    "on": "record the failures of the session",
    "off": "stop recording them",
    "config": "the settings, which %config FailExtract.NAME = VALUE changes",
    "help": "this text",
}
EXPORT_OPTIONS = ("--append", "--format", "--passed")
LIMIT_OPTIONS = ("--failures", "--memory", "--none", "--passed")


class Magics:
    """The magics of one session."""

    def __init__(self, ip: Any, settings: FailExtract, sources: Sources) -> None:
        self._ip = ip
        self._settings = settings
        self._all_sources = sources

    def line(self, line: str = "") -> None:
        """Look at the failures of this session; ``%failextract help`` says how."""
        command, *arguments = cells.split(line) or ["show"]
        if command in ("--help", "-h", "?"):
            command = "help"
        if command not in SUBCOMMANDS:
            from difflib import get_close_matches

            nearest = get_close_matches(command, SUBCOMMANDS, n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise misuse(
                f"%failextract has no subcommand {command!r}.{hint} "
                f"There are: {', '.join(SUBCOMMANDS)}"
            )
        if arguments and command not in ("last", "export", "limits"):
            raise misuse(f"%failextract {command} takes no arguments; got {arguments[0]!r}")
        getattr(self, f"_{command}")(arguments)

    def cell(self, line: str, cell: str) -> None:
        """Name, tag or export the failure of this cell; ``%failextract help`` says how.

        The input transformer takes the line off before a cell runs, so that this is reached only
        with wrong options, and from code that calls run_cell_magic.
        """
        options = cells.parse(line)
        try:
            with capture_failures(
                options.name or cells.MAGIC,
                output=options.config,
                include_locals=options.include_locals,
                tags=list(options.tags),
            ):
                self._ip.ex(self._ip.transform_cell(cell))
        except Exception:
            if not options.go_on:
                raise
            self._ip.showtraceback()

    def display(self, extractor: FailureExtractor) -> None:
        """Show the table: live in a notebook, as text in a terminal."""
        if getattr(self._ip, "kernel", None) is None:
            print(repr(extractor))  # noqa: T201  # this is its display
            return
        from IPython.display import display

        from failextract_nb.widget import FailureTable

        display(FailureTable())

    def _show(self, _arguments: list[str]) -> None:
        self.display(FailureExtractor())

    def _last(self, arguments: list[str]) -> None:
        count = _number("last", arguments)
        failures = FailureExtractor().failures[-count:]
        if not failures:
            _say("No failures yet.")
        for failure in failures:
            _say(
                f"── {where(failure)}, {failure['timestamp']} ──\n{failure['exception_traceback']}"
            )

    def _stats(self, _arguments: list[str]) -> None:
        for name, value in FailureExtractor().get_statistics().items():
            _say(f"{name:<20} {_brief(value)}")

    def _export(self, arguments: list[str]) -> None:
        parser = MagicArgumentParser(prog="failextract export", add_help=False)
        parser.add_argument("file")
        parser.add_argument("--format")
        parser.add_argument("--append", action="store_true")
        parser.add_argument("--passed", action="store_true")
        found = parse_words(parser, arguments)
        extractor = FailureExtractor()
        try:
            config = OutputConfig(
                found.file,
                format=found.format,
                append=found.append,
                include_passed=found.passed,
            )
            path = extractor.save_report(config)
        except (ValueError, TypeError, OSError, ImportError) as error:
            raise misuse(f"nothing was exported: {error}") from error
        what = counted(len(extractor.failures))
        if found.append:
            _say(f"{what} of this session stand in {path}, beside what it held before")
        elif path is not None:
            _say(f"{what} written to {path}")

    def _formats(self, _arguments: list[str]) -> None:
        for name in formats.names():
            _say(f"{name:<12} {formats.extension(name)}")

    def _clear(self, _arguments: list[str]) -> None:
        extractor = FailureExtractor()
        count = len(extractor.failures)
        extractor.clear()
        _say(f"{counted(count)} forgotten.")

    def _limits(self, arguments: list[str]) -> None:
        parser = MagicArgumentParser(prog="failextract limits", add_help=False)
        parser.add_argument("--failures", type=int, dest="max_failures")
        parser.add_argument("--passed", type=int, dest="max_passed")
        parser.add_argument("--memory", type=float, dest="max_memory_mb")
        parser.add_argument("--none", action="store_true")
        found = vars(parse_words(parser, arguments))
        lift = found.pop("none")
        for name, limit in found.items():
            if lift or limit is not None:
                self._set(name, limit)
        self._settings.adopt_limits()
        for name in found:
            limit = getattr(self._settings, name)
            _say(f"{name:<14} {'no limit' if limit is None else limit}")

    def _set(self, name: str, value: float | None) -> None:
        try:
            self._settings.set_limit(name, value)
        except (TraitError, ValueError):
            raise misuse(f"{name} must be a number above 0; got {value!r}") from None

    def _sources(self, _arguments: list[str]) -> None:
        for name, what, why_off in self._all_sources.told():
            _say(f"{'·' if why_off else '✓'} {name:<12} {what}")
            if why_off:
                _say(f"  {'':<12} ({why_off})")

    def _on(self, _arguments: list[str]) -> None:
        self._settings.enabled = True
        _say("Failures are recorded.")

    def _off(self, _arguments: list[str]) -> None:
        self._settings.enabled = False
        _say(
            "Failures are no longer recorded, but for those of decorated functions and blocks; "
            "%failextract on starts again."
        )

    def _config(self, _arguments: list[str]) -> None:
        self._settings.adopt_limits()
        for name, trait in sorted(self._settings.traits(config=True).items()):
            value = getattr(self._settings, name)
            _say(f"FailExtract.{name} = {value!r}\n    {trait.help}")

    def _help(self, _arguments: list[str]) -> None:
        for name, text in SUBCOMMANDS.items():
            _say(f"%failextract {name:<8} {text}")
        _say(f"\n{cells.help_text()}")


def _say(text: str) -> None:
    print(text)  # noqa: T201  # what a magic is asked for goes to the cell's output


def _number(command: str, arguments: list[str]) -> int:
    text = arguments[0] if arguments else "1"
    if len(arguments) > 1 or not text.isdecimal() or int(text) < 1:
        raise misuse(
            f"%failextract {command} takes one number above 0; got {' '.join(arguments)!r}"
        )
    return int(text)


def _brief(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_brief(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(str(item) for item in value) or "none"
    return str(value)
