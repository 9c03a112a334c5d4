"""Files written whole or not at all: what was there is never lost."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO
from weakref import WeakValueDictionary

ATTEMPTS = 3
FIRST_DELAY = 1.0  # seconds before the second attempt; doubled for the third
TRANSIENT = frozenset(
    getattr(errno, name)
    for name in ("EAGAIN", "EINTR", "EBUSY", "EIO", "ETIMEDOUT", "ESTALE", "EMFILE", "ENFILE")
    if hasattr(errno, name)
)

_path_locks: WeakValueDictionary[str, Any] = WeakValueDictionary()
_path_locks_lock = threading.Lock()


def _new_locks() -> None:
    """In a forked child: the threads that held a lock are not there to give it back."""
    global _path_locks_lock  # noqa: PLW0603  # what a fork has to renew
    _path_locks_lock = threading.Lock()
    _path_locks.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_new_locks)


def write(path: Path, chunks: Callable[[], Iterable[str]]) -> None:
    """Make ``path`` hold the text that ``chunks()`` gives; missing folders are made.

    ``chunks`` is called once for each attempt, and alone for its file: it may read the old text.
    Transient errors of the file system are tried again.  Raises OSError; then the old file stands.
    """
    put = _write_through if path.exists() and not (path.is_file() or path.is_dir()) else _replace
    with _lock_of(path):
        _with_retries(lambda: put(path, chunks))


def _write_through(path: Path, chunks: Callable[[], Iterable[str]]) -> None:
    """Write to a device or a pipe such as /dev/null or /dev/stdout, which nothing may replace."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.writelines(chunks())


def _replace(path: Path, chunks: Callable[[], Iterable[str]]) -> None:
    with replacing(path) as file:
        file.writelines(chunks())


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A temporary file beside ``path`` that is put in its place in one step at the end.

    Whatever is raised before that leaves the old file as it was.  Raises OSError.
    """
    if path.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "the report needs a file, and this is a folder", str(path)
        )
    target = Path(os.path.realpath(path))  # a link stays a link
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name[:50]}.", suffix=".tmp"
        )
        with open(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):  # it names the temporary file, or none: the disk is full
            error.filename, error.filename2 = str(path), None
        raise


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, else what the user's umask gives."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    return 0o666 & ~_umask()


def _umask() -> int:
    """Linux tells it; elsewhere the only way to read it is to set it for a moment."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _with_retries(write: Callable[[], None]) -> None:
    delay = FIRST_DELAY
    for attempt in range(1, ATTEMPTS + 1):
        try:
            write()
        except OSError as error:
            if error.errno not in TRANSIENT or attempt == ATTEMPTS:
                raise
        else:
            return
        time.sleep(delay)
        delay *= 2


def _lock_of(path: Path) -> Any:
    """One lock for each file, so that two threads cannot append to the same old text."""
    key = os.path.realpath(path)
    with _path_locks_lock:
        return _path_locks.setdefault(key, threading.Lock())
