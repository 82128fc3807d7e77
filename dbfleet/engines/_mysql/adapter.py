"""MySQL and MariaDB over one protocol and one driver, mysql-connector-python; what differs is asked of the server.

https://dev.mysql.com/doc/refman/9.7/en/ · https://mariadb.com/docs/server/. A mysql:// URL may point at a MariaDB
server and the other way round: `ping` says who answers, and the server's own dialect is spoken.

The session is in UTC, speaks utf8mb4, and keeps the server's sql_mode for `query`, so that a statement means what it
means in the server's own client; our own statements set a strict one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, Self

from dbfleet.abilities import (
    CarriesExtras,
    Encodes,
    EncodesScans,
    Encoding,
    Identifies,
    Locates,
    Narrows,
    Notices,
    Ordered,
    ReadsLines,
    Snapshots,
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
    ServerInfo,
    Swap,
    WriteMode,
    Written,
)
from dbfleet.engines._mysql import extras, large, query, swap, tables
from dbfleet.engines._mysql import write as bulk
from dbfleet.engines._mysql.fast import encoded, encoded_scan, ordered
from dbfleet.engines._mysql.fast import lines as fast_lines
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.load_data import Table
from dbfleet.engines._mysql.read import by_keys, conditions, exactly, split
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.tables import Server
from dbfleet.engines._mysql.types import LEXIS, relational, words
from dbfleet.engines._mysql.values import strict
from dbfleet.engines._mysql.wire import RawRow, Wire
from dbfleet.engines._mysql.write import Source
from dbfleet.errors import DbfleetError, StatementError
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.spec import EngineSpec
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.sql.relational import create_statements
from dbfleet.sql.text import Statement
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Digest, Row, Schema, Type

_KEYS_AT_ONCE: Final = 500


class MySqlAdapter(
    Adapter,
    Identifies,
    Locates,
    Swaps,
    TellsLosses,
    Snapshots,
    Encodes,
    Notices,
    EncodesScans,
    Ordered,
    Narrows,
    ReadsLines,
    WritesLines,
    CarriesExtras,
    TellsLeft,
):
    """One connection in autocommit; `write` opens a transaction of its own."""

    def __init__(self, spec: EngineSpec, target: Target, wire: Wire, server: Server) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(spec.name, target.name, wire, server)
        self._in_snapshot = False
        self._messages: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        self._session.rows("SELECT 1")
        return ServerInfo(self._session.server.product, self._session.server.version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        return tables.collections(self._session.rows)

    def describe(self, name: str) -> Schema:
        return tables.describe(self._session.rows, name, self._session.server)

    def create(self, schema: Schema) -> None:
        wire = self._session.live()
        carried = relational(schema, mariadb=self._session.server.mariadb, native_uuid=self._session.server.native_uuid)
        with self._session.translated(), self._session.our_mode():
            for statement in create_statements(schema, carried):
                wire.execute(statement)

    def drop(self, name: str) -> None:
        kind = tables.kind(self._session.rows, name, self._session.server)
        if kind is None:
            return
        wire = self._session.live()
        with self._session.translated():
            if name.startswith(tables.HIDDEN):
                swap.drop(wire, {name: kind})
            else:
                wire.execute(f"DROP {kind} IF EXISTS {LEXIS.quote(name)}")

    def identity(self) -> str:
        """The server's id, where and since when it runs, and the database."""
        return swap.identity(self._session.rows, self._session.server)

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """A table's name in capitals is the same where the server says so."""
        database, folds = self.identity(), self._session.server.folds_names
        return [f"{database}:{name.lower() if folds else name}" for name in names]

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All of them take their places by one RENAME TABLE."""
        wire = self._session.live()
        with self._session.translated():
            swap.swap(wire, swaps)

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        with self._session.translated():
            return swap.lost(self._session.rows, names)

    def leftovers(self) -> Sequence[str]:
        """Staged tables, and gone ones that were not dropped: `drop` removes them."""
        return swap.leftovers(self._session.rows)

    def count(self, name: str) -> int:
        ((rows,),) = self._session.rows(f"SELECT count(*) FROM {LEXIS.quote(name)}")
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
            where = f" WHERE ({names}) IN ({rows})"
            huge = large.has_huge_among(schema, where, self._session.rows)
            for batch in (self._sliced if huge else self._scan)(schema, where, BATCH_SIZE):
                for row in batch:
                    if exactly is None or tuple(row[place] for place in places) in exactly:
                        yield row

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        # A server makes an answer of more than a large row's size, and a small one has no room for two at once.
        if large.first_are_large(schema, self._session.rows):
            return [WHOLE]
        return split(schema, parts, self._session.rows)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        where = conditions(schema, part)
        return (self._sliced if self._has_huge(schema, part) else self._scan)(schema, where, batch_size)

    def _has_huge(self, schema: Schema, part: Part) -> bool:
        # A table with large rows has no ranges: see split.
        return not part.keys() & {"from", "below"} and large.has_huge(schema, self._session.rows)

    def _scan(self, schema: Schema, where: str, batch_size: int) -> Iterator[Batch]:
        wire = self._session.live()
        with self._session.translated():
            wire.execute(_scan_statement(schema, where))
        with self._session.reading():
            rows = strict(schema.columns, wire.fields, schema.name)
            while found := self._session.fetch(batch_size):
                yield rows(found)

    def _sliced(self, schema: Schema, where: str, batch_size: int) -> Iterator[Batch]:
        """As `_scan`, the rows with huge values last, of the same moment."""
        wire = self._session.live()
        folding = tables.folding(self._session.rows, schema)
        slices = large.Slices(schema, [*map(_read_expression, schema.columns)], where)
        lacking: list[RawRow] = []
        with contextlib.nullcontext() if self._in_snapshot else self.snapshot():
            with self._session.translated():
                wire.execute(slices.select)
            with self._session.reading():
                read = strict(schema.columns, wire.fields[: len(schema.columns)], schema.name)
                while found := self._session.fetch(batch_size):
                    whole, some = slices.apart(found)
                    lacking += some
                    if whole:
                        yield read(whole)
            with self._session.translated():
                yield from slices.whole(wire, lacking, read, folding)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        wire = self._session.live()
        source = Source(batches)
        with self._session.translated(source):
            if self._in_snapshot:
                raise StatementError("a snapshot only reads")
            table = self._table(schema)
            references = tables.references(self._session.rows, schema.name)
            fill = bulk.load if self._session.server.local_files else bulk.insert
            with self._session.our_mode():
                if mode == "upsert" and schema.key:
                    filled = partial(fill, wire, table, batches=source, replace=True)
                    return Written(bulk.upsert(wire, schema, table.written, filled, references))
                with bulk.transaction(wire, schema.name, references):
                    return Written(fill(wire, table, schema.name, source))

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        wire = self._session.live()
        table, folding = LEXIS.quote(schema.name), tables.folding(self._session.rows, schema)
        references = tables.references(self._session.rows, schema.name)
        removed = 0
        with self._session.translated(), bulk.transaction(wire, schema.name, references):
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[start : start + _KEYS_AT_ONCE]
                wire.execute(f"DELETE FROM {table} WHERE {by_keys(schema, some, folding)}")
                removed += wire.affected
        return removed

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        with self._session.translated():
            table = self._table(schema)
        if any(ordered.is_single(schema.column(name)) for name in condition.columns):
            return None  # no FLOAT is 0.1 to the server
        return condition_part(schema, condition, LEXIS.quote, table.literal)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        with self._session.translated():
            table = self._table(schema)
        folding = tables.folding(self._session.rows, schema)

        def same(place: int, value: Any) -> str:
            name, text = LEXIS.quote(schema.names[place]), table.literal(place, value)
            found = f"{name} = {text}"
            return f"{found} AND {exactly(name)} = {exactly(text)}" if schema.names[place] in folding else found

        computed = frozenset(schema.names) - frozenset(table.written)
        spelling = Spelling(
            LEXIS.quote(schema.name), LEXIS.quote, table.literal, same, computed, touched=frozenset(table.touched)
        )
        with self._session.translated():
            yield from change_statements(schema, changes, spelling)

    def extras(self, name: str) -> Extras:
        schema, natives = self.describe(name), self._session.natives(name)
        return extras.extras(self._session.rows, schema, natives, self._session.server)

    def left(self) -> Sequence[str]:
        """What the database has besides its collections: views, sequences, routines, events."""
        ask = self._session.rows
        return extras.left(ask, tables.broken_views(ask, tables.kinds(ask)))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        extra = shared(extra, self.spec.title)
        statement = extras.add_statement(self._session.rows, self._session.natives(schema.name), schema, extra)
        wire = self._session.live()
        with self._session.translated(), self._session.our_mode():
            # A column that a foreign key uses is not touched otherwise, even where its type stays.
            wire.execute("SET SESSION foreign_key_checks = 0")
            try:
                wire.execute(statement)
            finally:
                wire.execute("SET SESSION foreign_key_checks = 1")

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The rows as COPY's text; None where a column is stored in a way that we do not know, or has huge values."""
        if self._has_huge(schema, part):
            return None
        condition = conditions(schema, part)
        statement = fast_lines.statement(schema, self._session.natives(schema.name), condition)
        return self._lines(statement, schema, condition) if statement else None

    def _lines(self, statement: str, schema: Schema, condition: str) -> Iterator[bytes]:
        try:
            yield from self._rendered(statement, fast_lines.lines(schema))
        except fast_lines.Strange:
            for _ in self._scan(schema, fast_lines.strange_rows(schema, condition), BATCH_SIZE):
                pass  # the scan refuses it by name
            raise

    def write_lines(self, schema: Schema, chunks: Iterable[bytes], *, mode: WriteMode = "insert") -> Written | None:
        """Rows as COPY's text into the table, as `write`; None where LOAD DATA cannot or would change a value."""
        wire, natives = self._session.live(), self._session.natives(schema.name)
        if not (self._session.server.local_files and fast_lines.takes(schema, natives)):
            return None
        source = Source(chunks)

        def fill(name: str, *, replace: bool = False) -> int:
            loading = partial(fast_lines.loading, schema.columns, natives, table=name, replace=replace)
            return bulk.load_texts(wire, loading, fast_lines.segments(schema.columns, source), replace=replace)

        with self._session.translated(source):
            if self._in_snapshot:
                raise StatementError("a snapshot only reads")
            references = tables.references(self._session.rows, schema.name)
            with self._session.our_mode():
                if mode == "upsert" and schema.key:
                    replacing = partial(fill, replace=True)
                    return Written(bulk.upsert(wire, schema, schema.names, replacing, references))
                with bulk.transaction(wire, schema.name, references):
                    return Written(fill(schema.name))

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        self._session.live()
        return query.run(self._session, query.parse(self._session, statement, params), batch_size)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        """The rows of one statement that gives rows, in that format; None for any other."""
        self._session.live()
        found = query.parse(self._session, statement, params)
        if len(found) > 1 or not encoded.gives_rows(found[0], self._session.lexis):
            return None
        self._messages = []
        return self._encoded(found[0], format)

    @property
    def messages(self) -> Sequence[str]:
        return self._messages

    def _encoded(self, statement: Statement, word: Literal["csv", "jsonl"]) -> Iterator[bytes]:
        wire = self._session.live()
        with self._session.translated():
            wire.execute(statement.text)
        with self._session.reading():
            with self._session.translated():
                columns = query.columns(self._session)
            render = encoded.lines(columns, wire.fields, word)
            yield encoded.header(columns, word)
            while rows := self._session.fetch(BATCH_SIZE):
                yield render(rows)
            with self._session.translated():
                query.collect(self._session, statement.words, self._messages)

    def encoded_scan(
        self, schema: Schema, format: Encoding, tally: Callable[[Digest], None] | None = None
    ) -> Iterator[bytes] | None:
        """What the scan gives, from the wire's own bytes; None where this format cannot be had so."""
        self._session.live()
        if not encoded_scan.possible(schema, format) or self._has_huge(schema, WHOLE):
            return None
        return self._encoded_scan(schema, format, tally)

    def _encoded_scan(
        self, schema: Schema, word: Literal["csv", "jsonl"], tally: Callable[[Digest], None] | None
    ) -> Iterator[bytes]:
        wire = self._session.live()
        if first := encoded_scan.header(schema, word):
            yield first
        with self._session.translated():
            wire.execute(_scan_statement(schema, ""))
        with self._session.reading():
            render = encoded_scan.lines(schema, wire.fields, word, digests=tally is not None)
            while rows := self._session.fetch(BATCH_SIZE):
                with self._session.translated():
                    chunk, digest = render(rows)
                if tally and digest:
                    tally(digest)
                yield chunk

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The rows as COPY's text, in the order of their key; None where we do not know its order."""
        statement = ordered.statement(schema, self._session.natives(schema.name))
        if statement is None or self._has_huge(schema, WHOLE):
            return None
        return self._rendered(statement, ordered.lines(schema))

    def _rendered(self, statement: str, lines: Callable[[list[RawRow]], bytes]) -> Iterator[bytes]:
        wire = self._session.live()
        with self._session.translated():
            wire.execute(statement)
        with self._session.reading():
            while rows := self._session.fetch(BATCH_SIZE):
                yield lines(rows)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All scans inside see the database as it was when this began. Of tables whose engine knows transactions."""
        wire = self._session.live()
        with self._session.translated():
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
                with self._session.translated():
                    wire.abandon()
                    wire.execute("ROLLBACK")

    def cancel(self) -> None:
        wire = self._session.wire
        if not wire.closed and (wire.busy or wire.reading):
            with self._session.translated():
                wire.stop()

    def close(self) -> None:
        self._session.close()

    def _table(self, schema: Schema) -> Table:
        return Table(schema, self._session.natives(schema.name), mariadb=self._session.server.mariadb)


def _scan_statement(schema: Schema, where: str) -> str:
    return f"SELECT {', '.join(map(_read_expression, schema.columns))} FROM {LEXIS.quote(schema.name)}{where}"


def _read_expression(column: Column) -> str:
    """What a scan selects for a column: itself, unless the wire would cut it short."""
    name = LEXIS.quote(column.name)
    kind = words(column.native or "")[0]
    if column.type is Type.FLOAT and kind != "double":
        return f"CAST({name} AS DOUBLE)"  # a FLOAT is sent with 6 digits and holds 9
    return name
