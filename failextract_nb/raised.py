"""An exception as data: its frames, locals, causes and the members of its group.

One walk over the traceback; only text is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from sys import getsizeof
from types import FrameType, TracebackType
from typing import NamedTuple, cast

from failextract_nb import failure, positions
from failextract_nb._budget import current
from failextract_nb._names import rules
from failextract_nb._perobject import PerObject
from failextract_nb._redact import masks_among, masks_in
from failextract_nb._safe import message_of, note_of
from failextract_nb._strings import clean, module_of, type_name
from failextract_nb.failure import Raised
from failextract_nb.kept import size_of
from failextract_nb.positions import position_of, positions_in
from failextract_nb.variables import Variables

MAX_FRAMES = 60  # of one exception; the first third and the last two thirds are kept
MAX_CAUSES = 10
MAX_MEMBERS = 25  # of one exception group
MAX_NESTING = 5  # of groups in groups and causes of members
MAX_EXCEPTIONS = 100  # of one failure, all causes and members together
MAX_NOTES = 20

# What an exception has, past any override.
_traceback_of, _cause, _context, _suppresses = (
    BaseException.__dict__[name].__get__
    for name in ("__traceback__", "__cause__", "__context__", "__suppress_context__")
)

Group = BaseExceptionGroup[BaseException]
Entry = tuple[FrameType, positions.Position]
Described = tuple[Raised, str, "failure.Frame | None"]


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
        """How many stand in what the exceptions hold."""
        return self._masks + self.variables.masks

    def raised(self, error: BaseException, level: int, follow: bool = True) -> Described:
        """``error`` as data, its traceback as text, and the innermost frame of the user's.

        ``level`` counts groups in groups and causes of members; ``follow`` asks for the causes.
        """
        if level == 0:
            self.variables.work = current()
        self.seen.add(id(error))
        self.room -= 1
        kind = _kind_of(type(error))
        hidden = rules.hidden
        out = Raised(exception_type=kind.name, exception_message=message_of(error))
        notes = _notes(error)
        if rules.hidden != hidden:
            self._masks += masks_among([out["exception_message"], *notes])
        if kind.module:
            out["exception_module"] = kind.module
        traceback = _traceback_of(error)
        entries, left_out = _entries(traceback, self.max_depth, self.from_users)
        if self.from_users and not entries and not issubclass(type(error), SyntaxError):
            entries, left_out = _entries(traceback, self.max_depth)
        pieces = self._frames(entries, left_out, out)
        users = _users_entry(entries)
        if users is not None and level == 0:
            name = dict.get(users[0].f_globals, "__name__")
            self.module = clean(name) if type(name) is str else ""
        place = users[1].frame if users else None
        if issubclass(type(error), SyntaxError):
            from failextract_nb import syntax

            last, place = syntax.describe(cast("SyntaxError", error), place, out)
        elif message := out["exception_message"]:
            last = f"{kind.full_name}: {message}\n"
        else:
            last = f"{kind.full_name}\n"
        if notes:
            out["notes"] = notes
            last += "".join(f"{note}\n" for note in notes)
        before = self._causes(error, out, level) if follow and _cause_of(error) else ""
        is_group = issubclass(type(error), BaseExceptionGroup)
        members = self._members(cast("Group", error), out, level) if is_group else ""
        head = "Traceback (most recent call last):\n" if pieces else ""
        text = f"{before}{head}{''.join(pieces)}{last}{members}"
        self._weigh(out)
        if positions.masked:
            self._masks += sum([position.masks for _, position in entries])
        if len(out["extracted_code"]) > len(entries):  # a syntax error's own
            self._masks += masks_in(out["extracted_code"][-1])
        return out, text, place

    def _weigh(self, out: Raised) -> None:
        """Count what ``out`` holds alone, but for itself; its causes and members are counted."""
        self._bytes += getsizeof(out["exception_message"]) + getsizeof(out["extracted_code"])
        if "locals" in out:
            self._bytes += getsizeof(out["locals"])
        for key in ("notes", "repetition"):
            if key in out:
                self._bytes += size_of(out[key])

    def _frames(
        self, entries: list[Entry], left_out: list[positions.Position], out: Raised
    ) -> list[str]:
        pieces = [position.text for _, position in entries]
        if omitted := len(left_out):
            out["frames_omitted"] = omitted
            more = f"{omitted} more frames"
            if repetition := _repetition(left_out):
                out["repetition"] = repetition
                place = f"{repetition['function']}, line {repetition['line']}"
                more = f"{more}, {repetition['count']} of them of {place}"
            pieces.insert(_head(self.max_depth), f"  … {more} …\n")
        out["extracted_code"] = [position.frame for _, position in entries]
        if self.include_locals and entries:
            of, work = self.variables.of, self.variables.work
            work.in_value = True
            out["locals"] = [of(frame) if position.users else None for frame, position in entries]
            work.in_value = False
        return pieces

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


class _Kind(NamedTuple):
    """What a class of exceptions is called."""

    name: str
    module: str  # "" where nobody would say it
    full_name: str  # as at the end of a traceback


def _name_kind(cls: type) -> _Kind:
    module = clean(module_of(cls))
    module = "" if module in ("builtins", "__main__") else module
    full_name = clean(str(type.__dict__["__qualname__"].__get__(cls)))
    return _Kind(type_name(cls), module, f"{module}.{full_name}" if module else full_name)


_kind_of = PerObject(_name_kind)


def _head(limit: int) -> int:
    return max(1, limit // 3)


def _repetition(left_out: list[positions.Position]) -> failure.Repetition | None:
    """The place that most of the frames left out are at, if it is a recursion's."""
    [(place, count)] = Counter(map(id, left_out)).most_common(1)
    if count < 3:
        return None
    frame = next(one.frame for one in left_out if id(one) == place)
    return failure.Repetition(
        file=frame["file"], function=frame["function"], line=frame["line"], count=count
    )


def _entries(
    traceback: TracebackType | None, limit: int, from_users: bool = False
) -> tuple[list[Entry], list[positions.Position]]:
    """The frames to keep, outermost first, and the places of those left out of their middle.

    Neither what runs the cell or the test is kept, nor a frame that asks to be hidden.
    """
    entries: list[Entry] = []
    head = _head(limit)
    left_out: list[positions.Position] = []
    wrapping = True  # until the first frame that is not what runs the code
    while traceback is not None:
        frame, instruction = traceback.tb_frame, traceback.tb_lasti
        code = frame.f_code
        position = positions_in(code).get(instruction)
        if position is None:
            position = position_of(code, instruction, traceback.tb_lineno)
        runs_it = not position.users if from_users else position.machinery
        wrapping = wrapping and (runs_it or position.hidden)
        if not wrapping and not position.hidden:
            entries.append((frame, position))
            if len(entries) > 2 * limit:  # in blocks, so that a deep recursion is cheap
                left_out += [place for _, place in entries[head : head + limit]]
                del entries[head : head + limit]
        traceback = traceback.tb_next
    if (more := len(entries) - limit) > 0:
        left_out += [place for _, place in entries[head : head + more]]
        del entries[head : head + more]
    return entries, left_out


def _users_entry(entries: list[Entry]) -> Entry | None:
    """The innermost frame of the user's own code, else the innermost of all."""
    for entry in reversed(entries):
        if entry[1].users:
            return entry
    return entries[-1] if entries else None


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


def _notes(error: BaseException) -> list[str]:
    try:
        notes = getattr(error, "__notes__", None)
        if not isinstance(notes, (list, tuple)):
            return []
        return [note_of(note) for note in islice(notes, MAX_NOTES)]
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # a property of the user's, a list of theirs
        return []
