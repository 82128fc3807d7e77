"""drift finds what has drifted apart and stays so, and nothing that is only on its way."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lagging import lagging
from moving import VALUES, Pair, tables

from dbfleet.adapter import Adapter
from dbfleet.errors import NotFound, StatementError, Unavailable, UsageError
from dbfleet.ops.diff import Difference, Watch, diff, ranges, sides, words
from dbfleet.ops.diff.comparison import Comparison
from dbfleet.ops.drift import Drifted, Settled, drift
from dbfleet.ops.drift import confirm as op_confirm
from dbfleet.ops.drift.settled import column_of, young
from dbfleet.ops.lengths import seconds
from dbfleet.values import Column, Row, Schema, Type

ID = Column("id", Type.INT, False)
STOCK = Schema("stock", (ID, Column("amount", Type.INT), Column("updated_at", Type.INSTANT)), ("id",))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ROWS: list[Row] = [(number, number * 10, LONG_AGO) for number in range(1, 9)]
SLOW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    found = Pair.made(tmp_path)
    two(found, ROWS, ROWS)
    return found


def two(pair: Pair, a: Sequence[Row], b: Sequence[Row], schema: Schema = STOCK, theirs: Schema | None = None) -> None:
    pair.fill(pair.a, schema, a)
    pair.fill(pair.b, theirs or schema, b)


def put(pair: Pair, side: str, *rows: Row, schema: Schema = STOCK) -> None:
    with pair.open(getattr(pair, side)) as adapter:
        adapter.write(schema, [list(rows)], mode="upsert")


def remove(pair: Pair, side: str, *keys: Any, schema: Schema = STOCK) -> None:
    with pair.open(getattr(pair, side)) as adapter:
        adapter.delete(schema, [(key,) for key in keys])


class Waits:
    """Takes the place of the wait before the second reading; `meanwhile` happens then."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.asked: list[float] = []
        self._meanwhile = meanwhile

    def __call__(self, length: float) -> None:
        self.asked.append(length)
        self._meanwhile()


def check(pair: Pair, *collections: Any, **options: Any) -> list[Drifted]:
    options = {"sleep": Waits(), "confirm_s": 10} | options
    return list(drift(pair.fleet, pair.a, pair.b, collections, **options))


def one(pair: Pair, *collections: Any, **options: Any) -> Drifted:
    (found,) = check(pair, *collections, **options)
    return found


def told(found: Drifted) -> list[tuple[str, Any]]:
    return [(each.change, each.key and next(iter(each.key.values()))) for each in found.differences]


def counts(found: Drifted) -> tuple[str, int, int, int, int, int]:
    return found.state, found.added, found.removed, found.changed, found.unsettled, found.healed


# --- what is drift --------------------------------------------------------------------------------------------------


def test_what_is_the_same_is_verified_through_the_moment_at_which_reading_began(pair: Pair) -> None:
    before, waits = datetime.now(UTC), Waits()
    found = one(pair, sleep=waits)
    assert counts(found) == ("ok", 0, 0, 0, 0, 0)
    assert (found.rows, found.confirmed_at, waits.asked) == (8, None, [])
    assert found.verified_through is not None
    assert before <= found.verified_through <= datetime.now(UTC)


def test_exactly_the_row_that_drifted_is_told_with_both_of_its_forms(pair: Pair) -> None:
    put(pair, "b", (3, 31, LONG_AGO))
    waits = Waits()
    found = one(pair, sleep=waits)
    assert counts(found) == ("drift", 0, 0, 1, 0, 0)
    assert found.differences == [Difference("stock", {"id": 3}, "changed", {"amount": 30}, {"amount": 31})]
    assert (found.rows, found.verified_through) == (8, None)
    assert found.confirmed_at is not None
    assert len(waits.asked) == 1
    assert 0 < waits.asked[0] <= 10


def test_added_and_removed_rows_are_seen_from_left_to_right(pair: Pair) -> None:
    put(pair, "b", (70, 1, None))
    remove(pair, "b", 2)
    found = one(pair)
    assert sorted(told(found)) == [("added", 70), ("removed", 2)]
    assert counts(found) == ("drift", 1, 1, 0, 0, 0)


