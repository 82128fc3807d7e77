"""SQL Server's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from dbfleet.abilities import (
    CarriesExtras,
    CountsOn,
    Identifies,
    Locates,
    MakesReader,
    Narrows,
    Native,
    Swaps,
    TellsLeft,
    TellsLosses,
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
from dbfleet.engines.sqlserver import extras, left, query, read, reader, server, statements, swap, write
from dbfleet.engines.sqlserver import parts as ranges
from dbfleet.engines.sqlserver.connect import opened
from dbfleet.engines.sqlserver.native import catalog, names, needs, outline, take, values, views
from dbfleet.engines.sqlserver.session import Session
from dbfleet.engines.sqlserver.wire import Wire
from dbfleet.errors import NotFound
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


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
    Native,
    MakesReader,
):
    """One session in autocommit; `write` and `create` open transactions of their own."""

    def __init__(self, spec: EngineSpec, target: Target, wire: Wire) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(target.name, wire)
        self._tables = self._session.tables

    # --- what is there ---

    def ping(self) -> ServerInfo:
        return server.ping(self._session)

    def identity(self) -> str:
        """The server, since when it runs, and the database."""
        return server.identity(self._session.rows)

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The schema and table of each."""
        database = self.identity()
        with self._session.translated():
            return [f"{database}:{self._tables.sql(name)}" for name in names]

    def collections(self) -> Sequence[str]:
        with self._session.translated():
            broken = self._tables.broken_views(self._session.rows)
            return [name for name in self._tables.names() if name not in broken]

    def leftovers(self) -> Sequence[str]:
        """Staged tables that are there: `drop` removes them."""
        with self._session.translated():
            return self._tables.leftovers()

    def describe(self, name: str) -> Schema:
        with self._session.translated():
            return self._tables.describe(name)

    def create(self, schema: Schema) -> None:
        with self._session.translated():
            self._run_together(list(self._tables.create_statements(schema)))

    def drop(self, name: str) -> None:
        with self._session.translated():
            try:
                table = self._tables.find(name)
            except NotFound:
                return
            place = self._tables.split(name)
            sequences = extras.own_sequences(self._session.rows, table, place) if table.kind == "U" else []
            self._session.run(f"DROP {'VIEW' if table.kind == 'V' else 'TABLE'} IF EXISTS {table.sql}")
            for sequence in sequences:
                self._session.run(f"DROP SEQUENCE IF EXISTS {sequence}")

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All of them take their places in one transaction."""
        with self._session.translated():
            self._run_together(swap.statements(self._session.rows, self._tables, swaps))

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """What goes with these tables in a swap; ConstraintViolated for what cannot go."""
        with self._session.translated():
            return swap.what_goes(self._session.rows, self._tables, names)

    def extras(self, name: str) -> Extras:
        """Indexes, defaults and identities; what there is besides, in words."""
        with self._session.translated():
            return extras.extras(self._session.rows, self._tables, self._tables.find(name))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Give the table the index, default or identity."""
        with self._session.translated():
            extra = shared(extra, self.spec.title)
            place, table = self._tables.split(schema.name), self._tables.find(schema.name)
            self._run_together(list(extras.add_statements(self._session.rows, table, place, extra)))

    def left(self) -> Sequence[str]:
        """What the database has besides its tables: views, sequences, routines, synonyms, types."""
        with self._session.translated():
            broken = self._tables.broken_views(self._session.rows)
            return left.of_database(self._session.rows, self._tables, broken)

    def count_on(self, name: str) -> Sequence[str]:
        """Let the sequences of the table's columns go on behind the rows that are there."""
        with self._session.translated():
            space, table = self._tables.split(name)[0], self._tables.find(name)
            return list(extras.count_on(self._session.rows, self._session.run, table, space))

    # --- as it is, to another SQL Server ---

    def carries(self) -> bool:
        """SQL Server itself: Babelfish speaks its protocol, and has other catalog views."""
        return server.is_own(self._session)

    def native_collections(self) -> Sequence[str]:
        """Tables whose rows and columns are all carried: see `native.catalog`."""
        with self._session.translated():
            return sorted(self._tables.joined(*place) for place in catalog.collections(self._session.rows))

    def native_views(self) -> Sequence[str]:
        """Views whose text is there."""
        with self._session.translated():
            return views.names(self._session.rows, self._tables)

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """The table by its server's texts and bytes: see `native.values`."""
        with self._session.translated():
            table = self._tables.find(name)
            anew = catalog.anew(self._session.rows, table)
            return values.native(described or self._tables.describe(name), table, anew)

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """What the catalog views say, step by step."""
        with self._session.translated():
            return outline.outline(self._session.rows, self._tables, names, everything=everything, view_names=views)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """Functions, sets of XML schemas, collations and types that are not here."""
        with self._session.translated():
            return needs.lacking(self._session.rows, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Free names of constraints in the schema."""
        with self._session.translated():
            return names.names(self._session.rows, self._tables, makes, new, going)

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """The step's statement."""
        return take.take(self._session, step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """DELETE with the part's condition."""
        take.clear(self._session, schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """DROP TABLE, where no table outside refers to them."""
        take.remove(self._session, names)

    def together(self) -> AbstractContextManager[None]:
        """A transaction."""
        return self._session.whole()

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Drop the schema, type, sequence, partition function or scheme."""
        take.undo(self._session, step, called)

    # --- rows ---

    def count(self, name: str) -> int:
        ((rows,),) = self._session.rows(f"SELECT COUNT_BIG(*) FROM {self._session.find(name).sql}")
        return int(rows)

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        return read.get(self._session, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        with self._session.translated():
            return ranges.split(schema, self._session.table_of(schema), parts, self._session.rows)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        return statements.chosen(self._session, schema, condition)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return read.scan(self._session, schema, part, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        return write.write(self._session, schema, batches, mode)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        return write.delete(self._session, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        return statements.statements(self._session, schema, changes)

    # --- statements of the user's ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        self._session.check_live()
        return query.run(self._session.wire, query.parse(statement, params, batch_size), self._session.translated)

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """A login whose user is in db_datareader: see `reader`."""
        reader.make_reader(self.target, self._session, user, password)

    # --- its end ---

    def cancel(self) -> None:
        with self._session.translated():
            self._session.wire.cancel()

    def close(self) -> None:
        self._session.wire.close()

    def _run_together(self, statements: Iterable[str]) -> None:
        """Run the statements in one transaction."""
        with self._session.transaction():
            for statement in statements:
                self._session.run(statement)


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> SqlServerAdapter:
    """A connection. The URL's options are pymssql's encryption (off, request, require), tds_version and read_only, and
    application_name."""
    return SqlServerAdapter(spec, target, opened(target, timeout_s))
