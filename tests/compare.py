"""The table of the README: what others say of the situations of the matrix, and what we record.

``python tests/compare.py`` measures everything in one run and writes the table; a test measures it
again, row by row.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from matrix import CASES, CLICK, KERNEL, LATER, Case, Cell
from nbclient.exceptions import CellExecutionError
from runs import Hearing, click, execute, listening, output, plainly, tagged
from traitlets.config import Config

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- matrix: begin -->\n", "<!-- matrix: end -->\n"
MEASURED = ("ipython", "ipykernel", "nbclient", "papermill")
HEAD = "| # | situation | plain hook | nbclient | papermill | failextract_nb |\n|--:|---|---|---|---|---|\n"
# These speak of our own settings.
TOLD = [case for case in CASES if KERNEL in case.hosts and "FailExtract" not in str(case.cells)]


def notebook_of(case: Case) -> nbformat.NotebookNode:
    """The cells as a notebook; a click is a raw cell."""
    made = []
    for one in case.cells:
        cell = one if isinstance(one, Cell) else Cell(one)
        if one == CLICK:
            made.append(nbformat.v4.new_raw_cell(CLICK))
        else:
            metadata = {"tags": list(cell.tags)} if cell.tags else {}
            made.append(nbformat.v4.new_code_cell(cell.source, metadata=metadata))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=made, metadata=kernel)


def lay_out(case: Case, folder: Path) -> dict[str, str]:
    """Write what the case needs into the folder; the environment in which it is found."""
    for name, text in case.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    path = os.pathsep.join([str(folder), str(Path(__file__).parent)])
    return {**os.environ, "PYTHONPATH": path, "IPYTHONDIR": str(folder / "ipython")}


def plain(case: Case, folder: Path) -> tuple[str, str]:
    """What a plain hook says, and whether nbclient raises; of one run without us."""
    raised, options = "passed", {"extra_arguments": ["--ext=plain_hook"], "timeout": 120}
    with (
        plainly(notebook_of(case), folder, **options) as client,
        client.setup_kernel(env=lay_out(case, folder)),
    ):
        for index, cell in enumerate(client.nb.cells):
            try:
                if cell.cell_type == "raw":
                    click(client, output(client.nb.cells[index - 1]).strip("'"))
                else:
                    with tagged(client, cell):
                        client.execute_cell(cell, index)
            except CellExecutionError:
                raised = "failed"
    return ("failed" if (folder / "plain_hook.txt").exists() else "passed"), raised


def papermill(case: Case, folder: Path) -> str:
    """Whether papermill raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of papermill's own
        import papermill
        from papermill import engines
        from papermill.exceptions import PapermillExecutionError

        client = type("Heard", (Hearing, engines.PapermillNotebookClient), {})
        nbformat.write(notebook_of(case), folder / "in.ipynb")
        before = {name: os.environ.get(name) for name in ("PYTHONPATH", "IPYTHONDIR")}
        os.environ.update({name: lay_out(case, folder)[name] for name in before})
        try:
            with (
                listening() as where,
                mock.patch.object(engines, "PapermillNotebookClient", client),
            ):
                papermill.execute_notebook(
                    folder / "in.ipynb",
                    folder / "out.ipynb",
                    cwd=folder,
                    progress_bar=False,
                    config=Config({"KernelManager": where}),
                )
        except PapermillExecutionError:
            return "failed"
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    return "passed"


def recorded(captured: list[dict[str, Any]]) -> str:
    """The origins of what we record, with counts above one."""
    told = Counter(
        f"{one['origin']}{' (expected)' if one.get('expected') else ''}" for one in captured
    )
    return ", ".join(f"{n} × {one}" if n > 1 else one for one, n in told.items()) or "none"


def ours(case: Case, folder: Path) -> str:
    """What we record."""
    env = lay_out(case, folder)
    return recorded(execute(notebook_of(case), folder, extension=True, env=env).captured)


def name_of(case: Case) -> str:
    """Its first two columns."""
    name = case.name.replace("|", "\\|").replace("_", "\\_")
    return f"{case.row} | {name}"


def of_others(case: Case) -> str:
    """One line of the table, but for its last column, measured now."""
    said = []
    for measure in (plain, papermill):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(case, Path(folder).resolve())
            said += found if isinstance(found, tuple) else [found]
    return f"| {name_of(case)} | {' | '.join(said)} | "


def row(case: Case) -> str:
    """One line, measured now."""
    with tempfile.TemporaryDirectory() as folder:
        return f"{of_others(case)}{ours(case, Path(folder).resolve())} |\n"


def caption() -> str:
    return f"Measured with {', '.join(f'{name} {version(name)}' for name in MEASURED)}.\n"


def main() -> None:
    """Measure, and write the table into the README."""
    rows = []
    for case in TOLD:
        rows.append(row(case))
        sys.stdout.write(rows[-1])
    rows += [f"| {number} | {name} | | | | later |\n" for number, name in LATER.items()]
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}{HEAD}{''.join(rows)}\n{caption()}{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
