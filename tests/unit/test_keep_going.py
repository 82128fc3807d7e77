"""--exclude and --keep-going: what is left out, what cannot be read and is named, and that all the rest is whole."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from moving import Pair

from dbfleet.errors import DbfleetError, FleetPartlyFailed, UsageError
from dbfleet.ops import copy as copy_op
from dbfleet.ops.copy import Plan, Watch, copy
from dbfleet.ops.diff import Difference, diff
from dbfleet.ops.dump import Dumped, dump
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.ops.load import load
from dbfleet.rules import parsed
from dbfleet.values import Column, Reference, Schema, Type

# What cannot be read here are values outside the closed set; natively they could be (tests/zoo/test_native_options.py).
pytestmark = pytest.mark.usefixtures("by_the_closed_set")

ID = Column("id", Type.INT, False)
GOOD = Schema("good", (ID, Column("u", Type.UUID)), ("id",))
BAD = Schema("bad", (ID, Column("u", Type.UUID)), ("id",))
CHILD = Schema("child", (ID, Column("bad", Type.INT)), ("id",), (Reference(("bad",), "bad", ("id",)),))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """In `a`: good, log_1, and two tables that hold no UUID where they should: broken in its first row, bad in row
    5,000."""
    found = Pair.made(tmp_path)
    found.fill(found.a, GOOD, [(1, None), (2, None)])
    found.fill(found.a, BAD, [(number, None) for number in range(6000)])
    found.fill(found.a, replace(BAD, name="broken"), [(1, None)])
    found.fill(found.a, Schema("log_1", (ID,), ("id",)), [(1,)])
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("UPDATE bad SET u = 'none' WHERE id = 5000")
        connection.execute("UPDATE broken SET u = 'none'")
        connection.commit()
    return found


class Seen(Watch):
    """Remembers the plan and what was said."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.texts: list[str] = []

    def planned(self, plan: Plan) -> None:
        self.plan = plan

    def said(self, text: str) -> None:
        self.texts.append(text)


def gathered(found: Any) -> tuple[list[Any], DbfleetError | None]:
    """What came, and the error at its end."""
    done = []
    try:
        done.extend(found)
    except DbfleetError as error:
        return done, error
    return done, None


def names(pair: Pair) -> list[str]:
    with pair.open(pair.b) as adapter:
        return list(adapter.collections())


# --- copy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_copy_goes_on_over_what_cannot_be_read(pair: Pair, jobs: int) -> None:
    done, error = gathered(copy(pair.fleet, pair.a, pair.b, keep_going=True, verify=True, jobs=jobs))
    assert {each.collection: each.same for each in done} == {"good": True, "log_1": True}
    assert isinstance(error, FleetPartlyFailed)
    assert set(error.failures) == {"bad", "broken"}
    assert "'none'" in error.failures["bad"].message
    assert "2 of 4 collections" in error.message
    assert names(pair) == ["good", "log_1"]


def test_without_it_the_first_ends_the_copy_and_nothing_is_left(pair: Pair) -> None:
    with pytest.raises(DbfleetError, match="'none'"):
        list(copy(pair.fleet, pair.a, pair.b, ["good", "bad"]))
    assert names(pair) == []


def test_what_was_there_stands_where_its_replacement_cannot_be_read(pair: Pair) -> None:
    for schema in (GOOD, BAD):
        pair.fill(pair.b, schema, [(7, None)])
    done, error = gathered(copy(pair.fleet, pair.a, pair.b, keep_going=True, mode="replace"))
    assert [each.collection for each in done] == ["good", "log_1"]
    assert isinstance(error, FleetPartlyFailed)
    assert pair.rows(pair.b, BAD) == [(7, None)]
    assert len(pair.rows(pair.b, GOOD)) == 2
    assert names(pair) == ["bad", "good", "log_1"]


def test_what_refers_to_it_is_left_out_too_where_the_sink_would_refuse_it(pair: Pair) -> None:
    pair.fill(pair.a, CHILD, [(1, 5)])
    done, error = gathered(copy(pair.fleet, pair.a, pair.b, ["good", "bad", "child"], keep_going=True))
    assert [each.collection for each in done] == ["good"]
    assert isinstance(error, FleetPartlyFailed)
    assert error.failures["child"].message == "it refers to bad, which cannot be read"
    assert names(pair) == ["good"]


def test_where_nothing_can_be_read_it_is_the_error_itself(pair: Pair) -> None:
    for name in ("bad", "broken"):
        with pytest.raises(DbfleetError) as caught:
            list(copy(pair.fleet, pair.a, pair.b, [name], keep_going=True))
        assert not isinstance(caught.value, FleetPartlyFailed)
    assert names(pair) == []


