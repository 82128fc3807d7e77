"""What goes away under a job, or moves under it: the engine that it works on, what the broker holds, those who look
after its schedule, the clock. Nothing hangs, nothing counts twice, and nothing is lost in silence."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
import redis
from console_people import Person, Web, environment, free_port
from console_servers import Console, end, ended, until
from django.db import connection
from test_notices import Hook, channel, hook

from dbfleet.console import pulse
from dbfleet.console.access import people
from dbfleet.console.control import locks
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import claims, making, sweep
from dbfleet.console.models import Entry, Job, Part, Pulse, Receipt, Schedule
from dbfleet.ops.diff import diff
from dbfleet.ops.down import down
from dbfleet.ops.seed import seed
from dbfleet.ops.stop import stop
from dbfleet.ops.up import up

__all__ = ["hook"]

Start = Callable[..., "subprocess.Popen[bytes]"]


# --- the engine ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(console: Console) -> None:
    """The shop in `a`, and its tables in `c`."""
    assert sum(record.rows for record in seed([console.fleet.target("a")], rows=400, reset=True)) > 0
    assert console.command("copy", "a", "c", "--mode", "replace", "--yes").returncode == 0


@contextmanager
def held(console: Console, name: str) -> Iterator[Callable[[], bool]]:
    """For the block nobody reads or writes `customers` there; the block gets whether somebody waits for it."""
    target = console.fleet.target(name)
    login = {"host": target.host, "port": target.port, "user": target.user, "password": target.password}
    holder, watcher = (psycopg.connect(**login, dbname=target.database, autocommit=way) for way in (False, True))

    def waited_for() -> bool:
        found = watcher.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
        return bool(found and found[0])

    try:
        holder.execute("SET lock_timeout = '60s'")
        holder.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        yield waited_for
    finally:
        holder.close()
        watcher.close()


@pytest.mark.parametrize("way", [down, stop])
def test_an_engine_that_goes_down_under_a_job_ends_it_with_a_clear_error_and_a_retry_completes_it(
    desk: Desk, console: Console, process: Start, shop: None, way: Callable[..., object]
) -> None:
    process("worker")
    job = desk.make_job("copy", {"source": "a", "sink": "c", "mode": "upsert", "verify": True, "hands": 2})
    with held(console, "c") as waited_for:
        until(waited_for, "the copy is in the middle of it")
        way(console.fleet, ["c"])
    try:
        found = ended(job)
        assert (found.state, found.trouble) == ("failed", "Unavailable"), found.error
        assert found.error.startswith("c"), found.error
        assert "bug" not in found.error
        assert not Part.objects.filter(job_id=job, state__in=["waiting", "running"]).exists()
        early = console.command("jobs", "retry", str(job))
        assert early.returncode == 3, early.stderr
        assert "dbfleet up c" in early.stderr
        failed = Job.objects.latest("pk").pk
    finally:
        up(console.fleet, ["c"])
    done = console.command("jobs", "retry", str(failed))
    assert done.returncode == 0, done.stderr
    a, c = console.fleet.target("a"), console.fleet.target("c")
    found_by = list(diff(console.fleet, a, c, stats=True))
    assert found_by
    assert not any(each.added or each.removed or each.changed for each in found_by)
    receipt = desk.receipt(Receipt.objects.get(kind="copy").pk)
    assert (receipt["same"], receipt["job"]) == (True, Job.objects.latest("pk").pk)


# --- the broker ------------------------------------------------------------------------------------------------------


def test_a_broker_that_forgets_everything_loses_no_job_and_no_worker(
    desk: Desk, console: Console, process: Start
) -> None:
    """FLUSHALL: the rings that nobody has heard are gone, and what Celery had noted of its queues and its workers."""
    broker = redis.Redis.from_url(console.environment["DBFLEET_BROKER_URL"])
    unheard = desk.make_job("health", {"targets": ["b"]})
    assert broker.llen("dbfleet-host") + broker.llen("dbfleet") > 0
    broker.flushall()
    worker, beat = process("worker"), process("beat")
    assert ended(unheard).state == "done"
    desk.add_schedule("health", {"targets": ["b"]}, every="5s", name="often")
    until(lambda: Job.objects.filter(schedule__name="often", state="done").exists(), "beat rings")
    broker.flushall()
    assert ended(desk.make_job("health", {"targets": ["a"]})).state == "done"
    newest = Job.objects.latest("pk").pk
    until(lambda: Job.objects.filter(schedule__name="often", state="done", pk__gt=newest).exists(), "and goes on")
    probed = console.start("probe worker")
    assert probed.wait(60) == 0, (console.folder / "probe worker.log").read_text()
    broker.close()
    assert (worker.poll(), beat.poll()) == (None, None)


# --- those who look after a schedule ---------------------------------------------------------------------------------


def test_two_slots_without_beat_and_workers_are_overdue_told_once_and_made_good(
    desk: Desk, console: Console, process: Start, hook: Hook
) -> None:
    channel(hook.url)
    both = [process("worker"), process("beat")]
    desk.add_schedule("health", {"targets": ["b"]}, every="5s", name="often")
    until(lambda: Schedule.objects.get().state == "ok", "a slot was done")
    for child in both:
        end(child)
    missed = Schedule.objects.get().last_slot + timedelta(seconds=2 * 5 + 1)
    until(lambda: making.now() > missed, "two slots have passed")
    assert desk.schedules()[0]["state"] == "overdue"  # also while nobody is there to put it on record
    process("worker", DBFLEET_NOTICE_ALLOW="127.0.0.1")
    process("beat")
    until(lambda: len(hook.heard) >= 2, "it is told, and its end too")
    assert [each["title"] for each in hook.heard[:2]] == ["often: overdue", "often is on time again"]
    rows = list(Job.objects.filter(state="overdue", error__contains="nobody noticed").order_by("slot"))
    assert len(rows) >= 2
    slots = list(Job.objects.order_by("slot").values_list("slot", flat=True))
    assert {later - first for first, later in pairwise(slots)} == {timedelta(seconds=5)}


# --- the clock -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """moved_clock.c, compiled."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler on this machine")
    made = tmp_path_factory.mktemp("clock") / "moved_clock.so"
    source = Path(__file__).with_name("moved_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source)], check=True)
    return made


def test_processes_whose_clock_moves_do_what_they_did(
    desk: Desk, console: Console, process: Start, tmp_path: Path, library: Path
) -> None:
    """An hour forward, then two back. Leases and slots are by the control database's clock: none is lost or doubled,
    no part is done twice, and nobody is logged out."""
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("q", 0))
    faked = {"LD_PRELOAD": str(library), "MOVED_CLOCK": str(clock)}
    port = free_port()
    children = [process("web", **environment(console, port), **faked), process("worker", **faked)]
    children.append(process("beat", **faked))
    web = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", children[0])
    until(web.is_up, "web answers")
    people.add("anna", by="cli:test", role="viewer", pattern="*")
    anna = Person(web, "anna")
    anna.enter()
    desk.add_schedule("health", {"targets": ["b"]}, every="6s", name="often")
    ours = Job.objects.filter(schedule__name="often")
    until(lambda: Schedule.objects.get().state == "ok", "a slot was done")
    for moved in (3600, -3600):
        running = desk.make_job("command", {"command": ["query", "a", "select pg_sleep(11)"]})  # longer than a lease
        until(lambda job=running: Part.objects.filter(job_id=job, state="running").exists(), "a job runs")
        with clock.open("r+b") as file:  # the same file: it is mapped
            file.write(struct.pack("q", moved))
        newest = Job.objects.latest("pk").pk
        made = desk.make_job("health", {"targets": ["a"]})
        assert ended(made).state == "done"
        assert ended(running).state == "done"
        assert set(Part.objects.filter(job_id__in=[running, made]).values_list("attempts", flat=True)) == {1}
        until(lambda last=newest: ours.filter(pk__gt=last, state="done").exists(), "a slot is done")
        assert anna.get("/fleet").status_code == 200
    slots = list(ours.order_by("slot").values_list("slot", flat=True))
    assert {later - first for first, later in pairwise(slots)} == {timedelta(seconds=6)}
    assert all(timedelta() <= each.made_at - each.slot < timedelta(minutes=5) for each in ours)
    # Else beat would be silent for two hours, and the workers' sweep alone would ring.
    until(lambda: "clock was set back" in (console.folder / "beat.log").read_text(), "beat has noticed")
    assert [child.poll() for child in children] == [None] * 3


