"""What the two wire doubles have in common, each as a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.fleet import Fleet
from dbfleet.values import Batch, Column, Schema, Type

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

WRITERS = 4
ROWS = 3000
SAME = Schema("same", (Column("id", Type.INT, False), Column("v", Type.TEXT, length=20)), ("id",))


@pytest.fixture(params=["oracle", "sqlserver"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with import_module(f"tests.doubles.{request.param}.running").running(tmp_path) as found:
        yield found


def opened(url: str) -> Adapter:
    return registry.connect(Fleet.open("double", environ={"DBFLEET_CONFIG": ""}).target(url))


def test_several_connections_write_and_read_at_once(url: str) -> None:
    """A write may wait for another, as one at a time is taken, and never fails for it; a reader waits for none."""
    with opened(url) as adapter:
        adapter.create(SAME)

    def batches(writer: int) -> Iterator[Batch]:
        for start in range(0, ROWS, 500):
            yield [(writer * ROWS + start + place, "x") for place in range(500)]

    def write(writer: int) -> tuple[int, bool]:
        with opened(url) as adapter:
            written = adapter.write(SAME, batches(writer))
            keys = {row[0] for batch in adapter.scan(SAME) for row in batch}
            return written.rows, keys >= set(range(writer * ROWS, (writer + 1) * ROWS))

    with ThreadPoolExecutor(WRITERS) as pool:
        assert list(pool.map(write, range(WRITERS))) == [(ROWS, True)] * WRITERS
    with opened(url) as adapter:
        assert adapter.count("same") == WRITERS * ROWS
