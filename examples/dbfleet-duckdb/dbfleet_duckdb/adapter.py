"""DuckDB's adapter: the contract's methods. What they need stands in the rooms beside it.

Statements of the user's and writes have the connection of their own; every scan and every question to the catalogue has
another one to the same file, as a new statement on a connection ends the half-read answer of the one before.
"""

from __future__ import annotations

import itertools
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from dbfleet.abilities import CarriesExtras, Identifies, Locates, Narrows, TellsLeft
from dbfleet.adapter import (
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Condition,
    Part,
    Result,
    ResultColumn,
    ServerInfo,
    WriteMode,
    Written,
)
from dbfleet.columns import Convert, bounded, converted, last_of_each_key, pieces, shortened, strict, tolerant
from dbfleet.errors import NotFound, StatementError, translated
from dbfleet.extras import AnyExtra, Extras
from dbfleet.spec import EngineSpec
from dbfleet.sql import changes as sql_changes
from dbfleet.sql import conditions, files, ranges
from dbfleet.sql.text import Statement, bind, check_parameters, statements
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema
from dbfleet_duckdb import tables
from dbfleet_duckdb.connect import opened, translate
from dbfleet_duckdb.tables import quote
from dbfleet_duckdb.types import LEXIS, binding, declare, kind_of, literal, reading

_READS: Final = frozenset({"SELECT", "FROM", "VALUES", "WITH", "TABLE"})


