"""The connection: the driver's own backend, whose datetimes work."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.utils.functional import cached_property
from mysql.connector.django import base


def _as_text(value: datetime) -> str:
    """A datetime of a statement as the server takes it: in UTC, where it has a zone."""
    if value.tzinfo is not None and settings.USE_TZ:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(" ")


base.adapt_datetime_with_timezone_support = _as_text


class DatabaseWrapper(base.DatabaseWrapper):
    """The driver's own connection."""

    @cached_property
    def server_is_mariadb(self) -> bool:
        """Whether the server is MariaDB: its version says so. It is treated as MySQL where Django asks."""
        return "MariaDB" in self.mysql_server_info
