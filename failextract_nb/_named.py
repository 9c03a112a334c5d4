"""Where in a text the value stands that belongs to a secret name."""

from __future__ import annotations

import re
from bisect import bisect_right

from failextract_nb._coded import (
    MAX_PAIRS,
    PROSE,
    QUOTES,
    Said,
    Span,
    assigned,
    everywhere,
    in_brackets,
    listed,
)
from failextract_nb._names import call_reason, is_harmless, normal, secret_name

Found = tuple[int, int, str]  # from where to where, and why

_MAX_NAME = 60  # characters of a name before the word that gives it away
_BEFORE = re.compile(r"[\w.-]+\Z")

# ?name=value&…, --name=value, --name value, --name "value"
_OPTION = re.compile(
    r"(?P<sign>=|[ \t]{1,9})(?:(?P<quote>[\"'])(?P<cited>(?:(?!(?P=quote))[^\n])+)"
    r"|(?P<plain>(?!\[redacted: |[-*%<>=|&,()])[^\s&#\"']+))"
)
_SETS = re.compile(r"(?:%(?:set_)?env|\bsetx|\bconfigure[ \t]+set)[ \t]+\Z")
_TAG = re.compile(r"<(?:[\w.-]{1,40}:)?\Z")
_INNER = re.compile(r"(?:\s[^<>]{0,200})?>(?P<inner>[^<>]{1,999})(?=</)")  # <name>value</name>
# PASSWORD 'value', IDENTIFIED BY 'value'
_CITED = re.compile(
    r"[ \t]{1,9}(?:(?i:by|as|to)[ \t]{1,9})?(?P<quote>[\"'])"
    r"(?P<cited>(?![\s)+,;\]}])(?:(?!(?P=quote))[^\n])+)(?P=quote)"
)
_CITING = ("password", "passwd", "passphrase", "identified by")
# A line of its own, of a header, of YAML, of an INI file.
_LINE_STARTS = re.compile(r"(?:^|\n|\\[nr])[ \t]*(?:[<>*-][ \t]+)?\Z")
_LINE = re.compile(
    r"[ \t]*[:=][ \t]+(?P<rest>(?!\[redacted: )(?:[|>][+-]?(?:\n[ \t]+.*){1,99}|\S.*))"
)
_HEADER = re.compile(r":[ \t]+(?P<rest>(?!\[redacted: )[^\"'\n]+)")
_WORD = re.compile(r":[ \t]+(?P<word>(?!\[redacted: )[^\s,;\"'})\]]{3,})")
_PAIR_STARTS = re.compile(r"\{(?:[^{}]*,)?\s*\Z")
_TELLING = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])\S{6,}")
# A sign that separates names ends the value, the same sign inside it does not.
_BARE = re.compile(
    r"\]?=(?P<bare>(?!\[redacted: )(?:[^\s&;,'\"`]"
    r"|[&;,'\"](?=[\w!@#$%^*+./~-])(?![\w.-]{1,60}=)){3,})"
)
_BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))
_CLOSERS = ")]}>"
_GAPS = ("=", ":", " ", "\t", "]")

# What stands for a secret that is elsewhere: {token}, ${TOKEN}, $TOKEN, %s, <token>, ***.
_STAND_IN = re.compile(
    r"(?:(?i:bearer|basic|token)[ \t]+)?(?:\{[^{}\s]*\}?|\$\{\w+\}|\$[A-Z_][A-Z0-9_]*"
    r"|%(?:\(\w+\))?[sdr]|<[^<>]*>?\.?|[*•x.…]+"
    r"|(?i:none|true|false|null|nil|undefined|yes|no|on|off|ok|enabled|disabled|required|optional"
    r"|missing|invalid|expired|failed|denied))"
)
_MAX_STAND_IN = 100
_CALL = re.compile(r"[A-Za-z_][\w.]*(?:\(.*\)|\[.*\])")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*")

_LITERAL = re.compile(
    r"#[^\n]*|(?P<triple>\"\"\"|''')[\s\S]*?(?:(?P=triple)|\Z)|\"(?:\\[\s\S]|[^\"\\\n])*\"?"
    r"|'(?:\\[\s\S]|[^'\\\n])*'?"
)
_SHELL_LINE = re.compile(r"[ \t]*(?:[\w, ]{1,60}=[ \t]*)?[!%]")
_SHELL_CELL = re.compile(r"\s*%%(?:bash|sh|script|writefile|file|cmd|!|sx|system|env)\b")
# A type, where documentation says what a parameter is.
_TYPE = re.compile(r"(?:str|int|float|bool|bytes|object|dict|list|Any|Optional)(?![\w.])")
_CODE_INDENT = "    "  # of the lines of code in a traceback


def anywhere(_text: str) -> Said:
    """All of the text is what a program says."""
    return everywhere


