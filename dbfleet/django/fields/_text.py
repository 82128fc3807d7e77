"""Text, bytes and uuids."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models

from dbfleet.django import vendors
from dbfleet.django.fields._kept import Kept


class BytesField(models.BinaryField):
    """Bytes as bytes: PostgreSQL's driver gives a memoryview, and Oracle's RAW is no BLOB."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The bytes."""
        return None if value is None else bytes(value)

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> Any:
        """How a value stands in a statement."""
        if connection.vendor == vendors.ORACLE and self.max_length is not None:
            return "%s"
        return super().get_placeholder(value, compiler, connection)


class AsTextField(Kept):
    """A type of PostgreSQL's, or a set of MySQL's, that is text to dbfleet (`native` names it): the server turns it
    into text and back."""

    empty_strings_allowed = True

    def __init__(self, *args: Any, native: str = "text", **kwargs: Any) -> None:
        self.native = native
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """The arguments, with those of this class."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "native": self.native}

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        return self.native

    def cast_db_type(self, connection: Any) -> str | None:
        """The type for a cast."""
        return self.native

    def select_format(self, compiler: Any, sql: str, params: Any) -> Any:
        """The column as text."""
        text = "char" if compiler.connection.vendor == vendors.MYSQL else "text"
        return f"CAST({sql} AS {text})", params

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """The text as a value of the column's type."""
        if connection.vendor == vendors.MYSQL:
            return "%s"
        return f"CAST(%s AS {self.native.replace('%', '%%')})"

    def to_python(self, value: Any) -> Any:
        """The value as dbfleet has it. ValidationError for what is none."""
        return None if value is None else str(value)

    def fetched(self, value: Any, connection: Any) -> Any:
        return value

    def stored(self, value: Any, connection: Any) -> Any:
        return value


class UUIDField(models.UUIDField):
    """A uuid: text with hyphens where the engine has no type for it (form="hex": without), Binary of subtype 4 in
    MongoDB."""

    def get_internal_type(self) -> str:
        """A word that Django's backends do not know, so that they leave the values alone."""
        return "DbfleetUUIDField"

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        own = {vendors.POSTGRESQL: "uuid", vendors.MONGODB: "binData", vendors.SQLSERVER: "uniqueidentifier"}
        return own.get(connection.vendor, "varchar(36)")

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The uuid, from whatever the driver gives."""
        if value is None or isinstance(value, UUID):
            return value
        if connection.vendor == vendors.MONGODB:
            from dbfleet.django.bson import fetched_uuid

            return fetched_uuid(value)
        return UUID(bytes=bytes(value)) if isinstance(value, bytes | memoryview) else UUID(str(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value in the form in which the column keeps it."""
        if value is None or hasattr(value, "resolve_expression"):
            return value
        value = self.to_python(value)
        if connection.vendor == vendors.MONGODB:
            from dbfleet.django.bson import stored_uuid

            return stored_uuid(value)
        return value if connection.vendor == vendors.POSTGRESQL else str(value)
