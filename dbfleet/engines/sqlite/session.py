"""One connection as every room of this package uses it: statements, errors with the target's name, transactions that
write, and what the columns of somebody else's table are.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import Any

from dbfleet.columns import bounded
from dbfleet.engines.sqlite.errors import NAME, translate
from dbfleet.engines.sqlite.forms import Form
from dbfleet.engines.sqlite.tables import Looked, look
from dbfleet.errors import translated
from dbfleet.target import Target


class Session:
    """One sqlite3 connection in autocommit. `timeout_s` bounds the wait for another writer's lock."""

    def __init__(self, target: Target, connection: sqlite3.Connection, timeout_s: float) -> None:
        self.connection = connection
        self.target = target
        self._timeout_s = timeout_s
        self._looked: dict[str, tuple[tuple[Any, ...], Mapping[str, Looked]]] = {}
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
        self._closed = False
        self.made: set[str] = set()
        """The tables that this session has made by an outline."""
        self._lock = threading.Lock()

    def translated(self) -> AbstractContextManager[None]:
        """sqlite3's errors become errors of this target."""
        return translated(translate, engine=NAME, target=self.target.name)

    # --- statements ---

    def execute(self, statement: str, params: Any = ()) -> sqlite3.Cursor:
        """The statement, begun. While somebody else has locked the file it is tried again, in short waits: during
        SQLite's own wait Ctrl-C is not heard."""
        cursor = self.connection.cursor()
        self._cursors.add(cursor)
        until = time.monotonic() + self._timeout_s
        while True:
            try:
                return cursor.execute(statement, params)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorname", None) != "SQLITE_BUSY" or time.monotonic() > until:
                    cursor.close()
                    raise
            except BaseException:
                cursor.close()
                raise

    def rows(self, statement: str, params: Sequence[Any] = ()) -> list[Any]:
        """All rows of a statement."""
        with self.translated(), closing(self.execute(statement, params)) as cursor:
            return cursor.fetchall()

    def pages(self, statement: str, params: Sequence[Any], size: int, *, large: bool) -> Iterator[list[Any]]:
        """The rows of a statement, `size` together; where they are `large`, a page may end early by its bytes."""
        with self.translated():
            cursor = self.execute(statement, params)
        try:
            if large:
                with self.translated():
                    yield from bounded(([row] for row in cursor), size)
            while not large:
                with self.translated():
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
        finally:
            shut(cursor)

    # --- reading only ---

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Inside, a connection for reading only may make temporary views, too. They are not in the file."""
        if self.target.read_only:
            self.connection.execute("PRAGMA query_only = OFF").close()
        try:
            yield
        finally:
            if self.target.read_only and not self._closed:
                self.connection.execute("PRAGMA query_only = ON").close()

    # --- transactions ---

    @contextmanager
    def unchecked(self) -> Iterator[None]:
        """For the block references are not checked; inside a transaction they are as before."""
        self.rows("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            if not self._closed:
                self.rows("PRAGMA foreign_keys = ON")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that writes: all of it, or nothing."""
        self.execute("BEGIN IMMEDIATE").close()
        try:
            yield
            self.execute("COMMIT").close()
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction in which all that is read is of one moment."""
        self.rows("BEGIN")
        try:
            self.rows("SELECT count(*) FROM sqlite_schema")  # the moment is that of the first read
            yield
        finally:
            if not self._closed and self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    # --- columns ---

    def look(self, name: str) -> Mapping[str, Looked]:
        """What the columns of somebody else's table are: `tables.look`, once more after anybody has written."""
        state = self.moment()
        known = self._looked.get(name)
        if known is None or known[0] != state:
            known = self._looked[name] = (state, look(name, self.rows))
        return known[1]

    def moment(self) -> tuple[Any, ...]:
        """Another one after anybody has written."""
        (version,) = self.rows("SELECT * FROM pragma_data_version, pragma_schema_version")
        return (*version, self.connection.total_changes)

    def forms(self, name: str) -> Mapping[str, Form]:
        """The forms of the table's columns that have one."""
        return {column: looked.form for column, looked in self.look(name).items() if looked.form is not None}

    # --- its end ---

    def cancel(self) -> None:
        """Interrupt the statement that runs."""
        with self._lock:
            if not self._closed:
                self.connection.interrupt()

    def close(self) -> None:
        """Close the statements, then the connection. The last connection to a file in WAL mode moves the log into the
        file and removes it, but not while a statement is half read, and not after an interrupt, which holds until the
        next statement. So a statement runs here; a second close ends what an interrupt of the process has left."""
        with self._lock:
            self._closed = True
            with suppress(sqlite3.Error):
                for cursor in list(self._cursors):
                    cursor.close()
                self.connection.execute("SELECT 1").close()
            self.connection.close()


def shut(cursor: sqlite3.Cursor) -> None:
    """Close the cursor; silent where its connection is closed."""
    with suppress(sqlite3.ProgrammingError):
        cursor.close()
