"""The forms of code that give a secret name its value: assigned, listed, called, in a mapping."""

from __future__ import annotations

import re
from collections.abc import Callable

from failextract_nb._names import is_next_word, is_word

Said = Callable[[int], bool]  # whether at this place of a text a program speaks, and no code stands
Span = tuple[int, int]  # from where to where

QUOTES = ("'", '"')
PROSE = re.compile(r"[A-Za-z`][\w`'-]*(?:[ ,.]+[a-z`][\w`'-]*){2}")  # three words of a sentence

_TEXT = (  # in quotes
    r"[rbfuRBFU]{0,2}(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))(?:\\[\s\S]|[^\\\n]))+)"
)
_STRING = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
# What is between a name and its value.
_ASSIGNED = re.compile(
    # name = "value", "name": 'value', name: str = "value"
    r"(?P<close>\\{0,7}[\"'])?\]?"
    # name, other = "value", "value"
    r"(?(close)|(?P<beside>(?:[ \t]{0,9},[ \t]{0,9}[\w.]{1,60}){1,9}(?=[ \t]{0,9}=(?!=)))?)"
    r"(?:\s{0,9}:[ \t]{0,9}(?:\"[^\"\n]{1,60}\"|'[^'\n]{1,60}'"
    r"|[\w. |]{1,60}?(?:\[[^\]\n]{0,60}\]{1,5})?[\w. |]{0,60}?)(?=\s{0,9}=(?!=)))?"
    r"\s{0,9}(?P<sign>[=!:]=|=>|[=:])(?(close)\s{0,99}|[ \t]{0,9}(?:\\\n[ \t]{0,99})?)"
    # name = given or "value"
    r"(?:(?:(?![rbfuRBFU]{0,2}[\"']|[\[({])[^\n=#;]{1,160}?[ \t](?:or|else)[ \t]{1,9})?"
    r"[rbfuRBFU]{0,2}(?:"
    r"(?P<triple>\"\"\"|''')(?P<long>(?:(?!(?P=triple))[\s\S])+)"
    r"|(?P<quote>\\{0,7}[\"'])(?P<value>(?:(?!(?P=quote))(?:\\+[\s\S]|[^\\\n]))+))"
    # name=("value", "value"), name=SecretStr("value")
    r"|(?P<callee>[\w.]{0,60})(?P<open>[\[({])"
    # "name": 12345
    r"|(?(close)(?P<digits>\d{4,})(?![\w.])|(?!)))"
)
_TOKEN = re.compile(rf"(?P<string>{_STRING})|[\[({{]|(?P<end>[\])}}])")
# name = "value" "value", name = "value", "value", name = "value" or "value"
_MORE = re.compile(
    rf"[\"'](?:(?:[ \t]{{0,9}}[,+][ \t]{{0,9}}|[ \t]{{1,9}}(?:or[ \t]{{1,9}})?)[rbfuRBFU]{{0,2}}"
    rf"(?:{_STRING})(?!\s{{0,9}}:)){{1,99}}"
)
_WRAPPERS = ("str", "bytes", "field", "quote", "quote_plus", "b64encode")  # of a secret
_WRAPPED = re.compile(rf"\s{{0,99}}{_TEXT}")
_GETTERS = ("get", "getenv", "pop", "setdefault")  # name = settings.get("KEY", "value")
_FALLBACK = re.compile(rf"\s{{0,99}}(?:{_STRING})\s{{0,9}},\s{{0,9}}{_TEXT}")
_DEFAULT = re.compile(rf"[^()]{{0,200}}?\bdefault\s{{0,9}}=\s{{0,9}}{_TEXT}")
_TARGETS = re.compile(r"(?:^|\n)[ \t]{0,40}(?:[\w.]{1,60}[ \t]{0,9},[ \t]{0,9}){0,9}\Z")
_MAX_DEPTH = 9
MAX_PAIRS = 300
_MAX_GROUP = 2_000  # characters in brackets that are looked through for their end
# ("name", "value"), ["--name", "value"], {"name": "NAME", "value": "value"},
# <input name="NAME" value="value">
_IS_VALUE = r"[\"']?\b(?i:value)[\"']?\s{0,9}[:=]\s{0,9}"
_LISTED = re.compile(
    r"[\"'](?:\s{0,9},\s{0,9}\[?|(?:\s{1,9}[\w-]{1,30}=[\"'][^\"'<>\n]{0,99}[\"']){0,5}\s{1,9}(?=(?i:value)))"
    rf"(?P<key>{_IS_VALUE})?{_TEXT}"
)
_VALUE_FIRST = re.compile(
    rf"{_IS_VALUE}(?P<quote>[\"'])(?P<value>[^\"'\n]{{1,300}})(?P=quote)(?:\s{{0,9}},\s{{0,9}}|\s{{1,9}})"
    r"[\"']?(?i:name|key|type|id)[\"']?\s{0,9}[:=]\s{0,9}[\"']\Z"
)
_OPENED = re.compile(
    rf"(?P<sets>\bset(?:attr)?)?\(\s{{0,9}}(?P<more>(?:(?:[\w.]{{1,40}}|{_STRING})\s{{0,9}},\s{{0,9}}){{1,2}})?"
    r"[rbuRBU]{0,2}[\"']\Z"
)
_CLOSED = re.compile(r"[\"']\s{0,9}\]?,?\s{0,9}\)")
_MAX_OPENED = 90
_AFTER_TEXT = re.compile(r"\s*(?:[+%]\s|[)\],;]|\.\w+\()")
_SHORT = re.compile(r"[^\d]{1,5}")


