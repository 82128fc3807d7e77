"""CouchDB's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self
from urllib.parse import quote

from dbfleet.abilities import CarriesExtras, Finds, Identifies, Locates
from dbfleet.adapter import (
    BATCH_BYTES,
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Part,
    Rejected,
    Result,
    ServerInfo,
    WriteMode,
    Written,
)
from dbfleet.columns import shortened
from dbfleet.engines.couchdb import left
from dbfleet.engines.couchdb import query as queries
from dbfleet.engines.couchdb.connect import Session
from dbfleet.engines.couchdb.documents import (
    BY_SAMPLE,
    Document,
    Seen,
    collection_name,
    column_name,
    database_name,
    document_of,
    id_maker,
    row_of,
)
from dbfleet.engines.couchdb.text import ID_BASE, ID_DIGITS, dumps, id_text, is_design, json_query
from dbfleet.errors import AuthFailed, NotFound, StatementError, Unsupported, UsageError
from dbfleet.extras import AnyExtra, Extras
from dbfleet.spec import EngineSpec
from dbfleet.sql.changes import changed
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema

_SCHEMA_ID: Final = "_design/dbfleet"
_PATIENCE_S: Final = 60
_BULK_BYTES: Final = 256 << 10
"""A `_bulk_docs` body's size. In Erlang a small document is many times as large as its text: 30 000 orders take a real
server 161 MB in bodies of 256 KiB and more than 224 MB in bodies of 1 MiB, and no less time."""
_DOCUMENT_BYTES: Final = 8_000_000
"""CouchDB's own max_document_size."""
_KEYS: Final = 100
"""Of one request for documents: each may hold megabytes."""
_TRIES: Final = 5


