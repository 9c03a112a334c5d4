"""Secrets out of text, by the name they stand under and by the look of the value.

What is found is replaced by ``[redacted: why]`` before it gets into a record, so that no later
reader can leak it.  A text is searched for the words that secret names have; only where the whole
name is secret, what follows it is looked at.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from failextract_nb import _looks, _named
from failextract_nb._budget import is_capturing
from failextract_nb._names import KEYS, PASSES, rules

if TYPE_CHECKING:
    from failextract_nb._repeats import Secrets

T = TypeVar("T")

MASK = "[redacted: "

# What the names of secrets have in them; the pairs are looked for where "key" or "pass" is.
_STEMS = (
    "pw", "secret", "token", "credential", "auth", "cookie", "sess", "connection", "cvv", "netloc",
    "identified by",
)  # fmt: skip
_PAIRS = rf"(?:{'|'.join(KEYS)})[_.-]?keys?|(?:{'|'.join(PASSES)})[_.-]?pass|pass(?:w|phrase|code)"
_PAIR = re.compile(_PAIRS)
_SIGNS = b"'=:-\"<%"  # one of them is between a name and its value
_PLAIN = b"abcdefghijklmnopqrstuvwxyz \n,;()[]{}!?/*#@$&|^`>\\"  # tells nothing
_DIGITS = b"0123456789"
_NAMING = bytes({*_SIGNS}.difference(_looks.SIGNS))
SHORTEST = 6  # pwd='' and what is shorter hide nothing


class _Stems:
    """Where the names may be that are secret now."""

    def __init__(self) -> None:
        self.make()
        rules.watch(self.make)

    def make(self) -> None:
        own = [max(name.split(" "), key=len) for name in rules.names]
        self.words = (*_STEMS, *own)
        # Pairs first: of secret.key, the first word alone would be found.
        stems = rf"(?:{_PAIRS}|{'|'.join(map(re.escape, self.words))})[\w-]{{0,60}}"
        self.folded = re.compile(stems)  # a third of the time of the other
        self.any = re.compile(stems, re.IGNORECASE)

    def are_in(self, folded: str) -> bool:
        """A few short texts are quickly looked for."""
        for word in self.words:
            if word in folded:
                return True
        return ("key" in folded or "pass" in folded) and _PAIR.search(folded) is not None


_stems = _Stems()
# By thread: texts that it has hidden by their names, each with what is shown instead, and what was
# found elsewhere and is to be hidden, too (with "").
found_by: dict[int, dict[str | Secrets, str]] = {}
_numbers = itertools.count(1)


def mask(reason: str, value: object = None) -> str:
    """What stands where a secret stood; ``value`` is hidden where it comes again, too."""
    rules.hidden = next(_numbers)
    shown = f"{MASK}{reason}]"
    if value is not None:
        _note(value, reason, shown)
    return shown


def _note(value: object, reason: str, shown: str) -> None:
    global _note  # noqa: PLW0603  # what is noted is loaded with the first: most hide nothing
    from failextract_nb._repeats import note as _note

    _note(value, reason, shown)


def take() -> Secrets | None:
    """What this thread has hidden since it last took it.

    What a finalizer takes that fails in the middle of a capture, that is to know, too.
    """
    found = found_by.get(ident := get_ident()) if found_by else None
    if not found:
        return None
    if is_capturing():
        found = found.copy()  # another finalizer may add to it
    else:
        found_by.pop(ident, None)  # a signal's handler may have taken it meanwhile
    return _together(tuple(found.items()))


def _together(found: tuple[tuple[str | Secrets, str], ...]) -> Secrets:
    global _together  # noqa: PLW0603  # as above
    from failextract_nb._repeats import together as _together

    return _together(found)


def put_back(found: Secrets | None) -> None:
    """Have this thread know these, too."""
    if found is not None:
        known = found_by.setdefault(get_ident(), {})
        known.pop(found, None)  # what is told last is shown
        known[found] = ""


def noted(call: Callable[..., T], *args: Any) -> tuple[T, Secrets | None]:
    """``call(*args)``, and what it has hidden by its name, which this thread does not know."""
    ident = get_ident()
    before = found_by.pop(ident, None)
    try:
        answer = call(*args)
    finally:
        found = found_by.pop(ident, None)
        if before:  # a signal's handler may have added to it meanwhile
            found_by.setdefault(ident, {}).update(before)
    return answer, _together(tuple(found.items())) if found else None


def masks_in(value: Any) -> int:
    """How many masks stand in JSON-native data."""
    return "\n".join(texts_in(value)).count(MASK)


def texts_in(value: Any) -> list[str]:
    """All texts in JSON-native data, keys too."""
    texts: list[str] = []
    waiting = [value]
    for one in waiting:  # it grows
        kind = type(one)
        if kind is dict:
            texts += one
            parts = one.values()
        elif kind is list:
            parts = one
        else:  # a text alone; what is none has nothing to say
            parts = [one]
        for part in parts:
            if type(part) is str:
                texts.append(part)
            elif type(part) is dict or type(part) is list:
                waiting.append(part)
    return texts


def any_in(texts: Iterable[str], said: str) -> bool:
    """Whether one of a few texts stands there."""
    for one in texts:  # noqa: SIM110  # a generator takes half as long again
        if one in said:
            return True
    return False


def count_masks(record: dict[str, Any]) -> None:
    """Say in ``record`` how many values were removed from it, where some were."""
    known = record.get("redacted")
    if rules.hidden and (count := masks_in(record)):
        record["redacted"] = max(count, known) if type(known) is int else count
    elif type(known) is int and known < 0:  # a user has written it
        del record["redacted"]


def redact(text: str) -> str:
    """``text``, which may be code, without what looks like a secret; it has as many lines."""
    return _redacted(text, _named.in_code, _with_lines)


def redact_said(text: str) -> str:
    """``text`` that a program says, such as a message or a command: no code, so that a bare
    ``password=hunter2`` is a password.
    """
    length = len(text)
    if length < SHORTEST or (length < _looks.SHORTEST and text.isidentifier()):  # most are short
        return redact_patterns(text) if rules.patterns else text
    return _redacted(text, _named.anywhere, _instead)


def redact_traceback(text: str) -> str:
    """A traceback: lines of code, and what the exception says."""
    return _redacted(text, _named.in_traceback, _instead)


def redact_patterns(text: str, instead: Callable[[str, str], str] | None = None) -> str:
    """``text``, such as that of a number, without what the user's own patterns find."""
    replace = instead or _instead
    for pattern in rules.patterns:
        text = pattern.sub(lambda match: replace("pattern", match[0]), text)
    return text


