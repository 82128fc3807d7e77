"""Datetimes, instants and times of day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any, Final

from django.core import exceptions
from django.utils.dateparse import parse_datetime, parse_time

from dbfleet.django import vendors
from dbfleet.django.fields._kept import Kept
from dbfleet.values import time_text


class NaiveDateTimeField(Kept):
    """A datetime without a zone, whatever USE_TZ and TIME_ZONE say. Text in SQLite: "T" before the time, six digits of
    a second; form=" " as Django writes it there, form=" .6" always with six digits."""

    def __init__(self, *args: Any, form: str | None = None, **kwargs: Any) -> None:
        self.form = form
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        own = {
            vendors.POSTGRESQL: "timestamp",
            vendors.MONGODB: "date",
            vendors.SQLSERVER: "datetime2",
            vendors.SQLITE: "text",
        }
        return own.get(connection.vendor, "datetime(6)")

    def to_python(self, value: Any) -> Any:
        """The value as dbfleet has it. ValidationError for what is none."""
        if isinstance(value, str):
            try:
                value = parse_datetime(value) or value
            except ValueError:
                pass
        if value is None or (isinstance(value, datetime) and value.tzinfo is None):
            return value
        if isinstance(value, datetime):
            raise exceptions.ValidationError(f"{self.name} has no zone, and {value} has one.", code="invalid")
        raise self._invalid(value, "date and time")

    def fetched(self, value: Any, connection: Any) -> Any:
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
        return value if value.tzinfo is None else value.astimezone(connection.timezone).replace(tzinfo=None)

    def stored(self, value: Any, connection: Any) -> Any:
        if connection.vendor == vendors.SQLITE:
            return _iso(value, self.form)
        return _timestamp(value, connection)


class InstantField(Kept):
    """An instant: an aware datetime in UTC, whatever USE_TZ says. Text in SQLite; in Oracle a TIMESTAMP WITH TIME ZONE
    in whatever zone, or with form="utc" a TIMESTAMP in UTC."""

    def __init__(self, *args: Any, form: str | None = None, **kwargs: Any) -> None:
        self.form = form
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str | None:
        """The type that the column would have, which casts and joins ask for."""
        own = {
            vendors.POSTGRESQL: "timestamptz",
            vendors.MONGODB: "date",
            vendors.SQLSERVER: "datetimeoffset",
            vendors.SQLITE: "text",
        }
        return own.get(connection.vendor, "timestamp(6) with time zone")

    def select_format(self, compiler: Any, sql: str, params: Any) -> Any:
        """The column, in UTC: Oracle's driver drops the zone."""
        zoned = compiler.connection.vendor == vendors.ORACLE and self.form != "utc"
        return (f"SYS_EXTRACT_UTC({sql})" if zoned else sql), params

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """The value, which is in UTC."""
        zoned = connection.vendor == vendors.ORACLE and self.form != "utc"
        return "FROM_TZ(CAST(%s AS TIMESTAMP), 'UTC')" if zoned else "%s"

    def to_python(self, value: Any) -> Any:
        """The value as dbfleet has it. ValidationError for what is none."""
        if isinstance(value, str):
            try:
                value = parse_datetime(value) or value
            except ValueError:
                pass
        if value is None:
            return None
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
        raise self._invalid(value, "date and time with a zone")

    def fetched(self, value: Any, connection: Any) -> Any:
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)

    def stored(self, value: Any, connection: Any) -> Any:
        if connection.vendor == vendors.SQLITE:
            return value.isoformat("T", "microseconds")
        return _timestamp(value.replace(tzinfo=None), connection)


class TextTimeField(Kept):
    """A time of day that is text: in SQLite with six digits of a second, elsewhere without zeros at the end."""

    def to_python(self, value: Any) -> Any:
        """The value as dbfleet has it. ValidationError for what is none."""
        if isinstance(value, str):
            try:
                value = parse_time(value) or value
            except ValueError:
                pass
        if value is None or (isinstance(value, time) and value.tzinfo is None):
            return value
        raise self._invalid(value, "time of day")

    def fetched(self, value: Any, connection: Any) -> Any:
        return value if isinstance(value, time) else time.fromisoformat(value)

    def stored(self, value: Any, connection: Any) -> Any:
        return value.isoformat("microseconds") if connection.vendor == vendors.SQLITE else time_text(value)


_FORMS: Final[Mapping[str | None, Callable[[datetime], str]]] = {
    None: lambda value: value.isoformat("T", "microseconds"),
    "T": lambda value: value.isoformat("T"),
    " ": lambda value: value.isoformat(" "),
    " .6": lambda value: value.isoformat(" ", "microseconds"),
}


def _iso(value: datetime, form: str | None) -> str:
    return _FORMS[form](value)


def _timestamp(value: datetime, connection: Any) -> Any:
    """A datetime without a zone as the backend's driver takes it."""
    if connection.vendor == vendors.ORACLE:
        from django.db.backends.oracle.utils import Oracle_datetime

        return Oracle_datetime.from_datetime(value)
    return value
