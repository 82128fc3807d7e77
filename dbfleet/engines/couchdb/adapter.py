"""CouchDB's adapter: the contract's methods on one HTTP session. What they do at length stands in the rooms beside
it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from dbfleet.abilities import Adopts, CarriesExtras, Finds, Identifies, LimitsTime, Locates, MakesReader, Native
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, WriteMode, Written
from dbfleet.engines.couchdb import left, literals, query, read, reader, write
from dbfleet.engines.couchdb.connect import opened, server_of
from dbfleet.engines.couchdb.native import literals as native_literals
from dbfleet.engines.couchdb.native import outline as native_outline
from dbfleet.engines.couchdb.native import read as native_read
from dbfleet.engines.couchdb.native import take, values
from dbfleet.engines.couchdb.native import write as native_write
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.tables import Databases
from dbfleet.errors import AuthFailed, Unsupported, UsageError
from dbfleet.extras import AnyExtra, Extras
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class CouchAdapter(
    Adapter,
    Adopts,
    Identifies,
    Locates,
    Finds,
    CarriesExtras,
    Native,
    MakesReader,
    LimitsTime,
):
    """One HTTP session."""

    def __init__(self, spec: EngineSpec, target: Target, session: Session) -> None:
        self.spec = spec
        self.target = target
        self._session = session
        self._databases = Databases(session, target.database or "")
        self._taker = take.Taker(session, self._databases, spec.limits.name_length or 0)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        self._session.json("GET", "/_session")
        info = self._session.json("GET", "/")
        vendor = info.get("vendor", {}).get("name", "")
        product = "CouchDB" if not vendor or "Apache" in vendor else f"CouchDB API of {vendor}"
        return ServerInfo(product, info["version"], (time.perf_counter() - started) / 2)

    def collections(self) -> Sequence[str]:
        return self._databases.names()

    def describe(self, name: str) -> Schema:
        return self._databases.describe(name)

    def create(self, schema: Schema) -> None:
        self._databases.create(schema, longest=self.spec.limits.name_length or 0)

    def bare(self, name: str) -> bool:
        return self._databases.kept(name) is None and self.count(name) == 0

    def adopt(self, schema: Schema) -> None:
        self._databases.keep(schema)

    def drop(self, name: str) -> None:
        self._databases.drop(name)

    def count(self, name: str) -> int:
        return read.count(self._session, self._databases.path(name))

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        path = self._databases.path(schema.name)
        if schema.native:
            return native_read.get(self._session, path, schema, keys)
        return read.get(self._session, path, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        if schema.native:
            return native_read.parts_of(self._session, parts)
        return read.split(self._session, self._databases.path(schema.name), parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        path = self._databases.path(schema.name)
        if schema.native:
            return native_read.scan(self._session, path, schema, part, batch_size)
        return read.scan(self._session, path, schema, part, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        path = self._databases.path(schema.name)
        if schema.native:
            upsert = mode == "upsert"
            return native_write.Writer(self._session, path, schema, upsert=upsert, alone=alone).write(batches)
        return write.write(self._session, path, schema, batches, mode)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        path = self._databases.path(schema.name)
        if schema.native:
            return native_write.delete(self._session, path, [key[0] for key in keys])
        return write.delete(self._session, path, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        path = self._databases.path(schema.name)
        if schema.native:
            return native_literals.statements(path, schema, changes, purges=self._session.is_couchdb)
        return literals.statements(self._session, path, schema, changes)

    # --- what goes along and what stays behind ---

    def extras(self, name: str) -> Extras:
        """CouchDB has nothing that goes along; what stays behind is named."""
        ours = self._databases.kept(name) is not None  # NotFound, where there is no such database
        return Extras(left=left.of_database(self._session, self._databases.path(name), ours=ours))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Unsupported: CouchDB has none."""
        raise Unsupported(f"CouchDB has no {extra}", engine="couchdb", target=self.target.name)

    # --- as they are ---

    def carries(self) -> bool:
        """From and to every CouchDB of today; and what a server can of it that only speaks the API."""
        return True

    def native_collections(self) -> Sequence[str]:
        """All collections."""
        return self.collections()

    def native_views(self) -> Sequence[str]:
        """None: views stand in design documents."""
        return ()

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """Documents as `native.values` has them."""
        return values.native(name, self._databases.kept(name))

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """See `native.outline`."""
        return native_outline.outline(self._session, self._databases, names, everything=everything)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """See `native.take`."""
        return take.lacking(self._session, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Nothing that belongs to a database has a name of its own outside it."""
        return {(space, name): name for space, name in makes}

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """See `native.take`."""
        return self._taker.take(step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """Remove the part's documents, with all their revisions."""
        self._taker.clear(schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """Drop them one after the other: nothing refers to a database."""
        for name in names:
            self.drop(name)

    def together(self) -> AbstractContextManager[None]:
        """What fails is undone by us: CouchDB has no transactions."""
        return self._taker.together()

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove what the step has made."""
        self._taker.undo(step, called)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        self._check(statement, params)
        return query.run(self._session, statement.strip(), self._databases.path, batch_size)

    def find(
        self, collection: str, filter: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """A Mango selector or query, on this collection."""
        self._check(filter, params)
        # As it was typed: an error names a line and a column of it.
        return query.find(self._session, self._databases.path(collection), filter, batch_size)

    def _check(self, statement: str, params: Mapping[str, object] | None) -> None:
        """UsageError for an empty statement; Unsupported for params."""
        if params:
            raise Unsupported("CouchDB's language has no parameters", engine="couchdb", target=self.target.name)
        if not statement.strip():
            raise UsageError("the statement is empty", target=self.target.name)

    def limit(self, seconds: float) -> None:
        """An answer is not waited for any longer: the server has no means to end one, but notices that its line is
        closed."""
        self._session.limit_s = seconds

    def cancel(self) -> None:
        raise Unsupported("CouchDB cannot stop a request", engine="couchdb", target=self.target.name)

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """An administrator of its own; what keeps it from writing is this client (`reader`)."""
        login = self.target.with_(user=user, password=password, read_only=True)
        try:
            opened(login, 10.0).close()
        except AuthFailed:
            reader.make_administrator(self._session, user, password)

    # --- the connection ---

    def identity(self) -> str:
        """The server (`connect.server_of`) and the target's prefix."""
        return f"{server_of(self._session)} {self.target.database or ''}"

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The whole name of each one's database: two prefixes may reach the same database."""
        server = server_of(self._session)
        return [f"{server} {self._databases.database(name)}" for name in names]

    def close(self) -> None:
        self._session.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> CouchAdapter:
    """Open a session and log in. AuthFailed for a wrong user or password, Unavailable where nothing answers."""
    return CouchAdapter(spec, target, opened(target, timeout_s))