def _redacted(
    text: str,
    is_said: Callable[[str], Callable[[int], bool]],
    instead: Callable[[str, str], str],
) -> str:
    if rules.patterns:
        text = redact_patterns(text, instead)
    length = len(text)
    if length < SHORTEST or (length < _looks.SHORTEST and text.isidentifier()) or not rules.is_on:
        return text
    folded = _folded(text)
    telling = folded.encode(errors="replace").translate(None, _PLAIN)
    signs = telling.translate(None, _DIGITS)
    if signs.strip(_NAMING) or _looks.may_be_in(folded, len(telling) - len(signs)):
        shown = _looks.hide(text, folded, instead)
        if "-" in folded:
            shown = _looks.hide_options(shown, folded, instead)
        if shown is not text:
            text, folded = shown, _folded(shown)
    return (
        _hide_named(text, folded, is_said(text), instead)
        if signs and _stems.are_in(folded)
        else text
    )


def _instead(what: str, found: str) -> str:
    return found if what in rules.exempt else mask(what)


def _with_lines(what: str, found: str) -> str:
    return f"{_instead(what, found)}{chr(10) * found.count(chr(10))}"


def _folded(text: str) -> str:
    """``text`` as patterns see it that ignore case: to them the i's of Turkish are i's, too."""
    folded = text.casefold()
    return folded if folded.isascii() else folded.replace("ı", "i").replace("i\u0307", "i")


def _hide_named(
    text: str,
    folded: str,
    is_said: Callable[[int], bool],
    instead: Callable[[str, str], str],
) -> str:
    is_plain = text.isascii()
    search = _stems.folded.search if is_plain else _stems.any.search
    searched = folded if is_plain else text
    parts, last, place = [], 0, 0
    while (match := search(searched, place)) is not None:
        place = match.end()
        found = _named.secret_at(text, match.start(), place, is_said)
        if found is not None:
            start, stop, reason = found
            if start >= last:
                hidden = text[start:stop]
                shown = instead(reason, hidden)
                if shown is not hidden:
                    _note(hidden.strip("'\" "), reason, shown.rstrip("\n"))
                parts += [text[last:start], shown]
                last = stop
            place = max(place, stop)
    return "".join([*parts, text[last:]]) if parts else text
