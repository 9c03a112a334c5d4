"""A secret that one name gives away is hidden wherever the rest of its record repeats it.

``password = "hunter2"`` is hidden by its name; the message ``no such user: bob/hunter2`` has no
name in it.  So a capture remembers, as long as it goes on, what it has hidden.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import islice
from os.path import commonprefix
from threading import get_ident
from types import GetSetDescriptorType
from typing import Any

from failextract_nb._names import is_common, secret_name
from failextract_nb._redact import MASK, any_in, found_by, texts_in

SHORTEST = 6  # characters: what is shorter stands in other words and numbers, too
LONGEST = 10_000
HUGE = 10**40  # an integer that is no number to log in with
MOST = 250  # secrets of one capture
THREADS = 256  # whose secrets are known at a time
# What tells a failure from others, or where it was: no secret, whatever it is called.
_KEPT = frozenset({
    "id", "timestamp", "origin", "exception_type", "exception_module", "relation", "file",
    "test_file", "test_module", "notebook", "node_id", "cell_id",
})  # fmt: skip
# What holds dicts of ours; the keys of all others are names, too.
_OURS = frozenset({
    "extracted_code", "causes", "exceptions", "contexts", "repetition", "blocked_by", "captured",
    "assertion", "dask",
})  # fmt: skip
# Names of dicts whose values are secrets, whatever their keys are: {"ada": "…"}.
_BY_OWNER = ("password", "passwords", "secret", "secrets", "token", "tokens", "key", "keys")
PARTS = 50  # of a container, that are looked at
LONG = 100  # characters of a secret that tell it: a text that was cut may hold no more of it

_names_of = type.__dict__["__dict__"].__get__  # past any metaclass
# What a text may say just before: an escape as repr writes them, or a colour of a terminal's.
_ESCAPED = r"(?<=\\[abfnrtv0])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=[0-9\[]m)"


class Secrets:
    """What was hidden by its name.

    ``shown`` says of each text what stands there instead; it does not change any more.
    ``first_lines`` are how those texts start, as they are and as ``repr`` writes them.
    """

    __slots__ = ("_forms", "first_lines", "shown")

    def __init__(self, shown: dict[str, str]) -> None:
        self.shown = shown
        forms = {form: said for text, said in shown.items() for form in (text, repr(text)[1:-1])}
        self._forms = dict(sorted(forms.items(), key=lambda form: -len(form[0])))  # longest first
        self.first_lines = tuple(form.partition("\n")[0][:LONG] for form in self._forms)

    def hide(self, value: Any) -> Any:
        """JSON-native ``value`` without these secrets; itself where none is in it."""
        if not any_in(self.first_lines, "\n".join(texts_in(value))):  # mostly
            return value

        def hide_in(text: str) -> str:
            for first, (form, shown) in zip(self.first_lines, self._forms.items(), strict=True):
                if first in text:  # in most it is not
                    text = _alone(form).sub(partial(_instead, shown), text)
                    text = _without_start(text, form, shown)
            return text

        return _hidden(value, hide_in, _KEPT)


@lru_cache(maxsize=64)  # what fails again has mostly hidden the same
def together(found: tuple[tuple[str | Secrets, str], ...]) -> Secrets:
    """All that a thread has found: texts, each with what is shown instead, and what others were."""
    if len(found) == 1 and isinstance(only := found[0][0], Secrets):
        return only
    shown: dict[str, str] = {}
    for one, said in found:
        if isinstance(one, Secrets):
            shown |= one.shown
        else:
            shown[one] = said
    return Secrets(shown)


def note(value: object, reason: str, shown: str) -> None:
    """Remember what has just been hidden by its name, until this thread takes it."""
    if type(value) is str:  # mostly
        _note_one(value, reason, shown)
        return
    waiting = [value]
    for one in waiting:  # it grows
        if type(one) is not str and (parts := _parts(one, reason)) is not None:
            waiting += parts[: PARTS - len(waiting)]
        elif one is value or type(one) is not int:  # a number in a list may be anything
            _note_one(one, reason, shown)


def _note_one(value: object, reason: str, shown: str) -> None:
    text = value if type(value) is str else _text(value)
    if text.startswith(MASK) or not _is_telling(text, reason, type(value) is int):
        return
    if len(found_by) >= THREADS:  # of those that took nothing
        found_by.clear()
    found = found_by.get(thread := get_ident())
    if found is None:
        found = found_by[thread] = {}
    if len(found) < MOST:
        found[text] = shown


def _parts(value: object, reason: str) -> list[Any] | None:
    """What may be secret in a container: ("user", "password"), {"ada": "…"}; None for all else."""
    kind = type(value)
    if kind is list or kind is tuple or kind is set or kind is frozenset:
        return list(islice(value, PARTS))  # type: ignore[call-overload]  # which it is
    if kind is dict:
        held: Any = value
    elif "__dataclass_fields__" in _names_of(kind):
        held = _attributes_of(value)
    else:
        return None
    items = list(islice(dict.items(held), PARTS))  # in one go: another thread may change it
    return [one for key, one in items if _is_secret(key, one, reason)]


def _attributes_of(value: object) -> dict[str, Any]:
    """Past any override; none where it has slots."""
    for base in type.__dict__["__mro__"].__get__(type(value)):
        found = _names_of(base).get("__dict__")
        if type(found) is GetSetDescriptorType:
            held: dict[str, Any] = found.__get__(value)
            return held
    return {}


def _is_secret(key: object, value: object, reason: str) -> bool:
    """Whether what a dict holds under this key is, as its own name says that it holds secrets."""
    if type(key) is str and secret_name(key):
        return True
    return reason.endswith(_BY_OWNER) and not (type(value) is str and _is_plain(value))


def _text(value: object) -> str:
    cls = type(value)  # its __class__ may say anything, or raise
    if issubclass(cls, str):
        return str.__str__(value)
    if issubclass(cls, (bytes, bytearray)):
        base: Any = bytes if issubclass(cls, bytes) else bytearray
        return str(base.decode(value, "latin-1")) if base.__len__(value) <= LONGEST else ""
    return str(value) if type(value) is int and 0 <= value < HUGE else ""


@lru_cache(maxsize=256)  # what fails again mostly has the same
def _is_telling(text: str, reason: str, is_number: bool) -> bool:
    """Whether it can be nothing but this secret, wherever it comes again.

    ``token = "well-known"`` is a word of a text, ``api_key = "ollama"`` stands for none at all.
    """
    if not SHORTEST <= len(text) <= LONGEST or not text.strip():
        return False
    if is_common(reason) or reason.endswith("key"):
        return not is_number and not _is_plain(text)
    return not (text.isalpha() and (len(text) < 9 or secret_name(text)))


def _is_plain(text: str) -> bool:
    """Whether ``text`` could be words, or a number: no key is as short, or has no digit."""
    has_both = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    return " " in text or len(text) < 8 or not (has_both or len(text) >= 20)


def _without_start(text: str, secret: str, shown: str) -> str:
    """``text`` without what a long secret starts with, as far as it goes on: that was cut."""
    place = text.find(secret[:LONG]) if len(secret) > LONG else -1
    while place >= 0:
        there = text[place : place + len(secret)]
        same = len(commonprefix([there, secret]))  # noqa: RUF071  # these are no paths
        text = text[:place] + shown + text[place + same :]
        place = text.find(secret[:LONG], place + len(shown))
    return text


def _instead(shown: str, found: re.Match[str]) -> str:
    """``shown`` with as many lines: code keeps the numbers of its own."""
    return shown + "\n" * found[0].count("\n")


@lru_cache(maxsize=256)
def _alone(text: str) -> re.Pattern[str]:
    """A pattern for ``text`` that is no part of a longer word; its lines may be indented, as those
    of a group's members are.
    """
    before = rf"(?:(?<!\w)|{_ESCAPED})" if text[0].isalnum() else ""
    after = r"(?!\w)" if text[-1].isalnum() else ""
    lines = "\n[ │]*".join(map(re.escape, text.split("\n")))
    return re.compile(f"{before}{lines}{after}")


def _hidden(value: Any, hide_in: Callable[[str], str], kept: frozenset[str]) -> Any:
    kind = type(value)
    if kind is str:
        text = hide_in(value)
        return value if text == value else text
    if kind is dict:
        new: dict[str, Any] = {}
        for key, one in value.items():
            shown = key if kept else hide_in(key)
            while shown in new:  # two names were hidden
                shown += "'"
            inner = kept if key in _OURS else frozenset()
            new[shown] = one if key in kept else _hidden(one, hide_in, inner)
        same = len(new) == len(value) and all(new.get(key) is one for key, one in value.items())
        return value if same else new
    if kind is list:
        items = [_hidden(one, hide_in, kept) for one in value]
        return items if any(map(operator.is_not, items, value)) else value
    return value
