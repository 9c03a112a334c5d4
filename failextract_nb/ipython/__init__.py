"""The notebook's door: what ``%load_ext`` puts into a session, and takes out again."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from traitlets import TraitError

from failextract_nb import positions, remember
from failextract_nb.extractor import FailureExtractor
from failextract_nb.ipython import runs
from failextract_nb.ipython.cells import strip_magic
from failextract_nb.ipython.completion import complete
from failextract_nb.ipython.hooks import Hooks
from failextract_nb.ipython.magics import Magics
from failextract_nb.ipython.settings import FailExtract
from failextract_nb.ipython.sources import Sources
from failextract_nb.recent import nothing

if TYPE_CHECKING:
    from failextract_nb.ipython.comm import PagesComm

MAGIC = "failextract"


def settings_of(ip: Any) -> FailExtract:
    """The settings that the configuration asks for.

    IPython keeps there what was refused, too, such as a mistyped %config: one wrong value must not
    cost the others.
    """
    try:
        return FailExtract(parent=ip)
    except TraitError:
        settings = FailExtract()
    for name, value in ip.config.get(FailExtract.__name__, {}).items():
        try:
            setattr(settings, name, value)
        except (TraitError, ValueError) as error:
            warnings.warn(f"failextract_nb leaves a setting as it is: {error}", stacklevel=5)
    return settings


def _comm_of(ip: Any, settings: FailExtract) -> PagesComm | None:
    """What talks to JupyterLab's extension; in a terminal there are no pages."""
    if getattr(ip, "kernel", None) is None:
        return None
    from failextract_nb.ipython.comm import PagesComm

    return PagesComm(settings)


class Loaded:
    """One session's share: everything that was put in, so that all of it can be taken out."""

    def __init__(self, ip: Any) -> None:
        self.ip = ip
        self.settings = settings_of(ip)
        self.hooks = Hooks(ip, self.settings)
        self.sources = Sources(ip, self.settings)
        self.magics = Magics(ip, self.settings, self.sources)
        self.comm = _comm_of(ip, self.settings)

    def put_in(self) -> None:
        ip = self.ip
        ip.configurables.append(self.settings)
        ip.events.register("pre_run_cell", self.hooks.pre_run_cell)
        ip.events.register("post_run_cell", self.hooks.post_run_cell)
        ip.input_transformers_cleanup.append(strip_magic)
        ip.register_magic_function(self.magics.line, "line", MAGIC)
        ip.register_magic_function(self.magics.cell, "cell", MAGIC)
        ip.Completer.custom_matchers.append(complete)
        formatter = ip.display_formatter.ipython_display_formatter
        formatter.for_type(FailureExtractor, self.magics.display)
        positions.cell_of = self.hooks.cell_of
        remember.cell_details = runs.details
        remember.wants_tests = partial(self.settings.watches, "test")
        self.hooks.settle = self.sources.settle
        FailureExtractor._store.before_looking = self.sources.settle
        self.sources.put_in()
        self.hooks.arrive()
        if self.comm:
            self.comm.put_in()

    def take_out(self) -> None:
        ip = self.ip
        if self.comm:
            self.comm.take_out()
        self.sources.take_out()
        self.hooks.leave()
        FailureExtractor._store.before_looking = nothing
        remember.cell_details = dict
        remember.wants_tests = remember.nobody_asks
        self.settings.restore()
        ip.configurables.remove(self.settings)
        ip.events.unregister("pre_run_cell", self.hooks.pre_run_cell)
        ip.events.unregister("post_run_cell", self.hooks.post_run_cell)
        ip.input_transformers_cleanup.remove(strip_magic)
        for kind in ("line", "cell"):
            ip.magics_manager.magics[kind].pop(MAGIC, None)
        ip.Completer.custom_matchers.remove(complete)
        ip.display_formatter.ipython_display_formatter.pop(FailureExtractor, None)
        positions.cell_of = positions.no_cell


_loaded: dict[int, Loaded] = {}  # by id of the session; there is one but in tests


def load(ip: Any) -> None:
    """Start recording in ``ip``; a second call changes nothing."""
    if id(ip) not in _loaded:
        loaded = Loaded(ip)
        loaded.put_in()
        _loaded[id(ip)] = loaded


def unload(ip: Any) -> None:
    """Take out of ``ip`` what ``load`` has put in.  The failures stay."""
    loaded = _loaded.pop(id(ip), None)
    if loaded is not None:
        loaded.take_out()