def test_what_has_become_the_same_is_healed_and_no_drift(pair: Pair) -> None:
    put(pair, "a", (1, 11, LONG_AGO), (50, 5, None))
    put(pair, "b", (60, 6, None))

    def arrives() -> None:
        put(pair, "b", (1, 11, LONG_AGO), (50, 5, None))
        remove(pair, "b", 60)

    found = one(pair, sleep=Waits(arrives))
    assert counts(found) == ("ok", 0, 0, 0, 0, 3)
    assert found.verified_through is not None
    assert found.confirmed_at is not None
    assert found.verified_through < found.confirmed_at


def test_a_row_that_both_sides_have_rewritten_is_in_motion_and_not_judged(pair: Pair) -> None:
    put(pair, "a", (1, 11, None))

    def goes_on() -> None:
        put(pair, "a", (1, 13, None))
        put(pair, "b", (1, 12, None))

    assert counts(one(pair, sleep=Waits(goes_on))) == ("ok", 0, 0, 0, 1, 0)


@pytest.mark.parametrize("moves", ["a", "b"])
def test_a_side_that_stands_still_while_the_other_moves_on_is_left_behind(pair: Pair, moves: str) -> None:
    put(pair, "a", (1, 11, None))
    found = one(pair, sleep=Waits(lambda: put(pair, moves, (1, 99, None))))
    assert counts(found) == ("drift", 0, 0, 1, 0, 0)
    # What is told is how they differ now.
    assert found.differences[0].before == {"amount": 99 if moves == "a" else 11, "updated_at": None} or moves == "b"


def test_the_kind_of_a_difference_is_that_of_the_second_reading(pair: Pair) -> None:
    put(pair, "b", (3, 31, LONG_AGO))
    found = one(pair, sleep=Waits(lambda: remove(pair, "b", 3)))
    assert told(found) == [("removed", 3)]


def test_rows_that_differ_only_after_the_first_reading_are_the_next_checks(pair: Pair) -> None:
    put(pair, "b", (3, 31, LONG_AGO))
    found = one(pair, sleep=Waits(lambda: put(pair, "b", (4, 41, LONG_AGO))))
    assert told(found) == [("changed", 3)]


def test_without_a_wait_nothing_is_read_again(pair: Pair) -> None:
    put(pair, "b", (3, 31, LONG_AGO))
    waits = Waits()
    found = one(pair, confirm_s=0, sleep=waits)
    assert (told(found), found.confirmed_at, waits.asked) == ([("changed", 3)], None, [])


def test_collections_that_wait_are_read_again_together(pair: Pair) -> None:
    for name in ("stock", "more"):
        two(pair, ROWS, ROWS[1:], Schema(name, STOCK.columns, STOCK.key))
    waits = Waits()
    found = check(pair, sleep=waits)
    assert [(each.collection, each.removed) for each in found] == [("more", 1), ("stock", 1)]
    assert len(waits.asked) == 1


@pytest.mark.parametrize("confirm_s", [0, 1])
def test_all_are_counted_and_the_first_are_kept(pair: Pair, confirm_s: int) -> None:
    many: list[Row] = [(number, 1, None) for number in range(5000)]
    two(pair, many, [(number, 2, at) for number, _, at in many])
    found = one(pair, confirm_s=confirm_s, limit=1000)
    assert counts(found) == ("drift", 0, 0, 5000, 0, 0)
    assert len(found.differences) == 1000
    assert len({each.key["id"] for each in found.differences if each.key}) == 1000


def test_rows_without_a_key_are_a_multiset_also_when_they_are_read_again(pair: Pair) -> None:
    keyless = Schema("log", (Column("line", Type.TEXT),))
    two(pair, [("x",), ("x",), ("y",), ("late",)], [("x",), ("y",), ("z",)], keyless)
    found = one(pair, "log", sleep=Waits(lambda: put_rows(pair, keyless, [("late",), ("w",)])))
    assert counts(found) == ("drift", 1, 1, 0, 0, 1)
    assert {(each.change, (each.after or each.before or {})["line"]) for each in found.differences} == {
        ("removed", "x"),
        ("added", "z"),
    }


def put_rows(pair: Pair, schema: Schema, rows: list[Row]) -> None:
    with pair.open(pair.b) as adapter:
        adapter.write(schema, [rows])


