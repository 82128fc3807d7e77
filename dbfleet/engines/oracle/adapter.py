"""Oracle Database's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from dbfleet.abilities import (
    CarriesExtras,
    CountsOn,
    Identifies,
    MakesReader,
    Narrows,
    Native,
    Snapshots,
    TellsLeft,
    TellsLosses,
)
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Condition, Part, Result, ServerInfo, WriteMode, Written
from dbfleet.engines.oracle import extras, left, literals, query, read, reader, server, tables, write
from dbfleet.engines.oracle.connect import opened
from dbfleet.engines.oracle.native import catalog, needs, outline, take, values, views
from dbfleet.engines.oracle.native import names as native_names
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.errors import NotFound, Unsupported
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class OracleAdapter(
    Adapter,
    Identifies,
    TellsLosses,
    Snapshots,
    Narrows,
    CountsOn,
    CarriesExtras,
    TellsLeft,
    Native,
    MakesReader,
):
    """One session; a statement of ours commits by itself, a write when it is whole."""

    def __init__(self, spec: EngineSpec, target: Target, connection: Any) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(target.name, connection)
        self._taking = take.Taking(self._session)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        return server.ping(self._session)

    def identity(self) -> str:
        """The database, where it runs, and the schema."""
        return server.identity(self._session)

    def collections(self) -> Sequence[str]:
        broken = tables.broken_views(self._session.rows)
        return [name for name in tables.names(self._session.rows) if name not in broken]

    def describe(self, name: str) -> Schema:
        return tables.describe(self._find(name), self._session.rows)

    def create(self, schema: Schema) -> None:
        try:
            tables.check_names(schema)
            create, *comments = tables.create_statements(schema)
        except Unsupported as error:
            raise self._session.ours(error) from None
        self._session.run(create)
        try:
            for comment in comments:
                self._session.run(comment)
        except BaseException:
            self.drop(schema.name)  # without its comments it would have another schema
            raise

    def drop(self, name: str) -> None:
        try:
            table = self._find(name)
        except NotFound:
            return
        sequences = extras.own_sequences(self._session.rows, table)
        for statement in (table.drop, *sequences):
            self._session.run(statement)

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """What goes with these tables when they are made anew; ConstraintViolated for what DROP TABLE does not drop."""
        going = []
        for name in names:
            try:
                going.append(self._find(name))
            except NotFound:
                continue
        with self._session.translated():
            return [f"{table.name}: {text}" for table in going for text in extras.lost(self._session.rows, table)]

    def extras(self, name: str) -> Extras:
        """Indexes, defaults and identities; what there is besides, in words."""
        return extras.extras(self._session.rows, self._find(name))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Give the table the index, default or identity."""
        extra = shared(extra, self.spec.title)
        with self._session.translated():
            extras.add(self._session.rows, self._session.run, self._find(schema.name), extra)

    def left(self) -> Sequence[str]:
        """What the schema has besides its tables: views, sequences, packages, synonyms, types."""
        return left.of_schema(self._session.rows, tables.broken_views(self._session.rows))

    def count_on(self, name: str) -> Sequence[str]:
        """Let what counts for the table's columns go on behind the rows that are there."""
        return list(extras.count_on(self._session.rows, self._session.run, self._find(name)))

    # --- as it is, to another server of the same engine ---

    def carries(self) -> bool:
        """A server whose sequences can be set."""
        return self._version() >= catalog.FIRST_VERSION

    def native_collections(self) -> Sequence[str]:
        """Tables that hold rows of their own, all of which can be read."""
        return catalog.carried(self._session.rows)[0]

    def native_views(self) -> Sequence[str]:
        """Views that can be read."""
        return views.names(self._session.rows)

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """The table by its server's texts and bytes: see `native.values`."""
        table = self._find(name)
        return values.native(described or tables.describe(table, self._session.rows), table)

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """What the dictionary says, step by step."""
        ask = self._session.rows
        ((*_, schema),) = ask(server.IDENTITY)
        with self._session.translated():
            return outline.outline(ask, self._version(), schema, names, everything=everything, view_names=views)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """Types and character sets that this server has not."""
        return needs.lacking(self._session.rows, self._version(), steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Free names of constraints and indexes in the schema."""
        return native_names.names(self._session.rows, makes, going)

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
        ((rows,),) = self._session.rows(f"SELECT COUNT(*) FROM {LEXIS.quote(name)}")
        return int(rows)

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        return read.get(self._session, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return tables.split(schema, read.of(self._session, schema), parts, self._session.rows)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        return literals.chosen(read.of(self._session, schema), schema, condition)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return read.scan(self._session, schema, part, batch_size)

    def snapshot(self) -> AbstractContextManager[None]:
        """All scans inside see one moment."""
        return self._session.snapshot()

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        return write.write(self._session, schema, batches, mode, self.spec)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        return write.delete(self._session, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        table = read.of(self._session, schema)
        with self._session.translated():
            yield from literals.statements(table, schema, changes)

    # --- statements of the user's ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.query(self._session, statement, params, batch_size)

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """A user with the right READ ANY TABLE on this schema: see `reader`."""
        open_ = partial(opened, default_service=self.spec.default_database, timeout_s=10.0)
        reader.make_reader(self.target, open_, user, password)

    # --- its end ---

    def cancel(self) -> None:
        self._session.cancel()

    def close(self) -> None:
        self._session.close()

    def _version(self) -> int:
        return int(str(self._session.ready().version).partition(".")[0])

    def _find(self, name: str) -> tables.Table:
        return read.find(self._session, name)


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> OracleAdapter:
    """A connection in thin mode: no client libraries. The URL's path is the service's name."""
    return OracleAdapter(spec, target, opened(target, spec.default_database, timeout_s))
