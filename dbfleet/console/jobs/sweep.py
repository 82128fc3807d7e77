"""What was lost is found: every SWEEP_S, by whichever worker comes first (a lock: control/locks.py).

A job that waits, or whose worker is gone, is rung for again. A schedule that is due and that nobody rang for is worked
on, so a beat that is away costs SWEEP_S. A part that was given to a worker MOST_ATTEMPTS times ends its job. Notices
that are due are sent. Old rows go, and samples are summed up.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db import connection

from dbfleet.console import notices, watch
from dbfleet.console.control import locks
from dbfleet.console.jobs import claims, ending, kinds, making
from dbfleet.console.models import Job, Part, Pulse, Schedule

SWEEP_S: Final = 15.0
_LOCK: Final = 0x6462666C65657403
_QUIET_S: Final = 5.0
"""A job this young was just rung for."""
_GONE_S: Final = 60.0

log = logging.getLogger("dbfleet.jobs")


def sweep() -> bool:
    """Look after everything once. False where another worker does it right now."""
    if not locks.taken(_LOCK):
        if not locks.end_frozen(_LOCK):
            return False
        log.warning("the worker that looked after everything is frozen, or cut off: its turn is over")
        if not locks.taken(_LOCK):
            return False
    try:
        _give_up()
        _ring()
        _tick()
        notices.release(making.now())
        _forget()
    finally:
        locks.give_back(_LOCK)
    notices.start_sending()
    return True


def _ring() -> None:
    """Ring for every job that has a part which nobody holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT j.id FROM console_job j JOIN console_part p ON p.job_id = j.id
             WHERE j.state IN ('waiting', 'running') AND j.made_at < clock_timestamp() - make_interval(secs => %s)
               AND (p.state = 'waiting' OR (p.state = 'running' AND {claims.PASSED}))
             ORDER BY j.id LIMIT 200
            """,
            [_QUIET_S],
        )
        found = [row[0] for row in cursor.fetchall()]
    for job in Job.objects.filter(pk__in=found).order_by("pk"):
        if not making.ring(job):
            return


def _give_up() -> None:
    """End the jobs that nobody can do, and take the end of those that were cancelled before anybody began."""
    left = Part.objects.filter(state=Part.RUNNING).extra(where=[claims.PASSED])  # noqa: S610 - a constant of ours
    spent = left.filter(lead=True, attempts__gte=claims.MOST_ATTEMPTS).values_list("job_id", flat=True)
    for job in Job.objects.filter(state__in=[Job.WAITING, Job.RUNNING], pk__in=list(spent)):
        ending.given_up(job, f"it was begun {claims.MOST_ATTEMPTS} times, and its worker died each time")
    for job in Job.objects.filter(state__in=[Job.WAITING, Job.RUNNING]).exclude(cancel_asked_by=""):
        if job.parts.filter(state=Part.RUNNING).count() == left.filter(job=job).count():
            ending.given_up_as_cancelled(job)


def _tick() -> None:
    for schedule in Schedule.objects.filter(paused=False).order_by("pk"):
        making.tick(schedule.pk)


def _forget() -> None:
    """Remove what is too old: ended jobs by their kind's days, pulses of workers that are gone, old samples."""
    at = making.now()
    for name in kinds.NAMES:
        old = Job.objects.filter(
            kind=name, state__in=Job.ENDED, ended_at__lt=at - timedelta(days=kinds.kind(name).kept_days)
        )
        old.delete()
    Pulse.objects.filter(role="worker", at__lt=at - timedelta(seconds=_GONE_S)).delete()
    watch.roll_up(at)
