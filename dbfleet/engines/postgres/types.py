"""PostgreSQL's types and the closed set.

A type that is not in `CLOSED` is either nested (arrays, composites, hstore: carried as the JSON that `to_json` makes of
it) or carried as the server's own text. The catalog tells which (`TypeCatalog`), asked once a connection.

psycopg is imported only by functions that are called once there is a connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from dbfleet.narrow import PADDED, SINGLE, WHOLE, by_name, signed, unsigned
from dbfleet.native import BEYOND
from dbfleet.sql.relational import Relational
from dbfleet.sql.text import Lexis
from dbfleet.values import JSON_NULL, Column, Type, json_text, loads_json

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.adapt import AdaptersMap
    from sqlalchemy.types import TypeEngine

LEXIS: Final = Lexis(escape_strings=True, dollar_quotes=True, nested_comments=True)
NAME_BYTES: Final = 63
"""The server cuts longer names, silently but for a notice."""

CLOSED: Final[Mapping[int, tuple[Type, str]]] = {
    16: (Type.BOOL, "boolean"),
    17: (Type.BYTES, "bytea"),
    18: (Type.TEXT, '"char"'),
    19: (Type.TEXT, "name"),
    20: (Type.INT, "bigint"),
    21: (Type.INT, "smallint"),
    23: (Type.INT, "integer"),
    25: (Type.TEXT, "text"),
    26: (Type.INT, "oid"),
    114: (Type.JSON, "json"),
    700: (Type.FLOAT, "real"),
    701: (Type.FLOAT, "double precision"),
    1042: (Type.TEXT, "character"),
    1043: (Type.TEXT, "character varying"),
    1082: (Type.DATE, "date"),
    1083: (Type.TIME, "time without time zone"),
    1114: (Type.DATETIME, "timestamp without time zone"),
    1184: (Type.INSTANT, "timestamp with time zone"),
    1700: (Type.DECIMAL, "numeric"),
    2950: (Type.UUID, "uuid"),
    3802: (Type.JSON, "jsonb"),
}
"""Built-in types, by the OIDs that they have on every server, and their names in SQL."""

_BINARY: Final = CLOSED.keys() | {
    600, 601, 602, 603, 604, 628, 650, 718, 774, 829, 869, 1266, 1560, 1562, 3220, 3614, 3615, 3904, 3906, 3908, 3910,
    3912, 3926, 4072,
}  # fmt: skip
"""Built-in types whose binary form says the same on every server that has them: of geometry, addresses, bits, text
search, ranges, jsonpath and pg_lsn besides. Not among them: what stands for a name by its OID (regclass …), xml, whose
declaration changes, money, whose digits are the server's, and interval, as version 16 would read an infinite one as
178,956,970 years."""

NATIVE: Final[Mapping[Type, str]] = {
    Type.BOOL: "boolean",
    Type.INT: "bigint",
    Type.DECIMAL: "numeric",
    Type.FLOAT: "double precision",
    Type.TEXT: "text",
    Type.BYTES: "bytea",
    Type.DATE: "date",
    Type.TIME: "time",
    Type.DATETIME: "timestamp",
    Type.INSTANT: "timestamptz",
    Type.UUID: "uuid",
    Type.JSON: "jsonb",
}

_WORDS: Final = (
    "bit varbit inet cidr macaddr macaddr8 interval xml tsvector tsquery jsonpath point line lseg box path polygon "
    "circle pg_lsn pg_snapshot txid_snapshot int4range int8range numrange daterange tsrange tstzrange int4multirange "
    "int8multirange nummultirange datemultirange tsmultirange tstzmultirange"
)
_AS_TEXT: Final = frozenset({*_WORDS.split(), "bit varying", "time with time zone"})
"""Built-in types whose text reads back as the very value, on every server."""
_NARROW: Final = {
    "smallint": Type.INT, "integer": Type.INT, "oid": Type.INT, "real": Type.FLOAT,
    "character": Type.TEXT, "name": Type.TEXT, '"char"': Type.TEXT,
}  # fmt: skip


narrow: Final = by_name(
    {
        "smallint": signed(16),
        "integer": signed(32),
        "oid": unsigned(32),
        "real": SINGLE,
        "character": PADDED,
        "character varying": WHOLE,
    }
)


def keeps_native(column: Column) -> bool | None:
    """Whether `create` gives the column its native type; None for a type that the sink's server may not have."""
    if column.native is None:
        return False
    base = re.sub(r"\([\d,]+\)", "", column.native)
    if base in _NARROW:
        return column.type is _NARROW[base] and column.note is None and not column.generated
    if column.type is Type.TEXT and (column.note or "").endswith(BEYOND):
        return True
    if column.type is Type.TEXT and (base in _AS_TEXT or base.startswith("interval ")):
        return True
    return None if column.note and column.note.endswith(", as text") else False


