"""Rows that are too young to be judged: a copy from one side to the other takes its time.

A row's age is what its column says against the clock of this machine when reading began. A row is young when it was
written within the window, also one that was written while we read. A value that lies ahead of the clock by more than
the window is a wrong one and says nothing about its row's age, so the row is judged: else it would never be. So two
clocks may differ by the window; where they may differ by more, choose a larger one. A datetime without a zone is read
as UTC; a date, which has no hour and no zone, is as young as it may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from dbfleet.errors import UsageError, did_you_mean
from dbfleet.ops.lengths import seconds
from dbfleet.values import Row, Schema, Type

_MOMENTS: Final = (Type.INSTANT, Type.DATETIME)
_OBVIOUS: Final = (
    "updatedat", "modifiedat", "changedat", "lastmodified", "lastupdated", "lastupdate", "lastchanged", "updated",
    "modified", "changed", "updatedon", "modifiedon", "changedon", "updatetime", "modifiedtime", "modificationtime",
    "lastmodifiedat", "lastupdatedat", "updatedate", "modifieddate", "lastmodifieddate", "dateupdated", "datemodified",
)  # fmt: skip
"""What people call the column that says when a row was last written, without signs and capital letters; the first that
a collection has is meant."""
_WEST, _EAST = timedelta(hours=12), timedelta(hours=14)
"""The zones that are farthest from UTC: until when it is some day somewhere, and from when."""

Young = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows that were written within the last `seconds`, as their `column` says, are not judged. Without a column it is
    the obvious one of each collection."""

    seconds: float
    column: str | None = None

    @classmethod
    def parse(cls, text: str, option: str = "--settled") -> Settled:
        """`60s`, `5m`, `60s:updated_at`. UsageError for another form."""
        length, _, column = text.partition(":")
        return cls(seconds(length, option), column.strip() or None)


def column_of(settled: Settled, a: Schema, b: Schema) -> str | None:
    """The column of these two schemas that says how old a row is; None where they have none that could. UsageError
    where several could and nobody has named one, or where the named one holds no time."""
    times = {
        column.name: column.type
        for schema in (a, b)
        for column in schema.columns
        if column.type in (*_MOMENTS, Type.DATE) and not column.note
    }
    if settled.column is not None:
        if settled.column in times:
            return settled.column
        if settled.column in (*a.names, *b.names):
            raise UsageError(
                f"--settled: {a.name}.{settled.column} holds no time",
                hint=did_you_mean(settled.column, times, f"columns that do: {', '.join(times) or 'none'}"),
            )
        return None
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in times}
    obvious = next((plain[word] for word in _OBVIOUS if word in plain), None)
    moments = [name for name, type_ in times.items() if type_ in _MOMENTS]
    if obvious is None and len(moments) > 1:
        raise UsageError(
            f"--settled: which column of {a.name} says when a row was last written? {', '.join(moments)} may",
            hint=f"name it: --settled {settled.seconds:g}s:{moments[0]}",
        )
    return obvious or (moments[0] if moments else None)


def young(settled: Settled, column: str, schema: Schema, began: datetime, now: Callable[[], datetime]) -> Young:
    """A function that says of a row of this schema whether it is too young to be judged; no row is where the schema
    lacks the column. `began` is when reading began, `now` gives the moment at which a row is judged."""
    if column not in schema.names:
        return lambda row: False
    place, length = schema.names.index(column), timedelta(seconds=settled.seconds)
    digits = schema.column(column).fraction_digits
    unit = timedelta(seconds=10.0**-digits) if digits is not None and digits < 6 else timedelta()
    span, oldest = _SPANS.get(schema.column(column).type), began - length

    def is_young(row: Row) -> bool:
        value = row[place]
        if value is None or span is None:
            return False
        earliest, latest = span(value)
        return latest > oldest - unit and earliest <= now() + length

    return is_young


def either(tests: Sequence[Young]) -> Callable[[Row | None, Row | None], bool]:
    """A function that says of a row of the left and one of the right whether one of them is young."""
    left, right = tests
    return lambda a, b: (a is not None and left(a)) or (b is not None and right(b))


def _of_instant(value: datetime) -> tuple[datetime, datetime]:
    return value, value


def _of_datetime(value: datetime) -> tuple[datetime, datetime]:
    moment = value.replace(tzinfo=UTC)
    return moment, moment


def _of_date(value: date) -> tuple[datetime, datetime]:
    begin = datetime.combine(value, time(), UTC)
    if not date.min < value < date.max:
        return begin, begin
    return begin - _EAST, begin + timedelta(days=1) + _WEST


_SPANS: Final[dict[Type, Callable[[Any], tuple[datetime, datetime]]]] = {
    Type.INSTANT: _of_instant,
    Type.DATETIME: _of_datetime,
    Type.DATE: _of_date,
}
"""The first and the last moment that a value may mean."""
