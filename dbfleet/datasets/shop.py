"""The shop: customers, products, orders, their items, reviews, and who follows whom; in all types of the closed set.

`--rows` is the number of orders. For every seed and size:

    orders.total           is the sum of quantity * unit_price over the order's items
    order_items.unit_price is the product's price less the discount, truncated to cents
    paid_at, shipped_at, delivered_on   have a value if and only if the status has come that far; they are in this order
    orders, reviews, follows            are later than the day on which their customers signed up
    reviews                             are about a delivered order's first item, by the customer who ordered it

About one value in twenty of the nullable columns is an edge value: empty text, emoji, right-to-left and combining
text, quotes, control characters, 34-digit decimals, integers around 2**53 and 2**63, dates from 1000 to 9999.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dbfleet.datasets import shop_shape
from dbfleet.datasets.entity import Dataset, Entity
from dbfleet.datasets.shop_rows import ShopRows
from dbfleet.values import Column, Reference, Schema, Type

CUSTOMERS = Schema(
    "customers",
    (
        Column("id", Type.INT, nullable=False),
        Column("public_id", Type.UUID, nullable=False),
        Column("name", Type.TEXT, nullable=False, length=80),
        Column("email", Type.TEXT, nullable=False, length=120),
        Column("locale", Type.TEXT, nullable=False, length=10),
        Column("address", Type.JSON),
        Column("birthday", Type.DATE),
        Column("joined_at", Type.INSTANT, nullable=False, fraction_digits=6),
        Column("newsletter", Type.BOOL),
        Column("legacy_id", Type.INT),
        Column("credit_limit", Type.DECIMAL, precision=34, scale=4),
        Column("call_after", Type.TIME, fraction_digits=6),
        Column("avatar", Type.BYTES, length=256),
        Column("note", Type.TEXT, length=500),
    ),
    key=("id",),
)

PRODUCTS = Schema(
    "products",
    (
        Column("id", Type.INT, nullable=False),
        Column("sku", Type.TEXT, nullable=False, length=20),
        Column("name", Type.TEXT, nullable=False, length=120),
        Column("category", Type.TEXT, nullable=False, length=20),
        Column("price", Type.DECIMAL, nullable=False, precision=12, scale=2),
        Column("weight_kg", Type.FLOAT),
        Column("stock", Type.INT, nullable=False),
        Column("active", Type.BOOL, nullable=False),
        Column("released_on", Type.DATE, nullable=False),
        Column("discontinued_on", Type.DATE),
        Column("description", Type.TEXT, length=500),
        Column("attributes", Type.JSON, nullable=False),
        Column("updated_at", Type.DATETIME, nullable=False, fraction_digits=6),
    ),
    key=("id",),
)

ORDERS = Schema(
    "orders",
    (
        Column("id", Type.INT, nullable=False),
        Column("customer_id", Type.INT, nullable=False),
        Column("status", Type.TEXT, nullable=False, length=20),
        Column("channel", Type.TEXT, nullable=False, length=10),
        Column("gift", Type.BOOL, nullable=False),
        Column("total", Type.DECIMAL, nullable=False, precision=14, scale=2),
        Column("ordered_at", Type.INSTANT, nullable=False, fraction_digits=6),
        Column("paid_at", Type.INSTANT, fraction_digits=6),
        Column("shipped_at", Type.INSTANT, fraction_digits=6),
        Column("delivered_on", Type.DATE),
        Column("tracking_number", Type.INT),
        Column("delivery_slot", Type.TIME, fraction_digits=6),
        Column("note", Type.TEXT, length=500),
    ),
    key=("id",),
    references=(Reference(("customer_id",), "customers", ("id",)),),
)

ORDER_ITEMS = Schema(
    "order_items",
    (
        Column("order_id", Type.INT, nullable=False),
        Column("line", Type.INT, nullable=False),
        Column("product_id", Type.INT, nullable=False),
        Column("quantity", Type.INT, nullable=False),
        Column("unit_price", Type.DECIMAL, nullable=False, precision=12, scale=2),
        Column("discount", Type.DECIMAL, precision=4, scale=3),
    ),
    key=("order_id", "line"),
    references=(Reference(("order_id",), "orders", ("id",)), Reference(("product_id",), "products", ("id",))),
    partition=("order_id",),
)

REVIEWS = Schema(
    "reviews",
    (
        Column("id", Type.UUID, nullable=False),
        Column("product_id", Type.INT, nullable=False),
        Column("customer_id", Type.INT, nullable=False),
        Column("rating", Type.INT, nullable=False),
        Column("title", Type.TEXT, length=80),
        Column("body", Type.TEXT, length=1000),
        Column("sentiment", Type.FLOAT),
        Column("helpful", Type.INT, nullable=False),
        Column("posted_at", Type.DATETIME, nullable=False, fraction_digits=6),
    ),
    key=("id",),
    references=(Reference(("product_id",), "products", ("id",)), Reference(("customer_id",), "customers", ("id",))),
)

FOLLOWS = Schema(
    "follows",
    (
        Column("follower_id", Type.INT, nullable=False),
        Column("followed_id", Type.INT, nullable=False),
        Column("since", Type.DATE, nullable=False),
    ),
    key=("follower_id", "followed_id"),
    references=(Reference(("follower_id",), "customers", ("id",)), Reference(("followed_id",), "customers", ("id",))),
    edge=True,
    partition=("follower_id",),
)

_of_seed = lru_cache(maxsize=4)(ShopRows)


def _entity(schema: Schema, rows: Callable[[int], int], block_rows: int, about: str) -> Entity:
    """The entity of this schema; the method of ShopRows with the schema's name makes its blocks."""
    return Entity(schema, rows, block_rows, lambda seed, block: getattr(_of_seed(seed), schema.name)(block), about)


DATASET = Dataset(
    name="shop",
    about="an online shop: six collections, every type, addresses of 22 countries",
    source="built in",
    rows_are="orders",
    entities=(
        _entity(CUSTOMERS, shop_shape.customers_of, shop_shape.CUSTOMERS, "one for five orders"),
        _entity(PRODUCTS, shop_shape.products_of, shop_shape.PRODUCTS, "one for twenty orders"),
        _entity(ORDERS, int, shop_shape.ORDERS, "as many as --rows says"),
        _entity(ORDER_ITEMS, shop_shape.items_of, shop_shape.ITEMS, "five for two orders"),
        _entity(REVIEWS, shop_shape.reviews_of, shop_shape.REVIEWS, "three for eight orders"),
        _entity(FOLLOWS, shop_shape.follows_of, shop_shape.FOLLOWS, "three for five orders"),
    ),
)
