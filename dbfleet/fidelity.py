"""What an engine keeps of a value, by what its spec declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Context
from typing import Any

from dbfleet.spec import EngineSpec, Fidelity
from dbfleet.values import JSON_NULL, Column, Row, Type


def coarsened(columns: Sequence[Column], *specs: EngineSpec) -> Callable[[Row], Row] | None:
    """What is left of a row of these columns on all of these engines, by their declared fidelity: a function from
    the row to the row with what cannot be kept truncated; None where every value is kept whole."""
    plan: list[tuple[int, Callable[[Any], Any]]] = []
    for place, column in enumerate(columns):
        for spec in specs:
            change = _coarsening(column, spec)
            if change:
                plan.append((place, change))
    if not plan:
        return None

    def coarsen(row: Row) -> Row:
        values = list(row)
        for place, change in plan:
            if values[place] is not None:
                values[place] = change(values[place])
        return tuple(values)

    return coarsen


def _coarsening(column: Column, spec: EngineSpec) -> Callable[[Any], Any] | None:
    limits, rounded = spec.limits, spec.fidelity(column.type) is Fidelity.ROUNDED
    if column.type in (Type.TIME, Type.DATETIME, Type.INSTANT):
        digits = min(column.fraction_digits if column.fraction_digits is not None else 6,
                     limits.fraction_digits if rounded else 6)  # fmt: skip
        unit = 10 ** (6 - min(digits, 6))
        return None if unit == 1 else lambda value: value.replace(microsecond=value.microsecond // unit * unit)
    if column.type is Type.DECIMAL and rounded and limits.decimal_digits:
        context = Context(prec=limits.decimal_digits, rounding=ROUND_DOWN)
        return context.create_decimal
    if column.type in (Type.TEXT, Type.BYTES) and limits.empty_text_is_null:
        return lambda value: value or None
    if column.type is Type.JSON and limits.json_null_is_null:
        return lambda value: None if value is JSON_NULL else value
    return None
