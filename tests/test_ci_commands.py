"""What is printed for CI servers, read back as their agents read a log: by readers of our own."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from conftest import example
from hypothesis import given
from hypothesis import strategies as st
from test_formats import TEXT, hostile, one_line, stored

from failextract_nb._strings import clip
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.ci import azure, github, harmless
from failextract_nb.ci.findings import findings
from failextract_nb.failure import where
from failextract_nb.formats._base import visible

COMMANDS = (
    *("::error::forged", "::error file=a.py,line=1::forged", "  ::add-mask::x", "\n::debug::x"),
    *("::stop-commands::t", "\r\n::set-output name=a::b", "::", ":", ",", "file=b.py", "=", "::::"),
    *(
        "##[error]forged",
        "##[group]x",
        "##vso[task.complete result=Failed;]x",
        "##[",
        "]",
        ";",
        "#",
    ),
    *(
        "##vso[task.setvariable variable=a]b",
        "##teamcity[x]",
        "%0A",
        "%0D",
        "%25",
        "%250A",
        "%AZP25",
    ),
    *(
        "%3A",
        "%2C",
        "%3B",
        "%5D",
        "AZP25",
        "\u200b",
        "\u0301",
        "\xad",
        "\u2029",
        "\x85",
        "\v",
        "\f",
    ),
    *(
        ":\u200b:error::x",
        "#\u200b#[error]x",
        "#\ufeff#vso[task.logissue type=error]x",
        "\u3000::a::",
    ),
    *("\x1b[0Ksection_start:1:a\r\x1b[0Kx", "\x1b]8;;http://x\x07", "\r", "\n", "\u202e"),
)
FOREIGN = st.lists(st.one_of(st.sampled_from(COMMANDS), TEXT), max_size=5).map("".join)
FAILURE = st.fixed_dictionaries(
    {"exception_message": FOREIGN},
    optional={
        "exception_type": FOREIGN,
        "test_name": FOREIGN,
        "origin": st.sampled_from(["cell", "thread"]),
        "execution_count": st.integers(1, 99),
        "notebook_line": st.integers(-1, 10**6),
        "causes": FOREIGN.map(
            lambda text: [{"exception_type": "Inner", "exception_message": text}]
        ),
        "expected": st.just(True),
        "blocked_by": st.just({"failure": "f1", "cell_index": 0, "name": "df"}),
    },
)
BOOKS = st.lists(
    st.builds(lambda name, failures: book(name, *failures), FOREIGN, st.lists(FAILURE, max_size=4)),
    max_size=4,
)


def book(name, *failures) -> NotebookOutcome:
    """A notebook in a file of its name, with these failures."""
    path = f"/elsewhere/{visible(name).replace('/', '')}.ipynb" if name else ""
    return NotebookOutcome(path, name, failures=stored(failures))


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    message: str


def lines_of(text: str) -> list[str]:
    """A log as the agents read it: line by line, where a lone carriage return ends one, too."""
    return re.split("\r\n|\r|\n", text)


def unescaped(text: str, escapes: dict[str, str]) -> str:
    """In the documented order: the percent sign, which all others are made of, comes last."""
    for code, sign in escapes.items():
        text = text.replace(code, sign)
    return text


IN_DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}
IN_PROPERTY = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
AZURE = {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]", "%AZP25": "%"}


def properties_in(text: str, separator: str, escapes: dict[str, str]) -> dict[str, str]:
    pairs = (one.split("=", 1) for one in text.split(separator) if one)
    return {pair[0]: unescaped(pair[1], escapes) for pair in pairs if len(pair) == 2}


def github_command(line: str) -> Command | None:
    """``::name key=value,key=value::message`` at the start, or ``##[name key=value;]message``."""
    found = re.match(r"\s*::([^ :]*)(?: (.*?))?::(.*)", line, re.S)
    if found:
        name, listed, message = found.groups()
        return Command(
            name, properties_in(listed or "", ",", IN_PROPERTY), unescaped(message, IN_DATA)
        )
    found = re.search(r"##\[([^ \]]*)(?: ([^\]]*))?\](.*)", line, re.S)
    if found is None:
        return None
    name, listed, message = found.groups()
    return Command(name, properties_in(listed or "", ";", AZURE), unescaped(message, AZURE))


