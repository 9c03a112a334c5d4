"""An exception as data: its frames, locals, causes and the members of its group.

One walk over the traceback; only text is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from sys import getsizeof
from types import FrameType, TracebackType
from typing import cast

from failextract_nb import failure
from failextract_nb._budget import current
from failextract_nb._names import rules
from failextract_nb._redact import masks_among, masks_in
from failextract_nb._safe import message_of, notes_of
from failextract_nb._strings import clean, kind_of
from failextract_nb.failure import Raised
from failextract_nb.kept import size_of
from failextract_nb.positions import Position, position_of, positions_in
from failextract_nb.variables import Variables

MAX_FRAMES = 60  # of one exception
MAX_CAUSES = 10
MAX_MEMBERS = 25  # of one exception group
MAX_NESTING = 5  # of groups in groups and causes of members
MAX_EXCEPTIONS = 100  # of one failure, all causes and members together
MAX_PATHS = 256  # that are remembered
MAX_LENGTH = 100  # frames of one that is

# What an exception has, past any override.
_traceback_of, _cause, _context, _suppresses = (
    BaseException.__dict__[name].__get__
    for name in ("__traceback__", "__cause__", "__context__", "__suppress_context__")
)

Group = BaseExceptionGroup[BaseException]
Described = tuple[Raised, str, "failure.Frame | None"]


@dataclass(slots=True)
class _Path:
    """The places that a traceback leads through, ready to be put into a record.

    What fails again at one place has mostly come the same way: it is described on first sight.
    """

    places: list[Position]  # all of them, as those of a path that is remembered must not go
    shown: list[tuple[int, bool]]  # the frames to show, by number, and whether they are the user's
    frames: list[failure.Frame]  # of these
    innermost: int  # the number of the innermost frame of the user's, else of all that are shown
    place: failure.Frame | None  # that of it
    masks: int  # of secrets, in the frames shown and in the text
    omitted: int
    repetition: failure.Repetition | None  # where most of those omitted are
    text: str  # the traceback, but for its last line


class Walk:
    """One capture: what it may keep (``from_users``: below what runs a test), what it has met."""

    def __init__(self, include_locals: bool, max_depth: int, from_users: bool = False) -> None:
        self.include_locals, self.max_depth = include_locals, max_depth
        self.from_users = from_users
        self.seen: set[int] = set()
        self.room = MAX_EXCEPTIONS
        self._masks = 0
        self.module = ""
        self.variables = Variables()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What only this record holds."""
        return self._bytes + self.variables.bytes

    @property
    def masks(self) -> int:
        """How many stand in what the exceptions hold, and in their text."""
        return self._masks + self.variables.masks

    def raised(self, error: BaseException, level: int, follow: bool = True) -> Described:
        """``error`` as data, its traceback as text, and the innermost frame of the user's.

        ``level`` counts groups in groups and causes of members; ``follow`` asks for the causes.
        """
        if level == 0:
            self.variables.work = current()
        self.seen.add(id(error))
        self.room -= 1
        kind = kind_of(type(error))
        hidden = rules.hidden
        message, notes = message_of(error), notes_of(error)
        masks = masks_among([message, *notes]) if rules.hidden != hidden else 0
        self._masks += 2 * masks  # they stand in the text, too
        out: Raised = {"exception_type": kind.name, "exception_message": message}
        if kind.module:
            out["exception_module"] = kind.module
        frames, path = _way(_traceback_of(error), self.max_depth, self.from_users, kind.is_syntax)
        self._frames(frames, path, out)
        place = path.place
        if place is not None and level == 0:
            name = dict.get(frames[path.innermost].f_globals, "__name__")
            self.module = clean(name) if type(name) is str else ""
        last = f"{kind.full_name}: {message}\n" if message else f"{kind.full_name}\n"
        if kind.is_syntax:
            from failextract_nb import syntax

            last, place = syntax.describe(cast("SyntaxError", error), place, out)
            self._masks += masks_in(last) - (masks_in(message) if masks else 0)
            if len(out["extracted_code"]) > len(path.frames):  # its own
                self._masks += masks_in(out["extracted_code"][-1])
        if notes:
            out["notes"] = notes
            last += "".join(f"{note}\n" for note in notes)
        before = self._causes(error, out, level) if follow and _cause_of(error) else ""
        members = self._members(cast("Group", error), out, level) if kind.is_group else ""
        self._weigh(out)
        return out, f"{before}{path.text}{last}{members}", place

    def _weigh(self, out: Raised) -> None:
        """Count what ``out`` holds alone, but for itself; its causes and members are counted."""
        self._bytes += getsizeof(out["exception_message"]) + getsizeof(out["extracted_code"])
        if "locals" in out:
            self._bytes += getsizeof(out["locals"])
        if "notes" in out:
            self._bytes += size_of(out["notes"])
        if "repetition" in out:
            self._bytes += size_of(out["repetition"])

    def _frames(self, frames: list[FrameType], path: _Path, out: Raised) -> None:
        """Put the frames that ``path`` shows into ``out``, and what they hold."""
        if path.omitted:
            out["frames_omitted"] = path.omitted
            if path.repetition:
                out["repetition"] = path.repetition.copy()
        out["extracted_code"] = [*path.frames]
        self._masks += path.masks
        if self.include_locals and path.shown:
            work = self.variables.work
            work.in_value = True
            out["locals"] = self.variables.of(frames, path.shown)
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


