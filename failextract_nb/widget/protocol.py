"""What the page and the kernel say to each other, as the front end's ``protocol.ts`` has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from failextract_nb import _front


@cache
def specification() -> dict[str, Any]:
    """``version``, and what ``requests``, ``notices``, ``replies``, ``state`` and ``glance`` hold:
    the kind of each field.
    """
    return json.loads(_front.read("protocol.json"))  # type: ignore[no-any-return]  # of an object, a dict


def version() -> int:
    """The version that both sides have to have."""
    return int(specification()["version"])


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "strings": _is_strings,
    "choice": lambda one: isinstance(one, dict) and all(map(_is_strings, one.values())),
    "rows": lambda value: isinstance(value, list),
    "facets": lambda value: isinstance(value, list),
    "cells": lambda value: isinstance(value, dict),
}


def checked(fields: Mapping[str, str], message: Mapping[str, Any]) -> dict[str, Any]:
    """What ``message`` says of ``fields``, and no more; ValueError that names what is wrong."""
    found = {}
    for name, kind in fields.items():
        if name in message and _CHECKS[kind.removesuffix("?")](message[name]):
            found[name] = message[name]
        elif name in message or not kind.endswith("?"):
            raise ValueError(f"{name!r} is missing or no {kind.removesuffix('?')}")
    return found


def request(message: object, among: str = "requests") -> tuple[str, dict[str, Any]]:
    """The type and the fields of a page's message; ValueError for what is none of ours.

    ``among``: "requests", which are answered, or "notices".
    """
    if not isinstance(message, Mapping):
        raise ValueError("a message is an object")  # noqa: TRY004  # of a page, not of a caller
    if message.get("v") != version():
        raise ValueError(
            f"the page speaks version {message.get('v')!r} of the protocol, the kernel "
            f"{version()}: restart the kernel and reload the page"
        )
    known = specification()[among]
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in known:
        raise ValueError(f"there is no request {kind!r}; there are: {', '.join(known)}")
    return kind, checked(known[kind], message)
