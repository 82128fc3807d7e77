"""What the server says is there: the tables of the target's database, their columns, keys and references.

Each function is given a way to ask (`Ask`) and reads the answers of MySQL and of MariaDB. Names are compared as they
are spelt, even where the server's own comparison ignores case.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.server import Ask, Server
from dbfleet.engines._mysql.types import LEXIS, Native, kept_beside, read_native
from dbfleet.errors import NotFound, StatementError
from dbfleet.values import Column, Reference, Schema, Type

_NOT_BROKEN: Final = frozenset({"1142", "1143", "1205", "1213", "1317", "3024"})
"""Errors of a statement over a view that are not the view's fault: a privilege, a lock, a stop by somebody."""
_JSON_CHECK: Final = re.compile(r"CHECK \(json_valid\(`((?:[^`]|``)*)`\)\)", re.IGNORECASE)


HIDDEN: Final = "_dbfleet_"
"""The beginning of the names of dbfleet's own tables, which are no collections."""


def collections(ask: Ask) -> Sequence[str]:
    """The names of the tables and views, sorted. A view that nobody can read is left out, so that it does not stop a
    copy of the others."""
    listed = {name: what for name, what in kinds(ask).items() if not name.startswith(HIDDEN)}
    return sorted(listed.keys() - broken_views(ask, listed).keys())


def kinds(ask: Ask) -> dict[str, str]:
    """What DROP calls each table and view of the database, TABLE or VIEW, by name."""
    rows = ask(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() "
        "AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')"
    )
    return {str(name): "VIEW" if type_ == "VIEW" else "TABLE" for name, type_ in rows}


def kind(ask: Ask, name: str, server: Server) -> str | None:
    """What DROP calls it, TABLE or VIEW; None where it is not there."""
    for table, type_ in ask(
        "SELECT table_name, table_type FROM information_schema.tables "
        f"WHERE table_schema = DATABASE() AND table_name = {literal(name, Type.TEXT)}"
    ):
        if server.fold(table) == server.fold(name):
            return "VIEW" if type_ == "VIEW" else "TABLE"
    return None


def broken_views(ask: Ask, kinds: Mapping[str, str]) -> dict[str, str]:
    """The views that nobody can read, and why: a table of theirs was dropped, or their definer. Each view has to be
    asked: MariaDB's catalog says nothing, and MySQL's tells one of the two reasons only."""
    broken = {}
    for name in (each for each, what in kinds.items() if what == "VIEW"):
        try:
            ask(f"SELECT 0 FROM {LEXIS.quote(name)} LIMIT 0")
        except StatementError as error:
            if error.code not in _NOT_BROKEN:
                broken[name] = error.message
    return broken


def describe(ask: Ask, name: str, server: Server) -> Schema:
    """The table's schema: its columns as their native types say, and what its comment keeps."""
    columns = natives(ask, name, server)
    if not columns:
        ask(f"SELECT 0 FROM {LEXIS.quote(name)} LIMIT 0")  # the server says why
        raise NotFound(f"there is no table {name}")
    keys: list[tuple[str | None, ...]] = []
    if any(native.in_key for native in columns.values()):
        keys = sorted(
            ask(f"SHOW KEYS FROM {LEXIS.quote(name)} WHERE Key_name = 'PRIMARY'"), key=lambda row: int(row[3] or 0)
        )
    comment = ask(
        "SELECT table_comment FROM information_schema.tables "
        f"WHERE table_schema = DATABASE() AND table_name = {literal(name, Type.TEXT)}"
    )
    order = list(columns)
    kept = kept_beside(comment[0][0] if comment else None)
    refers = references(ask, name)
    return Schema(
        name,
        tuple(_counted(ask, name, native, refers, server) for native in columns.values()),
        tuple(name for name in (str(row[4]) for row in keys) if name in columns and not columns[name].ends_version),
        tuple(sorted(refers, key=lambda each: [order.index(column) for column in each.columns])),
        edge=bool(kept.get("edge")),
        partition=tuple(kept.get("partition", ())),
    )


