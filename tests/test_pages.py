"""The kernel's side of JupyterLab's extension: what pages ask and are told, several at once."""

from __future__ import annotations

import json
import sys
import threading
import time

import pytest
from conftest import example

from failextract_nb import FailureTable, formats
from failextract_nb.widget import answers, live, protocol
from failextract_nb.widget.pages import Pages


class Told:
    """The pages of one kernel: what they all have been told, and whether failures are recorded."""

    def __init__(self):
        self.all = []
        self.capture = True
        self.pages = Pages(self.send, self.captures)

    def send(self, data, buffers=None):
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
        self.all.append(data)

    def captures(self, on):
        if on is not None:
            self.capture = on
        return self.capture

    def notice(self, kind, **fields):
        """The glance that follows."""
        self.pages.received({"v": protocol.version(), "type": kind, **fields})
        return self.last("glance")

    def ask(self, kind, asked="7", **fields):
        """The answer; an error raises its message."""
        self.pages.received({"v": protocol.version(), "id": asked, "type": kind, **fields})
        (reply,) = (one for one in self.all if one.get("id") == asked)
        self.all.remove(reply)
        if reply["type"] == "error":
            raise RuntimeError(reply["message"])
        protocol.checked(protocol.specification()["replies"][kind], reply)
        return reply

    def last(self, kind):
        return next(one for one in reversed(self.all) if one["type"] == kind)

    @property
    def state(self):
        return self.last("state")["table"]


@pytest.fixture
def told(extractor):
    told = Told()
    yield told
    told.pages.stop()


def eventually(condition):
    """Wait until ``condition()`` is true."""
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.005)


def is_awake():
    """Whether there will be a look at the store soon."""
    return any(one.name == "failextract-look" for one in threading.enumerate())


# ---- counts


def test_a_page_that_counts(told, extractor):
    """It is told all when it comes, then what is new, unasked; it loads no table."""
    extractor.add_failure(example(cell_id="a"))
    assert told.all == []
    assert set(told.notice("glance")["cells"]) == {"a"}
    extractor.add_failure(example(cell_id="b"))
    eventually(lambda: told.last("glance")["total"] == 2)
    assert set(told.last("glance")["cells"]) == {"b"}
    assert told.notice("seen")["unseen"] == 0
    assert not any(one["type"] == "state" for one in told.all)


def test_a_look_that_is_over_before_its_thread_is_known(told, extractor, monkeypatch):
    """As on a busy machine, which lets the new thread run and the one that started it wait."""
    told.notice("glance")
    start = threading.Thread.start

    def start_late(thread):
        start(thread)
        if thread.name == "failextract-look":
            thread.join()

    with monkeypatch.context() as slow:
        slow.setattr(threading.Thread, "start", start_late)
        extractor.add_failure(example(cell_id="a"))
    assert told.last("glance")["total"] == 1
    extractor.add_failure(example(cell_id="b"))
    eventually(lambda: told.last("glance")["total"] == 2)


def test_a_ctrl_c_while_the_thread_of_a_look_is_started(told, extractor, monkeypatch):
    """It goes through, and the next failure is looked at."""
    told.notice("glance")

    def interrupted(_thread):
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupts, pytest.raises(KeyboardInterrupt):
        interrupts.setattr(threading.Thread, "start", interrupted)
        extractor.add_failure(example(cell_id="a"))
    extractor.add_failure(example(cell_id="b"))
    eventually(lambda: told.last("glance")["total"] == 2)


def test_a_failure_while_the_thread_of_a_look_is_made(told, extractor, monkeypatch):
    """As in a finalizer, which may run anywhere."""
    told.notice("glance")
    thread, inside = threading.Thread, []

    def made(*args, **more):
        if not inside:
            inside.append(True)
            extractor.add_failure(example(cell_id="b"))
        return thread(*args, **more)

    with monkeypatch.context() as finalizer:
        finalizer.setattr(threading, "Thread", made)
        extractor.add_failure(example(cell_id="a"))
    eventually(lambda: told.last("glance")["total"] == 2)


def test_capture_is_switched_by_a_page(told):
    """And what it is now is told to all."""
    assert told.notice("glance")["capture"]
    assert not told.notice("capture", on=False)["capture"]
    assert not told.capture
    assert told.notice("capture", on=True)["capture"]


@pytest.mark.parametrize(
    "message",
    [
        None, [], "hello", 7, {}, {"type": "hello"}, {"v": 1, "type": ["glance"]},
        {"v": 1, "type": {"x": 1}}, {"v": 1, "type": "fly"}, {"v": 0, "type": "glance"},
        {"v": "1", "type": "seen"}, {"v": 99, "type": "hello"}, {"type": "glance"},
        {"v": 1, "type": "capture"}, {"v": 1, "type": "capture", "on": 1},
        {"v": 1, "type": "capture", "on": None}, {"v": 1, "type": "window", "start": 0},
        {"v": 1, "id": [1], "type": "detail", "failure": "gone"},
    ],
    ids=str,
)  # fmt: skip
def test_messages_that_are_none(told, message):
    """Each is told, once, what is wrong with it; nothing else happens."""
    told.pages.received(message)
    (answer,) = told.all
    assert answer["type"] in ("error", "refused")
    assert answer["message"]
    assert told.capture


