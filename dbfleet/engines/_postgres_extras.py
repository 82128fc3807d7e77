"""What a table has besides its rows (dbfleet.extras), by PostgreSQL's catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from dbfleet.engines._extras import read_default
from dbfleet.engines._postgres_left import of_table
from dbfleet.engines._postgres_types import LEXIS
from dbfleet.errors import Unsupported
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.values import Column, Schema, Type

if TYPE_CHECKING:
    from psycopg import Connection

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

_INDEXES: Final = """
SELECT i.relname, x.indisunique, am.amname, x.indpred IS NOT NULL, x.indexprs IS NOT NULL,
       x.indoption, pg_get_indexdef(i.oid), x.indnatts > x.indnkeyatts,
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
       ARRAY(SELECT a.attname::text FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS k(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number
             WHERE k.place <= x.indnkeyatts ORDER BY k.place)
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = i.relam
WHERE x.indrelid = $1::regclass AND NOT x.indisprimary AND x.indisvalid
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = i.oid AND o.contype = 'x')
ORDER BY i.relname
"""
_COLUMNS: Final = """
SELECT a.attname, a.attidentity <> '', pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND (a.attidentity <> '' OR d.adbin IS NOT NULL)
ORDER BY a.attnum
"""
_SEQUENCES: Final = """
SELECT a.attname, s.seqrelid::regclass::text, s.seqincrement FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid
    AND d.refobjsubid = a.attnum AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.objid WHERE a.attrelid = $1::regclass
UNION SELECT a.attname, s.seqrelid::regclass::text, s.seqincrement FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.refobjid WHERE a.attrelid = $1::regclass
"""
_PLAIN: Final = ("btree", "hash")


def extras(ask: Ask, table: str, schema: Schema) -> Extras:
    """`table` is its name in SQL."""
    found: list[Extra] = []
    left: list[str] = []
    for name, unique, kind, partial, computed, orders, definition, more, nulls_equal, columns in ask(_INDEXES, [table]):
        why = (
            f"of kind {kind}" if kind not in _PLAIN
            else "over an expression" if computed
            else "of some rows only" if partial
            else "in which NULLs are the same" if unique and nulls_equal
            else None
        )  # fmt: skip
        if why:
            left.append(f"index {name}, {why}")
        else:
            found.append(Index(name, tuple(columns), unique))
            left += [f"of index {name}, {what}" for what in _beyond(kind, orders, definition, more=more)]
    for name, identity, text in ask(_COLUMNS, [table]):
        if identity or text.startswith("nextval("):
            found.append(Identity(name))
        elif default := read_default(schema.column(name), text):
            found.append(default)
        elif not text.upper().startswith("NULL"):
            left.append(f"default of {name}, an expression: {text}")
    return Extras(tuple(found), (*left, *of_table(ask, table)))


def _beyond(kind: str, orders: str, definition: str, *, more: bool) -> list[str]:
    """What a plain index over plain columns has besides them, by the server's definition of it."""
    options = [int(option) for option in orders.split()]
    columns = definition.partition(f" USING {kind} (")[2]
    found = [
        "that it is a hash" if kind == "hash" else "",
        "its descending order" if any(option & 1 for option in options) else "",
        "its order of NULLs" if any(option in (1, 2) for option in options) else "",
        "its included columns" if more else "",
        "its collation" if " COLLATE " in columns else "",
        "its operator class" if re.search(r" \w+_ops\b", columns) else "",
    ]
    return list(filter(None, found))


def count_on(ask: Ask, connection: Connection[Any], table: str, names: Sequence[str]) -> None:
    """Inside the transaction that has written these columns: what counts up for one of them goes on behind the greatest
    value, or the least where it counts down. Not where the sequence is another's, who lets us only use it,
    or ends before."""
    from psycopg.errors import InsufficientPrivilege, NumericValueOutOfRange

    for name, sequence, step in ask(_SEQUENCES, [table]):
        if name not in names:
            continue
        word, sign = ("max", ">") if int(step) > 0 else ("min", "<")
        column = LEXIS.quote(name)
        literal = "'" + sequence.replace("'", "''") + "'"
        statement = (
            f"SELECT setval({literal}, m) FROM (SELECT {word}({column})::bigint AS m FROM {table}) AS t, "
            f"{sequence} AS s WHERE m {sign} s.last_value OR (m = s.last_value AND NOT s.is_called)"
        )
        try:
            with connection.transaction():
                # One writer after another: none sees the other's rows, and the counter never goes back.
                lock = f"SELECT pg_advisory_xact_lock({literal}::regclass::oid::bigint)"
                connection.execute(lock.encode(), prepare=False)
                connection.execute(statement.encode(), prepare=False)
        except (InsufficientPrivilege, NumericValueOutOfRange):
            pass  # who counts on afterwards tells it (_postgres_counters)


def add_statement(ask: Ask, table: str, schema: Schema, extra: Extra) -> str:
    """The statement that gives the table the extra. Unsupported for what cannot be."""
    if isinstance(extra, Index):
        unique = "UNIQUE " if extra.unique else ""
        return f"CREATE {unique}INDEX {LEXIS.quote(extra.name)} ON {table} ({LEXIS.quote_all(extra.columns)})"
    column, name = schema.column(extra.column), LEXIS.quote(extra.column)
    if isinstance(extra, Default):
        return f"ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {_default(column, extra.text)}"
    if column.nullable and column.name not in schema.key:
        raise Unsupported(f"an identity column holds no NULL, and {column.name} may")
    ((following,),) = ask(f"SELECT greatest(max({name}), 0)::numeric + 1 FROM {table}", ())
    return f"ALTER TABLE {table} ALTER COLUMN {name} ADD GENERATED BY DEFAULT AS IDENTITY (START WITH {following})"


def _default(column: Column, text: str | None) -> str:
    if text is None:
        return {Type.DATE: "CURRENT_DATE", Type.DATETIME: "LOCALTIMESTAMP"}.get(column.type, "now()")
    if column.type in (Type.INT, Type.DECIMAL) and re.fullmatch(r"-?[\d.]+", text):
        return text
    # E'…' says the same whatever standard_conforming_strings is.
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
