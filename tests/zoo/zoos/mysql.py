"""MySQL's types: those of `_mysql`, and its own."""

from __future__ import annotations

from tests.zoo.zoos._mysql import of

ZOO = of("mysql", {})
