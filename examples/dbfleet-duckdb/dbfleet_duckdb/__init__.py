"""DuckDB, embedded (https://duckdb.org/docs/stable/sql/data_types/overview): an engine in a package of its own.

No server and no stack: the target is a file, `duckdb:///relative` or `duckdb:////absolute/path`. Only a target with
`create` makes a missing file. One process has a file at a time, with any number of connections.

Carried exactly: what the closed set has, HUGEINT and the like as decimals. As json, with a note: LIST, ARRAY, STRUCT,
MAP, UNION, VARIANT. As DuckDB's own text, with a note: INTERVAL, BIT, ENUM, TIME WITH TIME ZONE, nanoseconds, GEOMETRY,
and a column of dates or times that holds one which Python has not: infinity, 24:00:00, a date BC.

Oddities: a DECIMAL has 38 digits at most, and a scale; other decimals are text, with a comment. A foreign key is looked
at row by row, so references of a table to itself are kept in its comment, and not enforced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbfleet.abilities import CarriesExtras, Identifies, Locates, Narrows, TellsLeft
from dbfleet.adapter import Adapter
from dbfleet.extras import Default, Index
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Type
from dbfleet_duckdb.types import keeps_native


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """Open the file; `timeout_s` bounds the wait for another process that has it."""
    from dbfleet_duckdb.adapter import DuckdbAdapter
    from dbfleet_duckdb.connect import opened

    connection = opened(target, timeout_s)
    return DuckdbAdapter(ENGINE, target, connection, statement_cursor=connection)


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """The client on this machine, which opens the file."""
    return ["duckdb", target.database or ""], {}


ENGINE = EngineSpec(
    name="duckdb",
    title="DuckDB",
    paradigm="relational",
    language="SQL (DuckDB)",
    schemes=("duckdb",),
    driver="duckdb",
    connect=connected,
    aliases=("duck",),
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
    abilities=frozenset({Identifies, Locates, Narrows, CarriesExtras, TellsLeft}),
    extras=frozenset({Index, Default}),
    limits=Limits(),
    default_user=None,
    default_database=None,
    embedded=True,
    one_process=True,
    keeps_native=keeps_native,
    shell=shell,
    explain="explain {statement}",
    examples={
        "one": "select 1",
        "all": 'select * from "{collection}"',
        "slow": "select count(*) from range(10000000000) as a, range(1000) as b",
        "bad": "selec 1",
        "parameter": "select :n",
        "missing": "select * from dbfleet_nowhere",
    },
    quirks=(
        "A decimal of more than 38 digits, or without a precision, is text: CAST(total AS DECIMAL(38,10)) to add.",
        "References of a table to itself are kept, and not enforced: DuckDB would want the other row to come first.",
        "No row is replaced that others refer to and that refers to others itself: DuckDB's foreign key limitations.",
        "INSERT … RETURNING shows an infinite date as the last or first one that Python has; SELECT shows infinity.",
    ),
    verified_on=("DuckDB 2.0.1, real, embedded",),
)
