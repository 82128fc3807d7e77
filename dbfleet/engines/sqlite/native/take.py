"""An outline's steps in this file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Final

from dbfleet.adapter import Part
from dbfleet.engines.sqlite.errors import NAME
from dbfleet.engines.sqlite.native.outline import PRAGMAS, refers
from dbfleet.engines.sqlite.native.text import called_here, without_marks
from dbfleet.engines.sqlite.read import where_of
from dbfleet.engines.sqlite.session import Session
from dbfleet.engines.sqlite.tables import names
from dbfleet.engines.sqlite.types import quote
from dbfleet.errors import AlreadyExists, ConstraintViolated, StatementError
from dbfleet.outline import Step
from dbfleet.values import Schema


def take(session: Session, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
    """Take the step; whether it changed anything. What is there already is right where it is the same or, `again`,
    ours."""
    match step.kind:
        case "module" | "definition":
            return False
        case "pragma":
            return _set(session, step)
        case "counter":
            _count_on(session, called_here("", step.collection, called), step.text)
            return True
        case "check":
            _check(session, step, without_marks(step.text, called))
            return False
    text = without_marks(step.text, called)
    try:
        session.rows(text)
    except AlreadyExists:
        if not again:
            raise
        if step.kind in ("view", "trigger"):
            _check_same(session, step, text, called)
        return False
    if step.stage == "collections":
        session.made.add(called_here("", step.collection, called))
    return True


def _set(session: Session, step: Step) -> bool:
    """A pragma of the file's; whether it was another one. The encoding is asked for only: `lacking` has said that it
    is the same."""
    ((_, word),) = step.makes
    before = session.rows(f"PRAGMA {word}")
    session.rows(step.text)
    return before != session.rows(f"PRAGMA {word}")


def _count_on(session: Session, table: str, position: str) -> None:
    with nullcontext() if session.connection.in_transaction else session.writing():
        session.rows("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        session.rows(f"INSERT INTO sqlite_sequence (name, seq) VALUES (?, {position})", (table,))


def _check(session: Session, step: Step, text: str) -> None:
    far = step.words.removeprefix("check of the reference to ")
    for _, _, parent, _ in session.rows(text):
        if parent.lower() == far.lower():
            raise ConstraintViolated(
                f"a row of {step.collection} refers to one that {far} does not have",
                engine=NAME,
                target=session.target.name,
            )


def _check_same(session: Session, step: Step, text: str, called: Mapping[str, str]) -> None:
    spaces = step.makes or (("", step.words.partition(" ")[2]),)
    name = called_here(*spaces[0], called)
    rows = session.rows("SELECT sql FROM sqlite_schema WHERE type = ? AND name = ?", (step.kind, name))
    if [(text,)] != rows:
        raise StatementError(f"{step.kind} {name} is there already and is another one", engine=NAME)


def remove(session: Session, wanted: Sequence[str]) -> None:
    """Drop the tables that are there. ConstraintViolated where a row of another one refers to theirs."""
    with session.translated(), session.unchecked(), session.writing():
        there = {name.lower(): name for name in names(session.rows)}
        going = [there[name.lower()] for name in wanted if name.lower() in there]
        for name in there.values():
            if going and name not in going and refers(session.rows, name, going):
                raise ConstraintViolated(f"{name} refers to {', '.join(going)}", engine=NAME)
        for name in going:
            session.rows(f"DROP TABLE {quote(name)}")


def clear(session: Session, schema: Schema, part: Part) -> None:
    """Delete the part's rows, whoever refers to them: they come again."""
    where, values = where_of(schema, part)
    with session.unchecked():
        session.rows(f"DELETE FROM {quote(schema.name)}{where}", values)


def undo(session: Session, step: Step, called: Mapping[str, str]) -> None:
    """Remove what the step has made."""
    if step.undo:
        session.rows(without_marks(step.undo, called))


_MODULES: Final = "SELECT name FROM pragma_module_list"


def lacking(session: Session, steps: Sequence[Step]) -> dict[str, str]:
    """Of these steps those that cannot be taken here, by their marks, and why."""
    found: dict[str, str] = {}
    modules = {str(name).lower() for (name,) in session.rows(_MODULES)}
    made = {step.collection: step for step in steps if step.stage == "collections"}
    there = {name.lower() for name in names(session.rows)} | {name.lower() for name in made}
    for step in steps:
        why = ""
        if step.kind == "module" and step.text not in modules:
            why = "this SQLite does not have"
        elif step.kind == "definition":
            why = "cannot be made elsewhere"
        elif step.kind == "pragma":
            why = _other(session, step)
        elif step.kind == "check":
            far = step.words.removeprefix("check of the reference to ")
            why = "" if far.lower() in there else f"{far} is not in the sink"
        elif step.kind == "index":
            why = _untakable(made[step.collection], step)
        if why:
            found[step.mark] = why
    return found


def _other(session: Session, step: Step) -> str:
    ((_, word),) = step.makes
    ((value,),) = session.rows(f"PRAGMA {word}")
    same = step.text.endswith((f"= {value}", f"= '{value}'"))
    free = word in ("user_version", "application_id") and value == PRAGMAS[word]
    return "" if same or free else f"is {value} in the sink"


def _untakable(table: Step, index: Step) -> str:
    """Why the index cannot be made: what SQLite says in an empty database. It may use a function of some program's."""
    with closing(sqlite3.connect(":memory:")) as trial:
        try:
            trial.execute(without_marks(table.text, {}))
        except sqlite3.Error:
            return ""  # it goes by the closed set
        try:
            trial.execute(without_marks(index.text, {}))
        except sqlite3.Error as error:
            return str(error)
    return ""
