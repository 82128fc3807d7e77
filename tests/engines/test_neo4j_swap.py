"""Staged nodes that take others' places: what refers to the old ones from outside, what would be lost, and what is more
than one transaction holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter, Swap
from dbfleet.conformance.plugin import Make
from dbfleet.engines.neo4j import swap as swaps
from dbfleet.engines.neo4j import swap_steps
from dbfleet.engines.neo4j.session import Session
from dbfleet.errors import ConstraintViolated, StatementError
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type

pytestmark = pytest.mark.engines("neo4j")

ID = Column("id", Type.INT, nullable=False)


@pytest.fixture
def swapping(target: Target, name: str) -> Iterator[Any]:
    with registry.connect(target) as adapter:
        yield adapter
        for each in sorted(adapter.collections(), reverse=True):
            if each.startswith(name):
                adapter.drop(each)
        for each in adapter.leftovers():  # type: ignore[attr-defined]
            adapter.drop(each)


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def _people(name: str) -> Schema:
    return Schema(name, (ID, Column("v", Type.TEXT)), ("id",))


def _rows(adapter: Adapter, statement: str) -> list[Row]:
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]


def _stage(adapter: Any, name: str, rows: list[Row]) -> Swap:
    staged = _people(f"_dbfleet_new_{name}")
    adapter.create(staged)
    adapter.write(staged, [rows])
    return Swap(staged, name)


def test_relationships_of_collections_outside_lead_to_the_new_rows(swapping: Any, made: Make, name: str) -> None:
    people = made(_people(name))
    order = made(Schema(f"{name}_o", (ID, Column("who", Type.INT)), ("id",), (Reference(("who",), name, ("id",)),)))
    ends = (Reference(("a",), name, ("id",)), Reference(("b",), name, ("id",)))
    knows = made(Schema(f"{name}_k", (Column("a", Type.INT), Column("b", Type.INT)), (), ends, edge=True))
    swapping.write(people, [[(1, "old"), (2, "old"), (3, "old")]])
    swapping.write(order, [[(10, 1), (11, 3)]])
    swapping.write(knows, [[(1, 2)]])
    swapping.swap([_stage(swapping, name, [(1, "new"), (2, "new")])])
    assert _rows(swapping, f"MATCH (o:{order.name})-[:WHO]->(p) RETURN o.id, p.v, labels(p)") == [(10, "new", [name])]
    assert _rows(swapping, f"MATCH (a:{name})-[:{knows.name}]->(b:{name}) RETURN a.v, b.v") == [("new", "new")]
    assert _rows(swapping, f"MATCH (o:{order.name}) RETURN count(o)") == [(2,)]
    assert swapping.leftovers() == []


def test_rows_that_relationships_outside_connect_do_not_go(swapping: Any, made: Make, name: str) -> None:
    people = made(_people(name))
    ends = (Reference(("a",), name, ("id",)), Reference(("b",), name, ("id",)))
    knows = made(Schema(f"{name}_k", (Column("a", Type.INT), Column("b", Type.INT)), (), ends, edge=True))
    swapping.write(people, [[(1, "old"), (2, "old")]])
    swapping.write(knows, [[(1, 2)]])
    with pytest.raises(ConstraintViolated, match=knows.name):
        swapping.swap([_stage(swapping, name, [(1, "new")])])
    assert _rows(swapping, f"MATCH (a:{name})-[:{knows.name}]->(b:{name}) RETURN a.v, b.v") == [("old", "old")]
    _rows(swapping, f"MATCH (a:{name})-[k:{knows.name}]->() DELETE k CREATE (a)-[:{name}_OF]->(:{name}_X)")
    with pytest.raises(ConstraintViolated, match=f"{name}_OF"):  # of somebody's own
        swapping.swap([Swap(_people(f"_dbfleet_new_{name}"), name)])
    assert _rows(swapping, f"MATCH (a:{name}) RETURN a.v, labels(a)") == [("old", [name])] * 2


def test_nodes_that_have_another_label_stay(swapping: Any, name: str) -> None:
    _rows(swapping, f"CREATE (:{name}:{name}_Q {{id: 1}}), (:{name} {{id: 2}})")
    swapping.swap([_stage(swapping, name, [(5, "new")])])
    assert _rows(swapping, f"MATCH (x:{name}) RETURN x.id") == [(5,)]
    assert _rows(swapping, f"MATCH (x:{name}_Q) RETURN x.id, labels(x)") == [(1, [f"{name}_Q"])]
    swapping.drop(name)
    assert swapping.count(f"{name}_Q") == 1


@pytest.mark.parametrize("step", ["begin", "move", "keep_schemas", "forget_staged"])
def test_steps_that_were_cut_off_are_carried_to_their_end(
    swapping: Any, made: Make, target: Target, name: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As after a kill: whoever asks for leftovers next finds what was begun."""
    people = made(_people(name))
    swapping.write(people, [[(1, "old"), (2, "old")]])
    swap = _stage(swapping, name, [(2, "new"), (3, "new")])

    whole = Session.run_together
    calls: list[int] = []

    def first_refused(session: Session, statements: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise StatementError("no memory", code="Neo.TransientError.General.MemoryPoolOutOfMemoryError")
        whole(session, statements)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Session, "run_together", first_refused)
        patched.setattr(swaps, "undo", lambda *_: None)
        patched.setattr(swap_steps if step in ("begin", "move") else swaps, step, killed)
        with pytest.raises(Killed):
            swapping.swap([swap])
    with registry.connect(target) as other:
        left: Any = other
        for each in left.leftovers():
            if step == "begin" or each != swap.staged.name:
                other.drop(each)
        expected = [(1, "old"), (2, "old")] if step == "begin" else [(2, "new"), (3, "new")]
        assert sorted(row for batch in other.scan(people) for row in batch) == expected
        assert left.leftovers() == []
        assert len(_rows(other, f"SHOW CONSTRAINTS YIELD labelsOrTypes AS l WHERE '{name}' IN l RETURN l")) == 1
