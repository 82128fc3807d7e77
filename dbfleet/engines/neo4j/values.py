"""Values as Neo4j keeps them, and the answers' graph types as plain values.

Neo4j has types of its own for bool int float text bytes date time datetime instant. Decimals, uuids and json are text.
In a result a node is `{"_id": …, "_labels": [...], <its properties>}`, a relationship is `{"_id": …, "_type": …,
"_from": …, "_to": …, <its properties>}`, and a path is the list of both in order. Durations, nanoseconds and times with
a zone, which Python cannot hold, are Neo4j's own text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from dbfleet.engines.neo4j.wire import raw_value
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Row, Type

Convert = Callable[[Any], Any]


# --- columns ------------------------------------------------------------------------------------------------------

STORE: Final[Mapping[Type, Convert]] = {
    Type.DECIMAL: TEXT_OF[Type.DECIMAL],
    Type.UUID: TEXT_OF[Type.UUID],
    Type.JSON: TEXT_OF[Type.JSON],
    Type.INSTANT: lambda value: value if value.tzinfo is UTC else value.astimezone(UTC),
}


_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - Bolt's local datetimes have no zone
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)


def packing(bolt: tuple[int, int]) -> Mapping[Type, Convert]:
    """STORE, with moments as the structures of Bolt 5: 1 µs each, where the driver takes 45 by way of pytz. STORE alone
    where the server's Bolt is older, or where the driver's packer is not the one that we know."""
    try:
        from neo4j._codec.packstream import Structure
    except ImportError:
        return STORE
    if bolt < (5, 0):
        return STORE

    def local(value: datetime) -> Any:
        since = value - _EPOCH
        return Structure(b"d", since.days * 86400 + since.seconds, since.microseconds * 1000)

    def instant(value: datetime) -> Any:
        since = value - _EPOCH_UTC
        return Structure(b"I", since.days * 86400 + since.seconds, since.microseconds * 1000, 0)

    return {**STORE, Type.DATETIME: local, Type.INSTANT: instant}


def stored(columns: Sequence[Column], rows: Sequence[Row], table: Mapping[Type, Convert] = STORE) -> list[list[Any]]:
    """The rows as lists of what Neo4j keeps, for a parameter."""
    plan = [(place, table[column.type]) for place, column in enumerate(columns) if column.type in table]
    lists = [list(row) for row in rows]
    for values in lists:
        for place, store in plan:
            if values[place] is not None:
                values[place] = store(values[place])
    return lists


def _native(value: Any) -> Any:
    return value.to_native()


def _instant(value: Any) -> datetime:
    # Not to_native on the zoned value: it asks pytz, which fails near the first and the last year.
    naive: datetime = value.replace(tzinfo=None).to_native()
    offset = value.utcoffset()
    return (naive - offset if offset else naive).replace(tzinfo=UTC)


FETCH: Final[Mapping[Type, Convert]] = {
    Type.DECIMAL: VALUE_OF[Type.DECIMAL],
    Type.UUID: VALUE_OF[Type.UUID],
    Type.JSON: VALUE_OF[Type.JSON],
    Type.DATE: _native,
    Type.TIME: _native,
    Type.DATETIME: _native,
    Type.INSTANT: _instant,
}


# --- answers ------------------------------------------------------------------------------------------------------


_SCALARS: Final = frozenset({str, int, float, bool, type(None), bytes})


def plain_value(value: Any) -> Any:
    """A value of an answer as a plain Python value."""
    if type(value) in _SCALARS:
        return value
    if _is_relationship(value):  # first: its class is called as the user calls the type, and that may be `Date`
        return _relationship(value)
    convert = _PLAIN.get(type(value).__name__)
    return convert(value) if convert else value


def _time(value: Any) -> Any:
    """A time; as Neo4j's text where it has nanoseconds or a zone."""
    return value.iso_format() if value.nanosecond % 1000 or value.tzinfo is not None else value.to_native()


def _datetime(value: Any) -> Any:
    """A datetime, or an instant where it has a zone; as Neo4j's text where it has nanoseconds."""
    if value.nanosecond % 1000:
        return value.iso_format()
    return value.to_native() if value.tzinfo is None else _instant(value)


def _properties(value: Any) -> dict[str, Any]:
    return {name: plain_value(item) for name, item in value.items()}


def _node(value: Any) -> dict[str, Any]:
    return {"_id": value.element_id, "_labels": sorted(value.labels), **_properties(value)}


def _relationship(value: Any) -> dict[str, Any]:
    ends = [end.element_id if end is not None else None for end in value.nodes]
    return {"_id": value.element_id, "_type": value.type, "_from": ends[0], "_to": ends[1], **_properties(value)}


def _path(value: Any) -> list[Any]:
    steps = [_node(value.start_node)]
    for relationship, node in zip(value.relationships, value.nodes[1:], strict=True):
        steps += [_relationship(relationship), _node(node)]
    return steps


def _point(value: Any) -> dict[str, Any]:
    return {"srid": value.srid, **dict(zip("xyz", value, strict=False))}


_PLAIN: Final[Mapping[str, Convert]] = {
    "Node": _node,
    "Path": _path,
    "list": lambda value: [plain_value(item) for item in value],
    "dict": _properties,
    "bytearray": bytes,
    "Date": _native,
    "Time": _time,
    "DateTime": _datetime,
    "Duration": lambda value: value.iso_format(),
    "Point": _point,
    "CartesianPoint": _point,
    "WGS84Point": _point,
    "BrokenHydrationObject": lambda value: raw_value(value.raw_data, plain_value),
}


def plain_row(values: Any) -> tuple[Any, ...]:
    """The values of a record as plain Python values."""
    return tuple(map(plain_value, values))


def _is_relationship(value: Any) -> bool:
    """The driver makes a class of its own for each type of relationships."""
    return type(value).__bases__[0].__name__ == "Relationship"


def record_values(record: Any) -> tuple[Any, ...]:
    """A record's values, among them those that the driver could not make: the record itself would raise for them."""
    return tuple(tuple.__iter__(record))


def wide_of(value: Any) -> int:
    """About how many bytes a value of an answer holds, or a tuple of them."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, int | float):  # most values: what follows takes longer
        return 8
    if isinstance(value, list | tuple):
        return sum(map(wide_of, value))
    if isinstance(value, Mapping):  # a map, a node, a relationship
        return sum(map(wide_of, value.values()))
    return 8


def heap_of(row: Any) -> int:
    """About how many bytes the values of a row have in Java: text beyond Latin-1 has two bytes a character."""
    size = 0
    for value in row:
        if isinstance(value, str):
            size += len(value) if value.isascii() else 2 * len(value)
        elif isinstance(value, bytes):
            size += len(value)
        elif isinstance(value, list | dict):
            size += 2 * wide_of(value)
    return size


def bytes_of(setting: str | None) -> int:
    """The size that a setting holds, such as 235.20MiB, in bytes; 0 where it holds none."""
    size = re.fullmatch(r"([\d.]+)(B|KiB|MiB|GiB)", setting or "")
    return int(float(size[1]) * {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[size[2]]) if size else 0
