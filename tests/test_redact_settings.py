"""What the user says about secrets: more names, more patterns, exemptions, none at all."""

from __future__ import annotations

import json
import threading
import warnings
from contextlib import suppress

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError
from traitlets.config import Config

from failextract_nb import capture, extract_on_failure
from failextract_nb._names import Rules, rules
from failextract_nb._safe import text_of
from failextract_nb.ipython.settings import FailExtract


@pytest.fixture(autouse=True)
def usual():
    """Every test ends with the usual rules."""
    yield
    rules.set()


@pytest.fixture
def settings(ip):
    """The session's own."""
    (found,) = (one for one in ip.configurables if isinstance(one, FailExtract))
    return found


CELL = (
    "patientId = 'p-4711'\ngiven = {'patient_id': 'p-4711', 'password': 'hunter2'}\n"
    "raise ValueError('patient-id=p-4711 and password=hunter2')"
)


def text_of_last(ip, extractor, cell=CELL):
    """Run a cell that fails; all that is kept of it."""
    ip.run_cell(cell)
    return json.dumps(extractor.failures[-1])


def test_names(ip, extractor):
    """A name of the user's is secret however it is written, and its mask says which it was."""
    assert "p-4711" in text_of_last(ip, extractor)
    ip.run_cell("%config FailExtract.redact_names = ['patient_id']")
    shown = text_of_last(ip, extractor)
    assert "p-4711" not in shown
    assert "[redacted: patient id]" in shown
    assert "[redacted: password]" in shown  # ours go on
    extractor.add_failure({"patientId": 4711, "sheet": {"main-patient-id": "p-4711"}})
    assert "4711" not in json.dumps(extractor.failures[-1])


@pytest.mark.parametrize(
    ("name", "held"),
    [("pin", "my_pin"), ("Kennwörter", "kennwörter"), ("ключ", "ключ"), ("x2", "x2")],
)
def test_names_of_all_kinds(name, held):
    """One word, other alphabets, with digits."""
    rules.set(names=[name])
    assert text_of("abc", held) == f"[redacted: {rules.names[0]}]"
    assert text_of(f"{held}=abcdef and {held}: 'abcdef'").count("abcdef") == 0


def test_patterns(ip, extractor):
    """Wherever they stand: in texts, numbers, keys, sources, also in lists of numbers."""
    cell = (
        "def f(case='C-123456'):\n    number, numbers, share = 4711001, [1, 2, 4711002], 4711003.5\n"
        "    keys = {'C-123456': {4711001}, 'x': b'C-123456'}\n    raise ValueError(case)\nf()"
    )
    shown = text_of_last(ip, extractor, cell)
    assert "C-123456" in shown
    ip.run_cell(r"%config FailExtract.redact_patterns = [r'C-\d+', r'4711\d+']")
    shown = text_of_last(ip, extractor, cell)
    assert "C-123456" not in shown
    assert "4711" not in shown
    assert "[redacted: pattern]" in shown
    extractor.add_failure({"numbers": [4711001, 1.5], "share": 4711003.5, "C-123456": 1})
    assert "4711" not in json.dumps(extractor.failures[-1])
    assert "C-123456" not in json.dumps(extractor.failures[-1])
    assert extractor.failures[-1]["numbers"][1] == 1.5


def test_a_short_pattern(extractor):
    """A text of a few characters is looked at, too."""
    rules.set(patterns=["P1"])
    assert text_of("P1") == "'[redacted: pattern]'"


def test_exemptions(ip, extractor):
    """A name whose values are shown; all others stay as they are."""
    cell = (
        "csrf_token = 'abc123x'\naccess_token = 'def456y'\nraise ValueError('csrf-token=abc123x')"
    )
    assert "abc123x" not in text_of_last(ip, extractor, cell)
    ip.run_cell("%config FailExtract.redact_exempt = ['csrf_token']")
    shown = text_of_last(ip, extractor, cell)
    assert "abc123x" in shown
    assert "def456y" not in shown


