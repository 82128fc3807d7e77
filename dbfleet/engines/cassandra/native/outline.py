"""The outline of tables: the server's own statements (DESCRIBE), with the names that may be others elsewhere between
marks. Types of the keyspace's own come first, and indexes when the rows are there.

An option that older servers do not know stands in a step of its own, unless it says what is so anyway. What has no text
cannot be made anywhere: counters, which can be counted and not be set, and tables of before CQL (COMPACT STORAGE).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dbfleet.engines.cassandra import left
from dbfleet.engines.cassandra.native.types import Fields, expanded, mentioned
from dbfleet.engines.cassandra.native.values import WHERE, types_of
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import MARK, kept_in
from dbfleet.engines.cassandra.text import quote
from dbfleet.outline import STAGES, STAYS, Outline, Step, marked

INDEXES: Final = "index"
"""The space of the indexes' names."""
NEWER: Final[Mapping[str, str]] = {
    "memtable": "'default'", "allow_auto_snapshot": "true", "incremental_backups": "true",
}  # fmt: skip
"""Options that came after 4.0, each with what is so where nothing is said."""
_COMMENT: Final = "comment = ''"
_OWN_MASK: Final = re.compile(r" MASKED WITH (?!system\.)[^\n]*\)")
"""A mask by a function of the user's own, which does not come along."""
_TABLE: Final = re.compile(r"CREATE TABLE \S+ \(")
_INDEX: Final = re.compile(r"(CREATE (?:CUSTOM )?INDEX )(\S+)( ON )\S+( \()")
_VIEW: Final = re.compile(r"CREATE MATERIALIZED VIEW \S+( AS\b.*?\n?\s*FROM )\S+", re.DOTALL)


def outline(session: Session, names: Sequence[str], *, everything: bool, views: Sequence[str], times: bool) -> Outline:
    """The steps, and what is not carried of these tables; with `everything` that of the keyspace too. `times`: when
    values were written, and when they end, is carried."""
    types = types_of(session)
    steps: list[Step] = []
    stays: list[str] = []
    needed: dict[str, list[str]] = {}
    for name in names:
        made = list(_table(session, name))
        steps += made
        for type_ in _types_in(session, name, types):
            needed.setdefault(type_, []).append(name)
        stays += [f"{name}: {text}{STAYS}" for text in left.natively(session, name, set(views), times=times)]
    order = [each for name in needed for each in mentioned(quote(name), types)]
    for place, name in enumerate(dict.fromkeys(order)):
        by = [table for each, tables in needed.items() if name in mentioned(quote(each), types) for table in tables]
        steps.append(_type(name, types, place, sorted(set(by))))
    for name in views:
        steps.append(_view(session, name))
    if everything:
        stays += [f"{text}{STAYS}" for text in left.of_keyspace(session, set(needed) | set(order))]
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(stays))


def _types_in(session: Session, name: str, types: Mapping[str, Fields]) -> list[str]:
    columns = session.rows(f"SELECT type FROM system_schema.columns {WHERE}", (session.keyspace, name))
    return list(dict.fromkeys(each for (type_,) in columns for each in mentioned(type_, types)))


def _type(name: str, types: Mapping[str, Fields], place: int, by: Sequence[str]) -> Step:
    fields = ", ".join(f"{quote(field)} {type_}" for field, type_ in types[name])
    return Step(
        "before", "type", "", f"type {expanded(quote(name), types)}", f"CREATE TYPE {quote(name)} ({fields})",
        place + 1, shared=True, undo=f"DROP TYPE IF EXISTS {quote(name)}", needed_by=tuple(by),
    )  # fmt: skip


def _feature(words: str, text: str, name: str) -> Step:
    return Step("before", "feature", "", words, text, shared=True, needed_by=(name,))


