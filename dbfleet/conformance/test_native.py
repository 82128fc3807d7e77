"""Carrying collections as they are to another target of the same engine: here to beside themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.abilities import KeepsTimes, Native
from dbfleet.adapter import WHOLE, Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Make
from dbfleet.errors import AlreadyExists, NotFound
from dbfleet.outline import STAGES, Stage
from dbfleet.target import Target
from dbfleet.values import Schema, digest_rows


@pytest.fixture
def native(adapter: Adapter) -> Any:
    """The adapter, if it carries collections as they are."""
    return needed(adapter, Native)


@pytest.fixture
def filled(adapter: Adapter, native: Any, made: Make, name: str) -> Schema:
    """A collection with a column of every type that the engine keeps, and rows."""
    schema = made(wide_schema(name, adapter.spec))
    adapter.write(schema, [wide_rows(adapter.spec, 20)])
    return schema


@pytest.fixture
def other(target: Target, native: Any, name: str) -> Iterator[str]:
    """Another name; its collection is dropped after the test."""
    yield f"{name}_other"
    with registry.connect(target) as cleaner:
        cleaner.drop(f"{name}_other")


class Carried:
    """A collection on its way under another name."""

    def __init__(self, native: Any, name: str, other: str) -> None:
        self.native = native
        self.outline = native.outline([name])
        makes = [each for step in self.outline.steps if step.collection == name for each in step.makes]
        final = native.names(makes, name, other, [])
        self.called = {name: other}
        self.called |= {f"{space}.{made}" if space else made: final[space, made] for space, made in makes}

    def take(self, *stages: Stage, again: bool = False) -> list[bool]:
        return [
            self.native.take(step, self.called, again=again)
            for step in self.outline.steps
            if step.stage in stages and not step.shared
        ]


def test_a_collection_is_the_same_under_another_name(adapter: Adapter, native: Any, filled: Schema, other: str) -> None:
    carried = Carried(native, filled.name, other)
    assert {step.stage for step in carried.outline.steps} <= set(STAGES)
    carried.take("before", "collections")
    ours = native.native(filled.name)
    assert ours.native
    adapter.write(Schema(other, ours.columns, native=True), adapter.scan(ours))
    carried.take("keys", "references", "after")
    theirs = native.native(other)
    assert (theirs.columns, theirs.key) == (ours.columns, ours.key)
    assert [column.native for column in theirs.columns] == [column.native for column in ours.columns]
    assert digest_rows(theirs.columns, adapter.scan(theirs)) == digest_rows(ours.columns, adapter.scan(ours))
    plain = adapter.describe(other)
    assert plain.columns == adapter.describe(filled.name).columns
    assert digest_rows(plain.columns, adapter.scan(plain)) == digest_rows(
        filled.columns, adapter.scan(adapter.describe(filled.name))
    )


def test_a_step_is_taken_once_unless_it_may_have_been(native: Any, filled: Schema, other: str) -> None:
    carried = Carried(native, filled.name, other)
    carried.take("before", "collections")
    with pytest.raises(AlreadyExists):
        carried.take("collections")
    carried.take("keys", "references")
    assert not any(carried.take("keys", again=True)[:1])


def _twice(native: Any, carried: Carried) -> None:
    with native.together():
        carried.take("before", "collections")
        carried.take("collections")


def test_what_is_taken_together_is_there_or_is_not(adapter: Adapter, native: Any, filled: Schema, other: str) -> None:
    carried = Carried(native, filled.name, other)
    with pytest.raises(AlreadyExists):
        _twice(native, carried)
    assert other not in adapter.collections()
    with native.together():
        carried.take("before", "collections")
    assert other in adapter.collections()


def test_cleared_and_removed(adapter: Adapter, native: Any, filled: Schema, other: str) -> None:
    carried = Carried(native, filled.name, other)
    carried.take("before", "collections")
    ours = native.native(filled.name)
    theirs = Schema(other, ours.columns, native=True)
    adapter.write(theirs, adapter.scan(ours))
    assert adapter.count(other) == adapter.count(filled.name) > 0
    native.clear(theirs, WHOLE)
    assert adapter.count(other) == 0
    native.remove([other, f"{other}_that_never_was"])
    assert other not in adapter.collections()


def test_what_is_not_there_has_no_outline(native: Any, name: str) -> None:
    assert name not in native.native_collections()
    assert name not in native.native_views()
    with pytest.raises(NotFound):
        native.native(name)


def test_nothing_that_it_can_make_is_lacking(native: Any, filled: Schema) -> None:
    assert filled.name in native.native_collections()
    assert native.lacking(native.outline([filled.name]).steps) == {}


def test_times_are_kept(adapter: Adapter, native: Any, filled: Schema, other: str) -> None:
    needed(adapter, KeepsTimes).keep_times()
    ours = native.native(filled.name)
    assert not ours.key
    assert len(ours.columns) > len(filled.columns)
    Carried(native, filled.name, other).take("before", "collections")
    adapter.write(Schema(other, ours.columns, native=True), adapter.scan(ours), alone=True)
    theirs = native.native(other)
    assert digest_rows(theirs.columns, adapter.scan(theirs)) == digest_rows(ours.columns, adapter.scan(ours))
    plain = adapter.describe(other)
    assert digest_rows(plain.columns, adapter.scan(plain)) == digest_rows(
        filled.columns, adapter.scan(adapter.describe(filled.name))
    )
