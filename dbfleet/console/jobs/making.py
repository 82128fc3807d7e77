"""How a job comes into being: asked for by somebody, or due by a schedule. Then workers are called to it.

A slot of a schedule becomes a row once (a unique constraint), however often and by whom it is noticed. A slot that
nobody noticed in time becomes a row too, with the state `overdue`: silence is no answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from dbfleet.console import budgets, chain, notices
from dbfleet.console.jobs import beat, kinds
from dbfleet.console.jobs.slots import Rhythm
from dbfleet.console.models import Entry, Job, Part, Schedule

_MOST_OVERDUE: Final = 200
"""So many missed slots of one schedule become rows at once; the oldest row then says how many there were before."""

_SET_BACK_S: Final = 60.0
"""A slot on record that lies so far ahead: the control database's clock was set back."""

_HEALTH_S: Final = 30

log = logging.getLogger("dbfleet.jobs")


def now() -> datetime:
    """The control database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def make(
    kind: str,
    arguments: Mapping[str, Any],
    *,
    by: str,
    schedule: Schedule | None = None,
    slot: datetime | None = None,
    resumes: bool = False,
) -> Job:
    """A job and its first part, on record; workers are called when the transaction is."""
    what = kinds.kind(kind)
    source, target = _ends(kind, arguments)
    with transaction.atomic():
        job: Job = Job.objects.create(
            kind=kind, arguments=dict(arguments), source=source, target=target, made_by=by, made_at=now(),
            schedule=schedule, slot=slot, resumes=resumes,
        )  # fmt: skip
        Part.objects.create(job=job, number=0, lead=True, what=kind, needs=what.needs)
        transaction.on_commit(lambda: ring(job))
    return job


def _ends(kind: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """Source and target, as far as a job's row has place for them: a command's are its words."""
    source, target = kinds.kind(kind).ends(arguments)
    return source[:300], target[:300]


def ring(job: Job, *, times: int = 1) -> bool:
    """Call workers to the job."""
    from dbfleet.console.jobs.app import ring as send

    handed_on = job.parts.filter(lead=True, needs="host").exists()
    return send(job.pk, times=times, host=handed_on)


def first_schedule() -> None:
    """Let a console that is new look at the fleet's health; whoever does not want it pauses or removes it, and it does
    not come again."""
    with transaction.atomic():
        if Entry.objects.exists() or Schedule.objects.exists():
            return
        at = now()
        schedule = Schedule.objects.create(
            name="health", kind="health", arguments={"targets": []}, every_s=_HEALTH_S, anchor=at, made_by="dbfleet",
            made_at=at,
        )  # fmt: skip
        beat.attach(schedule)
        chain.append("schedule", who="dbfleet", body={"did": "add", "schedule": "health", "kind": "health"})


def rhythm(schedule: Schedule) -> Rhythm:
    """When the schedule is due."""
    return Rhythm(schedule.anchor, schedule.every_s, schedule.cron, schedule.time_zone)


def tick(schedule_id: int) -> list[Job]:
    """Put on record every slot of the schedule that is due by now. The newest becomes a job if it is not too late for
    it and the job before has ended; all others are overdue, or cancelled where that one waits for a budget
    (console/budgets.py). Returns the rows that are new."""
    made: list[Job] = []
    with transaction.atomic():
        schedule = Schedule.objects.select_for_update(of=("self",)).filter(pk=schedule_id).first()
        if schedule is None or schedule.paused:
            return []
        at = now()
        _clock_set_back(schedule, at)
        beats = rhythm(schedule)
        slots = beats.due(schedule.last_slot or schedule.anchor - timedelta(seconds=1), at)
        if not slots:
            return []
        still = schedule.jobs.filter(state__in=[Job.WAITING, Job.RUNNING]).order_by("-id").first()
        *missed, newest = slots
        why, held = "", False
        if (at - newest).total_seconds() > beats.grace_s:
            why = f"nobody noticed it until {at:%F %T} UTC"
        elif still is not None:
            held = budgets.waits(still)
            why = f"the job before, {still.pk}, " + ("waits for its targets' budget" if held else "had not ended")
        before = len(missed) - _MOST_OVERDUE
        for number, slot in enumerate(missed[max(0, before) :]):
            told = "nobody noticed it in time" + (f", nor {before:,} before it" if before > 0 and not number else "")
            made += _overdue(schedule, slot, told, at)
        if why:
            made += _overdue(schedule, newest, why, at, Job.CANCELLED if held else Job.OVERDUE)
        else:
            try:
                with transaction.atomic():
                    made.append(
                        make(schedule.kind, schedule.arguments, by=f"schedule {schedule.name}", schedule=schedule,
                             slot=newest)
                    )  # fmt: skip
            except IntegrityError:
                log.info("slot %s of %s is on record already", newest, schedule.name)
        schedule.last_slot = newest
        late = [job for job in made if job.state == Job.OVERDUE]
        if _alone(schedule, late, still):
            late = []
        if late and schedule.state != "overdue":
            notices.schedule_changed(schedule, schedule.state, "overdue", at, late[-1])
            schedule.state, schedule.state_since = "overdue", at
        schedule.save(update_fields=["last_slot", "state", "state_since"])
    return made


def _clock_set_back(schedule: Schedule, at: datetime) -> None:
    """Let an interval begin anew where its newest slot lies ahead: it would rest until the clock has come there. A
    cron line's hours come again then, and are done once, as on the day on which the clocks change."""
    ahead = ((schedule.last_slot or schedule.anchor) - at).total_seconds()
    if not schedule.every_s or ahead <= max(_SET_BACK_S, schedule.every_s):
        return
    log.warning("the clock was set back by %d s or more: %s begins anew", ahead, schedule.name)
    body = {"did": "begin anew", "schedule": schedule.name, "why": f"the clock was set back by {ahead:.0f} s or more"}
    chain.append("schedule", who="dbfleet", body=body)
    schedule.anchor = schedule.last_slot = at
    schedule.save(update_fields=["anchor", "last_slot"])


def _alone(schedule: Schedule, late: list[Job], still: Job | None) -> bool:
    """Whether one slot was passed over because the job before took a little longer: that is on record, and the schedule
    is overdue with the second one in a row."""
    if len(late) != 1 or still is None:
        return False
    before = schedule.jobs.filter(slot__lt=late[0].slot).order_by("-slot").values_list("state", flat=True).first()
    return before != Job.OVERDUE


def _overdue(schedule: Schedule, slot: datetime, why: str, at: datetime, state: str = Job.OVERDUE) -> list[Job]:
    source, target = _ends(schedule.kind, schedule.arguments)
    try:
        with transaction.atomic():
            return [
                Job.objects.create(
                    kind=schedule.kind, arguments=schedule.arguments, source=source, target=target, schedule=schedule,
                    slot=slot, state=state, made_by=f"schedule {schedule.name}", made_at=at, ended_at=at,
                    error=why,
                )
            ]  # fmt: skip
    except IntegrityError:
        return []
