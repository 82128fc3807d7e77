"""A table's parts: ranges of its key, half open, as plain data; and the conditions that choose rows by their keys.

    {"from": ["17", "x"], "below": ["40", "a"]}      each end may be missing; values in their canonical text

An integer key that is dense is cut by arithmetic, in no time. Any other key is walked once along its index, which takes
a tenth of the time of reading the rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from typing import Final

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.server import Ask
from dbfleet.engines._mysql.types import LEXIS, TEXTS, words
from dbfleet.engines._mysql.values import BLOB, strict
from dbfleet.engines._mysql.wire import Field, RawRow
from dbfleet.sql.conditions import where
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Row, Schema, Type

KEYS_AT_ONCE: Final = 500
"""Keys that one statement names."""


def conditions(schema: Schema, part: Part) -> str:
    """The WHERE of a part, with a space before it; nothing for the whole."""
    columns = [schema.column(name) for name in schema.key]
    bounds = [_bound(columns, part[end], sign) for end, sign in (("from", ">"), ("below", "<")) if end in part]
    return where(f" WHERE {' AND '.join(bounds)}" if bounds else "", part)


def _bound(columns: Sequence[Column], values: Sequence[str], sign: str) -> str:
    """(a, b) >= (x, y), or <, spelt so that the server uses the key's index, which it does not for the short form."""
    column = columns[0]
    name, value = LEXIS.quote(column.name), literal(VALUE_OF[column.type](values[0]), column.type)
    if len(columns) == 1:
        return f"{name} {'>=' if sign == '>' else '<'} {value}"
    rest = _bound(columns[1:], values[1:], sign)
    return f"{name} {sign}= {value} AND ({name} {sign} {value} OR ({rest}))"


def by_keys(schema: Schema, keys: Sequence[Row], folding: Collection[str]) -> str:
    """The condition that a row's key is one of these. The index finds them; columns whose collation takes different
    texts for equal (`folding`) are then compared by their bytes."""
    columns = [schema.column(name) for name in schema.key]

    def among(change: Callable[[str, str], str]) -> str:
        names = ", ".join(change(LEXIS.quote(name), name) for name in schema.key)
        rows = [[change(literal(v, c.type), c.name) for v, c in zip(key, columns, strict=True)] for key in keys]
        tuples = [f"({', '.join(row)})" for row in rows]
        return f"({names}) IN ({', '.join(tuples)})"

    condition = among(lambda text, _: text)
    if not any(name in folding for name in schema.key):
        return condition
    return f"{condition} AND {among(lambda text, name: exactly(text) if name in folding else text)}"


def exactly(text: str) -> str:
    """The expression of a text's bytes in utf8mb4: no collation takes these for those of another text."""
    return f"CAST(CONVERT({text} USING utf8mb4) AS BINARY)"


def split(schema: Schema, parts: int, ask: Ask) -> Sequence[Part]:
    """At most so many parts of about as many rows each."""
    columns = [schema.column(name) for name in schema.key]
    if not columns or parts < 2 or any(_unordered(column) for column in columns):
        return [WHOLE]
    bounds = _even(schema, parts, ask) or _walked(schema, columns, parts, ask)
    ends: list[list[str] | None] = [None, *bounds, None]
    return [
        {word: end for word, end in (("from", low), ("below", high)) if end is not None}
        for low, high in itertools.pairwise(ends)
    ]


def _unordered(column: Column) -> bool:
    """Whether the server sorts the column in another order than it compares a value with: an ENUM by its number."""
    kind = words(column.native or "")[0]
    return column.type is Type.JSON or kind in ("enum", "set") or (kind in TEXTS and column.type is Type.BYTES)


def _even(schema: Schema, parts: int, ask: Ask) -> list[list[str]]:
    """Bounds at equal distances, where an integer key has hardly any gaps; else none."""
    first = schema.column(schema.key[0])
    if len(schema.key) > 1 or (first.type is not Type.INT and not (first.native or "").startswith("bigint")):
        return []
    name, table = LEXIS.quote(schema.key[0]), LEXIS.quote(schema.name)
    ((least, most),) = ask(f"SELECT min({name}), max({name}) FROM {table}")
    ((estimate,),) = ask(
        "SELECT max(table_rows) FROM information_schema.tables WHERE table_schema = DATABASE() "
        f"AND table_name = {literal(schema.name, Type.TEXT)}"
    )
    if least is None or most is None or estimate is None:
        return []
    low, width = int(least), int(most) - int(least) + 1
    if width > 2 * int(estimate) or width < parts:
        return []
    return [[str(low + width * number // parts)] for number in range(1, parts)]


def _walked(schema: Schema, columns: Sequence[Column], parts: int, ask: Ask) -> list[list[str]]:
    names, table = LEXIS.quote_all(schema.key), LEXIS.quote(schema.name)
    ((rows,),) = ask(f"SELECT count(*) FROM {table}")
    step = -(-int(rows or 0) // parts)
    bounds: list[list[str]] = []
    field = Field("", "", "", "", 0, BLOB, 0, 0)
    read = strict(columns, [field] * len(columns), schema.name)
    while step and len(bounds) < parts - 1:
        where = conditions(schema, {"from": bounds[-1]}) if bounds else ""
        keys = ask(f"SELECT {names} FROM {table}{where} ORDER BY {names} LIMIT 1 OFFSET {step}")
        if not keys:
            break
        raw: RawRow = tuple(None if text is None else text.encode() for text in keys[0])
        (row,) = read([raw])
        bounds.append([TEXT_OF[column.type](value) for column, value in zip(columns, row, strict=True)])
    return bounds
