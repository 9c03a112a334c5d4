"""Parquet: what one process after the other adds to a folder, and what anybody reads there."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import re
import subprocess
import threading
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, example, fail

from failextract_nb import NotAReport, extract_on_failure, failure, files, parquet

posix = pytest.mark.skipif(os.name != "posix", reason="this is POSIX'")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DAY, NEXT = "2026-11-26", "2026-11-27"


def at(day=DAY, **more):
    return example(timestamp=f"{day}T12:00:00+00:00", **more)


def table(folder="failures"):
    """What a reader of hive partitions finds."""
    return ds.dataset(folder, partitioning="hive").to_table()


def rows(folder="failures"):
    return table(folder).to_pylist()


def records(folder="failures"):
    return [json.loads(text) for text in table(folder)["record"].to_pylist()]


def left(folder="failures"):
    """All files below, those that readers do not see too."""
    return sorted(
        os.path.relpath(os.path.join(where, name), folder)
        for where, _, names in os.walk(folder)
        for name in names
    )


# ---- what is written


def test_reading_it_back_gives_the_same_records(extractor):
    """Nothing is lost: frames, locals, causes, and keys of the user's own."""

    @extract_on_failure
    def load(path):
        try:
            return {}[path]
        except KeyError as error:
            raise ValueError("no such setting") from error

    fail(load, "x")
    extractor.add_failure(at(mine={"deep": [1, None, "ü"]}, tags=["a", "b"]))
    folder = extractor.to_parquet("failures")
    assert os.fspath(folder) == "failures"
    assert sorted(records(), key=lambda one: one["id"]) == sorted(
        extractor.failures, key=lambda one: one["id"]
    )


def test_the_columns_hold_what_queries_ask_for(extractor):
    """With the types of the schema; what a failure does not have is null."""
    extractor.add_failure(
        at(
            line_number=7,
            duration=1,
            expected=True,
            tags=["slow"],
            causes=[{"exception_type": "A"}, {"exception_type": "B", "exception_message": "b"}],
            blocked_by={"failure": "x-1", "cell_index": 0, "name": "df"},
        )
    )
    (row,) = rows(extractor.to_parquet("failures"))
    assert [*row] == [*parquet.COLUMNS, "day"]
    given = ("line_number", "duration", "expected", "tags", "root_type", "root_message")
    assert [row[name] for name in given] == [7, 1.0, True, ["slow"], "B", "b"]
    assert (row["day"], row["blocked_by"], row["notebook"]) == (DAY, "x-1", None)
    assert row["timestamp"] == datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_without_a_cause_the_failure_is_the_root_and_nothing_is_expected(extractor):
    """So queries need no COALESCE."""
    extractor.add_failure(at())
    (row,) = rows(extractor.to_parquet("failures"))
    assert (row["root_type"], row["root_message"], row["expected"]) == ("ValueError", "no", False)


def test_the_schema_does_not_depend_on_the_data(extractor):
    """Columns of nothing but nulls keep their types, also where there are no rows."""
    for number in range(2):
        if number:
            extractor.add_failure(at())
        extractor.to_parquet(f"failures{number}")
        (path,) = left(f"failures{number}")
        found = pq.read_schema(f"failures{number}/{path}")
        assert found.equals(parquet.schema(), check_metadata=True), found
    kinds = {str(field.type).replace("element: ", "") for field in found}
    assert kinds == {*parquet.COLUMNS.values()}


def test_values_of_odd_types_are_null_and_stay_in_the_record():
    """Whatever a record holds under our names, it is written."""
    for value in ({"a": 1}, [1], "text", 5, 2**70, 1.5, True, [["a"]]):
        odd = dict.fromkeys([*parquet.COLUMNS, "causes"], value)
        parquet.write([odd], f"{type(value).__name__}{value}")
        assert records(f"{type(value).__name__}{value}") == [odd]
        (row,) = rows(f"{type(value).__name__}{value}")
        for name, kind in parquet.COLUMNS.items():
            fits = {
                parquet.TEXT: type(value) is str,
                parquet.WHOLE: type(value) is int and value < 2**63,
                parquet.NUMBER: type(value) in (int, float),
                parquet.FLAG: True,
            }
            if name not in ("record", "blocked_by") and not name.startswith("root_"):
                assert (row[name] is not None) == fits.get(kind, False), (name, value)


def test_texts_that_utf_8_cannot_hold(extractor):
    """Lone surrogates are replaced in columns and whole in the record; NULs are in both."""
    said = "a\ud800b\0c"
    parquet.write([at(id="x", exception_message=said, tags=[said])], "failures")
    (row,) = rows()
    assert row["exception_message"] == "a\\ud800b\0c"
    assert row["tags"] == ["a\\ud800b\0c"]
    assert records() == [at(id="x", exception_message=said, tags=[said])]


