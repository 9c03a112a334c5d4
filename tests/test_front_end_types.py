"""The front end's types of messages and of the record, checked against what Python has."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT, example

from failextract_nb import failure
from failextract_nb.widget import protocol
from failextract_nb.widget.pages import Pages

SOURCES = ROOT / "labextension" / "src" / "table"
IN_PYTHON = {
    r"\bnumber\b": "int",
    r"\bstring\b": "str",
    r"\bboolean\b": "bool",
    r"\bnull\b": "None",
    r"\bunknown\b": "Any",
    r"Record<(\w+), (\w+)>": r"dict[\1, \2]",
}
FRACTIONS = {"duration"}


def fields_of(file, interface):
    """The fields of a TypeScript interface, and the types they have there."""
    text = (SOURCES / file).read_text(encoding="utf-8")
    (body,) = re.findall(rf"export interface {interface}\b[^{{]*{{\n(.*?)\n}}", text, re.DOTALL)
    return dict(re.findall(r"^  (\w+)\??: (.*?);(?: //.*)?$", body, re.MULTILINE))


def in_python(kind):
    """A TypeScript type as ``failure.py`` would write it."""
    if kind.endswith("[]"):
        return f"list[{in_python(kind.removesuffix('[]').strip('()'))}]"
    for pattern, python in IN_PYTHON.items():
        kind = re.sub(pattern, python, kind)
    return kind


@pytest.mark.parametrize("interface", ["Frame", "Raised", "Failure"])
def test_the_record_is_what_the_page_thinks_it_is(interface):
    """Every key that the page may read is one of a record's, and of the same type."""
    fields = fields_of("source.ts", interface)
    assert len(fields) >= 9
    for name, kind in fields.items():
        python = getattr(failure, interface).__annotations__[name].__forward_arg__
        if name == "repetition":  # the page writes it out
            assert re.findall(r"(\w+):", kind) == list(failure.Repetition.__annotations__)
        else:
            assert in_python(kind) == ("int" if name in FRACTIONS else python), name


@pytest.fixture
def told(extractor):
    """Everything that pages are told; ``told.notice`` is what one of them lets the kernel know."""

    class Told(list):
        def notice(self, kind, **fields):
            pages.received({"v": protocol.version(), "type": kind, **fields})
            return self[-1]

    told = Told()
    pages = Pages(told.append, lambda on: on is not False)
    yield told
    pages.stop()


def test_the_glance_is_what_the_page_expects(told, extractor):
    """Every field, of its kind, and no other; with failures and without."""
    for count in range(2):
        glance = told.notice("glance")
        assert glance.pop("type") == "glance"
        assert protocol.checked(protocol.specification()["glance"], glance) == glance
        assert len(glance["cells"]) == count
        extractor.add_failure(example(cell_id="a"))
    (cell,) = told.notice("glance")["cells"].values()
    kinds = {
        name: in_python(kind) for name, kind in fields_of("protocol.ts", "CellFailures").items()
    }
    assert {name: type(value).__name__ for name, value in cell.items()} == kinds


def test_every_notice_of_the_page_is_accepted(told):
    """With the fields it has; a glance follows each, and nothing else."""
    notices = protocol.specification()["notices"]
    assert set(notices) == {"glance", "seen", "capture"}
    for name, fields in notices.items():
        values = {"boolean": True, "number?": 1}
        told.notice(name, **{field: values[kind] for field, kind in fields.items()})
    assert [one["type"] for one in told] == ["glance"] * 3


@pytest.mark.parametrize("odd", [1.5, float("nan"), float("inf"), True, "1", None, [1]])
def test_what_a_page_has_seen_is_a_whole_number(told, odd):
    assert told.notice("seen", count=odd)["type"] == "refused"


def test_every_file_can_be_read_top_to_bottom():
    """None of the front end's is longer than three hundred lines; index.ts only registers."""
    for path in (ROOT / "labextension" / "src").rglob("*.ts"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path.name
    index = (ROOT / "labextension" / "src" / "lab" / "index.ts").read_text(encoding="utf-8")
    assert all(
        line.startswith(("import ", "export default [")) for line in index.split("\n") if line
    )
