"""``@extract_on_failure`` and ``with capture_failures(...)``: for functions and blocks."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from types import CodeType, TracebackType
from typing import Any, Self, TypeVar, overload

from failextract_nb import positions
from failextract_nb._safe import text_of
from failextract_nb.extractor import FailureExtractor
from failextract_nb.fixtures import FixtureExtractor
from failextract_nb.remember import note_problem, remember
from failextract_nb.report import OutputConfig

F = TypeVar("F", bound=Callable[..., Any])

MAX_ARGUMENTS = 30

_fixtures = FixtureExtractor()
_count_pass = FailureExtractor._store.count_pass


@dataclass(frozen=True)
class _Wishes:
    """What the user asked the door for."""

    config: OutputConfig | None
    include_locals: bool | None
    include_fixtures: bool
    include_passed: bool
    max_depth: int | None
    name: str | None


@overload
def extract_on_failure(output: F) -> F: ...
@overload
def extract_on_failure(
    output: str | os.PathLike[str] | OutputConfig | None = None,
    format: str | None = None,
    append: bool = False,
    *,
    include_locals: bool | None = None,
    include_fixtures: bool = True,
    include_passed: bool = False,
    max_depth: int | None = None,
    name: str | None = None,
) -> Callable[[F], F]: ...
def extract_on_failure(
    output: Any = None,
    format: str | None = None,
    append: bool = False,
    *,
    include_locals: bool | None = None,
    include_fixtures: bool = True,
    include_passed: bool = False,
    max_depth: int | None = None,
    name: str | None = None,
) -> Any:
    """Record every failure of a function; bare, or with arguments.

    Takes functions, methods, classmethods, staticmethods (on either side of theirs), coroutine
    functions, generators and asynchronous generators.  The exception goes on as it was.

    ``output`` is a file (or OutputConfig) that holds all failures of this session which were to be
    written there; ``append`` keeps what it held before.  ``include_passed`` stores passes, too;
    ``max_depth`` is how many frames are kept; ``name`` stands for the function's own.
    Raises TypeError or ValueError that name the argument.
    """
    bare = callable(output) or isinstance(output, (classmethod, staticmethod))
    if max_depth is not None and (
        isinstance(max_depth, bool) or not isinstance(max_depth, int) or max_depth < 1
    ):
        raise ValueError(f"max_depth must be a whole number of frames above 0; got {max_depth!r}")
    wishes = _Wishes(
        config=None if bare else _config(output, format, append),
        include_locals=include_locals,
        include_fixtures=include_fixtures,
        include_passed=include_passed,
        max_depth=max_depth,
        name=name,
    )
    if bare:
        return _decorate(output, wishes)
    return lambda function: _decorate(function, wishes)


def _config(output: Any, format: str | None, append: bool) -> OutputConfig | None:
    if output is None:
        if format is not None or append:
            raise ValueError("format and append say how to write a file; name it with output=…")
        return None
    if not isinstance(output, OutputConfig):
        output = OutputConfig(output, format=format, append=append)
    where, path = output.where, os.fspath(output.path) if output.path else ""
    config: OutputConfig = replace(
        output, where=lambda one: one.get("output") == path and (where is None or where(one))
    )
    return config


def _decorate(function: Any, wishes: _Wishes) -> Any:
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(_decorate(function.__func__, wishes))
    if isinstance(function, type):
        raise TypeError(
            f"@extract_on_failure takes functions and methods; decorate those of the class "
            f"{function.__name__} one by one"
        )
    if not callable(function):
        raise TypeError(f"@extract_on_failure takes a function; got {function!r}")
    failed = _Failed(function, wishes)
    passed = _count_pass if not wishes.include_passed else None
    wrap = next(make for fits, make in _KINDS if fits(function))
    wrapper = wrap(function, failed, passed or failed.passed)
    return functools.update_wrapper(wrapper, function)


class _Failed:
    """What to do when one decorated function fails."""

    def __init__(self, function: Any, wishes: _Wishes) -> None:
        self.function = function
        self.wishes = wishes
        self.name = wishes.name or getattr(function, "__name__", None) or type(function).__name__
        self.code = getattr(inspect.unwrap(function), "__code__", None)

    def __call__(self, error: BaseException, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        wishes = self.wishes
        try:
            details = self._details(args, kwargs)
        except Exception as problem:  # noqa: BLE001  # the failure counts more than its extras
            note_problem(f"the arguments of {self.name} were not recorded", problem)
            details = {}
        failure_id = remember(
            error,
            origin="function",
            name=self.name,
            include_locals=wishes.include_locals,
            max_depth=wishes.max_depth,
            details=details,
        )
        if failure_id is not None:
            _write(wishes.config)

    def passed(self) -> None:
        FailureExtractor().add_passed(self._identity())

    def _identity(self) -> dict[str, Any]:
        module = getattr(self.function, "__module__", None)
        identity = {"test_name": self.name}
        if module:
            identity["test_module"] = module
        return identity

    def _details(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        details = self._identity()
        del details["test_name"]
        if self.code is not None:
            details["test_source"] = _source(self.code)
        if self.wishes.config is not None:
            details["output"] = os.fspath(self.wishes.config.path or "")
        if self.wishes.include_locals is not False:
            names = _parameters(self.code, len(args))
            details["test_args"] = [
                text_of(value, name)
                for value, name in zip(args[:MAX_ARGUMENTS], names, strict=False)
            ]
            details["test_kwargs"] = {
                key: text_of(kwargs[key], key) for key in list(kwargs)[:MAX_ARGUMENTS]
            }
        if self.wishes.include_fixtures:
            details["fixtures"] = self._fixtures(args, kwargs)
        return {key: value for key, value in details.items() if value}

    def _fixtures(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        names = _parameters(self.code, len(args))
        values: Mapping[str, Any] = {**dict(zip(names, args, strict=False)), **kwargs}
        found = _fixtures.extract_fixture_info(self.function, values)
        return {name: info for name, info in found.items() if info["kind"] != "parameter"}


def _write(config: OutputConfig | None) -> None:
    """Write the report that a failure was to go to; the user's exception comes first."""
    if config is None:
        return
    try:
        FailureExtractor().save_report(config)
    except Exception as problem:  # noqa: BLE001  # an override or a format may raise anything
        note_problem(f"the report {config.path} was not written", problem)


