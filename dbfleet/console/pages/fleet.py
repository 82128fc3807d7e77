"""The fleet: a card a target, the worst first; and what of the proofs is wrong.

What is asked of the control database is asked at each request. What is kept is text alone: how a card or a line looks,
by everything that stands on it. So no card can be old, or be anybody else's.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils.safestring import SafeString, mark_safe

from dbfleet.console import absent, here, sparks
from dbfleet.console.access import needs
from dbfleet.console.bars import bars
from dbfleet.console.context import framed
from dbfleet.console.overview import Card, Overview, Proof, overview
from dbfleet.console.rooms import Nav
from dbfleet.console.standing import BESIDE, standing
from dbfleet.console.templatetags.fleet import ago

NAV = Nav("Fleet", "fleet", 10)

_KEPT: Final = 1_000
"""So many cards and lines are kept, of one to two kilobytes."""
_HERE: Final = "\0"
"""Stands in the part's frame where something is set in."""


@needs("viewer", beside=BESIDE)
def fleet(request: Any) -> HttpResponse:
    """The page."""
    found = _overview(request)
    text, _ = _part(found)
    return framed(request, "fleet.html", text, bars(request.rights, found.standing.console), fleet=here.fleet().name)


@needs("viewer", beside=BESIDE)
def part(request: Any) -> HttpResponse:
    """What of it changes; 204 where nothing has since the hash that the page has `seen`."""
    text, seen = _part(_overview(request))
    return HttpResponse(status=204) if seen == request.GET.get("seen") else HttpResponse(text)


def _overview(request: Any) -> Overview:
    return overview(here.fleet(), partial(request.rights.among, "viewer"), standing(request.session))


def _part(found: Overview) -> tuple[SafeString, str]:
    """The part that changes, and its hash."""
    now, targets = found.now, found.standing.targets
    looked_at = [targets[each.target] for each in found.cards if each.state not in ("new", absent.STATE)]
    pictures = sparks.pictures(looked_at, now)
    cards = "\n".join([_card(*_face(each, now), pictures.get(each.target, "")) for each in found.cards])
    wrong = "\n".join([_line("fleet_wrong.html", each, ago(each.since, now)) for each in found.wrong])
    proofs = "\n".join([_line("fleet_proof.html", each, ago(each.since, now)) for each in found.proofs])
    nobody_looks = bool(found.cards) and not found.watched
    begin, *rest = _frame(tuple(found.counts), nobody_looks, bool(wrong), bool(proofs))
    set_in = [*([wrong] if wrong else []), cards, *([proofs] if proofs else []), ""]
    body = "".join([around + each for around, each in zip(rest, set_in, strict=True)])
    seen = hashlib.sha256(body.encode()).hexdigest()[:16]
    return mark_safe(begin + seen + body), seen  # noqa: S308 - templates made it


@lru_cache(maxsize=_KEPT)
def _frame(counts: tuple[tuple[str, int], ...], nobody_looks: bool, wrong: bool, proofs: bool) -> list[str]:
    """The part but for its hash, its cards and its lines: the texts around these."""
    facts = {"counts": counts, "nobody_looks": nobody_looks, "wrong": wrong, "proofs": proofs, "here": _HERE}
    return render_to_string("fleet_part.html", facts).split(_HERE)


def _face(card: Card, now: datetime) -> tuple[Any, ...]:
    """All that stands on a card but its picture. Of `unknown` it is said how long ago the last look was."""
    moment = card.at if card.state == "unknown" else card.since
    return (
        card.target, card.engine, card.state, card.latency_ms, card.product, card.version, card.memory, card.error,
        card.hint, ago(moment, now),
    )  # fmt: skip


@lru_cache(maxsize=_KEPT)
def _card(*face: Any) -> str:
    names = (
        "target", "engine", "state", "latency_ms", "product", "version", "memory", "error", "hint", "ago", "picture",
    )  # fmt: skip
    return render_to_string("fleet_card.html", {"card": dict(zip(names, face, strict=True))})


@lru_cache(maxsize=_KEPT)
def _line(template: str, proof: Proof, long: str) -> str:
    return render_to_string(template, {"each": proof, "ago": long})


urlpatterns = [
    path("fleet", fleet, name="fleet"),
    path("fleet/part", part, name="fleet-part"),
]
