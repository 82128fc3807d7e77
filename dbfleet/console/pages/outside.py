"""The way in by another service, where one is configured.

Nobody is led there by the answer to a form: the pages' policy (`form-action 'self'`) holds for every redirect behind a
form, and where the service leads on to is its own affair. So the form's answer is a page, and that page leads on.
"""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from requests import RequestException

from dbfleet.console import errors
from dbfleet.console.access.outside import BEGIN, LEADS_TO, not_let_in
from dbfleet.console.access.service import CALLBACK, NAME, Service
from dbfleet.console.pages.login import within


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: Any) -> HttpResponse:
    """Send somebody to the service. A link of another site must not: so by the login page's button only."""
    if request.method != "POST":
        return redirect("login")
    provider = get_adapter(request).get_provider(request, NAME)
    try:
        leads = provider.redirect(request, AuthProcess.LOGIN, next_url=within(request, request.POST.get("next")))
    except (OAuth2Error, RequestException) as error:
        return not_let_in(request, error)
    except ImmediateHttpResponse as told:
        return told.response
    return render(request, "onward.html", {"to": leads.headers["Location"], "name": settings.OIDC_NAME})


@never_cache
@require_safe
def back(request: Any) -> HttpResponse:
    """Where the service sends somebody back to."""
    try:
        return OAuth2CallbackView.adapter_view(Service(request, NAME))(request)
    except (OAuth2Error, RequestException) as error:  # allauth takes those that come later
        return not_let_in(request, error)


def refused(request: Any) -> HttpResponse:
    """Not let in."""
    return errors.answer(request, 403, "you were not let in: the other service refused, or you are shut out here")


urlpatterns = (
    [
        path(BEGIN[1:], begin, name="openid_connect_login"),
        path(CALLBACK[1:], back, name="openid_connect_callback"),
        *(path(f"oidc/refused/{name}", refused, name=name) for name in LEADS_TO),
    ]
    if settings.OIDC_URL
    else []
)
