"""The shop's rows, block by block: the rows of a block are a pure function of (seed, block).

All collections grow together: an order's customer has signed up before it, and its products were released before it. So
a shop of a thousand orders is the beginning of a shop of a million. The orders run through ten years; half of the time
has passed at order 20 000.

It computes only with whole numbers and products of floats, which are exact to the bit on every machine: no power, no
logarithm, no `random`, no `hash`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import accumulate
from operator import itemgetter, mul, sub
from struct import iter_unpack
from typing import Any
from uuid import UUID, SafeUUID

from dbfleet.datasets import pools
from dbfleet.datasets.shop_shape import (
    CUSTOMERS,
    FIRST_CUSTOMERS,
    FIRST_PRODUCTS,
    FOLLOW_PATTERN,
    FOLLOWS,
    GROUPS,
    ITEMS,
    LINE_NUMBERS,
    LINE_ORDERS,
    LINE_STARTS,
    ORDERS,
    ORDERS_A_CUSTOMER,
    ORDERS_A_PRODUCT,
    PRODUCTS,
    REVIEWED,
    REVIEWS,
    customers_of,
    products_of,
)
from dbfleet.datasets.shop_words import (
    DISCOUNTS,
    EDGE_BYTES,
    EDGE_DATES,
    EDGE_DECIMALS,
    EDGE_FLOATS,
    EDGE_INTS,
    EDGE_TEXTS,
    EDGE_TIMES,
    KINDS,
    OPINIONS,
    kinds,
)
from dbfleet.datasets.words import Words, cubes, spread
from dbfleet.values import Row

# --- time ----------------------------------------------------------------------------------------------------------

_OPENED = datetime(2015, 1, 1, tzinfo=UTC)
_SPAN_US = 3652 * 86_400_000_000
_HALF_TIME = 20_000


def _opened_at(order: int) -> datetime:
    """The earliest moment of order number `order`. It rises with the number, up to the end of 2024."""
    return _OPENED + timedelta(microseconds=_SPAN_US * order // (order + _HALF_TIME))


def _joined_from(customer: int) -> datetime:
    return _opened_at(max(0, ORDERS_A_CUSTOMER * (customer - FIRST_CUSTOMERS)))


@cache
def _day_parts() -> list[timedelta]:
    """65 536 durations below a day, to the microsecond, indexed by a short: adding one is 5 times as fast as making
    one."""
    return [timedelta(microseconds=86_400_000_000 * (short * 40503 % 65536) // 65536) for short in range(65536)]


_MIDNIGHT = time()
_DAYS = [timedelta(days=days) for days in range(256)]

# --- tables by octet -----------------------------------------------------------------------------------------------

_STATUSES = ("pending", "cancelled", "paid", "shipped", "delivered", "returned")
_PAID, _SHIPPED, _DELIVERED = 2, 3, 4
_STATUS_CODES = bytes(spread([(4, 196), (5, 12), (0, 8), (1, 16), (2, 10), (3, 14)], 256))
_CHANNELS = spread([("web", 50), ("app", 35), ("shop", 10), ("phone", 5)], 256)
_GIFT = spread([(False, 90), (True, 10)], 256)
_SLOTS = spread([(None, 160), *((time(hour, minute), 4) for hour in range(8, 20) for minute in (0, 30))], 256)
_QUANTITIES = bytes(spread([(1, 170), (2, 50), (3, 16), (4, 8), (5, 4), (6, 4), (10, 3), (12, 1)], 256))
_DISCOUNT_CODES = bytes(spread([(0, 208), (1, 20), (2, 20), (3, 8)], 256))
_STARS = bytes(spread([(5, 120), (4, 70), (3, 30), (2, 14), (1, 22)], 256))
_NEWSLETTER = spread([(True, 110), (False, 90), (None, 56)], 256)
_DOMAINS = spread([("example.com", 50), ("example.org", 30), ("example.net", 20)], 256)
_CENT = Decimal("0.01")


@cache
def _unit_prices() -> tuple[list[int], list[Decimal]]:
    """The price of a unit, in cents and as a decimal, indexed by 4 x kind + discount."""
    off = [int((discount or 0) * 1000) for discount in DISCOUNTS]
    cents = [kind.cents * (1000 - thousandths) // 1000 for kind in kinds() for thousandths in off]
    return cents, list(map(_price, cents))


def _price(cents: int) -> Decimal:
    return Decimal(cents) * _CENT


@cache
def _popularity() -> Sequence[float]:
    return cubes(65536)


def _edged(column: list[Any], edges: Sequence[Any], block: int, first: int, step: int) -> None:
    """Put the edge values, in turn, into every `step`th row of the block, from its row `first` on."""
    places = range(first, len(column), step)
    begin = block * len(places)
    column[first::step] = [edges[(begin + turn) % len(edges)] for turn in range(len(places))]


def _uuids(octets: bytes) -> list[UUID]:
    """The same as UUID(bytes=…, version=4), in two thirds of its time: UUID.__init__ tries six forms."""
    uuids = []
    for high, low in iter_unpack(">QQ", octets):
        made = _new(UUID)
        _set(made, "int", (high & ~0xF000 | 0x4000) << 64 | low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
        _set(made, "is_safe", SafeUUID.unknown)
        uuids.append(made)
    return uuids


_new, _set = object.__new__, object.__setattr__


class ShopRows:
    """The rows of the shop of one seed; each public method gives those of a block.

    An order takes 2.2 µs of one core. In that time it makes 7 order_items, 2.8 follows, 0.7 reviews, 0.65 products or
    0.4 customers. An order's digest takes 5 times as long, pickling and unpickling it twice as long.
    """

    def __init__(self, seed: int) -> None:
        self._words = Words("shop", seed)
        self._kind_salt = self._words.salt("kind")
        self._locale_salt = self._words.salt("locale")

    def _locale(self, customer: int) -> pools.Locale:
        return pools.load().locales[(customer * 2654435761 + self._locale_salt) >> 16 & 255]

    # --- customers ---

    def customers(self, block: int) -> list[Row]:
        """The customers of a block."""
        words, n = self._words, CUSTOMERS
        numbers = range(block * n, block * n + n)
        locales = [self._locale(number) for number in numbers]
        sexes = words.octets("customers.sex", block, n)
        firsts = [
            locale.firsts[sex & 1][h]
            for locale, sex, h in zip(locales, sexes, words.octets("customers.first", block, n), strict=True)
        ]
        lasts = [
            locale.lasts[sex & 1][h]
            for locale, sex, h in zip(locales, sexes, words.octets("customers.last", block, n), strict=True)
        ]
        domains = words.octets("customers.domain", block, n)
        legacy: list[int | None] = [
            (h >> 1) - 2**62 if h & 3 == 0 else None for h in words.quads("customers.legacy", block, n)
        ]
        credit: list[Decimal | None] = [
            Decimal(h & 1023) * 50 if h >> 10 > 40 else None for h in words.shorts("customers.credit", block, n)
        ]
        births: list[date | None] = [
            date.fromordinal(703_500 + (h * 29_000 >> 16)) if h & 3 else None
            for h in words.shorts("customers.birthday", block, n)
        ]
        calls: list[time | None] = [
            time(8 + h % 12, h // 5 % 4 * 15) if h < 80 else None for h in words.octets("customers.call", block, n)
        ]
        images = words.octets("customers.avatar", block, 64 * n)
        avatars: list[bytes | None] = [
            images[at : at + 24 + (images[at] & 31)] if images[at + 63] < 100 else None for at in range(0, 64 * n, 64)
        ]
        sentences = words.octets("customers.sentence", block, n)
        notes: list[str | None] = [
            locale.sentences[s] if h < 24 else None
            for locale, s, h in zip(locales, sentences, words.octets("customers.note", block, n), strict=True)
        ]
        _edged(legacy, EDGE_INTS, block, 3, 16)
        _edged(credit, EDGE_DECIMALS, block, 6, 16)
        _edged(births, EDGE_DATES, block, 9, 16)
        _edged(calls, EDGE_TIMES, block, 11, 16)
        _edged(avatars, EDGE_BYTES, block, 13, 16)
        _edged(notes, EDGE_TEXTS, block, 1, 8)
        return list(
            zip(
                range(block * n + 1, block * n + n + 1),
                _uuids(words.octets("customers.public_id", block, 16 * n)),
                [
                    locale.full_name(first=first[0], last=last[0])
                    for locale, first, last in zip(locales, firsts, lasts, strict=True)
                ],
                [
                    f"{first[1]}.{last[1]}{number + 1}@{_DOMAINS[d]}"
                    for first, last, number, d in zip(firsts, lasts, numbers, domains, strict=True)
                ],
                [locale.name for locale in locales],
                self._addresses(block, locales),
                births,
                map(_joined_from, numbers),
                [_NEWSLETTER[h] for h in words.octets("customers.newsletter", block, n)],
                legacy,
                credit,
                calls,
                avatars,
                notes,
                strict=True,
            )
        )

    def _addresses(self, block: int, locales: Sequence[pools.Locale]) -> list[dict[str, Any] | None]:
        """Addresses as nested JSON: street, city and its place, and for some customers another address to deliver
        to."""
        words, n = self._words, CUSTOMERS
        houses = words.shorts("customers.house", block, 2 * n)
        streets = words.octets("customers.street", block, 2 * n)
        cities = words.octets("customers.city", block, 2 * n)

        def address(locale: pools.Locale, at: int) -> dict[str, Any]:
            city = locale.cities[cities[at]]
            return {
                "street": locale.street_line(street=locale.streets[streets[at]], number=houses[at] % 180 + 1),
                "city": city[0],
                "postcode": city[1],
                "country": locale.country,
                "geo": {"lat": city[2], "lon": city[3]} if len(city) > 2 else None,
            }

        kept = words.octets("customers.address", block, n)
        addresses: list[dict[str, Any] | None] = []
        for at, locale in enumerate(locales):
            if kept[at] < 6:
                addresses.append(None)
                continue
            whole = address(locale, at)
            if kept[at] < 40:
                whole["deliver_to"] = {
                    **address(locale, n + at),
                    "leave_with": ["neighbour", "reception"][: kept[at] % 3],
                }
            addresses.append(whole)
        return addresses

    # --- products ---

    def _kind_of(self, product: int) -> int:
        return (product * 389 + self._kind_salt) % KINDS

    def products(self, block: int) -> list[Row]:
        """The products of a block."""
        words, n = self._words, PRODUCTS
        numbers = range(block * n, block * n + n)
        made = [kinds()[self._kind_of(number)] for number in numbers]
        colors = [pools.load().colors[h] for h in words.octets("products.color", block, n)]
        brands = [pools.load().brands[h] for h in words.octets("products.brand", block, n)]
        released = [_opened_at(ORDERS_A_PRODUCT * max(0, number - FIRST_PRODUCTS)).date() for number in numbers]
        fates = words.octets("products.fate", block, n)
        edited = words.shorts("products.edited", block, n)
        sentences = words.octets("products.sentence", block, n)
        described: list[str | None] = [
            f"{kind.name} in {color.lower()}. {pools.load().locales[0].sentences[s]}" if s < 200 else None
            for kind, color, s in zip(made, colors, sentences, strict=True)
        ]
        ended: list[date | None] = [
            day + _DAYS[fate] if fate < 20 else None for day, fate in zip(released, fates, strict=True)
        ]
        _edged(described, EDGE_TEXTS, block, 2, 16)
        _edged(ended, (date(9999, 12, 31),), block, 5, 16)
        return list(
            zip(
                range(block * n + 1, block * n + n + 1),
                [f"{kind.category[:3].upper()}-{number + 1:06d}" for kind, number in zip(made, numbers, strict=True)],
                [f"{brand} {kind.name}, {color}" for brand, kind, color in zip(brands, made, colors, strict=True)],
                [kind.category for kind in made],
                [_price(kind.cents) for kind in made],
                [kind.grams / 1000 if fate & 7 else None for kind, fate in zip(made, fates, strict=True)],
                [max(0, h % 400 - 40) for h in words.shorts("products.stock", block, n)],
                [fate >= 20 for fate in fates],
                released,
                ended,
                described,
                [
                    {"brand": brand, "color": color, "tags": [kind.category, *kind.name.lower().split()[:-1]],
                     "box": {"width_mm": 80 + s, "height_mm": 40 + fate, "fragile": s % 5 == 0}}
                    for brand, kind, color, s, fate in zip(brands, made, colors, sentences, fates, strict=True)
                ],
                [
                    datetime.combine(day, _MIDNIGHT) + _day_parts()[h] + _DAYS[fate]
                    for day, h, fate in zip(released, edited, fates, strict=True)
                ],
                strict=True,
            )
        )  # fmt: skip

    # --- orders and their items ---

    def _products(self, block: int, lines: Sequence[int]) -> list[int]:
        """The product ids of these lines of the block: the first products of the catalogue sell most."""
        popular = _popularity()
        shorts = self._words.shorts("order_items.product", block, ITEMS)
        if block:
            there = products_of(block * ORDERS)
            if len(lines) == ITEMS:
                return [int(popular[short] * there) + 1 for short in shorts]
            return [int(popular[shorts[line]] * there) + 1 for line in lines]
        return [int(popular[shorts[line]] * products_of(LINE_ORDERS[line])) + 1 for line in lines]

    def _lines(self, block: int) -> tuple[list[int], bytes, list[int], bytes]:
        """For each line of the block's orders: product id, quantity, place in the price table, discount."""
        words, salt = self._words, self._kind_salt
        products = self._products(block, range(ITEMS))
        quantities = words.octets("order_items.quantity", block, ITEMS).translate(_QUANTITIES)
        discounts = words.octets("order_items.discount", block, ITEMS).translate(_DISCOUNT_CODES)
        places = [((p - 1) * 389 + salt) % KINDS * 4 + d for p, d in zip(products, discounts, strict=True)]
        return products, quantities, places, discounts

    def order_items(self, block: int) -> list[Row]:
        """The lines of the orders of a block."""
        products, quantities, places, discounts = self._lines(block)
        first, prices = block * ORDERS + 1, _unit_prices()[1]
        return list(
            zip(
                [first + order for order in LINE_ORDERS],
                LINE_NUMBERS,
                products,
                quantities,
                [prices[place] for place in places],
                [DISCOUNTS[code] for code in discounts],
                strict=True,
            )
        )

    def _buyers(self, block: int, offsets: Sequence[int]) -> list[int]:
        """The customer ids of these orders: early customers order most, and only after they signed up."""
        first = block * ORDERS
        shorts = self._words.shorts("orders.customer", block, ORDERS)
        there = [customers_of(order) for order in range(first, first + ORDERS, 16)]
        popular = _popularity()
        return [int(popular[shorts[offset]] * there[offset >> 4]) + 1 for offset in offsets]

    def _moments(self, block: int, offsets: Sequence[int]) -> tuple[list[datetime], list[datetime], list[datetime]]:
        """When these orders came in, were paid and were shipped; each at most a day after the one before."""
        first, parts = block * ORDERS, _day_parts()
        bases = [_opened_at(order) for order in range(first, first + ORDERS, 16)]
        ordered, paid, shipped = (
            self._words.shorts(f"orders.{column}", block, ORDERS) for column in ("ordered_at", "paid_at", "shipped_at")
        )
        came_in = [bases[offset >> 4] + parts[ordered[offset]] for offset in offsets]
        was_paid = [moment + parts[paid[offset]] for moment, offset in zip(came_in, offsets, strict=True)]
        was_shipped = [moment + parts[shipped[offset]] for moment, offset in zip(was_paid, offsets, strict=True)]
        return came_in, was_paid, was_shipped

    def _delivered(self, block: int, offsets: Sequence[int], shipped: Sequence[datetime]) -> list[date]:
        travel = self._words.octets("orders.delivered_on", block, ORDERS)
        return [
            (moment + _DAYS[2 + (travel[offset] & 7)]).date() for moment, offset in zip(shipped, offsets, strict=True)
        ]

    def orders(self, block: int) -> list[Row]:
        """The orders of a block."""
        words, n = self._words, ORDERS
        first, all_of_it = block * n, range(n)
        _, quantities, places, _ = self._lines(block)
        running = [0, *accumulate(map(mul, map(_unit_prices()[0].__getitem__, places), quantities))]
        ends = itemgetter(*LINE_STARTS)(running)
        codes = bytearray(words.octets("orders.status", block, n).translate(_STATUS_CODES))
        for offset in REVIEWED:
            codes[offset] = _DELIVERED
        ordered, paid, shipped = self._moments(block, all_of_it)
        delivered = self._delivered(block, all_of_it, shipped)
        slots = [_SLOTS[h] for h in words.octets("orders.slot", block, n)]
        _edged(slots, EDGE_TIMES, block, 21, 64)
        numbers: list[int | None] = [
            h >> 1 if code >= _SHIPPED else None
            for h, code in zip(words.quads("orders.tracking", block, n), codes, strict=True)
        ]
        notes: list[str | None] = [None] * n
        sentences = words.octets("orders.sentence", block, n)
        for offset, h in enumerate(words.octets("orders.note", block, n)):
            if h < 20:
                notes[offset] = pools.load().locales[sentences[offset] ^ h].sentences[sentences[offset]]
        _edged(notes, EDGE_TEXTS, block, 7, 28)
        return list(
            zip(
                range(first + 1, first + n + 1),
                self._buyers(block, all_of_it),
                [_STATUSES[code] for code in codes],
                [_CHANNELS[h] for h in words.octets("orders.channel", block, n)],
                [_GIFT[h] for h in words.octets("orders.gift", block, n)],
                [Decimal(cents) * _CENT for cents in map(sub, ends[1:], ends)],
                ordered,
                [at if code >= _PAID else None for at, code in zip(paid, codes, strict=True)],
                [at if code >= _SHIPPED else None for at, code in zip(shipped, codes, strict=True)],
                [day if code >= _DELIVERED else None for day, code in zip(delivered, codes, strict=True)],
                numbers,
                slots,
                notes,
                strict=True,
            )
        )

    # --- reviews ---

    def reviews(self, block: int) -> list[Row]:
        """The reviews of the orders of a block."""
        words, n = self._words, REVIEWS
        buyers = self._buyers(block, REVIEWED)
        delivered = self._delivered(block, REVIEWED, self._moments(block, REVIEWED)[2])
        stars = words.octets("reviews.rating", block, n).translate(_STARS)
        sentences = words.octets("reviews.body", block, n)
        moments = words.shorts("reviews.posted_at", block, n)
        titles = [
            OPINIONS[star - 1][h & 7] if h < 220 else None
            for star, h in zip(stars, words.octets("reviews.title", block, n), strict=True)
        ]
        bodies: list[str | None] = [
            f"{self._locale(buyer - 1).sentences[s]} {self._locale(buyer - 1).sentences[s * 7 & 255]}"
            if h & 15
            else None
            for buyer, s, h in zip(buyers, sentences, moments, strict=True)
        ]
        scores: list[float | None] = [
            (star * 8192 + (h >> 3)) / 49152 if h & 7 else None for star, h in zip(stars, moments, strict=True)
        ]
        _edged(bodies, EDGE_TEXTS, block, 5, 10)
        _edged(scores, EDGE_FLOATS, block, 9, 24)
        return list(
            zip(
                _uuids(words.octets("reviews.id", block, 16 * n)),
                self._products(block, [LINE_STARTS[offset] for offset in REVIEWED]),
                buyers,
                stars,
                titles,
                bodies,
                scores,
                [h * h * h >> 16 for h in words.octets("reviews.helpful", block, n)],
                [
                    datetime.combine(day, _MIDNIGHT) + _DAYS[1 + (s & 31)] + _day_parts()[h]
                    for day, s, h in zip(delivered, sentences, moments, strict=True)
                ],
                strict=True,
            )
        )

    # --- follows ---

    def follows(self, block: int) -> list[Row]:
        """Who follows whom. Of the m customers that a customer follows, the k-th is drawn from the k-th of m equal
        ranges of the earlier customers, so that no pair occurs twice."""
        words, first, popular = self._words, block * GROUPS + 4, _popularity()
        shorts = words.shorts("follows.followed", block, GROUPS * 4)
        since = words.octets("follows.since", block, FOLLOWS)
        days = [_joined_from(first + group).date() for group in range(GROUPS)]
        pairs = []
        for (group, slot, wanted, back), later in zip(FOLLOW_PATTERN, since, strict=True):
            one = first + group
            low, high = one * slot // wanted, one * (slot + 1) // wanted
            other = low + int(popular[shorts[4 * group + slot]] * (high - low))
            day = days[group] + _DAYS[later]
            pairs.append((other + 1, one + 1, day) if back else (one + 1, other + 1, day))
        return pairs
