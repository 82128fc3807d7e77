"""Oracle Database's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

from dbfleet.abilities import CarriesExtras, CountsOn, Identifies, Narrows, Snapshots, TellsLeft, TellsLosses
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Condition, Part, Result, ServerInfo, WriteMode, Written
from dbfleet.columns import bounded as batches_of
from dbfleet.columns import pieces
from dbfleet.engines.oracle import extras, left, tables
from dbfleet.engines.oracle import query as statements
from dbfleet.engines.oracle.bounded import bounded
from dbfleet.engines.oracle.errors import translate, translate_connecting
from dbfleet.engines.oracle.interrupt import hurry, interruptible
from dbfleet.engines.oracle.literals import literals
from dbfleet.engines.oracle.session import IDENTITY, SESSION, VERSION, connect_options
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.values import bind_type, binder, output_type_handler, reader
from dbfleet.engines.oracle.write import Writer, delete
from dbfleet.errors import DbfleetError, NotFound, Unavailable, Unsupported, translated
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.spec import EngineSpec
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Row, Schema, Type

_LONG: Final = (Type.TEXT, Type.BYTES, Type.JSON)
_SHORT: Final = 255


class OracleAdapter(
    Adapter,
    Identifies,
    TellsLosses,
    Snapshots,
    Narrows,
    CountsOn,
    CarriesExtras,
    TellsLeft,
):
    """One connection; a statement of ours commits by itself, a write when it is whole."""

    def __init__(self, spec: EngineSpec, target: Target, connection: Any) -> None:
        self.spec = spec
        self.target = target
        self._connection: Any | None = connection
        self._running = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        ((banner,), *_) = self._rows(VERSION)
        latency = time.perf_counter() - started
        return ServerInfo(banner.partition(" Release ")[0], self._ready().version, latency)

    def identity(self) -> str:
        """The database, where it runs, and the schema: what everybody may ask, which leaves out its number and when it
        started. A copied database has the same name and another host or instance."""
        (parts,) = self._rows(IDENTITY)
        return ":".join(str(part or "") for part in ("oracle", *parts))

    def collections(self) -> Sequence[str]:
        broken = tables.broken_views(self._rows)
        return [name for name in tables.names(self._rows) if name not in broken]

    def describe(self, name: str) -> Schema:
        return tables.describe(self._find(name), self._rows)

    def create(self, schema: Schema) -> None:
        try:
            tables.check_names(schema)
            create, *comments = tables.create_statements(schema)
        except Unsupported as error:
            raise self._ours(error) from None
        self._do(create)
        try:
            for comment in comments:
                self._do(comment)
        except BaseException:
            self.drop(schema.name)  # without its comments it would be another schema
            raise

    def drop(self, name: str) -> None:
        try:
            found = self._find(name)
        except NotFound:
            return
        sequences = extras.own_sequences(self._rows, found)
        for statement in (found.drop, *sequences):
            self._do(statement)

    def count(self, name: str) -> int:
        ((rows,),) = self._rows(f"SELECT COUNT(*) FROM {LEXIS.quote(name)}")
        return int(rows)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        if not schema.key:
            raise self._ours(Unsupported(f"{schema.name} has no key to get rows by"))
        table = self._find(schema.name)
        for text, values in tables.by_keys(schema, table, keys):
            for batch in self._scan(table, schema, text, values, BATCH_SIZE):
                yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return tables.split(schema, self._find(schema.name), parts, self._rows)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        table = self._find(schema.name)
        where, values = tables.conditions(schema, part)
        yield from self._scan(table, schema, table.select(schema) + where, values, batch_size)

    def _scan(
        self, table: tables.Table, schema: Schema, text: str, values: Sequence[tuple[Column, Any]], batch_size: int
    ) -> Iterator[Batch]:
        read = reader(schema.columns)
        with self._cursor() as cursor:
            # As many rows as the driver has at once: few where they may be large.
            large = any(column.type in _LONG and (column.length or _SHORT + 1) > _SHORT for column in schema.columns)
            cursor.arraysize = cursor.prefetchrows = 1 if large else batch_size
            with self._working():
                natives = [table.column(column.name) for column, _ in values]
                bound = [
                    None if value is None else binder(column, native)(value)
                    for (column, value), native in zip(values, natives, strict=True)
                ]
                if values:
                    cursor.setinputsizes(
                        *(bind_type(column, native) for (column, _), native in zip(values, natives, strict=True))
                    )
                cursor.execute(text, bound)

            def fetch(count: int) -> Batch:
                if large:
                    cursor.arraysize = count
                with self._working():
                    rows: Batch = cursor.fetchmany(count)
                return rows

            for rows in batches_of(pieces(fetch, batch_size), batch_size):
                try:
                    batch = read(rows)
                except (ValueError, ArithmeticError, AttributeError, TypeError) as error:
                    raise self._ours(
                        Unsupported(f"{schema.name} holds a value that is not of its column's type: {error}")
                    ) from error
                yield batch

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        if mode == "upsert" and not schema.key:
            raise self._ours(Unsupported(f"{schema.name} has no key to upsert by"))
        connection = self._ready()
        with self._translated():
            writer = Writer(connection, self._find(schema.name), schema, mode, self.spec)
        try:
            for batch in batches:
                with self._working():
                    writer.store(batch)
            with self._working():
                connection.commit()
        except BaseException:
            self._roll_back()
            raise
        finally:
            writer.close()
        return writer.written

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        connection = self._ready()
        table = self._find(schema.name)
        removed = 0
        try:
            for start in range(0, len(keys), BATCH_SIZE):
                with self._working():
                    removed += delete(connection, table, schema, keys[start : start + BATCH_SIZE])
            with self._working():
                connection.commit()
        except BaseException:
            self._roll_back()
            raise
        return removed

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        table = self._find(schema.name)
        natives = [table.column(name) for name in schema.names]
        if any(natives[schema.names.index(name)].is_lob for name in condition.columns):
            return None  # nothing is equal to a LOB
        return condition_part(schema, condition, LEXIS.quote, literals(schema.columns, natives))

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        table = self._find(schema.name)
        natives = [table.column(name) for name in schema.names]
        computed = frozenset(native.name for native in natives if native.generated)
        always = frozenset(native.name for native in natives if native.always)
        spelling = Spelling(
            table.sql, LEXIS.quote, literals(schema.columns, natives), computed=computed, fixed=always, counted=always
        )
        with self._translated():
            yield from change_statements(schema, changes, spelling)

    def extras(self, name: str) -> Extras:
        return extras.extras(self._rows, self._find(name))

    def left(self) -> Sequence[str]:
        """What the schema has besides its tables: views, sequences, packages, synonyms, types."""
        return left.of_schema(self._rows, tables.broken_views(self._rows))

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """What goes with these tables when they are made anew; ConstraintViolated for what DROP TABLE does not drop."""
        found = []
        for name in names:
            try:
                found.append(self._find(name))
            except NotFound:
                continue
        with self._translated():
            return [f"{table.name}: {text}" for table in found for text in extras.lost(self._rows, table)]

    def count_on(self, name: str) -> Sequence[str]:
        """Let what counts for the table's columns go on behind the rows that are there."""
        return list(extras.count_on(self._rows, self._do, self._find(name)))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        extra = shared(extra, self.spec.title)
        with self._translated():
            extras.add(self._rows, self._do, self._find(schema.name), extra)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All scans inside see one moment."""
        self._do("SET TRANSACTION READ ONLY")
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Exception | GeneratorExit):
                self.close()  # interrupted: the snapshot ends with the connection
            raise
        finally:
            self._roll_back()

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        found = statements.parse(statement, params)
        return statements.Run(self._ready(), self._working, statement, found, params or {}, batch_size).result(0)

    def cancel(self) -> None:
        connection = self._connection
        if connection is not None and self._running:
            with self._translated():
                connection.cancel()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        import oracledb

        try:
            if self._running:
                connection.cancel()
            hurry(connection)
            connection.close()
        except (oracledb.Error, OSError):
            pass

    # --- inside ---

    def _ready(self) -> Any:
        if self._connection is None:
            raise self._ours(Unavailable("the connection is closed"))
        return self._connection

    def _ours(self, error: DbfleetError) -> DbfleetError:
        error.engine, error.target = error.engine or self.spec.name, error.target or self.target.name
        return error

    @contextmanager
    def _translated(self, located: Any = None) -> Iterator[None]:
        """Errors of the driver as errors of this target. Never around a source's batches."""
        try:
            with translated(located or translate, engine=self.spec.name, target=self.target.name):
                yield
        except DbfleetError as error:
            self._ours(error)
            raise

    @contextmanager
    def _working(self, located: Any = None) -> Iterator[None]:
        """While the server has something to do, `cancel` has something to stop."""
        self._running += 1
        try:
            with self._translated(located), interruptible(self._connection):
                yield
        finally:
            self._running -= 1

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        cursor = self._ready().cursor()
        try:
            yield cursor
        finally:
            if self._connection is not None:
                cursor.close()

    def _rows(self, text: str, values: Sequence[Any] = (), *, columns: Sequence[Column] = ()) -> list[Row]:
        """All rows of a statement of ours, as values of these columns where they are given."""
        with self._cursor() as cursor, self._working():
            cursor.execute(text, list(values))
            rows = cursor.fetchall()
            if not columns:
                return list(rows)
            return reader(columns)(rows)

    def _do(self, text: str) -> None:
        with self._cursor() as cursor, self._working():
            cursor.execute(text)

    def _roll_back(self) -> None:
        """Leave the transaction, on a connection that may be gone."""
        import oracledb

        try:
            if self._connection is not None:
                with interruptible(self._connection):
                    self._connection.rollback()
        except (oracledb.Error, OSError):
            pass

    def _find(self, name: str) -> tables.Table:
        with self._translated():
            return tables.find(name, self._rows)


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> OracleAdapter:
    """A connection in thin mode: no client libraries. The URL's path is the service's name."""
    import oracledb

    if oracledb.is_thin_mode():
        # Else the first connection of a process decides the mode, and all others wait for it: behind a host that is
        # silent, for ever.
        oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
    options = connect_options(target, spec.default_database, timeout_s)
    schema = options.pop("schema")
    with translated(translate_connecting, engine="oracle", target=target.name):
        # The driver bounds how long the port may take to open, not how long the server may take to say something.
        host = f"{options['host']}:{options['port']}"
        connection = bounded(lambda: oracledb.connect(**options), timeout_s, host)
        adapter = OracleAdapter(spec, target, connection)
        try:
            connection.outputtypehandler = output_type_handler
            connection.call_timeout = int(timeout_s * 1000)
            with interruptible(connection), connection.cursor() as cursor:
                cursor.execute(SESSION)
                if schema:
                    cursor.execute(f"ALTER SESSION SET CURRENT_SCHEMA = {LEXIS.quote(schema)}")
            connection.call_timeout = 0
        except BaseException:
            adapter.close()
            raise
    return adapter
