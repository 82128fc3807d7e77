"""Cassandra's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import json
import re
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

from dbfleet.abilities import CarriesExtras, Identifies, TellsLeft
from dbfleet.adapter import (
    BATCH_BYTES,
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Part,
    Result,
    ResultColumn,
    ServerInfo,
    WriteMode,
    Written,
)
from dbfleet.columns import Convert, converted, shortened
from dbfleet.engines.cassandra import left
from dbfleet.engines.cassandra.values import (
    DECLARED,
    FETCH,
    FOREIGN,
    NOTES,
    STATIC,
    Rows,
    cql_type,
    foreign_fetch,
    is_static,
    keeps,
    literal_of,
    plain_value,
    read_only,
    statements,
    store_of,
)
from dbfleet.engines.cassandra.wire import SETTINGS, largest_request, protocol_handler, wide_of
from dbfleet.engines.cassandra.write import IN_FLIGHT, Writing, partition_of, quote, quoted
from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
    translated,
)
from dbfleet.extras import AnyExtra, Extras
from dbfleet.spec import EngineSpec
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Row, Schema, Type

_FIRST_TOKEN, _LAST_TOKEN = -(2**63), 2**63 - 1
_NAME: Final = re.compile(r"\w{1,48}", re.ASCII)
_MARK: Final = "dbfleet:"
_HALF_PAIR: Final = "a name or a text holds half of a pair of surrogates, which is no character"


class CassandraAdapter(
    Adapter,
    Identifies,
    CarriesExtras,
    TellsLeft,
):
    """One session on a cluster."""

    def __init__(self, spec: EngineSpec, target: Target, cluster: Any, session: Any, consistency: str | None) -> None:
        self.spec = spec
        self.target = target
        self.consistency = consistency
        self._cluster = cluster
        self._session = session
        self._keyspace = target.database or ""
        self._closed = False
        self._described: dict[str, Schema] = {}  # as last read, for the types of what is fetched

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        ((version,),) = self._rows("SELECT release_version FROM system.local")
        return ServerInfo("Cassandra", version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        found = self._rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (self._keyspace,))
        return sorted(name for (name,) in found)

    def describe(self, name: str) -> Schema:
        where = "WHERE keyspace_name = %s AND table_name = %s"
        found = self._rows(f"SELECT comment FROM system_schema.tables {where}", (self._keyspace, name))
        if not found:
            raise self._not_found(name)
        comment = found[0][0] or ""
        if comment.startswith(_MARK):
            kept = Schema.from_dict(json.loads(comment[len(_MARK) :]))
            columns = [replace(each, note=NOTES.get(cql_type(each) or "", each.note)) for each in kept.columns]
            kept = self._described[name] = replace(kept, columns=tuple(columns))
            return kept
        columns, keys = [], []
        fields = "column_name, kind, position, type"
        for column, kind, position, type_ in self._rows(
            f"SELECT {fields} FROM system_schema.columns {where}", (self._keyspace, name)
        ):
            plain = type_.removeprefix("frozen<") if type_.startswith("frozen<") else type_
            carried = FOREIGN.get(plain, Type.JSON)
            native = f"{type_}{STATIC}" if kind == "static" else type_
            nullable = kind in ("regular", "static")
            note = NOTES.get(plain) or (f"{plain.partition('<')[0]}, as json" if carried is Type.JSON else None)
            columns.append(Column(column, carried, nullable, native=native, note=note))
            if kind in ("partition_key", "clustering"):
                keys.append((kind != "partition_key", position, column))
        key = tuple(column for _, _, column in sorted(keys))
        partition = tuple(column for clustering, _, column in sorted(keys) if not clustering)
        columns.sort(key=lambda column: (key.index(column.name) if column.name in key else len(key), column.name))
        own = Schema(name, tuple(columns), key, partition=partition if len(partition) > 1 else ())
        self._described[name] = own
        return own

    def create(self, schema: Schema) -> None:
        if not _NAME.fullmatch(schema.name):
            raise self._unsupported(f"the name {schema.name!r}: letters, digits and _ only, 48 at most")
        if not schema.key:
            raise self._unsupported(f"{schema.name} has no key, and a table of Cassandra's needs one")
        for column in schema.columns:
            if not column.name or len(column.name.encode(errors="surrogatepass")) > 65535:
                raise self._unsupported(f"the column name {column.name!r}")
        partition = partition_of(schema)
        clustering = [name for name in schema.key if name not in partition]
        columns = ", ".join(f"{quote(column.name)} {_declared(column)}" for column in schema.columns)
        primary = ", ".join([f"({quoted(partition)})", *map(quote, clustering)])
        # Without another engine's names of the types.
        kept = replace(
            schema,
            columns=tuple(column if keeps(column) else replace(column, native=None) for column in schema.columns),
        )
        self._described.pop(schema.name, None)
        comment = (_MARK + json.dumps(kept.to_dict(), ensure_ascii=False)).replace("'", "''")
        self._rows(f"CREATE TABLE {self._table(schema.name)} ({columns}, PRIMARY KEY ({primary})) "
                   f"WITH comment = '{comment}'")  # fmt: skip

    def drop(self, name: str) -> None:
        if _NAME.fullmatch(name):
            self._rows(f"DROP TABLE IF EXISTS {self._table(name)}")

    def count(self, name: str) -> int:
        """By token ranges: one count over a large table would run into the server's time limit."""
        schema = self.describe(name)
        partition = quoted(partition_of(schema))
        prepared = self._prepare(
            f"SELECT count(*) FROM {self._table(name)} WHERE token({partition}) >= ? AND token({partition}) <= ?"
        )
        ranges = _ranges(16)
        total = 0
        for _, rows in self._concurrently((prepared, bounds, None) for bounds in ranges):
            total += rows[0][0]
        return total

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
        prepared = self._prepare(f"SELECT {quoted(schema.names)} FROM {self._table(schema.name)} WHERE {where}")
        store = store_of([self._there(schema, name) for name in schema.key])
        fetch = self._fetcher(schema)
        for _, rows in self._concurrently((prepared, key, None) for key in store(list(keys))):
            yield from fetch(rows)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        """Token ranges of equal size: keys are hashed, so they hold about as many rows each."""
        if parts < 2:
            return [WHOLE]
        return [{"from": low, "to": high} for low, high in _ranges(parts)]

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        statement = f"SELECT {quoted(schema.names)} FROM {self._table(schema.name)}"
        bounds: tuple[Any, ...] = ()
        if part:
            token = f"token({quoted(partition_of(schema))})"
            statement += f" WHERE {token} >= ? AND {token} <= ?"
            bounds = (part["from"], part["to"])
        fetch = self._fetcher(schema)
        times = [place for place, column in enumerate(schema.columns) if column.type is Type.TIME]
        keys = schema.key_indexes if any(map(is_static, self._described[schema.name].columns)) else ()
        for rows in self._pages(self._prepare(statement).bind(bounds), batch_size):
            if keys:  # a partition that has static values alone is no row
                rows = [row for row in rows if None not in [row[place] for place in keys]]
            yield Rows(fetch(rows), {schema.names[place]: [row[place] for row in rows] for place in times})

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        there = [self._there(schema, name) for name in schema.names]
        why = next((why for why in map(read_only, there) if why), None)
        if why:
            raise Unsupported(f"{schema.name}: {why}", engine="cassandra", target=self.target.name)
        table, marks = self._table(schema.name), ", ".join("?" * len(schema.columns))
        plain = self._prepare(f"INSERT INTO {table} ({quoted(schema.names)}) VALUES ({marks})")
        writing = Writing(self, schema, plain, store_of(there), keep_nulls=mode == "upsert")
        writing.largest = self._largest_request()
        if mode == "insert":
            writing.careful = self._prepare(f"{plain.query_string} IF NOT EXISTS")
            found = not alone and self._rows(f"SELECT {quote(schema.key[0])} FROM {table} LIMIT 1")
            writing.fresh = not found
        for batch in batches:
            for short in shortened(schema.columns, [batch]):
                writing.write(short, batch.times if isinstance(batch, Rows) else {})
        return writing.written

    def extras(self, name: str) -> Extras:
        """Cassandra has nothing that goes along; what stays behind is named."""
        schema = self.describe(name)
        return Extras(left=tuple(left.of_table(self, schema, ours=self._ours(name))))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        raise self._unsupported(f"a {type(extra).__name__.lower()} of {schema.name}")

    def left(self) -> Sequence[str]:
        """What a copy leaves behind of the keyspace."""
        return list(left.of_keyspace(self))

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        columns = [schema.column(name) for name in schema.key]
        # A DELETE does not say whether there was a row, and IF EXISTS costs four round trips between replicas.
        there = set(self.get(replace(schema, columns=tuple(columns), references=(), edge=False), keys))
        where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
        prepared = self._prepare(f"DELETE FROM {self._table(schema.name)} WHERE {where}")
        store = store_of([self._there(schema, name) for name in schema.key])
        for _ in self._concurrently((prepared, key, None) for key in store(list(there))):
            pass
        return len(there)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        literals = [literal_of(column) for column in schema.columns]
        spelling = Spelling(self._table(schema.name), quote, lambda place, value: literals[place](value))
        yield from change_statements(schema, changes, spelling)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        texts = statements(statement)
        if not texts:
            raise UsageError("the statement is empty", target=self.target.name)
        if params and len(texts) > 1:
            raise UsageError("params go with one statement, not with several", target=self.target.name)
        return self._result(texts, params or {}, batch_size)

    def _result(self, texts: Sequence[str], params: Mapping[str, object], batch_size: int) -> Result:
        from cassandra.query import SimpleStatement

        if params:
            bound: Any = self._bind(self._prepare(texts[0]), params)
        else:
            bound = SimpleStatement(texts[0])
        if self.consistency:
            bound.consistency_level = _consistency(self.consistency)
        bound.fetch_size = 1
        with self._translated():
            pages = self._session.execute(bound, timeout=None)
        names = pages.column_names or []
        types = pages.column_types or []
        columns = [
            ResultColumn(name, _result_type(type_), type_.cql_parameterized_type())
            for name, type_ in zip(names, types, strict=True)
        ]

        def batches() -> Iterator[Batch]:
            for rows in self._more(pages, batch_size):
                yield [tuple(map(plain_value, row)) for row in rows]

        return Result(
            columns,
            batches() if columns else (),
            messages=list(pages.response_future.warnings or ()),
            following=lambda: self._result(texts[1:], params, batch_size) if len(texts) > 1 else None,
        )

    def _bind(self, prepared: Any, params: Mapping[str, object]) -> Any:
        known = {column.name: column.type.typename for column in prepared.column_metadata}
        for name in sorted(set(params) - set(known)):
            raise UsageError(f"no :{name} in the statement", target=self.target.name)
        for name in sorted(set(known) - set(params)):
            hint = f"give one with --param {name}=…"
            raise UsageError(f"the statement has :{name} and no value for it", target=self.target.name, hint=hint)
        text = ("text", "varchar", "ascii")
        values = {
            name: str(value) if known[name] in text and not isinstance(value, str) and value is not None else value
            for name, value in params.items()
        }
        with self._translated():
            return prepared.bind(values)

    def cancel(self) -> None:
        raise Unsupported("Cassandra cannot stop a statement", engine="cassandra", target=self.target.name)

    def identity(self) -> str:
        """The cluster's nodes by their ids and addresses, and the keyspace. A single node's copy may have the same id
        and, in a container, the same address, but it was started at another moment."""
        session = self._open()
        with self._translated():
            host = next(iter(session.hosts))  # all answers of one node: each lists the others
            answer = session.execute("SELECT * FROM system.local", host=host)
            local = dict(zip(answer.column_names, answer.one(), strict=True))
            peers = session.execute("SELECT host_id, peer FROM system.peers", host=host)
            nodes = {f"{id_} {address}" for id_, address in peers if id_ is not None}
        if not nodes:
            words = ("rpc_port", "gossip_generation")
            nodes = {" ".join(str(local[word]) for word in words if word in local)}
        nodes.add(f"{local['host_id']} {local['broadcast_address']}")
        return f"cassandra {local['cluster_name']} {' '.join(sorted(nodes))} {self._keyspace}"

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._cluster.shutdown()

    # --- inside ---

    def _translated(self) -> Any:
        return translated(_translate, engine="cassandra", target=self.target.name)

    def _table(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise self._not_found(name)
        return f"{quote(self._keyspace)}.{quote(name)}"

    def _open(self) -> Any:
        if self._closed:
            raise Unavailable("the connection is closed", engine="cassandra", target=self.target.name)
        return self._session

    def _rows(self, statement: str, params: Sequence[Any] = ()) -> list[Any]:
        session = self._open()
        with self._translated():
            return list(session.execute(statement, params or None))

    def _prepare(self, statement: str) -> Any:
        session = self._open()
        with self._translated():
            prepared = session.prepare(statement)
        if self.consistency:
            prepared.consistency_level = _consistency(self.consistency)
        return prepared

    def _concurrently(self, work: Iterable[tuple[Any, Any, Any]]) -> Iterator[tuple[Any, list[Any]]]:
        """Run (statement, params, tag) with a bounded number in flight: each tag with its rows, in order."""
        flying: deque[tuple[Any, Any]] = deque()
        for statement, params, tag in work:
            with self._translated():
                flying.append((tag, self._session.execute_async(statement, params)))
            if len(flying) >= IN_FLIGHT:
                yield self._landed(*flying.popleft())
        while flying:
            yield self._landed(*flying.popleft())

    def _landed(self, tag: Any, future: Any) -> tuple[Any, list[Any]]:
        with self._translated():
            rows = list(future.result())
        # A future is in a cycle with its callbacks: without this its values wait for the collector, 12 MB of them.
        future.query = future.message = None
        return tag, rows

    def _pages(self, bound: Any, size: int) -> Iterator[list[Row]]:
        bound.fetch_size = 1
        with self._translated():
            pages = self._session.execute(bound, timeout=None)
        yield from self._more(pages, size)

    def _more(self, pages: Any, size: int) -> Iterator[list[Row]]:
        """The rows of an answer's pages. A page has the more rows the smaller those of the last one were: the server
        holds a page in its heap, and we hold it too."""
        fetched = 1
        while True:
            rows = pages.current_rows
            if rows:
                yield rows
            if not pages.has_more_pages:
                return
            largest = max(map(wide_of, rows), default=0)
            fetched = max(1, min(size, 4 * fetched, BATCH_BYTES // (largest + 1)))
            pages.response_future.message.fetch_size = fetched
            with self._translated():
                pages.fetch_next_page()

    def _largest_request(self) -> tuple[int, str] | None:
        """What one statement may hold with its values, where this user may ask."""
        names = ", ".join(f"'{name}'" for name in SETTINGS)
        try:
            return largest_request(self._rows(f"SELECT name, value FROM system_views.settings WHERE name IN ({names})"))
        except StatementError:
            return None

    def _there(self, schema: Schema, name: str) -> Column:
        """A column as the table has it: `native` in the schema may be another engine's, as in one from a dump."""
        if schema.name not in self._described:
            self.describe(schema.name)
        found = self._described[schema.name]
        return found.column(name) if name in found.names else replace(schema.column(name), native=None)

    def _fetcher(self, schema: Schema) -> Callable[[Sequence[Row]], Batch]:
        """By the schema's types where dbfleet made the table, else by the table's own; a value that its column's type
        does not hold is refused by its name."""
        known = [self._there(schema, name) for name in schema.names]
        plan = [
            (place, self._named(schema, name, fetch))
            for place, name in enumerate(schema.names)
            if (fetch := foreign_fetch(known[place]) if known[place].native else FETCH.get(schema.columns[place].type))
        ]
        return lambda rows: converted(rows, plan)

    def _named(self, schema: Schema, name: str, fetch: Convert) -> Convert:
        def convert(value: Any) -> Any:
            try:
                return fetch(value)
            except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError) as exc:
                message = f"{schema.name}.{name}: {plain_value(value)!s:.200} is no {schema.column(name).type}"
                raise StatementError(message, engine="cassandra", target=self.target.name) from exc

        return convert

    def _ours(self, name: str) -> bool:
        where = "WHERE keyspace_name = %s AND table_name = %s"
        ((comment,),) = self._rows(f"SELECT comment FROM system_schema.tables {where}", (self._keyspace, name))
        return bool(comment) and comment.startswith(_MARK)

    def _not_found(self, name: str) -> NotFound:
        return NotFound(f"no collection {name!r}", engine="cassandra", target=self.target.name)

    def _unsupported(self, message: str) -> Unsupported:
        return Unsupported(f"Cassandra cannot hold {message}", engine="cassandra", target=self.target.name)


def _declared(column: Column) -> str:
    return str(column.native) if keeps(column) else DECLARED[column.type]


def _ranges(parts: int) -> list[tuple[int, int]]:
    """All tokens in `parts` ranges, both ends included."""
    step = 2**64 // parts
    starts = [_FIRST_TOKEN + number * step for number in range(parts)]
    return [(low, high - 1) for low, high in zip(starts, [*starts[1:], _LAST_TOKEN + 1], strict=True)]


def _result_type(type_: Any) -> Type | None:
    found = FOREIGN.get(type_.typename, Type.JSON)
    return None if found in (Type.DATE, Type.TIME) or type_.typename in ("inet", "duration") else found


def _consistency(name: str) -> int:
    from cassandra import ConsistencyLevel

    word = name.upper().replace("-", "_")
    if word not in ConsistencyLevel.name_to_value:
        known = ", ".join(ConsistencyLevel.name_to_value)
        raise UsageError(f"no consistency is called {name!r}", hint=f"the consistencies are: {known}")
    level: int = ConsistencyLevel.name_to_value[word]
    return level


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> CassandraAdapter:
    """A session on the target's keyspace. AuthFailed or Unavailable within about `timeout_s`."""
    import logging

    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
    from cassandra.query import tuple_factory

    for option in target.options:
        if option != "consistency":
            raise UsageError(f"a Cassandra URL has no option {option!r}", hint="it has: consistency")
    consistency = target.options.get("consistency")
    if consistency:
        _consistency(consistency)
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)  # what it logs comes as an error too
    login = PlainTextAuthProvider(target.user, target.password or "") if target.user is not None else None
    hosts = [host.rpartition(":")[0] or host for host in (target.host or "").split(",")]
    profile = ExecutionProfile(row_factory=tuple_factory, request_timeout=60.0)
    with translated(_translate, engine="cassandra", target=target.name):
        cluster = Cluster(
            hosts,
            port=target.port or 9042,
            auth_provider=login,
            connect_timeout=timeout_s,
            control_connection_timeout=timeout_s,
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
    adapter = CassandraAdapter(spec, target, cluster, None, consistency)
    try:
        with adapter._translated():
            adapter._session = cluster.connect()
        adapter._session.client_protocol_handler = protocol_handler()
        _choose_keyspace(adapter, target)
    except BaseException:
        cluster.shutdown()
        raise
    return adapter


def _choose_keyspace(adapter: CassandraAdapter, target: Target) -> None:
    name = target.database
    if not name:
        return
    if not adapter._rows("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", (name,)):
        if not (target.create or target.managed):
            raise AuthFailed(
                f"no keyspace {name!r}", engine="cassandra", target=target.name, hint="seed, load and copy make it"
            )
        adapter._rows(
            f"CREATE KEYSPACE IF NOT EXISTS {quote(name)} "
            "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
    with adapter._translated():
        adapter._session.set_keyspace(name)


def _translate(exc: BaseException) -> DbfleetError | None:
    import cassandra
    from cassandra import cluster, connection, protocol

    if isinstance(exc, cluster.NoHostAvailable):
        causes = list(exc.errors.values()) if isinstance(exc.errors, dict) else list(exc.errors or ())
        if any(isinstance(cause, cassandra.AuthenticationFailed) for cause in causes):
            return AuthFailed("the server refuses this user or password")
        if causes and isinstance(causes[0], UnicodeEncodeError):  # nothing was sent
            return StatementError(_HALF_PAIR)
        return Unavailable(f"no connection: {causes[0] if causes else exc}")
    if isinstance(exc, cassandra.AuthenticationFailed):
        return AuthFailed("the server refuses this user or password")
    if isinstance(exc, cassandra.AlreadyExists):
        return AlreadyExists(f"the collection {exc.table!r} is there" if exc.table else str(exc))
    if isinstance(exc, cassandra.UnresolvableContactPoints):
        return Unavailable("the host's name does not resolve")
    if isinstance(exc, UnicodeEncodeError):
        return StatementError(_HALF_PAIR)
    if isinstance(exc, TypeError | ValueError | OverflowError | struct.error) and "cassandra" in _raised_in(exc):
        return StatementError(f"a value does not fit its column: {exc}")
    unavailable = (
        cassandra.OperationTimedOut,
        cassandra.Unavailable,
        cassandra.Timeout,
        connection.ConnectionException,
    )
    if isinstance(exc, unavailable):
        return Unavailable(str(exc))
    if isinstance(
        exc, protocol.ErrorMessage | cassandra.RequestExecutionException | cassandra.RequestValidationException
    ):
        text = getattr(exc, "message", None) or str(exc)
        found = re.search(r'message="(.*)"', text, re.DOTALL)
        text = found[1] if found else text
        numbered = re.search(r"code=(\w{4})", str(exc))
        code = numbered[1] if numbered else None
        missing = re.search(r"(?i)table .* does not exist|unconfigured table|keyspace .* does not exist", text)
        return (NotFound if missing else StatementError)(text, code=code)
    if isinstance(exc, cassandra.DriverException):
        return Unavailable(str(exc))
    return None


def _raised_in(exc: BaseException) -> str:
    """The module that raised it: the driver checks values with Python's own exceptions."""
    trace = exc.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")) if trace else ""
