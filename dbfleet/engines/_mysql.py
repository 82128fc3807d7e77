"""MySQL and MariaDB over one protocol and one driver, mysql-connector-python; what differs is asked of the server.

https://dev.mysql.com/doc/refman/9.7/en/ · https://mariadb.com/docs/server/. A mysql:// URL may point at a MariaDB
server and the other way round: `ping` says who answers, and the server's own dialect is spoken.

The session is in UTC, speaks utf8mb4, and keeps the server's sql_mode for `query`, so that a statement means what it
means in the server's own client; our own statements set a strict one.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Literal, Self, TypeVar

from dbfleet.adapter import (
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Condition,
    EngineSpec,
    Part,
    Result,
    ServerInfo,
    Target,
    WriteMode,
    Written,
)
from dbfleet.engines import _mysql_dump, _mysql_encoded, _mysql_extras, _mysql_lines, _mysql_ordered, _mysql_query
from dbfleet.engines import _mysql_write as bulk
from dbfleet.engines._changes import Spelling
from dbfleet.engines._changes import statements as change_statements
from dbfleet.engines._conditions import part as condition_part
from dbfleet.engines._mysql_errors import translate
from dbfleet.engines._mysql_ranges import by_keys, conditions, exactly, split
from dbfleet.engines._mysql_table import Table
from dbfleet.engines._mysql_texts import literal
from dbfleet.engines._mysql_types import LEXIS, Native, kept_beside, lexis, read_native, relational, words
from dbfleet.engines._mysql_values import strict
from dbfleet.engines._mysql_wire import RawRow, Wire, driver_errors
from dbfleet.engines._sql import create_statements
from dbfleet.engines._sql_text import Statement
from dbfleet.errors import DbfleetError, StatementError, Unavailable, translated
from dbfleet.extras import Extra, Extras
from dbfleet.values import Batch, Column, Digest, Reference, Row, Schema, Type

_OUR_MODE: Final = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
_KEYS_AT_ONCE: Final = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    """What the server said of itself when we came."""

    product: str
    version: str
    mariadb: bool
    sql_mode: tuple[str, ...]
    local_files: bool

    @property
    def native_uuid(self) -> bool:
        return self.mariadb and tuple(map(int, re.findall(r"\d+", self.version)[:2])) >= (10, 7)


class MySqlAdapter(Adapter):
    """One connection in autocommit; `write` opens a transaction of its own."""

    def __init__(self, spec: EngineSpec, target: Target, wire: Wire, server: Server) -> None:
        self.spec = spec
        self.target = target
        self._wire = wire
        self._server = server
        self._beside: Wire | None = None
        self._session = _mysql_query.Session(wire, lexis(server.sql_mode), self._described_beside, self._translated)
        self._in_snapshot = False
        self.messages: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        self._rows("SELECT 1")
        return ServerInfo(self._server.product, self._server.version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        found = self._rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')"
        )
        return sorted(str(name) for (name,) in found)

    def describe(self, name: str) -> Schema:
        natives = self._natives(name)
        table = literal(name, Type.TEXT)
        keys = self._rows(f"SHOW KEYS FROM {LEXIS.quote(name)} WHERE Key_name = 'PRIMARY'")
        comment = self._rows(
            "SELECT table_comment FROM information_schema.tables "
            f"WHERE table_schema = DATABASE() AND table_name = {table}"
        )
        order = list(natives)
        kept = kept_beside(comment[0][0] if comment else None)
        return Schema(
            name,
            tuple(native.column for native in natives.values()),
            tuple(str(row[4]) for row in sorted(keys, key=lambda row: int(row[3] or 0))),
            tuple(sorted(self._references(name), key=lambda each: [order.index(column) for column in each.columns])),
            edge=bool(kept.get("edge")),
            partition=tuple(kept.get("partition", ())),
        )

    def _references(self, name: str) -> tuple[Reference, ...]:
        found: dict[str, list[tuple[str, str, str]]] = {}
        # MariaDB compares names here without regard to case.
        for own, constraint, column, table, key in self._rows(
            "SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name "
            "FROM information_schema.key_column_usage WHERE table_schema = DATABASE() "
            f"AND table_name = {literal(name, Type.TEXT)} AND referenced_table_schema = DATABASE() "
            "ORDER BY constraint_name, ordinal_position"
        ):
            if own == name:
                found.setdefault(str(constraint), []).append((str(column), str(table), str(key)))
        references = [
            Reference(tuple(row[0] for row in rows), rows[0][1], tuple(row[2] for row in rows))
            for rows in found.values()
        ]
        return tuple(references)

    def create(self, schema: Schema) -> None:
        wire = self._live()
        carried = relational(schema, mariadb=self._server.mariadb, native_uuid=self._server.native_uuid)
        with self._translated(), self._our_mode():
            for statement in create_statements(schema, carried):
                wire.execute(statement)

    def drop(self, name: str) -> None:
        for found, kind in self._rows(
            "SELECT table_name, table_type FROM information_schema.tables "
            f"WHERE table_schema = DATABASE() AND table_name = {literal(name, Type.TEXT)}"
        ):
            if found == name:
                with self._translated():
                    self._live().execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} IF EXISTS {LEXIS.quote(name)}")

    def count(self, name: str) -> int:
        ((rows,),) = self._rows(f"SELECT count(*) FROM {LEXIS.quote(name)}")
        return int(rows or 0)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        if not schema.key:
            return
        columns = [schema.column(name) for name in schema.key]
        places = schema.key_indexes
        names = LEXIS.quote_all(schema.key)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            wanted = keys[start : start + _KEYS_AT_ONCE]
            rows = ", ".join(
                f"({', '.join(literal(value, column.type) for value, column in zip(key, columns, strict=True))})"
                for key in wanted
            )
            # A table that we did not make may hold 'a' where 'A' was asked for: its collation finds them equal.
            exactly = {tuple(key) for key in wanted} if any(each.type is Type.TEXT for each in columns) else None
            for batch in self._scan(schema, f" WHERE ({names}) IN ({rows})", BATCH_SIZE):
                for row in batch:
                    if exactly is None or tuple(row[place] for place in places) in exactly:
                        yield row

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return split(schema, parts, self._rows)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return self._scan(schema, conditions(schema, part), batch_size)

    def _scan(self, schema: Schema, where: str, batch_size: int) -> Iterator[Batch]:
        wire = self._live()
        with self._translated():
            wire.execute(_scan_statement(schema, where))
        with self._reading():
            rows = strict(schema.columns, wire.fields, schema.name)
            while found := self._fetch(batch_size):
                yield rows(found)

    def write(self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert") -> Written:
        wire = self._live()
        source = _Source(batches)
        with self._translated(source):
            if self._in_snapshot:
                raise StatementError("a snapshot only reads")
            table = Table(schema, self._natives(schema.name), mariadb=self._server.mariadb)
            references = self._references(schema.name)
            fill = bulk.load if self._server.local_files else bulk.insert
            with self._our_mode():
                if mode == "upsert" and schema.key:
                    filled = partial(fill, wire, table, batches=source, replace=True)
                    return Written(bulk.upsert(wire, schema, table.written, filled, references))
                with bulk.transaction(wire, schema.name, references):
                    return Written(fill(wire, table, schema.name, source))

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        wire = self._live()
        table, folding, references = LEXIS.quote(schema.name), self._folding(schema), self._references(schema.name)
        removed = 0
        with self._translated(), bulk.transaction(wire, schema.name, references):
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[start : start + _KEYS_AT_ONCE]
                wire.execute(f"DELETE FROM {table} WHERE {by_keys(schema, some, folding)}")
                removed += wire.affected
        return removed

    def where(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        with self._translated():
            table = Table(schema, self._natives(schema.name), mariadb=self._server.mariadb)
        return condition_part(schema, condition, LEXIS.quote, table.literal)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        with self._translated():
            table = Table(schema, self._natives(schema.name), mariadb=self._server.mariadb)
        folding = self._folding(schema)

        def same(place: int, value: Any) -> str:
            name, text = LEXIS.quote(schema.names[place]), table.literal(place, value)
            found = f"{name} = {text}"
            return f"{found} AND {exactly(name)} = {exactly(text)}" if schema.names[place] in folding else found

        computed = frozenset(schema.names) - frozenset(table.written)
        spelling = Spelling(LEXIS.quote(schema.name), LEXIS.quote, table.literal, same, computed)
        with self._translated():
            yield from change_statements(schema, changes, spelling)

    def _folding(self, schema: Schema) -> set[str]:
        """The columns of the key whose collation takes different texts for equal; of our own tables none."""
        found = self._rows(
            "SELECT column_name, collation_name FROM information_schema.columns WHERE table_schema = DATABASE() "
            f"AND table_name = {literal(schema.name, Type.TEXT)} AND collation_name IS NOT NULL"
        )
        exact = ("ascii_bin", "utf8mb4_0900_bin", "utf8mb4_nopad_bin")
        return {str(name) for name, collation in found if name in schema.key and collation not in exact}

    def extras(self, name: str) -> Extras:
        return _mysql_extras.extras(self._rows, self.describe(name), mariadb=self._server.mariadb)

    def add_extra(self, schema: Schema, extra: Extra) -> None:
        statement = _mysql_extras.add_statement(self._rows, self._natives(schema.name), schema, extra)
        wire = self._live()
        with self._translated(), self._our_mode():
            # A column that a foreign key uses is not touched otherwise, even where its type stays.
            wire.execute("SET SESSION foreign_key_checks = 0")
            try:
                wire.execute(statement)
            finally:
                wire.execute("SET SESSION foreign_key_checks = 1")

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The rows as COPY's text; None where a column is stored in a way that we do not know."""
        condition = conditions(schema, part)
        statement = _mysql_lines.statement(schema, self._natives(schema.name), condition)
        return self._lines(statement, schema, condition) if statement else None

    def _lines(self, statement: str, schema: Schema, condition: str) -> Iterator[bytes]:
        try:
            yield from self._rendered(statement, _mysql_lines.lines(schema))
        except _mysql_lines.Strange:
            for _ in self._scan(schema, _mysql_lines.strange_rows(schema, condition), BATCH_SIZE):
                pass  # the scan refuses it by name
            raise

    def write_lines(self, schema: Schema, chunks: Iterable[bytes], *, mode: WriteMode = "insert") -> Written | None:
        """Rows as COPY's text into the table, as `write`; None where LOAD DATA cannot or would change a value."""
        wire = self._live()
        if not (self._server.local_files and _mysql_lines.takes(schema, self._natives(schema.name))):
            return None
        source = _Source(chunks)

        def fill(name: str, *, replace: bool = False) -> int:
            loading = partial(_mysql_lines.loading, schema.columns, table=name, replace=replace)
            return bulk.load_texts(wire, loading, _mysql_lines.sized(source), replace=replace)

        with self._translated(source):
            if self._in_snapshot:
                raise StatementError("a snapshot only reads")
            references = self._references(schema.name)
            with self._our_mode():
                if mode == "upsert" and schema.key:
                    replacing = partial(fill, replace=True)
                    return Written(bulk.upsert(wire, schema, schema.names, replacing, references))
                with bulk.transaction(wire, schema.name, references):
                    return Written(fill(schema.name))

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        self._live()
        return _mysql_query.run(self._session, _mysql_query.parse(self._session, statement, params), batch_size)

    def encoded(
        self, statement: str, params: Mapping[str, object] | None, format: Literal["csv", "jsonl"]
    ) -> Iterator[bytes] | None:
        """The rows of one statement that gives rows, in that format; None for any other."""
        self._live()
        found = _mysql_query.parse(self._session, statement, params)
        if len(found) > 1 or not _mysql_encoded.gives_rows(found[0], self._session.lexis):
            return None
        self.messages = []
        return self._encoded(found[0], format)

    def _encoded(self, statement: Statement, word: Literal["csv", "jsonl"]) -> Iterator[bytes]:
        wire = self._live()
        with self._translated():
            wire.execute(statement.text)
        with self._reading():
            with self._translated():
                columns = _mysql_query.columns(self._session)
            render = _mysql_encoded.lines(columns, wire.fields, word)
            yield _mysql_encoded.header(columns, word)
            while rows := self._fetch(BATCH_SIZE):
                yield render(rows)
            with self._translated():
                _mysql_query.collect(self._session, statement.words, self.messages)

    def encoded_scan(
        self, schema: Schema, format: Literal["csv", "jsonl"], tally: Callable[[Digest], None] | None = None
    ) -> Iterator[bytes] | None:
        """What the scan gives, from the wire's own bytes; None where this format cannot be had so."""
        self._live()
        return self._encoded_scan(schema, format, tally) if _mysql_dump.possible(schema, format) else None

    def _encoded_scan(
        self, schema: Schema, word: Literal["csv", "jsonl"], tally: Callable[[Digest], None] | None
    ) -> Iterator[bytes]:
        wire = self._live()
        if first := _mysql_dump.header(schema, word):
            yield first
        with self._translated():
            wire.execute(_scan_statement(schema, ""))
        with self._reading():
            render = _mysql_dump.lines(schema, wire.fields, word, digests=tally is not None)
            while rows := self._fetch(BATCH_SIZE):
                with self._translated():
                    chunk, digest = render(rows)
                if tally and digest:
                    tally(digest)
                yield chunk

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The rows as COPY's text, in the order of their key; None where we do not know its order."""
        statement = _mysql_ordered.statement(schema, self._natives(schema.name))
        return self._rendered(statement, _mysql_ordered.lines(schema)) if statement else None

    def _rendered(self, statement: str, lines: Callable[[list[RawRow]], bytes]) -> Iterator[bytes]:
        wire = self._live()
        with self._translated():
            wire.execute(statement)
        with self._reading():
            while rows := self._fetch(BATCH_SIZE):
                yield lines(rows)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All scans inside see the database as it was when this began. Of tables whose engine knows transactions."""
        wire = self._live()
        with self._translated():
            wire.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            wire.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        self._in_snapshot = True
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Exception | GeneratorExit):
                # Interrupted: nothing is waited for any more, and the snapshot ends with the connection.
                try:
                    self.cancel()
                except DbfleetError:
                    pass
                self.close()
            raise
        finally:
            self._in_snapshot = False
            if not wire.closed:
                with self._translated():
                    wire.abandon()
                    wire.execute("ROLLBACK")

    def cancel(self) -> None:
        wire = self._wire
        if not wire.closed and (wire.busy or wire.reading):
            with self._translated():
                wire.stop()

    def close(self) -> None:
        self._wire.close()
        if self._beside is not None:
            self._beside.close()

    # --- inside ---

    def _live(self) -> Wire:
        if self._wire.closed:
            raise Unavailable("the connection is closed", engine=self.spec.name, target=self.target.name)
        return self._wire

    @contextlib.contextmanager
    def _translated(self, source: _Source[Any] | None = None) -> Iterator[None]:
        """The driver's errors and those of our own modules, with our name; never those of the source of a write."""
        try:
            with translated(translate, engine=self.spec.name, target=self.target.name):
                yield
        except DbfleetError as exc:
            if source is None or exc is not source.error:
                exc.engine = exc.engine or self.spec.name
                exc.target = exc.target or self.target.name
            raise

    @contextlib.contextmanager
    def _our_mode(self) -> Iterator[None]:
        """Strict, and 0 stays 0 in an AUTO_INCREMENT column; then what the session had."""
        wire = self._wire
        wire.execute(f"SET @dbfleet_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = '{_OUR_MODE}'")
        try:
            yield
        finally:
            if not wire.closed:
                with contextlib.suppress(*driver_errors()):
                    wire.execute("SET SESSION sql_mode = @dbfleet_sql_mode")

    def _rows(self, statement: str) -> list[tuple[str | None, ...]]:
        wire = self._live()
        with self._translated():
            return wire.rows(statement)

    def _fetch(self, rows: int) -> list[RawRow]:
        wire = self._live()
        with self._translated():
            return wire.fetch(rows)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """While a result is read; what is left of it afterwards is dropped, unless another has taken its place."""
        self._session.turn += 1
        turn = self._session.turn
        try:
            yield
        finally:
            if self._session.turn == turn:
                with self._translated():
                    self._wire.abandon()

    def _natives(self, name: str) -> dict[str, Native]:
        with self._translated():
            return _natives(self._live(), LEXIS.quote(name), mariadb=self._server.mariadb)

    def _described_beside(self, database: str, table: str) -> Mapping[str, Native]:
        """A table's columns, asked on a second connection; none where it has no answer (a temporary table, a lock)."""
        with contextlib.suppress(*driver_errors()):
            if self._beside is None:
                self._beside = self._wire.another()
                self._beside.execute("SET SESSION lock_wait_timeout = 1")
            return _natives(self._beside, f"{LEXIS.quote(database)}.{LEXIS.quote(table)}", mariadb=self._server.mariadb)
        return {}


