"""What a value, a row and a schema are, in every engine; the one canonical encoding; a row's digest.

The types are a closed set, each nullable. A value is plain Python:

    bool bool · int int · decimal Decimal · float float · text str · bytes bytes · date date · time time (no zone)
    datetime datetime (no zone) · instant datetime (aware, UTC) · uuid UUID · json dict, list, str, int, float,
    Decimal, bool or JSON_NULL · NULL is None, of every type

Canonical encoding (UTF-8), the same for digests, golden tests and whatever a server is asked to render:

    bool        true, false
    int         decimal digits
    decimal     no exponent, no trailing zeros, no negative zero: 12.5, 0, -3; NaN, Infinity, -Infinity
    float       repr, the shortest text that reads back: 0.1, 1.0, 1e+300; -0.0 is 0.0; NaN, Infinity, -Infinity
    text        itself
    bytes       base64, padded
    date        2024-02-29        time  13:05:00.25      (fractions without trailing zeros)
    datetime    2024-02-29T13:05:00.25                   instant  2024-02-29T13:05:00.25Z  (in UTC)
    uuid        lower case, with hyphens
    json        no white space, keys sorted by code point, non-ASCII as it is, numbers as decimals are

A row's digest is MD5 over its columns *in the order of their names*, so that two engines which list the columns in
different orders agree. Each value is hashed as `<length in bytes>:<canonical bytes>`, NULL as `-`. A collection's
digest is its row count and the sum modulo 2**64 of the rows' first eight digest bytes, big-endian. So it does not
depend on the order of the rows, and the digests of parts add up.

Traps that the tests cover: Decimal.normalize() rounds to 28 digits; bool is an int; datetime is a date; a JSON reader
that makes floats breaks integers above 2**53 and decimals (use `loads_json`).
"""

from __future__ import annotations

import base64
import enum
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, Literal

Row = tuple[Any, ...]
"""Values in schema order."""
Batch = list[Row]


class Knowing(list[Row]):
    """A batch that knows more of its rows than they say, such as digits that no Python value holds."""

    def again(self, rows: Batch) -> Batch:
        """These rows, each made of the batch's at its place, with what they may know of it still."""
        raise NotImplementedError


def made_of(batch: Batch, rows: Batch) -> Batch:
    """The rows, each made of the batch's at its place, with what the batch knows besides them."""
    return batch.again(rows) if isinstance(batch, Knowing) else rows


class Type(enum.StrEnum):
    """The closed set of types."""

    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    INSTANT = "instant"
    UUID = "uuid"
    JSON = "json"


class _JsonNull:
    """The JSON document `null`, which is a value; None stands for NULL, the absence of a value."""

    def __repr__(self) -> str:
        return "JSON_NULL"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "JSON_NULL"


JSON_NULL: Final = _JsonNull()


_GENERATED: Final = "generated"
Coarse = Literal["single", "padded"]
"""What does not count of a column's values: of a float the digits beyond 24 bits (`single`), of a text the blanks at
its end (`padded`)."""


@dataclass(frozen=True, slots=True)
class Column:
    """A named, typed column.

    `precision` and `scale` count decimal digits (None: as many as the engine keeps), `length` counts characters of
    text or bytes, `fraction_digits` counts digits of a second. `native` is the engine's own name of the type
    ("character varying(20)"). `note` says how a type outside the closed set is carried, where that is not obvious
    ("interval, as text"). `generated` says that the server computes the column: it is read like any other and never
    written. `shown` is the type as which a native schema's text is shown, where it is one of that type. `coarse` says
    what of its values does not count, as it or the column that it is compared with does not keep it. These five are
    ignored when two columns are compared.
    """

    name: str
    type: Type
    nullable: bool = True
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    fraction_digits: int | None = None
    native: str | None = field(default=None, compare=False)
    note: str | None = field(default=None, compare=False)
    generated: bool = field(default=False, compare=False)
    shown: Type | None = field(default=None, compare=False)
    coarse: Coarse | None = field(default=None, compare=False)

    @property
    def remark(self) -> str | None:
        """The note and, after it, the word `generated` where the column is. Users see this text, and files and kept
        schemas hold it."""
        words = [self.note] if self.note else []
        return ", ".join([*words, _GENERATED] if self.generated else words) or None


