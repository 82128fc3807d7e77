"""PostgreSQL, by psycopg 3 (https://www.psycopg.org/psycopg3/docs/, https://www.postgresql.org/docs/current/).

A collection is a table, a view, a materialized view or a foreign table. In the connection's current schema (mostly
`public`; `?search_path=app` or `?schema=app` in the URL changes it) it has its own name, elsewhere `schema.name`. A dot
in a name separates schema and table only where a schema of that name exists. A partition is part of its partitioned
table. What an extension made is not listed.

The session runs in UTC with ISO dates, so that a statement gives the same answer from every machine. A text of several
statements runs one by one, each committed by itself unless the text says BEGIN. A view is described without a key.

Oddities: text cannot hold U+0000. `numeric` has NaN and infinity. Dates have infinity, BC and years above 9999, which
Python's dates have not: `scan` refuses such a date by name, and `query` gives the server's text. The server cuts names
at 63 bytes, so we refuse longer ones. An array, a composite or an hstore is carried as json (a list goes back into an
array), every other type outside the closed set as the server's text. Servers from 17.12 on note among a column's
settings when they have made it (pg_attver); nobody can set that, and no copy carries it.
"""

from __future__ import annotations

from dbfleet.abilities import (
    CarriesExtras,
    CountsOn,
    Digests,
    Encodes,
    EncodesScans,
    Identifies,
    KeysLast,
    LimitsTime,
    Locates,
    MakesReader,
    Narrows,
    Native,
    Notices,
    Ordered,
    ReadsLines,
    SharesSnapshots,
    Snapshots,
    Swaps,
    TellsLeft,
    TellsLosses,
    WritesLines,
)
from dbfleet.adapter import (
    Adapter,
)
from dbfleet.engines.postgres.local import LOCAL, examine, shell
from dbfleet.engines.postgres.types import NAME_BYTES, keeps_native, narrow
from dbfleet.extras import ALL
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Type


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A connection by libpq's rules: see `postgres.connect`."""
    from dbfleet.engines.postgres.adapter import connect

    return connect(ENGINE, target, timeout_s)


ENGINE = EngineSpec(
    name="postgres",
    title="PostgreSQL",
    django="django.db.backends.postgresql",
    paradigm="relational",
    language="SQL (PostgreSQL)",
    schemes=("postgresql", "postgres", "pg", "pgsql"),
    driver="psycopg",
    connect=connected,
    types=dict.fromkeys(Type, Fidelity.EXACT),
    capabilities=frozenset(
        {
            Capability.ATOMIC_WRITE,
            Capability.KEYLESS,
            Capability.REFERENCES,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
        }
    ),
    abilities=frozenset(
        {
            Identifies,
            Locates,
            Swaps,
            TellsLosses,
            SharesSnapshots,
            Encodes,
            Notices,
            EncodesScans,
            Ordered,
            Narrows,
            ReadsLines,
            WritesLines,
            Digests,
            CountsOn,
            CarriesExtras,
            TellsLeft,
            Native,
            KeysLast,
            MakesReader,
            LimitsTime,
            Snapshots,
        }
    ),
    encodings=("csv", "jsonl"),
    extras=ALL,
    guard="account",
    guard_note="Advisory locks, NOTIFY and pg_sleep pass, and password verifiers can be read. Outside of dbfleet's "
    "sessions it may also make temporary tables and large objects, as everybody may; large objects inside them, too, "
    "before version 16.",
    keeps_native=keeps_native,
    narrow=narrow,
    limits=Limits(decimal_scale=16383, name_length=NAME_BYTES, nul_in_text=False, key_length=2700),
    aliases=("pg", "postgresql", "psql", "pgsql"),
    default_port=5432,
    direct=True,
    local=LOCAL,
    client=("psql", "--username={user}", "--dbname={database}"),
    shell=shell,
    examine=examine,
    url_variable="DATABASE_URL",
    examples={
        "one": "select 1",
        "all": 'select * from "{collection}"',
        "slow": "select pg_sleep(60)",
        "bad": "selec 1",
        "parameter": "select :n",
        "missing": "select * from dbfleet_nowhere",
    },
    explain="EXPLAIN {statement}",
    editor="text/x-pgsql",
    quirks=(
        "Text and json cannot hold the character U+0000.",
        "json is jsonb: the order of an object's keys is not kept.",
        "A text of several statements runs one by one, each committed by itself unless the text says BEGIN.",
        "The session runs in UTC.",
    ),
    verified_on=(
        "PostgreSQL 18.6, real, embedded",
        "PostgreSQL 17.11, real, Debian's in Docker",
        "PostgreSQL 15.20, real, Debian's",
    ),
)
