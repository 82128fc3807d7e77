"""A connection as every room of this package uses it: errors with the target's name, our sql_mode while we write, the
transaction of a snapshot, and one result at a time. A later result takes the place of an earlier one.

Results carry the `turn` in which they began: whoever closes an old result must not end a new one. `describe` opens a
second connection the first time that it is needed: for a question about a table while a result is read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from dbfleet.engines._mysql import tables
from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.engines._mysql.errors import translate
from dbfleet.engines._mysql.guard import Guard
from dbfleet.engines._mysql.load_data import Table
from dbfleet.engines._mysql.server import Server
from dbfleet.engines._mysql.types import Native, lexis
from dbfleet.engines._mysql.wire import RawRow, Wire
from dbfleet.errors import DbfleetError, StatementError, Unavailable, translated
from dbfleet.values import Schema

T = TypeVar("T")

_OUR_MODE: Final = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"


_NATIVE_MODE: Final = "ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
"""What a server of any sql_mode has stored is stored as it is. LOAD DATA LOCAL is never strict; what it changes is told
as a warning in this mode too."""
_MAKING_MODE: Final = f"STRICT_ALL_TABLES,STRICT_TRANS_TABLES,{_NATIVE_MODE}"


class Source(Generic[T]):
    """The batches of a write, to be pulled once; and the error that came from them, if one did."""

    def __init__(self, batches: Iterable[T]) -> None:
        self._batches = iter(batches)
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except BaseException as exc:
            self.error = exc
            raise


class Session:
    """One wire and the server behind it; `engine` and `target` are names, for errors. `messages` are the server's
    notices of the last encoded result."""

    def __init__(self, engine: str, target: str, wire: Wire, server: Server, *, read_only: bool = False) -> None:
        self.wire = wire
        self.server = server
        self.lexis = lexis(server.sql_mode)
        self.turn = 0  # grows with every result: an old one must not end a new one
        self.messages: list[str] = []
        self._in_snapshot = False
        self._guard = Guard(wire, mariadb=server.mariadb) if read_only else None
        self._engine = engine
        self._target = target
        self._beside: Wire | None = None

    def live(self) -> Wire:
        """The wire; Unavailable once it is closed."""
        if self.wire.closed:
            raise Unavailable("the connection is closed", engine=self._engine, target=self._target)
        return self.wire

    @contextlib.contextmanager
    def translated(self, source: Source[Any] | None = None) -> Iterator[None]:
        """The driver's errors, and those of ours that name no engine yet, become errors of this target. An error of the
        source of a write stays as it is."""
        try:
            with translated(translate, engine=self._engine, target=self._target):
                yield
        except DbfleetError as exc:
            if source is None or exc is not source.error:
                exc.engine = exc.engine or self._engine
                exc.target = exc.target or self._target
            raise

    @contextlib.contextmanager
    def our_mode(self, *, native: bool = False, making: bool = False) -> Iterator[None]:
        """While a strict sql_mode holds, in which 0 stays 0 in an AUTO_INCREMENT column. Then the session's own
        again. `native`: while what a server has stored is stored as it is. `making`: while what a server has is made
        as it is, by its own statements."""
        wire = self.wire
        mode = _MAKING_MODE if making else _NATIVE_MODE if native else _OUR_MODE
        wire.execute(f"SET @dbfleet_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = '{mode}'")
        try:
            yield
        finally:
            if not wire.closed:
                with contextlib.suppress(*driver_errors()):
                    wire.execute("SET SESSION sql_mode = @dbfleet_sql_mode")

    @contextlib.contextmanager
    def unchecked(self) -> Iterator[None]:
        """While foreign keys are not checked, and one is made without the table being copied."""
        wire = self.wire
        wire.execute("SET SESSION foreign_key_checks = 0")
        try:
            yield
        finally:
            if not wire.closed:
                with contextlib.suppress(*driver_errors()):
                    wire.execute("SET SESSION foreign_key_checks = 1")

    @contextlib.contextmanager
    def storing(self, schema: Schema, found: Mapping[str, Native]) -> Iterator[None]:
        """While rows of the schema are stored, in the sql_mode for it. Of a native one an ENUM's empty text may be what
        was none of its values: the server stores the same, and warns of it."""
        enums = {name for name in schema.names if found[name].kind == "enum"} if schema.native else set()
        self.wire.forgiven = frozenset(enums)
        try:
            with self.our_mode(native=schema.native):
                yield
        finally:
            self.wire.forgiven = frozenset()

    def rows(self, statement: str) -> list[tuple[str | None, ...]]:
        """All rows of a small result of ours, as text."""
        wire = self.live()
        with self.translated():
            return wire.rows(statement)

    def fetch(self, rows: int) -> list[RawRow]:
        """The next rows of the result that is being read; none at its end."""
        wire = self.live()
        with self.translated():
            return wire.fetch(rows)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """While a result is read. What is left of it afterwards is dropped, unless another result has taken its
        place."""
        self.turn += 1
        turn = self.turn
        try:
            yield
        finally:
            if self.turn == turn:
                with self.translated():
                    self.wire.abandon()

    def natives(self, name: str) -> dict[str, Native]:
        """The columns of a table of the target's database, by name."""
        return tables.natives(self.rows, name, self.server)

    def describe(self, database: str, table: str) -> Mapping[str, Native]:
        """A table's columns, asked for on a second connection; none where that has no answer (a temporary table, a
        lock)."""
        with contextlib.suppress(*driver_errors()):
            if self._beside is None:
                self._beside = self.wire.another()
                self._beside.execute("SET SESSION lock_wait_timeout = 1")
            return tables.natives(self._beside.rows, table, self.server, database=database)
        return {}

    def table(self, schema: Schema) -> Table:
        """The table of the schema, to be written into."""
        return Table(schema, self.natives(schema.name), mariadb=self.server.mariadb)

    # --- reading only ---

    def guard(self) -> None:
        """To be called before each statement of the user's, which then stands in a transaction of `Guard` if this
        connection is for reading only."""
        if self._guard and not self._in_snapshot:
            self.live()
            with self.translated():
                self._guard.begin()

    def unguard(self) -> None:
        """To be called when the last result of the user's is read: ends that transaction."""
        if self._guard and not self._in_snapshot and not self.wire.closed and not self.wire.reading:
            with self.translated():
                self._guard.end()

    # --- one moment ---

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction in which all that is read is of one moment."""
        wire = self.live()
        with self.translated():
            wire.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            wire.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        self._in_snapshot = True
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Exception | GeneratorExit):
                # Interrupted: nothing is waited for any more, and the snapshot ends with the connection.
                with contextlib.suppress(DbfleetError):
                    self.cancel()
                self.close()
            raise
        finally:
            self._in_snapshot = False
            if not wire.closed:
                with self.translated():
                    wire.abandon()
                    wire.execute("ROLLBACK")

    def one_moment(self) -> contextlib.AbstractContextManager[None]:
        """The snapshot that there is already, or a new one."""
        return contextlib.nullcontext() if self._in_snapshot else self.snapshot()

    def check_writable(self) -> None:
        """StatementError inside a snapshot."""
        if self._in_snapshot:
            raise StatementError("a snapshot only reads")

    # --- its end ---

    def limit(self, seconds: float) -> None:
        """Let the server end every later statement that takes longer: in MySQL, of those that only read."""
        wire = self.live()
        with self.translated():
            if self.server.mariadb:
                wire.execute(f"SET SESSION max_statement_time = {seconds:.3f}")
            else:
                wire.execute(f"SET SESSION max_execution_time = {max(1, round(seconds * 1000))}")

    def cancel(self) -> None:
        """Stop the statement that runs, on the server."""
        wire = self.wire
        if not wire.closed and (wire.busy or wire.reading):
            with self.translated():
                wire.stop()

    def close(self) -> None:
        """Free both connections. Silent if they are closed already."""
        self.wire.close()
        if self._beside is not None:
            self._beside.close()
