"""Finds the types of an input without a schema, batch by batch: a type must fit every value of its column.

A cell or a string is taken as a number, a date and so on only if we would write it in the same way, so that reading
changes nothing: `00501` and `+1` stay text, and so does a column of `1e3` and `x`. If two batches have different types,
the narrowest type that holds both is taken: decimal for int and decimal, json for JSON values of different kinds, else
text. Numbers with a point are decimals, because floats would change them; a column that has an exponent is a column of
floats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from dbfleet.readers import Inferred
from dbfleet.values import Column, Type

_MOST_SEEN: Final = 1_000_000
"""How many values of a column are kept in memory to find one that occurs twice: about 100 MB. A column whose values
only grow needs none."""

_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
_FORM: Final[Mapping[Type, Callable[[str], object]]] = {
    type_: re.compile(pattern).fullmatch
    for type_, pattern in {
        Type.BOOL: "true|false",
        Type.INT: "0|-?[1-9][0-9]{0,999}",  # Python reads no more than 4300 digits, and no engine keeps as many
        Type.DECIMAL: r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?",
        Type.FLOAT: r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?",
        Type.DATE: _DAY,
        Type.TIME: _CLOCK,
        Type.DATETIME: rf"{_DAY}[T ]{_CLOCK}",
        Type.INSTANT: rf"{_DAY}[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})",
        Type.UUID: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    }.items()
}
_VALID: Final[Mapping[Type, Callable[[str], object]]] = {
    Type.DATE: date.fromisoformat,
    Type.TIME: time.fromisoformat,
    Type.DATETIME: datetime.fromisoformat,
    Type.INSTANT: datetime.fromisoformat,
}
_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)
_IN_STRINGS: Final = (Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT, Type.UUID)
_IN_CELLS: Final = (Type.BOOL, *_NUMBERS, *_IN_STRINGS)
_DIGITS: Final = 38
"""The decimal digits that every SQL engine keeps."""


class Looks:
    """What is known of an input's columns so far. `from_json`: the values are those of JSON, and a number with a point
    is a subclass of str; else they are cells of text, or None."""

    def __init__(self, *, from_json: bool, bools: Iterable[str] = ()) -> None:
        """`bools` are words for true and false, besides these two; one that is a number is an integer here."""
        words = {word.casefold() for word in bools if not _FORM[Type.DECIMAL](word)} | {"true", "false"}
        self._form = {**_FORM, Type.BOOL: lambda text: text.casefold() in words} if bools else _FORM
        self._otherwise = Type.JSON if from_json else Type.TEXT
        self._columns: dict[str, _Look] = {}
        self._rows = 0

    def name_columns(self, names: Iterable[str]) -> None:
        """Make the columns, for `take_rows`."""
        for name in names:
            self._columns[name] = _Look(self._otherwise)

    def take_rows(self, rows: Sequence[Sequence[str | None]]) -> None:
        """Look at rows that have a cell for each of the named columns."""
        for look, values in zip(self._columns.values(), zip(*rows, strict=True), strict=True):
            present = [value for value in values if value is not None]
            look.missing = look.missing or len(present) < len(values)
            if present:
                look.take(_of_texts(present, _IN_CELLS, look.kind, self._form), present)
        self._rows += len(rows)

    def take_objects(self, objects: Sequence[dict[str, Any]]) -> None:
        """Look at JSON objects; each of their fields is a column."""
        fields: dict[str, None] = {}
        for record in objects:
            if not record.keys() <= fields.keys():
                fields.update(dict.fromkeys(record))
        for name in fields:
            if name not in self._columns:
                self._columns[name] = _Look(self._otherwise, missing=self._rows > 0)
        for name, look in self._columns.items():
            present = [value for record in objects if (value := record.get(name)) is not None]
            look.missing = look.missing or len(present) < len(objects)
            if present:
                look.take(_of_json(present, look.kind), present)
        self._rows += len(objects)

    def result(self) -> Inferred:
        """The columns, after the whole input was looked at."""
        columns = tuple(
            Column(name, look.type, nullable=look.missing or not self._rows) for name, look in self._columns.items()
        )
        unique = frozenset(name for name, look in self._columns.items() if look.is_unique and self._rows)
        return Inferred(columns, self._rows, unique)


class _Look:
    """One column: its type so far, whether a value was missing, and whether one occurred twice."""

    def __init__(self, otherwise: Type, missing: bool = False) -> None:
        self.missing = missing
        self._otherwise = otherwise  # the type for numbers that no numeric type keeps
        self.kind: Type | None = None
        self._whole = self._fraction = 0
        self._inexact = False
        self._last: Any = None
        self._grows = True
        self._seen: set[Any] | None = set()

    def take(self, kind: Type, values: Sequence[Any]) -> None:
        self.kind = kind if self.kind is None else _both(self.kind, kind)
        if self.kind in _NUMBERS:
            self._measure(values)
        self._look_for_twins(values)

    @property
    def type(self) -> Type:
        """The type that fits all values; text where there was no value."""
        if self.kind is None:
            return Type.TEXT
        if self.kind is Type.INT and self._whole > 18:
            return Type.DECIMAL if self._whole <= _DIGITS else self._otherwise
        if self.kind is Type.DECIMAL and self._whole + self._fraction > _DIGITS:
            return self._otherwise if self._inexact else Type.FLOAT
        if self.kind is Type.FLOAT and (self._inexact or self._whole > 15):
            return self._otherwise
        return self.kind

    @property
    def is_unique(self) -> bool:
        return not self.missing and self._seen is not None and self.kind in (Type.INT, Type.TEXT, Type.UUID)

    def _measure(self, values: Iterable[Any]) -> None:
        """Note how many digits the numbers need, and whether a float would change one of them."""
        for value in values:
            text = str(value)
            whole, point, fraction = text.partition(".")
            if self.kind is Type.INT:
                self._whole = max(self._whole, len(text) - (text[0] == "-"))
                continue
            if "e" not in text and "E" not in text:
                self._whole = max(self._whole, len(whole) - (whole[0] == "-"))
                self._fraction = max(self._fraction, len(fraction) if point else 0)
                if len(text) <= 15:
                    continue
            self._inexact = self._inexact or Decimal(repr(float(text))) != Decimal(text)

    def _look_for_twins(self, values: Sequence[Any]) -> None:
        if self._seen is None or self.missing or self.kind not in (Type.INT, Type.TEXT, Type.UUID):
            self._seen = None
            return
        if self._grows:
            numbers = [int(value) for value in values] if self.kind is Type.INT else list(map(str, values))
            chain = numbers if self._last is None else [self._last, *numbers]
            if type(chain[0]) is type(chain[-1]) and all(a < b for a, b in pairwise(chain)):
                self._last = numbers[-1]
                return
            # The values of earlier batches were not kept, so one of them may occur again unnoticed.
            if self._last is not None:
                self._seen = None
                return
            self._grows = False
        before = len(self._seen)
        self._seen.update(values)
        if len(self._seen) < before + len(values) or len(self._seen) > _MOST_SEEN:
            self._seen = None


def _both(one: Type, other: Type) -> Type:
    """The narrowest type that holds the values of both."""
    if one is other:
        return one
    if one in _NUMBERS and other in _NUMBERS:
        return max(one, other, key=_NUMBERS.index)
    return Type.JSON if Type.JSON in (one, other) else Type.TEXT


def _of_texts(
    values: Sequence[str], possible: Sequence[Type], before: Type | None, form: Mapping[Type, Any] = _FORM
) -> Type:
    """The first of the possible types that fits all texts; else text. The type of the batches `before` is tried
    first."""
    if before is Type.TEXT:
        return Type.TEXT
    for type_ in (before, *possible) if before in possible else possible:
        assert type_ is not None
        if form[type_](values[0]) and all(map(form[type_], values)) and _are_valid(type_, values):
            return type_
    return Type.TEXT


def _are_valid(type_: Type, values: Iterable[str]) -> bool:
    if (check := _VALID.get(type_)) is None:
        return True
    try:
        for value in values:
            check(value)
    except ValueError:
        return False
    return True


def _of_json(values: Sequence[Any], before: Type | None) -> Type:
    kinds = set(map(type, values))
    if before is Type.JSON:
        return Type.JSON
    if kinds == {str}:
        if before is not None and before in (Type.BOOL, *_NUMBERS):
            return Type.JSON
        return _of_texts(values, _IN_STRINGS, before)
    if kinds == {bool}:
        return Type.BOOL if before in (None, Type.BOOL) else Type.JSON
    if bool in kinds or str in kinds or dict in kinds or list in kinds or (before and before not in _NUMBERS):
        return Type.JSON
    if kinds == {int}:
        return Type.INT
    if float in kinds:  # NaN or an infinity
        return Type.FLOAT
    return (
        Type.FLOAT if any("e" in value or "E" in value for value in values if type(value) is not int) else Type.DECIMAL
    )