@pytest.mark.parametrize(
    ("timestamp", "day"),
    [
        ("2026-11-26T23:30:00-02:00", NEXT),
        ("2026-11-26T00:30:00+02:00", "2026-11-25"),
        ("2026-11-26T12:00:00", DAY),
        ("0001-01-01T00:00:00+05:00", "1970-01-01"),
        ("yesterday", "1970-01-01"),
    ],
)
def test_the_day_is_that_of_utc(extractor, timestamp, day):
    """A time without an offset is UTC; one that cannot be read is on no real day, and not lost."""
    extractor.add_failure(example(timestamp=timestamp))
    (row,) = rows(extractor.to_parquet("failures"))
    assert row["day"] == day
    assert (row["timestamp"] is None) == (day == parquet.NO_DAY)
    assert records()[0]["timestamp"] == timestamp


def test_many_are_written_a_part_at_a_time(extractor, monkeypatch):
    """In their order, whatever the parts."""
    monkeypatch.setattr(parquet, "ROWS", 3)
    for number in range(10):
        extractor.add_failure(at(line_number=number + 1))
    for _ in range(2):
        extractor.to_parquet("failures")
        assert [row["line_number"] for row in rows()] == [*range(1, 11)]


# ---- one call after the other


def test_a_second_call_adds_what_is_new(extractor):
    """Each failure stands there once, also one whose record has more now."""
    first = extractor.add_failure(at(line_number=1))
    extractor.to_parquet("failures")
    extractor.add_context(first, {"tags": ["late"]})
    extractor.add_failure(at(line_number=2))
    extractor.to_parquet("failures")
    assert records() == list(extractor.failures)
    assert [row["tags"] for row in rows()] == [["late"], None]


def test_what_is_not_kept_any_more_stays(extractor):
    """Dropped at a limit, or cleared; what an undo brings back is not written twice."""
    extractor.set_memory_limits(max_failures=1)
    for number in (1, 2):
        extractor.add_failure(at(line_number=number))
        extractor.to_parquet("failures")
    extractor._store.remembers = True
    extractor.clear()
    extractor.add_failure(at(line_number=3))
    extractor.to_parquet("failures")
    extractor.set_memory_limits()
    extractor._store.restore()
    extractor.to_parquet("failures")
    assert sorted(row["line_number"] for row in rows()) == [1, 2, 3]
    assert len(left()) == 1


def test_two_days_are_two_files(extractor):
    """Named by the process."""
    extractor.add_failure(at())
    extractor.add_failure(at(NEXT))
    extractor.to_parquet("failures")
    token = failure.process_token
    assert left() == [f"day={DAY}/{token}.parquet", f"day={NEXT}/{token}.parquet"]


def test_a_failure_that_moves_to_another_day_moves_there(extractor):
    """Under its old id it is stored anew, and stands there once."""
    for day in (DAY, NEXT):
        extractor.add_failure(at(day, id="mine"))
        extractor.add_failure(at(day, id=f"other-{day}"))
        extractor.to_parquet("failures")
    assert {(row["id"], row["day"]) for row in rows()} == {
        (f"other-{DAY}", DAY),
        ("mine", NEXT),
        (f"other-{NEXT}", NEXT),
    }
    assert len(rows()) == 3


def test_a_session_without_failures_leaves_a_folder_that_can_be_read(extractor):
    """With all columns and no rows; one such file is enough, and it gives way."""
    assert extractor.to_parquet("failures").is_dir()
    assert table().num_rows == 0
    assert table().column_names == [*parquet.COLUMNS, "day"]
    extractor.to_parquet("failures")
    extractor.add_failure(example())
    extractor.to_parquet("failures")
    assert len(rows()) == 1
    extractor.clear()
    extractor.to_parquet("failures")
    assert len(rows()) == 1


def test_twenty_threads_at_once(extractor):
    """Nothing is lost, nothing is there twice, nothing is left over."""

    def work(number):
        extractor.add_failure(at(line_number=number + 1))
        extractor.to_parquet("failures")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row["line_number"] for row in rows()) == [*range(1, 21)]
    assert len(left()) == 1


def test_processes_do_not_meet(run_python):
    """Each has its file, a forked one too, whose store is a copy from then on."""
    code = """
        import os, sys
        from failextract_nb import FailureExtractor
        extractor = FailureExtractor()
        def fails(name):
            extractor.add_failure({"test_name": name})
            extractor.to_parquet("failures")
        fails("before")
        child = os.fork() if hasattr(os, "fork") else None
        if child == 0:
            fails("in the child")
            os._exit(0)
        if child and os.waitpid(child, 0)[1]:
            sys.exit("the child has failed")
        fails("after")
    """
    wanted = [["before", "after"]]
    if hasattr(os, "fork"):
        wanted.append(["before", "in the child"])
    for runs in (1, 2):
        run_python(code)
        found = [pq.read_table(name_in(name))["test_name"].to_pylist() for name in left()]
        assert sorted(found) == sorted(wanted * runs)
    assert len({row["id"] for row in rows()}) == 3 * runs if hasattr(os, "fork") else 2 * runs


