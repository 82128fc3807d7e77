"""The fleet's targets: how they are, how they were."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any, Final

from ninja import Router

from dbfleet.console import here, timeline
from dbfleet.console.access import needs
from dbfleet.console.jobs import making
from dbfleet.console.overview import card_record, overview
from dbfleet.errors import NotFound, UsageError

router = Router()
PREFIX: Final = "/targets"


@router.get("", summary="Every target that you may see, the worst first")
@needs("viewer")
def targets(request: Any) -> Any:
    """Every target."""
    fleet = here.fleet()
    found = overview(fleet, partial(request.rights.among, "viewer"))
    return [card_record(fleet, each) for each in found.cards]


@router.get("/{name}", summary="One target")
@needs("viewer", target="name")
def target(request: Any, name: str) -> Any:
    """One target."""
    fleet = here.fleet()
    for card in overview(fleet, lambda names: [name]).cards:
        return card_record(fleet, card)
    raise NotFound(f"no target is called {name}")


@router.get("/{name}/timeline", summary="How it was: 1h, 6h, 24h, 7d, 30d, 90d or 1y back, with its outages")
@needs("viewer", target="name")
def was(request: Any, name: str, range: str = "1h") -> Any:
    """Its samples as columns, and its outages."""
    if range not in timeline.RANGES:
        raise UsageError(f"{range!r} is no range", hint=f"they are: {', '.join(timeline.RANGES)}")
    asked, now = timeline.RANGES[range], making.now()
    return {
        "target": name,
        "points": timeline.drawn(timeline.points(name, asked, now)),
        "outages": [asdict(each) for each in timeline.outages(name, asked, now)],
    }
