"""Reports: what goes in, in which format, and where to."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from failextract_nb import failure, formats
from failextract_nb.failure import Failure, Passed
from failextract_nb.formats import NotAReport, OutputFormatter
from failextract_nb.formats._base import visible

STDOUT = "-"

# Named in a report's metadata when the session has imported them.
_VERSIONS_OF = ("IPython", "ipykernel", "numpy", "pandas", "dask", "torch", "polars", "pytest")


@dataclass(frozen=True)
class OutputConfig:
    """Where a report goes and what is in it.

    ``path``: a file, or None or "-" for standard output.  ``format``: one of ``formats.names()``;
    by default what the file's extension says.  ``append`` adds the failures that are not in the
    file yet.  ``max_failures`` takes the newest only, ``where`` those it returns true for.
    Raises TypeError or ValueError that name the argument.
    """

    path: str | os.PathLike[str] | None = None
    format: str | None = None
    append: bool = False
    include_passed: bool = False
    include_source: bool = True
    include_fixtures: bool = True
    include_locals: bool = True
    include_traceback: bool = True
    max_failures: int | None = None
    where: Callable[[Failure], object] | None = None

    def __post_init__(self) -> None:
        path = self._checked_path()
        object.__setattr__(self, "path", path)
        for field in fields(self):
            if field.type == "bool" and not isinstance(getattr(self, field.name), bool):
                raise TypeError(
                    f"{field.name} must be True or False; got {getattr(self, field.name)!r}"
                )
        if self.format is not None and not isinstance(self.format, str):
            raise TypeError(
                f"format must be the name of a format, such as 'json'; got {self.format!r}"
            )
        if self.format is None:
            name = "json" if path is None else formats.for_path(path)
            object.__setattr__(self, "format", name)
        formats.get(self.format or "")
        self._check_max_failures()
        if self.where is not None and not callable(self.where):
            raise TypeError(f"where must be a function of a failure; got {self.where!r}")
        if self.append and path is None:
            raise ValueError("append needs a file; this report goes to standard output")

    def _checked_path(self) -> Path | None:
        if self.path is None or self.path == STDOUT:
            return None
        if not isinstance(self.path, (str, os.PathLike)):
            raise TypeError(f"path must be a file name, a Path or None; got {self.path!r}")
        if not os.fspath(self.path):
            raise ValueError("path is empty; name a file, or use None for standard output")
        if "\0" in os.fspath(self.path):
            raise ValueError(f"path holds a NUL, which no file name has; got {self.path!r}")
        return Path(os.path.expanduser(self.path))  # leaves a ~user that is nobody as it is

    def _check_max_failures(self) -> None:
        limit = self.max_failures
        if limit is None:
            return
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"max_failures must be a whole number or None; got {limit!r}")
        if limit < 1:
            raise ValueError(f"max_failures must be above 0, or None for all; got {limit!r}")


def save(
    config: OutputConfig,
    failures: list[Failure],
    passed: list[Passed],
    counts: Mapping[str, Any] | None = None,
) -> Path | None:
    """Write the report that ``config`` asks for; return its path, None for standard output.

    The target holds the old report or the whole new one, never a part.  Transient errors of the
    file system are tried again.  Raises OSError, or ``NotAReport`` (a ValueError) when the file
    that is to be appended to is not a report of this format.
    """
    from failextract_nb import files

    chosen, chosen_passed = _choose(config, failures, passed)
    formatter = formats.get(config.format or "json")
    about = metadata(chosen, chosen_passed, counts)
    if config.path is None:
        print_out(formatter.iter_format(chosen, chosen_passed, about))
        return None
    path = Path(config.path)

    def chunks() -> Iterator[str]:
        if config.append and (old := _old_text(path)):
            return _appended(formatter, path, old, (chosen, chosen_passed, about))
        return iter(formatter.iter_format(chosen, chosen_passed, about))

    files.write(path, chunks)
    return path


def print_out(chunks: Iterable[str]) -> None:
    """Write to standard output; what a message holds gives no orders to who shows it."""
    from failextract_nb.foreign import harmless

    out, chunk = sys.stdout, "\n"
    is_terminal, is_log = out.isatty(), _is_log(out)
    for chunk in chunks:
        out.write(harmless(chunk) if is_log else visible(chunk) if is_terminal else chunk)
    if not chunk.endswith("\n"):
        out.write("\n")


# GitHub Actions and Azure Pipelines obey some lines of what is printed: ::error, ##[…], ##vso[…].
_READERS = ("GITHUB_ACTIONS", "TF_BUILD")


def _is_log(out: Any) -> bool:
    """Whether a CI server reads ``out``, which it does unless that is a file."""
    if not any(map(os.environ.get, _READERS)):
        return False
    try:
        return not stat.S_ISREG(os.fstat(out.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):
        return True


def save_all(
    save_report: Callable[[OutputConfig], Path | None],
    configs: Iterable[OutputConfig],
    max_workers: int,
) -> list[Path | None]:
    """Call ``save_report`` for each config on ``max_workers`` threads; paths in the same order."""
    from concurrent.futures import ThreadPoolExecutor

    configs = list(configs)
    if isinstance(max_workers, bool) or not isinstance(max_workers, int) or max_workers < 1:
        raise ValueError(f"max_workers must be a whole number above 0; got {max_workers!r}")
    refuse_twice(configs)
    with ThreadPoolExecutor(max_workers, thread_name_prefix="failextract-report") as pool:
        futures = [pool.submit(save_report, config) for config in configs]
    errors = [error for future in futures if (error := future.exception()) is not None]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup(f"{len(errors)} of {len(configs)} reports failed", errors)
    return [future.result() for future in futures]


def refuse_twice(configs: list[OutputConfig]) -> None:
    """Raise TypeError for what is no config, ValueError where two would write one file."""
    from failextract_nb import files

    appends: dict[str, bool] = {}
    for config in configs:
        if not isinstance(config, OutputConfig):
            raise TypeError(f"save_reports() takes OutputConfig objects; got {config!r}")
        target = "standard output" if config.path is None else files.real(config.path)
        if target in appends and not (config.append and appends[target]):
            raise ValueError(f"two of the reports would write {target}; give each its own path")
        appends[target] = config.append


def metadata(
    failures: Collection[Any],
    passed: Collection[Any] | None = None,
    counts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a report says about itself: schema version, counts, versions, time."""
    from failextract_nb import __version__  # the package's name is not set while it loads this

    versions = {"python": sys.version.split()[0], "failextract_nb": __version__}
    for name in _VERSIONS_OF:
        with suppress(Exception):  # a module may be anything
            version = getattr(sys.modules.get(name), "__version__", None)
            if isinstance(version, str):
                versions[name] = version
    return {
        "schema_version": failure.SCHEMA_VERSION,
        "generated": failure.now(),
        "failure_count": len(failures),
        "passed_count": len(passed or ()),
        "redacted_values": failure.redacted_in(failures),
        **(counts or {}),
        "versions": versions,
    }