@pytest.mark.parametrize(("kind", "answer"), [("glance", "refused"), ("hello", "error")])
def test_another_version_is_told(told, kind, answer):
    """A page that was open before an update."""
    told.pages.received({"v": 0, "id": "1", "type": kind})
    assert [one["type"] for one in told.all] == [answer]
    assert "restart the kernel and reload the page" in told.all[0]["message"]


# ---- the table


def test_every_request_is_answered(told, extractor):
    """As the widget's are; hello first brings the state."""
    one = extractor.add_failure(example(exception_message="m"))
    for kind, fields in {
        "hello": {},
        "window": {"start": 0, "count": 1},
        "show": {"search": "m"},
        "select": {"how": "all"},
        "detail": {"failure": one},
        "facets": {"name": "type"},
        "export": {"format": "json", "scope": "all", "target": "download"},
        "clear": {},
        "undo": {},
        "forget": {},
    }.items():
        reply = told.ask(kind, **fields)
        assert told.state["total"] == (kind != "clear")
        if kind == "export":
            assert told.ask("next", job=reply["job"])["done"]
            told.ask("stop", job=reply["job"])
    assert protocol.checked(protocol.specification()["state"], told.state) == told.state


def test_an_interrupt_is_answered_too(told, monkeypatch):
    """Who has asked must not wait for ever; the interrupt goes on."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(answers, "_window", interrupt)
    with pytest.raises(KeyboardInterrupt):
        told.ask("window", start=0, count=1)
    assert told.all[-1]["message"] == "the kernel was interrupted; ask again"


def test_what_is_missing_is_told(told, monkeypatch):
    """A page can count without pandas, and says why it cannot show the table."""
    monkeypatch.delitem(sys.modules, "failextract_nb.widget.live")
    monkeypatch.delattr("failextract_nb.widget.live")
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(RuntimeError, match="numpy"):
        told.ask("hello")
    assert told.notice("glance")["total"] == 0


def test_pages_that_come_at_once(told, extractor):
    """Each in a thread of its own; all are answered, and the session is followed once."""
    failed = []

    def page(number):
        try:
            for turn in range(5):
                told.pages.received({"v": 1, "type": "glance"})
                for kind, more in (("hello", {}), ("show", {"search": ""})):
                    told.ask(kind, f"{number}/{turn}/{kind}", **more)
                extractor.add_failure(example(cell_id=str(number)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=page, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    eventually(lambda: told.last("glance")["total"] == told.state["total"] == 40)
    assert len(live.table().listeners) == 1
    assert len(extractor._store.watchers) == len(formats.watchers) == 2
    cells = {}
    for one in told.all:  # as a page puts it together
        if one["type"] == "glance":
            cells = {**({} if one["anew"] else cells), **one["cells"]}
    assert {name: cell["count"] for name, cell in cells.items()} == {str(n): 5 for n in range(8)}


def test_a_widget_and_the_panel_show_the_same(told, extractor):
    """What one is asked shows in the other; when one goes, the other goes on."""
    for number in range(3):
        extractor.add_failure(example(exception_message=f"message {number}"))
    widget = FailureTable()
    told.ask("hello")
    widget.search = "message 1"
    assert (told.state["search"], told.state["shown"]) == ("message 1", 1)
    told.ask("show", search="message")
    assert (widget.search, widget._state["shown"]) == ("message", 3)
    told.ask("select", how="all")
    assert len(widget.selected) == 3
    widget.close()
    extractor.add_failure(example(exception_message="message 3"))
    eventually(lambda: told.state["total"] == 4)
    told.ask("show", search="3")
    assert told.state["shown"] == 1
    again = FailureTable()
    assert again.search == "3"
    told.pages.stop()
    before = len(told.all)
    again.search = ""
    extractor.add_failure(example())
    eventually(lambda: again._state["total"] == 5)
    assert len(told.all) == before
    again.close()
    assert live._table.left


def test_a_table_that_a_widget_has_left_is_not_the_panels(told, extractor):
    """Its wishes have gone with it."""
    widget = FailureTable()
    widget.search = "x"
    widget.close()
    told.ask("hello")
    assert told.state["search"] == ""
    extractor.add_failure(example())
    eventually(lambda: told.state["total"] == 1)


def test_nothing_is_followed_when_all_are_gone(told, extractor):
    """No watcher, no thread, and what was about to be told is not."""
    widget = FailureTable()
    told.notice("glance")
    told.ask("hello")
    assert len(extractor._store.watchers) == 2
    extractor.add_failure(example())
    widget.close()
    told.pages.stop()
    before = len(told.all)
    assert extractor._store.watchers == []
    assert formats.watchers == []
    eventually(lambda: not is_awake())
    extractor.add_failure(example())
    assert not is_awake()
    assert len(told.all) == before
