"""An exception becomes a record: the hot path.

``failure_from`` walks the traceback once and keeps text only, so nothing of the user's lives longer
because of us.  It does not raise; what goes wrong on the way is said in the record.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from sys import getsizeof
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from failextract_nb import failure
from failextract_nb._budget import TooLong, watched
from failextract_nb._names import rules
from failextract_nb._native import native
from failextract_nb._perobject import PerObject
from failextract_nb._redact import MASK, any_in, masks_in, noted, put_back, take, texts_in
from failextract_nb._safe import message_of, text_of
from failextract_nb._strings import module_of, shown_name, type_name
from failextract_nb.failure import Context, Failure
from failextract_nb.kept import size_of
from failextract_nb.raised import MAX_FRAMES, Walk

if TYPE_CHECKING:
    from failextract_nb._repeats import Secrets

MARK = "__failextract__"  # the attribute of an exception that holds its record
MAX_TEXTS = 256  # sources that are remembered
MAX_SECRETS = 256  # records of which the secrets are, for what is added to them
STAMPS = 64 + 81 + 64  # bytes of an id, a timestamp and a list of one (CPython 3.11, 64 bits)
_SCALARS = frozenset({int, float, bool, type(None)})
# The texts of every record that may hold a secret, but for those of its exceptions.
_NAMES = ("test_name", "test_file", "test_module", "thread_name")
_names_in = itemgetter(*_NAMES)
_STATUS = frozenset({int, bool})
_code_of = SystemExit.__dict__["code"].__get__
_attributes_of = BaseException.__dict__["__dict__"].__get__  # past any override
# What doors make into text themselves.
_TEXTS_ALREADY = frozenset({"test_args", "test_kwargs", "parameters"})


@dataclass
class Options:
    """What every door does unless it is told otherwise; the notebook's settings write here."""

    include_locals: bool = True
    max_depth: int = MAX_FRAMES
    record_interrupts: bool = False


options = Options()


@dataclass(slots=True)
class Handed:
    """A record as capture has made it, so that the store knows it when it gets it."""

    failure: Failure
    made: dict[str, Any]  # a copy, to see what an override of add_failure has put in
    size: int  # bytes, without the dict itself
    seconds: float


class _Latest(threading.local):
    """The last record made on this thread."""

    handed: Handed | None = None


latest = _Latest()

# By the ids of records: the secrets that their names gave away, and what stands instead of them.
_secrets: dict[str, Secrets] = {}
# Sources come again with every failure of a cell or function.  By their keys, too, which may say
# that they are code, or secret.
_texts: dict[tuple[str, str], tuple[str, Secrets | None]] = {}
rules.watch(_texts.clear)
# Ways to skip, to leave and to cancel; known by name, as their modules may not be loaded.
_STOPS = frozenset({
    ("unittest.case", "SkipTest"), ("_pytest.outcomes", "Exit"),
    ("builtins", "Skipped"),  # where pytest says that its own is from
    ("asyncio.exceptions", "CancelledError"),
})  # fmt: skip


def is_failure(error: BaseException, origin: str = "function") -> bool:
    """Whether ``error`` is a failure, and not a way to stop, to skip or to clean up.

    A cell has failed whatever it was that ended it, but for an interrupt and an exit with 0.
    """
    kind = type(error)  # its __class__ may say anything
    if _is_ordinary(kind):
        return True
    if issubclass(kind, SystemExit):
        code = _code_of(error)
        return not (code is None or (type(code) in _STATUS and code == 0))
    if issubclass(kind, KeyboardInterrupt):
        return options.record_interrupts
    if issubclass(kind, TooLong):  # ours, where it cannot go on: in a finalizer
        return False
    return origin == "cell"


def _is_no_stop(cls: type) -> bool:
    if issubclass(cls, (SystemExit, KeyboardInterrupt, GeneratorExit, TooLong)):
        return False
    kinds = type.__dict__["__mro__"].__get__(cls)
    return _STOPS.isdisjoint((module_of(kind), type_name(kind)) for kind in kinds)


_is_ordinary = PerObject(_is_no_stop)


