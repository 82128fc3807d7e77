"""Fast paths: what an adapter may have ready-made is the plain path's result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.plugin import Make
from dbfleet.formats import _exact
from dbfleet.values import Row, Schema, Type, digest_rows


def _without(schema: Schema, rows: list[Row], *types: Type) -> tuple[Schema, list[Row]]:
    """The schema and its rows without the columns of these types."""
    kept = [place for place, column in enumerate(schema.columns) if column.type not in types]
    columns = tuple(schema.columns[place] for place in kept)
    return Schema(schema.name, columns, schema.key), [tuple(row[place] for place in kept) for row in rows]


@pytest.fixture(params=["every type", "no json"])
def filled(request: pytest.FixtureRequest, adapter: Adapter, made: Make, name: str) -> Schema:
    """A collection with every example of every type; servers render what is not json themselves."""
    types = (Type.JSON,) if request.param == "no json" else ()
    schema, rows = _without(wide_schema(name, adapter.spec), wide_rows(adapter.spec, 500), *types)
    adapter.write(made(schema), [rows])
    return schema


def test_server_digest_is_that_of_the_scan(adapter: Adapter, filled: Schema) -> None:
    fast: Any = getattr(adapter, "digest", None)
    if fast is not None:
        assert fast(filled) == digest_rows(filled.columns, adapter.scan(filled))


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_encoded_scan_is_what_the_scan_gives(adapter: Adapter, filled: Schema, format: str) -> None:
    fast: Any = getattr(adapter, "encoded_scan", None)
    chunks: Iterator[bytes] | None = fast(filled, format) if fast else None
    if chunks is not None:
        plain = b"".join(_exact.encode(format, filled, adapter.scan(filled)))
        assert sorted(b"".join(chunks).splitlines()) == sorted(plain.splitlines())
