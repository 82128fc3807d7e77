"""What Cassandra's numbers do not hold is refused by its column, before the driver sees it: that fails on a NaN without
a word about where it stood."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dbfleet.engines.cassandra.values import store_of
from dbfleet.errors import Unsupported
from dbfleet.values import Column, Type


@pytest.mark.parametrize("native", ["decimal", "varint", None])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_decimal_that_is_no_number_is_refused_by_its_column(native: str | None, value: str) -> None:
    store = store_of([Column("id", Type.INT), Column("price", Type.DECIMAL, native=native)])
    with pytest.raises(Unsupported, match=f"column price: Cassandra's decimal has no {value}"):
        store([(1, Decimal("1.5") if native != "varint" else Decimal(2)), (2, Decimal(value))])


def test_a_fraction_in_a_whole_number_is_refused_by_its_column() -> None:
    store = store_of([Column("n", Type.DECIMAL, native="varint")])
    assert store([(Decimal("1e3"),)]) == [(1000,)]
    with pytest.raises(Unsupported, match=r"column n: 1\.5 is no integer"):
        store([(Decimal("1.5"),)])


def test_a_double_in_a_float_is_refused_by_its_column() -> None:
    store = store_of([Column("f", Type.FLOAT, native="float")])
    assert store([(0.1,), (None,)]) == [(0.1,), (None,)]
    with pytest.raises(Unsupported, match="column f: a float keeps 32 bits"):
        store([(0.1234567890123,)])