class _Source(Generic[T]):
    """The batches of a write, once; and the error that came from there, if one did."""

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


_JSON_CHECK: Final = re.compile(r"CHECK \(json_valid\(`((?:[^`]|``)*)`\)\)", re.IGNORECASE)


def _natives(wire: Wire, table: str, *, mariadb: bool) -> dict[str, Native]:
    """The columns of a table, whose name is quoted, by name."""
    found = wire.rows(f"SHOW FULL COLUMNS FROM {table}")
    checked: set[str] = set()
    # MariaDB's JSON is a text of this collation with a check.
    if mariadb and any((row[1], row[2]) == ("longtext", "utf8mb4_bin") for row in found):
        with contextlib.suppress(IndexError):
            text = wire.rows(f"SHOW CREATE TABLE {table}")[0][1] or ""
            checked = {name.replace("``", "`") for name in _JSON_CHECK.findall(text)}
    return {
        str(name): read_native(
            str(name), str(native), nullable == "YES", str(extra), str(comment), checked=name in checked
        )
        for name, native, _, nullable, _, _, extra, _, comment in found
    }


def _scan_statement(schema: Schema, where: str) -> str:
    return f"SELECT {', '.join(map(_read_expression, schema.columns))} FROM {LEXIS.quote(schema.name)}{where}"


def _read_expression(column: Column) -> str:
    """What a scan selects for a column: itself, unless the wire would cut it short."""
    name = LEXIS.quote(column.name)
    kind = words(column.native or "")[0]
    if column.type is Type.FLOAT and kind != "double":
        return f"CAST({name} AS DOUBLE)"  # a FLOAT is sent with 6 digits and holds 9
    return name
