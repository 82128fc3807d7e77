"""Tables on SQLite: one file, one connection a session, a row's values as Oracle's own bytes.

The file holds the tables' definitions too, so a store that is opened on it again is the same. Oracle's bytes of a
value sort as the value does, so SQLite compares them exactly as they are. Tables and columns have names of our own
there (t1, c0): SQLite's names do not know upper from lower case.
"""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.doubles.oracle import wire
from tests.doubles.oracle.sql import CreateIndex, CreateTable, ForeignKey, OraError, Table, refused
from tests.doubles.oracle.types import Column, Kind, column

_DICTIONARY = ("ALL_", "USER_", "DBA_", "CDB_", "V$", "GV$", "SYS", "DICT", "PRODUCT_COMPONENT", "SESSION_", "NLS_")


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """An index over these columns; where `descending`, and over a moment with a zone, over an expression of it."""

    name: str
    sql: str
    columns: tuple[str, ...]
    descending: tuple[bool, ...]
    unique: bool


@dataclass(slots=True)
class StoredTable:
    """A table: its columns, its key, what it refers to, its comment, its indexes besides the key's."""

    name: str
    number: int
    columns: list[Column]
    key: tuple[str, ...]
    foreign: tuple[ForeignKey, ...]
    comment: str | None = None
    indexes: list[StoredIndex] = field(default_factory=list)

    @property
    def sql(self) -> str:
        return f"t{self.number}"

    @property
    def key_name(self) -> str:
        return f"SYS_C{self.number:06}"

    def place(self, name: str, position: int = 0) -> int:
        for place, each in enumerate(self.columns):
            if each.name == name:
                return place
        raise OraError(904, f'"{name}": invalid identifier', position)

    def written(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> StoredTable:
        given = json.loads(text)
        columns = [Column(**{**each, "kind": Kind(**each["kind"])}) for each in given["columns"]]
        foreign = tuple(
            ForeignKey(tuple(each["columns"]), Table(**each["table"]), tuple(each["keys"])) for each in given["foreign"]
        )
        indexes = [
            StoredIndex(**{**each, "columns": tuple(each["columns"]), "descending": tuple(each["descending"])})
            for each in given.get("indexes", ())
        ]
        return cls(given["name"], given["number"], columns, tuple(given["key"]), foreign, given["comment"], indexes)


class Store:
    """All tables of the process; what sessions share. They are kept in `directory`; without one, they go at the end."""

    def __init__(self, owner: str, directory: Path | None = None) -> None:
        self.owner = owner
        self.tables: dict[str, StoredTable] = {}
        self.lock = threading.Lock()
        self.instance = secrets.token_hex(4)
        self._directory = directory or Path(tempfile.mkdtemp(prefix="oradouble"))
        self._kept = directory is not None
        self._directory.mkdir(parents=True, exist_ok=True)
        connection = self.connection()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS definitions (number INTEGER PRIMARY KEY, definition TEXT)")
        connection.execute("CREATE TABLE IF NOT EXISTS sequences (name TEXT PRIMARY KEY, following INTEGER)")
        self.sequences: dict[str, int] = dict(connection.execute("SELECT name, following FROM sequences"))
        for (text,) in connection.execute("SELECT definition FROM definitions ORDER BY number"):
            table = StoredTable.read(text)
            self.tables[table.name] = table
        connection.close()
        self._numbers = itertools.count(max((table.number for table in self.tables.values()), default=0) + 1)

    def close(self) -> None:
        if not self._kept:
            shutil.rmtree(self._directory, ignore_errors=True)

    @staticmethod
    def save(table: StoredTable, connection: sqlite3.Connection) -> None:
        """Keep the definition as it is now."""
        connection.execute("REPLACE INTO definitions VALUES (?, ?)", (table.number, table.written()))

    def connection(self) -> sqlite3.Connection:
        """A connection of its own, with the few functions that statements use."""
        found = sqlite3.connect(self._directory / "data", isolation_level=None, check_same_thread=False, timeout=60)
        found.execute("PRAGMA foreign_keys = ON")
        found.execute("PRAGMA synchronous = OFF")
        found.create_function("ora_number", 1, lambda value: wire.number(value), deterministic=True)
        found.create_function("ora_mod", 2, _modulo, deterministic=True)
        found.create_function("ora_utc", 1, lambda value: value and value[:11], deterministic=True)
        return found

    def find(self, name: str, position: int = 0) -> StoredTable:
        found = self.tables.get(name)
        if found is None and name.startswith(_DICTIONARY):
            raise refused(f"the view {name} asked like this", position)
        if found is None:
            raise OraError(942, f'table or view "{self.owner}"."{name}" does not exist', position)
        return found

    def create(self, given: CreateTable, connection: sqlite3.Connection) -> None:
        """ORA-00955 if the name is taken; ORA-02270 if a reference names no key."""
        with self.lock:
            if given.name in self.tables:
                raise OraError(955, f'name is already used by an existing object "{self.owner}"."{given.name}"')
            columns = [column(each) for each in given.columns]
            table = StoredTable(given.name, next(self._numbers), columns, given.key, given.foreign)
            if len({each.name for each in columns}) < len(columns):
                raise OraError(957, "duplicate column name")
            for name in (given.name, *(each.name for each in columns)):
                if len(name.encode()) > 128:
                    raise OraError(972, f"The identifier {name[:40]}... exceeds the maximum length of 128")
            for name in given.key:
                found = columns[table.place(name)]
                if found.kind.code in (wire.CLOB, wire.BLOB):
                    raise OraError(2329, "column of datatype LOB cannot be unique or a primary key")
                if found.kind.code == wire.TIMESTAMP_TZ:
                    raise OraError(2329, "column of datatype TIME/TIMESTAMP WITH TIME ZONE cannot be a primary key")
                found.nullable = False
            if given.key and sum(columns[table.place(name)].kind.size for name in given.key) > 6398:
                raise OraError(1450, "maximum key length (6398) exceeded")
            parts = [f"c{place} BLOB" for place in range(len(columns))]
            if given.key:
                parts.append(f"PRIMARY KEY ({', '.join(f'c{table.place(name)}' for name in given.key)})")
            parts += [self._reference(table, each) for each in given.foreign]
            with _whole(connection):
                connection.execute(f"CREATE TABLE {table.sql} ({', '.join(parts)})")
                self.save(table, connection)
            self.tables[given.name] = table

    # --- indexes and sequences ---

    def create_index(self, given: CreateIndex, connection: sqlite3.Connection) -> None:
        """ORA-00955 if the name is taken, ORA-01408 if the columns have an index, ORA-01452 if rows are the same."""
        with self.lock:
            table = self.find(given.table.name, given.table.position)
            places = [table.place(name.name, name.position) for name, _ in given.columns]
            columns = tuple(name.name for name, _ in given.columns)
            descending = tuple(down for _, down in given.columns)
            if any(given.name in (each.key_name, *(one.name for one in each.indexes)) for each in self.tables.values()):
                raise OraError(955, f'name is already used by an existing object "{self.owner}"."{given.name}"')
            if any(table.columns[place].kind.code in (wire.CLOB, wire.BLOB) for place in places):
                raise OraError(2327, "cannot create index on expression with data type LOB")
            if not any(descending) and columns in (table.key, *(each.columns for each in table.indexes)):
                raise OraError(1408, "such column list already indexed")
            numbers = (int(each.sql.rpartition("_")[2]) for each in table.indexes)
            sql = f"i{table.number}_{max(numbers, default=0) + 1}"
            made = StoredIndex(given.name, sql, columns, descending, given.unique)
            # A key that is all NULL is in no index; NULLs of one that is not are the same. No value has no bytes.
            keys = ", ".join(f"ifnull(c{place}, x'')" for place in places)
            there = " OR ".join(f"c{place} IS NOT NULL" for place in places)
            unique = "UNIQUE " if given.unique else ""
            table.indexes.append(made)
            try:
                with _whole(connection):
                    connection.execute(f"CREATE {unique}INDEX {sql} ON {table.sql} ({keys}) WHERE {there}")
                    self.save(table, connection)
            except BaseException as error:
                table.indexes.remove(made)
                if isinstance(error, sqlite3.IntegrityError):
                    raise OraError(1452, "cannot CREATE UNIQUE INDEX; duplicate keys found") from None
                raise

    def create_sequence(self, name: str, start: int, connection: sqlite3.Connection) -> None:
        """ORA-00955 if the name is taken."""
        with self.lock:
            if name in self.sequences or name in self.tables:
                raise OraError(955, f'name is already used by an existing object "{self.owner}"."{name}"')
            self.sequences[name] = start
            connection.execute("INSERT INTO sequences VALUES (?, ?)", (name, start))

    def drop_sequence(self, name: str, position: int, connection: sqlite3.Connection) -> None:
        """ORA-02289 if it is not there."""
        with self.lock:
            self.sequence(name, position)
            del self.sequences[name]
            connection.execute("DELETE FROM sequences WHERE name = ?", (name,))

    def restart_sequence(self, name: str, position: int, start: int, connection: sqlite3.Connection) -> None:
        """ORA-02289 if it is not there."""
        with self.lock:
            self.sequence(name, position)
            self.sequences[name] = start
            connection.execute("UPDATE sequences SET following = ? WHERE name = ?", (start, name))

    def sequence(self, name: str, position: int) -> int:
        """The value that comes next. ORA-02289 if there is no such sequence."""
        if name not in self.sequences:
            raise OraError(2289, f'sequence ("{self.owner}"."{name}") does not exist', position)
        return self.sequences[name]

    def next_value(self, name: str, position: int, connection: sqlite3.Connection) -> int:
        """One that nobody else gets, whatever becomes of the transaction."""
        with self.lock:
            value = self.sequence(name, position)
            self.sequences[name] = value + 1
            connection.execute("UPDATE sequences SET following = ? WHERE name = ?", (value + 1, name))
            return value

    def _reference(self, table: StoredTable, each: ForeignKey) -> str:
        other = table if each.table.name == table.name else self.find(each.table.name)
        if tuple(each.keys) != other.key:
            raise OraError(2270, "no matching unique or primary key for this column-list")
        for own, key in zip(each.columns, each.keys, strict=True):
            if table.columns[table.place(own)].kind.code != other.columns[other.place(key)].kind.code:
                raise OraError(2267, "column type incompatible with referenced column type")
        own_columns = ", ".join(f"c{table.place(name)}" for name in each.columns)
        keys = ", ".join(f"c{other.place(name)}" for name in each.keys)
        return f"FOREIGN KEY ({own_columns}) REFERENCES {other.sql} ({keys})"

    def drop(self, name: str, position: int, connection: sqlite3.Connection) -> None:
        """ORA-02449 if another table refers to it."""
        with self.lock:
            table = self.find(name, position)
            for other in self.tables.values():
                if other is not table and any(each.table.name == name for each in other.foreign):
                    raise OraError(2449, "unique/primary keys in table referenced by foreign keys")
            with _whole(connection):
                connection.execute(f"DROP TABLE {table.sql}")
                connection.execute("DELETE FROM definitions WHERE number = ?", (table.number,))
            del self.tables[name]


@contextmanager
def _whole(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing: a process that ends in between leaves no table without its definition."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _modulo(left: bytes, right: bytes) -> bytes:
    return wire.number(wire.decimal_of(left) % wire.decimal_of(right))
