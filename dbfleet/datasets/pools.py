"""The pools of names and words in pools.json, as tables that are indexed by a random octet. _draw.py makes the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from dbfleet.datasets.words import spread

Name = tuple[str, str]
"""A name, and its spelling in an e-mail address."""


@dataclass(frozen=True, slots=True)
class Locale:
    """Where a customer lives. Each table has 256 items. A city is [name, postcode, latitude, longitude]; the last two
    are there only if they are known."""

    name: str
    country: str
    full_name: Callable[..., str]  # of first and last
    street_line: Callable[..., str]  # of street and number
    firsts: tuple[list[Name], list[Name]]
    lasts: tuple[list[Name], list[Name]]
    streets: list[str]
    cities: list[list[Any]]
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class Pools:
    """256 locales, each as often as its weight says; 256 colours and 256 brands."""

    locales: list[Locale]
    colors: list[str]
    brands: list[str]


@cache
def load() -> Pools:
    """The pools. They are read once in a process, which takes 3 ms."""
    data = json.loads(files("dbfleet.datasets").joinpath("pools.json").read_text(encoding="utf-8"))
    return Pools(
        locales=spread(((_locale(locale), locale["weight"]) for locale in data["locales"]), 256),
        colors=_evenly(data["colors"]),
        brands=_evenly(data["brands"]),
    )


def _locale(data: dict[str, Any]) -> Locale:
    female, male = data["people"]
    return Locale(
        name=data["locale"],
        country=data["country"],
        full_name=data["order"].format,
        street_line=data["house"].format,
        firsts=(_evenly(_names(female["first"])), _evenly(_names(male["first"]))),
        lasts=(_evenly(_names(female["last"])), _evenly(_names(male["last"]))),
        streets=_evenly(data["streets"]),
        cities=_evenly(data["cities"]),
        sentences=_evenly(data["sentences"]),
    )


def _names(pairs: list[list[str]]) -> list[Name]:
    return [(name, ascii_) for name, ascii_ in pairs]


def _evenly(items: list[Any]) -> list[Any]:
    return [items[place % len(items)] for place in range(256)]
