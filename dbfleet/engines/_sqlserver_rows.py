"""Rows: how they are read, cut into parts, and carried to the server.

Rows travel to the server as one JSON text, `[[1, "x"], …]`, the one parameter of a statement that never changes:
`INSERT … SELECT … FROM OPENJSON(@rows) WITH (…)`. The server has one plan for it, and each value arrives as text that
says exactly what it is. 50 000 rows of seven columns took 3.0 s so, 7.5 s as VALUES of 1000 rows (on Babelfish 4.4);
the driver's bulk copy loses values ('' and b'' become NULL, fractions of a second are cut, decimals are mangled). Bytes
travel in hexadecimal, and so does text that holds U+0000, on which JSON readers disagree.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines._sqlserver_tables import Ask, Table
from dbfleet.engines._sqlserver_types import KEY_COLLATION, LEXIS, Native, text_literal
from dbfleet.errors import StatementError
from dbfleet.values import TEXT_OF, VALUE_OF, Batch, Column, Row, Schema, Type, decimal_text, json_text, loads_json

Convert = Callable[[Any], Any]
CHUNK: Final = 2_000_000
"""Characters of JSON in one statement, about: the driver and the server hold it some four times."""
_LEAST: Final = 2.2250738585072014e-308

# --- reading ---


def _instant(value: datetime) -> datetime:
    return value if value.tzinfo is UTC else value.astimezone(UTC)


_READ: Final[Mapping[Type, Convert]] = {Type.JSON: loads_json, Type.INSTANT: _instant}


def reader(natives: Sequence[tuple[Native, Column]]) -> Callable[[Batch], Batch]:
    """From the driver's rows to values of the schema's types."""
    plan: list[tuple[int, Convert]] = []
    for place, (native, column) in enumerate(natives):
        stored = Type.TEXT if native.word in ("nvarchar", "json") else native.column.type
        wanted = column.type
        if wanted is not stored:
            convert = _READ[Type.JSON] if wanted is Type.JSON else _between(stored, wanted)
            plan.append((place, convert))
        elif wanted in _READ:
            plan.append((place, _READ[wanted]))
    return lambda rows: _converted(rows, plan)


def _between(stored: Type, wanted: Type) -> Convert:
    text_of, value_of = TEXT_OF[stored], VALUE_OF[wanted]
    return lambda value: value_of(text_of(value))


def _converted(rows: Batch, plan: Sequence[tuple[int, Convert]]) -> Batch:
    if not plan or not rows:
        return rows
    columns: list[Any] = list(zip(*rows, strict=True))
    for place, convert in plan:
        columns[place] = [None if value is None else convert(value) for value in columns[place]]
    return list(zip(*columns, strict=True))


# --- parts ---


def where(schema: Schema, table: Table, part: Part) -> str:
    """The WHERE of a part, with a space before it; nothing for the whole."""
    natives = [table.native(name) for name in schema.key]
    found = [_bound(natives, part[end], sign) for end, sign in (("from", ">"), ("below", "<")) if end in part]
    return f" WHERE {' AND '.join(found)}" if found else ""


def _bound(natives: Sequence[Native], values: Sequence[str], sign: str) -> str:
    """(a, b) >= (x, y), or <, spelt so that the server finds it by the key's index."""
    name, value = LEXIS.quote(natives[0].column.name), literal(natives[0], values[0])
    if len(natives) == 1:
        return f"{name} {'>=' if sign == '>' else '<'} {value}"
    rest = _bound(natives[1:], values[1:], sign)
    return f"{name} {sign}= {value} AND ({name} {sign} {value} OR ({rest}))"


