"""A secret that its name gives away, repeated where no name is: it is nowhere in the record."""

from __future__ import annotations

import dataclasses
import json
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from threading import get_ident

import pytest
from conftest import fail
from pytest_runs import REPORT, lay_out, run_pytest

import failextract_nb
from failextract_nb import _redact, _repeats, capture_failures, extract_on_failure
from failextract_nb import raised as raised_module
from failextract_nb._budget import watched
from failextract_nb._names import rules
from failextract_nb._native import native
from failextract_nb._redact import MASK, take
from failextract_nb._repeats import Secrets
from failextract_nb.capture import failure_from

SECRET = "correct horse " + "battery"
KEY = "a1B2-" + "c3D4-" + "e5F6"


def raises(make, given, extractor):
    """The record of a function that has ``given`` as its password, and fails with what is made."""

    @extract_on_failure
    def logs_in(password, text):
        copied = [password, text]
        raise make(f"{copied[0]}: no such user")

    with suppress(Exception, ExceptionGroup):
        logs_in(given, f"who={given};")
    return extractor.failures[-1]


def with_cause(message):
    error = ValueError("no")
    error.__cause__ = KeyError(message)
    return error


def with_note(message):
    error = ValueError("no")
    error.add_note(message)
    return error


def in_group(message):
    return ExceptionGroup("several", [ValueError(message)])


@pytest.mark.parametrize("make", [ValueError, KeyError, with_cause, with_note, in_group])
@pytest.mark.parametrize(
    "given",
    [SECRET, "hunter2", "swordfish", 'it\'s "quoted" \\ é', "two\nlines", 87654321, b"hunter2!"],
    ids=str,
)
def test_it_is_hidden_wherever_the_record_repeats_it(make, given, extractor):
    """In messages, notes, causes, groups, in the traceback, other variables and arguments."""
    record = raises(make, given, extractor)
    text = given.decode() if isinstance(given, bytes) else str(given)
    said = json.dumps({**record, "id": "", "thread_id": 0, "process_id": 0}, ensure_ascii=False)
    for form in (text, repr(text)[1:-1], json.dumps(text)[1:-1]):
        assert form not in said
    assert MASK in record["locals"][-1]["text"]
    assert record["redacted"] == json.dumps(record).count(MASK)


@pytest.mark.parametrize(
    "holds",
    [
        {"password": SECRET},
        {"name": "DB_PASSWORD", "value": SECRET},
        [("Authorization", SECRET), ("Accept", "*/*")],
        [{"db": {"api_key": KEY}}],
        {"auth": ("bob", KEY)},
        {"passwords": [KEY, SECRET]},
        {"password": type("Text", (str,), {})(SECRET)},
    ],
)
def test_a_secret_inside_of_a_value(holds, extractor):
    @extract_on_failure
    def fails(settings):
        raise ValueError(f"denied: {SECRET if SECRET in str(holds) else KEY}")

    with suppress(ValueError):
        fails(holds)
    assert extractor.failures[0]["exception_message"].startswith("denied: [redacted: ")


def test_a_cell(shell, extractor):
    """Also where its source says it, and what it calls has the name."""
    shell.run_line_magic("load_ext", "failextract_nb")
    try:
        source = "def f(pwd):\n    raise ValueError(pwd)\n\nf('hunter2')  # hunter22"
        shell.run_cell(source, store_history=True)
    finally:
        shell.run_line_magic("unload_ext", "failextract_nb")
    (record,) = extractor.failures
    assert record["cell_source"].splitlines()[3] == "f('[redacted: pwd]')  # hunter22"
    assert "hunter2'" not in json.dumps(record)
    assert record["exception_type"] == "ValueError"


