"""Drift: which pairs hold the same, and through which moment that is known; what differs, row by row; the sync that
makes one side like the other, previewed, and run by a writer who has typed the target's name."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from dbfleet.console import here, may, proofs, work
from dbfleet.console.access import needs
from dbfleet.console.jobs import making
from dbfleet.console.models import Job
from dbfleet.console.overview import ends_of
from dbfleet.console.pages.jobs import found
from dbfleet.console.rooms import Nav
from dbfleet.errors import NotFound

NAV = Nav("Drift", "drift", 20)


@needs("viewer")
def drift(request: Any) -> HttpResponse:
    """The page."""
    return render(request, "drift.html", _facts(request))


@needs("viewer")
def part(request: Any) -> HttpResponse:
    """What of it changes."""
    return render(request, "drift_part.html", _facts(request))


def _facts(request: Any) -> dict[str, Any]:
    watched = [each for each in work.schedules(request.rights) if each.kind == "drift"]
    last = {
        each.schedule_id: each
        for each in Job.objects.filter(schedule__in=watched, ended_at__isnull=False)
        .order_by("schedule_id", "-id").distinct("schedule_id").defer("result")
    }  # fmt: skip
    ends = {each.pk: ends_of(each.kind, each.arguments) for each in watched}
    twice = {pair for pair, count in Counter(ends.values()).items() if count > 1}
    pairs = [
        {"schedule": each, "ends": ends[each.pk], "named": ends[each.pk] in twice, "last": last.get(each.pk),
         "state": "paused" if each.paused else each.state, "why": _why(each.state, last.get(each.pk))}
        for each in watched
    ]  # fmt: skip
    return {
        "pairs": pairs, "now": making.now(), "lines": work.page(request.rights, kind="drift", size=20)[0],
        "may_add": request.rights.anywhere("operator"),
    }  # fmt: skip


def _why(state: str, last: Job | None) -> str:
    """Why a pair is neither known to be the same nor to differ, as its last job has it; else nothing."""
    if last is None or state in ("ok", "drift", "new"):
        return ""
    if last.error or last.verdict != "cannot tell":
        return str(last.error)
    return next((str(each["why"]) for each in proofs.records(last.result) if each.get("why")), "")


@needs("viewer")
def check(request: Any, number: int) -> HttpResponse:
    """What one check has found. The rows themselves are for readers of both sides."""
    job = found(request, number)
    if job.kind != "drift":
        raise NotFound(f"job {number} is no check for drift", hint=f"/jobs/{number} shows it")
    reads = all(request.rights.may("reader", each) for each in (job.source, job.target))
    asked, first = request.GET.get("collection", ""), request.GET.get("from", "")
    at = int(first) if first.isdigit() else 0
    shown: list[dict[str, Any]] = []
    for record in proofs.records(job.result):
        name = record.get("collection") or ""
        start = at if name == asked else 0
        rows = proofs.differences(record, start) if reads else []
        kept = len(record.get("differences") or ())
        shown.append(
            {"record": record, "name": name, "counts": proofs.counts(record), "rows": rows, "kept": kept,
             "first": start + 1, "next": start + proofs.SHOWN if start + proofs.SHOWN < kept else None}
        )  # fmt: skip
    shown.sort(key=lambda each: (each["record"].get("state") == "ok", each["name"]))
    return render(
        request, "drift_check.html",
        {
            "job": job, "shown": shown, "reads": reads, "verdict": job.verdict or job.state,
            "syncs": [
                (way, target, source)
                for way, target, source in (("right", job.target, job.source), ("left", job.source, job.target))
                if reads and job.verdict == "drift"
            ],
        },
    )  # fmt: skip


@needs("reader")
@require_POST
def preview(request: Any, number: int) -> HttpResponse:
    """Let a worker find the changes that would make one side like the other."""
    arguments = proofs.sync_arguments(
        found(request, number), request.POST.get("direction", ""), request.POST.get("collection", "")
    )
    return redirect(f"/drift/sync/{_asked(request, {**arguments, 'preview': True})}")


def _asked(request: Any, arguments: dict[str, Any]) -> int:
    may.require_job(request, "sync", arguments)
    return here.desk(request).make_job("sync", arguments)


def _sync(request: Any, number: int) -> Job:
    job = found(request, number)
    if job.kind != "sync" or not job.arguments.get("preview"):
        raise NotFound(f"job {number} is no preview of a sync", hint=f"/jobs/{number} shows it")
    return job


@needs("reader")
def sync(request: Any, number: int) -> HttpResponse:
    """The changes, and the field in which their target's name is typed."""
    return render(request, "drift_sync.html", _previewed(request, number))


@needs("reader")
def sync_part(request: Any, number: int) -> HttpResponse:
    """What of it changes while it is looked for."""
    return render(request, "drift_sync_part.html", _previewed(request, number))


def _previewed(request: Any, number: int) -> dict[str, Any]:
    job = _sync(request, number)
    reads = all(request.rights.may("reader", each) for each in (job.source, job.target))
    result = job.result if isinstance(job.result, dict) and reads else {}
    name = job.target.partition(".")[0]
    return {
        "job": job, "result": result, "name": name, "runs": job.state in (Job.WAITING, Job.RUNNING),
        "nothing": result.get("stakes") == "nothing to change",
        "cut": max(0, result.get("bytes", 0) - len(result.get("statements", "").encode())),
        "may_write": request.rights.may("writer", job.target),
    }  # fmt: skip


@needs("writer")
@require_POST
def run(request: Any, number: int) -> HttpResponse:
    """Write the changes that the preview has shown, if the target's name was typed."""
    job = _sync(request, number)
    name = job.target.partition(".")[0]
    if request.POST.get("typed", "").strip() != name:
        messages.error(request, f"Type {name} to write into it: nothing was written.")
        return redirect(f"/drift/sync/{number}")
    if job.state != Job.DONE or not isinstance(job.result, dict):
        raise NotFound(f"the preview {number} has shown nothing")
    given = {word: job.arguments[word] for word in ("source", "target", "columns", "ignore", "where")}
    return redirect(f"/jobs/{_asked(request, {**given, 'agreed': job.result['digest']})}")


urlpatterns = [
    path("drift", drift, name="drift"),
    path("drift/part", part, name="drift-part"),
    path("drift/<int:number>", check, name="drift-check"),
    path("drift/<int:number>/sync", preview, name="drift-preview"),
    path("drift/sync/<int:number>", sync, name="drift-sync"),
    path("drift/sync/<int:number>/part", sync_part, name="drift-sync-part"),
    path("drift/sync/<int:number>/run", run, name="drift-sync-run"),
]
