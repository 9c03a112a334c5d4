"""What a disk can do to a report: one clear error, the failures stay, nothing is left over."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import example, fail
from IPython.core.error import UsageError

from failextract_nb import FailureExtractor, OutputConfig, autosave, files, formats, locks
from failextract_nb.widget import exports

posix = pytest.mark.skipif(os.name != "posix", reason="this is POSIX'")
SOON = 20


def until(condition):
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.001)


# ---- the ways to a file


def by_save_report(path, shell):
    FailureExtractor().save_report(OutputConfig(path, format="json"))


def by_save_reports(path, shell):
    FailureExtractor().save_reports([OutputConfig(path, format="json"), OutputConfig("ok.json")])
    raise AssertionError


def by_append(path, shell):
    FailureExtractor().save_report(OutputConfig(path, format="json", append=True))


def by_magic(path, shell):
    shell.run_line_magic("failextract", f"export '{path}' --format json")


def by_autosave(path, shell):
    """What it keeps as its error; what it says to the user holds the same."""
    running = FailureExtractor().autosave(OutputConfig(path, format="json"), every=1)
    try:
        until(lambda: running.last_error)
        (said,) = FailureExtractor().get_statistics()["problems"]
        assert str(running.last_error) in said
    finally:
        with contextlib.suppress(Warning):
            running.stop()
    raise running.last_error


def by_widget(path, shell):
    export = exports.Export("json", FailureExtractor().failures, to_file=True)
    while not export.step()[2]:
        pass


WAYS = [by_save_report, by_save_reports, by_append, by_magic, by_autosave, by_widget]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__[3:])
def refusal(request, extractor, ip, monkeypatch, recwarn):
    """Save to a path that cannot be written; what every way to a file has in common."""

    def save(path, *words, kind=OSError, kept=(), folder=None):
        way = request.param
        folder = Path(path).parent if folder is None else folder
        if way is by_widget:
            monkeypatch.setattr(exports, "folder", lambda: Path(path).parent)
            monkeypatch.setattr(exports, "file_name", lambda _: Path(path).name)
        extractor.add_failure(example(exception_message="x" * 200_000))
        error = fail(way, path, ip)
        assert type(error) is UsageError if way is by_magic else isinstance(error, kind), error
        for word in (str(path), *words, "keeps its failures"):
            assert word in str(error)
        assert len(str(error).splitlines()) == 1
        assert [one["test_name"] for one in extractor.failures] == ["test_x"]
        if folder and folder.is_dir():
            assert sorted(os.listdir(folder)) == sorted(kept)
        return error

    return save


# ---- disks


def test_a_full_disk(mount, refusal):
    """The old report stays, to the last byte."""
    path = mount("size=64k") / "report.json"
    path.write_text('{"metadata": {}, "failures": []}')
    refusal(path, "No space left", "Free some space", kept=["report.json"])
    assert path.read_text() == '{"metadata": {}, "failures": []}'


def test_a_disk_without_room_for_another_file(mount, refusal):
    """Not even the temporary file, nor the lock."""
    folder = mount("size=1m,nr_inodes=2")
    (folder / "other").touch()
    refusal(folder / "report.json", "No space left", kept=["other"])


def test_a_read_only_disk(mount, refusal):
    """For root too."""
    folder = mount("size=64k")
    (folder / "report.json").write_text('{"metadata": {}, "failures": []}')
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    refusal(folder / "report.json", "Read-only", "can be written to", kept=["report.json"])


def test_when_there_is_room_again_all_is_saved(mount, extractor):
    """What could not be saved is in the next report."""
    folder = mount("size=512k")
    (folder / "other").write_bytes(b"x" * 500_000)
    for name in "ab":
        extractor.add_failure(example(test_name=name, exception_message="x" * 60_000))
        assert fail(extractor.save_report, OutputConfig(folder / "x.json")).errno == errno.ENOSPC
    (folder / "other").unlink()
    extractor.save_report(OutputConfig(folder / "x.json"))
    found = json.loads((folder / "x.json").read_text())["failures"]
    assert [one["test_name"] for one in found] == ["a", "b"]


_AS_SOMEBODY = """
    import os, resource, sys
    from failextract_nb import FailureExtractor, OutputConfig
    os.chdir(sys.argv[1])
    extractor = FailureExtractor()
    extractor.save_report(OutputConfig("/dev/null", format="json"))  # loads what it takes
    config = OutputConfig(sys.argv[2])
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)  # root may do everything
    {more}
    extractor.add_failure({{"exception_message": "x" * 200_000}})
    try:
        extractor.save_report(config)
    except OSError as error:
        print(error.errno, error)
    assert len(extractor.failures) == 1
