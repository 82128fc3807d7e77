"""What becomes of a job that ends: its part, its row, its receipt and its schedule, in one transaction, and only for
who holds the part's token."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.dateparse import parse_datetime

from dbfleet.console import chain, notices, watch
from dbfleet.console.jobs import claims, making
from dbfleet.console.jobs.claims import Claim
from dbfleet.console.jobs.kinds import Outcome
from dbfleet.console.models import Job, Part, Schedule
from dbfleet.errors import DbfleetError


def done(job: Job, claim: Claim, outcome: Outcome) -> bool:
    """The op came to its end. Whether it counts: False where the part is another worker's by now."""
    with transaction.atomic():
        if not claims.finish(claim, Part.DONE, rows=outcome.rows, result=_plain(outcome.result)):
            return False
        at = _end(job, Job.DONE, rows=outcome.rows, verdict=outcome.verdict, error=outcome.error,
                  result=_plain(outcome.result))  # fmt: skip
        if job.kind == "health":
            watch.record(outcome.result, at)
        _statement(job, "done", rows=outcome.rows)
        if outcome.receipt is not None:
            chain.receipt(
                {"job": job.pk, **outcome.receipt}, who=job.made_by, kind=job.kind, job=job.pk, source=job.source,
                target=job.target, same=outcome.same, rows=outcome.rows,
            )  # fmt: skip
        through = parse_datetime(outcome.verified_through) if outcome.verified_through else None
        _tell_schedule(job, outcome.verdict or "ok", at, through)
    return True


def failed(job: Job, claim: Claim, error: BaseException) -> bool:
    """The op raised an error."""
    message, hint = _words(error)
    message, hint = message.replace("\0", "�"), hint.replace("\0", "�")
    with transaction.atomic():
        if not claims.finish(claim, Part.FAILED, error=message):
            return False
        at = _end(job, Job.FAILED, error=message, hint=hint, trouble=type(error).__name__[:40])
        _statement(job, "failed", error=message)
        _tell_schedule(job, "failed", at, None)
    return True


def cancelled(job: Job, claim: Claim) -> bool:
    """Somebody has cancelled it."""
    with transaction.atomic():
        if not claims.finish(claim, Part.FAILED, error="cancelled"):
            return False
        why = f"cancelled by {job.cancel_asked_by}" if job.cancel_asked_by else "cancelled"
        _end(job, Job.CANCELLED, error=why)
        _statement(job, "cancelled", error=why)
    return True


def given_up(job: Job, why: str) -> bool:
    """Nobody can do it. Without a token: only where no worker holds a part of it."""
    with transaction.atomic():
        locked = Job.objects.select_for_update().filter(pk=job.pk, state__in=[Job.WAITING, Job.RUNNING]).first()
        if locked is None:
            return False
        at = _end(locked, Job.FAILED, error=why)
        _statement(locked, "failed", error=why)
        _tell_schedule(locked, "failed", at, None)
    return True


def given_up_as_cancelled(job: Job) -> bool:
    """It was cancelled, and no worker holds a part of it."""
    with transaction.atomic():
        locked = Job.objects.select_for_update().filter(pk=job.pk, state__in=[Job.WAITING, Job.RUNNING]).first()
        if locked is None:
            return False
        _end(locked, Job.CANCELLED, error=f"cancelled by {job.cancel_asked_by}")
        _statement(locked, "cancelled", error=f"cancelled by {job.cancel_asked_by}")
    return True


def _end(job: Job, state: str, **facts: Any) -> datetime:
    at = making.now()
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=at, **facts)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE console_part SET state = 'dropped', token = NULL, lease_until = NULL, ended_at = clock_timestamp() "
            "WHERE job_id = %s AND state IN ('waiting', 'running')",
            [job.pk],
        )
    return at


def _statement(job: Job, outcome: str, *, rows: int = 0, error: str = "") -> None:
    """What came of a statement is in the chain as its beginning is, whoever may change the job's row later."""
    if job.kind == "statement":
        body: dict[str, Any] = {"did": "end", "job": job.pk, "outcome": outcome, "rows": rows}
        body |= {"error": error} if error else {}
        chain.append("statement", who=job.made_by, target=job.target, body=body)


def _tell_schedule(job: Job, state: str, at: datetime, through: datetime | None) -> None:
    if job.schedule_id is None:
        return
    schedule = Schedule.objects.select_for_update(of=("self",)).filter(pk=job.schedule_id).first()
    if schedule is None:
        return
    if schedule.state != state:
        job.refresh_from_db(fields=["state", "verdict", "error", "result"])
        notices.schedule_changed(schedule, schedule.state, state, at, job)
        schedule.state, schedule.state_since = state, at
    if through is not None and (schedule.verified_through is None or through > schedule.verified_through):
        schedule.verified_through = through
    schedule.save(update_fields=["state", "state_since", "verified_through"])


def _plain(value: Any) -> Any:
    """The value as jsonb keeps it: without the character U+0000, which PostgreSQL refuses there."""
    if isinstance(value, str):
        return value.replace("\0", "�") if "\0" in value else value
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _words(error: BaseException) -> tuple[str, str]:
    """An error and its hint, as a job keeps them."""
    if isinstance(error, DbfleetError):
        where = f"{error.target}: " if error.target and not error.message.startswith(error.target) else ""
        return where + error.message, error.hint or ""
    return f"a bug: {''.join(traceback.format_exception_only(error)).strip()}", "the worker's log has the traceback"
