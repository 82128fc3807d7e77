"""SQLite: the embedded engine, from the standard library (https://www.sqlite.org/datatype3.html).

No server and no stack: the target is a file, `sqlite:///relative` or `sqlite:////absolute/path`. Only a target with
`create` makes a missing file; a new file is in WAL mode, so that a scan never blocks a write.

SQLite keeps what a column was declared as, word for word, and gives it an affinity by the words inside. So the schema
beside the data is the declared type itself: decimal is `DECIMAL_TEXT(12,2)`, instant `INSTANT_TEXT`, and so on; TEXT
inside the word keeps SQLite from turning digits into floats. Times always have six digits, so that the order of their
texts is their own. In a table that dbfleet did not make, a column's type is what its values are (`typeof`, one pass).

From file to file tables go natively (`native/`): their statements word for word, each value in its storage class,
whatever its column is declared to hold, rowids, full text and R*Tree tables too.

Oddities: binding NaN stores NULL, so NaN is written as text, which REAL affinity leaves alone. The key of a table with
rowids may hold NULL; so our keys are declared NOT NULL, and a key that holds NULL is described as none. `LIKE` ignores
case.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from dbfleet.abilities import CarriesExtras, Encodes, Identifies, Locates, Narrows, Native, Snapshots, Swaps, TellsLeft
from dbfleet.adapter import (
    Adapter,
)
from dbfleet.engines.sqlite.types import OURS
from dbfleet.extras import ALL
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import (
    Type,
)


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """Open the file; `timeout_s` bounds the wait for another writer's lock."""
    from dbfleet.engines.sqlite.adapter import connect

    return connect(ENGINE, target, timeout_s)


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """sqlite3 on this machine, which opens the file."""
    return ["sqlite3", target.database or ""], {}


ENGINE = EngineSpec(
    name="sqlite",
    title="SQLite",
    django="dbfleet.django.sqlite",
    paradigm="relational",
    language="SQL (SQLite)",
    schemes=("sqlite", "sqlite3"),
    driver="sqlite3",
    connect=connected,
    aliases=("sqlite3", "file"),
    types={
        **dict.fromkeys(OURS.values(), Fidelity.AS_TEXT),
        **dict.fromkeys((Type.BOOL, Type.INT, Type.FLOAT, Type.TEXT, Type.BYTES), Fidelity.EXACT),
    },
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
    abilities=frozenset({Identifies, Locates, Swaps, Snapshots, Encodes, Narrows, CarriesExtras, TellsLeft, Native}),
    encodings=("jsonl",),
    extras=ALL,
    guard="session",
    guard_note="A transaction that a reader leaves open holds back who writes to a file that is not in WAL mode; "
    "beside one in WAL mode an empty log may be left.",
    limits=Limits(),
    default_user=None,
    default_database=None,
    embedded=True,
    shell=shell,
    examples={
        "one": "select 1",
        "all": 'select * from "{collection}"',
        "slow": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
        "bad": "selec 1",
        "parameter": "select :n",
        "missing": "select * from dbfleet_nowhere",
    },
    explain="EXPLAIN QUERY PLAN {statement}",
    editor="text/x-sqlite",
    quirks=(
        "Decimals, dates, times, uuids and json are text: CAST(total AS REAL) to compare decimals as numbers.",
        "A column holds values of any type; one that dbfleet did not make is typed by the values in it.",
    ),
    verified_on=(f"SQLite {sqlite3.sqlite_version}, real, embedded",),
)
