"""A secret that one name gives away is hidden wherever the rest of its record repeats it.

``password = "hunter2"`` is hidden by its name; the message ``no such user: bob/hunter2`` has no
name in it.  So a capture remembers, as long as it goes on, what it has hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any

from failextract_nb._budget import is_capturing
from failextract_nb._names import is_next_word, is_word, secret_name

SHORTEST = 6  # characters: what is shorter stands in other words and numbers, too
LONGEST = 10_000
HUGE = 10**40  # an integer that is no number to log in with
MOST = 50  # secrets of one capture
THREADS = 256  # whose secrets are known at a time
# By thread: the secrets that it has hidden, and how they were shown instead.
_found_by: dict[int, dict[str, str]] = {}
# What tells a failure from others, or where it was: no secret, whatever it is called.
_KEPT = frozenset({
    "id", "timestamp", "origin", "exception_type", "exception_module", "relation", "file",
    "test_file", "test_module", "notebook", "node_id", "cell_id",
})  # fmt: skip


def note(value: object, reason: str, shown: str) -> None:
    """Remember what has just been hidden by its name, until this thread takes it."""
    kind = type(value)
    if kind is str:
        text: str = value  # type: ignore[assignment]
    elif kind is bytes:
        text = value.decode("latin-1")  # type: ignore[attr-defined]
    elif kind is int and 0 <= value < HUGE:  # type: ignore[operator]
        text = str(value)
    else:
        return
    if not SHORTEST <= len(text) <= LONGEST or text.startswith(shown):  # of a record that is read
        return
    is_name = is_word(text) and secret_name(text)  # password = "password" is in every line of it
    if not is_name and not is_next_word(reason, text):
        if len(_found_by) >= THREADS:  # of those that took nothing
            _found_by.clear()
        found = _found_by.setdefault(get_ident(), {})
        if len(found) < MOST:
            found[text] = shown


def take() -> dict[str, str] | None:
    """What this thread has hidden since it last took it.

    What a finalizer takes that fails in the middle of a capture, that is to know, too.
    """
    if not _found_by:
        return None
    found = _found_by.get(get_ident())
    return found.copy() if found and is_capturing() else _found_by.pop(get_ident(), None)


def hide(value: Any, found: Mapping[str, str]) -> Any:
    """JSON-native ``value`` without these secrets; itself where none is in it."""
    forms = {form: shown for text, shown in found.items() for form in (text, repr(text)[1:-1])}
    texts = sorted(forms, key=len, reverse=True)
    search = re.compile("|".join(f"({_alone(text)})" for text in texts))

    def instead(match: re.Match[str]) -> str:
        shown = forms[texts[(match.lastindex or 1) - 1]]
        return shown + "\n" * match[0].count("\n")  # code keeps its lines

    return _hidden(value, lambda text: search.sub(instead, text))


def _alone(text: str) -> str:
    """A pattern for ``text`` that is no part of a longer word; its lines may be indented, as those
    of a group's members are.
    """
    before = r"(?<!\w)" if text[0].isalnum() else ""
    after = r"(?!\w)" if text[-1].isalnum() else ""
    lines = "\n[ │]*".join(map(re.escape, text.split("\n")))
    return f"{before}{lines}{after}"


def _hidden(value: Any, hide_in: Callable[[str], str]) -> Any:
    kind = type(value)
    if kind is str:
        text = hide_in(value)
        return value if text == value else text
    if kind is dict:
        new = {key: one if key in _KEPT else _hidden(one, hide_in) for key, one in value.items()}
        return new if any(new[key] is not one for key, one in value.items()) else value
    if kind is list:
        items = [_hidden(one, hide_in) for one in value]
        return items if any(map(_differ, items, value)) else value
    return value


def _differ(new: object, old: object) -> bool:
    return new is not old