_paths: dict[tuple[object, ...], _Path] = {}  # by the ids of places
rules.watch(_paths.clear)


def _way(
    traceback: TracebackType | None, limit: int, from_users: bool, is_syntax: bool
) -> tuple[list[FrameType], _Path]:
    """All frames of a traceback, outermost first, and the path that they are, ``limit`` of it.

    Neither what runs the cell nor, with ``from_users``, what runs the test is shown, unless that is
    all there is (of a syntax error, there may be nothing), nor a frame that asks to be hidden.
    """
    frames: list[FrameType] = []
    places: list[Position] = []
    known = positions_in.known
    while traceback is not None:
        frame, instruction = traceback.tb_frame, traceback.tb_lasti
        code = frame.f_code
        found = known.get(id(code))
        place = found[1].get(instruction) if found is not None and found[0]() is code else None
        if place is None:
            place = position_of(code, instruction, traceback.tb_lineno)
        frames.append(frame)
        places.append(place)
        traceback = traceback.tb_next
    key = (limit, from_users, is_syntax, *map(id, places))
    path = _paths.get(key)
    if path is None:
        path = _path(places, limit, from_users)
        if from_users and not path.frames and not is_syntax:
            path = _path(places, limit, from_users=False)
        if len(places) <= MAX_LENGTH:
            if len(_paths) >= MAX_PATHS:
                _paths.clear()
            _paths[key] = path
    return frames, path


def _path(places: list[Position], limit: int, from_users: bool) -> _Path:
    numbers = []
    wrapping = True  # until the first frame that is not what runs the code
    for number, place in enumerate(places):
        runs_it = not place.users if from_users else place.machinery
        wrapping = wrapping and (runs_it or place.hidden)
        if not wrapping and not place.hidden:
            numbers.append(number)
    head = max(1, limit // 3)  # the first third and the last two thirds are kept
    omitted = max(0, len(numbers) - limit)
    left_out = [places[number] for number in numbers[head : head + omitted]]
    del numbers[head : head + omitted]
    kept = [places[number] for number in numbers]
    users = [number for number in numbers if places[number].users]
    innermost = max(users or numbers, default=-1)
    repetition = _repetition(left_out) if left_out else None
    pieces = [place.text for place in kept]
    if left_out:
        pieces.insert(head, _instead(omitted, repetition))
    text = "".join(["Traceback (most recent call last):\n", *pieces]) if pieces else ""
    return _Path(
        places=places,
        shown=[(number, places[number].users) for number in numbers],
        frames=[place.frame for place in kept],
        innermost=innermost,
        place=places[innermost].frame if numbers else None,
        masks=sum(place.masks for place in kept) + masks_in(text),
        omitted=omitted,
        repetition=repetition,
        text=text,
    )


def _instead(omitted: int, repetition: failure.Repetition | None) -> str:
    """The line that stands in a traceback for the frames left out."""
    more = f"{omitted} more frames"
    if repetition:
        place = f"{repetition['function']}, line {repetition['line']}"
        more = f"{more}, {repetition['count']} of them of {place}"
    return f"  … {more} …\n"


def _repetition(left_out: list[Position]) -> failure.Repetition | None:
    """The place that most of the frames left out are at, if it is a recursion's."""
    [(place, count)] = Counter(map(id, left_out)).most_common(1)
    if count < 3:
        return None
    frame = next(one.frame for one in left_out if id(one) == place)
    return failure.Repetition(
        file=frame["file"], function=frame["function"], line=frame["line"], count=count
    )


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
