"""Jobs, done by real workers: processes of the console, Celery's pools, what these fork; and what happens to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from console_servers import Console, end, ended, until

from dbfleet import registry
from dbfleet.console.desk import Desk
from dbfleet.console.jobs.app import QUEUE, app
from dbfleet.console.models import Entry, Job, Part, Receipt, Sample, Schedule, TargetState
from dbfleet.ops._order import ordered
from dbfleet.ops.copy.journal import word_of
from dbfleet.ops.diff import diff
from dbfleet.ops.seed import seed

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def shop(console: Console) -> int:
    """The shop in `a`; its rows."""
    return sum(record.rows for record in seed([console.fleet.target("a")], rows=40_000, reset=True))


@pytest.fixture(autouse=True)
def copied_here_before(console: Console) -> None:
    """Somebody has once copied the same way in the foreground: what that copy held is nobody's, and what the workers'
    copy has staged is theirs."""
    copies = console.fleet.made_state() / "copies"
    copies.mkdir(exist_ok=True)
    (copies / f"{word_of(console.fleet.target('a'), console.fleet.target('c'))}.lock").touch()


def same(console: Console) -> bool:
    a, c = console.fleet.target("a"), console.fleet.target("c")
    return not any(
        counted.added or counted.removed or counted.changed for counted in diff(console.fleet, a, c, stats=True)
    )


def test_health_is_looked_at_and_kept(desk: Desk, console: Console, process: Start) -> None:
    process("worker")
    job = ended(desk.make_job("health", {}))
    assert (job.state, job.verdict) == ("done", "ok"), job.error
    states = {state.target: state for state in TargetState.objects.all()}
    assert {"a", "b", "c"} <= set(states)
    assert states["a"].ok
    assert states["a"].product == "PostgreSQL"
    assert "***" in states["a"].url
    assert states["a"].memory > 1 << 20
    assert Sample.objects.filter(target="a", bad=0).count() == 1


def test_what_a_container_does_not_see_is_done_by_the_worker_on_the_machine(
    desk: Desk, console: Console, process: Start, shop: int, tmp_path: Path
) -> None:
    told = tmp_path / "dbfleet.toml"
    told.write_text(f'[targets.a]\nurl = "{console.fleet.target("a").url(reveal=True)}"\n', "utf-8")
    seed([console.fleet.target("b")], rows=10, reset=True)
    process("worker", DBFLEET_WORKER_ABILITIES="", DBFLEET_CONFIG=str(told))
    dump = {"target": "b", "directory": str(tmp_path), "keep": 1}
    alone = ended(desk.make_job("dump", dump))
    assert alone.state == "failed", "there is nobody to hand it on to"
    process("worker", DBFLEET_WORKER_NAME="hostworker")
    (node,) = (name for found in app.control.ping(timeout=5) for name in found if name.startswith("hostworker@"))
    # It hears only what is handed on, so the other one has all jobs first.
    assert app.control.cancel_consumer(QUEUE, destination=[node], reply=True, timeout=5)
    jobs = [desk.make_job("dump", dump), desk.make_job("health", {})]
    for job in map(ended, jobs):
        assert (job.state, job.error) == ("done", "")
        lead = job.parts.get()
        assert lead.needs == "host"
        assert lead.worker.startswith("hostworker@")


def test_dumps_are_made_kept_and_receipted(
    desk: Desk, console: Console, process: Start, shop: int, tmp_path: Path
) -> None:
    process("worker")
    (tmp_path / "a-other").mkdir()
    for _ in range(3):
        job = ended(desk.make_job("dump", {"target": "a", "directory": str(tmp_path), "keep": 2}))
        assert job.state == "done", job.error
        time.sleep(1.1)  # a dump's folder has its second in its name
    assert sorted(path.is_dir() for path in tmp_path.iterdir()) == [True] * 3  # two dumps, and what is not ours
    assert (tmp_path / "a-other").is_dir()
    receipt = desk.receipt(Receipt.objects.last().pk)
    assert receipt["collections"]
    assert desk.verify()["ok"]


def test_a_copy_is_shared_by_workers_and_is_what_the_copy_here_makes(
    desk: Desk, console: Console, process: Start, shop: int
) -> None:
    process("worker", DBFLEET_WORKER_SLOTS="2")
    process("worker", DBFLEET_WORKER_SLOTS="2")
    done = console.command("copy", "a", "c", "--on", "workers", "--mode", "replace", "--yes", "--verify")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(record["rows"] for record in records) == shop
    assert same(console)
    job = Job.objects.get(kind="copy")
    workers = set(Part.objects.filter(job=job, lead=False).values_list("worker", flat=True))
    assert len(workers) >= 2
    receipt = desk.receipt(Receipt.objects.get(kind="copy").pk)
    assert receipt["same"] is True
    assert receipt["moment"] == "snapshot"
    assert receipt["rows"] == shop


def test_a_copy_by_workers_leaves_out_what_is_excluded_and_reads_by_rules(
    desk: Desk, console: Console, process: Start, shop: int
) -> None:
    process("worker", DBFLEET_WORKER_SLOTS="2")
    asked = ["copy", "a", "c", "--on", "workers", "--mode", "replace", "--yes", "--verify", "--keep-going"]
    wrong = console.command(*asked, "--rule", "email: empty=nil")
    assert wrong.returncode == 2, wrong
    assert "empty can only become null" in wrong.stderr
    with registry.connect(console.fleet.target("c")) as sink:  # what another test has left there refers to what goes
        for schema in reversed(ordered([sink.describe(name) for name in sink.collections()])):
            sink.drop(schema.name)
    done = console.command(*asked, "--exclude", "*_items", "--exclude", "follow?", "--rule", "email: empty=null")
    assert done.returncode == 0, done.stderr
    records = {json.loads(line)["collection"] for line in done.stdout.splitlines()}
    assert "orders" in records
    assert not {"order_items", "follows"} & records
    job = Job.objects.filter(kind="copy").latest("pk")
    assert (job.arguments["exclude"], job.arguments["rules"]) == (["*_items", "follow?"], ["email: empty=null"])
    assert desk.receipt(Receipt.objects.filter(kind="copy").latest("pk").pk)["unread"] == {}


@pytest.mark.parametrize(
    ("victim", "by"), [("lead", signal.SIGKILL), ("hand", signal.SIGKILL), ("lead", signal.SIGSTOP)]
)
def test_a_worker_that_is_gone_in_mid_copy_costs_nothing(
    desk: Desk, console: Console, process: Start, shop: int, victim: str, by: signal.Signals
) -> None:
    """The whole of one worker's group is killed, or frozen, while a part of its runs; the other goes on."""
    workers = [process("worker", DBFLEET_WORKER_SLOTS="3") for _ in range(2)]
    job = desk.make_job("copy", {"source": "a", "sink": "c", "mode": "replace", "verify": True, "hands": 2})
    group = {os.getpgid(child.pid): child for child in workers}

    def at_work() -> int | None:
        running = Part.objects.filter(job_id=job, state=Part.RUNNING, lead=victim == "lead").first()
        moving = Part.objects.filter(job_id=job, lead=False, rows__gt=0).exists()
        if running is None or not moving:
            return None
        try:
            return os.getpgid(int(running.worker.rpartition(":")[2]))
        except ProcessLookupError:
            return None

    seen: list[int] = []

    def caught() -> bool:
        seen.extend(filter(None, [at_work()]))
        return bool(seen) or Job.objects.get(pk=job).state in Job.ENDED

    until(caught, "a part is being copied")
    if not seen:
        pytest.fail("the copy was over before a worker could be killed")
    os.killpg(seen[0], by)
    if by == signal.SIGKILL:
        group[seen[0]].wait()
    found = ended(job, most_s=120)
    if by == signal.SIGSTOP:
        os.killpg(seen[0], signal.SIGCONT)
        time.sleep(3)  # what it finds then changes nothing
        found.refresh_from_db()
    assert found.state == "done", found.error
    assert found.verdict == "", found.error
    assert same(console)
    if victim == "lead":
        assert Part.objects.get(job_id=job, lead=True).attempts == 2


