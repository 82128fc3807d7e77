"""An adapter for a relational engine whose driver is a DB-API 2.0 one (PEP 249): an outside engine begins here.

A `Dialect` holds everything in which engines differ, as data: how SQL is spelt, how a column is carried (`Carried`),
and which of our errors an exception of the driver's is. The engine's own class derives from `DbapiAdapter` and
says what only the engine knows: `version`, `collections`, `describe`, `create_statements` and `natives`. It overrides
what the engine does in another way. `examples/dbfleet-duckdb` is a model.

What it asks of the engine:

- The connection is in autocommit: `writing` begins and ends a transaction by statements.
- Rows are compared as a whole, `(a, b) IN (…)` and `(a, b) >= (…)`. VALUES has several rows. LIMIT and OFFSET are
  there.
- An upsert is INSERT … ON CONFLICT; an engine without it overrides `write`.

Statements of the user's and writes share one cursor, so a new one ends the half-read result of the one before. Each
scan has a cursor of its own, and questions to the catalogue share another one.
"""

from __future__ import annotations

import itertools
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from dbfleet.abilities import Narrows
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
from dbfleet.columns import bounded, converted, last_of_each_key, pieces, shortened, strict, tolerant
from dbfleet.errors import DbfleetError, NotFound, Unavailable, Unsupported, translated
from dbfleet.spec import EngineSpec
from dbfleet.sql import changes as sql_changes
from dbfleet.sql import conditions, ranges
from dbfleet.sql.dialect import MARK, Carried, Dialect, Reading
from dbfleet.sql.text import Statement, bind, check_parameters, statements
from dbfleet.target import Target
from dbfleet.values import TEXT_OF, Batch, Column, Row, Schema


