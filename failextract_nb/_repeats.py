"""A secret that one name gives away is hidden wherever the rest of its record repeats it.

``password = "hunter2"`` is hidden by its name; the message ``no such user: bob/hunter2`` has no
name in it.  So a capture remembers, as long as it goes on, what it has hidden.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache, partial
from threading import get_ident
from typing import Any

from failextract_nb._names import is_common, secret_name
from failextract_nb._redact import MASK, any_in, found_by, texts_in

SHORTEST = 6  # characters: what is shorter stands in other words and numbers, too
LONGEST = 10_000
HUGE = 10**40  # an integer that is no number to log in with
MOST = 50  # secrets of one capture
THREADS = 256  # whose secrets are known at a time
# What tells a failure from others, or where it was: no secret, whatever it is called.
_KEPT = frozenset({
    "id", "timestamp", "origin", "exception_type", "exception_module", "relation", "file",
    "test_file", "test_module", "notebook", "node_id", "cell_id",
})  # fmt: skip
_OF_USERS = frozenset({"locals", "test_kwargs", "parameters", "fixtures"})  # whose keys are names


class Secrets(dict[str, str]):
    """What was hidden by its name, by how it was written, and what stands there instead."""

    @property
    def first_lines(self) -> tuple[str, ...]:
        """Theirs, as they are and as ``repr`` writes them; of the same secrets the same tuple."""
        return _forms(tuple(self.items()))[0]

    def copy(self) -> Secrets:
        """One that no other thread adds to."""
        return Secrets(self)

    def hide(self, value: Any) -> Any:
        """JSON-native ``value`` without these secrets; itself where none is in it."""
        firsts, forms = _forms(tuple(self.items()))
        if not any_in(firsts, "\n".join(texts_in(value))):  # mostly
            return value

        def hide_in(text: str) -> str:
            for first, form, shown in forms:
                if first in text:  # in most it is not
                    text = form.sub(partial(_instead, shown), text)
            return text

        return _hidden(value, hide_in, _KEPT)


def note(value: object, reason: str, shown: str) -> None:
    """Remember what has just been hidden by its name, until this thread takes it."""
    if type(value) is list or type(value) is tuple:  # ("user", "password"), and several of them
        for one in value[:MOST]:
            if type(one) is str or type(one) is bytes:
                note(one, reason, shown)
        return
    text = value if type(value) is str else _text(value)
    if text.startswith(MASK) or not _is_telling(text, reason, type(value) is int):
        return
    if len(found_by) >= THREADS:  # of those that took nothing
        found_by.clear()
    found = found_by.get(thread := get_ident())
    if found is None:
        found = found_by[thread] = Secrets()
    if len(found) < MOST:
        found[text] = shown


def _text(value: object) -> str:
    cls = type(value)  # its __class__ may say anything, or raise
    if issubclass(cls, str):
        return str.__str__(value)
    if issubclass(cls, bytes):
        return bytes.decode(value, "latin-1")  # type: ignore[arg-type]  # which it is
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


@lru_cache(maxsize=64)
def _forms(
    found: tuple[tuple[str, str], ...],
) -> tuple[tuple[str, ...], list[tuple[str, re.Pattern[str], str]]]:
    """Of these secrets, as they are and as ``repr`` writes them, longest first: the first line,
    where they stand alone, and what is shown instead.
    """
    shown = {form: said for text, said in found for form in (text, repr(text)[1:-1])}
    longest_first = sorted(shown, key=len, reverse=True)
    forms = [(form.partition("\n")[0], _alone(form), shown[form]) for form in longest_first]
    return tuple(first for first, _, _ in forms), forms


def _instead(shown: str, found: re.Match[str]) -> str:
    """``shown`` with as many lines: code keeps the numbers of its own."""
    return shown + "\n" * found[0].count("\n")


def _alone(text: str) -> re.Pattern[str]:
    """A pattern for ``text`` that is no part of a longer word; its lines may be indented, as those
    of a group's members are.
    """
    before = r"(?<!\w)" if text[0].isalnum() else ""
    after = r"(?!\w)" if text[-1].isalnum() else ""
    lines = "\n[ │]*".join(map(re.escape, text.split("\n")))
    return re.compile(f"{before}{lines}{after}")


def _hidden(value: Any, hide_in: Callable[[str], str], kept: frozenset[str]) -> Any:
    kind = type(value)
    if kind is str:
        text = hide_in(value)
        return value if text == value else text
    if kind is dict:
        new = {
            key: one
            if key in kept
            else _hidden(one, hide_in, frozenset() if key in _OF_USERS else kept)
            for key, one in value.items()
        }
        return new if any(new[key] is not one for key, one in value.items()) else value
    if kind is list:
        items = [_hidden(one, hide_in, kept) for one in value]
        return items if any(map(operator.is_not, items, value)) else value
    return value
