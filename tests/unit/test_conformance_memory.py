"""The conformance suite's memory check can fail: an adapter that collects what it should pass on is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter, Written
from dbfleet.conformance import test_rows
from dbfleet.target import Target
from dbfleet.values import Batch, Schema


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    target = Target("t", "sqlite", "sqlite", database=str(tmp_path / "t.db"), create=True)
    with registry.connect(target) as found:
        yield found


def made(adapter: Adapter) -> Any:
    def make(schema: Schema) -> Schema:
        adapter.create(schema)
        return schema

    return make


def test_a_write_that_lists_its_batches_first_is_seen(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    write = adapter.write

    def hoarding(schema: Schema, batches: Iterable[Batch]) -> Written:
        return write(schema, list(batches))

    monkeypatch.setattr(adapter, "write", hoarding)
    with pytest.raises(AssertionError, match=r"write held 6\d"):
        test_rows.test_scan_and_write_hold_one_batch(adapter, made(adapter), "t")


def test_a_scan_that_lists_its_batches_first_is_seen(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = adapter.scan

    def hoarding(schema: Schema, **options: Any) -> Iterator[Batch]:
        return iter(list(scan(schema, **options)))

    monkeypatch.setattr(adapter, "scan", hoarding)
    with pytest.raises(AssertionError, match=r"scan held 6\d"):
        test_rows.test_scan_and_write_hold_one_batch(adapter, made(adapter), "t")
