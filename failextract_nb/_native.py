"""What a user hands to the store as data that JSON can hold: copied, bounded and redacted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from pathlib import PurePath
from typing import Any

from failextract_nb._redact import is_blank, mask, redact, redact_said, secret_name
from failextract_nb._safe import text_of
from failextract_nb._strings import bounded, clean, module_of, type_name
from failextract_nb._values import CONTAINERS, base_of

MAX_NATIVE_TEXT = 1_000_000  # characters of one text
MAX_NATIVE_DEPTH = 30
MAX_NATIVE_ITEMS = 100_000  # of one value, those of its inner containers counted in
MAX_INTEGER = 2**63  # beyond it JSON readers disagree
# Keys of what is code, or holds some: `connect(password=given)` hides nothing.
_CODE = frozenset({"cell_source", "test_source", "exception_traceback", "code", "source"})
_SCALARS = frozenset({str, int, float, bool})


def native(value: Any, name: str = "") -> Any:
    """``value`` as JSON-native data (str, int, float, bool, None, list, dict), copied and redacted.

    Numbers that JSON has no words for (NaN, infinities, integers past 64 bits) become text.
    """
    return _native(value, name, MAX_NATIVE_DEPTH, iter(range(MAX_NATIVE_ITEMS)))


def _native(value: Any, name: str, depth: int, budget: Iterator[int]) -> Any:
    cls = type(value)
    if value is None or cls is bool:
        return value
    try:
        if name and (reason := secret_name(name)) and not is_blank(value):
            return mask(reason)
        if cls is str:
            return bounded(value, MAX_NATIVE_TEXT, redact if name in _CODE else redact_said)
        if cls is int:
            return value if -MAX_INTEGER <= value < MAX_INTEGER else text_of(value)
        if cls is float:
            return value if math.isfinite(value) else repr(value)
        if issubclass(cls, (dict, *CONTAINERS)) and depth <= 0:
            return f"<{type_name(cls)}: nested too deep>"
        if issubclass(cls, dict):
            return _native_dict(value, depth, budget)
        if issubclass(cls, CONTAINERS):
            return _native_list(value, cls, depth, budget)
        if issubclass(cls, (date, PurePath)):
            return bounded(str(value), MAX_NATIVE_TEXT)
        if issubclass(cls, str) and cls.__repr__ is str.__repr__:
            return bounded(str.__str__(value), MAX_NATIVE_TEXT)
        if module_of(cls) == "numpy" and value.shape == () and type(value.item()) in _SCALARS:
            return _native(value.item(), name, depth, budget)
    except Exception:  # noqa: BLE001  # a hostile subclass: fall back to its text
        return text_of(value)
    return text_of(value)


def _native_dict(value: dict[Any, Any], depth: int, budget: Iterator[int]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    # The budget comes last, so that a finished container takes nothing from it.
    for (key, item), _ in zip(dict.items(value), budget, strict=False):
        key_text = clean(str.__str__(key)) if isinstance(key, str) else text_of(key)
        out[key_text] = _native(item, key_text, depth - 1, budget)
    if len(out) < (length := dict.__len__(value)):
        out["…"] = f"{length - len(out)} more"
    return out


def _native_list(value: Any, cls: type, depth: int, budget: Iterator[int]) -> list[Any]:
    base = base_of(cls)
    items = [
        _native(item, "", depth - 1, budget)
        for item, _ in zip(base.__iter__(value), budget, strict=False)
    ]
    if len(items) < (length := base.__len__(value)):
        items.append(f"… {length - len(items)} more")
    return items
