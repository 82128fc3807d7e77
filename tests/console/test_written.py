"""Statements that write: a job of the worker, by a writer who has typed the target's name, and begun once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable

from asked_web import AskFleet, Person, Web, entries
from console_servers import ended, until

from dbfleet.console import chain
from dbfleet.console.desk import Desk
from dbfleet.console.models import Budget, Job, Part, Receipt

Make = Callable[..., Person]
Start = Callable[..., subprocess.Popen[bytes]]


def worker(process: Start, ask_fleet: AskFleet) -> subprocess.Popen[bytes]:
    """A worker of the fleet that is asked."""
    here = {name: ask_fleet.environment[name] for name in ("DBFLEET_CONFIG", "DBFLEET_STATE_DIR")}
    return process("worker", **here, DBFLEET_FLEET="asked")


def write(writer: Person, text: str, **more: object) -> int:
    body = {"target": "p", "typed": "p", "text": text, **more}
    found = writer.post(f"{writer.web.address}/query/write", json=body)
    assert found.status_code == 200, found.text
    return int(found.json()["job"])


def count(ask_fleet: AskFleet, table: str) -> int:
    found = json.loads(ask_fleet.query("p", f"SELECT count(*) AS n FROM {table}", "--format", "jsonl"))
    return int(found["n"])


def test_a_statement_that_writes_is_a_job_with_a_receipt(
    person: Make, web: Web, process: Start, ask_fleet: AskFleet
) -> None:
    writer = person("writer", "anna")
    wrong = {"target": "p", "typed": "P", "text": "CREATE TABLE written (n int)"}
    for each in (wrong, {**wrong, "typed": ""}, {**wrong, "typed": "p", "text": " "}, {**wrong, "typed": None}):
        assert writer.post(f"{web.address}/query/write", json=each).status_code == 400
        assert writer.post(f"{web.address}/api/query/write", json=each).status_code in (400, 422)
    assert Job.objects.count() == 0
    worker(process, ask_fleet)
    text = "CREATE TABLE written (n int, t text); INSERT INTO written VALUES (1, :t), (2, :t) RETURNING n"
    job = ended(write(writer, text, params=["t=<b>x</b>"]))
    assert (job.state, job.made_by, job.target, job.rows) == ("done", "web:anna", "p", 2)
    assert count(ask_fleet, "written") == 2
    found = writer.get(f"{web.address}/query/write/{job.pk}").json()
    assert found["state"] == "done"
    assert found["result"]["shown"] == '{"n":1}\n{"n":2}\n'
    receipt = json.loads(Receipt.objects.get(job=job).entry.body)
    assert (receipt["kind"], receipt["target"], receipt["text"], receipt["params"]) == ("statement", "p", text, ["t"])
    asked, end = entries()
    assert (asked["did"], asked["job"], asked["text"]) == ("write", job.pk, text)
    assert (end["did"], end["job"], end["outcome"], end["rows"]) == ("end", job.pk, "done", 2)
    assert writer.get(f"{web.address}/api/query/history").json()[0]["outcome"] == "done"
    assert chain.verify().wrong is None
    failed = ended(write(writer, "DELETE FROM nowhere"))
    assert failed.state == "failed"
    assert "nowhere" in failed.error
    assert (entries()[-1]["outcome"], entries()[-1]["error"]) == ("failed", failed.error)


def test_a_statement_whose_worker_died_is_not_begun_again(person: Make, process: Start, ask_fleet: AskFleet) -> None:
    ask_fleet.query("p", "CREATE TABLE once (n int)")
    first = worker(process, ask_fleet)
    number = write(person("writer"), "INSERT INTO once VALUES (1); SELECT pg_sleep(3600)")
    until(lambda: count(ask_fleet, "once") == 1, "the statement has begun")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    Part.objects.filter(job=number).update(lease_until="2000-01-01T00:00Z")
    worker(process, ask_fleet)
    job = ended(number)
    assert (job.state, count(ask_fleet, "once")) == ("failed", 1)
    assert "not known" in job.error


def test_a_statement_that_writes_can_be_cancelled(person: Make, process: Start, ask_fleet: AskFleet) -> None:
    worker(process, ask_fleet)
    number = write(person("writer"), "SELECT pg_sleep(3600) AS cancelled_by_the_job")

    until(lambda: active(ask_fleet), "the statement runs")
    Desk(ask_fleet.fleet).cancel(number)
    assert ended(number).state == "cancelled"
    until(lambda: not active(ask_fleet), "the server is free of it")


def test_a_statement_that_writes_keeps_to_its_targets_budget(person: Make, process: Start, ask_fleet: AskFleet) -> None:
    worker(process, ask_fleet)
    Budget.objects.create(target="p", statement_s=1.0)
    job = ended(write(person("writer"), "SELECT pg_sleep(3600) AS late_by_the_job"))
    assert (job.state, job.trouble) == ("failed", "NotReady")
    assert "did not end within 1 s, the limit on this target, and was stopped" in job.error
    assert not active(ask_fleet)


def active(ask_fleet: AskFleet) -> list[str]:
    """What runs in PostgreSQL of the statement that is to be cancelled."""
    text = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%by_the_job'"
    return ask_fleet.query("p", text, "--format", "jsonl").decode().splitlines()
