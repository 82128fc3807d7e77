"""The page behind a login link: one button, and for the first admin a name."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from dbfleet.console.access import links
from dbfleet.console.pages.second import come_in
from dbfleet.errors import UsageError

GONE = "This link was used, or is too old. Print another one on the terminal: dbfleet console link"


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: Any, secret: str) -> HttpResponse:
    """GET shows what the link is for, POST uses it."""
    found = links.look(secret)
    if found is None:
        return render(request, "link.html", {"gone": GONE}, status=410)
    facts = {"user": found.user, "name": found.made_by.rpartition(":")[2], "told": "", "hint": ""}
    if request.method != "POST":
        return render(request, "link.html", facts)
    name = request.POST.get("username", "")
    try:
        user = links.use(secret, name=name, password=request.POST.get("password", ""))
    except UsageError as error:
        facts.update(told=error.message, hint=error.hint or "", name=name)
        return render(request, "link.html", facts, status=400)
    # The terminal's link is the way back in for who has lost the second factor.
    return come_in(request, user, "/", way="link", alone=found.made_by.startswith("cli:"))


urlpatterns = [path("link/<str:secret>", link, name="link")]
