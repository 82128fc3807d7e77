"""A table's parts: ranges of its key, as plain data.

{"from": ["17", "x"], "below": ["40", "a"]}      each end may be missing; values in their canonical text
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines.sqlserver.tables import Ask, Table
from dbfleet.engines.sqlserver.types import LEXIS, Native, text_literal
from dbfleet.engines.sqlserver.values import reader
from dbfleet.sql.conditions import where as add_condition
from dbfleet.values import TEXT_OF, VALUE_OF, Schema, Type

KEYS_AT_ONCE: Final = 1000
"""Keys that one statement names."""


def where(schema: Schema, table: Table, part: Part) -> str:
    """The WHERE of a part, with a space before it; nothing for the whole."""
    natives = [table.native(name) for name in schema.key]
    bounds = [_bound(natives, part[end], sign) for end, sign in (("from", ">"), ("below", "<")) if end in part]
    return add_condition(f" WHERE {' AND '.join(bounds)}" if bounds else "", part)


def _bound(natives: Sequence[Native], values: Sequence[str], sign: str) -> str:
    """(a, b) >= (x, y), or <, spelt so that the server uses the key's index."""
    name, value = LEXIS.quote(natives[0].column.name), literal(natives[0], values[0])
    if len(natives) == 1:
        return f"{name} {'>=' if sign == '>' else '<'} {value}"
    rest = _bound(natives[1:], values[1:], sign)
    return f"{name} {sign}= {value} AND ({name} {sign} {value} OR ({rest}))"


def literal(native: Native, text: str) -> str:
    """The value of this canonical text, as a literal of the column's type."""
    type_ = native.column.type
    if native.forms:
        sent = VALUE_OF[Type.BYTES](text).hex() if type_ is Type.BYTES else text
        return native.from_json.format(f"CAST({text_literal(sent)} AS {native.json_type})")
    if type_ is Type.INT:
        return str(int(text))
    if type_ is Type.BYTES:
        return f"0x{VALUE_OF[Type.BYTES](text).hex()}"
    if type_ is Type.BOOL:
        return "1" if text == "true" else "0"
    quoted = text_literal(text)
    return quoted if native.json_type == "nvarchar(max)" else f"CAST({quoted} AS {native.json_type})"


def split(schema: Schema, table: Table, parts: int, ask: Ask) -> Sequence[Part]:
    """At most so many parts of about as many rows each, by one walk along the key's index."""
    columns = [table.native(name).column for name in schema.key]
    if not columns or parts < 2 or any(column.type in (Type.JSON, Type.FLOAT) for column in columns):
        return [WHOLE]
    ((rows,),) = ask(f"SELECT COUNT_BIG(*) FROM {table.sql}")
    places = sorted({rows * number // parts + 1 for number in range(1, parts)} - {1})
    if not places:
        return [WHOLE]
    names = LEXIS.quote_all(schema.key)
    given = ", ".join(table.native(name).select for name in schema.key)
    keys = ask(
        f"SELECT {given} FROM (SELECT {names}, ROW_NUMBER() OVER (ORDER BY {names}) AS [dbfleet_place] "
        f"FROM {table.sql}) AS q WHERE q.[dbfleet_place] IN ({', '.join(map(str, places))}) ORDER BY {names}"
    )
    read = reader([(table.native(column.name), column) for column in columns])
    bounds = [[TEXT_OF[column.type](value) for column, value in zip(columns, row, strict=True)] for row in read(keys)]
    ends: list[list[str] | None] = [None, *bounds, None]
    return [
        {word: end for word, end in (("from", low), ("below", high)) if end is not None}
        for low, high in itertools.pairwise(ends)
    ]
