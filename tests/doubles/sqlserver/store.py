"""Where the double keeps databases: one SQLite file each, with the catalog views as tables and a table a table.

A user's table is `t<object_id>`, its columns `c<column_id>`, so no name of the user's ever is SQLite's. The collations
are SQL Server's: BIN2 by UTF-16's units, CI without case, both with blanks at the end being nothing; NUMBER, GUID and
INSTANT for what is kept as text. CI only says what is equal: its order is Windows' own, so it is refused.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.doubles.sqlserver.faults import SqlError, invalid_object
from tests.doubles.sqlserver.types import DEFAULT_COLLATION, IDS, SqlType, named

_CATALOG: Final[dict[str, dict[str, str]]] = {
    "schemas": {"name": "name", "schema_id": "int"},
    "types": {
        "name": "name", "system_type_id": "int", "user_type_id": "int", "schema_id": "int", "is_user_defined": "bit",
        "max_length": "smallint", "precision": "int", "scale": "int", "is_nullable": "bit", "is_table_type": "bit",
        "is_assembly_type": "bit",
    },
    "databases": {"name": "name", "database_id": "int", "create_date": "moment"},
    "objects": {
        "name": "name", "object_id": "int", "schema_id": "int", "type": "name", "is_ms_shipped": "bit",
        "parent_object_id": "int",
    },
    "columns": {
        "object_id": "int", "name": "name", "column_id": "int", "system_type_id": "int", "user_type_id": "int",
        "max_length": "smallint", "precision": "int", "scale": "int", "collation_name": "name", "is_nullable": "bit",
        "is_identity": "bit", "is_computed": "bit", "generated_always_type": "int",
        "generated_always_type_desc": "name", "is_column_set": "bit", "is_sparse": "bit", "is_filestream": "bit",
        "is_rowguidcol": "bit", "is_hidden": "bit", "default_object_id": "int", "rule_object_id": "int",
        "is_ansi_padded": "bit", "encryption_type": "int", "is_xml_document": "bit", "xml_collection_id": "int",
    },
    "extended_properties": {"class": "int", "major_id": "int", "minor_id": "int", "name": "name", "value": "text"},
    "indexes": {
        "object_id": "int", "index_id": "int", "is_primary_key": "bit", "name": "name", "type_desc": "name",
        "is_unique": "bit", "is_disabled": "bit", "is_hypothetical": "bit", "filter_definition": "text",
        "data_space_id": "int", "ignore_dup_key": "bit", "is_unique_constraint": "bit", "fill_factor": "int",
        "is_padded": "bit", "allow_row_locks": "bit", "allow_page_locks": "bit",
    },
    "index_columns": {
        "object_id": "int", "index_id": "int", "column_id": "int", "key_ordinal": "int", "partition_ordinal": "int",
        "is_included_column": "bit", "is_descending_key": "bit", "index_column_id": "int",
    },
    "default_constraints": {
        "name": "name", "object_id": "int", "parent_object_id": "int", "parent_column_id": "int", "definition": "text",
        "is_system_named": "bit",
    },
    "check_constraints": {
        "name": "name", "object_id": "int", "parent_object_id": "int", "definition": "text", "is_disabled": "bit",
        "is_system_named": "bit", "is_not_trusted": "bit", "is_not_for_replication": "bit",
    },
    "triggers": {"name": "name", "object_id": "int", "parent_id": "int", "parent_class": "int"},
    "foreign_key_columns": {
        "constraint_object_id": "int", "constraint_column_id": "int", "parent_object_id": "int",
        "parent_column_id": "int", "referenced_object_id": "int", "referenced_column_id": "int",
    },
    "filegroups": {"name": "name", "data_space_id": "int", "is_default": "bit"},
    # What no statement here makes: empty.
    "computed_columns": {
        "object_id": "int", "name": "name", "column_id": "int", "definition": "text", "is_persisted": "bit",
        "is_nullable": "bit",
    },
    "identity_columns": {
        "object_id": "int", "name": "name", "seed_value": "int", "increment_value": "int", "last_value": "int",
        "is_not_for_replication": "bit",
    },
    "sql_modules": {
        "object_id": "int", "definition": "text", "uses_ansi_nulls": "bit", "uses_quoted_identifier": "bit",
    },
    "masked_columns": {
        "object_id": "int", "name": "name", "column_id": "int", "masking_function": "text", "is_masked": "bit",
    },
    "partition_schemes": {"name": "name", "data_space_id": "int", "function_id": "int"},
    "partition_functions": {"name": "name", "function_id": "int", "boundary_value_on_right": "bit"},
    "partition_parameters": {
        "function_id": "int", "system_type_id": "int", "max_length": "smallint", "precision": "int", "scale": "int",
        "collation_name": "name",
    },
    "stats": {"object_id": "int", "name": "name", "user_created": "bit", "no_recompute": "bit"},
    "fulltext_indexes": {"object_id": "int"},
    "fulltext_catalogs": {"name": "name"},
    "security_predicates": {"object_id": "int", "target_object_id": "int"},
    "security_policies": {"object_id": "int", "name": "name"},
    "change_tracking_tables": {"object_id": "int"},
    "database_permissions": {"class": "int", "major_id": "int"},
    "xml_schema_collections": {"name": "name", "schema_id": "int", "xml_collection_id": "int"},
    "assemblies": {"name": "name", "is_user_defined": "bit"},
    "sql_expression_dependencies": {
        "referencing_id": "int", "referenced_id": "int", "is_schema_bound_reference": "bit",
    },
}  # fmt: skip
_DERIVED: Final[dict[str, tuple[dict[str, str], str]]] = {
    "tables": (
        {"object_id": "int", "name": "name", "schema_id": "int", "is_ms_shipped": "bit", "temporal_type": "int",
         "history_table_id": "int", "is_memory_optimized": "bit", "is_external": "bit", "is_filetable": "bit",
         "is_tracked_by_cdc": "bit", "is_node": "bit", "is_edge": "bit", "ledger_type": "int",
         "ledger_type_desc": "name", "lock_escalation": "int", "lock_escalation_desc": "name"},
        "SELECT object_id, name, schema_id, is_ms_shipped, 0, NULL, 0, 0, 0, 0, 0, 0, 0, 'NON_LEDGER_TABLE', 0, "
        """'TABLE' FROM "sys.objects" WHERE type = 'U '""",
    ),
    "foreign_keys": (
        {"object_id": "int", "name": "name", "parent_object_id": "int", "referenced_object_id": "int",
         "delete_referential_action_desc": "name", "update_referential_action_desc": "name", "is_disabled": "bit",
         "is_not_trusted": "bit", "is_system_named": "bit", "is_not_for_replication": "bit"},
        "SELECT o.object_id, o.name, o.parent_object_id, (SELECT k.referenced_object_id FROM "
        '"sys.foreign_key_columns" AS k WHERE k.constraint_object_id = o.object_id LIMIT 1), '
        """'NO_ACTION', 'NO_ACTION', 0, 0, o.name LIKE 'FK!_!_%' ESCAPE '!', 0 FROM "sys.objects" AS o """
        "WHERE o.type = 'F '",
    ),
    "key_constraints": (
        {"name": "name", "parent_object_id": "int", "unique_index_id": "int", "is_system_named": "bit"},
        """SELECT name, object_id, index_id, name LIKE 'PK!_!_%' ESCAPE '!' FROM "sys.indexes" """
        "WHERE is_primary_key = 1",
    ),
    "partitions": (
        {"object_id": "int", "index_id": "int", "partition_number": "int", "data_compression": "int",
         "data_compression_desc": "name"},
        """SELECT object_id, index_id, 1, 0, 'NONE' FROM "sys.indexes" """,
    ),
    "sequences": (
        {"name": "name", "schema_id": "int", "start_value": "int", "current_value": "int", "increment": "int",
         "minimum_value": "int", "maximum_value": "int", "is_cycling": "bit", "is_cached": "bit", "cache_size": "int",
         "system_type_id": "int", "precision": "int", "last_used_value": "int"},
        "SELECT q.name, s.schema_id, q.first, max(q.first, q.next - 1), 1, q.least, q.most, 0, 1, NULL, q.type, "
        "q.digits, CASE WHEN q.next > q.first THEN q.next - 1 END "
        'FROM sequences AS q JOIN "sys.schemas" AS s ON s.name = q.space',
    ),
}  # fmt: skip
"""Views of what is kept already."""
_CATALOG_TYPES: Final = {
    "name": SqlType("nvarchar", 128), "int": SqlType("int"), "smallint": SqlType("smallint"), "bit": SqlType("bit"),
    "text": SqlType("nvarchar", 4000), "moment": SqlType("datetime2", 3),
}  # fmt: skip
NAMES: Final = DEFAULT_COLLATION


def sqlite_collation(name: str) -> str:
    """SQLite's collation for one of SQL Server's."""
    return "BIN2" if name.upper().endswith(("_BIN2", "_BIN2_UTF8")) else "CI"


def padded(text: str, length: int) -> bytes:
    data = text.encode("utf-16-be", "surrogatepass")
    return data + b"\0 " * (length - len(data) // 2)


def _binary(a: str, b: str) -> int:
    length = max(len(a), len(b)) * 2
    left, right = padded(a, length), padded(b, length)
    return (left > right) - (left < right)


def _folded(a: str, b: str) -> int:
    return _binary(a.rstrip(" ").casefold(), b.rstrip(" ").casefold())


def _number(a: str, b: str) -> int:
    left, right = Decimal(a), Decimal(b)
    return (left > right) - (left < right)


def _guid(a: str, b: str) -> int:
    """By the last six bytes, then the groups before them from right to left."""
    left, right = (data[10:] + data[8:10] + data[6:8] + data[4:6] + data[:4]
                   for data in (uuid.UUID(a).bytes_le, uuid.UUID(b).bytes_le))  # fmt: skip
    return (left > right) - (left < right)


def _instant(a: str, b: str) -> int:
    left, right = a[:19] + a[19:-7].ljust(8, "0"), b[:19] + b[19:-7].ljust(8, "0")
    return (left > right) - (left < right)


@dataclass(frozen=True)
class Column:
    number: int
    name: str
    type: SqlType
    collation: str | None
    nullable: bool
    identity: bool = False


@dataclass(frozen=True)
class Table:
    number: int
    space: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[int, ...]

    @property
    def sql(self) -> str:
        return f"t{self.number}"

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name.casefold() == name.casefold()), None)


class Databases:
    """The databases' files, by name; those that the folder holds already are there again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, tuple[int, str, Path]] = {}
        for path in sorted(folder.glob("*.sqlite"), key=lambda path: int(path.stem)):
            name = _name_in(path)
            if name is None:  # the process ended while it was made
                for each in folder.glob(f"{path.name}*"):
                    each.unlink()
            else:
                self._files[name.casefold()] = (int(path.stem), name, path)
        self._started = datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")
        for _, _, path in self._files.values():
            database = Database(path)
            database.started(self._started)
            database.close()
        if "master" not in self._files:
            self.make("master")

    def make(self, name: str) -> None:
        with self._lock:
            if name.casefold() in self._files:
                raise SqlError(1801, f"Database '{name}' already exists. Choose a different database name.")
            number = max((known for known, _, _ in self._files.values()), default=0) + 1
            path = self._folder / f"{number}.sqlite"
            database = Database(path)
            database.sqlite.execute("BEGIN")
            database.fill_catalog()
            database.started(self._started)
            database.sqlite.execute("CREATE TABLE database (name TEXT)")
            database.sqlite.execute("INSERT INTO database VALUES (?)", (name,))
            database.sqlite.execute("COMMIT")
            database.close()
            self._files[name.casefold()] = (number, name, path)

    def number(self, name: str) -> int | None:
        return self._files[name.casefold()][0] if name.casefold() in self._files else None

    def open(self, name: str) -> Database:
        found = self._files.get(name.casefold())
        if found is None:
            raise SqlError(911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.")
        return Database(found[2])


def _name_in(path: Path) -> str | None:
    """The name of the database that the file is; None where it is not whole."""
    sqlite = sqlite3.connect(path)
    try:
        return str(sqlite.execute("SELECT name FROM database").fetchone()[0])
    except sqlite3.OperationalError:
        return None
    finally:
        sqlite.close()


class Database:
    """One session's view of a database."""

    def __init__(self, path: Path) -> None:
        self.sqlite = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
        for name, compare in (
            ("BIN2", _binary), ("CI", _folded), ("NUMBER", _number), ("GUID", _guid), ("INSTANT", _instant)
        ):  # fmt: skip
            self.sqlite.create_collation(name, compare)
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "foreign_keys = ON", "temp_store = MEMORY"):
            self.sqlite.execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        self.sqlite.close()

    def fill_catalog(self) -> None:
        for view, columns in _CATALOG.items():
            lines = ", ".join(
                f"{name} {'TEXT COLLATE CI' if kind in ('name', 'text') else 'BIGINT'}"
                for name, kind in columns.items()
            )
            self.sqlite.execute(f'CREATE TABLE "sys.{view}" ({lines})')
        self.sqlite.execute(
            "CREATE TABLE sequences (space TEXT COLLATE CI, name TEXT COLLATE CI, first BIGINT, next BIGINT, "
            "type BIGINT, digits BIGINT, least BIGINT, most BIGINT)"
        )
        self.sqlite.execute("CREATE TABLE identities (object_id BIGINT, following BIGINT, step BIGINT)")
        for view, (columns, query) in _DERIVED.items():
            self.sqlite.execute(f'CREATE VIEW "sys.{view}" ({", ".join(columns)}) AS {query}')
        self.sqlite.execute("CREATE TABLE numbers (next)")
        self.sqlite.execute("INSERT INTO numbers VALUES (1001)")
        self.sqlite.execute("""INSERT INTO "sys.filegroups" VALUES ('PRIMARY', 1, 1)""")
        for number, name in ((1, "dbo"), (2, "guest"), (3, "INFORMATION_SCHEMA"), (4, "sys")):
            self.sqlite.execute('INSERT INTO "sys.schemas" VALUES (?, ?)', (name, number))
        self.sqlite.executemany(
            'INSERT INTO "sys.types" VALUES (?, ?, ?, 4, 0, 0, 0, 0, 1, 0, 0)',
            [*((name, number, number) for name, number in IDS.items()), ("sysname", 231, 256)],
        )

    def started(self, moment: str) -> None:
        """When the server started, which made tempdb then."""
        self.sqlite.execute('DELETE FROM "sys.databases"')
        self.sqlite.execute("""INSERT INTO "sys.databases" VALUES ('tempdb', 2, ?)""", (moment,))

    def next_number(self) -> int:
        ((number,),) = self.sqlite.execute("UPDATE numbers SET next = next + 1 RETURNING next - 1").fetchall()
        return int(number)

    def schema(self, name: str) -> tuple[int, str] | None:
        return self.sqlite.execute('SELECT schema_id, name FROM "sys.schemas" WHERE name = ?', (name,)).fetchone()

    def object(self, space: str, name: str) -> tuple[int, str] | None:
        """The number and the real name of a table."""
        return self.sqlite.execute(
            'SELECT o.object_id, o.name FROM "sys.objects" AS o JOIN "sys.schemas" AS s ON s.schema_id = o.schema_id '
            "WHERE s.name = ? AND o.name = ? AND o.parent_object_id = 0",
            (space, name),
        ).fetchone()

    def table(self, space: str, name: str) -> Table:
        found = self.object(space, name)
        if found is None:
            raise invalid_object(name if space == "dbo" else f"{space}.{name}")
        return self.table_by_number(found[0], space, found[1])

    def table_by_number(self, number: int, space: str, name: str) -> Table:
        columns = tuple(self._columns(number))
        key = self.sqlite.execute(
            'SELECT column_id FROM "sys.index_columns" WHERE object_id = ? AND index_id = 1 ORDER BY key_ordinal',
            (number,),
        ).fetchall()
        return Table(number, space, name, columns, tuple(column for (column,) in key))

    def _columns(self, number: int) -> Iterator[Column]:
        for place, name, word, length, precision, scale, collation, nullable, identity in self.sqlite.execute(
            "SELECT c.column_id, c.name, t.name, c.max_length, c.precision, c.scale, c.collation_name, c.is_nullable, "
            "c.is_identity "
            'FROM "sys.columns" AS c JOIN "sys.types" AS t ON t.user_type_id = c.user_type_id '
            "WHERE c.object_id = ? ORDER BY c.column_id",
            (number,),
        ).fetchall():
            sizes: list[int | None] = []
            if word in ("nvarchar", "varchar", "varbinary"):
                sizes = [None if length < 0 else length // 2 if word == "nvarchar" else length]
            elif word == "decimal":
                sizes = [precision, scale]
            elif word in ("time", "datetime2", "datetimeoffset"):
                sizes = [scale]
            yield Column(place, name, named(word, sizes), collation, bool(nullable), bool(identity))


def catalog_view(name: str) -> dict[str, tuple[str, SqlType, str | None]] | None:
    """The columns of sys.<name>: SQLite's name, type, collation."""
    derived = _DERIVED.get(name.casefold())
    found = derived[0] if derived else _CATALOG.get(name.casefold())
    if found is None:
        return None
    return {
        column: (column, _CATALOG_TYPES[kind], NAMES if kind in ("name", "text") else None)
        for column, kind in found.items()
    }
