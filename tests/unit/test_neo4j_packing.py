"""Moments go to Neo4j as the very structures that the driver makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neo4j._codec.hydration.bolt.v2 import temporal

from dbfleet.engines.neo4j.values import STORE, packing
from dbfleet.values import Type

dehydrate_datetime: Any = temporal.dehydrate_datetime
LOCAL = datetime(1969, 12, 31, 23, 59, 59, 999999)
EDGES = [LOCAL, LOCAL + timedelta(microseconds=1), datetime.min, datetime.max]


@pytest.mark.parametrize("value", EDGES, ids=str)
def test_edges_are_packed_as_the_driver_does(value: datetime) -> None:
    packed = packing((5, 4))
    assert packed[Type.DATETIME](value) == dehydrate_datetime(value)
    # The driver's way fails on the first and the last moment with a zone.
    if value not in (datetime.min, datetime.max):
        assert packed[Type.INSTANT](value.replace(tzinfo=UTC)) == dehydrate_datetime(value.replace(tzinfo=UTC))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)))
def test_moments_are_packed_as_the_driver_does(value: datetime) -> None:
    packed = packing((5, 0))
    assert packed[Type.DATETIME](value) == dehydrate_datetime(value)
    assert packed[Type.INSTANT](value.replace(tzinfo=UTC)) == dehydrate_datetime(value.replace(tzinfo=UTC))


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    east = datetime(2024, 2, 29, 1, tzinfo=timezone(timedelta(hours=2)))
    instant = packing((5, 0))[Type.INSTANT]
    assert instant(east) == instant(east.astimezone(UTC))


def test_an_older_bolt_gets_what_the_driver_makes_of_it() -> None:
    assert packing((4, 4)) is STORE