def test_a_key_that_only_one_side_has_as_its_key_is_compared_once_more(pair: Pair) -> None:
    keyless = Schema("stock", STOCK.columns)
    two(pair, ROWS, [(1, 9, LONG_AGO), (2, 8, LONG_AGO), *ROWS[2:]], STOCK, keyless)

    def arrives() -> None:
        two(pair, ROWS, [ROWS[0], (2, 8, LONG_AGO), *ROWS[2:]], STOCK, keyless)

    found = one(pair, "stock", sleep=Waits(arrives))
    assert (found.state, found.schema, found.changed, found.healed) == ("drift", 1, 1, 1)


def test_more_rows_than_are_remembered_all_count_in_the_second_comparison(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(op_confirm, "_MOST_KNOWN", 2)
    keyless = Schema("log", (Column("line", Type.TEXT),))
    two(pair, [("a",), ("b",), ("c",)], [], keyless)
    assert counts(one(pair, "log")) == ("drift", 0, 3, 0, 0, 0)


# --- whatever the keys and values are -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as found:
        yield Path(found)


@SLOW
@given(tables(), st.data())
def test_what_stands_still_is_told_as_diff_tells_it(
    folder: Path, table: tuple[Schema, list[Row]], data: st.DataObject
) -> None:
    pair, (schema, rows) = Pair.made(folder), table
    theirs = []
    for row in rows:
        way = data.draw(st.sampled_from(["same", "changed", "removed"]))
        if way == "changed":
            row = tuple(
                value if column.name in schema.key else data.draw(st.none() | VALUES[column.type])
                for column, value in zip(schema.columns, row, strict=True)
            )
        if way != "removed":
            theirs.append(row)
    mine = [row for row in rows if data.draw(st.sampled_from([True, True, False]))]
    two(pair, mine, theirs, schema)
    expected = [each for each in diff(pair.fleet, pair.a, pair.b, "t") if isinstance(each, Difference)]
    found = one(pair, "t")
    assert sorted(map(repr, found.differences)) == sorted(map(repr, expected))
    assert found.state == ("drift" if expected else "ok")


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ([Column("k", Type.TEXT, False)], ('it\'s "odd" % _ \\ \n ☃',)),
        ([Column("k", Type.TEXT, False), Column("n", Type.INT, False)], ("", -5)),
        ([Column("k", Type.UUID, False)], (UUID("12345678-1234-5678-1234-567812345678"),)),
        ([Column("k", Type.DECIMAL, False, precision=9, scale=2)], (Decimal("1.50"),)),
        ([Column("k", Type.INSTANT, False)], (datetime(2024, 2, 29, 1, 2, 3, 456, tzinfo=UTC),)),
        ([Column("k", Type.DATE, False), Column("b", Type.BYTES, False)], (date(2024, 2, 29), b"\0\xff")),
        ([Column("k", Type.INT, False)], (-(2**63),)),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, tuple) else None,
)
def test_a_key_of_any_type_is_found_again(pair: Pair, columns: list[Column], key: Row) -> None:
    schema = Schema("t", (*columns, Column("v", Type.INT)), tuple(column.name for column in columns))
    two(pair, [(*key, 1)], [(*key, 2)], schema)
    names = [column.name for column in columns]
    (difference,) = one(pair, "t").differences
    assert difference == Difference("t", dict(zip(names, key, strict=True)), "changed", {"v": 1}, {"v": 2})
    two(pair, [(*key, 1)], [], schema)
    assert counts(one(pair, "t", sleep=Waits(lambda: put_rows(pair, schema, [(*key, 1)]))))[4:] == (0, 1)


def test_keys_of_two_types_pair_by_their_text_also_when_they_are_read_again(pair: Pair) -> None:
    mine = Schema("t", (ID, Column("v", Type.INT)), ("id",))
    theirs = Schema("t", (Column("id", Type.TEXT, False), Column("v", Type.INT)), ("id",))
    two(pair, [(1, 1), (2, 2), (3, 3)], [("1", 1), ("2", 0), ("x", 4)], mine, theirs)
    found = one(pair, "t", sleep=Waits(lambda: put(pair, "b", ("3", 3), schema=theirs)))
    assert (found.schema, found.changed, found.added, found.healed) == (1, 1, 1, 1)


