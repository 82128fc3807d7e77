"""Statements of the user's own: results that stream, one after another, typed as the tables say.

The wire does not tell a bool from a tinyint, our instant from a datetime, MariaDB's JSON from a text. Where a result's
column comes straight from a table, that table's description settles it, on a second connection (this one is busy with
the result), which is opened the first time that it is needed: 2 ms on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines._mysql import values
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.wire import RawRow
from dbfleet.sql.text import Statement, bind, check_parameters, statements
from dbfleet.values import Batch, type_of

_AMBIGUOUS: Final = frozenset({values.TINY, values.DATETIME, values.BIT, values.BLOB, values.STRING})
_CHANGES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL"})


def parse(session: Session, text: str, params: Mapping[str, object] | None) -> list[Statement]:
    """The text's statements, their params bound as literals that nothing in a value can end."""
    found = statements(text, session.lexis)
    check_parameters(found, params)
    if not params:
        return found
    literals = {name: literal(value, type_of(value)) for name, value in params.items()}
    return [
        replace(each, text=bind(each.text, params, session.lexis, lambda _, name: literals[name])[0]) for each in found
    ]


def run(session: Session, todo: Sequence[Statement], batch_size: int) -> Result:
    """The first statement's result; the others' follow it."""
    wire = session.wire
    with session.translated():
        wire.execute(todo[0].text)
    return _result(session, todo, batch_size)


def columns(session: Session) -> list[ResultColumn]:
    """The columns of the result that is being read."""
    found = []
    for field in session.wire.fields:
        native = values.WIRE_NAMES.get(field.kind, "")
        type_ = values.wire_type(field)
        if field.table and field.column and field.kind in _AMBIGUOUS:
            known = session.describe(field.database, field.table).get(field.column)
            if known:
                type_, native = known.column.type, known.column.native or native
        found.append(ResultColumn(field.name, type_, native))
    return found


def _result(session: Session, todo: Sequence[Statement], batch_size: int) -> Result:
    wire, words = session.wire, todo[0].words
    session.turn += 1
    turn = session.turn
    messages: list[str] = []
    read = values.lenient([], [])
    first: list[RawRow] = []
    found: list[ResultColumn] = []
    with session.translated():
        if wire.reading:
            try:
                found = columns(session)
                read = values.lenient([column.type for column in found], wire.fields)
                # One batch ahead, so that an error in the first row comes from `query` itself.
                first = wire.fetch(batch_size)
            except BaseException:
                wire.abandon()
                raise
        affected = wire.affected if not found and words and (words[0] in _CHANGES or wire.affected > 0) else None
        collect(session, words, messages)

    def batches() -> Iterator[Batch]:
        rows = first
        try:
            while rows:
                yield read(rows)
                with session.translated():
                    rows = wire.fetch(batch_size) if session.turn == turn and wire.reading else []
            with session.translated():
                collect(session, words, messages)
        finally:
            close()

    def close() -> None:
        # What stands behind a result that was read to its end waits for `following`.
        if session.turn == turn and wire.reading:
            with session.translated():
                wire.abandon()

    def following() -> Result | None:
        if session.turn != turn:
            return None
        with session.translated():
            while wire.reading:
                wire.fetch(batch_size)
            # The end of a CALL is an answer without rows: it says nothing that the results before it did not.
            if wire.advance() and (wire.reading or (len(todo) == 1 and not found)):
                return _result(session, todo, batch_size)
        return run(session, todo[1:], batch_size) if len(todo) > 1 else None

    return Result(found, batches(), affected=affected, messages=messages, close=close, following=following)


def collect(session: Session, words: Sequence[str], messages: list[str]) -> None:
    """The server's warnings and notes, as soon as the result is read to its end."""
    wire = session.wire
    if not wire.warnings or wire.reading or wire.more or messages or (words and words[0] == "SHOW"):
        return
    messages += [f"{level} {code}: {text}" for level, code, text in wire.rows("SHOW WARNINGS LIMIT 64")]
