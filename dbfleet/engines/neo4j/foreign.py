"""Graphs that dbfleet did not make: the columns of their labels and relationship types, and where each value lies.

The server looks at the properties of all nodes, so that a property which only one node has is not lost. A property of
one kind is a column of that type, a property of several kinds is json. Nanoseconds, zones, durations and years outside
1 to 9999, which Python or the closed set cannot hold, come as Neo4j's own text, and the column has a note. Lists and
points are json.

A label's key is the key of a unique constraint, if every node has it. Where there is none and the nodes have
relationships, the key is the nodes' element ids: the column `_id`. The ends of relationships, `_from` and `_to`, hold
the keys of the label that all of these nodes have; where there is no such label they are element ids, with a note, and
the labels of these nodes have the column `_id` beside their keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from dbfleet.engines.neo4j import schemas
from dbfleet.engines.neo4j.schemas import HOUSE
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import MARKS, UNLABELLED, match, nodes, quoted
from dbfleet.engines.neo4j.values import FETCH, Convert, plain_value
from dbfleet.errors import Unsupported
from dbfleet.native import json_of
from dbfleet.values import JSON_NULL, Column, Reference, Schema, Type, json_text

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
    """A collection's schema, and the expressions in Cypher that give its columns, of a node or relationship x.

    `expressions` is empty for a collection that dbfleet made: there each column is a property. `made` are the columns
    that are no properties: element ids, and the keys of the nodes that a relationship connects. `relationship`: x is a
    relationship, also where a schema cannot say so, because its ends are of many labels. `unlabelled`: x is a node that
    has no label. `kept`: dbfleet made it.
    """

    schema: Schema
    expressions: Mapping[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    relationship: bool = False
    unlabelled: bool = False
    kept: bool = False

    @property
    def match(self) -> str:
        """The pattern of x."""
        if self.unlabelled:
            return nodes(UNLABELLED)
        return f"()-[x:{quoted(self.schema.name)}]->()" if self.relationship else match(self.schema)

    @property
    def foreign(self) -> bool:
        """Whether dbfleet did not make the collection."""
        return bool(self.expressions)

    def lies(self, column: str) -> str:
        """The expression that gives the column of x."""
        return self.expressions.get(column) or f"x.{quoted(column)}"

    def fields(self, schema: Schema) -> str:
        """The expressions of all columns of a schema."""
        return ", ".join(map(self.lies, schema.names))

    def fetch(self, column: Column) -> Convert | None:
        """How a value of an answer is read; None where it is taken as it is."""
        return (_FETCH_FOREIGN if self.foreign else _FETCH_OWN).get(column.type)

    def stranger(self, column: Column, values: Sequence[Any]) -> Any:
        """The first value that is not of the column's type; None where all are."""
        if column.type not in _ANSWERS:
            return None
        names = {type(value).__name__ for value in values} - _ANSWERS[column.type] - {"NoneType"}
        if names:
            return next(value for value in values if type(value).__name__ in names)
        if self.foreign and column.type in (Type.TIME, Type.DATETIME, Type.INSTANT):
            moments = (value for value in values if value is not None)
            return next((moment for moment in moments if _is_strange_moment(column.type, moment)), None)
        return None

    def store(self, schema: Schema) -> Mapping[Type, Convert]:
        """How values are written in another way than to a collection that dbfleet made. Unsupported for a column that
        is read only."""
        if self.unlabelled:
            raise Unsupported(f"{schema.name} is read and not written: a row of it has no label", engine="neo4j")
        if not self.foreign:
            return {}
        for column in schema.columns:
            there = self.schema.column(column.name) if column.name in self.schema.names else column
            if column.name in self.made or (there.note and there.type is not Type.JSON and there.native != _ZONED):
                why = there.note or "it is the key of a node that the relationship connects"
                raise Unsupported(f"{schema.name}.{column.name} is read and not written: {why}", engine="neo4j")
        return {Type.JSON: _property}


def sampled(session: Session, name: str) -> Layout:
    """The layout of a label or a relationship type that dbfleet did not make. NotFound where nothing has the name."""
    if session.rows(f"MATCH {nodes(name)} RETURN 1 LIMIT 1"):
        return _label(session, name)
    if session.rows(f"MATCH ()-[x:{quoted(name)}]->() RETURN 1 LIMIT 1"):
        return _type(session, name)
    raise session.not_found(name)