def test_a_worker_that_is_told_to_end_gives_its_part_back(
    desk: Desk, console: Console, process: Start, shop: int
) -> None:
    first = process("worker", DBFLEET_WORKER_SLOTS="1")
    job = desk.make_job("command", {"command": ["query", "a", "select pg_sleep(600)"]})
    until(lambda: Part.objects.filter(job_id=job, state=Part.RUNNING).exists(), "it runs")
    end(first)
    part = Part.objects.get(job_id=job)
    assert (part.state, part.attempts) == (Part.WAITING, 0)
    until(lambda: sleeping(console) == 0, "the statement has ended on the server")
    process("worker")
    until(lambda: Part.objects.filter(job_id=job, state=Part.RUNNING).exists(), "another has taken it", most_s=40)
    desk.cancel(job)
    assert ended(job).state == "cancelled"
    until(lambda: sleeping(console) == 0, "the statement has ended on the server")


def sleeping(console: Console) -> int:
    """How many statements of ours sleep on the server."""
    with console.fleet.connect(console.fleet.target("a")) as adapter:
        rows = adapter.query(
            "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"
        )
        return int(next(iter(next(iter(rows))))[0])


def test_a_worker_that_was_frozen_counts_no_more(desk: Desk, console: Console, process: Start) -> None:
    """Its group sleeps for longer than its lease; another does the part, and when it wakes up it changes nothing."""
    frozen = process("worker", DBFLEET_WORKER_SLOTS="1")
    job = desk.make_job("command", {"command": ["query", "a", "select pg_sleep(2)"]})
    until(lambda: Part.objects.filter(job_id=job, state=Part.RUNNING).exists(), "it runs")
    os.killpg(frozen.pid, signal.SIGSTOP)
    process("worker", DBFLEET_WORKER_SLOTS="1")
    found = ended(job, most_s=90)  # it may have been frozen in its sweep: 20 s, and the next one's 15
    assert found.state == "done", found.error
    part = Part.objects.get(job_id=job)
    assert part.attempts == 2
    os.killpg(frozen.pid, signal.SIGCONT)
    time.sleep(5)
    found.refresh_from_db()
    after = Part.objects.get(job_id=job)
    assert (found.state, after.worker, after.ended_at) == ("done", part.worker, part.ended_at)
    assert Entry.objects.filter(kind="receipt").count() == 0


