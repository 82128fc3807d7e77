"""Changes of native rows as CQL. A value is written so that it is the same again: texts and whole numbers as people
write them, other plain values by their bytes, lists and the like by what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from dbfleet.adapter import Change
from dbfleet.engines.cassandra.literals import literal_of
from dbfleet.engines.cassandra.native.types import driver_type
from dbfleet.engines.cassandra.native.values import cells, is_raw
from dbfleet.engines.cassandra.text import quote
from dbfleet.engines.cassandra.values import NUMBERS, cql_type, is_static
from dbfleet.errors import Unsupported
from dbfleet.sql import changes as sql_changes
from dbfleet.values import Column, Schema

_TEXTS: Final = ("ascii", "text", "varchar")


def statements(table: str, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The changes as statements on the table, each with its semicolon."""
    literals = [_literal_of(column) if is_raw(column) else literal_of(column) for column in schema.columns]
    spelling = sql_changes.Spelling(table, quote, lambda place, value: literals[place](value))
    statics = [place for place, column in enumerate(schema.columns) if is_static(column)]
    for change in changes:
        if statics and None in sql_changes.key_of(schema, change):
            yield _of_partition(table, schema, change, literals, statics)
        else:
            yield from sql_changes.statements(schema, [change], spelling)


def _of_partition(
    table: str, schema: Schema, change: Change, literals: Sequence[Callable[[Any], str]], statics: Sequence[int]
) -> str:
    """The change of a partition that has static values alone."""
    row = change.after if change.after is not None else change.before
    assert row is not None
    keys = [(place, row[place]) for place in schema.key_indexes if row[place] is not None]
    where = " AND ".join(f"{quote(schema.names[place])} = {literals[place](value)}" for place, value in keys)
    names = ", ".join(quote(schema.names[place]) for place in statics)
    if change.after is None:
        return f"DELETE {names} FROM {table} WHERE {where};"
    values = [(place, row[place]) for place in statics]
    sets = ", ".join(
        f"{quote(schema.names[place])} = {'NULL' if value is None else literals[place](value)}"
        for place, value in values
    )
    return f"UPDATE {table} SET {sets} WHERE {where};"


def _literal_of(column: Column) -> Callable[[bytes], str]:
    """A function from the bytes of a column to their literal. Unsupported for a counter."""
    if cql_type(column) == "counter":
        raise Unsupported(f"column {column.name} is a counter, which can be counted and not be set")
    type_ = driver_type(cql_type(column) or "")
    return lambda value: literal(type_, value)


def literal(type_: Any, value: bytes) -> str:
    """The literal of a value of the driver's type."""
    from cassandra import cqltypes

    if value and issubclass(type_, cqltypes.UserType):
        names = (quote(name) for name in type_.fieldnames)
        fields = zip(names, type_.subtypes, cells(value), strict=False)
        return f"{{{', '.join(f'{name}: {_inner(its, cell)}' for name, its, cell in fields)}}}"
    if value and issubclass(type_, cqltypes.TupleType):
        return f"({', '.join(_inner(its, cell) for its, cell in zip(type_.subtypes, cells(value), strict=False))})"
    if value and issubclass(type_, cqltypes.MapType):
        each = list(cells(value[4:]))
        key, item = type_.subtypes
        pairs = zip(each[::2], each[1::2], strict=True)
        return f"{{{', '.join(f'{_inner(key, one)}: {_inner(item, other)}' for one, other in pairs)}}}"
    if value and issubclass(type_, cqltypes.ListType | cqltypes.SetType):
        ends = "[]" if issubclass(type_, cqltypes.ListType) else "{}"
        return f"{ends[0]}{', '.join(_inner(type_.subtypes[0], cell) for cell in cells(value[4:]))}{ends[1]}"
    if issubclass(type_, cqltypes.VectorType):
        return f"[{', '.join(literal(type_.subtype, part) for part in _of_vector(type_, value))}]"
    return _scalar(type_, value)


def _inner(type_: Any, value: bytes | None) -> str:
    return "NULL" if value is None else literal(type_, value)


def _of_vector(type_: Any, value: bytes) -> Iterator[bytes]:
    """The values of a vector: of one size, or each behind its length."""
    from cassandra.marshal import uvint_unpack

    size, at = type_.subtype.serial_size(), 0
    while at < len(value):
        width, skipped = (size, 0) if size is not None else uvint_unpack(value[at:])
        at += skipped
        yield value[at : at + width]
        at += width


def _scalar(type_: Any, value: bytes) -> str:
    name = "text" if type_.typename == "varchar" else type_.typename
    if name in _TEXTS:
        return "'" + value.decode().replace("'", "''") + "'"
    if name in NUMBERS and value:
        number = int.from_bytes(value, "big", signed=True)
        if type_.serialize(number, 4) == value:
            return str(number)
    if name == "blob":
        return f"0x{value.hex()}"
    if name == "boolean" and value in (b"\0", b"\1"):
        return "true" if value == b"\1" else "false"
    return f"blobAs{name.capitalize()}(0x{value.hex()})"
