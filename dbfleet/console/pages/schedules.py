"""Schedules: what is wrong first; one with its next five runs; add, run now, pause, remove."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from dbfleet.console import here, may, words, work
from dbfleet.console.access import needs
from dbfleet.console.jobs import kinds, making, slots
from dbfleet.console.models import Schedule
from dbfleet.console.overview import ends_of
from dbfleet.console.rooms import Nav
from dbfleet.errors import DbfleetError, NotFound

NAV = Nav("Schedules", "schedules", 50)

NOT_HERE: Final = ("command", "log", "statement", "sync")
"""Kinds that are not scheduled in the browser: made on the command line alone, or asked for at once."""
_ENDS: Final = ("target", "left", "right", "sink", "source")
_FLAGS: Final = ("verify", "strict", "views")
_RUNS: Final = 5


def offered() -> list[str]:
    """The kinds that can be added here."""
    return [each for each in kinds.NAMES if each not in NOT_HERE]


# --- looking ---------------------------------------------------------------------------------------------------------


@needs("viewer")
def schedules(request: Any) -> HttpResponse:
    """The page."""
    return render(request, "schedules.html", _facts(request))


@needs("viewer")
def part(request: Any) -> HttpResponse:
    """What of it changes."""
    return render(request, "schedules_part.html", _facts(request))


def _facts(request: Any) -> dict[str, Any]:
    now = making.now()
    desk = here.desk(request)
    found = work.schedules(request.rights)
    last = work.last_ended([each.pk for each in found])
    lines = [
        {"schedule": each, "record": desk.schedule_record(each, at=now, last=last.get(each.pk)),
         "ends": ends_of(each.kind, each.arguments)}
        for each in found
    ]  # fmt: skip
    return {"lines": lines, "now": now, "may_add": request.rights.anywhere("operator")}


def found(request: Any, number: int) -> Schedule:
    """The schedule, if the person may see it. NotFound also where not."""
    got: Schedule | None = Schedule.objects.filter(pk=number).first()
    if got is None or not may.sees(request.rights, got.kind, got.arguments):
        raise NotFound("there is no such schedule, or you may not see it", hint="/schedules lists them")
    return got


@needs("viewer")
def schedule(request: Any, number: int) -> HttpResponse:
    """One schedule."""
    return render(request, "schedule.html", _one(request, number))


@needs("viewer")
def one_part(request: Any, number: int) -> HttpResponse:
    """What of it changes."""
    return render(request, "schedule_part.html", _one(request, number))


def _one(request: Any, number: int) -> dict[str, Any]:
    got = found(request, number)
    now = making.now()
    last = work.last_ended([number]).get(number)
    return {
        "schedule": got, "record": here.desk(request).schedule_record(got, at=now, last=last), "now": now,
        "ends": ends_of(got.kind, got.arguments), "arguments": words.arguments(got.arguments),
        "runs": [] if got.paused else runs(making.rhythm(got), now), "time_zone": got.time_zone if got.cron else "",
        "lines": work.page(request.rights, schedule=number, size=20)[0],
        "may_change": may.allowed(request.rights, got.kind, got.arguments) and got.kind not in may.BY_HAND,
        "may_remove": may.allowed(request.rights, got.kind, got.arguments),
    }  # fmt: skip


def runs(rhythm: slots.Rhythm, after: datetime) -> list[dict[str, Any]]:
    """The next five slots, and what clocks of the schedule's own zone show then."""
    zone = ZoneInfo(rhythm.time_zone)
    return [
        {"at": each, "there": f"{each.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"}
        for each in islice(rhythm.after(after), _RUNS)
    ]


# --- adding ----------------------------------------------------------------------------------------------------------


@needs("operator")
def new(request: Any) -> HttpResponse:
    """The form, and what it makes."""
    posted = request.POST if request.method == "POST" else None
    kind = (posted or request.GET).get("kind") or offered()[0]
    fields = _fields(kind, posted or request.GET)
    error: DbfleetError | None = None
    if posted is not None:
        try:
            arguments = taken(kind, posted)
            may.require_job(request, kind, kinds.checked(here.fleet(), kind, arguments))
            made = here.desk(request).add_schedule(
                kind, arguments, every=posted.get("every", "").strip(), cron=posted.get("cron", "").strip(),
                time_zone=posted.get("time_zone", "").strip() or "UTC", name=posted.get("name", "").strip(),
            )  # fmt: skip
            number = Schedule.objects.get(name=made["schedule"]).pk
            messages.success(request, f"{made['schedule']} is added.")
            return redirect(f"/schedules/{number}")
        except DbfleetError as wrong:
            error = wrong
    facts = {
        "kind": kind, "kinds": offered(), "fields": fields, "error": error, "words": kinds.kind(kind).words,
        "values": {name: (posted or request.GET).get(name, "") for name in ("every", "cron", "time_zone", "name")},
        "targets": request.rights.among("viewer", here.fleet().targets),
    }  # fmt: skip
    return render(request, "schedule_new.html", facts, status=400 if error else 200)


