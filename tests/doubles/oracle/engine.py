"""One session's statements, run on the store: rows of a query, counts of a change, errors as Oracle numbers them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from tests.doubles.oracle import dictionary, literals, moments, sql, wire
from tests.doubles.oracle.accounts import Accounts
from tests.doubles.oracle.compile import Bound, Compiled, Compiler, Scope
from tests.doubles.oracle.parse import parse, parse_default
from tests.doubles.oracle.sql import OraError, refused
from tests.doubles.oracle.store import Store, StoredTable, told
from tests.doubles.oracle.types import ANY_NUMBER, Kind, converted, stored, text_kind

Values = Sequence[bytes | None]

_SESSION: Final = (
    "ALTER SESSION SET TIME_ZONE = '+00:00' NLS_SORT = 'BINARY' NLS_COMP = 'BINARY' NLS_NUMERIC_CHARACTERS = '.,' "
    "NLS_CALENDAR = 'GREGORIAN' "
    "NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF' "
    "NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM'"
)


_EXPLAIN: Final = "EXPLAIN PLAN FOR "
_PLAN: Final = "SELECT plan_table_output AS plan FROM TABLE(DBMS_XPLAN.DISPLAY)"


@dataclass(slots=True)
class Rows:
    """A query's answer, to be fetched."""

    columns: list[tuple[str, Kind]]
    rows: Iterator[Sequence[bytes | None]]


@dataclass(slots=True)
class Changed:
    """How many rows each execution changed; the executions that failed, by number."""

    counts: list[int] = field(default_factory=list)
    errors: list[tuple[int, OraError]] = field(default_factory=list)


def _plan(lines: Iterable[str]) -> tuple[list[tuple[str, Kind]], Iterator[Sequence[bytes | None]]]:
    return [("PLAN", text_kind(4000))], ([line.encode()] for line in lines)


