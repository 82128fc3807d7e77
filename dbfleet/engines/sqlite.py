"""SQLite: the embedded engine, from the standard library (https://www.sqlite.org/datatype3.html).

No server and no stack: the target is a file, `sqlite:///relative` or `sqlite:////absolute/path`. Only a target with
`create` makes a missing file; a new file is in WAL mode, so that a scan never blocks a write.

SQLite keeps what a column was declared as, word for word, and gives it an affinity by the words inside. So the schema
beside the data is the declared type itself: decimal is `DECIMAL_TEXT(12,2)`, instant `INSTANT_TEXT`, and so on; TEXT
inside the word keeps SQLite from turning digits into floats. Times have six digits always, so that text order is time
order. In a table that dbfleet did not make a column's type is what its values really are (`typeof`, one pass).

Oddities: binding NaN stores NULL, so NaN is written as text, which REAL affinity leaves alone. A key of a rowid
table may hold NULL, so keys are declared NOT NULL. `LIKE` ignores case.
"""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import quote
from uuid import UUID

from dbfleet.adapter import (
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Capability,
    Change,
    Condition,
    EngineSpec,
    Fidelity,
    Limits,
    Part,
    Result,
    ResultColumn,
    ServerInfo,
    Target,
    WriteMode,
    Written,
)
from dbfleet.engines import _changes, _conditions, _sqlite_changes, _sqlite_extras
from dbfleet.engines._columns import Convert, converted, converter, shortened
from dbfleet.errors import (
    AlreadyExists,
    ConstraintViolated,
    DbfleetError,
    NoRoom,
    NotFound,
    StatementError,
    Unavailable,
    UsageError,
    translated,
)
from dbfleet.extras import ALL, Default, Extra, Extras
from dbfleet.values import (
    VALUE_OF,
    Batch,
    Column,
    Reference,
    Row,
    Schema,
    Type,
    decimal_text,
    json_text,
)

_DECLARED: Final[Mapping[Type, str]] = {
    Type.BOOL: "BOOLEAN",
    Type.INT: "INTEGER",
    Type.DECIMAL: "DECIMAL_TEXT",
    Type.FLOAT: "DOUBLE",
    Type.TEXT: "TEXT",
    Type.BYTES: "BLOB",
    Type.DATE: "DATE_TEXT",
    Type.TIME: "TIME_TEXT",
    Type.DATETIME: "DATETIME_TEXT",
    Type.INSTANT: "INSTANT_TEXT",
    Type.UUID: "UUID_TEXT",
    Type.JSON: "JSON_TEXT",
}
_TYPES: Final = {word: type_ for type_, word in _DECLARED.items()}
_OURS: Final = {word: type_ for type_, word in _DECLARED.items() if word.endswith("_TEXT")}

_STORE: Final[Mapping[Type, Convert]] = {
    Type.DECIMAL: decimal_text,
    Type.FLOAT: lambda value: "NaN" if value != value else value,
    Type.DATE: date.isoformat,
    Type.TIME: lambda value: value.isoformat("microseconds"),
    Type.DATETIME: lambda value: value.isoformat("T", "microseconds"),
    Type.INSTANT: lambda value: datetime.isoformat(VALUE_OF[Type.INSTANT](value.isoformat()), "T", "microseconds"),
    Type.UUID: str,
    Type.JSON: json_text,
}
"""Types that sqlite3 does not bind as they are."""

_FETCH: Final[Mapping[Type, Convert]] = {
    Type.BOOL: bool,
    Type.DECIMAL: Decimal,
    Type.FLOAT: float,
    Type.DATE: date.fromisoformat,
    Type.TIME: clock_time.fromisoformat,
    Type.DATETIME: datetime.fromisoformat,
    Type.INSTANT: datetime.fromisoformat,
    Type.UUID: UUID,
    Type.JSON: VALUE_OF[Type.JSON],
}
"""Types whose stored value is not the value. Instants are stored as +00:00, which reads back as UTC."""