class CouchAdapter(
    Adapter,
    Identifies,
    Locates,
    Finds,
    CarriesExtras,
):
    """One HTTP session."""

    def __init__(self, spec: EngineSpec, target: Target, session: Session) -> None:
        self.spec = spec
        self.target = target
        self._session = session
        self._prefix = target.database or ""
        self._strangers: set[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        self._session.json("GET", "/_session")
        info = self._session.json("GET", "/")
        vendor = info.get("vendor", {}).get("name", "")
        product = "CouchDB" if not vendor or "Apache" in vendor else f"CouchDB API of {vendor}"
        return ServerInfo(product, info["version"], (time.perf_counter() - started) / 2)

    def collections(self) -> Sequence[str]:
        found = self._session.json("GET", "/_all_dbs")
        return sorted(
            collection_name(name[len(self._prefix) :])
            for name in found
            if name[:1] != "_" and name.startswith(self._prefix) and name != self._prefix
        )

    def describe(self, name: str) -> Schema:
        kept = self._kept(name)
        if kept is not None:
            return kept
        seen = Seen()
        give_up = time.monotonic() + _PATIENCE_S
        for number, documents in enumerate(self._documents(self._path(name), WHOLE, BATCH_SIZE)):
            seen.look(documents)
            if time.monotonic() > give_up and number:
                return seen.schema(name, note=BY_SAMPLE)
        return seen.schema(name)

    def create(self, schema: Schema) -> None:
        path = self._path(schema.name)
        longest = self.spec.limits.name_length or 0
        if len(path) - 1 > longest * 3 or len(self._database(schema.name)) > longest:
            raise Unsupported(f"the name {schema.name!r} is longer than CouchDB's files can be named", engine="couchdb")
        self._session.json("PUT", path)
        self._session.json("PUT", f"{path}/{_SCHEMA_ID}", {"language": "query", "dbfleet": schema.to_dict()})

    def drop(self, name: str) -> None:
        try:
            self._session.json("DELETE", self._path(name))
        except NotFound:
            pass

    def count(self, name: str) -> int:
        path = f"{self._path(name)}/_all_docs"
        everything = int(self._session.json("GET", path, query="limit=0")["total_rows"])
        designs = self._session.json("GET", path, query='startkey="_design/"&endkey="_design0"&inclusive_end=false')[
            "rows"
        ]
        return everything - len(designs)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        make_row, make_id = row_of(schema), id_maker(schema)
        path = f"{self._path(schema.name)}/_all_docs"
        for start in range(0, len(keys), _KEYS):
            ids = [make_id(key) for key in keys[start : start + _KEYS]]
            for entry in self._session.json("POST", path, {"keys": ids}, query="include_docs=true")["rows"]:
                if entry.get("doc"):
                    yield self._row(schema, make_row, entry["doc"])

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        """By rank: `_all_docs` says how many ids come before a startkey, from the B-tree's own counts."""
        rows = self.count(schema.name)
        if parts < 2 or rows < 2:
            return [WHOLE]
        bounds: list[str] = []
        for number in range(1, parts):
            found = self._id_at(schema.name, rows * number // parts)
            if found is not None and (not bounds or found > bounds[-1]):
                bounds.append(found)
        if not bounds:
            return [WHOLE]
        edges = [None, *bounds, None]
        return [
            {word: bound for word, bound in (("from", edges[n]), ("below", edges[n + 1])) if bound is not None}
            for n in range(len(edges) - 1)
        ]

    def _id_at(self, name: str, rank: int) -> str | None:
        """An id near this rank, by bisection of the ids seen as numbers; each probe is one request of a row."""
        path = f"{self._path(name)}/_all_docs"
        low, high = 0, ID_BASE**ID_DIGITS - 1
        best: tuple[int, str] | None = None
        for _ in range(40):
            middle = (low + high) // 2
            answer = self._session.json("GET", path, query=f"limit=1&startkey={json_query(id_text(middle))}")
            offset, found = answer.get("offset"), answer["rows"]
            if offset is None:
                return None
            if found and not is_design(found[0]["id"]) and (best is None or abs(offset - rank) < abs(best[0] - rank)):
                best = (offset, found[0]["id"])
            if best and abs(best[0] - rank) <= max(rank // 50, 1):
                break
            if offset < rank:
                low = middle
            else:
                high = middle
            if high - low <= 1:
                break
        return best[1] if best else None

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        make_row = row_of(schema)
        for page in self._documents(self._path(schema.name), part, batch_size):
            yield [self._row(schema, make_row, document) for document in page]

    def _documents(self, path: str, part: Part, batch_size: int) -> Iterator[list[Document]]:
        """The documents of the part but for design documents, in pages that are bounded in bytes."""
        start, rest = part.get("from"), "include_docs=true"
        if "below" in part:
            rest += f"&endkey={json_query(part['below'])}&inclusive_end=false"
        wanted = min(2, batch_size)
        while True:
            # One more than a page: its id is where the next one starts, whatever happens to it until then.
            query = f"{rest}&limit={wanted + 1}" + ("" if start is None else f"&startkey={json_query(start)}")
            rows, size, whole = self._session.rows(f"{path}/_all_docs", query, 2 * BATCH_BYTES)
            start = None if whole and len(rows) <= wanted else rows.pop()["id"]
            page = [entry["doc"] for entry in rows if entry.get("doc") and not is_design(entry["id"])]
            if page:
                yield page
            if start is None:
                return
            # As many as would be half a batch's bytes, if they are like those that came.
            wanted = max(1, min(batch_size, 8 * wanted, BATCH_BYTES // 2 * (len(rows) + 1) // max(size, 1)))

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        make_document = document_of(schema)
        written = Written()
        pending: list[tuple[Row, Document, str]] = []
        size = 0
        self._session.json("GET", self._path(schema.name))  # NotFound before anything is pulled
        largest = self._largest_document()
        for batch in shortened(schema.columns, batches):
            for row in batch:
                document = make_document(row)
                text = dumps(document)
                wide = len(text) if text.isascii() else len(text.encode(errors="replace"))
                why = _refusal(schema, row, document, text, wide, largest)
                if why:
                    written.rejected.append(Rejected(row, why))
                    continue
                if pending and size + wide > _BULK_BYTES:
                    self._send(schema, pending, mode, written)
                    pending, size = [], 0
                pending.append((row, document, text))
                size += wide
        if pending:
            self._send(schema, pending, mode, written)
        return written

    def _send(self, schema: Schema, rows: list[tuple[Row, Document, str]], mode: WriteMode, written: Written) -> None:
        path = f"{self._path(schema.name)}/_bulk_docs"
        if mode == "upsert":
            rows = list({document["_id"]: (row, document, text) for row, document, text in rows}.values())
        for attempt in range(_TRIES):
            texts = self._revised(schema, rows) if mode == "upsert" else [text for _, _, text in rows]
            body = '{"docs":[' + ",".join(texts) + "]}"
            again = []
            try:
                answers = self._session.json("POST", path, body)
            except StatementError as error:
                if error.code != "413":
                    raise
                self._send_one_by_one(schema, rows, mode, written, error)
                return
            for entry, answer in zip(rows, answers, strict=True):
                if "error" not in answer:
                    written.rows += 1
                elif mode == "upsert" and answer["error"] == "conflict" and attempt + 1 < _TRIES:
                    again.append(entry)
                else:
                    written.rejected.append(Rejected(entry[0], f"{answer['error']}: {answer.get('reason', '')}"))
            if not again:
                return
            rows = again

    def _send_one_by_one(
        self, schema: Schema, rows: list[tuple[Row, Document, str]], mode: WriteMode, written: Written,
        error: StatementError,
    ) -> None:  # fmt: skip
        """The server takes none of a request that one document is too large for."""
        if len(rows) == 1:
            key = tuple(rows[0][0][place] for place in schema.key_indexes)
            written.rejected.append(Rejected(rows[0][0], f"{schema.name}, key {key!r}: {error.message}"))
            return
        for row in rows:
            self._send(schema, [row], mode, written)

    def _largest_document(self) -> int:
        """What a document may hold on this server; CouchDB's own limit where only an administrator may ask."""
        try:
            return int(self._session.json("GET", "/_node/_local/_config/couchdb/max_document_size"))
        except (AuthFailed, StatementError, ValueError, TypeError):
            return _DOCUMENT_BYTES

    def extras(self, name: str) -> Extras:
        """CouchDB has nothing that goes along; what stays behind is named."""
        ours = self._kept(name) is not None  # NotFound, where there is no such database
        return Extras(left=left.left(self._session, self._path(name), ours=ours))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        raise Unsupported(f"CouchDB has no {extra}", engine="couchdb", target=self.target.name)

    def _revised(self, schema: Schema, rows: list[tuple[Row, Document, str]]) -> list[str]:
        """The documents with the revisions that they replace, and the attachments that those have."""
        body = {"keys": [document["_id"] for _, document, _ in rows]}
        found = self._session.json("POST", f"{self._path(schema.name)}/_all_docs", body, query="include_docs=true")[
            "rows"
        ]
        texts = []
        for (_, document, text), entry in zip(rows, found, strict=True):
            old = entry.get("doc")
            if old:
                beside = {word: old[word] for word in ("_rev", "_attachments") if word in old}
                text = dumps({**document, **beside})
            texts.append(text)
        return texts

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        make_id, path = id_maker(schema), self._path(schema.name)
        removed = 0
        for start in range(0, len(keys), BATCH_SIZE):
            ids = list(dict.fromkeys(make_id(key) for key in keys[start : start + BATCH_SIZE]))
            for _ in range(_TRIES):
                found = self._session.json("POST", f"{path}/_all_docs", {"keys": ids})["rows"]
                doomed = [
                    {"_id": entry["id"], "_rev": entry["value"]["rev"], "_deleted": True}
                    for entry in found
                    if "error" not in entry and not (entry.get("value") or {"deleted": True}).get("deleted")
                ]
                if not doomed:
                    break
                answers = self._session.json("POST", f"{path}/_bulk_docs", {"docs": doomed})
                removed += sum("error" not in answer for answer in answers)
                ids = [answer["id"] for answer in answers if "error" in answer]
                if not ids:
                    break
            else:
                raise self._session.bad(f"{schema.name}: the document {ids[0]!r} changes again and again")
        return removed

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        """With the revisions of now: what is changed meanwhile is a conflict."""
        make_document, path = document_of(schema), self._path(schema.name)
        rest = iter(changes)
        while some := list(itertools.islice(rest, BATCH_SIZE)):
            rows = [change.after if change.after is not None else change.before for change in some]
            documents = [make_document(row) for row in rows if row is not None]
            body = {"keys": [document["_id"] for document in documents]}
            found = self._session.json("POST", f"{path}/_all_docs", body, query="include_docs=true")["rows"]
            for change, document, entry in zip(some, documents, found, strict=True):
                place = f"{path}/{quote(document['_id'], safe='')}"
                old = entry.get("doc") or {}
                if change.after is not None:
                    if change.before is not None and not changed(schema.columns, change):
                        continue
                    beside = {word: old[word] for word in ("_rev", "_attachments") if word in old}
                    yield f"PUT {place} {dumps({**document, **beside})}"
                elif old:
                    yield f"DELETE {place}?rev={old['_rev']}"

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        if params:
            raise Unsupported("CouchDB's language has no parameters", engine="couchdb", target=self.target.name)
        text = statement.strip()
        if not text:
            raise UsageError("the statement is empty", target=self.target.name)
        return queries.run(self._session, text, self._path, batch_size)

    def find(
        self, collection: str, filter: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """A Mango selector or query, on this collection."""
        if params:
            raise Unsupported("CouchDB's language has no parameters", engine="couchdb", target=self.target.name)
        if not filter.strip():
            raise UsageError("the statement is empty", target=self.target.name)
        return queries.find(self._session, self._path(collection), filter, batch_size)

    def cancel(self) -> None:
        raise Unsupported("CouchDB cannot stop a request", engine="couchdb", target=self.target.name)

    def identity(self) -> str:
        """The server's uuid and the target's prefix. A copy of a whole installation has the same uuid; of a single
        node an administrator sees its ports and folders too, in which the two differ on one machine."""
        return f"{self._server()} {self._prefix}"

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The whole name of each one's database: two prefixes may reach the same."""
        server = self._server()
        return [f"{server} {self._database(name)}" for name in names]

    def _server(self) -> str:
        found = [self._session.json("GET", "/").get("uuid") or self._session.address]
        try:
            nodes = self._session.json("GET", "/_membership")["cluster_nodes"]
            if len(nodes) == 1:
                config = self._session.json("GET", "/_node/_local/_config")
                words = (("chttpd", "port"), ("couchdb", "database_dir"), ("couchdb", "view_index_dir"))
                found += [nodes[0], *(str(config.get(section, {}).get(word)) for section, word in words)]
        except (AuthFailed, StatementError, KeyError):
            pass  # no administrator, or a server that speaks only a part of CouchDB's API
        return " ".join(["couchdb", *found])

    def close(self) -> None:
        self._session.close()

    # --- inside ---

    def _database(self, name: str) -> str:
        database = database_name(name)
        return self._prefix + (name if database != name and name in self._strange() else database)

    def _strange(self) -> set[str]:
        """Databases of others whose names would be other ones, if dbfleet made them: `a(b)`."""
        if self._strangers is None:
            names = {name[len(self._prefix) :] for name in self._session.json("GET", "/_all_dbs")
                     if name.startswith(self._prefix)}  # fmt: skip
            odd = {name for name in names if collection_name(name) == name}
            self._strangers = {name for name in odd if database_name(name) != name and database_name(name) not in names}
        return self._strangers

    def _path(self, name: str) -> str:
        try:
            return "/" + quote(self._database(name), safe="")
        except UnicodeEncodeError:
            raise NotFound(f"no collection {name!r}", engine="couchdb", target=self.target.name) from None

    def _kept(self, name: str) -> Schema | None:
        try:
            return Schema.from_dict(self._session.json("GET", f"{self._path(name)}/{_SCHEMA_ID}")["dbfleet"])
        except (NotFound, KeyError):
            self._session.json("GET", self._path(name))  # NotFound where the database is missing, not only its schema
            return None

    def _row(self, schema: Schema, make_row: Any, document: Document) -> Row:
        try:
            row: Row = make_row(document)
        except ValueError as exc:
            raise self._session.bad(
                f"{schema.name}, document {document.get('_id')!r}: {exc}",
                hint="its fields are of other types than those of the sample or of the kept schema",
            ) from exc
        return row


def _refusal(schema: Schema, row: Row, document: Document, text: str, wide: int, largest: int) -> str | None:
    """Why no server takes this document, before it is sent."""
    if wide > largest:
        field = max(document, key=lambda name: len(dumps(document[name])))
        key = tuple(row[place] for place in schema.key_indexes)
        limit = f"a document holds {largest:,} (max_document_size)"
        return f"{schema.name}.{column_name(field)} of key {key!r:.200}: {wide:,} bytes, and {limit}"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "a text holds half of a pair of surrogates, which is no character"
    return None


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> CouchAdapter:
    """Open a session and log in. AuthFailed for a wrong user or password, Unavailable where nothing answers."""
    unknown = set(target.options) - {"verify"}
    if unknown:
        raise UsageError(f"a CouchDB URL has no option {min(unknown)!r}", hint="it has: verify")
    session = Session(target, timeout_s)
    try:
        session.log_in()
    except BaseException:
        session.close()
        raise
    return CouchAdapter(spec, target, session)