def _label(session: Session, name: str, *, ends: bool = True) -> Layout:
    """The layout of a label's nodes. `ends`: with their element ids where relationships have nothing else of them."""
    unlabelled = name == UNLABELLED
    properties = _columns(session, nodes(name))
    columns, expressions = [column for column, _ in properties], {column.name: text for column, text in properties}
    key = () if unlabelled else _unique_key(session, name, {column.name: column for column in columns})
    if key:
        columns = [replace(column, nullable=column.name not in key) for column in columns]
    if key and not (ends and _meets_strangers(session, name)):
        return Layout(Schema(name, tuple(columns), key), expressions, frozenset())
    related = (
        key
        or session.rows(
            f"CALL () {{ MATCH {nodes(name, 'y')}-[x]->() RETURN count(x) AS n UNION ALL "
            f"MATCH ()-[x]->{nodes(name, 'y')} RETURN count(x) AS n }} RETURN sum(n)"
        )[0][0]
    )
    if not related:
        return Layout(Schema(name, tuple(columns)), expressions, frozenset(), unlabelled=unlabelled)
    own = _free("_id", expressions)
    columns.insert(0, Column(own, Type.TEXT, nullable=False, note=_MADE_OF))
    schema = Schema(name, tuple(columns), key or (own,))
    return Layout(schema, {**expressions, own: "elementId(x)"}, frozenset((own,)), unlabelled=unlabelled)


def _meets_strangers(session: Session, name: str) -> bool:
    """Whether nodes of this label are ends of relationships at whose ends are nodes that have no label in common with
    them: these hold element ids."""
    labels, label = _labels(session), quoted(name)
    kinds = [kind for (kind,) in session.rows("CALL db.relationshipTypes() YIELD relationshipType AS t RETURN t")]
    for outgoing in (True, False) if kinds else ():
        patterns = [f"(:{label})-[x:{each}]->()" if outgoing else f"()-[x:{each}]->(:{label})"
                    for each in map(quoted, kinds)]  # fmt: skip
        here = [kinds[number] for number, count in _counted(session, patterns) if count]
        if any(_home(session, kind, labels, outgoing=outgoing) is None for kind in here):
            return True
    return False


def _counted(session: Session, patterns: Sequence[str]) -> list[tuple[int, int]]:
    """For each pattern its number and how many relationships x it has. The server keeps these counts, so nothing is
    counted."""
    union = " UNION ALL ".join(f"MATCH {text} RETURN {n} AS n, count(x) AS c" for n, text in enumerate(patterns))
    return [(int(number), int(count)) for number, count in session.rows(union)]


def _labels(session: Session) -> list[str]:
    return [label for (label,) in session.rows("CALL db.labels() YIELD label RETURN label ORDER BY label")]


def _type(session: Session, name: str) -> Layout:
    """The layout of a type's relationships: its ends first, then its properties."""
    properties = _columns(session, f"()-[x:{quoted(name)}]->()")
    taken = {column.name for column, _ in properties}
    columns: list[Column] = []
    expressions: dict[str, str] = {}
    references = []
    labels = _labels(session)
    for word, node in (("_from", "startNode(x)"), ("_to", "endNode(x)")):
        home = _home(session, name, labels, outgoing=word == "_from")
        if home is None:
            own = _free(word, {*taken, *expressions})
            note = f"{_MADE_OF}: these nodes have no label in common, so it is the _id of a row of one of them"
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


def _home(session: Session, name: str, labels: Sequence[str], *, outgoing: bool) -> Layout | None:
    """The label that the nodes at this end of all these relationships have; of several labels one whose key is a
    property."""
    if not labels:
        return None
    kind = quoted(name)
    patterns = [f"(:{quoted(label)})-[x:{kind}]->()" if outgoing else f"()-[x:{kind}]->(:{quoted(label)})"
                for label in labels]  # fmt: skip
    ((total,),) = session.rows(f"MATCH ()-[x:{kind}]->() RETURN count(x)")
    common = [
        labels[n] for n, count in _counted(session, patterns) if count == total and not labels[n].startswith(HOUSE)
    ]
    kept = schemas.kept(session)
    layouts = [Layout(kept[label]) if label in kept else _label(session, label, ends=False) for label in common]
    with_keys = (layout for layout in layouts if layout.schema.key)
    return min(with_keys, key=lambda layout: bool(layout.made), default=None)


def _free(name: str, taken: Mapping[str, Any] | set[str]) -> str:
    """The name, with as many `_` behind it as make it one that is not taken."""
    while name in taken:
        name += "_"
    return name


# --- properties ---


def _columns(session: Session, pattern: str) -> list[tuple[Column, str]]:
    """A column for each property, in the order of their names, and the expression that gives it."""
    rows = session.rows(
        f"MATCH {pattern} UNWIND keys(x) AS k WITH x, k WHERE NOT k IN $marks "
        "WITH k, valueType(x[k]) AS kind, x[k] AS v "
        "WITH k, replace(kind, ' NOT NULL', '') AS kind, CASE WHEN kind STARTS WITH 'DATE' OR kind STARTS WITH 'LOCAL' "
        "OR kind STARTS WITH 'ZONED' THEN toString(v) ELSE '' END AS text, "
        "CASE WHEN kind STARTS WITH 'ZONED DATETIME' THEN v.epochSeconds ELSE 0 END AS since "
        r"RETURN k, kind, max(text =~ '.*\\.\\d{6}\\d*[1-9].*'), "
        "max(text =~ '[+-].*|0000-.*' OR NOT -62135596800 <= since <= 253402300799), "
        "max(text <> '' AND NOT text ENDS WITH 'Z') ORDER BY k, kind",
        {"marks": list(MARKS)},
    )
    kinds: dict[str, list[tuple[str, bool, bool, bool]]] = {}
    for name, kind, fine, far, zoned in rows:
        kinds.setdefault(name, []).append((kind, fine, far, zoned))
    return [_column(session, pattern, name, of_property) for name, of_property in kinds.items()]


