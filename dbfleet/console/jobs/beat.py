"""Beat: django-celery-beat's database scheduler, which rings for each schedule when it is due.

It decides nothing: what is due, and whether it was done, stands in the control database (jobs/making.py). So a second
beat doubles nothing, and one that rings at a wrong hour on the day on which the clocks change rings for nothing.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connections
from django.db.utils import Error as DatabaseError
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from dbfleet.console import pulse
from dbfleet.console.control import away
from dbfleet.console.models import Schedule

log = logging.getLogger("dbfleet.beat")

_PULSE_S = 5.0
_SET_BACK: Final = timedelta(minutes=1)


class Scheduler(DatabaseScheduler):
    """The scheduler, which says that it is alive, and outlives a control database that is away."""

    _told = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Ring for what is due. Seconds until the next look."""
        try:
            if time.monotonic() - self._told > _PULSE_S:
                self._told = time.monotonic()
                pulse.beat("beat", "beat")
                self._clock_set_back()
            return min(float(super().tick(*args, **kwargs)), _PULSE_S)
        except DatabaseError as error:
            log.warning("%s: %s", away.words(error)[0], away.first_line(error))
            connections.close_all()
            return _PULSE_S

    def _clock_set_back(self) -> None:
        """Ring from now on where the last rings lie ahead: it would be silent until this machine's clock is there."""
        now = datetime.now(UTC)
        ahead = [each for each in self.schedule.values() if each.last_run_at - now > _SET_BACK]
        if not ahead:
            return
        log.warning("this machine's clock was set back: %d schedules are rung for from now on", len(ahead))
        for entry in ahead:
            entry.last_run_at = entry.model.last_run_at = now
        self._heap = None  # the base class makes it anew from the entries


def attach(schedule: Schedule) -> None:
    """Let beat ring for the schedule."""
    task, _ = PeriodicTask.objects.get_or_create(
        name=f"schedule {schedule.pk}", defaults={"task": "dbfleet.tick", **_when(schedule)}
    )
    for field, value in {**_when(schedule), "args": json.dumps([schedule.pk]), "queue": "dbfleet",
                         "expire_seconds": 300, "enabled": not schedule.paused,
                         "description": schedule.name}.items():  # fmt: skip
        setattr(task, field, value)
    task.save()
    schedule.ring = task
    schedule.save(update_fields=["ring"])


def detach(schedule: Schedule) -> None:
    """No ring any more."""
    PeriodicTask.objects.filter(name=f"schedule {schedule.pk}").delete()


def _when(schedule: Schedule) -> dict[str, Any]:
    if schedule.every_s:
        interval, _ = IntervalSchedule.objects.get_or_create(every=schedule.every_s, period=IntervalSchedule.SECONDS)
        return {"interval": interval, "crontab": None}
    minute, hour, day, month, weekday = schedule.cron.split(" ")
    crontab, _ = CrontabSchedule.objects.get_or_create(
        minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday,
        timezone=schedule.time_zone,
    )  # fmt: skip
    return {"crontab": crontab, "interval": None}