def _choose(
    config: OutputConfig, failures: list[Failure], passed: list[Passed]
) -> tuple[list[Failure], list[Passed] | None]:
    where = config.where
    chosen = failures if where is None else [one for one in failures if where(one)]
    if config.max_failures is not None:
        chosen = chosen[-config.max_failures :]
    left_out: set[str] = set()
    for include, keys in (
        (config.include_source, failure.SOURCE_KEYS),
        (config.include_fixtures, failure.FIXTURE_KEYS),
        (config.include_locals, failure.LOCALS_KEYS),
        (config.include_traceback, failure.TRACEBACK_KEYS),
    ):
        if not include:
            left_out |= keys
    if left_out:
        chosen = [_without(one, frozenset(left_out)) for one in chosen]
    return chosen, passed if config.include_passed else None


def _without(raised: Any, keys: frozenset[str]) -> Any:
    """A failure, cause or member without ``keys``; what a user put into it otherwise stays."""
    if not isinstance(raised, dict):
        return raised
    out = {key: value for key, value in raised.items() if key not in keys - failure.FRAME_KEYS}
    for key in ("causes", "exceptions"):
        if isinstance(out.get(key), list):
            out[key] = [_without(one, keys) for one in out[key]]
    frames = out.get("extracted_code")
    if isinstance(frames, list) and not keys.isdisjoint(failure.FRAME_KEYS):
        out["extracted_code"] = [_without_source(frame) for frame in frames]
    return out


def _without_source(frame: Any) -> Any:
    if not isinstance(frame, dict):
        return frame
    return {key: value for key, value in frame.items() if key not in failure.FRAME_KEYS}


def _old_text(path: Path) -> str:
    if path.exists() and not path.is_file():  # a device may have no end, a pipe no beginning
        return ""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise NotAReport(f"{path} is not text ({error}); nothing was written") from error


def _appended(
    formatter: OutputFormatter,
    path: Path,
    old: str,
    new: tuple[list[Failure], list[Passed] | None, dict[str, Any]],
) -> Iterator[str]:
    failures, passed, about = new
    try:
        return iter(list(formatter.append(old, failures, passed, about)))
    except (NotAReport, RecursionError) as error:  # what no report of ours nests as deep
        raise NotAReport(
            f"cannot append to {path}: {error}. Nothing was written; "
            "choose another path, or append=False to replace the file"
        ) from error