def _counted(ask: Ask, table: str, native: Native, refers: Sequence[Reference], server: Server) -> Column:
    """The column. A BIGINT UNSIGNED that counts up by itself, or refers to a column that does, is an int while it holds
    nothing beyond 2**63: most keys of MySQL are such, and no counter comes so far."""
    column = native.column
    if not native.wide or not _counts(ask, table, native, refers, server, {(table, column.name)}):
        return column
    return replace(column, type=Type.INT, precision=None, scale=None)


def _counts(
    ask: Ask, table: str, native: Native, refers: Sequence[Reference], server: Server, seen: set[tuple[str, str]]
) -> bool:
    column = native.column.name
    if native.counts:  # the greatest is found by its index
        ((most,),) = ask(f"SELECT max({LEXIS.quote(column)}) FROM {LEXIS.quote(table)}")
        return int(most or 0) < 2**63
    for reference in refers:
        if column not in reference.columns:
            continue
        other, key = reference.collection, reference.keys[reference.columns.index(column)]
        if (other, key) in seen:
            continue
        there = natives(ask, other, server).get(key)
        if there and _counts(ask, other, there, references(ask, other), server, {*seen, (other, key)}):
            return True
    return False


def references(ask: Ask, name: str) -> tuple[Reference, ...]:
    """The table's foreign keys to tables of the same database, in the order of their names."""
    return tuple(named_references(ask, name).values())


def named_references(ask: Ask, name: str) -> dict[str, Reference]:
    """The table's foreign keys to tables of the same database, by their names, in the order of these."""
    keys: dict[str, list[tuple[str, str, str]]] = {}
    # MariaDB compares these names without regard to case.
    for own, constraint, column, table, key in ask(
        "SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name "
        "FROM information_schema.key_column_usage WHERE table_schema = DATABASE() "
        f"AND table_name = {literal(name, Type.TEXT)} AND referenced_table_schema = DATABASE() "
        "ORDER BY constraint_name, ordinal_position"
    ):
        if own == name:
            keys.setdefault(str(constraint), []).append((str(column), str(table), str(key)))
    return {
        name: Reference(tuple(row[0] for row in rows), rows[0][1], tuple(row[2] for row in rows))
        for name, rows in keys.items()
    }


def folding(ask: Ask, schema: Schema) -> set[str]:
    """The columns of the key whose collation takes different texts for equal. Our own tables have none."""
    rows = ask(
        "SELECT column_name, collation_name FROM information_schema.columns WHERE table_schema = DATABASE() "
        f"AND table_name = {literal(schema.name, Type.TEXT)} AND collation_name IS NOT NULL"
    )
    exact = ("ascii_bin", "utf8mb4_0900_bin", "utf8mb4_nopad_bin")
    return {str(name) for name, collation in rows if name in schema.key and collation not in exact}


def natives(ask: Ask, table: str, server: Server, *, database: str | None = None) -> dict[str, Native]:
    """The columns of a table by name; none where it is not there. Without `database` the table is of the connection's
    own."""
    # Not SHOW COLUMNS: a computed column has an expression, which only information_schema tells.
    space = literal(database, Type.TEXT) if database is not None else "DATABASE()"
    rows = [
        row[1:]
        for row in ask(
            "SELECT table_name, column_name, column_type, collation_name, is_nullable, extra, column_comment, "
            "generation_expression, column_key FROM information_schema.columns "
            f"WHERE table_schema = {space} AND table_name = {literal(table, Type.TEXT)} ORDER BY ordinal_position"
        )
        if server.fold(row[0]) == server.fold(table)
    ]
    checked: set[str] = set()
    # MariaDB's JSON is a text of this collation with a check.
    if server.mariadb and any((row[1], row[2]) == ("longtext", "utf8mb4_bin") for row in rows):
        name = f"{LEXIS.quote(database)}.{LEXIS.quote(table)}" if database is not None else LEXIS.quote(table)
        with contextlib.suppress(IndexError):
            text = ask(f"SHOW CREATE TABLE {name}")[0][1] or ""
            checked = {name.replace("``", "`") for name in _JSON_CHECK.findall(text)}
    return {
        str(name): read_native(
            str(name),
            str(native),
            nullable == "YES",
            extra=str(extra or ""),
            comment=str(comment or ""),
            expression=str(expression or ""),
            collation=collation,
            in_key=key == "PRI",
            checked=name in checked,
        )
        for name, native, collation, nullable, extra, comment, expression, key in rows
    }
