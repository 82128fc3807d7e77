"""Values of many megabytes go alone and come in slices: the server never has a text of them."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.adapter import Change
from dbfleet.conformance.plugin import Make
from dbfleet.engines.postgres.large import HUGE
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
    assert list(adapter.get(schema, [(2,)])) == [rows[1]]
    assert list(adapter.query("SELECT count(*) FROM pg_largeobject_metadata")) == [[(0,)]]
    assert adapter.digest(schema) == digest_rows(schema.columns, [[*rows, (5, None, None, None)]])
    assert adapter.lines(schema) is None
    assert adapter.encoded_scan(schema, "csv") is None


def test_a_value_of_100_mb_goes_in_and_out(adapter: Any, made: Make, name: str) -> None:
    """Within the memory of the stack, also of a server whose shared buffers are full."""
    schema = made(Schema(name, _COLUMNS, ("id",)))
    data = (bytes(range(256)) * 4096 * 100)[:100_000_000]
    text = "é€😀xyz" * 8_000_000
    for row in ((1, data, None, None), (2, None, text, None)):
        assert adapter.write(schema, [[row]]).rows == 1
    assert sorted(len(row[1] or row[2]) for batch in adapter.scan(schema) for row in batch) == [len(text), len(data)]
    assert list(adapter.get(schema, [(1,)])) == [(1, data, None, None)]
    assert list(adapter.get(schema, [(2,)])) == [(2, None, text, None)]


def test_a_text_with_nul_is_refused_by_its_column(adapter: Any, made: Make, name: str) -> None:
    schema = made(Schema(name, _COLUMNS, ("id",)))
    for text in ("a\0b", "x" * HUGE + "\0"):
        with pytest.raises(StatementError, match=r"column t: .*U\+0000"):
            adapter.write(schema, [[(1, None, "x", None), (2, None, text, None)]])
    with pytest.raises(StatementError, match=r"column t: .*U\+0000"):
        adapter.write_lines(schema, [b"1\t\\N\tx\t\\N\n2\t\\N\ta\0b\t\\N\n"])
    with pytest.raises(StatementError, match=r"column t: .*U\+0000"):
        list(adapter.statements(schema, [Change(None, (1, None, "a\0b", None))]))
    assert adapter.count(name) == 0


def test_a_refused_huge_value_leaves_nothing(adapter: Any, made: Make, name: str) -> None:
    schema = made(Schema(name, _COLUMNS, ("id",)))
    for text in ("x" * HUGE + "\0", "x" * HUGE + "\ud800"):
        with pytest.raises(StatementError):
            adapter.write(schema, [[(1, None, "x", None), (2, None, text, None)]])
        assert adapter.count(name) == 0
