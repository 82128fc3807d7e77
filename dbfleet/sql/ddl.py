"""CREATE TABLE without SQLAlchemy, for an engine without a dialect there. The engine says how a column is declared."""

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
    """The lines between the parentheses of CREATE TABLE, without commas: the columns, the key, and the references (the
    schema's own, unless others are given). A key column is NOT NULL, whatever the schema says."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(map(quote, names))

    for column in schema.columns:
        needed = column.name in schema.key or not column.nullable
        yield f"{quote(column.name)} {declare(column)}{' NOT NULL' if needed else ''}"
    if schema.key:
        yield f"PRIMARY KEY ({listed(schema.key)})"
    for reference in schema.references if references is None else references:
        columns, keys = listed(reference.columns), listed(reference.keys)
        yield f"FOREIGN KEY ({columns}) REFERENCES {quote(reference.collection)} ({keys})"
