"""Rows on their way to the server.

They travel as one JSON text, `[[1, "x"], …]`. It is the one parameter of a statement that never changes, `INSERT …
SELECT … FROM OPENJSON(@rows) WITH (…)`, so the server has one plan for it, and each value arrives as text that says
exactly what it is. 50 000 rows of seven columns took 3.0 s this way, and 7.5 s as VALUES of 1000 rows (on Babelfish
4.4). The driver's bulk copy loses values: '' and b'' become NULL, fractions of a second are cut, decimals change. Bytes
travel in hexadecimal, and so does text with U+0000, on which JSON readers disagree.

A server that only resembles SQL Server may read JSON otherwise: Babelfish 4.4 cuts texts at 4000 characters and leaves
their escapes. So PROBE goes before a connection's first rows. Where it does not come back as it was sent, rows travel
as VALUES of typed literals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any, Final

from dbfleet.columns import converted
from dbfleet.engines.sqlserver.native.values import variant_literal
from dbfleet.engines.sqlserver.tables import Table
from dbfleet.engines.sqlserver.types import KEY_COLLATION, LEXIS, Native, text_literal
from dbfleet.errors import StatementError
from dbfleet.narrow import is_single
from dbfleet.values import Batch, Row, Type, decimal_text, json_text

Convert = Callable[[Any], Any]
CHUNK: Final = 2_000_000
"""Characters of rows in one statement, about. The driver and the server hold it some four times."""
_LITERAL_ROWS: Final = 1000
"""Rows that VALUES can hold."""
_LEAST: Final = 2.2250738585072014e-308


def _float(native: Native) -> Convert:
    name, single = native.column.name, native.word == "real"

    def convert(value: float) -> float:
        if not math.isfinite(value):
            raise StatementError(f"column {name}: SQL Server's float has no {value}")
        if value and -_LEAST < value < _LEAST:
            raise StatementError(f"column {name}: SQL Server's float ends at {_LEAST}: it has no {value!r}")
        if single and not is_single(value):
            raise StatementError(f"column {name}: a real of SQL Server keeps 32 bits: {value!r} does not fit")
        return value

    return convert


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
    """The digits of a second that the column keeps. The others are cut here, as the server would round."""
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
    Type.FLOAT: _float,
    Type.BYTES: lambda native: bytes.hex,
    Type.DATE: lambda native: date.isoformat,
    Type.TIME: _time,
    Type.DATETIME: _datetime,
    Type.INSTANT: _instant_text,
    Type.UUID: lambda native: str,
    Type.JSON: lambda native: json_text,
}
"""What makes of a value what JSON carries, by type. int and text are that already."""

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def _hexadecimal(value: str) -> str:
    return value.encode("utf-16-le").hex()


class Carrier:
    """Makes statements over rows of some columns of one table. `natives` are the columns as the rows have them.
    `as_json`: the rows go as JSON, as the server keeps what it reads so."""

    def __init__(self, table: Table, natives: Sequence[Native], key: Sequence[str], *, as_json: bool = True) -> None:
        self._table = table
        self._natives = natives
        self._as_json = as_json
        self._names = [LEXIS.quote(native.column.name) for native in natives]
        self._plan = [
            (place, _CARRY[native.column.type](native))
            for place, native in enumerate(natives)
            if native.column.type in _CARRY
        ]
        self._texts = frozenset(place for place, native in enumerate(natives) if native.column.type is Type.TEXT)
        self._key = [native for native in natives if native.column.name in key]

    def insert(self, rows: Batch) -> Iterator[str]:
        """The INSERT of the rows."""
        names = ", ".join(self._names)
        for chunk in self._chunks(rows):
            values = ", ".join(self._values(chunk))
            yield chunk.run(f"INSERT INTO {self._table.sql} ({names}) SELECT {values} FROM {self._source(chunk)}")

    def upsert(self, rows: Batch) -> Iterator[str]:
        """UPDATE, then INSERT of the rest; both hold locks on the keys' ranges. MERGE is no better, and is known for
        its faults. Of rows with one key the last one wins. No UPDATE sets an IDENTITY (see `unlike`)."""
        places = [place for place, native in enumerate(self._natives) if native in self._key]
        rows = list({tuple(row[place] for place in places): row for row in rows}.values())
        others = [
            name
            for name, native in zip(self._names, self._natives, strict=True)
            if native not in self._key and not native.identity
        ]
        names = ", ".join(self._names)
        changes = ", ".join(f"t.{name} = s.{name}" for name in others)
        same = self._same_key()
        for chunk in self._chunks(rows):
            source = self._derived(chunk)
            update = (
                f"UPDATE t SET {changes} FROM {self._table.sql} AS t WITH (UPDLOCK, HOLDLOCK) "
                f"INNER JOIN {source} ON {same};\n"
            )
            insert = (
                f"INSERT INTO {self._table.sql} ({names}) SELECT {', '.join(f's.{name}' for name in self._names)} "
                f"FROM {source} WHERE NOT EXISTS "
                f"(SELECT 1 FROM {self._table.sql} AS t WITH (UPDLOCK, HOLDLOCK) WHERE {same})"
            )
            yield chunk.run((update if others else "") + insert)

    def unlike(self, rows: Batch) -> Iterator[str]:
        """Statements that give the names of IDENTITY columns which an upsert of the rows would have to change."""
        same = self._same_key()
        for native in self._natives:
            if not native.identity or native in self._key:
                continue
            name = LEXIS.quote(native.column.name)
            for chunk in self._chunks(rows):
                yield chunk.run(
                    f"SELECT TOP (1) {text_literal(native.column.name)} FROM {self._table.sql} AS t WITH (UPDLOCK, "
                    f"HOLDLOCK) INNER JOIN {self._derived(chunk)} ON {same} WHERE t.{name} <> s.{name}"
                )

    def select(self, columns: str, keys: Batch) -> Iterator[str]:
        """Statements that give the rows with these keys. `columns` are columns of the table as t."""
        same = self._same_key()
        for chunk in self._chunks(keys):
            yield chunk.run(f"SELECT {columns} FROM {self._table.sql} AS t INNER JOIN {self._derived(chunk)} ON {same}")

    def delete(self, keys: Batch) -> Iterator[str]:
        """Statements that remove the rows with these keys."""
        same = self._same_key()
        for chunk in self._chunks(keys):
            there = f"EXISTS (SELECT 1 FROM {self._derived(chunk)} WHERE {same})"
            yield chunk.run(f"DELETE t FROM {self._table.sql} AS t WHERE {there}")

    def _source(self, chunk: _Chunk) -> str:
        if chunk.json is None:
            return f"(VALUES {chunk.literals}) AS r ({', '.join(f'[c{place}]' for place in range(len(self._natives)))})"
        columns = ", ".join(f"[c{place}] {native.json_type} '$[{place}]'" for place, native in enumerate(self._natives))
        return f"OPENJSON(@rows) WITH ({columns})"

    def _values(self, chunk: _Chunk) -> list[str]:
        values = []
        for place, native in enumerate(self._natives):
            value = f"[c{place}]"
            if place in chunk.hexadecimal:
                value = f"CONVERT(nvarchar(max), CONVERT(varbinary(max), {value}, 2))"
            values.append(native.from_json.format(value))
        return values

    def _derived(self, chunk: _Chunk) -> str:
        values = ", ".join(f"{value} AS {name}" for value, name in zip(self._values(chunk), self._names, strict=True))
        return f"(SELECT {values} FROM {self._source(chunk)}) AS s"

    def _same_key(self) -> str:
        """The condition that keys are equal. Text is compared in the key's own collation, which the index has, and by
        its length too, as the server ignores blanks at the end."""
        conditions = []
        for native in self._key:
            name = LEXIS.quote(native.column.name)
            if native.collation:
                stored = native.select.replace(name, f"t.{name}")
                conditions.append(f"t.{name} = s.{name} COLLATE {native.collation}")
                conditions.append(f"DATALENGTH({stored}) = DATALENGTH(s.{name})")
                if native.collation != KEY_COLLATION:
                    conditions.append(f"t.{name} = s.{name} COLLATE {KEY_COLLATION}")
            else:
                conditions.append(f"t.{name} = s.{name}")
        return " AND ".join(conditions)

    def _chunks(self, rows: Iterable[Row]) -> Iterator[_Chunk]:
        """The rows in pieces of about CHUNK characters."""
        rows = list(rows)
        if not rows:
            return
        size = len(rows) if self._as_json else _LITERAL_ROWS
        if size >= len(rows):
            chunk = self._chunk(rows)
            if chunk.length <= CHUNK or len(rows) == 1:
                yield chunk
                return
            size = max(1, len(rows) * CHUNK // chunk.length)
            del chunk
        for start in range(0, len(rows), size):
            yield self._chunk(rows[start : start + size])

    def _chunk(self, rows: Batch) -> _Chunk:
        carried = converted(rows, self._plan)
        if not self._as_json:
            types = [native.json_type for native in self._natives]
            texts = [f"({', '.join(map(_literal, row, types))})" for row in carried]
            return _Chunk(None, ", ".join(texts), frozenset())
        text = _dumps(carried)
        odd = frozenset[int]()
        if "\\u0000" in text:
            odd = frozenset(place for place in self._texts if any("\0" in (row[place] or "") for row in rows))
        if odd:
            text = _dumps(converted(carried, [(place, _hexadecimal) for place in odd]))
        return _Chunk(text, "", odd)


def refuse_unlike(table: Table, found: Iterable[Row]) -> None:
    """Raise StatementError for what `Carrier.unlike` has found."""
    for (name,) in found:
        raise StatementError(
            f"column {name} of {table.name} is an IDENTITY, and no UPDATE sets it: a row that is there has another "
            "value. Nothing was written",
            hint="delete that row first",
        )


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows as JSON or as literals, and the places of texts that are in hexadecimal."""

    json: str | None
    literals: str
    hexadecimal: frozenset[int]

    @property
    def length(self) -> int:
        return len(self.literals if self.json is None else self.json)

    def run(self, statement: str) -> str:
        """The batch that runs the statement over these rows."""
        return statement if self.json is None else with_rows(statement, self.json)


