"""A rule for a column: what it reads, what it refuses, and what a copy makes of it."""

from __future__ import annotations

import io
import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from moving import Pair

from dbfleet.engines._mysql import values as mysql_values
from dbfleet.engines._mysql.wire import Field
from dbfleet.errors import StatementError, UsageError
from dbfleet.ops.copy import Plan, Watch, copy
from dbfleet.ops.copy import wire as copy_wire
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.ops.load import load
from dbfleet.rules import of, parsed, ruled
from dbfleet.values import Column, Row, Schema, Type


@pytest.mark.parametrize(
    ("rule", "text", "read"),
    [
        ("c: zero-date=null", "0000-00-00", None),
        ("c: zero-date=null", "0000-00-00 00:00:00", None),
        ("c: zero-date=null", "2020-00-00", None),
        ("c: zero-date=null", "2020-01-00", None),
        ("c: zero-date=null", "2020-01-02", "2020-01-02"),
        ("c: zero-date=null", "0000-00-00T00:00:00.000Z", None),
        ("c: zero-date=null", "0000-1234", "0000-1234"),
        ("c: zero-date=null", "0000-00-00 of old", "0000-00-00 of old"),
        ("c: infinity=null", "-Infinity", None),
        ("c: infinity=null", "inf", None),
        ("c: infinity=null", "infinite", "infinite"),
        ("c: nan=null", "NaN", None),
        ("c: empty=null", "", None),
        ("c: empty=null", " ", " "),
        ("c: date=%d/%m/%Y", "03/02/2001", "2001-02-03"),
        ("c: date=%Y-%m-%d %H:%M", "2020-01-01 00:00", "2020-01-01"),
        ("c: datetime=%d.%m.%y %H:%M", "03.02.01 04:05", "2001-02-03T04:05:00"),
        ("c: time=%I:%M %p", "02:30 PM", "14:30:00"),
        ("c: instant=%Y-%m-%d %H:%M:%S %z", "2001-02-03 04:05:06 +0200", "2001-02-03T02:05:06+00:00"),
        ("c: instant=epoch", "1.5", "1970-01-01T00:00:01.500000+00:00"),
        ("c: instant=epoch-ms", "-1", "1969-12-31T23:59:59.999000+00:00"),
    ],
)
def test_a_rule_reads_a_text(rule: str, text: str, read: str | None) -> None:
    assert parsed(rule).text(text) == read


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("c: date=%d/%m/%Y", "31/02/2001"),
        ("c: date=%Y-%m-%d %H:%M", "2020-01-01 10:00"),
        ("c: date=%d/%m/%Y", "03/02/2001 "),
        ("c: date=%d/%m/%Y", ""),
        ("c: instant=epoch", "x"),
        ("c: instant=epoch", "1e400"),
        ("c: instant=epoch", "NaN"),
        ("c: instant=epoch", "0.0000001"),
        ("c: instant=epoch", "99999999999999999"),
    ],
)
def test_what_a_rule_cannot_read_is_refused(rule: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(rule).text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("created", "is not COLUMN: RULE=VALUE"),
        ("created: zero-date", "is not COLUMN"),
        (": zero-date=null", "is not COLUMN"),
        ("created: zerodate=null", "no rule is called 'zerodate'"),
        ("created: zero-date=0", "zero-date can only become null"),
        ("c: tinyint1=bool", "tinyint1 can only become int"),
        ("c: type=number", "no type is called 'number'"),
        ("c: date=dd/mm/yyyy", "has no sign of a date in it"),
        ("c: date=%Y-%m", "needs its year, month and day"),
        ("c: date=%Q", "."),
        ("c: instant=%Y-%m-%d", "an instant has its zone"),
        ("c: date=epoch", "seconds since 1970 are an instant"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parsed(text)
    assert caught.value.hint


def test_rules_meet_columns_by_pattern_and_collection() -> None:
    rules = [parsed("*_at: zero-date=null"), parsed("orders.born: empty=null"), parsed("*_at: date=%Y%m%d")]
    assert of(rules, "people")("born") is None
    assert of(rules, "orders")("born") is not None
    both = of(rules, "people")("made_at")
    assert both is not None
    assert (both.text("0000-00-00"), both.text("20200102"), both.type) == (None, "2020-01-02", Type.DATE)


def test_a_pattern_makes_no_text_null(pair: Pair) -> None:
    made = Schema("t", (Column("id", Type.INT, False), Column("f", Type.FLOAT), Column("name", Type.TEXT)), ("id",))
    pair.fill(pair.a, made, [(1, math.nan, "Nan"), (2, math.inf, "Inf"), (3, 1.0, "")])
    list(copy(pair.fleet, pair.a, pair.b, rules=[parsed("*: nan=null"), parsed("t.*: infinity=null")]))
    assert pair.rows(pair.b, made) == [(1, None, "Nan"), (2, None, "Inf"), (3, 1.0, "")]
    list(copy(pair.fleet, pair.a, pair.b, rules=[parsed("name: nan=null")], mode="replace"))
    assert pair.rows(pair.b, made)[0][2] is None
    data = b"id,f,name\n1,NaN,Nan\n2,2.5,Inf\n"
    with load_inputs.find("-", collection="u", format="csv", stdin=io.BytesIO(data),
                          rules=[parsed("*: nan=null"), parsed("*: infinity=null")]) as inputs:  # fmt: skip
        list(load(pair.fleet, pair.b, inputs))
    with pair.open(pair.b) as adapter:
        found = adapter.describe("u")
    assert pair.rows(pair.b, found) == [(1, None, "Nan"), (2, Decimal("2.5"), "Inf")]


@pytest.mark.parametrize("rule", ["name: tinyint1=int", "f: empty=null", "t.id: nan=null", "id: zero-date=null"])
def test_a_rule_that_finds_nothing_in_its_column_is_refused(pair: Pair, rule: str) -> None:
    made = Schema("t", (Column("id", Type.INT, False), Column("f", Type.FLOAT), Column("name", Type.TEXT)), ("id",))
    pair.fill(pair.a, made, [(1, 1.5, "x")])
    with pytest.raises(UsageError, match=r"t\.(id|f|name) is .*: nothing in it is read so"):
        list(copy(pair.fleet, pair.a, pair.b, rules=[parsed(rule)]))
    list(copy(pair.fleet, pair.a, pair.b, rules=[parsed(f"*: {rule.partition(': ')[2]}")]))
    assert pair.rows(pair.b, made) == [(1, 1.5, "x")]


def test_a_boolean_of_mysql_is_asked_for_as_a_number() -> None:
    schema = Schema("t", (Column("b", Type.BOOL, native="tinyint(1)"), Column("d", Type.DATETIME, native="datetime")))
    asked, given = ruled(schema, [parsed("b: tinyint1=int"), parsed("d: zero-date=null")])
    assert [column.type for column in asked.columns] == [Type.INT, Type.TEXT]
    assert [column.type for column in given.columns] == [Type.INT, Type.DATETIME]
    kinds = (mysql_values.TINY, mysql_values.DATETIME)
    fields = [Field("s", "t", name, name, 63, kind, 0, 0) for name, kind in zip("bd", kinds, strict=True)]
    read = mysql_values.strict(asked.columns, fields, "t")
    assert read([(b"5", b"0000-00-00 00:00:00")]) == [(5, "0000-00-00 00:00:00")]


# --- copies ----------------------------------------------------------------------------------------------------------

_SCHEMA = Schema(
    "t",
    (Column("id", Type.INT, False), Column("f", Type.FLOAT), Column("born", Type.TEXT), Column("at", Type.TEXT),
     Column("note", Type.TEXT)),
    ("id",),
)  # fmt: skip
_ROWS: list[Row] = [
    (1, math.inf, "03/02/2001", "04:05", ""),
    (2, 1.5, None, None, "x"),
    (3, -math.inf, "31/12/1999", "23:59", None),
]
_RULES = [parsed(text) for text in ("f: infinity=null", "t.born: date=%d/%m/%Y", "at: time=%H:%M", "note: empty=null")]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair.made(tmp_path)


class Seen(Watch):
    """Remembers the plan."""

    plan: Plan

    def planned(self, plan: Plan) -> None:
        self.plan = plan


def test_a_copy_writes_what_the_rules_read(pair: Pair) -> None:
    pair.fill(pair.a, _SCHEMA, _ROWS)
    seen = Seen()
    (done,) = copy(pair.fleet, pair.a, pair.b, rules=_RULES, verify=True, watch=seen)
    assert (done.rows, done.same) == (3, True)
    (plan,) = seen.plan.collections
    assert [column.sink for column in plan.columns] == ["int", "float", "date", "time", "text"]
    with pair.open(pair.b) as adapter:
        schema = adapter.describe("t")
    assert pair.rows(pair.b, schema) == [
        (1, None, date(2001, 2, 3), time(4, 5), None),
        (2, 1.5, None, None, "x"),
        (3, None, date(1999, 12, 31), time(23, 59), None),
    ]


def test_a_plan_with_rules_survives_json(pair: Pair) -> None:
    pair.fill(pair.a, _SCHEMA, _ROWS)
    seen = Seen()
    list(copy(pair.fleet, pair.a, pair.b, rules=_RULES, dry_run=True, watch=seen))
    (plan,) = seen.plan.collections
    assert plan.rules
    assert copy_wire.unpacked(json.loads(json.dumps(copy_wire.packed(plan)))) == plan


def test_a_value_that_a_rule_cannot_read_leaves_nothing(pair: Pair) -> None:
    pair.fill(pair.a, _SCHEMA, [*_ROWS, (4, 0.0, "2001-02-03", None, None)])
    with pytest.raises(StatementError, match=r"t\.born: '2001-02-03' by --rule: time data") as caught:
        list(copy(pair.fleet, pair.a, pair.b, rules=_RULES))
    assert "nothing that it made is left" in (caught.value.hint or "")
    with pair.open(pair.b) as adapter:
        assert adapter.collections() == []


def test_a_rule_for_no_column_is_refused(pair: Pair) -> None:
    pair.fill(pair.a, _SCHEMA, _ROWS)
    with pytest.raises(UsageError, match="there is no column borm") as caught:
        list(copy(pair.fleet, pair.a, pair.b, rules=[parsed("borm: date=%Y%m%d")]))
    assert caught.value.hint == "did you mean born?"


def test_an_upsert_is_verified_by_what_the_rules_read(pair: Pair) -> None:
    pair.fill(pair.a, _SCHEMA, _ROWS)
    list(copy(pair.fleet, pair.a, pair.b, rules=_RULES))
    (done,) = copy(pair.fleet, pair.a, pair.b, rules=_RULES, mode="upsert", verify=True)
    assert (done.rows, done.same) == (3, True)


@pytest.mark.parametrize(
    ("asked", "given", "rule", "value", "became"),
    [
        (Type.DECIMAL, Type.DECIMAL, "nan=null", Decimal("NaN"), None),
        (Type.DECIMAL, Type.DECIMAL, "infinity=null", Decimal("-Infinity"), None),
        (Type.FLOAT, Type.FLOAT, "nan=null", math.inf, math.inf),
        (Type.INT, Type.INSTANT, "instant=epoch", 60, datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
        (Type.INT, Type.TEXT, "type=text", 60, "60"),
        (Type.TEXT, Type.INT, "type=int", "60", 60),
    ],
)
def test_values_of_other_types_are_ruled_too(
    pair: Pair, asked: Type, given: Type, rule: str, value: Any, became: Any
) -> None:
    schema = Schema("v", (Column("id", Type.INT, False), Column("c", asked)), ("id",))
    pair.fill(pair.a, schema, [(1, value)])
    (done,) = copy(pair.fleet, pair.a, pair.b, rules=[parsed(f"c: {rule}")], verify=True)
    assert done.same
    with pair.open(pair.b) as adapter:
        made = adapter.describe("v")
    assert made.column("c").type is given
    assert pair.rows(pair.b, made) == [(1, became)]
