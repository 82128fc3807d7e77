"""When two values of two engines are the same: by their canonical text, after what the coarser side cannot keep has
been cut off. Here rows become tuples for which `==` and `hash` say exactly that.

A tuple holds, for each column, a value whose equality is that of the canonical texts and whose hash is not to be
foreseen: str and bytes (siphash with the process's secret), dates and times without a zone (likewise), bool
and None. Never numbers: hash(-1) is hash(-2), hash(2**61 - 1) is hash(0). Column by column, in C loops where the type
allows it: 9 columns take 2 µs a row, values.row_bytes and MD5 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from dbfleet.fidelity import TIMES, coarsened
from dbfleet.ops.diff.lenient import EXACTLY, Lenient
from dbfleet.spec import EngineSpec
from dbfleet.values import TEXT_OF, Batch, Column, Row, Type, decimal_text, json_text

Values = Iterable[Any]
Change = Callable[[Sequence[Any]], Values]


def _each(function: Callable[[Any], Any]) -> Change:
    def change(values: Sequence[Any]) -> Values:
        if None in values:
            return [None if value is None else function(value) for value in values]
        return map(function, values)

    return change


def _decimal(value: Decimal) -> str:
    text = str(value)
    return decimal_text(value) if text[-1] in "0y" or "E" in text or "N" in text else text


def _floats(values: Sequence[Any]) -> Values:
    return [None if value is None else repr(value) if value else "0.0" for value in values]


def _naive(value: datetime) -> datetime:
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None)


_CHANGE: Final[dict[Type, Change]] = {
    Type.INT: lambda values: map(str, values),  # NULL is "None", which no integer is
    Type.DECIMAL: _each(_decimal),
    Type.FLOAT: _floats,
    Type.INSTANT: _each(_naive),
    Type.UUID: _each(attrgetter("bytes")),
    Type.JSON: _each(json_text),
}
"""What is not here is comparable as it is."""


def comparable(
    columns: Sequence[Column],
    specs: Sequence[EngineSpec],
    *,
    as_text: Sequence[str] = (),
    lenient: Lenient = EXACTLY,
) -> Callable[[Batch], list[tuple[Any, ...]]]:
    """A function from a batch of rows that begin with these columns to their comparable tuples. `as_text` names
    columns that the two sides type differently: their canonical texts are compared. Of texts what `lenient` overlooks
    is cut off; of numbers nothing is: whether they are near each other is asked of two tuples."""
    changes = [_change(column, specs, column.name in as_text, lenient) for column in columns]

    def make(batch: Batch) -> list[tuple[Any, ...]]:
        if not changes:
            return [()] * len(batch)
        found = zip(*batch, strict=True)
        return list(
            zip(
                *[change(values) if change else values for change, values in zip(changes, found, strict=False)],
                strict=True,
            )
        )

    return make


def _change(column: Column, specs: Sequence[EngineSpec], as_text: bool, lenient: Lenient) -> Change | None:
    last = _each(TEXT_OF[column.type]) if as_text else _CHANGE.get(column.type)
    if fold := lenient.fold(column):
        last = _each(fold)
    coarsen = coarsened([column], *specs)
    if coarsen is None:
        return last
    first = _each(_one_value(column, coarsen))
    if last is None:
        return first
    then = last
    return lambda values: then(list(first(values)))


def _one_value(column: Column, coarsen: Callable[[Row], Row]) -> Callable[[Any], Any]:
    """What is left of one value of the column."""

    def cut(value: Any) -> Any:
        return coarsen((value,))[0]

    if column.type in TIMES:
        # Most values have nothing to be cut, or are cut to the same digits: one look at the microseconds.
        return lambda value: cut(value) if value.microsecond else value
    return cut
