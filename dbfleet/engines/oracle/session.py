"""One connection as every room of this package uses it: statements of ours, errors with the target's name, what is
running, and the transaction of a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dbfleet.engines.oracle.connect import closed
from dbfleet.engines.oracle.errors import NAME, translate
from dbfleet.engines.oracle.interrupt import interruptible
from dbfleet.engines.oracle.values import reader
from dbfleet.errors import DbfleetError, Unavailable, translated
from dbfleet.values import Column, Row

Translate = Callable[[BaseException], DbfleetError | None]


class Session:
    """One connection of python-oracledb; `target` is a name, for errors."""

    def __init__(self, target: str, connection: Any) -> None:
        self._target = target
        self._connection: Any | None = connection
        self._running = 0

    def ready(self) -> Any:
        """The connection. Unavailable once it is closed."""
        if self._connection is None:
            raise self.ours(Unavailable("the connection is closed"))
        return self._connection

    # --- errors ---

    def ours(self, error: DbfleetError) -> DbfleetError:
        """The error, as one of this target."""
        error.engine, error.target = error.engine or NAME, error.target or self._target
        return error

    @contextmanager
    def translated(self, located: Translate | None = None) -> Iterator[None]:
        """The driver's errors, and those of ours that name no engine yet, become errors of this target. Never around
        the batches of a source: its errors are not ours. `located` is a `translate` that knows the statement's text."""
        try:
            with translated(located or translate, engine=NAME, target=self._target):
                yield
        except DbfleetError as error:
            self.ours(error)
            raise

    @contextmanager
    def working(self, located: Translate | None = None) -> Iterator[None]:
        """While the server works for us: `cancel` has something to stop."""
        self._running += 1
        try:
            with self.translated(located), interruptible(self._connection):
                yield
        finally:
            self._running -= 1

    # --- statements ---

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor, closed at the end."""
        cursor = self.ready().cursor()
        try:
            yield cursor
        finally:
            if self._connection is not None:
                cursor.close()

    def rows(self, text: str, values: Sequence[Any] = (), *, columns: Sequence[Column] = ()) -> list[Row]:
        """All rows of a statement of ours, as values of these columns where they are given."""
        with self.cursor() as cursor, self.working():
            cursor.execute(text, list(values))
            rows = cursor.fetchall()
            if not columns:
                return list(rows)
            return reader(columns)(rows)

    def run(self, text: str) -> None:
        """Run a statement of ours that gives no rows."""
        with self.cursor() as cursor, self.working():
            cursor.execute(text)

    # --- transactions ---

    def commit(self) -> None:
        """End the transaction."""
        with self.working():
            self.ready().commit()

    def roll_back(self) -> None:
        """Leave the transaction, on a connection that may be lost."""
        import oracledb

        try:
            if self._connection is not None:
                with interruptible(self._connection):
                    self._connection.rollback()
        except (oracledb.Error, OSError):
            pass

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction in which all that is read is of one moment."""
        self.run("SET TRANSACTION READ ONLY")
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Exception | GeneratorExit):
                self.close()  # interrupted: the snapshot ends with the connection
            raise
        finally:
            self.roll_back()

    # --- its end ---

    def cancel(self) -> None:
        """Stop what runs, on the server."""
        connection = self._connection
        if connection is not None and self._running:
            with self.translated():
                connection.cancel()

    def close(self) -> None:
        """Stop what runs and close the connection. Silent if it is closed already."""
        connection, self._connection = self._connection, None
        if connection is not None:
            closed(connection, running=bool(self._running))