def test_a_control_database_whose_clock_is_set_back_leaves_no_part_to_a_worker_that_is_gone(desk: Desk) -> None:
    job = Job.objects.get(pk=desk.make_job("health", {}))
    assert claims.begin(job.pk)
    gone = claims.claim(job.pk, "gone", [])
    assert gone is not None
    assert claims.claim(job.pk, "eager", []) is None
    Part.objects.filter(pk=gone.part).update(lease_until=making.now() + timedelta(hours=1))
    until(lambda: claims.claim(job.pk, "eager", []), "another has it")
    assert claims.renew(gone) == "lost"


@contextmanager
def frozen_session(name: str = "") -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Another session of the control database, whose process asks nothing more."""
    facts = connection.settings_dict
    login = {"host": facts["HOST"], "port": facts["PORT"], "user": facts["USER"], "password": facts["PASSWORD"]}
    with psycopg.connect(**login, dbname=facts["NAME"], application_name=name, autocommit=True) as made:
        yield made


def test_a_worker_that_is_frozen_while_it_looks_after_everything_hinders_nobody_for_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock would else stay as long as it is frozen: a job that it had begun was never rung for again."""
    with frozen_session() as frozen:
        frozen.execute("SELECT pg_advisory_lock(%s)", [sweep._LOCK])
        assert not sweep.sweep()  # it may be at work
        assert frozen.execute("SELECT 1").fetchone() == (1,)
        monkeypatch.setattr(locks, "FROZEN_S", 0.0)
        assert sweep.sweep()
        with pytest.raises(psycopg.OperationalError):
            frozen.execute("SELECT 1")