def name_in(name):
    return os.path.join("failures", name)


# ---- who reads it


def week(extractor):
    """Two kinds of failures on nine days."""
    for day in range(1, 10):
        for number in range(day):
            kind = "ValueError" if number % 2 else "KeyError"
            extractor.add_failure(at(f"2026-11-0{day}", exception_type=kind))
    return os.fspath(extractor.to_parquet("failures"))


def test_dask_duckdb_and_pyarrow_say_the_same(extractor):
    """Of the days that a filter names, with only the columns that were asked for."""
    import dask
    import dask.dataframe as dd

    folder = week(extractor)
    wanted = {"KeyError": 2 + 3 + 3 + 4, "ValueError": 2 + 2 + 3 + 3}
    with dask.config.set(scheduler="synchronous"):
        frame = dd.read_parquet(
            folder,
            columns=["exception_type"],
            filters=[("day", ">=", "2026-11-04"), ("day", "<=", "2026-11-07")],
        )
        assert frame.groupby("exception_type").size().compute().to_dict() == wanted
    days = (ds.field("day") >= "2026-11-04") & (ds.field("day") <= "2026-11-07")
    found = ds.dataset(folder, partitioning="hive").to_table(["exception_type"], filter=days)
    counts = found.group_by("exception_type").aggregate([([], "count_all")]).to_pydict()
    assert dict(zip(counts["exception_type"], counts["count_all"], strict=True)) == wanted
    query = f"""
        SELECT exception_type, count(*) FROM read_parquet('{folder}/*/*.parquet', hive_partitioning = true)
        WHERE day BETWEEN DATE '2026-11-04' AND DATE '2026-11-07' GROUP BY ALL
    """
    assert dict(duckdb.sql(query).fetchall()) == wanted


def test_duckdb_reads_the_record(extractor):
    """As JSON, and the other columns with their types."""
    extractor.add_failure(at(mine={"deep": "down"}, tags=["a"]))
    folder = extractor.to_parquet("failures")
    files_ = f"read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"
    asked = "json_extract_string(record, '$.mine.deep'), tags, epoch(timestamp), day"
    (row,) = duckdb.sql(f"SELECT {asked} FROM {files_}").fetchall()
    noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert row == ("down", ["a"], noon.timestamp(), noon.date())


@pytest.mark.parametrize("failures", [0, 1])
def test_dask_reads_a_folder_with_and_without_failures(extractor, failures):
    """The same columns, and no error."""
    import dask
    import dask.dataframe as dd

    for _ in range(failures):
        extractor.add_failure(at())
    with dask.config.set(scheduler="synchronous"):
        frame = dd.read_parquet(os.fspath(extractor.to_parquet("failures")))
        assert [*frame.columns] == [*parquet.COLUMNS, "day"]
        assert len(frame) == failures


# ---- what can go wrong


def test_without_pyarrow_it_says_what_to_install(extractor, monkeypatch):
    """And writes nothing."""
    real = builtins.__import__

    def no_pyarrow(name, *rest):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_pyarrow)
    error = fail(extractor.to_parquet, "failures")
    assert type(error) is ImportError
    assert "pip install 'failextract-nb[parquet]'" in str(error)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("folder", "kind"), [(None, TypeError), (5, TypeError), ("", ValueError), ("a\0b", ValueError)]
)
def test_what_is_no_folder(extractor, folder, kind):
    """The error names the argument and what was given."""
    error = fail(extractor.to_parquet, folder)
    assert type(error) is kind
    assert str(error).startswith("folder ")
    assert repr(folder) in str(error)


