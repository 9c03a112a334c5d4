"""A notebook while it runs: its kernel from the start to the end, whatever comes between."""

from __future__ import annotations

import asyncio
import atexit
import json
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import DeadKernelError

from failextract_nb.batch import CRASH, FAILURES, SAID, processes, records
from failextract_nb.batch import outcome as words
from failextract_nb.batch.client import Client
from failextract_nb.batch.gathering import Gathering, tags_of
from failextract_nb.batch.notebook import Job, Stop, Watch
from failextract_nb.batch.outcome import NotebookOutcome
from failextract_nb.failure import METADATA

SKIP = "skip-execution"  # the tag of cells that nbclient leaves out
PARAMETERS = "parameters"  # papermill's tag
START_WITHIN = 60  # seconds for a kernel to answer
ATTEMPTS = 3  # to start a kernel whose port somebody has taken since it was chosen
LOAD_WITHIN = 60.0  # seconds for the extension to load
END_WITHIN = 20.0  # seconds for the kernel to say what else has failed
MAX_SAID = 20_000  # bytes of what a dead kernel has written, from the end

_BEGIN = "__import__('failextract_nb.batch.kernel', fromlist=['begin']).begin({!r})"
_END = "__import__('failextract_nb.batch.kernel', fromlist=['end']).end()"
_ASSIGN = "get_ipython().user_ns.update(__import__('json').loads({!r}))"


