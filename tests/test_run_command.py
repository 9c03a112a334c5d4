"""``failextract-nb run`` as a user runs it: a process, its exit code, what it prints and leaves."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from batches import COMMAND, ENV, SOON, TELL, cell, command, gone, invoke, number_in, until, write

from failextract_nb.formats.json import loads

posix = pytest.mark.skipif(os.name != "posix", reason="signals and sessions are POSIX'")
FOREVER = "import time\ntime.sleep(1000)"


def report(path="report.json"):
    return json.loads(Path(path).read_text())


def start(*arguments, **more):
    """Start the command and leave it running."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENV,
        **more,
    )


def below(process):
    """All processes that this one has started."""
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes):
    return all(gone(one.pid) for one in processes)


# ---- the contract


def test_0_nothing_failed():
    """Each notebook has a line while it runs; the last line has the totals."""
    write("nbs/b.ipynb", "1", cell("1/0", "raises-exception"))
    write("nbs/deep/a.ipynb", "1", cell("1", "skip-execution"))
    write("nbs/.ipynb_checkpoints/a-checkpoint.ipynb", "1/0")
    done = command("run", "nbs", check=0)
    assert sorted(re.findall(r"^\[\d/2\] (.+?) in [\d.]+ s$", done.stderr, re.M)) == [
        "nbs/b.ipynb: 2 passed",
        "nbs/deep/a.ipynb: 1 skipped, 1 passed",
    ]
    (line,) = done.stdout.splitlines()
    assert re.fullmatch(
        r"2 notebooks passed; cells: 1 skipped, 3 passed, 1 failure expected; [\d.]+ s", line
    )