"""


@pytest.fixture
def as_somebody(run_python):
    """Save as a user who is not root; what was said, which names the file."""

    def run(folder, name, number, more=""):
        code = _AS_SOMEBODY.format(more=more).replace("sys.argv[1]", repr(str(folder)))
        done = run_python(code.replace("sys.argv[2]", repr(str(name))))
        assert done.stdout.startswith(f"{number} "), done.stdout + done.stderr
        assert str(name) in done.stdout
        assert "keeps its failures" in done.stdout
        return done.stdout

    return run


@pytest.fixture
def open_folder():
    """A folder that everybody can get at."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "inner").mkdir()
        (folder / "inner").chmod(0o777)
        yield folder / "inner"
        (folder / "inner").chmod(0o700)


def test_a_quota(open_folder, mount, as_somebody):
    """Of a file system that has quotas; tmpfs may have them from Linux 6.6 on."""
    folder = mount("size=1m,mode=1777,usrquota_block_hardlimit=64k", open_folder)
    said = as_somebody(folder, "report.json", errno.EDQUOT)
    assert "quota is used up" in said
    assert os.listdir(folder) == []


@pytest.mark.skipif(not hasattr(errno, "EDQUOT"), reason="this system has no quotas")
def test_what_is_said_of_a_quota(refusal, tmp_path, monkeypatch):
    """Where none can be set up, its error stands in."""

    def full(_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    def replace(source, target):
        full(source) if os.path.basename(target) == "report.json" else moved(source, target)

    (tmp_path / "a").mkdir()
    moved = os.replace
    monkeypatch.setattr(files.os, "replace", replace)
    refusal(tmp_path / "a" / "report.json", "Disk quota exceeded", "quota is used up")


@posix
def test_a_limit_for_the_size_of_a_file(as_somebody, open_folder):
    """As ``ulimit -f`` and batch systems set it."""
    more = "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    assert "File too large" in as_somebody(open_folder, "report.json", errno.EFBIG, more)
    assert os.listdir(open_folder) == []


@posix
@pytest.mark.parametrize("mode", [0o555, 0o666, 0o000], ids=["r-x", "rw-", "---"])
def test_a_folder_without_permission(as_somebody, open_folder, mode):
    """To write there, to go in, to do anything."""
    (open_folder / "report.json").write_text("old")
    open_folder.chmod(mode)
    path = open_folder / "report.json"
    said = as_somebody(open_folder.parent, path, errno.EACCES)
    assert "Permission denied" in said
    open_folder.chmod(0o700)
    assert os.listdir(open_folder) == ["report.json"]
    assert path.read_text() == "old"


# ---- paths


def test_a_folder_in_the_place_of_the_file(refusal, tmp_path):
    """It stays, with what is in it."""
    path = tmp_path / "a" / "report.json"
    path.mkdir(parents=True)
    (path / "inner").touch()
    refusal(path, "folder", kept=["report.json"])
    assert os.listdir(path) == ["inner"]


@pytest.mark.parametrize("rest", ["report.json", "a/report.json"])
def test_a_file_in_the_place_of_a_folder(refusal, tmp_path, rest):
    """It stays."""
    (tmp_path / "file").write_text("mine")
    refusal(tmp_path / "file" / rest, "Not a directory", "part of the path is a file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "é" * 130 + ".json"])
def test_a_name_that_is_too_long(refusal, tmp_path, name):
    """In characters, in bytes."""
    (tmp_path / "a").mkdir()
    refusal(tmp_path / "a" / name, "shorter name")


def test_a_name_that_is_just_short_enough(extractor, tmp_path):
    """Our own temporary names are not longer than what they stand beside."""
    for name in ("x" * 250 + ".json", "é" * 125 + ".json"):
        extractor.save_report(OutputConfig(name))
    assert len(os.listdir()) == 2


def test_a_name_with_a_nul(extractor):
    """It is said where the config is made."""
    error = fail(OutputConfig, "a\0b.json")
    assert type(error) is ValueError
    assert "a\\x00b.json" in str(error)


@posix
def test_links_in_a_circle(refusal, tmp_path):
    """They stay; no link is replaced by a file."""
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "report.json").symlink_to("other")
    (folder / "other").symlink_to("report.json")
    refusal(folder / "report.json", "links lead in a circle", kept=["other", "report.json"])
    assert (folder / "report.json").is_symlink()


@posix
def test_a_link_to_nothing(extractor, tmp_path):
    """Becomes a link to the report, in a folder that is made."""
    (tmp_path / "report.json").symlink_to(tmp_path / "a" / "b.json")
    extractor.add_failure(example())
    extractor.save_report(OutputConfig("report.json", append=True))
    assert (tmp_path / "report.json").is_symlink()
    assert len(json.loads((tmp_path / "a" / "b.json").read_text())["failures"]) == 1


@posix
def test_a_link_into_what_is_no_folder(refusal, tmp_path):
    """The error names the link that was asked for."""
    (tmp_path / "a").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "a" / "report.json").symlink_to(tmp_path / "file" / "b.json")
    refusal(tmp_path / "a" / "report.json", "Not a directory", kept=["report.json"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_device_that_is_full(refusal, request):
    """It is written to, not replaced; a click in a page does not write to devices at all."""
    if "widget" in request.node.name:
        refusal("/dev/full", "a device or a pipe", folder=False)
    else:
        refusal("/dev/full", "No space left", folder=False)
    assert not os.path.isfile("/dev/full")


# ---- the file is open elsewhere


@posix
def test_who_has_the_old_report_open_goes_on_reading_it(extractor, tmp_path):
    """And whoever opens it next sees the new one."""
    path = tmp_path / "x.json"
    path.write_text("old")
    with path.open() as reader:
        extractor.save_report(OutputConfig(path))
        assert reader.read() == "old"
    assert json.loads(path.read_text())["failures"] == []


def test_a_report_that_another_program_has_open(refusal, tmp_path, monkeypatch):
    """Windows refuses to replace it: it is tried again, then said. (Its answer stands in here.)"""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "report.json").write_text('{"metadata": {}, "failures": []}')
    slept, replace = [], os.replace

    class Open(PermissionError):
        winerror = files.OPEN_ELSEWHERE

    def refuse(source, target):
        if os.path.basename(target) == "report.json":
            raise Open(errno.EACCES, "Another process is using the file", source)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", refuse)
    monkeypatch.setattr(files, "FIRST_DELAY", 0.001)
    refusal(tmp_path / "a" / "report.json", "close the file", kept=["report.json"])


def test_it_is_closed_in_time(extractor, monkeypatch):
    """The second attempt writes the report."""
    replace, calls = os.replace, []

    class Open(PermissionError):
        winerror = files.OPEN_ELSEWHERE

    def refuse(source, target):
        calls.append(target)
        if len(calls) == 1:
            raise Open(errno.EACCES, "Another process is using the file", source)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", refuse)
    monkeypatch.setattr(files, "FIRST_DELAY", 0.001)
    extractor.save_report(OutputConfig("x.json"))
    assert os.listdir() == ["x.json"]


# ---- a network folder that stalls: a pipe that is full, an fsync that does not return


@pytest.fixture
def silent(tmp_path):
    """A folder whose file system answers nothing: one of FUSE that nobody serves."""
    if not sys.platform.startswith("linux"):
        pytest.skip("this system has no FUSE")
    folder = tmp_path / "silent"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        served = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"a silent folder cannot be had here: {error}")
    options = f"fd={served},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"silent", bytes(folder), b"fuse", 0, options.encode()):
        os.close(served)
        pytest.skip(f"a silent folder cannot be had here: {os.strerror(ctypes.get_errno())}")
    yield folder
    os.close(served)  # who waits for it is told that it is gone
    libc.umount2(bytes(folder), 2)


