"""The kernel's side of the failure table: what the page asks, what Python code does with it."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import threading
import time

import pandas as pd
import pytest
import traitlets
from conftest import ROOT, example

from failextract_nb import FailureTable, OutputFormatter, formats, widget
from failextract_nb.rows import FACETS
from failextract_nb.shown import COLUMNS
from failextract_nb.widget import answers, exports, protocol, state

ROWS = ("key", "number", "message", "count", "selected")


@pytest.fixture
def table(extractor):
    table = FailureTable()
    table.told = []
    table.send = lambda content, buffers=None: table.told.append((content, buffers))
    yield table
    table.close()


def eventually(condition):
    """Wait until ``condition()`` is true."""
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.005)


def add(extractor, count, **keys):
    return [
        extractor.add_failure(example(exception_message=f"message {number}", **keys))
        for number in range(count)
    ]


def ask(table, kind, **fields):
    """What the page is answered; an error raises its message."""
    table._received(table, {"v": protocol.version(), "id": "7", "type": kind, **fields}, [])
    reply, buffers = table.told.pop()
    assert reply["id"] == "7"
    if reply["type"] == "error":
        raise RuntimeError(reply["message"])
    assert reply["type"] == kind
    protocol.checked(protocol.specification()["replies"][kind], reply)  # raises where it is not
    json.dumps(reply, allow_nan=False, ensure_ascii=False).encode()
    return {**reply, "buffers": buffers}


def rows(table):
    return [tuple(row[key] for key in ROWS) for row in table._state["rows"]]


# ---- one table


def test_there_is_one_table(table):
    """As often as one asks; after it was closed there is a new one."""
    assert FailureTable() is table
    table.close()
    other = FailureTable()
    assert other is not table
    other.close()


def test_twenty_threads_get_one_table(extractor):
    """The first call may come from anywhere."""
    found = []
    threads = [threading.Thread(target=lambda: found.append(FailureTable())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    found[0].close()


def test_what_is_missing_is_named(monkeypatch):
    """No anywidget: the line that installs it."""
    monkeypatch.delitem(sys.modules, "failextract_nb.widget.model", raising=False)
    monkeypatch.delattr(widget, "model", raising=False)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match="pip install anywidget"):
        FailureTable()


def test_the_state_is_what_the_page_expects(table, extractor):
    """Every field, of its kind; with failures and without."""
    for _ in range(2):
        state = table._state
        assert protocol.checked(protocol.specification()["state"], state) == state
        json.dumps(state, allow_nan=False, ensure_ascii=False).encode()
        add(extractor, 3, exception_type="\ud800\x00")
        table.live.refresh()
    assert [row[:4] for row in rows(table)] == [
        ("g2", 6, "message 2", 2),
        ("g1", 5, "message 1", 2),
        ("g0", 4, "message 0", 2),
    ]
    assert table._state["formats"] == formats.names()


PROTOCOL = (ROOT / "labextension" / "src" / "table" / "protocol.ts").read_text(encoding="utf-8")


def fields_of(interface: str) -> set[str]:
    """The names of an interface's fields in the front end's protocol."""
    (body,) = re.findall(rf"export interface {interface} {{\n(.*?)\n}}", PROTOCOL, re.DOTALL)
    return set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE))


def names_in(constant: str) -> list[str]:
    (body,) = re.findall(rf"export const {constant} = \[(.*?)\]", PROTOCOL, re.DOTALL)
    return re.findall(r'"(\w+)"', body)


def test_both_sides_mean_the_same(table, extractor):
    """Lines, facets, columns: what the kernel sends is what the page's types say."""
    add(extractor, 1)
    table.live.refresh()
    assert fields_of("Row") == set(table._state["rows"][0])
    facet = table._state["facets"][0]
    assert fields_of("Facet") == set(facet)
    assert fields_of("FacetValue") == set(facet["values"][0])
    assert names_in("COLUMNS") == list(COLUMNS)
    assert names_in("FACETS") == list(FACETS)
    specification = protocol.specification()
    assert set(specification["requests"]) | {"error"} == set(specification["replies"])
    answered = {name for name in specification["requests"] if hasattr(answers, f"_{name}")}
    assert answered == set(specification["requests"])


# ---- following the session