def literal(native: Native, text: str) -> str:
    """A value of the column, from its canonical text."""
    type_ = native.column.type
    if type_ is Type.INT:
        return str(int(text))
    if type_ is Type.BYTES:
        return "0x" + VALUE_OF[Type.BYTES](text).hex()
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
    found = ask(
        f"SELECT {names} FROM (SELECT {names}, ROW_NUMBER() OVER (ORDER BY {names}) AS [dbfleet_place] "
        f"FROM {table.sql}) AS q WHERE q.[dbfleet_place] IN ({', '.join(map(str, places))}) ORDER BY {names}"
    )
    read = reader([(table.native(column.name), column) for column in columns])
    bounds = [[TEXT_OF[column.type](value) for column, value in zip(columns, row, strict=True)] for row in read(found)]
    ends: list[list[str] | None] = [None, *bounds, None]
    return [
        {word: end for word, end in (("from", low), ("below", high)) if end is not None}
        for low, high in itertools.pairwise(ends)
    ]


# --- carrying rows to the server ---


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise StatementError(f"SQL Server's float has no {value}")
    if value and -_LEAST < value < _LEAST:
        raise StatementError(f"SQL Server's float ends at {_LEAST}: it has no {value!r}")
    return value


def _decimal(native: Native) -> Convert:
    scale = 4 if native.word in ("money", "smallmoney") else native.scale

    def convert(value: Any) -> str:
        text = decimal_text(value)
        _, point, fraction = text.partition(".")
        if len(fraction) > scale or not (point or text.lstrip("-").isdigit()):
            raise StatementError(f"column {native.column.name} is {native.native}, which cannot hold {text}")
        return text

    return convert


def _fraction(native: Native) -> int:
    """Digits of a second that the column keeps: the server would round the others, we cut."""
    column = native.column.fraction_digits
    kept = {"datetime": 3, "smalldatetime": 0}.get(native.word, native.scale)
    return min(kept, 6 if column is None else column)


def _time(native: Native) -> Convert:
    end = 9 + digits if (digits := _fraction(native)) else 8
    return lambda value: value.isoformat("microseconds")[:end]


def _datetime(native: Native) -> Convert:
    end = 20 + digits if (digits := _fraction(native)) else 19
    return lambda value: value.isoformat("T", "microseconds")[:end]


def _instant_text(native: Native) -> Convert:
    cut = _datetime(native)
    return lambda value: cut(value.astimezone(UTC).replace(tzinfo=None)) + "+00:00"


_CARRY: Final[Mapping[Type, Callable[[Native], Convert]]] = {
    Type.BOOL: lambda native: int,
    Type.DECIMAL: _decimal,
    Type.FLOAT: lambda native: _float,
    Type.BYTES: lambda native: bytes.hex,
    Type.DATE: lambda native: date.isoformat,
    Type.TIME: _time,
    Type.DATETIME: _datetime,
    Type.INSTANT: _instant_text,
    Type.UUID: lambda native: str,
    Type.JSON: lambda native: json_text,
}
"""How values become what JSON carries; int and text are that already."""

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def _hexadecimal(value: str) -> str:
    return value.encode("utf-16-le").hex()


