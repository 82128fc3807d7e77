"""SQL Server's error numbers as our errors.

https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-events-and-errors

pymssql raises one class, with the server's number, severity and line, and appends DB-Library's own words to the
server's. Numbers from 20000 to 20999 are DB-Library's: the network, or a connection that is lost. After its number 0,
"Unknown error", a connection that is used again spins for ever, so it counts as lost too.
"""

from __future__ import annotations

import re
from typing import Any, Final

from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
)
from dbfleet.sql.text import line_of

NAME: Final = "sqlserver"
"""The engine's name, which errors carry."""

REFUSED: Final = frozenset({911, 916, 4060, 4064, 18450, 18452, 18456, 18461, 18470, 18486, 18487, 18488})
SAID_BEFORE: Final = 20018
"""DB-Library's "the server said why" without the server's words: after one refused login the driver keeps no words of
the next, unless they are more severe."""
_NOT_FOUND: Final = frozenset({207, 208, 911, 1088, 1767, 2706, 2812, 3701, 4121, 4902, 15151})
_EXISTS: Final = frozenset({1801, 1913, 2705, 2714, 15233})
_CONSTRAINT: Final = frozenset({515, 547, 1505, 2601, 2627})
_GONE: Final = frozenset({0, 64, 121, 233, 596, 6005, 10053, 10054, 10060, 17142, 18401, 40197, 40501, 40613, 49918})
_HINTS: Final = {
    1205: "run it again: another transaction was given the locks",
    1222: "another transaction holds a lock on it",
    468: "write COLLATE DATABASE_DEFAULT after one of the two",
}
_OWN: Final = re.compile(r"DB-Lib error message (\d+), severity \d+:\n([^\n]*)")
_NETWORK: Final = re.compile(r"Net-Lib error during (.*) \(\d+\)")
_GLUED: Final = re.compile(r"DB-Lib error message \d+, severity \d+:.*\Z", re.DOTALL)


def is_driver_error(exc: BaseException) -> bool:
    """Whether pymssql raised it. Does not import pymssql."""
    return type(exc).__module__.startswith("pymssql.")


def lost(exc: BaseException) -> bool:
    """Whether the connection must not be used after this error."""
    number = getattr(exc, "number", None)
    if number is None:
        return "Not connected" in str(exc)
    return number in _GONE or 20000 <= number < 21000


def number_and_message(exc: BaseException) -> tuple[int, str]:
    """The server's number of the error and its words, without DB-Library's."""
    number = getattr(exc, "number", None)
    found: Any = exc.args[0] if exc.args else ""
    if isinstance(found, tuple) and len(found) == 2:
        number, found = found
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
    if own := _OWN.match(text):
        # The server said nothing. The driver's number is then that of an earlier error: it keeps those of a login.
        reasons = [own[2].strip(), *_NETWORK.findall(text)]
        return int(own[1]), ": ".join(dict.fromkeys(reasons))
    return number or 0, _GLUED.sub("", text).strip()


def translate(exc: BaseException, *, whole: str = "", start: int = 0) -> DbfleetError | None:
    """The error as ours. For a batch that begins at `start` of the text `whole`, it names the line that is wrong."""
    if isinstance(exc, UnicodeEncodeError):
        return StatementError("half of a surrogate pair is no character: SQL Server would get another text")
    if not is_driver_error(exc):
        return None
    number, message = number_and_message(exc)
    if lost(exc):
        message = "the connection is closed" if "Not connected" in message else f"the connection is gone: {message}"
        return Unavailable(message)
    code = str(number)
    line = getattr(exc, "line", 0)
    if whole and line and line <= whole[start:].count("\n") + 1 and ("\n" in whole or number in (102, 105, 156, 319)):
        first, _ = line_of(whole, start)
        place = start + sum(len(each) + 1 for each in whole[start:].split("\n")[: line - 1])
        message = f"{message} (line {first + line - 1}: {line_of(whole, place)[1]})"
    kind: type[StatementError] = StatementError
    for numbers, found in ((_NOT_FOUND, NotFound), (_EXISTS, AlreadyExists), (_CONSTRAINT, ConstraintViolated)):
        if number in numbers:
            kind = found
    return kind(message, code=code, hint=_HINTS.get(number))


def translate_connecting(exc: BaseException) -> DbfleetError | None:
    """The error of a login as ours."""
    if not is_driver_error(exc):
        return None
    number, message = number_and_message(exc)
    if number == SAID_BEFORE:
        return AuthFailed("the server refuses this user, password or database")
    return AuthFailed(message) if number in REFUSED else Unavailable(f"cannot connect: {message or 'no answer'}")
