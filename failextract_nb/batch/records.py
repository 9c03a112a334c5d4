"""The records that no kernel makes: of what the replies tell, and of a run that went wrong."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from failextract_nb._native import fit, native
from failextract_nb.failure import Failure, complete
from failextract_nb.formats.json import loads

# Origins of a failure that is not the code's own.
TIMEOUT, KERNEL, START, UNREADABLE, WORKER = "timeout", "kernel", "start", "unreadable", "worker"
MAX_TRACEBACK = 20_000  # characters of what a kernel has said, from the end

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_AT = re.compile(r"(?:Cell |Input )?In ?\[(\d+)\], line (\d+)|(?:Cell |Input )In ?\[(\d+)\]:(\d+)")


def record(origin: str, kind: str, message: str, **more: Any) -> Failure:
    """A whole record: bounded, JSON-native, without what looks like a secret."""
    known = {key: value for key, value in more.items() if value is not None}
    data: dict[str, Any] = native(
        {"origin": origin, "exception_type": kind, "exception_message": message, **known}
    )
    fit(data)
    return complete(data)


def of_reply(content: Mapping[str, Any], **cell: Any) -> Failure:
    """Of a kernel's reply that says ``error``: all there is where it has no extension."""
    lines = content.get("traceback")
    traceback = "\n".join(map(str, lines)) if isinstance(lines, Sequence) else ""
    traceback = _ANSI.sub("", traceback)[-MAX_TRACEBACK:]
    at = list(_AT.finditer(traceback))
    place = [int(number) for number in at[-1].groups() if number] if at else []
    count = place[0] if place else cell.get("execution_count")
    return record(
        "cell",
        str(content.get("ename") or "error"),
        _ANSI.sub("", str(content.get("evalue") or "")),
        exception_traceback=traceback,
        test_name=f"In[{cell.get('execution_count')}]",
        test_file=f"Cell In[{count}]",
        line_number=place[1] if place else 0,
        **cell,
    )


def did_not_raise(tag: str, **cell: Any) -> Failure:
    """Of a cell that was to fail, and did not."""
    count = cell.get("execution_count")
    return record(
        "expectation",
        "DidNotRaise",
        f"the cell is tagged {tag} and raised nothing",
        test_name=f"In[{count}]",
        test_file=f"Cell In[{count}]",
        **cell,
    )


def why_dead(code: int | None) -> str:
    """Why a kernel's process has ended, as far as its exit code tells."""
    if code is None:
        return "the kernel does not answer any more"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = ", as the system does where memory runs out" if name == "SIGKILL" else ""
        return f"the kernel was ended by {name}{hint}"
    return f"the kernel's process has ended, with exit code {code}"


class Journal:
    """Reads what a kernel has written, as it comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def news(self) -> list[dict[str, Any]]:
        """The records since the last call; a line that is not whole yet is left for the next."""
        try:
            if self._path.stat().st_size == self._at:
                return []
            with self._path.open("rb") as file:
                file.seek(self._at)
                lines = file.read()
        except FileNotFoundError:  # nothing has failed, or there is no extension
            return []
        whole = lines[: lines.rfind(b"\n") + 1]
        self._at += len(whole)
        found = []
        for line in whole.splitlines():
            try:
                one = loads(line.decode("utf-8", "replace"))
            except ValueError:  # the kernel was killed, and another process has written on
                continue
            if isinstance(one, dict) and "id" in one:
                found.append(one)
        return found
