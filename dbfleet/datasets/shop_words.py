"""What the shop sells, what customers say about it, and edge values that break naive software.

A product's kind (noun, adjective, category, price) is computed from its number alone, so the price of an order line is
known without reading the products.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache

KINDS = 1024

_CATALOGUE: tuple[tuple[str, str, tuple[tuple[str, int, int], ...]], ...] = (
    # category, adjectives, (noun, cents, grams)
    ("kitchen", "Cast-Iron Copper Enamelled Bamboo Stoneware Porcelain Steel Glass", (
        ("Frying Pan", 3990, 1900), ("Teapot", 2490, 800), ("Chopping Board", 1890, 1100), ("Salad Bowl", 2190, 950),
        ("Pepper Mill", 2990, 400), ("Espresso Cup", 890, 180), ("Whisk", 790, 120), ("Casserole", 8990, 4300))),
    ("furniture", "Walnut Oak Birch Ash Rattan Velvet Linen Steel", (
        ("Desk", 34900, 31000), ("Bookcase", 21900, 27500), ("Stool", 6900, 4200), ("Armchair", 45900, 22000),
        ("Coat Stand", 8900, 5100), ("Bedside Table", 11900, 8700), ("Bench", 18900, 14000), ("Shelf", 3900, 3300))),
    ("lighting", "Brass Opal Paper Concrete Smoked Rechargeable Dimmable Ceramic", (
        ("Desk Lamp", 5900, 1600), ("Pendant", 8900, 2100), ("Lantern", 3490, 900), ("Floor Lamp", 12900, 6400),
        ("Night Light", 1490, 150), ("Wall Light", 4900, 1200), ("Light Strip", 2490, 300), ("Bulb", 690, 60))),
    ("books", "Illustrated Annotated Pocket Hardcover Collected Forgotten Bilingual Revised", (
        ("Atlas", 3900, 2100), ("Cookbook", 2890, 1300), ("Novel", 1490, 420), ("Dictionary", 2990, 1800),
        ("Field Guide", 1990, 510), ("Poems", 1290, 210), ("Travel Diary", 1690, 340), ("Fairy Tales", 1890, 650))),
    ("garden", "Galvanised Terracotta Folding Cedar Foldaway Self-Watering Hand-Forged Recycled", (
        ("Watering Can", 2490, 1100), ("Planter", 1990, 3800), ("Trowel", 1290, 320), ("Deck Chair", 7900, 5600),
        ("Bird House", 2290, 1250), ("Pruning Shears", 2990, 260), ("Fire Bowl", 9900, 9800), ("Seed Box", 1590, 480))),
    ("outdoor", "Ultralight Waterproof Insulated Merino Packable Titanium Three-Season Reflective", (
        ("Tent", 28900, 2400), ("Sleeping Bag", 15900, 1150), ("Rucksack", 11900, 1400), ("Bottle", 2490, 330),
        ("Headlamp", 3990, 95), ("Rain Jacket", 13900, 410), ("Camping Stove", 5990, 210), ("Hammock", 4990, 620))),
    ("toys", "Wooden Magnetic Soft Solar Giant Tiny Glow-in-the-Dark Hand-Painted", (
        ("Train Set", 4990, 2300), ("Kite", 1990, 240), ("Puzzle", 1490, 700), ("Dinosaur", 1290, 350),
        ("Building Blocks", 3490, 1900), ("Yo-Yo", 690, 55), ("Puppet", 1790, 190), ("Marble Run", 3990, 1600))),
    ("office", "Recycled Refillable Leather Dotted Ergonomic Wireless Silent Brass", (
        ("Notebook", 1290, 310), ("Fountain Pen", 3490, 28), ("Keyboard", 8990, 780), ("Mouse", 3990, 95),
        ("Pen Tray", 1890, 420), ("Stapler", 1490, 350), ("Desk Pad", 2990, 610), ("Paper Clips", 290, 80))),
    ("audio", "Wireless Vintage Portable Studio Open-Back Noise-Cancelling Bookshelf Waterproof", (
        ("Headphones", 19900, 260), ("Speaker", 12900, 1450), ("Turntable", 29900, 5900), ("Radio", 7900, 870),
        ("Earbuds", 8900, 48), ("Microphone", 9900, 540), ("Amplifier", 34900, 7200), ("Cable", 1290, 110))),
    ("clothing", "Organic Woollen Linen Quilted Striped Recycled Corduroy Hand-Knitted", (
        ("Jumper", 6990, 480), ("Scarf", 3490, 160), ("Socks", 990, 70), ("Beanie", 2490, 85),
        ("Shirt", 4990, 220), ("Trousers", 7990, 520), ("Raincoat", 11900, 690), ("Gloves", 2990, 95))),
    ("food", "Smoked Organic Wild Roasted Single-Origin Fermented Candied Stone-Ground", (
        ("Coffee Beans", 1390, 500), ("Olive Oil", 1690, 920), ("Honey", 990, 500), ("Chocolate", 490, 100),
        ("Almonds", 890, 250), ("Mustard", 450, 200), ("Tea", 1190, 100), ("Sea Salt", 590, 250))),
    ("art", "Archival Watercolour Giclée Cold-Pressed Fine-Grained Student Master’s Pocket", (
        ("Sketchbook", 1690, 540), ("Brush Set", 2490, 190), ("Easel", 8900, 6100), ("Ink", 990, 75),
        ("Canvas", 1490, 980), ("Pastels", 3290, 410), ("Palette Knife", 1190, 60), ("Print", 4900, 320))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What a product is, apart from its brand and colour."""

    name: str
    category: str
    cents: int
    grams: int