def test_lines_of_code_keep_their_numbers(extractor):
    found = Secrets({"a\nlong\nsecret": "[redacted: password]"})
    assert found.hide("x = '''a\nlong\nsecret'''\ny") == "x = '''[redacted: password]\n\n'''\ny"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("password", "password"),  # the word itself
        ("password", "abc12"),  # too short to be told from other text
        ("password", "postgres"),  # a word, which the host may be called, too
        ("password", " " * 8),
        ("password", "redacted"),
        ("token", "language"),  # words of a text
        ("token", "well-known"),
        ("token", "finished."),
        ("token", "New York"),
        ("token", "(2023)"),
        ("token", 128009),
        ("api_key", "ollama"),  # none, but there has to be one
        ("account_key", 1000234),
        ("password", 10**50),
        ("keyboard", "hunter2"),
        ("password", ""),
        ("password", None),
    ],
)
def test_what_stays(name, given, extractor):
    space = {}
    exec(f"def fails({name}): raise ValueError(f'<{{{name}}}> password')", space)  # noqa: S102
    with suppress(ValueError):
        extract_on_failure(space["fails"])(given)
    assert extractor.failures[0]["exception_message"] == f"<{given}> password"


def test_a_part_of_a_longer_word_stays(extractor):
    record = raises(ValueError, "hunter2", extractor)
    assert record["exception_message"] == "[redacted: password]: no such user"
    found = Secrets({"hunter2": "[…]", "hunter2!": "[!]"})
    assert found.hide(["hunter22 ahunter2 hunter2, hunter2!"]) == ["hunter22 ahunter2 […], [!]"]


def test_variables_that_are_called_like_keys_of_records(extractor):
    """What keeps the place of a failure is no way out of it."""

    @extract_on_failure
    def fails(password, file, *, id, notebook):
        raise ValueError

    with suppress(ValueError):
        fails(SECRET, f"/srv/{SECRET}.txt", id=SECRET, notebook=f"{SECRET}.ipynb")
    assert SECRET not in json.dumps(extractor.failures[0])


def test_an_outer_door_that_knows_it(extractor):
    """The record that the inner one has made knows no name for it."""

    @extract_on_failure
    def inner(user):
        raise ValueError(f"no {user}")

    @extract_on_failure
    def outer(password):
        inner(f"bob/{password}")

    with suppress(ValueError):
        outer(SECRET)
    (record,) = extractor.failures
    assert SECRET not in json.dumps(record)
    assert record["redacted"] == json.dumps(record).count(MASK)
    assert [one["name"] for one in record["contexts"]] == ["inner", "outer"]
    with suppress(ValueError):
        inner(SECRET)  # another failure, in which nobody calls it a secret
    assert SECRET in extractor.failures[1]["exception_message"]


def test_a_record_that_is_handed_in(extractor):
    extractor.add_failure({"exception_message": f"bob/{SECRET}", "request": {"password": SECRET}})
    assert SECRET not in json.dumps(extractor.failures[0])
    assert extractor.failures[0]["redacted"] == 2
    assert take() is None


def test_what_code_gives_away(shell, extractor):
    """A function has it under a harmless name; each time."""
    shell.run_line_magic("load_ext", "failextract_nb")
    try:
        shell.run_cell(
            "from failextract_nb import extract_on_failure\n@extract_on_failure\n"
            "def connect(user, given):\n    raise ValueError(f'{user}/{given}')"
        )
        for _ in range(2):
            source = f"connect('bob', {SECRET!r})  # password = {SECRET!r}\npassword = {SECRET!r}"
            shell.run_cell(source, store_history=True)
    finally:
        shell.run_line_magic("unload_ext", "failextract_nb")
    assert len(extractor.failures) == 2
    for record in extractor.failures:
        assert SECRET not in json.dumps(record)


def test_a_record_that_repeats_nothing_is_not_rebuilt(monkeypatch):
    """However many secrets there are."""
    monkeypatch.setattr(_repeats, "_hidden", None)
    found = Secrets({f"secret number {number}": "[…]" for number in range(_repeats.MOST)})
    record = {"text": "no such thing here. " * 50_000}
    assert found.hide(record) is record


def test_a_secret_that_is_new_each_time_costs_no_pattern(monkeypatch, extractor):
    """As the token of a request: most failures repeat none, and a pattern costs five captures."""
    made, patterns = _repeats._alone, []
    monkeypatch.setattr(_repeats, "_alone", lambda text: patterns.append(text) or made(text))

    @extract_on_failure
    def asks(token, text):
        raise ValueError(text)

    for number in range(3):
        fail(asks, f"{KEY}-{number}", "no")
    assert patterns == []
    fail(asks, f"{KEY}-4", f"no {KEY}-4")
    assert f"{KEY}-4" in patterns
    assert f"{KEY}-" not in json.dumps([*extractor.failures])


