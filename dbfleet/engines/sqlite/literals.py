"""Values as SQLite's literals, exact to the last bit; and, with them, changes of rows as statements, and a condition as
a part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dbfleet.adapter import Change, Condition, Part
from dbfleet.engines.sqlite.native.values import STORED, BrokenText
from dbfleet.engines.sqlite.session import Session
from dbfleet.engines.sqlite.types import quote
from dbfleet.engines.sqlite.values import stored_as
from dbfleet.sql import changes as sql_changes
from dbfleet.sql import conditions as sql_conditions
from dbfleet.values import Schema


def statements(session: Session, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The changes as statements; a generated column is left out."""
    computed = frozenset(column.name for column in schema.columns if column.generated)
    spelling = sql_changes.Spelling(quote(schema.name), quote, _of_table(session, schema), computed=computed)
    yield from sql_changes.statements(schema, changes, spelling)


def chosen(session: Session, schema: Schema, condition: Condition) -> Part | None:
    """The part that the condition chooses. None where a column's values have several forms: SQLite compares these."""
    if any(schema.column(name).note == STORED for name in condition.columns):
        return None
    forms = session.forms(schema.name)
    if any(name in forms and not forms[name].unique for name in condition.columns):
        return None
    return sql_conditions.part(schema, condition, quote, _of_table(session, schema))


def _of_table(session: Session, schema: Schema) -> Callable[[int, Any], str]:
    """A function that spells a value by its column's place."""
    forms = session.forms(schema.name)
    stores = [stored_as(column, forms.get(column.name)) for column in schema.columns]

    def spelled(place: int, value: Any) -> str:
        store = stores[place]
        return literal(store(value) if store else value, session.rows)

    return spelled


def literal(value: Any, ask: Callable[[str], list[Any]]) -> str:
    """The literal of a value as it is stored (`types.STORE`). `ask` runs a statement and gives its rows."""
    if isinstance(value, BrokenText):
        return f"CAST(X'{value.hex()}' AS TEXT)"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        if "\0" in value:  # it would end the statement
            return f"CAST(X'{value.encode().hex()}' AS TEXT)"
        return "'" + value.replace("'", "''") + "'"
    if not isinstance(value, float):
        return str(int(value))
    if math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    text = repr(value)
    # SQLite reads 15 digits of a number exactly. Where it reads another number, exact factors give the right one.
    return text if ask(f"SELECT {text}") == [(value,)] else _factors(value)


def _factors(value: float) -> str:
    """The value as an integer below 2**53, multiplied or divided by powers of two that a double holds."""
    mantissa, exponent = math.frexp(value)
    factors, exponent = [f"{int(mantissa * 2**53)}.0"], exponent - 53
    while exponent:
        step = max(-52, min(52, exponent))
        factors.append(f"{'*' if step > 0 else '/'} {2 ** abs(step)}.0")
        exponent -= step
    return f"({' '.join(factors)})"
