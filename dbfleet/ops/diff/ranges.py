"""Keys that are near each other: what of a collection is read again where a few buckets of its rows differ.

Where keys begin with an integer, the upper bits of a row's bucket are those of the integer's range of WIDTH numbers,
and the lower ones are of the key's hash. So the buckets that differ name the ranges in which rows may differ, and an
engine that can choose rows by a condition (Narrows) reads only those: one changed row of a million costs the first
reading and a thousand rows.

A condition is never the last word: each row that comes is put into its bucket again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import Condition
from dbfleet.ops.diff.logic import shared
from dbfleet.spec import EngineSpec
from dbfleet.values import Column

Range = tuple[int, int]
"""The first and the last number of it."""
EVERYTHING: Final[Range] = (-(1 << 63), 1 << 63)

_BITS: Final = 10
WIDTH: Final = 1 << _BITS
"""How many numbers a range holds."""
_HASH_BITS: Final = 8
_HASH_MASK: Final = (1 << _HASH_BITS) - 1
_RANGE_MASK: Final = (1 << 48) - 1
_MOST_SEEN: Final = 1 << 20
"""Ranges that are looked at; wider spans are read whole."""
_MOST: Final = 40
"""Ranges of one condition."""


def places(numbers: Iterable[int], hashes: Iterable[int]) -> Iterator[int]:
    """For each key, by the integer that it begins with and its hash, the number whose last bits are its bucket."""
    bits, hash_bits, range_mask, hash_mask = _BITS, _HASH_BITS, _RANGE_MASK, _HASH_MASK
    pairs = zip(numbers, hashes, strict=True)
    return iter([((number >> bits & range_mask) << hash_bits) | (value & hash_mask) for number, value in pairs])


def of_buckets(marked: bytes, spans: Sequence[Range | None]) -> tuple[Range, ...] | None:
    """The ranges that hold every key of the marked buckets, where the keys of the two sides are within these spans.
    None where they are no small part of it."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    first, last = min(span[0] for span in known) >> _BITS, max(span[1] for span in known) >> _BITS
    if last - first >= _MOST_SEEN:
        return None
    groups = len(marked) >> _HASH_BITS
    differs = [any(marked[group << _HASH_BITS : (group + 1) << _HASH_BITS]) for group in range(groups)]
    found: list[Range] = []
    read = 0
    for number in range(first, last + 1):
        if not differs[(number & _RANGE_MASK) % groups]:
            continue
        read += 1
        low, high = number << _BITS, (number + 1 << _BITS) - 1
        if found and found[-1][1] == low - 1:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    few = len(found) <= _MOST and read * 2 <= last - first + 1
    return tuple(found) if few else None


def condition(
    column: Column, within: Sequence[Range], spec: EngineSpec, specs: Sequence[EngineSpec]
) -> Condition | None:
    """The condition that a column's value is in one of the ranges; None where an engine of this spec cannot be asked
    that."""
    parts = []
    for low, high in within:
        bounds = [shared(column, sign, value, spec, specs) for sign, value in ((">=", low), ("<=", high))]
        if None in bounds:
            return None
        parts.append(Condition("and", tuple(bound[0] for bound in bounds if bound is not None)))
    return parts[0] if len(parts) == 1 else Condition("or", tuple(parts))
