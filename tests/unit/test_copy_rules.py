"""copy carries every column or refuses it by name, loses no row and doubles none, however it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from moving import Pair

from dbfleet import registry
from dbfleet.adapter import WriteMode, Written
from dbfleet.errors import ConstraintViolated, LossyRefused, NotFound, Unavailable, Unsupported, UsageError
from dbfleet.fidelity import declared
from dbfleet.ops import _plan
from dbfleet.ops import copy as op
from dbfleet.ops.copy import Plan, Watch, copy, owner
from dbfleet.ops.diff import diff
from dbfleet.spec import Capability, Fidelity, Limits
from dbfleet.values import Batch, Column, Reference, Schema, Type

ID = Column("id", Type.INT, False)
PARENT = Schema("parent", (ID, Column("name", Type.TEXT)), ("id",))
CHILD = Schema(
    "a_child", (ID, Column("parent_id", Type.INT)), ("id",), (Reference(("parent_id",), "parent", ("id",)),)
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("by_the_closed_set")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair.made(tmp_path)


def copied(pair: Pair, *names: str, **options: Any) -> list[op.Copied]:
    return list(copy(pair.fleet, pair.a, pair.b, names, **options))


def same(pair: Pair) -> bool:
    return not list(diff(pair.fleet, pair.a, pair.b))


class Seen(Watch):
    """Remembers the plan."""

    plan: Plan

    def planned(self, plan: Plan) -> None:
        self.plan = plan


def family(pair: Pair, rows: int = 10) -> None:
    pair.fill(pair.a, PARENT, [(number, f"n{number}") for number in range(rows)])
    pair.fill(pair.a, CHILD, [(number, number % rows) for number in range(rows * 2)])


# --- what comes along ------------------------------------------------------------------------------------------------


def test_references_decide_the_order_and_come_along(pair: Pair) -> None:
    family(pair)
    assert [(each.collection, each.rows) for each in copied(pair)] == [("parent", 10), ("a_child", 20)]
    with pair.open(pair.b) as sink:
        assert sink.describe("a_child").references == CHILD.references
    assert same(pair)


def test_a_reference_to_what_does_not_come_along_is_left_and_said(pair: Pair) -> None:
    family(pair)
    seen = Seen()
    copied(pair, "a_child", watch=seen)
    assert len(seen.plan.left) == 1
    assert "parent" in seen.plan.left[0]
    with pair.open(pair.b) as sink:
        assert sink.describe("a_child").references == ()


def test_circles_of_references_are_cut_and_said(pair: Pair) -> None:
    with closing(sqlite3.connect(str(pair.a.database))) as connection:
        connection.executescript(
            "create table x (id integer primary key, y_id references y(id));"
            "create table y (id integer primary key, x_id references x(id));"
            "insert into x values (1, 1); insert into y values (1, 1);"
        )
    seen = Seen()
    assert [each.rows for each in copied(pair, watch=seen)] == [1, 1]
    assert len(seen.plan.left) == 1


def test_tables_that_we_did_not_make(pair: Pair) -> None:
    """Odd names, no key, a text key, a compound one, a generated column, a view, columns of several types."""
    with closing(sqlite3.connect(str(pair.a.database))) as connection:
        connection.executescript(
            """
            create table "Order Details" ("Order No" integer, 'line' integer, price real, twice real as (price * 2),
                                          primary key ("Order No", line));
            create table "select" (code varchar(20) primary key, 'quo''te' text) without rowid;
            create table heap (a, b text, c numeric);
            create view seen as select * from heap;
            insert into "Order Details" ("Order No", line, price) values (1, 1, 2.5), (1, 2, null), (2, 1, 1e300);
            insert into "select" values ('x', 'y'), ('', null), ('😀', '');
            insert into heap values (1, 'x', 1), (1, 'x', 1), (null, null, 2.5), ('text', '', null), (x'00ff', 'b', 3);
            """
        )
    found = copied(pair, verify=True)
    assert {each.collection: (each.rows, each.same) for each in found} == {
        "Order Details": (3, True), "select": (3, True), "heap": (5, True), "seen": (5, True)
    }  # fmt: skip
    assert same(pair)


def test_extras_that_the_sink_has_are_not_added_again(pair: Pair, breaking: list[int]) -> None:
    with closing(sqlite3.connect(str(pair.a.database))) as connection:
        connection.executescript(
            "create table t (id integer primary key, a text unique);"
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"
            "insert into t select i, 'a' || i from n; create index t_i on t (a, id);"
        )
    breaking[0] = 2
    with pytest.raises(Unavailable):
        copied(pair)
    breaking[0] = 10**9
    (record,) = copied(pair, resume=True)
    assert (record.rows, len(record.extras), record.left) == (3000, 3, ())
    with pair.open(pair.b) as sink:
        reading: Any = sink
        assert len(reading.extras("t").has) == 3
    (record,) = copied(pair, mode="upsert")
    assert record.extras == ()  # the sink's own stay as they are


def test_an_index_that_the_sink_refuses_does_not_end_the_copy(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbfleet.engines.sqlite.adapter import SqliteAdapter

    def refusing(self: Any, schema: Schema, extra: Any) -> None:
        raise ConstraintViolated("no room")

    monkeypatch.setattr(SqliteAdapter, "add_extra", refusing)
    with closing(sqlite3.connect(str(pair.a.database))) as connection:
        connection.executescript("create table t (id integer primary key, a text); create index t_a on t (a);")
    said: list[str] = []

    class Heard(Watch):
        def said(self, text: str) -> None:
            said.append(text)

    (record,) = copied(pair, watch=Heard())
    assert record.left == ("index t_a (a): no room", "identity id: no room")
    assert said == [f"t: {text}" for text in record.left]


def test_one_collection_under_another_name(pair: Pair) -> None:
    family(pair)
    (record,) = copied(pair, "parent", rename="Parent 2", verify=True)
    assert (record.collection, record.rows, record.same) == ("Parent 2", 10, True)
    assert not list(diff(pair.fleet, pair.a, pair.b, "parent", "Parent 2"))


def test_a_collection_that_is_not_there(pair: Pair) -> None:
    family(pair)
    with pytest.raises(NotFound) as caught:
        copied(pair, "paren")
    assert caught.value.hint == "did you mean parent?"


# --- the plan --------------------------------------------------------------------------------------------------------


def spec(**changes: Any) -> Any:
    return replace(registry.spec("postgres"), name="other", title="Other", **changes)


def way(column: Column, **changes: Any) -> str:
    return declared(column, registry.spec("postgres"), spec(**changes)).keeping


def test_fidelity_of_a_column() -> None:
    types = {**registry.spec("postgres").types, Type.INSTANT: Fidelity.ROUNDED, Type.UUID: Fidelity.AS_TEXT}
    millis = {"types": types, "limits": Limits(fraction_digits=3, empty_text_is_null=True)}
    assert way(Column("x", Type.INT), **millis) == "exact"
    assert way(Column("x", Type.UUID), **millis) == "as text"
    assert way(Column("x", Type.INSTANT), **millis) == "rounded"
    assert way(Column("x", Type.INSTANT, fraction_digits=3), **millis) == "exact"
    assert way(Column("x", Type.TEXT), **millis) == "rounded"
    assert way(Column("x", Type.TEXT, note="interval, as text")) == "as text"
    assert way(Column("x", Type.JSON), types={**types, Type.JSON: Fidelity.REFUSED}) == "refused"


def planned(schema: Schema, there: Schema | None = None, **changes: Any) -> _plan.PlannedCollection:
    return _plan.planned("b", schema, there, registry.spec("postgres"), spec(**changes), action="create", rows=0)


def test_refused_columns_are_all_named() -> None:
    schema = Schema("t", (ID, Column("a", Type.JSON), Column("b", Type.JSON)), ("id",))
    plan = planned(schema, types={**registry.spec("postgres").types, Type.JSON: Fidelity.REFUSED})
    with pytest.raises(Unsupported, match=r"t\.a.*t\.b"):
        _plan.check([plan], strict=False)


def test_no_key_where_one_is_needed() -> None:
    with pytest.raises(Unsupported, match="t has no key"):
        planned(Schema("t", (ID,)), capabilities=frozenset({Capability.SPLIT}))


def test_strict_refuses_what_is_not_exact_before_anything_is_written(pair: Pair) -> None:
    pair.fill(pair.a, Schema("t", (ID, Column("at", Type.DATETIME)), ("id",)), [(1, datetime(2024, 1, 1))])
    with pytest.raises(LossyRefused, match=r"t\.at"):
        copied(pair, strict=True)
    with pair.open(pair.b) as sink:
        assert list(sink.collections()) == []


def test_dry_run_makes_not_even_a_file(pair: Pair) -> None:
    family(pair)
    seen = Seen()
    assert list(copy(pair.fleet, pair.a, pair.b.with_(create=False), dry_run=True, watch=seen)) == []
    assert [(plan.sink.name, plan.action) for plan in seen.plan.collections] == [
        ("parent", "create"), ("a_child", "create")
    ]  # fmt: skip
    assert not Path(str(pair.b.database)).exists()


# --- what is there already -------------------------------------------------------------------------------------------


def test_rows_that_are_there_are_refused(pair: Pair) -> None:
    family(pair)
    pair.fill(pair.b, PARENT, [(77, "theirs")])
    with pytest.raises(UsageError, match="parent"):
        copied(pair)
    with pair.open(pair.b) as sink:
        assert list(sink.collections()) == ["parent"]
    assert pair.rows(pair.b, PARENT) == [(77, "theirs")]


def test_upsert_keeps_their_rows_and_ours_win_by_key(pair: Pair) -> None:
    family(pair)
    pair.fill(pair.b, PARENT, [(1, "old"), (77, "theirs")])
    found = copied(pair, mode="upsert", verify=True)
    assert all(each.same for each in found)
    assert sorted(pair.rows(pair.b, PARENT)) == [*((n, f"n{n}") for n in range(10)), (77, "theirs")]


def test_replace_drops_their_rows(pair: Pair) -> None:
    family(pair)
    pair.fill(pair.b, Schema("parent", (ID, Column("other", Type.DATE)), ("id",)), [(77, None)])
    copied(pair, mode="replace", verify=True)
    assert same(pair)


def test_replace_of_what_another_refers_to_drops_nothing(pair: Pair) -> None:
    family(pair)
    copied(pair)
    with pytest.raises(UsageError, match="a_child refers to parent"):
        copied(pair, "parent", mode="replace")
    assert same(pair)


def test_into_columns_of_other_types(pair: Pair) -> None:
    pair.fill(pair.a, Schema("t", (ID, Column("n", Type.INT), Column("at", Type.DATE)), ("id",)), [(1, 5, None)])
    pair.fill(pair.b, Schema("t", (ID, Column("n", Type.DECIMAL), Column("at", Type.TEXT)), ("id",)), [])
    assert [each.same for each in copied(pair, verify=True)] == [True]
    pair.fill(pair.b, Schema("t", (ID, Column("n", Type.DATE), Column("at", Type.DATE)), ("id",)), [])
    with pytest.raises(Unsupported, match=r"t\.n"):
        copied(pair)


def test_a_sink_that_lacks_a_column(pair: Pair) -> None:
    family(pair)
    pair.fill(pair.b, Schema("parent", (ID,), ("id",)), [])
    with pytest.raises(Unsupported, match="no column name"):
        copied(pair, "parent")


# --- cut off and resumed ---------------------------------------------------------------------------------------------


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Writes fail after so many more batches; a part is 1000 rows."""
    left = [10**9]
    from dbfleet.engines.sqlite.adapter import SqliteAdapter

    kind, write = SqliteAdapter, SqliteAdapter.write

    def failing(
        self: Any, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        def some() -> Iterator[Batch]:
            for batch in batches:
                if left[0] <= 0:
                    raise Unavailable("the source died", target="a")
                left[0] -= 1
                yield batch

        return write(self, schema, some(), mode=mode)

    monkeypatch.setattr(kind, "write", failing)
    monkeypatch.setattr(owner, "PART_ROWS", 1000)
    return left


@pytest.mark.parametrize("batches", [0, 1, 3, 4, 7, 11])
@pytest.mark.parametrize("verify", [False, True])
def test_a_copy_that_was_cut_off_goes_on(pair: Pair, breaking: list[int], batches: int, verify: bool) -> None:
    family(pair, rows=4000)
    breaking[0] = batches
    with pytest.raises(Unavailable) as caught:
        copied(pair)
    assert "--resume" in (caught.value.hint or "")
    breaking[0] = 10**9
    if batches:
        with pytest.raises(UsageError, match="has data already") as refused:
            copied(pair)
        assert "--resume" in (refused.value.hint or "")
    found = copied(pair, resume=True, verify=verify)
    assert [(each.collection, each.rows) for each in found] == [("parent", 4000), ("a_child", 8000)]
    assert {each.same for each in found} == {True if verify else None}
    assert same(pair)
    assert not list((pair.fleet.state / "copies").glob("*.json"))


def test_without_a_key_a_collection_is_made_anew(pair: Pair, breaking: list[int]) -> None:
    heap = Schema("heap", (Column("n", Type.INT),))
    pair.fill(pair.a, heap, [(n % 7,) for n in range(4000)])
    breaking[0] = 2
    with pytest.raises(Unavailable):
        copied(pair)
    breaking[0] = 10**9
    assert [each.rows for each in copied(pair, resume=True)] == [4000]
    assert same(pair)


def test_resume_of_nothing_is_a_plain_copy(pair: Pair) -> None:
    family(pair)
    said: list[str] = []

    class Heard(Watch):
        def said(self, text: str) -> None:
            said.append(text)

    assert len(copied(pair, resume=True, watch=Heard())) == 2
    assert len(said) == 1


def test_a_sink_that_refuses_a_row_says_so_and_takes_none(pair: Pair) -> None:
    with closing(sqlite3.connect(str(pair.b.database))) as connection:
        connection.executescript("create table parent (id integer primary key, name text check (name <> 'n7'))")
    family(pair)
    with pytest.raises(ConstraintViolated) as caught:
        copied(pair, "parent")
    assert caught.value.target == pair.b.name
    assert pair.rows(pair.b, PARENT) == []
