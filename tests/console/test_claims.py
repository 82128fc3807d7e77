"""Who does a part: tokens and leases."""

from __future__ import annotations

import threading
import time

from console_servers import until
from django.db import connection, connections

from dbfleet.console.desk import Desk
from dbfleet.console.jobs import claims, ending, kinds
from dbfleet.console.jobs.claims import Claim
from dbfleet.console.models import Entry, Job, Part


def job_of(desk: Desk, parts: int = 1) -> Job:
    job = Job.objects.get(pk=desk.make_job("health", {}))
    for number in range(1, parts):
        Part.objects.create(job=job, number=number)
    assert claims.begin(job.pk)
    return job


def test_a_part_is_given_to_one_worker_however_many_ask(desk: Desk) -> None:
    job = job_of(desk, parts=40)
    got: list[Claim] = []

    def ask(name: str) -> None:
        while (found := claims.claim(job.pk, name, ["host"])) is not None:
            got.append(found)
        connections.close_all()

    threads = [threading.Thread(target=ask, args=(f"worker {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.number for each in got) == list(range(40))
    assert len({each.token for each in got}) == 40


def test_a_part_whose_lease_has_passed_is_another_s_and_counts_once(desk: Desk) -> None:
    job = job_of(desk)
    frozen = claims.claim(job.pk, "frozen", [], lease_s=0.2)
    assert frozen is not None
    assert claims.claim(job.pk, "eager", []) is None
    until(lambda: claims_again(job.pk), "the lease has passed")
    other = Claim(**{**vars_of(frozen), "token": Part.objects.get(pk=frozen.part).token})
    assert claims.renew(frozen) == "lost"
    assert not ending.done(job, frozen, kinds.Outcome(rows=1, receipt={"by": "frozen"}, result={"looks": []}))
    assert ending.done(job, other, kinds.Outcome(rows=2, receipt={"by": "other"}, result={"looks": []}))
    assert not ending.done(job, other, kinds.Outcome(rows=3, receipt={"by": "other"}, result={"looks": []}))
    job.refresh_from_db()
    assert (job.state, job.rows) == ("done", 2)
    assert Entry.objects.filter(kind="receipt").count() == 1


def claims_again(job: int) -> bool:
    return claims.claim(job, "eager", []) is not None


def vars_of(claim: Claim) -> dict[str, object]:
    return {name: getattr(claim, name) for name in Claim.__slots__}


def test_renewing_keeps_the_lease_and_carries_cancel(desk: Desk) -> None:
    job = job_of(desk)
    claim = claims.claim(job.pk, "w", [], lease_s=0.5)
    assert claim is not None
    for _ in range(4):
        time.sleep(0.25)
        assert claims.renew(claim, rows=7, told="orders", lease_s=0.5) == "ours"
    assert claims.claim(job.pk, "other", []) is None
    assert Part.objects.get(pk=claim.part).rows == 7
    desk.cancel(job.pk)
    assert claims.renew(claim) == "cancelled"


def test_a_part_that_is_given_back_is_free_at_once_and_not_counted(desk: Desk) -> None:
    job = job_of(desk)
    claim = claims.claim(job.pk, "w", [])
    assert claim is not None
    assert claims.give_back(claim)
    again = claims.claim(job.pk, "other", [])
    assert again is not None
    assert again.attempt == 1
    assert claims.renew(claim) == "lost"
    assert not claims.give_back(claim)


def test_who_cannot_start_servers_gets_no_part_that_needs_it(desk: Desk) -> None:
    job = job_of(desk)
    Part.objects.filter(job=job).update(needs="host")
    assert claims.claim(job.pk, "in a container", []) is None
    assert claims.claim(job.pk, "beside the runtime", ["host"]) is not None


def test_a_part_that_kills_its_worker_each_time_is_given_up(desk: Desk) -> None:
    from dbfleet.console.jobs.sweep import sweep

    job = job_of(desk)
    for _ in range(claims.MOST_ATTEMPTS):
        assert claims.claim(job.pk, "w", [], lease_s=-1) is not None
    assert claims.claim(job.pk, "w", []) is None
    assert sweep()
    job.refresh_from_db()
    assert job.state == "failed"
    assert "5 times" in job.error


def test_the_lease_is_by_the_control_database_s_clock(desk: Desk) -> None:
    """A worker whose clock is wrong neither keeps a part too long nor loses it: no moment of ours is ever sent."""
    job = job_of(desk)
    claim = claims.claim(job.pk, "w", [])
    assert claim is not None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lease_until - clock_timestamp() BETWEEN interval '1 s' AND interval '10 s' FROM console_part "
            "WHERE id = %s",
            [claim.part],
        )
        assert cursor.fetchone() == (True,)


def test_a_job_that_was_cancelled_before_anybody_began_ends(desk: Desk) -> None:
    number = desk.make_job("health", {})
    assert desk.cancel(number)["state"] == "cancelled"
    assert not claims.begin(number)