def test_one_collection_of_each_by_two_names(pair: Pair) -> None:
    two(pair, ROWS, ROWS[:-1], STOCK, Schema("depot", STOCK.columns, STOCK.key))
    found = one(pair, ("stock", "depot"))
    assert (found.collection, told(found)) == ("stock", [("removed", 8)])


# --- which columns and rows -----------------------------------------------------------------------------------------


def test_columns_ignore_and_where_choose_also_when_rows_are_read_again(pair: Pair) -> None:
    put(pair, "b", (1, 10, datetime.now(UTC)), (2, 0, LONG_AGO), (8, 0, LONG_AGO))
    assert told(one(pair, columns=["updated_at"])) == [("changed", 1)]
    assert told(one(pair, ignore=["updated_at"])) == [("changed", 2), ("changed", 8)]
    assert told(one(pair, ignore=["updated_at"], where="id < 5")) == [("changed", 2)]
    leaves = Waits(lambda: put(pair, "b", (8, 0, None)))  # now neither side's row is meant
    found = one(pair, where="updated_at is not null and id > 2", sleep=leaves)
    assert (told(found), found.removed) == ([("removed", 8)], 1)


def test_a_column_that_is_not_compared_is_no_drift_of_the_schema(pair: Pair) -> None:
    wide = Schema("stock", (*STOCK.columns, Column("note", Type.TEXT)), STOCK.key)
    two(pair, [(*row, "x") for row in ROWS], ROWS, wide, STOCK)
    found = one(pair)
    assert (found.state, found.schema, found.rows) == ("drift", 1, 8)
    assert found.differences[0].before == {"column": "note", "type": "text"}
    assert one(pair, ignore=["note"]).state == "ok"
    assert one(pair, columns=["amount"]).state == "ok"


# --- settled --------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def is_young(type_: Type, value: Any, *, window_s: float = 60, now: datetime = NOON, digits: int | None = None) -> bool:
    schema = Schema("t", (Column("at", type_, fraction_digits=digits),))
    return young(Settled(window_s), "at", schema, NOON, lambda: now)((value,))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NOON - timedelta(seconds=60), False),  # exactly as old as the window
        (NOON - timedelta(seconds=59, microseconds=999_999), True),
        (NOON, True),
        (NOON + timedelta(seconds=60), True),  # a clock that is ahead by no more than the window
        (NOON + timedelta(seconds=61), False),  # a wrong one: else the row would not be judged before then
        (datetime.max.replace(tzinfo=UTC), False),
        (datetime.min.replace(tzinfo=UTC), False),
        (None, False),
    ],
)
def test_the_edges_of_the_window(value: datetime | None, expected: bool) -> None:
    assert is_young(Type.INSTANT, value) is expected
    assert is_young(Type.DATETIME, value and value.replace(tzinfo=None)) is expected


def test_what_was_written_while_we_read_is_young() -> None:
    after = NOON + timedelta(minutes=10)
    assert is_young(Type.INSTANT, after - timedelta(seconds=1), now=after)
    assert not is_young(Type.INSTANT, after - timedelta(seconds=1), now=NOON)


def test_digits_of_a_second_that_the_column_lacks_may_make_a_row_younger() -> None:
    value = NOON - timedelta(seconds=60)
    assert is_young(Type.INSTANT, value, digits=0)
    assert not is_young(Type.INSTANT, value - timedelta(seconds=1), digits=0)


@pytest.mark.parametrize(
    ("day", "expected"),
    [(NOON.date(), True), (NOON.date() - timedelta(days=1), True), (NOON.date() - timedelta(days=2), False)],
)
def test_a_date_is_as_young_as_it_may_be_anywhere(day: date, expected: bool) -> None:
    # At noon UTC it is midnight of the day before in the zone that is farthest west.
    assert is_young(Type.DATE, day) is expected
    assert not is_young(Type.DATE, date.max)
    assert not is_young(Type.DATE, date.min)


