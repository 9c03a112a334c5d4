"""What it takes to load the package: fresh processes, each of which pyperf starts and times."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pyperf
from measure import Figure
from report import Row, against, at_most, faster_than

STARTS = 2  # of each in one round
PROGRAMS = {
    "nothing": "pass",
    "stdlib": "import json, csv, logging",
    "ours": "import failextract_nb",
    "used": "from failextract_nb import FailureExtractor, extract_on_failure",
    "failextract": "import failextract",
}
LOAD = (
    "from time import perf_counter; started = perf_counter(); "
    "get_ipython().run_line_magic('load_ext', 'failextract_nb'); "
    "print('took', perf_counter() - started)"
)


def imports(quick: bool) -> Iterator[Row]:
    """Importing the package in a fresh process, and loading the extension in a fresh IPython."""
    rounds = 2 if quick else 11
    # Compiled once, as pip does it, whatever the environment says.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    loads = []
    with TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(folder, "compiled")
        for program in PROGRAMS.values():
            subprocess.run([sys.executable, "-c", program], check=True)
        _load()
        for number in range(rounds):
            for name, program in PROGRAMS.items():
                taken[name].append(_start(program, os.path.join(folder, f"{name}-{number}")))
            loads.append(_load())
    seconds = {name: Figure(values) for name, values in taken.items()}
    nothing = seconds.pop("nothing")
    net = {name: one - nothing for name, one in seconds.items()}
    yield against(PROGRAMS["ours"], net["ours"], PROGRAMS["stdlib"], net["stdlib"], must=at_most(2))
    what = "import of the store and the decorator"
    yield against(what, net["used"], PROGRAMS["stdlib"], net["stdlib"])
    yield faster_than(what, net["used"], PROGRAMS["failextract"], net["failextract"])
    yield Row("%load_ext failextract_nb", Figure(loads), unit="s", must=at_most(0.06))


def _start(program: str, file: str) -> float:
    """Seconds from the start of a process to its end, the mean of some."""
    command = [sys.executable, "-m", "pyperf", "command", "--copy-env", "--processes=1"]
    command += ["--warmups=0", f"--values={STARTS}", "--loops=1", "--output", file]
    command += ["--", sys.executable, "-c", program]
    subprocess.run(command, check=True, capture_output=True)
    return float(pyperf.Benchmark.load(file).mean())


def _load() -> float:
    """Seconds of ``%load_ext`` as the first thing that somebody does in IPython."""
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", LOAD]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(told.stdout.split()[-1])
