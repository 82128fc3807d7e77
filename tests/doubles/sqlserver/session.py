"""One login's session: it runs batches, statement by statement, and says what they answer.

A batch ends at its first error. One session writes at a time (SQLite's lock), which is more than SQL Server's locks.
"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlglot
from sqlglot import exp

from tests.doubles.sqlserver import ddl, dml, extras, identities
from tests.doubles.sqlserver.accounts import Accounts
from tests.doubles.sqlserver.faults import SqlError, refused, syntax
from tests.doubles.sqlserver.lexer import Statement, Word, statements
from tests.doubles.sqlserver.select import Piece, Translator
from tests.doubles.sqlserver.store import Database, Databases
from tests.doubles.sqlserver.types import DEFAULT_COLLATION, MAX, SqlType, convert, named

PRODUCT: Final = "dbfleet wire double for SQL Server"
VERSION: Final = "0.1.0.0"


@dataclass(frozen=True)
class Rows:
    """A result: its columns, and its rows as they are kept."""

    columns: Sequence[Piece]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Count:
    """How many rows a statement changed; None where it is none that counts."""

    rows: int | None = None
    inside: bool = False  # of a procedure


@dataclass(frozen=True)
class Said:
    """A message that is no error."""

    number: int
    text: str


@dataclass(frozen=True)
class Pause:
    """WAITFOR: so many seconds, unless the client has enough."""

    seconds: float


@dataclass(frozen=True)
class Kill:
    """End the session of this number."""

    number: int


@dataclass(frozen=True)
class Changed:
    """The session's database is another now."""

    database: str
    before: str


Answer = Rows | Count | Said | Pause | Kill | Changed


@lru_cache(maxsize=500)
def _parsed_before(text: str) -> exp.Expression:
    return _parsed_now(text)


def _parsed(text: str) -> exp.Expression:
    return _parsed_before(text) if len(text) < 20_000 else _parsed_now(text)


def _parsed_now(text: str) -> exp.Expression:
    try:
        found = sqlglot.parse(text, dialect="tsql")
    except sqlglot.errors.SqlglotError as error:
        detail = error.errors[0] if getattr(error, "errors", None) else {}
        raise syntax(str(detail.get("highlight") or text.split()[0]), int(detail.get("line") or 1)) from None
    if len(found) != 1 or found[0] is None:
        raise refused("several statements without a semicolon between them")
    return found[0]


