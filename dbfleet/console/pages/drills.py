"""Drills: dumps that were restored into a throw-away server and proven there."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from dbfleet.console import here, may, work
from dbfleet.console.access import needs
from dbfleet.console.jobs import kinds, making
from dbfleet.console.models import Job
from dbfleet.console.rooms import Nav

NAV = Nav("Drills", "drills", 30)

_SHOWN = 40


@needs("viewer")
def drills(request: Any) -> HttpResponse:
    """The page."""
    return render(request, "drills.html", _facts(request))


@needs("viewer")
def part(request: Any) -> HttpResponse:
    """What of it changes."""
    return render(request, "drills_part.html", _facts(request))


def _facts(request: Any) -> dict[str, Any]:
    lines = work.page(request.rights, kind="drill", size=_SHOWN)[0]
    shown = []
    for line in lines:
        record = line.job.result if isinstance(line.job.result, dict) else {}
        shown.append({"line": line, "record": record, "target": line.job.target or line.job.source})
    newest: dict[str, Any] = {}
    for each in shown:
        if each["line"].job.state in (Job.DONE, Job.FAILED):
            newest.setdefault(each["target"], each)
    # A target that was never drilled is the worst of all: nobody knows whether its dumps can be restored.
    names = request.rights.among("viewer", here.fleet().targets)
    never = [name for name in names if name not in newest]
    worst = sorted(newest.values(), key=lambda each: (each["line"].state == "done", each["target"]))
    return {
        "newest": worst, "shown": shown, "never": never, "now": making.now(), "can": "drill" in kinds.NAMES,
        "may_drill": [name for name in names if request.rights.may("operator", name)],
    }  # fmt: skip


@needs("operator")
@require_POST
def drill(request: Any) -> HttpResponse:
    """A drill now."""
    arguments = {"target": request.POST.get("target", "")}
    may.require_job(request, "drill", kinds.checked(here.fleet(), "drill", arguments))
    return redirect(f"/jobs/{here.desk(request).make_job('drill', arguments)}")


urlpatterns = [
    path("drills", drills, name="drills"),
    path("drills/part", part, name="drills-part"),
    path("drills/run", drill, name="drills-run"),
]
