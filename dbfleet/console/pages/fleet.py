"""The fleet: a card a target, the worst first; and what of the proofs is wrong."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path

from dbfleet.console import here
from dbfleet.console.access import needs
from dbfleet.console.overview import overview
from dbfleet.console.rooms import Nav

NAV = Nav("Fleet", "fleet", 10)

_SEEN: Final = "seen-of-this-page"
"""Stands in the page's address of itself until its hash is known."""


@needs("viewer")
def fleet(request: Any) -> HttpResponse:
    """The page."""
    return render(request, "fleet.html", _facts(request))


@needs("viewer")
def part(request: Any) -> HttpResponse:
    """What of it changes; 204 where nothing has since the hash that the page has `seen`."""
    text = render_to_string("fleet_part.html", {**_facts(request), "seen": _SEEN})
    seen = hashlib.sha256(text.encode()).hexdigest()[:16]
    if seen == request.GET.get("seen"):
        return HttpResponse(status=204)
    return HttpResponse(text.replace(_SEEN, seen, 1))


def _facts(request: Any) -> dict[str, Any]:
    return {"fleet": here.fleet().name, "overview": overview(here.fleet(), partial(request.rights.among, "viewer"))}


urlpatterns = [
    path("fleet", fleet, name="fleet"),
    path("fleet/part", part, name="fleet-part"),
]
