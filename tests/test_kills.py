"""A process is killed while it writes, replaces and appends to reports: nothing is lost.

The test run takes a sample; ``make kills`` takes all 200.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from conftest import example, fail

from failextract_nb import FailureExtractor, OutputConfig, files, formats, locks

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork are POSIX'")

KILLS = int(os.environ.get("FAILEXTRACT_KILLS", "30"))
SEED = int(os.environ.get("FAILEXTRACT_SEED", "20260"))
APPENDED = ("json", "jsonl", "csv", "yaml", "xml", "markdown")

# One process that has everything loaded; each line it reads is answered by the pid of a child that
# saves in that folder until it is killed.
_SAVING = textwrap.dedent("""
    import itertools, os, sys
    from pathlib import Path
    from failextract_nb import FailureExtractor, OutputConfig, formats

    for name in formats.names():
        formats.get(name).format([{"test_name": "warm", "exception_message": "up"}])

    def save_for_ever(kind, name):
        extractor = FailureExtractor()
        told = open("told", "a")
        for number in itertools.count():
            if kind == "append":
                extractor.clear()
            for part in range(20):
                extractor.add_failure({
                    "id": f"{os.getpid()}-{number}-{part}",
                    "test_name": f"{os.getpid()}-{number}",
                    "exception_message": "text " * 100,
                })
            if kind != "append":
                extractor.set_memory_limits(max_failures=20)
            if kind == "new":
                Path("report").unlink(missing_ok=True)
            extractor.save_report(OutputConfig("report", format=name, append=kind == "append"))
            told.write(f"{os.getpid()}-{number}\\n")
            told.flush()

    for line in sys.stdin:
        folder, kind, name = line.split()
        child = os.fork()
        if not child:
            os.chdir(folder)
            save_for_ever(kind, name)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)
""")


@pytest.fixture
def saver():
    """Starts savers and kills them: ``saver(folder, kind, format, after)``."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SAVING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def kill_one(folder, kind, name, after):
        told = folder / "told"
        size = told.stat().st_size if told.exists() else 0
        process.stdin.write(f"{folder} {kind} {name}\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        try:
            until(lambda: told.exists() and told.stat().st_size > size)
            moment = time.monotonic() + after
            while time.monotonic() < moment:
                pass
        finally:
            os.kill(child, signal.SIGKILL)
            assert process.stdout.readline() == "gone\n"

    yield kill_one
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.001)


def generations(name, text):
    """The failures of a report by what has saved them; every one is whole, or this raises."""
    if name == "markdown":  # which has no reader
        assert text.endswith("\n")
        names = [line[8:].replace("\\", "") for line in text.split("\n") if line[:8] == "- Test: "]
    else:
        failures, _ = formats.get(name).read(text)
        assert all(one["exception_message"] == "text " * 100 for one in failures)
        names = [one["test_name"] for one in failures]
    return {one: names.count(one) for one in names}


def moments(count, salt):
    chosen = random.Random(f"{SEED} {salt}")
    return [chosen.uniform(0, 0.03) for _ in range(count)]


@pytest.mark.timeout(1800)
def test_a_killed_process_leaves_the_old_report_or_the_new_one(saver, tmp_path):
    """Whole, wherever the kill comes; what was appended to never loses what it held.

    And what was left beside it is gone with the next report, once it is old.
    """
    doors = [("new", "json"), ("replace", "html"), ("replace", "csv")]
    doors += [("append", name) for name in APPENDED]
    left = 0
    for number, (kind, name) in enumerate(doors):
        folder = tmp_path / f"{kind} {name}".replace(" ", "-")
        folder.mkdir()
        known = {}
        for after in moments(len(range(number, KILLS, len(doors))), folder.name):
            saver(folder, kind, name, after)
            said = f"killed after {after}; FAILEXTRACT_SEED={SEED} in {folder.name}"
            known = found_after_a_kill(folder, kind, name, known, said)
        left += len(beside(folder))
        sweep(folder)
    assert left, "no kill came while something was written: this test sees nothing"


def found_after_a_kill(folder, kind, name, known, said):
    report = folder / "report"
    saved = (folder / "told").read_text().split()
    if kind == "new" and not report.exists():
        return {}
    text = report.read_bytes().decode()
    if name == "html":
        assert text.endswith("</body>\n</html>\n"), said
        start = text.index('id="failextract-failures">') + len('id="failextract-failures">')
        failures = json.loads(text[start : text.index("</script>", start)])
        text = json.dumps({"metadata": {}, "failures": failures})
    found = generations("json" if name == "html" else name, text)
    assert set(found.values()) == {20}, said
    if kind == "append":
        assert known.items() <= found.items(), said
        assert set(saved) <= set(found), said
    else:
        assert len(found) == 1, said
        process, generation = saved[-1].split("-")
        # The last that was saved, or the one under way.
        assert set(found) <= {saved[-1], f"{process}-{int(generation) + 1}"}, said
    return found


