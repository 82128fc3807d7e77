"""The two streams that we write to: whether a terminal is behind one, whether it takes colours, and what may go wrong
with stdout. Imports nothing of ours, so whoever lays out, renders or ends the command may import it.
"""

from __future__ import annotations

import os
from typing import IO, Final

COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "dim": "2", "bold": "1"}


class ReaderGone(Exception):
    """Whoever read our stdout closed it (`| head`). Not an OSError: nobody may take it for a server's socket."""


class StdoutFailed(Exception):
    """stdout is full or closed."""


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person looks at this stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def coloured(stream: IO[str] | None) -> bool:
    """Whether the stream takes colours: NO_COLOR over FORCE_COLOR over terminal; a variable that is set to nothing is
    not set."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def in_colour(text: str, colour: str) -> str:
    """The text between the escapes of a colour (red green yellow blue cyan dim bold)."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"