def test_1_failures_are_listed():
    """Each with its cell, its line in the file, its source, exception and message."""
    path = write("a.ipynb", "import no_such_module\nx = 1", "x", "1 / 0  # why", "!exit 4")
    write("b.ipynb", "1")
    write("c.ipynb", "1", kernel="no-such-kernel")
    Path("d.ipynb").write_text("nothing")
    done = command("run", "a.ipynb", "b.ipynb", "c.ipynb", "d.ipynb", check=1)
    lines = path.read_text().splitlines()

    def at(text):
        return next(number for number, line in enumerate(lines, 1) if text in line)

    second = at('"x"')
    shown = done.stdout.splitlines()
    assert shown[:9] == [
        "a.ipynb: 3 failed, 1 blocked",
        f"  cell 1  a.ipynb:{at('no_such')}  import no_such_module",
        "    ModuleNotFoundError: No module named 'no_such_module'",
        f"  cell 2  a.ipynb:{second}  x",
        "    blocked: needs 'x', which cell 1 was to make",
        f"  cell 3  a.ipynb:{at('# why')}  1 / 0 # why",
        "    ZeroDivisionError: division by zero",
        f"  cell 4  a.ipynb:{at('!exit')}  !exit 4",
        "    CalledProcessError: Command 'exit 4' returned non-zero exit status 4.",
    ]
    assert any(line.startswith("    NoSuchKernel: there is no kernel") for line in shown)
    assert "d.ipynb: failed" in shown
    assert shown[-1].startswith(
        "3 of 4 notebooks failed; cells: 3 failed, 1 blocked, 1 not run, 1 passed"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'PATH...'"),
        (["gone.ipynb", "a.ipynb"], "there is no 'gone.ipynb'"),
        (["empty"], "there is no notebook (*.ipynb) in 'empty'"),
        (["a.ipynb", "--jobs", "0"], "--jobs"),
        (["a.ipynb", "--timeout", "-1"], "--timeout"),
        (["a.ipynb", "--report", "x.foo"], "'x.foo' is of no known format"),
        (["a.ipynb", "--report", "x.txt:markdwon"], "Did you mean 'markdown'?"),
        (
            ["a.ipynb", "-r", "x.json", "-r", "x.json:jsonl"],
            "two reports would be written to x.json",
        ),
        (["a.ipynb", "--param", "rows"], "not of the form name=value"),
        (["a.ipynb", "--param", "1x=2"], "not of the form name=value"),
        (["a.ipynb", "--param", "class=2"], "not of the form name=value"),
        (["a.ipynb", "-r", "r.json", "-r", "link.json"], "two reports would be written to r.json"),
        (["a.ipynb", "-r", "a.ipynb:json"], "would be written over the notebook"),
        (["pipe.ipynb"], "'pipe.ipynb' is no file but a device or a pipe"),
        (["a.ipynb", "--dask", "nonsense"], "'nonsense' is no address of a Dask scheduler"),
        (["a.ipynb", "--output-dir", "."], "is a notebook that is to be run"),
        (["a.ipynb", "--frobnicate"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_2_wrong_use(arguments, said):
    """It says what is wrong, and runs nothing."""
    write("a.ipynb", TELL.format("pid"))
    Path("empty").mkdir()
    Path("link.json").symlink_to("r.json")
    os.mkfifo("pipe.ipynb")
    done = invoke("run", *arguments, check=2)
    assert said in done.stderr
    assert done.stdout == ""
    assert not Path("pid").exists()


def test_3_a_report_that_cannot_be_written():
    """The listing and the other report stand."""
    write("a.ipynb", "1 / 0")
    Path("file").write_text("")
    done = invoke("run", "a.ipynb", "-r", "file/x.json", "-r", "report.json", check=3)
    assert "ZeroDivisionError" in done.stdout
    assert "the report file/x.json was not written" in done.stderr.replace("\n", " ")
    assert report()["metadata"]["failure_count"] == 1


def test_3_a_notebook_that_cannot_be_written():
    """Also where all of it passed."""
    write("a.ipynb", "1")
    Path("file").write_text("")
    done = invoke("run", "a.ipynb", "-o", "file/x", check=3)
    assert "was not written" in done.stdout


def test_3_something_is_not_installed(run_python):
    """It says what to install."""
    done = run_python(
        """
        import sys
        sys.modules["nbclient"] = sys.modules["rich"] = None
        from failextract_nb.cli import main
        sys.exit(main(["run", "."]))
        """,
        check=False,
    )
    assert done.returncode == 3
    assert "needs rich, nbclient" in done.stderr
    assert "pip install 'failextract-nb[run]'" in done.stderr


# ---- reports


def test_reports_of_a_run():
    """Several at once, in the formats that are asked for, in the order of notebooks and cells."""
    write("z.ipynb", "1 / 0", "int('x')")
    write("a.ipynb", "[][1]")
    arguments = ("-r", "report.json", "-r", "out.txt:jsonl", "-r", "-:markdown", "--jobs", 2)
    done = invoke("run", "z.ipynb", "a.ipynb", *arguments, check=1)
    found = report()
    names = ["ZeroDivisionError", "ValueError", "IndexError"]
    assert [one["exception_type"] for one in found["failures"]] == names
    assert [one["notebook"] for one in found["failures"]] == ["z.ipynb", "z.ipynb", "a.ipynb"]
    about = found["metadata"]
    assert (about["notebook_count"], about["failed_notebooks"]) == (2, 2)
    assert about["cells"] == {"failed": 3}
    lines = Path("out.txt").read_text().splitlines()
    assert [json.loads(line)["exception_type"] for line in lines] == names
    assert done.stdout.startswith("# ")
    assert "2 of 2 notebooks failed" in done.stderr


def test_a_report_on_stdout_is_nothing_but_a_report():
    """The listing goes to stderr then."""
    write("a.ipynb", "print('noise')\n1 / 0")
    done = command("run", "a.ipynb", "--report", "-", check=1)
    assert json.loads(done.stdout)["failures"][0]["exception_type"] == "ZeroDivisionError"
    assert "cell 1" in done.stderr


@posix
def test_a_reader_that_has_enough_breaks_nothing():
    """The pipe is closed before anything is written; the other report stands."""
    write("a.ipynb", "1 / 0")
    for arguments in ((), ("--report", "-")):
        process = start("run", "a.ipynb", "-r", "report.json", *arguments)
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(SOON) == 1, said
        assert "Traceback" not in said
        assert "BrokenPipe" not in said
        assert report()["metadata"]["failure_count"] == 1
        Path("report.json").unlink()
        process.stderr.close()


@pytest.mark.parametrize("more", [(), ("-r", "-:json")])
def test_standard_output_that_is_full(more):
    """It is said on stderr; the run and its other reports are as ever."""
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    write("a.ipynb", "1 / 0")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "run", "a.ipynb", "-r", "r.json", *more],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=SOON,
        )  # fmt: skip
    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr
    assert len(loads(Path("r.json").read_text())["failures"]) == 1


def test_standard_output_that_is_closed():
    write("a.ipynb", "1")
    line = f"{shlex.join(COMMAND)} run a.ipynb >&-"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, timeout=SOON)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize("server", ["GITHUB_ACTIONS", "TF_BUILD"])
