"""The question before a replace says how it is done, as the engine does it."""

from __future__ import annotations

import pytest

from dbfleet import registry
from dbfleet.ops._ends import question

TWO = [("orders", 5), ("people", 1)]


@pytest.mark.parametrize("engine", ["postgres", "mysql", "sqlite", "redis", "sqlserver"])
def test_what_is_exchanged_in_one_step_is_called_whole(engine: str) -> None:
    asked = question(TWO, "target", registry.spec(engine))
    assert asked == "orders (5 rows), people (1 row) of target will be replaced once the new rows are whole"


def test_several_collections_of_mongodb_go_one_at_a_time() -> None:
    spec = registry.spec("mongodb")
    assert "one at a time" in question(TWO, "mongodb", spec)
    assert question(TWO[:1], "mongodb", spec).endswith("once the new rows are whole")


def test_many_rows_of_neo4j_go_in_steps() -> None:
    asked = question(TWO[:1], "neo4j", registry.spec("neo4j"))
    assert "more than about 100,000 rows, in steps" in asked


@pytest.mark.parametrize("engine", ["cassandra", "couchdb"])
def test_what_cannot_be_exchanged_is_dropped_first(engine: str) -> None:
    assert "dropped first" in question(TWO, "target", registry.spec(engine))
