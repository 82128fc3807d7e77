"""Values as SQLite's literals, exact to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def literal(value: Any, ask: Callable[[str], list[Any]]) -> str:
    """The literal of a value as it is stored (see sqlite.types.STORE). `ask` runs a statement and gives its rows."""
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
    # SQLite promises 15 digits of a number that it reads; where that is not the same number, exact factors are.
    return text if ask(f"SELECT {text}") == [(value,)] else _factors(value)


def _factors(value: float) -> str:
    """An integer below 2**53, times or by powers of two that a double holds."""
    mantissa, exponent = math.frexp(value)
    factors, exponent = [f"{int(mantissa * 2**53)}.0"], exponent - 53
    while exponent:
        step = max(-52, min(52, exponent))
        factors.append(f"{'*' if step > 0 else '/'} {2 ** abs(step)}.0")
        exponent -= step
    return f"({' '.join(factors)})"
