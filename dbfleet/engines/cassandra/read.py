"""Reading rows: by key, by ranges of tokens, and all of them; no more than a page is in memory.

Keys are hashed to tokens, so ranges of tokens that are equal in size hold about as many rows each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dbfleet.adapter import WHOLE, Part
from dbfleet.columns import Convert, converted
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import Tables
from dbfleet.engines.cassandra.text import partition_of, quote, quoted
from dbfleet.engines.cassandra.values import FETCH, Rows, foreign_fetch, is_static, plain_value, store_of
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Row, Schema, Type

_FIRST_TOKEN, _LAST_TOKEN = -(2**63), 2**63 - 1


def count(session: Session, schema: Schema) -> int:
    """How many rows. Counted by token ranges: one count over a large table would run into the server's time limit."""
    partition = quoted(partition_of(schema))
    prepared = session.prepare(
        f"SELECT count(*) FROM {session.table(schema.name)} WHERE token({partition}) >= ? AND token({partition}) <= ?"
    )
    return sum(rows[0][0] for rows in session.concurrently((prepared, bounds) for bounds in _ranges(16)))


def get(session: Session, tables: Tables, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
    prepared = session.prepare(f"SELECT {quoted(schema.names)} FROM {session.table(schema.name)} WHERE {where}")
    store = store_of([tables.column(schema, name) for name in schema.key])
    fetch = _fetcher(session, tables, schema)
    for rows in session.concurrently((prepared, key) for key in store(list(keys))):
        yield from fetch(rows)


def split(parts: int) -> Sequence[Part]:
    """Token ranges of equal size."""
    if parts < 2:
        return [WHOLE]
    return [{"from": low, "to": high} for low, high in _ranges(parts)]


def scan(session: Session, tables: Tables, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The part's rows. A batch knows its columns of times as the driver gives them, with nanoseconds (`Rows`)."""
    statement = f"SELECT {quoted(schema.names)} FROM {session.table(schema.name)}"
    bounds: tuple[Any, ...] = ()
    if part:
        token = f"token({quoted(partition_of(schema))})"
        statement += f" WHERE {token} >= ? AND {token} <= ?"
        bounds = (part["from"], part["to"])
    fetch = _fetcher(session, tables, schema)
    times = [place for place, column in enumerate(schema.columns) if column.type is Type.TIME]
    keys = schema.key_indexes if any(map(is_static, tables.described(schema.name).columns)) else ()
    for rows in session.pages(session.prepare(statement).bind(bounds), batch_size):
        if keys:  # a partition that has static values alone is no row
            rows = [row for row in rows if None not in [row[place] for place in keys]]
        yield Rows(fetch(rows), {schema.names[place]: [row[place] for row in rows] for place in times})


def _fetcher(session: Session, tables: Tables, schema: Schema) -> Callable[[Sequence[Row]], Batch]:
    """A function that makes rows of what the driver gives: by the schema's types where dbfleet made the table, else by
    the table's own. StatementError for a value that its column's type does not hold, by the column's name."""
    ways = [fetch_of(session, tables, schema, name) for name in schema.names]
    plan = [(place, fetch) for place, fetch in enumerate(ways) if fetch]
    return lambda rows: converted(rows, plan)


def fetch_of(session: Session, tables: Tables, schema: Schema, name: str) -> Convert | None:
    """How a column's values are read; None where they are taken as they are."""
    known = tables.column(schema, name)
    fetch = foreign_fetch(known) if known.native else FETCH.get(schema.column(name).type)
    return _named(session, schema, name, fetch) if fetch else None


def _named(session: Session, schema: Schema, name: str, fetch: Convert) -> Convert:
    """The conversion, whose error has the column's name."""

    def convert(value: Any) -> Any:
        try:
            return fetch(value)
        except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError) as exc:
            message = f"{schema.name}.{name}: {plain_value(value)!s:.200} is no {schema.column(name).type}"
            raise StatementError(message, engine="cassandra", target=session.target.name) from exc

    return convert


def _ranges(parts: int) -> list[tuple[int, int]]:
    """All tokens in `parts` ranges, both ends included."""
    step = 2**64 // parts
    starts = [_FIRST_TOKEN + number * step for number in range(parts)]
    return [(low, high - 1) for low, high in zip(starts, [*starts[1:], _LAST_TOKEN + 1], strict=True)]
