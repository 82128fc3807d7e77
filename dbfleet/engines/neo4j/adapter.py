"""Neo4j's adapter: the contract's methods on one session. What they do at length stands in the rooms beside it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property

from dbfleet.abilities import CarriesExtras, Identifies, LimitsTime, MakesReader, Native, Swaps, TellsLeft, TellsLosses
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, Swap, WriteMode, Written
from dbfleet.engines.neo4j import left, literals, query, read, reader, swap, write
from dbfleet.engines.neo4j.connect import identity, opened
from dbfleet.engines.neo4j.native import literals as native_literals
from dbfleet.engines.neo4j.native import outline as native_outline
from dbfleet.engines.neo4j.native import rows as native_rows
from dbfleet.engines.neo4j.native import take
from dbfleet.engines.neo4j.native import values as native_values
from dbfleet.engines.neo4j.native import write as native_write
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.values import packing
from dbfleet.errors import Unsupported
from dbfleet.extras import AnyExtra, Extras
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class Neo4jAdapter(
    Adapter,
    Identifies,
    Swaps,
    TellsLosses,
    CarriesExtras,
    TellsLeft,
    Native,
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
        self._bolt = bolt
        self._taking = take.Taking(session, self._collections)
        self._in_place = False
        """Whether what is replaced goes before others come, as the outline says that was looked at last."""

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
        if native_values.is_graph(schema):
            return native_rows.get(self._session, schema, keys)
        return read.get(self._session, self._collections, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        if native_values.is_graph(schema):
            return [WHOLE]
        return read.split(self._session, self._collections, schema, parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        if native_values.is_graph(schema):
            return native_rows.scan(self._session, schema, part, batch_size)
        return read.scan(self._session, self._collections, schema, part, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        if native_values.is_graph(schema):
            return native_write.write(self._session, schema, batches, mode)
        if schema.native:  # which references it has, and whether its rows are relationships, is said there
            known = self._collections.layout(schema.name).schema
            schema = replace(known, columns=schema.columns) if set(known.names) <= set(schema.names) else schema
        return write.write(self._session, self._collections, schema, batches, mode, self._packing)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        if native_values.is_graph(schema):
            wanted = [[native_values.value_of(part) for part in key] for key in keys]
            return native_write.delete(self._session, schema, wanted)
        return write.delete(self._session, self._collections, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        if native_values.is_graph(schema):
            return native_literals.statements(schema, changes)
        return literals.statements(self._session, self._collections, schema, changes)

    # --- collections that take others' places ---

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All in one transaction, or in steps where that is too much for the server (`neo4j.swap`)."""
        swap.swap(self._session, self._collections, swaps)

    def leftovers(self) -> Sequence[str]:
        """The names of what a killed command has left, and `drop` removes."""
        return swap.leftovers(self._session, self._collections)

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """Nothing is lost in silence. ConstraintViolated for nodes that have relationships of other collections, where
        dbfleet did not make these, or where no swap leads them to other nodes: they would go with the nodes."""
        swap.refuse_what_hangs_on(self._session, names, in_place=self._in_place)
        return ()

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

    # --- as they are ---

    def carries(self) -> bool:
        """From Neo4j 5.24 on; not another product that speaks Bolt."""
        return self._carries

    @cached_property
    def _carries(self) -> bool:
        return take.carries(self.ping(), self._bolt)

    def native_collections(self) -> Sequence[str]:
        """All collections."""
        return self.collections()

    def native_views(self) -> Sequence[str]:
        """None: Neo4j has no views."""
        return ()

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """Nodes and relationships as `native.values` has them; rows of dbfleet's as they are."""
        # What was described a moment ago is not read again: that looks at every property of every node.
        layout = self._collections.known(described) if described else self._collections.layout(name)
        if layout.kept:
            return replace(described or layout.schema, native=True)
        return native_values.schema_of(layout)

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """See `native.outline`."""
        return native_outline.outline(self._session, self._collections, names, everything=everything)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """The constraints of the Enterprise Edition, where this is another."""
        self._in_place = any(step.fixed for step in steps)
        return take.lacking(self._session, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Free names for constraints and indexes."""
        return native_outline.free_names(self._session, makes, new, going)

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """See `native.take`."""
        return self._taking.take(step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """Delete the rows of the part."""
        self._taking.clear(schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """Drop them one after the other."""
        self._taking.remove(names)

    def together(self) -> AbstractContextManager[None]:
        """What fails is undone by us: constraints and rows cannot be made in one transaction."""
        return self._taking.together()

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove what the step has made."""
        self._taking.undo(step, called)

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
