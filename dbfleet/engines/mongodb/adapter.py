"""MongoDB's adapter: the contract's methods on one connection. What they need stands in the rooms beside it.

It imports the driver, and so is imported only when a connection is made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient

from dbfleet.abilities import (
    Adopts,
    CarriesExtras,
    Encodes,
    ExtendedJson,
    Finds,
    Identifies,
    LimitsTime,
    MakesReader,
    Narrows,
    Ordered,
    ReadsLines,
    Swaps,
    TellsLeft,
)
from dbfleet.abilities import Native as CarriesAll
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
from dbfleet.engines.mongodb import left, literals, query, read, reader, server, swap, tables, write
from dbfleet.engines.mongodb.conditions import filter_of
from dbfleet.engines.mongodb.connect import client_of
from dbfleet.engines.mongodb.errors import translate
from dbfleet.engines.mongodb.fast import lines
from dbfleet.engines.mongodb.native import literals as native_literals
from dbfleet.engines.mongodb.native import outline, rows
from dbfleet.engines.mongodb.native import take as native_take
from dbfleet.engines.mongodb.native import values as native_values
from dbfleet.engines.mongodb.session import NAME, Document, Session
from dbfleet.engines.mongodb.values import canonical
from dbfleet.errors import Unsupported, translated
from dbfleet.extras import AnyExtra, Extras, Native
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class MongodbAdapter(
    Adapter,
    Adopts,
    Identifies,
    Swaps,
    Finds,
    Encodes,
    Ordered,
    Narrows,
    ReadsLines,
    CarriesExtras,
    TellsLeft,
    CarriesAll,
    MakesReader,
    LimitsTime,
    ExtendedJson,
):
    """One MongoClient, one session. `ejson`: results of queries as relaxed Extended JSON, all values."""

    ejson = False

    def __init__(self, spec: EngineSpec, target: Target, client: MongoClient[Document]) -> None:
        self.spec = spec
        self.target = target
        self._client = client
        self._session = Session(target, client)
        self._database = self._session.database
        self._taker = native_take.Taker(self._session)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        with self._session.translated():
            return server.ping(self._session)

    def identity(self) -> str:
        with self._session.translated():
            return server.identity(self._session)

    def collections(self) -> Sequence[str]:
        with self._session.translated():
            return tables.names(self._session)

    def leftovers(self) -> Sequence[str]:
        """Staged collections, by their names, which `drop` removes. Ends a swap that was cut off first."""
        with self._session.translated():
            return tables.leftovers(self._session)

    def describe(self, name: str) -> Schema:
        with self._session.translated():
            return tables.describe(self._session, name)

    def create(self, schema: Schema) -> None:
        with self._session.translated():
            tables.create(self._session, schema, self.spec.limits.name_length or 0)

    def bare(self, name: str) -> bool:
        """Not of a view, nor of a time series, whose documents are to have fields of its own."""
        with self._session.translated():
            empty = tables.is_stored(self._session, name) and not tables.count(self._session, name)
            return empty and tables.kept(self._session, name) is None

    def adopt(self, schema: Schema) -> None:
        with self._session.translated():
            tables.keep(self._session, schema)

    def drop(self, name: str) -> None:
        with self._session.translated():
            tables.drop(self._session, name)

    def swap(self, swaps: Sequence[Swap]) -> None:
        """One renameCollection each: see `mongodb.swap` for what that means for several, and for a kill."""
        with self._session.translated():
            swap.swap(self._database, swaps)

    def extras(self, name: str) -> Extras:
        """What the collection has besides its documents."""
        with self._session.translated():
            tables.info(self._session, name)
            return left.of_collection(self._database, name)

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Give the collection the index or validator that another MongoDB has."""
        if not isinstance(extra, Native) or extra.engine != self.spec.name:
            raise Unsupported(f"dbfleet makes no {type(extra).__name__.lower()} in MongoDB", target=self.target.name)
        with self._session.translated():
            left.add(self._database, schema.name, extra)

    def left(self) -> Sequence[str]:
        """What a copy leaves behind of the database."""
        with self._session.translated():
            return left.of_database(self._database)

    # --- as it is, to another MongoDB ---

    def carries(self) -> bool:
        """MongoDB itself, from version 4.4 on; not a router's shards, and not where this user may not see options."""
        with self._session.translated():
            return native_take.carries(self._session, server.ping(self._session))

    def native_collections(self) -> Sequence[str]:
        """All but views."""
        with self._session.translated():
            return [name for name in tables.names(self._session) if name not in tables.views(self._session)]

    def native_views(self) -> Sequence[str]:
        """The views."""
        with self._session.translated():
            return tables.views(self._session)

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """Its documents as BSON: see `native.values`."""
        with self._session.translated():
            return native_values.native(self._session, name, rows.options_of(self._session, name))

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """The commands that make the same."""
        with self._session.translated():
            return outline.outline(self._session, names, everything=everything, views=views)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """What came with a later version than this server's."""
        with self._session.translated():
            return native_take.lacking(self._session, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Nothing: the names of indexes are their collection's own."""
        return {each: each[1] for each in makes}

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """The step's commands."""
        return self._taker.take(step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """Remove the documents, those of a range by their `_id`."""
        with self._session.translated():
            rows.clear(self._session, schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """Drop each: nothing refers to them."""
        for name in names:
            self.drop(name)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is made in the block goes again where it fails."""
        with self._taker.together():
            yield

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """The commands that undo it, if there are any."""
        self._taker.undo(step, called)

    # --- rows ---

    def count(self, name: str) -> int:
        with self._session.translated():
            return tables.count(self._session, name)

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        if schema.native:
            return rows.get(self._session, schema, keys)
        return read.get(self._session, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        with self._session.translated():
            if schema.native and not rows.splits(self._session, schema):
                return [WHOLE]
            return read.split(self._session, schema, parts)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        with self._session.translated():
            chosen = filter_of(tables.layout(self._session, schema), condition)
        return None if chosen is None else {"where": canonical(chosen)}

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        if schema.native:
            return rows.scan(self._session, schema, part, batch_size)
        return read.scan(self._session, schema, part, batch_size)

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The rows as COPY's text, in the order of their key; None where that is not the order of `_id`."""
        return None if schema.native else lines.ordered(self._session, schema)

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The rows as COPY's text; None where a column has no fixed form in BSON."""
        return None if schema.native else lines.lines(self._session, schema, part)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        if schema.native:
            return rows.write(self._session, schema, batches, mode, alone=alone)
        return write.write(self._session, schema, batches, mode)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        with self._session.translated():
            if schema.native:
                return rows.delete(self._session, schema, keys)
            return write.delete(self._session, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        if schema.native:
            yield from native_literals.statements(schema, changes)
            return
        with self._session.translated():
            layout = tables.layout(self._session, schema)
        yield from literals.statements(layout, changes)

    # --- statements of the user's ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.query(self._session, statement, params, batch_size, ejson=self.ejson)

    def find(
        self, collection: str, filter: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """What find takes, `{status: "paid"}` or `{…}, {total: 1}`, of this collection."""
        return query.find(self._session, collection, filter, params, batch_size, ejson=self.ejson)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: str) -> Iterator[bytes] | None:
        """JSON Lines of what one find or aggregate gives."""
        return query.encoded(self._session, statement, params) if format == "jsonl" and not self.ejson else None

    def make_reader(self, user: str, password: str) -> None:
        """A user with the role `read` on this database (`reader`)."""
        reader.make_reader(self._session, self.target, user, password)

    def limit(self, seconds: float) -> None:
        """`maxTimeMS` of each command that says none itself."""
        self._session.limit_ms = max(1, round(seconds * 1000))

    def cancel(self) -> None:
        with self._session.translated():
            self._session.cancel()

    def close(self) -> None:
        self._client.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> MongodbAdapter:
    """Log in and look: Unavailable or AuthFailed within about `timeout_s`; Unsupported where the target is for reading
    only, and its user may do more."""
    with translated(translate, engine=NAME, target=target.name):
        client: MongoClient[dict[str, Any]] = client_of(target, timeout_s)
    adapter = MongodbAdapter(spec, target, client)
    if target.read_only:
        try:
            reader.prove(adapter._session, target)
        except BaseException:
            adapter.close()
            raise
    return adapter
