"""Names whose values are secrets, and what the user has added to them and taken from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

# A name is secret when its *last* word is: `db_password` is, `password_field_label` is not.
SECRET_WORDS = frozenset({
    "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "token",
    "credential", "credentials", "authorization", "apikey", "auth", "cookie", "cookies", "pw",
    "passcode", "cvv", "netloc",
})  # fmt: skip
# What makes a secret of a word that says nothing alone.
KEYS = (
    "access", "account", "admin", "aes", "anthropic", "api", "app", "application", "auth", "aws",
    "azure", "consumer", "deploy", "encryption", "fernet", "functions", "hmac", "jwt", "license",
    "master", "openai", "private", "rsa", "secret", "service", "session", "shared", "signing",
    "ssh", "storage", "stripe", "subscription", "webhook",
)  # fmt: skip
PASSES = (
    "admin", "auth", "basic", "database", "db", "email", "ftp", "http", "imap", "ldap", "login",
    "mail", "mariadb", "mongo", "my", "mysql", "pg", "postgres", "proxy", "redis", "root", "sftp",
    "smtp", "sql", "ssh", "user",
)  # fmt: skip
TOKENS = ("access", "api", "auth", "bearer", "refresh", "session")
SECRET_PAIRS = frozenset(
    {"session id", "connection string", "identified by"}
    | {f"{one} {word}" for one in KEYS for word in ("key", "keys")}
    | {f"{one} pass" for one in PASSES}
    | {f"{one} tokens" for one in TOKENS}
)
_JOINED = frozenset(pair.replace(" ", "") for pair in SECRET_PAIRS)
# Long enough to be sure of inside a word that has no separators: `mydbpassword`.
SECRET_ENDINGS = (
    "password", "passwd", "passphrase", "pwd", "apikey", "accesskey", "secretkey", "privatekey",
    "token", "secret", "sessionid", "sessid",
)  # fmt: skip
# Tokens of a text and of its model, of a list that goes on.
_NO_SECRETS = frozenset(
    f"{one} token"
    for one in ("bos", "cls", "end", "eos", "mask", "next", "pad", "sep", "start", "stop", "unk")
)
# Last words that change nothing: `password_value`, `auth_header`, `API_KEY_PROD`.
_NEUTRAL = frozenset({
    "value", "str", "string", "raw", "plain", "plaintext", "bytes", "header", "confirm",
    "confirmation", "repeat", "prod", "production", "dev", "staging", "live", "old", "new",
    "current", "previous", "default", "backup", "pem", "encoded",
})  # fmt: skip
# Calls whose texts are secrets: `HTTPBasicAuth("ada", "…")`, `user.set_password("…")`.
SECRET_CALLS = {
    "basic auth": "auth", "digest auth": "auth", "set password": "password",
    "check password": "password", "verify password": "password", "secret str": "secret",
    "secret bytes": "secret", "cookie": "cookie",
}  # fmt: skip
# Names that are words of other fields, too, and the fewest characters that make a secret of what
# stands under them: a token of a text is shorter, and so is its number.
_COMMON = frozenset({
    "secret", "secrets", "token", "credential", "credentials", "auth", "cookie", "cookies",
})  # fmt: skip
_AT_LEAST = {"token": 6, "pw": 6}
# What a column, a type, a parameter is called, but no password.
_KINDS = frozenset({
    "str", "string", "text", "int", "integer", "float", "bool", "boolean", "bytes", "object",
    "category", "type", "name", "user", "username", "email", "count", "size", "first", "last",
    "nunique", "unknown",
})  # fmt: skip
# Types that hide what they hold, whatever they are built on.
_HIDING = frozenset({
    "secret", "secrets", "password", "passphrase", "credential", "credentials", "masked",
    "redacted", "sensitive",
})  # fmt: skip
_NUMBERS, _LISTS, _TEXTS = (int, float), (list, tuple), (str, bytes)
_FOLDERS = ("pwd", "oldpwd")  # where a shell is

MAX_NAME = 200  # characters of a name that are looked at, its last ones

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_ANY_WORD = re.compile(r"[^\W\d_]+")


class Rules:
    """What is a secret: ours, and what the user has added to it and taken from it."""

    def __init__(self) -> None:
        self.changes = 0
        self.hidden = 0  # another number whenever something was removed; 0: never yet
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
        compiled = tuple(map(_compiled, patterns))
        self.names = tuple(filter(None, map(normal, names)))
        self.exempt = frozenset(map(normal, exempt))
        self.patterns = compiled if is_on else ()
        self.is_on = is_on
        self.changes += 1
        _reason.cache_clear()
        for forget in self._watchers:
            forget()


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if compiled.search("") is not None:
        raise ValueError(f"{pattern!r} would match everything")
    return compiled


def normal(name: str) -> str:
    """``dbPassword``, ``DB-PASSWORD`` and ``db_password`` as the words that they are made of."""
    words = (_WORD if name.isascii() else _ANY_WORD).findall(name)
    return " ".join(words).lower() or name.lower()


def secret_name(name: str) -> str | None:
    """The reason why a value under this name is hidden (``"password"``), or None."""
    return _reason(name if len(name) <= MAX_NAME else name[-MAX_NAME:])


def hidden(name: str, value: object) -> str | None:
    """The same for this very value."""
    reason = secret_name(name)
    return reason if reason is not None and can_be_secret(name, reason, value) else None


def can_be_secret(name: str, reason: str, value: object) -> bool:
    """Whether there is anything to hide: not in a flag, in None and in an empty text."""
    kind = type(value)
    if kind is str:
        return value != "" and not is_harmless(name, reason, value)  # type: ignore[arg-type]
    if value is None or kind is bool:
        return False
    return kind not in _NUMBERS or len(repr(value)) >= _AT_LEAST.get(reason, 0)


def is_harmless(name: str, reason: str, text: str) -> bool:
    """Whether ``text`` is no secret even under this name, which is one for this reason."""
    if len(text) < _AT_LEAST.get(reason, 0) or text.casefold() in _KINDS:
        return True
    if reason == "netloc":
        return "@" not in text
    return text[0] == "/" and name.casefold() in _FOLDERS


def is_common(reason: str) -> bool:
    """Whether names that give this reason are those of other things, too: the token of a text."""
    return reason in _COMMON


def is_next_word(reason: str, text: str) -> bool:
    """Whether ``text`` beside a name is just the next of a few words: ``["token", "lemma"]``."""
    return is_common(reason) and is_word(text)


def is_word(text: str) -> bool:
    """Whether it could be a name itself, and no more than letters."""
    return text.replace("_", "").isalpha()


def pair_reason(name: Any, given: Any) -> str | None:
    """The reason why ``given``, a text or a list of one, is hidden beside ``name``, or None."""
    if not issubclass(type(name), _TEXTS):
        return None
    if type(given) in _LISTS and len(given) == 1:
        given = given[0]
    if not issubclass(type(given), _TEXTS):
        return None
    key = name_in(name)
    if (reason := secret_name(key)) is None:
        return None
    text = name_in(given)
    is_next = key[:1] != "-" and is_next_word(reason, text)
    return reason if can_be_secret(key, reason, text) and not is_next else None


def value_of(pair: dict[Any, Any]) -> tuple[str, str] | None:
    """The key of a secret in a mapping of a name and its value, and the reason; None for others."""
    for held in ("value", "Value"):
        if dict.__contains__(pair, held):
            for called in ("name", "Name", "key", "Key"):
                name = dict.get(pair, called)
                if type(name) is str and (reason := hidden(name, dict.get(pair, held))):
                    return held, reason
    return None


@lru_cache(maxsize=4096)
def _reason(name: str) -> str | None:
    if not rules.is_on:
        return None
    words = normal(name)
    if words in rules.exempt:
        return None
    for own in rules.names:
        if words == own or words.endswith(f" {own}"):
            return own
    parts = words.split(" ")
    while True:
        reason = _reason_of(parts)
        if reason is not None or len(parts) < 2 or parts[-1] not in _NEUTRAL:
            return reason
        parts.pop()


def _reason_of(parts: list[str]) -> str | None:
    last, pair = parts[-1], " ".join(parts[-2:])
    if pair in _NO_SECRETS:
        return None
    if last in SECRET_WORDS:
        return last
    if pair in SECRET_PAIRS:
        return pair
    if last in _JOINED:
        return last
    return next((ending for ending in SECRET_ENDINGS if last.endswith(ending)), None)


def name_in(key: Any) -> str:
    """The name that a key of a mapping is, whatever is made of it; "" if it is none."""
    cls = type(key)
    if cls is str:
        return key  # type: ignore[no-any-return]
    if issubclass(cls, str):
        return str.__str__(key)
    if issubclass(cls, bytes):
        return bytes.__getitem__(key, slice(-MAX_NAME, None)).decode("latin-1")
    if issubclass(cls, Enum):
        return str(key._name_)
    return name_in(key[-1]) if cls is tuple and key and type(key[-1]) in (str, bytes) else ""


def call_reason(name: str) -> str | None:
    """The reason why the texts that a function of this name is called with are hidden, or None."""
    return SECRET_CALLS.get(" ".join(normal(name).split(" ")[-2:]))


def is_hiding(name: str) -> bool:
    """Whether a class of this name is made to hide what it holds, as ``SecretStr`` is."""
    return not _HIDING.isdisjoint(normal(name).split(" "))


rules = Rules()
