"""Which names a cell makes, so that a later one that lacks one of them is told apart."""

from __future__ import annotations

import pytest

from failextract_nb.batch.blocked import EVERYTHING, name_missing, names_made


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b = 1", "a b"),
        ("a, (b, *c) = f()", "a b c"),
        ("a += 1", "a"),
        ("a: int = 1", "a"),
        ("x.attribute = 1; y[0] = 2", ""),
        ("import os.path, numpy as np\nfrom a import b as c, d", "os np c d"),
        ("from a import *", EVERYTHING),
        ("def f(x):\n    y = 1\n    global z\n    z = 2", "f z"),
        ("async def g(): pass\nclass C:\n    inner = 1", "g C"),
        ("for i in range(3):\n    last = i", "i last"),
        ("with open('x') as file, b as (c, d): pass", "file c d"),
        ("try:\n    a = 1\nexcept OSError:\n    b = 2\nfinally:\n    c = 3", "a b c"),
        ("if (n := f()) > 1: pass", "n"),
        ("xs = [y := x for x in range(3)]", "xs y"),
        ("f = lambda x: (z := x)", "f"),
        ("match p:\n    case {'k': v, **rest}: pass\n    case [a, *b] as c: pass", "v rest a b c"),
        ("files = !ls\nhere = %pwd\n!rm x\n%matplotlib inline\na = 1", "files here a"),
        ("%%time\ndf = read()", "df"),
        ("%%capture out\ndf = read()", "df out"),
        ("%%bash\nx=1", ""),
        ("?help\na = 1", "a"),
        ("a = 1\nb = = 2\ndef f(:", "a f"),
        ("", ""),
    ],
)
def test_names_that_a_cell_makes(source, names):
    """Those of its own scope."""
    assert names_made(source) == frozenset(names.split())


def test_only_a_name_that_is_not_defined_is_missing():
    """Not a local one, not one of another exception."""
    failure = {"exception_type": "NameError", "exception_message": "name 'x' is not defined"}
    assert name_missing(failure) == "x"
    more = "name 'x' is not defined. Did you mean: 'y'?"
    assert name_missing({**failure, "exception_message": more}) == "x"
    assert name_missing({**failure, "exception_type": "KeyError"}) is None
    assert name_missing({**failure, "exception_message": "something else"}) is None
    assert name_missing({}) is None
