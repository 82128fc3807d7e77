"""Graphs that dbfleet did not make: the columns of their labels and relationship types, and where each value lies.

Properties are looked at on the server, of all nodes: one that a single node has is not to be lost. A property of one
kind is a column of its type, one of several kinds is json. What Python or the closed set cannot hold comes as Neo4j's
own text, and its column has a note: nanoseconds, zones, years outside 1 to 9999, durations. Lists and points are json.

A label's key is that of a unique constraint, if every node has it. Where it has none and its nodes have relationships,
the nodes' element ids are its key: the column `_id`. The ends of relationships, `_from` and `_to`, hold the keys of the
label that all of them have; where there is no such label they are element ids, with a note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from dbfleet.engines.neo4j.text import match
from dbfleet.engines.neo4j.values import FETCH, Convert, plain_value, quoted
from dbfleet.errors import NotFound, Unsupported
from dbfleet.native import json_of
from dbfleet.values import JSON_NULL, Column, Reference, Schema, Type, json_text

if TYPE_CHECKING:
    from dbfleet.engines.neo4j.adapter import Neo4jAdapter

_BYTES_SAMPLE: Final = 20
_ZONED: Final = "ZONED DATETIME"
_MADE_OF: Final = "Neo4j's element id"

_KINDS: Final[Mapping[str, Type]] = {
    "BOOLEAN": Type.BOOL, "INTEGER": Type.INT, "FLOAT": Type.FLOAT, "STRING": Type.TEXT, "DATE": Type.DATE,
    "LOCAL TIME": Type.TIME, "LOCAL DATETIME": Type.DATETIME, "ZONED DATETIME": Type.INSTANT,
}  # fmt: skip
_AS_TEXT: Final[Mapping[str, str]] = {"ZONED TIME": "a time with a zone, as text", "DURATION": "a duration, as text"}


@dataclass(frozen=True)
class Layout:
    """A collection's schema, and what gives each column in Cypher, of a node or relationship x. `expressions` is empty
    for what dbfleet made: there each column is a property. `made` are columns that are no properties: element ids, and
    the keys of what a relationship connects. `relationship`: x is one, whether or not a schema can say so, as where its
    ends are of many labels."""

    schema: Schema
    expressions: Mapping[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    relationship: bool = False

    @property
    def match(self) -> str:
        """The pattern of x."""
        return f"()-[x:{quoted(self.schema.name)}]->()" if self.relationship else match(self.schema)

    @property
    def foreign(self) -> bool:
        return bool(self.expressions)

    def lies(self, column: str) -> str:
        return self.expressions.get(column) or f"x.{quoted(column)}"

    def fields(self, schema: Schema) -> str:
        return ", ".join(map(self.lies, schema.names))

    def fetch(self, column: Column) -> Convert | None:
        """What makes of an answer's value the column's."""
        return (_FETCH_FOREIGN if self.foreign else _FETCH_OWN).get(column.type)

    def stranger(self, column: Column, values: Sequence[Any]) -> Any:
        """A value that is not of the column's type; None where each is."""
        if column.type not in _ANSWERS:
            return None
        names = {type(value).__name__ for value in values} - _ANSWERS[column.type] - {"NoneType"}
        if names:
            return next(value for value in values if type(value).__name__ in names)
        if self.foreign and column.type in (Type.TIME, Type.DATETIME, Type.INSTANT):
            return next((each for each in values if each is not None and _strange_moment(column.type, each)), None)
        return None

    def store(self, schema: Schema) -> Mapping[Type, Convert]:
        """How values are written otherwise than into what dbfleet made. Unsupported for what is read only."""
        if not self.foreign:
            return {}
        for column in schema.columns:
            there = self.schema.column(column.name) if column.name in self.schema.names else column
            if column.name in self.made or (there.note and there.type is not Type.JSON and there.native != _ZONED):
                why = there.note or "what it connects"
                raise Unsupported(f"{schema.name}.{column.name} is read and not written: {why}", engine="neo4j")
        return {Type.JSON: _property}


def sampled(adapter: Neo4jAdapter, name: str) -> Layout:
    """NotFound where nothing has the name."""
    if adapter._rows(f"MATCH (x:{quoted(name)}) RETURN 1 LIMIT 1"):
        return _label(adapter, name)
    if adapter._rows(f"MATCH ()-[x:{quoted(name)}]->() RETURN 1 LIMIT 1"):
        return _type(adapter, name)
    raise NotFound(f"no collection {name!r}", engine="neo4j", target=adapter.target.name)


