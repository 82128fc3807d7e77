"""PostgreSQL, by psycopg 3 (https://www.psycopg.org/psycopg3/docs/, https://www.postgresql.org/docs/current/).

A collection is a table, a view, a materialized view or a foreign table. In the connection's current schema (mostly
`public`; `?search_path=app` or `?schema=app` in the URL changes it) it has its own name, elsewhere `schema.name`. A dot
in a name separates only where a schema of that name is there; a partition is part of its partitioned table, and what
an extension made is not listed.

The session runs in UTC with ISO dates, so that a statement gives the same answer from every machine. A text of several
statements runs one by one, each committed by itself unless the text says BEGIN. A view is described without a key.

Oddities: text cannot hold U+0000. `numeric` and dates know NaN, infinity, BC and years above 9999: Python's dates do
not, so `scan` refuses such a date by name and `query` gives the server's text. Names are cut at 63 bytes by the server,
so we refuse longer ones. An array, a composite or an hstore is carried as json (a list goes back into an array), every
other type outside the closed set as the server's text.
"""

from __future__ import annotations

import itertools
import re
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from dbfleet.adapter import (
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Capability,
    EngineSpec,
    Fidelity,
    Limits,
    Part,
    Result,
    ResultColumn,
    ServerInfo,
    Target,
    WriteMode,
    Written,
)
from dbfleet.engines import _postgres_encoded as fast
from dbfleet.engines import _postgres_rows as wire
from dbfleet.engines._postgres_server import LOCAL
from dbfleet.engines._postgres_types import LEXIS, NAME_BYTES, NATIVE, RELATIONAL, Carried, TypeCatalog, array_text
from dbfleet.engines._sql import (
    Reflector,
    Statement,
    bind,
    check_parameters,
    create_statements,
    line_of,
    statements,
)
from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
    nearest,
    translated,
)
from dbfleet.values import Batch, Column, Row, Schema, Type

if TYPE_CHECKING:
    from psycopg import Connection

_quote = LEXIS.quote


@dataclass(frozen=True, slots=True)
class _TableColumn:
    oid: int
    native: str  # with its sizes: character varying(20)
    cast: str  # without: a cast to varchar(20) would cut a longer key to one that exists
    generated: bool
    not_null: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """What the catalog says: `kind` as in pg_class.relkind."""

    name: str
    sql: str
    kind: str
    columns: Mapping[str, _TableColumn]

    def column(self, name: str) -> _TableColumn:
        if name not in self.columns:
            close = nearest(name, self.columns)
            raise NotFound(f"{self.name} has no column {name}", hint=f"did you mean {close}?" if close else None)
        return self.columns[name]


