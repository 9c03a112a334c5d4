"""Fixtures of the browser tests: one Chromium and one server of each kind, a page for each test."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from browser import chromium
from browser.lab import Server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # What a page asks of another host is noted by Watch, and never leaves.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# What Jupyter itself raises or logs, by the name of what it is.
ALLOWED = {
    "a plugin's settings are there before those of the shortcuts plugin": re.compile(
        r"reading 'schema'\)\n\s+at http\S+/static/(lab/jlab|notebook/notebook)_core\."
    ),
    "a kernel is shut down or restarted before it has answered": re.compile(
        r"Canceled future for (kernel_info|create_subshell|delete_subshell)_request message"
    ),
    "a kernel is restarted or left before it has told its debugger's state": re.compile(
        r"^(Could not restore the debugger state|Error): "
        r"(Canceled future for debug_request|A kernel is required to send debug messages"
        r"|Kernel name is not defined)"
    ),
    "a notebook is closed before it has heard that it was activated": re.compile(
        r"reading 'footer'\)\n\s+at \S+\._ensureFocus .*\n\s+at \S+\.onActivateRequest"
    ),
    "JupyterLab 4.2 measures the toolbar of a cell that has just gone": re.compile(
        r"\n\s+at \w+\._(cellToolbar|markdown)Overlaps\w+ \(http\S+/static/(lab/jlab|notebook/notebook)_core\."
    ),
    "Notebook 7.2 shows when a notebook was saved that never was": re.compile(
        r"reading 'last_modified'\)\n\s+at \w+ \(http\S+/static/notebook/\d+\.bundle\.js"
    ),
}


class Watch:
    """Notes what no page may do: ask another host, raise an error, log one to the console."""

    def __init__(self):
        self.foreign: list[str] = []
        self.errors: list[str] = []

    def look(self, context) -> None:
        context.on("request", lambda request: self._asked(request.url))
        context.on("page", lambda page: page.on("websocket", lambda one: self._asked(one.url)))
        context.on("weberror", lambda one: self._failed(one.error.stack or str(one.error)))
        context.on("console", self._logged)

    def _asked(self, url: str) -> None:
        if urlsplit(url).hostname not in (None, "127.0.0.1"):
            self.foreign.append(url)

    def _logged(self, message) -> None:
        if message.type == "error":
            self._failed(f"{message.text}\n    at {message.location['url']}")

    def _failed(self, text: str) -> None:
        if not any(allowed.search(text) for allowed in ALLOWED.values()):
            self.errors.append(text)

    def forget(self) -> None:
        """Forget what was noted so far: the test has looked at it."""
        self.foreign.clear()
        self.errors.clear()

    def check(self) -> None:
        assert not self.foreign, f"the page asked other hosts: {self.foreign}"
        assert not self.errors, f"the page logged errors: {self.errors}"


@pytest.fixture(scope="session")
def _playing():
    """Chromium, and the event loop that Playwright leaves running in this thread.

    Between browser tests no loop runs: other tests call asyncio.run().
    """
    path = chromium.find()
    with sync_playwright() as playwright:
        loop = asyncio.get_running_loop()
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="session")
def browser(_playing):
    """The Chromium of this session; to be used together with ``context`` or ``page``."""
    return _playing[0]


@pytest.fixture(scope="session")
def _servers():
    """The servers that tests have asked for."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def lab(_servers, tmp_path_factory):
    """A JupyterLab server."""
    _servers.append(Server("jupyterlab", tmp_path_factory.mktemp("lab")).start())
    return _servers[-1]


@pytest.fixture(scope="session")
def notebook7(_servers, tmp_path_factory):
    """A Notebook 7 server."""
    _servers.append(Server("notebook", tmp_path_factory.mktemp("notebook7")).start())
    return _servers[-1]


@pytest.fixture(params=["lab", "notebook7"])
def server(request):
    """Each of both: a test that takes it runs twice."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def watch():
    """What the pages of this test did wrong so far; checked when it ends."""
    return Watch()


@pytest.fixture
def context(_playing, _servers, watch):
    """A browser profile of its own; at the end its pages are closed and the servers are cleared."""
    browser, loop = _playing
    asyncio._set_running_loop(loop)
    context = browser.new_context(
        permissions=["clipboard-read", "clipboard-write"], service_workers="block"
    )
    context.set_default_timeout(20_000)
    watch.look(context)
    yield context
    context.close()
    asyncio._set_running_loop(None)
    for server in _servers:
        server.clear()
    watch.check()


@pytest.fixture
def page(context):
    """A page that fails its test when it asks another host or logs an error."""
    return context.new_page()
