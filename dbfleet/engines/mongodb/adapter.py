"""MongoDB's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from dbfleet.abilities import (
    CarriesExtras,
    Encodes,
    ExtendedJson,
    Finds,
    Identifies,
    Narrows,
    Ordered,
    ReadsLines,
    Swaps,
    TellsLeft,
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
from dbfleet.engines.mongodb.connect import BESIDE, STAGED, client_of, database_name
from dbfleet.errors import (
    DbfleetError,
    NotFound,
    StatementError,
    Unsupported,
    UsageError,
    translated,
)
from dbfleet.extras import AnyExtra, Extras, Native
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema, Type

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession
    from pymongo.database import Database

    from dbfleet.engines.mongodb.documents import Layout
    from dbfleet.engines.mongodb.text import Operation

Document = dict[str, Any]

_GET_AT_ONCE: Final = 1000
_LINES_AT_ONCE: Final = 5000
_NATIVE: Final[Mapping[Type, str]] = {
    Type.BOOL: "bool",
    Type.INT: "int",
    Type.DECIMAL: "decimal",
    Type.FLOAT: "double",
    Type.TEXT: "string",
    Type.BYTES: "binData",
    Type.DATE: "date",
    Type.TIME: "string",
    Type.DATETIME: "date",
    Type.INSTANT: "date",
    Type.UUID: "binData (uuid)",
    Type.JSON: "json",
}


class MongodbAdapter(
    Adapter,
    Identifies,
    Swaps,
    Finds,
    Encodes,
    Ordered,
    Narrows,
    ReadsLines,
    CarriesExtras,
    TellsLeft,
    ExtendedJson,
):
    """One MongoClient, one session. `ejson`: results of queries as relaxed Extended JSON, all values."""

    ejson = False

    def __init__(self, spec: EngineSpec, target: Target, client: MongoClient[Document]) -> None:
        from dbfleet.engines.mongodb.values import CODEC

        self.spec = spec
        self.target = target
        self._client = client
        self._database: Database[Document] = client.get_database(database_name(target), codec_options=CODEC)
        self._session_made: ClientSession | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        with self._translated():
            info = self._client.admin.command("buildInfo")
        latency_s = time.perf_counter() - started
        if "ferretdb" in info or "ferretdbVersion" in info:
            return ServerInfo("FerretDB", info.get("ferretdbVersion", info["version"]), latency_s)
        product = "Percona Server for MongoDB" if "psmdbVersion" in info else "MongoDB"
        return ServerInfo(product, info["version"], latency_s)

    def collections(self) -> Sequence[str]:
        with self._translated():
            # authorizedCollections: who may read two collections may list these two.
            names = self._database.list_collection_names(authorizedCollections=True)
        return sorted(name for name in names if name != BESIDE and not name.startswith(("system.", STAGED)))

    def describe(self, name: str) -> Schema:
        from dataclasses import replace

        from dbfleet.engines.mongodb import foreign

        with self._translated():
            info = self._info(name)
            stored = self._stored(name)
            if stored is None:
                return foreign.describe(self._database[name], info)
            columns = (replace(each, native=each.native or _NATIVE[each.type]) for each in stored.columns)
            return replace(stored, columns=tuple(columns))

    def create(self, schema: Schema) -> None:
        from dbfleet.engines.mongodb.documents import beside

        with self._translated():
            _check_names(schema, self.spec.limits.name_length or 0)
            self._database.command("create", schema.name)
            self._database[BESIDE].replace_one({"_id": schema.name}, {"schema": beside(schema)}, upsert=True)

    def drop(self, name: str) -> None:
        with self._translated():
            from dbfleet.engines.mongodb.swap import forget

            self._database.drop_collection(name)
            forget(self._database, name)

    def count(self, name: str) -> int:
        with self._translated():
            if self._info(name)["type"] != "collection":
                return self._database[name].count_documents({}, session=self._session)
            reply = self._database.command("count", name, query={}, hint={"_id": 1}, session=self._session)
            return int(reply["n"])

    def identity(self) -> str:
        from dbfleet.engines.mongodb.swap import identity

        with self._translated():
            return identity(self._client, self._database.name)

    def swap(self, swaps: Sequence[Swap]) -> None:
        """One renameCollection each: see `mongodb.swap` for what that means for several, and for a kill."""
        from dbfleet.engines.mongodb.swap import swap

        with self._translated():
            swap(self._database, swaps)

    def leftovers(self) -> Sequence[str]:
        """Staged collections, by their names, which `drop` removes. Ends a swap that was cut off first."""
        from dbfleet.engines.mongodb.swap import finish

        with self._translated():
            finish(self._database)
            return sorted(self._database.list_collection_names(filter={"name": {"$regex": f"^{STAGED}"}}))

    def extras(self, name: str) -> Extras:
        """What the collection has besides its documents."""
        from dbfleet.engines.mongodb.left import of_collection

        with self._translated():
            self._info(name)
            return of_collection(self._database, name)

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        from dbfleet.engines.mongodb.left import add

        if not isinstance(extra, Native) or extra.engine != self.spec.name:
            raise Unsupported(f"dbfleet makes no {type(extra).__name__.lower()} in MongoDB", target=self.target.name)
        with self._translated():
            add(self._database, schema.name, extra)

    def left(self) -> Sequence[str]:
        """What a copy leaves behind of the database."""
        from dbfleet.engines.mongodb.left import of_database

        with self._translated():
            return of_database(self._database)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        with self._translated():
            layout = self._layout(schema)
        for start in range(0, len(keys), _GET_AT_ONCE):
            ids = layout.ids(keys[start : start + _GET_AT_ONCE])
            with self._translated():
                found = list(self._database[schema.name].find({"_id": {"$in": ids}}, session=self._session))
                rows = self._rows(layout, found)
            yield from rows

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        from dbfleet.engines.mongodb import read

        with self._translated():
            if self._info(schema.name)["type"] != "collection":
                return [WHOLE]
            return read.split(self._database[schema.name], self._session, parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        from bson import decode_all

        from dbfleet.engines.mongodb.documents import Documents
        from dbfleet.engines.mongodb.values import CODEC

        with self._translated():
            layout = self._layout(schema)
        with self._pages(schema.name, part, batch_size) as pages:
            while True:
                with self._translated():
                    page = next(pages, None)
                    if page is None:
                        return
                    rows = Documents(self._rows(layout, decode_all(page, CODEC)), layout, page)
                del page
                if rows:
                    yield rows

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The rows as COPY's text, in the order of their key; None where that is not the order of `_id`."""
        from dbfleet.engines.mongodb import read
        from dbfleet.engines.mongodb.fast import lines as fast_lines

        if len(schema.key) != 1:
            return None
        with self._translated():
            if self._info(schema.name)["type"] != "collection" or self._layout(schema).key != schema.key:
                return None
            kinds = fast_lines.KINDS.get(schema.column(schema.key[0]).type)
            if kinds is None or not read.keys_are(self._database[schema.name], self._session, kinds):
                return None
        return self.lines(schema)

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The rows as COPY's text; None where a column has no fixed form in BSON."""
        from dbfleet.engines.mongodb.fast.lines import renderer

        with self._translated():
            layout = self._layout(schema)
        render = renderer(layout)
        return None if render is None else self._lines(layout, part, render)

    def _lines(self, layout: Layout, part: Part, render: Callable[[bytes], bytes]) -> Iterator[bytes]:
        from bson import decode_all

        from dbfleet.engines.mongodb.fast.lines import Odd, row_lines
        from dbfleet.engines.mongodb.values import CODEC

        with self._pages(layout.schema.name, part, _LINES_AT_ONCE) as pages:
            while True:
                with self._translated():
                    page = next(pages, None)
                    if page is None:
                        return
                    try:
                        chunk = render(page)
                    except Odd:
                        chunk = row_lines(layout.schema, self._rows(layout, decode_all(page, CODEC)))
                if chunk:
                    yield chunk

    @contextmanager
    def _pages(self, name: str, part: Part, batch_size: int) -> Iterator[Iterator[bytes]]:
        """The part's documents as raw BSON."""
        from dbfleet.engines.mongodb import read

        with ExitStack() as held:
            with self._translated():
                by_key = self._info(name)["type"] == "collection"
                found = read.pages(self._database[name], self._session, part, batch_size, by_key=by_key)
                pages = held.enter_context(found)
            yield pages

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        from dbfleet.engines.mongodb.conditions import filter_of
        from dbfleet.engines.mongodb.values import canonical

        with self._translated():
            found = filter_of(self._layout(schema), condition)
        return None if found is None else {"where": canonical(found)}

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        from dbfleet.engines.mongodb.write import Sink, pour

        with self._translated():
            sink = Sink(self._database, self._layout(schema), mode)
        for sent in pour(batches, sink):
            with self._translated():
                sent.result()
        return sink.written

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        removed = 0
        with self._translated():
            layout = self._layout(schema)
            for start in range(0, len(keys), _GET_AT_ONCE):
                ids = layout.ids(keys[start : start + _GET_AT_ONCE])
                found = self._database[schema.name].delete_many({"_id": {"$in": ids}}, session=self._session)
                removed += found.deleted_count
        return removed

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        from dbfleet.engines.mongodb.literals import statements

        with self._translated():
            layout = self._layout(schema)
        yield from statements(layout, changes)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        from dbfleet.engines.mongodb.values import plain_document, relaxed

        with self._translated():
            return self._run(self._parsed(statement, params), batch_size, relaxed if self.ejson else plain_document)

    def find(
        self, collection: str, filter: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """What find takes, `{status: "paid"}` or `{…}, {total: 1}`, of this collection."""
        from dbfleet.engines.mongodb.values import plain_document, relaxed

        if not filter.strip():
            raise UsageError("the statement is empty")
        with self._translated():
            # On lines of its own, so that a comment at its end takes nothing along.
            operations = self._parsed(f"db.getCollection({json.dumps(collection)}).find(\n{filter}\n)", params)
            if [operation.command_name for operation in operations] != ["find"]:
                raise StatementError("of one collection a filter is meant", hint='{status: "paid"}, as find takes it')
            return self._run(operations, batch_size, relaxed if self.ejson else plain_document)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: str) -> Iterator[bytes] | None:
        """JSON Lines of what one find or aggregate gives."""
        from dbfleet.engines.mongodb.fast.encoded import lines

        if format != "jsonl" or self.ejson:
            return None
        with self._translated():
            operations = self._parsed(statement, params)
            if len(operations) != 1 or operations[0].command_name not in ("find", "findOne", "aggregate"):
                return None
            result = self._run(operations, BATCH_SIZE, lambda document: document)
        templates: dict[tuple[str, ...], str] = {}

        def chunks() -> Iterator[bytes]:
            with result:
                for batch in result:
                    yield lines((document for (document,) in batch), templates)

        return chunks()

    def _parsed(self, statement: str, params: Mapping[str, object] | None) -> list[Operation]:
        from dbfleet.engines.mongodb import text

        operations = text.parse(statement, params or {})
        if not operations:
            raise UsageError("the statement is empty")
        return operations

    def _run(self, operations: Sequence[Operation], batch_size: int, convert: Callable[[Document], Document]) -> Result:
        from dbfleet.engines.mongodb.query import Run

        run = Run(self._client, self._database, self._session, batch_size, convert=convert, translated=self._translated)
        return run.results(operations)

    def cancel(self) -> None:
        session = self._session_made
        if session is None:
            return
        with self._translated():
            # allUsers false: who may do nothing else may still see and stop what is his own.
            running = [{"$currentOp": {"allUsers": False}}, {"$match": {"lsid.id": session.session_id["id"]}}]
            for operation in list(self._client.admin.aggregate(running)):
                self._client.admin.command("killOp", op=operation["opid"])

    def close(self) -> None:
        self._client.close()

    # --- inside ---

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated(_translate, engine="mongodb", target=self.target.name):
                yield
        except DbfleetError as exc:
            # What the parser finds wrong is this target's error too.
            exc.engine = exc.engine or "mongodb"
            exc.target = exc.target or self.target.name
            raise

    @property
    def _session(self) -> ClientSession:
        if self._session_made is None:
            self._session_made = self._client.start_session(causal_consistency=False)
        return self._session_made

    def _info(self, name: str) -> Document:
        """The collection's entry in the list of collections; its `type` is collection, view or timeseries."""
        # Names alone, and those that he may read: that much everybody may ask.
        found: Sequence[Any] = list(
            self._database.list_collections(filter={"name": name}, nameOnly=True, authorizedCollections=True)
        )
        if not found or name == BESIDE:
            raise NotFound(f"no collection {name!r}")
        return dict(found[0])

    def _stored(self, name: str) -> Schema | None:
        from pymongo.errors import OperationFailure

        try:
            found = self._database[BESIDE].find_one({"_id": name})
        except OperationFailure as exc:
            if exc.code != 13:  # who may read one collection alone sees it as its documents are
                raise
            return None
        if found and (coming := found.get("next")):
            from dbfleet.engines.mongodb.swap import uuid_of

            if uuid_of(self._database, name) == coming["uuid"]:
                return Schema.from_dict(coming["schema"])
        return Schema.from_dict(found["schema"]) if found and found.get("schema") else None

    def _layout(self, schema: Schema) -> Layout:
        from dbfleet.engines.mongodb.documents import Layout

        self._info(schema.name)
        return Layout(schema, self._stored(schema.name))

    def _rows(self, layout: Layout, documents: Sequence[Document]) -> Batch:
        from dbfleet.engines.mongodb.documents import Deviates

        try:
            return layout.rows(documents)
        except Deviates as exc:
            raise StatementError(f"{layout.schema.name}: {exc}") from exc


def _check_names(schema: Schema, name_bytes: int) -> None:
    if schema.name == BESIDE or schema.name.startswith("system."):
        raise Unsupported(f"MongoDB keeps the name {schema.name!r} for itself or dbfleet")
    if any("\0" in name for name in (schema.name, *schema.names)):
        raise Unsupported("a name in MongoDB holds no NUL character")
    if len(schema.name.encode()) > name_bytes:
        raise Unsupported(f"a collection's name has {name_bytes} bytes at most")


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> MongodbAdapter:
    """Log in and look: Unavailable or AuthFailed within about `timeout_s`."""
    with translated(_translate, engine="mongodb", target=target.name):
        return MongodbAdapter(spec, target, client_of(target, timeout_s))


def _translate(exc: BaseException) -> DbfleetError | None:
    from dbfleet.engines.mongodb.errors import translate

    return translate(exc)
