"""Columns of SQLite files that dbfleet did not make: a declared word binds nobody, the values decide which field holds
them. Every value of such a column has one form (the adapter has looked); which one it is, a few of them tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dbfleet.adapter import Adapter
from dbfleet.ops.models._fields import Field, Refused
from dbfleet.values import Column, Schema, Type

_OURS: Final = ("DECIMAL_TEXT", "DATE_TEXT", "TIME_TEXT", "DATETIME_TEXT", "INSTANT_TEXT", "UUID_TEXT", "JSON_TEXT")
_OWN_WORDS: Final = frozenset({Type.INT, Type.TEXT, Type.BYTES, Type.DATE, Type.JSON, Type.FLOAT})
"""Types whose values have one form, whoever stored them."""


def forms(adapter: Adapter, schema: Schema) -> Mapping[str, Field | Refused]:
    """The fields of the columns whose form the values decide, or why there is none."""
    found: dict[str, Field | Refused] = {}
    for column in schema.columns:
        native = (column.native or "").upper()
        if column.note or native.startswith(_OURS) or column.type in _OWN_WORDS:
            continue
        try:
            found[column.name] = _FORM[column.type](column, _asked(adapter, schema, column))
        except Refused as reason:
            found[column.name] = reason
    return found


def _asked(adapter: Adapter, schema: Schema, column: Column) -> tuple[str, str, int, int, int]:
    """Of the values: the first's storage class and text, the lengths of the shortest and the longest, how many end in
    .000000."""
    name, table = (f'"{each.replace(chr(34), chr(34) * 2)}"' for each in (column.name, schema.name))
    statement = (
        f"SELECT min(typeof({name})), min(CAST({name} AS TEXT)), min(length({name})), max(length({name})), "
        f"sum(CAST({name} AS TEXT) LIKE '%.000000') FROM {table} WHERE {name} IS NOT NULL"
    )
    with adapter.query(statement) as result:
        (row,) = [row for batch in result for row in batch]
    kind, text, shortest, longest, zeros = row
    return kind or "", text or "", shortest or 0, longest or 0, zeros or 0


def _bool(column: Column, asked: tuple[str, str, int, int, int]) -> Field:
    if asked[0] not in ("", "integer"):
        raise Refused("its truth values are words")
    return Field("models.BooleanField")


def _decimal(column: Column, asked: tuple[str, str, int, int, int]) -> Field:
    if column.precision is None:
        return Field("fields.DecimalField", {"form": "number"})
    sizes = {"max_digits": column.precision, "decimal_places": column.scale or 0}
    return Field("fields.DecimalField", {**sizes, "form": "number"})


def _time(column: Column, asked: tuple[str, str, int, int, int]) -> Field:
    *_, shortest, longest, zeros = asked
    if shortest != longest and not {shortest, longest} <= {0, 8, 15}:
        raise Refused("its times have several forms")
    return Field("fields.TextTimeField" if longest == shortest == 15 and zeros else "models.TimeField")


def _datetime(column: Column, asked: tuple[str, str, int, int, int]) -> Field:
    _, text, shortest, longest, zeros = asked
    if not {shortest, longest} <= {0, 19, 26}:
        raise Refused("its datetimes have several forms")
    six = shortest == 26 and zeros > 0
    if text[10:11] == "T":
        return Field("fields.NaiveDateTimeField", {} if six else {"form": "T"})
    return Field("fields.NaiveDateTimeField", {"form": " .6" if six else " "})


def _instant(column: Column, asked: tuple[str, str, int, int, int]) -> Field:
    raise Refused("its instants may have several zones, so equal ones would not be found")


def _uuid(column: Column, asked: tuple[str, str, int, int, int]) -> Field:
    kind, text, shortest, longest, _ = asked
    if kind == "blob" or (shortest, longest) not in ((0, 0), (36, 36), (32, 32)) or text != text.lower():
        raise Refused("its uuids are in a form that Django does not write")
    return Field("models.UUIDField" if longest != 36 else "fields.UUIDField")


_FORM: Final[Mapping[Type, Callable[[Column, tuple[str, str, int, int, int]], Field]]] = {
    Type.BOOL: _bool,
    Type.DECIMAL: _decimal,
    Type.TIME: _time,
    Type.DATETIME: _datetime,
    Type.INSTANT: _instant,
    Type.UUID: _uuid,
}
