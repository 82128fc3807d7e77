"""Rows as CouchDB documents: the names, the ids and the values, each way without loss.

- The name of a database may hold small letters, digits and `_$()+-/` only. Other characters are written as the hex of
  their UTF-8 bytes in parentheses: `Order` is `(4f)rder`. A name that does not begin with a small letter gets `z()`
  before it.
- A document's `_id` is made of the key's canonical texts, joined by `:`. In it `%`, a leading `_`, and `:` in a
  compound key are percent-encoded; an empty text is `%`.
- A key that is one text column called `_id`, as in documents that dbfleet did not make, is the `_id` itself, and no
  field besides. A value that no document may have as its `_id` stands behind `%:` there, and in the field `%5Fid` too.
- A field whose name would begin with `_` or `%` begins with `%5F` or `%25`.
- A JSON number is used where CouchDB reads it back as it was: for integers of any size, and for decimals and numbers in
  json columns that a double holds digit for digit. Other numbers are text, subnormal floats too. A json column with
  such a number is `{"%json": "<the value's canonical text>"}`. NaN and infinities are text.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from dbfleet.values import JSON_NULL, TEXT_OF, VALUE_OF, Column, Row, Schema, Type, json_text, loads_json

Document = dict[str, Any]

_SAFE: Final = 2**53
_MOST: Final = 10**40
_SMALLEST: Final = 2.0**-1022
_WRAP: Final = "%json"
_PLAIN_NAME: Final = re.compile(r"[a-z][a-z0-9_$+/-]*")


def database_name(collection: str) -> str:
    """The name of a collection's database, without the target's prefix."""
    if _PLAIN_NAME.fullmatch(collection):
        return collection
    encoded = "".join(
        char if re.fullmatch(r"[a-z0-9_$+/-]", char) else "".join(f"({byte:02x})" for byte in char.encode())
        for char in collection
    )
    return encoded if encoded[:1].islower() else f"z(){encoded}"


def collection_name(database: str) -> str:
    """The collection of a database, the inverse of `database_name`. A name that dbfleet would not give is kept."""
    encoded = database.removeprefix("z()")
    try:
        name = re.sub(r"(?:\([0-9a-f]{2}\))+", lambda run: bytes.fromhex(re.sub("[()]", "", run[0])).decode(), encoded)
    except UnicodeDecodeError:
        return database
    return name if database_name(name) == database else database


def field_name(column: str) -> str:
    """The field that holds a column's values."""
    return f"%{ord(column[0]):02X}{column[1:]}" if column[:1] in ("_", "%") else column


def column_name(field: str) -> str:
    """The inverse of `field_name`."""
    return unquote(field[:3]) + field[3:] if field[:3] in ("%5F", "%25") else field


# --- ids ----------------------------------------------------------------------------------------------------------


def id_of(columns: Sequence[Column]) -> Callable[[Sequence[Any]], str]:
    """A function from the key's values to the document's id; without a key, to a new id each time."""
    if not columns:
        # One random beginning and a counter, so that the pages of the B-tree fill from left to right.
        beginning, numbers = uuid.uuid4().hex, iter(range(1 << 62))
        return lambda _values: f"{beginning}-{next(numbers):012}"
    texts = [TEXT_OF[column.type] for column in columns]
    if len(texts) == 1 and columns[0].type is Type.INT:
        return lambda values: repr(values[0])
    compound = len(texts) > 1

    def make(values: Sequence[Any]) -> str:
        parts = []
        for text_of, value in zip(texts, values, strict=True):
            text = text_of(value).replace("%", "%25")
            parts.append(text.replace(":", "%3A") if compound else text)
        id_ = ":".join(parts)
        return f"%5F{id_[1:]}" if id_[:1] == "_" else (id_ or "%")

    return make


# --- values -------------------------------------------------------------------------------------------------------


