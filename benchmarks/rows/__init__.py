"""The measurements.  Each runs in a process of its own, so that none leaves anything to another.

A measurement is a function ``(quick) -> rows``.  Where to find it is all that stands here: what a
process does not measure it should not import.
"""

from __future__ import annotations

from importlib import import_module

from report import Row

MODULES = {
    "passing": "calls",
    "threads": "calls",
    "capture": "captures",
    "seen": "captures",
    "modules": "modules",
    "growth": "captures",
    "memory": "memory",
    "peak": "memory",
    "store": "store",
    "hook": "notebook",
    "cells": "notebook",
    "started": "started",
    "tests": "tests",
    "run": "runs",
    "jobs": "runs",
    "thousand": "runs",
    "imports": "imports",
    "export": "exports",
    "table": "tables",
    "page": "page",
    "lab": "lab",
    "saved": "saved",
    "grids": "grids",
}


def measure(name: str, quick: bool) -> tuple[str, list[Row]]:
    """What one measurement is about (the first line of its docstring), and its rows."""
    function = getattr(import_module(f"rows.{MODULES[name]}"), name)
    return function.__doc__.partition("\n")[0].rstrip("."), list(function(quick))
