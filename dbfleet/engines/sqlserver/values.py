"""The driver's rows as values of the schema's types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from dbfleet.columns import Convert, converted
from dbfleet.engines.sqlserver.types import Native
from dbfleet.narrow import single
from dbfleet.values import TEXT_OF, VALUE_OF, Batch, Column, Type, loads_json


def _instant(value: datetime) -> datetime:
    return value if value.tzinfo is UTC else value.astimezone(UTC)


_READ: Final[Mapping[Type, Convert]] = {Type.JSON: loads_json, Type.INSTANT: _instant}


def reader(natives: Sequence[tuple[Native, Column]]) -> Callable[[Batch], Batch]:
    """A function that makes rows of the schema's types of the driver's rows."""
    plan: list[tuple[int, Convert]] = []
    for place, (native, column) in enumerate(natives):
        stored = Type.TEXT if native.word in ("nvarchar", "json") else native.column.type
        wanted = column.type
        if wanted is not stored:
            convert = _READ[Type.JSON] if wanted is Type.JSON else _between(stored, wanted)
            plan.append((place, convert))
        elif native.word == "real":  # the driver gives a double, with the noise of its last ten digits
            plan.append((place, single))
        elif wanted in _READ:
            plan.append((place, _READ[wanted]))
    return lambda rows: converted(rows, plan)


def _between(stored: Type, wanted: Type) -> Convert:
    text_of, value_of = TEXT_OF[stored], VALUE_OF[wanted]
    return lambda value: value_of(text_of(value))
