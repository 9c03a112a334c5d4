"""Secrets by the name they stand under, and by their look."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failextract_nb import _looks, _named, _redact
from failextract_nb._names import MAX_NAME, hidden, secret_name
from failextract_nb._redact import MASK, redact, redact_said, redact_traceback


@pytest.mark.parametrize(
    "name",
    [
        "password", "db_password", "DB_PASSWORD", "dbPassword", "mydbpassword", "passwd", "pwd",
        "API-KEY", "api_key", "apiKey", "apikey", "APIKey", "X-Api-Key", "accessToken",
        "access_token", "github.token", "Authorization", "client_secret", "clientSecret",
        "aws_secret_access_key", "private_key", "credentials", "Cookie", "session_id", "password1",
        "user.credentials", "connection_string", "x" * 10_000 + "_password", "DB_PASS", "PGPASSWORD",
        "csrftoken", "PHPSESSID", "JSESSIONID", "auth_header", "password_value", "X-Auth-Token",
        "DB_PASSWORD_PROD", "API_KEY_PROD", "password_old", "private_key_pem", "session_key", "pw",
        "passcode", "cvv", "x-functions-key", "secret_key_new", "netloc",
        "storageKey", "Ocp-Apim-Subscription-Key", "refresh_tokens", "AccountKey", "user_pwd",
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
        "authors", "cookie_cutter", "bypass", "low_pass", "forward_pass", "sort_key", "foreignKey",
        "GPG_KEY", "key_error", "keyboard_layout", "max_tokens", "passport", "session_count", "eos_token", "pad_token", "next_token", "password_test", "production", "old_key", "tokenizer", "secret_santa_list", "session", "", "_", "x1", "é",
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
     "key ", " ", "-----BEGIN PRIVATE KEY-----", "password='a\n", "?key ", "password=(", "password: ",
     "password=a,", "curl -u", "a1B2c3D4e5f6G7h8 ", "mysql x", "token', '", 'token=\\"', "{a, token: ", "token=a or ", '<input name="token" ',
     'value="a" name="token" ', 'f(a, "token", ', 'f("token", default=', "token: |\n "],
)  # fmt: skip
@pytest.mark.timeout(15)  # a quadratic one of these lengths takes longer
def test_long_text_is_read_once(part):
    """The patterns have no text that takes them long; quadratic ones would."""
    for hide in (redact, redact_said, redact_traceback):
        hide(part * (150_000 // len(part)))
        hide("-----END PRIVATE KEY-----" + part * (150_000 // len(part)))


H = "hunter2"
IN_CODE = [
    'password = """hunter2"""', "password = '''a\nhunter2'''", "password: Optional[str] = 'hunter2'",
    '"{\\"password\\": \\"hunter2\\"}"', 'auth=("bob", "hunter2")', 'HTTPBasicAuth("bob", "hunter2")',
    'connect("host=db user=bob password=hunter2")', 'x = "Server=a;UID=sa;PWD=hunter2;"',
    "!TOKEN=hunter2 curl x", "files = !TOKEN=hunter2 ls", "!curl -u bob:hunter2 http://x",
    'run(["curl", "-u", "bob:hunter2"])', '["prog", "--password", "hunter2"]', '("Authorization", "hunter2")',
    'os.environ.setdefault("API_KEY", "hunter2")', '{"name": "DB_PASSWORD", "value": "hunter2"}',
    "'-H', \"X-Api-Key: hunter2\"", 'password = (\n    "a"\n    "hunter2"\n)', 'SecretStr("hunter2")',
    'password=SecretStr("hunter2")', 'password = "hunter2', "%env API_KEY hunter2", "%set_env API_KEY=hunter2",
    "%%bash\nexport DB_PASSWORD=hunter2\n", 'user.set_password("hunter2")', "!sshpass -p hunter2 ssh x",
    "!mysql -u root -phunter2", "'<password>hunter2</password>'", "{'kind': 'token', 'password': 'hunter2'}",
    "{'password': 'a', 'kind': 'token', 'secret': 'hunter2'}", "postgres://bob:hun/ter2hunter2@h/x",
    "postgres://bob:a@hunter2@h/x", "credentials = {'user': 'b', 'x': {'y': 'hunter2'}}",
    'user, password = "bob", "hunter2"', 'password, user = "hunter2", "bob"', 'password = "a" "hunter2"',
    'password = os.environ.get("X") or "hunter2"', 'password = os.environ.get("X", "hunter2")', 'password = "a" or "hunter2"', 'password = str("hunter2")',
    'password: str = Field(default="hunter2")', 'setattr(o, "password", "hunter2")',
    'config.set("db", "password", "hunter2")', 'conf["fs.s3a.secret.key"] = "hunter2"',
    "sql = \"CREATE USER bob WITH PASSWORD 'hunter2'\"", "sql = \"CREATE USER bob IDENTIFIED BY 'hunter2'\"",
    'parser.add_argument("--password", default="hunter2")', 'DB_PASSWORD_PROD = "hunter2"',
    '{"value": "hunter2", "name": "DB_PASSWORD"}', '{"Key": "Password", "Value": "hunter2"}',
    '("db", "password", "hunter2")', '("password", ["hunter2"])', 'cvv = "hunter2"', 'pw = "hunter2"',
    '# later: password = "hunter2"', "secrets = ['a', 'hunter2']", "url = 'https://h?password=hunter2'",
]  # fmt: skip
SAID = [
    "password=hunter2", "user=bob, password=hunter2)", "login failed (password: hunter2)",
    "password: hunter2\n", "DB_PASSWORD=hunter2\nX=1", "[db]\npassword = hunter2",
    "{user: bob, password: hunter2}", r"Request(body='a\npassword: hunter2\n')", "cookie: a=b; c=hunter2",
    "password=hun(ter2hunter2", "PASSWORD=a,hunter2", "PASSWORD=a&hunter2", "password=it'hunter2",
    "('password', 'hunter2')", "credentials=Cred(u='b', v='hunter2')", "password=$hunter2",
    "Command 'mysql -phunter2 x' returned non-zero exit status 1.",
    "a=1&token=hunter2&b=2", "environ({'DB_PASS': 'hunter2'})", "proxy-authorization: hunter2 a",
    "<Signature (password='hunter2')>", "redis-cli -a hunter2", "docker login -u a -p hunter2",
    "password: |\n  a\n  hunter2\nuser: bob", '<input name="password" value="hunter2">', "wrong password 'hunter2'",
    '<input type="password" id="a" value="hunter2">', '<input value="hunter2" type="password">',
    '<w:password type="t">hunter2</w:password>', "user[password]=hunter2", "Cookie(version=0, name='sid', value='hunter2')",
    "<Cookie sessionid=hunter2 for a.b/>", "SplitResult(scheme='a', netloc='bob:hunter2@db')",
]  # fmt: skip


@pytest.mark.parametrize("text", IN_CODE)
def test_secrets_in_code(text):
    """In every form in which a program's source gives a secret its name."""
    for found in (redact(text), redact_said(text)):
        assert H not in found
        assert "[redacted: " in found


