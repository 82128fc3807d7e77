"""Digests of rows that end by themselves: the same in sum, and what ends about now can be taken out of both."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from dbfleet import registry
from dbfleet.ops import _ending
from dbfleet.ops._digests import of_batches
from dbfleet.ops._ending import SLOT_MS, EndingDigester
from dbfleet.values import Column, Digest, Schema, Type

SPEC = replace(registry.spec("sqlite"), ends="the end")
COLUMNS = (Column("k", Type.TEXT, False), Column("e", Type.INT, native="the end"))
SCHEMA = Schema("t", COLUMNS, ("k",))
NOW = time.time_ns() // 1_000_000
ROWS = [("never", None), ("gone", NOW - 60_000), ("soon", NOW + 1), ("late", NOW + 3_600_000), ("far", NOW + 10**12)]


def digested(rows: list[tuple[str, int | None]]) -> EndingDigester:
    digester = EndingDigester(COLUMNS, SPEC)
    for row in rows:
        digester.add([row])
    return digester


def test_the_digest_is_that_of_all_rows_however_they_come() -> None:
    one, other = digested(ROWS), EndingDigester(COLUMNS, SPEC)
    other.add(ROWS)
    assert one.digest == other.digest == of_batches(SCHEMA, [ROWS])
    assert one.slots == other.slots
    assert set(one.slots) == {end // SLOT_MS for name, end in ROWS if end and name != "far"}


def test_what_has_ended_about_now_counts_on_neither_side() -> None:
    held = digested([row for row in ROWS if row[0] not in ("gone", "soon")])
    read = digested(ROWS)
    lasting, to_last = _ending.lasting((held.digest, held.slots), (read.digest, read.slots))
    assert lasting == to_last == of_batches(SCHEMA, [[row for row in ROWS if row[0] not in ("gone", "soon")]])


@pytest.mark.parametrize("lost", ["never", "late", "far"])
def test_what_lasts_counts(lost: str) -> None:
    held, read = digested([row for row in ROWS if row[0] != lost]), digested(ROWS)
    lasting, to_last = _ending.lasting((held.digest, held.slots), (read.digest, read.slots))
    assert lasting != to_last


def test_slots_add_up_and_are_taken_away_again() -> None:
    one, other = digested(ROWS[:3]), digested(ROWS[1:])
    both = _ending.added(one.slots, other.slots)
    back = _ending.removed(both, other.slots)
    assert {slot: digest for slot, digest in back.items() if digest != Digest()} == one.slots


def test_rows_without_such_a_column_have_no_slots() -> None:
    digester = EndingDigester(COLUMNS, registry.spec("sqlite"))
    digester.add(ROWS)
    assert not digester.slots
    assert digester.digest == of_batches(SCHEMA, [ROWS])
