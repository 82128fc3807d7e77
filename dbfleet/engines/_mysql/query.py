"""Statements of the user's own: results that stream, one after another, typed as the tables say.

The wire does not tell a bool from a tinyint, our instant from a datetime, MariaDB's JSON from a text. Where a result's
column comes straight from a table, that table's description decides. It is asked for on a second connection, as this
one is busy with the result; that is opened the first time that it is needed, in 2 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dbfleet.abilities import Encoding
from dbfleet.adapter import BATCH_SIZE, Result, ResultColumn
from dbfleet.engines._mysql import values
from dbfleet.engines._mysql.fast import encoded as fast
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.wire import RawRow
from dbfleet.sql.text import Statement, bind, check_parameters, statements
from dbfleet.values import Batch, type_of

_AMBIGUOUS: Final = frozenset({values.TINY, values.DATETIME, values.BIT, values.BLOB, values.STRING})
_CHANGES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL"})


def query(session: Session, text: str, params: Mapping[str, object] | None, batch_size: int) -> Result:
    """The first statement's result; the others' follow it."""
    session.live()
    return _run(session, _parsed(session, text, params), batch_size)


def encoded(session: Session, text: str, params: Mapping[str, object] | None, word: Encoding) -> Iterator[bytes] | None:
    """The rows of one statement that gives rows, in this format; None for any other."""
    session.live()
    parsed = _parsed(session, text, params)
    if len(parsed) > 1 or not fast.gives_rows(parsed[0], session.lexis):
        return None
    session.messages = []
    return _encoded(session, parsed[0], word)


def _encoded(session: Session, statement: Statement, word: Encoding) -> Iterator[bytes]:
    session.guard()
    wire = session.live()
    with session.translated():
        wire.execute(statement.text)
    with session.reading():
        with session.translated():
            columns = _columns(session)
        render = fast.lines(columns, wire.fields, word)
        yield fast.header(columns, word)
        while rows := session.fetch(BATCH_SIZE):
            yield render(rows)
        with session.translated():
            _collect(session, statement.words, session.messages)
    session.unguard()


def _parsed(session: Session, text: str, params: Mapping[str, object] | None) -> list[Statement]:
    """The text's statements, with their parameters as literals, which nothing in a value can end."""
    parsed = statements(text, session.lexis)
    check_parameters(parsed, params)
    if not params:
        return parsed
    literals = {name: literal(value, type_of(value)) for name, value in params.items()}
    return [
        replace(each, text=bind(each.text, params, session.lexis, lambda _, name: literals[name])[0]) for each in parsed
    ]


def _run(session: Session, todo: Sequence[Statement], batch_size: int) -> Result:
    """The first statement's result; the others' follow it."""
    session.guard()
    wire = session.wire
    with session.translated():
        wire.execute(todo[0].text)
    return _result(session, todo, batch_size)


def _columns(session: Session) -> list[ResultColumn]:
    """The columns of the result that is being read."""
    columns = []
    for field in session.wire.fields:
        native = values.WIRE_NAMES.get(field.kind, "")
        type_ = values.wire_type(field)
        if field.table and field.column and field.kind in _AMBIGUOUS:
            known = session.describe(field.database, field.table).get(field.column)
            if known:
                type_, native = known.column.type, known.column.native or native
        columns.append(ResultColumn(field.name, type_, native))
    return columns


def _result(session: Session, todo: Sequence[Statement], batch_size: int) -> Result:
    wire, words = session.wire, todo[0].words
    session.turn += 1
    turn = session.turn
    messages: list[str] = []
    read = values.lenient([], [])
    first: list[RawRow] = []
    columns: list[ResultColumn] = []
    with session.translated():
        if wire.reading:
            try:
                columns = _columns(session)
                read = values.lenient([column.type for column in columns], wire.fields)
                # One batch ahead, so that an error in the first row comes from `query` itself.
                first = wire.fetch(batch_size)
            except BaseException:
                wire.abandon()
                raise
        affected = wire.affected if not columns and words and (words[0] in _CHANGES or wire.affected > 0) else None
        _collect(session, words, messages)

    def batches() -> Iterator[Batch]:
        rows = first
        try:
            while rows:
                yield read(rows)
                with session.translated():
                    rows = wire.fetch(batch_size) if session.turn == turn and wire.reading else []
            with session.translated():
                _collect(session, words, messages)
        finally:
            close()

    def close() -> None:
        # Behind a result that was read to its end, the next one waits for `following`.
        if session.turn == turn and wire.reading:
            with session.translated():
                wire.abandon()

    def following() -> Result | None:
        if session.turn != turn:
            return None
        with session.translated():
            while wire.reading:
                wire.fetch(batch_size)
            # A CALL ends with an answer without rows, which says nothing new.
            if wire.advance() and (wire.reading or (len(todo) == 1 and not columns)):
                return _result(session, todo, batch_size)
        if len(todo) > 1:
            return _run(session, todo[1:], batch_size)
        session.unguard()
        return None

    return Result(columns, batches(), affected=affected, messages=messages, close=close, following=following)


def _collect(session: Session, words: Sequence[str], messages: list[str]) -> None:
    """Add the server's warnings and notes to the messages, once the result is read to its end."""
    wire = session.wire
    if not wire.warnings or wire.reading or wire.more or messages or (words and words[0] == "SHOW"):
        return
    messages += [f"{level} {code}: {text}" for level, code, text in wire.rows("SHOW WARNINGS LIMIT 64")]