def with_rows(statement: str, rows: str) -> str:
    """The batch that runs the statement with @rows."""
    # The rows hold no line's end, so no backslash continues a line.
    quoted = rows.replace("'", "''")
    return f"EXEC sp_executesql {text_literal(statement)}, N'@rows nvarchar(max)', @rows = N'{quoted}'"


def _literal(value: Any, type_: str) -> str:
    if value is None:
        return f"CAST(NULL AS {type_})"
    if type_ == "sql_variant":
        return variant_literal(value)
    text = repr(value) if isinstance(value, float) else str(value)
    return f"CAST({text_literal(text)} AS {type_})"


def spelt(natives: Sequence[Native]) -> Callable[[int, Any], str]:
    """A function that spells a value in Transact-SQL by its column's place, as the column takes it."""
    plan = [_CARRY[native.column.type](native) if native.column.type in _CARRY else None for native in natives]

    def literal(place: int, value: Any) -> str:
        native, carry = natives[place], plan[place]
        carried = carry(value) if carry else value
        type_ = native.column.type
        if type_ in (Type.BOOL, Type.INT) and native.from_json == "{}":
            return str(carried)
        if carried and type_ is Type.BYTES and native.word in ("binary", "varbinary", "image"):
            return f"0x{carried}"
        if native.json_type == "nvarchar(max)" and native.from_json == "{}":
            return text_literal(str(carried))
        return native.from_json.format(_literal(carried, native.json_type))

    return literal


def same_key(natives: Sequence[Native]) -> Callable[[int, Any], str]:
    """A function that spells, by a key column's place and a value, the condition that a row has it, as Carrier does."""
    literal = spelt(natives)

    def same(place: int, value: Any) -> str:
        native, text = natives[place], literal(place, value)
        name = LEXIS.quote(native.column.name)
        if not native.collation:
            return f"{name} = {text}"
        found = f"{name} = {text} AND DATALENGTH({native.select}) = DATALENGTH({text})"
        return found if native.collation == KEY_COLLATION else f"{found} AND {name} = {text} COLLATE {KEY_COLLATION}"

    return same


_SENT: Final = '\\"\n\t\u00e9' + "x" * 4100
PROBE: Final = with_rows("SELECT r.[v] FROM OPENJSON(@rows) WITH ([v] nvarchar(max) '$[0]') AS r", _dumps([[_SENT]]))
"""Gives one text, SENT, where the server reads JSON as SQL Server does."""
SENT: Final = _SENT
