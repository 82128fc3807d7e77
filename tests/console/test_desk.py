"""What a person types at the console: schedules, jobs, receipts on the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from console_servers import Console, ended, until
from django.db import connection

from dbfleet.cli.examples import EXAMPLES
from dbfleet.console import chain
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Work
from dbfleet.console.models import Budget, Entry, Job
from dbfleet.errors import RuntimeFailure

Start = Callable[..., "subprocess.Popen[bytes]"]


def typed(console: Console, *words: str, code: int = 0) -> list[dict[str, object]]:
    done = console.command(*words)
    assert done.returncode == code, done.stderr or done.stdout
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_schedule_s_life(desk: Desk, console: Console) -> None:
    (added,) = typed(
        console, "schedule", "add", "dump", "a", "--cron", "0 3 * * *", "--tz", "Europe/Berlin", "--keep", "7"
    )
    assert (added["schedule"], added["kind"], added["state"]) == ("dump a", "dump", "new")
    assert str(added["next"]).endswith((":00:00Z",))
    typed(console, "schedule", "add", "drift", "a", "b", "customers", "--every", "10m", "--settled", "60s:changed_at")
    typed(console, "schedule", "add", "health", "--every", "30s", "--name", "the fleet's health")
    typed(console, "schedule", "add", "command", "--every", "1h", "--", "ls", "a", "--count")
    assert len(typed(console, "schedule", "ls")) == 4
    (paused,) = typed(console, "schedule", "pause", "dump a")
    assert (paused["state"], paused["next"]) == ("paused", None)
    (again,) = typed(console, "schedule", "resume", "dump a")
    assert again["next"]
    typed(console, "schedule", "rm", "dump a", "--yes")
    assert len(typed(console, "schedule", "ls")) == 3


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("schedule", "add", "drifft", "a", "b", "--every", "1h"), 2, "did you mean 'drift'|did you mean drift"),
        (("schedule", "add", "drift", "a", "--every", "1h"), 2, "LEFT RIGHT"),
        (("schedule", "add", "dump", "a"), 2, "--every 10m"),
        (("schedule", "add", "dump", "a", "--every", "1h", "--cron", "0 3 * * *"), 2, "an interval or a cron line"),
        (("schedule", "add", "dump", "a", "--every", "soon"), 2, "no interval"),
        (("schedule", "add", "dump", "a", "--cron", "3 o'clock"), 2, "no cron line"),
        (("schedule", "add", "dump", "a", "--cron", "0 3 * * *", "--tz", "Berlin"), 2, "no time zone"),
        (("schedule", "add", "dump", "nowhere", "--every", "1h"), 2, "no target is called"),
        (("schedule", "add", "dump", "postgresql://me:pw@h/d", "--every", "1h"), 2, "jobs take targets of the fleet"),
        (("schedule", "add", "dump", "a", "--every", "1h", "--tz", "Europe/Berlin"), 2, "an interval has no time zone"),
        (("schedule", "add", "dump", "a", "--cron", "tonight"), 2, "it has 1 field, not five"),
        (("schedule", "add", "dump", "a", "--every", "1h", "--name", "a\nb"), 2, "one line of text"),
        (("schedule", "add", "drift", "a", "a", "--every", "1h"), 2, "a is both sides"),
        (("schedule", "add", "drift", "a.t", "a.t", "--every", "1h"), 2, "a.t is both sides"),
        (("schedule", "add", "command", "--every", "1h", "--", "nosuchverb"), 2, "no command is called"),
        (("schedule", "add", "command", "--every", "1h", "--", "dbfleet", "diff", "a"), 2, "missing argument"),
        (("schedule", "add", "command", "--every", "1h", "--", "receipts", "shw", "3"), 2, "did you mean"),
        (("schedule", "add", "command", "--every", "1h", "--", "ls", "--help"), 2, "does nothing but tell"),
        (("receipts", "--kind", "drfit"), 2, "did you mean drift?"),
        (("receipts", "verify", "--head", "deadbeef"), 2, "64 hexadecimal digits"),
        (("receipts", "verify", "--head", ""), 2, "64 hexadecimal digits"),
        (("schedule", "rm", "nothing", "--yes"), 5, "there is no schedule"),
        (("schedule", "run", "nothing"), 5, "there is no schedule"),
        (("schedule", "remove", "x"), 2, "has no command 'remove'"),
        (("jobs", "show", "99999"), 5, "there is no job"),
        (("jobs", "cancel", "x"), 2, "not a valid integer"),
        (("receipts", "show", "99999"), 5, "there is no receipt"),
        (("copy", "a", "c", "--on", "moon"), 2, "--on moon is no place"),
        (("copy", "a", "c", "--on", "workers", "--dry-run"), 2, "done here"),
        (("copy", "a", "postgresql://me:pw@h/d", "--on", "workers"), 2, "jobs take targets of the fleet"),
    ],
)
def test_what_is_mistyped(desk: Desk, console: Console, words: tuple[str, ...], code: int, says: str) -> None:
    done = console.command(*words)
    assert done.returncode == code, done.stderr
    assert any(each in done.stderr for each in says.split("|")), done.stderr
    assert "pw" not in done.stderr
    assert "Traceback" not in done.stderr


def test_jobs_are_listed_shown_cancelled_and_tried_again(desk: Desk, console: Console, process: Start) -> None:
    process("worker")
    job = desk.make_job("command", {"command": ["query", "a", "select pg_sleep(600)"]})
    until(lambda: Job.objects.get(pk=job).state == "running", "it runs")
    (listed,) = typed(console, "jobs")
    assert (listed["job"], listed["state"]) == (job, "running")
    (shown,) = typed(console, "jobs", "show", str(job))
    assert shown["parts_of_it"]
    typed(console, "jobs", "cancel", str(job))
    assert ended(job).state == "cancelled"
    typed(console, "jobs", "cancel", str(job), code=2)
    failing = desk.make_job("dump", {"target": "a", "collections": ["nowhere"]})
    assert ended(failing).state == "failed"
    done = console.command("jobs", "retry", str(failing))
    assert done.returncode == 5
    assert "nowhere" in done.stderr
    good = desk.make_job("health", {"targets": ["a"]})
    assert ended(good).state == "done"
    typed(console, "jobs", "retry", str(good), code=2)


def test_receipts_are_listed_shown_and_verified(desk: Desk, console: Console) -> None:
    for number in range(3):
        chain.receipt(
            {"number": number, "left": ["a <b>"]}, who="me", kind="copy", source="a", target="c", same=True, rows=3
        )
    found = typed(console, "receipts")
    assert [each["receipt"] for each in found] == [3, 2, 1]
    assert typed(console, "receipts", "--kind", "drill") == []
    shown = json.loads(console.command("receipts", "show", "2").stdout)
    assert (shown["number"], shown["hash"]) == (1, found[1]["hash"])
    (good,) = typed(console, "receipts", "verify")
    assert good["ok"] is True
    typed(console, "receipts", "verify", "--head", str(good["head"]))
    (cut,) = typed(console, "receipts", "verify", "--head", "f" * 64, code=1)
    assert cut["ok"] is False
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE console_entry SET body = replace(body, '\"rows\"', '\"rowz\"'), who = 'x' WHERE seq = 2")
        cursor.execute("SET session_replication_role = origin")
    (wrong,) = typed(console, "receipts", "verify", code=1)
    assert wrong["wrong"] == 2


def test_watching_goes_on_until_its_reader_has_enough(desk: Desk, console: Console) -> None:
    desk.make_job("health", {"targets": ["a"]})
    desk.make_job("dump", {"target": "a"})
    watching = subprocess.Popen(
        [sys.executable, "-m", "dbfleet", "jobs", "--watch"], env=console.environment, cwd=console.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    assert first["kind"] == "dump"
    watching.terminate()
    _, said = watching.communicate(timeout=60)
    assert watching.returncode == 143
    assert "Traceback" not in said


def test_without_a_console_it_says_how_to_get_one(console: Console) -> None:
    environment = {name: value for name, value in console.environment.items() if name != "DBFLEET_CONTROL_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "dbfleet", "--fleet", "empty", "jobs"], env=environment, cwd=console.folder,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3
    assert "dbfleet console" in done.stderr


def test_the_console_is_found_by_the_fleet_s_own_records(desk: Desk, console: Console) -> None:
    environment = {name: value for name, value in console.environment.items() if not name.startswith("DBFLEET_CON")}
    environment["DBFLEET_CONFIG"] = console.environment["DBFLEET_CONFIG"]
    done = subprocess.run(
        [sys.executable, "-m", "dbfleet", "schedule", "ls"], env=environment, cwd=console.folder, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_example_of_the_console_is_a_command() -> None:
    for verb in ("console", "schedule", "schedule add", "schedule run", "jobs", "receipts"):
        assert EXAMPLES[verb]


def test_what_the_shell_asks_for_reading_only_is_on_record(desk: Desk, console: Console) -> None:
    assert console.command("query", "a", "create table if not exists kept (id int primary key)").returncode == 0
    assert Entry.objects.count() == 0  # only what is asked for reading only is
    done = console.command("query", "a", "select :n as more", "--param", "n=said once", "--read-only")
    assert done.returncode == 0, done.stderr
    assert done.stdout == '{"more":"said once"}\n'
    begin, end = Entry.objects.order_by("seq")
    assert (begin.kind, begin.target) == ("statement", "a")
    assert begin.who.startswith("cli:")
    assert json.loads(begin.body)["text"] == "select :n as more"
    assert "said once" not in begin.body
    assert json.loads(end.body)["outcome"] == "done"
    assert json.loads(end.body)["rows"] == 1
    refused = console.command("query", "a", "insert into kept values (1)", "--read-only")
    assert refused.returncode == 5
    last = json.loads(Entry.objects.order_by("-seq").first().body)
    assert last["outcome"] == "failed"
    assert "read-only" in last["error"]
    assert desk.verify()["ok"]


def test_the_shell_keeps_to_a_targets_budget_for_reading_only(desk: Desk, console: Console) -> None:
    Budget.objects.create(target="a", statement_s=1.0)
    late = console.command("query", "a", "select pg_sleep(3600)", "--read-only")
    assert late.returncode == 4
    assert "did not end within 1 s, the limit on this target, and was stopped" in late.stderr
    last = json.loads(Entry.objects.filter(kind="statement").latest("seq").body)
    assert (last["did"], last["outcome"]) == ("end", "failed")
    assert "limit on this target" in last["error"]
    assert not asleep(console)


def test_the_server_ends_a_statement_whose_process_was_killed(console: Console) -> None:
    words = [sys.executable, "-m", "dbfleet", "query", "a", "select pg_sleep(3600)", "--timeout", "5"]
    child = subprocess.Popen(words, env=console.environment, cwd=console.folder, stderr=subprocess.DEVNULL)
    until(lambda: asleep(console), "the statement runs")
    child.kill()  # nobody is left to stop it
    child.wait()
    until(lambda: not asleep(console), "the server has ended it")


def asleep(console: Console) -> bool:
    with console.fleet.connect(console.fleet.target("a")) as adapter:
        text = (
            "select count(*) from pg_stat_activity "
            "where query like '%pg_sleep(3600)%' and state = 'active' and pid <> pg_backend_pid()"
        )
        ((found,),) = [row for batch in adapter.query(text) for row in batch]
    return bool(found)


def test_a_job_that_nobody_takes_says_so(desk: Desk, console: Console) -> None:
    schedule = desk.add_schedule("health", {}, every="1d")["schedule"]
    child = subprocess.Popen(
        [sys.executable, "-m", "dbfleet", "schedule", "run", schedule], env=console.environment, cwd=console.folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with child:
        assert child.stderr is not None
        try:
            assert "waits: no worker is up; dbfleet up worker starts one" in child.stderr.readline()
        finally:
            child.send_signal(signal.SIGINT)


def test_a_dump_that_cannot_be_written_is_told_in_words(desk: Desk, console: Console) -> None:
    kept = kinds.checked(console.fleet, "dump", {"target": "a", "directory": "/proc/nowhere"})
    with pytest.raises(RuntimeFailure, match="cannot write /proc/nowhere"):
        kinds.kind("dump").run(console.fleet, kept, Work(1, lambda rows, text: None))
