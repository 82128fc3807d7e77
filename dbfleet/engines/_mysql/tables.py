"""What the server says is there: itself, the tables of the target's database, their columns, keys and references.

Each function is given a way to ask (`Ask`: a statement to all its rows, as text) and reads the answers of MySQL and of
MariaDB. Names are compared as they are spelt, even where the server's own comparison folds their case.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.types import LEXIS, Native, kept_beside, read_native
from dbfleet.errors import NotFound, StatementError
from dbfleet.values import Column, Reference, Schema, Type

Ask = Callable[[str], Sequence[tuple[str | None, ...]]]
_NOT_BROKEN: Final = frozenset({"1142", "1143", "1205", "1213", "1317", "3024"})
"""What a view's asking may fail of that the view cannot help: a privilege, a lock, somebody's stop."""
_JSON_CHECK: Final = re.compile(r"CHECK \(json_valid\(`((?:[^`]|``)*)`\)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Server:
    """What the server said of itself when we came."""

    product: str
    version: str
    mariadb: bool
    sql_mode: tuple[str, ...]
    local_files: bool
    folds_names: bool = False  # lower_case_table_names: a table is found whatever the case of its name

    @property
    def native_uuid(self) -> bool:
        return self.mariadb and tuple(map(int, re.findall(r"\d+", self.version)[:2])) >= (10, 7)

    def fold(self, name: str | None) -> str:
        """A table's name as the server compares it."""
        return (name or "").lower() if self.folds_names else name or ""


HIDDEN: Final = "_dbfleet_"
"""How the names begin of tables that are dbfleet's own housekeeping: nobody's collection."""


def collections(ask: Ask) -> Sequence[str]:
    """The names of the tables and views, sorted. Not of a view that nobody can read: it must not be in the way of the
    others."""
    found = {name: what for name, what in kinds(ask).items() if not name.startswith(HIDDEN)}
    return sorted(found.keys() - broken_views(ask, found).keys())


def kinds(ask: Ask) -> dict[str, str]:
    """What DROP calls each table and view of the database, TABLE or VIEW, by name."""
    found = ask(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() "
        "AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')"
    )
    return {str(name): "VIEW" if type_ == "VIEW" else "TABLE" for name, type_ in found}


def kind(ask: Ask, name: str, server: Server) -> str | None:
    """What DROP calls it, TABLE or VIEW; None where it is not there."""
    for found, type_ in ask(
        "SELECT table_name, table_type FROM information_schema.tables "
        f"WHERE table_schema = DATABASE() AND table_name = {literal(name, Type.TEXT)}"
    ):
        if server.fold(found) == server.fold(name):
            return "VIEW" if type_ == "VIEW" else "TABLE"
    return None


def broken_views(ask: Ask, found: Mapping[str, str]) -> dict[str, str]:
    """The views that nobody can read, and why: a table of theirs is dropped, or their definer. Only asking each tells:
    what the catalogue says of such a view is the same as of a whole one (MariaDB), or is one of two reasons (MySQL)."""
    broken = {}
    for name in (each for each, what in found.items() if what == "VIEW"):
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
    """The column; one of 64 bits without a sign that counts up by itself, or refers to such a one, is an int for as
    long as it holds nothing beyond 2**63: such are most keys of MySQL, and no counter comes so far."""
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
    found: dict[str, list[tuple[str, str, str]]] = {}
    # MariaDB compares names here without regard to case.
    for own, constraint, column, table, key in ask(
        "SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name "
        "FROM information_schema.key_column_usage WHERE table_schema = DATABASE() "
        f"AND table_name = {literal(name, Type.TEXT)} AND referenced_table_schema = DATABASE() "
        "ORDER BY constraint_name, ordinal_position"
    ):
        if own == name:
            found.setdefault(str(constraint), []).append((str(column), str(table), str(key)))
    return tuple(
        Reference(tuple(row[0] for row in rows), rows[0][1], tuple(row[2] for row in rows)) for rows in found.values()
    )


def folding(ask: Ask, schema: Schema) -> set[str]:
    """The columns of the key whose collation takes different texts for equal; of our own tables none."""
    found = ask(
        "SELECT column_name, collation_name FROM information_schema.columns WHERE table_schema = DATABASE() "
        f"AND table_name = {literal(schema.name, Type.TEXT)} AND collation_name IS NOT NULL"
    )
    exact = ("ascii_bin", "utf8mb4_0900_bin", "utf8mb4_nopad_bin")
    return {str(name) for name, collation in found if name in schema.key and collation not in exact}


def natives(ask: Ask, table: str, server: Server, *, database: str | None = None) -> dict[str, Native]:
    """The columns of a table, of the connection's database where none is named, by name; none where it is not there."""
    # Not SHOW COLUMNS: a column is computed where it has an expression, and only here is that said.
    space = literal(database, Type.TEXT) if database is not None else "DATABASE()"
    found = [
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
    if server.mariadb and any((row[1], row[2]) == ("longtext", "utf8mb4_bin") for row in found):
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
        for name, native, collation, nullable, extra, comment, expression, key in found
    }