def test_new_failures_are_told_unasked(table, extractor):
    """Soon, together, and none is lost."""
    states = []
    table.observe(lambda change: states.append(change["new"]["total"]), "_state")
    threads = [threading.Thread(target=add, args=(extractor, 50)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: table._state["total"] == 200)
    assert states == sorted(states)
    assert len(states) < 20


def test_updates_keep_their_distance(table, extractor):
    """At most ten a second, however fast failures come."""
    times = []
    table.observe(lambda _change: times.append(time.monotonic()), "_state")
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        add(extractor, 1)
    eventually(lambda: table._state["total"] == len(extractor.failures))
    gaps = [later - one for one, later in zip(times, times[1:], strict=False)]
    assert len(times) > 2
    assert min(gaps) > 0.09


def test_texts_are_read_before_anybody_searches(table, extractor):
    """In the background, once a page shows the table; what comes later is read by the search."""
    add(extractor, 5_000)
    for _ in range(3):
        ask(table, "hello")
    eventually(lambda: len(table.live.rows.texts) == 5_000)
    add(extractor, 10)
    ask(table, "hello")
    eventually(lambda: len(table.live.rows.texts) == 5_010)
    eventually(lambda: not [one for one in threading.enumerate() if one.name == "failextract-read"])
    table.search = "message 4999"
    assert len(table.frame) == 1


def test_an_observer_that_raises_is_no_failure_of_the_session(table, extractor):
    """It is told as a problem, once for each update; the page goes on being told."""

    def broken(_change):
        raise KeyError("mine")

    table.observe(broken, "frame")
    with pytest.warns(RuntimeWarning, match="an observer of frame: KeyError"):
        add(extractor, 1)
        eventually(lambda: table._state["total"] == 1)
        eventually(lambda: not table.live.follower.is_awake)
    assert len(extractor.failures) == 1
    assert "KeyError" in extractor.get_statistics()["problems"][-1]


def test_an_observer_of_the_search_that_raises(table, extractor):
    """Who has set it is told, and so is the page."""
    add(extractor, 2)
    table.live.refresh()

    def broken(_change):
        raise KeyError("mine")

    table.observe(broken, "search")
    with pytest.raises(KeyError, match="mine"):
        table.search = "message 1"
    assert table._state["search"] == "message 1"
    assert table._state["shown"] == 1


def test_a_filter_that_no_longer_fits_is_taken_away(table, extractor):
    """The failures are shown all the same, and why is told."""
    extractor.add_failure(example(line_number=3))
    table.filter("line.astype('int64') > 0")
    with pytest.warns(RuntimeWarning, match="the filter .* was taken away"):
        extractor.add_failure(example())
        eventually(lambda: table._state["total"] == 2)
    assert (table._state["query"], table.query, table._state["shown"]) == ("", "", 2)
    assert len(extractor.failures) == 2
    ask(table, "window", start=0, count=5)


def test_a_thread_that_cannot_be_started(table, extractor, monkeypatch):
    """The next failure wakes the table."""

    def refuse(_self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        add(extractor, 1)
    assert not table.live.follower.is_awake
    add(extractor, 1)
    eventually(lambda: table._state["total"] == 2)


def test_failures_of_many_threads_wake_one_look(table, extractor):
    """However they race: one that waits, beside one that is just ending."""
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=add, args=(extractor, 20)) for _ in range(8)]
        for thread in threads:
            thread.start()
        counts = [
            sum(
                getattr(one, "_target", None) == table.live.follower._wait
                for one in threading.enumerate()
            )
            for _ in range(200)
        ]
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(old)
    assert max(counts) <= 2
    eventually(lambda: table._state["total"] == 160)


def test_what_changes_later_is_told_too(table, extractor):
    """A context that a door adds, a limit, a clear."""
    (one,) = add(extractor, 1)
    table.live.refresh()
    extractor.add_context(one, {"execution_count": 5})
    eventually(lambda: table._state["rows"][0]["where"] == "In[5] test_x")
    add(extractor, 3)
    extractor.set_memory_limits(max_failures=2)
    eventually(lambda: (table._state["total"], table._state["dropped"]) == (2, 2))
    extractor.clear()
    eventually(lambda: table._state["total"] == 0)
    add(extractor, 1)
    eventually(lambda: [row[1] for row in rows(table)] == [1])


