"""The kernel's answers to what the page asks for: one function for each request."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from failextract_nb._safe import message_of
from failextract_nb._strings import type_name
from failextract_nb.printed import slim
from failextract_nb.rows import FACETS
from failextract_nb.shown import Shown
from failextract_nb.widget import protocol
from failextract_nb.widget.exports import Export

if TYPE_CHECKING:
    from failextract_nb.widget.live import Table

Fields = dict[str, Any]

MAX_WINDOW = 500  # lines of one window
MAX_FACET = 1_000  # values of one facet
MAX_JOBS = 8  # exports that are on their way

SCOPES = ("all", "shown", "selected")
TARGETS = ("download", "file")

_numbers = itertools.count(1)


def reply(table: Table, message: object) -> tuple[Fields, list[bytes]]:
    """What a page is answered, and its buffers; what goes wrong is told, never raised."""
    try:
        kind, asked = protocol.request(message)
        fields = globals()[f"_{kind}"](table, asked)  # the protocol says which kinds there are
        buffers = fields.pop("buffers", [])
    except Exception as error:  # noqa: BLE001  # the page tells it to the user
        known = isinstance(error, ValueError | OSError | ImportError)
        name = "" if known else f"{type_name(type(error))}: "
        return refusal(message, f"{name}{message_of(error)}"), []
    return {**_to(message), "type": kind, **fields}, buffers


def refusal(message: object, why: str) -> Fields:
    """The answer to what cannot be answered."""
    return {**_to(message), "type": "error", "message": why}


def _to(message: object) -> Fields:
    asked = message.get("id") if isinstance(message, Mapping) else None
    return {"v": protocol.version(), "id": asked}


def _hello(table: Table, _asked: Fields) -> Fields:
    table.refresh()
    table.read_ahead()
    return {}


def _window(table: Table, asked: Fields) -> Fields:
    with table.looking() as shown:
        start, count = int(asked["start"]), min(MAX_WINDOW, int(asked["count"]))
        place = shown.place(asked["anchor"]) if asked.get("anchor") else None
        start = max(0, start if place is None else place)
        return {
            "version": table.version,
            "start": start,
            "lines": len(shown),
            "rows": shown.window(start, max(0, count), table.picked),
        }


def _show(table: Table, asked: Fields) -> Fields:
    if asked.get("query"):  # pandas evaluates it: no page decides what
        raise ValueError("a filter is set in Python: FailureTable().filter(…)")
    if "facets" in asked:
        chosen = {name: frozenset(values) for name, values in asked["facets"].items() if values}
        asked["facets"] = chosen
    if toggle := asked.pop("toggle", ""):
        group = _group(toggle)
        asked["opened"] = table.wishes.opened ^ {group}
    table.wish(**asked)
    return {"version": table.version}


def _group(key: str) -> int:
    if not (key.startswith("g") and key[1:].isdecimal()):
        raise ValueError(f"{key!r} is not the key of a group")
    return int(key[1:])


def _select(table: Table, asked: Fields) -> Fields:
    table.select(asked["how"], asked.get("keys", []))
    return {"version": table.version}


def _detail(table: Table, asked: Fields) -> Fields:
    record = table.failure(asked["failure"])
    if record is None:
        raise ValueError("this failure is not kept any more")
    try:
        text = orjson.dumps(record, option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, an integer past 64 bits
        text = json.dumps(slim(record), indent=2)
    return {"record": text}


def _facets(table: Table, asked: Fields) -> Fields:
    if asked["name"] not in FACETS:
        raise ValueError(f"there is no facet {asked['name']!r}; there are: {', '.join(FACETS)}")
    with table.looking() as shown:
        return {"values": [shown.facet(asked["name"], MAX_FACET)]}


def _export(table: Table, asked: Fields) -> Fields:
    for name, known in (("scope", SCOPES), ("target", TARGETS)):
        if asked[name] not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}; got {asked[name]!r}")
    table.refresh()
    with table.looking() as shown:
        records = _scope(table, shown, asked["scope"])
    job = str(next(_numbers))
    table.jobs[job] = export = Export(asked["format"], records, asked["target"] == "file")
    while len(table.jobs) > MAX_JOBS:  # of pages that were closed
        table.jobs.pop(next(iter(table.jobs))).stop()
    return {"job": job, "filename": export.filename}


def _scope(table: Table, shown: Shown, scope: str) -> list[Any]:
    records = shown.rows.records
    if scope == "all":
        return list(records)
    rows = shown.kept if scope == "shown" else table.picked.nonzero()[0]
    return [records[row] for row in rows.tolist()]


def _next(table: Table, asked: Fields) -> Fields:
    export = table.jobs.get(asked["job"])
    if export is None:
        raise ValueError("this export was stopped; start it again")
    try:
        sent, share, done = export.step()
    except BaseException:
        table.jobs.pop(asked["job"], None)
        raise
    found: Fields = {"done": done, "progress": share, "buffers": [sent] if sent else []}
    if done:
        table.jobs.pop(asked["job"], None)
        if export.path:
            found["path"] = str(export.path)
    return found


def _stop(table: Table, asked: Fields) -> Fields:
    if export := table.jobs.pop(asked["job"], None):
        export.stop()
    return {}


def _clear(table: Table, _asked: Fields) -> Fields:
    return {"count": table.clear()}


def _forget(table: Table, _asked: Fields) -> Fields:
    table.forget()
    return {}


def _undo(table: Table, _asked: Fields) -> Fields:
    return {"count": table.undo()}
