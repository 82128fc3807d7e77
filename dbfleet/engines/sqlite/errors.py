"""sqlite3's errors as ours, by SQLite's codes and, where these are too coarse, its words."""

from __future__ import annotations

import sqlite3
from typing import Final

from dbfleet.errors import (
    AlreadyExists,
    ConstraintViolated,
    Damaged,
    DbfleetError,
    NoRoom,
    NotFound,
    StatementError,
    Unavailable,
)

NAME: Final = "sqlite"
"""The engine's name, which errors carry."""


def translate(exc: BaseException) -> DbfleetError | None:
    """Ours for an exception of sqlite3; None for what is not."""
    if isinstance(exc, OverflowError) and "SQLite" in str(exc):
        return StatementError("an integer has more than 64 bits, SQLite's limit")
    if not isinstance(exc, sqlite3.Error):
        return None
    text = str(exc)
    code = getattr(exc, "sqlite_errorname", None)
    if isinstance(exc, sqlite3.IntegrityError):
        return ConstraintViolated(text, code=code)
    if isinstance(exc, sqlite3.ProgrammingError) and "closed" in text:
        return Unavailable("the connection is closed")
    if code in ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_LOCKED") or "not a database" in text:
        return Unavailable(text, hint="another process is writing to the file" if "locked" in text else None)
    if code in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):  # the second where a file has reached its size limit
        return NoRoom(text, code=code)
    if code and code.startswith(("SQLITE_CORRUPT", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")):
        return Damaged(text, code=code)
    if "no such table" in text or "no such column" in text:
        return NotFound(text, code=code)
    if "already exists" in text:
        return AlreadyExists(text, code=code)
    return StatementError(text, code=code)