class DuckdbAdapter(Identifies, Locates, Narrows, CarriesExtras, TellsLeft, Adapter):
    """One connection that writes, and a cursor, a connection to the same file, for each scan."""

    def __init__(self, spec: EngineSpec, target: Target, connection: Any) -> None:
        self.spec = spec
        self.target = target
        self._connection = connection
        self._asking = connection.cursor()
        self._cursors: weakref.WeakSet[Any] = weakref.WeakSet()

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        ((version,),) = self._ask("SELECT version()")
        return ServerInfo("DuckDB", version.removeprefix("v"), time.perf_counter() - started)

    def identity(self) -> str:
        """The file itself: its device and inode."""
        self.ping()
        return files.identity("duckdb", self.target.name, str(self.target.database))

    def places(self, names: Sequence[str]) -> Sequence[str]:
        return files.places(self.identity(), names)

    def collections(self) -> Sequence[str]:
        return sorted(tables.tables(self._ask))

    def left(self) -> Sequence[str]:
        return tables.left(self._ask)

    def describe(self, name: str) -> Schema:
        return tables.describe(self._ask, name)

    def create(self, schema: Schema) -> None:
        with self._writing():
            for statement in tables.create_statements(schema):
                self._connection.execute(statement)

    def drop(self, name: str) -> None:
        for known, (_, kind) in tables.tables(self._ask).items():
            if known.lower() == name.lower():
                self._ask(f"DROP {kind} {quote(known)}")

    def count(self, name: str) -> int:
        return int(self._ask(f"SELECT count(*) FROM {quote(name)}")[0][0])

    def extras(self, name: str) -> Extras:
        return tables.extras(self._ask, self.describe(name))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        self._ask(tables.add_statement(schema, extra, self._literals(schema)))

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        for start in range(0, len(keys), BATCH_SIZE):
            where, lists = self._keyed(schema, keys[start : start + BATCH_SIZE])
            for batch in self._scanned(schema, where, lists, BATCH_SIZE):
                yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        if not schema.key or parts < 2:
            return [WHOLE]
        key = LEXIS.quote_all(schema.key)
        texts = ", ".join(f"{quote(name)}::VARCHAR" for name in schema.key)
        bounds: list[Row] = []
        for offset in ranges.offsets(self.count(schema.name), parts):
            bounds += self._ask(f"SELECT {texts} FROM {quote(schema.name)} ORDER BY {key} LIMIT 1 OFFSET ?", [offset])
        return ranges.parts(bounds)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        return conditions.part(schema, condition, quote, self._literals(schema))

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        native = tables.natives(self._ask, schema.name)
        marks = ", ".join(f"?::{native[name]}" for name in schema.key if name in native)
        ranged, values = ranges.clause(part, LEXIS.quote_all(schema.key), marks)
        yield from self._scanned(schema, conditions.where(ranged, part), values, batch_size)

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        native = tables.natives(self._ask, schema.name)
        columns = [column for column in schema.columns if not column.generated]
        places = [place for place, column in enumerate(schema.columns) if not column.generated]
        bindings = [binding(column, native[column.name]) for column in columns]
        lists = ", ".join(sql for sql, _ in bindings)
        names = LEXIS.quote_all(column.name for column in columns)
        statement = f"INSERT INTO {quote(schema.name)} ({names}) SELECT {lists}"
        if mode == "upsert" and schema.key:
            others = [quote(column.name) for column in columns if column.name not in schema.key]
            changes = ", ".join(f"{name} = excluded.{name}" for name in others)
            statement += f" ON CONFLICT ({LEXIS.quote_all(schema.key)}) DO "
            statement += f"UPDATE SET {changes}" if others else "NOTHING"
        written = Written()
        with self._writing():
            for batch in shortened(schema.columns, batches):
                rows = last_of_each_key(schema, batch) if mode == "upsert" and schema.key else batch
                if rows:
                    self._connection.execute(statement, _lists(rows, places, bindings))
                written.rows += len(batch)
        return written

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        deleted = 0
        with self._writing():
            for start in range(0, len(keys), BATCH_SIZE):
                where, lists = self._keyed(schema, keys[start : start + BATCH_SIZE])
                found = self._connection.execute(f"DELETE FROM {quote(schema.name)}{where}", lists).fetchall()
                deleted += int(found[0][0])
        return deleted

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        computed = frozenset(column.name for column in schema.columns if column.generated)
        spelling = sql_changes.Spelling(quote(schema.name), quote, self._literals(schema), computed=computed)
        yield from sql_changes.statements(schema, changes, spelling)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        found = statements(statement, LEXIS)
        check_parameters(found, params)
        return self._run(found, params or {}, batch_size)

    def _run(self, asked: Sequence[Statement], params: Mapping[str, object], batch_size: int) -> Result:
        statement = asked[0]
        used = {name: params[name] for name in statement.parameters}
        text, values = bind(statement.text, used, LEXIS, lambda number, name: f"${number}", numbered=True)
        described = self._described(text, values) if statement.words[:1] and statement.words[0] in _READS else []
        kinds = [kind_of(native) for _, native in described]
        if any(kind.read != "{c}" for kind in kinds):
            cells = ", ".join(kind.read.format(c=f"#{place}") for place, kind in enumerate(kinds, 1))
            text = f"SELECT {cells} FROM ({text}\n) AS t"
        with self._translated():
            answer = self._connection.execute(text, values)
            names = [entry[0] for entry in answer.description or ()]
            first = answer.fetchmany(1) if names else []
        counted = names == ["Count"] and not described and "RETURNING" not in text.upper()
        columns = [ResultColumn(name) for name in names]
        if described:
            types = [None if kind.note else kind.type for kind in kinds]
            columns = [
                ResultColumn(name, type_, native) for (name, native), type_ in zip(described, types, strict=True)
            ]
        affected = int(first[0][0]) if counted and first else None
        if counted or (names == ["Success"] and not first):
            columns, first = [], []
        plan = [(place, tolerant(kind.fetch)) for place, kind in enumerate(kinds) if kind.fetch]

        def fetched(size: int) -> Batch:
            with self._translated():
                return list(answer.fetchmany(size))

        def batches() -> Iterator[Batch]:
            if first:
                for rows in bounded(itertools.chain([first], pieces(fetched, batch_size)), batch_size):
                    yield converted(rows, plan)

        return Result(
            columns,
            batches(),
            affected=affected,
            following=lambda: self._run(asked[1:], params, batch_size) if len(asked) > 1 else None,
        )

    def _described(self, text: str, values: Sequence[object]) -> list[tuple[str, str]]:
        """The result's columns and their types, of a statement that reads; nothing for one that cannot be described."""
        try:
            with self._translated():
                found = self._connection.execute(f"DESCRIBE {text}", values).fetchall()
        except StatementError:
            return []  # running it says what is wrong with it
        return [(name, native) for name, native, *_ in found]

    def cancel(self) -> None:
        for each in (self._connection, self._asking, *self._cursors):
            with suppress(Exception):  # it is closed
                each.interrupt()

    def close(self) -> None:
        for each in (*self._cursors, self._asking, self._connection):
            with suppress(Exception):  # it is closed
                each.close()

    # --- inside ---

    def _translated(self) -> Any:
        return translated(translate, engine="duckdb", target=self.target.name)

    def _ask(self, statement: str, params: Sequence[Any] = ()) -> list[Any]:
        with self._translated():
            return list(self._asking.execute(statement, list(params)).fetchall())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction: all of it, or nothing."""
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):  # a failed COMMIT has rolled back already
                    self._connection.execute("ROLLBACK")
                raise

    def _scanned(self, schema: Schema, where: str, values: Sequence[Any], size: int) -> Iterator[Batch]:
        native = tables.natives(self._ask, schema.name)
        ways = [reading(column, native.get(column.name, "VARCHAR")) for column in schema.columns]
        cells = [sql.format(c=quote(column.name)) for (sql, _), column in zip(ways, schema.columns, strict=True)]
        plan = [
            (place, strict(fetch, schema.name, column))
            for place, ((_, fetch), column) in enumerate(zip(ways, schema.columns, strict=True))
            if fetch is not None
        ]
        with self._translated():
            cursor = self._connection.cursor()
            self._cursors.add(cursor)

        def fetched(rows: int) -> Batch:
            with self._translated():
                return list(cursor.fetchmany(rows))

        try:
            with self._translated():
                cursor.execute(f"SELECT {', '.join(cells)} FROM {quote(schema.name)}{where}", list(values))
            for rows in bounded(pieces(fetched, size), size):
                yield converted(rows, plan)
        finally:
            cursor.close()

    def _keyed(self, schema: Schema, keys: Sequence[Row]) -> tuple[str, list[Any]]:
        """The WHERE clause of these keys, and the lists to bind."""
        native = tables.natives(self._ask, schema.name)
        bindings = [binding(schema.column(name), native[name]) for name in schema.key]
        lists = ", ".join(sql for sql, _ in bindings)
        places = list(range(len(schema.key)))
        return f" WHERE ({LEXIS.quote_all(schema.key)}) IN (SELECT {lists})", _lists(keys, places, bindings)

    def _literals(self, schema: Schema) -> Any:
        try:
            native = tables.natives(self._ask, schema.name)
        except NotFound:  # it is yet to be made
            native = {}
        made = [native.get(column.name, declare(column)) for column in schema.columns]
        return lambda place, value: literal(schema.columns[place], made[place], value)


def _lists(rows: Sequence[Row], places: Sequence[int], bindings: Sequence[tuple[str, Convert | None]]) -> list[Any]:
    """The rows' values as lists, one a column: a statement of lists is a hundred times as fast as one a row."""
    columns = list(zip(*rows, strict=True))
    found = []
    for place, (_, convert) in zip(places, bindings, strict=True):
        values = columns[place]
        found.append([None if value is None else convert(value) for value in values] if convert else list(values))
    return found


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> DuckdbAdapter:
    """Open the file; `timeout_s` bounds the wait for another process that has it."""
    return DuckdbAdapter(spec, target, opened(target, timeout_s))
