"""The comm that JupyterLab's extension finds in real kernels."""

from __future__ import annotations

import json
import os
import queue
import re

import nbformat
import pytest
from comm import get_comm_manager
from jupyter_client import BlockingKernelClient
from runs import kernel, notebook, plainly

NAME = "failextract_nb"  # of the comm, and its id
PAGES = "failextract_nb.widget.pages"
THREAD_FAILS = """
import threading
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
"""
UNTIL_TOLD = """
import threading, time
def is_awake():
    return any(one.name == "failextract-look" for one in threading.enumerate())
while is_awake():
    time.sleep(0.01)
"""


class Page:
    """A client of a kernel, as a page of JupyterLab's is one."""

    def __init__(self, client):
        self.client = client

    def tell(self, kind, **fields):
        content = {"comm_id": NAME, "data": {"v": 1, "type": kind, **fields}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def message(self):
        """The next one that the kernel tells everybody."""
        try:
            return self.client.get_iopub_msg(timeout=30)
        except queue.Empty:
            raise AssertionError("the kernel says nothing") from None

    def hear(self, condition):
        """What the comm brings, up to the first for which ``condition`` is true."""
        while True:
            message = self.message()
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == NAME:
                told = message["content"]["data"]
                if condition(told):
                    return told

    def hear_glance(self, **fields):
        return self.hear(lambda told: told["type"] == "glance" and fields.items() <= told.items())

    def start(self, code, cell_id=None):
        metadata = {"cellId": cell_id} if cell_id else {}
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def run(self, code, cell_id=None):
        """Run a cell; what it has printed, and the kinds of comm messages that came meanwhile."""
        started = self.start(code, cell_id)
        text, kinds = "", []
        while True:
            message = self.message()
            kind, content = message["msg_type"], message["content"]
            if kind.startswith("comm_"):
                kinds.append((kind, content["comm_id"], content["data"].get("type")))
            if message["parent_header"].get("msg_id") != started:
                continue
            text += content["text"] if kind == "stream" else ""
            if kind == "status" and content["execution_state"] == "idle":
                return text.strip(), kinds

    def comms(self):
        content = self.client.comm_info(NAME, reply=True, timeout=30)["content"]
        return content["comms"]


@pytest.fixture
def page(tmp_path):
    with kernel(tmp_path, extension=False) as client:
        yield Page(client)


LOADED = ("comm_msg", NAME, "loaded")
CLOSED = ("comm_close", NAME, None)


def test_the_extension_says_once_that_it_is_there(page):
    """Nothing is opened, as that would be an error to pages without us; there is one comm."""
    assert page.comms() == {}
    assert page.run("%load_ext failextract_nb")[1] == [LOADED]
    assert page.run("%load_ext failextract_nb")[1] == []
    assert page.comms() == {NAME: {"target_name": NAME}}
    for _ in range(2):
        assert page.run("%reload_ext failextract_nb")[1] == [CLOSED, LOADED]
        assert page.comms() == {NAME: {"target_name": NAME}}
    assert page.run("%unload_ext failextract_nb")[1] == [CLOSED]
    assert page.comms() == {}
    assert page.run("%load_ext failextract_nb")[1] == [LOADED]


def test_without_a_page_nothing_is_loaded_and_nothing_is_sent(page):
    """However much fails; a page that only counts needs no table either."""
    page.run("%load_ext failextract_nb")
    heavy = "['numpy', 'pandas', 'anywidget', 'failextract_nb.widget.answers'"
    for code in ("1 / 0", THREAD_FAILS, "%failextract off", "%failextract on"):
        assert page.run(code)[1] == []
    loaded = f"import sys; print([one for one in {heavy}, {PAGES!r}] if one in sys.modules])"
    assert page.run(loaded)[0] == "[]"
    watchers = (
        "from failextract_nb import FailureExtractor\nprint(FailureExtractor._store.watchers)"
    )
    assert page.run(watchers)[0] == "[]"
    page.tell("glance")
    assert page.hear_glance()["total"] == 2
    assert page.run(loaded)[0] == f"['{PAGES}']"


def test_a_page_is_told_while_a_cell_runs(page, tmp_path):
    """Of what fails in threads meanwhile; it need not ask."""
    page.run("%load_ext failextract_nb")
    page.tell("glance")
    assert page.hear_glance()["cells"] == {}
    page.start(
        f"\n{THREAD_FAILS}\nimport os, time\nwhile not os.path.exists('go'): time.sleep(0.01)",
        cell_id="the-cell",
    )
    told = page.hear_glance(total=1)
    assert told["unseen"] == 1
    assert told["cells"]["the-cell"] | {"failure": ""} == {
        "count": 1,
        "run": 2,
        "line": 4,
        "message": "ZeroDivisionError: division by zero",
        "failure": "",
    }
    (tmp_path / "go").touch()
    page.run("1 / 0", cell_id="another")
    page.tell("seen")
    assert page.hear_glance(unseen=0)["total"] == 2


def test_capture_is_the_same_switch_for_a_page_and_for_the_magic(page):
    """Each is told what the other has done."""
    page.run("%load_ext failextract_nb")
    page.tell("glance")
    assert page.hear_glance()["capture"]
    page.tell("capture", on=False)
    page.hear_glance(capture=False)
    page.run("1 / 0")
    page.start("%failextract on")
    assert page.hear_glance(capture=True)["total"] == 0
    page.start("1 / 0")
    page.hear_glance(total=1)
    page.start("%failextract off")
    page.hear_glance(capture=False)
    page.tell("capture", on=True)
    page.hear_glance(capture=True)
    page.start("1 / 0")
    page.hear_glance(total=2)


def test_after_unloading_nothing_is_told(page):
    """The failures stay, and who loads again is told of all of them."""
    page.run("%load_ext failextract_nb")
    page.tell("glance")
    page.tell("hello", id=1)
    page.hear(lambda told: told["type"] == "hello")
    page.start("1 / 0")
    page.hear_glance(total=1)
    page.run("%unload_ext failextract_nb")
    page.run(UNTIL_TOLD)
    assert page.run(
        "from failextract_nb import FailureExtractor\n"
        "FailureExtractor().add_failure({})\n"
        "print(FailureExtractor._store.watchers, is_awake())"
    ) == ("[] False", [])
    page.tell("glance")  # nobody is there
    assert page.run("%load_ext failextract_nb")[1] == [LOADED]
    page.tell("glance")
    assert page.hear_glance()["total"] == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_the_pages_to_its_parent(page):
    """It has no thread that would tell them anything."""
    page.run("%load_ext failextract_nb")
    page.tell("glance")
    page.tell("hello", id=1)
    page.hear(lambda told: told["type"] == "hello")
    text, kinds = page.run("""
import os, threading
from failextract_nb import FailureExtractor
child = os.fork()
if child == 0:
    FailureExtractor().add_failure({"cell_id": "of the child"})
    os._exit(threading.active_count())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""")
    assert (text, kinds) == ("1", [])
    page.start("1 / 0", cell_id="of the parent")
    assert set(page.hear_glance(total=1)["cells"]) == {"of the parent"}


def executed(folder, with_page):
    """A notebook as nbclient leaves it, while a page follows its kernel or not."""
    book = notebook(
        "%load_ext failextract_nb", "1 / 0", THREAD_FAILS, UNTIL_TOLD, "%failextract last"
    )
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"
    with (
        plainly(book, folder, allow_errors=True, timeout=60) as client,
        client.setup_kernel(),
    ):
        client.execute_cell(book.cells[0], 0)
        page = BlockingKernelClient(connection_file=client.km.connection_file)
        page.load_connection_file()
        page.start_channels()
        try:
            page.wait_for_ready(timeout=30)
            if with_page:
                Page(page).tell("glance")
                Page(page).tell("hello", id=1)
                Page(page).hear(lambda told: told["type"] == "hello")
            for index, cell in list(enumerate(book.cells))[1:]:
                client.execute_cell(cell, index)
            if with_page:
                assert Page(page).hear(lambda told: told["type"] == "state")["table"]["total"]
        finally:
            page.stop_channels()
        client.set_widgets_metadata()
    for cell in book.cells:
        cell.metadata.pop("execution")
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+|kernel_\d+", "", nbformat.writes(book))


def test_an_executed_notebook_is_the_same_with_a_page_that_follows(tmp_path):
    """What pages are told is none of the outputs, and no state of a widget."""
    plain, followed = executed(tmp_path, False), executed(tmp_path, True)
    assert plain == followed
    assert "widgets" not in json.loads(plain)["metadata"]


def test_a_terminal_has_no_pages(ip):
    """Nothing is registered there."""
    assert NAME not in get_comm_manager().comms
