"""Who asked for a job is looked up when it begins, and web's account can ask in a person's name alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest
from console_servers import WEB_PASSWORD, Console, ended
from django.contrib.auth.models import User

from dbfleet.console.desk import Desk
from dbfleet.console.jobs import making, rightful
from dbfleet.console.jobs.making import now
from dbfleet.console.models import Entry, Grant, Job, Part, Schedule

Start = Callable[..., subprocess.Popen[bytes]]
Connection = psycopg.Connection[tuple[object, ...]]

WRITES = {"target": "a", "text": "CREATE TABLE forged (n int)", "params": [], "timeout_s": None}
COPIES = {"source": "a", "sink": "c"}


def granted(name: str, role: str, pattern: str = "*") -> User:
    user = User.objects.create_user(name)
    Grant.objects.create(user=user, pattern=pattern, role=role, made_by="a test", made_at=now())
    return user


def scheduled(desk: Desk, kind: str, arguments: dict[str, object], by: str) -> Job:
    schedule = Schedule.objects.create(
        name=f"{kind} by {by}", kind=kind, arguments=arguments, every_s=60, anchor=now(), made_by=by, made_at=now()
    )
    return making.make(kind, arguments, by=f"schedule {schedule.name}", schedule=schedule)


def test_a_statement_of_one_who_may_write_no_more_is_not_done(desk: Desk, console: Console, process: Start) -> None:
    granted("anna", "writer", "a")
    bert, carl = granted("bert", "writer"), granted("carl", "writer")
    jobs = [making.make("statement", WRITES, by=f"web:{each}") for each in ("bert", "carl", "dora")]
    Grant.objects.filter(user=bert).update(role="operator")
    carl.is_active = False
    carl.save()
    done = making.make("statement", {**WRITES, "text": "SELECT 1 AS one"}, by="web:anna")
    process("worker")
    assert ended(done.pk).state == "done"
    found = [ended(job.pk) for job in jobs]
    assert [each.state for each in found] == ["failed"] * 3
    assert "bert, who asked for it, is not writer on a any more" in found[0].error
    assert "carl, who asked for it, has no access any more" in found[1].error
    assert "dora, who asked for it, has no access any more" in found[2].error
    with console.fleet.connect(console.fleet.target("a")) as adapter:
        assert "forged" not in adapter.collections()
    ends = [json.loads(each.body) for each in Entry.objects.filter(kind="statement").order_by("seq")]
    assert sorted((each["job"], each["outcome"]) for each in ends) == sorted(
        [(done.pk, "done"), *((job.pk, "failed") for job in jobs)]
    )


def test_a_right_reaches_as_far_as_its_pattern(desk: Desk) -> None:
    granted("anna", "writer", "c")
    assert "not reader on a" in rightful.why_not(making.make("copy", COPIES, by="web:anna"))
    Grant.objects.update(pattern="*")
    assert rightful.why_not(making.make("copy", COPIES, by="web:anna")) == ""
    assert "not admin on all targets" in rightful.why_not(making.make("command", {"command": ["ls"]}, by="web:anna"))
    assert rightful.why_not(making.make("command", {"command": ["ls"]}, by="cli:root")) == ""


def test_a_schedule_that_writes_stands_on_its_makers_rights(desk: Desk) -> None:
    granted("anna", "writer")
    dump, copy = (scheduled(desk, kind, COPIES | {"target": "a"}, "web:anna") for kind in ("dump", "copy"))
    by_hand = scheduled(desk, "copy", COPIES, "cli:root")
    assert [rightful.why_not(each) for each in (dump, copy, by_hand)] == ["", "", ""]
    Grant.objects.all().delete()
    assert [rightful.why_not(each) for each in (dump, by_hand)] == ["", ""]
    assert "anna, who asked for it, is not writer on c any more" in rightful.why_not(copy)
    Schedule.objects.filter(pk=by_hand.schedule_id).delete()
    assert "its schedule is gone" in rightful.why_not(Job.objects.get(pk=by_hand.pk))


# --- what web's account can put on record -----------------------------------------------------------------------------


@pytest.fixture
def as_web(desk: Desk, console: Console) -> Iterator[Connection]:
    """A line to the control database by the account of web."""
    control = console.fleet.service("control")
    with psycopg.connect(
        host=control.host, port=control.port, user="dbfleet_web", password=WEB_PASSWORD, dbname="dbfleet",
        autocommit=True,
    ) as found:  # fmt: skip
        yield found


JOB = (
    "INSERT INTO console_job (kind, arguments, source, target, state, made_by, made_at, cancel_asked_by, rows, "
    "verdict, error, hint, trouble, resumes) "
    "VALUES ('statement', '{}', '', 'a', %s, %s, now(), '', 0, '', '', '', '', false)"
)
PART = (
    "INSERT INTO console_part (job_id, number, lead, what, spec, needs, state, worker, attempts, rows, told, error) "
    "SELECT max(id), %s, %s, '', %s, '', 'waiting', '', 0, 0, '', '' FROM console_job"
)
SCHEDULE = (
    "INSERT INTO console_schedule (name, kind, arguments, every_s, cron, time_zone, anchor, paused, made_by, made_at, "
    "state) VALUES (%s, %s, '{}', 60, '', 'UTC', now(), false, %s, now(), 'new')"
)
FORGED = [
    (JOB, ("waiting", "cli:root")),
    (JOB, ("waiting", "schedule nightly")),
    (JOB, ("waiting", "web:")),
    (JOB, ("done", "web:anna")),
    ('UPDATE console_job SET arguments = \'{"target": "c"}\'', ()),
    ("UPDATE console_job SET made_by = 'web:bert'", ()),
    ("UPDATE console_job SET kind = 'load'", ()),
    ("UPDATE console_job SET state = 'done', result = '{}'", ()),
    ("UPDATE console_job SET schedule_id = (SELECT min(id) FROM console_schedule)", ()),
    ("DELETE FROM console_job", ()),
    (PART, (1, False, '{"source": "a", "sink": "c"}')),
    (PART, (0, True, '{"source": "a", "sink": "c"}')),
    ('UPDATE console_part SET spec = \'{"sink": "a"}\'', ()),
    (SCHEDULE, ("s", "copy", "cli:root")),
    (SCHEDULE, ("s", "statement", "web:anna")),
    ("UPDATE console_schedule SET kind = 'copy'", ()),
    ("UPDATE console_schedule SET made_by = 'web:anna'", ()),
    ('UPDATE console_schedule SET arguments = \'{"target": "c"}\'', ()),
]


@pytest.mark.parametrize(("text", "values"), FORGED, ids=[f"{text[:40]} {values}" for text, values in FORGED])
def test_webs_account_can_neither_speak_for_others_nor_change_what_a_job_is(
    as_web: Connection, text: str, values: tuple[object, ...]
) -> None:
    job = making.make("dump", {"target": "a"}, by="cli:root")
    Schedule.objects.create(
        name="nightly", kind="dump", arguments={}, every_s=60, anchor=now(), made_by="cli:root", made_at=now()
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_web.execute(text, values)
    job.refresh_from_db()
    assert (job.kind, job.made_by, job.state) == ("dump", "cli:root", "waiting")


def test_what_web_does_for_people_is_within_its_account(as_web: Connection) -> None:
    as_web.execute(JOB, ("waiting", "web:anna"))
    as_web.execute(PART, (0, True, "{}"))
    as_web.execute("UPDATE console_job SET cancel_asked_by = 'web:anna'")
    as_web.execute(SCHEDULE, ("hourly", "dump", "web:anna"))
    as_web.execute("UPDATE console_schedule SET paused = true")
    schedule = Schedule.objects.get()
    Job.objects.update(schedule=schedule)
    as_web.execute("UPDATE console_job SET schedule_id = NULL")
    as_web.execute("DELETE FROM console_schedule")
    assert Part.objects.filter(lead=True).count() == 1
