"""How many rows each collection of the shop has, and how rows that belong together are placed in blocks. Nothing here
depends on the seed."""

from __future__ import annotations

from itertools import accumulate

from dbfleet.datasets.words import spread

ORDERS = 1024
"""Orders in a block; a block of order_items or reviews holds the rows that belong to the orders of one block."""
ORDERS_A_CUSTOMER, FIRST_CUSTOMERS, CUSTOMERS = 5, 5, 1024
ORDERS_A_PRODUCT, FIRST_PRODUCTS, PRODUCTS = 20, 5, 256

_LINES = sorted(spread([(1, 352), (2, 274), (3, 184), (4, 100), (5, 60), (6, 30), (8, 16), (10, 6), (20, 2)], ORDERS))
_LINES_OF_ORDER = [_LINES[(offset * 389 + 700) % ORDERS] for offset in range(ORDERS)]
LINE_STARTS = [0, *accumulate(_LINES_OF_ORDER)]
ITEMS = LINE_STARTS[-1]
"""Order lines in a block: 2.5 for each order."""
LINE_ORDERS = [offset for offset, lines in enumerate(_LINES_OF_ORDER) for _ in range(lines)]
LINE_NUMBERS = [number for lines in _LINES_OF_ORDER for number in range(1, lines + 1)]

REVIEWED = [offset for offset in range(ORDERS) if offset * 389 % ORDERS < 384]
"""The orders of a block that get a review, of the product of their first line; they are always delivered."""
REVIEWS = len(REVIEWED)
_REVIEWED_BEFORE = [0, *accumulate(int(offset * 389 % ORDERS < 384) for offset in range(ORDERS))]

# Customer c = group + 4 follows one to four earlier customers, and some of these follow back.
GROUPS = 1024
_FOLLOWS_OF_GROUP = [
    [
        (slot, wanted, back)
        for slot in range(wanted)
        for back in ((False, True) if (group + slot) % 3 == 0 else (False,))
    ]
    for group in range(GROUPS)
    for wanted in ((group * 389 + 3) % 7 % 4 + 1,)
]
FOLLOW_PATTERN = [
    (group, slot, wanted, back) for group, pairs in enumerate(_FOLLOWS_OF_GROUP) for slot, wanted, back in pairs
]
_FOLLOW_STARTS = [0, *accumulate(map(len, _FOLLOWS_OF_GROUP))]
FOLLOWS = len(FOLLOW_PATTERN)


def customers_of(orders: int) -> int:
    """The number of customers in a shop with this many orders."""
    return orders // ORDERS_A_CUSTOMER + FIRST_CUSTOMERS


def products_of(orders: int) -> int:
    """The number of products in a shop with this many orders."""
    return orders // ORDERS_A_PRODUCT + FIRST_PRODUCTS


def items_of(orders: int) -> int:
    """The number of order items in a shop with this many orders."""
    blocks, rest = divmod(orders, ORDERS)
    return blocks * ITEMS + LINE_STARTS[rest]


def reviews_of(orders: int) -> int:
    """The number of reviews in a shop with this many orders."""
    blocks, rest = divmod(orders, ORDERS)
    return blocks * REVIEWS + _REVIEWED_BEFORE[rest]


def follows_of(orders: int) -> int:
    """The number of follows in a shop with this many orders."""
    blocks, rest = divmod(customers_of(orders) - 4, GROUPS)
    return blocks * FOLLOWS + _FOLLOW_STARTS[rest]