@pytest.mark.parametrize("text", SAID)
def test_secrets_in_what_is_said(text):
    """Without quotes, too: in messages, commands, headers, settings."""
    found = redact_said(text)
    assert H not in found
    assert "[redacted: " in found


@pytest.mark.parametrize(
    "text",
    [
        "connect(password=given)", "password = get()", "token = os.environ['TOKEN']",
        "password = getpass('Password: ')", "f'--token={token}'", "f'password={password}'",
        '"""\nArgs:\n    token: The token to use.\n"""', "auth = (user, given)", "api_key = api_key or x['k']",
        "def f(password, token): return a[token]", "print('token:', token)", "if password == given: pass",
        "!curl --token $TOKEN --key {key}", "for token in tokens: auth(token)", "x = y -token * 2",
        "password: str = None", "self.password = password", "raise AuthError('wrong password')",
        'row.get("token", "unknown")', 'for a in ("token", "lemma"):', 'df.astype({"token": "str"})',
        'Column("password", "string")', 'parser.add_argument("--password", help="the password")', 'token: str = "the"',
        'tokenizer.pad_token = "[PAD]"', 'print("Token", "Count")', 'agg({"token": "count"})', 'pwd = "/home/ada"',
        'x = "password " + y + "!"', "password = x or y", 'connect(password, user="ada")', 'f("x", "token", "count")',
        'password = os.environ["PASSWORD"] or getpass()', 'password = str(config["password"])', 'self.token = Token("NAME")',
    ],
)  # fmt: skip
def test_code_without_a_secret_is_unchanged(text):
    """Code that hands a secret on does not hold it."""
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "password=password", "f(password=self.password)", "unexpected keyword argument 'password'",
        "Unexpected token '}'", "invalid token: expected string", "PWD=/home/x\nOLDPWD=/\n",
        "{'PWD': '/home/x'}", "Error: auth failed", "token_count: 5", "--token={token}", "https://h:8080/a@b",
        "AuthError: bad token", "missing token: please log in", "token=<your token>", "password=***",
        "secret=None", "4111 1111 1111 1112", "order 4111111111111112", "0.4111111111111111",
        "KeyError: ('token', 'count')", "token='the'", "pw=3.5",
        "SplitResult(netloc='db:5432')", "bearer of bad news", "password is too short", "auth: ok", "key=value", "session: 3 of 4",
    ],
)  # fmt: skip
def test_harmless_sayings_are_unchanged(text):
    """Words about secrets are none."""
    assert redact_said(text) == text


