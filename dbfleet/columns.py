"""Rows are converted column by column, and put together into batches that are bounded in bytes.

By column is 1.6 times faster than by row: the loop over a column calls one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from dbfleet.adapter import BATCH_BYTES
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Column, Row, Schema, Type, decimal_text

Convert = Callable[[Any], Any]
"""A function from a value that is not NULL to another."""


def converted(rows: Sequence[Row], plan: Sequence[tuple[int, Convert]]) -> Batch:
    """The rows with the values at the planned places converted; a NULL stays."""
    if not plan or not rows:
        return list(rows)
    columns: list[Any] = list(zip(*rows, strict=True))
    for place, convert in plan:
        columns[place] = [None if value is None else convert(value) for value in columns[place]]
    return list(zip(*columns, strict=True))


_NONE: Final = (ValueError, TypeError, ArithmeticError, AttributeError)
"""The errors of a conversion whose value is none of the type."""


def tolerant(convert: Convert) -> Convert:
    """The conversion for a plain query, which never fails on a value: one that cannot be converted stays as the driver
    gave it."""

    def converted_or_not(value: Any) -> Any:
        try:
            return convert(value)
        except _NONE:
            return value

    return converted_or_not


def strict(convert: Convert, collection: str, column: Column) -> Convert:
    """The conversion for a scan: a value that cannot be converted raises StatementError, with the names of collection
    and column."""

    def converted_or_refused(value: Any) -> Any:
        try:
            return convert(value)
        except _NONE as error:
            shown = value if len(str(value)) <= 80 else f"{str(value)[:80]}…"
            raise StatementError(
                f"{collection}: column {column.name} holds {shown}, which is no {column.type}",
                hint="change the value or leave the row out; a plain query shows it as it is",
            ) from error

    return converted_or_refused


def cut(column: Column, kept: int = 6) -> Convert | None:
    """A function that truncates a moment to the column's own digits of a second; None where the column has at least
    `kept` digits."""
    timed = column.type in (Type.TIME, Type.DATETIME, Type.INSTANT)
    if not timed or column.fraction_digits is None or column.fraction_digits >= kept:
        return None
    unit: int = 10 ** (6 - column.fraction_digits)
    return lambda value: value.replace(microsecond=value.microsecond // unit * unit)


def shortened(columns: Sequence[Column], batches: Iterable[Batch]) -> Iterable[Batch]:
    """The batches, with moments truncated to their columns' own digits of a second."""
    plan = [(place, convert) for place, column in enumerate(columns) if (convert := cut(column))]
    return (converted(batch, plan) for batch in batches) if plan else batches


def unrounded(column: Column) -> Convert:
    """A function from a decimal to its text, for a server that rounds to the column's scale. StatementError, by the
    column's name, where digits would be lost."""

    def text_of(value: Decimal) -> str:
        text = decimal_text(value)
        if len(text.partition(".")[2]) > (column.scale or 0):
            raise StatementError(f"column {column.name} has {column.scale} digits behind the point, {text} has more")
        return text

    return text_of


def converter(columns: Sequence[Column], table: Mapping[Type, Convert]) -> Callable[[Sequence[Row]], Batch]:
    """A function that converts rows of these columns; `table` holds the conversion of each type."""
    plan = [(place, table[column.type]) for place, column in enumerate(columns) if column.type in table]
    return lambda rows: converted(rows, plan)


def last_of_each_key(schema: Schema, rows: Batch) -> Batch:
    """The rows, of each key only the last one: for an upsert whose server refuses two rows of one key in one statement,
    or takes the first. The same list where every key is there once."""
    places = schema.key_indexes
    by_key = {tuple([row[place] for place in places]): row for row in rows}
    return rows if len(by_key) == len(rows) else list(by_key.values())


def bounded(pieces: Iterable[Batch], size: int) -> Iterator[Batch]:
    """The rows of the pieces, in batches of at most `size` rows; a batch ends once its values hold BATCH_BYTES. A piece
    has at least one row, and no more rows than may be in memory at once."""
    batch: Batch = []
    held = 0
    for piece in pieces:
        together = weight(piece)
        if held + together < BATCH_BYTES and len(batch) + len(piece) < size:
            batch += piece
            held += together
            continue
        for row in piece:
            batch.append(row)
            held += weight([row]) if together >= BATCH_BYTES else together // len(piece)
            if held >= BATCH_BYTES or len(batch) >= size:
                yield batch
                batch, held = [], 0
    if batch:
        yield batch


def weight(rows: Sequence[Row]) -> int:
    """The size of all texts, bytes and documents in the rows. By column, as loops in C: 0.15 µs for a row of six
    values."""
    size = 0
    for column in zip(*rows, strict=True):
        kind = type(next((value for value in column if value is not None), None))
        if kind is dict or kind is list:
            size += sum(map(len, map(repr, column)))
        elif kind is str or kind is bytes:
            try:
                size += sum(map(len, filter(None, column)))
            except TypeError:  # SQLite's columns hold values of any type
                size += sum(len(value) for value in column if isinstance(value, str | bytes))
    return size


def pieces(fetch: Callable[[int], Batch], size: int) -> Iterator[Batch]:
    """The pieces for `bounded`: what `fetch(most_rows)` returns, until it returns nothing. The first piece is one row;
    later ones have as many rows as should be small together, judged by the rows before."""
    wanted = 1
    while rows := fetch(wanted):
        yield rows
        wanted = max(1, min(size, 4 * wanted, BATCH_BYTES // 8 // (weight(rows) // len(rows) + 1)))
