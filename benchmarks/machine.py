"""Where and with what a run was made."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from tempfile import TemporaryDirectory
from typing import Any

PACKAGES = (
    "failextract-nb", "failextract", "sentry-sdk", "structlog", "rich", "ipython", "ipykernel",
    "nbclient", "pandas", "numpy", "orjson", "pyyaml", "pyperf",
)  # fmt: skip
# Of what pyperf knows about a machine, what a reader of the figures asks for.
_TOLD = frozenset({
    "cpu_model_name", "cpu_count", "cpu_freq", "cpu_config", "load_avg_1min", "platform",
    "python_compiler", "python_version", "timer", "aslr",
})  # fmt: skip


def versions() -> dict[str, str]:
    """What is compared, as it is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """The machine, as pyperf describes it; only Python and its platform where pyperf is missing."""
    with TemporaryDirectory() as folder:
        file = os.path.join(folder, "metadata.json")
        command = [sys.executable, "-m", "pyperf", "collect_metadata", "-o", file]
        subprocess.run(command, capture_output=True, check=False)
        try:
            import pyperf

            known = pyperf.Benchmark.load(file).get_metadata()
        except (ImportError, OSError):
            return {"python_version": sys.version, "platform": sys.platform}
    return {key: value for key, value in known.items() if key in _TOLD}