@cache
def kinds() -> list[Kind]:
    """All kinds of products; neighbours are of different categories."""
    made = []
    for number in range(KINDS):
        category, adjectives, nouns = _CATALOGUE[number % len(_CATALOGUE)]
        rest, noun = divmod(number // len(_CATALOGUE), len(nouns))
        name, cents, grams = nouns[noun]
        words = adjectives.split()
        dearer = rest % len(words)
        # The same noun costs up to twice as much with another adjective; prices end in 9, 5 or 0.
        price = cents * (100 + 14 * dearer) // 1000 * 10 + (9, 5, 0, 9, -1, 9, 5, 9)[number % 8]
        made.append(Kind(f"{words[dearer]} {name}", category, price, grams * (100 + 3 * dearer) // 100))
    return made


DISCOUNTS: tuple[Decimal | None, ...] = (None, Decimal("0.050"), Decimal("0.100"), Decimal("0.250"))
"""The possible discounts of an order line, as shares of the list price."""

OPINIONS: tuple[tuple[str, ...], ...] = (
    # one to five stars
    ("Broke after a week", "Not what was pictured", "Never again", "Arrived damaged", "Returned it", "Waste of money",
     "Smells odd", "Wrong colour"),
    ("Disappointing", "Too small", "Poor finish", "Instructions missing", "Expected more", "Overpriced", "Wobbly",
     "Slow delivery"),
    ("Does the job", "Average", "All right for the price", "Mixed feelings", "As described", "Decent", "It is fine",
     "Neither good nor bad"),
    ("Good quality", "Would buy again", "Happy with it", "Nice gift", "Quick delivery", "Solid", "Nearly perfect",
     "Better than expected"),
    ("Love it!", "Simply perfect", "Best I ever had", "Exactly what I wanted", "Five stars", "A joy every day",
     "Beautifully made", "Highly recommended"),
)  # fmt: skip

# --- edge values: legal in all engines, and each has broken some program -------------------------------------------

EDGE_TEXTS: tuple[str, ...] = (
    "",
    " ",
    "trailing spaces   ",
    "  leading spaces",
    'O\'Brien said "hi" and left',
    "back\\slash, \\n and \\N and \\",
    "tab\there",
    "two\nlines",
    "carriage\r\nreturn\r",
    "comma, semicolon; pipe| and `backtick`",
    "'; DROP TABLE orders; --",
    "%s %d {0} ${HOME} $1 :name ?",
    "NULL",
    "null",
    "NaN",
    "true",
    "007",
    "1e5",
    "2024-02-30",
    '{"a": [1, null]}',
    "<b>bold</b> &amp; &lt;",
    "naïve café, Straße, İstanbul, ﬁne",
    "e\u0301 a\u0308 n\u0303 \u1100\u1161\u11a8",  # combining marks that no one may compose
    "Z̷̢͍a̶͔͗l̴̰̈́g̵̖̈́ő̷̱",
    "😀🎉🦄",
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇺🇳",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎𠜱",  # four bytes each in UTF-8, two units each in UTF-16
    "مرحبا بالعالم",
    "שלום hello עולם 123",
    "\u202eright-to-left override\u202c",
    "ยินดีต้อนรับ नमस्ते こんにちは 你好 안녕하세요",
    "\ufeffbyte order mark, zero\u200bwidth\u200dspace, soft\u00adhyphen, no\u00a0break",
    "control \x01\x07\x08\x0b\x0c\x1a\x1b[31m\x7f",
    "line\u2028separator \u0085 next line",
    "\ufffd replacement, \U0010fffd private",
)
EDGE_INTS: tuple[int, ...] = (
    2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**31 - 1, 2**31, 0, -1, -(2**31) - 1, -(2**53) - 1, -(2**63),
)  # fmt: skip
EDGE_DECIMALS: tuple[Decimal, ...] = tuple(map(Decimal, (
    # 34 digits are what all ten engines keep: MongoDB's Decimal128 has no more, Oracle and SQL Server 38, MySQL 65.
    "999999999999999999999999999999.9999", "-999999999999999999999999999999.9999", "0.0001", "-0.0001", "0",
    "9007199254740993.0001", "100000000000000000000.0000", "0.1000",
)))  # fmt: skip
EDGE_FLOATS: tuple[float, ...] = (
    # Not the subnormals: SQL Server's float has none.
    0.0, 0.1 + 0.2, 1e-7, 1e22, 123456789.12345679, 1.7976931348623157e308, 2.2250738585072014e-308, -2.5, 1.0,
    5e-05,
)  # fmt: skip
EDGE_DATES: tuple[date, ...] = (
    date(1000, 1, 1), date(1582, 10, 4), date(1582, 10, 15), date(1752, 9, 14), date(1899, 12, 31), date(1900, 3, 1),
    date(1970, 1, 1), date(2000, 2, 29), date(2038, 1, 20), date(9999, 12, 31),
)  # fmt: skip
EDGE_TIMES: tuple[time, ...] = (
    time(0, 0), time(23, 59, 59, 999999), time(12, 0, 0, 1), time(0, 0, 0, 500000), time(9, 5, 7, 120000), time(13, 30),
)  # fmt: skip
EDGE_BYTES: tuple[bytes, ...] = (b"", b"\0", b"\\x00'\"\n\t,\r", bytes(range(256)), b"\xff\xfe\xc3\x28", b"plain text")