@pytest.mark.parametrize("key", ["extracted_code", "locals", "causes", "contexts"])
@pytest.mark.parametrize("odd", [5, [5], ["x"], {"a": 1}, [{"code": 3}], None])
def test_odd_things_under_the_keys_of_records(key, odd, extractor):
    """Of a user who hands in a record, or the data of a request."""
    request = {"password": SECRET, key: odd, "said": f"it is {SECRET}"}
    extractor.add_failure({key: odd, "request": request})
    assert SECRET not in json.dumps(extractor.failures[0])


@pytest.mark.parametrize("base", [str, bytes, list, object])
def test_a_hostile_secret(base, extractor):
    """It is hidden, whatever it says of itself."""

    class Hostile(base):
        def __getattribute__(self, name):
            raise RuntimeError(name)

        def __repr__(self):
            return SECRET

    @extract_on_failure
    def fails(password):
        raise ValueError

    hostile = Hostile()
    with suppress(ValueError):
        fails(hostile)
    extractor.add_failure({"request": {"password": hostile}})
    assert len(extractor.failures) == 2
    assert SECRET not in json.dumps(list(extractor.failures))


def test_where_it_was_stays(extractor):
    """A password that is a word of a path does not cost the place."""
    record = {"file": "/home/hunter2/a.py", "line": 3, "code": "hunter2"}
    assert Secrets({"hunter2": "[…]"}).hide(record) == {**record, "code": "[…]"}
    assert Secrets({"other": "[…]"}).hide(record) is record


@pytest.mark.parametrize("changes", [{"is_on": False}, {"exempt": ["password"]}], ids=str)
def test_off_and_exempt(changes, extractor):
    """What is not hidden under its name is hidden nowhere."""
    try:
        rules.set(**changes)
        assert raises(ValueError, SECRET, extractor)["exception_message"].startswith(SECRET)
    finally:
        rules.set()
    assert SECRET not in json.dumps(raises(ValueError, SECRET, extractor))


def test_a_repr_that_fails_and_is_recorded(extractor):
    """The secrets of the capture around it are still known."""

    class Fails:
        @extract_on_failure
        def asks(self, api_key):
            raise KeyError(api_key)

        def __repr__(self):
            with suppress(KeyError):
                self.asks("other secret 1")
            return "fails"

    @extract_on_failure
    def fails(password, other):
        raise ValueError(password)

    with suppress(ValueError):
        fails(SECRET, Fails())
    assert SECRET not in json.dumps(list(extractor.failures))
    assert take() is None


def test_what_a_test_compares_and_prints(tmp_path):
    """pytest explains both sides, and has what the test has written."""
    lay_out(
        tmp_path,
        {
            "test_it.py": "import pytest\n@pytest.fixture\ndef db_password():\n"
            f"    return {SECRET!r}\n"
            "def test_it(db_password):\n    given = db_password + '!'\n    print('it is', given)\n"
            "    assert db_password == 'another one', given\n"
            "from failextract_nb import extract_on_failure\n"
            "@extract_on_failure\ndef log_in(password):\n    raise ValueError\n"
            f"@pytest.mark.parametrize('given', [{SECRET!r}])\n"
            "def test_with(given):\n    print(given)\n    log_in(given)\n"
        },
    )
    run = run_pytest(tmp_path, f"--failextract={REPORT}")
    one, other = run.failures
    assert {"captured", "parameters"} <= other.keys()
    assert {"captured", "fixtures", "locals", "assertion"} <= one.keys()
    for record in (one, other):  # but for the id by which the test is found again
        assert SECRET not in json.dumps({**record, "node_id": ""})


def test_a_record_without_repeats_shares_what_it_shared(extractor):
    first, second = (raises(lambda _: ValueError("no"), SECRET, extractor) for _ in range(2))
    frames = zip(first["extracted_code"], second["extracted_code"], strict=True)
    assert all(one is other for one, other in frames)


