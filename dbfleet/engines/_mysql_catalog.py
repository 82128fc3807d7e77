"""What the server says is there: itself, the tables of the target's database, their columns, keys and references.

Each function is given a way to ask (`Ask`: a statement to all its rows, as text) and reads the answers of MySQL and of
MariaDB. Names are compared as they are spelt, even where the server's own comparison folds their case.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dbfleet.engines._mysql_texts import literal
from dbfleet.engines._mysql_types import LEXIS, Native, kept_beside, read_native
from dbfleet.values import Reference, Schema, Type

Ask = Callable[[str], Sequence[tuple[str | None, ...]]]
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


HIDDEN: Final = "_dbfleet_"
"""How the names begin of tables that are dbfleet's own housekeeping: nobody's collection."""


def collections(ask: Ask) -> Sequence[str]:
    """The names of the tables and views, sorted."""
    return sorted(name for name in kinds(ask) if not name.startswith(HIDDEN))


def kinds(ask: Ask) -> dict[str, str]:
    """What DROP calls each table and view of the database, TABLE or VIEW, by name."""
    found = ask(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() "
        "AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')"
    )
    return {str(name): "VIEW" if type_ == "VIEW" else "TABLE" for name, type_ in found}


def kind(ask: Ask, name: str) -> str | None:
    """What DROP calls it, TABLE or VIEW; None where it is not there."""
    for found, type_ in ask(
        "SELECT table_name, table_type FROM information_schema.tables "
        f"WHERE table_schema = DATABASE() AND table_name = {literal(name, Type.TEXT)}"
    ):
        if found == name:
            return "VIEW" if type_ == "VIEW" else "TABLE"
    return None


def describe(ask: Ask, name: str, *, mariadb: bool) -> Schema:
    """The table's schema: its columns as their native types say, and what its comment keeps."""
    columns = natives(ask, LEXIS.quote(name), mariadb=mariadb)
    keys = ask(f"SHOW KEYS FROM {LEXIS.quote(name)} WHERE Key_name = 'PRIMARY'")
    comment = ask(
        "SELECT table_comment FROM information_schema.tables "
        f"WHERE table_schema = DATABASE() AND table_name = {literal(name, Type.TEXT)}"
    )
    order = list(columns)
    kept = kept_beside(comment[0][0] if comment else None)
    return Schema(
        name,
        tuple(native.column for native in columns.values()),
        tuple(str(row[4]) for row in sorted(keys, key=lambda row: int(row[3] or 0))),
        tuple(sorted(references(ask, name), key=lambda each: [order.index(column) for column in each.columns])),
        edge=bool(kept.get("edge")),
        partition=tuple(kept.get("partition", ())),
    )


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


def natives(ask: Ask, table: str, *, mariadb: bool) -> dict[str, Native]:
    """The columns of a table, whose name is quoted, by name."""
    found = ask(f"SHOW FULL COLUMNS FROM {table}")
    checked: set[str] = set()
    # MariaDB's JSON is a text of this collation with a check.
    if mariadb and any((row[1], row[2]) == ("longtext", "utf8mb4_bin") for row in found):
        with contextlib.suppress(IndexError):
            text = ask(f"SHOW CREATE TABLE {table}")[0][1] or ""
            checked = {name.replace("``", "`") for name in _JSON_CHECK.findall(text)}
    return {
        str(name): read_native(
            str(name), str(native), nullable == "YES", str(extra), str(comment), checked=name in checked
        )
        for name, native, _, nullable, _, _, extra, _, comment in found
    }