class PostgresAdapter(Adapter):
    """One psycopg connection in autocommit; `write` and `snapshot` open their own transactions."""

    def __init__(self, target: Target, connection: Connection[Any]) -> None:
        self.spec = ENGINE
        self.target = target
        self.snapshot_id: str | None = None
        self._connection = connection
        self._catalog = TypeCatalog(self._rows)
        self._schemas: set[str] = set()
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
        return ServerInfo(*_product(text), latency)

    def collections(self) -> Sequence[str]:
        return sorted(self._joined(space, table) for space, table in self._rows(_COLLECTIONS))

    def describe(self, name: str) -> Schema:
        table = self._table(name)
        with self._translated():
            found = self._reflector.describe(name, split_name=self._split, join_name=self._joined)
        self._catalog.learn(column.oid for column in table.columns.values())
        return replace(found, columns=tuple(self._described(column, table) for column in found.columns))

    def _described(self, column: Column, table: _Table) -> Column:
        there = table.columns[column.name]
        carried = self._catalog[there.oid]
        column = replace(column, native=there.native)
        if carried.type is None or carried.nested or (column.note and carried.type):
            # SQLAlchemy does not know the type, or sees a domain.
            column = replace(column, type=carried.column_type, note=carried.note)
        return replace(column, note="generated") if there.generated else column

    def create(self, schema: Schema) -> None:
        for name in (self._split(schema.name)[1], *schema.names):
            if len(name.encode()) > NAME_BYTES:
                raise self._unsupported(f"PostgreSQL's names have at most {NAME_BYTES} bytes: {name}")
            if "\0" in name or not name:
                raise self._unsupported(f"PostgreSQL's names are not empty and hold no NUL: {name!r}")
        with self._translated(), self._ready().transaction():
            for statement in create_statements(schema, RELATIONAL, split_name=self._split):
                self._rows(statement)

    def drop(self, name: str) -> None:
        try:
            table = self._table(name)
        except NotFound:
            return
        kind = {"v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}.get(table.kind, "TABLE")
        self._rows(f"DROP {kind} {table.sql}")

    def count(self, name: str) -> int:
        ((rows,),) = self._rows(f"SELECT count(*) FROM {self._sql(name)}")
        return int(rows)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        if not schema.key:
            raise self._unsupported(f"{schema.name} has no key to get rows by")
        table = self._table(schema.name)
        columns = [schema.column(name) for name in schema.key]
        arrays = [f"${number}::{table.column(name).cast}[]" for number, name in enumerate(schema.key, 1)]
        if len(arrays) == 1:  # always by the index; a subselect is, only when the statistics say so
            where = f"{_quote(schema.key[0])} = ANY({arrays[0]})"
        else:
            where = f"({LEXIS.quote_all(schema.key)}) IN (SELECT * FROM unnest({', '.join(arrays)}))"
        select = f"{self._select(schema, table)} WHERE {where}"
        for start in range(0, len(keys), BATCH_SIZE):
            some = keys[start : start + BATCH_SIZE]
            texts = [array_text(wire.array_parameter(column, some, place)) for place, column in enumerate(columns)]
            for batch in self._batches(self._start(select, texts, BATCH_SIZE, exact=True)):
                yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        """By ranges of the key, which hold whatever is written meanwhile: the bounds are quantiles of a sample of
        pages, so gaps and skew do not matter. A table without a key: by ranges of pages, for one that rests."""
        table = self._table(schema.name)
        if parts < 2 or table.kind not in "rpm" or (table.kind == "p" and not schema.key):
            return [WHOLE]
        size = "(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree($1::regclass))"
        ((pages,),) = self._rows(
            f"SELECT coalesce({size if table.kind == 'p' else 'pg_relation_size($1::regclass)'}, 0)"
            " / current_setting('block_size')::bigint",
            [table.sql],
        )
        pages = int(pages)
        if not schema.key:
            edges = sorted({pages * number // parts for number in range(1, parts)} - {0})
            pairs = itertools.pairwise([0, *edges, None])
            return [{"pages": [low, high]} for low, high in pairs] if edges else [WHOLE]
        if not all(table.column(name).not_null for name in schema.key):
            return [WHOLE]  # no range holds a NULL
        # 200 pages a part put a bound within some 7 % of its place.
        percent = 100.0 if pages <= 200 * parts else 100.0 * 200 * parts / pages
        key = LEXIS.quote_all(schema.key)
        texts = ", ".join(f"{_quote(name)}::text" for name in schema.key)
        bounds = self._rows(
            f"SELECT {texts} FROM (SELECT {key}, row_number() OVER (ORDER BY {key}) AS dbfleet_place, count(*) OVER () "
            f"AS dbfleet_total FROM {table.sql} TABLESAMPLE SYSTEM ({percent:.6f}) REPEATABLE (1)) AS s "
            f"JOIN generate_series(1, {parts - 1}) AS n ON dbfleet_place = dbfleet_total * n / {parts} + 1 "
            "WHERE dbfleet_place > 1 ORDER BY dbfleet_place"
        )
        edges_ = [None, *(list(bound) for bound, _ in itertools.groupby(bounds)), None]
        if len(edges_) == 2:
            return [WHOLE]
        pairs_ = itertools.pairwise(edges_)
        return [{word: edge for word, edge in (("from", low), ("below", high)) if edge} for low, high in pairs_]

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        table = self._table(schema.name)
        conditions: list[str] = []
        values: list[str] = []
        for word, sign in (("from", ">="), ("below", "<")):
            if word in part:
                casts = [
                    f"${len(values) + place}::{table.column(name).cast}" for place, name in enumerate(schema.key, 1)
                ]
                conditions.append(f"({LEXIS.quote_all(schema.key)}) {sign} ({', '.join(casts)})")
                values += part[word]
        if "pages" in part:
            low, high = part["pages"]
            conditions.append(f"ctid >= '({int(low)},0)'::tid")
            if high is not None:
                conditions.append(f"ctid < '({int(high)},0)'::tid")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        yield from self._batches(self._start(self._select(schema, table) + where, values, batch_size, exact=True))

    def _select(self, schema: Schema, table: _Table) -> str:
        """SELECT of the schema's columns, each as the schema's type."""
        there = [table.column(name) for name in schema.names]
        self._catalog.learn(column.oid for column in there)
        casts = [_cast(column, self._catalog[its.oid]) for column, its in zip(schema.columns, there, strict=True)]
        return f"SELECT {', '.join(casts)} FROM {table.sql}"

    def write(self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert") -> Written:
        """All or nothing. One million orders: 1.05 times psql's `\\copy` of the same rows."""
        if mode == "upsert" and not schema.key:
            raise self._unsupported(f"{schema.name} has no key to upsert by")
        table = self._table(schema.name)
        self._catalog.learn(table.column(name).oid for name in schema.names)
        kept = [place for place, name in enumerate(schema.names) if not table.column(name).generated]
        columns = [schema.columns[place] for place in kept]
        arrays = [bool(self._catalog[table.column(column.name).oid].element) for column in columns]
        encode = wire.encoder(columns, arrays)
        names = LEXIS.quote_all(column.name for column in columns)
        written = Written()
        # A generated column is computed by the server again.
        pick = None if len(kept) == len(schema.columns) else kept
        connection = self._ready()
        with self._translated(), connection.transaction():
            into = table.sql
            if mode == "upsert":
                into = "pg_temp.dbfleet_upsert"
                self._rows(
                    f"CREATE TEMP TABLE dbfleet_upsert ON COMMIT DROP AS SELECT {names} FROM {table.sql} LIMIT 0"
                )
            with connection.cursor() as cursor, cursor.copy(f"COPY {into} ({names}) FROM STDIN".encode()) as copy:
                for batch in batches:
                    if batch:
                        rows = [tuple([row[place] for place in pick]) for row in batch] if pick else batch
                        copy.write(encode(rows))
                        written.rows += len(batch)
            if mode == "upsert":
                self._merge(table, schema, [column.name for column in columns])
        return written

    def _merge(self, table: _Table, schema: Schema, names: Sequence[str]) -> None:
        from psycopg.errors import CardinalityViolation

        key = LEXIS.quote_all(schema.key)
        others = [_quote(name) for name in names if name not in schema.key]
        action = "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in others) if others else "NOTHING"
        listed = LEXIS.quote_all(names)
        # OVERRIDING: an identity column takes the row's value too, as COPY does.
        head = f"INSERT INTO {table.sql} ({listed}) OVERRIDING SYSTEM VALUE "
        tail = f" ON CONFLICT ({key}) DO {action}"
        connection = self._connection
        try:
            with connection.transaction():
                connection.execute(f"{head}SELECT {listed} FROM pg_temp.dbfleet_upsert{tail}".encode(), prepare=False)
        except CardinalityViolation:
            # A key twice in the rows: the last wins. ctid is the order in which they came. Sorting all the rows costs
            # as much again, so only now.
            once = f"SELECT DISTINCT ON ({key}) {listed} FROM pg_temp.dbfleet_upsert ORDER BY {key}, ctid DESC"
            connection.execute(f"{head}{once}{tail}".encode(), prepare=False)

    def snapshot(self, exported: str | None = None) -> AbstractContextManager[None]:
        """All scans inside see one moment. `snapshot_id` names it for other connections, which join by
        `snapshot(exported=id)` while this one holds it."""
        return self._snapshot(exported)

    @contextmanager
    def _snapshot(self, exported: str | None) -> Iterator[None]:
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
        finally:
            self.snapshot_id = None
            if not self._connection.closed:
                self._connection.rollback()

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        found = self._checked(statement, params)
        return self._run(_Run(statement, found, params or {}, batch_size), 0)

    def encoded(
        self, statement: str, params: Mapping[str, object] | None, format: Literal["csv", "jsonl"]
    ) -> Iterator[bytes] | None:
        found = self._checked(statement, params)
        if len(found) > 1 or found[0].words[:1] not in _SELECTS or format not in ("csv", "jsonl"):
            return None
        from psycopg import sql

        from dbfleet.engines._postgres_types import Context, adapters

        text, values = bind(found[0].text, params, LEXIS, _numbered, numbered=True)
        connection = self._ready()
        translating = self._translated(partial(_located, whole=statement, start=found[0].start, sent=text))
        with translating:
            columns = wire.describe(connection, text, values)
            self._catalog.learn(oid for _, oid in columns)
            # COPY takes no parameters, so psycopg quotes them as literals: with its own quoting, never by hand.
            context = Context(connection, adapters(tolerant=False))
            literals = [sql.Literal(value).as_string(context) for value in values]
            text, _ = bind(found[0].text, params, LEXIS, lambda n, _: f" {literals[n - 1]} ", numbered=True)
            chunks = fast.encoded(connection, self._catalog, text, columns, format)
        return None if chunks is None else self._translated_chunks(chunks)

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
        translating = partial(_located, whole=run.text, start=current.start, sent=text)
        names: list[tuple[str, int]] | None = None
        if current.words[:1] in _SELECTS:
            connection = self._ready()
            with self._translated(translating):
                names = wire.describe(connection, text, values)
            text = self._with_json(text, values, names)
        rows = self._start(text, values, run.batch_size, translating=translating)
        names = names or rows.columns
        self._catalog.learn(oid for _, oid in names)
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
            [ResultColumn(name, self._catalog[oid].type, self._catalog[oid].native) for name, oid in names],
            self._batches(rows, translating, ended),
            affected=rows.affected,
            messages=messages,
            close=rows.close,
            following=following,
        )

    def _with_json(self, text: str, values: Sequence[object], names: Sequence[tuple[str, int]]) -> str:
        """The statement with its nested columns as JSON, where that can be had: the server knows their fields."""
        from psycopg import Error

        self._catalog.learn(oid for _, oid in names)
        if not any(self._catalog[oid].nested for _, oid in names):
            return text
        places = [f"c{number}" for number in range(1, len(names) + 1)]
        casts = [f"to_json({c})" if self._catalog[oid].nested else c for c, (_, oid) in zip(places, names, strict=True)]
        wrapped = f"SELECT {', '.join(casts)} FROM (\n{text}\n) AS q({', '.join(places)})"
        try:
            wire.describe(self._connection, wrapped, values)
        except Error:
            return text
        return wrapped

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

    def _translated(self, translate: Any = None) -> AbstractContextManager[None]:
        return translated(translate or _translate, engine="postgres", target=self.target.name)

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
        self, text: str, values: Sequence[object], batch_size: int, *, exact: bool = False, translating: Any = None
    ) -> wire.Rows:
        connection = self._ready()
        status = connection.info.parameter_status
        if translating is None and (status("TimeZone"), status("DateStyle")) != ("UTC", "ISO, YMD"):
            # A statement of the user's has changed it: for his statements that holds, not for ours.
            with self._translated():
                connection.execute(_SESSION.encode())
        with self._translated(translating):
            rows = wire.Rows(connection, text, values, batch_size, exact=exact)
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

    @cached_property
    def _reflector(self) -> Reflector:
        return Reflector(RELATIONAL, self._connection, use_native_hstore=False)

    @cached_property
    def _space(self) -> str:
        """The schema in which a plain name is."""
        ((space,),) = self._rows("SELECT coalesce(current_schema(), 'public')")
        return str(space)

    def _is_schema(self, name: str) -> bool:
        if name not in self._schemas and self._rows("SELECT FROM pg_namespace WHERE nspname = $1", [name]):
            self._schemas.add(name)
        return name in self._schemas

    def _split(self, collection: str) -> tuple[str, str]:
        """The schema and the table that a collection's name means."""
        for place, mark in enumerate(collection):
            if mark == "." and place and self._is_schema(collection[:place]):
                return collection[:place], collection[place + 1 :]
        return self._space, collection

    def _joined(self, space: str | None, table: str) -> str:
        """The collection's name of a table: the inverse of `_split`."""
        plain = space in (None, self._space)
        return table if plain and self._split(table) == (self._space, table) else f"{space or self._space}.{table}"

    def _sql(self, collection: str) -> str:
        space, table = self._split(collection)
        return f"{_quote(space)}.{_quote(table)}"

    def _table(self, collection: str) -> _Table:
        space, table = self._split(collection)
        found = self._rows(_COLUMNS, [space, table])
        if not found:
            raise NotFound(f"there is no table {collection}", engine="postgres", target=self.target.name)
        columns = {name: _TableColumn(*rest) for _, name, *rest in found if name is not None}
        return _Table(collection, f"{_quote(space)}.{_quote(table)}", found[0][0], columns)

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


_SELECTS: Final = {("SELECT",), ("VALUES",), ("TABLE",), ("WITH",)}

_SESSION: Final = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; "
    # Before version 12 floats came with 15 digits unless asked.
    "SET extra_float_digits = 3; SET standard_conforming_strings = on"
)

_COLLECTIONS: Final = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
"""

_COLUMNS: Final = """
SELECT c.relkind::text, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod),
       format_type(coalesce(nullif(t.typbasetype, 0), t.oid), -1), a.attgenerated <> '', a.attnotnull
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY a.attnum
"""


def _numbered(number: int, name: str) -> str:
    return f"${number}"


def _cast(column: Column, carried: Carried) -> str:
    """The column, as the schema's type."""
    name = _quote(column.name)
    if column.type is carried.column_type:
        return f"to_json({name})" if carried.nested else name
    return f"{name}::{NATIVE[column.type]}"


