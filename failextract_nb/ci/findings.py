"""What a CI server is told of each failure: where in the repository it stands, and in few words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failextract_nb import failure as words
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.ci.places import line_in_file
from failextract_nb.formats._base import visible
from failextract_nb.formats.junit import token

# The folder that the repository was checked out to, as the servers tell it.
_ROOTS = (
    "GITHUB_WORKSPACE",
    "CI_PROJECT_DIR",  # GitLab
    "BUILD_SOURCESDIRECTORY",  # Azure
    "BUILDKITE_BUILD_CHECKOUT_PATH",
    "WORKSPACE",  # Jenkins
)


@dataclass(frozen=True)
class Finding:
    """One failure.  All texts are without control characters, those but ``message`` one line.

    ``path`` is that of a file, from the root of the repository and with ``/`` between its parts;
    "" where no file is known.  ``line`` is its line from 1, if it is known; ``cause`` is what has
    led to it, and ``is_blocked`` tells that it only follows from another failure.
    """

    failure: Mapping[str, Any]
    notebook: str
    cell: str
    kind: str
    message: str
    cause: str
    path: str
    line: int | None
    is_blocked: bool

    @property
    def title(self) -> str:
        """``In[3] of a.ipynb: ValueError``."""
        return f"{self.cell} of {self.notebook}: {self.kind}"

    @property
    def text(self) -> str:
        """The type and the message, and below what has led to it."""
        said = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{said}\nCause: {self.cause}" if self.cause else said


def findings(
    notebooks: Iterable[NotebookOutcome], environment: Mapping[str, str] = os.environ
) -> list[Finding]:
    """All failures, in the order of the notebooks, but for those that were expected."""
    return [
        _finding(failure, book, environment)
        for book in notebooks
        for failure in book.failures
        if not failure.get("expected")
    ]


def apart(found: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Those that stand for themselves, and those that only follow from others."""
    blocked = [one for one in found if one.is_blocked]
    return [one for one in found if not one.is_blocked], blocked


def following(count: int) -> str:
    """How many failures only follow from others, in words."""
    if count == 1:
        return "1 that only follows from another failure"
    return f"{count} that only follow from other failures"


def by_notebook(
    failures: Iterable[Mapping[str, Any]], environment: Mapping[str, str] = os.environ
) -> list[NotebookOutcome]:
    """Records of a session as outcomes of notebooks; where there is none, of modules."""
    books: dict[str, NotebookOutcome] = {}
    for failure in failures:
        notebook = failure.get("notebook")
        name = str(notebook or failure.get("test_module") or words.UNKNOWN)
        path = ""
        if notebook and os.path.isfile(name):
            path, name = os.path.abspath(name), _from_root(name, environment)
        books.setdefault(name, NotebookOutcome(path, name)).failures.append(failure)  # type: ignore[arg-type]  # a record, as mappings are read
    return list(books.values())


def _finding(
    failure: Mapping[str, Any], book: NotebookOutcome, environment: Mapping[str, str]
) -> Finding:
    line = failure.get("notebook_line")
    file = book.path
    if not file and os.path.isfile(name := str(failure.get("test_file", ""))):
        file, line = name, failure.get("line_number") or None
    elif file and line is None:
        line = line_in_file(failure, file)
    return Finding(
        failure=failure,
        notebook=token(book.name),
        cell=token(words.where(failure)),
        kind=token(failure.get("exception_type", "")),
        message=visible(failure.get("exception_message") or ""),
        cause=" ".join(visible(_cause(failure, book)).split()),
        path=visible(_from_root(file, environment)) if file else "",
        line=line if type(line) is int and line > 0 else None,
        is_blocked="blocked_by" in failure,
    )


def _cause(failure: Mapping[str, Any], book: NotebookOutcome) -> str:
    blocker = failure.get("blocked_by")
    if isinstance(blocker, Mapping):
        known = (one for one in book.failures if one.get("id") == blocker.get("failure"))
        first = next(known, None)
        where = words.where(first) if first else "an earlier cell"
        return f"{where} has failed, and {blocker.get('name')} is missing"
    causes = failure.get("causes")
    if isinstance(causes, list) and causes and isinstance(causes[-1], Mapping):  # the first of all
        return f"{causes[-1].get('exception_type')}: {causes[-1].get('exception_message')}"
    return ""


def _from_root(file: str, environment: Mapping[str, str]) -> str:
    """The path of a file as the server knows it; as it is where it lies outside."""
    path = os.path.realpath(file)
    named = [environment[name] for name in _ROOTS if environment.get(name)]
    for root in (*named, os.getcwd()):
        try:
            inside = os.path.relpath(path, os.path.realpath(root))
        except ValueError:  # on another of Windows' drives
            continue
        if inside.split(os.sep)[0] != os.pardir:
            return inside.replace(os.sep, "/")
    return path.replace(os.sep, "/")
