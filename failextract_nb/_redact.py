"""Secrets out of text, by the name they stand under and by the look of the value.

A first, correct version: what is found is replaced by ``[redacted: why]`` before it gets into a
record, so that no later reader can leak it.
"""

from __future__ import annotations

import re
from functools import lru_cache

# A name is secret when its *last* word is: `db_password` is, `password_field_label` is not.
SECRET_WORDS = frozenset({
    "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "token",
    "credential", "credentials", "authorization", "apikey", "auth", "cookie",
})  # fmt: skip
SECRET_PAIRS = frozenset({
    "api key", "access key", "private key", "secret key", "signing key", "encryption key",
    "session id", "connection string",
})  # fmt: skip
# Long enough to be sure of inside a word that has no separators: `mydbpassword`.
SECRET_ENDINGS = ("password", "passwd", "passphrase", "apikey", "accesstoken", "authtoken")

MAX_NAME = 200  # characters of a name that are looked at, its last ones

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")

# The name of a group is the reason that the reader sees.
_VALUES = re.compile(
    r"(?P<private_key>-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?"
    r"(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))"
    r"|(?P<jwt>(?<![\w-])eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*)"
    r"|(?P<aws_key>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"
    r"|(?P<google_key>\bAIza[\w-]{35})"
    r"|(?P<github_token>\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}))"
    r"|(?P<slack_token>\bxox[abeprs]-[\w-]{10,})"
    r"|(?P<stripe_key>\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,})"
    # Words are no credentials: a digit, a `=` or a capital inside is what a token has.
    r"|(?P<bearer>\b(?i:bearer|basic)\s+(?=\S*(?:\d|=|[a-z][A-Z]))[\w.~+/-]{16,}=*)"
    r"|(?P<user_and_password>(?<=://)[^\s:/@'\"]*:[^\s/@'\"]+(?=@))"
)

_STEM = r"(?i:passw|passphrase|pwd|secret|token|credential|auth|key|cookie|session|connection)"
# Bounded, and only from where a word starts: a long text is read once.
_NAME = rf"(?<![\w.-])[\w.-]{{0,60}}?{_STEM}\w{{0,60}}"
_OPTION = rf"[\w.-]{{0,60}}?{_STEM}[\w-]{{0,60}}"
_NAMED = re.compile(
    # name = "value", "name": 'value', name: str = "value", name == "value"
    rf"(?P<name>{_NAME})(?P<between>[\"']?\]?(?:\s{{0,9}}:\s{{0,9}}\w{{1,60}})?"
    r"\s{0,9}(?:[=!:]=|[=:])\s{0,9}[rbfuRBFU]{0,2})"
    r"(?P<quote>[\"'])(?P<value>(?:\\.|(?!(?P=quote))[^\\\n])+)(?=(?P=quote))"
    # ?name=value&…, --name=value, --name value
    rf"|(?P<lead>[?&]|(?<![\w-])--?)(?P<query>{_OPTION})"
    r"(?P<sign>=|(?<=\w)\s+)(?P<plain>(?!\[redacted: )[^\s&#\"']+)"
)
# Looking for a few short texts costs a tenth of what the patterns do, so they look first, in the
# casefolded text: what _VALUES finds has one of these, what _NAMED finds a sign and a stem.
_TELLS = ("://", "-----begin", "eyj", "akia", "asia", "aiza", "xox", "bearer", "basic")
_TELLS_WITH_LINE = (
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "k_live_", "k_test_",
)  # fmt: skip
_SIGNS = ("-", "'", '"', "?", "&")
_STEMS = tuple(_STEM.removeprefix("(?i:").removesuffix(")").split("|"))
_SHORTEST = 6  # pwd='' and what is shorter hide nothing
_SHORTEST_VALUE = 15  # of what _VALUES finds without a "://" in it: xoxb- and ten characters


def secret_name(name: str) -> str | None:
    """The reason why a value under this name is hidden (``"password"``), or None."""
    return _reason(name if len(name) <= MAX_NAME else name[-MAX_NAME:])


@lru_cache(maxsize=4096)
def _reason(name: str) -> str | None:
    words: list[str] = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return None
    if words[-1] in SECRET_WORDS:
        return words[-1]
    pair = " ".join(words[-2:])
    if pair in SECRET_PAIRS:
        return pair
    return next((ending for ending in SECRET_ENDINGS if words[-1].endswith(ending)), None)


def is_blank(value: object) -> bool:
    """Nothing to hide: a flag, None, an empty text."""
    return value is None or type(value) is bool or (type(value) is str and not value)


def mask(reason: str) -> str:
    """What stands where a secret stood."""
    return f"[redacted: {reason}]"


def redact(text: str) -> str:
    """``text`` without what looks like a secret."""
    length = len(text)
    if length < _SHORTEST or (length < _SHORTEST_VALUE and text.isidentifier()):
        return text
    folded = _folded(text)
    for tell in _TELLS + _TELLS_WITH_LINE if "_" in folded else _TELLS:
        if tell in folded:
            text = _VALUES.sub(_hide_value, text)
            folded = _folded(text)
            break
    for sign in _SIGNS:
        if sign in folded:
            return _NAMED.sub(_hide_named, text) if _has_stem(folded) else text
    return text


def _folded(text: str) -> str:
    """``text`` as patterns see it that ignore case: to them the i's of Turkish are i's, too."""
    folded = text.casefold()
    return folded if folded.isascii() else folded.replace("ı", "i").replace("i\u0307", "i")


def _has_stem(folded: str) -> bool:
    return any(stem in folded for stem in _STEMS)


def _hide_value(match: re.Match[str]) -> str:
    return mask(str(match.lastgroup).replace("_", " "))


def _hide_named(match: re.Match[str]) -> str:
    reason = secret_name(match["name"] or match["query"])
    if reason is None:
        return match[0]
    if match["name"] is not None:
        return match["name"] + match["between"] + match["quote"] + mask(reason)
    if match["lead"].startswith("-") or match["sign"] == "=":
        return match["lead"] + match["query"] + match["sign"] + mask(reason)
    return match[0]