def azure_command(line: str) -> Command | None:
    """``##vso[area.action key=value;key=value]message`` and ``##[command]message``, anywhere."""
    found = re.search(r"##(?:vso)?\[([^ \]]*)(?: ([^\]]*))?\](.*)", line, re.S)
    if found is None:
        return None
    name, listed, message = found.groups()
    return Command(name, properties_in(listed or "", ";", AZURE), unescaped(message, AZURE))


def commands_in(lines: list[str], read) -> list[Command]:
    """Those of a log; whoever looks past what is not ASCII sees as many, at the same lines."""
    log = lines_of("\n".join(lines))
    assert len(log) == max(1, len(lines)), "a text has made a line of its own"
    for line in log:
        bare = line.encode("ascii", "ignore").decode()
        assert (read(line) is None) == (read(bare) is None), line
        assert "\x1b" not in line
    return [command for line in log if (command := read(line)) is not None]


def of_themselves(books) -> list:
    """The failures that are to be told one by one, each with its notebook."""
    return [
        (one, failure)
        for one in books
        for failure in one.failures
        if not failure.get("expected") and "blocked_by" not in failure
    ]


def named(text) -> str:
    return one_line(text) or "unknown"


def text_of(failure) -> str:
    """What is told of a failure: type, message, and the cause below."""
    kind, message = named(failure["exception_type"]), failure["exception_message"]
    text = f"{kind}: {visible(message)}" if message else kind
    if causes := failure.get("causes"):
        text += f"\nCause: {one_line('Inner: ' + causes[0]['exception_message'])}"
    return text


def title_of(one, failure) -> str:
    return f"{named(where(failure))} of {named(one.name)}: {named(failure['exception_type'])}"


def place_of(one, failure, file, line) -> dict[str, str]:
    """The properties that say where; what is not known is left out."""
    place = {file: visible(one.path)} if one.path else {}
    number = failure.get("notebook_line")
    return place | ({line: str(number)} if number and number > 0 else {})


# ---- GitHub


@hostile
@given(books=BOOKS)
def test_github_gets_exactly_the_annotations_that_are_meant(books):
    """Each failure that stands for itself is one error with its text, file and line; ten at most."""
    lines = github.notes(findings(books, {}))
    expected = of_themselves(books)
    found = commands_in(lines, github_command)
    assert len(found) == min(len(expected), 10)
    for command, (one, failure) in zip(found, expected, strict=False):
        assert command.name == "error"
        assert command.message.removeprefix(" ") == text_of(failure)
        title = clip(title_of(one, failure), github.MAX_TITLE)
        wanted = {"title": title} | place_of(one, failure, "file", "line")
        assert command.properties == wanted
    for line in lines[: len(found)]:
        # An accent there would belong to the colons, and the message would be read as a log's line.
        assert re.match(r"::error [^:]*::(?=[ -~])", line)


def test_github_is_told_how_many_failures_have_no_annotation():
    """Ten errors, and one line of plain text that counts the others."""
    many = [example(exception_message=str(number)) for number in range(13)]
    blocked = [example(blocked_by={"failure": "x", "cell_index": 0, "name": "df"})] * 2
    *lines, last = github.notes(findings([book("a", *many), book("b", *blocked)], {}))
    assert [github_command(line).message for line in lines] == [
        f"ValueError: {n}" for n in range(10)
    ]
    assert github_command(last) is None
    assert last == (
        "Without an annotation: 3 more failures, 2 that only follow from other failures. "
        "The job summary lists them all."
    )
    assert len(github.notes(findings([book("a", *many[:10])], {}))) == 10
    assert github.notes([]) == []


