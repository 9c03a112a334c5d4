"""``make bench``: ours, the peers and the limit, side by side, as ratios.

Every measurement runs in a fresh process; what it compares takes turns there, round by round.  A
ratio is made of two figures of one round; the table has the median over the rounds and, as ±, half
the distance between the quartiles.  ``results.json`` has every round.  Times are for the curious;
ratios are to quote.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import report
import rows
from machine import machine, versions

RESULTS = Path(__file__).with_name("results.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write ``results.json``; 1 where something was lost or broke, else 0."""
    wishes = _parser().parse_args(arguments)
    started = perf_counter()
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": wishes.quick,
        "versions": versions(),
        "machine": machine(),
    }
    print(_preface(about))
    with TemporaryDirectory(prefix="failextract-bench-") as folder:
        # A kernel and an IPython write here, and not into the profile of who measures.
        os.environ["IPYTHONDIR"] = os.environ["JUPYTER_RUNTIME_DIR"] = folder
        results, sound = _run(wishes.only or list(rows.MODULES), wishes.quick)
    about["seconds"] = round(perf_counter() - started)
    wishes.results.write_text(json.dumps({**about, "measurements": results}, indent=1) + "\n")
    print(f"\n{about['seconds']} s; all rounds are in {wishes.results}")
    return 0 if sound else 1


def _run(names: Sequence[str], quick: bool) -> tuple[dict[str, Any], bool]:
    """Run each measurement in a process of its own, one after the other, and print its rows."""
    results: dict[str, Any] = {}
    sound = True
    print(f"\n{report.head()}", flush=True)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as fresh:
        for name in names:
            started = perf_counter()
            try:
                title, measured = fresh.submit(rows.measure, name, quick).result()
            except Exception as error:  # noqa: BLE001  # the other measurements are still worth it
                print(f"\n{name}\n  BROKEN: {type(error).__name__}: {error}", flush=True)
                results[name], sound = {"broken": repr(error)}, False
                continue
            title = title if measured else "full runs only"
            print(f"\n{name}: {title} [{perf_counter() - started:.0f} s]", flush=True)
            for row in measured:
                print(report.line(row), flush=True)
                sound = sound and not row.broken
            results[name] = [row.as_json() for row in measured]
    return results, sound


def _preface(about: dict[str, Any]) -> str:
    told = about["machine"]
    cpu = f"{told.get('cpu_count', os.cpu_count())} × {told.get('cpu_model_name', 'CPU')}"
    found = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{about['date']}\n{cpu}, Python {told['python_version']}\n{found}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    parser.add_argument(
        "--only",
        action="append",
        choices=rows.MODULES,
        metavar="NAME",
        help=f"one measurement; may be repeated: {', '.join(rows.MODULES)}",
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FILE", help="where all rounds go"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
