"""The connection: Django's own, with names in their own case."""

from __future__ import annotations

from typing import Any

from django.db.backends.oracle import base, operations
from django.db.backends.utils import truncate_name


class DatabaseOperations(operations.DatabaseOperations):
    """Django's own, but for the case of names and for empty text."""

    def quote_name(self, name: str) -> str:
        """The name in double quotes, in its own case."""
        if not name.startswith('"') and not name.endswith('"'):
            name = f'"{truncate_name(name, self.max_name_length())}"'
        return name.replace("%", "%%")

    def convert_empty_string(self, value: Any, expression: Any, connection: Any) -> Any:
        """The value as it is: NULL is None."""
        return value

    convert_empty_bytes = convert_empty_string


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own connection, with names in their own case."""

    ops_class = DatabaseOperations