def test_what_fails_in_the_middle_of_a_capture_leaves_its_secrets_to_that():
    """As a finalizer may."""

    def capture():
        _repeats.note(SECRET, "password", "[…]")
        return [take().shown, take().shown]

    assert watched(capture) == [{SECRET: "[…]"}] * 2
    assert take().shown == {SECRET: "[…]"}
    assert take() is None


def test_what_a_handler_of_a_signal_takes_and_notes_meanwhile(monkeypatch):
    """It may fail between any two instructions, and its failure is recorded."""

    def interrupted():
        _redact.found_by.clear()
        return False

    with monkeypatch.context() as patched:
        patched.setattr(_redact, "is_capturing", interrupted)
        _repeats.note(SECRET, "password", "[…]")
        assert take().shown == {SECRET: "[…]"}

    class Late(dict):
        def pop(self, key, default=None):
            found = super().pop(key, default)
            self[key] = {KEY: "[key]"}
            return found

    late = Late({get_ident(): {SECRET: "[…]"}})
    for module in (_redact, _repeats):
        monkeypatch.setattr(module, "found_by", late)
    _redact.noted(str)
    assert dict(late)[get_ident()] == {KEY: "[key]", SECRET: "[…]"}


def test_captures_in_a_capture_lose_no_secret():
    """As those of many finalizers: each knows what the others have hidden, in one list."""

    def capture():
        for number in range(_repeats.MOST - 20):
            failure_from(ValueError("no"), cell_source=f"token = 'Hunter2{number:04}-xyz'\n")
        return take()

    for number in (0, _repeats.MOST - 21):
        assert MASK in watched(capture).hide(f"no user bob/Hunter2{number:04}-xyz")


def test_the_same_failure_says_the_same_each_time():
    """Of a secret that has two names, the last one: what differs would be another group."""
    said = [
        failure_from(
            ValueError(f"no user bob/{KEY}"),
            one=f"password = '{KEY}'", two=f"token = '{KEY}'", three=f"password = '{KEY}'",
        )["exception_message"]
        for _ in range(3)
    ]  # fmt: skip
    assert said == [f"no user bob/{MASK}password]"] * 3


def test_threads_that_never_take_what_they_hide(monkeypatch):
    """As those that only write reports: they are forgotten."""
    monkeypatch.setattr(_repeats, "found_by", dict.fromkeys(range(-_repeats.THREADS, 0), {}))
    monkeypatch.setattr(_redact, "found_by", _repeats.found_by)
    _repeats.note(SECRET, "password", "[…]")
    assert len(_repeats.found_by) == 1
    for number in range(2 * _repeats.MOST):
        _repeats.note(f"secret {number}!", "password", "[…]")
    assert len(take().shown) == _repeats.MOST


def test_what_was_hidden_already_is_no_secret():
    """Of a record that is read again."""
    take()
    assert native({"password": f"{MASK}password]"}) == {"password": f"{MASK}password]"}
    assert take() is None


@dataclasses.dataclass
class Account:
    user: str
    password: str


@pytest.mark.parametrize(
    ("name", "hold"),
    [
        ("passwords", lambda secret: {"ada": secret}),
        ("passwords", lambda secret: {"all": [{"ada": secret}]}),
        ("passwords", lambda secret: {secret}),
        ("passwords", lambda secret: (frozenset([secret]), 1)),
        ("password", lambda secret: bytearray(secret.encode())),
        ("credentials", lambda secret: Account("ada-lovelace", secret)),
    ],
)
def test_what_a_container_under_such_a_name_holds_is_hidden(name, hold, extractor):
    """But not who it is of, which stands beside it."""
    fails = {}
    source = f"def fails({name}, text):\n    raise ValueError('ada-lovelace: ' + text)"
    exec(source, fails)  # noqa: S102
    with suppress(ValueError):
        extract_on_failure(fails["fails"])(hold(KEY), KEY)
    record = extractor.failures[-1]
    assert KEY not in json.dumps(record)
    assert record["exception_message"].startswith("ada-lovelace: [redacted: ")
    assert record["redacted"] == json.dumps(record).count(MASK)


