"""Makes values from cells of text and from JSON values, by the column's type; and compiles the loops that make rows.

A loop is compiled for the columns of an input, as formats/ does for writing: each row is one tuple expression.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.values import JSON_NULL, VALUE_OF, Type

Convert = Callable[[Any], Any]

_MOST_DIGITS: Final = 4000
"""The most digits of a decimal before its point, or after it."""
_digits: Final = re.compile(r"[+-]?[0-9]+").fullmatch
_number: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|NaN|-?Infinity").fullmatch


def _int(text: str) -> int:
    # int() would also take 1_000, blanks and the digits of other scripts.
    if not _digits(text):
        raise ValueError(text)
    return int(text)


def _decimal(text: str) -> Decimal:
    if not _number(text):
        raise ValueError(text)
    value = Decimal(text)
    if value.is_finite() and abs(value.adjusted()) > _MOST_DIGITS:
        raise ValueError(text)
    return value


def _float(text: str) -> float:
    if not _number(text):
        raise ValueError(text)
    value = float(text)
    if math.isinf(value) and text[-1] != "y":  # the number is too large for a float
        raise ValueError(text)
    return value


def _float_of(number: Decimal) -> float:
    value = float(number)
    if math.isinf(value) and not number.is_infinite():
        raise ValueError(number)
    return value


def _bool(text: str) -> bool:
    return BOOLS[text.lower()]


BOOLS: Final = {"true": True, "false": False}


def _naive_time(text: str) -> time:
    value = time.fromisoformat(text)
    if value.tzinfo is not None:
        raise ValueError(text)
    return value


def _naive(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is not None:  # the zone would be dropped
        raise ValueError(text)
    return value


FROM_CELL: Final[Mapping[Type, Convert]] = {
    **VALUE_OF,
    Type.BOOL: _bool,
    Type.INT: _int,
    Type.DECIMAL: _decimal,
    Type.FLOAT: _float,
    Type.TIME: _naive_time,
    Type.DATETIME: _naive,
}
"""The value of a cell that is not NULL, by type. Raises ValueError, KeyError or ArithmeticError."""


class _Table(dict[type, Convert]):
    """Functions by the type of a JSON value; a value of any other type is refused."""

    def __missing__(self, kind: type) -> Convert:
        return _refuse


def _refuse(value: Any) -> Any:
    raise ValueError(value)


def _same(value: Any) -> Any:
    return value


def _none(value: Any) -> Any:
    return None


def _special_decimal(text: str) -> Decimal:
    if text not in ("NaN", "Infinity", "-Infinity"):
        raise ValueError(text)
    return Decimal(text)


def _special_float(text: str) -> float:
    return float(_special_decimal(text))


def _text_of(convert: Convert) -> _Table:
    return _Table({type(None): _none, str: convert})


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


FROM_JSON: Final[Mapping[Type, _Table]] = {
    Type.BOOL: _Table({type(None): _none, bool: _same}),
    Type.INT: _Table({type(None): _none, int: _same}),
    Type.DECIMAL: _Table({type(None): _none, int: Decimal, Decimal: _same, str: _special_decimal}),
    Type.FLOAT: _Table({type(None): _none, int: float, float: _same, Decimal: _float_of, str: _special_float}),
    Type.TEXT: _text_of(_same),
    Type.BYTES: _text_of(_unpadded),
    Type.DATE: _text_of(VALUE_OF[Type.DATE]),
    Type.TIME: _text_of(_naive_time),
    Type.DATETIME: _text_of(_naive),
    Type.INSTANT: _text_of(VALUE_OF[Type.INSTANT]),
    Type.UUID: _text_of(UUID),
    Type.JSON: _Table(dict.fromkeys((bool, int, float, Decimal, str, list, dict), _same) | {type(None): _none}),
}
"""For each column type: functions that make a value of a JSON value, null included, by its Python type."""


def from_texts(type_: Type) -> Mapping[type, Convert]:
    """The functions for a column whose values are texts, whatever its type."""
    return _text_of(FROM_CELL[type_])


JSON_EXACTLY: Final = _Table({**FROM_JSON[Type.JSON], type(None): lambda value: JSON_NULL})
"""The functions for a json column in a dump, where the field is present."""


def compiled(parameter: str, expressions: list[str], scope: dict[str, Any]) -> Callable[[Any], list[tuple[Any, ...]]]:
    """A function from records to tuples; `parameter` is the name of a record in the expressions. Column names appear in
    the expressions only as literals, so that no input can run code."""
    row = f"({', '.join(expressions)}{',' if expressions else ''})"
    scope = dict(scope)
    exec(f"def rows(records): return [{row} for {parameter} in records]", scope)  # noqa: S102
    rows: Callable[[Any], list[tuple[Any, ...]]] = scope["rows"]
    return rows
