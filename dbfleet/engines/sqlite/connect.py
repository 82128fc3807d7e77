"""The file, opened."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from dbfleet.engines.sqlite.errors import NAME, translate
from dbfleet.errors import Unavailable, UsageError, translated
from dbfleet.target import Target

LOCK_WAIT_S: Final = 0.1
"""How long SQLite itself waits for a lock of somebody else's. It hears no signal meanwhile, so we wait in such
steps."""

_OF_THE_PROCESS: Final = frozenset(
    {"hard_heap_limit", "soft_heap_limit", "temp_store_directory", "data_store_directory"}
)
"""Pragmas that change this process, beyond the connection."""


def opened(target: Target, timeout_s: float) -> sqlite3.Connection:
    """Open the file; `timeout_s` bounds the wait for another writer's lock."""
    if not target.database:
        raise UsageError("a SQLite URL needs a path", hint="sqlite:///relative/file.db or sqlite:////absolute/file.db")
    path = Path(target.database)
    fresh = not path.exists()
    if fresh and not target.create:
        raise Unavailable(
            f"no file {path}",
            engine=NAME,
            target=target.name,
            hint="seed, load and copy make it when it is missing",
        )
    mode = "ro" if target.read_only else target.options.get("mode", "rwc" if target.create else "rw")
    with translated(translate, engine=NAME, target=target.name):
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={quote(mode)}",
                uri=True,
                timeout=LOCK_WAIT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.OperationalError as exc:
            raise Unavailable(f"cannot open {path}: {exc}", engine=NAME, target=target.name) from exc
        try:
            if fresh:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            if target.read_only:
                _guard(connection)
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


def _guard(connection: sqlite3.Connection) -> None:
    """The file is open for reading; what is left is to keep statements from opening another one. ATTACH and VACUUM INTO
    would open it for writing, whatever the first file's mode. `query_only` refuses temporary tables too; a statement
    may switch it off, and then has temporary tables, and no more."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_authorizer(
        lambda action, name, *_: (
            sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_ATTACH
            or (action == sqlite3.SQLITE_PRAGMA and str(name).lower() in _OF_THE_PROCESS)
            else sqlite3.SQLITE_OK
        )
    )
    connection.execute("PRAGMA query_only = ON")