class Running:
    """One notebook's run.  ``run()`` fills in the outcome that it is given."""

    def __init__(
        self, job: Job, book: Any, result: NotebookOutcome, folder: Path, watch: Watch
    ) -> None:
        self._job, self._book, self._result = job, book, result
        self._folder, self._watch = folder, watch
        self._cells = {cell.index: cell for cell in result.cells}
        self._gathering = Gathering(book, result, job.expect, folder / FAILURES)
        self._over = ""  # why no further cell is run
        self._has_begun = self._has_extension = False
        self._started = 0.0
        self._left: list[Any] = []  # processes that the kernel has started
        self._client = self._new_client()

    def _new_client(self) -> Client:
        return Client(
            self._book,
            self,
            self._job.timeout,
            str(self._folder),
            kernel_name=self._job.kernel or "",
            startup_timeout=START_WITHIN,
            resources={"metadata": {"path": str(Path(self._job.path).absolute().parent)}},
        )

    async def run(self, text: str, stop: Stop) -> None:
        """Run every cell, gather what fails, and leave no process; ``text`` is the file's."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        take_back = stop.on_set(lambda: loop.call_soon_threadsafe(stopped.set))
        stopping = asyncio.ensure_future(stopped.wait())
        executing = asyncio.ensure_future(self._execute())
        try:
            await asyncio.wait({executing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not executing.done():
                self._result.interrupted, self._over = True, "the run was interrupted"
                if self._client.leader is not None:  # a kernel may be deaf to all that is polite
                    self._left = processes.descendants(self._client.leader)
                    processes.end(self._client.leader, self._client.mark)
                executing.cancel()
            await asyncio.gather(executing, return_exceptions=True)
        finally:
            take_back()
            stopping.cancel()
            await self._clean_up()
        error = None if executing.cancelled() else executing.exception()
        if error is not None and not self._result.interrupted:
            self._over = f"the run broke: {type(error).__name__}: {error}"
            self._result.broken = f"{self._result.name}: {self._over}"
        for cell in self._result.cells:
            if cell.outcome == words.NOT_RUN:
                cell.reason = cell.reason or self._over
        self._gathering.finish(text)

    async def _execute(self) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with (self._folder / SAID).open("wb") as said:
                    await self._client.run(stdout=said, stderr=said)
                return
            except (OSError, RuntimeError, NoSuchKernel) as error:
                if self._result.interrupted:
                    return
                if self._has_begun and not isinstance(error, DeadKernelError):
                    raise
                if self._has_begun:
                    await self._died(self._last_cell())
                elif _TAKEN in self._said() and attempt < ATTEMPTS:
                    await self._clean_up()
                    self._client = self._new_client()
                    continue
                else:
                    self._cannot_start(error)
                return

    async def _clean_up(self) -> None:
        """Whatever has happened: end the kernel and what it has left."""
        client = self._client
        if client.leader is not None:
            processes.end(client.leader, client.mark, self._left)
        if client.km is not None:
            if client.km.has_kernel:
                await client.km.shutdown_kernel(now=True)
            if client.kc is not None:
                client.kc.stop_channels()
            await client.km.cleanup_resources()
        if client.leader is not None:
            processes.guard.forget(client.leader)
        # nbclient takes it back only where the kernel has started.
        atexit.unregister(client._cleanup_kernel)

    # ---- what the client asks and tells

    def metadata_of(self, index: int) -> dict[str, Any]:
        """What the extension is told of a cell, as JupyterLab tells it, and a little more."""
        cell = self._book.cells[index]
        told = {"cell_index": index, "notebook": self._result.name}
        if tag := self._gathering.tag_to_fail(index):
            told["must_fail"] = tag
        found: dict[str, Any] = {METADATA: told}
        if cell.get("id"):
            found["cellId"] = cell.id
        if tags := tags_of(cell):
            found["tags"] = tags
        return found

    async def begun(self) -> None:
        """The kernel answers: load the extension, set the parameters."""
        self._result.kernel = str(self._client.km.kernel_name)
        if self._client.speaks_python:
            problem = await self._client.ask(_BEGIN.format(str(self._folder)), LOAD_WITHIN)
            self._has_extension = not problem
            if problem:
                self._result.warnings.append(
                    f"failextract_nb could not be loaded in the kernel {self._result.kernel!r} "
                    f"({problem}): its failures come without variables, and only failing cells "
                    "are seen. Install failextract-nb where that kernel runs"
                )
        self._has_begun = True
        if self._job.parameters and self._parameters_cell() is None:
            await self._assign()

    def wanted(self, index: int) -> bool:
        """Whether a cell is to be run; the rest has its reason."""
        cell = self._cells.get(index)
        if cell is None:
            return False
        if SKIP in tags_of(self._book.cells[index]):
            cell.outcome, cell.reason = words.SKIPPED, f"tagged {SKIP}"
            return False
        if self._over:
            return False
        cell.reason = "interrupted while it ran"
        cell.execution_count = self._client.code_cells_executed + 1
        self._result.running = index
        self._started = perf_counter()
        self._watch("cell", self._result)
        return True

    async def done(self, index: int, reply: dict[str, Any] | None, too_long: bool) -> None:
        """A cell has been run."""
        cell = self._cells[index]
        cell.seconds, cell.reason = perf_counter() - self._started, ""
        if reply is None:
            await self._died(index, too_long)
        elif too_long:
            self._gathering.too_long(index, self._job.timeout or 0.0)
        else:
            self._gathering.replied(index, reply)
        self._result.running = None
        if not self._over and not self._job.keep_going and cell.outcome not in words.WELL:
            self._over = f"cell {index + 1} has failed, and the run stops there"
        if not self._over and index == self._parameters_cell():
            await self._assign()
        self._watch("cell done", self._result)

    async def ending(self) -> None:
        """Ask what else has failed; see what the kernel has started."""
        if self._over.startswith(_DEAD):
            return
        try:
            if self._has_extension:
                await self._client.ask(_END, END_WITHIN)
        except DeadKernelError:
            if await self._client.exit_code() is not None:
                raise
            self._result.warnings.append(
                "the kernel is busy after its last cell, and has not said whether more has failed"
            )
        if self._client.leader is not None:
            self._left = processes.descendants(self._client.leader)

    # ---- what goes wrong

    async def _died(self, index: int | None, too_long: bool = False) -> None:
        self._over = _DEAD if index is None else f"{_DEAD} in cell {index + 1}"
        code = None
        with suppress(RuntimeError):
            code = await self._client.exit_code()
        why = _STUBBORN if too_long else records.why_dead(code)
        self._gathering.died(index, why, self._said())

    def _said(self) -> str:
        """What the kernel has written where no notebook shows it, without its own greetings."""
        files = [self._folder / name for name in (SAID, CRASH)]
        said = b"".join(file.read_bytes()[-MAX_SAID:] for file in files if file.exists())
        lines = said.decode("utf-8", "replace").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("[IPKernelApp]"))

    def _cannot_start(self, error: Exception) -> None:
        name = self._job.kernel or self._book.metadata.get("kernelspec", {}).get("name", "python3")
        self._over = "its kernel could not start"
        message = f"the kernel {name!r} could not start: {error}"
        if isinstance(error, NoSuchKernel):
            known = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
            message = (
                f"there is no kernel {name!r} on this machine; there are: {known}. Install it, or "
                "name another one with --kernel"
            )
        about = {"test_name": self._result.name, "test_file": self._result.name}
        self._gathering.add(
            records.record(
                records.START,
                type(error).__name__,
                message,
                exception_traceback=self._said(),
                notebook=self._result.name,
                **about,
            )
        )

    # ---- parameters

    def _parameters_cell(self) -> int | None:
        """The first cell that is tagged so, if it is one that runs."""
        if not self._job.parameters:
            return None
        tagged = (
            cell.index
            for cell in self._result.cells
            if PARAMETERS in (tags := tags_of(self._book.cells[cell.index])) and SKIP not in tags
        )
        return next(tagged, None)

    async def _assign(self) -> None:
        code = _ASSIGN.format(json.dumps(dict(self._job.parameters)))
        problem = "it does not speak Python"
        if self._client.speaks_python:
            problem = await self._client.ask(code, END_WITHIN)
        if problem:
            self._over = "its parameters could not be set"
            self._gathering.add(
                records.record(
                    records.START,
                    "ParametersNotSet",
                    f"parameters are set in kernels of IPython only, and not in "
                    f"{self._result.kernel!r}: {problem}",
                    test_name=self._result.name,
                    test_file=self._result.name,
                    notebook=self._result.name,
                )
            )

    def _last_cell(self) -> int | None:
        ran = [cell.index for cell in self._result.cells if cell.execution_count]
        return ran[-1] if ran else None


_TAKEN = "Address already in use"
_DEAD = "the kernel died"
_STUBBORN = "we ended the kernel: a cell ran too long, and did not end when it was interrupted"
