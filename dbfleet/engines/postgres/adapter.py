"""PostgreSQL's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from dbfleet.abilities import (
    CarriesExtras,
    CountsOn,
    Digests,
    Encodes,
    EncodesScans,
    Encoding,
    Identifies,
    KeysLast,
    LimitsTime,
    Locates,
    MakesReader,
    Narrows,
    Native,
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
    ServerInfo,
    Swap,
    WriteMode,
    Written,
)
from dbfleet.engines.postgres import (
    counters,
    describe,
    extras,
    left,
    literals,
    query,
    read,
    reader,
    server,
    swap,
    write,
)
from dbfleet.engines.postgres.connect import opened
from dbfleet.engines.postgres.fast import digest, dump, lines
from dbfleet.engines.postgres.fast.encoded_scan import Tally
from dbfleet.engines.postgres.native import catalog as native_catalog
from dbfleet.engines.postgres.native import names as native_names
from dbfleet.engines.postgres.native import outline, take
from dbfleet.engines.postgres.native import values as native_values
from dbfleet.engines.postgres.session import Session
from dbfleet.engines.postgres.tables import Tables
from dbfleet.engines.postgres.types import LEXIS
from dbfleet.errors import NotFound
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Digest, Row, Schema, digest_rows

if TYPE_CHECKING:
    from psycopg import Connection


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
    Native,
    KeysLast,
    MakesReader,
    LimitsTime,
):
    """One session in autocommit; `write` and `snapshot` open their own transactions."""

    def __init__(self, spec: EngineSpec, target: Target, connection: Connection[Any]) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(target, connection)
        self._tables = Tables(self._session.rows)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        return server.ping(self._session)

    def identity(self) -> str:
        """The server, by the moment at which it was started, which a copy of its data has not; the database, and the
        schema that plain names mean."""
        return " ".join(server.place(self._session))

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The schema and table of each: a connection with another search_path has another name for it."""
        whose = server.place(self._session)[:-1]
        with self._session.translated():
            parted = [self._tables.split(name) for name in names]
        return [" ".join((*whose, LEXIS.quote(space), LEXIS.quote(table))) for space, table in parted]

    def collections(self) -> Sequence[str]:
        return self._tables.names()

    def leftovers(self) -> Sequence[str]:
        """Collections that a command which was killed had staged: their names begin with `_dbfleet_`. `drop` removes
        them."""
        return self._tables.names(staged=True)

    def describe(self, name: str) -> Schema:
        with self._session.translated():
            return describe.describe(self._session.rows, self._tables, name)

    def create(self, schema: Schema) -> None:
        with self._session.translated(), self._session.ready().transaction():
            self._tables.create(schema)

    @contextmanager
    def filling(self, schema: Schema) -> Iterator[None]:
        """In one transaction."""
        with self._session.storing():
            with self._session.translated():
                self._tables.create(schema, constraints_later=True)
            yield
            with self._session.translated():
                self._tables.add_key(schema)

    def refer(self, schema: Schema) -> None:
        """Foreign keys, in one transaction."""
        with self._session.translated(), self._session.ready().transaction():
            self._tables.add_references(schema)

    def drop(self, name: str) -> None:
        try:
            table = read.find(self._session, self._tables, name)
        except NotFound:
            return
        self._tables.drop(table)

    def swap(self, swaps: Sequence[Swap]) -> None:
        """In one transaction: see `swap`."""
        with self._session.translated(), self._session.ready().transaction():
            swap.swap(self._session.rows, self._tables, swaps)

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """What goes with these tables in a swap; ConstraintViolated for what would stop it."""
        with self._session.translated():
            return swap.what_goes(self._session.rows, self._tables, names)

    def extras(self, name: str) -> Extras:
        """Indexes, defaults and identities; what there is besides, in words."""
        schema = self.describe(name)
        return extras.extras(self._session.rows, self._tables.sql(name), schema)

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Give the table the index, default or identity."""
        extra = shared(extra, self.spec.title)
        with self._session.translated():
            statement = extras.add_statement(self._session.rows, self._tables.sql(schema.name), schema, extra)
            self._session.rows(statement)

    def left(self) -> Sequence[str]:
        """What the database has besides tables, by name."""
        return left.of_database(self._session.rows)

    def count_on(self, name: str) -> Sequence[str]:
        """Its identities and serials go on behind the largest values; what could not be set, in words."""
        with self._session.translated():
            return counters.count_on(self._session.rows, self._session.ready(), self._tables.sql(name))

    # --- as it is, to another PostgreSQL ---

    def carries(self) -> bool:
        """PostgreSQL itself, from version 12 on."""
        return server.ping(self._session).product == "PostgreSQL" and (
            self._session.connection.info.server_version >= native_catalog.FIRST_VERSION
        )

    def native_collections(self) -> Sequence[str]:
        """Tables, partitioned ones too: a view has no rows of its own."""
        return self._tables.names(kinds="rp")

    def native_views(self) -> Sequence[str]:
        """Views, materialized ones too."""
        return self._tables.names(kinds="vm")

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """The table by its server's texts: see `native.values`."""
        schema = described or self.describe(name)
        return native_values.native(schema, read.find(self._session, self._tables, name))

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """What the server needs to be told to make the same tables."""
        with self._session.translated(), self._session.ready().transaction():
            return outline.outline(self._session.rows, self._tables, names, everything=everything, view_names=views)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """Extensions, accounts, and what we have no words for."""
        return take.lacking(self._session, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Free names in the schemas."""
        with self._session.translated():
            return native_names.names(self._session.rows, self._tables, makes, old, new, going)

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """The step's statement, in a transaction of its own."""
        return take.take(self._session, self._tables, step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """DELETE with the part's condition."""
        take.clear(self._session, self._tables, schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """One DROP TABLE."""
        take.remove(self._session, self._tables, names)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction."""
        with self._session.translated(), self._session.ready().transaction():
            yield

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Drop the type or sequence."""
        take.undo(self._session, self._tables, step, called)

    # --- rows ---

    def count(self, name: str) -> int:
        ((rows,),) = self._session.rows(f"SELECT count(*) FROM {self._tables.sql(name)}")
        return int(rows)

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        return read.get(self._session, self._tables, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return self._tables.parts(schema, read.find(self._session, self._tables, schema.name), parts)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        table = read.find(self._session, self._tables, schema.name)
        return literals.chosen(self._tables, schema, table, condition)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return read.scan(self._session, self._tables, schema, part, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        return write.write(self._session, self._tables, schema, batches, mode)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        return write.delete(self._session, self._tables, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        table = read.find(self._session, self._tables, schema.name)
        yield from literals.statements(self._session.rows, self._tables, schema, table, changes)

    # --- one moment ---

    @property
    def snapshot_id(self) -> str | None:
        """The name, for other connections, of the moment that `snapshot` holds now."""
        return self._session.snapshot_id

    def snapshot(self, exported: str | None = None) -> AbstractContextManager[None]:
        """All scans inside see one moment. `snapshot_id` names it for other connections, which join by
        `snapshot(exported=id)` while this one holds it."""
        return self._session.snapshot(exported)

    # --- fast paths ---

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The rows as COPY's text; None where a date is none of ours, which a scan refuses by name."""
        return lines.lines(self._session, self._tables, schema, part)

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The rows as COPY's text, in the order of their key; None where we do not know its order."""
        return lines.ordered(self._session, self._tables, schema)

    def write_lines(self, schema: Schema, chunks: Iterable[bytes], *, mode: WriteMode = "insert") -> Written | None:
        """Rows as COPY's text into the table, as `write`; None where a column has to be made of another form."""
        return write.write_lines(self._session, self._tables, schema, chunks, mode)

    def digest(self, schema: Schema, part: Part = WHOLE) -> Digest:
        """By one statement where the server can; of json columns by a scan."""
        computed = digest.of_part(self._session, self._tables, schema, part)
        return computed if computed is not None else digest_rows(schema.columns, self.scan(schema, part))

    def encoded_scan(self, schema: Schema, format: Encoding, tally: Tally | None = None) -> Iterator[bytes] | None:
        """What the scan gives, rendered by the server; None where the server cannot."""
        return dump.encoded_scan(self._session, self._tables, schema, format, tally)

    # --- statements of the user's ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.query(self._session, self._tables.types, statement, params, batch_size)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        """The result of one SELECT, rendered by the server; None where it cannot be had so."""
        return query.encoded(self._session, self._tables.types, statement, params, format)

    @property
    def messages(self) -> Sequence[str]:
        """The server's notices of the last statement."""
        return self._session.messages

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """A role that reads everything and may nothing else: see `reader`."""
        reader.make_reader(self._session, user, password)

    # --- its end ---

    def limit(self, seconds: float) -> None:
        """`statement_timeout`."""
        self._session.limit(seconds)

    def cancel(self) -> None:
        self._session.cancel()

    def close(self) -> None:
        self._session.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> PostgresAdapter:
    """A connection by libpq's rules: see `postgres.connect`."""
    return PostgresAdapter(spec, target, opened(target, timeout_s))
