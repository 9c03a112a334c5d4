"""What all sources share: a place where failures surface, and how to listen there and leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from failextract_nb import positions
from failextract_nb._strings import type_name
from failextract_nb.ipython.runs import CellRun, current_run
from failextract_nb.ipython.sources._later import forget, when_imported
from failextract_nb.remember import is_told, note_problem, remember

if TYPE_CHECKING:
    from failextract_nb.ipython.settings import FailExtract

_ABSENT = object()


class Source:
    """A kind of failure that no ``post_run_cell`` hook sees.

    ``put_in`` and ``take_out`` may be called again and again; what stood there before us is called
    as before, and is put back unless somebody else has taken the place meanwhile: then ours stays
    behind theirs, and does nothing.
    """

    names: ClassVar[dict[str, str]]  # of the origins it tells -> what they are
    module: ClassVar[str] = "sys"  # where it listens; it waits until the user imports that

    def __init__(self, ip: Any, settings: FailExtract) -> None:
        self.ip = ip
        self.settings = settings
        self.active = False
        self._replaced: list[tuple[Any, str, Any, Any]] = []  # owner, name, what was there, ours

    def why_not(self) -> str:
        """Why it cannot be watched in this session; "" if it can."""
        return ""

    def put_in(self) -> None:
        """Listen."""
        if not self.active and not self.why_not():
            self.active = True
            when_imported(self.module, self.listen)

    def take_out(self) -> None:
        """Put everything back."""
        self.active = False
        forget(self.module, self.listen)
        while self._replaced:
            owner, name, before, ours = self._replaced.pop()
            if vars(owner).get(name) is ours:
                if before is _ABSENT:
                    delattr(owner, name)
                else:
                    setattr(owner, name, before)

    def listen(self) -> None:
        raise NotImplementedError

    def settle(self, run: CellRun | None) -> None:
        """A cell has ended, or (None) the user looks: tell what can be known now."""

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put ``make(what is there)`` in the place of ``owner.name``."""
        before = vars(owner).get(name, _ABSENT)
        ours = make(getattr(owner, name))
        self._replaced.append((owner, name, before, ours))
        setattr(owner, name, ours)

    def failed(
        self,
        error: BaseException,
        *,
        origin: str,
        name: str,
        run: CellRun | None = None,
        **details: Any,
    ) -> None:
        """Record ``error``, of the cell ``run`` (by default the one that is at work here).

        If another door has recorded it, this is one more of its contexts.  Raises nothing.
        """
        try:
            run = run or current_run()
            told = {} if run is None else run.details()
            if not self.active or is_told(error, origin, told.get("execution_count")):
                return
            recorded = remember(error, origin=origin, name=name, details={**told, **details})
            if run is not None and recorded is not None:
                run.recorded = True
        except Exception as problem:  # noqa: BLE001  # the host must go on, whatever happens here
            note_problem(f"a failure of origin {origin} was not recorded", problem)


def is_users(error: BaseException) -> bool:
    """Whether code of the user's has raised it, here or in a worker's process.

    Pools and libraries built on them fail futures of their own, and drop them.
    """
    if type_name(type(error.__cause__)) == "_RemoteTraceback":
        return True
    traceback = error.__traceback__
    while traceback is not None:
        if positions.is_users(traceback.tb_frame.f_code.co_filename):
            return True
        traceback = traceback.tb_next
    return False