def test_reports_on_stdout_give_no_orders(server):
    """A notebook's name and a message could."""
    name = "##vso[task.complete result=Succeeded;]y.ipynb"
    write(name, "raise ValueError('x\\n::add-mask::hello\\n##[error]z')")
    env = {**ENV, server: "true"}
    for kind in ("junit", "json", "jsonl", "markdown", "csv", "yaml", "xml", "html"):
        done = command("run", name, "--ci", "off", "-r", f"-:{kind}", env=env)
        assert not re.search(r"^\s*::|##\w*\[", done.stdout, re.MULTILINE), kind
    command("run", name, "-q", "--ci", "off", "-r", "r.json", env=env)
    assert "##vso[" not in command("stats", "r.json", env=env).stdout


def test_quiet_says_nothing_where_nothing_failed():
    """And what failed where something did."""
    write("a.ipynb", "1")
    write("b.ipynb", "1 / 0")
    done = invoke("run", "-q", "a.ipynb", check=0)
    assert (done.stdout, done.stderr) == ("", "")
    done = invoke("run", "-q", "a.ipynb", "b.ipynb", check=1)
    assert "ZeroDivisionError" in done.stdout
    assert done.stderr == ""


# ---- notebooks


def test_executed_notebooks_keep_their_folders():
    """Equal names do not meet; the originals stay; a second run does not run the copies."""
    for name in ("one", "two"):
        write(f"nbs/{name}/a.ipynb", f"print('{name}')")
    before = Path("nbs/one/a.ipynb").read_bytes()
    for _ in range(2):
        invoke("run", "nbs", "--output-dir", "nbs/out", "-r", "report.json", check=0)
        assert report()["metadata"]["notebook_count"] == 2
    for name in ("one", "two"):
        written = nbformat.read(f"nbs/out/{name}/a.ipynb", as_version=4)
        assert written.cells[0].outputs[0]["text"] == f"{name}\n"
    assert Path("nbs/one/a.ipynb").read_bytes() == before


def test_a_notebook_that_is_named_twice_runs_once():
    """By another path, through its folder, through a link."""
    write("nbs/a.ipynb", "with open('count', 'a') as file:\n    file.write('x')")
    if os.name == "posix":
        Path("link.ipynb").symlink_to("nbs/a.ipynb")
    invoke("run", "nbs/a.ipynb", "./nbs/../nbs/a.ipynb", "nbs", *Path().glob("link*"), check=0)
    assert Path("nbs/count").read_text() == "x"


def test_options_reach_the_notebook():
    """--param as JSON, as a Python literal, as text; --timeout; --expect; --stop."""
    write("a.ipynb", "assert (n, flag, items, text) == (3, True, [1, None], 'a=b')")
    parameters = ("n=3", "flag=True", "items=[1, null]", "text=a=b")
    invoke("run", "a.ipynb", *(part for one in parameters for part in ("-p", one)), check=0)
    write("b.ipynb", cell("1", "negative"))
    invoke("run", "b.ipynb", check=0)
    invoke("run", "b.ipynb", "--expect", "negative", check=1)
    write("c.ipynb", FOREVER)
    assert "CellTimeoutError" in invoke("run", "c.ipynb", "-t", "0.5", check=1).stdout


def test_stop_begins_no_other_notebook():
    """What was not begun is counted."""
    write("a.ipynb", "1 / 0", "1")
    write("b.ipynb", TELL.format("pid"))
    done = invoke("run", "a.ipynb", "b.ipynb", "--jobs", 1, "--stop", check=1)
    assert not Path("pid").exists()
    assert "1 of 2 notebooks failed, 1 not run to the end" in done.stdout


def test_jobs_run_at_the_same_time():
    """Two notebooks that wait for each other come to their end."""
    meet = (
        "import os, time\nopen({!r}, 'w').close()\nwhile not os.path.exists({!r}): time.sleep(0.01)"
    )
    write("a.ipynb", meet.format("a", "b"))
    write("b.ipynb", meet.format("b", "a"))
    invoke("run", "a.ipynb", "b.ipynb", "--jobs", 2, "--timeout", SOON, check=0)


