"""A row as Redis keeps it.

A collection `orders` with the key `order_id` and a reference by `customer_id` is made of these keys:

    orders                     sorted set of the rows' keys. Where the key is one int, its value is the score, so that
                               `ZRANGE orders 100 200 BYSCORE` gives keys; else all scores are 0: the order of bytes
    orders:17                  hash, a field a column, NULL is the absence of one
    orders:by:customer_id:5    set of the keys of the rows that refer to it
    _dbfleet                   hash, collection -> its schema as JSON
    _dbfleet:rows              hash, collection -> number of the last row, for collections that have no key

Keys are the canonical texts of the key's values, joined by `:`. In a value `%` and `:` are written %25 and %3A, and a
first part that is `by` is written %62y, so that no two rows have the same key. In the names of collections `:` and `%`
are written so too.

Fields are canonical text, but floats keep -0.0, and bytes stand as they are. A row without a key is named by a number,
which it also holds in the field `#`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dbfleet.errors import StatementError
from dbfleet.values import TEXT_OF, VALUE_OF, Batch, Column, Row, Schema, Type, float_text

SCHEMAS: Final = "_dbfleet"
ROW_NUMBERS: Final = "_dbfleet:rows"

dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode

SCORES: Final = range(-(2**1023), 2**1023)
"""The ints that can be a score, which is a double."""


def escaped(text: str) -> str:
    """The text as a part of a key: without `:`."""
    if "%" in text:
        text = text.replace("%", "%25")
    return text.replace(":", "%3A") if ":" in text else text


def index_of(collection: str) -> str:
    """The key of the collection's index. With a `:` behind it, it is the prefix of all other keys of the collection."""
    text = escaped(collection)
    return "%5Fdbfleet" if text == SCHEMAS else text


def scored(schema: Schema) -> bool:
    """Whether the scores of the index are the keys, as numbers."""
    return not schema.key or (len(schema.key) == 1 and schema.column(schema.key[0]).type is Type.INT)


def schema_text(schema: Schema) -> str:
    """The schema as it is kept beside the data."""
    return dumps(schema.to_dict())


def schema_of(text: str) -> Schema:
    """The schema that was kept as this text."""
    return Schema.from_dict(json.loads(text))


def number_field(schema: Schema) -> str | None:
    """The field that holds the number of a row without a key."""
    if schema.key:
        return None
    name = "#"
    while name in schema.names:
        name += "#"
    return name


# --- rows to text -------------------------------------------------------------------------------------------------


def _float(value: float) -> str:
    return float_text(value) if value else repr(value)


_FIELD_OF: Final = {
    **TEXT_OF,
    Type.FLOAT: _float,
    Type.TEXT: None,
    Type.BYTES: lambda value: bytes(value).decode("utf-8", "surrogateescape"),
}


def _fields(values: Sequence[Any], text_of: Callable[[Any], str] | None) -> Sequence[str | None]:
    if text_of is None:
        return values
    if None in values:
        return [None if value is None else text_of(value) for value in values]
    return list(map(text_of, values))


def key_encoder(schema: Schema) -> Callable[[Sequence[Sequence[Any]]], list[str]]:
    """A function from the key's columns (values, in key order) to the keys as they stand in the index."""
    types = [schema.column(name).type for name in schema.key]
    plain = {Type.INT, Type.BOOL, Type.DECIMAL, Type.FLOAT, Type.DATE, Type.UUID, Type.BYTES}

    def part(type_: Type, values: Sequence[Any]) -> list[str]:
        texts = list(map(TEXT_OF[type_], values))
        return texts if type_ in plain else list(map(escaped, texts))

    def encode(columns: Sequence[Sequence[Any]]) -> list[str]:
        parts = [part(type_, values) for type_, values in zip(types, columns, strict=True)]
        if types[0] is Type.TEXT and "by" in parts[0]:
            parts[0] = ["%62y" if text == "by" else text for text in parts[0]]
        return parts[0] if len(parts) == 1 else list(map(":".join, zip(*parts, strict=True)))

    return encode


def field_texts(schema: Schema, row: Row) -> dict[str, str]:
    """The fields of a row's hash. Bytes that are no UTF-8 stand as half surrogates."""
    texts = {}
    for column, value in zip(schema.columns, row, strict=True):
        if value is not None:
            texts[column.name] = str(_fields([value], _FIELD_OF[column.type])[0])
    return texts