def test_a_folder_in_the_home(extractor, monkeypatch, tmp_path):
    """~ is the user's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert extractor.to_parquet("~/failures") == tmp_path / "failures"
    assert left()


def refused(extractor, folder, *words):
    """It is said in one line, and the failures are still here."""
    extractor.add_failure(at(exception_message=os.urandom(100_000).hex()))
    error = fail(extractor.to_parquet, folder)
    assert isinstance(error, (OSError, NotAReport)), error
    for word in (os.fspath(folder), ".parquet", *words):
        assert word in str(error)
    assert len(str(error).splitlines()) == 1
    assert len(extractor.failures) == 1


@pytest.mark.parametrize("rest", ["", "inner"])
def test_a_file_in_the_place_of_the_folder(extractor, tmp_path, rest):
    """It stays."""
    (tmp_path / "file").write_text("mine")
    refused(extractor, tmp_path / "file" / rest, "a file, not a folder", "keeps its failures")
    assert (tmp_path / "file").read_text() == "mine"


@posix
def test_a_full_disk(mount, extractor):
    """What was there stays, to the last byte; nothing is left over; later all is written."""
    folder = mount("size=64k") / "failures"
    extractor.add_failure(at(id="old"))
    extractor.to_parquet(folder)
    before = (folder / left(folder)[0]).read_bytes()
    extractor.clear()
    refused(extractor, folder, "No space left", "Free some space", "keeps its failures")
    assert [(folder / name).read_bytes() for name in left(folder)] == [before]
    subprocess.run(["mount", "-o", "remount,size=1m", str(folder.parent)], check=True)
    extractor.to_parquet(folder)
    (path,) = left(folder)
    # From memory: a thread of pyarrow's may have a file open for a moment longer.
    assert pq.read_table(io.BytesIO((folder / path).read_bytes())).num_rows == 2


@posix
def test_a_read_only_disk(mount, extractor):
    """For root too."""
    folder = mount("size=64k")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    refused(extractor, folder / "failures", "Read-only", "can be written to")


def test_a_file_that_is_not_ours(extractor):
    """It is named, and stays; so do those of other columns."""
    folder = f"failures/day={DAY}"
    os.makedirs(folder)
    path = f"{folder}/{failure.process_token}.parquet"
    with open(path, "w") as file:
        file.write("mine")
    refused(extractor, "failures", "cannot be read")
    with open(path) as file:
        assert file.read() == "mine"
    pq.write_table(pa.table({"a": [1]}), path)
    extractor.clear()
    refused(extractor, "failures", "other columns")
    assert pq.read_table(path).to_pydict() == {"a": [1]}
    assert left() == [f"day={DAY}/{failure.process_token}.parquet"]


@pytest.mark.parametrize("what", ["end", "middle"])
def test_a_file_that_was_damaged(extractor, what):
    """It is named, and stays as it is: whoever can may still read some of it."""
    extractor.add_failure(at(exception_message=os.urandom(5_000).hex()))
    extractor.to_parquet("failures")
    path = name_in(left()[0])
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if what == "end":
            file.truncate(size - 100)
        else:
            file.seek(4)
            file.write(b"x" * (size // 2))
    with open(path, "rb") as file:
        before = file.read()
    extractor.clear()
    refused(extractor, "failures", "cannot be read")
    with open(path, "rb") as file:
        assert file.read() == before


@posix
def test_the_file_is_its_owners_alone_until_it_is_there(extractor, monkeypatch):
    """Then it is as the umask says; it is on the disk before it has its name."""
    done = []

    def fsync(handle):
        done.append(os.fstat(handle).st_mode & 0o777)

    monkeypatch.setattr(files.os, "fsync", fsync)
    extractor.add_failure(at())
    before = os.umask(0o027)
    try:
        extractor.to_parquet("failures")
    finally:
        os.umask(before)
    assert done == [0o600]
    assert os.stat(name_in(left()[0])).st_mode & 0o777 == 0o640


def test_a_disk_that_is_busy_is_tried_again(extractor, monkeypatch):
    """The second attempt writes the same."""
    replace, calls = os.replace, []

    def refuse(source, target):
        calls.append(target)
        if len(calls) == 1:
            raise OSError(errno.EBUSY, "busy")
        replace(source, target)

    monkeypatch.setattr(files, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(files.os, "replace", refuse)
    extractor.add_failure(at())
    extractor.to_parquet("failures")
    assert records() == list(extractor.failures)
    assert len(left()) == 1


# ---- what the README says


def test_the_readme_lists_the_columns():
    """With their types, and no others."""
    text = README.partition("<!-- columns: begin -->")[2].partition("<!-- columns: end -->")[0]
    lines = re.findall(r"^\| `(.+?)` \| (.+?) \|$", text, re.M)
    told = {name: kind for kind, names in lines for name in re.findall(r"`(.+?)`", names)}
    assert told == parquet.COLUMNS


def test_the_query_of_the_readme_runs(extractor):
    """In DuckDB, on a folder of this session."""
    for _ in range(2):
        extractor.add_failure(at())
    extractor.add_failure(at(expected=True))
    extractor.add_failure(at("2026-11-19"))
    extractor.to_parquet("failures")
    (query,) = re.findall(r"^```sql\n(.*?)^```", README, re.M | re.S)
    assert duckdb.sql(query).fetchall() == [("ValueError", "no", 2)]
