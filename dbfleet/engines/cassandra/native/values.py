"""A table's schema by the bytes that Cassandra keeps, and what these bytes are as values of the closed set.

Bytes tell apart what Python's values do not: 1.0 and 1.00, nanoseconds, a number of no bytes at all and null. A
partition that has static values alone is a row whose clustering columns are null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from dbfleet.columns import Convert
from dbfleet.engines.cassandra.native.types import Fields, driver_type, expanded
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import columns_of
from dbfleet.engines.cassandra.values import FETCH, FOREIGN, STATIC, Rows, cql_type, foreign_fetch, plain_value
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Column, Schema, Type

RAW: Final = "as Cassandra keeps it"
"""The note of a column whose values are the server's bytes."""
_PROTOCOL: Final = 4
WHERE: Final = "WHERE keyspace_name = %s AND table_name = %s"


def is_raw(column: Column) -> bool:
    """Whether the column holds the server's bytes."""
    return column.note == RAW


def types_of(session: Session) -> dict[str, Fields]:
    """The keyspace's own types by their names."""
    rows = session.rows(
        "SELECT type_name, field_names, field_types FROM system_schema.types WHERE keyspace_name = %s",
        (session.keyspace,),
    )
    return {name: list(zip(fields or (), types or (), strict=True)) for name, fields, types in rows}


def native(session: Session, described: Schema) -> Schema:
    """The schema, with the columns in the order of the one that `describe` has told and any other behind them."""
    known = types_of(session)
    columns, keys = {}, []
    rows = columns_of(session, described.name)
    statics = any(kind == "static" for _, kind, *_ in rows)
    for name, kind, position, type_, _ in rows:
        word = expanded(type_, known) + (STATIC if kind == "static" else "")
        nullable = kind in ("regular", "static") or (kind == "clustering" and statics)
        columns[name] = Column(name, Type.BYTES, nullable, native=word, note=RAW)
        if kind in ("partition_key", "clustering"):
            keys.append((kind != "partition_key", position, name))
    key = tuple(name for _, _, name in sorted(keys))
    partition = tuple(name for clustering, _, name in sorted(keys) if not clustering)
    order = [name for name in described.names if name in columns]
    order += sorted(columns.keys() - set(order), key=lambda name: (name not in key, name))
    return Schema(
        described.name, tuple(columns[name] for name in order), key, native=True,
        partition=partition if len(partition) > 1 else (),
    )  # fmt: skip


# --- as values of the closed set ------------------------------------------------------------------------------------


def closed(native: Schema, schema: Schema, batch: Batch) -> Batch:
    """The rows of a schema that `describe` has told, with their nanoseconds (`Rows`). StatementError for a value that
    its column's type does not hold."""
    ways = [(native.names.index(each.name), _closing(native.column(each.name), each)) for each in schema.columns]
    rows = [tuple([way(row[place]) for place, way in ways]) for row in batch]
    times = [native.column(column.name) for column in schema.columns if column.type is Type.TIME]
    if not times:
        return rows
    places = [(column.name, native.names.index(column.name), _decoder(column)) for column in times]
    return Rows(rows, {name: [way(row[place]) if row[place] else None for row in batch] for name, place, way in places})


def _closing(raw: Column, column: Column) -> Convert:
    decode = _decoder(raw)
    fetch = foreign_fetch(column) if column.native else FETCH.get(column.type)

    def close(value: Any) -> Any:
        found = None if value is None else decode(value)
        if found is None or fetch is None:
            return found
        try:
            return fetch(found)
        except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError) as exc:
            message = f"{column.name}: {plain_value(found)!s:.200} is no {column.type}"
            raise StatementError(message, engine="cassandra") from exc

    return close


def _decoder(raw: Column) -> Convert:
    type_ = driver_type(cql_type(raw) or "")
    return lambda value: type_.from_binary(value, _PROTOCOL)


def unfold(column: Column, a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Two values of a column as a person sees them; where they would look the same and are not, their bytes."""
    if not is_raw(column):
        return {column.name: a}, {column.name: b}
    mine, yours = _shown(column, a), _shown(column, b)
    if a != b and (mine == yours or repr(mine) == repr(yours)):
        mine, yours = (each if each is None else f"0x{each.hex()}" for each in (a, b))
    return {column.name: mine}, {column.name: yours}


def _shown(column: Column, value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return _show(column.native or "")(value)
    except Exception:
        return f"0x{value.hex()}"


@cache
def _show(type_: str) -> Convert:
    """A function that shows bytes of the type: as a value of the closed set where there is one for it."""
    raw = Column("", Type.BYTES, native=type_)
    plain = (cql_type(raw) or "").removeprefix("frozen<")
    column = Column("", FOREIGN.get(plain, Type.JSON), native=type_)
    decode, fetch = _decoder(raw), foreign_fetch(column)

    def show(value: bytes) -> Any:
        found = decode(value)
        if found is None:
            return f"0x{value.hex()}"
        try:
            return fetch(found) if fetch else found
        except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError):
            return plain_value(found)

    return show


def cells(value: bytes) -> Iterator[bytes | None]:
    """The values that stand one after another, each behind its length; a length below zero is null."""
    at = 0
    while at < len(value):
        size = int.from_bytes(value[at : at + 4], "big", signed=True)
        at += 4
        yield None if size < 0 else value[at : at + size]
        at += max(size, 0)


def columns_raw(columns: Sequence[Column]) -> frozenset[str]:
    """The names of those that hold the server's bytes."""
    return frozenset(column.name for column in columns if is_raw(column))
