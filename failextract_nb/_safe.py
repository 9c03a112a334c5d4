"""Text of any object.  Nothing here raises, whatever it is handed.

``text_of`` is for what the user's code held (locals, arguments), ``message_of`` for exceptions.
Only the user's own interrupt goes through.
"""

from __future__ import annotations

from itertools import islice
from types import WrapperDescriptorType

from failextract_nb._budget import current, limited, watched
from failextract_nb._names import hidden
from failextract_nb._redact import mask
from failextract_nb._reprs import refused, what_it_did
from failextract_nb._strings import bounded
from failextract_nb._values import MAX_DEPTH, WRITERS, writer_of

MAX_NOTES = 20

_PLAIN = frozenset({str, int, bool, float, type(None), bytes})


def text_of(value: object, name: str = "") -> str:
    """``value`` as bounded text, or a mask when ``name`` or its look says that it is secret."""
    try:
        if name and (reason := hidden(name, value)):
            return mask(reason, value)
        write = WRITERS.get(type(value))
        return watched(_written, value) if write is None else write(value, MAX_DEPTH)
    except BaseException as error:  # noqa: BLE001  # a repr may raise anything, SystemExit too
        return refused(value, error)


def _written(value: object) -> str:
    """The text of what is no built-in type, so that code of the user's may run."""
    work = current()
    before, work.in_value = work.in_value, True
    try:
        return writer_of(type(value))(value, MAX_DEPTH)
    finally:
        work.in_value = before
        work.next()


def message_of(error: BaseException) -> str:
    """``str(error)``, bounded and redacted, or what is wrong with it."""
    try:
        text = str(error) if _is_plain(error) else limited(str, error)
        return bounded(str.__str__(text))
    except KeyboardInterrupt:
        raise
    except BaseException as inner:  # noqa: BLE001  # a __str__ may raise anything
        return f"<no message: __str__ {what_it_did(inner)}>"


def _is_plain(error: BaseException) -> bool:
    """Whether nothing of the user's runs to make its message: CPython's, of texts and numbers."""
    if type(type(error).__str__) is not WrapperDescriptorType:
        return False
    args = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    return _PLAIN.issuperset(map(type, args))


def notes_of(error: BaseException) -> list[str]:
    """The notes of an exception, which should be texts and may be anything."""
    try:
        notes = getattr(error, "__notes__", None)
        if not isinstance(notes, (list, tuple)):
            return []
        return [
            bounded(note) if type(note) is str else text_of(note)
            for note in islice(notes, MAX_NOTES)
        ]
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # a property of the user's, a list of theirs
        return []
