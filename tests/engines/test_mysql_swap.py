"""MySQL's and MariaDB's swap: one RENAME TABLE; what goes is dropped; a foreign key from outside is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter, Swap
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import ConstraintViolated, StatementError
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type

pytestmark = pytest.mark.engines("mysql", "mariadb")

ID = Column("id", Type.INT, False)


def _schema(name: str, parent: str | None = None) -> Schema:
    references = (Reference(("p",), parent, ("id",)),) if parent else ()
    return Schema(name, (ID, Column("p", Type.INT)), ("id",), references)


def _run(adapter: Adapter, text: str) -> list[Row]:
    return [row for batch in adapter.query(text) for row in batch]


def _rows(adapter: Adapter, name: str) -> list[Row]:
    return sorted(row for batch in adapter.scan(adapter.describe(name)) for row in batch)


@pytest.fixture
def dropped(target: Target) -> Iterator[list[str]]:
    names: list[str] = []
    yield names
    with registry.connect(target) as cleaner:
        for each in names:
            cleaner.drop(each)


def test_a_table_that_another_refers_to_is_not_swapped_alone(adapter: Any, made: Make, name: str) -> None:
    old, child = made(_schema(name)), made(_schema(f"{name}_c", name))
    adapter.write(old, [[(1, None)]])
    adapter.write(child, [[(1, 1)]])
    staged = made(_schema(f"{name}_new"))
    with pytest.raises(ConstraintViolated, match=f"{name}_c refers to {name}"):
        adapter.swap([Swap(staged, name)])
    assert _rows(adapter, name) == [(1, None)]
    staged_child = made(_schema(f"{name}_c_new", staged.name))
    adapter.swap([Swap(staged, name), Swap(staged_child, child.name)])
    assert _rows(adapter, name) == []
    assert adapter.describe(child.name).references[0].collection == name


def test_foreign_keys_have_the_names_of_a_table_that_was_never_staged(
    adapter: Any, made: Make, name: str, dropped: list[str]
) -> None:
    dropped.append(name)
    for _ in range(2):
        staged = made(_schema(f"{name}_new", f"{name}_new"))
        adapter.swap([Swap(staged, name)])
        text = _run(adapter, f"show create table `{name}`")[0][1]
        assert f"CONSTRAINT `{name}_ibfk_1` FOREIGN KEY (`p`) REFERENCES `{name}` (`id`)" in text
        assert "_new" not in text


def test_nothing_of_what_went_is_left(adapter: Any, made: Make, name: str, dropped: list[str]) -> None:
    dropped.append(name)
    for turn in range(2):
        staged = made(_schema(f"{name}_new"))
        adapter.write(staged, [[(turn, None)]])
        adapter.swap([Swap(staged, name)])
    assert _rows(adapter, name) == [(1, None)]
    assert adapter.leftovers() == []


def test_a_view_may_go_and_a_view_of_a_name_reads_what_has_it(
    adapter: Any, made: Make, name: str, dropped: list[str]
) -> None:
    dropped += [name, f"{name}_v"]
    source = made(_schema(f"{name}_source"))
    adapter.write(source, [[(1, None)]])
    _run(adapter, f"create view `{name}` as select * from `{source.name}`")
    _run(adapter, f"create view `{name}_v` as select id from `{name}`")
    staged = made(_schema(f"{name}_new"))
    adapter.write(staged, [[(2, None)]])
    adapter.swap([Swap(staged, name)])
    assert _rows(adapter, name) == [(2, None)]
    assert _run(adapter, f"select id from `{name}_v`") == [(2,)]
    assert _run(adapter, f"select table_type from information_schema.tables where table_name = '{name}'") == [
        ("BASE TABLE",)
    ]


def test_leftovers_are_no_collections_and_drop_removes_them(adapter: Any, name: str) -> None:
    """As a kill after the RENAME leaves them: tables that refer to each other, parents first in the alphabet."""
    parent, child = f"_dbfleet_gone_a{name[-8:]}", f"_dbfleet_gone_b{name[-8:]}"
    adapter.create(_schema(parent))
    adapter.create(_schema(child, parent))
    assert {parent, child} <= set(adapter.leftovers())
    assert not {parent, child} & set(adapter.collections())
    for each in adapter.leftovers():
        adapter.drop(each)
    assert adapter.leftovers() == []


def test_a_reader_that_holds_the_table_makes_the_swap_wait_and_then_sees_the_old_or_the_new(
    adapter: Any, connect: Connect, made: Make, name: str
) -> None:
    made(_schema(name))
    adapter.write(_schema(name), [[(1, None)]])
    staged = made(_schema(f"{name}_new"))
    reader: Any = connect()
    with reader.snapshot():
        assert _rows(reader, name) == [(1, None)]
        _run(adapter, "set session lock_wait_timeout = 1")
        try:
            with pytest.raises(StatementError, match=r"(?i)lock wait timeout"):
                _run(adapter, f"rename table `{name}` to `{name}_x`")
        finally:
            _run(adapter, "set session lock_wait_timeout = default")
    adapter.swap([Swap(staged, name)])
    assert _rows(reader, name) == []


def test_identity_names_the_database(adapter: Any, connect: Connect) -> None:
    other: Any = connect()
    _run(other, "use information_schema")
    assert other.identity() != adapter.identity()
    assert other.identity().rpartition(":")[0] == adapter.identity().rpartition(":")[0]


def test_triggers_and_partitions_that_go_with_a_table_are_told_before(adapter: Any, name: str) -> None:
    adapter.query(f"CREATE TABLE {name} (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2").close()
    try:
        adapter.query(f"CREATE TRIGGER {name}_t BEFORE INSERT ON {name} FOR EACH ROW SET NEW.id = NEW.id").close()
        assert list(adapter.lost([name])) == [f"{name}: partitions", f"{name}: trigger {name}_t"]
        assert list(adapter.lost([])) == []
    finally:
        adapter.drop(name)
