"""Secrets out of text, by the name they stand under and by the look of the value.

What is found is replaced by ``[redacted: why]`` before it gets into a record, so that no later
reader can leak it.  ``rules`` says what else is a secret, what is none, and whether to look at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from failextract_nb import _looks

# A name is secret when its *last* word is: `db_password` is, `password_field_label` is not.
SECRET_WORDS = frozenset({
    "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "token",
    "credential", "credentials", "authorization", "apikey", "auth", "cookie",
})  # fmt: skip
SECRET_PAIRS = frozenset({
    "api key", "access key", "account key", "private key", "secret key", "signing key",
    "encryption key", "session id", "connection string",
})  # fmt: skip
# Long enough to be sure of inside a word that has no separators: `mydbpassword`.
SECRET_ENDINGS = ("password", "passwd", "passphrase", "apikey", "accesstoken", "authtoken")

MAX_NAME = 200  # characters of a name that are looked at, its last ones
MASK = "[redacted: "

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_STEMS = (
    "passw", "passphrase", "pwd", "secret", "token", "credential", "auth", "key", "cookie",
    "session", "connection",
)  # fmt: skip
_SIGNS = ("-", "'", '"', "?", "&")
_SHORTEST = 6  # pwd='' and what is shorter hide nothing


def _patterns(stems: Iterable[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What stands in code and data, and what else stands in what programs say."""
    stem = rf"(?i:{'|'.join(map(re.escape, stems))})"
    # Bounded, and only from where a word starts: a long text is read once.
    name = rf"(?<![\w.-])[\w.-]{{0,60}}?{stem}\w{{0,60}}"
    option = rf"[\w.-]{{0,60}}?{stem}[\w-]{{0,60}}"
    named = re.compile(
        # name = "value", "name": 'value', name: str = "value", name == "value"
        rf"(?P<name>{name})(?P<between>[\"']?\]?(?:\s{{0,9}}:\s{{0,9}}\w{{1,60}})?"
        r"\s{0,9}(?:[=!:]=|[=:])\s{0,9}[rbfuRBFU]{0,2})"
        r"(?P<quote>[\"'])(?P<value>(?:\\.|(?!(?P=quote))[^\\\n])+)(?=(?P=quote))"
        # ?name=value&…, --name=value, --name value
        rf"|(?P<lead>[?&]|(?<![\w-])--?)(?P<query>{option})"
        r"(?P<sign>=|(?<=\w)\s+)(?P<plain>(?!\[redacted: )[^\s&#\"']+)"
    )
    said = re.compile(
        # NAME=value in a command or an environment, and a header on a line of its own
        rf"(?P<name>{option})=(?P<value>(?!\[redacted: |(?i:none|true|false|null)\b)"
        r"[^\s&;,'\"()\[\]{}<>=]{3,})"
        rf"|(?m:^(?P<indent>[ \t]*(?:[<>*-][ \t]+)?)(?P<header>{option}):[ \t]+"
        r"(?P<rest>(?!\[redacted: )\S.*)$)"
    )
    return named, said


class Rules:
    """What is a secret: ours, and what the user has added to it and taken from it."""

    def __init__(self) -> None:
        self.is_on = True
        self._watchers: list[Callable[[], None]] = []
        self.set()

    def watch(self, forget: Callable[[], None]) -> None:
        """Have ``forget()`` called after every change: what was redacted before is out of date."""
        self._watchers.append(forget)

    def set(
        self,
        *,
        is_on: bool = True,
        names: Iterable[str] = (),
        patterns: Iterable[str] = (),
        exempt: Iterable[str] = (),
    ) -> None:
        """Take over what the user wishes.  Raises ValueError that names what is wrong."""
        try:
            compiled = tuple(re.compile(one) for one in patterns)
        except re.error as error:
            raise ValueError(f"{error.pattern!r} is no regular expression: {error}") from None
        for one in compiled:
            if one.search("") is not None:
                raise ValueError(f"{one.pattern!r} would match everything")
        self.names = tuple(filter(None, map(_normal, names)))
        self.exempt = frozenset(map(_normal, exempt))
        self.patterns = compiled
        self.is_on = is_on
        self.stems = (*_STEMS, *(one.rpartition(" ")[2] for one in self.names))
        self.named, self.said = _patterns(self.stems)
        _reason.cache_clear()
        for forget in self._watchers:
            forget()