# --- columns, by SQLAlchemy -----------------------------------------------------------------------------------------


def _types() -> Mapping[Type, Callable[[Column, bool], TypeEngine[Any]]]:
    from sqlalchemy.dialects import postgresql as pg

    def numeric(column: Column, keyed: bool) -> TypeEngine[Any]:
        if column.precision is None or not 1 <= column.precision <= 1000:
            return pg.NUMERIC()
        return pg.NUMERIC(column.precision, column.scale or 0)

    def text(column: Column, keyed: bool) -> TypeEngine[Any]:
        fits = column.length is not None and 1 <= column.length <= 10_485_760
        return pg.VARCHAR(column.length) if fits else pg.TEXT()

    def fraction(column: Column) -> int | None:
        digits = column.fraction_digits
        return digits if digits is not None and digits <= 6 else None

    return {
        Type.BOOL: lambda column, keyed: pg.BOOLEAN(),
        Type.INT: lambda column, keyed: pg.BIGINT(),
        Type.DECIMAL: numeric,
        Type.FLOAT: lambda column, keyed: pg.DOUBLE_PRECISION(),
        Type.TEXT: text,
        Type.BYTES: lambda column, keyed: pg.BYTEA(),
        Type.DATE: lambda column, keyed: pg.DATE(),
        Type.TIME: lambda column, keyed: pg.TIME(precision=fraction(column)),
        Type.DATETIME: lambda column, keyed: pg.TIMESTAMP(precision=fraction(column)),
        Type.INSTANT: lambda column, keyed: pg.TIMESTAMP(timezone=True, precision=fraction(column)),
        Type.UUID: lambda column, keyed: pg.UUID(),
        # json keeps a key's order and digits too, but has neither equality nor an index.
        Type.JSON: lambda column, keyed: pg.JSONB(),
    }


def _refine(column: Column, type_: TypeEngine[Any]) -> Column:
    if getattr(type_, "timezone", False):
        if column.type is Type.DATETIME:
            return replace(column, type=Type.INSTANT)
        if column.type is Type.TIME:
            return replace(column, type=Type.TEXT, fraction_digits=None, note="time with time zone, as text")
    return column


RELATIONAL: Final = Relational(
    url="postgresql+psycopg://",
    lexis=LEXIS,
    types=_types,
    read={
        "BOOLEAN": Type.BOOL,
        "SMALLINT": Type.INT,
        "INTEGER": Type.INT,
        "BIGINT": Type.INT,
        "OID": Type.INT,
        "NUMERIC": Type.DECIMAL,
        "REAL": Type.FLOAT,
        "DOUBLE": Type.FLOAT,
        "DOUBLE_PRECISION": Type.FLOAT,
        "FLOAT": Type.FLOAT,
        "TEXT": Type.TEXT,
        "VARCHAR": Type.TEXT,
        "CHAR": Type.TEXT,
        "BYTEA": Type.BYTES,
        "DATE": Type.DATE,
        "TIME": Type.TIME,
        "TIMESTAMP": Type.DATETIME,
        "UUID": Type.UUID,
        "JSON": Type.JSON,
        "JSONB": Type.JSON,
    },
    refine=_refine,
    keeps_native=lambda column: bool(keeps_native(column)),
    foreign_key_options={"postgresql_ignore_search_path": True},  # always with the other table's schema
)


