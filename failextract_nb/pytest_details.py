"""What pytest knows of a failure, as keys of its record.

All of it is read from what pytest has at hand when the test has failed; nothing is run.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest

from failextract_nb import positions
from failextract_nb._safe import message_of, text_of
from failextract_nb._strings import bounded
from failextract_nb.fixtures import BUILTIN, FixtureExtractor, Info, plain_function

ORIGIN = "test"
MAX_FIXTURES = 50  # of one test
MAX_CAPTURED = 100_000  # characters of what one phase has written to one stream
REWRITTEN = "@py_"  # what the names start with that pytest puts into an assert
_OWN = "_pytest."  # what the names of pytest's modules start with
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CAPTURED = "Captured "  # what the titles of output start with

_fixtures = FixtureExtractor()


class Compared(NamedTuple):
    """Two values that pytest was asked to compare, as text, and by which code on which line."""

    code: CodeType
    line: int
    operator: str
    left: str
    right: str


def compared(operator: str, left: object, right: object) -> Compared | None:
    """What the assert compares whose hook is being called; None where no assert calls it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "_call_reprcompare":
        frame = frame.f_back
    asserting = frame and frame.f_back
    if asserting is None:
        return None
    return Compared(asserting.f_code, asserting.f_lineno, operator, text_of(left), text_of(right))


def of_test(
    item: pytest.Item, error: BaseException | None, last: Compared | None
) -> dict[str, Any]:
    """What a test is, what it was given, and what pytest says of the assert that has failed."""
    details = {
        "test_module": getattr(getattr(item, "module", None), "__name__", None),
        "test_source": _source_of(item),
        "parameters": _texts(getattr(getattr(item, "callspec", None), "params", {})),
        "fixtures": fixtures_of(item),
        "assertion": None if error is None else assertion_of(error, last),
    }
    return {key: value for key, value in details.items() if value}


def _source_of(item: pytest.Item) -> str:
    owner = getattr(item, "cls", None) or getattr(item, "module", None)
    function = inspect.getattr_static(owner, getattr(item, "originalname", None) or "", None)
    code = getattr(plain_function(function), "__code__", None)
    return "" if code is None else positions.source_of(code)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: text_of(value, name) for name, value in values.items()}


def fixtures_of(item: pytest.Item) -> dict[str, Info]:
    """The fixtures that the test has got or was to get, as ``FixtureExtractor`` describes them.

    ``scope`` is the one that pytest has worked out; ``value`` is missing where there is none yet.
    """
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    asked = getattr(getattr(item, "_request", None), "_fixture_defs", {})  # getfixturevalue()
    definitions = {**{name: [one] for name, one in asked.items()}, **known}
    given = getattr(item, "funcargs", None) or {}
    names = dict.fromkeys([*getattr(item, "fixturenames", ()), *definitions])
    found: dict[str, Info] = {}
    for name in names:
        info = _describe(name, definitions.get(name, ()))
        if info is None or len(found) >= MAX_FIXTURES:
            continue
        result = getattr(asked.get(name), "cached_result", None)
        if name in given:
            info["value"] = text_of(given[name], name)
        elif result is not None and result[2] is None:
            info["value"] = text_of(result[0], name)
        found[name] = info
    return found


def _describe(name: str, definitions: Sequence[Any]) -> Info | None:
    """What the fixture is that the last of its definitions makes; None for those by which pytest
    calls setUp() and its like.
    """
    about = BUILTIN.get(name)
    if not definitions:
        return about and {"name": name, "kind": "builtin", "scope": about[0], "about": about[1]}
    definition = definitions[-1]
    if not str(getattr(definition.func, "__module__", "")).startswith(_OWN):
        info = _fixtures.info_of(name, definition.func, definition.scope)
        overridden = name in definition.argnames and _describe(name, definitions[:-1])
        return {**info, "overrides": overridden} if overridden else info
    if getattr(definition.func, "__name__", "") == "get_direct_param_fixture_func":
        return {"name": name, "kind": "parameter", "scope": definition.scope}
    if name.startswith("_"):
        return None
    info = {"name": name, "kind": "builtin", "scope": definition.scope}
    return {**info, "about": about[1]} if about else info


def assertion_of(error: BaseException, last: Compared | None) -> dict[str, Any] | None:
    """How pytest explains a rewritten assert, and the last two values that it has compared."""
    traceback = error.__traceback__
    if not isinstance(error, AssertionError) or traceback is None:
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    if not any(name.startswith(REWRITTEN) for name in (*code.co_varnames, *code.co_names)):
        return None
    found: dict[str, Any] = {"explanation": message_of(error).splitlines()}
    first, end, *_ = positions.span(code, traceback.tb_lasti)
    if last and last.code is code and (first or 0) <= last.line <= (end or first or 0):
        found.update(operator=last.operator, left=last.left, right=last.right)
    return found


