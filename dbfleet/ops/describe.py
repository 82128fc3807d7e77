"""`dbfleet describe`: a collection's columns with their types, its key and its references."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbfleet.errors import StatementError
from dbfleet.fleet import Fleet
from dbfleet.ops._named import schema_of
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type


@dataclass(frozen=True, slots=True)
class Described:
    """One column. `type` has its size: `decimal(12,2)`, `text(40)`, `instant(3)`; `key` is its place in the key, from
    1; `references` the column that it points to, `customers.id`; `native` the engine's own name of the type."""

    collection: str
    column: str
    type: str
    nullable: bool
    key: int | None
    references: str | None
    native: str | None
    note: str | None


def describe(fleet: Fleet, target: Target, collection: str | None = None) -> Iterator[Described]:
    """The columns of a collection, or of all of them. NotFound if the collection is not there. Of all of them one that
    cannot be described, as a broken view, does not hide the others: its error is raised when the last was given."""
    failed: list[StatementError] = []
    with fleet.connect(target) as adapter:
        for name in adapter.collections() if collection is None else (collection,):
            try:
                schema = schema_of(adapter, target, name)
            except StatementError as error:
                if collection is not None:
                    raise
                error.target = error.target or target.name
                failed.append(error)
                continue
            for column in schema.columns:
                yield _described(schema, column)
    if failed:
        raise failed[0]


def _described(schema: Schema, column: Column) -> Described:
    pointed = [
        f"{reference.collection}.{key}"
        for reference in schema.references
        for source, key in zip(reference.columns, reference.keys, strict=True)
        if source == column.name
    ]
    return Described(
        schema.name,
        column.name,
        type_text(column),
        column.nullable,
        schema.key.index(column.name) + 1 if column.name in schema.key else None,
        ", ".join(pointed) or None,
        column.native,
        column.remark,
    )


def type_text(column: Column) -> str:
    """The type with its size: decimal(12,2), text(40), instant(3)."""
    size: tuple[int | None, ...] = (column.length,)
    if column.type is Type.DECIMAL:
        size = (column.precision, column.scale)
    elif column.fraction_digits is not None:
        size = (column.fraction_digits,)
    given = ",".join(str(each) for each in size if each is not None)
    return f"{column.type}({given})" if given else str(column.type)
