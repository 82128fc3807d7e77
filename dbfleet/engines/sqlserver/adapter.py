"""SQL Server's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, Self

from dbfleet.abilities import CarriesExtras, CountsOn, Identifies, Locates, Narrows, Swaps, TellsLeft, TellsLosses
from dbfleet.adapter import (
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Condition,
    Part,
    Result,
    ServerInfo,
    Swap,
    WriteMode,
    Written,
)
from dbfleet.columns import bounded, pieces
from dbfleet.engines.sqlserver import extras, left, query, swap
from dbfleet.engines.sqlserver import read as reading
from dbfleet.engines.sqlserver.connect import open_wire
from dbfleet.engines.sqlserver.errors import translate
from dbfleet.engines.sqlserver.tables import Table, Tables, with_types
from dbfleet.engines.sqlserver.types import LEXIS
from dbfleet.engines.sqlserver.wire import Wire
from dbfleet.engines.sqlserver.write import PROBE, SENT, Carrier, refuse_unlike, same_key, spelt
from dbfleet.errors import DbfleetError, NotFound, Unavailable, translated
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.spec import EngineSpec
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Row, Schema

_PRODUCT: Final = re.compile(r"(.*?)(?:\s+-)?\s+\(?\d")
_KEYS_AT_ONCE: Final = 1000


class SqlServerAdapter(
    Adapter,
    Identifies,
    Locates,
    Swaps,
    TellsLosses,
    Narrows,
    CountsOn,
    CarriesExtras,
    TellsLeft,
):
    """One connection in autocommit; `write` and `create` open transactions of their own."""

    def __init__(self, spec: EngineSpec, target: Target, wire: Wire) -> None:
        self.spec = spec
        self.target = target
        self._wire = wire
        self._tables = Tables(wire.rows)
        self._reads_json: bool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        with self._translated():
            ((text, version),) = self._wire.rows(
                "SELECT @@VERSION, CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion'))"
            )
        found = _PRODUCT.match(text)
        return ServerInfo(found[1] if found else text.splitlines()[0], version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        with self._translated():
            broken = self._tables.broken_views(self._asked)
            return [name for name in self._tables.names() if name not in broken]

    def describe(self, name: str) -> Schema:
        with self._translated():
            return self._tables.describe(name)

    def create(self, schema: Schema) -> None:
        with self._translated():
            statements = list(self._tables.create_statements(schema))
            with self._transaction():
                for statement in statements:
                    self._wire.run(statement)

    def drop(self, name: str) -> None:
        with self._translated():
            try:
                table = self._tables.find(name)
            except NotFound:
                return
            place = self._tables.split(name)
            sequences = extras.own_sequences(self._wire.rows, table, place) if table.kind == "U" else []
            self._wire.run(f"DROP {'VIEW' if table.kind == 'V' else 'TABLE'} IF EXISTS {table.sql}")
            for sequence in sequences:
                self._wire.run(f"DROP SEQUENCE IF EXISTS {sequence}")

    def identity(self) -> str:
        """The server, since when it runs, and the database."""
        with self._translated():
            return swap.identity(self._wire.rows)

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The schema and table of each."""
        database = self.identity()
        with self._translated():
            return [f"{database}:{self._tables.sql(name)}" for name in names]

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All of them take their places in one transaction."""
        with self._translated(), self._transaction():
            for statement in swap.statements(self._wire.rows, self._tables, swaps):
                self._wire.run(statement)

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """What goes with these tables in a swap; ConstraintViolated for what cannot go."""
        with self._translated():
            return swap.what_goes(self._wire.rows, self._tables, names)

    def leftovers(self) -> Sequence[str]:
        """Staged tables that are there: `drop` removes them."""
        with self._translated():
            return self._tables.leftovers()

    def extras(self, name: str) -> Extras:
        with self._translated():
            return extras.extras(self._wire.rows, self._tables, self._tables.find(name))

    def left(self) -> Sequence[str]:
        """What the database has besides its tables: views, sequences, routines, synonyms, types."""
        with self._translated():
            broken = self._tables.broken_views(self._asked)
            return left.of_database(self._wire.rows, self._tables, broken)

    def count_on(self, name: str) -> Sequence[str]:
        """Let the sequences of the table's columns go on behind the rows that are there."""
        with self._translated():
            space, table = self._tables.split(name)[0], self._tables.find(name)
            return list(extras.count_on(self._wire.rows, self._done, table, space))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        extra = shared(extra, self.spec.title)
        with self._translated():
            place, table = self._tables.split(schema.name), self._tables.find(schema.name)
            statements = list(extras.add_statements(self._wire.rows, table, place, extra))
            with self._transaction():
                for statement in statements:
                    self._wire.run(statement)

    def count(self, name: str) -> int:
        with self._translated():
            ((rows,),) = self._wire.rows(f"SELECT COUNT_BIG(*) FROM {self._tables.find(name).sql}")
        return int(rows)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        table = self._find(schema.name)
        columns = ", ".join(_of_t(table, schema))
        key = [schema.column(name) for name in schema.key]
        carrier = self._carrier(table, key, schema)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            for statement in carrier.select(columns, [tuple(each) for each in keys[start : start + _KEYS_AT_ONCE]]):
                for batch in self._read(schema, table, statement, BATCH_SIZE):
                    yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        table = self._find(schema.name)
        with self._translated():
            return reading.split(schema, table, parts, self._wire.rows)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        table = self._find(schema.name)
        columns = ", ".join(table.native(name).select for name in schema.names)
        where = reading.where(schema, table, part)
        yield from self._read(schema, table, f"SELECT {columns} FROM {table.sql}{where}", batch_size)

    def _read(self, schema: Schema, table: Table, statement: str, batch_size: int) -> Iterator[Batch]:
        read = reading.reader([(table.native(column.name), column) for column in schema.columns])
        with self._translated():
            rows = self._wire.execute(statement)

        def fetch(count: int) -> Batch:
            with self._translated():
                found = rows.fetch(count)
                if not found:
                    rows.following()
            return found

        try:
            yield from map(read, bounded(pieces(fetch, batch_size), batch_size))
        finally:
            with self._translated():
                rows.close()

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        table = self._find(schema.name)
        written = Written()
        with self._translated():
            # What the server computes is not written.
            kept = [place for place, name in enumerate(schema.names) if not table.native(name).computed]
            carrier = self._carrier(table, [schema.columns[place] for place in kept], schema)
            upserting = mode == "upsert" and bool(schema.key)
            statements = carrier.upsert if upserting else carrier.insert
            with self._transaction(), self._own_identities(table, schema):
                for batch in batches:
                    rows = batch
                    if len(kept) < len(schema.columns):
                        rows = [tuple(row[place] for place in kept) for row in batch]
                    for statement in carrier.unlike(rows) if upserting else ():
                        refuse_unlike(table, self._wire.rows(statement))
                    for statement in statements(rows):
                        self._wire.run(statement)
                    written.rows += len(batch)
        return written

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        table = self._find(schema.name)
        carrier = self._carrier(table, [schema.column(name) for name in schema.key], schema)
        removed = 0
        with self._translated(), self._transaction():
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                for statement in carrier.delete([tuple(each) for each in keys[start : start + _KEYS_AT_ONCE]]):
                    removed += self._wire.run(statement) or 0
        return removed

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        with self._translated():
            natives = with_types(self._find(schema.name), schema.columns)
        return condition_part(schema, condition, LEXIS.quote, spelt(natives))

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        table = self._find(schema.name)
        with self._translated():
            natives = with_types(table, schema.columns)
            computed = frozenset(native.column.name for native in natives if native.computed)
            identity = frozenset(native.column.name for native in natives if native.identity)
            spelling = Spelling(
                table.sql, LEXIS.quote, spelt(natives), same_key(natives), computed=computed, fixed=identity
            )
            for statement in change_statements(schema, changes, spelling):
                if identity and statement.startswith("INSERT"):
                    yield f"SET IDENTITY_INSERT {table.sql} ON;"
                    yield statement
                    yield f"SET IDENTITY_INSERT {table.sql} OFF;"
                else:
                    yield statement

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        self._live()
        return query.run(self._wire, query.parse(statement, params, batch_size), self._translated)

    def cancel(self) -> None:
        with self._translated():
            self._wire.cancel()

    def close(self) -> None:
        self._wire.close()

    # --- inside ---

    def _live(self) -> None:
        if self._wire.closed:
            raise Unavailable("the connection is closed", engine="sqlserver", target=self.target.name)

    @contextmanager
    def _translated(self, *, whole: str = "", start: int = 0) -> Iterator[None]:
        """Errors of the driver, and of ours below that name no engine yet, as errors of this target."""
        located = partial(translate, whole=whole, start=start)
        try:
            with translated(located, engine="sqlserver", target=self.target.name):
                yield
        except DbfleetError as error:
            error.engine = error.engine or "sqlserver"
            error.target = error.target or self.target.name
            raise

    def _asked(self, statement: str) -> list[Row]:
        """As the wire's `rows`, errors being ours."""
        with self._translated():
            return self._wire.rows(statement)

    def _done(self, statement: str) -> None:
        with self._translated():
            self._wire.run(statement)

    def _find(self, name: str) -> Table:
        with self._translated():
            return self._tables.find(name)

    def _carrier(self, table: Table, columns: Sequence[Column], schema: Schema) -> Carrier:
        if self._reads_json is None:
            with self._translated():
                self._reads_json = self._wire.rows(PROBE) == [(SENT,)]
        return Carrier(table, with_types(table, columns), schema.key, as_json=self._reads_json)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._wire.run("BEGIN TRANSACTION")
        try:
            yield
            self._wire.run("COMMIT TRANSACTION")
        except BaseException:
            if not self._wire.closed:
                self._wire.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
            raise

    @contextmanager
    def _own_identities(self, table: Table, schema: Schema) -> Iterator[None]:
        """An identity column takes the rows' own values."""
        if not any(table.columns[name].identity for name in schema.names if name in table.columns):
            yield
            return
        self._wire.run(f"SET IDENTITY_INSERT {table.sql} ON")
        try:
            yield
        finally:
            if not self._wire.closed:
                self._wire.run(f"SET IDENTITY_INSERT {table.sql} OFF")


def _of_t(table: Table, schema: Schema) -> list[str]:
    """The schema's columns, of the table that stands as t."""
    return [table.native(name).select.replace("[", "t.[", 1) for name in schema.names]


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> SqlServerAdapter:
    """A connection. The URL's options are pymssql's encryption (off, request, require), tds_version and read_only, and
    application_name."""
    return SqlServerAdapter(spec, target, open_wire(target, timeout_s))