def test_exempt_looks():
    """What a mask says was removed can be exempted by that very word."""
    rules.set(exempt=["card", "aws key"])
    assert text_of(["4111 1111 1111 1111", 4111111111111111]).count("4111") == 2
    assert text_of("AKIAIOSFODNN7EXAMPLE") == "'AKIAIOSFODNN7EXAMPLE'"
    assert "[redacted: jwt]" in text_of(
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4"
    )


def test_off(ip, extractor):
    """Everything is kept as it is, and nothing is counted."""
    ip.run_cell("%config FailExtract.redact = False")
    cell = (
        "class Secret(str):\n    pass\npassword = 'hunter2'\nvalue = Secret('swordfish')\n"
        "card = 4111111111111111\nraise ValueError('token=abcdef')"
    )
    shown = text_of_last(ip, extractor, cell)
    for one in ("hunter2", "swordfish", "4111111111111111", "token=abcdef"):
        assert one in shown
    assert "[redacted" not in shown
    assert "redacted" not in extractor.failures[-1]
    ip.run_cell("%config FailExtract.redact = True")
    shown = text_of_last(ip, extractor, cell)
    for one in ("hunter2", "4111111111111111", "token=abcdef"):
        assert one not in shown


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "is no regular expression"),
        ("a*", "would match everything"),
        ("[z-a]", "is no regular expression"),
        ("", "would match everything"),
    ],
)
def test_a_wrong_pattern_is_refused(pattern, said, settings):
    """The error names the setting and the pattern; what was set before stays."""
    settings.redact_patterns = ["C-1"]
    with pytest.raises(TraitError, match="redact_patterns") as caught:
        settings.redact_patterns = ["ok", pattern]
    assert repr(pattern) in str(caught.value)
    assert said in str(caught.value)
    assert settings.redact_patterns == ["C-1"]
    assert [one.pattern for one in rules.patterns] == ["C-1"]
    with pytest.raises(ValueError, match="pattern|expression|everything"):
        Rules().set(patterns=[pattern])


def test_a_wrong_pattern_in_config_magic(ip, settings, caplog):
    """The user is told what is wrong, in one line."""
    ip.run_cell("%config FailExtract.redact_patterns = ['(']")
    assert "redact_patterns: '(' is no regular expression" in caplog.text
    assert settings.redact_patterns == []


def test_the_configuration_file(monkeypatch, tmp_path, extractor):
    """``c.FailExtract.redact_names`` counts from the first cell on; a wrong setting costs itself only."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    config.FailExtract.redact_names = ["patient_id"]
    config.FailExtract.redact_patterns = ["("]
    ip = InteractiveShell(config=config, user_ns={})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ip.run_line_magic("load_ext", "failextract_nb")
    try:
        assert any("'('" in str(one.message) for one in told)
        shown = text_of_last(ip, extractor)
        assert "p-4711" not in shown
        assert "hunter2" not in shown
    finally:
        ip.extension_manager.unload_extension("failextract_nb")


def test_changes_take_effect_at_once(ip, extractor):
    """Also for code, keys and functions whose text has been kept from an earlier failure."""
    ip.run_cell(
        "from failextract_nb import extract_on_failure\n@extract_on_failure\n"
        "def work(a, *, pin='9876abc'):\n    given = {'pin': '9876abc'}\n    raise ValueError('pin=9876abc')"
    )
    for _ in range(2):
        assert "9876abc" in text_of_last(ip, extractor, "work(1)")
    ip.run_cell("%config FailExtract.redact_names = ['pin']")
    assert "9876abc" not in text_of_last(ip, extractor, "work(1)")
    ip.run_cell("%config FailExtract.redact_names = []")
    assert "9876abc" in text_of_last(ip, extractor, "work(1)")
    ip.run_cell("%config FailExtract.redact_patterns = ['9876']")
    assert "9876abc" not in text_of_last(ip, extractor, "work(1)")
    ip.run_cell("%config FailExtract.redact = False")
    assert "9876abc" in text_of_last(ip, extractor, "work(1)")


def test_a_function_in_a_file(tmp_path, extractor):
    """The source of a decorated function follows the rules, too."""
    path = tmp_path / "made_settings.py"
    path.write_text("def work(pin='9876abc'):\n    1 / 0\n", encoding="utf-8")
    space = {"__name__": "made_settings"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)
    work = extract_on_failure(space["work"])
    for names, hidden in (([], False), (["pin"], True), ([], False)):
        rules.set(names=names)
        with suppress(ZeroDivisionError):
            work()
        record = extractor.failures[-1]
        shown = json.dumps(
            [record["test_source"], record["extracted_code"][-1], record["locals"][-1]]
        )
        assert ("9876abc" not in shown) is hidden


def test_unloading_restores_the_usual(ip, extractor):
    """What one session's settings said does not outlive it."""
    ip.run_cell("%config FailExtract.redact_names = ['pin']")
    ip.run_cell("%config FailExtract.redact_exempt = ['password']")
    ip.run_cell("%config FailExtract.redact_patterns = ['P1']")
    assert text_of("abc", "pin") != "'abc'"
    ip.run_line_magic("unload_ext", "failextract_nb")
    assert (rules.is_on, rules.names, rules.patterns, rules.exempt) == (True, (), (), frozenset())
    assert text_of("abc", "pin") == "'abc'"
    assert text_of("abc", "password") == "[redacted: password]"
    assert text_of("P1") == "'P1'"


