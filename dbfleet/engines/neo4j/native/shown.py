"""Native text as a person sees it in a diff: a node's properties each by its name, temporal values and points as
Cypher writes them. Two values that are not the same and would look the same are shown as they are in a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from dbfleet.engines.neo4j.wire import moment_text
from dbfleet.native import day_text
from dbfleet.values import Column, Type

Fields = tuple[Mapping[str, Any], Mapping[str, Any]]


def unfold(column: Column, a: Any, b: Any) -> Fields:
    """What of two native values differs, by property; all of the one, where the other is None."""
    if column.shown is not Type.JSON or not all(isinstance(value, str | None) for value in (a, b)):
        return _given(column.name, a), _given(column.name, b)
    mine, yours = (None if value is None else json.loads(value) for value in (a, b))
    if column.name != "properties":
        return _pair(column.name, mine, yours, a is not None, b is not None)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in dict.fromkeys([*(mine or {}), *(yours or {})]):
        sides = [(side or {}).get(name) for side in (mine, yours)]
        if repr(sides[0]) != repr(sides[1]):  # 1 and 1.0 are two values
            pair = _pair(name, sides[0], sides[1], mine is not None, yours is not None)
            before |= pair[0]
            after |= pair[1]
    return before, after


def _given(name: str, value: Any) -> Mapping[str, Any]:
    return {} if value is None else {name: value}


def _pair(name: str, a: Any, b: Any, has_a: bool, has_b: bool) -> Fields:
    sides = plain(a), plain(b)
    if sides[0] == sides[1]:
        sides = a, b
    return ({name: sides[0]} if has_a else {}), ({name: sides[1]} if has_b else {})


def plain(value: Any) -> Any:
    """What JSON holds of a native value, with its structures as text."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, fields),) = value.items()
        if tag in _SHOWN and isinstance(fields, list):
            return _SHOWN[tag](*fields)
        if tag in ("float", "bytes"):
            return fields
    return {name: plain(item) for name, item in value.items()}


def clock(nanoseconds: int) -> str:
    """A time of day."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def offset(seconds: int) -> str:
    """How far a zone is from UTC."""
    hours, rest = divmod(abs(seconds), 3600)
    text = f"{'-' if seconds < 0 else '+'}{hours:02}:{rest // 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text


def duration(months: int, days: int, seconds: int, nanoseconds: int) -> str:
    """A duration by its four parts, each with its own sign."""
    fraction = f"{abs(nanoseconds):09}".rstrip("0")
    whole = f"{seconds}.{fraction}" if nanoseconds else str(seconds)
    return f"P{months}M{days}DT{whole}S"


def _point(srid: int, *coordinates: float) -> dict[str, Any]:
    return {"srid": srid, **dict(zip("xyz", coordinates, strict=False))}


_SHOWN: Final[Mapping[str, Callable[..., Any]]] = {
    "D": day_text,
    "t": clock,
    "T": lambda nanoseconds, seconds: clock(nanoseconds) + offset(seconds),
    "d": lambda seconds, nanoseconds: moment_text(b"d", seconds, nanoseconds),
    "I": lambda seconds, nanoseconds, zone: moment_text(b"I", seconds, nanoseconds, zone),
    "i": lambda seconds, nanoseconds, zone: moment_text(b"i", seconds, nanoseconds, zone),
    "E": duration,
    "X": _point,
    "Y": _point,
}
"""Functions from a structure's fields to what is shown, by its tag in Bolt."""
