"""Exceptions that IPython shows without letting the cell fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar, NamedTuple

from failextract_nb import positions
from failextract_nb._strings import type_name
from failextract_nb.ipython import runs
from failextract_nb.ipython.cells import is_misuse
from failextract_nb.ipython.runs import current_run
from failextract_nb.ipython.sources._source import Source
from failextract_nb.ipython.sources.callbacks import CALLBACK, NAMELESS, registered
from failextract_nb.remember import note_problem

MAX_FRAMES = 60  # looked at, to find out who shows it


class _Shower(NamedTuple):
    """Code of IPython or ipywidgets that catches an exception and shows it."""

    source: str  # the origin of the failure, "" where it is none or is told by another way
    file: str
    functions: frozenset[str] = frozenset()  # empty: any


def _at(source: str, file: str, *functions: str) -> _Shower:
    return _Shower(source, file.replace("/", os.sep), frozenset(functions))


_SCRIPTS = ("safe_execfile", "safe_execfile_ipy", "safe_run_module")
_SHOWERS = (
    _at("display", "IPython/core/formatters.py"),
    _at("callback", "IPython/core/events.py"),
    _at("callback", "ipywidgets/widgets/widget_output.py", "__exit__"),
    _at("callback", "ipywidgets/"),
    _at("run", "IPython/core/interactiveshell.py", *_SCRIPTS),
    _at("", "IPython/core/magics/execution.py", "tb"),  # shows an old one again
    _at("cell", "IPython/core/magics/"),  # %%time of IPython before 9.4
)
_FORMATTERS = os.path.join("IPython", "core", "formatters.py")
_TOLD = "_failextract_nb_told"
_RUNS_A_CELL = ("run_code", "run_cell_async", "run_ast_nodes", "showtraceback", "CustomTB")


class Shown(Source):
    """``showtraceback`` of this session: whoever shows an exception has caught it.

    Of a cell that fails the hook after the cell tells; this is for scripts (``%run``), for objects
    that cannot be displayed, and for callbacks of widgets.
    """

    names: ClassVar = {
        "run": "a script or notebook under %run that raises",
        "display": "an object that raises when it is shown (_repr_html_, …)",
        "callback": CALLBACK,
    }

    def listen(self) -> None:
        self.replace(self.ip, "showtraceback", self._show)
        self.replace(self.ip, "showsyntaxerror", self._show)

    def _show(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def show(*args: Any, **kwargs: Any) -> Any:
            if self.active:
                told = args[0] if args else kwargs.get("exc_tuple")
                error = told[1] if isinstance(told, tuple) and len(told) == 3 else None
                error = error if isinstance(error, BaseException) else sys.exc_info()[1]
                try:
                    if error is not None and not is_misuse(error):
                        self._shown(error, sys._getframe(1))
                except Exception as problem:  # noqa: BLE001  # what is shown is shown all the same
                    note_problem("an exception that was shown was not recorded", problem)
            return original(*args, **kwargs)

        return show

    def _shown(self, error: BaseException, frame: FrameType | None) -> None:
        source, shower = _who_shows(frame)
        if source and self.settings.watches(source):
            run = current_run()
            name = f"In[{run.count}]" if run is not None else "a magic"
            held = shower.f_locals
            if source == "callback":
                name, registered_by = registered(error, frame)
                if name == NAMELESS:
                    name = _shows_for(shower)
                run = registered_by or run
            elif source == "display":
                if _is_shown_again(frame):
                    return
                args = held.get("args")
                name = f"display of {type_name(type(args[0]))}" if args else "display"
            elif source == "run":
                file = str(held.get("fname") or held.get("mod_name"))
                name = os.path.basename(file)
                if shower.f_code.co_name == "safe_execfile_ipy":
                    runs.elsewhere.update(dict.fromkeys(_files_of(error), positions.Cell(file)))
            self.failed(error, origin=source, name=name, run=run)
            runs.elsewhere.clear()


def _who_shows(frame: FrameType | None) -> tuple[str, Any]:
    """The origin of what is shown, and the frame that tells more; "" if it is none of ours."""
    may_be_users = True  # until IPython runs a cell here
    for _ in range(MAX_FRAMES):
        if frame is None:
            break
        code = frame.f_code
        for source, file, functions in _SHOWERS:
            if file in code.co_filename and (not functions or code.co_name in functions):
                return source, frame
        if _is_cells_own(frame):
            return "", frame
        # The user's own code has caught it, and shows it on purpose; rich stands in between.
        if may_be_users and positions.is_users(code.co_filename):
            return "", frame
        may_be_users = may_be_users and code.co_name not in _RUNS_A_CELL
        frame = frame.f_back
    return "", frame


def _shows_for(shower: FrameType) -> str:
    """What has caught the exception that it shows: an event's callback, an Output, interact()."""
    outside = shower.f_back.f_locals.get("self") if shower.f_back is not None else None
    if (function := getattr(outside, "f", None)) is None:  # of interactive.update()
        function = shower.f_locals.get("func")
    nameless = "an Output" if shower.f_code.co_name == "__exit__" else NAMELESS
    return str(getattr(function, "__qualname__", nameless)).replace("<locals>.", "")


def _is_shown_again(frame: FrameType | None) -> bool:
    """Whether another format of the same display has raised already: they are one failure.

    The note stands among the variables of the frame that asks one formatter after the other.
    """
    while frame is not None:
        if frame.f_code.co_name == "format" and frame.f_code.co_filename.endswith(_FORMATTERS):
            held = frame.f_locals
            again = _TOLD in held
            held[_TOLD] = True
            return again
        frame = frame.f_back
    return False


def _is_cells_own(frame: FrameType) -> bool:
    """IPython runs a cell here, and the hook after the cell will be told; not of a silent one."""
    if frame.f_code.co_name not in ("run_code", "run_cell_async"):
        return False
    result = frame.f_locals.get("result")
    info = getattr(result, "info", None)
    return info is not None and not info.silent


def _files_of(error: BaseException) -> list[str]:
    """The name under which IPython has compiled the cell of a notebook that %run has run."""
    if isinstance(error, SyntaxError) and error.filename:
        return [error.filename]
    files: list[str] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name == "<module>" and not os.path.exists(code.co_filename):
            files = [code.co_filename]  # the innermost: one further out is the cell that has %run
        traceback = traceback.tb_next
    return files