def test_unloading_switches_it_on_again(ip):
    """Off is a session's wish, too."""
    ip.run_cell("%config FailExtract.redact = False")
    assert text_of("abc", "password") == "'abc'"
    ip.run_line_magic("unload_ext", "failextract_nb")
    assert text_of("abc", "password") == "[redacted: password]"


def test_masked_types_stay_masked(ip, extractor):
    """A class that hides what it holds is asked, or not shown: in variables and in records."""
    ip.run_cell(
        "class SecretStr:\n    def __init__(self, value):\n        self._value = value\n"
        "    def __repr__(self):\n        return \"SecretStr('**********')\"\n"
        "class ApiSecret(dict):\n    pass\n"
        "given, other = SecretStr('sword' 'fish'), ApiSecret(a='sword' 'fish')\n"
        "def f(given, other):\n    1 / 0\nf(given, other)"
    )
    found = extractor.failures[-1]["locals"][-1]
    assert found["given"] == "SecretStr('**********')"
    assert found["other"] == "<ApiSecret: [redacted: secret]>"
    extractor.add_failure({"given": ip.user_ns["given"], "other": ip.user_ns["other"]})
    record = extractor.failures[-1]
    assert record["given"] == "SecretStr('**********')"
    assert record["other"] == "<ApiSecret: [redacted: secret]>"


def fails(patient_id, sheet):
    """Fails with names and values that only the rules of a user hide."""
    return sheet["patient_id"] / 0 if patient_id else "secret-2"


def test_what_is_remembered_follows_the_rules():
    """What is hidden now was seen before the rules said so: names, keys, source, names of threads."""
    patient_id, two, three = (f"secret-{n}" for n in (1, 2, 3))

    def record():
        with pytest.raises(TypeError) as caught:
            fails(patient_id, {"patient_id": patient_id, "mood": two, "bed": 4000 + 711})
        name = f"ward {three}"
        return capture.failure_from(
            caught.value,
            name=name,
            output=three,
            patient_id=patient_id,
            mood=two,
            include_locals=True,
        )

    thread = threading.current_thread()
    before, thread.name = thread.name, f"ward {three}"
    try:
        first = record()
        rules.set(names=["patient_id"], patterns=["secret-[23]", "4711"])
        second = record()
        rules.set()
        third = record()
    finally:
        thread.name = before
    for secret in (patient_id, two, three, "'bed': 4711"):
        assert secret in json.dumps(first)
        assert secret not in json.dumps(second)
        assert secret in json.dumps(third)
    assert second["locals"][-1]["patient_id"] == "[redacted: patient id]"
    assert second["redacted"] == json.dumps(second).count("[redacted: ")
    assert "redacted" not in third


def test_a_text_is_hidden_by_the_key_it_comes_under():
    """The same text was given under a key that hides nothing before, and is after."""
    error = ValueError("wrong")
    assert capture.failure_from(error, mood="hunter2")["mood"] == "hunter2"
    assert capture.failure_from(error, password="hunter2")["password"] == "[redacted: password]"
    assert capture.failure_from(error, mood="hunter2")["mood"] == "hunter2"
