"""SQL Server 2022, and what else speaks TDS 7.4 and Transact-SQL, over pymssql (https://www.pymssql.org, FreeTDS).

https://learn.microsoft.com/en-us/sql/t-sql/language-reference. Needs OPENJSON: SQL Server 2016 and a database of
compatibility level 130 or more.

A collection's name is that of a table in the user's default schema, or `schema.table`. Oddities: the server ignores
blanks at the end of a text, even in a binary collation. Two keys that differ only in these are one key: the second is
refused, never taken for the first. nvarchar(n) counts UTF-16's units: a character outside of the first plane is two.

What the server computes is not written: a column with an expression, a rowversion, the period of a temporal table, the
set of the sparse columns. An IDENTITY takes the rows' values (IDENTITY_INSERT) and goes on behind the greatest. No
UPDATE sets one, so an upsert that would have to is refused. This, what is told of a catalog, and how tables go as they
are to another SQL Server (see `native`) follows Microsoft's documentation: it is not verified on a real server.
"""

from __future__ import annotations

from dbfleet.abilities import (
    CarriesExtras,
    CountsOn,
    Identifies,
    Locates,
    MakesReader,
    Narrows,
    Native,
    Swaps,
    TellsLeft,
    TellsLosses,
)
from dbfleet.adapter import (
    Adapter,
)
from dbfleet.engines.sqlserver.local import CLIENT, examine, shell
from dbfleet.engines.sqlserver.types import DIGITS, KEY_BYTES, NAME_LENGTH, SCALE, narrow
from dbfleet.extras import ALL
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Type


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A connection. The URL's options are pymssql's encryption (off, request, require), tds_version and read_only, and
    application_name."""
    from dbfleet.engines.sqlserver.adapter import connect

    return connect(ENGINE, target, timeout_s)


ENGINE = EngineSpec(
    name="sqlserver",
    title="SQL Server",
    django="dbfleet.django.sqlserver",
    paradigm="relational",
    language="Transact-SQL",
    schemes=("sqlserver", "mssql"),
    driver="pymssql",
    connect=connected,
    types=dict.fromkeys(Type, Fidelity.EXACT) | {Type.JSON: Fidelity.AS_TEXT},
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
        {Identifies, Locates, Swaps, TellsLosses, Narrows, CountsOn, CarriesExtras, TellsLeft, MakesReader, Native}
    ),
    guard="account",
    guard_note="#tables, sp_getapplock, WAITFOR and locks of what is read (WITH (TABLOCKX)) pass.",
    limits=Limits(
        decimal_digits=DIGITS,
        decimal_scale=SCALE,
        key_length=KEY_BYTES,
        name_length=NAME_LENGTH,
        finite_floats=True,
        subnormal_floats=False,
        trailing_blanks_in_key=False,
    ),
    narrow=narrow,
    aliases=("mssql", "tsql"),
    default_port=1433,
    default_user="sa",
    client=CLIENT,
    shell=shell,
    examine=examine,
    extras=ALL,
    url_variable="MSSQL_URL",
    examples={
        "one": "select 1 as one",
        "all": "select * from [{collection}]",
        "slow": "waitfor delay '00:01:00'",
        "bad": "select from where",
        "parameter": "select :n as n",
        "missing": "select * from dbfleet_nowhere",
    },
    explain="SET SHOWPLAN_TEXT ON\nGO\n{statement}\nGO\nSET SHOWPLAN_TEXT OFF",
    editor="text/x-mssql",
    quirks=(
        "Two keys that differ only in blanks at their end are one key; the second is refused.",
        "nvarchar(n) counts UTF-16 units: an emoji is two.",
        "A decimal column without precision is decimal(38,8).",
        "json is nvarchar(max).",
        "A float nearer to zero than 2.2250738585072014e-308 is refused.",
        "The driver reads six of datetime2(7)'s seven digits of a second.",
        "A unique index over what may be NULL has a filter: its writers need QUOTED_IDENTIFIER on (sqlcmd -I).",
        "A unique index compares text as its column does, in most databases without regard to case.",
        "A column counts up by a sequence that is its default: no ALTER makes it an IDENTITY.",
        "No index over nvarchar(max), or over columns declared with more than 1700 bytes.",
        "How tables go as they are to another SQL Server is proven by golden files and a wire double: statements only.",
        "Temporal, in-memory, ledger and graph tables go by the types of all engines; so do encrypted columns.",
        "A batch with parameters runs in sp_executesql: its #tables, SET and USE end with it.",
    ),
    verified_on=("wire double, over TDS: not a real SQL Server", "Babelfish 4.4 over PostgreSQL 16, by hand"),
)
