"""A node and a relationship as native rows, and their properties as text.

- A node is `labels`, those besides the collection's own, and `properties`. Where its label has a key (the properties
  of a unique constraint that every node has), these are columns in front of both.
- A relationship is `from` and `to`, each the labels and properties of the node at that end, and `properties`.
- Text is JSON with sorted names, one text for equal values. An integer has no point and a float has one; what JSON has
  no word for stands as an object of one member, by the tag of Bolt's structure: `{"D": [19782]}` is a date as days
  since 1970, `i` an instant with its zone's name, `E` a duration, `X` a point. Bytes are `{"bytes": base64}`.

How the store packs a list or a number is not seen by any client, and is no part of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dbfleet.engines.neo4j.foreign import Layout
from dbfleet.engines.neo4j.text import MARK, MARKS
from dbfleet.values import Column, Row, Schema, Type

_NODE, _END = "labels of the node", "node at the end of a relationship"
_PROPERTIES: Final = "properties"
_PART: Final = "property of the key "
_FLOATS: Final = ("NaN", "Infinity", "-Infinity")

Properties = dict[str, Any]
Node = tuple[str, list[str], Properties]
"""An element id, labels and properties, as Bolt has them."""
Relationship = tuple[str, str, Properties]
"""The element ids of both ends, and properties."""


def schema_of(layout: Layout) -> Schema:
    """The native schema of what dbfleet did not make."""
    name = layout.schema.name
    properties = Column(_PROPERTIES, Type.TEXT, False, native="properties as Bolt has them", shown=Type.JSON)
    if layout.relationship:
        ends = tuple(Column(word, Type.TEXT, False, native=_END, shown=Type.JSON) for word in ("from", "to"))
        return Schema(name, (*ends, properties), edge=True, native=True)
    parts = layout.schema.key if not layout.made.intersection(layout.schema.key) else ()
    if {"labels", _PROPERTIES}.intersection(parts):
        parts = ()  # without a key it is compared as a whole
    keys = tuple(Column(part, Type.TEXT, False, native=f"{_PART}{part}", shown=Type.JSON) for part in parts)
    labels = Column("labels", Type.TEXT, False, native=_NODE, shown=Type.JSON)
    return Schema(name, (*keys, labels, properties), parts, native=True)


def is_relationships(schema: Schema) -> bool:
    """Whether a native schema is one of relationships; its columns say so, whatever was chosen of them."""
    return schema.edge or any(column.native == _END for column in schema.columns)


def is_graph(schema: Schema) -> bool:
    """Whether the rows are nodes or relationships as they are, and not those of a collection that dbfleet made."""
    return schema.native and any(column.native == "properties as Bolt has them" for column in schema.columns)


# --- rows -------------------------------------------------------------------------------------------------------------


def row_of_node(schema: Schema) -> Callable[[Node], Row]:
    """What makes a row of a node."""
    own = schema.name
    plan: list[Callable[[Node], str]] = []
    for column in schema.columns:
        if column.name in schema.key:
            plan.append(_part(column.name))
        elif column.native == _NODE:
            plan.append(lambda node: _dumps([label for label in bare(node[1]) if label != own]))
        else:
            plan.append(lambda node: text_of(node[2]))
    return lambda node: tuple([make(node) for make in plan])


def _part(name: str) -> Callable[[Node], str]:
    return lambda node: text_of(node[2].get(name))


def end_of(labels: Sequence[str], properties: Properties) -> str:
    """A node as the end of a relationship."""
    return f'{{"labels":{_dumps(bare(labels))},"properties":{text_of(properties)}}}'


def bare(labels: Sequence[str]) -> list[str]:
    """The labels in order, without the mark of a copy that is under way."""
    return sorted(label for label in labels if label != MARK)


def without_marks(properties: Properties) -> Properties:
    """The properties without those of a copy that is under way."""
    for word in MARKS:
        properties.pop(word, None)
    return properties


# --- text -------------------------------------------------------------------------------------------------------------


def _tagged(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return {"bytes": base64.b64encode(value).decode()}
    return {value.tag.decode(): list(value.fields)}


_dumps: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False, allow_nan=False, default=_tagged
).encode


def text_of(value: Any) -> str:
    """A property, or all of a node's, as text."""
    try:
        return _dumps(value)
    except ValueError:  # a float that JSON has no number for
        return _dumps(_without_nan(value))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:
            return {"float": "NaN"}
        return {"float": "Infinity" if value > 0 else "-Infinity"} if value in (float("inf"), -float("inf")) else value
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if hasattr(value, "tag"):
        return {value.tag.decode(): [_without_nan(field) for field in value.fields]}
    return value


def value_of(text: str) -> Any:
    """The inverse of `text_of` for one property. ValueError for a text that is none."""
    return _sent(json.loads(text))


def properties_of(text: str) -> Properties:
    """The inverse of `text_of` for all of a node's properties. ValueError for a text that is none."""
    said = json.loads(text)
    if not isinstance(said, dict):
        raise ValueError(f"{text[:80]} is no map of properties")
    return {name: _sent(value) for name, value in said.items()}


def _sent(value: Any) -> Any:
    """A value of JSON as the driver sends it."""
    if isinstance(value, list):
        return [_sent(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((tag, held),) = value.items()
    if tag == "bytes":
        return base64.b64decode(held, validate=True)
    if tag == "float":
        if held not in _FLOATS:
            raise ValueError(f"{held} is no float that stands as text")
        return float(held)
    from neo4j._codec.packstream import Structure

    return Structure(tag.encode(), *map(_sent, held))


def labels_of(text: str) -> list[str]:
    """The labels of a row. ValueError for a text that holds none."""
    said = json.loads(text)
    if not isinstance(said, list) or not all(isinstance(label, str) for label in said):
        raise ValueError(f"{text[:80]} is no list of labels")
    return said


def node_of(text: str) -> tuple[list[str], Properties]:
    """The labels and properties of a node at the end of a relationship."""
    said: Mapping[str, Any] = json.loads(text)
    return list(said["labels"]), {name: _sent(value) for name, value in said["properties"].items()}