class SqliteAdapter(Adapter):
    """One sqlite3 connection in autocommit; `write` opens its own transaction."""

    def __init__(self, target: Target, connection: sqlite3.Connection) -> None:
        self.spec = ENGINE
        self.target = target
        self._connection = connection
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        ((version,),) = self._rows("SELECT sqlite_version() FROM (SELECT count(*) FROM sqlite_schema)")
        return ServerInfo("SQLite", version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        return [
            name
            for (name,) in self._rows(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            )
        ]

    def describe(self, name: str) -> Schema:
        # hidden 2 and 3 are generated columns: read like any other, never written.
        info = self._rows('SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)', (name,))
        found = [entry for entry in info if entry[4] != 1]
        if not found:
            raise self._not_found(name)
        ((text,),) = self._rows("SELECT coalesce(sql, '') FROM sqlite_schema WHERE name = ?", (name,))
        beside = re.match(r'CREATE TABLE "(?:[^"]|"")*" \( /\* dbfleet:(.*?) \*/', text)
        extras = json.loads(beside[1]) if beside else {}
        columns = tuple(self._column(name, bool(beside), *entry) for entry in found)
        keys = sorted((pk, column) for column, _, _, pk, _ in found if pk)
        references: dict[int, tuple[str, list[str], list[str]]] = {}
        for number, table, source, key in self._rows(
            'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (name,)
        ):
            entry = references.setdefault(number, (table, [], []))
            entry[1].append(source)
            entry[2].append(key)
        return Schema(
            name,
            columns,
            tuple(column for _, column in keys),
            # pragma_foreign_key_list gives the last declared first.
            tuple(
                Reference(tuple(sources), table, tuple(self._key_of(table) if None in keys_ else keys_))
                for _, (table, sources, keys_) in sorted(references.items(), reverse=True)
            ),
            extras.get("edge", False),
            tuple(extras.get("partition", ())),
        )

    def _key_of(self, table: str) -> list[str]:
        return [name for (name,) in self._rows("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))]

    def _column(
        self, table: str, ours: bool, name: str, declared: str, not_null: int, in_key: int, hidden: int
    ) -> Column:
        word, numbers = _parse_declared(declared)
        nullable = not not_null and not in_key
        note = "generated" if hidden else None
        type_ = _TYPES.get(word) if ours else _OURS.get(word)
        if type_ is None:
            type_, foreign = self._stored_type(table, name, word)
            note = note or foreign
        precision = scale = length = digits = None
        if type_ is Type.DECIMAL and numbers:
            precision, scale = numbers[0], numbers[1] if len(numbers) > 1 else 0
        elif type_ in (Type.TEXT, Type.BYTES) and numbers:
            length = numbers[0]
        elif type_ in (Type.TIME, Type.DATETIME, Type.INSTANT) and numbers:
            digits = numbers[0]
        return Column(name, type_, nullable, precision, scale, length, digits, declared or None, note)

    def _stored_type(self, table: str, name: str, word: str) -> tuple[Type, str | None]:
        """The type of a column that is declared in SQLite's own words: what its values are, else what it says."""
        column = _quote(name)
        kinds = {
            kind
            for (kind,) in self._rows(f"SELECT DISTINCT typeof({column}) FROM {_quote(table)} WHERE {column} NOTNULL")
        }
        if kinds <= {"integer"} and "BOOL" in word:
            odd = self._rows(f"SELECT 1 FROM {_quote(table)} WHERE {column} NOT IN (0, 1) LIMIT 1")
            return (Type.INT, None) if odd else (Type.BOOL, None)
        if not kinds:
            return _affinity(word), None
        if kinds == {"integer"}:
            return Type.INT, None
        if kinds == {"real"}:
            return Type.FLOAT, None
        if kinds == {"integer", "real"}:
            return Type.DECIMAL, "integers and floats, as decimals"
        if kinds == {"blob"}:
            return Type.BYTES, None
        if kinds == {"text"}:
            return Type.TEXT, None
        if "blob" in kinds:
            return Type.BYTES, "values of several types, as bytes of their text"
        return Type.TEXT, "values of several types, as text"

    def create(self, schema: Schema) -> None:
        lines = []
        rowid_key = len(schema.key) == 1 and schema.column(schema.key[0]).type is Type.INT
        for column in schema.columns:
            line = f"{_quote(column.name)} {_declare(column)}"
            if column.name in schema.key or not column.nullable:
                line += " NOT NULL"
            lines.append(line)
        if schema.key:
            lines.append(f"PRIMARY KEY ({_quoted(schema.key)})")
        lines += [
            f"FOREIGN KEY ({_quoted(reference.columns)}) "
            f"REFERENCES {_quote(reference.collection)} ({_quoted(reference.keys)})"
            for reference in schema.references
        ]
        # Without rowids the table is its key's index: half the size where the key is compound or text.
        tail = " WITHOUT ROWID" if schema.key and not rowid_key else ""
        # What SQL has no word for is kept in a comment, which SQLite keeps with the statement; its being there says
        # that the declared types are ours.
        extras = {word: value for word, value in (("edge", schema.edge), ("partition", schema.partition)) if value}
        beside = f" /* dbfleet:{json.dumps(extras)} */ "
        self._rows(f"CREATE TABLE {_quote(schema.name)} ({beside}{', '.join(lines)}){tail}")

    def extras(self, name: str) -> Extras:
        return _sqlite_extras.extras(self._rows, self.describe(name))

    def add_extra(self, schema: Schema, extra: Extra) -> None:
        if isinstance(extra, Default):
            column = schema.column(extra.column)
            if extra.text is None:
                spelt = _sqlite_extras.MOMENTS[column.type]
            else:
                value, store = VALUE_OF[column.type](extra.text), _STORE.get(column.type)
                spelt = _sqlite_changes.literal(store(value) if store else value, self._rows)
            with self._translated():
                _sqlite_extras.set_default(
                    self._connection, schema.name, f"{_quote(column.name)} {_declare(column)}", spelt
                )
            return
        with self._translated():
            statement = _sqlite_extras.add_statement(self._rows, _quote, schema, extra)
        if statement is not None:
            self._rows(statement)

    def drop(self, name: str) -> None:
        kind = self._rows("SELECT type FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (name,))
        if kind:
            self._rows(f"DROP {kind[0][0].upper()} {_quote(name)}")

    def count(self, name: str) -> int:
        ((rows,),) = self._rows(f"SELECT count(*) FROM {_quote(name)}")
        return int(rows)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        where = " AND ".join(f"{_quote(name)} = ?" for name in schema.key)
        select = f"{self._select(schema)} WHERE {where}"
        fetch = converter(schema.columns, _FETCH)
        store = converter([schema.column(name) for name in schema.key], _STORE)
        for key in store(list(keys)):
            yield from fetch(self._rows(select, key))

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        if not schema.key or parts < 2:
            return [WHOLE]
        rows = self.count(schema.name)
        order = _quoted(schema.key)
        bounds: list[list[Any]] = []
        for number in range(1, parts):
            found = self._rows(
                f"SELECT {order} FROM {_quote(schema.name)} ORDER BY {order} LIMIT 1 OFFSET ?",
                (rows * number // parts,),
            )
            if found and list(found[0]) not in bounds:
                bounds.append(list(found[0]))
        if not bounds or any(isinstance(value, bytes) for bound in bounds for value in bound):
            return [WHOLE]
        edges: list[list[Any] | None] = [None, *bounds, None]
        pairs = itertools.pairwise(edges)
        return [{k: v for k, v in (("from", low), ("below", high)) if v is not None} for low, high in pairs]

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        marks = ", ".join("?" * len(schema.key))
        conditions, values = [], []
        for word, sign in (("from", ">="), ("below", "<")):
            if word in part:
                conditions.append(f"({_quoted(schema.key)}) {sign} ({marks})")
                values += part[word]
        where = _conditions.where(f" WHERE {' AND '.join(conditions)}" if conditions else "", part)
        fetch = converter(schema.columns, _FETCH)
        for rows in self._pages(self._select(schema) + where, values, batch_size):
            yield fetch(rows)

    def write(self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert") -> Written:
        marks = ", ".join("?" * len(schema.columns))
        statement = f"INSERT INTO {_quote(schema.name)} ({_quoted(schema.names)}) VALUES ({marks})"
        if mode == "upsert" and schema.key:
            others = [name for name in schema.names if name not in schema.key]
            changes = ", ".join(f"{_quote(name)} = excluded.{_quote(name)}" for name in others)
            statement += f" ON CONFLICT ({_quoted(schema.key)}) DO " + (
                f"UPDATE SET {changes}" if others else "NOTHING"
            )
        store = converter(schema.columns, _STORE)
        written = Written()
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for batch in shortened(schema.columns, batches):
                    self._connection.executemany(statement, store(batch))
                    written.rows += len(batch)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        return written

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        where = " AND ".join(f"{_quote(name)} = ?" for name in schema.key)
        store = converter([schema.column(name) for name in schema.key], _STORE)
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                statement = f"DELETE FROM {_quote(schema.name)} WHERE {where}"
                cursor = self._connection.executemany(statement, store(list(keys)))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        return max(cursor.rowcount, 0)

    def where(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses."""
        return _conditions.part(schema, condition, _quote, self._literals(schema))

    def _literals(self, schema: Schema) -> Callable[[int, Any], str]:
        stores = [_STORE.get(column.type) for column in schema.columns]

        def literal(place: int, value: Any) -> str:
            store = stores[place]
            return _sqlite_changes.literal(store(value) if store else value, self._rows)

        return literal

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        literal = self._literals(schema)
        computed = frozenset(column.name for column in schema.columns if column.note == "generated")
        spelling = _changes.Spelling(_quote(schema.name), _quote, literal, computed=computed)
        yield from _changes.statements(schema, changes, spelling)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        statements, bound = self._checked(statement, params)
        return self._run(statements, bound, batch_size)

    def encoded(
        self, statement: str, params: Mapping[str, object] | None, format: Literal["csv", "jsonl"]
    ) -> Iterator[bytes] | None:
        """JSON Lines of one statement that reads, from the stored values; None for anything else."""
        statements, bound = self._checked(statement, params)
        if format != "jsonl" or len(statements) > 1 or bound or _names(statements[0]):
            return None
        words = self._declared(statements[0])
        types = [_OURS.get(word) or (Type.BOOL if "BOOL" in word else None) for word in words]
        return self._encoded(statements[0], types) if types and Type.JSON not in types else None

    def _encoded(self, text: str, types: Sequence[Type | None]) -> Iterator[bytes]:
        from dbfleet.engines._sqlite_encoded import lines

        with self._translated():
            cursor = self._cursor().execute(text)
        try:
            encode = lines([entry[0] for entry in cursor.description], types)
            while True:
                with self._translated():
                    rows = cursor.fetchmany(BATCH_SIZE)
                if not rows:
                    return
                yield encode(rows)
        finally:
            cursor.close()

    def _checked(self, statement: str, params: Mapping[str, object] | None) -> tuple[list[str], dict[str, Any]]:
        """The statements and the values to bind. UsageError for no statement, and for a param that none asks for."""
        statements = _statements(statement)
        if not statements:
            raise UsageError("the statement is empty", target=self.target.name)
        bound = {name: _bind(value) for name, value in (params or {}).items()}
        unused = set(bound).difference(name for text in statements for name in _names(text))
        if unused:
            raise UsageError(f"no :{min(unused)} in the statement", target=self.target.name)
        return statements, bound

    def _all_given(self, text: str, params: Mapping[str, Any]) -> None:
        missing = sorted(set(_names(text)).difference(params))
        if missing:
            raise UsageError(
                f"the statement has :{missing[0]} and no value for it",
                target=self.target.name,
                hint=f"give one with --param {missing[0]}=…",
            )

    def _run(self, statements: Sequence[str], params: Mapping[str, Any], batch_size: int) -> Result:
        text = statements[0]
        self._all_given(text, params)
        declared = [] if _names(text) else self._declared(text)
        with self._translated():
            cursor = self._cursor().execute(text, params)
            # One page ahead, so that an error in the first row comes from `query` itself.
            first = cursor.fetchmany(batch_size) if cursor.description else []
        columns = [ResultColumn(entry[0]) for entry in cursor.description or ()]
        converters: list[tuple[int, Convert]] = []
        for place, word in enumerate(declared[: len(columns)]):
            type_ = _OURS.get(word)
            if type_:
                columns[place] = ResultColumn(columns[place].name, type_, word)
                converters.append((place, _tolerant(_FETCH.get(type_, str))))
            elif "BOOL" in word:
                converters.append((place, lambda value: bool(value) if value in (0, 1) else value))

        def batches() -> Iterator[Batch]:
            rows = first
            while rows:
                yield converted(rows, converters)
                with self._translated():
                    rows = cursor.fetchmany(batch_size)

        return Result(
            columns,
            batches(),
            affected=cursor.rowcount if not columns and cursor.rowcount >= 0 else None,
            close=cursor.close,
            following=lambda: self._run(statements[1:], params, batch_size) if len(statements) > 1 else None,
        )

    def _declared(self, text: str) -> list[str]:
        """The declared type of each result column that is a table's column, else "": a view of the statement knows.

        sqlite3 has no call for it but converters that are global to the process. 60 µs.
        """
        if not re.match(r"(?is)\s*(select|with|values)\b", text):
            return []
        try:
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(f'CREATE TEMP VIEW "_dbfleet_query" AS {text}')
                try:
                    found = cursor.execute("SELECT type FROM pragma_table_info('_dbfleet_query')").fetchall()
                finally:
                    cursor.execute('DROP VIEW temp."_dbfleet_query"')
        except sqlite3.Error:
            return []
        return [_parse_declared(word or "")[0] for (word,) in found]

    def cancel(self) -> None:
        with self._lock:
            if not self._closed:
                self._connection.interrupt()

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close()

    # --- inside ---

    def _translated(self) -> Any:
        return translated(_translate, engine="sqlite", target=self.target.name)

    def _cursor(self) -> sqlite3.Cursor:
        return self._connection.cursor()

    def _rows(self, statement: str, params: Sequence[Any] = ()) -> list[Any]:
        with self._translated(), closing(self._cursor()) as cursor:
            return cursor.execute(statement, params).fetchall()

    def _pages(self, statement: str, params: Sequence[Any], size: int) -> Iterator[list[Any]]:
        with self._translated():
            cursor = self._cursor().execute(statement, params)
        try:
            while True:
                with self._translated():
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
        finally:
            cursor.close()

    def _select(self, schema: Schema) -> str:
        columns = []
        for column in schema.columns:
            name = _quote(column.name)
            if column.note and column.type in (Type.TEXT, Type.BYTES, Type.DECIMAL) and "values" in column.note:
                kind = "BLOB" if column.type is Type.BYTES else "TEXT"
                name = f"CAST({name} AS {kind})"
            elif column.note and column.type is Type.DECIMAL:
                name = f"CAST({name} AS TEXT)"
            columns.append(name)
        return f"SELECT {', '.join(columns)} FROM {_quote(schema.name)}"

    def _not_found(self, name: str) -> NotFound:
        return NotFound(f"no collection {name!r}", engine="sqlite", target=self.target.name)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(_quote, names))


def _declare(column: Column) -> str:
    word = _DECLARED[column.type]
    if column.type is Type.DECIMAL and column.precision is not None:
        return f"{word}({column.precision},{column.scale or 0})"
    if column.type in (Type.TEXT, Type.BYTES) and column.length is not None:
        return f"{word}({column.length})"
    if column.fraction_digits is not None:
        return f"{word}({column.fraction_digits})"
    return word


def _parse_declared(declared: str) -> tuple[str, list[int]]:
    """The word and the numbers of `DECIMAL_TEXT(12,2)`."""
    word, _, rest = declared.partition("(")
    return word.strip().upper(), [int(number) for number in re.findall(r"\d+", rest)]


def _affinity(word: str) -> Type:
    """SQLite's own rule (datatype3.html, 3.1), for a column that has no values to look at."""
    if "INT" in word:
        return Type.INT
    if any(part in word for part in ("CHAR", "CLOB", "TEXT")):
        return Type.TEXT
    if "BLOB" in word or not word:
        return Type.BYTES
    if any(part in word for part in ("REAL", "FLOA", "DOUB")):
        return Type.FLOAT
    return Type.TEXT if "DATE" in word or "TIME" in word else Type.DECIMAL


def _tolerant(convert: Convert) -> Convert:
    """A plain query never fails on a value: SQLite lets any column hold anything."""

    def converted(value: Any) -> Any:
        try:
            return convert(value)
        except (ValueError, TypeError, ArithmeticError, AttributeError):
            return value

    return converted


def _bind(value: object) -> Any:
    for kind, type_ in ((bool, None), (Decimal, Type.DECIMAL), (datetime, Type.DATETIME), (date, Type.DATE)):
        if isinstance(value, kind):
            if isinstance(value, datetime) and value.tzinfo:
                type_ = Type.INSTANT
            return _STORE[type_](value) if type_ else value
    if isinstance(value, clock_time):
        return _STORE[Type.TIME](value)
    if isinstance(value, dict | list):
        return json_text(value)
    return str(value) if isinstance(value, UUID) else value


_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|[:@$]([A-Za-z_]\w*)""",
    re.DOTALL,
)


def _names(statement: str) -> list[str]:
    """The names of the placeholders, outside quotes and comments."""
    return [found[1] for found in _TOKEN.finditer(statement) if found[1]]


def _statements(text: str) -> list[str]:
    """The statements of a text: SQLite itself says where one is complete (triggers hold semicolons)."""
    found, start = [], 0
    for match in re.finditer(";", text):
        if sqlite3.complete_statement(text[start : match.end()]):
            found.append(text[start : match.end()])
            start = match.end()
    found.append(text[start:])
    return [
        each for each in found if _TOKEN.sub(lambda m: "" if m[0][:2] in ("--", "/*") else m[0], each).strip(" \t\r\n;")
    ]


def connect(target: Target, *, timeout_s: float = 10.0) -> SqliteAdapter:
    """Open the file; `timeout_s` bounds the wait for another writer's lock."""
    if not target.database:
        raise UsageError("a SQLite URL needs a path", hint="sqlite:///relative/file.db or sqlite:////absolute/file.db")
    path = Path(target.database)
    fresh = not path.exists()
    if fresh and not target.create:
        raise Unavailable(
            f"no file {path}",
            engine="sqlite",
            target=target.name,
            hint="seed, load and copy make it when it is missing",
        )
    mode = target.options.get("mode", "rwc" if target.create else "rw")
    with translated(_translate, engine="sqlite", target=target.name):
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={quote(mode)}",
                uri=True,
                timeout=timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.OperationalError as exc:
            raise Unavailable(f"cannot open {path}: {exc}", engine="sqlite", target=target.name) from exc
        try:
            if fresh:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
    return SqliteAdapter(target, connection)


def _translate(exc: BaseException) -> DbfleetError | None:
    if isinstance(exc, OverflowError) and "SQLite" in str(exc):
        return StatementError("an integer has more than 64 bits, SQLite's limit")
    if not isinstance(exc, sqlite3.Error):
        return None
    text = str(exc)
    code = getattr(exc, "sqlite_errorname", None)
    if isinstance(exc, sqlite3.IntegrityError):
        return ConstraintViolated(text, code=code)
    if isinstance(exc, sqlite3.ProgrammingError) and "closed" in text:
        return Unavailable("the connection is closed")
    if code in ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_LOCKED") or "not a database" in text:
        return Unavailable(text, hint="another process is writing to the file" if "locked" in text else None)
    if code in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):  # the second past a limit of a file's size
        return NoRoom(text, code=code)
    if "no such table" in text or "no such column" in text:
        return NotFound(text, code=code)
    if "already exists" in text:
        return AlreadyExists(text, code=code)
    return StatementError(text, code=code)


def _shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    return ["sqlite3", target.database or ""], {}


ENGINE = EngineSpec(
    name="sqlite",
    title="SQLite",
    paradigm="relational",
    language="SQL (SQLite)",
    schemes=("sqlite", "sqlite3"),
    driver="sqlite3",
    connect=connect,
    aliases=("sqlite3", "file"),
    types={
        **dict.fromkeys(_OURS.values(), Fidelity.AS_TEXT),
        **dict.fromkeys((Type.BOOL, Type.INT, Type.FLOAT, Type.TEXT, Type.BYTES), Fidelity.EXACT),
    },
    capabilities=frozenset(
        {
            Capability.ATOMIC_WRITE,
            Capability.KEYLESS,
            Capability.REFERENCES,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
        }
    ),
    extras=ALL,
    limits=Limits(),
    default_user=None,
    default_database=None,
    embedded=True,
    shell=_shell,
    examples={
        "one": "select 1",
        "all": 'select * from "{collection}"',
        "slow": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
        "bad": "selec 1",
        "parameter": "select :n",
        "missing": "select * from dbfleet_nowhere",
    },
    quirks=(
        "Decimals, dates, times, uuids and json are text: CAST(total AS REAL) to compare decimals as numbers.",
        "A column holds values of any type; one that dbfleet did not make is typed by the values in it.",
    ),
    verified_on=(f"SQLite {sqlite3.sqlite_version}, real, embedded",),
)
