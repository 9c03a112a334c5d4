"""Secrets by their look, whatever they are called: keys, tokens, passwords in addresses, cards.

Every look has a tell, a short text that stands in each secret of its kind.  Looking for a few short
texts costs a tenth of what the patterns do, so they look first.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# What the reader is told -> tells, casefolded, and the pattern.  Sources: the providers' own
# descriptions of their keys, as of 2026.
LOOKS: dict[str, tuple[tuple[str, ...], str]] = {
    "private key": (
        ("-----begin",),
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
    "jwt": (("eyj",), r"(?<![\w-])eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*"),
    "aws key": (("akia", "asia"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "google key": (("aiza",), r"\bAIza[\w-]{35}"),
    "google token": (("ya29.", "gocspx-"), r"\b(?:ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})"),
    "azure key": (
        ("accountkey=", "sharedaccesskey="),
        r"(?i:(?<=AccountKey=)|(?<=SharedAccessKey=))[A-Za-z0-9+/]{20,}=*",
    ),
    "signature": (("sig=",), r"(?<=[?&]sig=)[\w%+/=-]{20,}"),
    "digitalocean token": (("do_v1_", "oo_v1_", "or_v1_"), r"\bdo[por]_v1_[a-f0-9]{40,}"),
    "github token": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})",
    ),
    "gitlab token": (("glpat-",), r"\bglpat-[\w-]{20,}"),
    "slack token": (("xox", "xapp-"), r"\b(?:xox[abeprs]-[\w-]{10,}|xapp-[\w-]{20,})"),
    "slack address": (("hooks.slack.com",), r"(?<=hooks\.slack\.com/)services/[\w/]{20,}"),
    "stripe key": (
        ("k_live_", "k_test_", "whsec_"),
        r"\b(?:[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})",
    ),
    "model key": (
        ("sk-", "hf_"),
        r"\b(?:sk-(?:ant-|proj-|svcacct-)?(?=[\w-]*\d)[\w-]{20,}|hf_[A-Za-z0-9]{30,})",
    ),
    "package token": (("npm_", "pypi-"), r"\b(?:npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,})"),
    "sendgrid key": (("sg.",), r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    "databricks token": (("dapi",), r"\bdapi[a-f0-9]{32}\b"),
    # Words are no credentials: a digit, a `=` or a capital inside is what a token has.
    "bearer": (
        ("bearer", "basic"),
        r"\b(?i:bearer|basic)\s+(?=\S*(?:\d|=|[a-z][A-Z]))[\w.~+/-]{16,}=*",
    ),
    "user and password": (("://",), r"(?<=://)[^\s:/@'\"]*:[^\s/@'\"]+(?=@)"),
}
_GROUPS = {name.replace(" ", "_"): name for name in LOOKS}
_PATTERN = re.compile("|".join(f"(?P<{group}>{LOOKS[name][1]})" for group, name in _GROUPS.items()))
# Tells with a character that few texts hold are looked for only where it is.
_RARE = "_-=."
_TELLS = tuple(
    (
        rare,
        tuple(
            tell
            for tells, _ in LOOKS.values()
            for tell in tells
            if next((one for one in _RARE if one in tell), "") == rare
        ),
    )
    for rare in ("", *_RARE)
)
SHORTEST = 15  # characters of what is found without a "://" in it: xoxb- and ten more

# As they are printed: groups of four, or of four, six and five; never part of a longer number.
_CARD = re.compile(
    r"(?<![\w.,+-])(?:(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d)(?:[ -]?\d{4}){3}"
    r"|3[47]\d\d[ -]?\d{6}[ -]?\d{5})(?![\w-]|[.,]\d)"
)
_DIGITS = re.compile(r"[2-6][0-9]{3}[ -]?[0-9]{4}")  # whatever a card is written like


def hide(text: str, folded: str, mask: Callable[[str], str]) -> str:
    """``text`` with ``mask(what)`` in the place of each secret; ``folded`` is its casefold."""
    if _has_tell(folded):
        text = _PATTERN.sub(lambda match: mask(_GROUPS[str(match.lastgroup)]), text)
    if _DIGITS.search(text) is not None:
        text = _CARD.sub(lambda match: mask("card") if is_card(match[0]) else match[0], text)
    return text


def _has_tell(folded: str) -> bool:
    for rare, tells in _TELLS:
        if rare in folded:
            for tell in tells:
                if tell in folded:
                    return True
    return False


def is_card(text: str) -> bool:
    """Whether the digits pass the check of card numbers (Luhn, ISO/IEC 7812-1)."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_card_number(value: int) -> bool:
    """The same of a whole number."""
    text = str(value)
    return _CARD.fullmatch(text) is not None and is_card(text)
