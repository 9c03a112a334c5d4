"""``@extract_on_failure``: the door for functions."""

from __future__ import annotations

import copyreg
import functools
import inspect
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from types import CodeType
from typing import Any, TypeVar, overload

from failextract_nb import capture, positions
from failextract_nb._budget import watched
from failextract_nb._names import rules
from failextract_nb._safe import text_of
from failextract_nb.extractor import FailureExtractor
from failextract_nb.fixtures import FixtureExtractor
from failextract_nb.output import config_for, name_of, write
from failextract_nb.recent import Tally
from failextract_nb.remember import note_problem, remember, store_passed
from failextract_nb.report import OutputConfig
from failextract_nb.wrappers import wrap

F = TypeVar("F", bound=Callable[..., Any])

MAX_ARGUMENTS = 30
TEST = "test"  # what the name of a test method starts with, for unittest and pytest alike
LOOK_AGAIN = 1.0  # seconds until the files that define fixtures are looked at again

_fixtures = FixtureExtractor()


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
    functions, generators, asynchronous generators, partials, objects that can be called, and
    classes, whose test methods are decorated.  The exception goes on as it was.

    ``output`` is a file (or OutputConfig) that holds all failures of this session which were to be
    written there; ``append`` keeps what it held before.  ``include_passed`` stores passes, too;
    ``max_depth`` is how many frames are kept; ``name`` stands for the function's own.
    Raises TypeError or ValueError that name the argument.
    """
    bare = callable(output) or isinstance(output, (classmethod, staticmethod))
    capture.check_name(name)
    capture.check_depth(max_depth)
    wishes = _Wishes(
        config=None if bare else config_for(output, format, append, include_passed),
        include_locals=include_locals,
        include_fixtures=include_fixtures,
        include_passed=include_passed,
        max_depth=max_depth,
        name=name,
    )
    if bare:
        return _decorate(output, wishes)
    return lambda function: _decorate(function, wishes)


def _decorate(function: Any, wishes: _Wishes) -> Any:
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(_decorate(function.__func__, wishes))
    if isinstance(function, type):
        return _decorate_tests(function, wishes)
    if not callable(function):
        raise TypeError(f"@extract_on_failure takes a function; got {function!r}")
    inner = function.func if isinstance(function, functools.partial) else function
    name = wishes.name or getattr(inner, "__name__", None) or type(inner).__name__
    code = getattr(inspect.unwrap(function), "__code__", None)
    failed = _Failed(wishes, name, getattr(function, "__module__", None), code)
    tally = _Stored(failed.passed) if wishes.include_passed else FailureExtractor._store.tally
    wrapper = wrap(function, failed, tally)
    functools.update_wrapper(wrapper, function)
    with suppress(ValueError, TypeError):  # a callable that has none
        # getfullargspec() and what stands on it do not follow __wrapped__.
        wrapper.__signature__ = inspect.signature(function)
    return wrapper


def _decorate_tests(cls: type, wishes: _Wishes) -> type:
    """``cls``, with its own test methods decorated; those that it inherits stay as they are."""
    tests = [name for name in vars(cls) if name.startswith(TEST)]
    if not tests:
        raise TypeError(
            f"@extract_on_failure takes a class with test methods; {cls.__name__} defines none "
            f"whose name starts with {TEST!r}: decorate the methods that you mean one by one"
        )
    for name in tests:
        method = vars(cls)[name]
        if callable(method) or isinstance(method, (classmethod, staticmethod)):
            setattr(cls, name, _decorate(method, wishes))
    return cls


class _Stored(Tally):
    """A tally that stores each pass it counts."""

    __slots__ = ("_passed",)

    def __init__(self, passed: Callable[[], None]) -> None:
        self._passed = passed

    def __reduce__(self) -> tuple[Any, ...]:
        return _Stored, (self._passed,)

    @property
    def passes(self) -> int:
        return 0

    @passes.setter
    def passes(self, _: int) -> None:
        self._passed()


def _own_tally() -> Tally:
    return FailureExtractor._store.tally


# A function that is sent to another process counts there.
copyreg.pickle(Tally, lambda _: (_own_tally, ()))


class _Failed:
    """What to do when one decorated function fails, which it does not hold itself.

    ``source`` is what a function brings along that was sent to a process without its file.
    """

    def __init__(
        self,
        wishes: _Wishes,
        name: str,
        module: str | None,
        code: CodeType | None = None,
        source: str = "",
    ) -> None:
        self.wishes, self.name, self.module = wishes, name, module
        self.code, self.source = code, source
        # A code object makes its names anew for each who asks.
        self._names = code.co_varnames[: code.co_argcount] if code else ()
        self._known_fixtures: dict[str, Any] | None = None
        self._looked = 0.0
        self._known: dict[str, Any] = {}
        self._known_at = -1  # which of the changes to the rules

    def __reduce__(self) -> tuple[Any, ...]:
        return _Failed, (self.wishes, self.name, self.module, None, self._source())

    def _source(self) -> str:
        return (positions.source_of(self.code) if self.code is not None else "") or self.source

    def __call__(
        self, function: Any, error: BaseException, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        wishes = self.wishes
        try:
            details = watched(self._details, function, args, kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # noqa: BLE001  # the failure counts more than its extras
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
            write(wishes.config)

    def passed(self) -> None:
        module = {"test_module": self.module} if self.module else {}
        store_passed({"test_name": self.name, **module})

    def _know(self, function: Any) -> dict[str, Any]:
        """What is the same for every failure of the function, while the rules are."""
        if self.code is None:
            self.code = getattr(inspect.unwrap(function), "__code__", None)
        known = {
            "test_module": self.module,
            "test_source": self._source(),
            "output": name_of(self.wishes.config),
        }
        return {key: value for key, value in known.items() if value}

    def _details(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        if self._known_at != rules.changes:
            self._known_at, self._known_fixtures = rules.changes, None
            self._known = self._know(function)
        details = self._known.copy()
        include = self.wishes.include_locals
        if capture.options.include_locals if include is None else include:
            if args:
                names = self._parameters(function, len(args))
                details["test_args"] = [*map(text_of, args[:MAX_ARGUMENTS], names)]
            if kwargs:
                details["test_kwargs"] = {
                    key: text_of(kwargs[key], key) for key in list(kwargs)[:MAX_ARGUMENTS]
                }
        if self.wishes.include_fixtures and (fixtures := self._fixtures(function, args, kwargs)):
            details["fixtures"] = fixtures
        return details

    def _fixtures(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        now = monotonic()
        if self._known_fixtures is None or now > self._looked + LOOK_AGAIN:
            found = _fixtures.extract_fixture_info(function)
            self._known_fixtures = {
                name: info for name, info in found.items() if info["kind"] != "parameter"
            }
            self._looked = now
        if not self._known_fixtures:
            return {}
        values = {**dict(zip(self._parameters(function, len(args)), args, strict=False)), **kwargs}
        return {
            name: {**info, "value": text_of(values[name], name)} if name in values else info
            for name, info in self._known_fixtures.items()
        }

    def _parameters(self, function: Any, count: int) -> Sequence[str]:
        """The names of ``count`` positional arguments, "" where the function has none for one."""
        if count <= len(self._names):
            return self._names[:count]
        names = list(self._names)
        if self.code is None:  # a partial, or an object that can be called
            with suppress(ValueError, TypeError):  # some built-in functions have no signature
                names = list(inspect.signature(function).parameters)
        return names[:count] + [""] * (count - len(names))
