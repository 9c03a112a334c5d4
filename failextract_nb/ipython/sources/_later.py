"""What to do once a module is there: now, or as soon as the user imports it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_waiting: dict[str, list[Callable[[], None]]] = {}


def when_imported(name: str, call: Callable[[], None]) -> None:
    """Call ``call()`` as soon as the module ``name`` has been executed; it is not imported here."""
    if name in sys.modules:
        call()
        return
    _waiting.setdefault(name, []).append(call)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget(name: str, call: Callable[[], None]) -> None:
    """Take back what ``when_imported`` was asked for."""
    calls = _waiting.get(name, [])
    if call in calls:
        calls.remove(call)
    if not calls:
        _waiting.pop(name, None)
    _leave()


def _leave() -> None:
    if not _waiting and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


class _Finder:
    """Finds nothing itself: it asks those behind it, and listens to their loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if find is None or finder is self:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                self._listen(spec.loader, name)
                return spec
        return None

    def _listen(self, loader: Any, name: str) -> None:
        execute = getattr(loader, "exec_module", None)
        if execute is None:  # nothing of Python's own has such a loader
            return

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            execute(module)
            for call in _waiting.pop(name, []):
                call()
            _leave()

        loader.exec_module = exec_module


_finder: Any = _Finder()
