"""The fleet: a card a target, the worst first; and what of the proofs is wrong.

What is asked of the control database is asked at each request. What is kept is text alone: how a card or a line looks,
by everything that stands on it. So no card can be old, or be anybody else's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path
from django.utils.safestring import SafeString, mark_safe

from dbfleet.console import here, sparks
from dbfleet.console.access import needs
from dbfleet.console.bars import bars
from dbfleet.console.overview import Card, Overview, Proof, overview
from dbfleet.console.rooms import Nav
from dbfleet.console.standing import BESIDE, standing
from dbfleet.console.templatetags.fleet import ago

NAV = Nav("Fleet", "fleet", 10)

_KEPT: Final = 1_000
"""So many cards and lines are kept, of one to two kilobytes."""
_SEEN: Final = "seen-of-this-page"
"""Stands in the page's address of itself until its hash is known."""


@needs("viewer", beside=BESIDE)
def fleet(request: Any) -> HttpResponse:
    """The page."""
    found = _overview(request)
    text, _ = _part(found)
    facts = {"fleet": here.fleet().name, "part": text, "bars": bars(request.rights, found.standing.console)}
    return render(request, "fleet.html", facts)


@needs("viewer", beside=BESIDE)
def part(request: Any) -> HttpResponse:
    """What of it changes; 204 where nothing has since the hash that the page has `seen`."""
    text, seen = _part(_overview(request))
    return HttpResponse(status=204) if seen == request.GET.get("seen") else HttpResponse(text)


def _overview(request: Any) -> Overview:
    return overview(here.fleet(), partial(request.rights.among, "viewer"), standing(request.session))


def _part(found: Overview) -> tuple[str, str]:
    """The part that changes, and its hash."""
    targets = found.standing.targets
    pictures = sparks.pictures([targets[each.target] for each in found.cards if each.state != "new"], found.now)
    text = render_to_string(
        "fleet_part.html",
        {
            "overview": found,
            "cards": _joined(_card(_face(each, pictures.get(each.target, ""), found)) for each in found.cards),
            "wrong": _joined(_line("fleet_wrong.html", each, ago(each.since, found.now)) for each in found.wrong),
            "proofs": _joined(_line("fleet_proof.html", each, ago(each.since, found.now)) for each in found.proofs),
            "seen": _SEEN,
        },
    )
    seen = hashlib.sha256(text.encode()).hexdigest()[:16]
    return mark_safe(text.replace(_SEEN, seen, 1)), seen  # noqa: S308 - a template made it


def _joined(texts: Any) -> SafeString:
    return mark_safe("\n".join(texts))  # noqa: S308 - templates made them


@dataclass(frozen=True, slots=True)
class _Face:
    """All that stands on a card."""

    target: str
    engine: str
    state: str
    latency_ms: float | None
    product: str
    version: str
    memory: int | None
    error: str
    picture: str
    for_: str
    """How long it is so; of `unknown`, how long ago the last look was."""


def _face(card: Card, picture: str, found: Overview) -> _Face:
    moment = card.at if card.state == "unknown" else card.since
    return _Face(
        card.target, card.engine, card.state, card.latency_ms, card.product, card.version, card.memory, card.error,
        picture, ago(moment, found.now),
    )  # fmt: skip


@lru_cache(maxsize=_KEPT)
def _card(face: _Face) -> str:
    return render_to_string("fleet_card.html", {"card": face})


@lru_cache(maxsize=_KEPT)
def _line(template: str, proof: Proof, for_: str) -> str:
    return render_to_string(template, {"each": proof, "for": for_})


urlpatterns = [
    path("fleet", fleet, name="fleet"),
    path("fleet/part", part, name="fleet-part"),
]
