"""What a user hands to the store as JSON-native data: copied, bounded, redacted, in shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from pathlib import PurePath
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from failextract_nb._names import hidden, name_in, pair_reason, rules, secret_name, value_of
from failextract_nb._redact import MASK, mask, redact, redact_said, redact_traceback
from failextract_nb._reprs import CARDS, hides_itself
from failextract_nb._safe import text_of
from failextract_nb._strings import CONTAINERS, base_of, bounded, clean, module_of, type_name
from failextract_nb.failure import CORE, Failure

MAX_NATIVE_TEXT = 1_000_000  # characters of one text
MAX_NATIVE_DEPTH = 30
MAX_NATIVE_ITEMS = 100_000  # of one value, those of its inner containers counted in
MAX_INTEGER = 2**63  # beyond it JSON readers disagree
# Keys of what is code, or holds some: `connect(password=given)` hides nothing.
CODE = {
    **dict.fromkeys(("cell_source", "test_source", "code", "source"), redact),
    "exception_traceback": redact_traceback,
}
_FIXTURES = "fixtures"  # by their names, which say what their values are, and no more
_SCALARS = frozenset({str, int, float, bool})
_EXACT = frozenset({str, int, float, dict, list, tuple})
GIVEN = "_given"  # is added to a key of ours whose value has not the shape that its readers expect

_hints = cache(get_type_hints)


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
        if name and (reason := hidden(name, value)):
            return mask(reason, value)
        if cls is str:
            return bounded(value, MAX_NATIVE_TEXT, CODE.get(name, redact_said))
        if cls is int or cls is float:
            return _native_number(value)
        if cls not in _EXACT and hides_itself(cls):
            return text_of(value)
        if issubclass(cls, (dict, *CONTAINERS)) and depth <= 0:
            return f"<{type_name(cls)}: nested too deep>"
        if issubclass(cls, dict):
            return _native_dict(value, name, depth, budget)
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


def _native_number(value: float) -> float | str:
    if rules.patterns or value >= CARDS:
        shown = text_of(value)
        if MASK in shown:
            return shown
    if type(value) is int:
        return value if -MAX_INTEGER <= value < MAX_INTEGER else text_of(value)
    return value if math.isfinite(value) else repr(value)


def _native_dict(
    value: dict[Any, Any], name: str, depth: int, budget: Iterator[int]
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    held = value_of(value)
    # The budget comes last, so that a finished container takes nothing from it.
    for (key, item), _ in zip(dict.items(value), budget, strict=False):
        held_as = name_in(key)
        key_text = clean(redact_said(held_as)) if isinstance(key, str) else text_of(key)
        if name == _FIXTURES and type(item) is dict:
            out[key_text] = _native_fixture(item, held_as, depth - 1, budget)
        elif held is not None and type(key) is str and key == held[0]:
            out[key_text] = mask(held[1], item)
        else:
            out[key_text] = _native(item, held_as, depth - 1, budget)
    if len(out) < (length := dict.__len__(value)):
        out["…"] = f"{length - len(out)} more"
    return out


def _native_fixture(item: dict[Any, Any], name: str, depth: int, budget: Iterator[int]) -> Any:
    """What a fixture is, which is no secret; what it holds may be one."""
    reason = secret_name(name)
    if reason and "value" in item:
        item = {**item, "value": mask(reason, item["value"])}
    return _native(item, "", depth, budget)


def _native_list(value: Any, cls: type, depth: int, budget: Iterator[int]) -> list[Any]:
    base = base_of(cls)
    items: list[Any] = []
    before: Any = None
    length = base.__len__(value)
    # ("name", "value"), ("section", "name", "value")
    last = length - 1 if length == 2 or (length == 3 and base is tuple) else 0
    for number, (item, _) in enumerate(zip(base.__iter__(value), budget, strict=False)):
        reason = None
        if number and number == last:
            reason = pair_reason(before, item)
        elif type(before) is str and type(item) is str and before[:1] == "-":  # of a command
            reason = hidden(before, item)
        items.append(mask(reason, item) if reason else _native(item, "", depth - 1, budget))
        before = item
    if len(items) < length:
        items.append(f"… {length - len(items)} more")
    return items


def fit(record: dict[str, Any], names: Iterable[str] | None = None, kind: Any = Failure) -> None:
    """Shape, in place, the values of ``record`` (or of these ``names``) as ``kind`` declares them.

    ``record`` is JSON-native.  A None where none is declared goes: the key is not known.
    What has no such shape is kept beside, as it came.
    """
    hints = _hints(kind)
    for name in [*(record if names is None else names)]:
        if name not in hints:
            continue
        try:
            record[name] = _shaped(record[name], hints[name])
        except (TypeError, ValueError, OverflowError):
            if (value := record.pop(name)) is not None:
                record[f"{name}{GIVEN}"] = value
            elif kind is Failure and name in CORE:
                record[name] = None  # what completes the record fills it


def _shaped(value: Any, hint: Any) -> Any:
    """``value`` as ``hint`` says; TypeError or ValueError where it cannot be."""
    if hint is Any or type(value) is hint:
        return value
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType:  # something, or None
        return value if value is None else _shaped(value, inner[0])
    if value is None:
        raise TypeError
    if origin is list:
        items = [value] if inner[0] is str and type(value) is str else value
        return [_shaped(item, inner[0]) for item in _checked(items, list)]
    if origin is dict:
        return {key: _shaped(item, inner[1]) for key, item in _checked(value, dict).items()}
    if is_typeddict(hint):
        fit(_checked(value, dict), kind=hint)
        if not hint.__required_keys__ <= value.keys():
            raise ValueError
        return value
    return _scalar(value, hint)


def _scalar(value: Any, hint: type) -> Any:
    if hint is str:
        return str(value)
    if hint is float and type(value) is int:
        return value  # one kind of number to JSON
    if type(value) is str and hint is not bool:
        value = float(value) if hint is float else int(value)
    shaped = hint(value)
    # Not int(5.5), not bool(7), and no number that JSON has no word for.
    if shaped != value or not math.isfinite(shaped):
        raise ValueError
    return shaped


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value
