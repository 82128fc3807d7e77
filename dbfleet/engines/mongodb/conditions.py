"""A Condition as the filter of find. Needs bson: imported only behind a connection.

MongoDB compares only values of one kind. In an INT or DECIMAL column a number that BSON has no number for is text, and
a double is not the decimal that it is read as. Documents with such values are chosen too, by `$type`: we compare them.
"""

from __future__ import annotations

from typing import Any, Final

from dbfleet.adapter import Condition
from dbfleet.engines.mongodb.documents import Layout
from dbfleet.engines.mongodb.literals import decoded
from dbfleet.values import Column, Schema, Type

_SIGNS: Final = {"=": "$eq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_ALSO: Final = {Type.INT: ["string"], Type.DECIMAL: ["string", "double"]}
"""What else a column of the type may hold, which MongoDB does not compare with our values."""


def filter_of(layout: Layout, condition: Condition) -> dict[str, Any] | None:
    """The filter; None where there is none. Beneath NOT, the documents that we compare ourselves would be lost."""
    if condition.word in ("and", "or"):
        parts = [filter_of(layout, part) for part in condition.parts]
        return None if None in parts else {f"${condition.word}": parts}
    if condition.word == "not":
        return _opposite(layout, condition.parts[0])
    column = layout.schema.column(condition.column)
    field = layout.field(column.name)
    if layout.compound and column.name in layout.key:
        field = f"_id.{field}"
    if field.startswith("$") or "." in field.removeprefix("_id."):
        return None
    if condition.word == "null":
        return {field: None}
    value = _stored(column, condition.value)
    # MongoDB takes a missing field as unequal to everything, SQL does not.
    asked = {field: {"$nin": [value, None]} if condition.word == "<>" else {_SIGNS[condition.word]: value}}
    also = _ALSO.get(column.type)
    return {"$or": [asked, {field: {"$type": also}}]} if also else asked


_TURNED: Final = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "and": "or", "or": "and"}


def _opposite(layout: Layout, condition: Condition) -> dict[str, Any] | None:
    """The filter that is true where the condition is false."""
    if condition.word == "not":
        return filter_of(layout, condition.parts[0])
    if condition.word == "null":
        is_null = filter_of(layout, condition)
        return None if is_null is None else {"$nor": [is_null]}
    if condition.word in ("and", "or"):
        parts = [_opposite(layout, part) for part in condition.parts]
        return None if None in parts else {f"${_TURNED[condition.word]}": parts}
    return filter_of(layout, Condition(_TURNED[condition.word], column=condition.column, value=condition.value))


def _stored(column: Column, value: Any) -> Any:
    """The value as documents hold it."""
    plain = Layout(Schema("", (Column("v", column.type),)))
    return decoded(plain, (value,)).get("v")