# --- types, by the catalog ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """How a type of the server is carried. `type` is of the closed set, None where the value is the server's text;
    `native` is the server's name of it; `nested` says that `to_json` makes the value; `element` is the type of an
    array's elements; `binary` says that another server reads the binary form as the same value."""

    type: Type | None
    native: str
    nested: bool = False
    element: int = 0
    binary: bool = False

    @property
    def column_type(self) -> Type:
        """The type that a column of it has."""
        return self.type or Type.TEXT

    @property
    def note(self) -> str | None:
        """The note of such a column, where its values are not carried as they are."""
        if self.nested:
            return f"{self.native}, as json"
        if self.native == "json":
            return "json, as its value: spaces, order and repeated keys go"
        return None if self.type else f"{self.native}, as text"


_CATALOG = """
SELECT t.oid, b.oid, pg_catalog.format_type(t.oid, NULL), b.typtype, b.typname,
       CASE WHEN b.typlen = -1 THEN b.typelem ELSE 0 END
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE t.oid = ANY($1::oid[])
"""


class TypeCatalog:
    """How each type of the server is carried; looked up once. A type must have been learned before it is asked for."""

    def __init__(self, rows: Callable[[str, list[Any]], list[tuple[Any, ...]]]) -> None:
        self._rows = rows
        self._known = {oid: Carried(type_, native, binary=True) for oid, (type_, native) in CLOSED.items()}
        # A literal without a type, which is text; and void.
        self._known |= {705: Carried(Type.TEXT, "text"), 2278: Carried(None, "void")}

    def __getitem__(self, oid: int) -> Carried:
        return self._known[oid]

    def learn(self, oids: Iterable[int]) -> None:
        """Look up those of the types that are not known yet, in one round trip; in none where all are known."""
        new = sorted({oid for oid in oids if oid not in self._known})
        if not new:
            return
        for oid, base, native, kind, name, element in self._rows(_CATALOG, [f"{{{','.join(map(str, new))}}}"]):
            if kind == "c" or oid == 2249 or name == "hstore" or element:
                binary = element in _BINARY  # an array names the type of its elements by the OID
                self._known[oid] = Carried(Type.JSON, native, nested=True, element=element, binary=binary)
            elif base in CLOSED:  # a domain
                self._known[oid] = Carried(CLOSED[base][0], native, binary=True)
            else:  # the binary form of an enum's value is its label
                self._known[oid] = Carried(None, native, binary=base in _BINARY or kind == "e")
        for oid in new:
            self._known.setdefault(oid, Carried(None, str(oid)))


# --- values ---------------------------------------------------------------------------------------------------------


class Unread(str):
    """The server's text of a json that cannot be a value here: it holds half of a surrogate pair, which UTF-8 has
    not."""

    __slots__ = ()


_PERHAPS_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]").search


class Context:
    """What psycopg's Transformer needs to know: the connection and the adapters."""

    def __init__(self, connection: Connection[Any], adapters: AdaptersMap) -> None:
        self.connection = connection
        self.adapters = adapters


