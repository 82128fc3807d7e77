"""JSON."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields import json as json_lookups
from django.db.models.lookups import IsNull

from dbfleet.django import vendors
from dbfleet.values import JSON_NULL, json_text, loads_json


class _Encoder:
    """For json.dumps(cls=…): the canonical text. JSON_NULL is null."""

    def __init__(self, **options: Any) -> None:
        pass

    def encode(self, value: Any) -> str:
        """The canonical text."""
        return json_text(value)

    def iterencode(self, value: Any) -> Any:
        """The canonical text."""
        return iter([json_text(value)])


class _Decoder:
    """For json.loads(cls=…): every digit is kept, and null at the top is JSON_NULL."""

    def __init__(self, **options: Any) -> None:
        pass

    def decode(self, text: str) -> Any:
        """The value of the text."""
        return loads_json(text)


class _Exact(json_lookups.JSONExact):
    """Equal documents, whatever their white space and the order of their names. None is NULL, as in every field."""

    can_use_none_as_rhs = False

    def as_mysql(self, compiler: Any, connection: Any) -> Any:
        """MariaDB keeps json as text, and compares it as such."""
        if not is_mariadb(connection) or not self.rhs_is_direct_value():
            return self.as_sql(compiler, connection)
        sql, params = self.process_lhs(compiler, connection)
        return f"JSON_EQUALS({sql}, %s)", [*params, json_text(self.rhs)]

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> Any:
        """In MongoDB the JSON null is a field that is null; NULL is no field."""
        if self.rhs is not JSON_NULL:
            return super().as_mql(compiler, connection, as_expr=as_expr)
        place = self.lhs.as_mql(compiler, connection, as_expr=as_expr)
        return {"$eq": [{"$type": place}, "null"]} if as_expr else {place: {"$type": "null"}}


class _IsNull(IsNull):
    """Whether there is a value; the JSON null is one."""

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> Any:
        """In MongoDB the JSON null is a field that is null; NULL is no field."""
        if not getattr(self.lhs.output_field, "keeps_json_null", False):
            return super().as_mql(compiler, connection, as_expr=as_expr)
        place = self.lhs.as_mql(compiler, connection, as_expr=as_expr)
        missing = {"$eq": [{"$type": place}, "missing"]}
        if as_expr:
            return missing if self.rhs else {"$not": missing}
        return {place: {"$exists": not self.rhs}}


class JSONField(models.JSONField):
    """JSON with every digit: a number with a point is a Decimal. None is NULL, and JSON_NULL of dbfleet.values is the
    JSON null. Nested documents in MongoDB; form="document" is for collections of others, where null is NULL."""

    def __init__(self, *args: Any, form: str | None = None, **kwargs: Any) -> None:
        self.form = form
        super().__init__(*args, **{**kwargs, "encoder": _Encoder, "decoder": _Decoder})

    @property
    def keeps_json_null(self) -> bool:
        """Whether NULL and the JSON null are two values."""
        return self.form != "document"

    def deconstruct(self) -> Any:
        """The arguments, with those of this class."""
        name, path, args, kwargs = super().deconstruct()
        given = {key: value for key, value in kwargs.items() if key not in ("encoder", "decoder")}
        return name, path, args, {**given, **({"form": self.form} if self.form else {})}

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The value of the column's text, or of MongoDB's document."""
        if connection.vendor == vendors.MONGODB:
            return self._of_document(value)
        if value is None or value is JSON_NULL:
            return value
        value = value.read() if hasattr(value, "read") else value
        return loads_json(value) if isinstance(value, str) else value

    def _of_document(self, value: Any) -> Any:
        from dbfleet.django.bson import fetched_json

        return fetched_json(value)

    def get_internal_type(self) -> str:
        """A word that Django's backends do not know, so that they leave the values alone."""
        return "DbfleetJSONField"

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        return connection.data_types.get("JSONField")

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value in the form in which the column keeps it."""
        if connection.vendor != vendors.MONGODB or value is None or hasattr(value, "resolve_expression"):
            return super().get_db_prep_value(value, connection, prepared)
        from dbfleet.django.bson import stored_json

        return stored_json(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """The value to be stored; None is NULL."""
        return value if value is None else self.get_db_prep_value(value, connection)


JSONField.register_lookup(_Exact)
JSONField.register_lookup(_IsNull)


def is_mariadb(connection: Any) -> bool:
    """Whether the server of a connection by MySQL's protocol is MariaDB; the driver's own backend cannot tell."""
    return bool(getattr(connection, "server_is_mariadb", False) or connection.mysql_is_mariadb)
