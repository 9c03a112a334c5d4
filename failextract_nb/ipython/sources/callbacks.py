"""Callbacks of widgets: which cell has registered them."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, ClassVar

from failextract_nb.ipython.runs import CellRun, current, current_run
from failextract_nb.ipython.sources._source import Source

NAMELESS = "a callback"
CALLBACK = "a callback of a widget (on_click, observe) or an event"
# Where a callback is called, and the variable that holds it there.
_CALLERS = {
    (os.path.join("ipywidgets", "widgets", "widget.py"), "__call__"): "callback",
    ("traitlets.py", "notify_change"): "c",
    ("traitlets.py", "_notify_observers"): "c",
}
# The attribute of a widget, or of its list of callbacks, that tells who has registered each.  It
# stands there and not here, so that all of it can go together.
_REGISTERED = "_failextract_nb_registered"


class Callbacks(Source):
    """Notes who registers a callback; that it has failed, ``showtraceback`` is told."""

    names: ClassVar = {"callback": CALLBACK}
    module = "ipywidgets.widgets.widget"

    def listen(self) -> None:
        widget = sys.modules[self.module]
        self.replace(widget.CallbackDispatcher, "register_callback", self._register)
        self.replace(widget.CallbackDispatcher, "__call__", self._runs)
        self.replace(widget.Widget, "observe", self._register)
        self.replace(widget.Widget, "_handle_msg", self._runs)

    def _register(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def register(owner: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            run = current_run() if self.active else None
            callback = next(iter((*args, *kwargs.values())), None)  # whatever its name is
            removes = kwargs.get("remove") or (len(args) > 1 and args[1] is True)
            if run is not None and callable(callback) and not removes:
                vars(owner).setdefault(_REGISTERED, []).append((callback, run))
            return original(owner, *args, **kwargs)

        return register

    def _runs(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """What a callback starts belongs to the cell that has registered it, if that is one."""

        @functools.wraps(original)
        def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            runs = {run for _, run in vars(owner).get(_REGISTERED, ())} if self.active else set()
            if len(runs) != 1:
                return original(owner, *args, **kwargs)
            token = current.set(runs.pop())
            try:
                return original(owner, *args, **kwargs)
            finally:
                current.reset(token)

        return call


def _is_same(one: Any, other: Any) -> bool:
    """Whether both are one callback; equality may be the user's own."""
    if one is other:
        return True
    function = getattr(one, "__func__", None)
    return (
        function is not None
        and function is getattr(other, "__func__", None)
        and one.__self__ is other.__self__
    )


def registered(error: BaseException, frame: FrameType | None) -> tuple[str, CellRun | None]:
    """The name of the callback that raised ``error``, and the cell that registered it, if known."""
    names = []
    for one in (*_frames_of(error.__traceback__), *_frames_above(frame)):
        code = one.f_code
        for (file, function), variable in _CALLERS.items():
            if code.co_name == function and code.co_filename.endswith(file):
                held = one.f_locals
                callback, owner = held.get(variable), held.get("self")
                name = str(getattr(callback, "__qualname__", NAMELESS)).replace("<locals>.", "")
                names.append(name)
                for known, run in reversed(vars(owner).get(_REGISTERED, ())):
                    if _is_same(known, callback):
                        return name, run
    return (names or [NAMELESS])[0], None


def _frames_of(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _frames_above(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
