"""The file opened, and sqlite3's errors as ours."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from dbfleet.errors import (
    AlreadyExists,
    ConstraintViolated,
    DbfleetError,
    NoRoom,
    NotFound,
    StatementError,
    Unavailable,
    UsageError,
    translated,
)
from dbfleet.target import Target

LOCK_WAIT_S: Final = 0.1
"""How long SQLite waits for another's lock by itself, deaf to signals; we wait on in such steps."""


def opened(target: Target, timeout_s: float) -> sqlite3.Connection:
    """Open the file; `timeout_s` bounds the wait for another writer's lock."""
    if not target.database:
        raise UsageError("a SQLite URL needs a path", hint="sqlite:///relative/file.db or sqlite:////absolute/file.db")
    path = Path(target.database)
    fresh = not path.exists()
    if fresh and not target.create:
        raise Unavailable(
            f"no file {path}",
            engine="sqlite",
            target=target.name,
            hint="seed, load and copy make it when it is missing",
        )
    mode = target.options.get("mode", "rwc" if target.create else "rw")
    with translated(translate, engine="sqlite", target=target.name):
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={quote(mode)}",
                uri=True,
                timeout=LOCK_WAIT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.OperationalError as exc:
            raise Unavailable(f"cannot open {path}: {exc}", engine="sqlite", target=target.name) from exc
        try:
            if fresh:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            until = time.monotonic() + timeout_s
            while True:
                try:
                    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                    break
                except sqlite3.OperationalError as exc:
                    if exc.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                        raise
        except BaseException:
            connection.close()
            raise
    return connection


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
    if code in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):  # the second past a limit of a file's size
        return NoRoom(text, code=code)
    if "no such table" in text or "no such column" in text:
        return NotFound(text, code=code)
    if "already exists" in text:
        return AlreadyExists(text, code=code)
    return StatementError(text, code=code)
