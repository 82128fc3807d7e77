"""One connection as every room of this package uses it: statements with errors of the target, transactions, and how the
server takes rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from dbfleet.engines.sqlserver.encode import PROBE, SENT, Carrier
from dbfleet.engines.sqlserver.errors import NAME, translate
from dbfleet.engines.sqlserver.native.values import as_it_is
from dbfleet.engines.sqlserver.tables import Table, Tables, with_types
from dbfleet.engines.sqlserver.wire import Wire
from dbfleet.errors import DbfleetError, Unavailable, translated
from dbfleet.values import Column, Row, Schema


class Session:
    """One wire in autocommit; `target` is a name, for errors. `reads_json` says whether the server reads JSON as SQL
    Server does, `own` whether it is SQL Server; None before it was asked."""

    def __init__(self, target: str, wire: Wire) -> None:
        self.wire = wire
        self.tables = Tables(wire.rows)
        self.reads_json: bool | None = None
        self.own: bool | None = None
        self._target = target

    def check_live(self) -> None:
        """Unavailable once it is closed."""
        if self.wire.closed:
            raise Unavailable("the connection is closed", engine=NAME, target=self._target)

    @contextmanager
    def translated(self, *, whole: str = "", start: int = 0) -> Iterator[None]:
        """The driver's errors, and those of ours that name no engine yet, become errors of this target. `whole` and
        `start` say where the statement stands in a text of the user's."""
        located = partial(translate, whole=whole, start=start)
        try:
            with translated(located, engine=NAME, target=self._target):
                yield
        except DbfleetError as error:
            error.engine = error.engine or NAME
            error.target = error.target or self._target
            raise

    def rows(self, statement: str) -> list[Row]:
        """All rows of a statement, with errors of this target."""
        with self.translated():
            return self.wire.rows(statement)

    def run(self, statement: str) -> None:
        """Run a statement without rows, with errors of this target."""
        with self.translated():
            self.wire.run(statement)

    def find(self, name: str) -> Table:
        """The table of this name, with errors of this target. NotFound if it is not there."""
        with self.translated():
            return self.tables.find(name)

    def table_of(self, schema: Schema) -> Table:
        """The schema's table; where the schema is native, with its columns as the server has them."""
        table = self.find(schema.name)
        return as_it_is(table, schema) if schema.native else table

    def carrier(self, table: Table, columns: Sequence[Column], schema: Schema) -> Carrier:
        """What carries rows of these columns to the table."""
        if self.reads_json is None:
            with self.translated():
                self.reads_json = self.wire.rows(PROBE) == [(SENT,)]
        natives = with_types(table, columns)
        # A sql_variant is made of a literal of its own type.
        as_json = self.reads_json and not any(native.json_type == "sql_variant" for native in natives)
        return Carrier(table, natives, schema.key, as_json=as_json)

    # --- transactions ---

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, or nothing."""
        self.wire.run("BEGIN TRANSACTION")
        try:
            yield
            self.wire.run("COMMIT TRANSACTION")
        except BaseException:
            if not self.wire.closed:
                self.wire.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
            raise

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All of the block's statements, or none of them, with errors of this target."""
        self.check_live()
        with self.translated(), self.transaction():
            yield

    @contextmanager
    def own_identities(self, table: Table, schema: Schema) -> Iterator[None]:
        """While an identity column of the table takes the rows' own values."""
        if not any(table.columns[name].identity for name in schema.names if name in table.columns):
            yield
            return
        self.wire.run(f"SET IDENTITY_INSERT {table.sql} ON")
        try:
            yield
        finally:
            if not self.wire.closed:
                self.wire.run(f"SET IDENTITY_INSERT {table.sql} OFF")
