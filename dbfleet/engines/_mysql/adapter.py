"""The adapter of MySQL and MariaDB: the contract's methods on one connection. What they need stands in the rooms beside
it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from dbfleet.abilities import (
    CarriesExtras,
    Encodes,
    EncodesScans,
    Encoding,
    Identifies,
    LimitsTime,
    Locates,
    MakesReader,
    Narrows,
    Native,
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
from dbfleet.engines._mysql import extras, query, read, reader, server, statements, swap, tables, write
from dbfleet.engines._mysql.connect import opened
from dbfleet.engines._mysql.fast import encoded_scan, lines, ordered
from dbfleet.engines._mysql.native import needs, outline, take, values, views
from dbfleet.engines._mysql.server import Server
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.types import LEXIS, relational
from dbfleet.engines._mysql.wire import Wire
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.sql.relational import create_statements
from dbfleet.target import Target
from dbfleet.values import Batch, Digest, Row, Schema


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
    Native,
    MakesReader,
    LimitsTime,
):
    """One session in autocommit; `write` and `snapshot` open their own transactions."""

    def __init__(self, spec: EngineSpec, target: Target, wire: Wire, server: Server) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(spec.name, target.name, wire, server, read_only=target.read_only)
        self._taking = take.Taking(self._session)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        self._session.rows("SELECT 1")
        return ServerInfo(self._session.server.product, self._session.server.version, time.perf_counter() - started)

    def identity(self) -> str:
        """The server's id, where and since when it runs, and the database."""
        return server.identity(self._session.rows, self._session.server)

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The database and the table's name, in which capitals are the same where the server says so."""
        database, folds = self.identity(), self._session.server.folds_names
        return [f"{database}:{name.lower() if folds else name}" for name in names]

    def collections(self) -> Sequence[str]:
        return tables.collections(self._session.rows)

    def leftovers(self) -> Sequence[str]:
        """Staged tables, and old ones of a swap that were not dropped: `drop` removes them."""
        return swap.leftovers(self._session.rows)

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

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All of them take their places by one RENAME TABLE."""
        wire = self._session.live()
        with self._session.translated(), self._session.our_mode(making=True):
            swap.swap(wire, swaps)

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """Triggers and partitions of these tables."""
        with self._session.translated():
            return swap.lost(self._session.rows, names)

    def extras(self, name: str) -> Extras:
        """Indexes, defaults and identities; what there is besides, in words."""
        schema, natives = self.describe(name), self._session.natives(name)
        return extras.extras(self._session.rows, schema, natives, self._session.server)

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Give the table the index, default or identity."""
        extra = shared(extra, self.spec.title)
        statement = extras.add_statement(self._session.rows, self._session.natives(schema.name), schema, extra)
        wire = self._session.live()
        with self._session.translated(), self._session.our_mode():
            # Otherwise the server changes no column that a foreign key uses, even where its type stays.
            wire.execute("SET SESSION foreign_key_checks = 0")
            try:
                wire.execute(statement)
            finally:
                wire.execute("SET SESSION foreign_key_checks = 1")

    def left(self) -> Sequence[str]:
        """What the database has besides its collections: views, sequences, routines, events."""
        ask = self._session.rows
        return extras.left(ask, tables.broken_views(ask, tables.kinds(ask)))

    # --- as it is, to another server of the same engine ---

    def carries(self) -> bool:
        """The engine's own server: a mysql:// URL may name a MariaDB server, or another product."""
        return self._session.server.product == self.spec.title

    def native_collections(self) -> Sequence[str]:
        """Tables that hold rows of their own."""
        return outline.collections(self._session.rows)

    def native_views(self) -> Sequence[str]:
        """Views that can be read."""
        return views.names(self._session.rows)

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """The table by its server's texts and bytes: see `native.values`."""
        return values.native(described or self.describe(name), self._session.natives(name))

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """What SHOW CREATE TABLE says, step by step."""
        session = self._session
        session.live()
        with session.translated(), session.our_mode(making=True):
            return outline.outline(session.rows, session.server, names, everything=everything, view_names=views)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """Storage engines, collations and types that this server has not."""
        return needs.lacking(self._session.rows, self._session.server, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Free names of constraints in the database."""
        return outline.names(self._session.rows, makes, list(going), mariadb=self._session.server.mariadb)

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """The step's statement."""
        return self._taking.take(step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """DELETE with the part's condition."""
        take.clear(self._session, schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """DROP TABLE, where no table outside refers to them."""
        take.remove(self._session, names)

    def together(self) -> AbstractContextManager[None]:
        """No transaction holds DDL: what was made goes again by DROP."""
        return self._taking.made.together()

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Drop the sequence."""
        take.undo(self._session, step, called)

    # --- rows ---

    def count(self, name: str) -> int:
        ((rows,),) = self._session.rows(f"SELECT count(*) FROM {LEXIS.quote(name)}")
        return int(rows or 0)

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        return read.get(self._session, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return read.split(self._session, schema, parts)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        return statements.chosen(self._session, schema, condition)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return read.scan(self._session, schema, part, batch_size)

    def snapshot(self) -> AbstractContextManager[None]:
        """All scans inside see the database as it was when this began; only of tables whose storage engine knows
        transactions."""
        return self._session.snapshot()

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        return write.write(self._session, schema, batches, mode)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        return write.delete(self._session, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        return statements.statements(self._session, schema, changes)

    # --- fast paths ---

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The rows as COPY's text; None where a column is stored in a way that we do not know, or has huge values."""
        return lines.chunks(self._session, schema, part)

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The rows as COPY's text, in the order of their key; None where we do not know its order."""
        return ordered.chunks(self._session, schema)

    def write_lines(self, schema: Schema, chunks: Iterable[bytes], *, mode: WriteMode = "insert") -> Written | None:
        """Rows as COPY's text into the table, as `write`; None where LOAD DATA cannot or would change a value."""
        return write.write_lines(self._session, schema, chunks, mode)

    def encoded_scan(
        self, schema: Schema, format: Encoding, tally: Callable[[Digest], None] | None = None
    ) -> Iterator[bytes] | None:
        """What the scan gives, from the wire's own bytes; None where this format cannot be had this way."""
        return encoded_scan.chunks(self._session, schema, format, tally)

    # --- statements of the user's ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.query(self._session, statement, params, batch_size)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        """The rows of one statement that gives rows, in that format; None for any other."""
        return query.encoded(self._session, statement, params, format)

    @property
    def messages(self) -> Sequence[str]:
        """The server's notices of the last encoded result."""
        return self._session.messages

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """An account that may SELECT and SHOW VIEW in this database: see `reader`."""
        reader.make_reader(self.spec, self.target, self._session, user, password)

    # --- its end ---

    def limit(self, seconds: float) -> None:
        """`max_execution_time` in MySQL, which bounds SELECTs; `max_statement_time` in MariaDB."""
        self._session.limit(seconds)

    def cancel(self) -> None:
        self._session.cancel()

    def close(self) -> None:
        self._session.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> MySqlAdapter:
    """A session with the server of this target."""
    wire, server = opened(spec, target, timeout_s)
    return MySqlAdapter(spec, target, wire, server)
