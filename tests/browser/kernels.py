"""Kernels that a server has besides Python's newest."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser.server import Server

# It knows no Python, and gives back all that it was ever asked to run.
ECHO = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
class Echo(Kernel):
    implementation = banner = "Echo"
    implementation_version = "1"
    language_info = {"name": "echo", "mimetype": "text/plain", "file_extension": ".txt"}
    heard = []
    def do_execute(self, code, silent, *_, **__):
        self.heard.append(code)
        content = {"name": "stdout", "text": repr(self.heard)}
        self.send_response(self.iopub_socket, "stream", content)
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


# As where the kernel's environment does not have the package.
MISSING = """import sys
class Missing:
    def find_spec(name, path, target=None):
        if name == "failextract_nb":
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Missing)
"""
WITHOUT = f"""{MISSING}
from ipykernel.kernelapp import IPKernelApp
IPKernelApp.launch_instance()
"""
KERNELS = {"echo": ("echo", ECHO), "older": ("python", OLDER), "without": ("python", WITHOUT)}


@contextmanager
def more_kernels(server: Server, *names: str) -> Iterator[None]:
    """Let notebooks of a server have these of the kernels ``KERNELS``."""
    folder = Path(server.env["JUPYTER_DATA_DIR"]) / "kernels"
    for name in names:
        language, code = KERNELS[name]
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
