"""The Chromium that the tests drive: finds it, and as a command installs it where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ADVICE = """No Chromium was found. Install one and run this again:
    apt-get install chromium                   on Debian, as root
    python -m playwright install chromium      elsewhere, with the Python of .venv"""
# Playwright's own interpreter of its folders, in a process of its own: it may run in a test's loop.
ASK = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


def find() -> str:
    """Return the path of a Chromium that starts: of the PATH, or Playwright's own.

    RuntimeError that says what to do where there is none.
    """
    for path in filter(None, map(shutil.which, NAMES)):
        if _starts(path):
            return path
    asked = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=False)
    path = asked.stdout.strip()
    if path and _starts(path):
        return path
    raise RuntimeError(ADVICE)


def _starts(path: str) -> bool:
    """Tell a browser from a script that only says where to get one (Ubuntu's chromium-browser)."""
    try:
        return not subprocess.run([path, "--version"], capture_output=True, check=False).returncode
    except OSError:
        return False


def install() -> str:
    """Return the path of a Chromium, installing Debian's where there is none and root may."""
    try:
        return find()
    except RuntimeError:
        if not (hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")):
            raise
    for words in ("update", "install -y --no-install-recommends chromium"):
        done = subprocess.run(["apt-get", "-q", *words.split()], check=False)
        if done.returncode:
            raise RuntimeError(f"`apt-get {words}` failed.\n{ADVICE}")
    return find()


if __name__ == "__main__":
    try:
        print(install())  # noqa: T201  # its answer
    except RuntimeError as error:
        sys.exit(str(error))
