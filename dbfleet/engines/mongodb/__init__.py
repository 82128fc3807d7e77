"""MongoDB: documents, by pymongo (https://www.mongodb.com/docs/manual/reference/, bson types: https://bsonspec.org).

A row is a document: the key is `_id` (a compound one a sub-document in key order), NULL a field that is not there. The
schemas of the collections that dbfleet made are in the collection `_dbfleet`, one document each. Other collections are
described by their documents (`mongodb.foreign`). To another MongoDB all go as their BSON (`mongodb.native`).

URL: `mongodb://` or `mongodb+srv://`, options as MongoDB names them (authSource, tls, replicaSet, directConnection, …).
A user without an authSource is looked for in the URL's database, then in admin.

Oddities:
- BSON dates keep milliseconds. decimal and int are Decimal128 and int64, and text where these are too small.
- A command holds 16 MiB of documents; one document that is too deep or too large fails the whole command.
- `count` without a query reads the collection's statistics, which a crash leaves wrong; with the `_id` index it counts.
- Every operation runs in one session, by which `cancel` finds it on the server, whoever's credentials these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    Adapter,
)
from dbfleet.engines.mongodb import local
from dbfleet.extras import Native
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Schema, Type


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """Log in and look: Unavailable or AuthFailed within about `timeout_s`."""
    from dbfleet.engines.mongodb.adapter import connect

    return connect(ENGINE, target, timeout_s)


def keeps_native(column: Column) -> bool:
    """Whether the column keeps its native type. It does where it has one: documents go to another MongoDB as they are
    (`documents.Documents`)."""
    return column.native is not None


def unfolded(column: Column, a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What of two documents, or two `_id`, differs, by field."""
    from dbfleet.engines.mongodb.native.shown import unfold

    return unfold(column, a, b)


def closed(native: Schema, schema: Schema, batch: Batch) -> Batch:
    """Rows of the schema of documents that are BSON."""
    from dbfleet.engines.mongodb.native.values import closed as close

    return close(native, schema, batch)


ENGINE = EngineSpec(
    name="mongodb",
    title="MongoDB",
    django="dbfleet.django.mongodb",
    paradigm="document",
    language="mongosh",
    schemes=("mongodb", "mongodb+srv"),
    driver="pymongo",
    connect=connected,
    aliases=("mongo",),
    writers=2,
    default_port=27017,
    direct=True,
    default_options={"authSource": "admin"},  # other clients look for the user in the database of the URL
    types={
        **dict.fromkeys(Type, Fidelity.EXACT),
        Type.TIME: Fidelity.AS_TEXT,
        Type.DATETIME: Fidelity.ROUNDED,
        Type.INSTANT: Fidelity.ROUNDED,
    },
    swap_collections=1,  # renameCollection, which no transaction may hold (mongodb.swap)
    capabilities=frozenset(
        {
            Capability.KEYLESS,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
        }
    ),
    abilities=frozenset(
        {
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
        }
    ),
    encodings=("jsonl",),
    guard="account",
    guard_note="It has the role read, on the target's database alone; JavaScript in $where, $function and mapReduce "
    "runs, and takes the server's time.",
    limits=Limits(
        fraction_digits=3,
        int_bits=None,
        name_length=191,  # a namespace (database.collection) has 255 bytes, a database's name up to 63 of them
    ),
    ordered_json=True,
    keeps_order=True,
    keeps_native=keeps_native,
    unfold=unfolded,
    close=closed,
    extras=frozenset({Native}),
    local=local.LOCAL,
    client=(
        "mongosh",
        "--quiet",
        "--nodb",
        "--shell",
        "--eval",
        'db = connect("mongodb://{user}:" + encodeURIComponent(fs.readFileSync('
        'process.env.MONGO_INITDB_ROOT_PASSWORD_FILE, "utf8").trim()) + "@127.0.0.1/{database}?authSource=admin")',
    ),
    shell=local.shell,
    examine=local.examine,
    examine_kernel=local.examine_kernel,
    url_variable="MONGODB_URI",
    examples={
        "one": "db.aggregate([{$documents: [{value: 1}]}])",
        "all": 'db.getCollection("{collection}").find()',
        # 10 000 million documents out of nothing.
        "slow": 'db.aggregate([{$documents: [{a: {$range: [0, 100000]}}]}, {$unwind: "$a"}, '
        '{$set: {b: {$range: [0, 100000]}}}, {$unwind: "$b"}, {$count: "n"}])',
        "bad": 'db.orders.find({status: "paid"',
        "parameter": "db.aggregate([{$documents: [{value: {$literal: :n}}]}])",
        "missing": "db.dbfleet_nowhere.find()",
        "filter": "{_id: 1}",
    },
    explain="{statement}.explain()",
    editor="text/javascript",
    quirks=(
        "A missing field and one that is null are the same.",
        "Dates, datetimes and instants are BSON dates, in UTC, of milliseconds; times are text.",
        "Numbers of more than 34 digits are kept as text of their digits.",
        "Replacing one collection is one step; of several at once, each: MongoDB renames one at a time.",
        "A collection that is not there is an empty one to find and aggregate.",
        "References are not checked. A document has 16 MiB and 100 levels at most.",
        "A collection that dbfleet did not make is described by its documents; fields of several types become json, "
        "which says each BSON type, so that MongoDB gets its own values back.",
        "In json the fields of a document have no order: out of a dump they come in the order of their names.",
    ),
    verified_on=("MongoDB 6.0.5, real",),
)
