"""Changes of native nodes that have a key as Cypher statements. A node is made what it is to be, with its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from dbfleet.adapter import Change
from dbfleet.engines.neo4j.literals import literal
from dbfleet.engines.neo4j.native.shown import clock, offset
from dbfleet.engines.neo4j.native.values import labels_of, properties_of, value_of
from dbfleet.engines.neo4j.native.write import made_by_key
from dbfleet.engines.neo4j.text import quoted
from dbfleet.engines.neo4j.wire import moment_text
from dbfleet.errors import Unsupported
from dbfleet.native import day_text
from dbfleet.sql.changes import key_of
from dbfleet.values import Schema


def statements(schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """A statement for each change. Unsupported for bytes, which Cypher has no literal for."""
    for change in changes:
        if change.after is None:
            same = zip(schema.key, key_of(schema, change), strict=True)
            where = " AND ".join(f"x.{quoted(name)} = {_literal(value_of(text))}" for name, text in same)
            yield f"MATCH (x:{quoted(schema.name)}) WHERE {where} DETACH DELETE x;"
            continue
        cells = dict(zip(schema.names, change.after, strict=True))
        properties = _literal(properties_of(cells["properties"]))
        statement = made_by_key(schema, sorted(labels_of(cells["labels"])))
        yield statement.replace("$rows", f"[[null, {properties}]]", 1) + ";"


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(name)}: {_literal(item)}" for name, item in value.items()) + "}"
    if not hasattr(value, "tag"):
        return literal(value)
    if value.tag.decode() not in _STRUCTURES:
        raise Unsupported(f"Cypher has no literal for {value!r}", hint="--yes writes it")
    return _STRUCTURES[value.tag.decode()](*value.fields)


def _moment(seconds: int, nanoseconds: int, zone: str) -> str:
    return f"datetime({{epochSeconds: {seconds}, nanosecond: {nanoseconds}, timezone: {literal(zone)}}})"


def _point(srid: int, *coordinates: float) -> str:
    places = ", ".join(f"{axis}: {literal(float(each))}" for axis, each in zip("xyz", coordinates, strict=False))
    return f"point({{srid: {srid}, {places}}})"


_STRUCTURES: Final[Mapping[str, Callable[..., str]]] = {
    "D": lambda days: f"date('{day_text(days)}')",
    "t": lambda nanoseconds: f"localtime('{clock(nanoseconds)}')",
    "T": lambda nanoseconds, seconds: f"time('{clock(nanoseconds)}{offset(seconds)}')",
    "d": lambda seconds, nanoseconds: f"localdatetime('{moment_text(b'd', seconds, nanoseconds)}')",
    "I": lambda seconds, nanoseconds, zone: _moment(seconds, nanoseconds, offset(zone)),
    "i": _moment,
    "E": lambda months, days, seconds, nanoseconds: (
        f"duration({{months: {months}, days: {days}, seconds: {seconds}, nanoseconds: {nanoseconds}}})"
    ),
    "X": _point,
    "Y": _point,
}
"""Functions from a structure's fields to Cypher, by its tag in Bolt."""
