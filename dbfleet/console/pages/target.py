"""One target: how it was, over an hour or a year; its outages, its collections, the end of its log, its jobs."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from dbfleet.console import absent, here, timeline
from dbfleet.console.access import needs
from dbfleet.console.budgets import of_targets, quiet_until
from dbfleet.console.jobs import making
from dbfleet.console.models import Budget, Job
from dbfleet.console.overview import overview, url_of
from dbfleet.console.standing import BESIDE, standing
from dbfleet.console.work import jobs_of
from dbfleet.errors import DbfleetError, NotFound, UsageError, did_you_mean

_MOST: Final = 200
"""Collections that are listed and counted."""


def _range(request: Any) -> timeline.Range:
    word = request.GET.get("range", "1h")
    if word not in timeline.RANGES:
        raise UsageError(f"{word!r} is no range", hint=f"they are: {', '.join(timeline.RANGES)}")
    return timeline.RANGES[word]


@needs("viewer", target="name", beside=BESIDE)
def target(request: Any, name: str) -> HttpResponse:
    """The page."""
    return render(request, "target.html", _facts(request, name))


@needs("viewer", target="name", beside=BESIDE)
def facts(request: Any, name: str) -> HttpResponse:
    """How it is now."""
    return render(request, "target_facts.html", _facts(request, name))


@needs("viewer", target="name", beside=BESIDE)
def part(request: Any, name: str) -> HttpResponse:
    """What of it changes."""
    return render(request, "target_part.html", _facts(request, name))


def _facts(request: Any, name: str) -> dict[str, Any]:
    fleet = here.fleet()
    found = overview(fleet, lambda names: [name], standing(request.session))
    card = next(iter(found.cards), None)
    if card is None:
        names = sorted({*fleet.names, *found.standing.targets})
        raise NotFound(f"no target is called {name}", hint=did_you_mean(name, names, f"they are: {', '.join(names)}"))
    now, range_ = found.now, _range(request)
    budgets = [
        {"budget": each, "quiet_until": quiet_until(each, now)}
        for _, each in of_targets([name], list(Budget.objects.all()))
    ]
    return {
        "card": card, "url": url_of(fleet, card), "now": now,
        "range": range_.word, "ranges": list(timeline.RANGES),
        "outages": timeline.outages(name, range_, now), "budgets": budgets, "jobs": jobs_of(request.rights, name),
        "reads": request.rights.may("reader", name), "operates": request.rights.may("operator", name),
        "managed": name in fleet.names or card.state != "new", "log": _log(request, name),
    }  # fmt: skip


def _log(request: Any, name: str) -> Any:
    if not request.rights.may("operator", name):
        return None
    return Job.objects.filter(kind="log", target=name).order_by("-id").first()


@needs("viewer", target="name")
def points(request: Any, name: str) -> JsonResponse:
    """The timeline as numbers."""
    found = timeline.drawn(timeline.points(name, _range(request), now := making.now()))
    since = now - _range(request).back
    return JsonResponse({**found, "since": int(since.timestamp()), "until": int(now.timestamp())})


@needs("reader", target="name")
def collections(request: Any, name: str) -> HttpResponse:
    """The target's collections, asked of it now by its read-only account."""
    fleet = here.fleet()
    if name not in fleet.names:
        return render(request, "target_collections.html", {"away": "it is no target of this fleet's file"})
    try:
        with fleet.connect(fleet.reader(fleet.target(name))) as adapter:
            names = sorted(adapter.collections())
            counted = [(each, adapter.count(each)) for each in names[:_MOST]]
    except DbfleetError as met:  # the page is there nevertheless
        error = absent.instead(met, name)
        return render(request, "target_collections.html", {"away": error.message, "hint": error.hint})
    return render(request, "target_collections.html", {"counted": counted, "more": len(names) - _MOST})


@needs("operator", target="name")
@require_POST
def read_log(request: Any, name: str) -> HttpResponse:
    """Let a worker read the end of the log."""
    here.desk(request).make_job("log", {"target": name})
    return redirect(f"/targets/{name}?range={request.POST.get('range', '1h')}#log")


urlpatterns = [
    path("targets/<str:name>", target, name="fleet-target"),
    path("targets/<str:name>/facts", facts, name="fleet-target-facts"),
    path("targets/<str:name>/part", part, name="fleet-target-part"),
    path("targets/<str:name>/points", points, name="fleet-target-points"),
    path("targets/<str:name>/collections", collections, name="fleet-target-collections"),
    path("targets/<str:name>/log", read_log, name="fleet-target-log"),
]
