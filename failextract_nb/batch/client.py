"""nbclient, with a few words before and after: what it does to the notebook is its own.

Each request says which cell it is, each cell is bounded in time, and the extension is loaded from
outside.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable
from functools import partial
from math import inf
from queue import Empty
from time import monotonic
from typing import Any, Protocol

from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbclient.util import ensure_async

from failextract_nb.batch import processes

WAKES, WAKE_AFTER = 3, 0.2  # seconds, after which an interrupted kernel is sent something
PATIENCE = 5.0  # seconds that an interrupted cell has to come to its end
_POLL = 0.5  # seconds between two looks whether a kernel is alive
_LISTEN = 0.1  # seconds between two looks whether a message has come unnoticed


class NotReady(RuntimeError):  # noqa: N818  # says it best
    """A kernel has not come up."""


class Follower(Protocol):
    """Who is told how a notebook goes, and decides what is run."""

    def metadata_of(self, index: int) -> dict[str, Any]:
        """What goes with the request of a cell."""

    async def begun(self) -> None:
        """The kernel answers; no cell has been run."""

    def wanted(self, index: int) -> bool:
        """Whether a cell is to be run."""

    async def done(self, index: int, reply: dict[str, Any] | None, too_long: bool) -> None:
        """A cell has been run; without a reply where the kernel has died."""

    async def ending(self) -> None:
        """There are no more cells; the kernel is still there."""


class Client(NotebookClient):
    """Executes one notebook; ``seconds`` bound a cell, ``folder`` does not outlive the kernel."""

    km: Any  # of the asynchronous kind

    def __init__(
        self,
        notebook: Any,
        follower: Follower,
        seconds: float | None,
        folder: str,
        **options: Any,
    ) -> None:
        super().__init__(notebook, allow_errors=True, **options)
        self.on_cell_executed = self._note
        self._follower = follower
        self._seconds = seconds
        self._folder = folder
        self._reply: dict[str, Any] | None = None
        self._sent_with: dict[str, Any] | None = None
        self._info: dict[str, Any] = {}
        self.mark = uuid.uuid4().hex  # of the kernel and of what it starts
        self.leader: int | None = None  # the kernel's process, where it runs on this machine

    def _note(self, **told: Any) -> None:
        self._reply = told["execute_reply"]["content"]

    @property
    def speaks_python(self) -> bool:
        """Whether its kernel runs Python, so that the extension can be loaded there."""
        return str(self._info.get("language_info", {}).get("name")).lower() == "python"

    async def run(self, **start: Any) -> None:
        """Execute the cells as ``async_execute`` does; ``start`` is for the kernel's process."""
        self.reset_execution_trackers()
        async with self.async_setup_kernel(**start):
            self.nb.metadata["language_info"] = self._info["language_info"]
            await self._follower.begun()
            for index, cell in enumerate(self.nb.cells):
                await self.async_execute_cell(
                    cell, index, execution_count=self.code_cells_executed + 1
                )
            self.set_widgets_metadata()
            await self._follower.ending()

    async def async_start_new_kernel(self, **start: Any) -> None:
        """Start it, and let it not outlive us."""
        marks = f"{os.environ.get(processes.MARK, '')} {self.mark}".strip()  # we may be in a kernel
        env = {**os.environ, **(start.pop("env", None) or {}), processes.MARK: marks}
        await super().async_start_new_kernel(env=env, **start)
        self.leader = getattr(getattr(self.km, "provisioner", None), "pid", None)
        if self.leader is not None:
            processes.guard.watch(self.leader, self.mark, self._folder)

    async def async_start_new_kernel_client(self) -> Any:
        """Connect to the kernel.

        nbclient waits until it has said nothing for 0.2 s.  That what it publishes reaches us is
        known as soon as its answer has: in what is left of that time the extension is loaded.
        """
        kc = self.kc = self.km.client()
        kc.start_channels()
        notice_all(kc.shell_channel)
        kc.session.msg = partial(self._message, kc.session.msg)
        ends = monotonic() + self.startup_timeout
        while not await self._hears(kc):
            if monotonic() > ends:
                raise NotReady(f"it has not answered within {self.startup_timeout} s")
        kc.allow_stdin = False
        return kc

    async def _hears(self, kc: Any) -> bool:
        """Whether the kernel answers, and what it publishes arrives, too."""
        asked = kc.kernel_info()
        while (said := await _next(kc.shell_channel, _POLL)) is not None:
            if said["parent_header"].get("msg_id") == asked:
                self._info = said["content"]
                break
        else:
            if not await ensure_async(kc.is_alive()):
                raise NotReady("its process has ended before it has answered")
            return False
        heard = False
        while (said := await _next(kc.iopub_channel, 0.2)) is not None:
            heard = True
            is_answer = said["parent_header"].get("msg_id") == asked
            if is_answer and said["content"].get("execution_state") == "idle":
                break
        return heard

    async def ask(self, code: str, within: float) -> str:
        """Run ``code`` silently, so that the notebook does not change; what it has raised, or "".

        Raises DeadKernelError where the kernel does not answer ``within`` so many seconds.
        """
        kc: Any = self.kc
        asked = kc.execute(code, silent=True, store_history=False, stop_on_error=False)
        ends = monotonic() + within
        while monotonic() < ends:
            said = await _next(kc.shell_channel, _POLL)
            if said is None:
                if not await ensure_async(kc.is_alive()):
                    raise DeadKernelError("Kernel died")
            elif said["parent_header"].get("msg_id") == asked:
                content = said["content"]
                is_ok = content["status"] == "ok"
                return "" if is_ok else f"{content.get('ename')}: {content.get('evalue')}"
        raise DeadKernelError("Kernel does not answer")

    def _message(self, make: Callable[..., Any], kind: str, *args: Any, **more: Any) -> Any:
        """A message; that of a cell says which one it is."""
        if kind == "execute_request" and self._sent_with is not None:
            more["metadata"] = {**(more.get("metadata") or {}), **self._sent_with}
        return make(kind, *args, **more)

    async def async_execute_cell(
        self,
        cell: Any,
        cell_index: int,
        execution_count: int | None = None,
        store_history: bool = True,
    ) -> Any:
        """Run one cell, if it is to be run, for as long as it may."""
        if not self._follower.wanted(cell_index):
            return cell
        self._reply, too_long = None, False
        self._sent_with = self._follower.metadata_of(cell_index)
        execute = super().async_execute_cell
        running = asyncio.ensure_future(execute(cell, cell_index, execution_count, store_history))
        try:
            too_long = not (await asyncio.wait({running}, timeout=self._seconds))[0]
            if too_long:
                await self._break_off(running)
            await running
        except DeadKernelError:
            self._reply = None
        finally:
            self._sent_with = None
            if not running.done():  # the run was interrupted
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
        await self._follower.done(cell_index, self._reply, too_long)
        return cell

    async def _break_off(self, running: asyncio.Future[Any]) -> None:
        await self.km.interrupt_kernel()
        # A loop that awaits sleeps on: it looks for interrupts when it has something to do.
        for _ in range(WAKES):
            if (await asyncio.wait({running}, timeout=WAKE_AFTER))[0]:
                return
            kc: Any = self.kc
            kc.kernel_info()
        if not (await asyncio.wait({running}, timeout=PATIENCE))[0]:
            await self.km.signal_kernel(processes.KILL)

    async def exit_code(self) -> int | None:
        """What the kernel's process has ended with, as far as it is known."""
        provisioner = getattr(self.km, "provisioner", None)
        code = await provisioner.poll() if provisioner is not None else None
        return int(code) if code is not None else None


def notice_all(channel: Any) -> None:
    """Have every message of a channel noticed that nbclient sends to while it waits for another.

    A send may use up what tells that a message has come (ZMQ's file descriptor is edge-triggered),
    and who waits for it waits for ever: it happens where a notebook has an Output widget.
    """
    get_msg = channel.get_msg

    async def get_noticed(timeout: float | None = None) -> Any:  # noqa: ASYNC109  # as it is
        ends = inf if timeout is None else monotonic() + timeout
        while True:
            left = max(0.0, ends - monotonic())
            try:
                return await get_msg(timeout=min(_LISTEN, left))
            except Empty:
                if left <= _LISTEN:
                    raise

    channel.get_msg = get_noticed


async def _next(channel: Any, seconds: float) -> dict[str, Any] | None:
    """The next message of a channel; None where none has come for so many seconds."""
    try:
        message: dict[str, Any] = await channel.get_msg(timeout=seconds)
    except Empty:
        return None
    return message
