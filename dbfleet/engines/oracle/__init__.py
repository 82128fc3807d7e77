"""Oracle Database, by python-oracledb in thin mode.

https://python-oracledb.readthedocs.io/ · https://docs.oracle.com/en/database/oracle/oracle-database/

A collection is a table or a view of the connection's current schema, which is the user's own or `?schema=APP`. Names
are quoted, so that they keep their case: what dbfleet makes as orders is "orders" in a statement of your own, and
ORDERS is another table. A name cannot hold a double quote.

The session is in UTC, compares text by its bytes, and writes dates and times as ISO does. A write is one transaction:
rows that the server refuses come back in `Written.rejected` and the others are stored; a write that breaks off leaves
nothing. A text of several statements commits each of them, unless it says COMMIT, ROLLBACK, SAVEPOINT or SET
TRANSACTION itself.

Each DDL statement commits by itself, and none renames two tables. So tables cannot take the places of others in one
step.

A column with an expression is generated: it is read, never written. An identity BY DEFAULT takes the rows' values, and
is then set to go on behind the greatest. One that is GENERATED ALWAYS takes no values, and a write is refused before
its first row. This, and what is told of a dictionary, follows Oracle's documentation: it is not verified on a real
server.

To another Oracle a table goes as it is (oracle.native). This is held by a wire double and golden files: statements
only, which no Oracle Database has run.

Oddities: empty text and empty bytes are NULL. NUMBER has 38 digits and no NaN. A DATE has a time of day, so a DATE that
dbfleet did not make is a datetime. Ours have `dbfleet:date` in their comment, as have the other types that Oracle lacks
(oracle.types). The zone of a TIMESTAMP WITH TIME ZONE is not kept: an instant is read in UTC. In a query of your own,
what is known from a comment only (bool, date, time, uuid) comes as Oracle's type: 1, a datetime, text.
"""

from __future__ import annotations

from dbfleet.abilities import (
    CarriesExtras,
    CountsOn,
    Identifies,
    MakesReader,
    Narrows,
    Native,
    Snapshots,
    TellsLeft,
    TellsLosses,
)
from dbfleet.adapter import Adapter
from dbfleet.engines.oracle.local import CLIENT, reader_options, shell
from dbfleet.engines.oracle.types import DIGITS, NAME_BYTES, VARCHAR_BYTES, narrow
from dbfleet.extras import ALL
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Type


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A connection in thin mode: no client libraries. The URL's path is the service's name."""
    from dbfleet.engines.oracle.adapter import connect

    return connect(ENGINE, target, timeout_s)


ENGINE = EngineSpec(
    name="oracle",
    title="Oracle Database",
    django="dbfleet.django.oracle",
    paradigm="relational",
    language="SQL (Oracle)",
    schemes=("oracle",),
    driver="python-oracledb",
    connect=connected,
    types={**dict.fromkeys(Type, Fidelity.EXACT), Type.UUID: Fidelity.AS_TEXT, Type.TIME: Fidelity.AS_TEXT},
    capabilities=frozenset(
        {
            Capability.KEYLESS,
            Capability.REFERENCES,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
        }
    ),
    abilities=frozenset(
        {Identifies, TellsLosses, Snapshots, Narrows, CountsOn, CarriesExtras, TellsLeft, Native, MakesReader}
    ),
    guard="account",
    guard_note="DBMS_SESSION.SLEEP and EXPLAIN PLAN pass, and so does a view of the owner's whose function writes in a "
    "transaction of its own.",
    reader_options=reader_options,
    limits=Limits(
        decimal_digits=DIGITS,
        name_length=NAME_BYTES,
        key_length=VARCHAR_BYTES,
        empty_text_is_null=True,
        empty_text_in_key=False,
    ),
    narrow=narrow,
    extras=ALL,
    aliases=("oracledb", "ora"),
    default_port=1521,
    default_database="FREEPDB1",
    client=CLIENT,
    shell=shell,
    examples={
        "one": "select 1 from dual",
        "all": 'select * from "{collection}"',
        "slow": "begin dbms_session.sleep(60); end;",
        "bad": "selec 1",
        "parameter": "select :n from dual",
        "missing": "select * from dbfleet_nowhere",
    },
    explain="EXPLAIN PLAN FOR {statement};\nSELECT plan_table_output AS plan FROM TABLE(DBMS_XPLAN.DISPLAY)",
    editor="text/x-plsql",
    quirks=(
        "Empty text and empty bytes are NULL.",
        'Names keep their case: a table that dbfleet made as orders is "orders" in your own statements.',
        "A text of several statements commits each one, unless it says COMMIT, ROLLBACK, SAVEPOINT or SET TRANSACTION.",
        "In a query, bool comes as 0 and 1, and date as a datetime: Oracle's own types.",
        "The session is in UTC, and an instant's own time zone is not kept.",
        "A unique index of several columns takes two rows for the same that agree in some and are NULL in the others.",
        "An identity that comes along in a copy is a default by a sequence named dbfleet:TABLE.COLUMN, as no existing "
        "column becomes an identity; drop takes it along. A CLOB or BLOB column takes no index.",
        "The native lane is statements only: a wire double and golden files hold it, no Oracle Database has run it.",
        "A PL/SQL block ends at a line that is a lone slash, or with the text.",
    ),
    verified_on=("wire double only: python-oracledb 26.1 against tests/doubles/oracle, no Oracle Database",),
)
