"""Neo4j's adapter: the contract's methods on one session. What they do at length stands in the rooms beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dbfleet.abilities import CarriesExtras, Identifies, LimitsTime, MakesReader, Swaps, TellsLeft
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, Swap, WriteMode, Written
from dbfleet.engines.neo4j import left, literals, query, read, reader, swap, write
from dbfleet.engines.neo4j.connect import identity, opened
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.values import packing
from dbfleet.errors import Unsupported
from dbfleet.extras import AnyExtra, Extras
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class Neo4jAdapter(
    Adapter,
    Identifies,
    Swaps,
    CarriesExtras,
    TellsLeft,
    MakesReader,
    LimitsTime,
):
    """One driver with its pool; one statement at a time, each its own transaction."""

    def __init__(self, spec: EngineSpec, target: Target, session: Session, bolt: tuple[int, int]) -> None:
        self.spec = spec
        self.target = target
        self._session = session
        self._collections = Collections(session)
        self._packing = packing(bolt)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        (name, version, edition), *_ = self._session.rows(
            "CALL dbms.components() YIELD name, versions, edition RETURN name, versions[0], edition"
        )
        return ServerInfo(f"{name.replace(' Kernel', '')} {edition}", version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        return self._collections.names()

    def describe(self, name: str) -> Schema:
        return self._collections.layout(name).schema

    def create(self, schema: Schema) -> None:
        self._collections.create(schema)

    def drop(self, name: str) -> None:
        self._collections.drop(name)

    def count(self, name: str) -> int:
        return self._collections.count(name)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        return read.get(self._session, self._collections, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return read.split(self._session, self._collections, schema, parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return read.scan(self._session, self._collections, schema, part, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        return write.write(self._session, self._collections, schema, batches, mode, self._packing)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        return write.delete(self._session, self._collections, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        return literals.statements(self._session, self._collections, schema, changes)

    # --- collections that take others' places ---

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All in one transaction, or in steps where that is too much for the server (`neo4j.swap`)."""
        swap.swap(self._session, self._collections, swaps)

    def leftovers(self) -> Sequence[str]:
        """The names of what a killed command has left, and `drop` removes."""
        return swap.leftovers(self._session, self._collections)

    # --- what goes along and what stays behind ---

    def extras(self, name: str) -> Extras:
        """Neo4j has nothing that goes along; what stays behind is named."""
        return Extras(left=tuple(left.of_collection(self._session, self._collections, name)))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Unsupported: Neo4j has none."""
        raise Unsupported(f"Neo4j gives {schema.name} no {extra}", engine="neo4j", target=self.target.name)

    def left(self) -> Sequence[str]:
        """What is in no collection, in words."""
        return left.of_database(self._session)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.run(self._session, statement, params or {}, batch_size)

    def limit(self, seconds: float) -> None:
        """The transaction's timeout."""
        self._session.limit_s = seconds

    def cancel(self) -> None:
        self._session.cancel()

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """A user of its own; what keeps it from writing is the mode of its sessions (`reader`)."""
        reader.make_reader(self._session, user, password)

    # --- the connection ---

    def identity(self) -> str:
        """The database's id and its server's process (`connect.identity`)."""
        return identity(self._session)

    def close(self) -> None:
        self._session.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> Neo4jAdapter:
    """A driver that has proven its login. AuthFailed or Unavailable within about `timeout_s`."""
    return Neo4jAdapter(spec, target, *opened(target, timeout_s))
