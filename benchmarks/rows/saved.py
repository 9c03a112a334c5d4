"""What the table adds to a notebook's file, and how large the front end is."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import orjson
from measure import Figure
from nbclient import NotebookClient
from report import Row, at_most
from traitlets.config import Config

from failextract_nb import widget
from rows.tables import session

DISPLAYS = 10
MANY, LARGE = 100_000, 2_000  # failures, ordinary and with long texts
FILL = """
%load_ext failextract_nb
import orjson
from failextract_nb import FailureExtractor
with open({file!r}, "rb") as file:
    for one in orjson.loads(file.read()):
        FailureExtractor().add_failure(one)
"""
FRAME = '  File "/home/ada/shop/orders.py", line {line}, in total_{line}\n    return price(item)\n'
STATIC = Path(widget.__file__).with_name("static")


def saved(quick: bool) -> Iterator[Row]:
    """Bytes that ten tables add to an executed notebook; bytes of what runs in a page."""
    ordinary = session(1_000 if quick else MANY)
    yield _grown("ten tables in a notebook", ordinary)
    yield _grown("the same, of failures with long texts", [_long(one) for one in session(LARGE)])
    for name in ("widget.js", "report.js"):
        code = (STATIC / name).read_bytes()
        yield Row(f"{name}, minified", Figure([len(code)]), unit="B", must=at_most(250_000))
        yield Row(f"{name}, minified, with gzip", Figure([len(gzip.compress(code))]), unit="B")


def _long(record: dict[str, Any]) -> dict[str, Any]:
    """The same failure with a message of 3,000 characters and a traceback of 300 frames."""
    message = f"{record['exception_message']}: {'“no such day”; ' * 200}"
    frames = "".join(FRAME.format(line=line) for line in range(300))
    return record | {"exception_message": message, "exception_traceback": f"{frames}{message}"}


def _grown(what: str, failures: list[dict[str, Any]]) -> Row:
    with TemporaryDirectory(prefix="failextract-bench-") as folder:
        file = Path(folder) / "failures.json"
        file.write_bytes(orjson.dumps(failures))
        fill = FILL.format(file=str(file))
        shown, plain = (_size(fill, source) for source in ("%failextract", "pass"))
    return Row(
        f"{what} of {len(failures):,}", Figure([shown - plain]), unit="B", must=at_most(400_000)
    )


def _size(fill: str, source: str) -> int:
    """Bytes of an executed notebook with ten cells of this source, and the state of its widgets."""
    cells = [nbformat.v4.new_code_cell(one) for one in (fill, *[source] * DISPLAYS)]
    config = Config()
    config.KernelManager.transport = "ipc"  # no port is opened
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        config=config,
        kernel_name="python3",
        store_widget_state=True,
        timeout=300,
    )
    return len(nbformat.writes(client.execute()).encode())
