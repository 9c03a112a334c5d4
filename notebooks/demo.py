"""``make demo``: execute the quickstart in a real kernel and show what it captured."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nbclient
import nbformat

from failextract_nb import printed

HERE = Path(__file__).parent
OUT = HERE.parent / "build" / "demo"


def main() -> int:
    """Run the notebook in ``build/demo``; print the table and where the reports lie."""
    OUT.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(HERE / "quickstart.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(OUT)}}
    )
    print("Executing notebooks/quickstart.ipynb …", flush=True)
    client.execute()
    nbformat.write(notebook, OUT / "quickstart.ipynb")
    report = json.loads((OUT / "reports" / "failures.json").read_text(encoding="utf-8"))
    about = report["metadata"]
    print(f"\nCaptured: {printed.to_text(report['failures'], about)}\n\nReports:")
    for path in sorted((OUT / "reports").iterdir()):
        print(f"  {os.path.relpath(path)}  ({path.stat().st_size} bytes)")
    print(f"\nThe executed notebook: {os.path.relpath(OUT / 'quickstart.ipynb')}")
    return 0 if report["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