def _table(session: Session, name: str) -> Iterator[Step]:
    """The steps of a table and its indexes. NotFound if it is not there."""
    session.table(name)
    place = (session.keyspace, name)
    found = session.rows(f"SELECT comment, flags FROM system_schema.tables {WHERE}", place)
    if not found:
        raise session.not_found(name)
    comment, flags = found[0][0] or "", set(found[0][1] or ())
    columns = session.rows(f"SELECT column_name, type FROM system_schema.columns {WHERE}", place)
    if counters := sorted(column for column, type_ in columns if type_ == "counter"):
        yield _feature(f"{'counters' if len(counters) > 1 else 'the counter'} {', '.join(counters)}", "", name)
    elif "compound" not in flags or flags & {"dense", "super"}:
        yield _feature("COMPACT STORAGE", "", name)
        return
    if any("vector<" in type_ for _, type_ in columns):
        yield _feature("vectors", "vector", name)
    said = _described(session, f"TABLE {quote(name)}")
    text = _TABLE.sub(lambda _: f"CREATE TABLE {marked('named', '', name)} (", said["table", name], count=1)
    text = text.replace(f"comment = {_literal(comment)}", _COMMENT, 1)  # it may hold whatever is looked for here
    text, options = _without_newer(_OWN_MASK.sub("", text).rstrip(";\n "))
    if "MASKED WITH" in text:
        yield _feature("masked columns", "masks", name)
    own = _kept(name, comment) if kept_in(comment) else _literal(comment)
    text = text.replace(_COMMENT, f"comment = {own}", 1)
    yield Step("collections", "table", name, f"table {name}", text)
    for option, value in options:
        text = f"ALTER TABLE {marked('named', '', name)} WITH {option} = {value}"
        yield Step("keys", "option", name, f"its option {option} = {value}", text)
    for (kind, index), statement in sorted(said.items()):
        if kind == "index":
            yield _index(name, index, statement)


def _described(session: Session, what: str) -> dict[tuple[str, str], str]:
    """The server's statements that make it, by their kinds and names."""
    rows = session.rows(f"DESCRIBE {what}")
    return {(kind, name[1:-1].replace('""', '"') if name[0] == '"' else name): text for _, kind, name, text in rows}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _without_newer(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The statement without the options that an older server does not know; these, as far as they say anything."""
    head, sep, tail = text.rpartition("\n) WITH ")
    options = tail.split("\n    AND ")
    kept, newer = [], []
    for option in options:
        name, _, value = option.partition(" = ")
        if name in NEWER:
            newer += [(name, value)] if value != NEWER[name] else []
        elif option != "extensions = {}":
            kept.append(option)
    return head + sep + "\n    AND ".join(kept), newer


def _kept(name: str, comment: str) -> str:
    """The comment of a table that dbfleet made: its schema, with the names that collections have in the sink."""
    entry: dict[str, Any] = json.loads(comment.removeprefix(MARK))
    entry["name"] = marked("bare", "", name)
    for reference in entry.get("references", ()):
        reference["collection"] = marked("bare", "", reference["collection"])
    text = json.dumps(entry, ensure_ascii=False)
    for sign in "\x1a\x1f\x1c\x1d\x1e":  # json escapes them
        text = text.replace(json.dumps(sign)[1:-1], sign)
    return _literal(MARK + text)


def _index(name: str, index: str, statement: str) -> Step:
    own = marked("bare", INDEXES, index)
    text = _INDEX.sub(rf"\1{own}\3{marked('named', '', name)}\4", statement.rstrip(";\n "), count=1)
    rest = re.sub(r"^.*? ON \S+ ", "", statement.rstrip(";\n "), flags=re.DOTALL)
    return Step("keys", "index", name, f"index {index} {rest}", text, 1, makes=((INDEXES, index),))


def _view(session: Session, name: str) -> Step:
    """A view means the sink's tables."""
    said = _described(session, f"MATERIALIZED VIEW {quote(name)}")
    statement = next(text for (kind, _), text in said.items() if "view" in kind)
    base = session.rows(
        "SELECT base_table_name FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s",
        (session.keyspace, name),
    )[0][0]
    head = f"CREATE MATERIALIZED VIEW {quote(name)}"
    text = _VIEW.sub(lambda found: f"{head}{found[1]}{marked('named', '', base)}", statement, count=1)
    text, _ = _without_newer_of_view(text.rstrip(";\n "))
    return Step("views", "view", "", f"materialized view {name}", text, shared=True,
                undo=f"DROP MATERIALIZED VIEW IF EXISTS {quote(name)}")  # fmt: skip


def _without_newer_of_view(text: str) -> tuple[str, list[tuple[str, str]]]:
    head, sep, tail = text.rpartition("\n WITH ")
    if not sep:
        return text, []
    options = [each for each in tail.split("\n    AND ") if each.partition(" = ")[0] not in NEWER]
    return head + sep + "\n    AND ".join(each for each in options if each != "extensions = {}"), []
