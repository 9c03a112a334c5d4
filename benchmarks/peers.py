"""The peers: what each makes of an exception, by its own defaults and with settings like ours.

``describe(error)`` does what a user of the peer would: the result is the text or the dict that they
get.  Like ours means: locals, 12 items of a container, 240 characters of a text, secrets masked
(also in nested values) - of these, what the peer has a setting for.
"""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

ITEMS = 12
CHARACTERS = 240
DSN = "http://key@localhost/1"  # sentry_sdk wants one; nothing is sent there

Describe = Callable[[BaseException], object]


@dataclass(frozen=True)
class Peer:
    """A library with one set of settings."""

    name: str
    settings: str
    describe: Describe
    locals: bool = True  # whether it keeps them, with these settings
    prepare: Callable[[], object] | None = None  # before a slot, not timed

    def __str__(self) -> str:
        return f"{self.name}, {self.settings}"


def raised_by(error: BaseException) -> tuple[type, BaseException, TracebackType | None]:
    return type(error), error, error.__traceback__


def everyone() -> list[Peer]:
    """All that describe an exception; FailExtract is a decorator and stands in ``rows``."""
    return [*stdlib(), *sentry(), *structlog(), *rich(), *ipython()]


def stdlib() -> list[Peer]:
    """``traceback.TracebackException``: the object, and the text that it is made for."""
    construct = traceback.TracebackException

    def made(error: BaseException) -> object:
        return construct(*raised_by(error))

    def text(error: BaseException) -> object:
        return "".join(construct(*raised_by(error)).format())

    def made_with_locals(error: BaseException) -> object:
        return construct(*raised_by(error), capture_locals=True)

    def text_with_locals(error: BaseException) -> object:
        return "".join(construct(*raised_by(error), capture_locals=True).format())

    return [
        Peer("TracebackException", "made", made, locals=False),
        Peer("TracebackException", "made and formatted", text, locals=False),
        Peer("TracebackException", "made, with locals", made_with_locals),
        Peer("TracebackException", "formatted, with locals", text_with_locals),
    ]


def sentry() -> list[Peer]:
    """``sentry_sdk``: the event (unscrubbed, not yet serialised), and the whole of a capture."""
    import sentry_sdk
    from sentry_sdk.scrubber import EventScrubber
    from sentry_sdk.transport import Transport
    from sentry_sdk.utils import event_from_exception

    class Drop(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            """No network."""

    sentry_sdk.init(dsn=DSN, transport=Drop)
    usual = sentry_sdk.get_client()
    like_ours = sentry_sdk.Client(
        dsn=DSN,
        transport=Drop,
        max_value_length=CHARACTERS,
        event_scrubber=EventScrubber(recursive=True),
    )

    def use(client: Any) -> Callable[[], object]:
        return lambda: sentry_sdk.get_global_scope().set_client(client)

    def event(error: BaseException) -> object:
        return event_from_exception(error, client_options=usual.options)

    capture = sentry_sdk.capture_exception
    return [
        Peer("sentry_sdk", "defaults, event only", event, prepare=use(usual)),
        Peer("sentry_sdk", "defaults", capture, prepare=use(usual)),
        Peer("sentry_sdk", "like ours", capture, prepare=use(like_ours)),
    ]


def structlog() -> list[Peer]:
    """``structlog``'s dict tracebacks, which have locals by default."""
    from structlog.tracebacks import ExceptionDictTransformer

    usual = ExceptionDictTransformer()
    like_ours = ExceptionDictTransformer(
        locals_max_length=ITEMS, locals_max_string=CHARACTERS, use_rich=False
    )
    return [
        Peer("structlog", "defaults", lambda error: usual(raised_by(error))),
        Peer("structlog", "like ours", lambda error: like_ours(raised_by(error))),
    ]


def rich() -> list[Peer]:
    """``rich``: a traceback as it is printed, without its locals and with them."""
    from rich.console import Console
    from rich.traceback import Traceback

    console = Console(file=io.StringIO())

    def printed(error: BaseException, **settings: Any) -> object:
        with console.capture() as captured:
            console.print(Traceback.from_exception(*raised_by(error), **settings))
        return captured.get()

    def like_ours(error: BaseException) -> object:
        return printed(
            error, show_locals=True, locals_max_length=ITEMS, locals_max_string=CHARACTERS
        )

    return [
        Peer("rich", "defaults", printed, locals=False),
        Peer("rich", "like ours", like_ours),
    ]


def ipython() -> list[Peer]:
    """IPython's Verbose mode, which shows the values of the names that each line uses."""
    from IPython.core.ultratb import VerboseTB

    verbose = VerboseTB()

    def text(error: BaseException) -> object:
        return verbose.stb2text(verbose.structured_traceback(*raised_by(error)))

    return [Peer("IPython Verbose", "defaults", text)]