def test_young_rows_are_not_judged_on_whichever_side_they_are_young(pair: Pair) -> None:
    now = datetime.now(UTC)
    put(pair, "a", (1, 11, now))
    put(pair, "b", (2, 21, now), (90, 9, now), (3, 31, LONG_AGO))
    found = one(pair, settled=Settled(60))
    assert counts(found) == ("drift", 0, 0, 1, 3, 0)
    assert told(found) == [("changed", 3)]
    assert counts(one(pair, settled=Settled(60), columns=["amount"])) == ("drift", 0, 0, 1, 3, 0)


def test_only_unsettled_rows_are_no_drift(pair: Pair) -> None:
    put(pair, "a", (1, 11, datetime.now(UTC)))
    found = one(pair, settled=Settled(60))
    assert counts(found) == ("ok", 0, 0, 0, 1, 0)
    assert found.verified_through is not None


def test_a_row_that_is_young_when_it_is_read_again_is_not_judged(pair: Pair) -> None:
    put(pair, "b", (3, 31, LONG_AGO))
    waits = Waits(lambda: put(pair, "a", (3, 32, datetime.now(UTC))))
    assert counts(one(pair, settled=Settled(60), sleep=waits)) == ("ok", 0, 0, 0, 1, 0)


@pytest.mark.parametrize("ahead_s", [-3000, 3000])
def test_a_clock_that_is_wrong_by_more_than_the_window_hides_nothing(pair: Pair, ahead_s: int) -> None:
    put(pair, "b", (3, 31, datetime.now(UTC) + timedelta(seconds=ahead_s)))
    assert told(one(pair, settled=Settled(60), ignore=["updated_at"])) == [("changed", 3)]


def test_a_side_that_lacks_the_column_is_judged_by_the_other(pair: Pair) -> None:
    narrow = Schema("stock", STOCK.columns[:2], STOCK.key)
    young_row = (2, 0, datetime.now(UTC))
    two(pair, [ROWS[0], young_row, ROWS[2]], [row[:2] for row in ROWS[:2]] + [(70, 7)], STOCK, narrow)
    found = one(pair, settled=Settled(60), ignore=["updated_at"])
    assert counts(found) == ("drift", 1, 1, 0, 1, 0)
    assert sorted(told(found)) == [("added", 70), ("removed", 3)]
    assert one(pair, settled=Settled(60)).schema == 1


def columns(*names: str, type_: Type = Type.INSTANT) -> Schema:
    return Schema("t", (ID, *(Column(name, type_) for name in names)), ("id",))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["created_at", "updated_at"], "updated_at"),
        (["createdAt", "lastModified"], "lastModified"),
        (["MODIFIED", "seen"], "MODIFIED"),
        (["seen"], "seen"),
        ([], None),
    ],
)
def test_the_obvious_or_the_only_column_says_how_old_a_row_is(names: list[str], expected: str | None) -> None:
    assert column_of(Settled(1), columns(*names), columns(*names)) == expected


def test_a_date_is_taken_where_its_name_says_so_or_the_user() -> None:
    birthday = columns("birthday", type_=Type.DATE)
    assert column_of(Settled(1), birthday, birthday) is None
    assert column_of(Settled(1, "birthday"), birthday, birthday) == "birthday"
    updated = columns("updated_on", type_=Type.DATE)
    assert column_of(Settled(1), updated, updated) == "updated_on"


def test_several_columns_that_could_say_it_have_to_be_named(pair: Pair) -> None:
    schema = columns("seen", "paid")
    two(pair, [], [], schema)
    with pytest.raises(UsageError, match=r"seen, paid may") as raised:
        check(pair, settled=Settled(60))
    assert raised.value.hint == "name it: --settled 60s:seen"


@pytest.mark.parametrize(
    ("column", "text"), [("amount", "stock.amount holds no time"), ("nothing", "no column nothing")]
)
def test_a_named_column_that_says_nothing_is_refused_before_a_row_is_read(pair: Pair, column: str, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        check(pair, settled=Settled(60, column))


def test_a_collection_that_lacks_the_column_is_judged_and_that_is_said(pair: Pair) -> None:
    two(pair, [(1, 1)], [(1, 2)], Schema("lines", (ID, Column("n", Type.INT)), ("id",)))
    heard: list[str] = []

    class Hears(Watch):
        def said(self, text: str) -> None:
            heard.append(text)

    found = check(pair, settled=Settled(60, "updated_at"), watch=Hears())
    assert [(each.collection, each.state) for each in found] == [("stock", "ok"), ("lines", "drift")]
    assert heard[0] == "lines has no updated_at: its rows are judged whatever their age"
    assert heard[1].startswith("1 row differs; read again in ")


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400), ("250ms", 0.25)]
)
def test_lengths_of_time(text: str, expected: float) -> None:
    assert seconds(text, "--confirm") == expected


