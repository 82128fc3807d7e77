"""Values as Neo4j keeps them, the answers' graph types as plain values, and Cypher text taken apart.

Kept in types of Neo4j's own: bool int float text bytes date time datetime instant. Decimals, uuids and json are text.
A node in a result becomes `{"_id": …, "_labels": [...], <its properties>}`, a relationship `{"_id": …, "_type": …,
"_from": …, "_to": …, <its properties>}`, a path the list of both in order; durations and whatever Python cannot hold
(nanoseconds, times with a zone) are Neo4j's own text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from dbfleet.engines.neo4j.wire import raw_value
from dbfleet.errors import Unsupported
from dbfleet.values import TEXT_OF, VALUE_OF, Type

Convert = Callable[[Any], Any]


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


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
    """STORE, with moments as the structures of Bolt 5 that they become: the driver makes each by way of pytz, 45 µs,
    where this takes 1. Without them where its packer is not the one that we know, or the server's Bolt is older."""
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


# --- literals -----------------------------------------------------------------------------------------------------


def literal(value: Any) -> str:
    """A stored value, or a list of them, in Cypher. Unsupported for bytes, which Cypher's text cannot hold."""
    if value is None:
        return "null"
    write = _LITERAL.get(type(value))
    if write is None:
        raise Unsupported(f"Cypher has no literal for {type(value).__name__}", hint="--yes writes it")
    return write(value)


_ESCAPES: Final = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _text(value: str) -> str:
    return "'" + "".join(_ESCAPES.get(char) or _shown(char) for char in value) + "'"


def _shown(char: str) -> str:
    return char if ord(char) >= 32 and char != "\x7f" else f"\\u{ord(char):04x}"


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    return repr(value) if value not in (float("inf"), float("-inf")) else ("Infinity" if value > 0 else "-Infinity")


def _datetime(value: datetime) -> str:
    if value.tzinfo is None:
        return f"localdatetime('{value.isoformat()}')"
    return f"datetime('{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z')"


_LITERAL: Final[Mapping[type, Callable[[Any], str]]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _float,
    str: _text,
    date: lambda value: f"date('{value.isoformat()}')",
    time: lambda value: f"localtime('{value.isoformat()}')",
    datetime: _datetime,
    list: lambda value: "[" + ", ".join(map(literal, value)) + "]",
}


# --- answers ------------------------------------------------------------------------------------------------------


def plain_value(value: Any) -> Any:
    """A value of an answer as a plain Python value."""
    convert = _PLAIN.get(type(value).__name__)
    return convert(value) if convert else value


def _temporal(value: Any) -> Any:
    if getattr(value, "nanosecond", 0) % 1000:
        return value.iso_format()
    if type(value).__name__ == "Time" and value.tzinfo is not None:
        return value.iso_format()
    if getattr(value, "tzinfo", None) is not None:
        return _instant(value)
    return value.to_native()


def _properties(value: Any) -> dict[str, Any]:
    return {name: plain_value(each) for name, each in value.items()}


def _node(value: Any) -> dict[str, Any]:
    return {"_id": value.element_id, "_labels": sorted(value.labels), **_properties(value)}


def _relationship(value: Any) -> dict[str, Any]:
    ends = [end.element_id if end is not None else None for end in value.nodes]
    return {"_id": value.element_id, "_type": value.type, "_from": ends[0], "_to": ends[1], **_properties(value)}


def _path(value: Any) -> list[Any]:
    found = [_node(value.start_node)]
    for relationship, node in zip(value.relationships, value.nodes[1:], strict=True):
        found += [_relationship(relationship), _node(node)]
    return found


def _point(value: Any) -> dict[str, Any]:
    return {"srid": value.srid, **dict(zip("xyz", value, strict=False))}


_PLAIN: Final[Mapping[str, Convert]] = {
    "Node": _node,
    "Path": _path,
    "list": lambda value: [plain_value(each) for each in value],
    "dict": _properties,
    "bytearray": bytes,
    "Date": _temporal,
    "Time": _temporal,
    "DateTime": _temporal,
    "Duration": lambda value: value.iso_format(),
    "Point": _point,
    "CartesianPoint": _point,
    "WGS84Point": _point,
    "BrokenHydrationObject": lambda value: raw_value(value.raw_data, plain_value),
}


def plain_row(values: Any) -> tuple[Any, ...]:
    return tuple(
        _relationship(value) if hasattr(value, "nodes") and hasattr(value, "type") else plain_value(value)
        for value in values
    )


def record_values(record: Any) -> tuple[Any, ...]:
    """A record's values; those that the driver could not make are among them, where the record itself would raise."""
    return tuple(tuple.__iter__(record))


def wide_of(value: Any) -> int:
    """About how many bytes a value of an answer holds, or a tuple of them."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(wide_of, value))
    if hasattr(value, "values"):  # a map, a node, a relationship
        return sum(map(wide_of, value.values()))
    return 8


def heap_of(row: Any) -> int:
    """About how many bytes the values of a row are in Java: text beyond Latin-1 has two a character."""
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
    """A setting's size, such as 235.20MiB, in bytes; 0 where there is none."""
    found = re.fullmatch(r"([\d.]+)(B|KiB|MiB|GiB)", setting or "")
    return int(float(found[1]) * {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[found[2]]) if found else 0


# --- text ---------------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`]|``)*`|//[^\n]*|/\*.*?(?:\*/|\Z)|\$(?:`([^`]+)`|(\w+))|;""",
    re.DOTALL,
)


def statements(text: str) -> list[str]:
    """The statements of a text, which semicolons separate; empty ones are left out."""
    found, start = [], 0
    for token in _TOKEN.finditer(text):
        if token[0] == ";":
            found.append(text[start : token.start()])
            start = token.end()
    found.append(text[start:])
    return [each.strip() for each in found if _TOKEN.sub(_without_comments, each).strip()]


def _without_comments(token: re.Match[str]) -> str:
    return "" if token[0][:2] in ("//", "/*") else token[0]


def parameters(text: str) -> set[str]:
    """The names of the parameters, outside quotes and comments."""
    return {token[1] or token[2] for token in _TOKEN.finditer(text) if token[0][0] == "$"}