def _double_holds(value: Any) -> bool:
    """Whether every number in a JSON value stays the same for a reader that makes a double of what is no integer."""
    if isinstance(value, dict):
        return all(map(_double_holds, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_double_holds, value))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return True
    if isinstance(value, int):
        return True
    if isinstance(value, float):
        return _number_holds(value)
    return value.is_finite() and Decimal(repr(float(value))) == value and _number_holds(float(value))


def _number_holds(value: float) -> bool:
    """Finite and not subnormal: CouchDB 3.5 (its parser, jiffy) reads 5e-324 as 0.0."""
    return value - value == 0.0 and (abs(value) >= _SMALLEST or value == 0.0)


def _plain(value: Any) -> Any:
    """The value as the json module takes it. Decimals become doubles, which hold them (_double_holds)."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return None if value is JSON_NULL else value


def _store_json(value: Any) -> Any:
    if not _double_holds(value) or (isinstance(value, dict) and value.keys() == {_WRAP}):
        return {_WRAP: json_text(value)}
    return _plain(value)


def _fetch_json(value: Any) -> Any:
    if value and "\\ud" in json.dumps(value):
        json.dumps(value, ensure_ascii=False).encode()  # ValueError for half a pair of surrogates
    if isinstance(value, dict) and value.keys() == {_WRAP} and isinstance(value[_WRAP], str):
        return loads_json(value[_WRAP])
    return JSON_NULL if value is None else value


def _store_decimal(value: Decimal) -> Any:
    if not value.is_finite():
        return TEXT_OF[Type.DECIMAL](value)
    if abs(value) < _MOST and value == value.to_integral_value():
        return int(value)
    if abs(value) < _SAFE:
        number = float(value)
        if Decimal(repr(number)) == value and _number_holds(number):
            return number
    return TEXT_OF[Type.DECIMAL](value)


_STORE: Final[Mapping[Type, Callable[[Any], Any]]] = {
    Type.DECIMAL: _store_decimal,
    Type.FLOAT: lambda value: value if _number_holds(value) else TEXT_OF[Type.FLOAT](value),
    Type.BYTES: TEXT_OF[Type.BYTES],
    Type.DATE: TEXT_OF[Type.DATE],
    Type.TIME: TEXT_OF[Type.TIME],
    Type.DATETIME: TEXT_OF[Type.DATETIME],
    Type.INSTANT: TEXT_OF[Type.INSTANT],
    Type.UUID: TEXT_OF[Type.UUID],
    Type.JSON: _store_json,
}


def _only(*kinds: type) -> Callable[[Any], Any]:
    """The value as it is, if it is of one of these types; a bool is no int."""

    def fetch(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(type(value).__name__)
        return value

    return fetch


def _text(fetch: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: fetch(_only(str)(value))


def _whole(value: str) -> str:
    """The text as it is. UnicodeEncodeError, which is a ValueError, for half a pair of surrogates."""
    if not value.isascii():
        value.encode()
    return value


_FETCH: Final[Mapping[Type, Callable[[Any], Any]]] = {
    Type.BOOL: _only(bool),
    Type.INT: lambda value: int(_only(int, str)(value)),
    Type.DECIMAL: lambda value: Decimal(value if isinstance(value, str) else repr(_only(int, float)(value))),
    Type.FLOAT: lambda value: float(_only(float, int, str)(value)),
    Type.TEXT: _text(_whole),
    Type.BYTES: _text(VALUE_OF[Type.BYTES]),
    Type.DATE: _text(VALUE_OF[Type.DATE]),
    Type.TIME: _text(VALUE_OF[Type.TIME]),
    Type.DATETIME: _text(VALUE_OF[Type.DATETIME]),
    Type.INSTANT: _text(VALUE_OF[Type.INSTANT]),
    Type.UUID: _text(VALUE_OF[Type.UUID]),
    Type.JSON: _fetch_json,
}
_MISSING: Final = object()
_ID_FIELD: Final = "%5Fid"
_MARK: Final = "%:"


def is_id(schema: Schema) -> bool:
    """Whether the key is the documents' `_id` itself."""
    return schema.key == ("_id",) and schema.column("_id").type is Type.TEXT


