"""CouchDB: a database a collection, a document a row, over HTTP (https://docs.couchdb.org/en/stable/api/).

Driver: requests; one session (`couchdb.session`), so one connection is reused. URLs: `couchdb://user@host:5984/prefix`
(`couchdbs://` is HTTPS); the path is a prefix for the names of the databases. The schema is kept beside the data in the
design document `_design/dbfleet` of each database: it is no row, and a replication takes it along.

`_bulk_docs` is no transaction: what the server refuses comes back row by row. An insert sends documents without
revisions, so an id that exists is a conflict. An upsert reads the revisions first, keeps attachments, and tries again
where somebody else was faster. The pages of a scan begin at a `startkey`, never behind a `skip`, which reads what it
skips.

Query (`couchdb.query`): `GET /orders/_all_docs?limit=3` and `POST /orders/_find {"selector": …}` are requests; PUT,
DELETE and HEAD go the same way. `orders {"status": "paid"}` is a Mango selector or query on a collection, whose pages
are followed to the end; for the target `couchdb.orders` the selector is the whole text.

Reading only (`couchdb.reader`) is kept by this client, not by the server.

As they are (`couchdb.native`) documents go with all their leaf revisions, by `_bulk_get` and `new_edits=false`, and
with their attachments, streamed from the one server to the other: 300 MB in one document take 40 MB. A file of a native
dump has them in the document's line, which is held in memory: such a one takes 1.3 GB there, and 2.5 GB to load.
What a server takes no document of (`max_document_size`, `max_attachment_size`) comes back as a refused row by its id.

What the tests found out about the server:

- A write with revisions adds to what is there: what is to take the place of another is purged first, or both would be
  conflicts of one document. PouchDB cannot purge: there such a row is refused.
- It asks a `validate_doc_update` about such a write too, an administrator's also: such a design document comes last.
- `_bulk_docs` takes no attachment as it is kept: data in JSON is never compressed, whatever `encoding` says, and then
  compressed once more by its type. So each leaf with attachments is a multipart request of its own; digests are those
  of the compressed bytes.
- The feed of changes alone tells what is deleted. With `style=all_docs` it names deleted leaves among the others.
- A database that is dropped and made twice within a second loses its files: their names end in that second. So the
  second time waits for the next one.
- An id that came by a path may be no UTF-8; answers say U+FFFD for it, and no request can name it. It ends a copy.
- A new administrator's password holds some tenths of a second after the answer, when its hash is made.
- An integer keeps all its digits; 1 and 1.0 are two values; -0.0 becomes 0.0, and of a field that stands twice the last
  is kept. Fields keep their order.
- `_local_docs` says no number of rows, and PouchDB has none of it, nor counts what is deleted; it makes up `revpos`.

Oddities: CouchDB has no way to stop a request on the server. `_users` and `_replicator` are made by a server with
`single_node=true`; without them a new server's log fills with errors. A missing field and a null one are the same, but
in a json column null is the JSON null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbfleet.abilities import Adopts, CarriesExtras, Finds, Identifies, LimitsTime, Locates, MakesReader, Native
from dbfleet.adapter import Adapter
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Schema, Type


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """Open a session and log in. AuthFailed for a wrong user or password, Unavailable where nothing answers."""
    from dbfleet.engines.couchdb.adapter import connect

    return connect(ENGINE, target, timeout_s)


def planned(statement: str) -> str:
    """The question for a selector's plan. UsageError for what has none."""
    from dbfleet.engines.couchdb.query import plan

    return plan(statement)


def unfolded(column: Column, a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What of two documents differs, by field."""
    from dbfleet.engines.couchdb.native.shown import unfold

    return unfold(column, a, b)


def closed(native: Schema, schema: Schema, batch: Batch) -> Batch:
    """Rows of the schema, of documents with their revisions."""
    from dbfleet.engines.couchdb.native.values import closed as close

    return close(native, schema, batch)


def in_files(schema: Schema) -> Schema:
    """The native schema with the attachments' bytes."""
    from dbfleet.engines.couchdb.native.values import in_files as whole

    return whole(schema)


ENGINE = EngineSpec(
    name="couchdb",
    title="CouchDB",
    paradigm="document",
    language="CouchDB requests and Mango",
    schemes=("couchdb", "couchdbs", "couchdb+https", "couch"),
    driver="requests",
    connect=connected,
    aliases=("couch",),
    types={
        **dict.fromkeys((Type.BOOL, Type.INT, Type.FLOAT, Type.TEXT, Type.JSON), Fidelity.EXACT),
        **dict.fromkeys(
            (Type.DECIMAL, Type.BYTES, Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT, Type.UUID), Fidelity.AS_TEXT
        ),
    },
    capabilities=frozenset({Capability.KEYLESS, Capability.SPLIT}),
    abilities=frozenset({Adopts, Identifies, Locates, Finds, CarriesExtras, Native, MakesReader, LimitsTime}),
    guard="client",
    guard_note="dbfleet sends no request that is not known to read. With another client the account may write: CouchDB "
    "has none that reads every database and writes to none.",
    limits=Limits(
        int_bits=None,
        name_length=238,  # the shard's file name: 255 less the suffix and timestamp
    ),
    keeps_order=True,
    unfold=unfolded,
    close=closed,
    in_files=in_files,
    default_port=5984,
    direct=True,
    default_user="dbfleet",
    default_database=None,
    url_variable="COUCHDB_URL",
    examples={
        "all": "{collection} {{}}",
        "bad": "GET /orders/_find {",
        "missing": "GET /dbfleet_nowhere",
        "filter": '{"selector": {"id": 1}}',
    },
    explain=planned,
    editor="application/json",
    quirks=(
        "A missing field and a null one are the same, but for json columns, where null is the JSON null.",
        "Decimals that a double does not hold digit for digit are text; others are numbers, and so are integers.",
        "A write is not atomic: refused documents come back one by one.",
        "As it is, a document takes the place of one with other revisions by a purge; one that is deleted is a row.",
    ),
    verified_on=("CouchDB 3.5.0, real",),
)