@pytest.mark.parametrize("text", ["", "-1s", "soon", "1y", "1e9", "nan", "s", "99999d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"no length of time|longer than a year"):
        Settled.parse(text)


# --- nobody can tell ------------------------------------------------------------------------------------------------


def test_a_collection_that_one_side_lacks_is_drift_of_the_schema(pair: Pair) -> None:
    with pair.open(pair.b) as adapter:
        adapter.drop("stock")
    found = one(pair)
    assert (found.state, found.schema, found.differences) == (
        "drift",
        1,
        [Difference("stock", None, "schema", {"collection": "stock"}, None)],
    )
    assert one(pair, "stock").state == "drift"


def test_a_collection_that_neither_side_has_nobody_can_tell_of(pair: Pair) -> None:
    missing, there = sorted(check(pair, "stok", "stock"), key=lambda each: str(each.collection), reverse=True)
    assert (missing.state, there.state) == ("cannot tell", "ok")
    assert isinstance(missing.error, NotFound)
    assert missing.error.hint == "did you mean stock?"


def test_of_a_server_that_does_not_answer_nobody_can_tell(pair: Pair) -> None:
    gone = pair.fleet.target("postgresql://me:secret@127.0.0.1:1/x")
    for names in ((), ("stock",)):
        (found,) = drift(pair.fleet, pair.a, gone, names)
        assert (found.state, found.collection) == ("cannot tell", names[0] if names else None)
        assert isinstance(found.error, Unavailable)
        assert found.error.target == gone.name
        assert "secret" not in found.to_json()


def test_a_collection_that_cannot_be_read_does_not_hide_the_others(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbfleet.engines.sqlite.adapter import SqliteAdapter

    monkeypatch.setattr(SqliteAdapter, "carries", lambda _: False)  # natively it can
    for name, rows in (("broken", ROWS), ("zebra", ROWS[:-1])):
        two(pair, ROWS, rows, Schema(name, STOCK.columns, STOCK.key))
    with pair.open(pair.b) as adapter:
        adapter.query("update broken set updated_at = 'no moment' where id = 5").close()
    found = {each.collection: each for each in check(pair)}
    assert {name: each.state for name, each in found.items()} == {
        "broken": "cannot tell",
        "stock": "ok",
        "zebra": "drift",
    }
    assert isinstance(found["broken"].error, StatementError)
    assert "no moment" in str(found["broken"].why)


def test_a_schema_that_changes_between_the_readings_is_told(pair: Pair) -> None:
    put(pair, "b", (3, 31, LONG_AGO))

    def alter() -> None:
        with pair.open(pair.b) as adapter:
            adapter.query("alter table stock drop column amount").close()

    found = one(pair, sleep=Waits(alter))
    assert (found.state, found.verified_through) == ("cannot tell", None)
    assert "amount" in str(found.why)


def test_a_schema_that_changes_before_the_rows_are_read_is_told(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """On engines without snapshots; where there is one, the check sees the schema of its moment."""
    merges = Comparison.merges

    def first_alters(*given: Any) -> bool:
        with pair.open(pair.b) as adapter:
            adapter.query("alter table stock drop column amount").close()
        return merges(*given)

    monkeypatch.setattr(Comparison, "merges", first_alters)
    monkeypatch.setattr(sides, "Snapshots", type("None", (), {}))
    found = one(pair)
    assert (found.state, found.verified_through) == ("cannot tell", None)
    assert "amount" in str(found.why)
    monkeypatch.undo()
    again = one(pair)
    assert (again.state, again.schema) == ("drift", 1)


def test_an_interrupted_wait_ends_the_check(pair: Pair) -> None:
    put(pair, "b", (3, 31, LONG_AGO))

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(pair, sleep=Waits(interrupt))
    put(pair, "b", (3, 30, LONG_AGO))  # nobody holds a lock
    assert one(pair).state == "ok"


def test_what_cannot_be_meant_is_refused(pair: Pair) -> None:
    for options in ({"limit": -1}, {"confirm_s": -1}, {"columns": ["amount"], "ignore": ["id"]}, {"where": "nix = 1"}):
        with pytest.raises(UsageError):
            check(pair, **options)


# --- writes under way -----------------------------------------------------------------------------------------------


def test_a_copy_that_lags_is_no_drift_and_then_exactly_one_row_is(pair: Pair) -> None:
    with pair.open(pair.a) as adapter:
        adapter.query("pragma journal_mode = wal").close()
    with pair.open(pair.b) as adapter:
        adapter.query("pragma journal_mode = wal").close()
    with lagging(pair.a, pair.b, STOCK, LONG_AGO):
        found = [one(pair, confirm_s=0.3, sleep=time.sleep) for _ in range(4)]
    assert [each.state for each in found] == ["ok"] * 4
    assert sum(each.healed + each.unsettled for each in found) > 0
    assert counts(one(pair)) == ("ok", 0, 0, 0, 0, 0)
    with pair.open(pair.b) as adapter:
        adapter.query("update stock set amount = -1 where id = 4").close()
    assert told(one(pair)) == [("changed", 4)]


# --- only what may differ is read again -----------------------------------------------------------------------------


class Told:
    """What a side's job needs of its owner."""

    def check(self) -> None: ...

    def send(self, message: object) -> None: ...


def test_one_change_among_many_rows_reads_only_the_rows_beside_it_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    many: list[Row] = [(number, 1, None) for number in range(100_000)]
    two(pair, many, [(number, 2 if number == 77_777 else 1, None) for number, _, _ in many])
    read: list[int] = []
    scan = sides._batches

    def counted(owner: Any, adapter: Adapter, pairing: Any, within: Any = None) -> Iterator[list[Row]]:
        for batch in scan(owner, adapter, pairing, within):
            read.append(len(batch))
            yield batch

    monkeypatch.setattr(sides, "_batches", counted)
    specs = (pair.fleet.spec(pair.a),) * 2
    pairing = sides.Pairing("stock", STOCK.columns, 3, 3, (0,), specs)
    with pair.open(pair.a) as a, pair.open(pair.b) as b:
        sums = [sides._sum(Told(), adapter, pairing) for adapter in (a, b)]  # type: ignore[arg-type]
        assert sum(read) == 200_000
        read.clear()
        buckets = [each.buckets(words.BUCKETS) for each in sums]
        marked = bytes(map(int.__ne__, *buckets))
        assert sum(marked) == 1
        within = ranges.of_buckets(marked, [each.span for each in sums])
        assert within == ((77_777 // ranges.WIDTH * ranges.WIDTH, (77_777 // ranges.WIDTH + 1) * ranges.WIDTH - 1),)
        file = tmp_path / "rows"
        sides._spill(Told(), a, sides.Spill(pairing, marked, (file,), within))  # type: ignore[arg-type]
        assert sum(read) == ranges.WIDTH
        assert (77_777, 1, None) in [row for batch in sides.spilled(file) for row in batch]


@SLOW
@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.booleans()), max_size=40, unique_by=lambda pair: pair[0])
)
def test_ranges_hold_every_key_that_differs(keys: list[tuple[int, bool]]) -> None:
    buckets = 1 << 14
    numbers = [number for number, _ in keys]
    marked = bytearray(buckets)
    for place, (_, differs) in zip(ranges.places(numbers, map(hash, numbers)), keys, strict=True):
        marked[place & (buckets - 1)] |= differs
    spans = [(min(numbers), max(numbers)) if numbers else None]
    within = ranges.of_buckets(bytes(marked), spans)
    if within is not None:
        for number, differs in keys:
            assert not differs or any(low <= number <= high for low, high in within)


def test_with_a_null_among_the_keys_everything_is_read_again() -> None:
    span = sides._wider(sides._wider(None, [5, 6]), [None, 7])
    assert ranges.of_buckets(b"\1" + bytes(words.FEW_BUCKETS - 1), [span, (5, 6)]) is None
    assert sides._wider(sides._wider(None, [5]), [3, 7]) == (3, 7)
