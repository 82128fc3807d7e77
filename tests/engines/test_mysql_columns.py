"""What MySQL's and MariaDB's catalogues say of columns, and what a write does to one that has a will of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter, Change
from dbfleet.errors import ConstraintViolated, NotFound, Unsupported
from dbfleet.extras import Index
from dbfleet.target import Target
from dbfleet.values import Row, Schema, Type

pytestmark = pytest.mark.engines("mysql", "mariadb")

THEN = datetime(2020, 1, 1, 2, 3, 4)


def _run(adapter: Adapter, text: str) -> list[Row]:
    rows: list[Row] = []
    result: Any = adapter.query(text)
    while result is not None:
        rows += [row for batch in result for row in batch]
        result = result.following()
    return rows


def _rows(adapter: Adapter, schema: Schema) -> list[Row]:
    return sorted((row for batch in adapter.scan(schema) for row in batch), key=repr)


@pytest.fixture
def table(adapter: Adapter, target: Target, name: str) -> Iterator[Any]:
    """Make a table by its DDL, `{t}` is the name; gives its name. Dropped after the test."""
    made: list[str] = []

    def make(columns: str, suffix: str = "", options: str = "") -> str:
        made.append(name + suffix)
        _run(adapter, f"create table `{name}{suffix}` ({columns.replace('{t}', name)}) {options}")
        return name + suffix

    yield make
    with registry.connect(target) as cleaner:
        for each in reversed(made):
            cleaner.drop(each)


# --- computed, or only with a default ---------------------------------------------------------------------------------


COMPUTED = """
    id int primary key, made datetime default current_timestamp, seen timestamp(3) null default current_timestamp(3),
    touched datetime default current_timestamp on update current_timestamp, n int default (1 + 1),
    word varchar(40) default (concat('a', 'b')), v int as (id + 1) virtual, s int generated always as (id * 2) stored,
    hidden int invisible default 7
