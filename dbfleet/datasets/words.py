"""Random words as a pure function of (dataset, seed, column, block). Without state, any part can be made anywhere.

A word is a whole number. The words of a column in one block of rows are the output of SHAKE-128 over those names. It is
standardised, so they are the same on every machine and in every Python. A word takes 25 ns; to compute a hash for each
row in Python (splitmix64) takes 20 times as long. Each column has its own words, so a new column does not change the
values of the others.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from hashlib import shake_128
from typing import TypeVar

Item = TypeVar("Item")


class Words:
    """The words of one dataset and seed. The methods take a column's name, the number of a block, and how many words to
    make."""

    def __init__(self, dataset: str, seed: int) -> None:
        self.seed = seed
        self._prefix = f"{dataset}\0{seed}\0"

    def octets(self, column: str, block: int, count: int) -> bytes:
        """Whole numbers below 256, as bytes."""
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
    words = array(code, data)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def spread(weighted: Iterable[tuple[Item, int]], size: int) -> list[Item]:
    """A table of `size` items, each as often as its weight says; indexed by an octet or a short, it gives a weighted
    choice. Places that the weights leave over go to the first item."""
    pairs = list(weighted)
    total = sum(weight for _, weight in pairs)
    table = [item for item, weight in pairs for _ in range(weight * size // total)]
    return [pairs[0][0]] * (size - len(table)) + table


def cubes(size: int) -> Sequence[float]:
    """u**3 for `size` even steps u of [0, 1). Multiplied by n and truncated, it gives a choice among n in the manner of
    Zipf: of a thousand, the first hundred get 46 % and the first one gets 10 %. It is written as a product, because
    products of floats are exact to the bit on every machine; powers and logarithms are not."""
    return [((step + 0.5) / size) * ((step + 0.5) / size) * ((step + 0.5) / size) for step in range(size)]