@dataclass(frozen=True, slots=True)
class Reference:
    """`columns` of this schema refer to the key `keys` of `collection`."""

    columns: tuple[str, ...]
    collection: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """A collection's name, columns, key and references.

    `key` names, in key order, the columns whose values are unique together; it is empty where there is no key. `edge`
    says that the collection is a relationship between the two collections that its first two references name.
    `partition` names the leading key columns that decide where a row is stored (Cassandra); empty means the first key
    column. `native` says that the columns hold the engine's own texts or bytes of their values, which only a target of
    the same engine gives and takes (the ability Native); its rows are then its own, without those of collections that
    inherit from it, unless `heirs` says so.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    edge: bool = False
    partition: tuple[str, ...] = ()
    native: bool = False
    heirs: bool = False

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a column name stands twice")
        known = set(names)
        for used in (self.key, self.partition, *(reference.columns for reference in self.references)):
            missing = [name for name in used if name not in known]
            if missing:
                raise ValueError(f"{self.name}: no column {missing[0]}")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in schema order."""
        return tuple(column.name for column in self.columns)

    @property
    def key_indexes(self) -> tuple[int, ...]:
        """The places of the key's columns in a row, in key order."""
        names = self.names
        return tuple(names.index(name) for name in self.key)

    def column(self, name: str) -> Column:
        """The column of this name, which exists."""
        return next(column for column in self.columns if column.name == name)

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain JSON data, as schema.json holds it and as it is kept beside the data."""
        columns = []
        for column in self.columns:
            entry: dict[str, Any] = {"name": column.name, "type": column.type.value, "nullable": column.nullable}
            extras = {
                "precision": column.precision, "scale": column.scale, "length": column.length,
                "fraction_digits": column.fraction_digits, "native": column.native, "note": column.remark,
                **({"shown": str(column.shown)} if column.shown else {}),
            }  # fmt: skip
            columns.append({**entry, **{word: value for word, value in extras.items() if value is not None}})
        data: dict[str, Any] = {"name": self.name, "columns": columns, "key": list(self.key)}
        if self.references:
            data["references"] = [
                {"columns": list(r.columns), "collection": r.collection, "keys": list(r.keys)} for r in self.references
            ]
        if self.edge:
            data["edge"] = True
        if self.partition:
            data["partition"] = list(self.partition)
        if self.native:
            data["native"] = True
        if self.heirs:
            data["heirs"] = True
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """The inverse of `to_dict`; unknown keys are ignored."""
        return cls(
            name=data["name"],
            columns=tuple(map(_column, data["columns"])),
            key=tuple(data.get("key", ())),
            references=tuple(
                Reference(tuple(r["columns"]), r["collection"], tuple(r["keys"])) for r in data.get("references", ())
            ),
            edge=data.get("edge", False),
            partition=tuple(data.get("partition", ())),
            native=data.get("native", False),
            heirs=data.get("heirs", False),
        )


def _column(entry: Mapping[str, Any]) -> Column:
    """The column of an entry of `Schema.to_dict`; the end of its note says whether it is generated."""
    sizes = ("precision", "scale", "length", "fraction_digits", "native")
    note, generated = entry.get("note"), False
    if note is not None and (note == _GENERATED or note.endswith(f", {_GENERATED}")):
        note, generated = note.removesuffix(_GENERATED).removesuffix(", ") or None, True
    return Column(
        entry["name"],
        Type(entry["type"]),
        entry.get("nullable", True),
        **{word: entry[word] for word in sizes if word in entry},
        note=note,
        shown=Type(entry["shown"]) if entry.get("shown") else None,
        generated=generated,
    )


# --- the canonical encoding ---------------------------------------------------------------------------------------


def decimal_text(value: Decimal) -> str:
    """The decimal with every digit kept, without an exponent, trailing zeros or a negative zero."""
    text = str(value)
    if text[-1] not in "0yN" and "E" not in text and "N" not in text:  # true of most; a third of the time
        return text
    if not value.is_finite():
        return "NaN" if value.is_nan() else ("Infinity" if value > 0 else "-Infinity")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def float_text(value: float) -> str:
    """The float by `repr`; -0.0 as 0.0, and NaN, Infinity and -Infinity by these names."""
    if value and abs(value) < 1e300:
        return repr(value)
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return "0.0" if value == 0.0 else repr(value)


_day_text: Final = date.isoformat


def _fraction(text: str) -> str:
    # isoformat writes six digits or none.
    return text.rstrip("0") if "." in text else text


def time_text(value: time) -> str:
    """The time by ISO 8601, without trailing zeros in the fraction."""
    return _fraction(value.isoformat())


def datetime_text(value: datetime) -> str:
    """The datetime by ISO 8601, with T and without a zone."""
    # Date and time apart: isoformat of an aware datetime spends half its time on the offset.
    return f"{_day_text(value)}T{_fraction(value.time().isoformat())}"


def instant_text(value: datetime) -> str:
    """The instant by ISO 8601, in UTC with Z."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f"{_day_text(value)}T{_fraction(value.time().isoformat())}Z"


