"""Text of others in the log of a CI server, which looks for commands in every line of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TextIO

from failextract_nb.formats._base import visible

# GitHub's and Azure's agents compare as the culture does, which looks past characters that are not
# seen: what is not ASCII may stand between the signs of a command.
_UNSEEN = "\x80-\U0010ffff"
_LEADING = re.compile(rf"^([ \t{_UNSEEN}]*):(?=[{_UNSEEN}]*:)", re.MULTILINE)  # ::error::
_ANYWHERE = re.compile(rf"#(?=[{_UNSEEN}]*#[\w{_UNSEEN}]*\[)")  # ##[error], ##vso[task.complete]


def harmless(text: object) -> str:
    """``text`` as a log may hold it: no line of it is a command to any CI server.

    Control characters become visible; a blank goes into ``::`` at the start of a line, and into
    the ``##`` before a bracket.
    """
    return _ANYWHERE.sub("# ", _LEADING.sub(r"\1: ", visible(text)))


def say(lines: Iterable[str], stream: TextIO) -> None:
    """Write lines of our own, also where the stream's encoding has no word for a character."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = "".join(f"{line}\n" for line in lines)
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