@cache
def adapters(*, tolerant: bool) -> AdaptersMap:
    """Loaders that give values of the closed set, and text for every other type; dumpers for parameters.

    Where Python's dates cannot hold a value (infinity, BC, years above 9999, 24:00), `tolerant` loaders give the
    server's text. Strict ones raise psycopg.DataError; they are C, without a call of Python for each value.
    """
    import psycopg
    from psycopg.adapt import AdaptersMap, Dumper, Loader
    from psycopg.pq import Format
    from psycopg.types.numeric import Int4Dumper, Int8Dumper, IntDumper, IntNumericDumper
    from psycopg.types.string import TextLoader

    default = psycopg.adapters
    made = AdaptersMap(default)

    class JsonLoader(Loader):
        def load(self, data: Any) -> Any:
            text = str(data, "utf-8")
            value = loads_json(text)
            if _PERHAPS_HALF(text):
                try:
                    json_text(value).encode()
                except UnicodeEncodeError:
                    if not tolerant:
                        raise psycopg.DataError("half of a surrogate pair") from None
                    return Unread(text)
            return value

    def or_text(strict: type[Any]) -> type[Loader]:
        class TolerantLoader(Loader):
            def __init__(self, oid: int, context: Any = None) -> None:
                super().__init__(oid, context)
                self._load = strict(oid, context).load

            def load(self, data: Any) -> Any:
                try:
                    return self._load(data)
                except (psycopg.Error, ValueError, ArithmeticError):
                    return str(data, "utf-8")

        return TolerantLoader

    for info in psycopg.postgres.types:
        if info.oid not in CLOSED:
            made.register_loader(info.oid, TextLoader)
        if info.array_oid:
            made.register_loader(info.array_oid, array_loader(info.oid))
    for oid, (type_, _) in CLOSED.items():
        if type_ is Type.JSON:
            made.register_loader(oid, JsonLoader)
        elif tolerant and type_ in (Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT):
            strict = default.get_loader(oid, Format.TEXT)
            assert strict is not None
            made.register_loader(oid, or_text(strict))

    class JsonDumper(Dumper):
        oid = 3802

        def dump(self, obj: Any) -> bytes:
            return json_text(obj).encode()

    class WholeDumper(IntDumper):
        """psycopg sends small numbers as smallint: 20000 * :n would overflow where 20000 * 2 in the text does not."""

        def get_key(self, obj: Any, format: Any) -> Any:
            return self.upgrade(obj, format).__class__

        def upgrade(self, obj: Any, format: Any) -> Any:
            if -(2**31) <= obj < 2**31:
                return Int4Dumper(int)
            return Int8Dumper(int) if -(2**63) <= obj < 2**63 else IntNumericDumper(int)

    made.register_dumper(int, WholeDumper)
    for kind in (dict, list, type(JSON_NULL)):
        made.register_dumper(kind, JsonDumper)
    return made


# --- arrays as text -------------------------------------------------------------------------------------------------

_ARRAY_TOKEN: Final = re.compile(r'([{},])|"((?:[^"\\]|\\.)*)"|([^{},"]+)', re.DOTALL)


def _element_json(text: str) -> Any:
    value = loads_json(text)
    return None if value is JSON_NULL else value


_ELEMENT: Final[Mapping[Type, Callable[[str], Any]]] = {
    Type.BOOL: lambda text: text == "t",
    Type.INT: int,
    Type.JSON: _element_json,
    Type.DECIMAL: lambda text: loads_json(text) if text[-1].isdigit() else text,
    Type.FLOAT: lambda text: loads_json(text) if text[-1].isdigit() else text,
}


def parse_array(text: str, element: int) -> list[Any]:
    """The nested list of an array's text, its elements as `to_json` gives them. It is for the arrays of a statement
    that cannot be wrapped in `to_json`."""
    convert = _ELEMENT.get(CLOSED[element][0], str) if element in CLOSED else str
    stack: list[list[Any]] = [[]]
    if text.startswith("["):  # bounds that do not begin at 1: [0:2]={…}
        text = text.partition("=")[2]
    for token in _ARRAY_TOKEN.finditer(text):
        mark, quoted, bare = token.groups(default=None)
        if quoted is not None:
            stack[-1].append(convert(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)))
        elif bare is not None:
            stack[-1].append(None if bare == "NULL" else convert(bare))
        elif mark == "{":
            stack.append([])
        elif mark == "}":
            closed = stack.pop()
            stack[-1].append(closed)
    return stack[0][0] if stack[0] else []


def array_loader(element: int) -> type[Any]:
    """A psycopg loader for arrays of the built-in type."""
    from psycopg.adapt import Loader

    class ArrayLoader(Loader):
        def load(self, data: Any) -> Any:
            return parse_array(str(data, "utf-8"), element)

    return ArrayLoader


def array_text(texts: Iterable[str | None]) -> str:
    """The text of the array whose elements have these texts."""
    return "{" + ",".join("NULL" if text is None else _array_quoted(text) for text in texts) + "}"


def _array_quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def json_array_text(value: Any) -> str:
    """The array's text of a JSON list, which `to_json` made of an array."""
    if isinstance(value, list):
        return "{" + ",".join(map(json_array_text, value)) + "}"
    if value is None:
        return "NULL"
    return _array_quoted(value if isinstance(value, str) else json_text(value))
