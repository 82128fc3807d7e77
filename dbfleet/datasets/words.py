"""Random words as a pure function of (dataset, seed, column, block): no state, so any slice can be made anywhere.

A column's words of one block of rows are the output of SHAKE-128 over those names: standardised, so the same on every
machine and in every Python, and at 25 ns a word much cheaper than the arithmetic of a hash a row (a splitmix64 in
Python takes 20 times that). A column has words of its own: a new column leaves the others' values alone.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from hashlib import shake_128
from typing import TypeVar

Item = TypeVar("Item")


class Words:
    """The words of one dataset and seed. Every method takes a column's name, a block's number and how many."""

    def __init__(self, dataset: str, seed: int) -> None:
        self.seed = seed
        self._prefix = f"{dataset}\0{seed}\0"

    def octets(self, column: str, block: int, count: int) -> bytes:
        """Whole numbers below 256: what bytes are."""
        return shake_128(f"{self._prefix}{column}\0{block}".encode()).digest(count)

    def shorts(self, column: str, block: int, count: int) -> array[int]:
        """Whole numbers below 2**16."""
        return _words("H", self.octets(column, block, 2 * count))

    def longs(self, column: str, block: int, count: int) -> array[int]:
        """Whole numbers below 2**32."""
        return _words("I", self.octets(column, block, 4 * count))

    def quads(self, column: str, block: int, count: int) -> array[int]:
        """Whole numbers below 2**64."""
        return _words("Q", self.octets(column, block, 8 * count))

    def salt(self, name: str) -> int:
        """One number below 2**64 for the whole dataset."""
        return int.from_bytes(self.octets(name, 0, 8), "little")


def _words(code: str, data: bytes) -> array[int]:
    found = array(code, data)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def spread(weighted: Iterable[tuple[Item, int]], size: int) -> list[Item]:
    """A table of `size` items, each as often as its weight says: indexed by an octet or a short, it is a weighted
    choice. What the weights leave over goes to the first item."""
    pairs = list(weighted)
    total = sum(weight for _, weight in pairs)
    table = [item for item, weight in pairs for _ in range(weight * size // total)]
    return [pairs[0][0]] * (size - len(table)) + table


def cubes(size: int) -> Sequence[float]:
    """u**3 for `size` even steps u of [0, 1). Times n and truncated it is a Zipf-like choice among n: of a thousand,
    the first tenth gets 46 % and the first one 10 %. Products of floats are exact to the bit on every machine, powers
    and logarithms are not."""
    return [((step + 0.5) / size) * ((step + 0.5) / size) * ((step + 0.5) / size) for step in range(size)]
