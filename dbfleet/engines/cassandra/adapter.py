"""Cassandra's adapter: the contract's methods on one session. What they do at length stands in the rooms beside it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property

from dbfleet.abilities import (
    CarriesExtras,
    Identifies,
    KeepsTimes,
    LimitsTime,
    MakesReader,
    Native,
    TellsLeft,
    TellsLosses,
)
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, WriteMode, Written
from dbfleet.engines.cassandra import left, literals, query, read, reader, write
from dbfleet.engines.cassandra.connect import identity, opened
from dbfleet.engines.cassandra.native import literals as native_literals
from dbfleet.engines.cassandra.native import outline as native_outline
from dbfleet.engines.cassandra.native import rows as native_rows
from dbfleet.engines.cassandra.native import take, times
from dbfleet.engines.cassandra.native import values as native_values
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import Tables
from dbfleet.errors import Unsupported
from dbfleet.extras import AnyExtra, Extras
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class CassandraAdapter(
    Adapter,
    Identifies,
    TellsLosses,
    CarriesExtras,
    TellsLeft,
    Native,
    KeepsTimes,
    MakesReader,
    LimitsTime,
):
    """One session on a cluster."""

    def __init__(self, spec: EngineSpec, target: Target, session: Session) -> None:
        self.spec = spec
        self.target = target
        self._session = session
        self._tables = Tables(session)
        self._taking = take.Taker(session, self._tables)
        self._times = False
        times.with_clocks(session.driver)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        ((version,),) = self._session.rows("SELECT release_version FROM system.local")
        return ServerInfo("Cassandra", version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        return self._tables.names()

    def describe(self, name: str) -> Schema:
        return self._tables.describe(name)

    def create(self, schema: Schema) -> None:
        self._tables.create(schema)

    def drop(self, name: str) -> None:
        self._tables.drop(name)

    def count(self, name: str) -> int:
        return read.count(self._session, self._tables.describe(name))

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        reading = native_rows.get if schema.native else read.get
        return reading(self._session, self._tables, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return read.split(parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        reading = times.scan if times.is_timed(schema) else native_rows.scan if schema.native else read.scan
        return reading(self._session, self._tables, schema, part, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        writing = times.write if times.is_timed(schema) else native_rows.write if schema.native else write.write
        return writing(self._session, self._tables, schema, batches, mode, alone=alone)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        removing = native_rows.delete if schema.native else write.delete
        return removing(self._session, self._tables, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        table = self._session.table(schema.name)
        if schema.native:
            return native_literals.statements(table, schema, changes)
        return literals.statements(table, schema, changes)

    # --- what goes along and what stays behind ---

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """Indexes and triggers. ConstraintViolated where a materialized view reads one of the tables."""
        return [text for name in names for text in left.lost(self._session, name)]

    def extras(self, name: str) -> Extras:
        """Cassandra has nothing that goes along; what stays behind is named."""
        schema = self._tables.describe(name)
        return Extras(left=tuple(left.of_table(self._session, schema, ours=self._tables.is_ours(name))))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Unsupported: Cassandra has none."""
        raise self._session.unsupported(f"a {type(extra).__name__.lower()} of {schema.name}")

    def left(self) -> Sequence[str]:
        """What a copy leaves behind of the keyspace."""
        return list(left.of_keyspace(self._session))

    # --- as they are ---

    def carries(self) -> bool:
        """From Cassandra 4.0 on."""
        return self._carries

    @cached_property
    def _carries(self) -> bool:
        return take.carries(self._session)

    def native_collections(self) -> Sequence[str]:
        """All tables."""
        return self.collections()

    def native_views(self) -> Sequence[str]:
        """The materialized views."""
        return self._tables.views()

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """The table's columns as the bytes that Cassandra keeps (`native.values`)."""
        schema = native_values.native(self._session, described or self._tables.describe(name))
        counts = any(column.native == "counter" for column in schema.columns)
        return times.timed(schema) if self._times and not counts else schema

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """See `native.outline`."""
        return native_outline.outline(self._session, names, everything=everything, views=views, times=self._times)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """See `native.take`."""
        return take.lacking(self._session, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Names of indexes that are free in the keyspace."""
        return take.names(self._session, makes, old, new, going)

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """See `native.take`."""
        return self._taking.take(step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """Delete the rows of the part."""
        native_rows.clear(self._session, schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """Drop them one after the other: tables refer to nothing."""
        self._taking.remove(names)

    def together(self) -> AbstractContextManager[None]:
        """What fails is undone by us: Cassandra's statements have no transaction."""
        return self._taking.together()

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove what the step has made."""
        self._taking.undo(step)

    def keep_times(self) -> None:
        """See `native.times`. From Cassandra 5.0 on: before, no time of a list's elements is told."""
        if take.version(self._session) < (5, 0) or self._session.driver._protocol_version < 5:
            raise Unsupported("Cassandra tells the times of all values from 5.0 on", target=self.target.name)
        self._times = True

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.run(self._session, statement, params or {}, batch_size)

    def limit(self, seconds: float) -> None:
        """A page is not waited for any longer. The server bounds its own work by its configuration alone
        (range_request_timeout, 10 s), and a page that is not asked for is not read."""
        self._session.limit_s = seconds

    def cancel(self) -> None:
        raise Unsupported("Cassandra cannot stop a statement", engine="cassandra", target=self.target.name)

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """A role with SELECT on the keyspace (`reader`)."""
        reader.make_reader(self._session, user, password)

    # --- the connection ---

    def identity(self) -> str:
        """The cluster's nodes and the keyspace (`connect.identity`)."""
        return identity(self._session)

    def close(self) -> None:
        self._session.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> CassandraAdapter:
    """A session on the target's keyspace. AuthFailed or Unavailable within about `timeout_s`; Unsupported where the
    target is for reading only, and its role may do more."""
    session = opened(target, timeout_s)
    if target.read_only:
        try:
            reader.prove(session)
        except BaseException:
            session.close()
            raise
    return CassandraAdapter(spec, target, session)