def _label(adapter: Neo4jAdapter, name: str) -> Layout:
    properties = _columns(adapter, f"(x:{quoted(name)})")
    columns, expressions = [column for column, _ in properties], {column.name: text for column, text in properties}
    key = _unique_key(adapter, name, {column.name: column for column in columns})
    if key:
        columns = [replace(column, nullable=column.name not in key) for column in columns]
        return Layout(Schema(name, tuple(columns), key), expressions, frozenset())
    related = adapter._rows(
        f"CALL () {{ MATCH (:{quoted(name)})-[x]->() RETURN count(x) AS n UNION ALL "
        f"MATCH ()-[x]->(:{quoted(name)}) RETURN count(x) AS n }} RETURN sum(n)"
    )[0][0]
    if not related:
        return Layout(Schema(name, tuple(columns)), expressions, frozenset())
    own = _free("_id", expressions)
    columns.insert(0, Column(own, Type.TEXT, nullable=False, note=_MADE_OF))
    return Layout(Schema(name, tuple(columns), (own,)), {**expressions, own: "elementId(x)"}, frozenset((own,)))


def _type(adapter: Neo4jAdapter, name: str) -> Layout:
    properties = _columns(adapter, f"()-[x:{quoted(name)}]->()")
    taken = {column.name for column, _ in properties}
    columns: list[Column] = []
    expressions: dict[str, str] = {}
    references = []
    labels = [label for (label,) in adapter._rows("CALL db.labels() YIELD label RETURN label ORDER BY label")]
    for word, node in (("_from", "startNode(x)"), ("_to", "endNode(x)")):
        home = _home(adapter, name, labels, outgoing=word == "_from")
        if home is None:
            own = _free(word, {*taken, *expressions})
            note = f"{_MADE_OF}: these nodes are not all of one label, and no row may have it"
            columns.append(Column(own, Type.TEXT, nullable=False, note=note))
            expressions[own] = f"elementId({node})"
            continue
        names = []
        for key in home.schema.key:
            own = _free(word if len(home.schema.key) == 1 else f"{word}_{key}", {*taken, *expressions})
            columns.append(replace(home.schema.column(key), name=own, nullable=False))
            expressions[own] = re.sub(r"\bx\b(?=[.)])", node, home.lies(key), count=1)
            names.append(own)
        references.append(Reference(tuple(names), home.schema.name, home.schema.key))
    made = frozenset(expressions)
    columns += [column for column, _ in properties]
    expressions |= {column.name: text for column, text in properties}
    if len(references) < 2:
        references = []
    schema = Schema(name, tuple(columns), (), tuple(references), edge=len(references) == 2)
    return Layout(schema, expressions, made, relationship=True)


def _home(adapter: Neo4jAdapter, name: str, labels: Sequence[str], *, outgoing: bool) -> Layout | None:
    """The label that all starts or ends of these relationships have: one with a key of its own, if there are several.
    The counts are kept by the server, none is counted."""
    if not labels:
        return None
    kind = quoted(name)
    patterns = [f"(:{quoted(each)})-[x:{kind}]->()" if outgoing else f"()-[x:{kind}]->(:{quoted(each)})"
                for each in labels]  # fmt: skip
    union = " UNION ALL ".join(f"MATCH {each} RETURN {n} AS n, count(x) AS c" for n, each in enumerate(patterns))
    ((total,),) = adapter._rows(f"MATCH ()-[x:{kind}]->() RETURN count(x)")
    common = [labels[n] for n, count in adapter._rows(union) if count == total and not labels[n].startswith("_dbfleet")]
    kept = adapter._kept_schemas()
    found = [Layout(kept[each]) if each in kept else _label(adapter, each) for each in common]
    return min((each for each in found if each.schema.key), key=lambda each: bool(each.made), default=None)


def _free(name: str, taken: Mapping[str, Any] | set[str]) -> str:
    while name in taken:
        name += "_"
    return name


# --- properties ---


def _columns(adapter: Neo4jAdapter, pattern: str) -> list[tuple[Column, str]]:
    """A column for each property, in the order of their names, and what gives it."""
    found = adapter._rows(
        f"MATCH {pattern} UNWIND keys(x) AS k WITH k, valueType(x[k]) AS kind, x[k] AS v "
        "WITH k, replace(kind, ' NOT NULL', '') AS kind, CASE WHEN kind STARTS WITH 'DATE' OR kind STARTS WITH 'LOCAL' "
        "OR kind STARTS WITH 'ZONED' THEN toString(v) ELSE '' END AS text, "
        "CASE WHEN kind STARTS WITH 'ZONED DATETIME' THEN v.epochSeconds ELSE 0 END AS since "
        r"RETURN k, kind, max(text =~ '.*\\.\\d{6}\\d*[1-9].*'), "
        "max(text =~ '[+-].*|0000-.*' OR NOT -62135596800 <= since <= 253402300799), "
        "max(text <> '' AND NOT text ENDS WITH 'Z') ORDER BY k, kind"
    )
    kinds: dict[str, list[tuple[str, bool, bool, bool]]] = {}
    for name, kind, fine, far, zoned in found:
        kinds.setdefault(name, []).append((kind, fine, far, zoned))
    return [_column(adapter, pattern, name, each) for name, each in kinds.items()]


