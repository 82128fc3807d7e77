"""What is said where the control database does not answer, or cannot do what it is asked: one line, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dbfleet.errors import Unavailable

AWAY: Final = "the control database is away"
HINT: Final = "the fleet's servers go on; dbfleet status control tells more, and dbfleet up control starts it again"
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "53100": (
        "the control database's disk is full",
        "the fleet's servers go on, and nothing new is put on record; make room (dbfleet where shows its data)",
    ),
    "53300": (
        "the control database has no connection free",
        "the fleet's servers go on; try again in a moment",
    ),
}
"""By PostgreSQL's code of the error."""


def words(error: BaseException) -> tuple[str, str]:
    """A message and a hint for an error of Django's that came from the control database."""
    return _WORDS.get(code(error), (AWAY, HINT))


def code(error: BaseException) -> str:
    """PostgreSQL's code of the error; empty where it came from no server."""
    return str(getattr(error.__cause__, "sqlstate", None) or "")


def first_line(error: BaseException) -> str:
    """What the driver says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def unavailable(error: BaseException) -> Unavailable:
    """The error of ours for it."""
    message, hint = words(error)
    detail = "" if message != AWAY else f": {first_line(error)}"
    return Unavailable(message + detail, target="control", hint=hint)
