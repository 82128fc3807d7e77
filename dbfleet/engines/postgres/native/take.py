"""An outline's steps on the sink's server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.adapter import Part
from dbfleet.engines.postgres.native import needs
from dbfleet.engines.postgres.native.outline import spelled_out
from dbfleet.engines.postgres.read import find
from dbfleet.engines.postgres.session import Session
from dbfleet.engines.postgres.tables import Execute, Tables, from_, where
from dbfleet.engines.postgres.types import LEXIS
from dbfleet.errors import AlreadyExists, StatementError, Unsupported
from dbfleet.outline import Mark, Step, spelled
from dbfleet.values import Schema


def take(session: Session, tables: Tables, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
    """Take the step; whether it changed anything. What is there already is right where it is the same or, `again`,
    ours, and Unsupported where it is another one."""
    text = _in_words(tables, step.text, called)
    if step.kind == "schema" and session.rows(_THERE, [step.makes[0][0]]):
        return False  # asked first: who may make none is told that, and not that it is there
    with session.translated():
        try:
            with session.ready().transaction():
                if step.path:
                    spaces = dict.fromkeys((tables.split("")[0], step.path))
                    session.rows(f"SET LOCAL search_path = {LEXIS.quote_all(spaces)}")
                if step.kind == "function":  # its text may name what comes later
                    session.rows("SET LOCAL check_function_bodies = off")
                for statement in _for_older(session, step, text):
                    session.rows(statement)
        except StatementError as error:
            if not isinstance(error, AlreadyExists) and error.code != _SECOND_KEY:
                raise
            if step.shared:
                _check_same(session, step)
            elif not again:
                raise
            return False
    return True


_THERE: Final = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1"
_NAME: Final = r'(?:"(?:[^"]|"")+"|[^\s",()]+)'
_NOT_NULL: Final = re.compile(rf"(?<=[(\s])CONSTRAINT {_NAME} NOT NULL ({_NAME})(?: NO INHERIT)?(?:, |(?=\)))")
"""Of a table that inherits: a constraint beside the columns, since version 18."""


def _for_older(session: Session, step: Step, text: str) -> list[str]:
    """The step's statements, in words that also a server before version 18 understands."""
    if step.kind != "table" or session.connection.info.server_version >= 180000:
        return [text]
    table = text.partition("TABLE ")[2].partition(" (")[0]
    columns = _NOT_NULL.findall(text)
    if not columns:
        return [text]
    made = _NOT_NULL.sub("", text).replace(", )", ")")
    return [made, *(f"ALTER TABLE ONLY {table} ALTER {name} SET NOT NULL" for name in columns)]


_SECOND_KEY: Final = "42P16"


def remove(session: Session, tables: Tables, names: Sequence[str]) -> None:
    """Drop the tables that are there."""
    if names:
        with session.translated(), session.ready().transaction():
            session.rows(f"DROP TABLE IF EXISTS {', '.join(map(tables.sql, names))}")
            for space in {tables.split(name)[0] for name in names}:
                tables.drop_space(space)


def clear(session: Session, tables: Tables, schema: Schema, part: Part) -> None:
    """Delete the part's rows."""
    table = find(session, tables, schema.name)
    condition, values = where(schema, table, part)
    session.rows(f"DELETE FROM {from_(schema, table)}{condition}", values)


def undo(session: Session, tables: Tables, step: Step, called: Mapping[str, str]) -> None:
    """Remove what the step has made."""
    if step.undo:
        session.rows(_in_words(tables, step.undo, called))


def _in_words(tables: Tables, text: str, called: Mapping[str, str]) -> str:
    return spelled(text, lambda mark, space, name: _spelled(tables, called, mark, space, name))


def _spelled(tables: Tables, called: Mapping[str, str], mark: Mark, space: str, name: str) -> str:
    collection = tables.joined(space or None, name)
    space, name = tables.split(called.get(collection, collection))
    if mark == "bare":
        return LEXIS.quote(name)
    text = f"{LEXIS.quote(space)}.{LEXIS.quote(name)}"
    return text.replace("'", "''") if mark == "quoted" else text


def _check_same(session: Session, step: Step) -> None:
    """Whether what has the step's name is as the step would make it. Of a sequence nothing is asked: its position goes
    on."""
    if step.kind in ("schema", "sequence"):
        return
    with session.ready().transaction():
        found = _definition(session.rows, step)
    if found != step.text:
        raise Unsupported(
            f"{step.words} is there already and is another one",
            hint=f"there: {found or 'something else of this name'}; the source has: {step.text}",
        )


def _definition(execute: Execute, step: Step) -> str:
    ((space, name),) = step.makes
    texts: list[str] = []
    with spelled_out(execute):
        for catalogue, oid in execute(needs.OF_NAME, [space, name, step.kind]):
            rows = execute(needs.NEEDS, ["{}", space, f"{{{oid}}}", catalogue, "false", "{}"])
            texts += [row[4] for row in rows if (row[0], row[2]) == (step.kind, name)]
    return str(texts[0]) if texts else ""


_AVAILABLE: Final = "SELECT name FROM pg_catalog.pg_available_extensions"


def lacking(session: Session, steps: Sequence[Step]) -> dict[str, str]:
    """Of these steps those that this server cannot take, by their marks, and why."""
    found = {step.mark: "is none that is carried" for step in steps if step.shared and not step.text}
    accounts = {account for step in steps for account in step.accounts}
    if accounts:
        accounts -= {name for (name,) in session.rows("SELECT rolname FROM pg_catalog.pg_roles")}
        for step in steps:
            if gone := sorted(accounts.intersection(step.accounts)):
                found[step.mark] = f"there is no account {', '.join(gone)}"
    extensions = [step for step in steps if step.kind == "extension"]
    if extensions:
        there = {name for (name,) in session.rows(_AVAILABLE)}
        found |= {step.mark: "is not on the server" for step in extensions if step.makes[0][1] not in there}
    return found