@pytest.mark.parametrize(
    "before", ["ada\t", "ada\n", "\0", "\x07", "ada\x85", "\u2028", "\x1b[31m", "\x1b[0m", "\x1b[m"]
)
def test_an_escape_before_it_is_no_word(before, extractor):
    """``repr`` writes a tab as a letter."""
    with suppress(KeyError), capture_failures("logs in"):
        password, text, octets = KEY, f"{before}{KEY}", f"{before}{KEY}".encode()
        raise KeyError(text, octets, password)
    assert KEY not in str(extractor.failures[-1])


@pytest.mark.parametrize("given", [KEY * 40, "correct horse " * 40, "two\nlines'\t" * 40])
def test_a_long_one_that_is_cut_is_hidden(given, extractor):
    """Where a text shows the start of it alone."""
    with suppress(ValueError), capture_failures("logs in"):
        password = given
        other, message = password, f"for {given}"
        raise ValueError(message)
    record = extractor.failures[-1]
    shown = "\n".join(_redact.texts_in(record))
    assert given[:12] not in shown
    assert repr(given)[1:14] not in shown


def test_a_key_of_a_dict_that_is_one_is_hidden(extractor):
    """Of two, both stay."""

    @extract_on_failure
    def logs_in(**given):
        raise ValueError

    with suppress(ValueError):
        logs_in(**{KEY: 1, f"{KEY}.": 2, "password": KEY})
    extractor.add_failure({"password": KEY, "seen": {KEY: 2, "deep": [{KEY: 3}]}})
    for record in extractor.failures:
        assert KEY not in json.dumps(record)
    assert extractor.failures[0]["test_kwargs"] == {
        "[redacted: password]": "1", "[redacted: password].": "2", "password": "[redacted: password]",
    }  # fmt: skip
    assert extractor.failures[1]["seen"]["[redacted: password]"] == 2


def test_two_keys_of_a_dict_that_are_hidden_stay_two(extractor):
    """Both are shown as the same."""
    other = KEY[::-1]
    extractor.add_failure({"password": KEY, "db_password": other, "seen": {KEY: 1, other: 2}})
    assert extractor.failures[0]["seen"] == {"[redacted: password]": 1, "[redacted: password]'": 2}


@pytest.mark.parametrize("include_locals", [True, False])
def test_one_that_the_source_gives_away_is_known_each_time(include_locals, tmp_path, extractor):
    """It is read once: the same place may fail again, and other places of the same file."""
    path = tmp_path / "given_away.py"
    path.write_text(
        f"def login(user, password):\n    raise ValueError(f'refused {{user}}/{{password}}')\n"
        f"def one():\n    login('ada', password={KEY!r})\n"
        f"def other():\n    raise ValueError('{KEY[::-1]}'[::-1])\n"
    )
    namespace = {"__name__": "given_away"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)  # noqa: S102
    for name in ("one", "one", "other", "one"):
        with suppress(ValueError), capture_failures("logs in", include_locals=include_locals):
            namespace[name]()
        record = extractor.failures[-1]
        assert KEY not in json.dumps(record)
        assert record["redacted"] == json.dumps(record).count(MASK)


def test_one_of_an_earlier_cell_is_known_each_time(ip, extractor):
    """Its function is called by later ones."""
    ip.run_cell(
        f"def login(user, password={KEY!r}):\n    raise ValueError(f'no {{user}}/{{password}}')"
    )
    for _ in range(3):
        ip.run_cell("login('ada')", store_history=True)
    assert len(extractor.failures) == 3
    assert KEY not in json.dumps(list(extractor.failures))


def test_masks_that_a_message_holds_already_are_counted(extractor):
    """As where it is made of that of an earlier failure."""
    with suppress(ValueError), capture_failures("one"):
        password = KEY
        raise ValueError(f"refused {password}")
    with suppress(KeyError), capture_failures("two"):
        raise KeyError(extractor.failures[0]["exception_message"])
    for record in extractor.failures:
        assert record["redacted"] == json.dumps(record).count(MASK)


def hides(value, reason, text):
    """Whether ``text`` is hidden after ``value`` was, by a name that gives this reason."""
    take()
    _redact.mask(reason, value)
    found = take() or Secrets({})
    return found.hide(text) != text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"region": "eu-central-1", "project_id": "shop-prod-12"}, "credentials"),
        ({"lang": "de_DE.UTF-8"}, "cookies"),
        ({"algorithm": "argon", "engine": "postgresql"}, "password"),
    ],
)
def test_what_stands_beside_secrets_is_shown(value, reason):
    """A dict of credentials holds more than these."""
    for one in value.values():
        assert not hides(value, reason, f"in {one}")


