"""Statements of the user's own: results that stream, one after another.

A query that gives a TIMESTAMP WITH TIME ZONE is sent with SYS_EXTRACT_UTC around that column, as the driver drops the
zone. The driver's `parse` tells the columns before anything has run, in one round trip a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.oracle.errors import translate
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.text import LEXIS, is_plsql, split
from dbfleet.engines.oracle.values import lenient, parameter, result_columns
from dbfleet.errors import StatementError, Unsupported
from dbfleet.sql.text import Statement, bind, check_parameters
from dbfleet.values import Batch, Type

_CHANGES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_TRANSACTION: Final = frozenset({"COMMIT", "ROLLBACK", "SAVEPOINT"})


def query(session: Session, text: str, params: Mapping[str, object] | None, batch_size: int) -> Result:
    """The result of the first statement; those of the others follow it."""
    parsed = split(text)
    check_parameters(parsed, params)
    return _Run(session.ready(), session.working, text, parsed, params or {}, batch_size).result(0)


@dataclass(frozen=True, slots=True)
class _Run:
    """A text of statements that is being run."""

    connection: Any
    working: Callable[..., AbstractContextManager[None]]
    text: str
    statements: Sequence[Statement]
    params: Mapping[str, object]
    batch_size: int

    @property
    def _own_transaction(self) -> bool:
        return any(
            each.words[:1] and (each.words[0] in _TRANSACTION or each.words[:2] == ("SET", "TRANSACTION"))
            for each in self.statements
        )

    def result(self, place: int) -> Result:
        """The result of the statement at this place; the others follow it."""
        current = self.statements[place]
        names = {name: f"p{number}" for number, name in enumerate(current.parameters, 1)}
        # Names of our own: :date, :size, :level and many more are reserved (ORA-01745).
        text, _ = bind(
            current.text, {name: self.params[name] for name in names}, LEXIS, lambda _, name: f":{names[name]}"
        )
        if is_plsql(current.words) and current.words[0] != "WITH" and not text.endswith(";"):
            text += ";"
        working = partial(self.working, partial(translate, whole=self.text, start=current.start, sent=text))
        last = place + 1 == len(self.statements)
        cursor = self.connection.cursor()
        cursor.arraysize = cursor.prefetchrows = self.batch_size
        messages: list[str] = []
        try:
            with working():
                columns = self._execute(cursor, current, text, names)
            if getattr(cursor, "warning", None):  # PL/SQL that is stored but does not compile
                messages.append(str(cursor.warning))
            if last and not columns and self._own_transaction and self.connection.transaction_in_progress:
                messages.append("the transaction is still open: without COMMIT its changes are lost")
        except BaseException:
            self._closed(cursor)
            raise

        def following() -> Result | None:
            self._closed(cursor)
            return None if last else self.result(place + 1)

        affected = cursor.rowcount if current.words[:1] and current.words[0] in _CHANGES else None
        return Result(
            columns,
            self._batches(cursor, columns, working) if columns else (),
            affected=affected,
            messages=messages,
            close=partial(self._closed, cursor),
            following=following,
        )

    def _execute(self, cursor: Any, current: Statement, text: str, names: Mapping[str, str]) -> list[ResultColumn]:
        is_query = current.words[:1] in (("SELECT",), ("WITH",))
        columns: list[ResultColumn] = []
        if is_query:
            text, columns = self._in_utc(cursor, text)
        bound = {names[name]: parameter(self.params[name]) for name in names}
        types = {name: type_ for name, (_, type_) in bound.items() if type_ is not None}
        if types:
            cursor.setinputsizes(**types)
        # A query that locks its rows must not commit before they are fetched (ORA-01002).
        self.connection.autocommit = not is_query and not self._own_transaction
        try:
            cursor.execute(text, {name: value for name, (value, _) in bound.items()})
        finally:
            self.connection.autocommit = False
        if not is_query:
            return []
        described = result_columns(cursor.description)
        # The type of a bind is known only now; which columns are instants, and their names, only before.
        return [
            old if old.type is Type.INSTANT else replace(new, name=old.name)
            for new, old in zip(described, columns, strict=True)
        ]

    def _in_utc(self, cursor: Any, text: str) -> tuple[str, list[ResultColumn]]:
        """The query with its zoned columns in UTC, and its columns as they were. Unsupported where that cannot be
        had."""
        import oracledb

        cursor.parse(
            text + "\n"
        )  # the line's end makes it another statement in the driver's cache, as its binds are not known yet
        columns = result_columns(cursor.description)
        if all(column.type is not Type.INSTANT for column in columns):
            return text, columns
        places = [f'"c{number}"' for number in range(1, len(columns) + 1)]
        items = ", ".join(
            f"SYS_EXTRACT_UTC({place})" if column.type is Type.INSTANT else place
            for place, column in zip(places, columns, strict=True)
        )
        wrapped = f'WITH "q" ({", ".join(places)}) AS (\n{text}\n) SELECT {items} FROM "q"'
        try:
            cursor.parse(wrapped + "\n")
        except oracledb.Error as error:
            named = next(column.name for column in columns if column.type is Type.INSTANT)
            raise Unsupported(
                f"the column {named} has a time zone, which the driver drops",
                hint=f"select SYS_EXTRACT_UTC({named}), or TO_CHAR({named})",
            ) from error
        return wrapped, columns

    def _batches(self, cursor: Any, columns: list[ResultColumn], working: Any) -> Iterator[Batch]:
        read = lenient(columns)
        try:
            while True:
                with working():
                    rows = cursor.fetchmany(self.batch_size)
                if not rows:
                    return
                try:
                    yield read(rows)
                except ValueError as error:
                    raise StatementError(f"a value that is not of its column's type: {error}") from error
        finally:
            self._closed(cursor)

    def _closed(self, cursor: Any) -> None:
        import oracledb

        try:
            cursor.close()
        except oracledb.Error:
            pass
