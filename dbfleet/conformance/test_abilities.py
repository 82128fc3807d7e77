"""Abilities in both directions: a declared one is there and works for a plain schema; one that is there is declared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbfleet.abilities import (
    ALL,
    Adopts,
    CountsOn,
    Encodes,
    EncodesScans,
    KeysLast,
    Locates,
    Snapshots,
    TellsLeft,
    TellsLosses,
)
from dbfleet.adapter import Adapter
from dbfleet.conformance.held import MAY_DECLINE, PLAIN_ROWS, absent, declined, filled, needed, plain_schema, undeclared
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import AlreadyExists, ConstraintViolated, NotFound
from dbfleet.spec import EngineSpec
from dbfleet.values import Column, Reference, Schema, Type


def test_what_is_declared_is_there(adapter: Adapter) -> None:
    assert adapter.spec.abilities <= set(ALL)
    assert absent(adapter.spec, type(adapter)) == []


def test_what_is_there_is_declared(adapter: Adapter) -> None:
    assert undeclared(adapter.spec, type(adapter)) == []


def test_formats_are_named_where_there_is_encoding(spec: EngineSpec) -> None:
    assert bool(spec.encodings) == bool({Encodes, EncodesScans} & spec.abilities)


@pytest.mark.parametrize("ability", MAY_DECLINE, ids=lambda ability: ability.__name__)
def test_what_is_declared_is_given_for_a_plain_schema(adapter: Adapter, ability: type, made: Make, name: str) -> None:
    needed(adapter, ability)
    assert declined(adapter, ability, filled(adapter, made(plain_schema(name)))) == []


def test_a_place_is_the_same_from_every_connection(adapter: Adapter, connect: Connect, made: Make, name: str) -> None:
    made(plain_schema(name))
    places = needed(adapter, Locates).places([name, f"{name}_other"])
    assert len({*places}) == 2
    assert list(needed(connect(), Locates).places([name, f"{name}_other"])) == list(places)


def test_a_collection_that_dbfleet_made_is_not_bare(adapter: Adapter, made: Make, name: str) -> None:
    made(plain_schema(name))
    adopting = needed(adapter, Adopts)
    assert not adopting.bare(name)
    with pytest.raises(NotFound):
        adopting.bare(f"{name}_nowhere")


def test_a_collection_that_gets_its_key_last_is_as_if_it_was_created(
    adapter: Adapter, connect: Connect, made: Make, name: str
) -> None:
    last = needed(adapter, KeysLast)
    far = made(plain_schema(name))
    columns = (Column("a", Type.INT, False), Column("b", Type.TEXT, False, length=9), Column("far", Type.INT))
    plain = Schema(f"{name}_plain", columns, ("b", "a"), (Reference(("far",), name, ("id",)),))
    created = made(plain)
    try:
        schema = replace(plain, name=f"{name}_filled")
        with last.filling(schema):
            adapter.write(schema, [[(1, "x", 1), (2, "x", None)]])
            assert schema.name not in connect().collections(), "nobody sees it before it is whole"
        assert replace(adapter.describe(schema.name), references=()) == replace(
            created, name=schema.name, references=()
        )
        with pytest.raises(ConstraintViolated):
            adapter.write(schema, [[(1, "x", None)]])
        with pytest.raises(ConstraintViolated):
            last.refer(schema)  # what it refers to has no rows yet
        filled(adapter, far)
        last.refer(schema)
        assert adapter.describe(schema.name) == replace(created, name=schema.name)
        with pytest.raises(AlreadyExists), last.filling(schema):
            raise AssertionError("it is there")
        twice = replace(schema, name=f"{name}_twice")
        with pytest.raises(ConstraintViolated), last.filling(twice):
            adapter.write(twice, [[(1, "x", 1), (1, "x", 2)]])
        assert twice.name not in adapter.collections(), "of what fails nothing stays"
        assert sorted(row for batch in adapter.scan(schema) for row in batch) == [(1, "x", 1), (2, "x", None)]
    finally:
        for each in ("twice", "filled", "plain"):
            adapter.drop(f"{name}_{each}")


def test_a_plain_collection_loses_nothing(adapter: Adapter, made: Make, name: str) -> None:
    filled(adapter, made(plain_schema(name)))
    assert list(needed(adapter, TellsLosses).lost([name])) == []
    assert adapter.count(name) == len(PLAIN_ROWS)


def test_what_is_left_is_told_in_words(adapter: Adapter) -> None:
    left = needed(adapter, TellsLeft).left()
    assert [text for text in left if not (isinstance(text, str) and text)] == []
    assert list(left) == list(needed(adapter, TellsLeft).left())


def test_counters_of_a_collection_without_one_are_all_set(adapter: Adapter, made: Make, name: str) -> None:
    filled(adapter, made(plain_schema(name)))
    assert list(needed(adapter, CountsOn).count_on(name)) == []


def test_a_snapshot_shows_one_moment(adapter: Adapter, connect: Connect, made: Make, name: str) -> None:
    if adapter.spec.embedded:
        pytest.skip("one writer at a time")
    schema = filled(adapter, made(plain_schema(name)))
    other = connect()
    with needed(adapter, Snapshots).snapshot():
        before = sum(map(len, adapter.scan(schema)))
        other.delete(schema, [(1,), (2,)])
        assert sum(map(len, adapter.scan(schema))) == before == len(PLAIN_ROWS)
    assert adapter.count(name) == len(PLAIN_ROWS) - 2
