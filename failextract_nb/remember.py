"""What every door does with an exception: one exception, one failure.

The first door captures it and marks the exception; the doors it passes later add themselves to the
record.  A record that came home on an exception from another process is taken in here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any, cast

from failextract_nb import capture, failure
from failextract_nb._budget import is_asking
from failextract_nb._native import fit, native
from failextract_nb._redact import take
from failextract_nb._strings import type_name
from failextract_nb.extractor import FailureExtractor
from failextract_nb.failure import Failure

MAX_CONTEXTS = 20  # doors of one failure: a decorated function may call itself

# The notebook puts its own function here while the extension is loaded: the keys that tell the cell
# which has started what runs here.
cell_details: Callable[[], Mapping[str, Any]] = dict


def nobody_asks() -> bool:
    """Outside a notebook pytest tells what the command line asks for, and nothing else."""
    return False


# The notebook says here, while the extension is loaded, whether tests that pytest runs in this
# process are recorded.
wants_tests: Callable[[], bool] = nobody_asks


def nobody_told(_error: BaseException) -> Failure | None:
    """What fails here, nobody else has told of."""
    return None


# Who watches a cluster says here which of its failures an exception without a mark is.
told_of: Callable[[BaseException], Failure | None] = nobody_told

_IN_CODE = frozenset({"function", "block"})  # origins of which one exception may pass many
HOME = "home"  # on the mark only: the process whose store has taken the record in


def remember(
    error: BaseException,
    *,
    origin: str,
    name: str | None = None,
    include_locals: bool | None = None,
    max_depth: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> str | None:
    """Record ``error`` as it passes a door; return the failure's id, None if it is no failure.

    ``details`` are further keys; those that the record has already stay.  Raises nothing: what
    goes wrong is listed in ``get_statistics()["problems"]``.
    """
    try:
        if not capture.is_failure(error, origin):
            return None
        details = {**cell_details(), **(details or {})}
        known = capture.mark_of(error) or told_of(error)
        if known is not None and not _is_again(known, origin, details):
            return _met_before(error, known, origin, name, details)
        if known is not None:
            details["again"] = known["id"]
        if is_asking():  # a repr has failed that a capture asks; it says so in its record
            return None
        record = capture.failure_from(
            error,
            origin=origin,
            name=name,
            include_locals=include_locals,
            max_depth=max_depth,
            **details,
        )
        extractor = FailureExtractor()
        extractor.add_failure(record)
        if type(extractor) is FailureExtractor:  # but for the mark, nobody has kept it
            cast("dict[str, Any]", record)[HOME] = this_store()
        else:
            _mark_stored(error, record)
        return record["id"]
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001  # a user's override may raise anything
        note_problem(f"{type_name(type(error))} was not recorded", problem)
        return None
    finally:
        take()  # what its arguments have hidden, no other failure repeats


def captured(
    error: BaseException, *, origin: str, name: str, details: Mapping[str, Any]
) -> Failure | None:
    """The record of ``error`` for a door that stores it later, or in another process.

    Of what another door has recorded, that record with ``details`` added.  None where there is no
    record to be had.  Raises nothing, as ``remember``.
    """
    try:
        details = dict(details)
        known = capture.mark_of(error)
        if known is not None and not _is_again(known, origin, details):
            record = cast("Failure", {**known, **_added(known, origin, name, details)})
            capture.mark(error, record)
            return cast("Failure", {key: one for key, one in record.items() if key != HOME})
        if known is not None:
            details["again"] = known["id"]
        if is_asking():
            return None
        return capture.failure_from(error, origin=origin, name=name, **details)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001  # what is at hand may be of any class
        note_problem(f"{type_name(type(error))} was not recorded", problem)
        return None


def is_here(known: Mapping[str, Any]) -> bool:
    """Whether this record, of a mark, was stored in this process since the last clear()."""
    return known.get(HOME) == this_store()


def of_elsewhere(record: Mapping[str, Any], attempts: int) -> None:
    """Store a failure that another process has told; ``attempts`` are those that are known of it.

    A door may have met its exception already, and stays in the record.  Raises nothing.
    """
    try:
        extractor = FailureExtractor()
        known = FailureExtractor._store.failures.get(str(record.get("id")))
        told = {**_at_home(record), "attempts": attempts}
        if known is None:
            extractor.add_failure(told)
        elif attempts == 1:  # a door here has met it before we were told
            new = {key: value for key, value in told.items() if key not in known}
            doors = known.get("contexts", [])
            new["contexts"] = doors + [one for one in told.get("contexts", []) if one not in doors]
            extractor.add_context(known["id"], new)
        else:
            extractor.add_failure({**known, **told, "contexts": known.get("contexts", [])})
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001  # a user's override may raise anything
        note_problem("a failure of another process was not recorded", problem)


def _at_home(record: Mapping[str, Any]) -> dict[str, Any]:
    from failextract_nb.home import at_home

    return at_home({key: value for key, value in record.items() if key != HOME})


def store(record: dict[str, Any]) -> Failure:
    """Store what ``captured`` has given, here or in a worker; return it as it is kept.

    Raises nothing, as ``remember``.
    """
    kept = None
    try:
        for key, value in cell_details().items():
            record.setdefault(key, value)
        failure_id = FailureExtractor().add_failure(record)
        kept = FailureExtractor._store.failures.get(failure_id)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001  # a user's override may raise anything
        note_problem(f"the failure of {record['test_name']} was not recorded", problem)
    if kept is not None:
        return kept
    given = native(record)  # as the store would have kept it
    fit(given)
    return failure.complete(given)


def store_passed(record: Mapping[str, Any]) -> None:
    """Store a pass.  Raises nothing, as ``remember``."""
    try:
        FailureExtractor().add_passed(record)
    except Exception as problem:  # noqa: BLE001  # a user's override may raise anything
        note_problem(f"the pass of {record['test_name']} was not recorded", problem)


def is_told(error: BaseException, origin: str, count: int | None) -> bool:
    """Whether a door of this origin has recorded ``error`` already, of the cell with this count."""
    known = capture.mark_of(error)
    if known is None or not is_here(known):
        return False
    doors = [context["origin"] for context in known.get("contexts", [])]
    return origin in doors and (count is None or known.get("execution_count") in (None, count))


def note_problem(what: str, problem: BaseException) -> None:
    """Say what went wrong inside, and keep it in ``get_statistics()["problems"]``."""
    FailureExtractor._store.note_problem(what, problem)


def _is_again(known: Failure, origin: str, details: Mapping[str, Any]) -> bool:
    """Whether this exception object was raised before: for an earlier cell or test, or before
    clear().
    """
    home = str(known.get(HOME, ""))
    if home.startswith(failure.process_token) and home != this_store():
        return True
    if origin == "test":  # what a fixture has raised, pytest raises for each test that needs it
        return _has_passed(known, origin)
    before, now = known.get("execution_count"), details.get("execution_count")
    if origin in _IN_CODE or now is None or before == now:
        return False
    # What has failed in a thread or a task may arrive in a later cell, but is one failure.
    return _has_passed(known, origin) or (
        origin == "cell"
        and before is not None
        and known.get("thread_id") == get_ident()
        and known.get("origin") in _IN_CODE
    )


def _has_passed(known: Failure, origin: str) -> bool:
    return any(one["origin"] == origin for one in known.get("contexts", []))


def _met_before(
    error: BaseException,
    known: Failure,
    origin: str,
    name: str | None,
    details: Mapping[str, Any],
) -> str:
    if len(known.get("contexts", [])) >= MAX_CONTEXTS:
        return known["id"]
    changes = _added(known, origin, name, details)
    record = cast("Failure", {**known, **changes})
    extractor = FailureExtractor()
    # What is not stored here comes from another process, or the first door could not store it.
    if not extractor.add_context(known["id"], changes) and not is_here(known):
        extractor.add_failure(_at_home(record))
    _mark_stored(error, record)
    return known["id"]


def _added(
    known: Failure, origin: str, name: str | None, details: Mapping[str, Any]
) -> dict[str, Any]:
    """What one more door adds to a record."""
    new = {key: value for key, value in details.items() if known.get(key) is None}
    context = capture.context_of(origin, name, details)
    new["contexts"] = [*known.get("contexts", []), context]
    changes = capture.hide_again(known, new)
    whole = capture.hide_noted({**known, **changes})  # of arguments that only this door has seen
    return {key: one for key, one in whole.items() if one is not known.get(key)}


def _mark_stored(error: BaseException, record: Failure) -> None:
    capture.mark(error, cast("Failure", {**record, HOME: this_store()}))


def this_store() -> str:
    """This process' store, as it is since it was last cleared."""
    return f"{failure.process_token}/{FailureExtractor._store.generation}"
