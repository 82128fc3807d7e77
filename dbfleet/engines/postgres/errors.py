"""psycopg's errors as ours: by SQLSTATE, with the server's words, detail and hint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    Damaged,
    DbfleetError,
    NoRoom,
    NotFound,
    StatementError,
    Unavailable,
    UsageError,
)
from dbfleet.sql.text import line_of

NAME: Final = "postgres"
"""The engine's name, which errors carry."""

_REFUSALS: Final = (
    (r'password authentication failed|no password supplied|role ".*" does not exist|is not permitted to log in',
     AuthFailed, "check the user and the password"),
    (r'database ".*" does not exist', AuthFailed, "psql -l lists the databases"),
    (r"pg_hba\.conf|certificate|authentication",
     AuthFailed, "the server's pg_hba.conf decides who may connect, and how"),
    (r"invalid (\w+ value|port number|integer value)", UsageError, None),
    (r"starting up|shutting down|recovery mode", Unavailable, "try again in a moment"),
    (r"Connection refused|timeout|could not translate|No such file", Unavailable, "is the server running there?"),
)  # fmt: skip


def translate_connecting(exc: BaseException) -> DbfleetError | None:
    """The error of a connection that was refused. libpq gives no code for it, so its message is matched. A message in
    another language becomes Unavailable, which is right for each of these."""
    import psycopg

    if not isinstance(exc, psycopg.Error):
        return None
    if exc.sqlstate:
        return translate(exc)
    text = " ".join(str(exc).split())
    for pattern, error, hint in _REFUSALS:
        if re.search(pattern, text):
            return error(text, hint=hint)
    return Unavailable(text)


_BY_STATE: Final[Mapping[str, type[DbfleetError]]] = {
    "08": Unavailable,
    "23": ConstraintViolated,
    "28": AuthFailed,
    "2BP01": ConstraintViolated,  # something depends on what was to be dropped
    "3D000": NotFound,
    "3F000": NotFound,
    "42703": NotFound,
    "42710": AlreadyExists,
    "42723": AlreadyExists,
    "42P01": NotFound,
    "42P06": AlreadyExists,
    "42P07": AlreadyExists,
    "53100": NoRoom,
    "53300": Unavailable,  # too many connections
    "57P01": Unavailable,
    "57P02": Unavailable,
    "57P03": Unavailable,
    "XX001": Damaged,
    "XX002": Damaged,
}
"""The errors by SQLSTATE, or by its first two characters. Every other is a StatementError."""


def translate(exc: BaseException, *, whole: str = "", start: int = 0, sent: str = "") -> DbfleetError | None:
    """The error, with the line that the server points at: `sent` is the statement, which began at `start` of
    `whole`."""
    import psycopg

    exc = getattr(exc, "orig", None) or exc  # SQLAlchemy wraps what its reflection meets
    if not isinstance(exc, psycopg.Error):
        return None
    diagnostic = exc.diag
    state = exc.sqlstate
    if state is None:
        text = " ".join(str(exc).split())
        if isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
            return Unavailable(text or "the connection is lost")
        return StatementError(text)
    message = diagnostic.message_primary or str(exc).strip()
    position = diagnostic.statement_position
    if position and whole.strip().count("\n"):
        line, words = line_of(sent, int(position) - 1)
        message += f" (line {line + whole.count(chr(10), 0, start)}: {words[:80]})"
    if diagnostic.message_detail:
        message += f": {diagnostic.message_detail}"
    if (diagnostic.context or "").startswith("COPY "):
        message += f" ({(diagnostic.context or '').splitlines()[0][:200]})"
    error = _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or StatementError
    if issubclass(error, StatementError):
        return error(message, code=state, hint=diagnostic.message_hint)
    return error(message, hint=diagnostic.message_hint)
