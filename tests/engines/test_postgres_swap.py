"""What a swap does with what PostgreSQL has around a table: names, references from outside, views, schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Swap
from dbfleet.errors import ConstraintViolated
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Schema, Type

pytestmark = pytest.mark.engines("postgres")


@pytest.fixture
def space(adapter: Any, name: str) -> Iterator[str]:
    """A schema of this test alone, dropped with all that it holds."""
    list(adapter.query(f"CREATE SCHEMA {name}"))
    yield name
    adapter.query(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def inside(target: Target, space: str) -> Iterator[Any]:
    """A connection whose plain names are in that schema."""
    with registry.connect(target.with_(options={**target.options, "schema": space})) as adapter:
        yield adapter


def _schema(name: str) -> Schema:
    columns = (Column("id", Type.INT, False), Column("boss", Type.INT), Column("v", Type.TEXT))
    return Schema(name, columns, ("id",), (Reference(("boss",), name, ("id",)),))


def _staged(adapter: Any, name: str) -> Schema:
    schema = _schema(name)
    adapter.create(schema)
    adapter.write(schema, [[(1, None, "new"), (2, 1, "new")]])
    return schema


def _names(adapter: Any, table: str) -> set[str]:
    found = adapter.query(
        "SELECT conname FROM pg_constraint WHERE conrelid = cast(:t as regclass) UNION "
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = cast(:t as regclass)",
        {"t": table},
    )
    return {row[0] for batch in found for row in batch}


def _value(adapter: Any, statement: str) -> Any:
    with adapter.query(statement) as result:
        return next(iter(result))[0][0]


def test_constraints_are_named_as_the_server_would_have_named_them(inside: Any) -> None:
    inside.create(_schema("as_made"))
    wanted = {name.replace("as_made", "people") for name in _names(inside, "as_made")}
    for _ in range(2):
        inside.swap([Swap(_staged(inside, "_dbfleet_people"), "people")])
        assert _names(inside, "people") == wanted


def test_names_of_63_bytes_are_cut_as_the_server_cuts_them(inside: Any) -> None:
    final, staged = "é" * 31, "_dbfleet_" + "x" * 54
    inside.create(_schema(final))
    wanted = _names(inside, final)
    inside.swap([Swap(_staged(inside, staged), final)])
    assert _names(inside, final) == wanted


def test_references_from_outside_hold_to_the_new_table(inside: Any) -> None:
    inside.create(_schema("people"))
    inside.write(_schema("people"), [[(1, None, "old")]])
    inside.query("CREATE TABLE pets(id int, owner bigint REFERENCES people ON DELETE CASCADE)")
    inside.query("INSERT INTO pets VALUES (1, 1)")
    before = _value(inside, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'pets_owner_fkey'")
    inside.swap([Swap(_staged(inside, "_dbfleet_people"), "people")])
    after = _value(inside, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'pets_owner_fkey'")
    assert after == before
    inside.query("DELETE FROM people WHERE id = 2")
    with pytest.raises(ConstraintViolated):
        inside.query("INSERT INTO pets VALUES (2, 2)")


def test_rows_outside_that_refer_to_none_of_the_new_ones_refuse_the_swap(inside: Any) -> None:
    inside.create(_schema("people"))
    inside.write(_schema("people"), [[(9, None, "old")]])
    inside.query("CREATE TABLE pets(id int, owner bigint REFERENCES people)")
    inside.query("INSERT INTO pets VALUES (1, 9)")
    staged = _staged(inside, "_dbfleet_people")
    with pytest.raises(ConstraintViolated):
        inside.swap([Swap(staged, "people")])
    assert inside.count("people") == 1
    assert inside.count("_dbfleet_people") == 2
    with pytest.raises(ConstraintViolated):
        inside.query("DELETE FROM people")


def test_a_view_of_the_old_table_refuses_the_swap_by_name(inside: Any) -> None:
    inside.create(_schema("people"))
    inside.query("CREATE VIEW bosses AS SELECT * FROM people WHERE boss IS NULL")
    staged = _staged(inside, "_dbfleet_people")
    with pytest.raises(ConstraintViolated, match="bosses") as refused:
        inside.swap([Swap(staged, "people")])
    assert "CASCADE" not in (refused.value.hint or "")
    assert inside.count("bosses") == 0


def test_staged_names_are_no_collections(inside: Any) -> None:
    _staged(inside, "_dbfleet_people")
    assert "_dbfleet_people" not in inside.collections()
    assert "_dbfleet_people" in inside.leftovers()
    inside.drop("_dbfleet_people")
    assert "_dbfleet_people" not in inside.leftovers()


def test_a_table_goes_into_another_schema(adapter: Any, inside: Any, space: str) -> None:
    staged = _staged(adapter, f"_dbfleet_{space}")
    adapter.swap([Swap(staged, f"{space}.people")])
    assert inside.count("people") == 2
    assert inside.describe("people").references == (Reference(("boss",), "people", ("id",)),)


def test_identity_tells_databases_and_schemas_apart_and_not_spellings(
    target: Target, inside: Any, adapter: Any
) -> None:
    assert inside.identity() != adapter.identity()
    spelled = target.with_(host="localhost", scheme="pg", options={**target.options, "application_name": "other"})
    with registry.connect(spelled) as other:
        assert other.identity() == adapter.identity()
    with registry.connect(target.with_(database="template1")) as other:
        assert other.identity() != adapter.identity()