class Carrier:
    """Statements over rows of some columns of one table. `natives` are the columns as the rows have them."""

    def __init__(self, table: Table, natives: Sequence[Native], key: Sequence[str]) -> None:
        self._table = table
        self._natives = natives
        self._names = [LEXIS.quote(native.column.name) for native in natives]
        self._plan = [
            (place, _CARRY[native.column.type](native))
            for place, native in enumerate(natives)
            if native.column.type in _CARRY
        ]
        self._texts = [place for place, native in enumerate(natives) if native.column.type is Type.TEXT]
        self._key = [native for native in natives if native.column.name in key]

    def insert(self, rows: Batch) -> Iterator[str]:
        names = ", ".join(self._names)
        for text, plain in self._chunks(rows):
            values = ", ".join(self._values(plain))
            yield _with_rows(f"INSERT INTO {self._table.sql} ({names}) SELECT {values} FROM {self._source()}", text)

    def upsert(self, rows: Batch) -> Iterator[str]:
        """UPDATE, then INSERT of the rest, both holding the keys' ranges: MERGE does no better, and is known for its
        faults. Of rows with one key the last counts."""
        places = [place for place, native in enumerate(self._natives) if native in self._key]
        rows = list({tuple(row[place] for place in places): row for row in rows}.values())
        others = [name for name, native in zip(self._names, self._natives, strict=True) if native not in self._key]
        names = ", ".join(self._names)
        changes = ", ".join(f"t.{name} = s.{name}" for name in others)
        for text, plain in self._chunks(rows):
            source, same = self._derived(plain), self._same_key()
            update = (
                f"UPDATE t SET {changes} FROM {self._table.sql} AS t WITH (UPDLOCK, HOLDLOCK) "
                f"INNER JOIN {source} ON {same};\n"
            )
            insert = (
                f"INSERT INTO {self._table.sql} ({names}) SELECT {', '.join(f's.{name}' for name in self._names)} "
                f"FROM {source} WHERE NOT EXISTS "
                f"(SELECT 1 FROM {self._table.sql} AS t WITH (UPDLOCK, HOLDLOCK) WHERE {same})"
            )
            yield _with_rows((update if others else "") + insert, text)

    def select(self, columns: str, keys: Batch) -> Iterator[str]:
        """The rows whose keys these are; `columns` name those of t."""
        for text, plain in self._chunks(keys):
            yield _with_rows(
                f"SELECT {columns} FROM {self._table.sql} AS t INNER JOIN {self._derived(plain)} ON {self._same_key()}",
                text,
            )

    def _source(self) -> str:
        columns = ", ".join(f"[c{place}] {native.json_type} '$[{place}]'" for place, native in enumerate(self._natives))
        return f"OPENJSON(@rows) WITH ({columns})"

    def _values(self, plain: frozenset[int]) -> list[str]:
        """The column's values; of the places that are not `plain`, text that came in hexadecimal."""
        values = []
        for place, native in enumerate(self._natives):
            value = f"[c{place}]"
            if native.column.type is Type.TEXT and place not in plain:
                value = f"CONVERT(nvarchar(max), CONVERT(varbinary(max), {value}, 2))"
            values.append(native.from_json.format(value))
        return values

    def _derived(self, plain: frozenset[int]) -> str:
        values = ", ".join(f"{value} AS {name}" for value, name in zip(self._values(plain), self._names, strict=True))
        return f"(SELECT {values} FROM {self._source()}) AS s"

    def _same_key(self) -> str:
        """Equal, for text in the key's own collation, which the index has, and in length too: to the server, blanks
        at the end of a text are nothing."""
        conditions = []
        for native in self._key:
            name = LEXIS.quote(native.column.name)
            if native.collation:
                conditions.append(f"t.{name} = s.{name} COLLATE {native.collation}")
                conditions.append(f"DATALENGTH(t.{name}) = DATALENGTH(s.{name})")
                if native.collation != KEY_COLLATION:
                    conditions.append(f"t.{name} = s.{name} COLLATE {KEY_COLLATION}")
            else:
                conditions.append(f"t.{name} = s.{name}")
        return " AND ".join(conditions)

    def _chunks(self, rows: Iterable[Row]) -> Iterator[tuple[str, frozenset[int]]]:
        """The rows as JSON texts of about CHUNK characters, and which places are plain."""
        rows = list(rows)
        if not rows:
            return
        text, plain = self._text(rows)
        if len(text) <= CHUNK or len(rows) == 1:
            yield text, plain
            return
        size = max(1, len(rows) * CHUNK // len(text))
        del text
        for start in range(0, len(rows), size):
            yield self._text(rows[start : start + size])

    def _text(self, rows: Batch) -> tuple[str, frozenset[int]]:
        carried = _converted(rows, self._plan)
        text = _dumps(carried)
        if "\\u0000" in text:
            odd = {place for place in self._texts if any("\0" in (row[place] or "") for row in rows)}
            if odd:
                carried = _converted(carried, [(place, _hexadecimal) for place in odd])
                return _dumps(carried), frozenset(self._texts) - odd
        return text, frozenset(self._texts)


def _with_rows(statement: str, rows: str) -> str:
    # The rows hold no end of a line, so a backslash continues nothing.
    quoted = rows.replace("'", "''")
    return f"EXEC sp_executesql {text_literal(statement)}, N'@rows nvarchar(max)', @rows = N'{quoted}'"
