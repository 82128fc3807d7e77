"""The shop: the promises of its docstring, held at several sizes, and the bytes that a seed gives, pinned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from dbfleet import datasets
from dbfleet.datasets import MOST_ROWS
from dbfleet.datasets.shop_words import EDGE_TEXTS
from dbfleet.errors import NotFound, UsageError
from dbfleet.values import Row, Type, decimal_text, digest_rows, type_of

SHOP = datasets.load("shop")
ENTITIES = [entity.name for entity in SHOP.entities]

# A change here changes what every seed gives, everywhere: on purpose only.
GOLDEN = {
    "customers": "505:54c917633a0156f9",
    "products": "130:15968b27d5441ec0",
    "orders": "2500:f6a9072954a32d2d",
    "order_items": "6235:f2f13e8f845ae16e",
    "reviews": "938:1e0e6c1915e6e988",
    "follows": "1525:9323feb11e6995e5",
}


def made(entity: str, rows: int, seed: int = 0, **slice_: int) -> list[Row]:
    return [row for batch in SHOP.batches(entity, seed=seed, rows=rows, **slice_) for row in batch]


@pytest.fixture(scope="module", params=[1, 2, 7, 100, 1000, 1025, 5000])
def shop(request: pytest.FixtureRequest) -> dict[str, list[dict[str, Any]]]:
    return {
        entity: [dict(zip(SHOP.entity(entity).schema.names, row, strict=True)) for row in made(entity, request.param)]
        for entity in ENTITIES
    }


def digests(rows: int, seed: int = 0) -> dict[str, str]:
    return {
        schema.name: str(digest_rows(schema.columns, SHOP.batches(schema.name, seed=seed, rows=rows)))
        for schema in SHOP.schemas()
    }


def test_the_bytes_of_a_seed_are_pinned() -> None:
    assert digests(2500) == GOLDEN


def test_another_seed_gives_other_values_in_every_entity() -> None:
    assert not set(digests(100).values()) & set(digests(100, seed=1).values())


def test_neither_hash_seed_nor_faker_nor_locale_change_a_byte() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_datasets_shop import *; print(json.dumps(digests(300)))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code, os.path.dirname(__file__)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": "C", "TZ": "Asia/Kathmandu"},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert json.loads(found[0]) == json.loads(found[1]) == digests(300)


def test_the_shop_needs_no_faker() -> None:
    code = (
        "import sys; from dbfleet import datasets as d\n"
        "next(d.load('shop').batches('reviews', seed=0, rows=9)); print('faker' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_slice_is_a_slice_of_the_whole(entity: str) -> None:
    whole = made(entity, 4000)
    assert made(entity, 4000, start=700, stop=1300, batch_size=7) == whole[700:1300]
    assert made(entity, 4000, start=len(whole) - 1) == whole[-1:]
    assert made(entity, 4000, start=len(whole)) == made(entity, 4000, start=9, stop=9) == []


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_small_shop_is_the_beginning_of_a_large_one(entity: str) -> None:
    small = made(entity, 333)
    assert small == made(entity, 3000)[: len(small)]


@pytest.mark.parametrize("entity", ENTITIES)
def test_batches_are_full_but_the_last(entity: str) -> None:
    sizes = [len(batch) for batch in SHOP.batches(entity, seed=0, rows=3000, batch_size=100)]
    assert set(sizes[:-1]) <= {100}
    assert 0 < sizes[-1] <= 100
    assert sum(sizes) == SHOP.rows(entity, 3000)


def test_values_are_of_their_column(shop: dict[str, list[dict[str, Any]]]) -> None:
    for schema in SHOP.schemas():
        for row in shop[schema.name]:
            for column in schema.columns:
                value = row[column.name]
                if value is None:
                    assert column.nullable
                    continue
                assert type_of(value) is column.type
                if column.length is not None:
                    assert len(value) <= column.length
                if column.type is Type.INT:
                    assert -(2**63) <= value < 2**63
                if column.type is Type.DECIMAL:
                    assert column.precision is not None
                    assert column.scale is not None
                    whole, _, fraction = decimal_text(value.copy_abs()).partition(".")
                    assert len(fraction) <= column.scale
                    assert len(whole) <= column.precision - column.scale


def test_keys_are_distinct_and_references_hold(shop: dict[str, list[dict[str, Any]]]) -> None:
    def keys(entity: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        return (tuple(row[column] for column in columns) for row in shop[entity])

    for schema in SHOP.schemas():
        assert len(set(keys(schema.name, schema.key))) == len(shop[schema.name]) > 0
        for reference in schema.references:
            assert set(keys(schema.name, reference.columns)) <= set(keys(reference.collection, reference.keys))


def test_a_total_is_the_sum_of_its_lines(shop: dict[str, list[dict[str, Any]]]) -> None:
    totals: dict[int, Decimal] = defaultdict(Decimal)
    prices = {row["id"]: row["price"] for row in shop["products"]}
    for line in shop["order_items"]:
        totals[line["order_id"]] += line["quantity"] * line["unit_price"]
        left = 1 - (line["discount"] or 0)
        assert line["unit_price"] == (prices[line["product_id"]] * left).quantize(Decimal("0.01"), "ROUND_DOWN")
    assert {row["id"]: row["total"] for row in shop["orders"]} == totals


def test_an_order_goes_its_way_in_order(shop: dict[str, list[dict[str, Any]]]) -> None:
    joined = {row["id"]: row["joined_at"] for row in shop["customers"]}
    far = {"pending": 0, "cancelled": 0, "paid": 1, "shipped": 2, "delivered": 3, "returned": 3}
    for row in shop["orders"]:
        moments = [row["paid_at"], row["shipped_at"], row["delivered_on"]]
        assert [moment is not None for moment in moments] == [step < far[row["status"]] for step in range(3)]
        assert joined[row["customer_id"]] <= row["ordered_at"]
        assert moments[0] is None or row["ordered_at"] <= moments[0]
        assert moments[1] is None or moments[0] <= moments[1]
        assert moments[2] is None or moments[1].date() < moments[2]
        assert (row["tracking_number"] is None) == (row["shipped_at"] is None)


def test_a_review_is_by_who_bought_it_after_it_came(shop: dict[str, list[dict[str, Any]]]) -> None:
    first = {line["order_id"]: line["product_id"] for line in shop["order_items"] if line["line"] == 1}
    came: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for order in shop["orders"]:
        if order["status"] == "delivered":
            came[order["customer_id"], first[order["id"]]].append(order["delivered_on"])
    for review in shop["reviews"]:
        assert min(came[review["customer_id"], review["product_id"]]) < review["posted_at"].date()


def test_nobody_follows_before_both_have_joined(shop: dict[str, list[dict[str, Any]]]) -> None:
    joined = {row["id"]: row["joined_at"].date() for row in shop["customers"]}
    for row in shop["follows"]:
        assert row["follower_id"] != row["followed_id"]
        assert row["since"] >= max(joined[row["follower_id"]], joined[row["followed_id"]])


def test_every_type_and_every_kind_of_edge_value_is_there_at_the_default_size() -> None:
    values: dict[Type, set[Any]] = defaultdict(set)
    nulls: dict[Type, int] = defaultdict(int)
    for schema in SHOP.schemas():
        for row in made(schema.name, SHOP.default_rows):
            for column, value in zip(schema.columns, row, strict=True):
                if value is None:
                    nulls[column.type] += 1
                else:
                    values[column.type].add(json.dumps(value) if column.type is Type.JSON else value)
    assert set(values) == set(Type)
    assert {"", *EDGE_TEXTS} <= values[Type.TEXT]
    assert {2**53, 2**53 + 1, 2**63 - 1, -(2**63)} <= values[Type.INT]
    assert {b"", bytes(range(256))} <= values[Type.BYTES]
    assert any(len(value.as_tuple().digits) == 34 for value in values[Type.DECIMAL])
    assert any(value.microsecond % 1000 for value in values[Type.INSTANT])
    assert max(values[Type.DATE]).year == 9999
    assert min(values[Type.DATE]).year == 1000
    assert all(nulls[type_] for type_ in Type if type_ not in (Type.UUID, Type.DATETIME))


def test_popularity_is_skewed_and_names_are_of_many_scripts() -> None:
    orders: dict[int, int] = defaultdict(int)
    for row in made("orders", 20_000):
        orders[row[1]] += 1
    busiest = sorted(orders.values(), reverse=True)
    assert sum(busiest[: len(busiest) // 10]) > 0.3 * 20_000
    names = "".join(row[2] for row in made("customers", 20_000))
    for sign in ("ü", "é", "ł", "Σ", "и", "ם", "م", "र", "ร", "子", "은"):
        assert sign in names


@pytest.mark.parametrize("rows", [0, -1, MOST_ROWS + 1, 10**30])
def test_a_number_of_rows_that_cannot_be_meant_is_refused(rows: int) -> None:
    with pytest.raises(UsageError, match="--rows"):
        SHOP.rows("orders", rows)


def test_the_largest_shop_still_makes_sense_at_its_end() -> None:
    orders = made("orders", MOST_ROWS, start=MOST_ROWS - 3)
    assert len(orders) == 3
    assert all(row[6].year in (2024, 2025) for row in orders)
    for entity in ENTITIES:
        last = SHOP.rows(entity, MOST_ROWS) - 1
        assert len(made(entity, MOST_ROWS, start=last)) == 1


def test_an_unknown_entity_names_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        SHOP.entity("costumers")
    assert caught.value.hint == "did you mean customers?"