class Encoder:
    """Rows of a schema as the JSON text that the scripts take."""

    def __init__(self, schema: Schema) -> None:
        self._types = [column.type for column in schema.columns]
        self._long = [place for place, type_ in enumerate(self._types) if type_ in (Type.TEXT, Type.BYTES)]
        self._key_places = schema.key_indexes
        self._key_names = schema.key
        self._keys = key_encoder(schema) if schema.key else None
        self._int_key = bool(schema.key) and scored(schema)
        self._errors = "surrogateescape" if Type.BYTES in self._types else "strict"
        names = schema.names
        number = number_field(schema)
        self._head = dumps(
            {
                "collection": schema.name,
                "names": [*names, number] if number else names,
                "refs": [[names.index(name) + 1 for name in r.columns] for r in schema.references],
                "by": reference_sets(schema),
                "scored": scored(schema),
            }
        )[:-1].encode()

    def chunk(self, rows: Sequence[Row], numbers: Sequence[str] | None = None) -> bytes:
        """The rows as JSON. UnicodeEncodeError for a text that is not valid Unicode. `numbers` name rows without a
        key."""
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        fields = [_fields(c, _FIELD_OF[t]) for c, t in zip(columns, self._types, strict=True)]
        if self._errors != "strict":
            for type_, texts in zip(self._types, fields, strict=True):
                if type_ is Type.TEXT:
                    "".join(filter(None, texts)).encode()
        if self._keys is None:
            assert numbers is not None
            keys: Sequence[str | None] | int = numbers
            fields.append(numbers)
        elif self._int_key:
            keys = self._key_places[0] + 1  # the column is the keys: no need to send them twice
        else:
            keys = self._keys([columns[place] for place in self._key_places])
        body = dumps({"keys": keys, "cols": fields})[1:]
        return self._head + b"," + body.encode("utf-8", self._errors)

    def least(self, rows: Sequence[Row]) -> int:
        """How long the rows' texts and bytes are together: the chunk is longer."""
        return sum(len(row[place]) for place in self._long for row in rows if row[place] is not None)

    def fault(self, row: Row) -> str | None:
        """Why this row cannot be stored; None if it can be."""
        for name, place in zip(self._key_names, self._key_places, strict=True):
            if row[place] is None:
                return f"the key column {name} is NULL"
            if self._int_key and row[place] not in SCORES:
                return "the key has more than 1023 bits"
        for value, type_ in zip(row, self._types, strict=True):
            if type_ is Type.TEXT and value is not None:
                try:
                    value.encode()
                except UnicodeEncodeError as exc:
                    return f"text that is not valid Unicode: {exc.reason}"
        return None

    def keyed(self, rows: Batch) -> bool:
        """Whether all of these rows have a usable key."""
        for place in self._key_places:
            values = [row[place] for row in rows]
            if None in values or (self._int_key and (max(values) not in SCORES or min(values) not in SCORES)):
                return False
        return True


def reference_sets(schema: Schema) -> list[str]:
    """How the names of each reference's sets begin, up to the value: `orders:by:customer_id:`."""
    return [
        f"{index_of(schema.name)}:by:{','.join(escaped(name).replace(',', '%2C') for name in reference.columns)}:"
        for reference in schema.references
    ]


def reference_sets_of(schema: Schema, fields: Mapping[str, bytes | None]) -> list[bytes]:
    """The sets that a row with these fields is in."""
    names = []
    for start, reference in zip(reference_sets(schema), schema.references, strict=True):
        values = [fields.get(name) for name in reference.columns]
        if None not in values:
            parts = [escaped((value or b"").decode("utf-8", "surrogateescape")) for value in values]
            names.append((start + ":".join(parts)).encode("utf-8", "surrogateescape"))
    return names


# --- text to rows -------------------------------------------------------------------------------------------------

_VALUE_OF: Final = {
    **VALUE_OF,
    Type.TEXT: None,
    Type.BYTES: lambda text: text.encode("utf-8", "surrogateescape"),
}


class Decoder:
    """Replies of HMGET (`fields`) as rows of a schema. A row that is not there, or no longer, is left out."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        number = number_field(schema)
        self.fields = [*schema.names, number] if number else list(schema.names)
        self._marker = len(self.fields) - 1 if number else schema.key_indexes[0]
        self._width = len(schema.names)

    def rows(self, replies: Sequence[list[Any]], keys: Sequence[bytes]) -> Batch:
        """The rows. `keys` are their keys in the index, for the words of an error."""
        marker = self._marker
        try:
            existing = [reply for reply in replies if reply[marker] is not None]
        except TypeError:  # an error reply among them
            raise self._refused(replies, keys) from None
        if not existing:
            return []
        columns: list[Any] = list(zip(*existing, strict=True))[: self._width]
        for place, column in enumerate(self._schema.columns):
            value_of, texts = _VALUE_OF[column.type], columns[place]
            try:
                if value_of is None:
                    "".join(filter(None, texts)).encode()
                elif None in texts:
                    columns[place] = [None if text is None else value_of(text) for text in texts]
                else:
                    columns[place] = list(map(value_of, texts))
            except (ValueError, ArithmeticError, KeyError):
                raise self._unreadable(column, place, replies, keys) from None
        return list(zip(*columns, strict=True))

    def _refused(self, replies: Sequence[Any], keys: Sequence[bytes]) -> StatementError:
        """The error of the first row that is no hash: a key of another type has its name."""
        answers = zip(keys, replies, strict=True)
        key, reply = next((key, reply) for key, reply in answers if isinstance(reply, Exception))
        return StatementError(f"{self._row(key)}: {reply}", code=str(reply).partition(" ")[0])

    def _row(self, key: bytes) -> str:
        return f"{index_of(self._schema.name)}:{key.decode('utf-8', 'replace')}"

    def _unreadable(
        self, column: Column, place: int, replies: Sequence[list[Any]], keys: Sequence[bytes]
    ) -> StatementError:
        """The error of the first field that holds no value of its column's type: somebody else wrote it."""
        value_of = _VALUE_OF[column.type]
        for reply, key in zip(replies, keys, strict=True):
            text = reply[place]
            if text is None:
                continue
            try:
                text.encode() if value_of is None else value_of(text)
            except (ValueError, ArithmeticError, KeyError):
                return StatementError(
                    f"the field {column.name} of {self._row(key)} holds {text[:80]!r}, which is no {column.type.value}"
                )
        raise AssertionError("every field can be read")


def hmget_packer(index: str, fields: Sequence[str]) -> Callable[[Sequence[bytes]], bytes]:
    """A function from keys in the index to packed HMGETs, one a key."""
    prefix = index.encode() + b":"
    names = [field.encode() for field in fields]
    head = b"*%d\r\n$5\r\nHMGET\r\n" % (2 + len(names))
    tail = b"\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(name), name) for name in names)
    width = len(prefix)

    def pack(keys: Sequence[bytes]) -> bytes:
        return b"".join([b"%b$%d\r\n%b%b%b" % (head, width + len(key), prefix, key, tail) for key in keys])

    return pack