class Engine:
    """A session: its connection to the store, its transaction."""

    def __init__(self, store: Store, sleep: Callable[[float], None], accounts: Accounts | None = None) -> None:
        self.store = store
        self.accounts = accounts or Accounts(store.owner, "")
        self.user = store.owner
        self.sleep = sleep
        self.connection = store.connection()
        self.in_transaction = False
        self.read_only = False
        self.planned = ""
        """What stands in this session's PLAN_TABLE."""

    def close(self) -> None:
        self.rollback()
        self.connection.close()

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def _end(self, word: str) -> None:
        if self.connection.in_transaction:
            self.connection.execute(word)
        self.in_transaction = self.read_only = False

    def prepare(self, text: str) -> Any:
        """The statement, parsed; a dictionary query, or an ALTER SESSION that is known, is its own text."""
        plain = " ".join(text.split())
        if plain in (_PLAN, _SESSION) or self.accounts.knows(plain):
            return plain
        if dictionary.answer(plain, self.store, []) is not None:
            return plain
        if plain.startswith(_EXPLAIN):
            self.planned = plain.removeprefix(_EXPLAIN)
            self.accounts.check(self.user, parse(self.planned))
            return _EXPLAIN
        return parse(text)

    def described(self, statement: Any) -> list[tuple[str, Kind]]:
        """The columns of a query that is parsed and not run: a bind may be anything yet, and is a text."""
        if statement == _PLAN:
            return _plan(())[0]
        if isinstance(statement, str):
            found = dictionary.answer(statement, self.store, [])
            return found[0] if found else self.accounts.columns(statement)
        self.accounts.check(self.user, statement)
        if not isinstance(statement, sql.Select):
            raise refused("to parse this without running it")
        return Compiler(self.store, [Bound(wire.VARCHAR, 128)] * 1000).select(statement).columns

    def run(
        self, statement: Any, bound: Sequence[Bound], rows: Sequence[Values], *, keep_going: bool
    ) -> Rows | Changed:
        """What it gives. With `keep_going`, a row's error does not end the statement."""
        if statement == _PLAN:
            # Of a plan that nobody has made: only where it comes from is true.
            return Rows(*_plan([f"Plan of {self.planned}", "| 0 | SELECT STATEMENT |"] if self.planned else []))
        if statement == _EXPLAIN:
            return Changed([0])
        if isinstance(statement, str):
            if self.accounts.knows(statement):
                found = self.accounts.run(self.user, statement, rows[0])
            else:
                found = dictionary.answer(statement, self.store, rows[0])
            return Rows(*found) if found else Changed([0])
        self.accounts.check(self.user, statement)
        match statement:
            case sql.Select():
                return self._query(Compiler(self.store, bound).select(statement), rows[0], bound)
            case sql.Insert() | sql.Update() | sql.Delete() | sql.Merge():
                return self._change(statement, bound, rows, keep_going=keep_going)
            case sql.Plain():
                return self._plain(statement)
        self.commit()  # every CREATE, ALTER, DROP and COMMENT commits before it and after it
        match statement:
            case sql.CreateTable():
                self.store.create(self._with_defaults(statement), self.connection)
            case sql.AddConstraint():
                self.store.add(statement, self.connection)
            case sql.DropTable():
                table = statement.table
                self.store.drop(table.name, table.position, self.connection, cascades=statement.cascades)
            case sql.CreateIndex():
                self.store.create_index(statement, self.connection)
            case sql.CreateSequence():
                self.store.create_sequence(statement.name, statement.start, self.connection)
            case sql.DropSequence():
                self.store.drop_sequence(statement.name, statement.position, self.connection)
            case sql.RestartSequence():
                self.store.restart_sequence(statement.name, statement.position, statement.start, self.connection)
            case sql.Modify():
                self._modify(statement)
            case sql.Comment():
                table = self.store.find(statement.table.name, statement.table.position)
                if statement.column is None:
                    table.comment = statement.text or None
                else:
                    table.columns[table.place(statement.column)].comment = statement.text or None
                self.store.save(table, self.connection)
        return Changed([0])

    def _modify(self, statement: sql.Modify) -> None:
        table = self.store.find(statement.table.name, statement.table.position)
        column = table.columns[table.place(statement.column.name, statement.column.position)]
        column.default = self._default(statement.text, statement.default)
        self.store.save(table, self.connection)

    def _default(self, text: str, default: Any) -> str:
        if isinstance(default, sql.Next):  # a sequence is kept by its whole name
            self.store.sequence(default.sequence, default.position)
            return f'"{self.store.owner}"."{default.sequence}"."NEXTVAL"'
        return text

    def _with_defaults(self, given: sql.CreateTable) -> sql.CreateTable:
        columns = [
            replace(each, default=self._default(each.default, each.default_value)) if each.default else each
            for each in given.columns
        ]
        return replace(given, columns=tuple(columns))

    def _plain(self, statement: sql.Plain) -> Changed:
        match statement.word:
            case "COMMIT":
                self.commit()
            case "ROLLBACK":
                self.rollback()
            case "SLEEP":
                self.sleep(statement.number)
            case "READ ONLY":
                if self.in_transaction:
                    raise OraError(1453, "SET TRANSACTION must be first statement of transaction")
                self.connection.execute("BEGIN")
                # SQLite takes its snapshot at the first read.
                self.connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
                self.in_transaction = self.read_only = True
        return Changed([0])

    def _query(self, compiled: Compiled, row: Values, bound: Sequence[Bound]) -> Rows:
        values = compiled.parameters(row, bound)
        if self.in_transaction:  # its own changes, or its own moment
            with told():
                return Rows(compiled.columns, iter(self.connection.execute(compiled.sql, values).fetchall()))
        return Rows(compiled.columns, _streamed(self.store.connection(), compiled.sql, values))

    # --- changes ---

    def _change(self, statement: Any, bound: Sequence[Bound], rows: Sequence[Values], *, keep_going: bool) -> Changed:
        if self.read_only:
            raise OraError(1456, "may not perform insert, delete, update operation inside a READ ONLY transaction")
        table = self.store.find(statement.table.name, statement.table.position)
        if not self.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")
            self.in_transaction = True
        one = _CHANGES[type(statement)](self, table, statement, bound)
        found = Changed()
        for number, row in enumerate(rows):
            try:
                found.counts.append(one(row))
            except OraError as error:
                if not keep_going:
                    error.rows_before = number  # type: ignore[attr-defined]
                    raise
                found.counts.append(0)
                found.errors.append((number, error))
        return found

    def _do(self, table: StoredTable, text: str, values: Values) -> int:
        try:
            with told():
                return self.connection.execute(text, values).rowcount
        except sqlite3.IntegrityError as error:
            words = str(error)
            if words.startswith("UNIQUE"):
                name = next((each.name for each in table.indexes if f"'{each.sql}'" in words), table.key_name)
                raise OraError(
                    1, f"unique constraint ({self.store.owner}.{name}) violated on table {table.name}"
                ) from None
            if words.startswith("FOREIGN KEY"):
                if text.startswith("DELETE"):
                    raise OraError(2292, "integrity constraint violated - child record found") from None
                raise OraError(2291, "integrity constraint violated - parent key not found") from None
            raise

    def _where(self, table: StoredTable, name: str) -> str:
        return f'"{self.store.owner}"."{table.name}"."{name}"'

    def _value(self, table: StoredTable, name: sql.Name, what: Any, bound: Sequence[Bound]) -> Callable[[Values], Any]:
        """A function from a row's binds to what the column stores."""
        column = table.columns[table.place(name.name, name.position)]
        where = self._where(table, column.name)
        if isinstance(what, sql.Bind):
            number, code = what.number, bound[what.number].code
            return lambda row: stored(row[number], code, column, where)
        if isinstance(what, sql.Name) and what.name == "NULL":
            return lambda row: stored(None, 0, column, where)
        if isinstance(what, sql.Now):
            return lambda row: stored((now := moment_of(what)).data, now.code, column, where)
        if isinstance(what, sql.Next):
            return lambda row: stored(self._next(what), wire.NUMBER, column, where)
        if isinstance(what, sql.Constant):
            constant = what
            return lambda row: stored(constant.data, constant.code, column, where)
        if isinstance(what, sql.Literal):
            compiled = Compiler(self.store, bound)
            _, kind = compiled.value(what, Scope())
            data = compiled.values[0][0] if compiled.values else None
            return lambda row: stored(data, kind.code, column, where)  # type: ignore[arg-type]
        if isinstance(what, sql.Call) and what.name in _EMPTY:
            if column.kind.code != _EMPTY[what.name]:
                raise OraError(932, f"expression is of data type LOB, which is incompatible with {column.data_type}")
            if column.is_json:
                raise OraError(2290, f"check constraint (JSON of {where}) violated")
            return lambda row: b""
        computed = self._computed(what, bound)
        return lambda row: stored(*computed(row), column, where)

    def _computed(self, what: Any, bound: Sequence[Bound]) -> Callable[[Values], tuple[bytes | None, int]]:
        """A function from a row's binds to a value and its type."""
        match what:
            case sql.Bind():
                return lambda row: (row[what.number], bound[what.number].code)
            case sql.Literal(is_text=True):
                return lambda row: (what.value.encode(), wire.VARCHAR)
            case sql.Zoned():
                moment, zone = self._computed(what.what, bound), self._computed(what.zone, bound)
                return lambda row: _in_zone(moment(row)[0], zone(row)[0])
            case sql.Call(name="TO_NUMBER"):
                (text,) = (self._computed(each, bound) for each in what.arguments)
                return lambda row: _to_number(text(row)[0])
            case sql.Call() if what.name in _MOMENTS and len(what.arguments) == 2:
                text, form = (self._computed(each, bound) for each in what.arguments)
                code = _MOMENTS[what.name]
                return lambda row: (_to_moment(text(row)[0], form(row)[0], code), code)
        raise refused("a value that is computed")

    def _next(self, what: sql.Next) -> bytes:
        return wire.number(self.store.next_value(what.sequence, what.position, self.connection))

    def _defaults(
        self, table: StoredTable, given: Iterable[str], bound: Sequence[Bound]
    ) -> tuple[list[int], list[Callable[[Values], Any]]]:
        """The places of the columns that are not given and have a default, and what they store."""
        places = [place for place, column in enumerate(table.columns) if column.default and column.name not in given]
        columns = [table.columns[place] for place in places]
        values = [
            self._value(table, sql.Name(column.name), parse_default(column.default or ""), bound) for column in columns
        ]
        return places, values

    def _insert(self, table: StoredTable, given: sql.Insert, bound: Sequence[Bound]) -> Callable[[Values], int]:
        if len(given.columns) != len(given.values):
            raise OraError(947, "not enough values")
        pairs = zip(given.columns, given.values, strict=True)
        values = [self._value(table, name, what, bound) for name, what in pairs]
        more_places, more = self._defaults(table, [name.name for name in given.columns], bound)
        places = [*(table.place(name.name) for name in given.columns), *more_places]
        values += more
        text = _insert_text(table, places)
        missing = [column for place, column in enumerate(table.columns) if not column.nullable and place not in places]

        def one(row: Values) -> int:
            if missing:
                raise OraError(1400, f"cannot insert NULL into ({self._where(table, missing[0].name)})")
            return self._do(table, text, [value(row) for value in values])

        return one

    def _update(self, table: StoredTable, given: sql.Update, bound: Sequence[Bound]) -> Callable[[Values], int]:
        values = [self._value(table, name, what, bound) for name, what in given.sets]
        sets = ", ".join(f"c{table.place(name.name)} = ?" for name, _ in given.sets)
        condition, parameters = self._condition(table, given.where, bound)
        text = f"UPDATE {table.sql} SET {sets}{condition}"
        return lambda row: self._do(table, text, [*(value(row) for value in values), *parameters(row)])

    def _delete(self, table: StoredTable, given: sql.Delete, bound: Sequence[Bound]) -> Callable[[Values], int]:
        condition, parameters = self._condition(table, given.where, bound)
        return lambda row: self._do(table, f"DELETE FROM {table.sql}{condition}", parameters(row))

    def _condition(
        self, table: StoredTable, where: Any, bound: Sequence[Bound]
    ) -> tuple[str, Callable[[Values], Values]]:
        if where is None:
            return "", lambda row: []
        compiler = Compiler(self.store, bound)
        scope = Scope({column.name: (f"c{place}", column.kind) for place, column in enumerate(table.columns)})
        text = f" WHERE {compiler.condition(where, scope)}"
        compiled = Compiled(text, [], compiler.values)
        return text, lambda row: compiled.parameters(row, bound)

    def _merge(self, table: StoredTable, given: sql.Merge, bound: Sequence[Bound]) -> Callable[[Values], int]:
        binds = dict(given.source)
        computed = {name: self._computed(each, bound) for name, each in binds.items() if name in given.on}
        values = {name: self._value(table, sql.Name(name), bind, bound) for name, bind in binds.items()}
        if not set(given.updates).isdisjoint(given.on):
            raise OraError(38104, "Columns referenced in the ON Clause cannot be updated")
        equal = " AND ".join(f"c{table.place(name)} = ?" for name in given.on)
        sets = ", ".join(f"c{table.place(name)} = ?" for name in given.updates)
        update = f"UPDATE {table.sql} SET {sets} WHERE {equal}" if sets else ""
        find = f"SELECT 1 FROM {table.sql} WHERE {equal}"
        more_places, more = self._defaults(table, given.inserts, bound)
        insert = _insert_text(table, [*(table.place(name) for name in given.inserts), *more_places])

        def one(row: Values) -> int:
            # What is compared is not yet stored: NULL equals nothing and is refused only when it is inserted.
            key = []
            for name in given.on:
                (value, code), kind = computed[name](row), table.columns[table.place(name)].kind
                key.append(converted(value, code, kind) if value else None)
            if not update and self.connection.execute(find, key).fetchone():
                return 0
            changed = self._do(table, update, [*(values[name](row) for name in given.updates), *key]) if update else 0
            found = [*(values[name] for name in given.inserts), *more]
            return changed or self._do(table, insert, [value(row) for value in found])

        return one


