"""What is no secret stays: at most one value in a hundred may be taken for one."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import sys
import uuid
from datetime import UTC, datetime

import pytest
from conftest import SHARED

from failextract_nb._redact import MASK, redact, redact_said, redact_traceback
from failextract_nb._safe import text_of

MOST = 0.01  # the share of values that may be touched
CORPUS = SHARED / "corpus"


def touched(values):
    """The values that are not what they were, out of ``(value, what is kept of it)``."""
    return [kept for value, kept in values if kept != value]


def check(what, values, capsys):
    """Print the share of what was touched, and hold it against the limit."""
    values = list(values)
    wrong = touched(values)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{what}: {len(wrong)} of {len(values)} touched, {len(wrong) / len(values):.2%}\n"
        )
    assert len(values) > 100
    assert len(wrong) <= MOST * len(values), wrong


def values_of(path):
    """Each source and each output of a notebook, and what a record would keep of it."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        yield source, redact(source) if cell["cell_type"] == "code" else redact_said(source)
        for output in cell.get("outputs", ()):
            yield from outputs_of(output)


def outputs_of(output):
    said = ["".join(output.get("text", "")), output.get("evalue", "")]
    for data in output.get("data", {}).values():
        said.append("".join(data) if isinstance(data, list) else json.dumps(data))
    for text in filter(None, said):
        yield text, redact_said(text)
    if lines := output.get("traceback"):
        yield "\n".join(lines), redact_traceback("\n".join(lines))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not here")
def test_the_notebooks_of_a_book(capsys):
    """Sources, outputs and tracebacks of real notebooks that know no secret."""
    notebooks = sorted(CORPUS.rglob("*.ipynb"))
    check("corpus", (one for path in notebooks for one in values_of(path)), capsys)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not here")
def test_each_line_of_the_notebooks_of_a_book(capsys):
    """Line by line, as a message or a frame's source has them: in code, and in what is said."""
    lines = {
        line
        for path in CORPUS.rglob("*.ipynb")
        for text, _ in values_of(path)
        for line in text.splitlines()
        if line.strip()
    }
    check("corpus, lines as code", ((line, redact(line)) for line in lines), capsys)
    check("corpus, lines as said", ((line, redact_said(line)) for line in lines), capsys)


NAMES = [
    "token_count", "keyboard", "password_field_label", "tokens", "max_tokens", "tokenizer", "author",
    "authors", "authority", "secretary", "monkey", "key", "keys", "primary_key", "foreign_key",
    "sort_key", "key_error", "passenger", "compass", "passed", "bypass", "low_pass", "n_passes",
    "passport_number", "cookie_cutter", "cookie_count", "session", "session_name", "connection",
    "connections", "password_length", "password_hash_rounds", "is_authenticated", "auth_method",
    "secret_santa_list", "credential_type", "signature", "certificate", "hash", "digest", "checksum",
    "user", "user_id", "order_id", "card_type", "private", "public_key_path", "api_version",
    "access_log", "keyword", "hotkey", "turkey", "whiskey", "keystroke", "monkeypatch", "tokenize",
]  # fmt: skip

