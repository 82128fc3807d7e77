"""CSV by RFC 4180: a header, then one record per line. LF or CRLF ends a line; a quoted cell may hold line ends.

The standard library's reader cannot be used: it does not distinguish an empty cell, here NULL, from a quoted empty one,
here empty text. A line without a quote is split at its commas, which is faster too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Final

from dbfleet.adapter import BATCH_SIZE
from dbfleet.errors import UsageError
from dbfleet.readers import Inferred, Reader, _text
from dbfleet.readers._inference import Looks
from dbfleet.readers._values import FROM_CELL, compiled
from dbfleet.values import Batch, Row, Schema

Cells = list[str | None]

_LONGEST: Final = 64 * 1024 * 1024
"""The most characters of one record. A longer one has a quote that is never closed."""

_cell: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",]*))(,|\Z)').match
_ERRORS: Final = (ValueError, KeyError, ArithmeticError)


def rows(stream: BinaryIO, name: str, schema: Schema, exact: bool) -> Iterator[Batch]:
    """The rows of a file whose header names columns of the schema, in any order; a column that is absent is NULL."""
    records = _records(stream, name)
    header = _header(records, name)
    for cell in header:
        if cell not in schema.names:
            raise UsageError(
                f"{name}, line 1: {schema.name} has no column {cell!r}",
                hint=f"its columns are: {', '.join(schema.names)}",
            )
    loop = _loop(schema, header)
    for first, batch in records:
        try:
            yield loop(batch)
        except _ERRORS as error:
            raise _explained(first, batch, name, schema, header) or error from error


def infer(stream: BinaryIO, name: str) -> Inferred:
    """The columns of the header, with types that fit every cell."""
    records = _records(stream, name)
    looks = Looks(from_json=False)
    header = _header(records, name)
    looks.name_columns(header)
    for _, batch in records:
        looks.take_rows(batch)
    return looks.result()


def _header(records: Iterator[tuple[int, list[Cells]]], name: str) -> list[str]:
    _, (cells, *_) = next(records, (1, [[]]))
    if not cells:
        raise UsageError(f"{name} is empty: a CSV file begins with a header")
    header = [cell or "" for cell in cells]
    for place, cell in enumerate(header):
        if not cell:
            raise UsageError(f"{name}, line 1: column {place + 1} has no name")
        if cell in header[:place]:
            raise UsageError(f"{name}, line 1: two columns are called {cell!r}")
    return header


def _loop(schema: Schema, header: Sequence[str]) -> Callable[[Any], list[Row]]:
    scope: dict[str, Any] = {}
    expressions = []
    for place, column in enumerate(schema.columns):
        if column.name in header:
            value = f"r[{header.index(column.name)}]"
            scope[f"f{place}"] = FROM_CELL[column.type]
            read = value if FROM_CELL[column.type] is str else f"f{place}({value})"
            expressions.append(value if read is value else f"None if {value} is None else {read}")
        else:
            expressions.append("None")
    return compiled("r", expressions, scope)


def _records(stream: BinaryIO, name: str) -> Iterator[tuple[int, list[Cells]]]:
    """First the header alone, then batches of records with as many cells; each with the number of its first line."""
    width = 0
    batch: list[Cells] = []
    first = 1
    for number, text in _whole(stream, name):
        cells = _quoted(text, name, number) if '"' in text else [cell or None for cell in text.split(",")]
        if not width:
            width = len(cells)
            yield number, [cells]
            continue
        if len(cells) != width:
            if not text:  # a blank line, in a file of several columns
                continue
            raise UsageError(f"{name}, line {number}: {len(cells)} cells where the header has {width}")
        if not batch:
            first = number
        batch.append(cells)
        if len(batch) == BATCH_SIZE:
            yield first, batch
            batch = []
    if batch:
        yield first, batch


def _whole(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """The text of each record without its line end, and the number of its first line."""
    opened: list[str] = []
    began = length = 0
    for first, text in _text.chunks(stream, name):
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines, first):
            odd = '"' in line and line.count('"') % 2
            if opened:
                opened.append(line)
                length += len(line)
                if length > _LONGEST:
                    raise UsageError(f"{name}, line {began}: a quote opens here and does not close")
                if odd:
                    yield began, "\n".join(opened).removesuffix("\r")
                    opened = []
            elif odd:
                opened, began, length = [line], number, len(line)
            else:
                yield number, line.removesuffix("\r")
    if opened:
        raise UsageError(f"{name}, line {began}: a quote opens here and does not close")


def _quoted(text: str, name: str, number: int) -> Cells:
    """The cells of a record that has quotes."""
    cells: Cells = []
    place = 0
    while True:
        match = _cell(text, place)
        if match is None:
            line, column = number + text.count("\n", 0, place), place - text.rfind("\n", 0, place)
            raise UsageError(
                f"{name}, line {line}, column {column}: a quote inside the cell that begins here",
                hint='a cell with a quote is quoted, and the quote doubled: "6"" nail"',
            )
        quoted, plain, end = match.groups()
        cells.append(plain or None if quoted is None else quoted.replace('""', '"'))
        place = match.end()
        if not end:
            return cells


def _explained(first: int, batch: list[Cells], name: str, schema: Schema, header: Sequence[str]) -> UsageError | None:
    """The error of the first record that has one."""
    number = first
    for record in batch:
        for heading, cell in zip(header, record, strict=True):
            column = schema.column(heading)
            if cell is not None:
                try:
                    FROM_CELL[column.type](cell)
                except _ERRORS:
                    shown = cell if len(cell) <= 60 else cell[:57] + "..."
                    return UsageError(
                        f"{name}, line {number}, column {column.name}: {shown!r} is not of type {column.type}"
                    )
        number += 1 + sum(cell.count("\n") for cell in record if cell)
    return None


READER = Reader("csv", (".csv",), rows, infer)
