"""An exception as data: its frames, locals, causes and the members of its group.

One walk over the traceback; only text is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from sys import getsizeof
from types import FrameType
from typing import cast

from failextract_nb import failure
from failextract_nb._budget import current
from failextract_nb._redact import put_back, texts_in
from failextract_nb._safe import message_of, notes_of
from failextract_nb._strings import clean, kind_of
from failextract_nb.failure import Raised
from failextract_nb.kept import size_of
from failextract_nb.variables import Variables
from failextract_nb.ways import Way, way_of

MAX_FRAMES = 60  # of one exception
MAX_CAUSES = 10
MAX_MEMBERS = 25  # of one exception group
MAX_NESTING = 5  # of groups in groups and causes of members
MAX_EXCEPTIONS = 100  # of one failure, all causes and members together

# What an exception has, past any override.
_traceback_of, _cause, _context, _suppresses = (
    BaseException.__dict__[name].__get__
    for name in ("__traceback__", "__cause__", "__context__", "__suppress_context__")
)

Group = BaseExceptionGroup[BaseException]
Described = tuple[Raised, str, "failure.Frame | None"]


class Walk:
    """One capture: what it may keep (``from_users``: below what runs a test), what it has met."""

    def __init__(self, include_locals: bool, max_depth: int, from_users: bool = False) -> None:
        self.include_locals, self.max_depth = include_locals, max_depth
        self.from_users = from_users
        self.seen: set[int] = set()
        self.room = MAX_EXCEPTIONS
        self.masks = 0  # of secrets, in the places that its tracebacks lead through
        self.module = ""
        self.variables = Variables()
        self._bytes = 0
        self._ways: list[Way] = []
        self._said: list[str] = []

    @property
    def bytes(self) -> int:
        """What only this record holds."""
        return self._bytes + self.variables.bytes

    @property
    def texts(self) -> list[str]:
        """What the exceptions say and hold, as often as the record does; but for their places."""
        return [*self.variables.texts, *self._said]

    def note_secrets(self) -> None:
        """Have this thread know what the files of the frames give away.

        After what the variables did: there is room for so many, and these may be hundreds.
        """
        for way in self._ways:
            put_back(way.secrets)

    def leads_past(self, texts: tuple[str, ...]) -> bool:
        """Whether one of these stands at a place."""
        return any(way.says(texts) for way in self._ways)

    def give_up(self, said: list[str]) -> None:
        """It has met nothing, and the record says no more than that."""
        self.variables, self._ways, self._said = Variables(), [], said
        self.masks, self._bytes = 0, size_of(said)

    def raised(self, error: BaseException, level: int, follow: bool = True) -> Described:
        """``error`` as data, its traceback as text, and the innermost frame of the user's.

        ``level`` counts groups in groups and causes of members; ``follow`` asks for the causes.
        """
        if level == 0:
            self.variables.work = current()
        self.seen.add(id(error))
        self.room -= 1
        kind = kind_of(type(error))
        message, notes = message_of(error), notes_of(error)
        out: Raised = {"exception_type": kind.name, "exception_message": message}
        if kind.module:
            out["exception_module"] = kind.module
        frames, way = way_of(_traceback_of(error), self.max_depth, self.from_users, kind.is_syntax)
        self._frames(frames, way, out)
        place = way.place
        if place is not None and level == 0:
            name = dict.get(frames[way.innermost].f_globals, "__name__")
            self.module = clean(name) if type(name) is str else ""
        last = f"{kind.full_name}: {message}\n" if message else f"{kind.full_name}\n"
        if kind.is_syntax:
            from failextract_nb import syntax

            last, place = syntax.describe(cast("SyntaxError", error), place, out)
            self._said += texts_in(out["extracted_code"][len(way.frames) :])  # of no frame
        if notes:
            out["notes"] = notes
            last += "".join(f"{note}\n" for note in notes)
        self._said += [message, *notes, last]
        before = self._causes(error, out, level) if follow and _cause_of(error) else ""
        members = self._members(cast("Group", error), out, level) if kind.is_group else ""
        self._weigh(out)
        return out, f"{before}{way.text}{last}{members}", place

    def _weigh(self, out: Raised) -> None:
        """Count what ``out`` holds alone, but for itself; its causes and members are counted."""
        self._bytes += getsizeof(out["exception_message"]) + getsizeof(out["extracted_code"])
        if "locals" in out:
            self._bytes += getsizeof(out["locals"])
        if "notes" in out:
            self._bytes += size_of(out["notes"])
        if "repetition" in out:
            self._bytes += size_of(out["repetition"])

    def _frames(self, frames: list[FrameType], way: Way, out: Raised) -> None:
        """Put the frames that ``way`` shows into ``out``, and what they hold."""
        if way.omitted:
            out["frames_omitted"] = way.omitted
            if way.repetition:
                out["repetition"] = way.repetition.copy()
        out["extracted_code"] = [*way.frames]
        self._ways.append(way)
        self.masks += way.masks
        if self.include_locals and way.shown:
            work = self.variables.work
            work.in_value = True
            out["locals"] = self.variables.of(frames, way.shown)
            work.in_value = False

    def _causes(self, error: BaseException, out: Raised, level: int) -> str:
        """Put the chain of causes, nearest first, into ``out``; return their text."""
        if level >= MAX_NESTING:
            return ""
        chain = list(islice(_chain(error, self.seen), min(MAX_CAUSES, max(0, self.room))))
        self.seen.update(id(cause) for cause, _ in chain)
        text = ""
        for cause, relation in chain:
            part, part_text, _ = self.raised(cause, level + 1, follow=False)
            part["relation"] = relation
            self._bytes += getsizeof(part)
            out.setdefault("causes", []).append(part)
            text = f"{part_text}\n↓ {_LED_TO[relation]}\n\n{text}"
        return text

    def _members(self, error: Group, out: Raised, level: int) -> str:
        if level >= MAX_NESTING:
            return ""
        members = BaseExceptionGroup.exceptions.__get__(error)
        parts = [self.raised(one, level + 1) for one in members[:MAX_MEMBERS] if self.room > 0]
        out["exceptions"] = [part for part, _, _ in parts]
        for part, _, _ in parts:
            self._bytes += getsizeof(part)
        text = ""
        for number, (_, part_text, _) in enumerate(parts, 1):
            body = "".join(f"  │ {line}\n" for line in part_text.splitlines())
            text += f"  ├─ {number} of {len(members)}\n{body}"
        if omitted := len(members) - len(parts):
            out["exceptions_omitted"] = omitted
            text += f"  └─ … {omitted} more\n"
        return text


_LED_TO = {"cause": "raised from it", "context": "raised while it was being handled"}


def _cause_of(error: BaseException) -> tuple[BaseException, str] | None:
    """What led to ``error``, and how, as Python would print it; None where nothing did."""
    if (cause := _cause(error)) is not None:
        return cause, "cause"
    context = None if _suppresses(error) else _context(error)
    return None if context is None else (context, "context")


def _chain(error: BaseException, seen: set[int]) -> Iterator[tuple[BaseException, str]]:
    """What led to ``error``, nearest first, as Python would print it; cycles end the chain."""
    seen = set(seen)
    while (found := _cause_of(error)) is not None and id(found[0]) not in seen:
        error = found[0]
        seen.add(id(error))
        yield found
