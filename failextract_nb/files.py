"""Files written whole or not at all: what was there is never lost."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from failextract_nb import locks

ATTEMPTS = 3
FIRST_DELAY = 1.0  # seconds before the second attempt; doubled for the third
TRANSIENT = frozenset(
    getattr(errno, name)
    for name in (
        "EAGAIN",
        "EINTR",
        "EBUSY",
        "EIO",
        "ETIMEDOUT",
        "ESTALE",
        "EMFILE",
        "ENFILE",
        "ENXIO",
    )
    if hasattr(errno, name)
)
OPEN_ELSEWHERE = 32  # what Windows says of a file that another program has open

# A temporary file is ".name.failextract-….tmp"; one this old was left by a process that was killed.
MARK, ENDING = ".failextract-", ".tmp"
LEFT_AFTER = 3600.0  # seconds without a change

ANSWERS_WITHIN = 20.0  # seconds, after which a file system is taken for stalled
ASK_AGAIN = 1.0  # seconds in which one that has answered is not asked again
MAX_ANSWERED = 1_000  # folders
_answered: dict[str, float] = {}  # when

_swept: set[str] = set()  # folders that were looked through for what killed processes left

_ADVICE = {
    errno.ENOSPC: "Free some space, or name a path on another disk",
    errno.EFBIG: "The system's limit for a file is reached: save fewer failures or raise it",
    errno.EROFS: "Name a path in a folder that can be written to",
    errno.EACCES: "Name a path in a folder that you may write to, or close the file elsewhere",
    errno.EPERM: "Name a path in a folder that you may write to",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ELOOP: "Its links lead in a circle: remove them or name another path",
    errno.ENOTDIR: "A part of the path is a file, not a folder: name another path",
    errno.EISDIR: "Name a file in it",
    errno.ENXIO: "Nobody reads this pipe: start its reader first",
    errno.ETIMEDOUT: "Save again when that is done, or name another path",
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _ADVICE[errno.EDQUOT] = "Your quota is used up: remove files, or name a path on another disk"


def write(path: Path, chunks: Callable[[], Iterable[str]]) -> None:
    """Make ``path`` hold the text that ``chunks()`` gives; missing folders are made.

    ``chunks`` is called once for each attempt, and no other thread or process writes the file
    meanwhile: it may read the old text.  Transient errors of the file system are tried again.
    Raises OSError that names the file and says what to do; then the old file stands.
    """
    with _told(path):
        if path.exists() and not (path.is_file() or path.is_dir()):
            with locks.alone(os.path.realpath(path), processes=False):
                _with_retries(lambda: _write_through(path, chunks))
            return
        _rewrite(path, lambda file: file.writelines(chunks()))


def write_bytes(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Make ``path`` hold what ``fill`` writes into the file it is handed; else as ``write``."""
    with _told(path):
        _rewrite(path, lambda file: fill(file.buffer))


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A temporary file beside ``path`` that is put in its place in one step at the end.

    Whatever is raised before that leaves the old file as it was.  Raises OSError as ``write``.
    """
    with _told(path):
        target = _target(path)
        with _temporary(target) as (file, put):
            yield file
            with locks.alone(target):
                put()


def _write_through(path: Path, chunks: Callable[[], Iterable[str]]) -> None:
    """Write to a device or a pipe such as /dev/null or /dev/stdout, which nothing may replace."""
    # Whoever opens a pipe that nobody reads would wait, for ever perhaps.
    handle = os.open(path, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        if hasattr(os, "set_blocking"):
            os.set_blocking(handle, True)
        file.writelines(chunks())


def _rewrite(path: Path, fill: Callable[[TextIO], object]) -> None:
    target = _target(path)

    def replace() -> None:
        with _temporary(target) as (file, put):
            fill(file)
            put()

    with locks.alone(target):
        _with_retries(replace)


def _target(path: Path) -> str:
    """The file that ``path`` leads to, in a folder that is there; a link stays a link."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "the report needs a file, and this is a folder")
    target = os.path.realpath(path)
    if os.path.islink(target):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error
    if os.path.exists(target) and not os.path.isfile(target):
        raise OSError(errno.EINVAL, "this is no file but a device or a pipe")
    return target


