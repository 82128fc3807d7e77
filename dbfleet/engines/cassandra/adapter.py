"""Cassandra's adapter: the contract's methods on one session. What they do at length stands in the rooms beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dbfleet.abilities import CarriesExtras, Identifies, LimitsTime, MakesReader, TellsLeft
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, WriteMode, Written
from dbfleet.engines.cassandra import left, literals, query, read, reader, write
from dbfleet.engines.cassandra.connect import identity, opened
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import Tables
from dbfleet.errors import Unsupported
from dbfleet.extras import AnyExtra, Extras
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class CassandraAdapter(
    Adapter,
    Identifies,
    CarriesExtras,
    TellsLeft,
    MakesReader,
    LimitsTime,
):
    """One session on a cluster."""

    def __init__(self, spec: EngineSpec, target: Target, session: Session) -> None:
        self.spec = spec
        self.target = target
        self._session = session
        self._tables = Tables(session)

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
        return read.get(self._session, self._tables, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return read.split(parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return read.scan(self._session, self._tables, schema, part, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        return write.write(self._session, self._tables, schema, batches, mode, alone=alone)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        return write.delete(self._session, self._tables, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        return literals.statements(self._session.table(schema.name), schema, changes)

    # --- what goes along and what stays behind ---

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