def beside(folder):
    return sorted(set(os.listdir(folder)) - {"report", "told"})


def sweep(folder):
    """The next one who saves removes what was left; what is fresh may be in use and stays."""
    files._swept.discard(os.path.realpath(folder))
    old = {one for one in beside(folder) if one.endswith(files.ENDING)}
    fresh = set()
    if old:
        fresh.add(old.pop())
    for one in old:
        os.utime(folder / one, (1, 1))
    FailureExtractor().save_report(OutputConfig(folder / "other.json"))
    assert set(beside(folder)) == {"other.json", *fresh}


# ---- what is left


def test_only_what_is_ours_and_old_is_removed(tmp_path, extractor):
    """Not what a user or another program calls its own."""
    old = [".x.json.failextract-abc.tmp", ".x.json.failextract.lock"]
    others = [
        *("x.failextract-abc.tmp", ".x.tmp", ".failextract-abc.tmp.bak", ".x.lock"),
        ".folder.failextract-abc.tmp",
    ]
    for name in (*old, *others, ".new.failextract-abc.tmp"):
        (tmp_path / name).mkdir() if "folder" in name else (tmp_path / name).touch()
        if not name.startswith(".new"):
            os.utime(tmp_path / name, (1, 1))
    (tmp_path / ".link.failextract-abc.tmp").symlink_to("x.failextract-abc.tmp")
    extractor.save_report(OutputConfig("report.json"))
    expected = {*others, "report.json", ".new.failextract-abc.tmp", ".link.failextract-abc.tmp"}
    assert set(os.listdir()) == expected


def test_a_killed_holder_of_the_lock_holds_nobody_up(run_python, tmp_path, extractor, monkeypatch):
    """The system lets go of its lock; the file that stood for it is removed by the next writer."""
    monkeypatch.setattr(locks, "WITHIN", 0.0)
    done = run_python(
        """
        import os, signal
        from pathlib import Path
        from failextract_nb import files
        def chunks():
            yield "half"
            os.kill(os.getpid(), signal.SIGKILL)
        files.write(Path("report.json"), chunks)
        """,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert ".report.json.failextract.lock" in os.listdir()
    extractor.save_report(OutputConfig("report.json"))
    assert not [name for name in os.listdir() if name.endswith(".lock")]


@pytest.fixture
def writer(tmp_path):
    """A process that stands in the middle of writing ``report.json``, until it is let go."""
    code = """
        import sys
        from pathlib import Path
        from failextract_nb import files
        def chunks():
            yield "theirs"
            print("writing", flush=True)
            sys.stdin.read()
        files.write(Path("report.json"), chunks)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout.readline() == "writing\n"
    yield process
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()


def test_a_holder_that_hangs_is_waited_for_and_then_named(writer, extractor, monkeypatch):
    """Within bounds; the error names the file and its lock, and nothing is lost."""
    monkeypatch.setattr(locks, "WITHIN", 0.05)
    extractor.add_failure(example())
    error = fail(extractor.save_report, OutputConfig("report.json", append=True))
    assert type(error) is TimeoutError
    assert "another process" in str(error)
    assert "report.json" in str(error)
    assert ".report.json.failextract.lock" in str(error)
    assert "keeps its failures" in str(error)
    assert len(extractor.failures) == 1
    assert extractor.save_report(OutputConfig("other.json")) == Path("other.json")


def test_a_child_that_is_forked_while_a_report_is_written_holds_no_lock(run_python):
    """It lives on when its parent has written, and been killed or not."""
    run_python("""
        import os, sys
        from pathlib import Path
        from failextract_nb import files, locks
        locks.WITHIN = 0.0
        reading, writing = os.pipe()
        children = []
        def chunks():
            yield "a"
            child = os.fork()
            if not child:
                os.close(writing)
                os.read(reading, 1)  # until the parent closes it
                sys.exit(0)  # through every `finally`
            children.append(child)
            yield "b"
        files.write(Path("x"), chunks)
        assert Path("x").read_text() == "ab"
        assert os.listdir() == ["x"], os.listdir()
        files.write(Path("x"), lambda: ["c"])
        os.close(writing)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert os.listdir() == ["x"], os.listdir()
        assert Path("x").read_text() == "c"
    """)


def test_a_child_of_a_killed_writer_holds_no_lock(run_python, tmp_path, extractor, monkeypatch):
    """A worker process that outlives the kernel does not lock its reports for ever."""
    monkeypatch.setattr(locks, "WITHIN", 0.0)
    done = run_python(
        """
        import os, signal
        from pathlib import Path
        from failextract_nb import files
        def chunks():
            yield "half"
            told, tell = os.pipe()
            if not (child := os.fork()):
                os.write(tell, b".")
                for stream in (0, 1, 2):
                    os.close(stream)
                signal.pause()
            os.read(told, 1)  # it has come up
            print(child, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        files.write(Path("report.json"), chunks)
        """,
        check=False,
    )
    try:
        extractor.save_report(OutputConfig("report.json"))
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)
