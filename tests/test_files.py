"""Files are written whole or not at all, whatever goes wrong."""

from __future__ import annotations

import errno
import os
import subprocess
import threading

import pytest
from conftest import fail

from failextract_nb import files

posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and pipes are POSIX'")


def put(path, *chunks):
    files.write(path, lambda: chunks)


def breaks():
    """Chunks that end in an error half-way."""
    yield "half"
    raise RuntimeError("broken")


def test_a_file_is_made_of_the_chunks(tmp_path):
    """In UTF-8, with the newlines as they are."""
    put(tmp_path / "x", "a\r\n", "é\n")
    assert (tmp_path / "x").read_bytes() == "a\r\né\n".encode()


def test_what_no_encoder_takes_is_escaped(tmp_path):
    """A lone surrogate does not cost the report."""
    put(tmp_path / "x", "a\ud800")
    assert (tmp_path / "x").read_text() == "a\\ud800"


def test_missing_folders_are_made(tmp_path):
    """As deep as they are."""
    put(tmp_path / "a" / "b" / "x", "1")
    assert (tmp_path / "a" / "b" / "x").read_text() == "1"


def test_an_error_half_way_leaves_the_old_file_and_no_other(tmp_path):
    """What was there is there, and no temporary file is."""
    put(tmp_path / "x", "old")
    assert type(fail(files.write, tmp_path / "x", breaks)) is RuntimeError
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_an_error_half_way_leaves_no_new_file(tmp_path):
    """Where nothing was, nothing is."""
    fail(files.write, tmp_path / "x", breaks)
    assert os.listdir(tmp_path) == []


def test_a_reader_never_sees_a_part(tmp_path):
    """While the chunks come, the file still holds the old text."""
    path = tmp_path / "x"
    put(path, "old")
    seen = []

    def chunks():
        for _ in range(3):
            yield "new" * 10_000
            seen.append(path.read_text())

    files.write(path, chunks)
    assert seen == ["old"] * 3
    assert path.read_text() == "new" * 30_000


def test_chunks_are_not_kept(tmp_path):
    """A long report needs the memory of a few chunks: a chunk goes once it is written."""
    alive = most = 0

    class Chunk(str):
        __slots__ = ()

        def __del__(self):
            nonlocal alive
            alive -= 1

    def chunks():
        nonlocal alive, most
        for _ in range(5_000):
            alive += 1
            most = max(most, alive)
            yield Chunk("x" * 2_000)

    files.write(tmp_path / "x", chunks)
    assert (tmp_path / "x").stat().st_size == 10_000_000
    assert alive == 0
    assert most < 10


@posix
def test_a_link_stays_a_link(tmp_path):
    """The file that it leads to is replaced, there or not."""
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder" / "x", tmp_path / "folder" / "new"):
        link = tmp_path / f"link to {target.name}"
        link.symlink_to(target)
        put(link, "1")
        assert link.is_symlink()
        assert target.read_text() == "1"


@posix
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_a_new_file_has_the_permissions_of_the_umask(tmp_path, umask, monkeypatch):
    """Not those of a temporary file, which only its owner can read."""
    before = os.umask(umask)
    try:
        put(tmp_path / "x", "1")
        # Where the system does not tell it:
        monkeypatch.setattr(files.Path, "read_text", lambda *_, **__: "")
        put(tmp_path / "y", "1")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    for name in "xy":
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~umask


@posix
def test_an_old_file_keeps_its_permissions(tmp_path):
    """A report that the group could read can still be read."""
    put(tmp_path / "x", "1")
    (tmp_path / "x").chmod(0o640)
    put(tmp_path / "x", "2")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_a_folder_is_no_target(tmp_path):
    """The error names it and says what it is."""
    error = fail(put, tmp_path, "1")
    assert type(error) is IsADirectoryError
    assert "this is a folder" in str(error)
    assert str(tmp_path) in str(error)


def test_a_file_is_no_folder(tmp_path):
    """The error names it; the file stays."""
    put(tmp_path / "x", "old")
    error = fail(put, tmp_path / "x" / "y", "1")
    assert isinstance(error, OSError)
    assert str(tmp_path / "x") in str(error)
    assert (tmp_path / "x").read_text() == "old"