_random = random.Random(1)
TEXTS = {
    "hashes": [hashlib.new(kind, b"%d" % n).hexdigest() for n in range(25) for kind in ("md5", "sha1", "sha256", "sha512")],
    "uuids": [str(uuid.UUID(int=_random.getrandbits(128), version=4)) for _ in range(100)],
    "git": [f"commit {hashlib.sha1(b'%d' % n).hexdigest()}\nAuthor: Ada <ada@example.org>" for n in range(20)],
    "integrity": [f"sha512-{base64.b64encode(hashlib.sha512(b'%d' % n).digest()).decode()}" for n in range(20)],
    "long numbers": [str(_random.getrandbits(bits)) for bits in range(20, 120) for _ in range(2)],
    "numbers": [repr(_random.random() * 10**n) for n in range(20) for _ in range(5)],
    "order ids": [f"ORD-{_random.randrange(10**9):09}" for _ in range(50)] + [f"2026{_random.randrange(10**8):08}" for _ in range(50)],
    "timestamps": [str(1_700_000_000_000_000_000 + n * 12_345_678_901) for n in range(30)] + [str(1_700_000_000_000_000 + n * 987_654_321) for n in range(30)],
    "dates": [datetime.fromtimestamp(1.7e9 + n * 86_000, UTC).isoformat() for n in range(50)],
    "images": [f"data:image/png;base64,{base64.b64encode(_random.randbytes(400)).decode()}" for _ in range(20)],
    "base64": [base64.b64encode(_random.randbytes(60)).decode() for _ in range(50)],
    "paths": ["/home/ada/keys/data.csv", "/etc/passwd", "C:\\Users\\ada\\tokens\\a.txt", "~/.ssh/known_hosts", "s3://bucket/auth/part-0001.parquet", "/srv/secrets-manager/README.md", "data/tokenizer.json"],
    "addresses": ["http://localhost:8888/lab/tree/a.ipynb", "https://example.org:8443/x?page=2&sort=name", "ada@example.org", "mailto:ada@example.org?subject=keys", "git@github.com:owner/name.git", "https://example.org/a@b/c", "https://api.example.org/v1/tokens?limit=5", "postgresql://db:5432/x", "postgresql://ada@db/x", "ssh://host:22/~ada", "file://C:/Users/ada@corp/x", "http://[::1]:8080/users/a@b", "docker://ubuntu:22.04@sha256:deadbeefdeadbeef", "ssh://github.com:org/repo.git@v1.0", "mongodb://h1:27017,h2:27017/?x=a@b"],
    "words that start like keys": ["sk-learn-classifier-2024-model-v1", "risk-adjusted-return-2024-quarter-1", "hf_" + "dataset" * 5, "SG.university_of_singapore.department_of_math", "ya29.something_like_a_module_name_x"],
    "tables of numbers": [f"{_random.uniform(4000, 4999):.4f} {_random.uniform(1000, 9999):.4f}" for _ in range(200)] + [f"0,{_random.randrange(4 * 10**15, 5 * 10**15)}" for _ in range(50)],
    "messages": [
        "could not convert string to float: 'abc'", "Unexpected token '}' in JSON at position 4",
        "got an unexpected keyword argument 'password'", "missing 1 required positional argument: 'token'",
        "'NoneType' object has no attribute 'auth'", "KeyError: 'key'", "invalid token: expected a string",
        "authentication failed for user 'ada'", "password must be at least 8 characters long",
        "no module named 'secrets_manager'", "the session has expired, please log in", "401 Unauthorized",
        "bearer tokens are not supported here", "Basic authentication is required for this address",
        "token limit exceeded: 4097 > 4096", "maximum context length is 8192 tokens", "key not found: 42",
        "Cookie policy accepted", "[Errno 13] Permission denied: '/etc/shadow'", "pass 3 of 10: loss=0.123456",
        "private key file not found: /home/ada/.ssh/id_rsa", "keys: ['a', 'b'], values: [1, 2]",
    ],
    "code": [
        "connect(password=password)", "connect(user=user, password=self.password, port=5432)",
        "login(token=args.token)", "api_key = os.environ['API_KEY']", "password = getpass.getpass('Password: ')",
        "token = tokenizer.encode(text)", "for token in tokens:", "if token == '(':", "auth = (user, password)",
        "df.groupby('key')['token'].count()", "df[['token', 'count']].merge(other, on='key')",
        "def login(user: str, password: str, token: str | None = None) -> bool:",
        "headers = {'Authorization': f'Bearer {token}'}", "secret = Secret.from_env()", "session = Session(bind=engine)",
        "assert response.cookies is not None", "sorted(rows, key=lambda row: row['key'])", "pd.merge(a, b, on='key')",
        "'''\n    Args:\n        token: The token to count.\n        password (str): What the user typed.\n'''",
    ],
}  # fmt: skip


def test_names_that_look_like_those_of_secrets(capsys):
    """Values under them are shown: as variables, and in mappings."""
    values = []
    for name in NAMES:
        values += [("'some text'", text_of("some text", name)), ("12345", text_of(12345, name))]
        shown = repr({name: "some text"})
        values.append((shown, text_of({name: "some text"})))
    check("names", values, capsys)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eos_token", "</s>"), ("pad_token", "<pad>"), ("next_token", "the"), ("token", 42), ("token", "the"),
        ("pwd", "/home/ada"), ("given", ["token", "count"]), ("given", ("token", "lemma")), ("given", ["secret", "santa"]),
        ("given", ["cookie", "cake"]), ("given", ["password", "email"]), ("given", ("text", "token", "lemma")),
        ("given", {"token": "the", "lemma": "the"}), ("given", {"token": "string"}), ("pw", 3.5),
        ("given", {"name": "user", "value": "ada"}), ("given", {"key": "token", "value": "count"}),
    ],
)  # fmt: skip
def test_words_under_the_names_of_secrets(name, value):
    """A token of a text, the name of the next column, the folder of a shell."""
    assert text_of(value, name) == repr(value)


def test_values_that_look_like_secrets(capsys):
    """Hashes, ids, numbers, images and what programs say are shown, as texts and in a list."""
    texts = [text for group in TEXTS.values() for text in group]
    check("look-alikes as said", ((text, redact_said(text)) for text in texts), capsys)
    check("look-alikes in code", ((text, redact(text)) for text in texts), capsys)
    shown = [text_of([text]) for text in texts if len(text) < 200]
    assert sum(MASK in text for text in shown) <= MOST * len(shown)


@pytest.mark.parametrize("kind", TEXTS)
def test_no_kind_of_look_alike_is_taken_for_a_secret(kind):
    """The one in a hundred is left for long numbers, of which one in ten passes a card's check."""
    hide = redact if kind == "code" else redact_said
    wrong = touched((text, hide(text)) for text in TEXTS[kind])
    assert len(wrong) <= (1 if kind == "long numbers" else 0), wrong