def everywhere(_at: int) -> bool:
    return True


def assigned(text: str, start: int, end: int, is_said: Said) -> Span | None:
    """What stands after the sign behind the name ``text[start:end]``."""
    match = _ASSIGNED.match(text, end)
    if match is None:
        return None
    if match["beside"] and _TARGETS.search(text, max(0, start - MAX_PAIRS), start) is None:
        return None
    if match["open"] is None:
        span = match.span(str(match.lastgroup))
        hides_nothing = not match["close"] and (
            # "Password: ") is a question, and the quote its end; class Token: has a docstring.
            (match["quote"] and _AFTER_TEXT.match(text, *span))
            or (match["triple"] and match["sign"] == ":")
            # if token == "def": a parser's tokens are short, others are not.
            or (match["sign"] in ("==", "!=") and _SHORT.fullmatch(text, *span))
        )
        if hides_nothing or text.startswith(".join(", span[1] + 1):
            return None
        more = _MORE.match(text, span[1]) if match["quote"] in QUOTES else None
        return span if more is None else (span[0], more.end() - 1)
    callee = match["callee"]
    # A call in code makes a secret of what it is given; in what is said it is a part of a repr.
    is_repr = is_said is everywhere or (not match["close"] and is_said(start))
    if not callee or (match["open"] == "(" and ("secret" in callee.lower() or is_repr)):
        return in_brackets(text, match.end())
    called, given = callee.rpartition(".")[2].lower(), None
    if called in _WRAPPERS:
        given = _WRAPPED.match(text, match.end())
    elif called in _GETTERS:
        given = _FALLBACK.match(text, match.end())
    given = given or _DEFAULT.match(text, match.end())
    return given.span("value") if given else None


def in_brackets(text: str, start: int) -> Span | None:
    """What stands before the bracket that closes, if there is a text in it."""
    depth, has_text = 1, False
    stop = min(len(text), start + _MAX_GROUP)
    for token in _TOKEN.finditer(text, start, stop):
        if token["string"] is not None:
            has_text = True
        else:
            depth += -1 if token["end"] else 1
            if not 0 < depth < _MAX_DEPTH:
                stop = token.start()
                break
    return (start, stop) if has_text else None


def listed(text: str, start: int, end: int, reason: str) -> Span | None:
    """The item after a name in quotes, or what is called its value."""
    match, is_option = _LISTED.match(text, end), text[start] == "-"
    if match is not None and (match["key"] or is_option or _is_pair(text, start, match, reason)):
        return match.span("value")
    match, first = None, max(0, start - MAX_PAIRS)
    if text.find("alue", first, start) >= 0:
        match = _VALUE_FIRST.search(text, first, start)
    if match is None and (is_option or text[start - 2 : start - 1] == "("):
        match = _DEFAULT.match(text, end)
    return match.span("value") if match else None


def _is_pair(text: str, start: int, match: re.Match[str], reason: str) -> bool:
    """Whether a name and a text are all there is in brackets, or the last of it."""
    value = match["value"]
    if PROSE.match(value) is not None or is_next_word(reason, value):
        return False
    opened = _OPENED.search(text, max(0, start - _MAX_OPENED), start)
    if opened is None or (opened["more"] and not opened["sets"] and is_word(value)):
        return False
    return _CLOSED.match(text, match.end()) is not None
