"""BSON's types, by bsonspec.org and MongoDB's "BSON Types", a field of one document each, in Extended JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Value, Zoo, kinds, run

_LISTED = {
    "bool": ("true", "false"),
    "int": ('{"$numberInt": "-2147483648"}', '{"$numberInt": "7"}'),
    "long": ('{"$numberLong": "-9223372036854775808"}', '{"$numberLong": "7"}'),
    "double": ("2.5", '{"$numberDouble": "NaN"}', '{"$numberDouble": "-Infinity"}', "1.7976931348623157e308"),
    "decimal": ('{"$numberDecimal": "1.5"}', '{"$numberDecimal": "-12345678901234567890.5"}'),
    "string": ('""', '"é😀"', '" "'),
    "objectId": ('{"$oid": "507f1f77bcf86cd799439011"}',),
    "date": ('{"$date": "2024-02-29T13:05:00.123Z"}', '{"$date": {"$numberLong": "-62135596800000"}}'),
    "uuid": ('{"$uuid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}',),
    "binData": ('{"$binary": {"base64": "AP8=", "subType": "00"}}',),
    "binData of a user": ('{"$binary": {"base64": "AP8=", "subType": "80"}}',),
    "regex": ('{"$regularExpression": {"pattern": "^a", "options": "im"}}',),
    "javascript": ('{"$code": "return 1"}',),
    "timestamp": ('{"$timestamp": {"t": 4294967295, "i": 1}}',),
    "minKey": ('{"$minKey": 1}',),
    "maxKey": ('{"$maxKey": 1}',),
    "object": ('{"b": 1, "a": {"c": [1, 2.5, "x", null, true]}}', "{}"),
    "array": ('[1, "two", [3.5]]', "[]"),
}
_BEYOND: Mapping[str, Sequence[str]] = {}


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    """A collection has no columns: it is there with its first document."""


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    for value in values:
        document = f'{{"_id": {value.id}, "{value.column}": {value.words}}}'
        run(adapter, f'{{"insert": "{name}", "documents": [{document}]}}')


def _said(adapter: Adapter, name: str, columns: Sequence[str]) -> dict[int, str]:
    """The server's name of the type, and the value. An integer is an int or a long by its size when it comes home from
    another engine, and the server says that both are equal; natively it stays what it is (test_native_mongodb)."""
    found = {}
    for column in columns:
        stages = (
            f'[{{"$match": {{"{column}": {{"$ne": null}}}}}}, '
            f'{{"$project": {{"v": "${column}", "t": {{"$type": "${column}"}}}}}}]'
        )
        for (document,) in run(adapter, f"db.{name}.aggregate({stages})"):
            type_ = "integer" if document["t"] in ("int", "long") else document["t"]
            value = document["v"]
            if isinstance(value, Decimal):
                value = value.normalize()  # 1.50 is 1.5 to MongoDB too
            found[int(document["_id"])] = f"{type_} {value!r}"
    return found


ZOO = Zoo("mongodb", kinds(_LISTED, _BEYOND), _make, _fill, _said, typeless=True)
