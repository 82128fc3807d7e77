"""What jobs may take of a target: so many at a time, and nothing in quiet hours."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connections

from dbfleet.console import budgets
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import claims, making
from dbfleet.console.models import Budget, Job, Part, Schedule
from dbfleet.errors import UsageError


def dump_of(target: str) -> Job:
    return making.make("dump", {"target": target, "directory": "/tmp/x"}, by="test")


def why(job: Job) -> str:
    return str(Part.objects.get(job=job, lead=True).told)


def test_a_job_waits_while_its_target_has_all_that_it_may_have(desk: Desk) -> None:
    Budget.objects.create(target="a", jobs=1)
    first, second, other = dump_of("a"), dump_of("a"), dump_of("c")
    assert claims.begin(first.pk)
    assert not claims.begin(second.pk)
    assert claims.begin(other.pk)
    assert why(second) == f"waits: a may have 1 at a time, and has job {first.pk}"
    Job.objects.filter(pk=first.pk).update(state="done")
    assert claims.begin(second.pk)


def test_many_workers_at_once_begin_no_more_than_the_budget_allows(desk: Desk) -> None:
    Budget.objects.create(target="a", jobs=2)
    jobs = [dump_of("a") for _ in range(8)]
    begun = []

    def begin(job: Job) -> None:
        begun.append(claims.begin(job.pk))
        connections.close_all()

    threads = [threading.Thread(target=begin, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == [False] * 6 + [True] * 2


def test_a_copy_counts_for_both_of_its_targets(desk: Desk) -> None:
    Budget.objects.create(target="c", jobs=1)
    copy = making.make("copy", {"source": "a.orders", "sink": "c", "collections": []}, by="test")
    assert claims.begin(copy.pk)
    assert not claims.begin(dump_of("c").pk)
    assert claims.begin(dump_of("a").pk)


def test_a_budget_of_a_pattern_is_each_target_s(desk: Desk) -> None:
    Budget.objects.create(target="*", jobs=1)
    assert claims.begin(dump_of("a").pk)
    assert claims.begin(dump_of("c").pk)
    assert not claims.begin(dump_of("a").pk)


def test_looking_after_health_is_never_held(desk: Desk) -> None:
    Budget.objects.create(target="*", jobs=0, quiet_from=time(0, 0), quiet_to=time(23, 59, 59))
    assert claims.begin(making.make("health", {"targets": []}, by="test").pk)
    assert not claims.begin(dump_of("a").pk)


def test_a_slot_that_comes_while_a_budget_holds_the_one_before_is_cancelled_and_not_overdue(desk: Desk) -> None:
    Budget.objects.create(target="a", jobs=0)
    desk.add_schedule("dump", {"target": "a", "directory": "/tmp/x"}, every="1m", name="d")
    schedule = Schedule.objects.get()
    (job,) = making.tick(schedule.pk)
    assert not claims.begin(job.pk)
    back = schedule.anchor - timedelta(minutes=1)
    Schedule.objects.update(anchor=back, last_slot=back)  # the slot of now is due again, and the job is still there
    Job.objects.update(slot=back)
    made = making.tick(schedule.pk)
    assert {each.state for each in made} == {"cancelled"}
    assert "budget" in made[-1].error


QUIET = Budget(target="a", quiet_from=time(22, 0), quiet_to=time(6, 0), time_zone="Europe/Berlin")
NOON = Budget(target="a", quiet_from=time(11, 0), quiet_to=time(13, 0), time_zone="UTC")
SKIPPED = Budget(target="a", quiet_from=time(1, 0), quiet_to=time(2, 30), time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("budget", "now", "until"),
    [
        pytest.param(QUIET, "2026-01-10T20:59:59", None, id="before"),
        pytest.param(QUIET, "2026-01-10T21:00:00", "2026-01-11T05:00:00", id="its first moment"),
        pytest.param(QUIET, "2026-01-11T00:30:00", "2026-01-11T05:00:00", id="after midnight"),
        pytest.param(QUIET, "2026-01-11T05:00:00", None, id="its end is not in it"),
        pytest.param(QUIET, "2026-03-28T23:00:00", "2026-03-29T04:00:00", id="an hour is skipped"),
        pytest.param(QUIET, "2026-10-24T22:00:00", "2026-10-25T05:00:00", id="an hour comes twice"),
        pytest.param(NOON, "2026-01-10T12:00:00", "2026-01-10T13:00:00", id="within a day"),
        pytest.param(NOON, "2026-01-10T14:00:00", None, id="after it"),
        pytest.param(SKIPPED, "2026-03-29T00:30:00", "2026-03-29T01:00:00", id="an end that is skipped is the jump"),
        pytest.param(SKIPPED, "2026-10-25T00:15:00", "2026-10-25T00:30:00", id="02:15 the first time"),
        pytest.param(SKIPPED, "2026-10-25T00:45:00", None, id="02:45 the first time is not quiet"),
        pytest.param(SKIPPED, "2026-10-25T01:15:00", "2026-10-25T01:30:00", id="02:15 the second time is quiet again"),
    ],
)  # fmt: skip
def test_quiet_hours_by_the_wall_clock_of_their_zone(budget: Budget, now: str, until: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    wanted = None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert budgets.quiet_until(budget, moment) == wanted


@pytest.mark.parametrize(("begin", "end"), [("22:00", ""), ("25:00", "06:00"), ("x", "y"), ("06:00", "06:00")])
def test_quiet_hours_that_are_none_are_refused(begin: str, end: str) -> None:
    with pytest.raises(UsageError):
        budgets.quiet_times(begin, end)


def test_the_strictest_statement_timeout_counts(desk: Desk) -> None:
    Budget.objects.create(target="*", statement_s=60)
    Budget.objects.create(target="a", statement_s=5)
    assert (budgets.statement_s("a"), budgets.statement_s("c")) == (5, 60)
