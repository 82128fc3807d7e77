"""The connection: Django's own, with a collation and a sum for decimals that are text."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any, Final

from django.db.backends.sqlite3 import base

from dbfleet.values import decimal_text

COLLATION: Final = "dbfleet_decimal"
_EXACT: Final = decimal.Context(prec=10_000, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)


def compare(one: str, other: str) -> int:
    """-1, 0 or 1, by the values of the two decimals. NaN is greater than every number, as in PostgreSQL; what is no
    decimal comes last, by its text."""
    return (_place(one) > _place(other)) - (_place(one) < _place(other))


def _place(text: str) -> tuple[int, Decimal, str]:
    try:
        value = Decimal(text)
    except decimal.InvalidOperation:
        return 2, Decimal(0), text
    return (1, Decimal(0), "") if value.is_nan() else (0, value, "")


class Sum:
    """SUM as SQLite has it; but exact, and text, where one of the values is text."""

    def __init__(self) -> None:
        self._total: Any = None
        self._text = False

    def step(self, value: Any) -> None:
        """Add a value."""
        self._add(value, 1)

    def inverse(self, value: Any) -> None:
        """Take a value away again: the window moves on."""
        self._add(value, -1)

    def value(self) -> Any:
        """The sum so far."""
        return decimal_text(self._total) if self._text and self._total is not None else self._total

    finalize = value

    def _add(self, value: Any, sign: int) -> None:
        if value is None:
            return
        if isinstance(value, str):
            value = Decimal(value)
        if isinstance(value, Decimal) and not self._text:
            self._text = True
            self._total = None if self._total is None else Decimal(self._total)
        elif self._text and not isinstance(value, Decimal):
            value = Decimal(repr(value))
        if self._text:
            total = self._total if self._total is not None else Decimal(0)
            self._total = _EXACT.add(total, value if sign > 0 else -value)
        else:
            self._total = sign * value if self._total is None else self._total + sign * value


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own connection, which compares and sums up decimals that are text."""

    def get_new_connection(self, conn_params: Any) -> Any:
        """A connection with the collation and the sum."""
        connection = super().get_new_connection(conn_params)
        connection.create_collation(COLLATION, compare)
        connection.create_window_function("sum", 1, Sum)
        return connection
