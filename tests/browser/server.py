"""A real JupyterLab or Notebook 7 server, which leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import psutil

APPUTILS = "@jupyterlab/apputils-extension"
OPTIONS = [
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--IdentityProvider.token=",
    "--ServerApp.password=",
    "--ServerApp.disable_check_xsrf=True",
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
    "--LabApp.extension_manager=readonly",  # the other one asks PyPI
    # Ports are chosen before a kernel binds them: another kernel's may be the same.
    "--ConnectionFileMixin.transport=ipc",
]


def until(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Return the first true answer of ``condition``; TimeoutError naming ``what`` is awaited."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return answer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Server:
    """One server process on a free port, with this interpreter's packages and no one's settings."""

    def __init__(self, app: Literal["jupyterlab", "notebook"], folder: Path) -> None:
        self.app = app
        self.folder = folder / "notebooks"
        self.folder.mkdir(parents=True)
        self.settings = folder / "settings"
        # The path of a kernel's socket must be short.
        self.runtime = Path(tempfile.mkdtemp(prefix="ft-"))
        self.log = folder / "log.txt"
        self.env = {
            **{
                key: one
                for key, one in os.environ.items()
                if not key.startswith(("JUPYTER", "JPY"))
            },
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(self.settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "IPYTHONDIR": str(folder / "ipython"),
        }
        self.set("notification", fetchNews="false", checkForUpdates=False)
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def start(self) -> Server:
        """Return once requests are answered; RuntimeError with the server's log if it ends."""
        # The server takes another port where this one is taken by now, and tells which.
        where = [f"--ServerApp.root_dir={self.folder}", f"--ServerApp.port={free_port()}"]
        command = [sys.executable, "-m", self.app, *OPTIONS, *where]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=log, stderr=log
            )
        try:
            until(self._answers, f"an answer of {self.app}", 60)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.app} ended:\n{self.log.read_text()}")
        try:
            told = (self.runtime / f"jpserver-{self.process.pid}.json").read_text()
            self.address: str = json.loads(told)["url"]
            self.ask("GET", "api/status")
        except (OSError, ValueError):  # not written yet, half written, or not listening yet
            return False
        return True

    def set(self, plugin: str, **settings: Any) -> None:
        """Write settings of one of the apputils, such as ``themes``, for pages opened from now."""
        file = self.settings / APPUTILS / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))

    def ask(self, method: str, path: str) -> Any:
        """Return what the REST API answers, as JSON tells it; None where it says nothing."""
        request = urllib.request.Request(self.address + path, method=method)
        with self._open(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def shutdown_kernels(self) -> None:
        """End every session as a user does, so that kernels leave in their own time."""
        while sessions := self.ask("GET", "api/sessions"):  # one kernel may have several
            self.ask("DELETE", f"api/sessions/{sessions[0]['id']}")

    def clear(self) -> None:
        """Leave no kernel and no file of the notebooks that were open."""
        self.shutdown_kernels()
        for one in self.folder.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs with this server's folders: itself, kernels, and their children."""
        return [one for one in psutil.process_iter() if self._owns(one)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("JUPYTER_RUNTIME_DIR") == str(self.runtime)
        except psutil.Error:
            return False

    def stop(self, seconds: float = 60) -> None:
        """Stop kernels and server; AssertionError naming the processes that had to be killed.

        The server is not among them: JupyterLab 4.2's has once said that it shuts down, and was
        still there a minute later.
        """
        if self.process.poll() is None:
            self.shutdown_kernels()
            self.ask("POST", "api/shutdown")
        started = self.processes()  # its own children would lose its name with it
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds / 3)
        self.process.kill()
        left = psutil.wait_procs(started, timeout=seconds)[1]
        names = [f"{one.pid} {' '.join(one.cmdline())}" for one in left]
        for one in left:
            one.kill()
        self.process.wait()
        shutil.rmtree(self.runtime)
        assert not names, f"{self.app} left processes behind: {names}"