def bytes_text(value: bytes) -> str:
    """The bytes in base64, padded."""
    return base64.b64encode(value).decode("ascii")


_MOST_DIGITS: Final = 4000
"""By default, Python refuses to make an int of a text longer than 4300 digits (sys.get_int_max_str_digits)."""
_SIMPLE: Final = frozenset({str, int, bool, type(None), Decimal})


def _exact_numbers(value: Any) -> bool:
    """Whether the encoder writes every float in `value` canonically. It can write all else in it, itself or through
    `_number`."""
    kind = type(value)
    if kind is dict or kind is list:
        for item in value.values() if kind is dict else value:
            if type(item) not in _SIMPLE and not _exact_numbers(item):
                return False
        return True
    if kind is float:  # repr is canonical where it has neither an exponent nor a trailing .0; 4 times as fast
        return 1e-4 <= abs(value) < 1e16 and not value.is_integer()
    return kind in _SIMPLE


def _number(value: Any) -> int | float:
    """A number that the encoder writes as `decimal_text` writes the decimal. TypeError where there is none."""
    if type(value) is Decimal and value.is_finite():
        text = decimal_text(value)
        if "." not in text and len(text) < _MOST_DIGITS:
            return int(text)
        number = float(text)
        if repr(number) == text:
            return number
    raise TypeError


_encoder: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False,
                                   default=_number)  # fmt: skip
_dumps = _encoder.encode


def json_text(value: Any) -> str:
    """Canonical JSON. Floats that are not finite have no JSON number and are written as text: "NaN"."""
    if _exact_numbers(value):
        try:
            return _dumps(value)
        except TypeError:  # no float has the text of one of the decimals: encode piece by piece
            pass
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_dumps(key)}:{json_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(json_text, value)) + "]"
    if value is JSON_NULL:
        return "null"
    if isinstance(value, float):
        text = float_text(value)
        return decimal_text(Decimal(text)) if text[-1].isdigit() else _dumps(text)
    if isinstance(value, Decimal):
        return decimal_text(value) if value.is_finite() else _dumps(decimal_text(value))
    return _dumps(value)


_loads = json.JSONDecoder(parse_float=Decimal).decode
_loads_long = json.JSONDecoder(
    parse_float=Decimal, parse_int=lambda text: int(text) if len(text) <= 4300 else Decimal(text)
).decode


def loads_json(text: str) -> Any:
    """The value of a JSON text, with every digit kept: a number with a point or an exponent becomes a Decimal, any
    other an int. A null at the top is JSON_NULL, because NULL is never written as JSON text."""
    try:
        value = _loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python reads as one
        value = _loads_long(text)
    return JSON_NULL if value is None else value


TEXT_OF: Final[Mapping[Type, Callable[[Any], str]]] = {
    Type.BOOL: lambda value: "true" if value else "false",
    Type.INT: int.__repr__,
    Type.DECIMAL: decimal_text,
    Type.FLOAT: float_text,
    Type.TEXT: str,
    Type.BYTES: bytes_text,
    Type.DATE: date.isoformat,
    Type.TIME: time_text,
    Type.DATETIME: datetime_text,
    Type.INSTANT: instant_text,
    Type.UUID: str,
    Type.JSON: json_text,
}
"""The canonical text of a value that is not None, by type."""


