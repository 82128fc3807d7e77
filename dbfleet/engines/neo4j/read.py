"""Reading rows: by key, by ranges of the key, and all of them. A value that is not of its column's type is an error
that names the column."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from dbfleet.adapter import BATCH_SIZE, WHOLE, Part
from dbfleet.engines.neo4j.foreign import Layout
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import quoted
from dbfleet.engines.neo4j.values import Convert, plain_value, stored
from dbfleet.errors import StatementError
from dbfleet.values import TEXT_OF, VALUE_OF, Batch, Column, Row, Schema


def get(session: Session, collections: Collections, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    layout = collections.known(schema)
    columns = [schema.column(name) for name in schema.key]
    where = " AND ".join(f"{layout.lies(name)} = k[{place}]" for place, name in enumerate(schema.key))
    statement = f"UNWIND $keys AS k MATCH {layout.match} WHERE {where} RETURN {layout.fields(schema)}"
    for start in range(0, len(keys), BATCH_SIZE):
        wanted = stored(columns, keys[start : start + BATCH_SIZE])
        for rows in session.pages(statement, {"keys": wanted}, BATCH_SIZE):
            yield from _fetched(session, layout, schema, rows)


def split(session: Session, collections: Collections, schema: Schema, parts: int) -> Sequence[Part]:
    """Ranges of the key's first column, whose index gives its values in order."""
    if parts < 2 or not schema.key or schema.key[0] in collections.known(schema).made:
        return [WHOLE]
    layout = collections.known(schema)
    column = schema.column(schema.key[0])
    name = quoted(column.name)
    rows = collections.count(schema.name)
    bounds: list[str] = []
    for number in range(1, parts):
        first = session.rows(
            f"MATCH {layout.match} WHERE x.{name} IS NOT NULL RETURN x.{name} ORDER BY x.{name} SKIP $skip LIMIT 1",
            {"skip": rows * number // parts},
        )
        if first:
            ((value,),) = _fetched(session, layout, Schema(schema.name, (column,)), first)
            text = TEXT_OF[column.type](value)
            if text not in bounds:
                bounds.append(text)
    edges = [None, *bounds, None]
    return [
        {word: text for word, text in (("from", low), ("below", high)) if text is not None}
        for low, high in itertools.pairwise(edges)
    ]


def scan(
    session: Session, collections: Collections, schema: Schema, part: Part, batch_size: int
) -> Iterator[Batch]:  # fmt: skip
    """The part's rows. NotFound where the collection is not there."""
    layout = collections.known(schema)
    where, params = within(schema, part)
    statement = f"MATCH {layout.match}{where} RETURN {layout.fields(schema)}"
    empty = True
    for rows in session.pages(statement, params, batch_size):
        empty = False
        yield _fetched(session, layout, schema, rows)
    if empty:
        collections.layout(schema.name)  # NotFound, where the collection is not only empty


def within(schema: Schema, part: Part) -> tuple[str, dict[str, Any]]:
    """The condition under which a row x is of the part, with its parameters; empty for the whole."""
    conditions: list[str] = []
    params: dict[str, Any] = {}
    for word, sign in (("from", ">="), ("below", "<")):
        if word in part:
            column = schema.column(schema.key[0])
            conditions.append(f"x.{quoted(column.name)} {sign} ${word}")
            params[word] = stored([column], [(VALUE_OF[column.type](part[word]),)])[0][0]
    return f" WHERE {' AND '.join(conditions)}" if conditions else "", params


def _fetched(session: Session, layout: Layout, schema: Schema, rows: Sequence[Any]) -> Batch:
    """The rows, of values by their columns' types. StatementError for a value of another type."""
    if not rows:
        return []
    columns = list(zip(*rows, strict=True))
    for place, column in enumerate(schema.columns):
        stranger = layout.stranger(column, columns[place])
        if stranger is not None:
            raise _wrong(session, schema, column, stranger)
        fetch = layout.fetch(column)
        if fetch:
            columns[place] = tuple([_fetch_one(session, fetch, schema, column, value) for value in columns[place]])
    return list(zip(*columns, strict=True))


def _fetch_one(session: Session, fetch: Convert, schema: Schema, column: Column, value: Any) -> Any:
    try:
        return None if value is None else fetch(value)
    except (ValueError, TypeError, ArithmeticError) as exc:
        raise _wrong(session, schema, column, value) from exc


def _wrong(session: Session, schema: Schema, column: Column, value: Any) -> StatementError:
    """The error for a value that is not of its column's type."""
    message = f"{schema.name}.{column.name}: {plain_value(value)!r} is no {column.type}"
    hint = "other rows have other values there, or a query has changed what dbfleet made"
    return StatementError(message, engine="neo4j", target=session.target.name, hint=hint)