def in_code(text: str) -> Said:
    """Commands, and what stands in quotes."""
    if _SHELL_CELL.match(text) is not None:
        return anywhere(text)
    starts, ends = [-1], [-1]  # of what stands in quotes; before the first, nothing does

    def is_said(at: int) -> bool:
        if _SHELL_LINE.match(text, text.rfind("\n", 0, at) + 1) is not None:
            return True
        if len(starts) == 1:
            for literal in _LITERAL.finditer(text):
                if not literal[0].startswith("#"):
                    starts.append(literal.start())
                    ends.append(literal.end())
            starts.append(len(text))
        return at < ends[bisect_right(starts, at) - 1]

    return is_said


def in_traceback(text: str) -> Said:
    """As in code, and the lines that are none."""
    in_quotes = in_code(text)
    return lambda at: (
        not text.startswith(_CODE_INDENT, text.rfind("\n", 0, at) + 1) or in_quotes(at)
    )


def secret_at(text: str, start: int, end: int, is_said: Said) -> Found | None:
    """The value under the name that has ``text[start:end]`` as its end; None if it is no secret."""
    before = _BEFORE.search(text, max(0, start - _MAX_NAME), start)
    if before is not None:
        start = before.start()
        if text[start] in "nrt" and text[start - 1 : start] == "\\":  # \n in a repr
            start += 1
    name, after = text[start:end], text[end : end + 1]
    if after == "(":
        reason = call_reason(name)
        span = in_brackets(text, end + 1) if reason else None
    else:
        reason = secret_name(name)
        span = _value_at(text, start, end, reason, is_said) if reason else None
    if span is None or reason is None:
        return None
    value = text[span[0] : span[1]]
    return None if _stands_in(value) or is_harmless(name, reason, value) else (*span, reason)


def _stands_in(value: str) -> bool:
    return len(value) < _MAX_STAND_IN and _STAND_IN.fullmatch(value.strip("\"' ")) is not None


def _value_at(text: str, start: int, end: int, reason: str, is_said: Said) -> Span | None:
    """Where the value is that belongs to the name ``text[start:end]``."""
    after = text[end : end + 1]
    span = assigned(text, start, end, is_said)
    if span is None and after in QUOTES:
        span = listed(text, start, end, reason)
    if span is None and _TAG.search(text, max(0, start - 42), start) is not None:
        inner = _INNER.match(text, end)
        span = inner.span("inner") if inner else None
    if span is None and after in _GAPS:
        span = _optional(text, start, end, is_said)
        if span is None and is_said(start):
            span = _said(text, start, end, is_said)
            if span is None and reason in _CITING and (match := _CITED.match(text, end)):
                span = match.span("cited") if is_said(match.start("cited")) else None
    return span


def _optional(text: str, start: int, end: int, is_said: Said) -> Span | None:
    """What an option of a command is given, or a parameter of an address."""
    is_option = text[start] == "-" or _SETS.search(text, max(0, start - 30), start) is not None
    if not is_option and text[start - 1 : start] not in ("?", "&"):
        return None
    match = _OPTION.match(text, end)
    if match is None:
        return None
    if match["sign"] != "=" and not (
        is_option and (text.startswith("--", start) or is_said(start))
    ):
        return None
    return match.span(str(match.lastgroup))


def _said(text: str, start: int, end: int, is_said: Said) -> Span | None:
    """The value without quotes that a program speaks of."""
    if text[start - 1 : start] in QUOTES and (match := _HEADER.match(text, end)) is not None:
        return match.span("rest")
    if _LINE_STARTS.search(text, max(0, start - 24), start) is not None:
        match = _LINE.match(text, end)
        if match is not None and not (
            _CALL.fullmatch(match["rest"])
            or _is_namesake(match["rest"], text[start:end])
            or _TYPE.match(match["rest"])
            or (is_said is not everywhere and PROSE.match(match["rest"]))
        ):
            return match.span("rest")
    if (match := _BARE.match(text, end)) is not None:
        value = match["bare"]
        if _is_namesake(value.rstrip(_CLOSERS), text[start:end]):
            return None
        stop = match.end()
        for left, right in _BRACKETS:  # the end of what the value stands in
            while text[stop - 1] == right and value.count(right) > value.count(left):
                value, stop = value[:-1], stop - 1
        return match.start("bare"), stop
    match = _WORD.match(text, end)
    if match is not None and (_TELLING.fullmatch(match["word"]) or _in_braces(text, start, match)):
        return match.span("word")
    return None


def _in_braces(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether it is one of the pairs in ``{user: ada, password: …}``."""
    return text[match.end() : match.end() + 1] in (",", "}") and (
        _PAIR_STARTS.search(text, max(0, start - MAX_PAIRS), start) is not None
    )


def _is_namesake(value: str, name: str) -> bool:
    """Whether it is code that hands a variable on: ``password=self.password``."""
    if _DOTTED.fullmatch(value) is None:
        return False
    return normal(value).rpartition(" ")[2] == normal(name).rpartition(" ")[2]