def _parse_instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


VALUE_OF: Final[Mapping[Type, Callable[[str], Any]]] = {
    Type.BOOL: {"true": True, "false": False}.__getitem__,
    Type.INT: int,
    Type.DECIMAL: Decimal,
    Type.FLOAT: float,
    Type.TEXT: str,
    Type.BYTES: lambda text: base64.b64decode(text, validate=True),
    Type.DATE: date.fromisoformat,
    Type.TIME: time.fromisoformat,
    Type.DATETIME: lambda text: datetime.fromisoformat(text).replace(tzinfo=None),
    Type.INSTANT: _parse_instant,
    Type.UUID: uuid.UUID,
    Type.JSON: loads_json,
}
"""The value of a canonical text, by type; the inverse of TEXT_OF. A text that is no canonical text of the type raises
ValueError, ArithmeticError or KeyError."""


def type_of(value: object) -> Type | None:
    """The type of a plain Python value; None for None and for a value outside the closed set."""
    for kind, type_ in _TYPE_OF.items():
        if isinstance(value, kind):
            return Type.INSTANT if type_ is Type.DATETIME and value.tzinfo else type_  # type: ignore[attr-defined]
    return None


# bool stands before int, and datetime before date: a bool is an int too, and a datetime is a date too.
_TYPE_OF: Final[Mapping[type, Type]] = {
    bool: Type.BOOL,
    int: Type.INT,
    Decimal: Type.DECIMAL,
    float: Type.FLOAT,
    str: Type.TEXT,
    bytes: Type.BYTES,
    datetime: Type.DATETIME,
    date: Type.DATE,
    time: Type.TIME,
    uuid.UUID: Type.UUID,
    dict: Type.JSON,
    list: Type.JSON,
    _JsonNull: Type.JSON,
}


# --- digests ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of a set of rows: their number, and the sum modulo 2**64. The digests of disjoint parts add up to that
    of the whole."""

    rows: int = 0
    sum: int = 0

    def __add__(self, other: Digest) -> Digest:
        return Digest(self.rows + other.rows, (self.sum + other.sum) & 0xFFFF_FFFF_FFFF_FFFF)

    def __sub__(self, other: Digest) -> Digest:
        """The digest without the rows of `other`, which were counted in it."""
        return Digest(self.rows - other.rows, (self.sum - other.sum) & 0xFFFF_FFFF_FFFF_FFFF)

    def __str__(self) -> str:
        """`<rows>:<sum, 16 hex digits>`, as printed and stored."""
        return f"{self.rows}:{self.sum:016x}"


def digest_order(columns: Sequence[Column]) -> list[int]:
    """The places of the columns in the order in which a row's digest takes them: by name."""
    return sorted(range(len(columns)), key=lambda place: columns[place].name)


def row_bytes(columns: Sequence[Column]) -> Callable[[Row], bytes]:
    """A function from a row of these columns to the bytes whose MD5 is the row's digest."""
    plan = [(place, TEXT_OF[columns[place].type]) for place in digest_order(columns)]

    def encode(row: Row) -> bytes:
        parts = []
        for place, text_of in plan:
            value = row[place]
            if value is None:
                parts.append(b"-")
            else:
                data = text_of(value).encode()
                parts.append(b"%d:%b" % (len(data), data))
        return b"".join(parts)

    return encode


def digest_rows(columns: Sequence[Column], batches: Iterable[Batch]) -> Digest:
    """The digest of all rows of all batches. This is the plain path: it defines what every faster one must give."""
    # Imported here, not above: hashlib loads the system's OpenSSL. MySQL's C extension brings a newer one and cannot be
    # loaded after it; the driver then falls back to pure Python, which reads four times slower.
    from hashlib import md5

    encode = row_bytes(columns)
    rows = total = 0
    for batch in batches:
        rows += len(batch)
        for row in batch:
            total += int.from_bytes(md5(encode(row), usedforsecurity=False).digest()[:8])
    return Digest(rows, total & 0xFFFF_FFFF_FFFF_FFFF)
