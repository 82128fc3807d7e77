"""Rows as lines of COPY's text, from a table and into one (ReadsLines, WritesLines).

Out: the SELECT of `ordered` without its order, and a flag for each row with a strange value: one that Python has not
(0000-00-00, a time of 25 hours, 2 in a bool), which a scan refuses by name. In: LOAD DATA reads COPY's text as it is,
but for \\f and \\v, which it takes for the letters. A bool, bytes and an instant are made of the line's text by an
expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from dbfleet.adapter import BATCH_SIZE, Part
from dbfleet.engines._mysql.fast import ordered
from dbfleet.engines._mysql.load_data import LARGE, escaped, load_statement, takes_utf8mb4
from dbfleet.engines._mysql.parts import conditions
from dbfleet.engines._mysql.read import has_huge, rendered, scan_where, select
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.types import LEXIS, Native
from dbfleet.engines._mysql.wire import RawRow
from dbfleet.lines import NULL, bytes_of, rows_in
from dbfleet.values import Column, Schema, Type

# --- out --------------------------------------------------------------------------------------------------------------

_STRANGE: Final[Mapping[Type, str]] = {
    Type.BOOL: "{0} NOT IN (0, 1)",
    Type.DATE: "YEAR({0}) = 0 OR MONTH({0}) = 0 OR DAYOFMONTH({0}) = 0",
    Type.DATETIME: "YEAR({0}) = 0 OR MONTH({0}) = 0 OR DAYOFMONTH({0}) = 0",
    Type.INSTANT: "YEAR({0}) = 0 OR MONTH({0}) = 0 OR DAYOFMONTH({0}) = 0",
    Type.TIME: "{0} < '00:00:00' OR {0} >= '24:00:00'",
}


def statement(schema: Schema, natives: Mapping[str, Native], condition: str) -> str | None:
    """The SELECT of the lines' cells, with 1 behind them where the row holds a strange value. None where a column is
    stored in a way that we do not know."""
    cells = ordered.cells(schema, natives)
    if cells is None:
        return None
    return f"SELECT {', '.join(cells)}, {_strange(schema)} FROM {LEXIS.quote(schema.name)}{condition}"


def _strange(schema: Schema) -> str:
    found = [
        _STRANGE[column.type].format(LEXIS.quote(column.name)) for column in schema.columns if column.type in _STRANGE
    ]
    return f"COALESCE({' OR '.join(found)}, 0)" if found else "0"


def strange_rows(schema: Schema, condition: str) -> str:
    """The WHERE of the rows with a strange value."""
    return f"{condition} AND {_strange(schema)}" if condition else f" WHERE {_strange(schema)}"


class Strange(Exception):
    """A row holds a strange value."""


def lines(schema: Schema) -> Callable[[Sequence[RawRow]], bytes]:
    """A function that makes lines of raw rows of that SELECT."""
    make = ordered.lines(schema)

    def checked(rows: Sequence[RawRow]) -> bytes:
        if any(row[-1] != b"0" for row in rows):
            raise Strange
        return make(rows)

    return checked


def chunks(session: Session, schema: Schema, part: Part) -> Iterator[bytes] | None:
    """The part's rows; None where a column is stored in a way that we do not know, or has huge values."""
    if has_huge(session, schema, part):
        return None
    condition = conditions(schema, part)
    if schema.native:  # every value is the server's own, and none is strange
        return rendered(session, select(schema, condition), ordered.lines(schema))
    text = statement(schema, session.natives(schema.name), condition)
    return _chunks(session, text, schema, condition) if text else None


def _chunks(session: Session, text: str, schema: Schema, condition: str) -> Iterator[bytes]:
    try:
        yield from rendered(session, text, lines(schema))
    except Strange:
        for _ in scan_where(session, schema, strange_rows(schema, condition), BATCH_SIZE):
            pass  # the scan refuses the value by name
        raise


# --- in ---------------------------------------------------------------------------------------------------------------

_SET: Final[Mapping[Type, str]] = {
    Type.BOOL: "CASE {0} WHEN 't' THEN 1 WHEN 'f' THEN 0 ELSE {0} END",
    Type.BYTES: "UNHEX(SUBSTRING({0}, 3))",
    # The line has +00 behind the seconds, which is the session's zone.
    Type.INSTANT: "LEFT({0}, CHAR_LENGTH({0}) - 3)",
}


def takes(schema: Schema, natives: Mapping[str, Native]) -> bool:
    """Whether the table's columns keep the cells of a line as they are. A computed column does not; nor does MySQL's
    own JSON, which changes some numbers; nor do types that change a value without a warning (see `literals.writer`).
    Native values are kept by their own column."""
    return schema.native or all(
        natives[column.name].kind in ordered.KINDS[column.type]
        and natives[column.name].kind not in ("json", "float", "year", "binary")
        and not (natives[column.name].kind == "char" and column.type is Type.TEXT)
        and not natives[column.name].generated
        for column in schema.columns
    )


def loading(
    columns: Sequence[Column],
    natives: Mapping[str, Native],
    path: str,
    table: str,
    *,
    replace: bool,
    raw: bool = False,
) -> bytes:
    """The LOAD DATA LOCAL of lines into the table. With `raw`, bytes stand in the lines as they are."""
    targets, settings = [], []
    for number, column in enumerate(columns):
        name = LEXIS.quote(column.name)
        there = natives[column.name]
        if there.generated:
            targets.append(f"@v{number}")
            continue
        expression = None if raw and column.type is Type.BYTES else _SET.get(column.type)
        if there.kind == "bit" or (there.kind == "enum" and column.type is Type.INT):
            expression = "CAST({0} AS UNSIGNED)"
        if raw and column.type in (Type.TEXT, Type.JSON, Type.UUID) and not takes_utf8mb4(there):
            expression = "CONVERT({0} USING utf8mb4)"
        targets.append(f"@v{number}" if expression else name)
        if expression:
            settings.append(f"{name} = {expression.format(f'@v{number}')}")
    return load_statement(path, table, targets, settings, replace=replace, binary=raw)


_PAIR: Final = re.compile(rb"\\([\\fv])")
_INSTEAD: Final = {b"\\": b"\\\\", b"f": b"\f", b"v": b"\v"}


def segments(columns: Sequence[Column], chunks: Iterable[bytes]) -> Iterator[tuple[bool, int, bytes]]:
    """The chunks as LOAD DATA reads them, each with its number of rows. A line with large bytes is a raw one of its
    own."""
    data = [place for place, column in enumerate(columns) if column.type is Type.BYTES]
    for chunk in chunks:
        rows = rows_in(chunk)
        if b"\\f" in chunk or b"\\v" in chunk:
            chunk = _PAIR.sub(lambda found: _INSTEAD[found[1]], chunk)
        if not rows:
            continue
        if not data or len(chunk) < LARGE:
            yield False, rows, chunk
            continue
        for large, some in groupby(chunk.splitlines(keepends=True), lambda line: len(line) > 2 * LARGE):
            if large:
                for line in some:
                    yield True, 1, _raw(line, data)
            else:
                lines = list(some)
                yield False, len(lines), b"".join(lines)


def _raw(line: bytes, data: Sequence[int]) -> bytes:
    r"""The line with its bytes as they are instead of \\x and hex."""
    cells = line[:-1].split(b"\t")
    for place in data:
        if cells[place] != NULL:
            cells[place] = escaped(bytes_of(cells[place]))
    return b"\t".join(cells) + b"\n"
