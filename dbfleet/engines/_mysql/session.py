"""A connection as everything else here uses it: our errors with the target's name, our sql_mode while we write, and
one result at a time, of which a later one takes the place.

Results carry the `turn` in which they began: whoever closes an old one must not end a new one. A second connection,
`describe`'s, is opened the first time that it is needed: a question about a table while a result is read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dbfleet.engines._mysql import tables
from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.engines._mysql.errors import translate
from dbfleet.engines._mysql.tables import Server
from dbfleet.engines._mysql.types import Native, lexis
from dbfleet.engines._mysql.wire import RawRow, Wire
from dbfleet.engines._mysql.write import Source
from dbfleet.errors import DbfleetError, Unavailable, translated

_OUR_MODE: Final = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"


class Session:
    """One wire and the server behind it; `engine` and `target` are names, for errors."""

    def __init__(self, engine: str, target: str, wire: Wire, server: Server) -> None:
        self.wire = wire
        self.server = server
        self.lexis = lexis(server.sql_mode)
        self.turn = 0  # grows with every result: an old one must not end a new one
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
        """The driver's errors and those of our own modules, with our name; never those of the source of a write."""
        try:
            with translated(translate, engine=self._engine, target=self._target):
                yield
        except DbfleetError as exc:
            if source is None or exc is not source.error:
                exc.engine = exc.engine or self._engine
                exc.target = exc.target or self._target
            raise

    @contextlib.contextmanager
    def our_mode(self) -> Iterator[None]:
        """Strict, and 0 stays 0 in an AUTO_INCREMENT column; then what the session had."""
        wire = self.wire
        wire.execute(f"SET @dbfleet_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = '{_OUR_MODE}'")
        try:
            yield
        finally:
            if not wire.closed:
                with contextlib.suppress(*driver_errors()):
                    wire.execute("SET SESSION sql_mode = @dbfleet_sql_mode")

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
        """While a result is read; what is left of it afterwards is dropped, unless another has taken its place."""
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
        """A table's columns, asked on a second connection; none where it has no answer (a temporary table, a lock)."""
        with contextlib.suppress(*driver_errors()):
            if self._beside is None:
                self._beside = self.wire.another()
                self._beside.execute("SET SESSION lock_wait_timeout = 1")
            return tables.natives(self._beside.rows, table, self.server, database=database)
        return {}

    def close(self) -> None:
        """Free both connections. Silent if they are closed already."""
        self.wire.close()
        if self._beside is not None:
            self._beside.close()
