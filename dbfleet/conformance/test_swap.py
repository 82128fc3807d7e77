"""Identity and swap: which database it is, and staged collections that take the places of others in one step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.abilities import Identifies, Swaps
from dbfleet.adapter import Adapter, Swap
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import DbfleetError, NotFound
from dbfleet.extras import Index
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type

ID = Column("id", Type.INT, False)
_OLD: list[Row] = [(1, "old", None), (2, "old", None)]
_NEW: list[Row] = [(2, "new", None), (3, "new", 2), (4, "new", 3)]


def _rows(adapter: Adapter, schema: Schema) -> list[Row]:
    return sorted(row for batch in adapter.scan(schema) for row in batch)


def _parents(name: str) -> Schema:
    columns = (ID, Column("v", Type.TEXT, length=20), Column("boss", Type.INT))
    return Schema(name, columns, ("id",), references=(Reference(("boss",), name, ("id",)),))


def _children(name: str, parents: str) -> Schema:
    columns = (ID, Column("parent", Type.INT))
    return Schema(name, columns, ("id",), references=(Reference(("parent",), parents, ("id",)),))


@pytest.fixture
def swapping(adapter: Adapter) -> Any:
    """The adapter, if it can swap."""
    return needed(adapter, Swaps)


@pytest.fixture
def names(target: Target, name: str) -> Iterator[tuple[str, str]]:
    """Two final names; collections with these names are dropped after the test."""
    finals = f"{name}_p", f"{name}_c"
    yield finals
    with registry.connect(target) as cleaner:
        for final in reversed(finals):
            cleaner.drop(final)


def test_identity_is_the_same_on_every_connection(adapter: Adapter, connect: Connect) -> None:
    identity = needed(adapter, Identifies).identity()
    assert isinstance(identity, str)
    assert identity
    assert needed(connect(), Identifies).identity() == identity


def test_staged_collections_take_the_places_of_others(
    swapping: Any, connect: Connect, made: Make, names: tuple[str, str]
) -> None:
    parents, children = _parents(names[0]), _children(names[1], names[0])
    swapping.create(parents)
    swapping.create(children)
    swapping.write(parents, [_OLD])
    swapping.write(children, [[(1, 1)]])
    staged_parents = made(_parents(f"{names[0]}_new"))
    staged_children = made(_children(f"{names[1]}_new", f"{names[0]}_new"))
    swapping.write(staged_parents, [_NEW])
    swapping.write(staged_children, [[(7, 2), (8, 4)]])
    swapping.swap([Swap(staged_parents, names[0]), Swap(staged_children, names[1])])
    for adapter in (swapping, connect()):
        assert {*names} <= set(adapter.collections())
        assert not {staged_parents.name, staged_children.name} & set(adapter.collections())
        assert _rows(adapter, adapter.describe(names[0])) == _NEW
        assert _rows(adapter, adapter.describe(names[1])) == [(7, 2), (8, 4)]
        assert adapter.count(names[0]) == 3
        assert [each.collection for each in adapter.describe(names[0]).references] == [names[0]] * (
            len(adapter.describe(names[0]).references)
        )
        assert {each.collection for each in adapter.describe(names[1]).references} <= {names[0]}
    assert len(swapping.describe(names[0]).references) == len(_described(swapping, made, f"{names[0]}_x").references)
    with pytest.raises(NotFound):
        swapping.count(staged_parents.name)


def _described(adapter: Adapter, made: Make, name: str) -> Schema:
    return adapter.describe(made(_parents(name)).name)


def test_a_name_that_nobody_has_is_taken(swapping: Any, made: Make, names: tuple[str, str]) -> None:
    staged = made(_parents(f"{names[0]}_new"))
    swapping.write(staged, [_NEW])
    swapping.swap([Swap(staged, names[0])])
    assert _rows(swapping, _parents(names[0])) == _NEW


def test_what_was_swapped_takes_rows_and_is_swapped_again(swapping: Any, made: Make, names: tuple[str, str]) -> None:
    """Nothing with a staged name is left that would hinder the next swap."""
    for turn in range(3):
        staged = made(_parents(f"{names[0]}_new"))
        swapping.write(staged, [[(turn, "turn", None)]])
        swapping.swap([Swap(staged, names[0])])
        swapping.write(_parents(names[0]), [[(100, "more", turn)]])
        assert _rows(swapping, swapping.describe(names[0])) == [(turn, "turn", None), (100, "more", turn)]


def test_indexes_have_their_names_after_the_swap(swapping: Any, made: Make, names: tuple[str, str]) -> None:
    if Index not in swapping.spec.extras:
        pytest.skip("undeclared by the spec")
    for turn in range(2):
        staged = made(_parents(f"{names[0]}_new"))
        swapping.write(staged, [_NEW])
        swapping.add_extra(staged, Index(f"{names[0]}_s", ("v",)))
        swapping.add_extra(staged, Index(f"{names[0]}_t", ("v", "id"), True))
        wanted = {f"{names[0]}_s": f"{names[0]}_i", f"{names[0]}_t": f"{names[0]}_u"}
        swapping.swap([Swap(staged, names[0], wanted)])
        found = {each.name: each.unique for each in swapping.extras(names[0]).has if isinstance(each, Index)}
        assert found.items() >= {f"{names[0]}_i": False, f"{names[0]}_u": True}.items(), turn
        assert not any(each.endswith(("_s", "_t")) for each in found)


def test_a_swap_that_is_refused_changes_nothing(swapping: Any, made: Make, names: tuple[str, str]) -> None:
    old, staged = _parents(names[0]), made(_parents(f"{names[0]}_new"))
    swapping.create(old)
    swapping.write(old, [_OLD])
    swapping.write(staged, [_NEW])
    missing = _parents(f"{names[0]}_never_made")
    with pytest.raises(DbfleetError):
        swapping.swap([Swap(staged, names[0]), Swap(missing, names[1])])
    assert _rows(swapping, old) == _OLD
    assert _rows(swapping, staged) == _NEW