def without_colours(record: dict[str, Any]) -> None:
    """Take out of what pytest explains the colours that it has for a terminal."""
    for key in ("exception_message", "exception_traceback"):
        record[key] = _COLOUR.sub("", record[key])
    assertion = record["assertion"]
    assertion["explanation"] = [_COLOUR.sub("", line) for line in assertion["explanation"]]


def raised_in(error: BaseException) -> BaseException:
    """The user's exception, where pytest or doctest has raised one of its own around it."""
    if isinstance(error, pytest.Collector.CollectError):
        return error.__cause__ or error
    examples = failed_examples(error)
    inner = getattr(examples[0], "exc_info", None) if examples else None
    return inner[1] if inner else error


def failed_examples(error: BaseException) -> list[Any]:
    """The failures that an exception of a doctest stands for; [] for any other exception."""
    doctest = sys.modules.get("doctest")
    if doctest is None:
        return []
    found: list[Any] = [error]
    if type(error).__module__ == f"{_OWN}doctest":
        found = getattr(error, "failures", found)
    kinds = (doctest.DocTestFailure, doctest.UnexpectedException)
    return [one for one in found if isinstance(one, kinds)]


def of_doctest(examples: list[Any], text: str) -> dict[str, Any]:
    """Where the first example stands, what each was to print and has printed; ``text`` is
    pytest's own account of it.
    """
    if not examples or getattr(examples[0], "exc_info", None):
        return {}
    test, example = examples[0].test, examples[0].example
    line = (test.lineno or 0) + example.lineno + 1
    frame = {"file": test.filename, "function": test.name, "line": line,
             "code": example.source.rstrip("\n"), "code_start": line}  # fmt: skip
    return {
        "exception_message": "\n".join(map(_difference, examples)),
        "exception_traceback": text,
        "test_file": test.filename,
        "line_number": line,
        "extracted_code": [frame],
        "locals": [None],
    }


def _difference(failed: Any) -> str:
    if getattr(failed, "exc_info", None):
        return f"{failed.example.source}raised {message_of(failed.exc_info[1])}"
    return f"{failed.example.source}Expected:\n{failed.example.want}Got:\n{failed.got}".rstrip("\n")


def of_report(report: Any) -> dict[str, Any]:
    """What the report says of any failure: which test, when, and what it has written."""
    details = {
        "node_id": report.nodeid,
        "phase": report.when if report.when != "???" else "crash",
        "subtest": "".join(_subtest(getattr(report, "context", None))),
        "captured": _captured(getattr(report, "sections", ())),
    }
    return {key: value for key, value in details.items() if value}


def _subtest(context: Any) -> Iterator[str]:
    """``[message] (name=value)``, as pytest calls a subtest."""
    if context is None:
        return
    message, values = getattr(context, "msg", None), getattr(context, "kwargs", None) or {}
    if message is not None:
        yield f"[{message}]"
    if values:
        told = ", ".join(f"{name}={value}" for name, value in values.items())
        yield f" ({told})" if message is not None else f"({told})"
    if message is None and not values:
        yield "(<subtest>)"


def _captured(sections: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By stream and phase (``stdout call``), what pytest has captured."""
    found: dict[str, str] = {}
    for title, text in sections:
        name = title.removeprefix(_CAPTURED)
        found[name] = found.get(name, "") + text
    return {name: bounded(text, MAX_CAPTURED) for name, text in found.items() if text}


def line_of(report: Any) -> int:
    """The line that the test starts at, from 1; 0 where pytest does not say it."""
    location = getattr(report, "location", None)
    line = location[1] if location else None  # from 0
    return 0 if line is None else line + 1


def of_outcome(report: Any) -> dict[str, Any]:
    """What stands for an exception, where pytest counts a failure and none was raised."""
    text = str(report.longrepr)
    kind = "Failed"
    if report.when == "???":
        kind = "WorkerCrashed"
    elif text.startswith("[XPASS(strict)]"):
        kind = "DidNotRaise"
    return {
        "origin": ORIGIN,
        "test_file": report.nodeid.partition("::")[0],
        "line_number": line_of(report),
        "exception_type": kind,
        "exception_message": text,
        "exception_traceback": f"{text}\n",
    }
