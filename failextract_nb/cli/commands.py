"""The group of subcommands, and how each of them ends."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence

import click

from failextract_nb import __version__, formats
from failextract_nb.cli import BROKEN, INTERRUPTED, NAME
from failextract_nb.cli.reports import report, stats
from failextract_nb.cli.run import run

SHELLS = ("bash", "zsh", "fish")


@click.group(
    NAME,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing failed, 1 failures, 2 wrong use, 3 the run itself broke, "
    "130 interrupted.",
)
@click.version_option(__version__, prog_name=NAME)
def command() -> None:
    """Run notebooks, and look at what failed in them."""


@command.command("formats", short_help="List the formats of reports.")
def list_formats() -> None:
    """List the formats that a report can have, and the extensions that stand for them."""
    for name in formats.names():
        click.echo(f"{name:<12} {formats.extension(name)}")


@command.command(short_help="Print what completes this command in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what completes this command in a shell.

    \b
    bash:  eval "$(failextract-nb completion bash)"    in ~/.bashrc
    zsh:   eval "$(failextract-nb completion zsh)"     in ~/.zshrc
    fish:  failextract-nb completion fish | source     in ~/.config/fish/config.fish
    """  # noqa: D301  # for click
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(command, {}, NAME, f"_{NAME.replace('-', '_').upper()}_COMPLETE").source())


for one in (run, report, stats):
    command.add_command(one)


def run_command(arguments: Sequence[str]) -> int:
    """Run a subcommand; returns the exit code, whatever happens."""
    try:
        done = command.main(list(arguments), NAME, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # what reads our output has enough
        _leave_stdout()
        return 0
    except Exception as error:  # noqa: BLE001  # 1 would say that a notebook has failed
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and not error.filename:
            _leave_stdout()
            click.echo(f"{NAME}: standard output cannot be written: {error.strerror}", err=True)
            return BROKEN
        traceback.print_exc()
        click.echo(f"{NAME} itself broke: this is a bug, please report it.", err=True)
        return BROKEN
    return done if isinstance(done, int) else 0


def _leave_stdout() -> None:
    """Let the interpreter flush into nothing at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
