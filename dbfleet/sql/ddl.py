"""CREATE TABLE without SQLAlchemy, for an engine of which it has no dialect. How a column is declared is data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from dbfleet.values import Column, Reference, Schema


def table_lines(
    schema: Schema,
    quote: Callable[[str], str],
    declare: Callable[[Column], str],
    *,
    references: Sequence[Reference] | None = None,
) -> Iterator[str]:
    """What stands between the parentheses of CREATE TABLE, without commas: the columns, the key, the references (the
    schema's, unless others are given). A column of the key is NOT NULL, whatever the schema says."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(map(quote, names))

    for column in schema.columns:
        needed = column.name in schema.key or not column.nullable
        yield f"{quote(column.name)} {declare(column)}{' NOT NULL' if needed else ''}"
    if schema.key:
        yield f"PRIMARY KEY ({listed(schema.key)})"
    for each in schema.references if references is None else references:
        yield f"FOREIGN KEY ({listed(each.columns)}) REFERENCES {quote(each.collection)} ({listed(each.keys)})"
