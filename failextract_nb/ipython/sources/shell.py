"""Commands (``!make``, ``files = !ls``) that end with an exit code other than zero."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType
from typing import Any, ClassVar

from IPython.core import interactiveshell

from failextract_nb import positions
from failextract_nb._strings import bounded
from failextract_nb.ipython.runs import current_run
from failextract_nb.ipython.sources._source import Source

MAX_NAME = 60  # characters of the command in a failure's name
_INTERRUPTED = (-2, 130)  # what IPython says of a command that the user stopped


class Shell(Source):
    """Wraps ``ip.system``, and the function by which ``ip.getoutput`` runs a command.

    IPython drops the exit code of the second, so there the command is run by IPython's own
    ``process_handler``, which knows it.
    """

    names: ClassVar = {"shell": "a !command, x = !command, %sx that does not exit with 0"}

    def why_not(self) -> str:
        return "" if os.name == "posix" else "IPython runs commands another way on this system"

    def listen(self) -> None:
        self.replace(self.ip, "system", self._system)
        self.replace(interactiveshell, "getoutput", self._getoutput)

    def _system(self, original: Callable[[str], None]) -> Callable[[str], None]:
        def system(cmd: str) -> None:
            __tracebackhide__ = True
            with _deeper(self.ip):
                original(cmd)
            if self.active:
                self._ended(cmd, self.ip.user_ns.get("_exit_code"), sys._getframe(1))

        return system

    def _getoutput(self, original: Callable[[str], str]) -> Callable[[str], str]:
        def getoutput(cmd: str) -> str:
            __tracebackhide__ = True
            if not self.active or current_run() is None:
                return original(cmd)
            from subprocess import STDOUT

            from IPython.utils._process_common import process_handler
            from IPython.utils.encoding import DEFAULT_ENCODING

            told = process_handler(
                cmd, lambda process: (process.communicate()[0], process.returncode), STDOUT
            )
            if told is None:  # interrupted
                return ""
            out, code = told
            self._ended(cmd, code, sys._getframe(1))
            return str(out.decode(DEFAULT_ENCODING, "replace"))

        return getoutput

    def _ended(self, command: str, code: object, frame: FrameType | None) -> None:
        if type(code) is not int or code == 0 or code in _INTERRUPTED:
            return
        from subprocess import CalledProcessError

        error = CalledProcessError(code, command).with_traceback(_stack(frame))
        shown = bounded(command.strip())
        first = shown.split("\n", 1)[0]
        short = first if len(first) <= MAX_NAME else f"{first[:MAX_NAME]}…"
        self.failed(error, origin="shell", name=f"!{short}", command=shown, exit_code=code)


@contextmanager
def _deeper(ip: Any) -> Iterator[None]:
    """Let ``var_expand`` find the variables of our caller, past the frames of ours."""
    before, expand, thread = vars(ip).get("var_expand"), ip.var_expand, threading.get_ident()

    def var_expand(cmd: str, depth: int = 0, *args: Any, **kwargs: Any) -> Any:
        ours = 2 if threading.get_ident() == thread else 1
        return expand(cmd, depth + ours, *args, **kwargs)

    ip.var_expand = var_expand
    try:
        yield
    finally:
        if vars(ip).get("var_expand") is var_expand:
            del ip.var_expand
            if before is not None:
                ip.var_expand = before


def _stack(frame: FrameType | None) -> TracebackType | None:
    """Where the command stands, as the traceback of an exception that had been raised there."""
    while frame is not None and not positions.is_users(frame.f_code.co_filename):
        frame = frame.f_back
    traceback = None
    while frame is not None and not _runs_cells(frame.f_code):
        traceback = TracebackType(traceback, frame, frame.f_lasti, frame.f_lineno)
        frame = frame.f_back
    return traceback


def _runs_cells(code: CodeType) -> bool:
    return code.co_name == "run_code" and code.co_filename == interactiveshell.__file__
