"""Text of what is written as one: numbers, texts, bytes, objects that write themselves.

And how those objects are told that hide what they hold.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import timezone
from types import FunctionType
from typing import Any

from failextract_nb import _libraries
from failextract_nb._budget import TooLong, limited
from failextract_nb._looks import is_card_number
from failextract_nb._names import is_hiding, rules
from failextract_nb._redact import SHORTEST, mask, redact_patterns, redact_said
from failextract_nb._strings import LOOK_AHEAD, clean, clip, start_of, type_name

MAX_TEXT = 240  # characters of one value
MAX_DIGITS = 60  # of an integer
CARDS = 10**13  # below it nothing is the number of a card
_NO_CARDS = -CARDS
_AHEAD = 500  # bytes read for secrets before they are cut
_MOST, _LEAST = 10**MAX_DIGITS, -(10**MAX_DIGITS)

Writer = Callable[[Any, int], str]  # of an object, and how many containers deep it may look

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")


def plain(value: object, _depth: int) -> str:
    return repr(value)


def whole(value: Any, _depth: int) -> str:
    # CPython refuses to write an int of more than 4300 digits in decimal.
    if _NO_CARDS < value < CARDS:
        return repr(value)
    if _LEAST < value < _MOST:
        is_card = rules.is_on and "card" not in rules.exempt and is_card_number(value)
        return mask("card") if is_card else repr(value)
    return f"<int of {value.bit_length()} bits>"


def by_patterns(value: Any, depth: int) -> str:
    """As a number is written where the user has patterns of secrets, which it may be."""
    return redact_patterns(whole(value, depth) if type(value) is int else repr(value))


def quoted(value: str, _depth: int) -> str:
    if len(value) > LOOK_AHEAD:
        return clean(_start(start_of(value, MAX_TEXT), len(value)))
    shown = redact_said(value)
    text = repr(shown) if len(shown) <= MAX_TEXT else _start(shown, len(value))
    return text if text.isascii() else clean(text)


def briefly_quoted(value: str, depth: int) -> str:
    """The same where no pattern of the user's may be in what is too short for a secret of ours."""
    if len(value) < SHORTEST and value.isascii():
        return repr(value)
    return quoted(value, depth)


def _start(text: str, length: int) -> str:
    return f"{text[:MAX_TEXT]!r}… ({length} characters)"


def moment(value: Any, _depth: int) -> str:
    ours = value.tzinfo is None or type(value.tzinfo) is timezone
    return repr(value) if ours else own_repr(value)


def octets(value: bytes | bytearray, _depth: int) -> str:
    text, more = value[: MAX_TEXT + _AHEAD + 1].decode("latin-1"), ""
    if len(value) > MAX_TEXT:
        text, more = start_of(text, MAX_TEXT, ahead=_AHEAD), f"… ({len(value)} bytes)"
    else:
        text = redact_said(text)
    return f"{text.encode('latin-1', 'replace')!r}{more}"


def octet_array(value: bytearray, depth: int) -> str:
    return f"bytearray({octets(value, depth)})"


def own_repr(value: object, _depth: int = 0) -> str:
    """What ``value`` says of itself, bounded and redacted; it costs nobody else its text."""
    try:
        return said_by(value)
    except BaseException as error:  # noqa: BLE001  # a repr may raise anything
        return refused(value, error)


def said_by(value: object) -> str:
    """The same; raises what the repr raises."""
    text = str.__str__(limited(repr, value))
    if len(text) > LOOK_AHEAD:
        return f"{clean(start_of(without_address(text[: 2 * LOOK_AHEAD]), MAX_TEXT))}…"
    text = clean(redact_said(without_address(text)))
    return text if len(text) <= MAX_TEXT else clip(text, MAX_TEXT)


def refused(value: object, error: BaseException) -> str:
    """What stands for ``value`` when its repr raised ``error``; the user's interrupt goes on."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    return f"<{type_name(type(value))}: its repr {what_it_did(error)}>"


def what_it_did(error: BaseException) -> str:
    """``raised ValueError``, or what it did instead."""
    return str(error) if isinstance(error, TooLong) else f"raised {type_name(type(error))}"


def without_address(text: str) -> str:
    """``text`` without what differs from run to run."""
    return _ADDRESS.sub("", text) if " at 0x" in text else text


def bare_object(value: object, _depth: int) -> str:
    """An object that says nothing of itself."""
    if type(value).__repr__ is not object.__repr__:  # %autoreload gave the class one since
        return own_repr(value)
    return f"<{type_name(type(value))} object>"


def data_writer(cls: type, name: str, roots: list[str]) -> Callable[[Any, int], str]:
    """For the data of libraries; ``roots`` are the packages that ``cls`` and its bases are from."""
    describe = _libraries.describer(cls, roots)
    trusted = roots[0] in _libraries.DATA  # the library itself wrote its repr

    def write(value: object, _depth: int) -> str:
        parts = describe(value)
        if trusted and (not parts or parts[0] == _libraries.SCALAR):  # a number, a Timestamp
            return own_repr(value)
        text = f"{name}({'; '.join(parts)})" if parts else f"<{name} object>"
        return text if len(text) <= MAX_TEXT else clip(text, MAX_TEXT)

    return write


def hides_itself(cls: type) -> bool:
    """Whether a class is made to hide what it holds, as ``SecretStr`` is."""
    return any(is_hiding(type_name(base)) for base in type.__dict__["__mro__"].__get__(cls))


def wrote_repr(cls: type) -> bool:
    """Whether somebody wrote the class a repr in Python; that of ``dataclass`` does not count."""
    written = cls.__repr__
    if not isinstance(written, FunctionType):
        return False
    return bool(inspect.unwrap(written).__code__.co_filename != "<string>")


def method(value: Any, _depth: int) -> str:
    return f"<method {type_name(type(value.__self__))}.{value.__func__.__name__}>"


# A subclass that inherits its repr is written as its base is: bounded, and nothing of it is run.
PLAIN_BASES: dict[Any, tuple[Writer, Callable[[Any], Any]]] = {
    base.__repr__: (write, to_base)
    for base, write, to_base in (
        (str, quoted, str.__str__),
        (bytes, octets, bytes.__bytes__),
        (int, whole, int.__int__),
    )
}
