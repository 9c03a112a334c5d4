"""Secrets planted wherever text gets into a record, through the real doors: none comes out again."""

from __future__ import annotations

import json
import linecache
import os
import textwrap
import threading
from contextlib import suppress

import pytest
from conftest import example

from failextract_nb import OutputConfig, capture_failures, extract_on_failure, formats
from failextract_nb._names import rules
from failextract_nb._redact import MASK

# What is found by its look: what it is, the secret, and the part of it that must be nowhere.
BY_LOOK = [
    ("RSA key", "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJB\nKx9q\n-----END RSA PRIVATE KEY-----", "MIIBOgIBAAJB"),
    ("OpenSSH key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----", "b3BlbnNzaC1r"),
    ("PGP key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBGEx\n-----END PGP PRIVATE KEY BLOCK-----", "lQOYBGEx"),
    ("end of a key", "MIIBOgIBAAJBAKx9qWERTY\nQqEwErTyUiOpAsDfGh==\n-----END PRIVATE KEY-----", "QqEwErTyUiOp"),
    ("JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4", "SflKxwRJSMe"),
    ("JWE", "eyJhbGciOiJkaXIifQ..48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodetZdvT", "XFBoMYUZodet"),
    ("AWS key", "AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    ("AWS session key", "ASIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    ("Google key", "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q", "SyA1b2C3d4"),
    ("Google token", "ya29.a0AfH6SMBx1y2z3A4B5C6D7E8F9", "a0AfH6SMBx1y"),
    ("Google client secret", "GOCSPX-a1b2c3d4e5f6g7h8i9j0k1l2", "a1b2c3d4e5"),
    ("Azure storage", "AccountName=a;AccountKey=abcdEFGH1234abcdEFGH1234abcd==;X=1", "abcdEFGH1234"),
    ("Azure key", "A" * 20 + "b1C2" * 14 + "+AStC1Yd/w==", "b1C2b1C2"),
    ("Azure client secret", "abc8Q~defghijklmnopqrstuvwxyzABCDEFGHI12", "defghijklmnop"),
    ("Alibaba key", "LTAI5tA1b2C3d4E5f6G7h8", "A1b2C3d4E5"),
    ("DigitalOcean", "dop_v1_" + "a1b2c3d4" * 8, "a1b2c3d4"),
    ("GitHub", "ghp_" + "a1B2c3D4e5" * 4, "a1B2c3D4"),
    ("GitHub, fine-grained", "github_pat_" + "a1B2c3D4e5" * 4, "a1B2c3D4"),
    ("GitLab", "glpat-a1B2c3D4e5f6G7h8i9j0", "a1B2c3D4"),
    ("Slack", "xoxb-123456789012-a1B2c3D4e5f6", "a1B2c3D4"),
    ("Slack address", "https://hooks.slack.com/services/T0A1B2C3D/B0E1F2G3H/a1B2c3D4e5f6", "a1B2c3D4"),
    ("Slack, of a browser", "xoxd-a1B2c3D4%2Be5f6%3D", "a1B2c3D4"),
    ("Stripe", "sk_live_a1B2c3D4e5f6G7h8", "a1B2c3D4"),
    ("OpenAI", "sk-proj-a1B2c3D4e5f6G7h8i9j0k1l2", "a1B2c3D4"),
    ("Hugging Face", "hf_a1B2c3D4e5f6G7h8i9j0k1L2m3N4o5P6", "a1B2c3D4"),
    ("PyPI", "pypi-AgEIcHlwaS5vcmc" + "a1B2c3D4e5" * 4, "a1B2c3D4"),
    ("SendGrid", "SG.a1B2c3D4e5f6G7h8i9.j0k1L2m3N4o5P6q7R8s9", "j0k1L2m3"),
    ("Databricks", "dapi" + "a1b2c3d4" * 4, "a1b2c3d4"),
    ("bearer", "Bearer a1B2c3D4e5f6G7h8i9", "a1B2c3D4"),
    ("basic", "Basic YWRhOmh1bnRlcjJzd29yZA==", "YWRhOmh1bn"),
    ("DSN", "postgresql://ada:hunter2swordfish@db:5432/x", "swordfish"),
    ("DSN with an @", "mysql://ada:hunter2@swordfish@db/x", "swordfish"),
    ("DSN with a slash", "redis://:hunter2/swordfish@cache", "swordfish"),
    ("Visa", "4111 1111 1111 1111", "1111 1111"),
    ("Mastercard", "5555555555554444", "55555555"),
    ("American Express", "3782-822463-10005", "822463"),
    ("Diners", "30569309025904", "309025"),
    ("Maestro", "6759649826438453", "498264"),
    ("UnionPay", "6212345678900000003", "456789"),
    ("a card in a table", "ada,4111111111111111,12/27", "41111111"),
    ("a card in JSON", "[1,4111111111111111,2]", "41111111"),
    ("a card with dots", "4111.1111.1111.1111", "1111.1111"),
]  # fmt: skip

# Where it is planted: the body of a function that fails, with SECRET in the place of the literal.
PLACES = {
    "message": "raise ValueError('cannot use ' + SECRET)",
    "arguments of the exception": "raise ValueError(SECRET, {'given': SECRET}, [SECRET])",
    "an exception of its own": "class Odd(Exception):\n    def __str__(self):\n        return f'<{self.args[0]}>'\nraise Odd(SECRET)",
    "note": "error = ValueError('no')\nerror.add_note('it was ' + SECRET)\nraise error",
    "local": "given = SECRET\n1 / 0",
    "list": "given = [1, (SECRET, 'x'), {SECRET}]\n1 / 0",
    "mapping": "given = {'a': {'b': {SECRET: SECRET}}}\n1 / 0",
    "bytes": "given = SECRET.encode(), bytearray(SECRET.encode())\n1 / 0",
    "long text": "given = 'x ' * 115 + SECRET + ' y' * 3_000\nraise ValueError('x ' * 4_995 + SECRET + ' y' * 9_000)",
    "long bytes": "given = b'x ' * 115 + SECRET.encode() + b' y' * 3_000\n1 / 0",
    "object": "class A:\n    def __repr__(self):\n        return '<A ' + SECRET + '>'\ngiven = A()\n1 / 0",
    "dataclass": "import dataclasses\ngiven = dataclasses.make_dataclass('Point', ['x'])(SECRET)\n1 / 0",
    "named tuple": "import collections\ngiven = collections.namedtuple('Pair', 'x y')(SECRET, 1)\n1 / 0",
    "argument": "def inner(given, *more, **named):\n    1 / 0\ninner(SECRET, SECRET, x=SECRET)",
    "default": "def inner(given=SECRET, *, more=SECRET):\n    1 / 0\ninner()",
    "cause": "try:\n    raise KeyError(SECRET)\nexcept KeyError as error:\n    raise ValueError('no') from error",
    "context": "try:\n    raise KeyError(SECRET)\nexcept KeyError:\n    1 / 0",
    "group": "raise ExceptionGroup('of ' + SECRET, [ValueError(SECRET), ExceptionGroup('b', [KeyError(SECRET)])])",
    "long line": "given = ['" + "x" * 480 + "', SECRET]; 1 / 0",
    "syntax error": "compile('x = ' + repr(SECRET) + ' y', 'made', 'exec')",
    "exec": "exec(compile('given = ' + repr(SECRET) + '\\n1 / 0', 'made', 'exec'))",
    "file name": "exec(compile('1 / 0', SECRET, 'exec'))",
}  # fmt: skip

# What is found by the name it stands under: bodies with the very text; or in two pieces, where the
# source does not tell what it is.
BY_NAME = {
    "message": "raise ValueError('login failed, password=hunter2swordfish')",
    "message, in words": "raise ValueError('wrong password: hunter2swordfish')",
    "message, a line": "raise ValueError('sent:\\nX-Api-Key: hunter2swordfish x\\nAccept: a')",
    "message, a mapping": "raise ValueError({'user': 'ada', 'db_password': 'hunter2swordfish'})",
    "message, a pair": "raise ValueError('password', 'hunter2swordfish')",
    "message, an INI file": "raise ValueError('[db]\\nuser = ada\\npassword = hunter2swordfish\\n')",
    "message, YAML": "raise ValueError('user: ada\\nclient_secret: hunter2swordfish\\n')",
    "message, flow YAML": "raise ValueError('{user: ada, pwd: hunter2swordfish}')",
    "message, XML": "raise ValueError('<a><password>hunter2swordfish</password></a>')",
    "message, JSON in JSON": "import json\nraise ValueError(json.dumps({'a': json.dumps({'api_key': 'hunter2swordfish'})}))",
    "message, signs inside": "raise ValueError('password=hu(nter,2swordfish)')",
    "note": "error = ValueError('no')\nerror.add_note('token=hunter2swordfish')\nraise error",
    "note of a syntax error": "error = SyntaxError('no')\nerror.add_note('token=hunter2swordfish')\nraise error",
    "syntax error, a text without an end": "compile('x = 1\\npassword = \"hunter2swordfish', 'made', 'exec')",
    "syntax error, a call": "compile('connect(\"pwd=hunter2swordfish\") x', 'made', 'exec')",
    "local": "db_password = 'hunter2swordfish'\n1 / 0",
    "local, camel case": "accessToken = 'hunter2swordfish'\n1 / 0",
    "local, a number": "given = {'password': int('31415' '92653')}\npassword = int('31415' '92653')\n1 / 0",
    "mapping": "given = {'API-KEY': 'hunter2swordfish', 'a': {'Authorization': 'hunter2swordfish'}}\n1 / 0",
    "mapping with odd keys": "import enum\nclass Key(enum.Enum):\n    PASSWORD = 1\nclass Text(str):\n    pass\ngiven = {Key.PASSWORD: ('hunter2' 'swordfish'), Text('token'): ('hunter2' 'swordfish'),\n    b'cookie': b'hunter2swordfish', ('db', 'password'): ('hunter2' 'swordfish')}\n1 / 0",
    "mapping of a name and a value": "given = [{'name': 'DB_PASSWORD', 'value': 'hunter2swordfish'}]\n1 / 0",
    "mapping of a value and a name": "given = {'Value': 'hunter2swordfish', 'Key': 'Password'}, {'value': ('hunter2' 'swordfish'), 'name': 'DB_PASSWORD'}\n1 / 0",
    "pairs": "class Text(str):\n    pass\npwd = 'hunter2' 'swordfish'\ngiven = (Text('password'), Text(pwd)), ('password', [pwd]), ('db', 'password', pwd)\n1 / 0",
    "cookies": "import http.cookiejar\nmade = http.cookiejar.Cookie(0, 'sid', ('hunter2' 'swordfish'), *[None] * 13, {})\njar = http.cookiejar.CookieJar()\njar._cookies = {'d': {'/': {'sid': made}}}\nraise ValueError(jar, made)",
    "parts of an address": "import urllib.parse\nparts = urllib.parse.urlsplit('postgres://ada:hunter2swordfish@db/x')\nnetloc = parts.netloc\nraise ValueError(parts)",
    "names of a deployment": "DB_PASSWORD_PROD = private_key_pem = ('hunter2' 'swordfish')\ngiven = {'x-functions-key': DB_PASSWORD_PROD, 'session_key': DB_PASSWORD_PROD}\n1 / 0",
    "file name": "exec(compile('1 / 0', 'https://ada:hunter2swordfish@host/mod.py', 'exec'))",
    "headers": "given = [('Accept', 'x'), ('Authorization', 'hunter2swordfish')]\nraw = [(b'x-api-key', b'hunter2swordfish')]\n1 / 0",
    "headers as text": "given = 'GET / HTTP/1.1\\r\\nHost: x\\r\\nCookie: a=b; session=hunter2swordfish\\r\\n'\n1 / 0",
    "query string": "given = 'https://h/p?a=1&access_token=hunter2swordfish&b=2'\nform = 'a=1&password=hunter2swordfish'\n1 / 0",
    "environment": "import os\nos.environ['SOME_API_KEY'] = 'hunter2swordfish'\ngiven, env = os.environ, dict(os.environ)\nenv = {key: env[key] for key in env if 'SOME' in key}\ntext = '\\n'.join(f'{key}={value}' for key, value in env.items())\ndel os.environ['SOME_API_KEY']\nraise ValueError(env, text)",
    "a command's environment": "import subprocess, sys\nenv = {'DB_PASS': 'hunter2swordfish'}\nsubprocess.run([sys.executable, '-c', '1 / 0', '--password', 'hunter2swordfish', '--token=hunter2swordfish'], env=env, check=True, stderr=-3)",
    "words of a command": "given = ['prog', '--password', 'hunter2swordfish', '--token', 'hunter2swordfish']\ncurl = ['curl', '-u', 'ada:hunter2swordfish']\nmysql = ('mysql', '-phunter2swordfish')\n1 / 0",
    "command": "given = 'curl -u ada:hunter2swordfish -H \"X-Api-Key: hunter2swordfish\" x'\nother = 'sshpass -p hunter2swordfish ssh a'\nthird = 'PGPASSWORD=hunter2swordfish psql'\n1 / 0",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass Login:\n    user: str\n    password: str\ngiven = [Login('ada', ('hunter2' 'swordfish'))]\n1 / 0",
    "named tuple": "import collections\ngiven = collections.namedtuple('Login', 'user password')('ada', ('hunter2' 'swordfish'))\n1 / 0",
    "repr as attrs writes it": "class Login:\n    def __repr__(self):\n        return \"Login(user='ada', password='hunter2swordfish', pin=1)\"\ngiven = Login()\n1 / 0",
    "repr without quotes": "class Login:\n    def __repr__(self):\n        return 'Login(user=ada, token=hunter2swordfish)'\ngiven = Login()\n1 / 0",
    "repr in a repr": "class Login:\n    def __repr__(self):\n        return \"A(auth=Basic(user='ada', x='hunter2swordfish'))\"\ngiven = Login()\n1 / 0",
    "namespaces": "import argparse, types\none = argparse.Namespace(password='hunter2swordfish')\ntwo = types.SimpleNamespace(token='hunter2swordfish')\nthree = types.MappingProxyType({'secret': 'hunter2swordfish'})\n1 / 0",
    "connection strings": "one = 'host=db user=ada password=hunter2swordfish'\ntwo = 'Server=db;UID=sa;PWD=hunter2swordfish;Database=x'\n1 / 0",
    "connection strings in the source": "connect = list\nconnect('host=db password=hunter2swordfish', 'PWD=hunter2swordfish;X=1')",
    "basic authentication in the source": "def get(url, auth):\n    1 / 0\nget('u', auth=('ada', 'hunter2swordfish'))",
    "credentials in a call": "class HTTPBasicAuth:\n    def __init__(self, *given):\n        pass\nHTTPBasicAuth('ada', 'hunter2swordfish'); 1 / 0",
    "text in three quotes": "password = '''hunter2swordfish'''; 1 / 0",
    "text over two lines": "password = (\n    'hunter2swordfish'\n    'hunter2swordfish'\n); 1 / 0",
    "annotated": "password: 'str | None' = 'hunter2swordfish'; token: list[str] = ['hunter2swordfish']; 1 / 0",
    "argument": "def inner(password, *, api_key):\n    1 / 0\ninner(('hunter2' 'swordfish'), api_key='hunter2swordfish')",
    "default": "def inner(password='hunter2swordfish', api_key: str = 'hunter2swordfish'):\n    1 / 0\ninner()",
    "signature": "import inspect\ndef inner(password='hunter2swordfish'):\n    pass\ngiven = inspect.signature(inner)\n1 / 0",
    "bytes": "given = b'user=ada&password=hunter2swordfish'\n1 / 0",
    "cause": "try:\n    raise KeyError('token=hunter2swordfish')\nexcept KeyError as error:\n    raise ValueError('no') from error",
    "group": "raise ExceptionGroup('x', [ValueError('pwd=hunter2swordfish')])",
    "a text that hides itself": "class SecretStr(str):\n    pass\ngiven = SecretStr(('hunter2' 'swordfish')), [SecretStr(('hunter2' 'swordfish'))]\n1 / 0",
    "a mapping that hides itself": "class Secrets(dict):\n    pass\ngiven = Secrets(a=('hunter2' 'swordfish'))\n1 / 0",
    "an object that hides itself": "class SecretStr:\n    def __init__(self, value):\n        self.value = value\n    def __repr__(self):\n        return \"SecretStr('**********')\"\ngiven = SecretStr(('hunter2' 'swordfish'))\n1 / 0",
    "a dataclass that hides itself": "import dataclasses\n@dataclasses.dataclass(repr=False)\nclass Hush:\n    value: str\n    def __repr__(self):\n        return 'Hush(***)'\ngiven = Hush(('hunter2' 'swordfish'))\n1 / 0",
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def written(body):
    """The body as a function, and its call on the last line."""
    return f"def run():\n{textwrap.indent(body, '    ')}\nrun()\n"


class Doors:
    """The ways in which code fails and is recorded."""

    def __init__(self, folder):
        self.folder = folder

    def load(self, body):
        """The function of a file of its own."""
        path = self.folder / f"made_{len(list(self.folder.glob('made_*')))}.py"
        path.write_text(written(body).rpartition("run()")[0], encoding="utf-8")
        space = {"__name__": "__main__"}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)
        return space["run"]

    def function(self, body):
        with suppress(Exception):
            extract_on_failure(self.load(body))()

    def block(self, body):
        __tracebackhide__ = True
        with suppress(Exception), capture_failures():
            self.load(body)()


@pytest.fixture
def fails(request, tmp_path, capsys):
    """Has a body fail through the door of this name."""

    def by(door):
        if door in ("function", "block"):
            return getattr(Doors(tmp_path), door)
        ip = request.getfixturevalue("ip")
        if door == "cell":
            return lambda body: ip.run_cell(written(body))
        start = (
            "import threading\nthread = threading.Thread(target=run)\nthread.start(); thread.join()"
        )
        return lambda body: ip.run_cell(f"{written(body).rpartition('run()')[0]}{start}")

    yield by
    linecache.clearcache()


def everything(extractor, tmp_path):
    """All that can be had of the store, by what it is."""
    found = {"records": json.dumps(extractor.failures[:], ensure_ascii=False)}
    for name in formats.names():
        path = tmp_path / f"report.{name}"
        extractor.save_report(OutputConfig(path, name, include_passed=True))
        found[name] = path.read_text(encoding="utf-8")
    found["table"] = repr(extractor)
    found["table's HTML"] = extractor._repr_html_()
    found["frame"] = extractor.to_frame().to_csv()
    found["statistics"] = json.dumps(extractor.get_statistics())
    return found


def assert_nowhere(secret, extractor, tmp_path):
    for where, text in everything(extractor, tmp_path).items():
        at = text.find(secret)
        assert at < 0, f"in {where}: {text[max(0, at - 200) : at + 60]}"


DOORS = ["cell", "function", "block", "thread"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("secret", "part"), [one[1:] for one in BY_LOOK], ids=[one[0] for one in BY_LOOK])  # fmt: skip
def test_what_looks_like_a_secret_is_nowhere(secret, part, door, fails, extractor, tmp_path):
    """In whatever place, by whatever door: no record, report or table holds it."""
    fail = fails(door)
    for body in PLACES.values():
        before = len(extractor.failures)
        fail(body.replace("SECRET", repr(secret)))
        assert len(extractor.failures) == before + 1, body
    assert_nowhere(part, extractor, tmp_path)
    for record in extractor.failures:
        assert record["redacted"] == json.dumps(record).count(MASK) > 0


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("place", BY_NAME)
def test_what_stands_under_the_name_of_a_secret_is_nowhere(place, door, fails, extractor, tmp_path):
    """By its name alone, as the value itself could be anything."""
    fails(door)(BY_NAME[place])
    (record,) = extractor.failures
    assert "3141592653" not in json.dumps(record)
    in_pieces = "'hunter2' 'swordfish'" in BY_NAME[place]
    assert_nowhere("hunter2swordfish" if in_pieces else "swordfish", extractor, tmp_path)
    if "object that hides" not in place and "dataclass that hides" not in place:
        assert record.get("redacted") == json.dumps(record).count(MASK) > 0, record["locals"]


COMMANDS = [
    "!TOKEN=hunter2swordfish sh -c 'exit 3'",
    "!sh -c 'exit 3' --password hunter2swordfish",
    '!sh -c "exit 3" --password="hunter2swordfish" --api-key \'hunter2swordfish\'',
    "!export DB_PASSWORD='hunter2swordfish'; exit 3",
    "!exit 3 # curl -u ada:hunter2swordfish -H 'Authorization: hunter2swordfish' https://x",
    "!exit 3 # mysql -phunter2swordfish; sshpass -p hunter2swordfish ssh x",
    "out = !sh -c 'exit 3' --token hunter2swordfish",
    "%%bash\nexport DB_PASSWORD=hunter2swordfish\nexit 3",
    "%env SOME_API_KEY=hunter2swordfish\n1 / 0",
    "%env SOME_API_KEY hunter2swordfish\n1 / 0",
    "%%writefile /nowhere/at/all/x.env\nTOKEN=hunter2swordfish",
]


@pytest.mark.skipif(os.name == "nt", reason="commands are a POSIX shell's")
@pytest.mark.parametrize("cell", COMMANDS)
def test_commands(cell, ip, extractor, tmp_path, monkeypatch, capfd):
    """What a command or a magic is given stays out of the record, its name and the cell's source."""
    monkeypatch.setenv("SOME_API_KEY", "")
    ip.run_cell(cell)
    assert len(extractor.failures) == 1
    assert_nowhere("swordfish", extractor, tmp_path)
    assert extractor.failures[0]["redacted"] > 0


TOKEN = "ghp_" + "a1B2c3D4e5" * 4


@pytest.fixture
def divide(tmp_path):
    """A function that fails, in a file without a secret."""
    return Doors(tmp_path).load("1 / 0")


def test_names_of_threads_tests_and_tags(ip, divide, extractor, tmp_path):
    """Whoever puts a secret into a name finds a mask there."""
    __tracebackhide__ = True
    ip.run_cell(f"%%failextract --name 'of {TOKEN}' --tag token=hunter2swordfish\n1 / 0")
    with suppress(ZeroDivisionError), capture_failures(f"block {TOKEN}", tags=[TOKEN]):
        divide()
    with suppress(ZeroDivisionError):
        extract_on_failure(name=TOKEN)(divide)()
    ip.user_ns.update(divide=divide, token=TOKEN)
    ip.run_cell(
        "import threading\nthread = threading.Thread(target=divide, name=token)\n"
        "thread.start(); thread.join()"
    )
    thread = threading.Thread(target=extractor.add_failure, args=(example(),), name=TOKEN)
    thread.start()
    thread.join()
    assert len(extractor.failures) == 5
    for hidden in ("a1B2c3D4", "swordfish"):
        assert_nowhere(hidden, extractor, tmp_path)


def test_records_that_are_handed_in(extractor, tmp_path):
    """By hand, as a change to one that is stored, as a pass."""
    failure_id = extractor.add_failure(
        example(
            exception_message="pwd=hunter2swordfish",
            exception_traceback='Traceback (most recent call last):\n  File "a.py", line 1, in f\n'
            "    connect(password=given, token='hunter2swordfish')\nValueError: pwd=hunter2swordfish\n",
            cell_source="connect(password=given)\ntoken = 'hunter2swordfish'",
            test_args=["'x'", TOKEN],
            test_kwargs={"api_key": "hunter2swordfish"},
            fixtures={"auth_token": {"kind": "fixture", "scope": "module", "value": "hunter2swordfish"}},
            headers=[["Authorization", "hunter2swordfish"], ("x", 1)],
            command=["prog", "--password", "hunter2swordfish"],
            environment=[{"value": "hunter2swordfish", "name": "DB_PASSWORD"}],
            settings=[("db", "password", "hunter2swordfish"), ("password", ["hunter2swordfish"])],
            columns=["token", "count"],
            extracted_code=[{"file": "a", "function": "f", "line": 1, "code": "pwd = 'hunter2swordfish'"}],
            locals=[{"token": "'hunter2swordfish'", TOKEN: "1"}],
            card=4111111111111111,
            causes=[{"exception_type": "A", "exception_message": f"no {TOKEN}"}],
        )
    )  # fmt: skip
    extractor.add_context(failure_id, {"more": {"password": "hunter2swordfish"}, "tags": [TOKEN]})
    extractor.add_passed({"test_name": f"a {TOKEN}", "token": "hunter2swordfish"})
    for hidden in ("a1B2c3D4", "swordfish", "41111111"):
        assert_nowhere(hidden, extractor, tmp_path)
    (record,) = extractor.failures
    assert record["fixtures"]["auth_token"]["scope"] == "module"
    assert record["columns"] == ["token", "count"]
    assert "connect(password=given" in record["exception_traceback"]
    assert "connect(password=given)" in record["cell_source"]
    assert record["redacted"] == json.dumps(record).count(MASK)


def test_what_a_test_was_given(extractor, tmp_path):
    """Arguments by position and by name, also through a bound method."""
    run = Doors(tmp_path).load(
        "from failextract_nb import extract_on_failure\nclass Test:\n    @extract_on_failure\n"
        "    def test_it(self, password, *, headers):\n        1 / 0\n"
        "given = 'hunter2' 'swordfish'\nTest().test_it(given, headers={'Authorization': given})"
    )
    with suppress(ZeroDivisionError):
        run()
    (record,) = extractor.failures
    assert record["test_args"][1] == "[redacted: password]"
    assert record["test_kwargs"] == {"headers": "{'Authorization': [redacted: authorization]}"}
    assert_nowhere("hunter2swordfish", extractor, tmp_path)


def test_a_secret_that_is_cut_shows_no_part_of_it(extractor, tmp_path):
    """Texts are cut where they are long: not in the middle of what can no longer be told."""
    run = Doors(tmp_path).load(
        "class Said:\n    def __repr__(self):\n        return text\n"
        "data, said = text.encode(), Said()\nraise ValueError('x' * 9_900 + ' ' + text[:12_000])"
    )
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIB\n" * 390 + "-----END PRIVATE KEY-----\n"
    for size in range(1_900, 2_300, 9):
        run.__globals__["text"] = f"{key}{'x' * (size - len(key))} {TOKEN} {'y' * 9_000}"
        with suppress(ValueError):
            extract_on_failure(run)()
    assert len(extractor.failures) > 40
    assert_nowhere("a1B2", extractor, tmp_path)


def test_each_record_says_how_many_values_were_removed(divide, extractor, tmp_path):
    """As many as there are masks in it; a record without one does not have the key."""
    run = Doors(tmp_path).load(
        "given = {'password': 'hunter2', 'n': [('token', 'hunter2')]}\n"
        "raise ValueError('pwd=hunter2')"
    )
    for function in (run, divide):
        with suppress(Exception):
            extract_on_failure(function)()
    first, second = extractor.failures
    assert first["redacted"] == json.dumps(first).count(MASK) > 4
    assert "redacted" not in second


def test_a_report_whose_path_looks_like_a_secret_has_its_failures(tmp_path, monkeypatch, request):
    """The record does not hold the path, and the report still finds it; under new rules, too."""
    request.addfinalizer(rules.set)
    monkeypatch.chdir(tmp_path)
    run = Doors(tmp_path).load("1 / 0")
    decorated = extract_on_failure("run_token=abcdef123.json")(run)
    for exempt in ([], ["run_token"]):
        rules.set(exempt=exempt)
        with suppress(ZeroDivisionError):
            decorated()
        written = json.loads((tmp_path / "run_token=abcdef123.json").read_text(encoding="utf-8"))
        shown = written["failures"][-1]["contexts"][-1]["output"]
        assert ("abcdef123" in shown) is bool(exempt)


def test_what_comes_later_is_counted_too(extractor):
    """A key that is added, a record that another process has counted."""
    failure_id = extractor.add_failure(example(exception_message="pwd=hunter2"))
    assert extractor.failures[0]["redacted"] == 1
    extractor.add_context(failure_id, {"more": {"token": "abcdef"}})
    assert extractor.failures[0]["redacted"] == 2
    extractor.add_failure(example(redacted=7))
    assert extractor.failures[1]["redacted"] == 7


def test_an_override_is_counted(divide, extractor):
    """What a subclass puts into a record is redacted, and counted."""
    __tracebackhide__ = True

    class Mine(type(extractor)):
        def add_failure(self, failure_data):
            return super().add_failure({**failure_data, "more": "pwd=hunter2swordfish"})

    mine = Mine()
    with suppress(ZeroDivisionError), capture_failures():
        divide()
    (record,) = mine.failures
    assert record["redacted"] == json.dumps(record).count(MASK) == 1


def test_each_report_says_how_many_values_were_removed(extractor, tmp_path):
    """The sum over the records that are in it, where the format has a place for it."""
    for message in ("pwd=hunter2", "pwd=hunter2 token=hunter3", "none"):
        extractor.add_failure(example(exception_message=message))
    found = everything(extractor, tmp_path)
    assert json.loads(found["json"])["metadata"]["redacted_values"] == 3
    assert "redacted_values: 3" in found["yaml"]
    assert '<redacted_values type="int">3<' in found["xml"]
    assert "3 values redacted" in found["markdown"].partition("\n\n")[2]
    assert "3 values were redacted" in found["html"]
    assert '<property name="redacted_values" value="3"' in found["junit"]
    assert [json.loads(line).get("redacted") for line in found["jsonl"].splitlines()] == [
        1,
        2,
        None,
    ]
    assert '""redacted"":2' in found["csv"]
    extractor.save_report(OutputConfig("two.json", max_failures=2))
    assert json.loads((tmp_path / "two.json").read_text())["metadata"]["redacted_values"] == 2


@pytest.mark.parametrize("name", ["json", "yaml", "xml"])
def test_an_append_counts_all(name, extractor, tmp_path):
    """What the file held and what comes to it."""
    for _ in range(2):
        extractor.add_failure(example(exception_message="pwd=hunter2"))
        extractor.save_report(OutputConfig(f"x.{name}", append=True))
        extractor.clear()
    text = (tmp_path / f"x.{name}").read_text()
    assert {"json": '"redacted_values": 2', "yaml": "redacted_values: 2", "xml": ">2</redacted_values>"}[name] in text  # fmt: skip


def test_nothing_is_said_where_nothing_was_removed(extractor, tmp_path):
    """Markdown, HTML and JUnit have no line for it; JSON says 0."""
    extractor.add_failure(example())
    found = everything(extractor, tmp_path)
    assert json.loads(found["json"])["metadata"]["redacted_values"] == 0
    for name in ("markdown", "junit", "jsonl", "csv"):
        assert "redacted" not in found[name]


def test_nothing_is_counted_until_something_is_removed(run_python):
    """A process in which no secret was met does not look for masks."""
    run_python(
        """
        from failextract_nb import FailureExtractor, _names, _redact, capture_failures, failure
        def refuse(value):
            raise AssertionError(value)
        _redact.masks_in = refuse
        try:
            with capture_failures():
                name, numbers, text = "x", [1, 2], "some text"
                raise ValueError("no such file: 'a.csv'")
        except ValueError:
            pass
        FailureExtractor().add_failure({"test_name": "a"})
        assert not _names.rules.hidden
        """
    )