class Session:
    """`number` is @@SPID."""

    def __init__(
        self, databases: Databases, number: int, database: str, accounts: Accounts | None = None, user: str = "sa"
    ) -> None:
        self.databases = databases
        self.accounts = accounts or Accounts(user, "")
        self.user = user
        self.number = number
        self.name = database
        self.database: Database = databases.open(database)
        self.variables: dict[str, tuple[SqlType, Any]] = {}
        self.transactions = 0
        self.fault: SqlError | None = None
        self.own_identities: int | None = None
        """The table that takes the rows' own values of its IDENTITY."""
        self.plans = False
        """SHOWPLAN_TEXT is on: statements are planned, and not run."""

    def close(self) -> None:
        self.database.close()

    def run(self, batch: str) -> Iterator[Answer]:
        """What the batch answers, in order; SqlError ends it."""
        self.variables = {}
        found = list(statements(batch))
        for statement in found:
            try:
                words = [word.upper for word in statement.words[:3]]
                if words[:2] == ["SET", "SHOWPLAN_TEXT"]:
                    self._show_plans(words[2] == "ON", alone=len(found) == 1)
                    yield Count()
                elif self.plans:
                    yield from self._plan(statement)
                else:
                    yield from self._statement(statement)
            except SqlError as error:
                error.line += statement.line - 1
                raise

    def _show_plans(self, plans: bool, *, alone: bool) -> None:
        if not alone:
            raise SqlError(1067, "The SET SHOWPLAN statements must be the only statements in the batch.")
        self.plans = plans

    def _plan(self, statement: Statement) -> Iterator[Answer]:
        """The statement's text, and steps: of a plan that nobody has made, so only where it comes from is true."""
        self.accounts.check(self.user, statement)
        if not self.accounts.function(self.user, self.name, "HAS_PERMS_BY_NAME", [None, "DATABASE", "SHOWPLAN"]):
            raise SqlError(262, f"SHOWPLAN permission denied in database '{self.name}'.")
        for text in (statement.text.strip(), "  |--Table Scan"):
            yield self.select(exp.select(exp.alias_(exp.Literal.string(text), "StmtText")))

    def _statement(self, statement: Statement) -> Iterator[Answer]:
        first = statement.words[0].upper
        self.accounts.check(self.user, statement)
        if self.accounts.knows(statement):
            self.accounts.run(self.name, statement)
            yield Count()
            return
        known = _STATEMENTS.get(first) or (Session._extras if extras.knows(statement) else None)
        if known is not None:
            yield from known(self, statement)
        elif first == "CREATE" and (foreign := next((w.text for w in statement.words if w.upper in _FOREIGN), None)):
            raise SqlError(2715, f"Column, parameter, or variable: Cannot find data type {foreign}.")
        elif first in ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP"):
            yield from self._parsed(_parsed(statement.text))
        elif statement.words[0].kind == "word" and len(statement.words) > 1 and statement.words[1].kind != "symbol":
            raise syntax(statement.words[1].text)
        else:
            raise refused(f"the statement {statement.words[0].text}")

    def _parsed(self, node: exp.Expression) -> Iterator[Answer]:
        if isinstance(node, exp.Select):
            yield self.select(node)
        elif isinstance(node, exp.Insert | exp.Update | exp.Delete):
            run = {exp.Insert: dml.insert, exp.Update: dml.update, exp.Delete: dml.delete}[type(node)]
            yield Count(self.atomic(lambda: run(self, node)))
        elif isinstance(node, exp.Create | exp.Drop):
            yield from ddl.run(self, node)
        else:
            raise refused(f"the statement {type(node).__name__.upper()}")

    def select(self, node: exp.Expression) -> Rows:
        translator = Translator(self)
        query = translator.query(node)
        return Rows(query.columns, self.fetched(query.sql, query.params, query.cleanup))

    def fetched(self, sql: str, params: Any, cleanup: Sequence[str] = ()) -> Iterator[tuple[Any, ...]]:
        cursor = self.database.sqlite.cursor()
        try:
            yield from self._guarded(cursor, sql, params)
        finally:
            cursor.close()
            for each in cleanup:
                self.database.sqlite.execute(each)

    def _guarded(self, cursor: sqlite3.Cursor, sql: str, params: Any) -> Iterator[tuple[Any, ...]]:
        self.fault = None
        try:
            yield from cursor.execute(sql, params)
        except sqlite3.Error:
            if self.fault is not None:
                raise self.fault from None
            raise

    def atomic(self, work: Callable[[], int]) -> int:
        """The work, or nothing of it; in the transaction, if there is one."""
        sqlite = self.database.sqlite
        if not sqlite.in_transaction:
            sqlite.execute("BEGIN IMMEDIATE")
            alone = True
        else:
            alone = False
        sqlite.execute("SAVEPOINT statement")
        try:
            done = work()
            sqlite.execute("RELEASE statement")
        except BaseException:
            sqlite.execute("ROLLBACK TO statement")
            sqlite.execute("RELEASE statement")
            if alone:
                sqlite.execute("ROLLBACK")
            raise
        if alone:
            sqlite.execute("COMMIT")
        return done

    # --- what expressions ask ---

    def global_value(self, name: str) -> tuple[SqlType, Any]:
        known: dict[str, tuple[SqlType, Any]] = {
            "VERSION": (SqlType("nvarchar", 300), f"{PRODUCT} {VERSION}\n\tsqlite {sqlite3.sqlite_version}"),
            "SPID": (SqlType("smallint"), self.number),
            "TRANCOUNT": (SqlType("int"), self.transactions),
        }
        if name not in known:
            raise refused(f"@@{name}")
        return known[name]

    def function(self, name: str, arguments: Sequence[Any]) -> tuple[SqlType, Any]:
        if name == "SERVERPROPERTY" and arguments == ["ProductVersion"]:
            return SqlType("nvarchar", 128), VERSION
        if name == "SERVERPROPERTY" and arguments in (["ServerName"], ["MachineName"]):
            return SqlType("nvarchar", 128), socket.gethostname()
        if name == "SERVERPROPERTY" and arguments == ["Babelfish"]:
            return SqlType("nvarchar", 128), None  # what no server of SQL Server's has is NULL
        if name == "COLLATIONPROPERTY" and len(arguments) == 2 and arguments[1] == "CodePage":
            return SqlType("int"), 1252 if arguments[0] in ddl.COLLATIONS else None
        if name == "OBJECT_ID" and len(arguments) == 1:
            found = self.database.object(*identities.names(arguments[0]))
            return SqlType("int"), found[0] if found else None
        if name == "DB_ID" and len(arguments) == 1:
            return SqlType("smallint"), self.databases.number(arguments[0])
        if name == "DB_NAME" and not arguments:
            return SqlType("nvarchar", 128), self.name
        if name == "DATABASEPROPERTYEX" and arguments == [self.name, "Collation"]:
            return SqlType("nvarchar", 128), DEFAULT_COLLATION
        try:
            return SqlType("int"), self.accounts.function(self.user, self.name, name, arguments)
        except KeyError:
            pass
        raise refused(f"the function {name}({', '.join(map(repr, arguments))})")

    # --- statements that are not sqlglot's ---

    def _set(self, statement: Statement) -> Iterator[Answer]:
        words = [word.upper or word.text for word in statement.words[1:]]
        if words[0] == "IDENTITY_INSERT":
            identities.switch(self, statement.words[2:])
            yield Count()
            return
        options = {word for word in words[:-1] if word != ","}
        if (words[-1] in ("ON", "OFF") and options <= _OPTIONS) or words[0] == "TEXTSIZE":
            yield Count()
            return
        raise refused(f"SET {' '.join(words)}")

    def _use(self, statement: Statement) -> Iterator[Answer]:
        if len(statement.words) != 2:
            raise syntax(statement.words[-1].text)
        name = statement.words[1].value
        if self.transactions:
            raise refused("USE in a transaction")
        database = self.databases.open(name)
        self.database.close()
        self.database, before, self.name = database, self.name, name
        yield Changed(name, before)
        yield Count()

    def _begin(self, statement: Statement) -> Iterator[Answer]:
        if [word.upper for word in statement.words[1:]] not in (["TRAN"], ["TRANSACTION"]):
            raise refused("BEGIN of anything but a transaction")
        if not self.transactions:
            self.database.sqlite.execute("BEGIN IMMEDIATE")
        self.transactions += 1
        yield Count()

    def _commit(self, statement: Statement) -> Iterator[Answer]:
        if not self.transactions:
            raise SqlError(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self.transactions -= 1
        if not self.transactions:
            self.database.sqlite.execute("COMMIT")
        yield Count()

    def _rollback(self, statement: Statement) -> Iterator[Answer]:
        if not self.transactions:
            raise SqlError(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self.transactions = 0
        self.database.sqlite.execute("ROLLBACK")
        yield Count()

    def _if(self, statement: Statement) -> Iterator[Answer]:
        words = [word.upper or word.text for word in statement.words]
        if words[1:3] == ["DB_ID", "("] and words[4:9] == [")", "IS", "NULL", "CREATE", "DATABASE"]:
            if statement.words[3].kind != "text":
                raise refused("DB_ID of anything but a text")
            if self.databases.number(statement.words[3].value) is None:
                text = statement.text[statement.words[7].start - statement.words[0].start :]
                yield from self._parsed(_parsed(text))
            else:
                yield Count()
            return
        if words[1:3] == ["EXISTS", "("]:
            yield from self._if_exists(statement)
            return
        if words[1:4] != ["@@TRANCOUNT", ">", "0"] or words[4:5] != ["ROLLBACK"]:
            raise refused("IF of this kind")
        yield from self._rollback(statement) if self.transactions else iter([Count()])

    def _if_exists(self, statement: Statement) -> Iterator[Answer]:
        """IF EXISTS (SELECT …) statement ELSE statement"""
        words, depth, end = statement.words, 1, 2
        while depth:
            end += 1
            depth += (words[end].text == "(") - (words[end].text == ")")
        otherwise = next((place for place, word in enumerate(words) if word.upper == "ELSE"), len(words))
        begin = words[0].start
        found = self.select(_parsed(statement.text[words[3].start - begin : words[end].start - begin]))
        chosen = words[end + 1 : otherwise] if any(True for _ in found.rows) else words[otherwise + 1 :]
        if chosen and chosen[0].upper not in _STATEMENTS:
            raise refused(f"IF EXISTS of {chosen[0].text}")
        if chosen:
            yield from _STATEMENTS[chosen[0].upper](self, Statement(chosen, "", statement.line))
        else:
            yield Count()

    def _dbcc(self, statement: Statement) -> Iterator[Answer]:
        self.atomic(lambda: identities.reseed(self.database, statement.words) or 0)
        yield Count()

    def _extras(self, statement: Statement) -> Iterator[Answer]:
        self.atomic(lambda: extras.run(self.database, statement))
        yield Count()

    def _print(self, statement: Statement) -> Iterator[Answer]:
        if len(statement.words) != 2 or statement.words[1].kind != "text":
            raise refused("PRINT of anything but a text")
        yield Said(0, statement.words[1].value)
        yield Count()

    def _waitfor(self, statement: Statement) -> Iterator[Answer]:
        if len(statement.words) != 3 or statement.words[1].upper != "DELAY" or statement.words[2].kind != "text":
            raise refused("WAITFOR of this kind")
        hours, minutes, seconds = statement.words[2].value.split(":")
        yield Pause(int(hours) * 3600 + int(minutes) * 60 + float(seconds))
        yield Count()

    def _kill(self, statement: Statement) -> Iterator[Answer]:
        yield Kill(int(statement.words[1].text))
        yield Count()

    def _declare(self, statement: Statement) -> Iterator[Answer]:
        """DECLARE @name type = value"""
        words = statement.words
        equals = next((place for place, word in enumerate(words) if word.text == "="), len(words))
        name, type_ = words[1].text[1:], _type(words[2:equals])
        if name.casefold() in self.variables:
            raise SqlError(134, f"The variable name '@{name}' has already been declared.", severity=15)
        value = self._value(words[equals + 1 :], type_) if equals < len(words) else None
        self.variables[name.casefold()] = (type_, value)
        yield from ()

    def _value(self, words: Sequence[Word], target: SqlType) -> Any:
        if len(words) == 1:  # a long text does not go through sqlglot
            (word,) = words
            if word.kind == "text":
                return convert(word.value, SqlType("nvarchar", MAX), target)
            if word.kind == "variable":
                known = self.variables.get(word.text[1:].casefold())
                if known is None:
                    raise SqlError(137, f'Must declare the scalar variable "{word.text}".', severity=15)
                return convert(known[1], known[0], target)
            if word.kind == "hex":
                return convert(bytes.fromhex(word.text[2:]), SqlType("varbinary", MAX), target)
        text = " ".join(word.text for word in words)
        piece = Translator(self).expression(_parsed(f"SELECT {text}").expressions[0], [])
        return convert(piece.value, piece.type, target)

    def _exec(self, statement: Statement) -> Iterator[Answer]:
        words = statement.words[1:]
        qualified = [word.text for word in words[1:2]] == ["."]
        name = ".".join(word.value.lower() for word in words[: 3 if qualified else 1 : 2])
        words = words[3 if qualified else 1 :]
        arguments = _arguments(words)
        if name in ("sp_executesql", "sys.sp_executesql"):
            yield from self._execute_sql(arguments)
        elif name in ("sp_addextendedproperty", "sys.sp_addextendedproperty"):
            values = [self._value(given, SqlType("nvarchar", MAX)) for _, given in arguments]
            self.atomic(lambda: ddl.add_property(self.database, values))
            yield Count()
        elif name in ("sp_rename", "sys.sp_rename"):
            values = [self._value(given, SqlType("nvarchar", MAX)) for _, given in arguments]
            self.atomic(lambda: ddl.rename(self.database, values))
            yield Said(15477, "Caution: Changing any part of an object name could break scripts and stored procedures.")
            yield Count()
        else:
            raise SqlError(2812, f"Could not find stored procedure '{name}'.")

    def _execute_sql(self, arguments: Sequence[tuple[str | None, Sequence[Word]]]) -> Iterator[Answer]:
        text = SqlType("nvarchar", MAX)
        statement = self._value(arguments[0][1], text)
        declared = _declarations(self._value(arguments[1][1], text)) if len(arguments) > 1 else {}
        given: dict[str, tuple[SqlType, Any]] = {}
        for name, words in arguments[2:]:
            if name is None or name not in declared:
                raise SqlError(8145, f"{name} is not a parameter for procedure sp_executesql.")
            given[name] = (declared[name], self._value(words, declared[name]))
        missing = declared.keys() - given.keys()
        if missing:
            raise SqlError(8178, f"The parameterized query expects the parameter '@{min(missing)}', not supplied.")
        outer, self.variables = self.variables, given
        try:
            for each in statements(statement):
                for answer in self._statement(each):
                    yield Count(answer.rows, inside=True) if isinstance(answer, Count) else answer
        finally:
            self.variables = outer


_FOREIGN: Final = frozenset({"UUID", "TIMESTAMPTZ", "BOOLEAN", "BLOB", "BYTEA", "STRING", "INT64", "FLOAT64"})
"""Types that sqlglot reads as ones of SQL Server's, which has none of that name."""
_OPTIONS: Final = frozenset(
    {
        "ANSI_NULLS", "ANSI_PADDING", "ANSI_WARNINGS", "ARITHABORT", "CONCAT_NULL_YIELDS_NULL", "QUOTED_IDENTIFIER",
        "ANSI_NULL_DFLT_ON", "NUMERIC_ROUNDABORT", "XACT_ABORT",
    }
)  # fmt: skip


def _type(words: Sequence[Word]) -> SqlType:
    sizes: list[int | None] = []
    for word in words[1:]:
        if word.kind == "number":
            sizes.append(int(word.text))
        elif word.upper == "MAX":
            sizes.append(None)
    return named(words[0].text.lower(), sizes)


def _arguments(words: Sequence[Word]) -> list[tuple[str | None, list[Word]]]:
    """The arguments of EXEC: (name or None, words)."""
    found: list[tuple[str | None, list[Word]]] = []
    current: list[Word] = []
    for word in [*words, Word("symbol", ",", 0)]:
        if word.kind == "symbol" and word.text == ",":
            named_ = len(current) > 2 and current[0].kind == "variable" and current[1].text == "="
            if current:
                found.append((current[0].text[1:].casefold(), current[2:]) if named_ else (None, current))
            current = []
        else:
            current.append(word)
    return found


def _declarations(text: str) -> dict[str, SqlType]:
    """The parameters that sp_executesql's second argument declares."""
    found: dict[str, SqlType] = {}
    words: list[Word] = []
    depth = 0
    for word in [*(word for each in statements(text) for word in each.words), Word("symbol", ",", 0)]:
        depth += (word.text == "(") - (word.text == ")")
        if word.text == "," and not depth:
            found[words[0].text[1:].casefold()] = _type(words[1:])
            words = []
        else:
            words.append(word)
    return found


_STATEMENTS: Final[dict[str, Callable[[Session, Statement], Iterator[Answer]]]] = {
    "SET": Session._set,
    "USE": Session._use,
    "BEGIN": Session._begin,
    "COMMIT": Session._commit,
    "ROLLBACK": Session._rollback,
    "IF": Session._if,
    "PRINT": Session._print,
    "WAITFOR": Session._waitfor,
    "KILL": Session._kill,
    "DBCC": Session._dbcc,
    "DECLARE": Session._declare,
    "EXEC": Session._exec,
    "EXECUTE": Session._exec,
}
