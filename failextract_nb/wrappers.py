"""The functions that stand around a decorated one, one for each kind that Python has.

Their closures hold the function itself, and else what pickle takes: ipyparallel sends them as code.
On success each pays a ``try`` and a count.  Tracebacks do not show them.  The count needs no lock:
CPython (with its interpreter lock) changes threads at calls and at the ends of loops, and
``tally.passes += 1`` has neither.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from failextract_nb.recent import Tally

Failed = Callable[[Any, BaseException, tuple[Any, ...], dict[str, Any]], None]


def _plain(function: Any, failed: Failed, tally: Tally) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            __tracebackhide__ = True
            try:  # noqa: SIM105  # suppress() itself needs stack
                failed(function, error, args, kwargs)
            except RecursionError:  # none left to record on; a door further out has some
                pass
            raise
        tally.passes += 1
        return result

    return wrapper


def _coroutine(function: Any, failed: Failed, tally: Tally) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            __tracebackhide__ = True
            try:  # noqa: SIM105  # suppress() itself needs stack
                failed(function, error, args, kwargs)
            except RecursionError:  # none left to record on; a door further out has some
                pass
            raise
        tally.passes += 1
        return result

    return wrapper


def _generator(function: Any, failed: Failed, tally: Tally) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            result = yield from function(*args, **kwargs)
        except BaseException as error:
            __tracebackhide__ = True
            try:  # noqa: SIM105  # suppress() itself needs stack
                failed(function, error, args, kwargs)
            except RecursionError:  # none left to record on; a door further out has some
                pass
            raise
        tally.passes += 1
        return result

    return wrapper


def _async_generator(function: Any, failed: Failed, tally: Tally) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
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
            __tracebackhide__ = True
            try:  # noqa: SIM105  # suppress() itself needs stack
                failed(function, error, args, kwargs)
            except RecursionError:  # none left to record on; a door further out has some
                pass
            raise
        tally.passes += 1

    return wrapper


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...] = (
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (callable, _plain),
)


def wrap(function: Any, failed: Failed, tally: Tally) -> Any:
    """A function of the same kind as ``function`` that tells how each call of it ended."""
    call = type(function).__call__  # of an object that is called like a function
    make = next(make for fits, make in _KINDS if fits(function) or fits(call))
    return make(function, failed, tally)