_EMPTY: Final = {"EMPTY_CLOB": wire.CLOB, "EMPTY_BLOB": wire.BLOB}
_MOMENTS: Final = {"TO_DATE": wire.DATE, "TO_TIMESTAMP": wire.TIMESTAMP, "TO_TIMESTAMP_TZ": wire.TIMESTAMP_TZ}


def _in_zone(moment: bytes | None, zone: bytes | None) -> tuple[bytes | None, int]:
    return (moments.zoned(moment, zone.decode()) if moment and zone else None), wire.TIMESTAMP_TZ


def _to_moment(text: bytes | None, form: bytes | None, code: int) -> bytes | None:
    return moments.data_of(text.decode(), form.decode(), code) if text and form else None


def _to_number(text: bytes | None) -> tuple[bytes | None, int]:
    return (converted(text, wire.VARCHAR, ANY_NUMBER) if text else None), wire.NUMBER


_CHANGES: Final[dict[type, Any]] = {
    sql.Insert: Engine._insert,
    sql.Update: Engine._update,
    sql.Delete: Engine._delete,
    sql.Merge: Engine._merge,
}


def _insert_text(table: StoredTable, places: Sequence[int]) -> str:
    names = ", ".join(f"c{place}" for place in places)
    return f"INSERT INTO {table.sql} ({names}) VALUES ({', '.join('?' * len(places))})"


def moment_of(what: sql.Now) -> sql.Constant:
    """Now, in the session's UTC, as this word gives it; in whole seconds."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    match what.text:
        case "TRUNC(CURRENT_DATE)":
            return literals.moment("DATE", now[:10])
        case "SYSTIMESTAMP":
            return literals.moment("TIMESTAMP", f"{now} +00:00")
    return literals.moment("TIMESTAMP", now)


def _streamed(connection: sqlite3.Connection, text: str, values: Values) -> Iterator[Sequence[bytes | None]]:
    """Rows of one moment, read by a connection of their own, as a change of the session must not wait for them."""
    with told():
        cursor = connection.execute(text, values)

    def rows() -> Iterator[Sequence[bytes | None]]:
        try:
            with told():
                yield from cursor
        finally:
            connection.close()

    return rows()
