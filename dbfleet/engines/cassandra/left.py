"""What a copy leaves behind, in words: what a table has besides its rows, and what the keyspace has besides its tables.

It comes from system_schema. Only what expires is looked for in the rows themselves, for a few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence, Set
from typing import Final

from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import columns_of
from dbfleet.engines.cassandra.text import quote, quoted
from dbfleet.engines.cassandra.values import FOREIGN, is_static
from dbfleet.errors import ConstraintViolated, NotFound, StatementError
from dbfleet.values import Schema

_PATIENCE_S: Final = 5.0
_PAGE: Final = 5000


def of_table(session: Session, schema: Schema, *, ours: bool) -> Iterator[str]:
    """What the table has besides its rows. `ours`: dbfleet made it, so its comment is the schema."""
    table = (session.keyspace, schema.name)
    where = "WHERE keyspace_name = %s AND table_name = %s"
    for name, target in session.rows(f"SELECT index_name, options FROM system_schema.indexes {where}", table):
        yield f"the index {name} ({dict(target or {}).get('target', '')})"
    for view, base in session.rows(
        "SELECT view_name, base_table_name FROM system_schema.views WHERE keyspace_name = %s", table[:1]
    ):
        if base == schema.name:
            yield f"the materialized view {view}"
    for (trigger,) in session.rows(f"SELECT trigger_name FROM system_schema.triggers {where}", table):
        yield f"the trigger {trigger}"
    yield from (f"the mask of {column}" for column, *_ in masks(session, schema.name))
    yield from _masked(session, schema.name)
    ((seconds, comment),) = session.rows(
        f"SELECT default_time_to_live, comment FROM system_schema.tables {where}", table
    )
    if seconds:
        yield f"the rows' time to live of {seconds:,} seconds"
    if comment and not ours:
        yield "its comment"
    columns = columns_of(session, schema.name)
    falling = [name for name, _, _, _, order in columns if order == "desc"]
    if falling:
        yield f"the descending order of {', '.join(falling)}"
    expiring = [
        name for name, kind, _, type_, _ in columns
        if kind in ("regular", "static") and _expires_whole(type_)
    ]  # fmt: skip
    yield from _expiring(session, schema.name, expiring)
    if any(map(is_static, schema.columns)):
        alone = _without_rows(session, schema)
        if alone:
            yield f"the static values of {alone:,} partitions that have no row"


def lost(session: Session, name: str) -> Iterator[str]:
    """What goes with the table when another one takes its place. ConstraintViolated where a materialized view reads it:
    the server drops no such table."""
    table = (session.keyspace, name)
    for view, base in session.rows(
        "SELECT view_name, base_table_name FROM system_schema.views WHERE keyspace_name = %s", table[:1]
    ):
        if base == name:
            raise ConstraintViolated(
                f"the materialized view {view} reads {name}", engine="cassandra", target=session.target.name,
                hint=f"DROP MATERIALIZED VIEW {quote(view)}; between two Cassandras --views makes it again",
            )  # fmt: skip
    for kind, relation in (("index", "indexes"), ("trigger", "triggers")):
        asked = f"SELECT {kind}_name FROM system_schema.{relation} WHERE keyspace_name = %s AND table_name = %s"
        yield from (f"{name}: the {kind} {each}" for (each,) in session.rows(asked, table))


def natively(session: Session, name: str, views: Set[str], *, times: bool) -> Iterator[str]:
    """What the table has besides its rows and does not take along to another Cassandra; these views are made there, and
    the rows have their `times`."""
    where = "WHERE keyspace_name = %s AND table_name = %s"
    table = (session.keyspace, name)
    for view, base in session.rows(
        "SELECT view_name, base_table_name FROM system_schema.views WHERE keyspace_name = %s", table[:1]
    ):
        if base == name and view not in views:
            yield f"the materialized view {view}"
    for (trigger,) in session.rows(f"SELECT trigger_name FROM system_schema.triggers {where}", table):
        yield f"the trigger {trigger}"
    yield from _masked(session, name)
    for column, keyspace, function in masks(session, name):
        if keyspace != "system":
            yield f"the mask of {column} by the function {function}"
    columns = [(column, kind, type_) for column, kind, _, type_, _ in columns_of(session, name)]
    if any(type_ == "counter" for *_, type_ in columns):
        return
    if times:
        yield from _without_times(columns)
        return
    expiring = [
        column for column, kind, type_ in columns if kind in ("regular", "static") and _expires_whole(type_)
    ]  # fmt: skip
    ((seconds,),) = session.rows(f"SELECT default_time_to_live FROM system_schema.tables {where}", table)
    anew = f" (they get the table's {seconds:,} seconds anew)" if seconds else ""
    for told in _expiring(session, name, expiring):
        yield f"{told}{anew}"


def _without_times(columns: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """What does not have its times exactly in another Cassandra."""
    for name, kind, type_ in columns:
        whole = not _expires_whole(type_) and not type_.startswith(("set<", "map<", "tuple<", "vector<"))
        if kind in ("regular", "static") and whole:
            yield f"the times of the single {'elements' if type_.startswith('list<') else 'fields'} of {name} (all " \
                  "have those of the last)"  # fmt: skip
    if all(kind != "regular" for _, kind, _ in columns):
        yield "when its rows were written and when they end, which CQL does not tell without values"


def of_keyspace(session: Session, but: Set[str] = frozenset()) -> Iterator[str]:
    """The types, `but` for these, the functions and aggregates of the keyspace."""
    for kind in ("type", "function", "aggregate"):
        rows = session.rows(
            f"SELECT {kind}_name FROM system_schema.{kind}s WHERE keyspace_name = %s", (session.keyspace,)
        )
        names = sorted({name for (name,) in rows} - (but if kind == "type" else set()))
        if names:
            yield f"the {kind}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def masks(session: Session, name: str) -> list[tuple[str, str, str]]:
    """The columns that a role without UNMASK reads masked, each with the keyspace and the name of the function that
    does so; none before Cassandra 5.0."""
    asked = "SELECT column_name, function_keyspace, function_name FROM system_schema.column_masks"
    try:
        rows = session.rows(f"{asked} WHERE keyspace_name = %s AND table_name = %s", (session.keyspace, name))
        return [(column, keyspace, function) for column, keyspace, function in rows]
    except (StatementError, NotFound):
        return []


def _masked(session: Session, name: str) -> Iterator[str]:
    """The columns whose values this role gets masked, as it has no UNMASK."""
    columns, role = [column for column, *_ in masks(session, name)], quote(session.target.user or "")
    if not columns or not session.target.user:
        return
    try:
        if any(superuser for _, superuser, *_ in session.rows(f"LIST ROLES OF {role}")):
            return
        rights = {row[3] for row in session.rows(f"LIST ALL PERMISSIONS ON TABLE {session.table(name)} OF {role}")}
    except StatementError:  # nobody's rights are looked at
        return
    if "UNMASK" not in rights:
        yield f"the values of {', '.join(columns)}, which come masked: {session.target.user} has no UNMASK"


def _expires_whole(type_: str) -> bool:
    """Whether a value of the type expires as a whole, so that TTL() tells when. A collection that is not frozen has a
    time for each of its parts."""
    return (type_ in FOREIGN and type_ != "counter") or type_.startswith("frozen<")


def _expiring(session: Session, table: str, columns: list[str]) -> Iterator[str]:
    """How many rows have values that expire, as far as the rows can be read in _PATIENCE_S."""
    if not columns:
        return
    asked = ", ".join(f"TTL({quote(name)})" for name in columns)
    count, give_up = 0, time.monotonic() + _PATIENCE_S
    for rows in session.pages(session.prepare(f"SELECT {asked} FROM {session.table(table)}"), _PAGE):
        count += sum(any(left is not None for left in row) for row in rows)
        if time.monotonic() > give_up:
            break
    if count:
        yield f"the time to live of values in {count:,} rows"


def _without_rows(session: Session, schema: Schema) -> int:
    """Partitions that have static values alone: CQL gives them as a row whose clustering columns are null."""
    prepared = session.prepare(f"SELECT {quoted(schema.key)} FROM {session.table(schema.name)}")
    return sum(None in row for rows in session.pages(prepared, _PAGE) for row in rows)
