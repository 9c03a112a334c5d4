"""Notebooks and kernels for the tests of ``failextract-nb run``, and the command as a process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import nbformat
import psutil

from failextract_nb.batch.notebook import Job, run_notebook
from failextract_nb.cli import main

SOON = 60  # seconds that a test waits for what takes one or two
COMMAND = [sys.executable, "-m", "failextract_nb"]

# A kernel of another language: it adds, and knows nothing of Python.
ADDING = textwrap.dedent("""
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.kernelbase import Kernel

    class Adding(Kernel):
        implementation = language = banner = "adding"
        implementation_version = language_version = "1"
        language_info = {"name": "adding", "mimetype": "text/plain", "file_extension": ".add"}

        def do_execute(self, code, silent, store_history=True, user_expressions=None,
                       allow_stdin=False, **more):
            try:
                text = str(sum(map(int, code.split("+"))))
            except ValueError as error:
                told = {"ename": "NoNumber", "evalue": str(error), "traceback": ["\\x1b[31mNoNumber\\x1b[0m"]}
                self.send_response(self.iopub_socket, "error", told)
                return {"status": "error", "execution_count": self.execution_count, **told}
            self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": text})
            return {"status": "ok", "execution_count": self.execution_count, "payload": [],
                    "user_expressions": {}}

    IPKernelApp.launch_instance(kernel_class=Adding)
""")
# IPython, where failextract_nb is not installed.
WITHOUT_US = (
    "import sys; sys.modules['failextract_nb'] = None; "
    "from ipykernel import kernelapp; kernelapp.launch_new_instance()"
)


def cell(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": [*tags]} if tags else {})


def write(path, *cells, kernel=None):
    """A notebook of these sources and cells; returns its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [cell(one) if isinstance(one, str) else one for one in cells]
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel}} if kernel else {}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


def run(path, **options):
    """Run one notebook here; returns what became of it."""
    return run_notebook(Job(str(path), Path(path).name, **options))


def outcomes(book):
    return [one.outcome for one in book.cells]


def told(book):
    """Of each failure that is not expected its cell, origin and exception."""
    return [
        (one.get("cell_index"), one["origin"], one["exception_type"])
        for one in book.failures
        if not one.get("expected")
    ]


def add_kernel(folder, name, *argv, language="python"):
    """A kernel that JUPYTER_PATH=folder knows."""
    spec = Path(folder, "kernels", name, "kernel.json")
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": [*argv], "display_name": name, "language": language}))


def command(*arguments, check=None, **more):
    """Run the command in a process of its own; returns what it did."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SOON * 2,
        check=False,
        **more,
    )
    if check is not None:
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    return done


def invoke(*arguments, check=None, given=""):
    """Run the command in this process, where no process of its own matters."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(given)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*map(str, arguments)])
    finally:
        sys.stdin = before
    done = subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
    if check is not None:
        assert code == check, (code, done.stdout, done.stderr)
    return done


def until(condition, what="it"):
    """Wait for a condition, and return it."""
    end = time.monotonic() + SOON
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} has not come"
        time.sleep(0.01)
    return found


def gone(pid):
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def number_in(path):
    """The number that a cell has written into a file, once it has."""

    def read():
        text = Path(path).read_text() if Path(path).exists() else ""
        return int(text) if text.endswith("\n") else None

    return until(read, str(path))


TELL = "import os\nwith open({!r}, 'w') as file:\n    print(os.getpid(), file=file)\n"
ENV = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}
