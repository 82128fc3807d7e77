"""What Bolt sends and the driver cannot make a value of, as Neo4j's own text: dates outside the years 1 to 9999, zones
that this machine does not know. What holds such a value, a node or a list, comes raw with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbfleet.native import day_text

Plain = Callable[[Any], Any]


def raw_value(value: Any, plain: Plain) -> Any:
    """A value of Bolt's, whose parts may be the driver's already: `plain` knows those."""
    kind = type(value).__name__
    if kind == "BrokenHydrationObject":
        return raw_value(value.raw_data, plain)
    if kind == "Structure":
        return _structure(bytes(value.tag), [raw_value(each, plain) for each in value.fields])
    if isinstance(value, list):
        return [raw_value(each, plain) for each in value]
    if isinstance(value, dict):
        return {name: raw_value(each, plain) for name, each in value.items()}
    return plain(value)


def _structure(tag: bytes, fields: list[Any]) -> Any:
    if tag == b"D":
        return day_text(fields[0])
    if tag in (b"d", b"I", b"i", b"F", b"f"):
        return _moment(tag, *fields)
    if tag == b"N":
        return {"_id": str(fields[-1]), "_labels": sorted(fields[1]), **fields[2]}
    if tag == b"R":
        _id, _from, _to = fields[-3:] if len(fields) == 8 else fields[:3]
        return {"_id": str(_id), "_type": fields[3], "_from": str(_from), "_to": str(_to), **fields[4]}
    return fields


def _moment(tag: bytes, seconds: int, nanoseconds: int, zone: Any = None) -> str:
    """Seconds since 1970: of UTC under `I` and `i`, else of the zone's own clock."""
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