def test_a_new_format_is_a_new_button(table):
    """Registered while the table is shown."""

    class Shout(OutputFormatter):
        def format(self, failures, passed=None, metadata=None):
            return "!" * len(list(failures))

    formats.register("shout", Shout())
    eventually(lambda: "shout" in table._state["formats"])


def test_a_closed_table_is_gone(table, extractor):
    """It follows nothing, and nothing keeps it."""
    table.close()
    assert extractor._store.watchers == []
    assert formats.watchers == []
    table.live.follower._run()


def test_a_table_that_is_collected_while_a_failure_is_stored(table, extractor):
    """It waits for nobody: who looks at the store just then waits for the failure."""
    began = threading.Event()
    looks = threading.Thread(target=lambda: began.wait() and table.live.look())
    looks.start()
    with extractor._store.lock:  # as while a failure is stored, in which Python may collect
        began.set()
        eventually(lambda: not is_free(table.live._lock))
        table.close()
    looks.join()
    assert extractor._store.watchers == []


def is_free(lock):
    """Whether another thread could have it."""
    if found := lock.acquire(blocking=False):
        lock.release()
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_the_page_alone(table, extractor):
    """Its failures are not this kernel's."""
    pid = os.fork()
    if pid == 0:
        extractor.add_failure(example())
        os._exit(3 if table.live.follower.is_awake else 0)
    assert os.waitpid(pid, 0)[1] == 0


# ---- from Python


def test_search_and_filter(table, extractor):
    """What is shown is a frame; pandas code works on it."""
    add(extractor, 5)
    extractor.add_failure(example(exception_type="KeyError", line_number=7))
    assert len(table.frame) == 6
    table.search = "MESSAGE 3"
    assert table.frame["message"].tolist() == ["message 3"]
    assert table._state["search"] == "MESSAGE 3"
    table.search = ""
    assert table.filter("type == 'KeyError' and line > 3") is None
    assert table.query == table._state["query"] == "type == 'KeyError' and line > 3"
    assert table.frame["line"].tolist() == [7]
    table.filter()
    assert isinstance(table.frame, pd.DataFrame)
    assert table.frame.index.tolist() == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("wrong", ["type ==", "colour > 3", "line + 1", "'x'", "@missing > 1"])
def test_a_wrong_filter(table, extractor, wrong):
    """Says what is wrong and which columns there are; what was shown is still shown."""
    add(extractor, 2)
    table.search = "message 1"
    with pytest.raises(traitlets.TraitError, match="cannot be filtered by .*columns are: time"):
        table.filter(wrong)
    assert table.query == ""
    assert len(table.frame) == 1


def test_observing(table, extractor):
    """Search, query, frame and selected tell when they change."""
    seen = []
    table.observe(lambda change: seen.append((change["name"], change["new"])), ["search", "query"])
    table.observe(
        lambda change: seen.append((change["name"], len(change["new"]))), ["frame", "selected"]
    )
    add(extractor, 3)
    eventually(lambda: ("frame", 3) in seen)
    ask(table, "show", search="message 1")
    ask(table, "select", how="all")
    table.filter("line > 5")
    expected = [
        ("search", "message 1"),
        ("frame", 1),
        ("selected", 1),
        ("query", "line > 5"),
        ("frame", 0),
    ]
    assert [one for one in expected if one not in seen] == []


def test_what_follows_cannot_be_set(table):
    """The frame is what the table shows."""
    for name in ("frame", "selected"):
        with pytest.raises(traitlets.TraitError, match=f"{name} follows the table"):
            setattr(table, name, None)


def test_the_table_as_text(table, extractor):
    """In a terminal, and beside the widget where nothing runs it."""
    add(extractor, 2)
    assert "message 1" in repr(table)
    data = table._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert data["text/plain"] == repr(table)
    assert "message 0" in data["text/html"]
    assert len(data["application/vnd.failextract.failures.v1+json"]["failures"]) == 2
    assert "model_id" in data["application/vnd.jupyter.widget-view+json"]


# ---- what the page asks