_PRODUCTS: Final = (
    (r"^CockroachDB\D*v(\S+)", "CockroachDB"),
    (r"-YB-(\d[\d.]*)", "YugabyteDB"),
    (r"\bRedshift (\d[\d.]*)", "Amazon Redshift"),
    (r"\(Greenplum Database (\d[\w.+-]*)", "Greenplum"),
    (r"\(Materialize v?(\d[\d.]*)", "Materialize"),
    (r"EnterpriseDB Advanced Server (\d[\d.]*)", "EDB Postgres Advanced Server"),
    (r"^PostgreSQL (\S+?),? ", "PostgreSQL"),
)


def _product(text: str) -> tuple[str, str]:
    """Product and version, of what version() says: many servers speak the protocol."""
    for pattern, product in _PRODUCTS:
        if found := re.search(pattern, text):
            return product, found[1]
    name, _, rest = text.partition(" ")
    return name, rest.split(" ")[0] or "0"


def connect(target: Target, *, timeout_s: float = 10.0) -> PostgresAdapter:
    """A connection by libpq's rules: what the URL leaves out comes from PGHOST and the like, or ~/.pgpass.

    The URL's options are libpq's own (sslmode, sslrootcert, application_name, options, connect_timeout …), and
    `search_path` or `schema`.
    """
    import psycopg

    given = dict(target.options)
    path = given.pop("search_path", given.pop("schema", None))
    known = [option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()]
    for option in given:
        if option not in known:
            close = nearest(option, [*known, "search_path", "schema"])
            raise UsageError(
                f"PostgreSQL's URLs have no option {option}",
                engine="postgres",
                target=target.name,
                hint=f"did you mean {close}?" if close else "they are libpq's, and search_path",
            )
    options: dict[str, Any] = {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "password": target.password,
        "dbname": target.database,
        "connect_timeout": max(2, round(timeout_s)),
        "application_name": "dbfleet",
        "client_encoding": "UTF8",
    }
    options = {name: value for name, value in options.items() if value is not None} | given
    with translated(_translate_connecting, engine="postgres", target=target.name):
        connection = psycopg.connect(autocommit=True, **options)
        try:
            connection.execute(_SESSION.encode())
            if path:
                names = LEXIS.quote_all(name.strip() for name in path.split(","))
                connection.execute(f"SET search_path = {names}".encode())
        except BaseException:
            connection.close()
            raise
    return PostgresAdapter(target, connection)