@functools.lru_cache(maxsize=1024)
def _source(code: CodeType) -> str:
    return positions.source_of(code)


def _parameters(code: CodeType | None, count: int) -> list[str]:
    """The names of ``count`` positional arguments, "" where the function has none for one."""
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    return names[:count] + [""] * (count - len(names))


def _plain(function: Any, failed: _Failed, passed: Callable[[], Any]) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            failed(error, args, kwargs)
            raise
        passed()
        return result

    return wrapper


def _coroutine(function: Any, failed: _Failed, passed: Callable[[], Any]) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            failed(error, args, kwargs)
            raise
        passed()
        return result

    return wrapper


def _generator(function: Any, failed: _Failed, passed: Callable[[], Any]) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            result = yield from function(*args, **kwargs)
        except BaseException as error:
            failed(error, args, kwargs)
            raise
        passed()
        return result

    return wrapper


def _async_generator(function: Any, failed: _Failed, passed: Callable[[], Any]) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            inner = function(*args, **kwargs)
            step = inner.__anext__()
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    break
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001  # athrow: it is the inner one's
                    step = inner.athrow(thrown)
                else:
                    step = inner.asend(sent)
        except BaseException as error:
            failed(error, args, kwargs)
            raise
        passed()

    return wrapper


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...] = (
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (callable, _plain),
)


class capture_failures:  # noqa: N801  # used as a statement: with capture_failures(...)
    """Record a failure of a ``with`` (or ``async with``) block; the exception goes on.

    ``name`` names the block; by default it is that of the function it stands in.  The other
    arguments are those of ``extract_on_failure``.  After the block, ``failure_id`` is the id of its
    failure, or None.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        output: str | os.PathLike[str] | OutputConfig | None = None,
        format: str | None = None,
        append: bool = False,
        include_locals: bool | None = None,
        include_passed: bool = False,
        max_depth: int | None = None,
        tags: list[str] | None = None,
    ) -> None:
        self.name = name
        self.failure_id: str | None = None
        self._config = _config(output, format, append)
        self._include_locals = include_locals
        self._include_passed = include_passed
        self._max_depth = max_depth
        self._tags = tags
        self._started = 0.0

    def __enter__(self) -> Self:
        self.failure_id = None
        self._started = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        duration = perf_counter() - self._started
        if error is None:
            if self._include_passed:
                passed = {"test_name": self.name or "block", "duration": duration}
                FailureExtractor().add_passed(passed)
            else:
                _count_pass()
            return
        details: dict[str, Any] = {"duration": duration}
        if self._tags:
            details["tags"] = list(self._tags)
        if self._config is not None:
            details["output"] = os.fspath(self._config.path or "")
        self.failure_id = remember(
            error,
            origin="block",
            name=self.name,
            include_locals=self._include_locals,
            max_depth=self._max_depth,
            details=details,
        )
        if self.failure_id is not None:
            _write(self._config)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)
