"""The notebook of a fleet: what its query says is what counting says."""

from __future__ import annotations

import re
import sys

import nbformat
import pytest
from conftest import ROOT

BOOK = nbformat.read(ROOT / "notebooks" / "fleet.ipynb", as_version=4)
CELLS = [cell.source for cell in BOOK.cells if cell.cell_type == "code"]
TEXTS = "\n".join(cell.source for cell in BOOK.cells if cell.cell_type == "markdown")

# Counted file by file, of files that are found by their names.
COUNTED = """
from collections import Counter

counter = Counter()
for path in sorted(fleet.glob("*/*.parquet")):
    if "day=2026-11-20" <= path.parent.name <= "day=2026-11-26":
        columns = pq.ParquetFile(path).read(["exception_type", "exception_message", "expected"])
        kinds = zip(*(column.to_pylist() for column in columns.columns), strict=True)
        counter.update((kind, message) for kind, message, expected in kinds if not expected)
assert list(week.items()) == counter.most_common(10), (week, counter)
assert 0 < sum(counter.values()) < 600_000
"""
IN_DUCKDB = f"""
import duckdb

(query,) = {re.findall(r"^```sql$(.*?)^```$", TEXTS, re.M | re.S)!r}
found = duckdb.sql(query.replace("'fleet/", f"'{{fleet}}/")).fetchall()
assert {{(kind, message): count for kind, message, count in found}} == week.to_dict(), found
assert [count for _, _, count in found] == list(week)
"""
IN_PYARROW = """
days = (ds.field("day") >= "2026-11-20") & (ds.field("day") <= "2026-11-26")
found = dataset.to_table(["exception_type"], filter=days & ~ds.field("expected"))
assert found.num_rows == sum(counter.values())
assert dataset.count_rows() == ROWS == 1_000_000
"""
# What the notebook writes is what to_parquet writes.
SAME_SCHEMA = """
schemas = {str(pq.read_schema(path).remove_metadata()) for path in folder.rglob("*.parquet")}
assert len(schemas) == 1, schemas
"""
MEMORY = """
import resource, sys

if sys.platform == "linux":  # what getrusage() tells begins with what the parent had
    (peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
    print("MEMORY", int(peak) * 1024)
else:
    print("MEMORY", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_the_top_ten_of_a_million_are_those_that_counting_finds(run_python):
    """By Dask as in the notebook, by Counter, DuckDB and pyarrow; in less than a gigabyte."""
    assert CELLS[-1] == "temporary.cleanup()"
    checks = [
        SAME_SCHEMA,
        MEMORY if sys.platform != "win32" else "",
        COUNTED,
        IN_DUCKDB,
        IN_PYARROW,
    ]
    done = run_python("\n".join([*CELLS[:-1], *checks, CELLS[-1], "assert not folder.exists()"]))
    assert "1 file\n" in done.stdout
    assert "1,000,000 failures\n" in done.stdout
    assert "True\n" in done.stdout
    assert not re.search(r"[/\\\\]|\d\d:\d\d", done.stdout), "a path or a time"
    for used in re.findall(r"^MEMORY (\d+)$", done.stdout, re.M):
        assert int(used) < 1_000_000_000


@pytest.mark.parametrize("word", ["/tmp", "/home", "/work", "C:\\"])
def test_the_notebook_names_no_place_of_a_machine(word):
    """It runs anywhere."""
    assert word not in "\n".join([*CELLS, TEXTS])
