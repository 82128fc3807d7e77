"""The console as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class Console(AppConfig):
    """The tables are called console_…"""

    name = "dbfleet.console"
    label = "console"
    verbose_name = "dbfleet's console"

    def ready(self) -> None:
        """Logins go on record."""
        from django.conf import settings

        if settings.ROLE == "web":
            from dbfleet.console.access import record  # noqa: F401
