"""In and out: a name and a password, counted against guessing; and the address that tells nginx who is an admin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, logout
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from dbfleet.console.access import record, throttle
from dbfleet.console.access.outside import ways
from dbfleet.console.pages.second import come_in


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: Any) -> HttpResponse:
    """The login page."""
    onward = within(request, request.POST.get("next") or request.GET.get("next"))
    if request.user.is_authenticated:
        return HttpResponseRedirect(onward)
    facts: dict[str, Any] = {"next": onward, "asks_password": True, "ways": ways(request, onward)}
    status = 200
    if request.method == "POST":
        name = request.POST.get("username", "")
        counted = throttle.begin(name, throttle.address(request))
        if isinstance(counted, throttle.Wait):
            if counted.first:
                record.waits(name, request, counted.seconds)
            facts.update(told=f"Too many wrong logins: wait {_long(counted.seconds)}.", username=name)
            response = render(request, "login.html", facts, status=429)
            response.headers["Retry-After"] = str(counted.seconds)
            return response
        user = authenticate(request, username=name, password=request.POST.get("password", ""))
        if user is not None:
            counted.well()
            return come_in(request, user, onward, way="password")
        facts.update(told="This name and password do not fit.", username=name)
        status = 401
    return render(request, "login.html", facts, status=status)


@require_POST
def leave(request: Any) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("login")


def within(request: Any, url: str | None) -> str:
    """Where to go next: the address if it is one of ours, else the start page."""
    if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
        return url
    return "/"


def _long(seconds: int) -> str:
    return f"{seconds} s" if seconds < 100 else f"{seconds // 60 + 1} minutes"


urlpatterns = [path("login", enter, name="login"), path("logout", leave, name="logout")]