def _column(
    session: Session, pattern: str, name: str, kinds: Sequence[tuple[str, bool, bool, bool]]
) -> tuple[Column, str]:
    """The column of one property. `kinds` has, for each kind of its values, whether some of them have nanoseconds, are
    outside the years 1 to 9999, or have a zone."""
    lies = f"x.{quoted(name)}"
    native = " | ".join(kind for kind, *_ in kinds)
    if len(kinds) > 1:
        return Column(name, Type.JSON, native=native, note="values of several types, as json"), lies
    ((kind, fine, far, zoned),) = kinds
    if kind in _AS_TEXT:
        return Column(name, Type.TEXT, native=native, note=_AS_TEXT[kind]), f"toString({lies})"
    if kind not in _KINDS:
        if kind == "LIST<INTEGER>" and _is_bytes(session, pattern, lies):
            return Column(name, Type.BYTES, native="BYTES"), lies
        return Column(name, Type.JSON, native=native, note=f"{kind.lower()}, as json"), lies
    if fine or far:
        why = "nanoseconds" if fine else "years outside 1 to 9999"
        return Column(name, Type.TEXT, native=native, note=f"{why}, as text"), f"toString({lies})"
    note = "its zone is left, the instant is kept" if kind == _ZONED and zoned else None
    return Column(name, _KINDS[kind], native=native, note=note), lies


def _is_bytes(session: Session, pattern: str, lies: str) -> bool:
    """Whether the values are arrays of bytes. To Cypher these are lists of integers; only Bolt tells them apart."""
    sample = session.rows(f"MATCH {pattern} WHERE {lies} IS NOT NULL RETURN {lies} LIMIT {_BYTES_SAMPLE}")
    return all(isinstance(value, bytes | bytearray) for (value,) in sample)


def _unique_key(session: Session, label: str, columns: Mapping[str, Column]) -> tuple[str, ...]:
    """The properties of the smallest unique constraint that every node has, in plain types."""
    constraints = session.rows(
        "SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties "
        "WHERE type IN ['UNIQUENESS', 'NODE_KEY', 'NODE_PROPERTY_UNIQUENESS'] AND labelsOrTypes = [$label] "
        "RETURN properties ORDER BY size(properties), properties",
        {"label": label},
    )
    for (names,) in constraints:
        plain = all(name in columns and columns[name].type is not Type.JSON for name in names)
        missing = " OR ".join(f"x.{quoted(name)} IS NULL" for name in names)
        if plain and not session.rows(f"MATCH (x:{quoted(label)}) WHERE {missing} RETURN 1 LIMIT 1"):
            return tuple(names)
    return ()


# --- values ---


def json_value(value: Any) -> Any:
    """A property of any kind in a json column."""
    return JSON_NULL if value is None else json_of(plain_value(value))


def _json_own(value: Any) -> Any:
    """A json column of a collection that dbfleet made: text, but what a query has put there may be a list."""
    return FETCH[Type.JSON](value) if isinstance(value, str) else json_value(value)


_FETCH_FOREIGN: Final[Mapping[Type, Convert]] = {**FETCH, Type.JSON: json_value, Type.BYTES: bytes}
_FETCH_OWN: Final[Mapping[Type, Convert]] = {**FETCH, Type.JSON: _json_own, Type.BYTES: bytes}

_ANSWERS: Final[Mapping[Type, Set[str]]] = {
    Type.BOOL: {"bool"}, Type.INT: {"int"}, Type.FLOAT: {"float"}, Type.TEXT: {"str"}, Type.DATE: {"Date"},
    Type.TIME: {"Time"}, Type.DATETIME: {"DateTime"}, Type.INSTANT: {"DateTime"}, Type.BYTES: {"bytes", "bytearray"},
    Type.DECIMAL: {"str"}, Type.UUID: {"str"},
}  # fmt: skip
"""The names of the driver's types that a column's values come in."""


def _is_strange_moment(type_: Type, value: Any) -> bool:
    if value.nanosecond % 1000:
        return True
    return (value.tzinfo is not None) is not (type_ is Type.INSTANT)


def _property(value: Any) -> Any:
    """A json value as a property: text, a number, a list of such. Unsupported for what Neo4j has no property for."""
    if value is JSON_NULL:
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list) and not any(isinstance(item, list | dict) or item is None for item in value):
        return [_property(item) for item in value]
    if isinstance(value, list | Mapping):
        raise Unsupported(f"no property holds {json_text(value)[:80]}", engine="neo4j")
    return value