_REFUSALS: Final = (
    (r'password authentication failed|no password supplied|role ".*" does not exist|is not permitted to log in',
     AuthFailed, "check the user and the password"),
    (r'database ".*" does not exist', AuthFailed, "psql -l lists the databases"),
    (r"pg_hba\.conf|certificate|authentication", AuthFailed, "the server's pg_hba.conf decides who may come, and how"),
    (r"invalid (\w+ value|port number|integer value)", UsageError, None),
    (r"starting up|shutting down|recovery mode", Unavailable, "try again in a moment"),
    (r"Connection refused|timeout|could not translate|No such file", Unavailable, "is the server running there?"),
)  # fmt: skip


def _translate_connecting(exc: BaseException) -> DbfleetError | None:
    """libpq gives no code for a refused connection, so its words have to do; a server that speaks another language is
    Unavailable, which is right for all of them."""
    import psycopg

    if not isinstance(exc, psycopg.Error):
        return None
    if exc.sqlstate:
        return _translate(exc)
    text = " ".join(str(exc).split())
    for pattern, error, hint in _REFUSALS:
        if re.search(pattern, text):
            return error(text, hint=hint)
    return Unavailable(text)


_BY_STATE: Final[Mapping[str, type[DbfleetError]]] = {
    "08": Unavailable,
    "23": ConstraintViolated,
    "28": AuthFailed,
    "2BP01": ConstraintViolated,  # something depends on what was to be dropped
    "3D000": NotFound,
    "3F000": NotFound,
    "42703": NotFound,
    "42710": AlreadyExists,
    "42P01": NotFound,
    "42P06": AlreadyExists,
    "42P07": AlreadyExists,
    "53300": Unavailable,  # too many connections
    "57P01": Unavailable,
    "57P02": Unavailable,
    "57P03": Unavailable,
}
"""By SQLSTATE, else by its class; everything else is a StatementError."""