def test_hundreds_in_one_place_leave_room_for_others(tmp_path, extractor):
    """In the source of a file, or in a dict."""
    path = tmp_path / "many_secrets.py"
    lines = [f"api{number}_password = 'live-{number}-pass9x'\n" for number in range(400)]
    path.write_text(
        f"{''.join(lines)}def fails(p):\n    passwords = {{n: f'one-{{n}}-of9x' for n in range(900)}}\n"
        "    db_password = p\n    raise ValueError('bob/' + p)\n"
    )
    namespace = {"__name__": "many_secrets"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)  # noqa: S102
    for number in range(3):
        with suppress(ValueError), capture_failures("logs in"):
            namespace["fails"](f"{KEY}-{number}")
        assert extractor.failures[-1]["exception_message"] == "bob/[redacted: password]"


def test_a_container_in_itself_is_looked_at_once():
    """Not for ever, nor as often as it has ways."""
    held = {}
    held.update((f"{number}-{KEY}", held) for number in range(50))
    began = time.process_time()
    for _ in range(100):
        _redact.mask("passwords", held)
    assert time.process_time() - began < 1
    take()


class Unhashable(type):
    __hash__ = None

    def __eq__(cls, other):
        raise ValueError


def test_no_code_of_the_users_runs_for_what_a_container_holds():
    class Odd(metaclass=Unhashable):
        pass

    @dataclasses.dataclass
    class Own:
        password: str

        @property
        def __dict__(self):
            raise ValueError

    assert not hides(Odd(), "password", KEY)
    assert not hides([Odd(), Own(KEY)], "credentials", "text")


def keys_of_ours():
    """What the schema names in a record that holds records of ours, and keys in these."""
    parts = json.loads((Path(failextract_nb.__file__).parent / "schema.json").read_bytes())["$defs"]
    for part in ("failure", "raised"):
        for key, one in parts[part]["properties"].items():
            inner = one.get("$ref") or one.get("items", {}).get("$ref")
            if inner:
                yield key, next(iter(parts[inner.rpartition("/")[2]]["properties"]))
    yield from [("captured", "stdout call"), ("dask", "worker")]


@pytest.mark.parametrize(("name", "key"), sorted(keys_of_ours()))
def test_keys_of_ours_stay(name, key):
    """Whatever a password is called."""
    given = {name: {key: 3}, "seen": {key: 1}, "more": key}
    assert Secrets({key: "***"}).hide(given) == {name: {key: 3}, "seen": {"***": 1}, "more": "***"}


def test_masks_in_a_source_are_counted_that_was_read_before_any_was_hidden(
    tmp_path, extractor, monkeypatch
):
    monkeypatch.setattr(rules, "hidden", 0)
    path = tmp_path / "holds_a_mask.py"
    path.write_text(f"def fails(**given):\n    raise ValueError  # {MASK}word]\n")
    namespace = {"__name__": "holds_a_mask"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)  # noqa: S102
    for given in ({}, {"password": KEY}):
        assert not rules.hidden
        with suppress(ValueError), capture_failures("logs in"):
            namespace["fails"](**given)
    record = extractor.failures[-1]
    assert record["redacted"] == json.dumps(record).count(MASK) > 1


def test_of_a_capture_that_goes_wrong_only_what_it_says_counts(extractor, monkeypatch):
    """The variables that it had met are not in the record."""
    monkeypatch.setattr(raised_module.Walk, "_weigh", lambda *_: 1 / 0)
    for message in (f"no {KEY}", "no such user"):
        with suppress(ValueError), capture_failures("logs in"):
            password, again = KEY, message
            raise ValueError(again, len(password))
    for record in extractor.failures:
        assert "locals" not in record
        assert KEY not in json.dumps(record)
    assert [one.get("redacted") for one in extractor.failures] == [1, None]


def test_what_is_too_long_to_be_looked_for_is_not_copied():
    """Nor decoded."""
    octets = bytearray(20_000_000)
    tracemalloc.start()
    _redact.mask("password", octets)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
