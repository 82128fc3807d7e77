"""Jobs and schedules as pages and the API show them: those that somebody may see, with what is asked of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db.models import Count, Max, Q, QuerySet

from dbfleet.console import may
from dbfleet.console.jobs import making
from dbfleet.console.models import Job, Schedule
from dbfleet.console.overview import WORST, ends_of

PAGE: Final = 50
STATES: Final = ("running", "waiting", "failed", "overdue", "drift", "red", "cannot tell", "cancelled", "done", "ok")
"""What a list of jobs can be asked for: states, and what was found where that is more."""
_LOOKED: Final = 2_000
"""So many jobs are looked through for a page of those that may be seen."""


@dataclass(frozen=True, slots=True)
class Line:
    """A job in a list."""

    job: Job
    ends: str
    parts: int
    done: int
    attempts: int
    rows: int
    seconds: float | None
    """How long it took, or has taken until now."""
    told: str
    """How far its lead is, in words."""

    @property
    def state(self) -> str:
        """The state, or what it found where that is more."""
        found = self.job.state == Job.DONE and self.job.verdict not in ("", "ok")
        return str(self.job.verdict if found else self.job.state)

    @property
    def percent(self) -> int:
        """How many of its parts are done, in a hundred."""
        return round(100 * self.done / self.parts) if self.parts else 0


def counted(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """The jobs with their parts counted, in one query."""
    return jobs.select_related("schedule").annotate(
        parts_all=Count("parts", filter=~Q(parts__state="dropped", parts__lead=False)),
        parts_done=Count("parts", filter=Q(parts__state="done")),
        attempts=Max("parts__attempts"),
        told=Max("parts__told", filter=Q(parts__lead=True)),
        rows_now=Max("parts__rows", filter=Q(parts__lead=True)),
    )


def line(job: Any, now: datetime) -> Line:
    """A job of `counted`."""
    until = job.ended_at or now
    seconds = (until - job.begun_at).total_seconds() if job.begun_at else None
    rows = job.rows if job.state in Job.ENDED else job.rows_now or 0
    told = job.told if job.state in (Job.WAITING, Job.RUNNING) else ""
    return Line(
        job, ends_of(job.kind, job.arguments), job.parts_all, job.parts_done, job.attempts or 0, rows, seconds,
        told or "",
    )  # fmt: skip


def record(line: Line) -> dict[str, Any]:
    """The job as the API lists it."""
    job = line.job
    return {
        "job": job.pk, "kind": job.kind, "state": job.state, "verdict": job.verdict or None,
        "source": job.source or None, "target": job.target or None,
        "schedule": job.schedule.name if job.schedule else None, "made": job.made_at, "begun": job.begun_at,
        "ended": job.ended_at, "parts": line.parts, "done": line.done, "attempts": line.attempts, "rows": line.rows,
        "told": line.told or None, "error": job.error or None, "hint": job.hint or None,
    }  # fmt: skip


def page(
    rights: Any,
    *,
    before: int | None = None,
    kind: str = "",
    state: str = "",
    target: str = "",
    schedule: int | None = None,
    size: int = PAGE,
) -> tuple[list[Line], int | None]:
    """The newest jobs that may be seen, and the number before which the next page begins. Looks
    at the fleet's health are left out unless they are asked for."""  # fmt: skip
    found = Job.objects.order_by("-id")
    if before is not None:
        found = found.filter(pk__lt=before)
    if kind:
        found = found.filter(kind=kind)
    elif schedule is None:
        found = found.exclude(kind__in=_ROUTINE)
    if state:
        found = found.filter(Q(state=state) | Q(state=Job.DONE, verdict=state))
    if target:
        names = Q(source=target) | Q(target=target) | Q(source__startswith=f"{target}.")
        found = found.filter(names | Q(target__startswith=f"{target}."))
    if schedule is not None:
        found = found.filter(schedule_id=schedule)
    seen = (each for each in found.only("kind", "arguments")[:_LOOKED] if may.sees(rights, each.kind, each.arguments))
    numbers = [each.pk for each in islice(seen, size + 1)]
    now = making.now()
    lines = [line(each, now) for each in counted(Job.objects.filter(pk__in=numbers[:size])).order_by("-id")]
    return lines, numbers[size - 1] if len(numbers) > size else None


_ROUTINE: Final = ("health", "log")
"""Kinds that stand in the list where they are asked for: what they found is elsewhere."""


def jobs_of(rights: Any, target: str) -> list[Line]:
    """The newest jobs of a target."""
    return page(rights, target=target, size=8)[0]


def schedules(rights: Any) -> list[Schedule]:
    """The schedules that may be seen, what is wrong first."""
    found = [each for each in Schedule.objects.order_by("name") if may.sees(rights, each.kind, each.arguments)]
    return sorted(found, key=lambda each: _place("paused" if each.paused else each.state))


def last_ended(numbers: Sequence[int]) -> dict[int, datetime]:
    """When the last job of each of these schedules ended, in one query."""
    found = Job.objects.filter(schedule_id__in=numbers, ended_at__isnull=False).order_by("schedule_id", "-id")
    return dict(found.distinct("schedule_id").values_list("schedule_id", "ended_at"))


def _place(state: str) -> int:
    known: Sequence[str] = WORST
    return known.index(state) if state in known else 0
