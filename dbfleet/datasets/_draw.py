"""Draws the shop's pools from Faker into pools.json: `make pools`, or `python -m dbfleet.datasets._draw`.

The pools are kept in the repository, so that a seed gives the same bytes whatever version of Faker is installed.
Drawing them again changes the rows of every seed, and so the golden digests of the tests. It needs `anyascii` (of the
dev extra), which spells every script in ASCII, for e-mail addresses.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

POOLS = Path(__file__).with_name("pools.json")
_SEED = 20240229
_FIRST, _LAST, _STREETS, _CITIES, _SENTENCES = 48, 64, 48, 48, 48


@dataclass(frozen=True)
class Locale:
    """Where customers live: Faker's locale, the country, a weight, and how names and addresses are put together.

    `street` and `street_format` say how a word of Faker becomes a street. `cities` are used where Faker has none of the
    country. `text` names the locale whose sentences are used. The weights add up to 256.
    """

    name: str
    country: str
    weight: int
    order: str = "{first} {last}"
    house: str = "{street} {number}"
    street: str = "street_name"
    street_format: str = "{}"
    cities: tuple[str, ...] = ()
    text: str = "en_US"
    paired: bool = False  # Faker knows how each name is read


LOCALES = (
    Locale("en_US", "US", 40, house="{number} {street}", cities=(
        "New York", "Chicago", "Seattle", "Denver", "Austin", "Boston", "Portland", "Nashville", "Tucson", "Omaha",
        "San José", "Coeur d'Alene", "Winston-Salem", "St. Louis", "Honolulu", "Buffalo"), text="en_US"),
    Locale("en_GB", "GB", 20, house="{number} {street}", cities=(
        "London", "Leeds", "Bristol", "Glasgow", "Cardiff", "Belfast", "York", "Stoke-on-Trent", "Bath", "Inverness",
        "King's Lynn", "Ely", "Truro", "Hull", "Dundee", "Swansea")),
    Locale("de_DE", "DE", 28, text="de_DE"),
    Locale("fr_FR", "FR", 20, house="{number} {street}", text="fr_FR", cities=(
        "Paris", "Lyon", "Besançon", "Saint-Étienne", "L'Haÿ-les-Roses", "Nîmes", "Orléans", "Brest", "Angoulême",
        "Bourg-en-Bresse", "Sète", "Évreux", "Lille", "Bordeaux", "Béziers", "Aix-en-Provence")),
    Locale("es_ES", "ES", 16, text="es_ES"),
    Locale("pt_BR", "BR", 20, house="{street}, {number}"),
    Locale("it_IT", "IT", 12, house="{street}, {number}", text="it_IT"),
    Locale("pl_PL", "PL", 10, street_format="ul. {}", text="pl_PL"),
    Locale("cs_CZ", "CZ", 6, text="cs_CZ"),
    Locale("sv_SE", "SE", 6),
    Locale("el_GR", "GR", 6, text="el_GR"),
    Locale("uk_UA", "UA", 6, street_format="вул. {}", house="{street}, буд. {number}"),
    Locale("tr_TR", "TR", 6, street="last_name", street_format="{} Sokağı", house="{street} No: {number}", cities=(
        "İstanbul", "Ankara", "İzmir", "Eskişehir", "Diyarbakır", "Muğla", "Çanakkale", "Iğdır")),
    Locale("he_IL", "IL", 4, text="he_IL"),
    Locale("ar_SA", "SA", 8, street="first_name_male", street_format="شارع {}", text="ar_AA", cities=(
        "الرياض", "جدة", "مكة المكرمة", "المدينة المنورة", "الدمام", "الطائف", "تبوك", "أبها")),
    Locale("hi_IN", "IN", 12, street="last_name", street_format="{} मार्ग", house="{number}, {street}"),
    Locale("bn_BD", "BD", 4, text="bn_BD"),
    Locale("th_TH", "TH", 4, house="{number} {street}", text="th_TH"),
    Locale("vi_VN", "VN", 4, order="{last} {first}", house="{number} {street}", text="vi_VN"),
    Locale("ja_JP", "JP", 12, order="{last} {first}", street="town", house="{street}{number}番地", text="ja_JP",
           paired=True),
    Locale("zh_CN", "CN", 8, order="{last}{first}", house="{street}{number}号", text="zh_CN"),
    Locale("ko_KR", "KR", 4, order="{last}{first}", street="road_name", house="{street} {number}"),
)  # fmt: skip


def draw() -> dict[str, Any]:
    """The pools: for each locale its people (a pair [name, in ASCII]), streets, cities and sentences."""
    return {"locales": [_locale(each) for each in LOCALES], "colors": _colors(), "brands": _brands()}


def _locale(locale: Locale) -> dict[str, Any]:
    faker = _faker(locale.name)
    text = _faker(locale.text)
    cities = locale.cities or _distinct(faker.city, _CITIES, longest=40)
    places = [found[:2] for _ in range(len(cities)) if (found := faker.local_latlng(locale.country))]
    return {
        "locale": locale.name,
        "country": locale.country,
        "weight": locale.weight,
        "order": locale.order,
        "house": locale.house,
        "people": [
            {
                "first": _names(faker, locale, "first", sex, _FIRST),
                "last": _names(faker, locale, "last", sex, _LAST),
            }
            for sex in ("female", "male")
        ],
        "streets": [locale.street_format.format(s) for s in _distinct(getattr(faker, locale.street), _STREETS)],
        "cities": [
            [city, faker.postcode(), *([float(round(Decimal(x), 4)) for x in places[i]] if i < len(places) else ())]
            for i, city in enumerate(cities)
        ],
        "sentences": _distinct(lambda: text.sentence(nb_words=8), _SENTENCES, longest=160),
    }


def _colors() -> list[str]:
    faker = _faker("en_US")
    words = _distinct(lambda: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", faker.color_name()), 128)
    return [word for word in words if len(word) <= 16][:64]


def _brands() -> list[str]:
    faker = _faker("en_US")
    return _distinct(lambda: faker.last_name() + faker.random_element(("", " & Co", " Works", "", " Bros")), 128)


def _faker(locale: str) -> Any:
    from faker import Faker

    faker = Faker(locale)
    faker.seed_instance(f"{_SEED}:{locale}")
    return faker


def _distinct(make: Callable[[], str], wanted: int, *, longest: int = 60) -> list[str]:
    """Up to `wanted` different words, in the order drawn; fewer where the locale has fewer."""
    found: dict[str, None] = {}
    for _ in range(wanted * 20):
        word = " ".join(make().split())
        if word and len(word) <= longest:
            found[word] = None
        if len(found) == wanted:
            break
    return list(found)


def _names(faker: Any, locale: Locale, part: str, sex: str, wanted: int) -> list[list[str]]:
    """Pairs of a name and what it is in an e-mail address."""
    if locale.paired:
        pairs = faker.last_name_pair if part == "last" else getattr(faker, f"first_name_{sex}_pair")
        read = {name: _ascii(romaji) for name, _, romaji in (pairs() for _ in range(wanted * 20))}
        return [[name, ascii_] for name, ascii_ in read.items()][:wanted]
    names = _distinct(getattr(faker, f"{part}_name_{sex}"), wanted, longest=30)
    return [[name, _ascii(name)] for name in names]


def _ascii(name: str) -> str:
    from anyascii import anyascii

    umlauts = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
    return re.sub(r"[^a-z0-9]+", "", anyascii(name.translate(umlauts)).lower()) or "x"


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # some of Faker's providers draw from sets
        os.execve(  # noqa: S606
            sys.executable, [sys.executable, "-m", "dbfleet.datasets._draw"], {**os.environ, "PYTHONHASHSEED": "0"}
        )
    POOLS.write_text(
        json.dumps(draw(), ensure_ascii=False, separators=(",", ":")).replace('{"locale"', '\n{"locale"') + "\n",
        encoding="utf-8",
    )
