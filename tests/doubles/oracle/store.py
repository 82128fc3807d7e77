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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.doubles.oracle import moments, wire
from tests.doubles.oracle.sql import AddConstraint, CreateIndex, CreateTable, ForeignKey, OraError, Table, refused
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
        for name, (arguments, function) in _FUNCTIONS.items():
            found.create_function(name, arguments, _noted(function), deterministic=True)
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
            _check_key(table)
            for name in given.key:
                columns[table.place(name)].nullable = False
            made = self._made(table)
            with _whole(connection):
                connection.execute(f"CREATE TABLE {table.sql} ({made})")
                self.save(table, connection)
            self.tables[given.name] = table

    def _made(self, table: StoredTable) -> str:
        parts = [f"c{place} BLOB" for place in range(len(table.columns))]
        if table.key:
            parts.append(f"PRIMARY KEY ({', '.join(f'c{table.place(name)}' for name in table.key)})")
        parts += [self._reference(table, each) for each in table.foreign]
        return ", ".join(parts)

    def add(self, given: AddConstraint, connection: sqlite3.Connection) -> None:
        """ORA-02260 for a second key, ORA-02275 for a reference that is there; ORA-01449, 02437, 02298 and 02293 where
        the rows are not so."""
        with self.lock:
            table = self.find(given.table.name, given.table.position)
            if given.json:
                self._add_json(table, given.json, connection)
                return
            if given.key and table.key:
                raise OraError(2260, "table can have only one primary key")
            if given.foreign in table.foreign:
                raise OraError(2275, "such a referential constraint already exists in the table")
            foreign = (*table.foreign, given.foreign) if given.foreign else table.foreign
            columns = [replace(each) for each in table.columns]
            made = replace(table, key=given.key or table.key, foreign=foreign, columns=columns)
            _check_key(made)
            for name in given.key:
                place = made.place(name)
                if connection.execute(f"SELECT 1 FROM {table.sql} WHERE c{place} IS NULL").fetchone():
                    raise OraError(1449, "column contains NULL values; cannot alter to NOT NULL")
                columns[place].nullable = False
            self._make_again(made, connection)

    def _add_json(self, table: StoredTable, name: str, connection: sqlite3.Connection) -> None:
        place = table.place(name)
        column = table.columns[place]
        if column.kind.code != wire.CLOB:
            raise OraError(3001, "unimplemented feature: the wire double does not know JSON of anything but a CLOB")
        for (value,) in connection.execute(f"SELECT c{place} FROM {table.sql} WHERE c{place} IS NOT NULL"):
            try:
                json.loads(value)
            except ValueError:
                raise OraError(2293, "cannot validate - check constraint violated") from None
        column.is_json, column.kind = True, replace(column.kind, is_json=True)
        self.save(table, connection)

    def _make_again(self, table: StoredTable, connection: sqlite3.Connection) -> None:
        """The table, its rows and its indexes with other constraints, as SQLite's ALTER TABLE adds none."""
        made = self._made(table)
        connection.execute("PRAGMA foreign_keys = OFF")
        try:
            with _whole(connection):
                indexes = connection.execute(
                    "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
                    (table.sql,),
                ).fetchall()
                connection.execute(f"CREATE TABLE again ({made})")
                connection.execute(f"INSERT INTO again SELECT * FROM {table.sql}")
                connection.execute(f"DROP TABLE {table.sql}")
                connection.execute(f"ALTER TABLE again RENAME TO {table.sql}")
                for (text,) in indexes:
                    connection.execute(text)
                if connection.execute(f"PRAGMA foreign_key_check({table.sql})").fetchone():
                    raise OraError(2298, "cannot validate - parent keys not found")
                self.save(table, connection)
        except sqlite3.IntegrityError:
            raise OraError(2437, "cannot validate - primary key violated") from None
        finally:
            connection.execute("PRAGMA foreign_keys = ON")
        self.tables[table.name] = table

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

    def drop(self, name: str, position: int, connection: sqlite3.Connection, *, cascades: bool = False) -> None:
        """ORA-02449 if another table refers to it, unless their references go too."""
        with self.lock:
            table = self.find(name, position)
            for other in list(self.tables.values()):
                kept = tuple(each for each in other.foreign if each.table.name != name)
                if other is table or len(kept) == len(other.foreign):
                    continue
                if not cascades:
                    raise OraError(2449, "unique/primary keys in table referenced by foreign keys")
                self._make_again(replace(other, foreign=kept), connection)
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


def _check_key(table: StoredTable) -> None:
    for name in table.key:
        code = table.columns[table.place(name)].kind.code
        if code in (wire.CLOB, wire.BLOB):
            raise OraError(2329, "column of datatype LOB cannot be unique or a primary key")
        if code == wire.TIMESTAMP_TZ:
            raise OraError(2329, "column of datatype TIME/TIMESTAMP WITH TIME ZONE cannot be a primary key")
    if table.key and sum(table.columns[table.place(name)].kind.size for name in table.key) > 6398:
        raise OraError(1450, "maximum key length (6398) exceeded")


def _text(value: bytes | None, form: bytes) -> bytes | None:
    return moments.text_of(value, form.decode()).encode() if value else None


def _moment(text: bytes | None, form: bytes, code: int) -> bytes | None:
    return moments.data_of(text.decode(), form.decode(), code) if text else None


def _substr(value: bytes | None, start: bytes, count: bytes) -> bytes | None:
    first = int(wire.decimal_of(start)) - 1
    return (value.decode()[first : first + int(wire.decimal_of(count))].encode() or None) if value else None


_FUNCTIONS: dict[str, tuple[int, Callable[..., bytes | None]]] = {
    "ora_text": (2, _text),
    "ora_text_of_number": (1, lambda value: str(wire.decimal_of(value)).encode() if value else None),
    "ora_moment": (3, _moment),
    "ora_ltrim": (1, lambda value: (value.lstrip(b" ") or None) if value else None),
    "ora_replace": (2, lambda value, what: (value.replace(what, b"") or None) if value else None),
    "ora_substr": (3, _substr),
    "ora_joined": (2, lambda left, right: ((left or b"") + (right or b"")) or None),
    "ora_zoned": (2, lambda value, zone: moments.zoned(value, zone.decode()) if value and zone else None),
    "ora_getlength": (
        2,
        lambda value, text: None if value is None else wire.number(len(value.decode()) if text else len(value)),
    ),
}


_FAILED = threading.local()


def _noted(function: Callable[..., bytes | None]) -> Callable[..., bytes | None]:
    """The function, whose error is kept: SQLite only says that there was one."""

    def noted(*values: Any) -> bytes | None:
        try:
            return function(*values)
        except OraError as error:
            _FAILED.error = error
            raise

    return noted


@contextmanager
def told() -> Iterator[None]:
    """For the block: the error of one of these functions is Oracle's."""
    _FAILED.error = None
    try:
        yield
    except sqlite3.OperationalError:
        if _FAILED.error is None:
            raise
        raise _FAILED.error from None


def _modulo(left: bytes, right: bytes) -> bytes:
    return wire.number(wire.decimal_of(left) % wire.decimal_of(right))