def test_a_traceback_is_code_and_what_is_said():
    """Its lines of source may hand a secret on; its message may hold one."""
    text = '  File "a", line 1\n    f(password=given)\nValueError: password=given1'
    assert redact_traceback(text) == text.replace("given1", "[redacted: password]")


def test_a_folder_is_no_password():
    """PWD is where the shell is; in a connection string it is a password."""
    assert hidden("PWD", "/home/ada") is None
    assert hidden("PWD", "hunter2") == "pwd"


def test_lines_of_code_keep_their_numbers():
    """A key of twenty lines leaves as many, so that what stands below is where it was."""
    text = "a\n-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\nb\npassword = (\n'x'\n'y')\nc"
    lines = redact(text).split("\n")
    assert (lines[0], lines[4], lines[8]) == ("a", "b", "c")


def test_a_second_reading_changes_nothing():
    """What was redacted stays as it is."""
    once = redact("password='hunter2' https://bob:hunter2@host?token=abc")
    assert redact(once) == once


def test_only_the_end_of_a_name_is_read():
    """A name as long as a book is looked at where it counts."""
    assert secret_name("password" + "_x" * MAX_NAME) is None


@pytest.mark.parametrize("tell", [tell for tells, _ in _looks.LOOKS.values() for tell in tells])
def test_every_tell_is_looked_for(tell):
    """Most texts are not searched for them: what decides it must know each of them."""
    sign = {"xox": "xoxb-", "eyJ": "eyJa."}.get(tell, tell)  # what follows these has one
    assert {*sign} & {*_looks.SIGNS.decode()} or _looks.may_be_in(sign.casefold())
    text = f"{tell}@".ljust(_looks._ALL_FIT)
    assert tell in _looks._told(text, text.casefold())


def test_a_text_is_searched_for_the_looks_that_it_tells_of():
    """All looks together take ten times as long, and addresses stand in many messages."""
    address = "https://host.example/items/55?sort=asc"
    assert _looks._told(address, address) == []
    assert _looks._told(f"{address}#a@b", f"{address}#a@b") == ["://"]


def test_where_no_stack_is_left_to_make_a_pattern(monkeypatch):
    """The one of all looks is there already."""

    def full(_looks):
        raise RecursionError

    monkeypatch.setattr(_looks, "_pattern_of", full)
    assert redact("postgres://bob:hunter2abc@db/x") == f"postgres://{MASK}user and password]@db/x"


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
            lambda match: _redact._with_lines(_looks._GROUPS[match.lastgroup], match[0]), text
        )
        thorough = _redact._hide_named(
            thorough, _redact._folded(thorough), _named.in_code(thorough), _redact._with_lines
        )
        if len(text) >= _redact.SHORTEST:
            assert redact(text) == thorough