def failure_from(
    error: BaseException,
    *,
    origin: str = "function",
    name: str | None = None,
    include_locals: bool | None = None,
    max_depth: int | None = None,
    **context: Any,
) -> Failure:
    """The record of ``error``, which is marked with it.

    ``name`` is the test's, function's or cell's; ``max_depth`` how many frames are kept;
    ``context`` further keys, which win over what is found here.  Locals are those of the user's
    own frames.  Raises nothing.
    """
    started = perf_counter()
    with_locals = options.include_locals if include_locals is None else include_locals
    depth = max(1, options.max_depth if max_depth is None else max_depth)
    walk = Walk(with_locals, depth, from_users=origin == "test")
    name = shown_name(name) if name else None
    try:
        raised, text, place = watched(walk.raised, error, 0)
    except KeyboardInterrupt:
        raise
    except BaseException as inner:  # noqa: BLE001  # the promise: capture never raises
        raised = {"exception_type": type_name(type(error)), "exception_message": message_of(error)}
        text, place = f"<no traceback: {text_of(inner)}>\n", None
        walk.give_up([raised["exception_message"], text])
    record: dict[str, Any] = {
        **failure.stamps(),
        "origin": origin,
        "test_name": name or (place and place["function"]) or failure.UNKNOWN,
        "test_file": place["file"] if place else failure.UNKNOWN,
        "test_module": walk.module or failure.UNKNOWN,
        "line_number": place["line"] if place else 0,
        **raised,
        "exception_traceback": text,
        "contexts": [_first_context(origin, name, context.get("output"))],
    }
    size = walk.bytes + STAMPS + getsizeof(text) + _put_in(record, context)
    if rules.hidden:
        record = _without_repeats(record, context, walk)
    made = cast("Failure", record)
    mark(error, made)
    latest.handed = Handed(made, dict(record), size, perf_counter() - started)
    return made


def _without_repeats(
    record: dict[str, Any], context: Mapping[str, Any], walk: Walk
) -> dict[str, Any]:
    """``record`` without repeats of the secrets that were hidden in it by their names.

    They are kept for what is added to it.  It says how many masks there are in all.
    """
    known = [record[key] for key in context if key not in _NAMES]
    beside = [*_names_in(record), *record["contexts"][0].values(), *texts_in(known)]
    said = "\n".join([*beside, *walk.texts])
    walk.note_secrets()
    if found := take():
        if len(_secrets) >= MAX_SECRETS:
            _secrets.clear()
        _secrets[record["id"]] = found
        texts = found.first_lines
        if any_in(texts, said) or walk.leads_past(texts):  # rarely
            hidden: dict[str, Any] = found.hide(record)
            if hidden is not record:
                hidden["redacted"] = masks_in(hidden)
                return hidden
    if "redacted" not in record:
        is_walked = "exception_traceback" not in context  # else it is another text
        masks = walk.masks + said.count(MASK) if is_walked else masks_in(record)
        if masks:
            record["redacted"] = masks
    return record


def hide_again(record: Mapping[str, Any], more: Any) -> Any:
    """``more`` of a record that was made a while ago, without the secrets hidden in that."""
    found = _secrets.get(str(record.get("id")))
    return found.hide(more) if found else more


def hide_noted(record: dict[str, Any]) -> dict[str, Any]:
    """``record`` without repeats of what was just hidden by its name."""
    found = take()
    return found.hide(record) if found else record


def _put_in(record: dict[str, Any], context: Mapping[str, Any]) -> int:
    """Put JSON-native copies of what a door knows into ``record``.

    Returns their bytes, without those of texts (sources are shared, and the store weighs them).
    """
    size = 0
    for key, one in context.items():
        kind = type(one)
        if kind is str:
            known = _texts.get((key, one))
            if known is None:
                if len(_texts) >= MAX_TEXTS:
                    _texts.clear()
                _texts[key, one] = known = noted(native, one, key)
            record[key], secrets = known
            put_back(secrets)
        elif kind in _SCALARS:
            record[key] = one
        else:
            record[key] = one if key in _TEXTS_ALREADY else native(one, key)
            size += size_of(record[key])
    return size


@lru_cache(maxsize=256)
def _first_context(origin: str, name: str | None, output: str | None) -> Context:
    return context_of(origin, name, {"output": output})


def context_of(origin: str, name: str | None, details: Mapping[str, Any]) -> Context:
    """The door that an exception passes, and the report that it writes."""
    context = Context(origin=origin, name=shown_name(name or failure.UNKNOWN))
    if details.get("output"):
        context["output"] = shown_name(details["output"])
    return context


rules.watch(_first_context.cache_clear)


def check_name(name: object) -> None:
    """Raise TypeError unless ``name`` is text, or None for the usual."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be text; got {name!r}")


def check_depth(max_depth: object) -> None:
    """Raise ValueError unless ``max_depth`` is a number of frames, or None for the usual."""
    if max_depth is not None and (
        isinstance(max_depth, bool) or not isinstance(max_depth, int) or max_depth < 1
    ):
        raise ValueError(f"max_depth must be a whole number of frames above 0; got {max_depth!r}")


def mark(error: BaseException, record: Failure) -> None:
    """Let ``error`` carry its record, also through pickling and past its own ``__setattr__``."""
    try:
        object.__setattr__(error, MARK, record)
    except (AttributeError, TypeError):  # no __dict__ to write to: it will be met as a new one
        return


def mark_of(error: BaseException) -> Failure | None:
    """The record that ``error`` carries, if it does."""
    try:
        found = _attributes_of(error).get(MARK)
    except TypeError:  # it is none
        return None
    return cast("Failure", found) if type(found) is dict and "id" in found else None