def test_one_job_runs_one_after_the_other():
    """In the order of the command line."""
    source = "with open('order', 'a') as file:\n    file.write({!r})"
    for name in "cab":
        write(f"{name}.ipynb", source.format(name))
    invoke("run", "c.ipynb", "a.ipynb", "b.ipynb", "--jobs", 1, check=0)
    assert Path("order").read_text() == "cab"


def test_hostile_text_is_inert():
    """In a source, a message, a name: nothing that a terminal obeys."""
    evil = "\x1b]0;owned\x07\x1b[2J\r"
    write(
        "a[red]\x1b[31m.ipynb",
        f"#[bold]\x1b[2J {evil!r}\nraise ValueError({evil!r} + '[red]x[/red]')",
    )
    done = command("run", ".", "--report", "x.txt:markdown", check=1)
    for text in (done.stdout, done.stderr):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), text
    assert r"\x1b]0;owned\x07\x1b[2J\r[red]x[/red]" in done.stdout
    assert r"a[red]\x1b[31m.ipynb" in done.stdout


# ---- ends


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_what_was_done(number, code):
    """Kernels end, reports and notebooks are written, no process is left."""
    write("a.ipynb", "1 / 0", TELL.format("pid-a") + FOREVER, "1")
    write("b.ipynb", TELL.format("pid-b") + "import os\nos.system('sleep 1000 &')\n" + FOREVER)
    write("c.ipynb", "1")
    process = start("run", ".", "--jobs", 2, "-r", "report.json", "-o", "out")
    kernels = [number_in("pid-a"), number_in("pid-b")]
    processes = below(process)
    assert {*kernels} <= {one.pid for one in processes}
    process.send_signal(number)
    out, err = process.communicate(timeout=SOON)
    assert process.returncode == code, err
    until(lambda: all_gone(processes), "the end of all processes")
    assert [one["exception_type"] for one in report()["failures"]] == ["ZeroDivisionError"]
    assert "interrupted: 1 of 3 notebooks failed, 2 not run to the end" in out
    assert nbformat.read("out/a.ipynb", as_version=4).cells[0].outputs
    assert "Traceback" not in err


@posix
def test_a_second_interrupt_ends_it_at_once():
    """Whatever it waits for."""
    write("a.ipynb", TELL.format("pid") + FOREVER)
    os.mkfifo("report.json")  # nobody reads it: writing it waits
    process = start("run", "a.ipynb", "-r", "report.json")
    number_in("pid")
    processes = below(process)
    process.send_signal(signal.SIGINT)
    until(lambda: gone(number_in("pid")), "the end of the kernel")
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(SOON) == 130
    until(lambda: all_gone(processes), "the end of all processes")
    process.communicate()


@posix
def test_a_killed_run_leaves_no_process():
    """kill -9: the guard ends the kernels, and what they have started, in whatever session."""
    own = "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
    own = own if sys.platform.startswith("linux") else ""
    write("a.ipynb", own + "import os\nos.system('sleep 1000 &')\n" + TELL.format("pid") + FOREVER)
    process = start("run", "a.ipynb")
    number_in("pid")
    processes = below(process)
    assert len(processes) >= (4 if own else 3)
    process.kill()
    until(lambda: all_gone(processes), "the end of all processes")
    process.communicate()