class DbapiAdapter(Narrows, Adapter):
    """The contract's methods over one DB-API 2.0 connection. The spec declares Narrows, as `narrow` is here."""

    dialect: Dialect

    def __init__(self, spec: EngineSpec, target: Target, connection: Any, statement_cursor: Any = None) -> None:
        """`statement_cursor` runs the user's statements and writes, where it is not to be a new one."""
        self.spec = spec
        self.target = target
        self._connection = connection
        self._statements = connection.cursor() if statement_cursor is None else statement_cursor
        self._questions = connection.cursor()
        self._scans: set[Any] = set()
        self._closed = False
        self._turn = 0

    # --- what the engine says, and what it may say in another way ---

    @abstractmethod
    def version(self) -> str:
        """The server's version, asked for by a round trip."""

    @abstractmethod
    def natives(self, name: str) -> Mapping[str, str]:
        """The SQL types of the table's columns, by name. NotFound if the table is not there."""

    @abstractmethod
    def create_statements(self, schema: Schema) -> Iterable[str]:
        """The statements that make the schema's table (`dbfleet.sql.ddl` helps)."""

    def scan_cursor(self) -> Any:
        """A new cursor for one scan. Where the driver's usual cursor fetches all rows at once, this is to be one that
        does not: a server-side cursor."""
        return self._connection.cursor()

    def reading(self, statement: Statement, text: str, values: Sequence[object]) -> Reading:
        """How the statement runs. `text` is its text with placeholders for the values."""
        return Reading(text)

    def outcome(
        self, text: str, columns: Sequence[ResultColumn], first: Batch
    ) -> tuple[Sequence[ResultColumn], int | None]:
        """What the statement that ran gave: columns, or none of them and perhaps the number of rows that it changed.
        `columns` and the `first` row are the driver's."""
        counted = not columns and self._statements.rowcount >= 0
        return columns, self._statements.rowcount if counted else None

    # --- how statements run ---

    def translated(self) -> AbstractContextManager[None]:
        """Inside the block, the driver's exceptions become ours. Unavailable if the adapter is closed."""
        if self._closed:
            raise Unavailable("the connection is closed", engine=self.spec.name, target=self.target.name)
        return translated(self.dialect.translate, engine=self.spec.name, target=self.target.name)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Inside the block, errors of ours say whose they are. Not for a block that pulls somebody else's rows."""
        try:
            yield
        except DbfleetError as error:
            error.engine, error.target = error.engine or self.spec.name, error.target or self.target.name
            raise

    def end_statement(self) -> None:
        """End the user's statement whose result is half read. Here by a new one."""
        self._statements.execute("SELECT 1")
        self._statements.fetchall()

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a question to the catalogue, or none for a statement that gives none. A placeholder is MARK, or
        is written as the driver has it."""
        with self.translated():
            self._execute(self._questions, statement, values)
            return list(self._questions.fetchall()) if self._questions.description else []

    @contextmanager
    def writing(self) -> Iterator[Callable[..., None]]:
        """A transaction: all that the block runs by the function that it gets, or nothing."""
        with self.translated():
            self._turn += 1
            self._statements.execute(self.dialect.begin)
            try:
                yield lambda text, values=(): self._execute(self._statements, text, values)
                self._statements.execute("COMMIT")
            except BaseException:
                with suppress(Exception):  # a failed COMMIT has rolled back already
                    self._statements.execute("ROLLBACK")
                raise

    def literals(self, schema: Schema) -> Callable[[int, Any], str]:
        """Writes a value, given its column's place, as SQL. Unsupported for half of a surrogate pair: no server takes
        that as text."""
        columns, made = schema.columns, self._natives(schema)

        def literal(place: int, value: Any) -> str:
            column = columns[place]
            with self.named():
                found = self.dialect.literal(column, made[column.name], value)
            try:
                found.encode()
            except UnicodeEncodeError:
                text = TEXT_OF[column.type](value)[:80]
                hint = "change the value: half of a surrogate pair is no text"
                raise Unsupported(
                    f"column {column.name}: {text!a} has no literal",
                    engine=self.spec.name,
                    target=self.target.name,
                    hint=hint,
                ) from None
            return found

        return literal

    def _execute(self, cursor: Any, text: str, values: Sequence[Any]) -> None:
        parts = text.split(MARK) if values else [text]
        if values and self.dialect.percent:
            parts = [part.replace("%", "%%") for part in parts]
        placed = (self.dialect.placeholder(number) + part for number, part in enumerate(parts[1:], 1))
        statement = parts[0] + "".join(placed)
        if values:
            cursor.execute(statement, list(values))
        else:  # a driver that is given values, even none, may read % in the text
            cursor.execute(statement)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        version = self.version()
        return ServerInfo(self.spec.title, version, time.perf_counter() - started)

    def create(self, schema: Schema) -> None:
        with self.writing() as execute:
            for statement in self.create_statements(schema):
                execute(statement)

    def drop(self, name: str) -> None:
        self.ask(f"DROP TABLE IF EXISTS {self._quote(name)}")

    def count(self, name: str) -> int:
        return int(self.ask(f"SELECT count(*) FROM {self._quote(name)}")[0][0])

    # --- rows that are read ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        for where, values in self._keyed(schema, keys):
            for batch in self._scanned(schema, where, values, BATCH_SIZE):
                yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        if not schema.key or parts < 2:
            return [WHOLE]
        names = [f"t.{self._quote(name)}" for name in schema.key]  # with t, ORDER BY sorts the column and not its text
        texts = ", ".join(self.dialect.key_text.replace("{c}", name) for name in names)
        ordered = f"SELECT {texts} FROM {self._quote(schema.name)} AS t ORDER BY {', '.join(names)}"
        offsets = ranges.offsets(self.count(schema.name), parts)
        return ranges.parts(row for offset in offsets for row in self.ask(f"{ordered} LIMIT 1 OFFSET {offset}"))

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        part = conditions.part(schema, condition, self._quote, self.literals(schema))
        return None if part is None or MARK in part["where"] else part

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        with self.named():
            native = self.natives(schema.name)
        marks = ", ".join(f"CAST({MARK} AS {native[name]})" for name in schema.key if name in native)
        ranged, values = ranges.clause(part, self.dialect.lexis.quote_all(schema.key), marks)
        yield from self._scanned(schema, conditions.where(ranged, part), values, batch_size)

    def _scanned(self, schema: Schema, where: str, values: Sequence[Any], size: int) -> Iterator[Batch]:
        columns = schema.columns
        ways = self._ways(schema, columns)
        cells = [way.read.replace("{c}", self._quote(name)) for way, name in zip(ways, schema.names, strict=True)]
        plan = [(place, strict(way.fetch, schema.name, columns[place])) for place, way in enumerate(ways) if way.fetch]
        with self.translated():
            cursor = self.scan_cursor()
        self._scans.add(cursor)
        try:
            with self.translated():
                self._execute(cursor, f"SELECT {', '.join(cells)} FROM {self._quote(schema.name)}{where}", values)
            for rows in bounded(pieces(self._fetching(cursor), size), size):
                with self.named():
                    batch = converted(rows, plan)
                yield batch
        finally:
            self._scans.discard(cursor)
            with suppress(Exception):  # the connection is closed
                cursor.close()

    # --- rows that are written ---

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        places = [place for place, column in enumerate(schema.columns) if not column.generated]
        columns = [schema.columns[place] for place in places]
        ways = self._ways(schema, columns)
        replaces = mode == "upsert" and bool(schema.key)
        names = self.dialect.lexis.quote_all(column.name for column in columns)
        insert = f"INSERT INTO {self._quote(schema.name)} ({names})"
        conflict = self._on_conflict(schema, columns) if replaces else ""
        written = Written()
        with self.writing() as execute:
            for batch in shortened(schema.columns, batches):
                rows = last_of_each_key(schema, batch) if replaces else batch
                for given, values in self._given(ways, places, rows):
                    execute(f"{insert} {given}{conflict}", values)
                written.rows += len(batch)
        return written

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        deleted = 0
        with self.writing() as execute:
            for where, values in self._keyed(schema, keys):
                statement = f"DELETE FROM {self._quote(schema.name)}{where}"
                execute(statement, values)
                *_, affected = self._outcome(statement)
                deleted += affected or 0
        return deleted

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        computed = frozenset(column.name for column in schema.columns if column.generated)
        quote = self.dialect.lexis.quote
        spelling = sql_changes.Spelling(quote(schema.name), quote, self.literals(schema), computed=computed)
        yield from sql_changes.statements(schema, changes, spelling)

    # --- statements of the user's ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        found = statements(statement, self.dialect.lexis)
        check_parameters(found, params)
        return self._result(found, params or {}, batch_size)

    def _result(self, asked: Sequence[Statement], params: Mapping[str, object], batch_size: int) -> Result:
        dialect, used = self.dialect, {name: params[name] for name in asked[0].parameters}
        text, values = bind(
            asked[0].text,
            used,
            dialect.lexis,
            lambda number, name: dialect.placeholder(number),
            numbered=dialect.numbered,
            double_percent=dialect.percent,
        )
        way = self.reading(asked[0], text, values)
        self._turn += 1
        turn, done = self._turn, False
        with self.translated():
            self._statements.execute(*((way.text, values) if values else (way.text,)))
            first, columns, affected = self._outcome(way.text, way.columns)
        plan = [(place, tolerant(fetch)) for place, fetch in enumerate(way.fetch) if fetch]

        def batches() -> Iterator[Batch]:
            nonlocal done
            if columns and first:
                rest = pieces(self._fetching(self._statements), batch_size)
                for rows in bounded(itertools.chain([first], rest), batch_size):
                    yield converted(rows, plan)
            done = True

        def close() -> None:
            """End what is half read, unless another statement has done so."""
            if columns and not done and turn == self._turn and not self._closed:
                with suppress(Exception):  # the transaction has failed, and the result with it
                    self.end_statement()

        def following() -> Result | None:
            return self._result(asked[1:], params, batch_size) if len(asked) > 1 else None

        return Result(columns, batches(), affected=affected, following=following, close=close)

    def _outcome(
        self, text: str, known: Sequence[ResultColumn] = ()
    ) -> tuple[Batch, Sequence[ResultColumn], int | None]:
        """The first row, so that its error is raised at once, and what the statement gave besides."""
        columns = [ResultColumn(entry[0]) for entry in self._statements.description or ()]
        first = list(self._statements.fetchmany(1)) if columns else []
        return (first, known, None) if known else (first, *self.outcome(text, columns, first))

    # --- the end ---

    def cancel(self) -> None:
        if self.dialect.interrupt:
            for cursor in (self._statements, self._questions, *self._scans):
                with suppress(Exception):  # it is closed
                    self.dialect.interrupt(cursor)

    def close(self) -> None:
        self._closed = True
        for each in (*self._scans, self._questions, self._statements, self._connection):
            with suppress(Exception):  # it is closed
                each.close()

    # --- inside ---

    def _quote(self, name: str) -> str:
        return self.dialect.lexis.quote(name)

    def _natives(self, schema: Schema) -> Mapping[str, str]:
        """The SQL types of the schema's columns: those of the table, or those that it would be made with."""
        try:
            there = self.natives(schema.name)
        except NotFound:
            there = {}
        return {column.name: there.get(column.name) or self.dialect.declare(column) for column in schema.columns}

    def _ways(self, schema: Schema, columns: Sequence[Column]) -> list[Carried]:
        declare = self.dialect.declare
        with self.named():
            native = self.natives(schema.name)
            return [self.dialect.carried(column, native.get(column.name) or declare(column)) for column in columns]

    def _fetching(self, cursor: Any) -> Callable[[int], Batch]:
        def fetched(rows: int) -> Batch:
            with self.translated():
                return list(cursor.fetchmany(rows))

        return fetched

    def _keyed(self, schema: Schema, keys: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
        """WHERE clauses that together choose the rows with these keys, and the values to bind."""
        ways = self._ways(schema, [schema.column(name) for name in schema.key])
        names = self.dialect.lexis.quote_all(schema.key)
        for start in range(0, len(keys), BATCH_SIZE):
            for given, values in self._given(ways, range(len(ways)), keys[start : start + BATCH_SIZE]):
                yield f" WHERE ({names}) IN ({given})", values

    def _given(
        self, ways: Sequence[Carried], places: Sequence[int], rows: Sequence[Row]
    ) -> Iterator[tuple[str, list[Any]]]:
        """SQL of tables that together hold the rows' values at these places, and the values to bind."""
        columns = list(zip(*rows, strict=True))
        bound: list[list[Any]] = []
        for place, way in zip(places if rows else (), ways if rows else (), strict=True):
            bind = way.bind
            values = columns[place]
            with self.named():
                bound.append([None if value is None else bind(value) for value in values] if bind else list(values))
        if not bound:
            return
        if all(way.element for way in ways):
            lists = [way.bound.replace("{v}", f"unnest(CAST({MARK} AS {way.element}[]))", 1) for way in ways]
            yield f"SELECT {', '.join(lists)}", bound
            return
        row = f"({', '.join(way.bound.replace('{v}', MARK, 1) for way in ways)})"
        most = max(1, self.dialect.most_values // len(ways))
        for start in range(0, len(rows), most):
            some = list(zip(*(values[start : start + most] for values in bound), strict=True))
            yield f"VALUES {', '.join([row] * len(some))}", list(itertools.chain.from_iterable(some))

    def _on_conflict(self, schema: Schema, columns: Sequence[Column]) -> str:
        others = [self._quote(column.name) for column in columns if column.name not in schema.key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in others)
        does = f"UPDATE SET {changes}" if others else "NOTHING"
        return f" ON CONFLICT ({self.dialect.lexis.quote_all(schema.key)}) DO {does}"
