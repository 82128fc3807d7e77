"""Which field holds a column: decided here, from the column and the backend alone.

Django's own field where it reads and writes what dbfleet does; one of dbfleet.django.fields where the engine keeps the
values in another form (`_BY_BACKEND`). A column that neither can hold is Refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dbfleet.values import Column, Type

POSTGRES: Final = "django.db.backends.postgresql"
MYSQL: Final = "dbfleet.django.mysql"
ORACLE: Final = "dbfleet.django.oracle"
SQLSERVER: Final = "dbfleet.django.sqlserver"
SQLITE: Final = "dbfleet.django.sqlite"
MONGODB: Final = "dbfleet.django.mongodb"


class Refused(Exception):
    """Django cannot hold this: why, in a few words."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field's class with its module, `models.CharField`, and its arguments."""

    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def form(self) -> tuple[str, Any]:
        """How values lie in the column: a reference needs the same on both sides."""
        ints = {"models.SmallIntegerField", "models.IntegerField"}
        kind = "models.BigIntegerField" if self.kind in ints else self.kind
        kind = "models.TextField" if kind == "models.CharField" else kind
        return kind, self.arguments.get("form")


Make = Callable[[Column], Field]


def _plain(kind: str) -> Make:
    return lambda column: Field(kind)


def _int(column: Column) -> Field:
    word = _word(column)
    small = word in ("smallint", "tinyint")
    normal = word in ("integer", "int", "mediumint", "int4") and "unsigned" not in (column.native or "")
    return Field(f"models.{'SmallInteger' if small else 'Integer' if normal else 'BigInteger'}Field")


def _word(column: Column) -> str:
    return (column.native or "").lower().partition("(")[0].partition(" ")[0]


def _why(column: Column) -> str:
    """What the column is, for who is told that it has no field."""
    native, note = column.native or column.type.value, column.note or ""
    return note if note.startswith(native) else f"{native}, {note}" if note else native


def _sizes(column: Column) -> dict[str, Any]:
    if column.precision is None:
        return {}
    return {"max_digits": column.precision, "decimal_places": column.scale or 0}


def _decimal(column: Column) -> Field:
    """Django's field needs both sizes; an unsigned bigint comes as an int."""
    sizes = _sizes(column)
    own = not sizes or _word(column) in ("bigint", "bit")
    return Field("fields.DecimalField" if own else "models.DecimalField", sizes)


def _exact_decimal(column: Column) -> Field:
    return Field("fields.DecimalField", _sizes(column))


def _text(column: Column) -> Field:
    if column.length is None:
        return Field("models.TextField")
    return Field("models.CharField", {"max_length": column.length})


def _bytes(kind: str) -> Make:
    return lambda column: Field(kind, {} if column.length is None else {"max_length": column.length})


_PLAIN: Final[Mapping[Type, Make]] = {
    Type.BOOL: _plain("models.BooleanField"),
    Type.INT: _int,
    Type.DECIMAL: _decimal,
    Type.FLOAT: _plain("models.FloatField"),
    Type.TEXT: _text,
    Type.BYTES: _bytes("models.BinaryField"),
    Type.DATE: _plain("models.DateField"),
    Type.TIME: _plain("models.TimeField"),
    Type.DATETIME: _plain("fields.NaiveDateTimeField"),
    Type.INSTANT: _plain("models.DateTimeField"),
    Type.UUID: _plain("fields.UUIDField"),
    Type.JSON: _plain("fields.JSONField"),
}


# --- what differs ---------------------------------------------------------------------------------------------------


def _postgres(column: Column) -> Field:
    native = column.native or ""
    if column.type is Type.TEXT and column.note and native and column.note.endswith("as text"):
        return Field("fields.AsTextField", {"native": native})
    if column.note:
        raise Refused(_why(column))
    return _OF_POSTGRES.get(column.type, _PLAIN[column.type])(column)


_OF_POSTGRES: Final[Mapping[Type, Make]] = {
    Type.BYTES: _bytes("fields.BytesField"),
}


def _mysql(column: Column) -> Field:
    if _word(column) == "set":  # the driver makes a set of it
        return Field("fields.AsTextField", {"native": column.native})
    if column.note and _word(column) != "enum":
        raise Refused(_why(column))
    return _PLAIN[column.type](column)


def _oracle(column: Column) -> Field:
    if column.note and column.type not in (Type.DATETIME, Type.INSTANT):
        raise Refused(_why(column))
    native = column.native or ""
    if column.type is Type.INSTANT:
        return Field("fields.InstantField", {} if native.endswith("ZONE") else {"form": "utc"})
    if column.type is Type.BYTES and native.startswith("RAW"):
        return _bytes("fields.BytesField")(column)
    if column.type is Type.TEXT and native.endswith("CLOB"):
        return Field("models.TextField")
    if native in ("BOOLEAN", "JSON") or native.startswith("LONG"):
        raise Refused(f"{native}, which Django's backend does not know")
    return _OF_ORACLE.get(column.type, _PLAIN[column.type])(column)


_OF_ORACLE: Final[Mapping[Type, Make]] = {
    Type.INT: _plain("models.BigIntegerField"),
    Type.DECIMAL: _exact_decimal,
    Type.TIME: _plain("fields.TextTimeField"),
}


def _sqlserver(column: Column) -> Field:
    if column.note and _word(column) != "datetime":
        raise Refused(_why(column))
    if column.type is Type.JSON and _word(column) == "json":
        raise Refused("json, which Django's backend does not know")
    return _PLAIN[column.type](column)


def _sqlite(column: Column) -> Field:
    if column.note:
        raise Refused(_why(column))
    return _OF_SQLITE.get(column.type, _PLAIN[column.type])(column)


_OF_SQLITE: Final[Mapping[Type, Make]] = {
    Type.INT: _plain("models.BigIntegerField"),
    Type.DECIMAL: _exact_decimal,
    Type.FLOAT: _plain("fields.FloatField"),
    Type.TIME: _plain("fields.TextTimeField"),
    Type.INSTANT: _plain("fields.InstantField"),
}


def _mongodb(column: Column) -> Field:
    native = column.native or ""
    if native == "objectId":
        return Field("ObjectIdField")
    known = native in ("", "json", "object", "array", "array, object") or column.type is not Type.JSON
    if column.note or not known:
        raise Refused(_why(column))
    if column.type is Type.BYTES and native.startswith("binData "):
        raise Refused(f"{native}, whose subtype would be lost")
    if column.type is Type.JSON and native in ("object", "array", "array, object"):
        return Field("fields.JSONField", {"form": "document"})
    return _OF_MONGODB.get(column.type, _PLAIN[column.type])(column)


_OF_MONGODB: Final[Mapping[Type, Make]] = {
    Type.INT: _plain("models.BigIntegerField"),
    Type.DECIMAL: _exact_decimal,
    Type.TIME: _plain("fields.TextTimeField"),
}

_BY_BACKEND: Final[Mapping[str, Make]] = {
    POSTGRES: _postgres,
    MYSQL: _mysql,
    ORACLE: _oracle,
    SQLSERVER: _sqlserver,
    SQLITE: _sqlite,
    MONGODB: _mongodb,
}


def field_of(column: Column, backend: str) -> Field:
    """The field that holds the column. Refused, with the reason, where none does."""
    make = _BY_BACKEND.get(backend)
    if make is None:
        raise Refused(f"nothing is known of the backend {backend}")
    return make(column)