def test_the_session_of_an_earlier_lead_is_ended_and_no_other(desk: Desk) -> None:
    with frozen_session("dbfleet-lead-7") as earlier, frozen_session("dbfleet-lead-77") as other:
        earlier.execute("SELECT pg_advisory_lock(7)")
        assert not locks.taken(7)
        locks.lead_of(7)
        assert locks.taken(7)
        locks.give_back(7)
        assert other.execute("SELECT 1").fetchone() == (1,)
        connection.close()  # this session is no lead


def test_who_stops_in_the_middle_of_a_transaction_does_not_keep_its_locks(desk: Desk) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("30s",)


def test_a_schedule_goes_on_where_the_clock_is_set_back_and_says_so(desk: Desk) -> None:
    desk.add_schedule("health", {}, every="1m", name="watch")
    desk.add_schedule("dump", {"target": "a"}, cron="*/5 * * * *", name="line")
    later = making.now() + timedelta(hours=1)
    Schedule.objects.update(anchor=later, last_slot=later)
    for each in Schedule.objects.all():
        assert making.tick(each.pk) == []
    watch, line = Schedule.objects.get(name="watch"), Schedule.objects.get(name="line")
    assert watch.last_slot < making.now() < watch.last_slot + timedelta(minutes=1)
    assert line.last_slot == later  # what names an hour is done once, however often its hour comes
    (told,) = [json.loads(each.body) for each in Entry.objects.filter(who="dbfleet")]
    assert (told["schedule"], "set back" in told["why"]) == ("watch", True)
    assert making.tick(watch.pk) == []
    assert Entry.objects.filter(who="dbfleet").count() == 1


def test_who_was_last_seen_in_the_future_is_not_alive(desk: Desk) -> None:
    pulse.beat("worker@here:1", "worker")
    assert [each.name for each in pulse.alive("worker")] == ["worker@here:1"]
    Pulse.objects.update(at=making.now() + timedelta(hours=1))
    assert pulse.alive("worker") == []


def test_leases_are_good_for_a_while_after_the_control_database_was_away(desk: Desk) -> None:
    """Nobody could renew them meanwhile; who has one is at work."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {claims.PASSED} FROM (SELECT clock_timestamp() - interval '1 s' AS lease_until) x")
        (passed,) = cursor.fetchone()
        just_begun = claims.PASSED.replace("pg_postmaster_start_time()", "(clock_timestamp() - interval '2 s')")
        cursor.execute(f"SELECT {just_begun} FROM (SELECT clock_timestamp() - interval '1 s' AS lease_until) x")
        (just,) = cursor.fetchone()
        cursor.execute("SELECT clock_timestamp() - pg_postmaster_start_time() > interval '11 s'")
        (old,) = cursor.fetchone()
    assert not just
    assert passed or not old
