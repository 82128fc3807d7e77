"""A fleet to ask (PostgreSQL, Valkey and SQLite, each with the seeded shop), the real web under uWSGI before it, and
people who are logged in there. The fixtures are for every test of this folder (conftest.py)."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
import requests
from console_servers import WEB_PASSWORD, Console, end, until
from django.contrib.auth.models import User

from dbfleet.console.access import links
from dbfleet.console.desk import Desk
from dbfleet.console.jobs.making import now
from dbfleet.console.models import Asked, Entry, Grant
from dbfleet.fleet import Fleet
from dbfleet.ops import _console as told
from dbfleet.ops.digest import digest
from dbfleet.ops.down import down
from dbfleet.ops.up import up

FLEET = """
[fleet]
name = "asked"
runtime = "process"
[targets.p]
engine = "postgres"
[targets.r]
engine = "redis"
[targets.s]
engine = "sqlite"
"""


@dataclass
class AskFleet:
    """The fleet that is asked."""

    fleet: Fleet
    folder: Path
    environment: dict[str, str]

    def query(self, target: str, text: str, *more: str) -> bytes:
        """What `dbfleet query` writes."""
        words = [sys.executable, "-m", "dbfleet", "query", target, text, *more]
        found = subprocess.run(words, env=self.environment, cwd=self.folder, capture_output=True, timeout=300)
        assert found.returncode == 0, found.stderr
        return found.stdout

    def digests(self) -> list[Any]:
        """The digests of all that is in the fleet."""
        found = [each for target in self.fleet.targets.values() for each in digest(self.fleet, target)]
        return [(each.target, each.collection, each.digest) for each in found]

    def running(self) -> list[str]:
        """The statements of readers that run in PostgreSQL now."""
        login = self.fleet.target("p")
        with psycopg.connect(
            host=login.host, port=login.port, user=login.user, password=login.password, dbname=login.database
        ) as connection:
            found = connection.execute(
                "SELECT query FROM pg_stat_activity WHERE usename = 'dbfleet_ro' AND state <> 'idle'"
            )
            return [row[0] for row in found.fetchall()]


@pytest.fixture(scope="session")
def ask_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskFleet]:
    """The fleet, up and seeded."""
    folder, state = tmp_path_factory.mktemp("asked"), tmp_path_factory.mktemp("state")
    (folder / "dbfleet.toml").write_text(FLEET)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DBFLEET_")}
    environment = {**plain, "DBFLEET_STATE_DIR": str(state), "DBFLEET_CONFIG": str(folder / "dbfleet.toml")}
    found = AskFleet(Fleet.open(environ=environment, directory=folder), folder, environment)
    up(found.fleet, ["p", "r", "s"])
    try:
        seeded = subprocess.run(
            [sys.executable, "-m", "dbfleet", "seed", "p", "r", "s", "--rows", "200", "--yes"],
            env=environment, cwd=folder, capture_output=True,
        )  # fmt: skip
        assert seeded.returncode == 0, seeded.stderr
        yield found
    finally:
        down(found.fleet, volumes=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Web:
    """The real web, and how to talk to it."""

    address: str
    process: subprocess.Popen[bytes]
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def workers(self) -> list[int]:
        """The processes that serve."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(each) for each in children.split()]

    def peak(self) -> int:
        """The most memory that a serving process has had, in bytes, since `forget_peak`."""
        sizes = [re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in self.workers]
        return max(int(size[1]) * 1024 for size in sizes if size)

    def forget_peak(self) -> None:
        """Measure anew."""
        for pid in self.workers:
            Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.fixture(scope="session")
