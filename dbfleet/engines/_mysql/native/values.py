"""A table's schema by the server's own texts and bytes: each value is what the server gives, and stores again as the
same value.

Columns of which the closed set has every value keep their types: integers, decimals, texts, bytes, uuid. A key is
split, sorted and looked up by them. Dates and times are text, as they may be 0000-00-00 or 838:59:59; so are floats, of
which a text says more than a float (-0). Bits, and an ENUM that holds '' by name, go as their numbers. A geometry and a
vector go as their bytes, and so does a text in a character set that Unicode does not give back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from dbfleet.engines._mysql.types import (
    FLOATS,
    GEOMETRIES,
    INTEGERS,
    TEXTS,
    WHOLE_CHARSETS,
    Native,
    read_type,
)
from dbfleet.values import Column, Schema, Type

_SHORT: Final = 255
"""Characters that the text of a number, a time or an ENUM has at most."""
_LONG: Final = frozenset({"json", "set", "enum", *TEXTS})


def native(schema: Schema, found: Mapping[str, Native]) -> Schema:
    """The schema with its columns as the server's texts and bytes. Columns that say when a row's version began and
    ended are left out: nobody can write them."""
    columns = [_native(column, found[column.name]) for column in schema.columns if not found[column.name].tells_version]
    return replace(schema, columns=tuple(columns), native=True)


def _native(column: Column, there: Native) -> Column:
    kind, type_ = there.kind, _written(there, column.native or "")
    bare = read_type(Column(column.name, Type.TEXT, column.nullable), column.native or "")
    made = replace(bare, native=type_, note=None, generated=there.generated)
    shown = None if column.type in (Type.TEXT, Type.BYTES) else column.type
    if kind in INTEGERS - {"year"} or kind == "bit":
        wide = made.type is Type.DECIMAL
        return made if wide else replace(made, type=Type.INT)
    if kind in ("decimal", "numeric", "binary", "varbinary", "uuid") or kind.endswith("blob"):
        return made
    if kind in GEOMETRIES or kind == "vector":
        return _plain(made, Type.BYTES)
    if kind == "enum" and _has_empty(type_):
        return _plain(made, Type.INT)
    if kind in TEXTS and there.charset not in WHOLE_CHARSETS:
        return replace(made, type=Type.BYTES)
    if kind in TEXTS:
        return replace(made, shown=shown)
    return replace(_plain(made, Type.TEXT), length=None if kind in _LONG else _SHORT, shown=shown)


def _plain(column: Column, type_: Type) -> Column:
    return Column(column.name, type_, column.nullable, native=column.native, generated=column.generated)


def _has_empty(type_: str) -> bool:
    """Whether a value of the ENUM is the empty text, which stands for a value that was none of them too."""
    return type_.startswith("enum('',") or type_.endswith(",'')") or ",''," in type_ or type_ == "enum('')"


def _written(there: Native, type_: str) -> str:
    """The type as every version of the server writes it; of a text in such a character set, with that."""
    if there.kind in INTEGERS and there.kind != "year" and "zerofill" not in type_ and type_ != "tinyint(1)":
        return type_.replace(f"({there.arguments})", "", 1)
    if there.kind in FLOATS or there.kind not in TEXTS or there.charset in WHOLE_CHARSETS:
        return type_
    return f"{type_} character set {there.charset}"
