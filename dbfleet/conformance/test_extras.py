"""What a collection has besides its rows (dbfleet.extras), for adapters that can carry it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from dbfleet.abilities import CarriesExtras
from dbfleet.adapter import Adapter
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Make
from dbfleet.errors import AlreadyExists, ConstraintViolated, DbfleetError, Unsupported
from dbfleet.extras import Default, Extra, Identity, Index
from dbfleet.spec import Capability
from dbfleet.values import Column, Row, Schema, Type


def _schema(name: str) -> Schema:
    columns = (
        Column("id", Type.INT, False),
        Column("code", Type.TEXT, length=20),
        Column("note", Type.TEXT),
        Column("price", Type.DECIMAL, precision=12, scale=2),
        Column("good", Type.BOOL),
        Column("at", Type.INSTANT),
    )
    return Schema(name, columns, ("id",))


ROWS: list[Row] = [
    (number, f"c{number}", f"it's {number}", Decimal("1.50"), True, datetime(2024, 1, 1, tzinfo=UTC))
    for number in (1, 2, 41)
]


@pytest.fixture
def extended(adapter: Adapter, made: Make, name: str) -> Schema:
    needed(adapter, CarriesExtras)
    schema = made(_schema(name))
    adapter.write(schema, [ROWS])
    return schema


def _add(adapter: Adapter, schema: Schema, extra: Extra) -> bool:
    adding = needed(adapter, CarriesExtras)
    if type(extra) not in adapter.spec.extras:
        with pytest.raises(Unsupported):
            adding.add_extra(schema, extra)
        return False
    adding.add_extra(schema, extra)
    return True


def _insert(adapter: Adapter, name: str, column: str, value: str) -> None:
    """A row of one value, by a plain statement: names are in quotes where the engine's own example has them so."""
    quote = '"' if '"{collection}"' in adapter.spec.examples["all"] else ""
    adapter.query(f"insert into {quote}{name}{quote} ({quote}{column}{quote}) values ({value})").close()


def _has(adapter: Adapter, name: str) -> set[str]:
    reading = needed(adapter, CarriesExtras)
    return {str(extra) for extra in reading.extras(name).has}


def test_indexes_are_there_when_they_were_added(adapter: Adapter, extended: Schema) -> None:
    extras = [Index(f"{extended.name}_a", ("code",), True), Index(f"{extended.name}_b", ("price", "code"))]
    before = _has(adapter, extended.name)
    added = [_add(adapter, extended, extra) for extra in extras]
    if not all(added):
        assert _has(adapter, extended.name) == before
        return
    assert _has(adapter, extended.name) == before | set(map(str, extras))
    with pytest.raises(AlreadyExists):
        _add(adapter, extended, extras[1])
    again: list[list[Row]] = [[(50, "c1", None, None, None, None)]]
    if Capability.ATOMIC_WRITE in adapter.spec.capabilities:
        with pytest.raises(ConstraintViolated):
            adapter.write(extended, again)
    else:
        assert len(adapter.write(extended, again).rejected) == 1


def test_a_unique_index_over_rows_that_are_not_is_refused(adapter: Adapter, extended: Schema) -> None:
    if Index not in adapter.spec.extras:
        pytest.skip("undeclared by the spec")
    with pytest.raises(DbfleetError):
        _add(adapter, extended, Index(f"{extended.name}_u", ("price",), True))
    assert _has(adapter, extended.name) <= {"identity id"}


@pytest.mark.parametrize(
    "default",
    [
        Default("code", "it's \\ 😀"),
        Default("note", ""),
        Default("price", "-0.25"),
        Default("good", "true"),
        Default("at", "2024-02-29T13:05:00Z"),
        Default("at", None),
    ],
    ids=str,
)
def test_a_default_is_what_a_row_gets(adapter: Adapter, extended: Schema, default: Default) -> None:
    if default.text == "" and adapter.spec.limits.empty_text_is_null:
        with pytest.raises(Unsupported):
            _add(adapter, extended, default)
        return
    if not _add(adapter, extended, default):
        assert str(default) not in _has(adapter, extended.name)
        return
    reading = needed(adapter, CarriesExtras)
    # A default that the catalog does not give exactly is left, in words.
    left = [text for text in reading.extras(extended.name).left if text.startswith(f"default of {default.column}")]
    assert left or str(default) in _has(adapter, extended.name)
    _insert(adapter, extended.name, "id", "77")
    place = extended.names.index(default.column)
    (row,) = adapter.get(extended, [(77,)])
    if default.text is None:
        assert abs((row[place] - datetime.now(UTC)).total_seconds()) < 300
    else:
        from dbfleet.values import VALUE_OF

        assert row[place] == VALUE_OF[extended.columns[place].type](default.text)


def test_an_identity_goes_on_behind_the_greatest_value(adapter: Adapter, extended: Schema) -> None:
    if not _add(adapter, extended, Identity("id")):
        return
    assert str(Identity("id")) in _has(adapter, extended.name)  # whoever copies it on finds it
    _insert(adapter, extended.name, "code", "'new'")
    codes = {row[1]: row[0] for batch in adapter.scan(extended) for row in batch}
    assert codes["new"] == 42
    adapter.write(extended, [[(100, "own", None, None, None, None)]])
    assert adapter.count(extended.name) == 5
    assert [column.type for column in adapter.describe(extended.name).columns] == [c.type for c in extended.columns]