def test_windows(table, extractor):
    """The lines asked for, wherever they have moved to."""
    add(extractor, 1_000)
    table.live.refresh()
    reply = ask(table, "window", start=100, count=3)
    assert [row["number"] for row in reply["rows"]] == [900, 899, 898]
    assert (reply["start"], reply["lines"], reply["version"]) == (100, 1_000, table.live.version)
    key = reply["rows"][0]["key"]
    add(extractor, 10)
    table.live.refresh()
    moved = ask(table, "window", start=100, count=1, anchor=key)
    assert (moved["start"], moved["rows"][0]["number"]) == (110, 900)
    assert ask(table, "window", start=5, count=1, anchor="f99999")["start"] == 5
    assert len(ask(table, "window", start=0, count=10**9)["rows"]) == 500
    for start, count in ((-5, 2), (10**9, 2), (0, -1), (0.5, 1.5)):
        ask(table, "window", start=start, count=count)


def test_showing_and_opening(table, extractor):
    """Sort, facets, groups; a group opens and closes."""
    add(extractor, 3)
    add(extractor, 3)
    ask(table, "hello")
    assert [row[3] for row in rows(table)] == [2, 2, 2]
    ask(table, "show", toggle="g0")
    assert [row[0] for row in rows(table)] == ["g2", "g1", "g0", "f4", "f1"]
    ask(table, "show", toggle="g0")
    assert len(rows(table)) == 3
    ask(table, "show", sort="message", descending=False, facets={"type": ["ValueError"], "tag": []})
    assert [row[2] for row in rows(table)] == ["message 0", "message 1", "message 2"]
    (facet,) = ask(table, "facets", name="type")["values"]
    assert facet["values"][0]["chosen"]
    ask(table, "show", grouped=False)
    assert table._state["lines"] == 6
    for wrong in (
        {"sort": "colour"},
        {"facets": {"size": ["x"]}},
        {"toggle": "f1"},
        {"toggle": "gx"},
    ):
        with pytest.raises(RuntimeError, match="no column|no facet|not the key of a group"):
            ask(table, "show", **wrong)
    assert table._state["lines"] == 6


def test_a_page_cannot_have_pandas_evaluate_something(table):
    """It may take a filter away; only Python sets one."""
    table.filter("line > 3")
    with pytest.raises(RuntimeError, match="a filter is set in Python"):
        ask(table, "show", query="@__import__('os').system('true')")
    assert table.query == "line > 3"
    ask(table, "show", query="")
    assert table.query == ""


def test_selecting(table, extractor):
    """Lines, groups, ranges; it stays with the failures whatever is shown."""
    add(extractor, 3)
    add(extractor, 3)
    table.live.refresh()

    def selected():
        return sorted(table.selected.index.tolist())

    for how, keys, expected in (
        ("only", ["g0"], [1, 4]),
        ("add", ["g1"], [1, 2, 4, 5]),
        ("remove", ["g0"], [2, 5]),
        ("range", ["g2", "g1"], [2, 3, 5, 6]),
        ("range", [], []),
        ("all", [], [1, 2, 3, 4, 5, 6]),
        ("none", [], []),
        ("add", ["gone", "g2"], [3, 6]),
    ):
        ask(table, "select", how=how, keys=keys)
        assert selected() == expected, how
        assert table._state["selected"] == len(expected)
    ask(table, "show", search="message 0")
    assert table._state["selected"] == 2
    ask(table, "select", how="all")
    ask(table, "show", search="")
    assert selected() == [1, 4]
    extractor.set_memory_limits(max_failures=4)
    table.live.refresh()
    assert selected() == [4]
    with pytest.raises(RuntimeError, match="how must be one of only, add"):
        ask(table, "select", how="some")


@pytest.mark.parametrize(
    "odd", [{}, {"x": "\ud800"}, {"x": 2**70}, {"x": "\ud800", "y": float("nan")}]
)
def test_details(table, extractor, odd):
    """The whole record, as JSON that every page can read."""
    failure = extractor.add_failure(example(locals=[{"x": "\x00ä"}], **odd))
    record = json.loads(ask(table, "detail", failure=failure)["record"])
    assert record["id"] == failure
    assert record["exception_message"] == "no"
    with pytest.raises(RuntimeError, match="not kept any more"):
        ask(table, "detail", failure="gone")


