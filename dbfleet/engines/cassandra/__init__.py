"""Cassandra: partitions of rows in key order (https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/).

Driver: cassandra-driver. URLs: `cassandra://user@host:9042/keyspace?consistency=QUORUM` (`cql://` is the same);
`query --consistency` chooses for one statement. A missing keyspace is made for a target with `create` and for one that
the fleet manages. The schema is kept beside the data, in the table's comment.

The partition key is the schema's `partition`, else the first key column; the other key columns cluster the rows. Rows
are written with prepared statements, a bounded number in flight. Neighbours of one partition go in one unlogged batch,
rows of several partitions never do: a batch over partitions makes one node wait for all the others. Scans are paged by
token.

**Insert of an existing key is an error.** In CQL an INSERT replaces. IF NOT EXISTS would tell, but it costs four times
the plain statement (Paxos). So a table that is empty when the write begins takes plain INSERTs. A Bloom filter holds
the keys that were written, and only a key that may be a repeated one goes through IF NOT EXISTS. A table with rows
takes IF NOT EXISTS throughout, but not in the later parts of a copy that has made the table. What another client
writes into the empty table meanwhile is not noticed: a declared quirk.

To another Cassandra tables go as they are (`cassandra.native`): values as their bytes, by the server's own statements.

Oddities: the name of a table has letters, digits and `_` only, 48 at most. A `timestamp` has milliseconds. A table
needs a key. A partition key cannot be empty text. The driver has its own types for dates and times, and it takes
timestamps through floats, so timestamps are bound and read as numbers (`cassandra.wire`); one beyond the year 9999
would end the driver's connection. A value of no bytes at all, which CQL allows for a number, is NULL. What is larger
than the server's max_mutation_size or its message size is refused before it is sent. A wrong password comes as
NoHostAvailable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from dbfleet.adapter import Adapter
from dbfleet.engines.cassandra.local import CLIENT, shell
from dbfleet.engines.cassandra.values import keeps, narrow
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Schema, Type


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A session on the target's keyspace. AuthFailed or Unavailable within about `timeout_s`."""
    from dbfleet.engines.cassandra.adapter import connect

    return connect(ENGINE, target, timeout_s)


def _closed(native: Schema, schema: Schema, batch: Batch) -> Batch:
    from dbfleet.engines.cassandra.native.values import closed

    return closed(native, schema, batch)


def _unfolded(column: Column, a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    from dbfleet.engines.cassandra.native.values import unfold

    return unfold(column, a, b)


ENGINE = EngineSpec(
    name="cassandra",
    title="Cassandra",
    paradigm="wide-column",
    language="CQL",
    schemes=("cassandra", "cql"),
    driver="cassandra-driver",
    connect=connected,
    aliases=("cql", "cass"),
    types={
        **dict.fromkeys(Type, Fidelity.EXACT),
        Type.DATETIME: Fidelity.ROUNDED,
        Type.INSTANT: Fidelity.ROUNDED,
        Type.JSON: Fidelity.AS_TEXT,
    },
    capabilities=frozenset({Capability.SPLIT, Capability.PARAMETERS}),
    abilities=frozenset(
        {Identifies, TellsLosses, CarriesExtras, TellsLeft, Native, KeepsTimes, MakesReader, LimitsTime}
    ),
    limits=Limits(fraction_digits=3, name_length=48, key_length=65535, empty_text_in_key=False),
    default_port=9042,
    guard="account",
    guard_note="It has SELECT on the target's keyspace alone; every role may change its own password, after which only "
    "up lets it in again, and functions of the user's own are not for it.",
    keeps_native=keeps,
    narrow=narrow,
    unfold=_unfolded,
    close=_closed,
    ends="when it ends",
    query_options=("consistency",),
    url_variable="CASSANDRA_URL",
    client=CLIENT,
    shell=shell,
    examples={
        "one": "SELECT (int) 1 AS one FROM system.local",
        "all": 'SELECT * FROM "{collection}"',
        "bad": "SELEC 1",
        "parameter": "SELECT (text) :n AS n FROM system.local",
        "missing": "SELECT * FROM dbfleet_nowhere",
    },
    no_plan="Cassandra has no plans: CQL has no EXPLAIN, and TRACING runs the statement",
    editor="text/x-cassandra",
    quirks=(
        "Datetimes and instants keep milliseconds; of keys that fall together so, the second is a refused row.",
        "A row that another client inserts into an empty table, while a write fills it, may be replaced.",
        "Every collection needs a key, and its name letters, digits and _ only.",
        "A write is not atomic: refused rows come back one by one.",
        "Copied to another Cassandra (from 4.0 on) values are written now, and a table's default time to live begins "
        "anew. With --keep-ttl each ends when it does at the source, and keeps the time of its writing; but a list's "
        "elements, and the fields of a type that is not frozen, have those of the last of them, and a row without "
        "values those of now.",
    ),
    verified_on=("Cassandra 5.0.9, real, in a local image",),
)
