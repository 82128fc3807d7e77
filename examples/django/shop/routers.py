"""The project's own router."""

from typing import Any

from django.conf import settings

from dbfleet.django import Router


class ReadsNearby(Router):
    """Products are read from a copy, as the settings say; they are written where they live, as everything else is."""

    def db_for_read(self, model: type, **hints: Any) -> str | None:
        """The copy for products, if there is one; else where the model lives."""
        home = super().db_for_read(model, **hints)
        copy = settings.READ_PRODUCTS_FROM.get(home) if model.__name__ == "Product" else None
        return copy if copy in settings.DATABASES else home
