"""The places that a traceback leads through, described once for all that go the same way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from failextract_nb import failure
from failextract_nb._names import rules
from failextract_nb._redact import any_in, masks_in, noted, put_back, texts_in
from failextract_nb.positions import Position, position_of, positions_in

if TYPE_CHECKING:
    from failextract_nb._repeats import Secrets

MAX_WAYS = 256  # that are remembered
MAX_LENGTH = 100  # frames of one that is


@dataclass(slots=True)
class Way:
    """The places that a traceback leads through, ready to be put into a record.

    What fails again at one place has mostly come the same way: it is described on first sight.
    """

    places: list[Position]  # all of them: those of a way that is remembered must not go
    shown: list[tuple[int, bool]]  # the frames to show, by number, and whether they are the user's
    frames: list[failure.Frame]  # of these
    innermost: int  # the number of the innermost frame of the user's, else of all that are shown
    place: failure.Frame | None  # that of it
    masks: int  # of secrets, in the frames shown and in the text
    omitted: int
    repetition: failure.Repetition | None  # where most of those omitted are
    text: str  # the traceback, but for its last line
    secrets: Secrets | None  # that the files of its frames give away
    clean_of: object = None  # texts that it does not say

    def says(self, texts: tuple[str, ...]) -> bool:
        """Whether one of these stands in it; of the same object, it is known from the last time."""
        if self.clean_of is texts:
            return False
        found = any_in(texts, "\n".join([self.text, *texts_in(self.frames)]))
        if not found:
            self.clean_of = texts
        return found


_ways: dict[tuple[object, ...], Way] = {}  # by the ids of places
rules.watch(_ways.clear)


def way_of(
    traceback: TracebackType | None, limit: int, from_users: bool, is_syntax: bool
) -> tuple[list[FrameType], Way]:
    """All frames of a traceback, outermost first, and the way that they are, ``limit`` of it.

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
    way = _ways.get(key)
    if way is None:
        way = _described(places, limit, from_users)
        if from_users and not way.frames and not is_syntax:
            way = _described(places, limit, from_users=False)
        if len(places) <= MAX_LENGTH:
            if len(_ways) >= MAX_WAYS:
                _ways.clear()
            _ways[key] = way
    return frames, way


def _described(places: list[Position], limit: int, from_users: bool) -> Way:
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
    return Way(
        places=places,
        shown=[(number, places[number].users) for number in numbers],
        frames=[place.frame for place in kept],
        innermost=innermost,
        place=places[innermost].frame if numbers else None,
        masks=sum(place.masks for place in kept) + masks_in(text),
        omitted=omitted,
        repetition=repetition,
        text=text,
        secrets=noted(_put_back, kept)[1],
    )


def _put_back(kept: list[Position]) -> None:
    for place in kept:
        put_back(place.secrets)


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
