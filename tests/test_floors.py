"""The floors of the house: imports only go down."""

from __future__ import annotations

import ast
from pathlib import Path

import failextract_nb

PACKAGE = Path(failextract_nb.__file__).parent

# Floor by floor, lowest first. A module may import from its own floor and from those below; doors
# may not import doors, but for a package's own modules and what is named in DOORS_THAT_OPEN_DOORS.
FLOORS = [
    {"failure", "_safe", "_strings", "_perobject", "_values", "_native", "_libraries", "_redact"}
    | {"_front", "_budget", "_looks", "_coded", "_named", "_names", "_reprs", "_repeats"},
    {
        "capture",
        "raised",
        "ways",
        "syntax",
        "variables",
        "positions",
        "fixtures",
        "formats",
        "table",
        "view",
    }
    | {"kept", "files", "locks", "recent", "rows", "shown", "printed", "foreign", "parquet"},
    {"store", "changing", "forgotten", "extractor", "report", "autosave", "remember", "output"}
    | {"home"},
    {"widget"},
    {"decorator", "wrappers", "block", "ipython", "batch", "ci", "cli", "dask", "__main__"}
    | {"pytest_plugin", "pytest_recorder", "pytest_details"},
]
# The magic that takes code from run_cell_magic is a block around it.
DOORS_THAT_OPEN_DOORS = {("ipython", "block"), ("decorator", "wrappers")} | {
    ("pytest_plugin", "pytest_recorder"),
    ("pytest_recorder", "pytest_plugin"),
    ("pytest_recorder", "pytest_details"),
}
DOORS_THAT_OPEN_DOORS |= {("__main__", "cli"), ("cli", "batch"), ("cli", "ci"), ("ci", "batch")}
DOORS_THAT_OPEN_DOORS |= {("dask", "batch")}  # the records that nothing is raised for
HEAVY = {"pandas", "numpy", "yaml", "ipywidgets", "orjson", "IPython", "traitlets", "anywidget"}
HEAVY |= {"nbclient", "nbformat", "jupyter_client", "psutil", "rich", "click", "pyarrow"}
HEAVY |= {"distributed", "dask"}
# The package of the notebook's door is itself loaded by %load_ext only, the model of the table
# when it is first shown.
MAY_BE_HEAVY = {
    "ipython": {"IPython", "traitlets"},
    "batch": {"nbclient", "jupyter_client", "distributed"},  # where a notebook is run
    "cli": {"click"},
    "dask": {"distributed", "dask"},
    "widget": {"anywidget", "numpy", "orjson", "traitlets"},
}


def parts() -> list[str]:
    """The modules and sub-packages of the package."""
    return sorted(
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    )


def files(part: str) -> list[Path]:
    path = PACKAGE / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imported(tree: ast.AST, top_level_only: bool) -> set[str]:
    """The dotted names that a module imports, without what is for type checkers only."""
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def without_type_checking(tree: ast.Module) -> ast.Module:
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return tree


def test_every_module_stands_on_one_floor():
    """A new module has to be given its place here."""
    placed = [name for floor in FLOORS for name in floor]
    assert sorted(placed) == parts()


def test_imports_only_go_down():
    """Nothing imports from a floor above, not even inside a function, but a door its face."""
    level = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    top = len(FLOORS) - 1
    wrong = []
    for part in parts():
        for path in files(part):
            tree = without_type_checking(ast.parse(path.read_text(encoding="utf-8")))
            for name in imported(tree, top_level_only=False):
                pieces = name.split(".")
                if pieces[0] != "failextract_nb" or len(pieces) < 2 or pieces[1] not in level:
                    continue
                other = pieces[1]
                is_door = level[part] == top and level[other] == top and other != part
                if level[other] > level[part] or (
                    is_door and (part, other) not in DOORS_THAT_OPEN_DOORS
                ):
                    wrong.append(f"{path.name} imports {name}")
    assert wrong == []


def test_heavy_imports_stand_in_the_functions_that_use_them():
    """No module loads pandas and its like when it is imported."""
    wrong = []
    for part in parts():
        for path in files(part):
            tree = without_type_checking(ast.parse(path.read_text(encoding="utf-8")))
            names = {name.partition(".")[0] for name in imported(tree, top_level_only=True)}
            heavy = names & HEAVY - MAY_BE_HEAVY.get(part, set())
            wrong += [f"{path.name} imports {name}" for name in heavy]
    assert wrong == []


def test_no_module_is_called_by_what_everything_could_be_called():
    """A name says what is inside."""
    vague = {"utils", "helpers", "common", "core", "manager", "handler", "misc", "base"}
    assert not vague & {path.stem for part in parts() for path in files(part)}


def test_modules_and_functions_fit_on_screens():
    """Modules up to 300 lines, functions up to 60."""
    for part in parts():
        for path in files(part):
            text = path.read_text(encoding="utf-8")
            assert len(text.splitlines()) <= 300, path.name
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    assert node.end_lineno - node.lineno < 60, f"{path.name}: {node.name}"
