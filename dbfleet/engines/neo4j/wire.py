"""Values that the driver cannot make, as Neo4j's own text: dates outside the years 1 to 9999, and zones that this
machine does not know. A node or a list that holds such a value comes raw too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbfleet.native import day_text

Plain = Callable[[Any], Any]


def raw_value(value: Any, plain: Plain) -> Any:
    """A raw value as a plain one. Parts of it that the driver could make are given to `plain`."""
    kind = type(value).__name__
    if kind == "BrokenHydrationObject":
        return raw_value(value.raw_data, plain)
    if kind == "Structure":
        return _structure(bytes(value.tag), [raw_value(field, plain) for field in value.fields])
    if isinstance(value, list):
        return [raw_value(item, plain) for item in value]
    if isinstance(value, dict):
        return {name: raw_value(item, plain) for name, item in value.items()}
    return plain(value)


def _structure(tag: bytes, fields: list[Any]) -> Any:
    """A structure of Bolt by its tag: a date, a moment, a node, a relationship; any other as the list of its fields."""
    if tag == b"D":
        return day_text(fields[0])
    if tag in (b"d", b"I", b"i", b"F", b"f"):
        return moment_text(tag, *fields)
    if tag == b"N":
        return {"_id": str(fields[-1]), "_labels": sorted(fields[1]), **fields[2]}
    if tag == b"R":
        _id, _from, _to = fields[-3:] if len(fields) == 8 else fields[:3]
        return {"_id": str(_id), "_type": fields[3], "_from": str(_from), "_to": str(_to), **fields[4]}
    return fields


def moment_text(tag: bytes, seconds: int, nanoseconds: int, zone: Any = None) -> str:
    """A datetime or an instant. The seconds since 1970 are UTC's under the tags `I` and `i`, else the local time's."""
    offset = zone if tag == b"I" else 0
    days, rest = divmod(seconds + offset, 86_400)
    fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
    text = f"{day_text(days)}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}{fraction}"
    if tag == b"d":
        return text
    if isinstance(zone, str):
        return f"{text}Z[{zone}]" if tag == b"i" else f"{text}[{zone}]"
    hours, seconds = divmod(abs(zone), 3600)
    return f"{text}{'-' if zone < 0 else '+'}{hours:02}:{seconds // 60:02}" if zone else f"{text}Z"