def id_maker(schema: Schema) -> Callable[[Sequence[Any]], str]:
    """A function from the key's values to the document's id."""
    if not is_id(schema):
        return id_of([schema.column(name) for name in schema.key])
    return lambda values: values[0] if values[0][:1] not in ("_", "") and values[0][:2] != _MARK else _MARK + values[0]


def document_of(schema: Schema) -> Callable[[Row], Document]:
    """A function from a row to its document: a NULL is a field that is missing."""
    make_id = id_maker(schema)
    own = schema.key_indexes[0] if is_id(schema) else None
    keys = schema.key_indexes
    plan = [(place, field_name(column.name), _STORE.get(column.type)) for place, column in enumerate(schema.columns)]
    if is_id(schema):
        plan = [step for step in plan if step[0] != keys[0]]

    def make(row: Row) -> Document:
        document = {"_id": make_id([row[place] for place in keys])}
        if own is not None and document["_id"] != row[own]:
            document[_ID_FIELD] = row[own]
        for place, field, store in plan:
            value = row[place]
            if value is not None:
                document[field] = store(value) if store else value
        return document

    return make


def row_of(schema: Schema) -> Callable[[Document], Row]:
    """A function from a document to its row. ValueError, by the column's name, for a value of another type."""
    plan = [(field_name(column.name), _FETCH[column.type], column) for column in schema.columns]
    own = is_id(schema)

    def make(document: Document) -> Row:
        values: list[Any] = []
        for field, fetch, column in plan:
            value = document.get(field, _MISSING)
            if value is _MISSING and own and field == _ID_FIELD:
                value = document["_id"]
            if value is _MISSING or (value is None and column.type is not Type.JSON):
                values.append(None)
                continue
            try:
                values.append(fetch(value))
            except (ValueError, TypeError, ArithmeticError) as exc:
                raise ValueError(f"{column.name}: {str(value)[:200]!r} is no {column.type}") from exc
        return tuple(values)

    return make


# --- documents that dbfleet did not make ----------------------------------------------------------------------------


BY_SAMPLE: Final = "by a sample of the documents"


class Seen:
    """What documents have in common: `_id` as the key, and a column for each field. A field whose values are of several
    types is json, which holds them all."""

    def __init__(self) -> None:
        self._fields: dict[str, set[Type]] = {}

    def look(self, documents: Sequence[Document]) -> None:
        """Take note of the documents' fields."""
        for document in documents:
            for field, value in document.items():
                if field[:1] != "_" and field != _ID_FIELD:  # which holds a key that `_id` could not hold
                    self._fields.setdefault(field, set()).update(_kinds(value))

    def schema(self, name: str, note: str | None = None) -> Schema:
        """The schema of what was looked at. `note` is given to every column but the key."""
        columns = [Column("_id", Type.TEXT, nullable=False)]
        for field, types in self._fields.items():
            kinds = {Type.DECIMAL} if types == {Type.INT, Type.DECIMAL} else types
            notes = ["values of several types, as json"] if len(kinds) > 1 else []
            type_ = next(iter(kinds)) if len(kinds) == 1 else Type.JSON
            notes += [note] if note else []
            columns.append(Column(column_name(field), type_, note=", ".join(notes) or None))
        return Schema(name, tuple(columns), ("_id",))


def _kinds(value: Any) -> set[Type]:
    if value is None:
        return set()
    if isinstance(value, bool):
        return {Type.BOOL}
    if isinstance(value, int):
        return {Type.INT if -(2**63) <= value < 2**63 else Type.DECIMAL}
    if isinstance(value, float):
        return {Type.FLOAT}
    return {Type.TEXT} if isinstance(value, str) else {Type.JSON}
