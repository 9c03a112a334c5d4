"""Secrets by their look, whatever they are called: keys, tokens, passwords in addresses, cards.

Every look has a tell, a short text that stands in each secret of its kind.  Looking for a few short
texts costs a tenth of what the patterns do, so they look first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

Hide = Callable[[str, str], str]  # what was found, and the text of it -> what stands there instead

_KEY = r"[A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
# What the reader is told -> tells, casefolded where the pattern ignores case, and the pattern.
# Sources: the providers' own descriptions of their keys, as of 2026.
LOOKS: dict[str, tuple[tuple[str, ...], str]] = {
    "private key": (
        ("-----BEGIN", "-----END", "AGE-SECRET-KEY-"),
        # A few lines of a file may have its end alone.
        (
            rf"-----BEGIN {_KEY}[\s\S]*?(?:-----END {_KEY}|\Z)"
            r"|(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/=]{16,100}(?:[\s\"',+]|\\[nr]){1,40}){0,60}"
            rf"-----END {_KEY}|\bAGE-SECRET-KEY-1[0-9A-Z]{{40,}}"
        ),
    ),
    "jwt": (("eyJ",), r"(?<![\w-])eyJ[\w-]{6,}(?:(?:\.[\w-]*){2,4}|\.[\w-]{6,}\Z)"),
    "aws key": (("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "google key": (("AIza",), r"\bAIza[\w-]{35}"),
    "google token": (("ya29.", "GOCSPX-"), r"\b(?:ya29\.(?=[\w-]*\d)[\w-]{20,}|GOCSPX-[\w-]{20,})"),
    "azure key": (
        ("accountkey=", "sharedaccesskey=", "+ASt", "+ASb", "+AEh", "8Q~", "JQQJ9"),
        (
            r"(?i:(?<=AccountKey=)|(?<=SharedAccessKey=))[A-Za-z0-9+/]{20,}=*"
            r"|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{30,90}\+A(?:St|Sb|Eh)[A-Za-z0-9+/]{4,8}={0,2}"
            r"|(?<![\w.~-])[\w.~-]{3}8Q~[\w.~-]{30,40}|\b[A-Za-z0-9]{52}JQQJ9[A-Za-z0-9+/]{10,}={0,2}"
        ),
    ),
    "alibaba key": (("LTAI",), r"\bLTAI[A-Za-z0-9]{12,30}\b"),
    "signature": (
        ("sig=", "signature="),
        r"(?:(?<=[?&]sig=)|(?<=[?&-][Ss]ignature=))[\w%+/=~-]{20,}",
    ),
    "digitalocean token": (("dop_v1_", "doo_v1_", "dor_v1_"), r"\bdo[por]_v1_[a-f0-9]{40,}"),
    "github token": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})",
    ),
    "gitlab token": (("glpat-", "glrt-", "gldt-"), r"\bgl(?:pat|rt|dt)-[\w.-]{20,}"),
    "slack token": (("xox", "xapp-"), r"\b(?:xox[a-eprs]-[\w%-]{10,}|xapp-[\w-]{20,})"),
    "slack address": (("hooks.slack.com",), r"(?<=hooks\.slack\.com/)services/[\w/]{20,}"),
    "stripe key": (
        ("k_live_", "k_test_", "whsec_"),
        r"\b(?:[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})",
    ),
    "model key": (
        ("sk-", "hf_"),
        (
            r"\b(?:sk-(?:(?:ant|proj|svcacct|admin|or|lf)-(?=[\w-]*\d)[\w-]{20,}"
            r"|(?=[A-Za-z]*\d)[A-Za-z0-9]{20,})|hf_(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{30,})"
        ),
    ),
    "package token": (("npm_", "pypi-"), r"\b(?:npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,})"),
    "shopify token": (("shpat_", "shpss_"), r"\bshp(?:at|ss)_[a-fA-F0-9]{32}"),
    "grafana token": (("glsa_",), r"\bglsa_\w{20,}"),
    "vault token": (("hvs.",), r"\bhvs\.[\w-]{20,}"),
    "sendgrid key": (("SG.",), r"\bSG\.(?=[a-z_-]*[A-Z0-9])[\w-]{16,}\.(?=[\w-]*\d)[\w-]{16,}"),
    "databricks token": (("dapi",), r"\bdapi[a-f0-9]{32}\b"),
    # Words are no credentials: a digit, a `=` or a capital inside is what a token has.
    "bearer": (
        ("bearer", "basic"),
        r"\b(?i:bearer|basic)\s+(?=\S*(?:\d|=|[a-z][A-Z]))[\w.~+/-]{16,}=*",
    ),
    # Up to the last @ before a slash, else to the first one.  A port is no password, nor is what
    # follows a host, a drive, the tag of an image.
    "user and password": (
        ("://",),
        (
            r"(?<=://)(?<!file://)(?!\[)(?:[^\s:/@'\"<>]*:(?!\d{1,5}[/?#,])[^\s/'\"<>]{1,256}"
            r"|[^\s:/@'\"<>.]*:(?!\d{1,5}[/?#,])[^\s@'\"<>]{1,256})(?=@(?!sha\d))"
        ),
    ),
}
_USER = "://"  # a tell only where there is an @, too
_GROUPS = {name.replace(" ", "_"): name for name in LOOKS}
_LOOK_OF = {tell: name for name, (tells, _) in LOOKS.items() for tell in tells}
_PATTERN = re.compile("|".join(f"(?P<{group}>{LOOKS[name][1]})" for group, name in _GROUPS.items()))


@lru_cache(maxsize=256)
def _pattern_of(looks: frozenset[str]) -> re.Pattern[str]:
    """For these looks: all together take ten times as long, and a text has one or two."""
    groups = {group: LOOKS[name][1] for group, name in _GROUPS.items() if name in looks}
    return re.compile("|".join(f"(?P<{group}>{pattern})" for group, pattern in groups.items()))


_Marks = list[tuple[str, tuple[str, ...]]]  # tells under a character that all of them hold


def _by_mark(marks: tuple[str, ...], is_folded: bool) -> _Marks:
    """The tells with or without capitals, under the first of ``marks`` that they hold."""
    tells = [tell for tells, _ in LOOKS.values() for tell in tells]
    chosen = [tell for tell in tells if (tell == tell.casefold()) is is_folded]
    found: dict[str, tuple[str, ...]] = dict.fromkeys(marks, ())
    for tell in chosen:
        mark = next(mark for mark in (*filter(None, marks), *marks) if mark in tell)
        found[mark] = (*found[mark], tell)
    return list(found.items())


SHORTEST = 14  # characters of what is found without a "://" in it: xoxb- and ten more
# Looked for only where a character of theirs is that few texts hold.
_FOLDED = _by_mark(("", "_", "-", "=", "."), is_folded=True)
_ALL_FIT = 18  # characters: all looks but these are as long
_SHORT: _Marks = [("", (_USER, "xox", "eyJ", "LTAI"))]
_CAPITALS = _by_mark(("-----", "~", "A", "J", "G"), is_folded=False)

# Programs whose options have no names: what follows -u, -p and the like, also in a list of words.
_GAP = r"[\"']?,?[ \t]*[\"']?"
_COMMANDS: dict[str, str] = {
    "curl": rf"[^\n]{{0,300}}?(?<![\w-])(?:-u|--user|-U|--proxy-user)=?{_GAP}[\w.@%+-]{{1,99}}:",
    "mysql": r"\w{0,9}[^\n]{0,300}?[ \t][\"']?-p",
    "mariadb": r"[\w-]{0,9}[^\n]{0,300}?[ \t][\"']?-p",
    "sshpass": rf"{_GAP}-p{_GAP}",
    "docker": rf"{_GAP}login\b[^\n]{{0,300}}?[ \t][\"']?-p{_GAP}",
    "redis-cli": rf"[^\n]{{0,300}}?[ \t][\"']?-a{_GAP}",
    "openssl": r"[^\n]{0,300}?[ \t=\"']pass:",
}
_OPTION = re.compile(
    rf"(?P<before>\b(?:{'|'.join(f'{name}{rest}' for name, rest in _COMMANDS.items())}))"
    r"(?P<given>(?!\[redacted: )[^\s\"'\\-][^\s\"'\\]*)"
)

# As they are printed: groups of four, or of four, six and five; never part of a longer number.
# Those of 13 digits are no longer given out, and articles of shops are numbered like them.
_CARD = re.compile(
    r"(?<![\w.+-])(?<!\b0,)(?:(?:4\d{3}|5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720"
    r"|35[2-8]\d|6011|64[4-9]\d|65\d\d|62\d\d|50(?:18|20|38)|5893|6304|6759|676[1-3])"
    r"(?P<four>[ .-]?)\d{4}(?P=four)\d{4}(?P=four)\d{4}|62\d{17}"
    r"|3[47]\d\d(?P<six>[ .-]?)\d{6}(?P=six)\d{5}"
    r"|3(?:0[0-5]|[689]\d)\d(?P<ten>[ .-]?)\d{6}(?P=ten)\d{4})(?![\w-]|\.\d)"
)
_DIGITS = re.compile(r"[2-6][0-9]{3}[ .-]?[0-9]{4}")  # whatever a card is written like
_FEWEST_DIGITS = 8

# What is found has one of these in it, or what ``may_be_in`` looks for.
SIGNS = b"_-=.:~+"


def may_be_in(folded: str, digits: int = _FEWEST_DIGITS) -> bool:
    """Whether a text without ``SIGNS`` may hold a secret; most of them do not get further.

    ``digits`` is how many are in it, if that is known.
    """
    return (
        "akia" in folded
        or "asia" in folded
        or "aiza" in folded
        or "ltai" in folded
        or "dapi" in folded
        or "jqqj9" in folded
        or "bearer" in folded
        or "basic" in folded
        or (digits >= _FEWEST_DIGITS and _DIGITS.search(folded) is not None)
    )


def hide(text: str, folded: str, instead: Hide) -> str:
    """``text`` with ``instead(what, found)`` for each secret; ``folded`` is its casefold."""
    if told := _told(text, folded):
        try:
            pattern = _pattern_of(frozenset([_LOOK_OF[tell] for tell in told]))
        except RecursionError:  # no stack is left to make one
            pattern = _PATTERN
        text = pattern.sub(lambda match: instead(_GROUPS[str(match.lastgroup)], match[0]), text)
    if _DIGITS.search(text) is not None:
        text = _CARD.sub(
            lambda match: instead("card", match[0]) if is_card(match[0]) else match[0], text
        )
    return text


def _told(text: str, folded: str) -> list[str]:
    """The tells that are in it."""
    told = []
    looked: tuple[tuple[str, _Marks], ...] = ((folded, _FOLDED),)
    if len(text) < _ALL_FIT:
        looked = ((text, _SHORT),)
    elif text != folded:
        looked = ((folded, _FOLDED), (text, _CAPITALS))
    for where, marks in looked:
        for mark, tells in marks:
            if mark in where:
                for tell in tells:
                    if tell in where:
                        told.append(tell)  # noqa: PERF401  # mostly none: no function
    if _USER in told and "@" not in text:
        told.remove(_USER)
    return told


def hide_options(text: str, folded: str, instead: Hide) -> str:
    """The same for what commands are given by options of one letter."""
    if " -" not in folded and "'-" not in folded and '"-' not in folded and "pass:" not in folded:
        return text
    if not any(name in folded for name in _COMMANDS):
        return text
    return _OPTION.sub(lambda match: match["before"] + instead("password", match["given"]), text)


def is_card(text: str) -> bool:
    """Whether the digits pass the check of card numbers (Luhn, ISO/IEC 7812-1)."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_card_number(value: int) -> bool:
    """The same of a whole number."""
    text = str(value)
    return _CARD.fullmatch(text) is not None and is_card(text)
