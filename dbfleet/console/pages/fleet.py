"""The fleet: a card a target, the worst first; and what of the proofs is wrong."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path

from dbfleet.console import here
from dbfleet.console.access import needs
from dbfleet.console.models import TargetState
from dbfleet.console.overview import overview
from dbfleet.console.rooms import Nav

NAV = Nav("Fleet", "fleet", 10)


def _visible(request: Any) -> list[str]:
    # What a health job has seen is in the fleet's file, or was: both by the rights on the name.
    names = {**dict.fromkeys(here.fleet().targets), **dict.fromkeys(TargetState.objects.values_list("pk", flat=True))}
    return list(request.rights.among("viewer", names))


@needs("viewer")
def fleet(request: Any) -> HttpResponse:
    """The page."""
    return render(request, "fleet.html", _facts(request))


@needs("viewer")
def part(request: Any) -> HttpResponse:
    """What of it changes; 204 where nothing has since the hash that the page has `seen`."""
    facts = _facts(request)
    if facts["seen"] == request.GET.get("seen"):
        return HttpResponse(status=204)
    return render(request, "fleet_part.html", facts)


def _facts(request: Any) -> dict[str, Any]:
    found = overview(here.fleet(), _visible(request))
    facts: dict[str, Any] = {"fleet": here.fleet().name, "overview": found}
    text = render_to_string("fleet_part.html", {**facts, "seen": ""})
    return {**facts, "seen": hashlib.sha256(text.encode()).hexdigest()[:16]}


urlpatterns = [
    path("fleet", fleet, name="fleet"),
    path("fleet/part", part, name="fleet-part"),
]
