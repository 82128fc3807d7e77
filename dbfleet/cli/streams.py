"""The two streams that we write to: whether one is a terminal, whether it gets colours, and the errors of stdout.

It imports nothing of ours, so every module of the command line may import it.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Any, Final

COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "dim": "2", "bold": "1"}


class ReaderGone(Exception):
    """The reader of our stdout closed it (`| head`). It is no OSError, so that no code takes it for an error of a
    server's socket."""


class StdoutFailed(Exception):
    """stdout is full or closed."""


class Unfailing:
    """stderr, for a library that draws on it: one that is closed or full changes nothing of what the command does."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)

    def write(self, text: str) -> int:
        """Write it, if that can be."""
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        """Send what is written, if that can be."""
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            pass


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether this stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def coloured(stream: IO[str] | None) -> bool:
    """Whether this stream gets colours: NO_COLOR wins over FORCE_COLOR, which wins over whether it is a terminal. An
    empty variable counts as not set."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def in_colour(text: str, colour: str) -> str:
    """The text between the escapes of a colour (red green yellow blue cyan dim bold)."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"
