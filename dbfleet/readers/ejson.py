"""MongoDB's Extended JSON, as mongoexport writes it: objects one after another, or one array of them.

A value is what it stands for: `$oid` its hex digits, `$date` an instant, the numbers numbers, `$binary` bytes, `$uuid`
a UUID. MongoDB gets its own types back: a column of ObjectIds alone is one of ObjectIds again, and what is in documents
and arrays stays Extended JSON, which MongoDB's adapter makes BSON of. So does a column whose values are of several such
kinds, or of one that has no type of ours (a regex, a timestamp, a binary of another subtype).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final

from dbfleet.dialect import AS_USUAL, Dialect
from dbfleet.readers import Inferred, Reader, Rules, Skip, _array, _objects, no_rules
from dbfleet.readers._objects import Object, Written
from dbfleet.values import Batch, Schema, Type

NATIVE_ID: Final = "objectId"
NATIVE_BSON: Final = "bson (Extended JSON)"
"""Column.native as MongoDB's adapter names text that is an ObjectId, and json that says the type of every value."""
_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)
_hex: Final = re.compile("[0-9a-fA-F]{24}").fullmatch
_NUMBERS: Final = ("$numberInt", "$numberLong", "$numberDouble", "$numberDecimal")


def rows(
    stream: BinaryIO, name: str, schema: Schema, exact: bool, dialect: Dialect = AS_USUAL, rules: Rules = no_rules,
    skip: Skip | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows of objects whose fields are the schema's columns, in any order; absent fields are NULL."""
    whole = frozenset(column.name for column in schema.columns if column.type is Type.JSON)
    numbers = _objects.number_of(schema)
    ruled = _objects.by_rules(rules)

    def change(record: Object) -> Object:
        found = {
            field: value if type(value) not in (dict, list) else _inside(value, numbers) if field in whole
            else _plain(value, numbers)[0]
            for field, value in record.items()
        }  # fmt: skip
        return ruled(found) if ruled else found

    found = _array.found(stream, name, dialect, schema)
    yield from _objects.rows(found, name, schema, exact=False, rules=rules, change=change, skip=skip)


def infer(
    stream: BinaryIO, name: str, dialect: Dialect = AS_USUAL, rules: Rules = no_rules, skip: Skip | None = None
) -> Inferred:
    """The fields as columns, in the order in which they first appear, with types that fit every value."""
    kinds: dict[str, set[str]] = {}
    ruled = _objects.by_rules(rules)

    def change(record: Object) -> Object:
        found = {}
        for field, value in record.items():
            if type(value) in (dict, list):
                value, kind = _plain(value, Written)
            else:
                kind = "" if value is None else "plain"
            found[field] = value
            if kind:
                kinds.setdefault(field, set()).add(kind)
        return ruled(found) if ruled else found

    inferred = _objects.infer(_array.found(stream, name, dialect, None), name, rules, change, skip)
    columns = []
    for column in inferred.columns:
        seen = kinds.get(column.name, set())
        if seen == {NATIVE_ID}:
            column = replace(column, native=NATIVE_ID)
        elif seen == {"bytes"}:
            column = replace(column, type=Type.BYTES)
        elif seen & {NATIVE_ID, "bytes", NATIVE_BSON} and not rules(column.name):
            column = replace(column, type=Type.JSON, native=NATIVE_BSON)
        columns.append(column)
    return replace(inferred, columns=tuple(columns))


def _plain(value: Any, number: Callable[[str], Any]) -> tuple[Any, str]:
    """The value of a column, and what it says of the column's kind: an ObjectId, bytes, a number, a date, or what has
    to stay Extended JSON."""
    if type(value) is dict and len(value) in (1, 2):
        names = set(value)
        if names == {"$oid"} and isinstance(value["$oid"], str) and _hex(value["$oid"]):
            return value["$oid"].lower(), NATIVE_ID
        if names == {"$date"} and (moment := _moment(value["$date"])) is not None:
            return moment, "date"
        if names == {"$uuid"} and isinstance(value["$uuid"], str):
            return value["$uuid"].lower(), "uuid"
        if "$binary" in names and (found := _binary(value)) is not None:
            return found
    made = _inside(value, number)
    if type(made) not in (dict, list):
        return made, "plain"
    return made, NATIVE_BSON if _extended(made) else "plain"


def _inside(value: Any, number: Callable[[str], Any]) -> Any:
    """A value inside of documents: numbers are numbers, everything else stays as it is."""
    if type(value) is list:
        return [_inside(each, number) for each in value]
    if type(value) is not dict:
        return value
    if len(value) == 1:
        ((name, inner),) = value.items()
        if name in _NUMBERS and isinstance(inner, str):
            return _number(name, inner, number, value)
        if name.startswith("$"):
            return value
    return {name: _inside(each, number) for name, each in value.items()}


def _number(name: str, text: str, number: Callable[[str], Any], otherwise: Any) -> Any:
    try:
        if name in ("$numberInt", "$numberLong"):
            return int(text)
        found = float(text)
        if found != found or found in (float("inf"), float("-inf")):
            return found
        return number(text)
    except (ValueError, ArithmeticError):
        return otherwise


def _moment(value: Any) -> str | None:
    """The instant as we write it; None for one that Python has not."""
    if type(value) is dict and list(value) == ["$numberLong"]:
        value = value["$numberLong"]
        value = int(value) if isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value) else value
    try:
        if isinstance(value, int):
            found = _1970 + timedelta(milliseconds=value)
        else:
            found = datetime.fromisoformat(value)
            found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return found.isoformat()


def _binary(value: dict[str, Any]) -> tuple[str, str] | None:
    """The bytes in base64, or the UUID, of a binary of subtype 0 or 4; None for any other."""
    inner = value["$binary"]
    text, subtype = (inner.get("base64"), inner.get("subType")) if type(inner) is dict else (inner, value.get("$type"))
    if not isinstance(text, str) or subtype not in ("0", "00", "4", "04"):
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    if subtype in ("0", "00"):
        return base64.b64encode(data).decode(), "bytes"
    if len(data) != 16:
        return None
    from uuid import UUID

    return str(UUID(bytes=data)), "uuid"


def _extended(value: Any) -> bool:
    """Whether it has Extended JSON in it, at any depth."""
    if type(value) is list:
        return any(map(_extended, value))
    return type(value) is dict and any(name.startswith("$") or _extended(each) for name, each in value.items())


READER = Reader("ejson", (), rows, infer)
