"""Kernels that a server has besides Python's newest."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser.server import Server

# It gives back what it is told, and knows no Python.
ECHO = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
class Echo(Kernel):
    implementation = banner = "Echo"
    implementation_version = "1"
    language_info = {"name": "echo", "mimetype": "text/plain", "file_extension": ".txt"}
    def do_execute(self, code, silent, *_, **__):
        if not silent:
            self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": code})
        return {"status": "ok", "execution_count": self.execution_count, "user_expressions": {}}
IPKernelApp.launch_instance(kernel_class=Echo)
"""
# As ipykernel 6 is: nothing is answered while a cell runs.
OLDER = """
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
class Older(IPythonKernel):
    _supports_kernel_subshells = False
IPKernelApp.launch_instance(kernel_class=Older)
"""


@contextmanager
def more_kernels(server: Server) -> Iterator[None]:
    """Let notebooks of a server have the kernels ``echo`` and ``older``."""
    folder = Path(server.env["JUPYTER_DATA_DIR"]) / "kernels"
    for name, language, code in (("echo", "echo", ECHO), ("older", "python", OLDER)):
        (folder / name).mkdir(parents=True)
        script = folder / name / "kernel.py"
        script.write_text(code)
        argv = [sys.executable, str(script), "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": name.title(), "language": language}
        (folder / name / "kernel.json").write_text(json.dumps(spec))
    try:
        yield
    finally:
        shutil.rmtree(folder)