@pytest.mark.parametrize("name", ["report.json", "new/folder/report.json"])
def test_a_folder_that_does_not_answer(silent, refusal, monkeypatch, name):
    """One clear error instead of a wait without end, whoever saves."""
    monkeypatch.setattr(files, "ANSWERS_WITHIN", 0.3)
    monkeypatch.setattr(files, "_answered", {})
    path = silent / name
    refusal(path, "has not answered within 0.3 s", "name another path", folder=Path("/nowhere"))


def test_a_folder_that_answers_is_not_asked_at_once_again(extractor, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(files, "_ask", asked.append)
    monkeypatch.setattr(files, "_answered", {})
    extractor.add_failure(example())
    for name in ("a.json", "b.json", "a.json"):
        extractor.save_report(tmp_path / name)
    assert asked == [str(tmp_path)]


@pytest.fixture(params=["pipe", "fsync"])
def stalled(request, tmp_path, monkeypatch):
    """A path where saving stalls, how to see that it does, and how to let it go on."""
    path, stalls, go_on = tmp_path / "slow.json", threading.Event(), threading.Event()
    if request.param == "pipe":
        if os.name != "posix":
            pytest.skip("pipes with a name are POSIX'")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        filler = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(filler, b" " * 4096)
        os.close(filler)
        set_blocking = os.set_blocking

        def seen(handle, blocking):
            set_blocking(handle, blocking)
            stalls.set()

        monkeypatch.setattr(files.os, "set_blocking", seen)
        yield path, stalls, None
        os.close(reader)
        return
    fsync = os.fsync

    def slow(handle):
        stalls.set()
        assert go_on.wait(SOON)
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", slow)
    yield path, stalls, go_on.set
    go_on.set()


def read_on(path, go_on):
    """Let a stalled write end; what it wrote is not the question here."""
    if path.is_fifo():
        with path.open() as file:
            return file.read()
    go_on()
    return ""


@pytest.mark.parametrize("way", ["save_report", "save_reports", "autosave"])
def test_while_a_save_stalls_failures_come_in(stalled, extractor, monkeypatch, way, recwarn):
    """No lock of the store is held: threads go on failing, looking and saving elsewhere."""
    path, stalls, go_on = stalled
    monkeypatch.setattr(autosave, "STOP_WITHIN", 0.05)
    extractor.add_failure(example())
    config = OutputConfig(path)
    if way == "autosave":
        running = extractor.autosave(config, every=1)
        saving = running._thread
    else:
        asked = config if way == "save_report" else [config]
        saving = threading.Thread(target=getattr(extractor, way), args=(asked,))
        saving.start()
    try:
        assert stalls.wait(SOON)
        workers = [
            threading.Thread(target=extractor.add_failure, args=(example(),)) for _ in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(SOON)
        assert len(extractor.failures) == extractor.get_statistics()["failure_count"] == 9
        repr(extractor)
        extractor.to_frame()
        if path.exists():  # the pipe is one path that stalls, the fsync all of them
            extractor.save_report(OutputConfig("other.csv"))
        assert saving.is_alive()
        if way == "autosave":
            running.stop()  # comes back, though the disk does not
            (said,) = extractor.get_statistics()["problems"]
            assert str(path) in said
            assert "keeps its failures" in said
            assert isinstance(running.last_error, TimeoutError)
    finally:
        read_on(path, go_on)
        saving.join(SOON)
    assert not saving.is_alive()


def test_who_waits_for_a_stalled_save_of_the_same_file_is_told(stalled, extractor, monkeypatch):
    """After a while, and the file is named."""
    path, stalls, go_on = stalled
    saving = threading.Thread(target=extractor.save_report, args=(OutputConfig(path),))
    saving.start()
    try:
        assert stalls.wait(SOON)
        monkeypatch.setattr(locks, "WITHIN", 0.05)
        error = fail(extractor.save_report, OutputConfig(path))
    finally:
        read_on(path, go_on)
        saving.join(SOON)
    assert type(error) is TimeoutError
    assert str(path) in str(error)
    assert "another thread" in str(error)


@posix
def test_a_pipe_that_nobody_reads_is_told(tmp_path, extractor):
    """Soon: nobody knows whether a reader will ever come."""
    os.mkfifo(tmp_path / "x.json")
    error = fail(extractor.save_report, OutputConfig("x.json"))
    assert isinstance(error, OSError)
    assert "Nobody reads this pipe" in str(error)
    assert str(error).endswith("'x.json'")


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
def test_a_file_keeps_its_owner(tmp_path, extractor):
    """Root that saves into a user's folder does not take the user's report away."""
    path = extractor.save_report(OutputConfig(tmp_path / "x.json"))
    os.chown(path, 1234, 5678)
    path.chmod(0o640)
    extractor.save_report(OutputConfig(path))
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 5678, 0o640)


# ---- temporary files


@posix
@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_a_temporary_file_is_its_owners_alone(tmp_path, umask):
    """Whatever the umask, until it is the report."""
    modes = set()

    def chunks():
        yield "a"
        modes.update(
            entry.stat().st_mode & 0o777
            for entry in os.scandir()
            if entry.name.endswith(files.ENDING)
        )

    before = os.umask(umask)
    try:
        files.write(tmp_path / "x", chunks)
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o666 & ~umask


@posix
def test_a_temporary_file_is_made_exclusively(tmp_path, monkeypatch):
    """A link that somebody has laid in its place is not followed."""
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".x.failextract-guessed.tmp").symlink_to("victim")
    monkeypatch.setattr(tempfile, "_name_sequence", iter(["guessed", "other"]))
    files.write(tmp_path / "x", lambda: ["a"])
    assert (tmp_path / "victim").read_text() == "mine"
    assert sorted(os.listdir()) == [".x.failextract-guessed.tmp", "victim", "x"]
    assert not (tmp_path / "x").is_symlink()


@posix
def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path, extractor):
    """It is an error, and nothing is made where it leads."""
    (tmp_path / ".x.json.failextract.lock").symlink_to("victim")
    error = fail(extractor.save_report, OutputConfig("x.json"))
    assert isinstance(error, OSError)
    assert "x.json" in str(error)
    assert os.listdir() == [".x.json.failextract.lock"]


def test_a_file_system_without_locks_is_written_to(extractor, monkeypatch):
    """As well as it goes: each report is whole, and no lock is left."""

    def none(handle):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", none)
    extractor.add_failure(example())
    for _ in range(2):
        extractor.save_report(OutputConfig("x.json", append=True))
    assert os.listdir() == ["x.json"]
    assert len(formats.get("json").read(Path("x.json").read_text())[0]) == 1