@contextmanager
def _temporary(target: str) -> Iterator[tuple[TextIO, Callable[[], None]]]:
    """A new file beside ``target``, and what puts it there; gone whatever is raised."""
    folder, name = os.path.split(target)
    process, temporary = os.getpid(), ""
    try:
        # For its owner only, and made by us: mkstemp follows no link that somebody has laid.
        handle, temporary = tempfile.mkstemp(ENDING, f".{name[:50]}{MARK}", folder)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            _sweep(folder, os.fstat(handle).st_mtime)

            def put() -> None:
                file.flush()
                os.fsync(file.fileno())
                file.close()
                with suppress(OSError, AttributeError):  # root's to keep, and of what has owners
                    old = os.stat(target)
                    os.chown(temporary, old.st_uid, old.st_gid)
                os.chmod(temporary, _mode(target))
                os.replace(temporary, target)

            yield file, put
    except BaseException:
        if temporary and os.getpid() == process:  # a forked child leaves it to its parent
            with suppress(OSError):
                os.unlink(temporary)
        raise


def _sweep(folder: str, now: float) -> None:
    """Remove what killed processes have left here, once for each folder; ``now`` by its clock."""
    if folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                continue
            with suppress(OSError):
                if entry.name.endswith(locks.ENDING):
                    locks.drop(entry.path)
                elif MARK in entry.name and entry.name.endswith(ENDING):
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode) and found.st_mtime < now - LEFT_AFTER:
                        os.unlink(entry.path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Name the file in what the system says, which may name none, or the temporary one."""
    try:
        _wait_for_folder(os.path.dirname(os.path.abspath(path)))
        yield
    except OSError as error:
        if error.errno is None:  # a text that a format has chosen
            raise
        said = (error.strerror or type(error).__name__).rstrip(".")
        advice = _ADVICE.get(error.errno, "Try again, or name another path")
        text = (
            f"{said}. The report was not written: what stood there stays, and the session keeps "
            f"its failures. {advice}"
        )
        # Another one, as the name of a second file cannot be taken from the first.
        raise OSError(error.errno, text, str(path)) from error


def real(path: str | os.PathLike[str]) -> str:
    """``path`` without links, as far as its file system answers."""
    absolute = os.path.abspath(path)
    try:
        _wait_for_folder(os.path.dirname(absolute))
    except TimeoutError:  # who writes there is told
        return absolute
    return os.path.realpath(absolute)


def _wait_for_folder(folder: str) -> None:
    """Raise TimeoutError where a file system does not answer, as one of the network that stalls.

    It is asked on a thread of its own, which nobody could end: it waits as long as there is none.
    """
    now = time.monotonic()
    if now < _answered.get(folder, 0.0) + ASK_AGAIN:
        return
    asking = threading.Thread(target=_ask, args=(folder,), name="failextract-ask", daemon=True)
    try:
        asking.start()
    except RuntimeError:  # the interpreter is going down
        return
    asking.join(ANSWERS_WITHIN)
    if asking.is_alive():
        said = f"The folder's file system has not answered within {ANSWERS_WITHIN:g} s"
        raise TimeoutError(errno.ETIMEDOUT, said)
    if len(_answered) >= MAX_ANSWERED:
        _answered.clear()
    _answered[folder] = now


def _ask(folder: str) -> None:
    """Ask the file system of a folder, or of the one that it will be made in."""
    ask = getattr(os, "statvfs", os.stat)  # not from what is remembered here of a network's
    with suppress(OSError):  # an answer, too
        while not _is_answered(ask, folder):
            folder = os.path.dirname(folder)


def _is_answered(ask: Callable[[str], object], folder: str) -> bool:
    try:
        ask(folder)
    except FileNotFoundError:
        return folder == os.path.dirname(folder)
    return True


def _mode(target: str) -> int:
    """The permissions of the file that is replaced, else what the user's umask gives."""
    with suppress(OSError):
        return os.stat(target).st_mode & 0o777
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
            busy = getattr(error, "winerror", None) == OPEN_ELSEWHERE
            if not (busy or error.errno in TRANSIENT) or attempt == ATTEMPTS:
                raise
        else:
            return
        time.sleep(delay)
        delay *= 2