def test_a_collection_that_is_not_there_is_the_job_s_error(desk: Desk, console: Console, process: Start) -> None:
    process("worker")
    job = ended(desk.make_job("dump", {"target": "b", "collections": ["nowhere"]}))
    assert job.state == "failed"
    assert job.trouble in ("NotFound", "Unavailable")
    done = console.command("jobs", "retry", str(job.pk))
    assert done.returncode in (3, 5)
    assert "bug" not in done.stderr


def test_the_broker_away_loses_nothing(desk: Desk, console: Console, process: Start) -> None:
    from dbfleet.ops.restart import restart
    from dbfleet.ops.stop import stop

    process("worker")
    stop(console.fleet, ["broker"])
    number = desk.make_job("health", {"targets": ["a"]})
    assert Job.objects.get(pk=number).state == "waiting"
    restart(console.fleet, ["broker"])
    assert ended(number, most_s=90).state == "done"


def test_a_schedule_is_rung_for_by_beat_and_done_without_it(desk: Desk, console: Console, process: Start) -> None:
    process("worker")
    beat = process("beat")
    desk.add_schedule("health", {"targets": ["a"]}, every="5s", name="often")
    until(lambda: Job.objects.filter(schedule__name="often", state="done").count() >= 3, "three were done")
    end(beat)
    before = Job.objects.filter(schedule__name="often").count()
    until(lambda: Job.objects.filter(schedule__name="often").count() > before, "the sweep goes on without beat")
    slots = list(Job.objects.filter(schedule__name="often").order_by("slot").values_list("slot", flat=True))
    assert len(set(slots)) == len(slots)
    assert {round((later - first).total_seconds()) for first, later in pairwise(slots)} == {5}
    assert Schedule.objects.get(name="often").state in ("ok", "overdue")


def test_drift_is_found_confirmed_and_told_since_when_all_was_the_same(
    desk: Desk, console: Console, process: Start, shop: int
) -> None:
    process("worker")
    assert console.command("copy", "a.customers", "b", "--mode", "replace", "--yes").returncode == 0
    added = desk.add_schedule(
        "drift", {"left": "a", "right": "b", "collections": ["customers"], "confirm_s": 1}, every="1d", name="watch"
    )
    assert added["state"] == "new"
    first = ended(desk.run_schedule("watch")["job"])
    assert (first.state, first.verdict) == ("done", "ok"), first.error
    through = Schedule.objects.get(name="watch").verified_through
    assert through is not None
    assert through <= first.ended_at
    assert console.command("query", "b", "update customers set name = 'somebody else' where id = 7").returncode == 0
    second = console.command("schedule", "run", "watch")
    assert second.returncode == 1, second.stderr
    job = Job.objects.order_by("-pk").first()
    (found,) = job.result["collections"]
    assert (found["state"], found["changed"], found["added"], found["removed"]) == ("drift", 1, 0, 0)
    (difference,) = found["differences"]
    assert difference["key"] == {"id": 7}
    assert difference["after"]["name"] == "somebody else"
    schedule = Schedule.objects.get(name="watch")
    assert (schedule.state, schedule.verified_through) == ("drift", through)
    receipt = desk.receipt(Receipt.objects.filter(kind="drift").last().pk)
    assert receipt["same"] is False
    assert "somebody else" not in json.dumps(receipt)  # rows are no part of what is kept for ever
    nowhere = ended(desk.make_job("drift", {"left": "a", "right": "b", "collections": ["nowhere"]}))
    assert nowhere.verdict in ("drift", "cannot tell")


def test_a_drill_restores_proves_and_leaves_nothing(
    desk: Desk, console: Console, process: Start, shop: int, tmp_path: Path
) -> None:
    process("worker")
    done = console.command("schedule", "add", "drill", "a", "customers", "--cron", "0 3 * * *", "--name", "night")
    assert done.returncode == 0, done.stderr
    job = ended(desk.run_schedule("night")["job"], most_s=180)
    assert (job.state, job.verdict) == ("done", "ok"), job.error
    receipt = desk.receipt(Receipt.objects.get(kind="drill").pk)
    assert receipt["same"] is True
    assert receipt["collections"][0]["digest"] == receipt["collections"][0]["restored_digest"]
    assert console.command("dump", "a", "customers", "-o", str(tmp_path / "d")).returncode == 0
    data = tmp_path / "d" / "customers.jsonl"
    data.write_bytes(data.read_bytes()[:-40])
    red = ended(desk.make_job("drill", {"target": "a", "dump": str(tmp_path / "d")}), most_s=180)
    assert (red.state, red.verdict) == ("done", "red"), red.error
    left = [each.name for each in console.fleet.settings.state_root.iterdir() if each.name.startswith("drill")]
    assert left == []
