"""Text of numbers, texts and bytes: what is exactly of a built-in type and holds nothing else."""

from __future__ import annotations

from datetime import timezone
from typing import Any

from failextract_nb._looks import is_card_number
from failextract_nb._names import rules
from failextract_nb._redact import mask, redact_patterns, redact_said
from failextract_nb._reprs import MAX_TEXT, own_repr
from failextract_nb._strings import LOOK_AHEAD, clean, start_of

MAX_DIGITS = 60  # of an integer
CARDS = 10**13  # below it nothing is the number of a card
_AHEAD = 500  # bytes read for secrets before they are cut
_MOST, _LEAST = 10**MAX_DIGITS, -(10**MAX_DIGITS)


def plain(value: object, _depth: int) -> str:
    return repr(value)


def whole(value: Any, _depth: int) -> str:
    # CPython refuses to write an int of more than 4300 digits in decimal.
    if -CARDS < value < CARDS:
        return int.__repr__(value)
    if _LEAST < value < _MOST:
        is_card = rules.is_on and "card" not in rules.exempt and is_card_number(value)
        return mask("card") if is_card else int.__repr__(value)
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
