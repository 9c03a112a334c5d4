"""Failures as Parquet, by day: what Dask, DuckDB or Spark read of a whole fleet.

``folder/day=2026-11-26/<process>.parquet`` holds what one process has recorded on one day (UTC), a
row for each failure.  The columns are those of ``COLUMNS``, whatever the failures are; ``day`` is
read from the folder's name.  Beside what queries ask for there is ``record``, the whole failure as
JSON: nothing is lost.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from failextract_nb import failure, files
from failextract_nb._strings import clean
from failextract_nb.formats import NotAReport
from failextract_nb.formats.json import dumps

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1  # of the columns; one more for each that is added, none is renamed or changes its type
ROWS = 2_000  # that are held and written at once
NO_DAY = "1970-01-01"  # where a timestamp cannot be read: a null is no day to some readers

TEXT, WHOLE, NUMBER, FLAG = "string", "int64", "double", "bool"
TIME, TEXTS = "timestamp[us, tz=UTC]", "list<string>"
# Column -> type.  What a failure does not have, or has with a value of another type, is null.
COLUMNS = {
    "id": TEXT,  # of the failure, in whatever files it stands
    "timestamp": TIME,
    "origin": TEXT,
    "test_name": TEXT,
    "test_module": TEXT,
    "test_file": TEXT,
    "line_number": WHOLE,
    "exception_type": TEXT,
    "exception_module": TEXT,
    "exception_message": TEXT,
    "exception_traceback": TEXT,
    "root_type": TEXT,  # of the exception that began it: the last of causes, else this one
    "root_message": TEXT,
    "expected": FLAG,  # false where nobody says so
    "blocked_by": TEXT,  # the id of the earlier cell's failure that this one follows from
    "tags": TEXTS,
    "notebook": TEXT,
    "cell_id": TEXT,
    "cell_index": WHOLE,
    "execution_count": WHOLE,
    "notebook_line": WHOLE,
    "node_id": TEXT,
    "phase": TEXT,
    "duration": NUMBER,  # seconds
    "command": TEXT,
    "exit_code": WHOLE,
    "process_id": WHOLE,
    "thread_id": WHOLE,
    "thread_name": TEXT,
    "redacted": WHOLE,
    "record": TEXT,  # all of it, as JSON
}

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


def schema() -> pa.Schema:
    """``COLUMNS`` as pyarrow has them.

    The metadata of a file says which version its columns are of, and its records.
    Raises ImportError that says what to install.
    """
    pa = _library()
    types = {TIME: pa.timestamp("us", tz="UTC"), TEXTS: pa.list_(pa.field("element", pa.string()))}
    fields = [
        (name, types[kind] if kind in types else pa.type_for_alias(kind))
        for name, kind in COLUMNS.items()
    ]
    versions = {"columns": VERSION, "records": failure.SCHEMA_VERSION}
    return pa.schema(
        fields, {f"failextract_nb.{of}_version": str(number) for of, number in versions.items()}
    )


def write(records: Iterable[Mapping[str, Any]], folder: str | os.PathLike[str]) -> Path:
    """Add ``records`` to what this process has in ``folder``, and return that.

    A record whose id is there already takes the place of the older one.  Where nothing has failed
    and the folder holds nothing, a file without rows makes it one that can be read.
    Raises as ``FailureExtractor.to_parquet``.
    """
    _library()
    folder = _named(folder)
    days: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    ids = set()
    for record in records:
        moment = _moment(record)
        days[moment.date().isoformat() if moment else NO_DAY].append(record)
        ids.add(clean(str(record.get("id"))))
    if not days and not any(folder.glob("day=*/*.parquet")):
        days[datetime.now(UTC).date().isoformat()] = []
    own = f"{failure.process_token}.parquet"
    paths = [folder / f"day={day}" / own for day in days]
    for path, rows in zip(paths, days.values(), strict=True):
        files.write_bytes(path, partial(_fill, path, rows, ids))
    # Whoever stores another failure under an old id may have moved it to another day.
    for path in {*folder.glob(f"day=*/{own}")} - {*paths}:
        if any(not ids.isdisjoint(batch["id"].to_pylist()) for batch in _batches(path, ["id"])):
            files.write_bytes(path, partial(_fill, path, [], ids))
    return folder


def _named(folder: object) -> Path:
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder must be a name or a Path; got {folder!r}")
    name = os.fspath(folder)
    if not name or "\0" in name:
        raise ValueError(f"folder must name a folder; got {name!r}")
    return Path(os.path.expanduser(name))


def _fill(path: Path, rows: list[Mapping[str, Any]], new: set[str], file: BinaryIO) -> None:
    """Write into ``file`` what stands in ``path``, but for ids in ``new``, and then ``rows``."""
    from pyarrow import Table, array
    from pyarrow.parquet import ParquetWriter

    columns = schema()
    counted = [name for name in COLUMNS if name not in ("record", "exception_traceback")]
    with ParquetWriter(file, columns, compression="zstd", write_statistics=counted) as writer:
        for batch in _batches(path):
            old = array([one not in new for one in batch["id"].to_pylist()], "bool")
            writer.write_table(Table.from_batches([batch.filter(old)]))
        for first in range(0, len(rows), ROWS):
            flat = [_flat(record) for record in rows[first : first + ROWS]]
            values = {
                name: array(
                    [_CHECKED[kind](one.get(name)) for one in flat], columns.field(name).type
                )
                for name, kind in COLUMNS.items()
            }
            writer.write_table(Table.from_pydict(values, columns))


def _batches(path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    """The rows of a file of ours, some at a time; none where there is no such file."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    if not path.exists():
        return
    try:
        with ParquetFile(path) as old:
            if not old.schema_arrow.equals(schema()):
                raise NotAReport(
                    f"{path} has other columns than ours. Move it, or name another folder"
                )
            yield from old.iter_batches(ROWS, columns=columns)
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):  # the disk's, not the content's
            raise
        said = " ".join(str(error).split())
        raise NotAReport(
            f"{path} cannot be read ({said}). Move it, or name another folder"
        ) from error


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the values of the columns that are not keys of it."""
    moment = _moment(record)
    causes = record.get("causes")
    root = causes[-1] if type(causes) is list and causes else record
    blocker = record.get("blocked_by")
    return {
        **record,
        "timestamp": None if moment is None else (moment - _EPOCH) // _MICROSECOND,
        "root_type": root.get("exception_type") if isinstance(root, Mapping) else None,
        "root_message": root.get("exception_message") if isinstance(root, Mapping) else None,
        "blocked_by": blocker.get("failure") if isinstance(blocker, Mapping) else None,
        "record": dumps(record, pretty=False),
    }


def _moment(record: Mapping[str, Any]) -> datetime | None:
    """When it was, in UTC, which is also what a time without an offset is taken for."""
    try:
        moment = datetime.fromisoformat(record["timestamp"])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str | None:
    return clean(value) if type(value) is str else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) else None


def _texts(value: Any) -> list[str] | None:
    if type(value) is not list or not all(type(one) is str for one in value):
        return None
    return [clean(one) for one in value]


_CHECKED: dict[str, Any] = {
    TEXT: _text,
    WHOLE: _whole,
    NUMBER: _number,
    FLAG: lambda value: value is True,
    TIME: _whole,
    TEXTS: _texts,
}


def _library() -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(
            f"Parquet needs pyarrow ({error}): pip install 'failextract-nb[parquet]'"
        ) from error
    return pa
