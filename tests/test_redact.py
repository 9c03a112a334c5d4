"""Secrets by the name they stand under, and by their look."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failextract_nb import _looks, _redact
from failextract_nb._redact import MAX_NAME, redact, secret_name


@pytest.mark.parametrize(
    "name",
    [
        "password", "db_password", "DB_PASSWORD", "dbPassword", "mydbpassword", "passwd", "pwd",
        "API-KEY", "api_key", "apiKey", "apikey", "APIKey", "X-Api-Key", "accessToken",
        "access_token", "github.token", "Authorization", "client_secret", "clientSecret",
        "aws_secret_access_key", "private_key", "credentials", "Cookie", "session_id", "password1",
        "user.credentials", "connection_string", "x" * 10_000 + "_password",
    ],
)  # fmt: skip
def test_secret_names(name):
    """The last word of a name says what stands under it, however it is written."""
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "token_count", "keyboard", "password_field_label", "monkey", "author", "secretary",
        "tokens", "key", "primary_key", "keys", "passenger", "compass", "password_hash_rounds",
        "authors", "cookie_cutter", "tokenizer", "secret_santa_list", "session", "", "_", "x1", "é",
    ],
)  # fmt: skip
def test_names_that_only_look_secret(name):
    """A count of tokens, an author and a keyboard are shown."""
    assert secret_name(name) is None


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpM"


@pytest.mark.parametrize(
    ("text", "secret", "kept"),
    [
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\nxyz\n-----END RSA PRIVATE KEY-----\nb",
            "MIIB",
            ["a\n", "\nb"],
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIB, cut", "MIIB", ["[redacted: private key]"]),
        (f"got {JWT} back", JWT, ["got ", " back", "jwt"]),
        ("key AKIAIOSFODNN7EXAMPLE.", "AKIAIOSFODNN7EXAMPLE", ["key ", "."]),
        ("AIza" + "a1" * 17 + "b", "a1a1", ["google key"]),
        ("ghp_" + "a1" * 18, "a1a1", ["github token"]),
        ("github_pat_" + "a1" * 20, "a1a1", ["github token"]),
        ("xoxb-1234567890-abcdef", "1234567890", ["slack token"]),
        ("sk_live_abcdefghij1234", "abcdefghij", ["stripe key"]),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678", ["Authorization: "]),
        ("authorization: basic dXNlcjpwYXNzd29yZA==", "dXNl", ["authorization: "]),
        ("postgresql://bob:hunter2@db:5432/x", "hunter2", ["postgresql://", "@db:5432/x"]),
        ("redis://:hunter2@cache", "hunter2", ["redis://", "@cache"]),
        ("https://h/p?token=abc123&page=2", "abc123", ["https://h/p?token=", "&page=2"]),
        ("https://h/p?page=2&api-key=abc123#top", "abc123", ["?page=2&api-key=", "#top"]),
        ("run --password=hunter2 --fast", "hunter2", ["run --password=", " --fast"]),
        ("run --api-key hunter2 --fast", "hunter2", ["run --api-key ", " --fast"]),
        ('password = "hunter2"  # note', "hunter2", ['password = "', '"  # note']),
        ("password='it\\'s hunter2'", "hunter2", ["password='"]),
        ('db_password: str = "hunter2"', "hunter2", ["db_password: str = "]),
        ('if password == "hunter2":', "hunter2", ["if password == ", ":"]),
        ('api_key = b"hunter2"', "hunter2", ["api_key = b"]),
        ("{'password': 'hunter2', 'user': 'bob'}", "hunter2", ["'user': 'bob'"]),
        ('os.environ["API_KEY"] = "hunter2"', "hunter2", ['os.environ["API_KEY"] = ']),
        ('connect(user="bob", client_secret="hunter2")', "hunter2", ['user="bob"']),
    ],
)
def test_secret_values(text, secret, kept):
    """What looks like a secret goes; the text around it stays, and says why."""
    found = redact(text)
    assert secret not in found
    assert "[redacted: " in found
    for part in kept:
        assert part in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the password is wrong",
        str(uuid.UUID(int=2**127 + 12345)),
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "https://example.org/path?page=2&sort=name#top",
        "http://localhost:8888/lab/tree/a.ipynb",
        "git@github.com:owner/name.git",
        "token_count = '12'",
        'label = {"password_field_label": "Your name"}',
        "invalid access-token provided",
        "--token-count 3",
        "keyboard='qwerty', monkey=\"x\"",
        "basic misunderstandings of characters",
        "tokens = 'a b c'",
        "def f(password, key): return lookup[key]",
        "KeyError: 'AKIA'",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "x ? token : key",
        "cond ?token value",
    ],
)
def test_harmless_text_is_unchanged(text):
    """Text without a secret is the same, to the character."""
    assert redact(text) == text


@pytest.mark.parametrize(
    "part",
    ["a", "a.b-", "token", "-token", "&token", 'token="', "eyJaaaaaaaa-", "://a:", "bearer ", "\\",
     "key ", " ", "-----BEGIN PRIVATE KEY-----", "password='a\n", "?key "],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_long_text_is_read_once(part):
    """The patterns have no text that takes them minutes; quadratic ones would."""
    redact(part * (300_000 // len(part)))


def test_a_second_reading_changes_nothing():
    """What was redacted stays as it is."""
    once = redact("password='hunter2' https://bob:hunter2@host?token=abc")
    assert redact(once) == once


def test_only_the_end_of_a_name_is_read():
    """A name as long as a book is looked at where it counts."""
    assert secret_name("password" + "_x" * MAX_NAME) is None


SECRETS = (
    "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    "eyJhbGciOiJI.eyJzdWIiOiIx.abc", "AKIAABCDEFGHIJKLMNOP", "ASIAABCDEFGHIJKLMNOP",
    "AIza" + "a" * 35, "ghp_" + "a1" * 12, "github_pat_" + "a1" * 12, "xoxb-1234567890",
    "sk_live_1234567890", "rk_test_1234567890", "Bearer abcdef1234567890", "BASIC dXNlcjpwYXNzd29yZA==",
    "postgres://ada:hunter2@host/db", "password = 'hunter2'", 'API_KEY: str = "abcdef"',
    "BASİC dXNlcjpwYXNzd29yZDE=", "basıc dXNlcjpwYXNzd29yZDE=", "sessıon_token='abcdefg'",
    'xoxb-1234567890ab="v"', "?token=abcdef&x=1", "--secret-key abcdef", "{'db_password': 'hunter2'}", "PASSWD='x y z'",
)  # fmt: skip


@given(
    st.text(max_size=40), st.sampled_from(SECRETS), st.text(max_size=40), st.sampled_from(SECRETS)
)
def test_looking_first_misses_nothing(before, one, between, other):
    """What the patterns find is found, though they only run where a text has one of their marks."""
    for text in (before, before + one, f"{one} {between} {other}", before + one.upper() + between):
        thorough = _looks._PATTERN.sub(
            lambda match: _redact.mask(_looks._GROUPS[match.lastgroup]), text
        )
        thorough = _redact.rules.named.sub(_redact._hide_named, thorough)
        if len(text) >= _redact._SHORTEST:
            assert redact(text) == thorough