@pytest.mark.parametrize(
    "message",
    [
        None, [], "window", {}, {"v": 1}, {"v": 1, "type": "fly"}, {"v": 1, "type": ["window"]},
        {"v": 1, "type": "window"}, {"v": 1, "type": "window", "start": "0", "count": 1},
        {"v": 1, "type": "window", "start": True, "count": 1},
        {"v": 1, "type": "window", "start": float("nan"), "count": 1},
        {"v": 1, "type": "show", "facets": {"type": [1]}}, {"v": 1, "type": "show", "facets": [1]},
        {"v": 1, "type": "select", "how": "add", "keys": [1]}, {"v": 99, "type": "hello"},
        {"v": 1, "type": "export", "format": "json", "scope": "all", "target": "/etc/passwd"},
        {"v": 1, "type": "export", "format": "../x", "scope": "all", "target": "file"},
        {"v": 1, "type": "export", "format": "json", "scope": "some", "target": "file"},
        {"v": 1, "type": "next", "job": "0"}, {"v": 1, "type": "facets", "name": "size"},
    ],
    ids=str,
)  # fmt: skip
def test_messages_that_are_none(table, message, tmp_path):
    """Each gets an error that says what is wrong; nothing happens."""
    table._received(table, message, [])
    (reply, buffers) = table.told.pop()
    assert reply["type"] == "error"
    assert reply["message"]
    assert buffers == []
    assert not list(tmp_path.iterdir())


