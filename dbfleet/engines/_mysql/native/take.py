"""Another server's steps, taken here. Each is a statement of its own, which the server does whole or not at all; steps
that are taken together and fail are undone by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dbfleet.adapter import Part
from dbfleet.engines._mysql import swap, tables
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.native.text import CONSTRAINT
from dbfleet.engines._mysql.parts import conditions
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.engines._mysql.write import check_reference
from dbfleet.errors import AlreadyExists, ConstraintViolated, StatementError
from dbfleet.outline import Made, Mark, Step, spelled
from dbfleet.values import Reference, Schema, Type

_SAME_NAME = frozenset({"1061", "1826", "1022"})
"""Errors that say that a key, or a foreign key, of this name is there."""
_DEADLOCK: Final = "1213"
_DEADLOCKS: Final = 20
"""How often a statement is sent again for one; another statement's turn ends each."""
_PAUSE_S: Final = 0.05


class Taking:
    """Takes steps on a session. No transaction holds what they make: what is made in a block of `made.together` goes
    again where one fails."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.made = Made(lambda name: remove(session, [name]), lambda step, called: undo(session, step, called))

    def take(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Take the step; whether it changed anything."""
        if not step.text:
            return False  # the server has it: `needs.lacking` has asked
        text = in_words(step.text, called)
        if again and step.kind == "reference" and self._references(step, called):
            return False  # MariaDB's error for it says nothing of a name
        try:
            _until_no_deadlock(lambda: self._execute(text))
        except StatementError as error:
            if step.shared and isinstance(error, AlreadyExists):
                return False  # a sequence that is there goes on
            if again and (isinstance(error, AlreadyExists) or error.code in _SAME_NAME):
                return False
            raise
        self.made.note(step, called)
        if step.kind == "reference":
            self._check(step, called)
        return True

    def _execute(self, text: str) -> None:
        session = self._session
        wire = session.live()
        with session.translated(), session.our_mode(making=True), session.unchecked():
            wire.execute(text)

    def _check(self, step: Step, called: Mapping[str, str]) -> None:
        """Whether every row's reference leads to a row: the server does not look where it makes one quickly."""
        for constraint, reference in self._references(step, called).items():
            _check_reference(self._session, called.get(step.collection, step.collection), constraint, reference)

    def _references(self, step: Step, called: Mapping[str, str]) -> Mapping[str, Reference]:
        """The foreign key that the step makes, by its name, if it is there."""
        found = tables.named_references(self._session.rows, called.get(step.collection, step.collection))
        words = in_words(step.text, called)
        return {name: each for name, each in found.items() if f"CONSTRAINT {LEXIS.quote(name)} " in words}


def _until_no_deadlock(act: Callable[[], None]) -> None:
    """Do it, again where the server undoes it for a deadlock: a foreign key locks the tables of the table's other
    foreign keys too, on both of their sides, so steps of tables that have nothing to do with each other may wait for
    each other."""
    for _ in range(_DEADLOCKS):
        try:
            return act()
        except StatementError as error:
            if error.code != _DEADLOCK:
                raise
            time.sleep(_PAUSE_S)
    return act()


def _check_reference(session: Session, name: str, constraint: str, reference: Reference) -> None:
    def check() -> None:
        with session.translated():
            check_reference(session.live(), name, reference)

    try:
        _until_no_deadlock(check)
    except ConstraintViolated:
        session.rows(f"ALTER TABLE {LEXIS.quote(name)} DROP FOREIGN KEY {LEXIS.quote(constraint)}")
        raise


def in_words(text: str, called: Mapping[str, str]) -> str:
    """The text with the names that things have here."""

    def spell(mark: Mark, space: str, name: str) -> str:
        key = f"{space}.{name}" if space else name
        found = called.get(key, key)
        quoted = LEXIS.quote(found.removeprefix(f"{CONSTRAINT}.") if space else found)
        return quoted[1:-1] if mark == "bare" else quoted

    return spelled(text, spell)


def undo(session: Session, step: Step, called: Mapping[str, str]) -> None:
    """Remove what the step has made."""
    if step.undo:
        session.rows(in_words(step.undo, called))


def remove(session: Session, names: Sequence[str]) -> None:
    """Drop the tables that are there. ConstraintViolated where a table outside refers to one."""
    wire = session.live()
    with session.translated():
        there = tables.kinds(session.rows)
        going = {name: there[name] for name in names if name in there}
        swap.check_outside(wire, list(going))
        swap.drop(wire, going)


def clear(session: Session, schema: Schema, part: Part) -> None:
    """Delete the part's rows; of a table that keeps the rows of the past, these too."""
    table = LEXIS.quote(schema.name)
    wire = session.live()
    with session.translated(), session.our_mode(native=True):
        wire.execute(f"DELETE FROM {table}{conditions(schema, part)}")
        if session.server.mariadb and wire.rows(
            f"SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = "
            f"'SYSTEM VERSIONED' AND table_name = {literal(schema.name, Type.TEXT)}"
        ):
            wire.execute(f"DELETE HISTORY FROM {table}")
