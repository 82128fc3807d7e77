"""A copy's messages survive JSON, whatever their values are."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.adapter import WHOLE, Rejected
from dbfleet.extras import Default, Identity, Index, Native
from dbfleet.fidelity import Keeping
from dbfleet.ops._plan import PlannedCollection, PlannedColumn
from dbfleet.ops.copy.messages import (
    Begin,
    CheckPart,
    CopyPart,
    GiveExtras,
    Given,
    PartChecked,
    PartCopied,
    Taken,
    TakeSteps,
)
from dbfleet.ops.copy.wire import packed, unpacked
from dbfleet.outline import Step
from dbfleet.values import JSON_NULL, Column, Digest, Reference, Schema, Type

TIMES = st.times().map(lambda found: found.replace(fold=0))
NESTED = st.recursive(
    st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=5
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.decimals(allow_nan=False), st.text(),
    st.text(alphabet=st.characters()), st.binary(), st.dates(), TIMES, st.datetimes(), NESTED, st.just(JSON_NULL),
    st.datetimes(timezones=st.just(UTC)), st.uuids(),
)  # fmt: skip


def through(value: Any) -> Any:
    text = json.dumps(packed(value))
    assert "\\u0000" not in text
    return unpacked(json.loads(text))


@given(st.lists(st.tuples(VALUES, VALUES), max_size=4))
def test_rows_that_were_refused(rows: list[tuple[Any, Any]]) -> None:
    message = PartCopied("orders", 3, 5, [Rejected(row, "why\0") for row in rows], len(rows), Digest(5, 2**63 + 1))
    found = through(message)
    assert repr(found).replace(", fold=1", "") == repr(message).replace(
        ", fold=1", ""
    )  # -0.0 and 0.0 are equal, and not the same


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -0.0, 1e300, "\ud83d", "a\0b", {1: (2,)}, frozenset("ab")]
)
def test_what_json_has_no_form_for(value: Any) -> None:
    assert repr(through(value)) == repr(value)


def test_every_task_and_answer() -> None:
    schema = Schema(
        "ö.d\0",
        (
            Column("id", Type.INT, False, native="bigint", note="x", generated=True),
            Column("total", Type.DECIMAL, precision=12, scale=2),
        ),
        ("id",),
        (Reference(("total",), "other", ("id",)),),
        partition=("id",),
    )
    line = PlannedColumn("t", "c", "id", "int", "int", Keeping.ROUNDED, None)
    extras = (Index("i", ("id",), True), Default("id", None), Identity("id"), Native("postgres", "k", "w", "d"))
    plan = PlannedCollection(schema, schema, "create", 5, (line,), "lines", extras, schema, 3)
    step = Step("keys", "index", "t", "index i", "CREATE INDEX \x1a\x1di\x1e", 3, (("s", "i"),), undo="x", locks=("t",))
    for part in (WHOLE, {"from": [1, "x"], "to": None}):
        for message in (
            Begin("moment"), Begin(None), CopyPart(plan, 1, part, "upsert", True, False), CheckPart(plan, part, True),
            GiveExtras(plan, frozenset({"a", "b"}), True), PartChecked("c", Digest(1, 2)),
            Given("c", ("a",), ("b",), {"x": "y"}),
            TakeSteps(plan, (step,), {"t": "s"}, True), Taken("c", ["index i 1"]),
        ):  # fmt: skip
            assert through(message) == message
            assert repr(through(message)) == repr(message)


def test_dates_and_times_keep_their_types() -> None:
    row = (date(1, 1, 1), time(1, 2, 3, 4), datetime(9999, 12, 31), datetime(2, 1, 1, tzinfo=UTC), UUID(int=7),
           Decimal("1E+3"), True, 1)  # fmt: skip
    assert [type(each) for each in through(row)] == [type(each) for each in row]
    assert through(row) == row


@pytest.mark.parametrize("data", [{"$": "Fleet", "v": {}}, {"$": "os.system", "v": "x"}, {"a": 1}, {"$": "Begin"}])
def test_nothing_else_is_made_from_data(data: Any) -> None:
    with pytest.raises(ValueError, match="no message"):
        unpacked(data)
