"""SQLite's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

from dbfleet.abilities import (
    CarriesExtras,
    Encodes,
    Encoding,
    Identifies,
    Locates,
    Narrows,
    Snapshots,
    Swaps,
    TellsLeft,
)
from dbfleet.adapter import (
    BATCH_BYTES,
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Condition,
    Part,
    Result,
    ResultColumn,
    ServerInfo,
    Swap,
    WriteMode,
    Written,
)
from dbfleet.columns import Convert, bounded, converted, shortened, tolerant
from dbfleet.engines.sqlite import extras, left, literals, swap
from dbfleet.engines.sqlite.connect import opened, translate
from dbfleet.engines.sqlite.forms import Form
from dbfleet.engines.sqlite.tables import Looked, create_statement, describe, look, select
from dbfleet.engines.sqlite.types import FETCH, OURS, STORE, declare, parse_declared, quote, quoted
from dbfleet.engines.sqlite.values import fetcher, half_a_pair, storer
from dbfleet.errors import (
    NotFound,
    StatementError,
    UsageError,
    translated,
)
from dbfleet.extras import AnyExtra, Default, Extras, shared
from dbfleet.spec import EngineSpec
from dbfleet.sql import changes as sql_changes
from dbfleet.sql import conditions as sql_conditions
from dbfleet.sql import files, ranges
from dbfleet.target import Target
from dbfleet.values import (
    VALUE_OF,
    Batch,
    Row,
    Schema,
    Type,
    json_text,
)


class SqliteAdapter(
    Adapter,
    Identifies,
    Locates,
    Swaps,
    Snapshots,
    Encodes,
    Narrows,
    CarriesExtras,
    TellsLeft,
):
    """One sqlite3 connection in autocommit; `write` opens its own transaction."""

    def __init__(
        self, spec: EngineSpec, target: Target, connection: sqlite3.Connection, timeout_s: float = 10.0
    ) -> None:
        self.spec = spec
        self.target = target
        self._connection = connection
        self._timeout_s = timeout_s
        self._looked: dict[str, tuple[tuple[Any, ...], Mapping[str, Looked]]] = {}
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
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

    def identity(self) -> str:
        """The file itself: its device and inode."""
        ((path,),) = self._rows("SELECT file FROM pragma_database_list WHERE name = 'main'")
        return files.identity("sqlite", self.target.name, path)

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """Of a table's name ASCII's letters alone are the same in capitals."""
        return files.places(self.identity(), names)

    def collections(self) -> Sequence[str]:
        return [name for name in self._names() if not name.startswith(STAGED) and not self._broken(name)]

    def left(self) -> Sequence[str]:
        """What the file has besides tables."""
        return left.of_file(self._rows, {name: why for name in self._names() if (why := self._broken(name))})

    def _broken(self, name: str) -> str | None:
        """Why a view cannot be read: its table is gone, say."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?", (name,)):
            return None
        try:
            self._rows(f"SELECT * FROM {quote(name)} LIMIT 0")
        except (StatementError, NotFound) as error:
            return error.message
        return None

    def leftovers(self) -> Sequence[str]:
        """Collections that a command which was killed had staged: their names begin with `_dbfleet_`. `drop` removes
        them."""
        return [name for name in self._names() if name.startswith(STAGED)]

    def _names(self) -> list[str]:
        found = self._rows(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        )
        shadows = {name for (name,) in self._rows(_SHADOWS)} if sqlite3.sqlite_version_info >= (3, 37) else set()
        return [name for (name,) in found if name not in shadows]

    def describe(self, name: str) -> Schema:
        found = describe(name, self._rows, self._look(name))
        if found is None:
            raise self._not_found(name)
        return found

    def create(self, schema: Schema) -> None:
        self._rows(create_statement(schema))

    def extras(self, name: str) -> Extras:
        return extras.extras(self._rows, self.describe(name))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        extra = shared(extra, self.spec.title)
        if isinstance(extra, Default):
            column = schema.column(extra.column)
            if extra.text is None:
                spelt = extras.MOMENTS[column.type]
            else:
                value, store = VALUE_OF[column.type](extra.text), STORE.get(column.type)
                spelt = literals.literal(store(value) if store else value, self._rows)
            with self._translated():
                extras.set_default(self._connection, schema.name, f"{quote(column.name)} {declare(column)}", spelt)
            return
        with self._translated():
            statement = extras.add_statement(self._rows, quote, schema, extra)
        if statement is not None:
            self._rows(statement)

    def drop(self, name: str) -> None:
        kind = self._rows("SELECT type FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (name,))
        if kind:
            self._rows(f"DROP {kind[0][0].upper()} {quote(name)}")

    def count(self, name: str) -> int:
        ((rows,),) = self._rows(f"SELECT count(*) FROM {quote(name)}")
        return int(rows)

    def swap(self, swaps: Sequence[Swap]) -> None:
        self._rows("PRAGMA foreign_keys = OFF")  # it says nothing inside a transaction
        try:
            with self._translated(), self._writing():
                swap.swap(self._rows, swaps)
        finally:
            self._rows("PRAGMA foreign_keys = ON")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All scans inside see one moment: a read transaction. A file that is not in WAL mode takes no
        write meanwhile."""
        self._rows("BEGIN")
        try:
            self._rows("SELECT count(*) FROM sqlite_schema")  # only what reads begins it
            yield
        finally:
            if not self._closed and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
        statement = f"{select(schema)} WHERE {where}"
        forms = self._forms(schema.name)
        fetch = fetcher(schema, forms)
        store = storer(schema.name, [schema.column(name) for name in schema.key], forms)
        for key in store(list(keys)):
            yield from fetch(self._rows(statement, key))

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        if not schema.key or parts < 2:
            return [WHOLE]
        rows = self.count(schema.name)
        order = quoted(schema.key)
        bounds: list[Row] = []
        for offset in ranges.offsets(rows, parts):
            statement = f"SELECT {order} FROM {quote(schema.name)} ORDER BY {order} LIMIT 1 OFFSET ?"
            bounds += self._rows(statement, (offset,))
        if any(isinstance(value, bytes) for bound in bounds for value in bound):
            return [WHOLE]
        return ranges.parts(bounds)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        marks = ", ".join("?" * len(schema.key))
        ranged, values = ranges.clause(part, quoted(schema.key), marks)
        where = sql_conditions.where(ranged, part)
        fetch = fetcher(schema, self._forms(schema.name))
        large = self._largest(schema, where, values) * batch_size > BATCH_BYTES
        for rows in self._pages(select(schema) + where, values, batch_size, large=large):
            yield fetch(rows)

    def _largest(self, schema: Schema, where: str, values: Sequence[Any]) -> int:
        """What a row has at most, in characters and bytes, as far as it matters. One pass by the server, of which the
        scan's own reading is a small part more."""
        ((all_bytes,),) = self._rows("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        names = [quote(column.name) for column in schema.columns if column.type not in _SMALL]
        if all_bytes <= BATCH_BYTES or not names:
            return 0
        lengths = ", ".join(f"coalesce(max(length({name})), 0)" for name in names)
        return int(sum(self._rows(f"SELECT {lengths} FROM {quote(schema.name)}{where}", values)[0]))

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        marks = ", ".join("?" * len(schema.columns))
        statement = f"INSERT INTO {quote(schema.name)} ({quoted(schema.names)}) VALUES ({marks})"
        if mode == "upsert" and schema.key:
            others = [name for name in schema.names if name not in schema.key]
            changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in others)
            statement += f" ON CONFLICT ({quoted(schema.key)}) DO " + (f"UPDATE SET {changes}" if others else "NOTHING")
        store = storer(schema.name, schema.columns, self._forms(schema.name))
        written = Written()
        with self._translated(), self._writing():
            self._execute("PRAGMA defer_foreign_keys = ON").close()  # a row may refer to one that comes after it
            for batch in shortened(schema.columns, batches):
                try:
                    self._connection.executemany(statement, store(batch))
                except UnicodeEncodeError:
                    raise half_a_pair(schema.name, schema.columns, batch) from None
                written.rows += len(batch)
        return written

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
        store = storer(schema.name, [schema.column(name) for name in schema.key], self._forms(schema.name))
        with self._translated(), self._writing():
            statement = f"DELETE FROM {quote(schema.name)} WHERE {where}"
            cursor = self._connection.executemany(statement, store(list(keys)))
        return max(cursor.rowcount, 0)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses. None where a column's values have several forms: SQLite compares these."""
        forms = self._forms(schema.name)
        if any(name in forms and not forms[name].unique for name in condition.columns):
            return None
        return sql_conditions.part(schema, condition, quote, self._literals(schema))

    def _literals(self, schema: Schema) -> Callable[[int, Any], str]:
        forms = self._forms(schema.name)
        stores = [
            forms[column.name].store if column.name in forms else STORE.get(column.type) for column in schema.columns
        ]

        def literal(place: int, value: Any) -> str:
            store = stores[place]
            return literals.literal(store(value) if store else value, self._rows)

        return literal

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        literal = self._literals(schema)
        computed = frozenset(column.name for column in schema.columns if column.generated)
        spelling = sql_changes.Spelling(quote(schema.name), quote, literal, computed=computed)
        yield from sql_changes.statements(schema, changes, spelling)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        statements, bound = self._checked(statement, params)
        return self._run(statements, bound, batch_size)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        """JSON Lines of one statement that reads, from the stored values; None for anything else."""
        statements, bound = self._checked(statement, params)
        if format != "jsonl" or len(statements) > 1 or bound or _names(statements[0]):
            return None
        words = self._declared(statements[0])
        types = [OURS.get(word) or (Type.BOOL if "BOOL" in word else None) for word in words]
        return self._encoded(statements[0], types) if types and Type.JSON not in types else None

    def _encoded(self, text: str, types: Sequence[Type | None]) -> Iterator[bytes]:
        from dbfleet.engines.sqlite.fast.encoded import lines

        with self._translated():
            cursor = self._execute(text)
        try:
            encode = lines([entry[0] for entry in cursor.description], types)
            while True:
                with self._translated():
                    rows = cursor.fetchmany(_AT_ONCE)
                if not rows:
                    return
                yield encode(rows)
        finally:
            _shut(cursor)

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
            cursor = self._execute(text, params)
            # A page ahead, so that an error in the first row comes from `query` itself.
            first = cursor.fetchmany(min(batch_size, _AT_ONCE)) if cursor.description else []
        columns = [ResultColumn(entry[0]) for entry in cursor.description or ()]
        converters: list[tuple[int, Convert]] = []
        for place, word in enumerate(declared[: len(columns)]):
            type_ = OURS.get(word)
            if type_:
                columns[place] = ResultColumn(columns[place].name, type_, word)
                converters.append((place, tolerant(FETCH.get(type_, str))))
            elif "BOOL" in word:
                converters.append((place, lambda value: bool(value) if value in (0, 1) else value))

        def pages() -> Iterator[Batch]:
            rows = first
            while rows:
                yield rows
                with self._translated():
                    rows = cursor.fetchmany(_AT_ONCE)

        def batches() -> Iterator[Batch]:
            for rows in bounded(pages(), batch_size):
                yield converted(rows, converters)

        return Result(
            columns,
            batches(),
            affected=cursor.rowcount if not columns and cursor.rowcount >= 0 else None,
            close=lambda: _shut(cursor),
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
        return [parse_declared(word or "")[0] for (word,) in found]

    def cancel(self) -> None:
        with self._lock:
            if not self._closed:
                self._connection.interrupt()

    def close(self) -> None:
        """The last connection to a file in WAL mode brings all into the file and removes the log beside it: but not
        while a statement of it is half read, and not after an interrupt, which counts until the next statement. Closing
        once more ends what an interrupt of the process has left half done."""
        with self._lock:
            self._closed = True
            with suppress(sqlite3.Error):
                for cursor in list(self._cursors):
                    cursor.close()
                self._connection.execute("SELECT 1").close()
            self._connection.close()

    # --- inside ---

    def _look(self, name: str) -> Mapping[str, Looked]:
        """What the columns of somebody else's table are; looked at anew once something was written, by whomever."""
        (version,) = self._rows("SELECT * FROM pragma_data_version, pragma_schema_version")
        state = (*version, self._connection.total_changes)
        known = self._looked.get(name)
        if known is None or known[0] != state:
            known = self._looked[name] = (state, look(name, self._rows))
        return known[1]

    def _forms(self, name: str) -> Mapping[str, Form]:
        """The forms of the table's columns that have one."""
        return {column: looked.form for column, looked in self._look(name).items() if looked.form is not None}

    def _translated(self) -> Any:
        return translated(translate, engine="sqlite", target=self.target.name)

    def _execute(self, statement: str, params: Any = ()) -> sqlite3.Cursor:
        """The statement, begun. While another has the file locked it is tried again, in short waits: SQLite's own wait
        is deaf to Ctrl-C."""
        cursor = self._connection.cursor()
        self._cursors.add(cursor)
        until = time.monotonic() + self._timeout_s
        while True:
            try:
                return cursor.execute(statement, params)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorname", None) != "SQLITE_BUSY" or time.monotonic() > until:
                    cursor.close()
                    raise
            except BaseException:
                cursor.close()
                raise

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that writes: all of it, or nothing."""
        self._execute("BEGIN IMMEDIATE").close()
        try:
            yield
            self._execute("COMMIT").close()
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _rows(self, statement: str, params: Sequence[Any] = ()) -> list[Any]:
        with self._translated(), closing(self._execute(statement, params)) as cursor:
            return cursor.fetchall()

    def _pages(self, statement: str, params: Sequence[Any], size: int, *, large: bool) -> Iterator[list[Any]]:
        with self._translated():
            cursor = self._execute(statement, params)
        try:
            if large:
                with self._translated():
                    yield from bounded(([row] for row in cursor), size)
            while not large:
                with self._translated():
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
        finally:
            _shut(cursor)

    def _not_found(self, name: str) -> NotFound:
        return NotFound(f"no collection {name!r}", engine="sqlite", target=self.target.name)


def _shut(cursor: sqlite3.Cursor) -> None:
    with suppress(sqlite3.ProgrammingError):  # its connection is closed
        cursor.close()


def _bind(value: object) -> Any:
    for kind, type_ in ((bool, None), (Decimal, Type.DECIMAL), (datetime, Type.DATETIME), (date, Type.DATE)):
        if isinstance(value, kind):
            if isinstance(value, datetime) and value.tzinfo:
                type_ = Type.INSTANT
            return STORE[type_](value) if type_ else value
    if isinstance(value, clock_time):
        return STORE[Type.TIME](value)
    if isinstance(value, dict | list):
        return json_text(value)
    return str(value) if isinstance(value, UUID) else value


_SMALL: Final = (Type.BOOL, Type.INT, Type.FLOAT, Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT, Type.UUID)

_AT_ONCE: Final = 100
"""Rows that are fetched at once of a statement whose rows' size nobody knows before."""

_SHADOWS: Final = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'"
"""The tables in which a virtual table keeps what it has."""

STAGED: Final = "_dbfleet_"
"""How the names begin of what is staged, and not yet a collection."""

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|[:@$]([A-Za-z_]\w*)""",
    re.DOTALL,
)


def _names(statement: str) -> list[str]:
    """The names of the placeholders, outside quotes and comments."""
    return [found[1] for found in _TOKEN.finditer(statement) if found[1]]


def _statements(text: str) -> list[str]:
    """The statements of a text: SQLite itself says where one is complete (triggers hold semicolons)."""
    if "\0" in text:
        raise StatementError("the statement holds the character U+0000, where SQLite's text ends", engine="sqlite")
    found, start = [], 0
    for match in re.finditer(";", text):
        if sqlite3.complete_statement(text[start : match.end()]):
            found.append(text[start : match.end()])
            start = match.end()
    found.append(text[start:])
    return [
        each for each in found if _TOKEN.sub(lambda m: "" if m[0][:2] in ("--", "/*") else m[0], each).strip(" \t\r\n;")
    ]


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> SqliteAdapter:
    """Open the file; `timeout_s` bounds the wait for another writer's lock."""
    return SqliteAdapter(spec, target, opened(target, timeout_s), timeout_s)
