"""Where in a text the value stands that belongs to a secret name."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from failextract_nb._names import (
    call_reason,
    is_harmless,
    is_next_word,
    is_word,
    normal,
    secret_name,
)

Said = Callable[[int], bool]  # whether at this place of a text a program speaks, and no code stands
Found = tuple[int, int, str]  # from where to where, and why

_MAX_NAME = 60  # characters of a name before the word that gives it away
_BEFORE = re.compile(r"[\w.-]+\Z")

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
_DEFAULT = re.compile(rf"[^()]{{0,200}}?\bdefault\s{{0,9}}=\s{{0,9}}{_TEXT}")
_TARGETS = re.compile(r"(?:^|\n)[ \t]{0,40}(?:[\w.]{1,60}[ \t]{0,9},[ \t]{0,9}){0,9}\Z")
_MAX_DEPTH = 9
_MAX_PAIRS = 300
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
_CALLED = re.compile(rf"\((?P<given>\s{{0,99}}(?:(?:{_STRING})[\s,]{{0,60}}){{1,9}})")
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
_QUOTES = ("'", '"')
_AFTER_TEXT = re.compile(r"\s*(?:[+%]\s|[)\],;]|\.\w+\()")
_SHORT = re.compile(r"[^\d]{1,5}")
_GAPS = ("=", ":", " ", "\t", "]")
_PROSE = re.compile(r"[A-Za-z`][\w`'-]*(?:[ ,.]+[a-z`][\w`'-]*){2}")  # three words of a sentence

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


def _everywhere(_at: int) -> bool:
    return True


def anywhere(_text: str) -> Said:
    """All of the text is what a program says."""
    return _everywhere


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
        span = _in_brackets(text, end + 1) if reason else None
    else:
        reason = secret_name(name)
        span = _value_at(text, start, end, reason, is_said) if reason else None
    if span is None or reason is None:
        return None
    value = text[span[0] : span[1]]
    return None if _stands_in(value) or is_harmless(name, reason, value) else (*span, reason)


def _stands_in(value: str) -> bool:
    return len(value) < _MAX_STAND_IN and _STAND_IN.fullmatch(value.strip("\"' ")) is not None


def _value_at(
    text: str, start: int, end: int, reason: str, is_said: Said
) -> tuple[int, int] | None:
    """Where the value is that belongs to the name ``text[start:end]``."""
    after = text[end : end + 1]
    span = _assigned(text, start, end, is_said)
    if span is None and after in _QUOTES:
        span = _listed(text, start, end, reason)
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


def _assigned(text: str, start: int, end: int, is_said: Said) -> tuple[int, int] | None:
    match = _ASSIGNED.match(text, end)
    if match is None:
        return None
    if match["beside"] and _TARGETS.search(text, max(0, start - _MAX_PAIRS), start) is None:
        return None
    if match["open"] is None:
        span = match.span(str(match.lastgroup))
        is_harmless = not match["close"] and (
            # "Password: ") is a question, and the quote its end; class Token: has a docstring.
            (match["quote"] and _AFTER_TEXT.match(text, *span))
            or (match["triple"] and match["sign"] == ":")
            # if token == "def": a parser's tokens are short, others are not.
            or (match["sign"] in ("==", "!=") and _SHORT.fullmatch(text, *span))
        )
        if is_harmless or text.startswith(".join(", span[1] + 1):
            return None
        more = _MORE.match(text, span[1]) if match["quote"] in _QUOTES else None
        return span if more is None else (span[0], more.end() - 1)
    callee = match["callee"]
    # A call in code makes a secret of what it is given; in what is said it is a part of a repr.
    is_repr = is_said is _everywhere or (not match["close"] and is_said(start))
    if not callee or (match["open"] == "(" and ("secret" in callee.lower() or is_repr)):
        return _in_brackets(text, match.end())
    wraps = callee.rpartition(".")[2].lower() in _WRAPPERS
    given = _WRAPPED.match(text, match.end()) if wraps else None
    given = given or _DEFAULT.match(text, match.end())
    return given.span("value") if given else None


def _in_brackets(text: str, start: int) -> tuple[int, int] | None:
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


def _listed(text: str, start: int, end: int, reason: str) -> tuple[int, int] | None:
    """The item after a name in quotes, or what is called its value."""
    match, is_option = _LISTED.match(text, end), text[start] == "-"
    if match is not None and (match["key"] or is_option or _is_pair(text, start, match, reason)):
        return match.span("value")
    match, first = None, max(0, start - _MAX_PAIRS)
    if text.find("alue", first, start) >= 0:
        match = _VALUE_FIRST.search(text, first, start)
    if match is None and (is_option or text[start - 2 : start - 1] == "("):
        match = _DEFAULT.match(text, end)
    return match.span("value") if match else None


def _is_pair(text: str, start: int, match: re.Match[str], reason: str) -> bool:
    """Whether a name and a text are all there is in brackets, or the last of it."""
    value = match["value"]
    if _PROSE.match(value) is not None or is_next_word(reason, value):
        return False
    opened = _OPENED.search(text, max(0, start - _MAX_OPENED), start)
    if opened is None or (opened["more"] and not opened["sets"] and is_word(value)):
        return False
    return _CLOSED.match(text, match.end()) is not None


def _optional(text: str, start: int, end: int, is_said: Said) -> tuple[int, int] | None:
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


def _said(text: str, start: int, end: int, is_said: Said) -> tuple[int, int] | None:
    """The value without quotes that a program speaks of."""
    if text[start - 1 : start] in _QUOTES and (match := _HEADER.match(text, end)) is not None:
        return match.span("rest")
    if _LINE_STARTS.search(text, max(0, start - 24), start) is not None:
        match = _LINE.match(text, end)
        if match is not None and not (
            _CALL.fullmatch(match["rest"])
            or _is_namesake(match["rest"], text[start:end])
            or _TYPE.match(match["rest"])
            or (is_said is not _everywhere and _PROSE.match(match["rest"]))
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
        _PAIR_STARTS.search(text, max(0, start - _MAX_PAIRS), start) is not None
    )


def _is_namesake(value: str, name: str) -> bool:
    """Whether it is code that hands a variable on: ``password=self.password``."""
    if _DOTTED.fullmatch(value) is None:
        return False
    return normal(value).rpartition(" ")[2] == normal(name).rpartition(" ")[2]
