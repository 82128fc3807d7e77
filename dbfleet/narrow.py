"""What a column of a native type holds less than its type of the closed set: a smallint among the integers, a real
among the floats, a char(5) among the texts.

An engine's spec says it (`EngineSpec.narrow`), mostly by a table of names; what follows for a copy or a comparison is
decided in dbfleet/fidelity.py.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Context, Decimal
from math import frexp
from typing import Final

from dbfleet.values import Coarse


@dataclass(frozen=True, slots=True)
class Narrow:
    """What such a column holds.

    Integers from `least` to `most`; texts and bytes of up to `length` bytes; `only` names in words what else it takes
    and refuses all others ("moments from 1970 to 2038"). `coarse` is what it does not keep of a value
    (`Column.coarse`); `rounds` says in words how the server changes other values without a word ("in steps of 1/300
    second").
    """

    least: int | None = None
    most: int | None = None
    length: int | None = None
    only: str | None = None
    coarse: Coarse | None = None
    rounds: str | None = None


WHOLE: Final = Narrow()
SINGLE: Final = Narrow(coarse="single")
PADDED: Final = Narrow(coarse="padded")
"""Of an engine that is not given blanks at the end: its adapter refuses them."""
BLANK: Final = Narrow(coarse="padded", rounds="blanks at its end are padding")
FILLED: Final = Narrow(rounds="shorter values are filled up with zero bytes")

_SIZES: Final = re.compile(r"\s*\([^)]*\)")


def signed(bits: int) -> Narrow:
    """Integers of so many bits, one of which is the sign."""
    return Narrow(-(1 << bits - 1), (1 << bits - 1) - 1)


def unsigned(bits: int) -> Narrow:
    """Integers of so many bits, without a sign."""
    return Narrow(0, (1 << bits) - 1)


@dataclass(frozen=True)
class by_name:  # noqa: N801, it is called as a function; a class, as specs are pickled
    """A function from a native type to what the table says of it: by its whole name in lower case without sizes, else
    by its first words."""

    table: Mapping[str, Narrow]

    def __call__(self, native: str) -> Narrow:
        words = _SIZES.sub("", native.lower()).split()
        for count in range(len(words), 0, -1):
            found = self.table.get(" ".join(words[:count]))
            if found is not None:
                return found
        return WHOLE


def whole(native: str) -> Narrow:
    """Of an engine whose native types hold what those of the closed set do."""
    return WHOLE


# --- floats of 32 bits -----------------------------------------------------------------------------------------------


def single(value: float) -> float:
    """The value of a float of 32 bits as we write it: the shortest decimal that reads back as the same bits, as
    PostgreSQL writes a real. As a double it has seventeen digits, of which the last ten are noise: 0.10000000149011612
    for 0.1. OverflowError for a value that none holds."""
    bits = _FLOAT32.pack(value)
    (exact,) = _FLOAT32.unpack(bits)
    # Six digits are never too many, except where bits are missing. Above a power of two the distance between numbers is
    # twice that below it, so the nearest decimal may be too far away, and the next one near enough.
    power = abs(frexp(exact)[0]) == 0.5
    for digits in range(1 if abs(exact) < _LEAST_WHOLE else 6, 9):
        near = float(f"{exact:.{digits}g}")
        above = Context(digits, ROUND_UP).create_decimal(Decimal(exact)) if power else near
        for found in (near, float(above)):
            if abs(found) <= _MOST and _FLOAT32.pack(found) == bits and not _between(found, exact):
                return found
    return float(f"{exact:.9g}")


def is_single(value: float) -> bool:
    """Whether a float of 32 bits keeps the value: it is read back as it was, as are NaN and the infinities."""
    if value - value != 0.0:
        return True
    try:
        return single(value) == value
    except OverflowError:
        return False


def _between(found: float, exact: float) -> bool:
    """Whether the decimal is just as near to the next number of 32 bits. PostgreSQL then takes one more digit."""
    if found == exact:
        return False
    (bits,) = _BITS32.unpack(_FLOAT32.pack(exact))
    (next_,) = _FLOAT32.unpack(_BITS32.pack(bits + (1 if abs(found) > abs(exact) else -1)))
    return bool(found - exact == next_ - found)


_FLOAT32: Final = struct.Struct("<f")
_BITS32: Final = struct.Struct("<I")
_LEAST_WHOLE: Final = 2.0**-126
_MOST: Final = 3.4028235677973366e38
"""A decimal up to this is rounded to at most the greatest number of 32 bits."""
