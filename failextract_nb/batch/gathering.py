"""From what a kernel has written and replied to what became of each cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from failextract_nb.batch import outcome as words
from failextract_nb.batch import records
from failextract_nb.batch.blocked import EVERYTHING, name_missing, names_made
from failextract_nb.batch.lines import line_in, lines_of_cells
from failextract_nb.batch.outcome import CellOutcome, NotebookOutcome
from failextract_nb.failure import RAISES, Failure

_CELL = re.compile(r"Cell In\[(\d+)\]")
_BROKEN_OFF = ("KeyboardInterrupt", "CancelledError")  # of a cell that ran too long
_AT_TOP = re.compile(r'ipykernel_\d+[\\/]\d+\.py", line (\d+) in <module>')
Record = dict[str, Any]


class Gathering:
    """The failures of one notebook as they come, and the outcome of each of its cells."""

    def __init__(
        self, book: Any, result: NotebookOutcome, expect: tuple[str, ...], journal: Path
    ) -> None:
        self._book, self._result = book, result
        self._expect = (RAISES, *expect)
        self._journal = records.Journal(journal)
        self._cells = {cell.index: cell for cell in result.cells}
        self._found: dict[str, Record] = {}  # by id, so that what is written last counts
        self._unfinished: dict[int, frozenset[str]] = {}  # by cell, what it would have made

    def tag_to_fail(self, index: int) -> str:
        """The tag that says that a cell has to fail, "" where it has none."""
        tags = tags_of(self._book.cells[index])
        return next((tag for tag in self._expect if tag in tags), "")

    # ---- a cell is done

    def replied(self, index: int, reply: Mapping[str, Any]) -> None:
        """A cell has come to its end in time."""
        self._read()
        cell = self._cells[index]
        cell.execution_count = reply.get("execution_count") or cell.execution_count
        tag, has_record = self.tag_to_fail(index), self._has_record(index)
        raised = reply.get("status") == "error" and not _is_exit(reply)
        if raised:
            if not has_record:  # there is no extension, or it was told to look away
                told = records.of_reply(reply, expected=bool(tag) or None, **self.about(index))
                self.add(self._as_the_user_counts(told))
            if not tag:
                self._unfinished[index] = names_made(self._source(index))
        elif tag and not has_record:
            self.add(records.did_not_raise(tag, **self.about(index)))
        cell.expected = raised and bool(tag)
        self._judge(cell)

    def too_long(self, index: int, seconds: float) -> None:
        """A cell was broken off.  Where it stood then is told by its KeyboardInterrupt."""
        self._read()
        kind, message = "CellTimeoutError", f"the cell ran longer than {seconds:g} s"
        known = [one for one in self._of(index) if one["exception_type"] in _BROKEN_OFF]
        if known:
            known[-1].pop("expected", None)
            known[-1] |= {
                "origin": records.TIMEOUT,
                "exception_type": kind,
                "exception_message": message,
            }
        else:
            place = {**self._at(index), **self.about(index)}
            self.add(records.record(records.TIMEOUT, kind, message, **place))
        self._not_finished(index)

    def died(self, index: int | None, why: str, said: str) -> None:
        """The kernel has died while a cell ran; ``said`` is what it has left on its stderr."""
        self._read()
        at_top = _AT_TOP.search(said)
        place = {} if index is None else {**self._at(index), **self.about(index)}
        self.add(
            records.record(
                records.KERNEL,
                "DeadKernelError",
                why,
                exception_traceback=said,
                line_number=int(at_top[1]) if at_top else 0,
                **place,
            )
        )
        if index is not None:
            self._not_finished(index)

    def _not_finished(self, index: int) -> None:
        self._unfinished[index] = names_made(self._source(index))
        self._judge(self._cells[index])

    # ---- the records

    def add(self, failure: Mapping[str, Any]) -> None:
        """A record that no kernel has written."""
        self._found[failure["id"]] = cast("Record", failure)

    def about(self, index: int) -> Record:
        """The keys that tell a cell."""
        cell, source = self._cells[index], self._book.cells[index]
        known = {
            "cell_id": cell.cell_id,
            "cell_index": index,
            "cell_source": source.source,
            "execution_count": cell.execution_count,
            "notebook": self._result.name,
            "tags": tags_of(source),
            "duration": cell.seconds,
        }
        return {key: value for key, value in known.items() if value not in (None, "", [])}

    def _at(self, index: int) -> Record:
        count = self._cells[index].execution_count
        return {"test_name": f"In[{count}]", "test_file": f"Cell In[{count}]"}

    def _source(self, index: int) -> str:
        return str(self._book.cells[index].source)

    def _as_the_user_counts(self, told: Failure) -> Failure:
        """IPython takes empty lines off the top of a cell before it counts."""
        file, line = told["test_file"], told["line_number"]
        at = [
            cell.index for cell in self._result.cells if file == f"Cell In[{cell.execution_count}]"
        ]
        if at and line:
            source = self._source(at[0])
            told["line_number"] = line + source[: -len(source.lstrip())].count("\n")
        return told

    def _read(self) -> None:
        for one in self._journal.news():
            before = self._found.get(one["id"], {})
            if before.get("origin") != records.TIMEOUT:  # ours by now
                self._found[one["id"]] = one

    def _of(self, index: int) -> list[Record]:
        return [one for one in self._found.values() if one.get("cell_index") == index]

    def _has_record(self, index: int) -> bool:
        return any(one.get("cell_index") == index for one in self._found.values())

    # ---- the verdict

    def _judge(self, cell: CellOutcome) -> None:
        """What became of a cell, from its failures."""
        failures = [one for one in self._of(cell.index) if not one.get("expected")]
        for one in failures:
            self._mark_blocked(one, cell)
        free = [one for one in failures if "blocked_by" not in one]
        if free:
            cell.outcome = words.FAILED
        elif failures:
            cell.outcome, blocker = words.BLOCKED, failures[0]["blocked_by"]
            cell.reason = blocked_in_words(blocker)
        else:
            cell.outcome = words.PASSED

    def _mark_blocked(self, failure: Record, cell: CellOutcome) -> None:
        name = name_missing(failure)
        if name is None:
            return
        for index in sorted(self._unfinished, reverse=True):
            if index < cell.index and not self._unfinished[index].isdisjoint((name, EVERYTHING)):
                cause = next((one for one in self._of(index) if not one.get("expected")), None)
                if cause is not None:
                    blocker = {"failure": cause["id"], "cell_index": index, "name": name}
                    failure["blocked_by"] = blocker
                    return

    def finish(self, text: str) -> None:
        """All failures in the order of the cells, each with its line in the file ``text``."""
        self._read()
        found = list(self._found.values())
        for one in found:
            one.setdefault("notebook", self._result.name)
            cell = self._cells.get(one.get("cell_index", -1))
            if cell is not None and cell.outcome != words.NOT_RUN:
                self._judge(cell)
        if found:
            self._tell_lines(found, lines_of_cells(text))
        found.sort(key=lambda one: one.get("cell_index", len(self._book.cells)))
        self._result.failures += cast("list[Failure]", found)

    def _tell_lines(self, found: list[Record], lines: list[list[int]]) -> None:
        index_of = {f"Cell In[{cell.execution_count}]": cell.index for cell in self._result.cells}
        for cell in self._result.cells:
            cell.line = line_in(lines, cell.index, 1)
        for one in found:
            places = [(one.get("test_file"), one.get("line_number"))]
            frames = one.get("extracted_code") or []
            places += [(frame.get("file"), frame.get("line")) for frame in reversed(frames)]
            at = next(
                ((index_of[file], line) for file, line in places if file in index_of and line),
                (one.get("cell_index", -1), 1),
            )
            if (line := line_in(lines, *at)) is not None:
                one["notebook_line"] = line


def tags_of(cell: Any) -> list[str]:
    """The tags of a cell, whatever stands in their place."""
    tags = cell.metadata.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def blocked_in_words(blocker: Mapping[str, Any]) -> str:
    """Why a cell is blocked."""
    return f"needs {blocker['name']!r}, which cell {blocker['cell_index'] + 1} was to make"


def _is_exit(reply: Mapping[str, Any]) -> bool:
    """``sys.exit()`` and ``sys.exit(0)`` are no failure, though the kernel calls them an error."""
    return reply.get("ename") == "SystemExit" and reply.get("evalue") in ("", "0", "None")
