"""A row's values on their way to and from SQLite, each checked against its column's type: SQLite lets any column hold
anything. A value of another type is refused, and the error names the table, the column and the value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.columns import Convert
from dbfleet.engines.sqlite.errors import NAME
from dbfleet.engines.sqlite.forms import Form, number
from dbfleet.engines.sqlite.native.values import STORED, ways
from dbfleet.engines.sqlite.types import FETCH, STORE
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Column, Row, Schema, Type

_KINDS: Final[Mapping[Type, frozenset[type]]] = {
    Type.BOOL: frozenset({int}),
    Type.INT: frozenset({int}),
    Type.FLOAT: frozenset({int, float, str}),  # NaN is stored as text
    Type.TEXT: frozenset({str}),
    Type.BYTES: frozenset({bytes}),
}
"""The Python types of stored values. A type that is not here is stored as text."""
_TEXT: Final = frozenset({str})
_NULL: Final = frozenset({type(None)})
_ERRORS: Final = (ValueError, TypeError, ArithmeticError, AttributeError, KeyError, RecursionError)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a column's values are converted; `kinds` are the Python types that they may have, None for any."""

    column: Column
    kinds: frozenset[type] | None
    convert: Convert | None


def fetcher(schema: Schema, forms: Mapping[str, Form]) -> Callable[[Sequence[Row]], Batch]:
    """A function that makes rows of stored rows. `forms` are the forms of the columns that have one."""
    plan = [_fetching(column, forms.get(column.name)) for column in schema.columns]
    return lambda rows: _converted(schema.name, rows, plan, "holds")


def _fetching(column: Column, form: Form | None) -> _Way:
    if column.note == STORED:
        return _Way(column, None, ways(column.native or "")[0])
    if form is not None and form.type is column.type:
        return _Way(column, None, form.fetch)
    if column.type is Type.DECIMAL and (column.note or column.generated):  # integers and floats
        return _Way(column, None, number)
    return _Way(column, _KINDS.get(column.type, _TEXT), FETCH.get(column.type))


def storer(name: str, columns: Sequence[Column], forms: Mapping[str, Form]) -> Callable[[Sequence[Row]], Batch]:
    """A function that makes of rows of these columns what is bound."""
    plan = [_Way(column, None, stored_as(column, forms.get(column.name))) for column in columns]
    return lambda rows: _converted(name, rows, plan, "cannot hold")


def stored_as(column: Column, form: Form | None) -> Convert | None:
    """What makes of a value what is bound; None where it is bound as it is. `form` is the column's, if it has one."""
    if column.note == STORED:
        return ways(column.native or "")[1]
    return form.store if form and form.type is column.type else STORE.get(column.type)


def _converted(name: str, rows: Sequence[Row], plan: Sequence[_Way], word: str) -> Batch:
    if not rows:
        return []
    columns: list[Any] = list(zip(*rows, strict=True))
    for place, way in enumerate(plan):
        values = columns[place]
        if way.kinds is not None and not set(map(type, values)) <= way.kinds | _NULL:
            odd = next(value for value in values if value is not None and type(value) not in way.kinds)
            raise refusal(name, way.column, odd, word)
        if way.convert is not None:
            convert = way.convert
            try:
                columns[place] = [None if value is None else convert(value) for value in values]
            except _ERRORS as error:
                raise refusal(name, way.column, _first(values, convert), word) from error
    return list(zip(*columns, strict=True))


def _first(values: Sequence[Any], convert: Convert) -> Any:
    """The first value that is not converted."""
    for value in values:
        try:
            if value is not None:
                convert(value)
        except _ERRORS:
            return value
    return None


def refusal(name: str, column: Column, value: Any, word: str) -> StatementError:
    """The error for a value that is not of its column's type."""
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:80] + "…"
    return StatementError(
        f"{name}: column {column.name} {word} {shown}, which is no {column.type}",
        engine=NAME,
        hint="change the value or leave the row out; a plain query shows it as it is" if word == "holds" else None,
    )


def half_a_pair(name: str, columns: Sequence[Column], rows: Sequence[Row]) -> StatementError:
    """The error for a text that holds half of a surrogate pair."""
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
                shown = ascii(value[:80])
                return StatementError(f"{name}: column {column.name} cannot hold half of a surrogate pair: {shown}")
    return StatementError(f"{name}: a text holds half of a surrogate pair")
