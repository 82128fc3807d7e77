"""The way in by another service, where one is configured."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path

from dbfleet.console import errors
from dbfleet.console.access.outside import LEADS_TO


def refused(request: Any) -> HttpResponse:
    """Not let in."""
    return errors.answer(request, 403, "you were not let in: the other service refused, or you are shut out here")


def ways() -> list[dict[str, str]]:
    """The buttons of the login page."""
    return [{"url": "/oidc/sso/login/", "name": settings.OIDC_NAME}] if settings.OIDC_URL else []


urlpatterns = (
    [path("", include("allauth.socialaccount.providers.openid_connect.urls"))]
    + [path(f"oidc/refused/{name}", refused, name=name) for name in LEADS_TO]
    if settings.OIDC_URL
    else []
)
