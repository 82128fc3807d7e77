"""The control database stops, comes back, says nothing, or has no room: pages and commands say so, the fleet's engines
go on, and what waits for it goes on by itself. Real processes of the console, and a real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from console_people import Person, Web, environment, free_port
from console_servers import Console, ended, until
from django.db import connections

from dbfleet.console.access import people
from dbfleet.console.desk import Desk
from dbfleet.console.models import Job, Part
from dbfleet.ops.restart import restart
from dbfleet.ops.stop import stop

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.cli.tcp_proxy import Proxy  # noqa: E402

Start = Callable[..., "subprocess.Popen[bytes]"]

OPEN = ("/", "/fleet", "/login", "/metrics", "/access/", "/auth/admin")


@pytest.fixture
def proxy(console: Console) -> Iterator[Proxy]:
    """A line to the control database that can go dead."""
    port = console.fleet.service("control").port
    assert port is not None
    with Proxy(port) as made:
        yield made


def far(console: Console, proxy: Proxy, url: str = "") -> dict[str, str]:
    """The control database's URL, by way of the proxy."""
    url = url or console.environment["DBFLEET_CONTROL_URL"]
    return {"DBFLEET_CONTROL_URL": url.replace(f":{proxy.upstream}/", f":{proxy.port}/")}


def web_of(console: Console, process: Start, **more: str) -> Web:
    """A web process of the test's own."""
    port = free_port()
    told = environment(console, port) | more
    web = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", process("web", **told))
    until(web.is_up, "web answers")
    return web


def admin(web: Web) -> Person:
    people.add("anna", by="cli:test", role="admin", pattern="*")
    found = Person(web, "anna")
    found.enter()
    return found


def log_of(console: Console, role: str, since: int = 0) -> str:
    return (console.folder / f"{role}.log").read_text()[since:]


def size_of(console: Console, role: str) -> int:
    file = console.folder / f"{role}.log"
    return file.stat().st_size if file.exists() else 0


def says_away(someone: Person, what: str = "the control database is away") -> None:
    """Every kind of request is answered with 503, which says what is wrong, and shows nothing of the inside."""
    for path in OPEN:
        page = someone.get(path)
        assert (page.status_code, what in page.text) == (503, True), (path, page.text)
        assert page.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Retry-After"]
        assert "Traceback" not in page.text
        assert "127.0.0.1" not in page.text
    part = someone.get("/fleet/part", headers={"HX-Request": "true"})
    assert (part.status_code, "<html" in part.text) == (503, False)
    told = someone.call("GET", "/jobs")
    assert (told.status_code, told.json()["error"], told.json()["kind"]) == (503, what, "Unavailable")
    assert someone.post("/login", username="anna", password="a password").status_code == 503
    health = someone.get("/healthz")
    assert (health.status_code, health.json()["ok"], health.json()["error"]) == (503, False, what)


def test_the_control_database_away_is_told_and_everything_goes_on_once_it_is_back(
    desk: Desk, console: Console, process: Start
) -> None:
    web = web_of(console, process)
    anna, worker, beat = admin(web), process("worker"), process("beat")
    desk.add_schedule("health", {"targets": ["a"]}, every="5s", name="often")
    running = desk.make_job("command", {"command": ["query", "a", "select pg_sleep(12)"]})
    until(lambda: Part.objects.filter(job_id=running, state="running").exists(), "a job runs")
    connections.close_all()
    told, followed = [], []

    def follow() -> None:
        followed.append(desk.follow(running, told=lambda job: None, away=told.append))
        connections.close_all()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    stop(console.fleet, ["control"])
    sizes = {role: size_of(console, role) for role in ("worker", "beat")}
    late: list[subprocess.Popen[bytes]] = []
    try:
        says_away(anna)
        late += [process(role, waits=False) for role in ("worker", "beat", "migrate")]
        for words in (("jobs",), ("schedule", "ls")):
            done = console.command(*words)
            assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
            assert "the control database is away" in done.stderr
            assert "dbfleet up control" in done.stderr or "dbfleet console" in done.stderr
        done = console.command("query", "a", "select 1 as x", "--read-only")
        assert (done.returncode, done.stdout) == (0, '{"x":1}\n'), done.stderr
        assert "not put on record: the control database is away" in done.stderr
        done = console.command("health", "a", "control")
        assert done.returncode == 1
        assert "dbfleet up control" in done.stdout
        assert late[2].wait(30) == 3
        assert "the control database is away" in log_of(console, "migrate")
    finally:
        restart(console.fleet, ["control"])
    assert anna.get("/healthz").status_code == 200
    assert anna.get("/").status_code in (200, 302)
    assert ended(running).state == "done"
    assert Part.objects.get(job_id=running).attempts == 1
    newest = Job.objects.latest("pk").pk
    until(lambda: Job.objects.filter(schedule__name="often", state="done", pk__gt=newest).exists(), "slots are done")
    until(lambda: "worker is ready" in log_of(console, "worker", sizes["worker"]), "who began meanwhile works too")
    assert [each.poll() for each in (web.child, worker, beat, *late[:2])] == [None] * 5
    slots = list(Job.objects.filter(schedule__name="often").values_list("slot", flat=True))
    assert len(set(slots)) == len(slots)
    for role, since in sizes.items():
        assert "Traceback" not in log_of(console, role, since)
    follower.join()
    assert [each["state"] for each in followed] == ["done"]
    assert [each.partition(":")[0] for each in told] == ["the control database is away"]


def test_a_line_that_goes_dead_without_a_word_is_given_up(
    desk: Desk, console: Console, process: Start, proxy: Proxy
) -> None:
    """Nothing is refused and nothing is closed: what is waited for never comes."""
    told = environment(console, 1)["DBFLEET_CONTROL_URL"]
    web = web_of(console, process, **far(console, proxy, told))
    anna, worker = admin(web), process("worker", **far(console, proxy))
    job = desk.make_job("command", {"command": ["query", "a", "select pg_sleep(1)"]})
    until(lambda: Part.objects.filter(job_id=job, state="running").exists(), "a job runs")
    since = size_of(console, "worker")
    proxy.go_silent()
    try:
        page, told_api = anna.get("/"), anna.call("GET", "/jobs")
        assert (page.status_code, told_api.status_code) == (503, 503)
        assert "the control database is away" in page.text
        done = subprocess.run(
            [sys.executable, "-m", "dbfleet", "jobs"], env={**console.environment, **far(console, proxy)},
            cwd=console.folder, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 3, done.stderr
        assert "the control database is away" in done.stderr
        # The line on which the worker says that it is alive was open, and nothing ends it but our own patience.
        given_up = "dbfleet.worker: the control database is away"
        until(lambda: given_up in log_of(console, "worker", since), "the worker gives its connection up")
    finally:
        proxy.reset()
    assert anna.get("/").status_code in (200, 302)
    assert ended(job).state == "done"
    assert worker.poll() is None
    assert Job.objects.get(pk=job).parts.count() == 1
