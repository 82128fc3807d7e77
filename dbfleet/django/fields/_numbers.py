"""Decimals and floats."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any, Final

from django.core import exceptions
from django.db import models
from django.db.models.expressions import Col

from dbfleet.django import vendors
from dbfleet.values import decimal_text, float_text

_EXACT: Final = decimal.Context(prec=2_000, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)


class _DecimalCol(Col):
    """A column of decimals, compared by value where they are text."""

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        """The column, with the collation that compares by value."""
        sql, params = self.as_sql(compiler, connection)
        by_value = getattr(self.target, "form", None) != "number"
        return (f"{sql} COLLATE dbfleet_decimal" if by_value else sql), params


class DecimalField(models.DecimalField):
    """A decimal with all its digits; `max_digits` and `decimal_places` may be left out. Text in SQLite (with
    form="number" a number, which keeps 15 digits), Decimal128 in MongoDB.

    In SQLite decimals that are text are compared, sorted and summed up exactly, by the backend dbfleet.django.sqlite;
    Avg and arithmetic are SQLite's own, in floats."""

    def __init__(self, *args: Any, form: str | None = None, **kwargs: Any) -> None:
        self.form = form
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """The arguments, with those of this class."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, **({"form": self.form} if self.form else {})}

    def get_internal_type(self) -> str:
        """A word that Django's backends do not know, so that they leave the values alone."""
        return "DbfleetDecimalField"

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        return "decimal" if connection.vendor == vendors.MONGODB else "numeric"

    def _check_decimal_places(self) -> list[Any]:
        return [] if self.decimal_places is None else super()._check_decimal_places()

    def _check_max_digits(self) -> list[Any]:
        return [] if self.max_digits is None else super()._check_max_digits()

    def _check_decimal_places_and_max_digits(self, **kwargs: Any) -> list[Any]:
        known = self.max_digits is not None and self.decimal_places is not None
        return super()._check_decimal_places_and_max_digits(**kwargs) if known else []

    def to_python(self, value: Any) -> Any:
        """The value as dbfleet has it. ValidationError for what is none."""
        if value is None:
            return None
        try:
            return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        except (decimal.InvalidOperation, TypeError, ValueError) as error:
            raise exceptions.ValidationError(f"“{value}” is no decimal number.", code="invalid") from error

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The decimal, from whatever the driver gives."""
        if value is None:
            return None
        found = value.to_decimal() if hasattr(value, "to_decimal") else self.to_python(value)
        if self.decimal_places is None or not found.is_finite():
            return found
        # A float is the result of arithmetic, or what a column of numbers keeps. Zeros at the end are not kept as text.
        shorter = found.as_tuple().exponent > -self.decimal_places
        return self._cut(found) if shorter or isinstance(value, float) else found

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value in the form in which the column keeps it."""
        if value is None or hasattr(value, "resolve_expression"):
            return value
        value = self.to_python(value)
        if self.decimal_places is not None and value.is_finite():
            value = self._cut(value)
        if connection.vendor == vendors.MONGODB:
            from dbfleet.django.bson import stored_decimal

            return stored_decimal(value)
        return decimal_text(value) if connection.vendor == vendors.SQLITE else value

    get_db_prep_save = get_db_prep_value

    def _cut(self, value: Decimal) -> Decimal:
        """As Django does: rounded to the column's places; trailing zeros go, as in dbfleet."""
        return value.quantize(Decimal(1).scaleb(-self.decimal_places), context=_EXACT)

    @property
    def cached_col(self) -> Any:
        """The column in a statement."""
        return _DecimalCol(self.model._meta.db_table, self)

    def get_col(self, alias: Any, output_field: Any = None) -> Any:
        """The column in a statement."""
        return _DecimalCol(alias, self, output_field)


class FloatField(models.FloatField):
    """A float, for SQLite, which has no NaN: it is the text 'NaN' there."""

    def get_internal_type(self) -> str:
        """A word that Django's backends do not know, so that they leave the values alone."""
        return "DbfleetFloatField"

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        return connection.data_types.get("FloatField")

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The float."""
        return None if value is None else float(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value in the form in which the column keeps it."""
        value = super().get_db_prep_value(value, connection, prepared)
        return float_text(value) if isinstance(value, float) and value != value else value
