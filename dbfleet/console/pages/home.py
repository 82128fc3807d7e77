"""The start page: the first page of the navigation that the person may see."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_safe

from dbfleet.console.access import needs
from dbfleet.console.rooms import navigation


@require_safe
@needs("login")
def home(request: Any) -> HttpResponse:
    """Lead there; who has no role yet is told so."""
    for each in navigation():
        if request.rights.anywhere(each.role):
            return redirect(each.url)
    return render(request, "home.html")


urlpatterns = [path("", home, name="home")]
