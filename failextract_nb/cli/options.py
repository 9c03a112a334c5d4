"""What may stand behind the options of ``run``."""

from __future__ import annotations

import ast
import json
import keyword
from typing import Any

import click

from failextract_nb.cli import BROKEN


class Broken(click.ClickException):
    """What is no wrong use: the run itself cannot go on."""

    exit_code = BROKEN


class Parameter(click.ParamType):  # type: ignore[type-arg]  # old ones take no arguments
    """``name=value``, where the value is JSON, a Python literal, or else text."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip().isidentifier() or keyword.iskeyword(name.strip()):
            self.fail(f"{value!r} is not of the form name=value, such as rows=100", param, ctx)
        return name.strip(), _value(text)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        value = ast.literal_eval(text.strip())
        json.dumps(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value


class Server(click.ParamType):  # type: ignore[type-arg]  # as above
    """A CI server, by the beginning of its name; what "auto" finds is "unknown" outside of CI."""

    name = "SERVER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from failextract_nb.ci import resolve

        try:
            return resolve(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        from click.shell_completion import CompletionItem

        from failextract_nb.ci import CHOICES

        return [CompletionItem(name) for name in CHOICES if name.startswith(incomplete)]


def kernels(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of kernels that begin so."""
    from jupyter_client.kernelspec import KernelSpecManager

    return [name for name in KernelSpecManager().find_kernel_specs() if name.startswith(incomplete)]