"""


def test_a_column_with_a_default_is_no_computed_one(adapter: Any, table: Any) -> None:
    schema = adapter.describe(table(COMPUTED))
    assert {column.name for column in schema.columns if column.generated} == {"v", "s"}
    row = (1, THEN, THEN.replace(tzinfo=UTC), THEN, 5, "own", 2, 2, 9)
    for mode in ("insert", "upsert"):
        adapter.write(schema, [[row]], mode=mode)
        assert _rows(adapter, schema) == [row]
    with pytest.raises(ConstraintViolated):
        adapter.write(schema, [[row]])


def test_an_update_names_the_column_that_would_become_now(adapter: Any, table: Any) -> None:
    schema = adapter.describe(table(COMPUTED))
    old = (1, THEN, None, THEN, 5, None, 2, 2, 9)
    adapter.write(schema, [[old]])
    new = (*old[:4], 6, *old[5:])
    (statement,) = adapter.statements(schema, [Change(old, new)])
    assert "`touched` = '2020-01-01 02:03:04" in statement
    _run(adapter, statement)
    assert _rows(adapter, schema) == [new]
    newest = (*new[:4], 8, *new[5:])
    adapter.write(schema, [[newest]], mode="upsert")
    assert _rows(adapter, schema) == [newest]


def test_a_computed_column_of_system_versioning_is_one_and_the_past_is_told(adapter: Any, table: Any) -> None:
    if adapter.ping().product != "MariaDB":
        pytest.skip("not of this engine")
    name = table(
        "id int primary key, a int, b timestamp(6) generated always as row start, e timestamp(6) generated always "
        "as row end, period for system_time (b, e), unique key u (a)",
        options="with system versioning",
    )
    schema = adapter.describe(name)
    assert [column.remark for column in schema.columns] == [None, None, "generated", "generated"]
    adapter.write(schema, [[(1, 1, None, None)]])
    adapter.write(schema, [[(1, 2, None, None)]], mode="upsert")
    assert [row[:2] for row in _rows(adapter, schema)] == [(1, 2)]
    assert adapter.extras(name).has == (Index("u", ("a",), True),)
    hidden = table("id int primary key, a int", "_h", options="with system versioning")
    assert adapter.describe(hidden).key == ("id",)
    assert "system versioning, and the rows of the past" in adapter.extras(name).left


def test_a_default_from_a_sequence_is_written_over_and_told(adapter: Any, table: Any, name: str) -> None:
    if adapter.ping().product != "MariaDB":
        pytest.skip("not of this engine")
    _run(adapter, f"create sequence `{name}_s`")
    try:
        schema = adapter.describe(table(f"id int default nextval(`{name}_s`) primary key, v int"))
        adapter.write(schema, [[(1000, 1)]])
        assert _rows(adapter, schema) == [(1000, 1)]
        assert [text for text in adapter.extras(name).left if text.startswith("default of id")]
        assert f"sequence {name}_s" in adapter.left()
        assert f"{name}_s" not in adapter.collections()
    finally:
        _run(adapter, f"drop table `{name}`; drop sequence `{name}_s`")


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_an_integer_that_may_be_beyond_64_bits_with_a_sign_is_a_decimal(adapter: Any, table: Any) -> None:
    schema = adapter.describe(
        table("id bigint unsigned primary key, v bigint unsigned zerofill, b bit(64), small bigint, i int unsigned")
    )
    assert [(column.type, column.precision, column.scale) for column in schema.columns] == [
        *[(Type.DECIMAL, 20, 0)] * 3,
        *[(Type.INT, None, None)] * 2,
    ]
    most = Decimal(2**64 - 1)
    rows = [(Decimal(0), None, None, None, None), (most, most, most, -(2**63), 2**32 - 1)]
    for mode in ("insert", "upsert"):
        adapter.write(schema, [rows], mode=mode)
        assert _rows(adapter, schema) == sorted(rows, key=repr)
    assert list(adapter.get(schema, [(most,)])) == [rows[1]]
    (statement,) = adapter.statements(schema, [Change(rows[1], None)])
    _run(adapter, statement)
    assert _rows(adapter, schema) == rows[:1]
    with pytest.raises(ConstraintViolated):
        adapter.write(schema, [[(most + 1, None, None, None, None)]])


def test_a_key_that_counts_up_is_an_int_and_so_is_what_refers_to_it(adapter: Any, table: Any) -> None:
    parent = table("id bigint unsigned auto_increment primary key, v int", "_p")
    child = table(
        f"id int primary key, p bigint unsigned, free bigint unsigned, foreign key (p) references `{parent}` (id)"
    )
    kinds = {column.name: column.type for column in adapter.describe(child).columns}
    assert kinds == {"id": Type.INT, "p": Type.INT, "free": Type.DECIMAL}
    assert adapter.describe(parent).column("id").type is Type.INT
    _run(adapter, f"insert into `{parent}` values ({2**63}, 1)")  # as nobody does
    assert adapter.describe(parent).column("id").type is Type.DECIMAL
    assert adapter.describe(child).column("p").type is Type.DECIMAL


def test_a_float_of_32_bits_is_its_shortest_text_on_every_path(adapter: Any, table: Any) -> None:
    schema = adapter.describe(table("id int primary key, f float, u float unsigned"))
    rows = [(1, 0.1, 0.3), (2, 16777216.0, 3.4028235e38), (3, 1e-45, 9.8607613e-32), (4, 123456.79, 8388609.0)]
    adapter.write(schema, [rows])
    assert _rows(adapter, schema) == rows
    lines = b"".join(adapter.lines(schema)).decode().splitlines()
    assert sorted(lines)[0] == "1\t0.1\t0.3"
    assert b"".join(adapter.ordered(schema)).splitlines()[3] == b"4\t123456.79\t8388609.0"
    assert b'"f":0.1,' in b"".join(adapter.encoded_scan(schema, "jsonl"))
    for value in (0.123456789, 16777217.0, 1e39, 1e-60):
        with pytest.raises(ConstraintViolated, match=r"column f"):
            adapter.write(schema, [[(9, value, None)]])


def test_what_a_type_would_change_without_a_word_is_refused_by_its_column(adapter: Any, table: Any) -> None:
    schema = adapter.describe(table("id int primary key, y year, c char(5), b binary(4)"))
    adapter.write(schema, [[(1, 0, "ab", b"abcd"), (2, 2155, "", b"\0\0\0\0"), (3, 1901, " a", None)]])
    assert _rows(adapter, schema) == [(1, 0, "ab", b"abcd"), (2, 2155, "", b"\0\0\0\0"), (3, 1901, " a", None)]
    for column, row in (("y", (9, 5, "", None)), ("c", (9, 0, "a ", None)), ("b", (9, 0, "", b"abc"))):
        with pytest.raises(ConstraintViolated, match=column):
            adapter.write(schema, [[row]])
    assert adapter.count(schema.name) == 3


# --- views that nobody can read ---------------------------------------------------------------------------------------


def test_a_broken_view_is_in_nobodys_way(adapter: Any, table: Any, target: Target, name: str) -> None:
    table("id int primary key", "_gone")
    table("id int primary key")
    _run(adapter, f"create view `{name}_v` as select * from `{name}_gone`")
    _run(adapter, f"create view `{name}_w` as select * from `{name}_v`")
    _run(adapter, f"create view `{name}_fine` as select * from `{name}`")
    try:
        _run(adapter, f"drop table `{name}_gone`")
        found = adapter.collections()
        assert name in found
        assert f"{name}_fine" in found
        assert not {f"{name}_v", f"{name}_w"} & set(found)
        for each in ("_v", "_w"):
            assert any(text.startswith(f"view {name}{each}, which cannot be read") for text in adapter.left())
            with pytest.raises(NotFound, match="references invalid"):
                adapter.describe(name + each)
        assert f"view {name}_fine: its rows come as a table" in adapter.left()
        assert "that it is a view: its rows come as a table" in adapter.extras(f"{name}_fine").left
        adapter.describe(name)
        adapter.drop(f"{name}_v")
        assert not any(f"{name}_v," in text for text in adapter.left())
    finally:
        for each in ("_v", "_w", "_fine"):
            adapter.drop(name + each)


# --- what is told -----------------------------------------------------------------------------------------------------


def test_what_has_no_record_is_told_by_name(adapter: Any, table: Any, name: str) -> None:
    parent = table("id int primary key", "_p")
    table(
        f"""id int primary key comment 'mine', p int, n int check (n < 1000), t text character set latin1,
        g geometry not null, v int as (n + 1) virtual, h int invisible, w varchar(20) default 'NULL',
        at datetime default current_timestamp on update current_timestamp,
        constraint `{name}_f` foreign key (p) references `{parent}` (id) on delete cascade on update set null,
        constraint `{name}_c` check (n > 0), key falling (n desc), key beginning (t(10)),
        fulltext key words (t), spatial key places (g)""",
        options="comment 'somebody''s'",
    )
    _run(adapter, f"create trigger `{name}_t` before insert on `{name}` for each row set new.n = 1")
    found = adapter.extras(name)
    told = "\n".join(found.left)
    for text in (
        "of index falling, that n is descending", "of index beginning, that it is over the beginnings of t(10)",
        "index words, of kind FULLTEXT", "index places, of kind SPATIAL", "what computes v", "that h is invisible",
        "what at becomes on update", f"check {name}_c", "`n` < 1000",
        f"of foreign key {name}_f, on update set null and on delete cascade", f"trigger {name}_t", "comment of id",
        "comment of the table", "collation latin1",
    ):  # fmt: skip
        assert text in told, (text, told)
    assert Index("falling", ("n",)) in found.has
    assert [each.text for each in found.has if getattr(each, "column", None) == "w"] == ["NULL"]


def test_partitions_and_a_storage_engine_are_told(adapter: Any, table: Any, name: str) -> None:
    table("id int primary key", options="engine=MyISAM")
    assert adapter.extras(name).left == ("storage engine MyISAM",)
    cut = table("id int primary key", "_p", "partition by hash (id) partitions 3")
    assert any(text.startswith("partitions by hash") for text in adapter.extras(cut).left)
    schema = adapter.describe(cut)
    adapter.write(schema, [[(number,) for number in range(10)]])
    assert len(_rows(adapter, schema)) == 10


def test_a_table_of_ours_leaves_nothing(adapter: Any, made: Any, name: str) -> None:
    from dbfleet.conformance.examples import wide_schema

    made(wide_schema(name, adapter.spec))
    assert adapter.extras(name).left == ()


def test_what_holds_no_value_of_ours_is_refused_by_name(adapter: Any, table: Any) -> None:
    schema = adapter.describe(table("id int primary key, d date, t time"))
    _run(adapter, f"set session sql_mode = ''; insert into `{schema.name}` values (1, '0000-00-00', '25:00:00')")
    _run(adapter, "set session sql_mode = default")
    with pytest.raises(Unsupported, match=r"d \(date\) holds '0000-00-00'"):
        _rows(adapter, schema)