def _normal(name: str) -> str:
    """``dbPassword``, ``DB-PASSWORD`` and ``db_password`` as the words that they are made of."""
    return " ".join(_WORD.findall(name)).lower() or name.lower()


def secret_name(name: str) -> str | None:
    """The reason why a value under this name is hidden (``"password"``), or None."""
    return _reason(name if len(name) <= MAX_NAME else name[-MAX_NAME:])


@lru_cache(maxsize=4096)
def _reason(name: str) -> str | None:
    if not rules.is_on:
        return None
    words = _normal(name)
    if words in rules.exempt:
        return None
    for own in rules.names:
        if words == own or words.endswith(f" {own}"):
            return own
    last, pair = words.rpartition(" ")[2], " ".join(words.split(" ")[-2:])
    if last in SECRET_WORDS:
        return last
    if pair in SECRET_PAIRS:
        return pair
    return next((ending for ending in SECRET_ENDINGS if last.endswith(ending)), None)


rules = Rules()


def is_blank(value: object) -> bool:
    """Nothing to hide: a flag, None, an empty text."""
    return value is None or type(value) is bool or (type(value) is str and not value)


def mask(reason: str) -> str:
    """What stands where a secret stood."""
    return f"{MASK}{reason}]"


def redact(text: str) -> str:
    """``text``, which may be code, without what looks like a secret."""
    return _redacted(text)[0]


def redact_said(text: str) -> str:
    """``text`` that a program says, such as a message or a command: no code, so that a bare
    ``password=hunter2`` is a password.
    """
    text, folded = _redacted(text)
    if folded and ("=" in folded or ": " in folded) and _has_stem(folded):
        return rules.said.sub(_hide_said, text)
    return text


def _redacted(text: str) -> tuple[str, str]:
    """The text and its casefold; "" for that where there is nothing to look for."""
    length = len(text)
    if length < _SHORTEST or (length < _looks.SHORTEST and text.isidentifier()) or not rules.is_on:
        return text, ""
    for pattern in rules.patterns:
        text = pattern.sub(mask("pattern"), text)
    folded = _folded(text)
    if length >= _looks.SHORTEST or "://" in text:
        shown = _looks.hide(text, folded, mask)
        if shown is not text:
            text, folded = shown, _folded(shown)
    for sign in _SIGNS:
        if sign in folded:
            if _has_stem(folded):
                text = rules.named.sub(_hide_named, text)
            break
    return text, folded


def _folded(text: str) -> str:
    """``text`` as patterns see it that ignore case: to them the i's of Turkish are i's, too."""
    folded = text.casefold()
    return folded if folded.isascii() else folded.replace("ı", "i").replace("i\u0307", "i")


def _has_stem(folded: str) -> bool:
    return any(stem in folded for stem in rules.stems)


def _hide_named(match: re.Match[str]) -> str:
    reason = secret_name(match["name"] or match["query"])
    if reason is None:
        return match[0]
    if match["name"] is not None:
        return match["name"] + match["between"] + match["quote"] + mask(reason)
    if match["lead"].startswith("-") or match["sign"] == "=":
        return match["lead"] + match["query"] + match["sign"] + mask(reason)
    return match[0]


def _hide_said(match: re.Match[str]) -> str:
    reason = secret_name(match["name"] or match["header"])
    if reason is None:
        return match[0]
    if match["name"] is not None:
        return f"{match['name']}={mask(reason)}"
    return f"{match['indent']}{match['header']}: {mask(reason)}"
