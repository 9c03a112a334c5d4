"""Which line of a notebook's file a line of a cell stands on, however the file is laid out."""

from __future__ import annotations

import json

import nbformat
import pytest
from conftest import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st

from failextract_nb.batch.lines import line_in, lines_of_cells

LAYOUTS = [None, 0, 1, 4, "\t"]


def check(book, text):
    """Every line of every cell stands where it is said to, as far as that can be seen."""
    file, found = text.split("\n"), lines_of_cells(text)
    assert len(found) == len(book["cells"])
    for place, one in enumerate(book["cells"]):
        source = one["source"]
        for number, line in enumerate("".join(source).split("\n"), 1):
            at = line_in(found, place, number)
            start = line[:1]  # a line may go on in the next piece
            assert start in file[at - 1] or json.dumps(start)[1:-1] in file[at - 1]
        if isinstance(source, str):
            assert set(found[place]) == {found[place][0]}


@pytest.mark.parametrize("indent", LAYOUTS, ids=repr)
def test_each_line_is_found_in_any_layout(indent):
    """Sources as lists and as one text, pieces without a line's end, what only looks like one."""
    book = {
        "metadata": {"cells": [{"source": ["no\n"]}]},
        "cells": [
            {"outputs": [{"source": ["not this\n"]}], "source": ["a = 1\n", "b = 2\n", "c"]},
            {"source": "one\ntwo\n\nfour"},
            {"source": []},
            {"source": ["be", "gin\n", "", "end\n"]},
            {"source": ['"}]\n', "\\u0041\n", "é\u2028\t"], "metadata": {"source": "x"}},
        ],
    }
    for ascii_only in (True, False):
        check(book, json.dumps(book, indent=indent, ensure_ascii=ascii_only))


@given(
    st.lists(
        st.one_of(
            st.text(max_size=20), st.lists(st.text(st.sampled_from('a"\\\n]}é,'), max_size=8))
        ),
        max_size=5,
    ),
    st.sampled_from(LAYOUTS),
)
@settings(max_examples=200, deadline=None)
def test_each_line_is_found_whatever_the_sources_are(sources, indent):
    """Quotes, brackets and escapes in them mislead nobody."""
    book = {"cells": [{"cell_type": "code", "source": one, "outputs": []} for one in sources]}
    check(book, json.dumps(book, indent=indent))


def test_a_file_with_windows_line_ends():
    """Counts as an editor counts."""
    text = json.dumps({"cells": [{"source": ["a\n", "b"]}]}, indent=1).replace("\n", "\r\n")
    assert lines_of_cells(text) == [[5, 6]]


def test_a_notebook_of_version_3():
    """Cells are in worksheets, and their source is called input."""
    book = {"worksheets": [{"cells": [{"input": ["a\n", "b"]}]}, {"cells": [{"source": "c"}]}]}
    text = json.dumps(book, indent=1)
    file = text.split("\n")
    found = lines_of_cells(text)
    assert [[file[at - 1].strip(' ",') for at in one] for one in found] == [
        ["a\\n", "b"],
        ['source": "c'],
    ]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"cells": [', '{"cells": {}}', '{"cells": [{"source": "', "[" * 9],
)
def test_what_is_no_notebook_has_no_lines(text):
    """And raises nothing."""
    assert lines_of_cells(text) == []
    assert line_in([], 0, 1) is None


def test_what_has_no_source_stands_where_its_cell_does():
    """A line that is not there is the nearest that is."""
    found = lines_of_cells('{"cells": [3,\n{"source": 4},\n{"source": ["a\\n"]}]}')
    assert found == [[1], [2], [3]]
    assert line_in(found, 2, 5) == 3
    assert line_in(found, 2, 0) == 3
    assert line_in(found, -1, 1) is None


def test_the_lines_of_real_notebooks():
    """As nbformat reads them."""
    paths = sorted((SHARED / "corpus").rglob("*.ipynb"))
    if not paths:
        pytest.skip("the corpus is not there")
    for path in paths:
        text = path.read_text(encoding="utf-8")
        book = json.loads(text)
        check(book, text)
        assert len(lines_of_cells(text)) == len(nbformat.reads(text, as_version=4).cells)
