"""web is any WSGI server's to run, and its numbers are the control database's: the same from one process as from 4."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import requests
from console_people import Person, Web, bearer, environment, free_port
from console_servers import Console, end, ended, until

from dbfleet.console.access import people
from dbfleet.console.desk import Desk

Start = Callable[..., "subprocess.Popen[bytes]"]
AGES = re.compile(r"^(dbfleet_\w+_age_seconds\{[^}]*\}) .*$", re.MULTILINE)
"""What differs from one look to the next, whoever is asked."""


def serving(console: Console, process: Start, processes: int) -> Web:
    port = free_port()
    child = process("web", **environment(console, port), DBFLEET_WEB_PROCESSES=str(processes))
    web = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", child)
    until(web.is_up, "web answers")
    return web


def children(child: subprocess.Popen[bytes]) -> int:
    return len(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split())


def token_of(person: Person) -> str:
    made = person.call("POST", "/access/tokens", {"name": "prometheus", "role": "viewer"})
    assert made.status_code in (200, 201), made.text
    return str(made.json()["text"])


def numbers(web: Web, token: str) -> str:
    found = requests.get(f"{web.url}/metrics", headers=bearer(token), timeout=30)
    assert found.status_code == 200, found.text
    return AGES.sub(r"\1", found.text)


def test_the_numbers_are_the_same_from_one_process_and_from_four(desk: Desk, console: Console, process: Start) -> None:
    """Prometheus asks one of them, whichever takes the call: each answers for all."""
    people.add("anna", by="cli:test", role="admin", pattern="*")
    one, four = serving(console, process, 1), serving(console, process, 4)
    assert (children(one.child), children(four.child)) == (1, 4)
    anna = Person(one, "anna")
    anna.enter()
    token = token_of(anna)
    worker = process("worker")
    assert ended(desk.make_job("health", {"targets": ["a", "b"]})).state == "done"
    desk.add_schedule("health", {}, every="1d", name="daily")
    end(worker)
    first = numbers(one, token)
    assert 'dbfleet_target_up{engine="postgres",target="a"} 1.0' in first
    assert 'dbfleet_jobs{kind="health",state="done"} 1.0' in first
    answers = {numbers(four, token) for _ in range(12)}
    assert answers == {first}
    assert requests.get(f"{one.url}/metrics", headers=bearer("dbf_wrong"), timeout=30).status_code == 401
    nobody = requests.get(f"{one.url}/metrics", timeout=30, allow_redirects=False)
    assert nobody.headers["Location"].startswith("/login?")


def test_gunicorn_serves_it_too(desk: Desk, console: Console, process: Start) -> None:
    """Login, a page, a page's file, the API and the metrics: nothing of ours needs uWSGI."""
    people.add("anna", by="cli:test", role="admin", pattern="*", password="a long password of hers")
    port = free_port()
    log = open(console.folder / "gunicorn.log", "ab")  # noqa: SIM115 - the child has it
    with log:
        child = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "dbfleet.console.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"],
            env={**console.environment, **environment(console, port), "HOME": str(console.folder)}, cwd=console.folder,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        web = Web(f"http://127.0.0.1:{port}", console.folder / "gunicorn.log", child)
        until(web.is_up, "gunicorn answers")
        anna = Person(web)
        assert anna.get("/").status_code == 302
        assert anna.log_in("anna", "not hers").status_code == 401
        assert anna.log_in("anna", "a long password of hers").status_code == 302
        page = anna.page("/fleet")
        assert 'id="content"' in page
        linked = re.findall(r'"(/static/[^"]+)"', page)
        assert linked
        assert {anna.get(each).status_code for each in linked} == {200}
        assert anna.call("GET", "/access/me").json()["user"] == "anna"
        assert anna.call("POST", "/jobs", {"kind": "health", "arguments": {}}).status_code in (200, 201)
        assert "dbfleet_build" in numbers(web, token_of(anna))
        assert "gunicorn" in anna.get("/").headers["Server"]
    finally:
        end(child)
    assert "Traceback" not in (console.folder / "gunicorn.log").read_text()