def _fields(kind: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the kind takes, as the form asks for it."""
    if kind in NOT_HERE:
        raise NotFound(f"a schedule of kind {kind} is made on the command line", hint="dbfleet schedule add --help")
    return [
        {
            "name": name, "label": words.label(name), "words": about, "value": values.get(name, ""),
            "flag": name in _FLAGS, "target": name in _ENDS and not (kind == "load" and name == "source"),
        }
        for name, about in kinds.kind(kind).takes.items()
    ]  # fmt: skip


def taken(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The kind's arguments of a form: what is empty was not given."""
    found: dict[str, Any] = {}
    for field in _fields(kind, values):
        value = str(field["value"]).strip()
        if field["flag"]:
            found[field["name"]] = value in ("yes", "on", "true")
        elif value:
            found[field["name"]] = value
    return found


@needs("viewer")
def preview(request: Any) -> HttpResponse:
    """The next five runs of a rhythm that somebody types."""
    asked = {name: request.GET.get(name, "").strip() for name in ("every", "cron", "time_zone")}
    now = making.now()
    if not asked["every"] and not asked["cron"]:
        return render(request, "schedule_runs.html", {})
    try:
        rhythm = slots.rhythm(now, every=asked["every"], cron=asked["cron"], time_zone=asked["time_zone"] or "UTC")
    except DbfleetError as error:
        return render(request, "schedule_runs.html", {"error": error})
    facts = {"runs": runs(rhythm, now), "time_zone": asked["cron"] and rhythm.time_zone}
    return render(request, "schedule_runs.html", facts)


# --- acts ------------------------------------------------------------------------------------------------------------


def _changed(request: Any, number: int) -> Schedule:
    got = found(request, number)
    may.require_again(request, got.kind, got.arguments)
    return got


@needs("operator")
@require_POST
def run(request: Any, number: int) -> HttpResponse:
    """A job now."""
    got = found(request, number)
    may.require_job(request, got.kind, got.arguments)
    made = here.desk(request).run_schedule(got.name)
    return redirect(f"/jobs/{made['job']}")


@needs("operator")
@require_POST
def pause(request: Any, number: int) -> HttpResponse:
    """Let it rest."""
    here.desk(request).pause_schedule(_changed(request, number).name)
    return redirect(f"/schedules/{number}")


@needs("operator")
@require_POST
def resume(request: Any, number: int) -> HttpResponse:
    """Let it go on."""
    here.desk(request).pause_schedule(_changed(request, number).name, False)
    return redirect(f"/schedules/{number}")


@needs("operator")
@require_POST
def remove(request: Any, number: int) -> HttpResponse:
    """Remove it, if its name was typed."""
    got = _changed(request, number)
    if request.POST.get("typed", "").strip() != got.name:
        messages.error(request, f"Type {got.name} to remove it: nothing was removed.")
        return redirect(f"/schedules/{number}")
    here.desk(request).remove_schedule(got.name)
    messages.success(request, f"{got.name} is removed; its jobs and receipts stay on record.")
    return redirect("/schedules")


urlpatterns = [
    path("schedules", schedules, name="schedules"),
    path("schedules/part", part, name="schedules-part"),
    path("schedules/new", new, name="schedules-new"),
    path("schedules/preview", preview, name="schedules-preview"),
    path("schedules/<int:number>", schedule, name="schedules-one"),
    path("schedules/<int:number>/part", one_part, name="schedules-one-part"),
    path("schedules/<int:number>/run", run, name="schedules-run"),
    path("schedules/<int:number>/pause", pause, name="schedules-pause"),
    path("schedules/<int:number>/resume", resume, name="schedules-resume"),
    path("schedules/<int:number>/remove", remove, name="schedules-remove"),
]