def _translate(exc: BaseException) -> DbfleetError | None:
    return _located(exc)


def _located(exc: BaseException, *, whole: str = "", start: int = 0, sent: str = "") -> DbfleetError | None:
    """The error, with the line of `whole` that the server points at: `sent` is the statement that began at `start`."""
    import psycopg

    if not isinstance(exc, psycopg.Error):
        return None
    diagnostic = exc.diag
    state = exc.sqlstate
    if state is None:
        text = " ".join(str(exc).split())
        if isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
            return Unavailable(text or "the connection is lost")
        return StatementError(text)
    message = diagnostic.message_primary or str(exc).strip()
    position = diagnostic.statement_position
    if position and whole.strip().count("\n"):
        line, words = line_of(sent, int(position) - 1)
        message += f" (line {line + whole.count(chr(10), 0, start)}: {words[:80]})"
    if diagnostic.message_detail:
        message += f": {diagnostic.message_detail}"
    if (diagnostic.context or "").startswith("COPY "):
        message += f" ({(diagnostic.context or '').splitlines()[0][:200]})"
    error = _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or StatementError
    if issubclass(error, StatementError):
        return error(message, code=state, hint=diagnostic.message_hint)
    return error(message, hint=diagnostic.message_hint)


ENGINE = EngineSpec(
    name="postgres",
    title="PostgreSQL",
    paradigm="relational",
    language="SQL (PostgreSQL)",
    schemes=("postgresql", "postgres", "pg", "pgsql"),
    driver="psycopg",
    connect=connect,
    types=dict.fromkeys(Type, Fidelity.EXACT),
    capabilities=frozenset(
        {
            Capability.ATOMIC_WRITE,
            Capability.KEYLESS,
            Capability.REFERENCES,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
            Capability.SNAPSHOT,
        }
    ),
    limits=Limits(decimal_scale=16383, name_length=NAME_BYTES, nul_in_text=False, key_length=2700),
    aliases=("pg", "postgresql", "psql", "pgsql"),
    default_port=5432,
    local=LOCAL,
    client=("psql", "--username={user}", "--dbname={database}"),
    url_variable="DATABASE_URL",
    examples={
        "one": "select 1",
        "all": 'select * from "{collection}"',
        "slow": "select pg_sleep(60)",
        "bad": "selec 1",
        "parameter": "select :n",
        "missing": "select * from dbfleet_nowhere",
    },
    quirks=(
        "Text and json cannot hold the character U+0000.",
        "json is jsonb: the order of an object's keys is not kept.",
        "A text of several statements runs one by one, each committed by itself unless the text says BEGIN.",
        "The session runs in UTC.",
    ),
    verified_on=("PostgreSQL 18.6, real, embedded",),
)
