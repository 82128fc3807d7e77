"""Jobs: the newest first; one with its parts, how fast it goes, what it found; cancel and retry."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from dbfleet.console import forms, here, may, words, work
from dbfleet.console.access import Refused, needs
from dbfleet.console.jobs import kinds, making
from dbfleet.console.models import Job, Receipt
from dbfleet.console.rooms import Nav
from dbfleet.errors import NotFound, UsageError

NAV = Nav("Jobs", "jobs", 40)

STATES = tuple(each for each in work.STATES if each != "ok")


@needs("viewer")
def jobs(request: Any) -> HttpResponse:
    """The page."""
    return render(request, "jobs.html", _facts(request))


@needs("viewer")
def part(request: Any) -> HttpResponse:
    """What of it changes."""
    return render(request, "jobs_part.html", _facts(request))


def _facts(request: Any) -> dict[str, Any]:
    asked = {name: forms.text(request.GET, name, most=300) for name in ("kind", "state", "target", "before")}
    forms.one_of(asked["kind"], kinds.NAMES, "kind of job")
    forms.one_of(asked["state"], work.STATES, "state of jobs")
    before = forms.whole(request.GET, "before")
    lines, older = work.page(
        request.rights, before=before, kind=asked["kind"], state=asked["state"], target=asked["target"]
    )
    return {"lines": lines, "older": older, "asked": asked, "kinds": kinds.NAMES, "states": STATES}


@needs("viewer")
def job(request: Any, number: int) -> HttpResponse:
    """One job."""
    return render(request, "job.html", _one(request, number))


@needs("viewer")
def job_part(request: Any, number: int) -> HttpResponse:
    """What of it changes while it runs."""
    return render(request, "job_part.html", _one(request, number))


def found(request: Any, number: int) -> Job:
    """The job, if the person may see it. NotFound also where not: its number says nothing."""
    got: Job | None = Job.objects.filter(pk=number).first()
    if got is None or not may.sees(request.rights, got.kind, got.arguments):
        raise NotFound(f"there is no job {number}, or you may not see it", hint="/jobs lists them")
    return got


def _one(request: Any, number: int) -> dict[str, Any]:
    found(request, number)
    now = making.now()
    line = work.line(work.counted(Job.objects.filter(pk=number)).get(), now)
    parts = [
        {"part": each, "seconds": ((each.ended_at or now) - each.begun_at).total_seconds() if each.begun_at else None}
        for each in line.job.parts.order_by("number")[:500]
    ]
    allowed = may.allowed(request.rights, line.job.kind, line.job.arguments)
    return {
        "line": line, "job": line.job, "parts": parts, "now": now,
        "receipts": Receipt.objects.filter(job_id=number).order_by("pk"),
        "runs": line.job.state in (Job.WAITING, Job.RUNNING),
        "may_cancel": allowed and line.job.state in (Job.WAITING, Job.RUNNING) and not line.job.cancel_asked_by,
        "may_retry": allowed and line.job.state in (Job.FAILED, Job.CANCELLED, Job.OVERDUE),
        "arguments": words.arguments(line.job.arguments),
        "result": json.dumps(line.job.result, indent=2, ensure_ascii=False)[:60_000] if line.job.result else "",
    }  # fmt: skip


def _again(request: Any, number: int) -> Job:
    got = found(request, number)
    try:
        may.require_again(request, got.kind, got.arguments)
    except PermissionDenied as error:
        raise Refused(str(error)) from error
    return got


@needs("operator")
@require_POST
def cancel(request: Any, number: int) -> HttpResponse:
    """Ask for its end."""
    _again(request, number)
    try:
        here.desk(request).cancel(number)
        messages.success(request, f"Job {number} is being cancelled.")
    except UsageError as error:
        messages.warning(request, error.message)
    return redirect(f"/jobs/{number}")


@needs("operator")
@require_POST
def retry(request: Any, number: int) -> HttpResponse:
    """A new job with the same arguments."""
    _again(request, number)
    try:
        again = here.desk(request).retry(number)["job"]
    except UsageError as error:
        messages.warning(request, error.message)
        return redirect(f"/jobs/{number}")
    return redirect(f"/jobs/{again}")


urlpatterns = [
    path("jobs", jobs, name="jobs"),
    path("jobs/part", part, name="jobs-part"),
    path("jobs/<int:number>", job, name="jobs-one"),
    path("jobs/<int:number>/part", job_part, name="jobs-one-part"),
    path("jobs/<int:number>/cancel", cancel, name="jobs-cancel"),
    path("jobs/<int:number>/retry", retry, name="jobs-retry"),
]
