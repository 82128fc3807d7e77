"""Staged tables in the places of others (the ability Swaps), in one transaction.

https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sp-rename-transact-sql. Inside the
transaction the old tables are dropped, children first. The staged ones are moved into their schemas and renamed, with
their indexes and the names that the server made for their constraints (PK__customer__3213E83F…). A reader waits for the
end of it. Foreign keys belong to tables, not to names. A sequence that is a column's default is made again under its
final name, as the server renames none that a default uses. What the dropped table had around it (triggers, privileges,
extended properties) is not given to the new one: `lost` tells it before.

Some things stop a swap, and are told before too: a foreign key from outside; whatever is bound to the table's schema (a
view WITH SCHEMABINDING, a security policy); and tables that no transaction can drop (temporal ones, those in memory,
external ones).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

from dbfleet.adapter import Swap
from dbfleet.engines.sqlserver import extras, left
from dbfleet.engines.sqlserver.native.names import constraint_name
from dbfleet.engines.sqlserver.tables import Ask, Table, Tables
from dbfleet.engines.sqlserver.types import LEXIS, text_literal
from dbfleet.errors import ConstraintViolated, NotFound
from dbfleet.extras import Identity

_OUTSIDE: Final = """\
SELECT s.name, o.name, k.referenced_object_id FROM sys.foreign_key_columns AS k
INNER JOIN sys.objects AS o ON o.object_id = k.parent_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE k.referenced_object_id IN ({ids}) AND k.parent_object_id NOT IN ({ids})"""
_AMONG: Final = """\
SELECT k.parent_object_id, k.referenced_object_id FROM sys.foreign_key_columns AS k
WHERE k.parent_object_id IN ({ids}) AND k.referenced_object_id IN ({ids})"""
_CONSTRAINTS: Final = """\
SELECT o.name FROM sys.objects AS o WHERE o.parent_object_id = {id} AND o.type IN ('PK', 'UQ', 'F', 'D', 'C')"""


_BOUND: Final = """\
SELECT s.name, o.name, d.referenced_id FROM sys.sql_expression_dependencies AS d
INNER JOIN sys.objects AS o ON o.object_id = d.referencing_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE d.is_schema_bound_reference = 1 AND d.referenced_id IN ({ids}) AND o.object_id NOT IN ({ids})
AND o.parent_object_id NOT IN ({ids})"""
_KEPT: Final = """\
SELECT t.object_id, t.temporal_type, t.is_memory_optimized, t.is_external FROM sys.tables AS t
WHERE t.object_id IN ({ids})"""
_REPLACE_ROWS: Final = "or replace its rows: --mode upsert"


def statements(ask: Ask, tables: Tables, swaps: Sequence[Swap]) -> Iterator[str]:
    """The statements, to be run one after another in one transaction. Some of them depend on answers after earlier
    ones."""
    staged = [tables.find(each.staged.name) for each in swaps]
    going = there(tables, [each.name for each in swaps])
    check_outside(ask, going)
    for table in children_first(ask, going):
        sequences = extras.own_sequences(ask, table, tables.split(table.name)) if table.kind == "U" else []
        yield f"DROP {'VIEW' if table.kind == 'V' else 'TABLE'} {table.sql}"
        for sequence in sequences:
            yield f"DROP SEQUENCE IF EXISTS {sequence}"
    for each, table in zip(swaps, staged, strict=True):
        yield from _placed(ask, tables, each, table)


def what_goes(ask: Ask, tables: Tables, names: Sequence[str]) -> list[str]:
    """What goes with these tables, in words. ConstraintViolated for what stops the swap."""
    going = there(tables, names)
    check_outside(ask, going)
    _check_droppable(ask, going)
    return [f"{table.name}: {text}" for table in going for text in left.lost(extras.extras(ask, tables, table).left)]


def there(tables: Tables, names: Sequence[str]) -> list[Table]:
    """The tables of these names that are there."""
    found = []
    for name in names:
        with contextlib.suppress(NotFound):
            found.append(tables.find(name))
    return found


def _placed(ask: Ask, tables: Tables, swap: Swap, table: Table) -> Iterator[str]:
    (space, staged), (final_space, final) = tables.split(swap.staged.name), tables.split(swap.name)
    mine = LEXIS.quote(space)
    for old, new in swap.indexes.items():
        if not constraint_name(new) and old != new:
            yield _rename(f"{table.sql}.{LEXIS.quote(old)}", new, "INDEX")
    for (name,) in ask(_CONSTRAINTS.format(id=table.number)):
        kind, _, rest = str(name).partition("__")
        if rest and len(kind) == 2:  # the server made it
            yield _rename(
                f"{mine}.{LEXIS.quote(name)}", f"{kind}__{final[:9]}__{os.urandom(8).hex().upper()}", "OBJECT"
            )
    counted = extras.own_sequences(ask, table, (space, staged))
    columns = [name for name in table.columns if extras.own_sequence((space, staged), name) in counted]
    if space != final_space:
        yield f"ALTER SCHEMA {LEXIS.quote(final_space)} TRANSFER {table.sql}"
    yield _rename(f"{LEXIS.quote(final_space)}.{LEXIS.quote(staged)}", final, "OBJECT")
    for old, new in swap.indexes.items():
        if constraint := constraint_name(new):
            yield _rename(f"{LEXIS.quote(final_space)}.{LEXIS.quote(old)}", constraint, "OBJECT")
    for column in columns:
        renamed = tables.find(swap.name)
        yield from extras.add_statements(ask, renamed, (final_space, final), Identity(column))
        yield f"DROP SEQUENCE IF EXISTS {extras.own_sequence((space, staged), column)}"


def _rename(what: str, name: str, kind: str) -> str:
    return f"EXEC sys.sp_rename {text_literal(what)}, {text_literal(name)}, N'{kind}'"


def check_outside(ask: Ask, going: Sequence[Table]) -> None:
    """ConstraintViolated where another table refers to one of these."""
    if not going:
        return
    names = {table.number: table.name for table in going}
    for space, child, referred in ask(_OUTSIDE.format(ids=", ".join(map(str, names)))):
        raise ConstraintViolated(
            f"{space}.{child} refers to {names[referred]} by a foreign key, and is not replaced with it",
            hint=f"replace {child} together with {names[referred]}, or drop that foreign key first",
        )


def _check_droppable(ask: Ask, going: Sequence[Table]) -> None:
    if not going:
        return
    names = {table.number: table.name for table in going}
    ids = ", ".join(map(str, names))
    if held := sorted(set(ask(_BOUND.format(ids=ids)))):
        told = ", ".join(f"{space}.{name} (to {names[number]})" for space, name, number in held[:5])
        more = f" and {len(held) - 5} more" if held[5:] else ""
        raise ConstraintViolated(
            f"what is to be replaced is bound to by {told}{more}. Nothing was written",
            hint=f"drop what is bound to it first, {_REPLACE_ROWS}",
        )
    for number, temporal, memory, external in ask(_KEPT.format(ids=ids)):
        for there, words, way in (
            (temporal, "keeps its past, or is another's past", "ALTER TABLE … SET (SYSTEM_VERSIONING = OFF) first"),
            (memory, "is in memory, and no transaction drops it", "drop it first"),
            (external, "is an external table", "drop it first"),
        ):
            if there:
                raise ConstraintViolated(
                    f"{names[number]} {words}: it cannot be replaced. Nothing was written",
                    hint=f"{way}, {_REPLACE_ROWS}",
                )


def children_first(ask: Ask, going: Sequence[Table]) -> Iterator[Table]:
    """The tables in an order in which each can be dropped. Those that refer to each other in a circle come last; the
    server refuses the first of them, unless `circles` has gone before."""
    if not going:
        return
    pairs = {
        (parent, child)
        for child, parent in ask(_AMONG.format(ids=", ".join(str(table.number) for table in going)))
        if parent != child
    }
    rest = list(going)
    while rest:
        referred = {parent for parent, child in pairs if child in {table.number for table in rest}}
        free = [table for table in rest if table.number not in referred] or rest
        yield from free
        rest = [table for table in rest if table not in free]


_AMONG_BY_NAME: Final = """\
SELECT f.name, f.parent_object_id, f.referenced_object_id FROM sys.foreign_keys AS f
WHERE f.parent_object_id IN ({ids}) AND f.referenced_object_id IN ({ids})"""


def circles(ask: Ask, going: Sequence[Table]) -> Iterator[str]:
    """Statements that drop the foreign keys which no order of these tables can do without: those of a circle."""
    if len(going) < 2:
        return
    rows = ask(_AMONG_BY_NAME.format(ids=", ".join(str(table.number) for table in going)))
    pairs = {(parent, child) for _, child, parent in rows if parent != child}
    rest = {table.number: table for table in going}
    while free := [number for number in rest if not any(child in rest for parent, child in pairs if parent == number)]:
        for number in free:
            del rest[number]
    for name, child, parent in rows:
        if child in rest and parent in rest and child != parent:
            yield f"ALTER TABLE {rest[child].sql} DROP CONSTRAINT {LEXIS.quote(name)}"