def _column(
    adapter: Neo4jAdapter, pattern: str, name: str, kinds: Sequence[tuple[str, bool, bool, bool]]
) -> tuple[Column, str]:
    lies = f"x.{quoted(name)}"
    native = " | ".join(kind for kind, *_ in kinds)
    if len(kinds) > 1:
        return Column(name, Type.JSON, native=native, note="values of several types, as json"), lies
    ((kind, fine, far, zoned),) = kinds
    if kind in _AS_TEXT:
        return Column(name, Type.TEXT, native=native, note=_AS_TEXT[kind]), f"toString({lies})"
    if kind not in _KINDS:
        if kind == "LIST<INTEGER>" and _is_bytes(adapter, pattern, lies):
            return Column(name, Type.BYTES, native="BYTES"), lies
        return Column(name, Type.JSON, native=native, note=f"{kind.lower()}, as json"), lies
    if fine or far:
        why = "nanoseconds" if fine else "years outside 1 to 9999"
        return Column(name, Type.TEXT, native=native, note=f"{why}, as text"), f"toString({lies})"
    note = "its zone is left, the instant is kept" if kind == _ZONED and zoned else None
    return Column(name, _KINDS[kind], native=native, note=note), lies


def _is_bytes(adapter: Neo4jAdapter, pattern: str, lies: str) -> bool:
    """Cypher sees no difference between an array of bytes and a list of integers; Bolt does."""
    found = adapter._rows(f"MATCH {pattern} WHERE {lies} IS NOT NULL RETURN {lies} LIMIT {_BYTES_SAMPLE}")
    return all(isinstance(value, bytes | bytearray) for (value,) in found)


def _unique_key(adapter: Neo4jAdapter, label: str, columns: Mapping[str, Column]) -> tuple[str, ...]:
    """The properties of the smallest unique constraint that every node has, in plain types."""
    found = adapter._rows(
        "SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties "
        "WHERE type IN ['UNIQUENESS', 'NODE_KEY', 'NODE_PROPERTY_UNIQUENESS'] AND labelsOrTypes = [$label] "
        "RETURN properties ORDER BY size(properties), properties",
        {"label": label},
    )
    for (names,) in found:
        plain = all(each in columns and columns[each].type is not Type.JSON for each in names)
        missing = " OR ".join(f"x.{quoted(each)} IS NULL" for each in names)
        if plain and not adapter._rows(f"MATCH (x:{quoted(label)}) WHERE {missing} RETURN 1 LIMIT 1"):
            return tuple(names)
    return ()


# --- values ---


def json_value(value: Any) -> Any:
    """A property of any kind in a json column."""
    return JSON_NULL if value is None else json_of(plain_value(value))


def _json_own(value: Any) -> Any:
    """What dbfleet wrote is text; what a query has put there may be a list."""
    return FETCH[Type.JSON](value) if isinstance(value, str) else json_value(value)


_FETCH_FOREIGN: Final[Mapping[Type, Convert]] = {**FETCH, Type.JSON: json_value, Type.BYTES: bytes}
_FETCH_OWN: Final[Mapping[Type, Convert]] = {**FETCH, Type.JSON: _json_own, Type.BYTES: bytes}

_ANSWERS: Final[Mapping[Type, Set[str]]] = {
    Type.BOOL: {"bool"}, Type.INT: {"int"}, Type.FLOAT: {"float"}, Type.TEXT: {"str"}, Type.DATE: {"Date"},
    Type.TIME: {"Time"}, Type.DATETIME: {"DateTime"}, Type.INSTANT: {"DateTime"}, Type.BYTES: {"bytes", "bytearray"},
    Type.DECIMAL: {"str"}, Type.UUID: {"str"},
}  # fmt: skip
"""The names of the driver's types that a column's values come in."""


def _strange_moment(type_: Type, value: Any) -> bool:
    if value.nanosecond % 1000:
        return True
    return (value.tzinfo is not None) is not (type_ is Type.INSTANT)


def _property(value: Any) -> Any:
    """A json value as a property: text, a number, a list of such. Unsupported for what Neo4j has no property for."""
    if value is JSON_NULL:
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list) and not any(isinstance(each, list | dict) or each is None for each in value):
        return [_property(each) for each in value]
    if isinstance(value, list | Mapping):
        raise Unsupported(f"no property holds {json_text(value)[:80]}", engine="neo4j")
    return value
