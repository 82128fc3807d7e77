"""What the fields have in common that Django's backends must leave alone."""

from __future__ import annotations

from typing import Any

from django.core import exceptions
from django.db import models


def computed(field: models.Field) -> models.Field:
    """The field of a column that the server computes: it is read, never written."""
    field.generated = True
    field.editable = False
    return field


class Kept(models.Field):
    """A field whose values Django's backends leave alone: none of them knows its internal type."""

    empty_strings_allowed = False

    def get_internal_type(self) -> str:
        """A word that Django's backends do not know, so that they leave the values alone."""
        return type(self).__name__

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        return connection.data_types.get("TextField")

    def deconstruct(self) -> Any:
        """The arguments, with those of this class."""
        name, path, args, kwargs = super().deconstruct()
        if form := getattr(self, "form", None):
            kwargs["form"] = form
        return name, path, args, kwargs

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The value as dbfleet has it."""
        return None if value is None else self.fetched(value, connection)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value in the form in which the column keeps it."""
        if not prepared:
            value = self.get_prep_value(value)
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return self.stored(value, connection)

    def get_prep_value(self, value: Any) -> Any:
        """The value, checked; expressions stay what they are."""
        value = super().get_prep_value(value)
        return value if hasattr(value, "resolve_expression") else self.to_python(value)

    def fetched(self, value: Any, connection: Any) -> Any:
        """A value of the column, which is not NULL, as dbfleet has it."""
        raise NotImplementedError

    def stored(self, value: Any, connection: Any) -> Any:
        """A value as the column keeps it."""
        raise NotImplementedError

    def value_to_string(self, obj: Any) -> str:
        """The value as text, for serializers."""
        value = self.value_from_object(obj)
        return "" if value is None else str(value)

    def _invalid(self, value: Any, what: str) -> exceptions.ValidationError:
        return exceptions.ValidationError(f"“{value}” is no {what}.", code="invalid")