def test_a_copy_that_went_on_has_nothing_to_resume(pair: Pair) -> None:
    gathered(copy(pair.fleet, pair.a, pair.b, keep_going=True))
    seen = Seen()
    gathered(copy(pair.fleet, pair.a, pair.b, ["good"], mode="upsert", resume=True, watch=seen))
    assert any("nothing to resume" in text for text in seen.texts)


@pytest.mark.parametrize("patterns", [["bad", "broken", "log_*"], ["b*", "l?g_1"]])
def test_what_is_excluded_is_not_copied_and_not_missed(pair: Pair, patterns: list[str]) -> None:
    seen = Seen()
    done = list(copy(pair.fleet, pair.a, pair.b, exclude=patterns, strict=False, watch=seen))
    assert [each.collection for each in done] == ["good"]
    assert seen.plan is not None
    assert not any("log_1" in text or text.startswith("bad") for text in seen.plan.left)


@pytest.mark.parametrize(
    ("patterns", "said"),
    [(["goood"], "there is no collection goood"), (["*"], "leaves nothing")],
)
def test_an_exclude_that_cannot_be_meant_is_refused(pair: Pair, tmp_path: Path, patterns: list[str], said: str) -> None:
    for found in (
        copy(pair.fleet, pair.a, pair.b, exclude=patterns),
        dump(pair.fleet, pair.a, directory=tmp_path / "d", exclude=patterns),
        diff(pair.fleet, pair.a, pair.a, exclude=patterns),
    ):
        with pytest.raises(UsageError, match=said):
            list(found)


def test_a_receipt_names_what_was_left(pair: Pair) -> None:
    from datetime import UTC, datetime

    seen = Seen()
    done, _ = gathered(copy(pair.fleet, pair.a, pair.b, keep_going=True, verify=True, watch=seen))
    assert seen.plan is not None
    found = copy_op.receipt(pair.fleet, pair.a, pair.b, done, datetime.now(UTC), seen.plan.left)
    assert any(text.startswith("broken, which cannot be read") for text in found["left"])


# --- dump and load --------------------------------------------------------------------------------------------------


def test_a_dump_goes_on_over_what_cannot_be_read(pair: Pair, tmp_path: Path) -> None:
    done, error = gathered(dump(pair.fleet, pair.a, directory=tmp_path / "d", keep_going=True))
    assert [each.collection for each in done if isinstance(each, Dumped)] == ["good", "log_1"]
    assert isinstance(error, FleetPartlyFailed)
    assert set(error.failures) == {"bad", "broken"}
    manifest = json.loads((tmp_path / "d" / "manifest.json").read_text())
    assert [each["collection"] for each in manifest["collections"]] == ["good", "log_1"]
    left = [text for text in manifest["left"] if "cannot be read" in text]
    assert sorted(text.split(",")[0] for text in left) == ["bad", "broken"]
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "good.jsonl", "log_1.jsonl", "manifest.json", "schema.json",
    ]  # fmt: skip
    with load_inputs.find(str(tmp_path / "d")) as inputs:
        assert len(list(load(pair.fleet, pair.b, inputs, verify=True))) == 2


def test_a_dump_leaves_out_what_is_excluded(pair: Pair, tmp_path: Path) -> None:
    done = list(dump(pair.fleet, pair.a, directory=tmp_path / "d", exclude=["b*"]))
    assert [each.collection for each in done] == ["good", "log_1"]
    done = list(dump(pair.fleet, pair.a, ["good", "log_1"], directory=tmp_path / "e", exclude=["log_*"]))
    assert [each.collection for each in done] == ["good"]


def test_a_load_goes_on_over_a_damaged_file(pair: Pair, tmp_path: Path) -> None:
    list(dump(pair.fleet, pair.a, ["good", "log_1"], directory=tmp_path / "d"))
    (tmp_path / "d" / "log_1.jsonl").write_text('{"id":2}\n')
    with pytest.raises(UsageError), load_inputs.find(str(tmp_path / "d")):
        pass
    failures: dict[str, DbfleetError] = {}
    with load_inputs.find(str(tmp_path / "d"), failures=failures) as inputs:
        assert [each.collection for each in load(pair.fleet, pair.b, inputs)] == ["good"]
    assert "SHA-256" in failures["log_1"].message
    with load_inputs.find(str(tmp_path / "d"), exclude=["log_*"]) as inputs:
        assert [each.collection for each in inputs] == ["good"]


