"""What jobs may take of a target (models.Budget): so many jobs at a time, nothing in its quiet hours, each statement so
many seconds.

A job is begun only where every target of it has room; else it waits, says why, and is rung for again by the sweep. A
job that runs when quiet hours begin goes to its end. Looking after health is no load and is never held.

Quiet hours are local times of the budget's zone, and may go over midnight. A moment is quiet if the wall clock says so:
on the day on which the clocks change a skipped hour is not waited for, and one that comes twice is quiet twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from dbfleet.console.jobs import kinds
from dbfleet.console.models import Budget, Job, Part

_LOCK: Final = 0x6462666C65657404
"""The advisory lock under which jobs of targets with a budget begin, or two would take the last place."""
WAITS: Final = "waits: "
"""How the words begin by which a part says that its job may not begin yet."""


def targets_of(kind: str, arguments: Mapping[str, Any]) -> list[str]:
    """The targets that a job with these arguments works on, without their collections."""
    found: dict[str, None] = {}
    for end in kinds.kind(kind).loads(arguments):
        for name in end.split(","):
            if name.strip():
                found[name.strip().partition(".")[0]] = None
    return list(found)


def of_targets(targets: Iterable[str], budgets: Sequence[Budget]) -> list[tuple[str, Budget]]:
    """The budgets of these targets: a budget's own target is a name, or a pattern (`*`, `prod-*`)."""
    return [(name, each) for name in targets for each in budgets if fnmatchcase(name, each.target)]


def quiet_until(budget: Budget, moment: datetime) -> datetime | None:
    """The end of the quiet hours that the moment is in, in UTC; None where it is in none."""
    begin, end = budget.quiet_from, budget.quiet_to
    if begin is None or end is None or begin == end:
        return None
    zone = ZoneInfo(budget.time_zone)
    local = moment.astimezone(zone)
    now = local.time()
    if not (begin <= now < end if begin < end else now >= begin or now < end):
        return None
    day = local.date() + timedelta(days=1 if begin > end and now >= begin else 0)
    return _instant(datetime.combine(day, end), zone, moment)


def _instant(local: datetime, zone: ZoneInfo, after: datetime) -> datetime:
    """The first instant behind `after` at which clocks of the zone show this time or, if it is skipped, a later one."""
    for fold in (0, 1):
        found = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if found > after.astimezone(UTC):
            break
    if found.astimezone(zone).replace(tzinfo=None) != local:  # skipped: the clocks jump over it
        # Of the two readings the earlier instant shows the time before the jump: quiet ends with the jump itself.
        low, high = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (low, middle) if middle.astimezone(zone).replace(tzinfo=None) >= local else (middle, high)
        found = high.replace(microsecond=0)
    return found


def why_not(job: Job, moment: datetime) -> str:
    """Why the job may not begin at this moment, in words; empty where it may. Ask it under `alone`."""
    targets = targets_of(job.kind, job.arguments)
    budgets = of_targets(targets, list(Budget.objects.all()))
    if not budgets:
        return ""
    for name, budget in budgets:
        until = quiet_until(budget, moment)
        if until is not None:
            end = until.astimezone(ZoneInfo(budget.time_zone))
            return f"{WAITS}quiet hours of {name} until {end:%H:%M} {budget.time_zone}"
    running = [
        (each.pk, targets_of(each.kind, each.arguments))
        for each in Job.objects.filter(state=Job.RUNNING).only("kind", "arguments")
    ]
    for name, budget in budgets:
        there = [pk for pk, names in running if name in names]
        if budget.jobs is not None and len(there) >= budget.jobs:
            shown = ", ".join(map(str, there[:5]))
            return f"{WAITS}{name} may have {budget.jobs} at a time, and has job {shown}"
    return ""


def alone() -> None:
    """Until the transaction's end no other job begins that a budget may hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def tell(job: int, why: str) -> None:
    """Let the job's lead say why it waits."""
    Part.objects.filter(job_id=job, lead=True, state=Part.WAITING).exclude(told=why).update(told=why[:300])


def waits(job: Job) -> bool:
    """Whether a budget holds the job."""
    return bool(job.state == Job.WAITING and job.parts.filter(lead=True, told__startswith=WAITS).exists())


def statement_s(target: str) -> float | None:
    """How long a statement on the target may take; None where nobody has said."""
    found = [each.statement_s for _, each in of_targets([target], list(Budget.objects.all())) if each.statement_s]
    return min(found, default=None)


def quiet_times(begin: str, end: str) -> tuple[time | None, time | None]:
    """Quiet hours as a person types them: 22:00 and 06:00, or nothing. UsageError for what is none."""
    if not begin.strip() and not end.strip():
        return None, None
    try:
        first, last = (time.fromisoformat(each.strip()) for each in (begin, end))
    except ValueError:
        kinds.refuse("quiet hours are two times of the day", "22:00 and 06:00")
    if first == last:
        kinds.refuse("quiet hours that end when they begin are none", "leave both empty for none")
    return first, last
