"""Values of many megabytes go alone and come in slices: the server never has a text of them."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.conformance.plugin import Make
from dbfleet.engines._postgres_sizes import HUGE
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Column, Schema, Type, digest_rows

pytestmark = pytest.mark.engines("postgres")

_COLUMNS = (Column("id", Type.INT, False), Column("b", Type.BYTES), Column("t", Type.TEXT), Column("n", Type.DECIMAL))


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_huge_values_go_in_and_come_out_as_they_are(adapter: Any, made: Make, name: str, mode: Any) -> None:
    schema = made(Schema(name, _COLUMNS, ("id",)))
    rows: Batch = [
        (1, b"small", "x", None),
        (2, bytes(range(256)) * (HUGE // 256 + 9), None, None),
        (3, None, "é\\\n\t€" * (HUGE // 4), None),
        (4, b"", "last", None),
    ]
    assert adapter.write(schema, [rows, [(5, None, None, None)]], mode=mode).rows == 5
    assert sorted(row for batch in adapter.scan(schema) for row in batch) == [*rows, (5, None, None, None)]
    assert adapter.digest(schema) == digest_rows(schema.columns, [[*rows, (5, None, None, None)]])
    assert adapter.lines(schema) is None
    assert adapter.encoded_scan(schema, "csv") is None


def test_a_refused_huge_value_leaves_nothing(adapter: Any, made: Make, name: str) -> None:
    schema = made(Schema(name, _COLUMNS, ("id",)))
    for text in ("x" * HUGE + "\0", "x" * HUGE + "\ud800"):
        with pytest.raises(StatementError):
            adapter.write(schema, [[(1, None, "x", None), (2, None, text, None)]])
        assert adapter.count(name) == 0