def web_process(console: Console, ask_fleet: AskFleet) -> Iterator[Web]:
    """web, with the account and the file of targets that `up` gives it: those of readers alone."""
    told.tell(ask_fleet.fleet, "web", "process")
    port, control = free_port(), console.fleet.service("control")
    environment = {
        **console.environment,
        "DBFLEET_CONTROL_URL": f"postgresql://dbfleet_web:{quote(WEB_PASSWORD)}@{control.host}:{control.port}/dbfleet",
        "DBFLEET_CONFIG": str(told.told_file(ask_fleet.fleet, "web")),
        "DBFLEET_FLEET": "asked",
        "DBFLEET_WEB_LISTEN": f"127.0.0.1:{port}",
        "DBFLEET_CONSOLE_URL": f"http://127.0.0.1:{port}",
    }
    environment.pop("DBFLEET_CONTROL_WEB_PASSWORD_FILE", None)
    with open(console.folder / "web.log", "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "dbfleet.console", "web"], env=environment, cwd=console.folder, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
    web = Web(f"http://127.0.0.1:{port}", child)
    try:
        until(lambda: answers(web.address), "web answers")
        yield web
    finally:
        end(child)


def answers(address: str) -> bool:
    """Whether web is ready."""
    try:
        return requests.get(f"{address}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


class Person(requests.Session):
    """Somebody who is logged in, with a browser's cookies."""

    def __init__(self, web: Web, user: User) -> None:
        super().__init__()
        self.web, self.user = web, user
        page = f"{web.address}/link/{links.make(by='a test', user=user.get_username())}"
        self.post(page, data={"csrfmiddlewaretoken": field_of(self.get(page).text, "csrfmiddlewaretoken")})
        self.headers["X-CSRFToken"] = re.search(  # type: ignore[index]
            r'name="csrf-token" content="([^"]+)"', self.get(f"{web.address}/").text
        )[1]

    def frames(self, target: str, text: str, **more: Any) -> list[dict[str, Any]]:
        """What the page gets of a statement."""
        body = {"id": str(uuid4()), "target": target, "text": text, **more}
        response = self.post(f"{self.web.address}/query/run", json=body)
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.iter_lines()]

    def begin(self, target: str, text: str, **more: Any) -> Question:
        """Ask, and wait for the answer elsewhere."""
        return Question(self, {"id": str(uuid4()), "target": target, "text": text, **more})


class Question:
    """A statement that runs."""

    def __init__(self, person: Person, body: Mapping[str, Any]) -> None:
        self.id = body["id"]
        self._person = person
        self._response = person.post(f"{person.web.address}/query/run", json=body, stream=True)
        assert self._response.status_code == 200, self._response.text
        self._lines = self._response.iter_lines(chunk_size=1)  # else it waits for more than a line
        self.first = json.loads(next(self._lines))

    def rest(self) -> list[dict[str, Any]]:
        """What else comes, to the end."""
        return [json.loads(line) for line in self._lines]

    def leave(self) -> None:
        """Close the line, as a browser does whose tab is closed."""
        self._response.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        self._response.close()

    def heard(self) -> dict[str, Any]:
        """Say that the page is there; how the question stands."""
        found = self._person.post(f"{self._person.web.address}/query/heard", json={"ids": [self.id]})
        state: dict[str, Any] = found.json()["asked"][self.id]
        return state

    def cancel(self, by: Person | None = None) -> int:
        """Ask for its end; the status."""
        who = by or self._person
        return who.post(f"{who.web.address}/query/cancel", data={"ids": self.id}).status_code


def field_of(page: str, name: str) -> str:
    """The value of a form's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


@pytest.fixture
def web(desk: Desk, web_process: Web) -> Web:
    """web, with nothing on record and nobody logged in."""
    return web_process


@pytest.fixture
def person(web: Web) -> Callable[..., Person]:
    """Makes somebody with a role, and logs them in."""

    def make(role: str, name: str = "", pattern: str = "*") -> Person:
        user = User.objects.create_user(name or f"{role}-{uuid4().hex[:6]}")
        if role:
            Grant.objects.create(user=user, pattern=pattern, role=role, made_by="a test", made_at=now())
        return Person(web, user)

    return make


def entries() -> list[dict[str, Any]]:
    """What the chain has of statements, from the first on."""
    found = Entry.objects.filter(kind="statement").order_by("seq")
    return [{"who": e.who, "role": e.role, "target": e.target, **json.loads(e.body)} for e in found]


def state_of(id: str) -> str:
    """How a question stands."""
    return str(Asked.objects.get(pk=id).state)


def error_of(frames: Sequence[Mapping[str, Any]]) -> str:
    """The error that an answer ends with."""
    assert "error" in frames[-1], frames[-1]
    return str(frames[-1]["error"])
