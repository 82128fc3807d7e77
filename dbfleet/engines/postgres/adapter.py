"""PostgreSQL's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from dbfleet.abilities import (
    CarriesExtras,
    CountsOn,
    Digests,
    Encodes,
    EncodesScans,
    Encoding,
    Identifies,
    Locates,
    Narrows,
    Notices,
    Ordered,
    ReadsLines,
    SharesSnapshots,
    Swaps,
    TellsLeft,
    TellsLosses,
    WritesLines,
)
from dbfleet.adapter import (
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Condition,
    Part,
    Result,
    ResultColumn,
    ServerInfo,
    Swap,
    WriteMode,
    Written,
)
from dbfleet.columns import bounded
from dbfleet.engines.postgres import counters, extras, swap, wire
from dbfleet.engines.postgres import describe as catalog
from dbfleet.engines.postgres import left as leaving
from dbfleet.engines.postgres.connect import SESSION, opened
from dbfleet.engines.postgres.errors import translate
from dbfleet.engines.postgres.fast import digest as server_digest
from dbfleet.engines.postgres.fast import encoded as fast
from dbfleet.engines.postgres.fast import encoded_scan as blocks
from dbfleet.engines.postgres.fast import lines as line_copy
from dbfleet.engines.postgres.fast.nested import Nested
from dbfleet.engines.postgres.large import HUGE, Slices, largest, rows_at_once, sliced
from dbfleet.engines.postgres.local import product
from dbfleet.engines.postgres.tables import Table, Tables, by_keys, order, where
from dbfleet.engines.postgres.types import CLOSED, LEXIS, NAME_BYTES, RELATIONAL, Carried, TypeCatalog
from dbfleet.engines.postgres.write import copy_in, keys_parameter, literals, upsert
from dbfleet.errors import (
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
    translated,
)
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.spec import EngineSpec
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.sql.relational import create_statements
from dbfleet.sql.text import Statement, bind, check_parameters, statements
from dbfleet.target import Target
from dbfleet.values import Batch, Digest, Row, Schema, digest_rows

if TYPE_CHECKING:
    from psycopg import Connection

_quote = LEXIS.quote


class PostgresAdapter(
    Adapter,
    Identifies,
    Locates,
    Swaps,
    TellsLosses,
    SharesSnapshots,
    Encodes,
    Notices,
    EncodesScans,
    Ordered,
    Narrows,
    ReadsLines,
    WritesLines,
    Digests,
    CountsOn,
    CarriesExtras,
    TellsLeft,
):
    """One psycopg connection in autocommit; `write` and `snapshot` open their own transactions."""

    snapshot_id: str | None = None

    def __init__(self, spec: EngineSpec, target: Target, connection: Connection[Any]) -> None:
        self.spec = spec
        self.target = target
        self._connection = connection
        self._types = TypeCatalog(self._rows)
        self._tables = Tables(self._rows, self._types)
        self._messages: list[str] = []
        self._reading: weakref.ref[wire.Rows] | None = None
        connection.add_notice_handler(self._on_notice)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        ((text,),) = self._rows("SELECT version()")
        latency = time.perf_counter() - started
        return ServerInfo(*product(text), latency)

    def identity(self) -> str:
        """The server, by the moment at which it was started, which a copy of its data has not; the database, and the
        schema that plain names mean."""
        return " ".join(("postgres", *self._whose()))

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The schema and table of each: a connection with another search_path has another name for it."""
        server = self._whose()[:-1]
        with self._translated():
            found = [self._tables.split(name) for name in names]
        return [" ".join(("postgres", *server, _quote(space), _quote(table))) for space, table in found]

    def _whose(self) -> tuple[str, str, str, str]:
        """When the server was started, its port, the database's number, and the schema that plain names mean."""
        try:
            ((started, port, database, space),) = self._rows(_SERVER)
        except StatementError:  # another server that speaks the protocol
            ((database, space),) = self._rows("SELECT current_database(), coalesce(current_schema(), 'public')")
            started, port = self._connection.info.host, self._connection.info.port
        return str(started), str(port), str(database), str(space)

    def collections(self) -> Sequence[str]:
        return self._tables.names()

    def leftovers(self) -> Sequence[str]:
        """Collections that a command which was killed had staged: their names begin with `_dbfleet_`. `drop` removes
        them."""
        return self._tables.names(staged=True)

    def describe(self, name: str) -> Schema:
        with self._translated():
            return catalog.describe(self._rows, self._tables, self._types, name)

    def create(self, schema: Schema) -> None:
        for name in (self._tables.split(schema.name)[1], *schema.names):
            if len(name.encode()) > NAME_BYTES:
                raise self._unsupported(f"PostgreSQL's names have at most {NAME_BYTES} bytes: {name}")
            if "\0" in name or not name:
                raise self._unsupported(f"PostgreSQL's names are not empty and hold no NUL: {name!r}")
        with self._translated(), self._ready().transaction():
            self._tables.make_space(schema.name)
            for statement in create_statements(schema, RELATIONAL, split_name=self._tables.split):
                self._rows(statement)

    def drop(self, name: str) -> None:
        try:
            table = self._find(name)
        except NotFound:
            return
        self._rows(table.drop)
        self._tables.drop_space(self._tables.split(name)[0])

    def swap(self, swaps: Sequence[Swap]) -> None:
        with self._translated(), self._ready().transaction():
            swap.swap(self._rows, self._tables, swaps)

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        with self._translated():
            return swap.what_goes(self._rows, self._tables, names)

    def count(self, name: str) -> int:
        ((rows,),) = self._rows(f"SELECT count(*) FROM {self._tables.sql(name)}")
        return int(rows)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        if not schema.key:
            raise self._unsupported(f"{schema.name} has no key to get rows by")
        table = self._find(schema.name)
        columns = [schema.column(name) for name in schema.key]
        for start in range(0, len(keys), BATCH_SIZE):
            some = keys[start : start + BATCH_SIZE]
            texts = [keys_parameter(column, some, place) for place, column in enumerate(columns)]
            for batch in self._read(schema, table, f" WHERE {by_keys(schema, table)}", texts, BATCH_SIZE):
                yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return self._tables.parts(schema, self._find(schema.name), parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        table = self._find(schema.name)
        condition, values = where(schema, table, part)
        yield from self._read(schema, table, condition, values, batch_size)

    def _read(
        self, schema: Schema, table: Table, condition: str, values: Sequence[str], batch_size: int
    ) -> Iterator[Batch]:
        row_bytes = largest(self._rows, schema, table, condition, values)
        if row_bytes > HUGE and (self.snapshot_id is not None or not self._in_transaction()):
            yield from bounded(self._scan_in_slices(schema, table, condition, values), batch_size)
            return
        at_once = rows_at_once(row_bytes, batch_size)
        select = self._tables.select(schema, table) + condition
        yield from self._batches(self._start(select, values, batch_size, at_once=at_once, exact=schema.name))

    def _scan_in_slices(self, schema: Schema, table: Table, condition: str, values: Sequence[str]) -> Iterator[Batch]:
        """Row by row; huge values in slices, by a second connection that sees the same moment."""
        slices = Slices(schema, table, self._tables.expressions(schema, table))
        with ExitStack() as held:
            if self.snapshot_id is None:
                held.enter_context(self.snapshot())
            other: Any = held.enter_context(self._another())
            held.enter_context(other.snapshot(exported=self.snapshot_id))
            for batch in self._batches(self._start(slices.select + condition, values, 1, exact=schema.name)):
                yield [slices.whole(row, other._rows) for row in batch]

    def _another(self) -> PostgresAdapter:
        """A second connection like this one."""
        return connect(self.spec, self.target, 10.0)

    def _huge(self, schema: Schema, table: Table, condition: str = "", values: Sequence[str] = ()) -> bool:
        """Whether a row has values that the server should not make a text of."""
        return largest(self._rows, schema, table, condition, values) > HUGE

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        if mode == "upsert" and not schema.key:
            raise self._unsupported(f"{schema.name} has no key to upsert by")
        table = self._find(schema.name)
        there = [table.column(name) for name in schema.names]
        kept = [place for place, column in enumerate(there) if not column.generated]
        if len(kept) < len(there):  # the server computes a generated column again
            batches = ([tuple([row[place] for place in kept]) for row in batch] for batch in batches)
        columns = [schema.columns[place] for place in kept]
        arrays = [bool(self._types[there[place].oid].element) for place in kept]
        in_slices = [sliced(schema.columns[place].type, there[place].cast) for place in kept]
        connection = self._ready()
        with translated(translate, engine="postgres", target=self.target.name), connection.transaction():

            def fill(into: str) -> int:
                return copy_in(connection, into, columns, arrays, batches, in_slices=in_slices)

            names = [each.name for each in columns]
            written = upsert(connection, table.sql, schema.key, names, fill) if mode == "upsert" else fill(table.sql)
            counters.count_on(self._rows, connection, table.sql, names)
            return Written(written)

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The rows as COPY's text; None where a date is none of ours, which a scan refuses by name."""
        if self._connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            return None  # what is there may be no UTF-8
        table = self._find(schema.name)
        condition, _ = where(schema, table, part, self._literal)
        if self._huge(schema, table, condition):
            return None
        beyond = line_copy.beyond(schema, table, condition)
        if beyond and self._rows(beyond)[0][0]:
            return None
        return self._translated_chunks(
            line_copy.copy_out(self._ready(), self._tables.select(schema, table) + condition)
        )

    def write_lines(self, schema: Schema, chunks: Iterable[bytes], *, mode: WriteMode = "insert") -> Written | None:
        """Rows as COPY's text into the table, as `write`; None where a column has to be made of another form."""
        if mode == "upsert" and not schema.key:
            raise self._unsupported(f"{schema.name} has no key to upsert by")
        table = self._find(schema.name)
        if not line_copy.takes(schema, table, self._types):
            return None
        connection = self._ready()
        fill = partial(line_copy.copy_in, connection, columns=schema.names, chunks=chunks)
        with translated(translate, engine="postgres", target=self.target.name), connection.transaction():
            names = schema.names
            written = upsert(connection, table.sql, schema.key, names, fill) if mode == "upsert" else fill(table.sql)
            counters.count_on(self._rows, connection, table.sql, names)
            return Written(written)

    def _literal(self, text: str) -> str:
        from psycopg import sql

        return sql.Literal(text).as_string(self._connection)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        table = self._find(schema.name)
        where = by_keys(schema, table)
        columns = [schema.column(name) for name in schema.key]
        texts = [keys_parameter(column, keys, place) for place, column in enumerate(columns)]
        rows = self._start(f"DELETE FROM {table.sql} WHERE {where}", texts, BATCH_SIZE)
        rows.close()
        return rows.affected or 0

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        return condition_part(schema, condition, _quote, self._literals(schema, self._find(schema.name)))

    def _literals(self, schema: Schema, table: Table) -> Callable[[int, Any], str]:
        there = [table.column(name) for name in schema.names]
        return literals(schema.columns, [bool(self._types[each.oid].element) for each in there])

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        table = self._find(schema.name)
        there = [table.column(name) for name in schema.names]
        literal = self._literals(schema, table)
        computed = frozenset(name for name, each in zip(schema.names, there, strict=True) if each.generated)
        identity = self._rows(_IDENTITY, self._tables.split(schema.name))
        spelling = Spelling(
            self._tables.sql(schema.name), _quote, literal, computed=computed,
            before_values=" OVERRIDING SYSTEM VALUE" if identity else "",
        )  # fmt: skip
        yield from change_statements(schema, changes, spelling)

    def extras(self, name: str) -> Extras:
        schema = self.describe(name)
        return extras.extras(self._rows, self._tables.sql(name), schema)

    def left(self) -> Sequence[str]:
        """What the database has besides tables, by name."""
        return leaving.of_database(self._rows)

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        extra = shared(extra, self.spec.title)
        with self._translated():
            self._rows(extras.add_statement(self._rows, self._tables.sql(schema.name), schema, extra))

    def count_on(self, name: str) -> Sequence[str]:
        """Its identities and serials go on behind the largest values; what could not be set, in words."""
        with self._translated():
            return counters.count_on(self._rows, self._ready(), self._tables.sql(name))

    @contextmanager
    def snapshot(self, exported: str | None = None) -> Iterator[None]:
        """All scans inside see one moment. `snapshot_id` names it for other connections, which join by
        `snapshot(exported=id)` while this one holds it."""
        import psycopg

        self._rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            if exported is not None:
                if not re.fullmatch(r"[0-9A-Fa-f-]+", exported):
                    raise UsageError(f"{exported!r} names no snapshot")
                self._rows(f"SET TRANSACTION SNAPSHOT '{exported}'")
                self.snapshot_id = exported
            else:
                ((self.snapshot_id,),) = self._rows("SELECT pg_export_snapshot()")
            yield
        except BaseException as error:
            if not isinstance(error, Exception | GeneratorExit):
                self.close()  # interrupted: nothing is waited for any more, and the snapshot ends with the connection
            raise
        finally:
            self.snapshot_id = None
            if not self._connection.closed:
                try:
                    if self._running():  # a scan is half read: it would hold the transaction open
                        wire.stop(self._connection)
                    self._connection.rollback()
                except psycopg.Error:  # the server is gone, and the snapshot with it: what ended the block counts
                    pass

    def digest(self, schema: Schema, part: Part = WHOLE) -> Digest:
        """By one statement where the server can; of json columns by a scan."""
        table = self._find(schema.name)
        condition, values = where(schema, table, part)
        select = self._tables.select(schema, table) + condition
        columns = self._columns_of(select, values)
        statement = server_digest.statement(schema, select, [self._types[oid].native for _, oid in columns])
        if statement is not None and not self._huge(schema, table, condition, values):
            with self._translated():
                found = server_digest.ask(self._ready(), statement, values)
            if found is not None:
                return found
        return digest_rows(schema.columns, self.scan(schema, part))

    def encoded_scan(
        self, schema: Schema, format: Encoding, tally: blocks.Tally | None = None
    ) -> Iterator[bytes] | None:
        """What the scan gives, rendered by the server; None where a column is json or the server cannot."""
        if format not in ("csv", "jsonl") or not blocks.readable(self._ready()):
            return None
        table = self._find(schema.name)
        select = self._tables.select(schema, table)
        carried = [self._types[oid] for _, oid in self._columns_of(select, ())]
        if any(each.column_type is not column.type for each, column in zip(carried, schema.columns, strict=True)):
            return None
        natives = [each.native for each in carried]
        text = blocks.statement(schema, select, natives, format, digests=tally is not None)
        nested = Nested(schema, select, natives, format, digests=tally is not None)
        if text is None and nested.text is None:
            return None
        header = ",".join(map(fast.cell, schema.names)) + "\n" if format == "csv" else ""
        row_bytes = largest(self._rows, schema, table)
        if row_bytes > HUGE:
            return None
        at_once = rows_at_once(row_bytes, BATCH_SIZE)
        return self._translated_chunks(
            self._encoded(schema, table.sql, text or nested, header.encode(), tally, at_once)
        )

    def _encoded(
        self, schema: Schema, table: str, text: str | Nested, header: bytes, tally: blocks.Tally | None, at_once: int
    ) -> Iterator[bytes]:
        def refuse() -> None:
            # By a scan, on a connection of its own: this one is in the middle of a statement.
            with ExitStack() as held:
                other: Any = held.enter_context(self._another())
                if self.snapshot_id is not None:
                    held.enter_context(other.snapshot(exported=self.snapshot_id))
                for _ in other.scan(schema):
                    pass
            raise StatementError(f"{schema.name} holds a date that is none of the years 1 to 9999")

        connection = self._ready()
        if header:
            yield header
        with ExitStack() as held:
            if self.snapshot_id is None and not self._in_transaction():
                held.enter_context(self.snapshot())
            if isinstance(text, Nested):
                yield from text.lines(connection, refuse, tally, at_once)
                return
            readers = [connection]
            pages = blocks.pages(connection, table) if self.snapshot_id and at_once == BATCH_SIZE else 0
            if pages >= blocks.FEWEST_PAGES and blocks.by_ranges(connection, blocks.ranges(text, pages, 0, 1)):
                blocks.prepare(connection)
                try:
                    other: Any = held.enter_context(self._another())
                    held.enter_context(other.snapshot(exported=self.snapshot_id))
                    blocks.prepare(other._connection)
                    readers.append(other._connection)
                except DbfleetError:  # no more connections, say
                    pass
                parts = [blocks.ranges(text, pages, place, len(readers)) for place in range(len(readers))]
                yield from blocks.chunks(list(zip(readers, parts, strict=True)), refuse, tally)
            else:
                yield from blocks.lines(connection, text, refuse, tally, at_once)

    def _columns_of(self, select: str, values: Sequence[object]) -> list[tuple[str, int]]:
        with self._translated():
            columns = wire.describe(self._ready(), select, values)
            self._types.learn(oid for _, oid in columns)
        return columns

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        found = self._checked(statement, params)
        return self._run(_Run(statement, found, params or {}, batch_size), 0)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        self._messages = []
        found = self._checked(statement, params)
        if len(found) > 1 or found[0].words[:1] not in _SELECTS or format not in ("csv", "jsonl"):
            return None
        from psycopg import sql

        from dbfleet.engines.postgres.types import Context, adapters

        text, values = bind(found[0].text, params, LEXIS, _numbered, numbered=True)
        connection = self._ready()
        translating = self._translated(partial(translate, whole=statement, start=found[0].start, sent=text))
        with translating:
            columns = wire.describe(connection, text, values)
            self._types.learn(oid for _, oid in columns)
            # COPY takes no parameters, so psycopg quotes them as literals: with its own quoting, never by hand.
            context = Context(connection, adapters(tolerant=False))
            literals = [sql.Literal(value).as_string(context) for value in values]
            text, _ = bind(found[0].text, params, LEXIS, lambda n, _: f" {literals[n - 1]} ", numbered=True)
            chunks = fast.encoded(connection, self._types, text, columns, format)
        return None if chunks is None else self._translated_chunks(chunks)

    @property
    def messages(self) -> Sequence[str]:
        """The server's notices of the last statement."""
        return self._messages

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The rows as COPY's text, in the order of their key; None where we do not know its order."""
        table = self._find(schema.name)
        keys = [order(schema.column(name), table) for name in schema.key]
        if not keys or None in keys or self._huge(schema, table):
            return None
        select = f"{self._tables.select(schema, table, cut=True)} ORDER BY {', '.join(map(str, keys))}"
        return self._translated_chunks(wire.copy_out(self._ready(), f"COPY ({select}) TO STDOUT"))

    def _translated_chunks(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        with self._translated():
            yield from chunks

    def _checked(self, statement: str, params: Mapping[str, object] | None) -> list[Statement]:
        found = statements(statement, LEXIS)
        check_parameters(found, params)
        return found

    def _run(self, run: _Run, place: int) -> Result:
        current = run.statements[place]
        text, values = bind(current.text, run.params, LEXIS, _numbered, numbered=True)
        messages = self._messages = []
        translating = partial(translate, whole=run.text, start=current.start, sent=text)
        connection = self._ready()
        with self._translated(translating):
            # What the columns will be is asked first: once the rows come, the connection has no time for the catalog.
            names = wire.describe(connection, text, values)
            self._types.learn(oid for _, oid in names)
            text, left = self._with_json(text, values, names)
        rows = self._start(text, values, run.batch_size, at_once=_AT_ONCE, translating=translating)
        types = {place: Carried(None, self._types[oid].native) for place, oid in left.items()}
        carried = [types.get(place, self._types[oid]) for place, (_, oid) in enumerate(names)]
        last = place + 1 == len(run.statements)

        def ended() -> None:
            if last and self.snapshot_id is None and self._in_transaction():
                messages.append("the transaction is still open: without COMMIT its changes are lost")

        if not rows.columns:
            ended()

        def following() -> Result | None:
            rows.close()
            return None if last else self._run(run, place + 1)

        return Result(
            [ResultColumn(name, each.type, each.native) for (name, _), each in zip(names, carried, strict=True)],
            self._batches(rows, translating, ended),
            affected=rows.affected,
            messages=messages,
            close=rows.close,
            following=following,
        )

    def _with_json(
        self, text: str, values: Sequence[object], names: Sequence[tuple[str, int]]
    ) -> tuple[str, Mapping[int, int]]:
        """The statement with its nested columns as JSON, as the server knows their fields; and the nested columns that
        stay text where that cannot be had (EXECUTE, FETCH): their places and types. Arrays of built-in types are
        parsed then, all else is text."""
        from psycopg import Error

        nested = {place: oid for place, (_, oid) in enumerate(names) if self._types[oid].nested}
        if not nested:
            return text, {}
        places = [f"c{number}" for number in range(1, len(names) + 1)]
        casts = ", ".join(f"to_json({c})" if place in nested else c for place, c in enumerate(places))
        listed = ", ".join(places)
        for wrapped in (
            f"SELECT {casts} FROM (\n{text}\n) AS q({listed})",
            f"WITH q({listed}) AS (\n{text}\n) SELECT {casts} FROM q",  # INSERT … RETURNING
        ):
            try:
                wire.describe(self._connection, wrapped, values)
            except Error:
                continue
            return wrapped, {}
        return text, {place: oid for place, oid in nested.items() if self._types[oid].element not in CLOSED}

    def cancel(self) -> None:
        if not self._connection.closed and self._running():
            with self._translated():
                self._connection.cancel_safe(timeout=5)

    def close(self) -> None:
        if not self._connection.closed:
            try:
                self.cancel()
            except DbfleetError:
                pass
            self._connection.close()

    # --- inside ---

    @contextmanager
    def _translated(self, located: Any = None) -> Iterator[None]:
        """Errors of the driver, and of ours below that name no engine yet, as errors of this target. Never around a
        source's batches."""
        try:
            with translated(located or translate, engine="postgres", target=self.target.name):
                yield
        except DbfleetError as error:
            error.engine = error.engine or "postgres"
            error.target = error.target or self.target.name
            raise

    def _unsupported(self, message: str) -> Unsupported:
        return Unsupported(message, engine="postgres", target=self.target.name)

    def _running(self) -> bool:
        from psycopg.pq import TransactionStatus

        return self._connection.pgconn.transaction_status == TransactionStatus.ACTIVE

    def _in_transaction(self) -> bool:
        from psycopg.pq import TransactionStatus

        return self._connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def _ready(self) -> Connection[Any]:
        """The connection, able to take a statement."""
        if self._connection.closed:
            raise Unavailable("the connection is closed", engine="postgres", target=self.target.name)
        if self._running():
            if self._reading is not None and self._reading() is not None:
                raise StatementError(
                    "this connection still gives the rows of another statement",
                    engine="postgres",
                    target=self.target.name,
                    hint="read them to the end or close them first",
                )
            wire.stop(self._connection)  # its reader was dropped half way
        return self._connection

    def _rows(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement of ours."""
        return [row for batch in self._batches(self._start(statement, params, BATCH_SIZE)) for row in batch]

    def _start(
        self,
        text: str,
        values: Sequence[object],
        batch_size: int,
        *,
        at_once: int | None = None,
        exact: str | None = None,
        translating: Any = None,
    ) -> wire.Rows:
        connection = self._ready()
        status = connection.info.parameter_status
        if translating is None and (status("TimeZone"), status("DateStyle")) != ("UTC", "ISO, YMD"):
            # A statement of the user's has changed it: for his statements that holds, not for ours.
            with self._translated():
                connection.execute(SESSION.encode())
        with self._translated(translating):
            rows = wire.Rows(connection, text, values, batch_size, at_once=at_once, exact=exact)
        self._reading = weakref.ref(rows)
        return rows

    def _batches(self, rows: wire.Rows, translating: Any = None, ended: Any = None) -> Iterator[Batch]:
        try:
            while True:
                with self._translated(translating):
                    batch = next(rows, None)
                if batch is None:
                    break
                yield batch
            if ended and rows.columns:
                ended()
        finally:
            rows.close()

    def _find(self, name: str) -> Table:
        with self._translated():
            return self._tables.find(name)

    def _on_notice(self, diagnostic: Any) -> None:
        parts = [diagnostic.message_primary, diagnostic.message_detail, diagnostic.message_hint]
        self._messages.append(f"{diagnostic.severity}: {'. '.join(part for part in parts if part)}")


@dataclass(frozen=True, slots=True)
class _Run:
    """A text of statements that is being run."""

    text: str
    statements: Sequence[Statement]
    params: Mapping[str, object]
    batch_size: int


_AT_ONCE: Final = 250
"""Rows that come together of a statement whose rows' size nobody knows before."""

_SELECTS: Final = {("SELECT",), ("VALUES",), ("TABLE",), ("WITH",)}

_IDENTITY: Final = """
SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND a.attidentity = 'a' LIMIT 1
"""


_SERVER: Final = """
SELECT extract(epoch FROM pg_postmaster_start_time())::text, current_setting('port'), d.oid,
       coalesce(current_schema(), 'public')
FROM pg_catalog.pg_database d WHERE d.datname = current_database()
"""


def _numbered(number: int, name: str) -> str:
    return f"${number}"


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> PostgresAdapter:
    """A connection by libpq's rules: see `postgres.connect`."""
    return PostgresAdapter(spec, target, opened(target, timeout_s))