@posix
def test_a_daemon_of_a_killed_kernel_is_ended():
    """In a session of its own, and nobody's child any more."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells whose it was")
    daemon = (
        "import os, time\n"
        "if not os.fork():\n    os.setsid()\n    if not os.fork():\n"
        "        with open('pid', 'w') as file:\n            print(os.getpid(), file=file)\n"
        "        os.execvp('sleep', ['sleep', '1000'])\n    os._exit(0)\n"
        "while not os.path.exists('pid'): time.sleep(0.01)\n"
        "os.kill(os.getpid(), 9)"
    )
    write("a.ipynb", daemon)
    command("run", "a.ipynb", check=1)
    until(lambda: gone(number_in("pid")), "the end of the daemon")


# ---- in a terminal


def in_terminal(*arguments):
    """Run the command in a terminal of 80 columns; all that it has written there, and its code."""
    import pty

    master, slave = pty.openpty()
    env = {key: value for key, value in ENV.items() if key != "NO_COLOR"}
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**env, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(slave)
    written = b""
    while True:
        if not select.select([master], [], [], SOON)[0]:
            raise AssertionError("it hangs")
        try:
            if not (some := os.read(master, 65536)):
                break
        except OSError:  # its end, on Linux
            break
        written += some
    os.close(master)
    return written.decode(), process.wait(SOON)


@posix
def test_in_a_terminal_the_progress_is_live():
    """What is done, which cell runs, failures so far; at the end it is gone, the cursor is not."""
    write("a.ipynb", "1 / 0", "import time\ntime.sleep(1.5)  # the slow one")
    text, code = in_terminal("run", "a.ipynb")
    assert code == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "0/1 notebook" in plain
    assert "cell 2 (2/2)" in plain
    assert "import time" in plain
    assert "1 failure" in plain
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "[1/1]" not in plain
    assert "\x1b[31m" in text  # the exception is red


# ---- report, stats, formats, completion


def test_report_merges_and_converts():
    """JSON and JSON lines in, any format out; what stands in both is taken once."""
    write("a.ipynb", "1 / 0")
    write("b.ipynb", "int('x')")
    invoke("run", "a.ipynb", "-r", "a.json", check=1)
    invoke("run", "a.ipynb", "b.ipynb", "-r", "b.jsonl", check=1)
    done = invoke("report", "a.json", "b.jsonl", "a.json", "--to", "all.json", check=0)
    assert "3 failures written to all.json" in done.stderr
    assert len(report("all.json")["failures"]) == 3
    for ending in ("html", "md", "xml", "csv", "yaml", "junit.xml", "jsonl"):
        invoke("report", "all.json", "--to", f"all.{ending}", check=0)
        assert "ZeroDivisionError" in Path(f"all.{ending}").read_text()
    done = invoke("report", "b.jsonl", "--to", "-:csv", check=0)
    assert done.stdout.count("ValueError") >= 1
    piped = invoke("report", "-", "--to", "-", given=Path("b.jsonl").read_text(), check=0)
    assert len(json.loads(piped.stdout)["failures"]) == 2
    piped = invoke("stats", "-", given=Path("all.json").read_text(), check=0)
    assert piped.stdout.startswith("3 failures\n\nby exception\n       2  ZeroDivisionError\n")
    assert "       1  b.ipynb" in piped.stdout


def test_report_says_what_it_cannot_read_or_write():
    """2 for what was named wrongly, 3 for what cannot be written."""
    Path("no.json").write_text("[]")
    Path("no.txt").write_text("x")
    Path("no.md").write_text("x")
    Path("bytes.json").write_bytes(b"\xff")
    Path("ok.json").write_text('{"metadata": {}, "failures": []}')
    for name in ("gone.json", "no.json", "no.txt", "no.md", "bytes.json"):
        done = invoke("report", name, "--to", "x.json", check=2)
        assert name in done.stderr
    assert (
        "nothing was written"
        in invoke("report", "ok.json", "--to", "ok.json/x.json", check=3).stderr
    )
    assert invoke("stats", "ok.json", check=0).stdout == "0 failures\n"


def test_formats_and_help():
    """What there is, with examples and exit codes."""
    assert ".junit.xml" in invoke("formats", check=0).stdout
    text = invoke("run", "--help", check=0).stdout
    assert "failextract-nb run notebooks/ --jobs 4" in text
    assert "Exit codes: 0 nothing failed, 1 failures, 2 wrong use, 3" in text
    assert "failextract-nb, version" in invoke("--version", check=0).stdout
    assert invoke(check=2).stderr.startswith("Usage: failextract-nb")


def test_the_shell_completes():
    """Subcommands, options, formats after a colon, kernels."""
    for shell in ("bash", "zsh", "fish"):
        assert "_FAILEXTRACT_NB_COMPLETE" in command("completion", shell, check=0).stdout

    def complete(words):
        env = {"_FAILEXTRACT_NB_COMPLETE": "bash_complete", "COMP_WORDS": words}
        at = str(len(words.split(" ")) - 1)
        return command(env={**os.environ, **env, "COMP_CWORD": at}).stdout

    assert "plain,report" in complete("failextract-nb re")
    assert "plain,--timeout" in complete("failextract-nb run --t")
    assert "plain,x:jsonl" in complete("failextract-nb run a --report x:js")
    assert "plain,python3" in complete("failextract-nb run a --kernel pyth")