@pytest.mark.parametrize(
    ("format", "data", "rows", "unread"),
    [
        ("csv", b'id,n\n1,2\n3\n\nx,4\n5,"6\n"z\n7,8\n', [(1, 2), (7, 8)], {"line 3", "line 5", "line 6"}),
        ("csv", b"id,n\n1,2\n2,-\n3,4,5\n", [(1, 2)], {"line 3", "line 4"}),
        ("tsv", b"id\tn\n1\t2\n2\n\\N\tx\n", [(1, 2)], {"line 3", "line 4"}),
        ("jsonl", b'{"id":1,"n":2}\n{"id":\n[1]\n\n{"id":2,"n":"x"}\n{"id":3,"m":1}\n{"id":7,"n":8}\n',
         [(1, 2), (7, 8)], {"line 2", "line 3", "line 5", "line 6"}),
        ("json", b'[{"id":1,"n":2},\n{"id":2,"n":"x"},\n{"id":"y"}]', [(1, 2)], {"line 2", "line 3"}),
        ("ejson", b'{"id":{"$numberLong":"1"},"n":2}\n{"id":2,"n":{"$oid":"507f1f77bcf86cd799439011"}}\n', [(1, 2)],
         {"line 2"}),
    ],
)  # fmt: skip
def test_rows_of_a_file_that_cannot_be_read_are_named_by_their_lines(
    pair: Pair, format: str, data: bytes, rows: list[Any], unread: set[str]
) -> None:
    there = Schema("t", (ID, Column("n", Type.INT)), ("id",))
    pair.fill(pair.b, there, [])
    failures: dict[str, DbfleetError] = {}
    with load_inputs.find("-", collection="t", format=format, stdin=io.BytesIO(data), failures=failures) as inputs:
        (done,) = load(pair.fleet, pair.b, inputs, verify=True)
        assert inputs[0].unread is not None
        assert inputs[0].unread.count == len(unread)
    assert (done.rows, done.verified) == (len(rows), True)
    assert set(failures) == unread
    assert pair.rows(pair.b, there) == rows
    with pytest.raises(UsageError), load_inputs.find(
        "-", collection="t", format=format, stdin=io.BytesIO(data)
    ) as inputs:  # fmt: skip
        list(load(pair.fleet, pair.b, inputs, mode="upsert"))


def test_types_are_those_of_the_rows_that_can_be_read(pair: Pair) -> None:
    data = b"id,born\n1,03/02/2001\n2\n3,2001-02-03\n"
    failures: dict[str, DbfleetError] = {}
    with load_inputs.find("-", collection="t", format="csv", stdin=io.BytesIO(data), failures=failures,
                          rules=[parsed("born: date=%d/%m/%Y")]) as inputs:  # fmt: skip
        list(load(pair.fleet, pair.b, inputs))
    with pair.open(pair.b) as adapter:
        found = adapter.describe("t")
    assert found.column("born").type is Type.DATE
    assert pair.rows(pair.b, found) == [(1, date(2001, 2, 3))]
    assert set(failures) == {"line 3", "line 4"}


def test_of_many_rows_the_first_are_named_and_all_are_counted(pair: Pair) -> None:
    data = b"id,n\n" + b"1\n" * 5000 + b"7,8\n"
    failures: dict[str, DbfleetError] = {}
    with load_inputs.find("-", collection="t", format="csv", stdin=io.BytesIO(data), failures=failures) as inputs:
        (done,) = load(pair.fleet, pair.b, inputs)
        assert (done.rows, inputs[0].unread and inputs[0].unread.count, len(failures)) == (1, 5000, 20)
    assert failures["line 2"].message == "1 cells where the header has 2"


# --- diff -----------------------------------------------------------------------------------------------------------


def test_a_diff_goes_on_over_what_cannot_be_read(pair: Pair) -> None:
    list(copy(pair.fleet, pair.a, pair.b, ["good", "log_1"]))
    pair.fill(pair.b, BAD, [(number, None) for number in range(6000)])
    pair.fill(pair.b, GOOD, [(1, None)])
    pair.fill(pair.b, replace(BAD, name="broken"), [(1, None)])
    with pytest.raises(DbfleetError):
        list(diff(pair.fleet, pair.a, pair.b))
    found, error = gathered(diff(pair.fleet, pair.a, pair.b, keep_going=True))
    assert [(each.collection, each.change) for each in found if isinstance(each, Difference)] == [("good", "removed")]
    assert isinstance(error, FleetPartlyFailed)
    assert set(error.failures) == {"bad", "broken"}
    assert "2 of 4 collections" in error.message


def test_a_diff_leaves_out_what_is_excluded(pair: Pair) -> None:
    list(copy(pair.fleet, pair.a, pair.b, ["good"]))
    assert list(diff(pair.fleet, pair.a, pair.b, exclude=["b*", "log_*"])) == []