def test_an_annotation_as_github_documents_it():
    """Percent signs and line ends in the message; commas and colons, too, in a property."""
    failure = example(
        exception_message="50% of\n::error::this\r",
        notebook_line=7,
        origin="cell",
        execution_count=3,
    )
    one = NotebookOutcome("/elsewhere/a,b:c.ipynb", "a,b:c.ipynb", failures=stored([failure]))
    (line,) = github.notes(findings([one], {}))
    assert line == (
        "::error title=In[3] test_x of a%2Cb%3Ac.ipynb%3A ValueError,file=/elsewhere/a%2Cb%3Ac.ipynb,"
        "line=7::ValueError: 50%25 of%0A::error::this\\r"
    )


def test_long_texts_fit_into_an_annotation():
    """Title and message stay below GitHub's limits, and say that they were cut."""
    failure = example(exception_message="x" * 9_999, exception_type="T" * 999)
    (line,) = github.notes(findings([book("a", failure)], {}))
    command = github_command(line)
    assert len(command.properties["title"]) < 255
    assert command.properties["title"].endswith("characters)")
    assert len(command.message) < 5_000
    assert command.message.endswith("characters)")


# ---- Azure


@hostile
@given(books=BOOKS)
def test_azure_gets_exactly_the_issues_that_are_meant(books):
    """The same as logging commands, with Azure's escapes."""
    lines = azure.issues(findings(books, {}))
    expected = of_themselves(books)
    found = commands_in(lines, azure_command)
    assert len(found) == min(len(expected), 10)
    for command, (one, failure) in zip(found, expected, strict=False):
        assert command.name == "task.logissue"
        assert command.message == f"{title_of(one, failure)}\n{text_of(failure)}"
        wanted = {"type": "error"} | place_of(one, failure, "sourcepath", "linenumber")
        assert command.properties == wanted


def test_azure_is_told_how_many_failures_are_no_issues():
    """Ten issues, and one line of plain text that counts the others."""
    *lines, last = azure.issues(findings([book("a", *[example()] * 12)], {}))
    assert len(lines) == 10
    assert last == "2 more failures: the JUnit report has them all."


def test_an_issue_as_azure_documents_it():
    """Semicolons, brackets, line ends, and the percent sign they are all made of."""
    failure = example(exception_message="a;b]c\n100%", notebook_line=7)
    one = NotebookOutcome("/elsewhere/a;b.ipynb", "a", failures=stored([failure]))
    (line,) = azure.issues(findings([one], {}))
    assert line == (
        "##vso[task.logissue type=error;sourcepath=/elsewhere/a%3Bb.ipynb;linenumber=7]"
        "test_x of a: ValueError%0AValueError: a%3Bb%5Dc%0A100%AZP25"
    )


# ---- text of others


@hostile
@given(text=FOREIGN)
def test_text_of_others_is_no_command_to_anyone(text):
    """Whatever it is, no line of it, nor what is ASCII of one, can be taken for a command."""
    for line in lines_of(harmless(text)):
        for seen in (line, line.encode("ascii", "ignore").decode()):
            assert github_command(seen) is None
            assert azure_command(seen) is None
        assert "\x1b" not in line


@hostile
@given(text=FOREIGN)
def test_text_of_others_is_still_to_be_read(text):
    """Nothing but blanks is put in, and what could be no command stays as it is."""
    assert harmless(text).replace(" ", "") == visible(text).replace(" ", "")
    assert harmless(harmless(text)) == harmless(text)


@pytest.mark.parametrize(
    "text",
    [
        "a::b",
        "std::vector",
        "x = y[::2]",
        "## Heading",
        "# [link]",
        "#1 of [2]",
        "a\n\n  b: c",
        "é: f",
    ],
)
def test_ordinary_text_stays(text):
    """Colons in a line, headings and lists are nothing to look after."""
    assert harmless(text) == text
