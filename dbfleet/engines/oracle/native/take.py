"""Another server's steps, taken here. Each is a statement that commits by itself; steps that are taken together and
fail are undone by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from dbfleet.adapter import Part
from dbfleet.engines.oracle import extras, tables
from dbfleet.engines.oracle.native import catalog
from dbfleet.engines.oracle.native.catalog import COUNTING
from dbfleet.engines.oracle.read import find, of
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.values import bind_type, binders
from dbfleet.errors import AlreadyExists, ConstraintViolated, NotFound
from dbfleet.outline import Made, Mark, Step, spelled
from dbfleet.values import Schema


class Taking:
    """Takes steps on a session. No transaction holds what they make: what is made in a block of `made.together` goes
    again where one fails."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.made = Made(lambda name: remove(session, [name]), lambda step, called: undo(session, step, called))

    def take(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Take the step; whether it changed anything."""
        if not step.text or (step.kind == "counter" and not step.collection and self._is_farther(step, called)):
            return False  # the server has it: `needs.lacking` has asked; or the sequence was there, and is farther
        session, text = self._session, in_words(step, step.text, called)
        if again and step.kind == "check" and self._has_check(step, called):
            return False  # a check without a name is made twice
        try:
            session.run(text)
        except AlreadyExists:
            if step.kind == "sequence" and step.collection and not again:
                # It is left of a table of this name that somebody else dropped.
                session.run(in_words(step, step.undo, called))
                session.run(text)
            elif step.shared or again or step.kind == "sequence":
                return False
            else:
                raise
        self.made.note(step, called)
        return True

    def _is_farther(self, step: Step, called: Mapping[str, str]) -> bool:
        name = step.words.removeprefix("where sequence ").removesuffix(" counts on")
        there = catalog.sequences(self._session.rows).get(called.get(name, name))
        wanted = int(step.text.rpartition(" ")[2])
        return there is not None and (there.following - wanted) * there.step >= 0

    def _has_check(self, step: Step, called: Mapping[str, str]) -> bool:
        there = catalog.constraints(self._session.rows, called.get(step.collection, step.collection))
        return any(each.kind == "C" and f"CHECK ({each.condition})" in step.text for each in there)


def in_words(step: Step, text: str, called: Mapping[str, str]) -> str:
    """The text with the names that things have here. A sequence of dbfleet's own is called after its table."""

    def spell(mark: Mark, space: str, name: str) -> str:
        if space == COUNTING:
            return LEXIS.quote(extras.sequence_name(called.get(step.collection, step.collection), name))
        key = f"{space}.{name}" if space else name
        return LEXIS.quote(called.get(key, key).removeprefix(f"{space}." if space else ""))

    return spelled(text, spell)


def undo(session: Session, step: Step, called: Mapping[str, str]) -> None:
    """Remove what the step has made."""
    if step.undo:
        with contextlib.suppress(NotFound):
            session.run(in_words(step, step.undo, called))


def remove(session: Session, names: Sequence[str]) -> None:
    """Drop the tables that are there. ConstraintViolated where a table outside refers to one."""
    with session.translated():
        going = [name for name in tables.names(session.rows) if name in names]
        for _, other, name in session.rows(catalog.REFERENCES) if going else ():
            if name in going and other not in going:
                raise ConstraintViolated(f"{other} refers to {name}")
        for name in going:
            table = find(session, name)
            sequences = extras.own_sequences(session.rows, table)
            session.run(f"DROP TABLE {table.sql} CASCADE CONSTRAINTS PURGE")
            for statement in sequences:
                session.run(statement)


def clear(session: Session, schema: Schema, part: Part) -> None:
    """Delete the part's rows."""
    table = of(session, schema)
    where, values = tables.conditions(schema, table, part)
    natives = [table.column(column.name) for column, _ in values]
    pairs = [(column, native, value) for (column, value), native in zip(values, natives, strict=True)]
    with session.cursor() as cursor:
        try:
            with session.working():
                if pairs:
                    cursor.setinputsizes(*(bind_type(column, native) for column, native, _ in pairs))
                bound = [binders(column, native)[0](value) for column, native, value in pairs]
                cursor.execute(f"DELETE FROM {table.sql}{where}", bound)
            session.commit()
        except BaseException:
            session.roll_back()
            raise
