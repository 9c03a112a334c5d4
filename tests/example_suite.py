"""A suite that fails in every way that pytest knows, and what is to be recorded of it."""

from __future__ import annotations

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def base():
    return {"password": "hunter2", "answer": 41}

@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return "in a package"

@pytest.fixture(scope="module", params=["first", "second"])
def kind(request):
    return request.param * 2

@pytest.fixture(scope="module")
def broken():
    raise OSError("no database")

@pytest.fixture
def fails_later():
    yield 3
    raise RuntimeError("at the end")

@pytest.fixture
def own():
    return "of conftest.py"

@pytest.fixture(autouse=True)
def around():
    return "autouse"
"""
TESTS = '''
import logging, sys, unittest
import pytest

def ratio(x):
    half = x / 2
    return 1 / half

def test_passes(base):
    pass

def test_compares(base, kind, folder):
    print("said")
    sys.stderr.write("complained")
    logging.warning("logged")
    numbers = [1, 2, 3]
    assert numbers == [1, 2, base["answer"]]

@pytest.mark.parametrize(("a", "b"), [(1, 2), (3, 3)], ids=["one", "two"])
def test_sum(a, b):
    assert a + 1 == b

def test_first_of_broken(broken):
    pass

def test_second_of_broken(broken):
    pass

def test_teardown(fails_later):
    pass

def test_both(fails_later):
    assert fails_later == 4

@pytest.mark.xfail(strict=True, reason="to be done")
def test_strict():
    pass

@pytest.mark.xfail
def test_expected():
    ratio(0)

def test_skipped():
    pytest.skip("not today")

def test_calls():
    ratio(0)

def test_says():
    pytest.fail("as it says")

def test_does_not_raise():
    with pytest.raises(ValueError):
        pass

def test_exits():
    sys.exit(0)

def test_caught_before():
    with pytest.raises(AssertionError):
        assert 1 == 2
    assert not "something", "with a message"

class TestClass:
    @pytest.fixture(scope="class")
    def mine(self):
        return "of the class"

    @pytest.fixture
    def own(self, own):
        return own.upper()

    def test_method(self, mine, own, request):
        request.getfixturevalue("base")
        assert mine in {"another"}

class TestUnit(unittest.TestCase):
    def setUp(self):
        self.value = 1

    def test_equal(self):
        self.assertEqual(self.value, 2)

    def test_parts(self):
        for i in range(3):
            with self.subTest("part", i=i):
                self.assertEqual(i, 1)

def documented():
    """
    >>> 1 + 1
    3
    >>> ratio(2)
    1.0
    """

def undocumented():
    """
    >>> ratio(0)
    0
    """
'''
SUBTESTS = """
def test_subtests(subtests):
    for i in range(3):
        with subtests.test("even", i=i):
            print("at", i)
            assert i % 2 == 1
"""
FILES = {
    "conftest.py": CONFTEST,
    "test_all.py": TESTS,
    "test_import.py": "import no_such_module\n",
    "test_syntax.py": "x = (\n",
    "test_name.py": "def helper():\n    return undefined\nhelper()\n",
    "pytest.ini": "[pytest]\naddopts = --doctest-modules --continue-on-collection-errors\n",
}
# Node id without "test_all.py::", phase, type; what is in two lines of pytest's is in two here.
RECORDS = [
    ("test_import.py", "collect", "ModuleNotFoundError"),
    ("test_name.py", "collect", "NameError"),
    ("test_syntax.py", "collect", "SyntaxError"),
    ("TestClass::test_method", "call", "AssertionError"),
    ("TestUnit::test_equal", "call", "AssertionError"),
    ("TestUnit::test_parts", "call", "AssertionError"),
    ("TestUnit::test_parts", "call", "AssertionError"),
    ("test_all.documented", "call", "DocTestFailure"),
    ("test_all.undocumented", "call", "ZeroDivisionError"),
    ("test_both", "call", "AssertionError"),
    ("test_both", "teardown", "RuntimeError"),
    ("test_calls", "call", "ZeroDivisionError"),
    ("test_caught_before", "call", "AssertionError"),
    ("test_compares[first]", "call", "AssertionError"),
    ("test_compares[second]", "call", "AssertionError"),
    ("test_does_not_raise", "call", "Failed"),
    ("test_exits", "call", "SystemExit"),
    ("test_first_of_broken", "setup", "OSError"),
    ("test_says", "call", "Failed"),
    ("test_second_of_broken", "setup", "OSError"),
    ("test_strict", "call", "DidNotRaise"),
    ("test_sum[two]", "call", "AssertionError"),
    ("test_teardown", "teardown", "RuntimeError"),
]
