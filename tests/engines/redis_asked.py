"""What the tests of Redis share: schemas, and replies and rows as plain lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet.adapter import Adapter
from dbfleet.values import Column, Reference, Row, Schema, Type

ID = Column("id", Type.INT, False)
PAIR = (ID, Column("v", Type.TEXT))


def orders(name: str) -> Schema:
    columns = (ID, Column("customer_id", Type.INT), Column("note", Type.TEXT))
    return Schema(name, columns, ("id",), (Reference(("customer_id",), "customers", ("id",)),))


def rows_of(adapter: Adapter, schema: Schema, **options: Any) -> list[Row]:
    return [row for batch in adapter.scan(schema, **options) for row in batch]


def ask(adapter: Adapter, statement: str, **params: object) -> Any:
    """The reply as the rows' values: a record's fields, one column's values, or rows."""
    with adapter.query(statement, params) as result:
        rows = [row for batch in result for row in batch]
        if result.documents:
            return rows[0][0] if rows else {}
        return [row[0] for row in rows] if len(result.columns) == 1 else rows


def names(adapter: Adapter, statement: str) -> list[str]:
    with adapter.query(statement) as result:
        return [column.name for column in result.columns]


@pytest.fixture(name="keys")
def foreign_keys(adapter: Adapter, name: str) -> Iterator[str]:
    """A prefix for keys that dbfleet did not make; they are removed after the test."""
    yield name
    adapter.drop(name)
