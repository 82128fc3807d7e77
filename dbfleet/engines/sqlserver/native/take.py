"""Another server's steps, taken here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.adapter import Part
from dbfleet.engines.sqlserver import extras, parts, swap
from dbfleet.engines.sqlserver.native import needs
from dbfleet.engines.sqlserver.native.names import in_words
from dbfleet.engines.sqlserver.native.outline import outline
from dbfleet.engines.sqlserver.session import Session
from dbfleet.engines.sqlserver.tables import Table
from dbfleet.engines.sqlserver.types import LEXIS, text_literal
from dbfleet.errors import AlreadyExists, NotFound, StatementError, Unsupported
from dbfleet.extras import Identity
from dbfleet.outline import Step
from dbfleet.values import Schema

_SECOND: Final = frozenset({"1779", "1781", "1902"})
"""Errors that say that the table has a primary key, a default, a clustered index already."""
_OWNED: Final = re.compile(r"\[((?:[^\]]|\]\])+)\] (-?\d+)")
_SCHEMA: Final = "SELECT s.schema_id FROM sys.schemas AS s WHERE s.name = {name}"


def take(session: Session, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
    """Take the step; whether it changed anything. What is there already is right where it is the same or, `again`,
    ours."""
    if not step.text:
        return False  # the server has it: `needs.lacking` has asked
    with session.translated():
        if step.stage == "before" and _is_there(session, step):
            return False
        if step.kind == "counter":
            return _count_on(session, step, called)
        text = in_words(session.tables, step.text, called)
        if again and step.stage in ("keys", "references") and _is_taken(session, step, called, text):
            return False
        try:
            session.run(text)
        except StatementError as error:
            if not isinstance(error, AlreadyExists) and error.code not in _SECOND:
                raise
            if not again:
                raise AlreadyExists(error.message, code=error.code) from error
            return False
    return True


def _is_there(session: Session, step: Step) -> bool:
    """Whether what may be there already is. Unsupported where it is another one. A sequence goes on where it is."""
    ((place),) = step.makes
    if step.kind == "schema":
        return bool(session.rows(_SCHEMA.format(name=text_literal(place[0]))))
    for own in needs.makeable(session.rows):
        if own.stage == "before" and own.kind == step.kind and own.makes[0] == place:
            if step.kind != "sequence" and own.text != step.text:
                raise Unsupported(
                    f"{step.words} is there already and is another one",
                    hint=f"there: {own.text}; the source has: {step.text}",
                )
            return True
    return False


def _is_taken(session: Session, step: Step, called: Mapping[str, str], text: str) -> bool:
    """Whether the table has it: a constraint without a name of its own would be there twice."""
    name = called.get(step.collection, step.collection)
    there = outline(session.rows, session.tables, [name], everything=False)
    return text in {in_words(session.tables, each.text, {}) for each in there.steps}


def _count_on(session: Session, step: Step, called: Mapping[str, str]) -> bool:
    ask, tables = session.rows, session.tables
    if owned := _OWNED.fullmatch(step.text):
        name = called.get(step.collection, step.collection)
        column, following = owned[1].replace("]]", "]"), int(owned[2])
        place = tables.split(name)
        for statement in extras.add_statements(ask, tables.find(name), place, Identity(column)):
            session.run(statement)
        sequence = extras.own_sequence(place, column)
        own = {(each.place, each.following) for each in needs.sequences(ask)}
        if any(LEXIS.quote(each[0]) + "." + LEXIS.quote(each[1]) == sequence and at < following for each, at in own):
            session.run(f"ALTER SEQUENCE {sequence} RESTART WITH {following}")
        return True
    if step.makes and not needs.is_behind(ask, step):
        return False
    session.run(in_words(tables, step.text, called))
    return True


def clear(session: Session, schema: Schema, part: Part) -> None:
    """Delete the part's rows."""
    table = session.table_of(schema)
    session.run(f"DELETE FROM {table.sql}{parts.where(schema, table, part)}")


def remove(session: Session, names: Sequence[str]) -> None:
    """Drop the tables that are there, and the sequences that are theirs. ConstraintViolated where a table outside
    refers to one."""
    with session.translated():
        ask, tables = session.rows, session.tables
        going = swap.there(tables, names)
        swap.check_outside(ask, going)
        with session.transaction():
            for statement in swap.circles(ask, going):
                session.run(statement)
            for table in swap.children_first(ask, going):
                _drop(session, table)


def _drop(session: Session, table: Table) -> None:
    sequences = extras.own_sequences(session.rows, table, session.tables.split(table.name))
    session.run(f"DROP TABLE IF EXISTS {table.sql}")
    for sequence in sequences:
        session.run(f"DROP SEQUENCE IF EXISTS {sequence}")


def undo(session: Session, step: Step, called: Mapping[str, str]) -> None:
    """Remove what the step has made, as far as it is there and nobody uses it."""
    if not step.undo:
        return
    try:
        session.run(in_words(session.tables, step.undo, called))
    except StatementError as error:
        if error.code not in _KEPT and not isinstance(error, NotFound):
            raise


_KEPT: Final = frozenset({"3729", "3732"})
"""Errors that say that something else uses it."""
