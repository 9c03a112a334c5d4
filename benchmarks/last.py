"""Print the last results as the Markdown that stands in ``README.md`` beside this file."""

from __future__ import annotations

import json
from typing import Any

from bench import RESULTS
from report import number

HEAD = "| what | against | value | ± | must | reach | met |\n|---|---|--:|--:|--:|--:|---|"


def main() -> None:
    """All rows of ``results.json``, a table for each measurement."""
    results = json.loads(RESULTS.read_text())
    told = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    print(
        f"{results['date'][:10]}, {told.get('cpu_count')} × {told.get('cpu_model_name')}, ", end=""
    )
    print(f"Python {told['python_version'].split()[0]}; {versions}.")
    for name, rows in results["measurements"].items():
        if isinstance(rows, list) and rows:
            print(f"\n`{name}`\n\n{HEAD}")
            for row in rows:
                print(f"| {' | '.join(_cells(row))} |")


def _cells(row: dict[str, Any]) -> list[str]:
    unit, value = row.get("unit", ""), row["value"]
    bounds = [
        f"{bound['sign']} {number(bound['limit'], unit).removesuffix(' faster')}" if bound else ""
        for bound in (row.get("must"), row.get("reach"))
    ]
    met = ", ".join(f"{'' if held else 'not '}{name}" for name, held in row["met"].items())
    shown = number(value["median"], unit)
    return [row["what"], row.get("against", ""), shown, f"{value['spread']:.0%}", *bounds, met]


if __name__ == "__main__":
    main()
