"""OPENJSON(@text) WITH (name type '$[0]', …): the rows of a JSON array, each value as its column's type.

Lax paths: what is not there is NULL. A value that is an object or array is NULL too, unless AS JSON, which is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.doubles.sqlserver.faults import SqlError, refused
from tests.doubles.sqlserver.types import MAX, SqlType, convert

_PLACE: Final = re.compile(r"\$\[(\d+)\]")
_TEXT: Final = SqlType("nvarchar", MAX)


def rows(text: str | None, declared: Sequence[tuple[str, SqlType, str]]) -> Iterator[list[Any]]:
    """The kept values of each element of the array, in the order of what is declared: (name, type, path)."""
    if text is None:
        return
    try:
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except ValueError:
        raise SqlError(13609, "JSON text is not properly formatted.") from None
    if not isinstance(found, list):
        raise refused("OPENJSON of anything but an array")
    places = []
    for _, type_, path in declared:
        place = _PLACE.fullmatch(path)
        if not place:
            raise refused(f"the JSON path {path}")
        places.append((int(place[1]), type_))
    for element in found:
        if not isinstance(element, list):
            raise refused("OPENJSON of an array of anything but arrays")
        yield [_value(element[place], type_) if place < len(element) else None for place, type_ in places]


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def _value(value: Any, type_: SqlType) -> Any:
    if value is None or isinstance(value, list | dict):
        return None
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return convert(text, _TEXT, type_)