@posix
def test_a_pipe_is_written_to_and_never_replaced(tmp_path):
    """As a device is: root could replace /dev/null by a file, for everyone."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        got = []
        reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
        reader.start()
        put(path, "a", "b")
        reader.join(10)
        assert got == ["ab"]
    assert pipe.is_fifo()
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


@posix
def test_a_folder_that_may_not_be_written_to(run_python):
    """The error names the file; the old one stays."""
    done = run_python("""
        import os, sys, tempfile
        from pathlib import Path
        from failextract_nb import files
        if os.getuid() == 0:
            os.setuid(65534)  # root may write everywhere
        folder = Path(tempfile.mkdtemp(dir="/tmp"))
        try:
            (folder / "report").write_text("old")
            folder.chmod(0o500)
            try:
                files.write(folder / "report", lambda: ["new"])
            except PermissionError as error:
                print(error)
            assert os.listdir(folder) == ["report"]
            assert (folder / "report").read_text() == "old"
        finally:
            folder.chmod(0o700)
            (folder / "report").unlink()
            folder.rmdir()
    """)
    assert "Permission denied" in done.stdout
    assert "report" in done.stdout


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file(small_disk):
    """The error names the file; nothing is left of the attempt."""
    path = small_disk / "x"
    put(path, "old")
    error = fail(put, path, *["x" * 10_000] * 20)
    assert isinstance(error, OSError)
    assert error.errno == errno.ENOSPC
    assert str(path) in str(error)
    assert os.listdir(small_disk) == ["x"]
    assert path.read_text() == "old"


def test_an_error_without_a_name_gets_the_files(tmp_path, monkeypatch):
    """As a full disk gives it: "No space left on device", and one asks which."""

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    assert str(tmp_path / "x") in str(fail(put, tmp_path / "x", "1"))
    assert os.listdir(tmp_path) == []


# ---- retries


@pytest.fixture
def delays(monkeypatch):
    """The pauses between attempts, which take no time here."""
    slept = []
    monkeypatch.setattr(files.time, "sleep", slept.append)
    return slept


def failing(monkeypatch, number, times):
    """The first ``times`` replacements of a file fail."""
    calls = []
    replace = os.replace

    def some_replace(source, target):
        calls.append(target)
        if len(calls) <= times:
            raise OSError(number, os.strerror(number), source, None, target)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", some_replace)
    return calls


@pytest.mark.parametrize("number", sorted(files.TRANSIENT), ids=errno.errorcode.get)
def test_a_transient_error_is_tried_again_with_doubled_delays(
    tmp_path, monkeypatch, delays, number
):
    """A network file system that hiccups twice costs three seconds, not the report."""
    calls = failing(monkeypatch, number, 2)
    put(tmp_path / "x", "1")
    assert (tmp_path / "x").read_text() == "1"
    assert len(calls) == 3
    assert delays == [1, 2]


def test_the_error_of_the_last_attempt_is_raised(tmp_path, monkeypatch, delays):
    """Three attempts, then the user hears of it; nothing is left over."""
    calls = failing(monkeypatch, errno.EBUSY, 99)
    error = fail(put, tmp_path / "x", "1")
    assert error.errno == errno.EBUSY
    assert len(calls) == files.ATTEMPTS == 3
    assert delays == [1, 2]
    assert os.listdir(tmp_path) == []


def test_a_permanent_error_is_not_tried_again(tmp_path, monkeypatch, delays):
    """No waiting for a permission that nobody will give."""
    calls = failing(monkeypatch, errno.EACCES, 99)
    assert type(fail(put, tmp_path / "x", "1")) is PermissionError
    assert len(calls) == 1
    assert delays == []


def test_an_error_of_the_chunks_is_not_tried_again(tmp_path, delays):
    """A formatter that raises will raise again."""
    assert type(fail(files.write, tmp_path / "x", breaks)) is RuntimeError
    assert delays == []


# ---- threads


def test_one_file_is_written_by_one_thread_at_a_time(tmp_path):
    """Read, add, write: 20 threads lose nothing of each other's."""
    path = tmp_path / "x"

    def add(number):
        files.write(path, lambda: [path.read_text() if path.exists() else "", f"{number}\n"])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, path.read_text().split())) == list(range(20))
    assert os.listdir(tmp_path) == ["x"]


@posix
def test_two_names_of_one_file_share_its_turn(tmp_path):
    """A link and its target are one file; while one is written, the other waits."""
    path, link = tmp_path / "x", tmp_path / "link"
    link.symlink_to(path)
    put(path, "")
    other = threading.Thread(target=put, args=(link, "other"))

    def chunks():
        other.start()
        other.join(0.05)
        assert other.is_alive()
        yield "first"

    files.write(path, chunks)
    other.join(10)
    assert path.read_text() == "other"
