"""What `diff` overlooks, where it was asked to: the case of letters, blanks at the end, small differences of numbers.

Case and blanks are of text columns, keys too: there, what is overlooked is cut off before anything is compared, so that
rows are paired by what is left. A tolerance is of numbers that are not in the key: two of them are the same where they
differ by no more than so much, or by no more than so many percent of the larger one. That is asked of two rows that are
paired already, so a tolerance needs a key; and as "near" is not the same as "equal", no hash helps: rows that differ in
a number at all are compared one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Any, Final

from dbfleet.errors import UsageError
from dbfleet.values import Column, Type

Near = Callable[[Any, Any], bool]

_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)
_TOLERANCE: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?(%?)", re.IGNORECASE).fullmatch
_EXACT: Final = Context(prec=min(10_000, MAX_PREC), Emin=MIN_EMIN, Emax=MAX_EMAX)


@dataclass(frozen=True, slots=True)
class Lenient:
    """What is overlooked; nothing, if nobody asks. `percent`: the tolerance is of the larger number."""

    ignore_case: bool = False
    ignore_trailing_blanks: bool = False
    tolerance: Decimal | None = None
    percent: bool = False

    @property
    def folds(self) -> bool:
        """Whether texts are cut before they are compared."""
        return self.ignore_case or self.ignore_trailing_blanks

    def fold(self, column: Column) -> Callable[[str], str] | None:
        """What is left of a text of this column; None where it stays as it is."""
        if column.type is not Type.TEXT or not self.folds:
            return None
        if not self.ignore_trailing_blanks:
            return str.casefold
        if not self.ignore_case:
            return _without_blanks
        return lambda text: text.rstrip(" ").casefold()

    def near(self, column: Column) -> Near | None:
        """Whether two comparable values of this column (diff/compare.py) are near each other; None where only equal
        ones are the same."""
        if self.tolerance is None or column.type not in _NUMBERS:
            return None
        return self._near

    def _near(self, mine: Any, yours: Any) -> bool:
        if mine == yours:
            return True
        try:
            a, b = Decimal(mine), Decimal(yours)
        except (InvalidOperation, TypeError, ValueError):  # one of them is NULL
            return False
        if not (a.is_finite() and b.is_finite()):
            return False
        assert self.tolerance is not None
        most = self.tolerance
        if self.percent:
            most = _EXACT.multiply(_EXACT.max_mag(a, b).copy_abs(), self.tolerance.scaleb(-2))
        return _EXACT.subtract(a, b).copy_abs() <= most


EXACTLY: Final = Lenient()


def lenient(*, tolerance: str | None, ignore_case: bool, ignore_trailing_blanks: bool) -> Lenient:
    """What these options overlook. UsageError for a tolerance that is none."""
    if tolerance is None:
        return Lenient(ignore_case, ignore_trailing_blanks)
    found = _TOLERANCE(tolerance.strip())
    if not found:
        raise UsageError(
            f"--tolerance {tolerance!r} is no number",
            hint="1e-9 is how much two numbers may differ; 0.01% is that of the larger one",
        )
    return Lenient(ignore_case, ignore_trailing_blanks, Decimal(found[1] + (found[2] or "")), bool(found[3]))


def all_near(nears: Sequence[Near | None]) -> Callable[[tuple[Any, ...], tuple[Any, ...]], bool]:
    """Whether two tuples are the same: in each place equal, or near where that is enough."""
    if not any(nears):
        return tuple.__eq__
    return lambda mine, yours: not places(nears, mine, yours)


def places(nears: Sequence[Near | None], mine: Sequence[Any], yours: Sequence[Any]) -> tuple[int, ...]:
    """The places at which two tuples differ."""
    pairs = enumerate(zip(mine, yours, nears, strict=True))
    return tuple(place for place, (a, b, near) in pairs if a != b and not (near and near(a, b)))


def _without_blanks(text: str) -> str:
    return text.rstrip(" ")