def test_an_interrupt_is_answered_too(table, extractor, monkeypatch):
    """Who has asked must not wait for ever; the interrupt goes on."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(answers, "_window", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ask(table, "window", start=0, count=1)
    assert table.told[-1][0]["message"] == "the kernel was interrupted; ask again"


def test_an_export_that_is_left_at_the_exit(run_python, tmp_path):
    """The kernel ends in the middle: no half-written file stays in the folder."""
    run_python("""
        from failextract_nb import FailureExtractor, FailureTable
        for number in range(20_000):
            FailureExtractor().add_failure({"test_name": str(number)})
        table, told = FailureTable(), []
        table.send = lambda content, buffers=None: told.append(content)
        ask = lambda **more: table._received(table, {"v": 1, "id": 1, **more}, [])
        ask(type="export", format="json", scope="all", target="file")
        ask(type="next", job=told[-1]["job"])
        assert not told[-1]["done"], told
    """, "-W", "ignore")  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_told(table):
    """A page that was open before an update."""
    table._received(table, {"v": 0, "id": "1", "type": "hello"}, [])
    assert "restart the kernel and reload the page" in table.told[0][0]["message"]


# ---- exports


def exported(table, format, scope="all", target="download"):
    """The whole export as the page puts it together: bytes, the last reply, the shares told."""
    job = ask(table, "export", format=format, scope=scope, target=target)
    content, shares = b"", []
    while True:
        reply = ask(table, "next", job=job["job"])
        content += b"".join(reply["buffers"])
        shares.append(reply["progress"])
        if reply["done"]:
            return content, {**job, **reply}, shares


@pytest.mark.parametrize("format", formats.names())
def test_every_format_is_downloaded(table, extractor, format):
    """The bytes that a file of it would have, under the name it should have."""
    extractor.add_failure(example(exception_message="ä\ud800"))
    content, reply, _ = exported(table, format)
    path = extractor.save_report(f"x{formats.extension(format)}")
    assert reply["filename"] == f"failextract-report{formats.extension(format)}"
    written = path.read_bytes()
    if format == "csv":  # the others say when they were made
        assert content == written
    assert abs(len(content) - len(written)) < 10


def test_what_is_exported(table, extractor):
    """All, what is shown, what is selected, oldest first."""
    add(extractor, 5)
    table.live.refresh()
    ask(table, "show", search="message 1")
    ask(table, "select", how="all")
    ask(table, "show", search="message")

    def messages(scope):
        lines = exported(table, "jsonl", scope)[0].decode().splitlines()
        return [
            json.loads(line)["exception_message"] for line in lines if "exception_message" in line
        ]

    assert messages("all") == messages("shown") == [f"message {n}" for n in range(5)]
    assert messages("selected") == ["message 1"]


def test_an_export_beside_the_notebook(table, extractor, tmp_path, monkeypatch):
    """Where the notebook is, else where the kernel works; a file that was there is replaced."""
    add(extractor, 2)
    path = exported(table, "json", target="file")[1]["path"]
    assert path == str(tmp_path / "failextract-report.json")
    assert len(json.loads((tmp_path / "failextract-report.json").read_text())["failures"]) == 2
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "folder" / "a.ipynb"))
    content, reply, _ = exported(table, "csv", target="file")
    assert content == b""
    assert reply["path"] == str(tmp_path / "folder" / "failextract-report.csv")


def test_a_long_export_goes_on_in_steps(table, extractor):
    """No step is long, each says how far it is, failures that come meanwhile are for the next."""
    add(extractor, 20_000)
    content, _, shares = exported(table, "json")
    assert len(shares) > 5
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert 0.2 < shares[len(shares) // 2] < 0.8
    assert len(json.loads(content)["failures"]) == 20_000


def test_a_stopped_export_leaves_what_was_there(table, extractor, tmp_path):
    """And nothing else; to go on with it is an error that says so."""
    (tmp_path / "failextract-report.json").write_text("old")
    add(extractor, 20_000)
    job = ask(table, "export", format="json", scope="all", target="file")["job"]
    assert not ask(table, "next", job=job)["done"]
    ask(table, "stop", job=job)
    ask(table, "stop", job=job)
    with pytest.raises(RuntimeError, match="start it again"):
        ask(table, "next", job=job)
    assert [path.name for path in tmp_path.iterdir()] == ["failextract-report.json"]
    assert (tmp_path / "failextract-report.json").read_text() == "old"


def test_exports_of_pages_that_were_closed(table, extractor, tmp_path):
    """Only so many are on their way; a table that is closed stops them."""
    add(extractor, 20_000)
    for _ in range(12):
        job = ask(table, "export", format="json", scope="all", target="file")["job"]
        ask(table, "next", job=job)
    assert len(table.live.jobs) == len(list(tmp_path.iterdir())) == 8
    table.close()
    assert not list(tmp_path.iterdir())


class Broken(OutputFormatter):
    def iter_format(self, failures, passed=None, metadata=None):
        yield "a"
        raise KeyError("not in the format")


def test_a_format_that_raises(table, extractor, tmp_path):
    """Its error is told, the file that was there stays, nothing is left behind."""
    formats.register("broken", Broken())
    (tmp_path / "failextract-report.broken").write_text("old")
    add(extractor, 1)
    for target in ("download", "file"):
        with pytest.raises(RuntimeError, match="KeyError: 'not in the format'"):
            exported(table, "broken", target=target)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    assert table.live.jobs == {}


def test_a_file_that_cannot_be_written(table, extractor, tmp_path, monkeypatch):
    """The error names it."""
    add(extractor, 1)
    (tmp_path / "failextract-report.json").mkdir()
    with pytest.raises(RuntimeError, match="failextract-report.json"):
        exported(table, "json", target="file")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RuntimeError, match="No space left on device.*failextract-report.csv"):
        exported(table, "csv", target="file")
    assert [path.name for path in tmp_path.iterdir()] == ["failextract-report.json"]


def test_a_format_in_one_piece_has_no_progress(table, extractor):
    """It cannot be told, and is not made up."""

    class Whole(OutputFormatter):
        def format(self, failures, passed=None, metadata=None):
            return "x" * exports.STEP_BYTES * 2

    formats.register("whole", Whole())
    add(extractor, 100)
    content, _, shares = exported(table, "whole")
    assert shares[:-1] == [-1.0] * (len(shares) - 1)
    assert len(content) == exports.STEP_BYTES * 2


# ---- forgetting


def test_clear_and_undo(table, extractor):
    """All comes back, before what came since, with its counts; once."""
    add(extractor, 3, origin="cell")
    extractor.add_passed({"test_name": "t"})
    before = extractor.get_statistics()
    old = extractor.failures.snapshot()
    assert ask(table, "clear")["count"] == 3
    assert (table._state["total"], table._state["undo"]) == (0, 3)
    assert extractor.get_statistics()["total_count"] == 0
    (new,) = add(extractor, 1)
    assert ask(table, "undo")["count"] == 3
    assert extractor.failures[:3] == old
    assert [one["id"] for one in extractor.failures][3] == new
    assert (table._state["total"], table._state["undo"]) == (4, 0)
    after = extractor.get_statistics()
    assert after["passed_count"] == 1
    assert after["by_origin"] == {"cell": 3, "manual": 1}
    assert after["memory_usage_mb"] > before["memory_usage_mb"]
    assert ask(table, "undo")["count"] == 0
    assert len(extractor.failures) == 4


def test_undo_keeps_what_is_newer(table, extractor):
    """A failure of the same id since the clear; passes within their limit."""
    extractor.set_memory_limits(max_passed=10)
    extractor.add_failure(example(id="x", exception_message="old"))
    for number in range(10):
        extractor.add_passed({"test_name": f"old {number}"})
    ask(table, "clear")
    extractor.add_failure(example(id="x", exception_message="new"))
    for number in range(10):
        extractor.add_passed({"test_name": f"new {number}"})
    ask(table, "undo")
    assert [one["exception_message"] for one in extractor.failures] == ["new"]
    assert [one["test_name"] for one in extractor.passed_tests] == [f"new {n}" for n in range(10)]


def test_python_can_do_what_a_reader_does(table, extractor):
    """Sort, select, clear, bring back, and let go of it."""
    add(extractor, 3)
    table.wish(sort="message", descending=False, grouped=False)
    assert list(table.frame["message"]) == ["message 0", "message 1", "message 2"]
    table.select("only", ["f2"])
    assert list(table.selected["message"]) == ["message 1"]
    assert (table.clear(), len(extractor.failures)) == (3, 0)
    assert (table.undo(), len(extractor.failures)) == (3, 3)
    table.clear()
    table.forget()
    assert (table.undo(), len(extractor.failures)) == (0, 0)


def test_what_can_come_back_is_told_and_can_be_let_go(table, extractor):
    """Its memory counts until it is dismissed, or a limit needs it."""
    add(extractor, 100, locals=[{"x": "y" * 5_000}])
    told = extractor.get_statistics()["memory_usage_mb"]
    ask(table, "clear")
    assert extractor.get_statistics()["memory_usage_mb"] == pytest.approx(told, rel=0.01)
    ask(table, "forget")
    assert table._state["undo"] == 0
    assert extractor.get_statistics()["memory_usage_mb"] == 0
    add(extractor, 100, locals=[{"x": "z" * 5_000}])
    ask(table, "clear")
    extractor.set_memory_limits(max_memory_mb=0.001)
    add(extractor, 1)
    table.live.refresh()
    assert table._state["undo"] == 0


def test_undo_keeps_the_limits_and_the_numbers(table, extractor):
    """What was dropped before stays so, what is too much goes."""
    extractor.set_memory_limits(max_failures=3)
    add(extractor, 5)
    ask(table, "clear")
    add(extractor, 1)
    ask(table, "undo")
    assert [one["exception_message"] for one in extractor.failures] == [
        "message 3",
        "message 4",
        "message 0",
    ]
    assert extractor.failures.dropped == 3
    assert [row[1] for row in rows(table)] == [6, 5, 4]


def test_only_the_tables_own_clear_can_be_undone(table, extractor):
    """What the user's code forgets is forgotten: it asked for the memory."""
    add(extractor, 2)
    ask(table, "clear")
    extractor.clear()
    table.live.refresh()
    assert table._state["undo"] == 0
    assert ask(table, "undo")["count"] == 0


def test_memory_is_told_rightly_after_an_undo(table, extractor):
    """Nothing is counted twice: what goes out takes all with it."""
    add(extractor, 50, locals=[{"x": "y" * 500}], cell_source="z" * 5_000)
    told = extractor.get_statistics()["memory_usage_mb"]
    ask(table, "clear")
    ask(table, "undo")
    assert extractor.get_statistics()["memory_usage_mb"] == pytest.approx(told, rel=0.01)
    extractor.set_memory_limits(max_failures=1)
    extractor.clear()
    assert extractor.get_statistics()["memory_usage_mb"] == 0


def test_the_first_lines_are_bounded(table, extractor):
    """The state does not grow with the failures."""
    for _ in range(100):
        add(extractor, 10, exception_traceback="x" * 10_000, test_name="y" * 10_000)
    table.live.refresh()
    assert len(table._state["rows"]) <= state.FIRST_LINES
    assert len(json.dumps(table._state)) < 60_000
