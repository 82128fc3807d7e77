"""How a job comes into being: every slot once, and none in silence."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections

from dbfleet.console.desk import Desk
from dbfleet.console.jobs import making
from dbfleet.console.models import Job, Schedule
from dbfleet.errors import AlreadyExists, NotFound, UsageError


def schedule_of(desk: Desk, *, every: str = "1m", back_s: float = 0.0) -> Schedule:
    """A schedule that began so many seconds ago, and was looked after until then."""
    desk.add_schedule("health", {}, every=every, name="watch")
    found: Schedule = Schedule.objects.get(name="watch")
    found.anchor -= timedelta(seconds=back_s)
    found.last_slot = found.anchor
    found.save()
    return found


def test_two_beats_make_one_job(desk: Desk) -> None:
    schedule = schedule_of(desk, back_s=60)

    def ring() -> None:
        making.tick(schedule.pk)
        connections.close_all()

    threads = [threading.Thread(target=ring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Job.objects.filter(schedule=schedule).count() == 1


def test_the_first_slot_is_the_moment_at_which_it_is_made(desk: Desk) -> None:
    desk.add_schedule("health", {}, every="1h")
    schedule = Schedule.objects.get()
    assert [job.state for job in making.tick(schedule.pk)] == ["waiting"]
    assert making.tick(schedule.pk) == []


def test_slots_that_nobody_noticed_are_rows(desk: Desk) -> None:
    schedule = schedule_of(desk, back_s=185)  # three slots are due, the newest five seconds ago
    made = making.tick(schedule.pk)
    assert [job.state for job in made] == ["overdue", "overdue", "waiting"]
    assert [job.slot - schedule.anchor for job in made] == [timedelta(minutes=number) for number in (1, 2, 3)]
    schedule.refresh_from_db()
    assert schedule.state == "overdue"


def test_a_weekend_without_beat_is_told_in_few_rows_with_its_number(desk: Desk) -> None:
    schedule = schedule_of(desk, every="5s", back_s=2 * 86400)
    made = making.tick(schedule.pk)
    assert len(made) == 201
    assert "before it" in made[0].error
    assert Job.objects.filter(schedule=schedule).count() == 201


def test_a_cron_line_is_not_made_up_for_hours_later(desk: Desk) -> None:
    desk.add_schedule("health", {}, cron="0 3 * * *", name="night")
    schedule = Schedule.objects.get(name="night")
    schedule.anchor -= timedelta(days=2)
    schedule.last_slot = schedule.anchor
    schedule.save()
    at = making.now()
    late = (at - at.replace(hour=3, minute=0, second=0, microsecond=0)) % timedelta(days=1)
    made = making.tick(schedule.pk)
    assert len(made) == 2
    assert made[-1].state == ("overdue" if late > timedelta(minutes=5) else "waiting")


def test_a_job_is_not_made_while_the_one_before_runs(desk: Desk) -> None:
    schedule = schedule_of(desk, back_s=60)
    assert [job.state for job in making.tick(schedule.pk)] == ["waiting"]
    schedule.refresh_from_db()
    schedule.last_slot -= timedelta(seconds=60)
    schedule.anchor -= timedelta(seconds=30)  # the next slots are half a minute away from the first
    schedule.save()
    made = making.tick(schedule.pk)
    assert made[-1].state == "overdue"
    assert "had not ended" in made[-1].error


def test_a_pause_is_neither_made_up_for_nor_overdue(desk: Desk) -> None:
    schedule = schedule_of(desk, back_s=300)
    desk.pause_schedule("watch")
    assert making.tick(schedule.pk) == []
    desk.pause_schedule("watch", False)
    assert making.tick(schedule.pk) == []


def test_what_nobody_looks_after_is_shown_as_overdue(desk: Desk) -> None:
    schedule_of(desk, back_s=3600)
    (shown,) = desk.schedules()
    assert shown["state"] == "overdue"


def test_the_same_schedule_twice(desk: Desk) -> None:
    desk.add_schedule("dump", {"target": "a"}, every="1h")
    with pytest.raises(AlreadyExists):
        desk.add_schedule("dump", {"target": "a"}, every="2h")
    desk.add_schedule("dump", {"target": "a"}, every="2h", name="another")
    assert len(desk.schedules()) == 2


def test_beat_is_told_of_each_schedule_and_of_its_end(desk: Desk) -> None:
    from django_celery_beat.models import PeriodicTask

    desk.add_schedule("dump", {"target": "a"}, cron="*/5 2-4 * * 1-5", time_zone="Europe/Berlin", name="x")
    task = PeriodicTask.objects.get()
    assert task.enabled
    assert str(task.crontab.timezone) == "Europe/Berlin"
    desk.pause_schedule("x")
    assert not PeriodicTask.objects.get().enabled
    desk.remove_schedule("x")
    assert not PeriodicTask.objects.exists()
    with pytest.raises(NotFound):
        desk.remove_schedule("x")


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("dump", {}),
        ("dump", {"target": "nowhere"}),
        ("dump", {"target": "a", "format": "xml"}),
        ("dump", {"target": "a", "keep": 0}),
        ("dump", {"target": "a", "keep": "many"}),
        ("dump", {"target": "a", "colour": "red"}),
        ("dump", {"target": "postgresql://me:secret@host/db"}),
        ("copy", {"source": "a"}),
        ("copy", {"source": "a", "sink": "c", "mode": "merge"}),
        ("copy", {"source": "a", "sink": "c.orders"}),
        ("load", {"target": "a"}),
        ("health", {"targets": ["a", "zebra"]}),
        ("command", {"command": []}),
        ("command", {"command": "ls; rm -rf /"}),
        ("command", {"command": ["--version"]}),
        ("command", {"command": ["console"]}),
        ("nothing", {}),
    ],
)
def test_what_a_schedule_cannot_do_is_refused_when_it_is_made(
    desk: Desk, kind: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(UsageError) as caught:
        desk.add_schedule(kind, arguments, every="1h")
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"
    assert not Schedule.objects.exists()


def test_a_command_of_many_words_is_a_job_and_a_schedule(desk: Desk) -> None:
    """A job's row names its target in 300 characters; the command stands whole in its arguments."""
    command = ["query", "a", f"select '{'x' * 1000}'"]
    assert Job.objects.get(pk=desk.make_job("command", {"command": command})).arguments == {"command": command}
    desk.add_schedule("command", {"command": command}, every="1m", name="long")
    made = making.tick(Schedule.objects.get(name="long").pk)
    assert [job.state for job in made] == ["waiting"]
