"""What all tests share: a clean store, real kernels, and the doors that behave alike."""

from __future__ import annotations

import json
import linecache
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from functools import cache
from math import inf
from pathlib import Path

import coverage
import fastjsonschema
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import failextract_nb
from failextract_nb import FailureExtractor, capture, formats, positions
from failextract_nb._redact import take
from failextract_nb.ci.servers import SIGNS
from failextract_nb.extractor import _OneActive

# The tests may run on a CI server, which is not to be told of what fails in them.
for sign in (*SIGNS.values(), "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "WORKSPACE"):
    os.environ.pop(sign, None)
# Who starts the tests in the background of a shell has Ctrl-C ignored, here and in what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


def take_coverages_lock_in_c():
    """Tests break into running code at any place, and so into coverage's between lock and unlock.

    What is called in C cannot be broken into.
    """
    collector = getattr(coverage.Coverage.current(), "_collector", None)
    lock = getattr(collector, "data_lock", None)
    if lock is not None:
        for one in (collector, *collector.tracers):
            one.lock_data, one.unlock_data = lock.acquire, lock.release


take_coverages_lock_in_c()


def pytest_sessionfinish(session):
    """Keep what a worker has measured: xdist may end it before it gets to its own exit."""
    measuring = coverage.Coverage.current()
    if measuring is not None and hasattr(session.config, "workerinput"):
        measuring.save()


@pytest.fixture(autouse=True)
def clean_store(monkeypatch, tmp_path):
    """Every test starts with no failures, no limits, the base extractor, and its own folder."""
    _OneActive.active = None
    extractor = FailureExtractor()
    extractor.clear()
    extractor.set_memory_limits()
    extractor._store.capture_times.clear()
    extractor._store.save_times.clear()
    take()  # what a test has redacted itself, no record of the next one holds
    if positions._try_again < inf:  # one has failed where no stack was left
        positions.forget()
    monkeypatch.setattr(formats, "_registered", {})
    monkeypatch.setattr(capture, "options", capture.Options())
    monkeypatch.chdir(tmp_path)
    yield
    for listener in extractor._store.listeners:
        owner = getattr(listener, "__self__", None)
        with suppress(AttributeError):
            owner.stop()
    extractor._store.listeners = ()


@cache
def violation(part="failure"):
    """What the published schema has against a record, or None."""
    schema = json.loads((Path(failextract_nb.__file__).parent / "schema.json").read_bytes())
    check = fastjsonschema.compile({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]})

    def say(record):
        try:
            check(record)
        except fastjsonschema.JsonSchemaValueException as error:
            return f"{error.message.removeprefix('data.')}: {error.value!r:.200}"

    return say


@pytest.fixture(autouse=True)
def every_record_is_valid(clean_store, request):
    """What a test leaves in the store is as ``schema.json`` says, whatever it was made of."""
    yield
    store = FailureExtractor._store
    for part, records in (("failure", store.failures), ("passed", store.passed)):
        held = map(records.__getitem__, range(len(records)))
        wrong = {said for record in held if (said := violation(part)(record))}
        assert not wrong, f"{request.node.nodeid} leaves a {part} that is not valid: {wrong}"


@pytest.fixture(autouse=True)
def no_secret_is_overlooked(monkeypatch):
    """Whether a record repeats a secret, a capture knows without a look at all that is in it."""
    without_repeats, overlooked = capture._without_repeats, []

    def checked(record, *given):
        found = without_repeats(record, *given)
        secrets = capture._secrets.get(record["id"])
        if secrets and found is record and secrets.hide(record) is not record:
            overlooked.append(record)
        return found

    monkeypatch.setattr(capture, "_without_repeats", checked)
    yield
    assert not overlooked


@pytest.fixture
def extractor():
    return FailureExtractor()


@pytest.fixture
def run_python(tmp_path):
    """Run code in a fresh interpreter; returns what it printed, fails with its traceback."""

    def run(code: str, *args: str, check: bool = True, **env: str | None):
        done = subprocess.run(
            [sys.executable, *args, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={key: one for key, one in {**os.environ, **env}.items() if one is not None},
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A new shell that keeps no history and shares nothing with other tests."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell(config=config, user_ns={})
    yield shell
    if "failextract_nb" in shell.extension_manager.loaded:
        shell.extension_manager.unload_extension("failextract_nb")
    # IPython names cells by number and content: the next test's shell is another session.
    for name in [name for name in linecache.cache if name.startswith("<ipython-input-")]:
        del linecache.cache[name]


@pytest.fixture
def ip(shell):
    """The same, with the extension loaded."""
    shell.run_line_magic("load_ext", "failextract_nb")
    return shell


@pytest.fixture
def mount(tmp_path):
    """A small disk of its own, where we may make one."""
    mounted = []

    def make(options, inside=tmp_path):
        folder = inside / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"a disk cannot be mounted here: {error}")
        if done.returncode:
            pytest.skip(f"a disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def fail(function, *args, **kwargs) -> BaseException:
    """Call a function that must raise; returns what it raised."""
    try:
        function(*args, **kwargs)
    except BaseException as error:
        return error
    raise AssertionError(f"{function} did not raise")


def example(**more) -> dict:
    """A failure as a user might write it by hand."""
    return {
        "test_name": "test_x",
        "exception_type": "ValueError",
        "exception_message": "no",
        **more,
    }


assert Path(failextract_nb.__file__).parent.parent == ROOT, "the tests must run on this checkout"
