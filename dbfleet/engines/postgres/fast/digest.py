"""A collection's digest, computed by the server in one statement: the MD5 of each row's canonical text, and their sum.

The definition is values.digest_rows; the conformance suite holds this to it. What the server cannot render canonically
(json, whose keys it sorts by their length, and dates beyond the years 1 to 9999, which the plain path refuses) is left
to the plain path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dbfleet.adapter import Part
from dbfleet.engines.postgres import wire as rows
from dbfleet.engines.postgres.fast.encoded import FIRST_VERSION, MOST_COLUMNS, PLAIN, TEXT
from dbfleet.engines.postgres.read import columns_of, find, is_huge
from dbfleet.engines.postgres.session import Session
from dbfleet.engines.postgres.tables import Tables, where
from dbfleet.native import BOUNDS as PYTHON_BOUNDS
from dbfleet.values import Digest, Schema, Type, digest_order

if TYPE_CHECKING:
    from psycopg import Connection

_SQL_TYPES: Final = {Type.DATE: "date", Type.TIME: "time", Type.DATETIME: "timestamp", Type.INSTANT: "timestamptz"}
BOUNDS: Final = {
    type_: (f"{_SQL_TYPES[type_]} '{first}'", f"{_SQL_TYPES[type_]} '{last}'")
    for type_, (first, last) in PYTHON_BOUNDS.items()
}
"""The first and the last value that Python has, in SQL."""
_AT_ONCE: Final = 33
"""Columns that concat() takes at once, by three arguments each: a function has 100 at most."""


def statement(schema: Schema, select: str, natives: Sequence[str]) -> str | None:
    """The statement. It gives one row: how many rows there are, the sums of the two halves of their first eight digest
    bytes, and whether a date is outside the years 1 to 9999. `select` gives the schema's columns, each as its type;
    `natives` are the server's names of these types. None where the server cannot compute it."""
    types = [column.type for column in schema.columns]
    if Type.JSON in types or not types or len(types) > MOST_COLUMNS:
        return None
    places = [f"c{number}" for number in range(1, len(types) + 1)]
    source = f"FROM ({select} OFFSET 0) AS q({', '.join(places)})"
    if "real" in natives:
        # By its own text: 0.1::real as double precision is 0.10000000149.
        casts = [f"{c}::text::float8 AS {c}" if n == "real" else c for c, n in zip(places, natives, strict=True)]
        source = f"FROM (SELECT {', '.join(casts)} {source} OFFSET 0) AS r"
    # Each value is rendered once, on a level of its own: its length and itself are taken from that.
    texts = [_text(c, type_, native) for c, type_, native in zip(places, types, natives, strict=True)]
    texts = [f"{text} AS {c}" for text, c in zip(texts, places, strict=True)]
    source = f"FROM (SELECT {', '.join(texts)}, {beyond(places, types)} AS b {source} OFFSET 0) AS t"
    # concat() with all of it at once: a chain of || copies what it has at each step, 2.3 times as slow.
    measured = [
        f"octet_length({c}), CASE WHEN {c} IS NULL THEN '-' ELSE ':' END, {c}"
        for c in (places[place] for place in digest_order(schema.columns))
    ]
    groups = [measured[start : start + _AT_ONCE] for start in range(0, len(measured), _AT_ONCE)]
    line = " || ".join(f"concat({', '.join(group)})" for group in groups)
    return (
        # By halves, as sum(bigint) adds in 128 bits and sum(numeric) is slower.
        "SELECT count(*), coalesce(sum(('x' || left(h, 8))::bit(32)::bigint), 0), "
        "coalesce(sum(('x' || substr(h, 9, 8))::bit(32)::bigint), 0), coalesce(bool_or(b), false) "
        f"FROM (SELECT md5({line}) AS h, b {source} OFFSET 0) AS s"
    )


def beyond(places: Sequence[str], types: Sequence[Type]) -> str:
    """The expression: whether one of the columns holds a date or time outside BOUNDS."""
    conditions = [
        f"{c} NOT BETWEEN {BOUNDS[type_][0]} AND {BOUNDS[type_][1]}"
        for c, type_ in zip(places, types, strict=True)
        if type_ in BOUNDS
    ]
    return " OR ".join(conditions) or "false"


def _text(c: str, type_: Type, native: str) -> str:
    """A value's canonical text."""
    if type_ is Type.TEXT:
        return f"{c}::text" if native in PLAIN else f"CASE WHEN {c} IS NOT NULL THEN format('%s', {c}) END"
    if type_ is Type.FLOAT:
        return f"CASE WHEN {c} = 0 THEN '0.0' ELSE {TEXT[type_](c)} END"
    return f"({TEXT[type_](c)})::text" if type_ in TEXT else f"{c}::text"


def of_part(session: Session, tables: Tables, schema: Schema, part: Part) -> Digest | None:
    """The digest of the part's rows; None where it is left to the plain path."""
    if schema.native:
        session.as_it_is()
    table = find(session, tables, schema.name)
    condition, values = where(schema, table, part)
    select = tables.select(schema, table) + condition
    columns = columns_of(session, tables, select, values)
    text = statement(schema, select, [tables.types[oid].native for _, oid in columns])
    if text is None or is_huge(session, schema, table, condition, values):
        return None
    with session.translated():
        return _ask(session.ready(), text, values)


def _ask(connection: Connection[Any], text: str, parameters: Sequence[str] = ()) -> Digest | None:
    if connection.info.server_version < FIRST_VERSION or connection.info.parameter_status("server_encoding") != "UTF8":
        return None
    ((row,),) = rows.Rows(connection, text, parameters, 1)
    count, high, low, beyond = row
    return None if beyond else Digest(int(count), (int(high) * 2**32 + int(low)) & 0xFFFF_FFFF_FFFF_FFFF)
