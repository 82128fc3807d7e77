"""PostgreSQL's rows as a dump has them, rendered by the server: by ranges of pages, row by row, around documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.engines.postgres.fast import encoded_scan as blocks
from dbfleet.errors import StatementError
from dbfleet.formats import _exact
from dbfleet.target import Target
from dbfleet.values import Digest, Schema, Type, digest_rows

pytestmark = pytest.mark.engines("postgres")

LARGE = 40_000
"""Rows of 40 bytes: more pages than FEWEST_PAGES."""


def run(adapter: Any, text: str) -> None:
    result = adapter.query(text)
    while result is not None:
        for _ in result:
            pass
        result = result.following()


@pytest.fixture
def zoo(adapter: Any) -> Iterator[str]:
    """A schema of the database for a test alone."""
    run(adapter, "drop schema if exists dbfleet_dump cascade; create schema dbfleet_dump")
    yield "dbfleet_dump"
    run(adapter, "rollback; drop schema dbfleet_dump cascade")


def large(adapter: Any, zoo: str, columns: str = "n int, t text") -> Any:
    run(adapter, f"create table {zoo}.t ({columns})")
    run(adapter, f"insert into {zoo}.t select n, 'row ' || n from generate_series(1, {LARGE}) n")
    return adapter.describe(f"{zoo}.t")


def both(adapter: Any, schema: Any) -> None:
    """The fast path gives the plain path's lines, in any order, and their digest."""
    found: list[Digest] = []
    fast = b"".join(adapter.encoded_scan(schema, "jsonl", found.append))
    plain = b"".join(_exact.encode("jsonl", schema, adapter.scan(schema)))
    assert sorted(fast.splitlines()) == sorted(plain.splitlines())
    assert sum(found, Digest()) == digest_rows(schema.columns, adapter.scan(schema))


def test_a_large_table_is_read_by_pages_and_in_its_order(adapter: Any, zoo: str, monkeypatch: Any) -> None:
    schema = large(adapter, zoo)
    run(adapter, f"delete from {zoo}.t where n % 1000 < 600 and n > 5000; vacuum {zoo}.t")
    asked: list[int] = []
    ranges = blocks.ranges
    monkeypatch.setattr(blocks, "ranges", lambda *rest: asked.append(rest[2]) or ranges(*rest))
    both(adapter, schema)
    assert set(asked) == {0, 1}  # two connections
    lines = b"".join(adapter.encoded_scan(schema, "jsonl")).splitlines()
    assert lines[:2] == [b'{"n":1,"t":"row 1"}', b'{"n":2,"t":"row 2"}']
    assert lines == sorted(lines, key=lambda line: int(line[5 : line.index(b",")]))


@pytest.mark.parametrize("type_", ["text", "bigint"])
def test_a_table_by_pages_may_have_columns_of_any_name(adapter: Any, zoo: str, type_: str) -> None:
    names = ("p", "page", "s", "r", "t", "q", "l", "h", "b", "c1", "dbfleet_range")
    columns = ", ".join(f"n::{type_} as {name}" for name in names)
    run(adapter, f"create table {zoo}.t as select {columns} from generate_series(1, {LARGE}) n")
    both(adapter, adapter.describe(f"{zoo}.t"))


def test_rows_that_move_meanwhile_are_given_once_and_as_they_were(adapter: Any, target: Target, zoo: str) -> None:
    schema = large(adapter, zoo)
    chunks = adapter.encoded_scan(schema, "jsonl")
    first = next(chunks)
    with closing(registry.connect(target)) as writer:
        run(writer, f"update {zoo}.t set t = 'moved ' || n; delete from {zoo}.t where n % 2 = 0")
    lines = (first + b"".join(chunks)).splitlines()
    assert sorted(lines) == sorted(b'{"n":%d,"t":"row %d"}' % (n, n) for n in range(1, LARGE + 1))


def test_what_has_no_pages_of_its_own_is_read_row_by_row(adapter: Any, zoo: str) -> None:
    large(adapter, zoo)
    run(adapter, f"create view {zoo}.v as select t, n from {zoo}.t where n < 3000")
    run(adapter, f"create table {zoo}.child (more int) inherits ({zoo}.t); insert into {zoo}.child values (0, 'c', 1)")
    run(adapter, f"create table {zoo}.p (n int, t text) partition by range (n)")
    for low in (0, 20_000):
        run(
            adapter,
            f"create table {zoo}.p{low} partition of {zoo}.p for values from ({low}) to ({low + 20_001})"
            if low == 0
            else f"create table {zoo}.p{low} partition of {zoo}.p for values from (20001) to (50000)",
        )
    run(adapter, f"insert into {zoo}.p select * from only {zoo}.t")
    for name in ("v", "t", "p"):
        both(adapter, adapter.describe(f"{zoo}.{name}"))


def _as_declared(schema: Schema) -> Schema:
    """As it is described where such a value is too rare to be known of beforehand."""
    kinds = {"date": Type.DATE, "timestamp without time zone": Type.DATETIME, "time without time zone": Type.TIME,
             "timestamp with time zone": Type.INSTANT}  # fmt: skip
    columns = (replace(each, type=kinds.get(each.native or "", each.type), note=None) for each in schema.columns)
    return replace(schema, columns=tuple(columns))


@pytest.mark.parametrize("rows", [1, LARGE])
@pytest.mark.parametrize(
    ("type_", "value"),
    [("date", "infinity"), ("timestamp", "20000-01-01"), ("timestamptz", "0044-03-15 BC"), ("time", "24:00")],
)
def test_a_date_that_a_scan_refuses_is_refused_by_its_column(
    adapter: Any, zoo: str, rows: int, type_: str, value: str
) -> None:
    for name, more in (("t", ""), ("j", ", j jsonb")):
        run(adapter, f"create table {zoo}.{name} (n int, odd {type_}{more})")
        run(adapter, f"insert into {zoo}.{name} select n from generate_series(1, {rows}) n")
        run(adapter, f"update {zoo}.{name} set odd = '{value}' where n = {rows}")
        for tally in (None, [].append):  # type: ignore[var-annotated]
            with pytest.raises(StatementError, match="column odd holds"):
                for _ in adapter.encoded_scan(_as_declared(adapter.describe(f"{zoo}.{name}")), "jsonl", tally):
                    pass
        assert adapter.count(f"{zoo}.{name}") == rows  # the connection is free again


def test_a_scan_that_is_half_read_does_not_hold_its_snapshot(adapter: Any, zoo: str) -> None:
    schema = large(adapter, zoo)
    with adapter.snapshot():
        chunks, batches = adapter.encoded_scan(schema, "jsonl"), adapter.scan(schema)
        next(batches)
    run(adapter, f"insert into {zoo}.t values (0, 'later')")  # it could not, were the transaction open
    del chunks, batches
    assert adapter.count(schema.name) == LARGE + 1
    half = adapter.encoded_scan(schema, "jsonl")
    next(half)
    half.close()
    run(adapter, f"insert into {zoo}.t values (0, 'later')")
    assert adapter.count(schema.name) == LARGE + 2
