"""Executes notebooks as the tests compare them: in a real kernel, plain or with the extension."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import nbclient
import nbformat
from jupyter_client import BlockingKernelClient, KernelManager
from nbclient.util import run_sync
from traitlets.config import Config

from failextract_nb.batch.client import notice_all

EXTENSION = ["--ext=failextract_nb"]  # loaded from outside: the notebook stays as it is
_TELL = """
import json as _json
from failextract_nb import FailureExtractor as _extractor
print(_json.dumps(list(_extractor().failures)))
"""


@dataclass
class Run:
    """What one execution of a notebook gave."""

    notebook: nbformat.NotebookNode
    failed: list[tuple[int, str, str]] = field(default_factory=list)  # cell's count, type, message
    captured: list[dict] = field(default_factory=list)

    def summary(self) -> list[tuple[int, str, str]]:
        return [
            (one["execution_count"], one["exception_type"], one["exception_message"])
            for one in self.captured
        ]


def execute(
    notebook: nbformat.NotebookNode | Path,
    folder: Path,
    extension: bool,
    tell: bool = False,
    env: dict[str, str] | None = None,
) -> Run:
    """Run every cell, failing or not; ``failed`` is what the kernel's replies say.

    A cell with tags is sent as JupyterLab sends it; a raw cell is a click on the button whose id
    the cell before has shown.  ``tell`` asks for the failures also where no extension was loaded
    from outside.
    """
    if isinstance(notebook, Path):
        notebook = nbformat.read(notebook, as_version=4)
    run = Run(notebook)

    def note(cell, cell_index, execute_reply):
        content = execute_reply["content"]
        if content["status"] == "error":
            run.failed.append((content["execution_count"], content["ename"], content["evalue"]))

    options = {"on_cell_executed": note, "extra_arguments": EXTENSION if extension else []}
    with (
        plainly(notebook, folder, allow_errors=True, timeout=120, **options) as client,
        client.setup_kernel(**({"env": env} if env else {})),
    ):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "raw":
                click(client, output(notebook.cells[index - 1]).strip("'"))
            else:
                with tagged(client, cell):
                    client.execute_cell(cell, index)
        if extension or tell:
            telling = nbformat.v4.new_code_cell(_TELL)
            notebook.cells.append(telling)
            client.execute_cell(telling, len(notebook.cells) - 1)
            notebook.cells.pop()
            text = "".join(out["text"] for out in telling.outputs if out["output_type"] == "stream")
            run.captured = json.loads(text)
    return run


@contextmanager
def listening() -> Iterator[dict[str, str]]:
    """Where a kernel listens: at files of its own.

    Ports that its manager finds free another process may take before the kernel does; only servers,
    and our own ``run``, start a kernel again that dies of it.
    """
    with TemporaryDirectory(prefix="kernel-") as place:  # a short path: a socket's name is bounded
        yield {} if os.name == "nt" else {"transport": "ipc", "ip": os.path.join(place, "at")}


class Hearing:
    """What makes one of nbclient's clients hear every reply.

    Where an Output widget makes it send while it waits, it waits for ever: on a busy machine, each
    time.
    """

    async def async_start_new_kernel_client(self):
        kc = await super().async_start_new_kernel_client()
        notice_all(kc.shell_channel)
        return kc

    start_new_kernel_client = run_sync(async_start_new_kernel_client)


class Plain(Hearing, nbclient.NotebookClient):
    """Plain nbclient, but for that."""


@contextmanager
def plainly(notebook: nbformat.NotebookNode, folder: Path, **options) -> Iterator[Plain]:
    """nbclient's client for a notebook that runs in a folder."""
    with listening() as where:
        config = Config({"KernelManager": where})
        resources = {"metadata": {"path": str(folder)}}
        yield Plain(notebook, config=config, resources=resources, **options)


def execute_plainly(
    notebook: nbformat.NotebookNode, folder: Path, **options
) -> nbformat.NotebookNode:
    """Let nbclient run a notebook in a folder."""
    with plainly(notebook, folder, **options) as client:
        return client.execute()


@contextmanager
def kernel(folder: Path, extension: bool = True) -> Iterator[BlockingKernelClient]:
    """A kernel, with the extension unless told otherwise, and the client that speaks to it."""
    with listening() as where:
        manager = KernelManager(**where)
        manager.start_kernel(extra_arguments=EXTENSION if extension else [], cwd=str(folder))
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def click(client: nbclient.NotebookClient, comm_id: str) -> None:
    """Let the front end click on a button."""
    content = {"comm_id": comm_id, "data": {"method": "custom", "content": {"event": "click"}}}
    client.kc.shell_channel.send(client.kc.session.msg("comm_msg", content))


@contextmanager
def tagged(client: nbclient.NotebookClient, cell: nbformat.NotebookNode):
    """What JupyterLab puts into the metadata of a request, and nbclient does not."""
    session = client.kc.session
    make = session.msg

    def msg(kind, *args, **more):
        if kind == "execute_request":
            more["metadata"] = {"cellId": cell.id, **cell.metadata}
        return make(kind, *args, **more)

    if cell.metadata.get("tags"):
        session.msg = msg
    try:
        yield
    finally:
        session.msg = make


def notebook(*sources: str) -> nbformat.NotebookNode:
    """A notebook of these code cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def output(cell: nbformat.NotebookNode) -> str:
    """All that a cell shows as text."""
    parts = []
    for out in cell.outputs:
        if out["output_type"] == "stream":
            parts.append(out["text"])
        elif out["output_type"] == "error":
            parts.append(f"{out['ename']}: {out['evalue']}")
        else:
            parts.append(out["data"].get("text/html") or out["data"].get("text/plain", ""))
    return "".join(parts)
