"""Eight processes and eight threads append to one file at once: every failure is there once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from test_report import APPENDABLE, read_back

PROCESSES = THREADS = 8

_APPENDING = textwrap.dedent("""
    import sys
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier
    from failextract_nb import FailureExtractor, OutputConfig

    process, threads, *names = sys.argv[1:]
    start = Barrier(int(threads))

    def append(number):
        name = f"p{process}t{number}"
        FailureExtractor().add_failure({"test_name": name, "exception_message": "x" * 1_000})
        start.wait()
        for one in names[number % len(names):] + names[:number % len(names)]:
            # Only its own, so that no later append makes up for one that was lost.
            FailureExtractor().save_report(OutputConfig(
                f"x.{one}", format=one, append=True, where=lambda it: it["test_name"] == name
            ))

    print("ready", flush=True)
    sys.stdin.read()
    with ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(append, range(int(threads))))
""")


def test_eight_processes_and_eight_threads_append_to_one_file(tmp_path):
    """In every format that can be appended to, all at the same time."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _APPENDING, str(number), str(THREADS), *APPENDABLE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        for number in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.close()
    for process in processes:
        with process:
            errors = process.stderr.read()
        assert process.returncode == 0, errors
    expected = {f"p{one}t{other}": 1 for one in range(PROCESSES) for other in range(THREADS)}
    for name in APPENDABLE:
        text = (tmp_path / f"x.{name}").read_bytes().decode()
        assert Counter(read_back(name, text)[0]) == expected, name
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == sorted(
        f"x.{name}" for name in APPENDABLE
    )


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_report_that_is_replaced_meanwhile_is_not_lost(name, run_python, tmp_path):
    """Another process replaces the file after the old one was read: it has to wait, or we do."""
    run_python(f"""
        import subprocess, sys
        from failextract_nb import FailureExtractor, OutputConfig, report

        other = '''
        from failextract_nb import FailureExtractor, OutputConfig
        FailureExtractor().add_failure({{"test_name": "theirs"}})
        print("up", flush=True)
        FailureExtractor().save_report(OutputConfig("x", format="{name}"))
        '''.replace("        ", "")
        FailureExtractor().add_failure({{"test_name": "ours"}})
        append = OutputConfig("x", format="{name}", append=True)
        FailureExtractor().save_report(append)
        read, started = report._old_text, []

        def slow(path):
            text = read(path)
            started.append(subprocess.Popen([sys.executable, "-c", other], stdout=subprocess.PIPE))
            assert started[0].stdout.readline().strip() == b"up"
            try:
                started[0].wait(0.2)
            except subprocess.TimeoutExpired:
                return text
            raise AssertionError("it did not wait")

        report._old_text = slow
        FailureExtractor().save_report(append)
        with started[0]:
            assert started[0].wait(20) == 0
    """)
    assert read_back(name, (tmp_path / "x").read_bytes().decode())[0] == ["theirs"]
