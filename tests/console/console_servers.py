"""What the tests of the console share; the fixtures are in conftest.py.

Django is set up once, when this module is imported; which database it talks to is known when the servers are up.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

_HERE = {
    "DBFLEET_CONTROL_URL": "postgresql://nobody@127.0.0.1:1/dbfleet",  # nothing listens there
    "DBFLEET_CONSOLE_ROLE": "migrate",
    "DBFLEET_CONSOLE_URL": "http://127.0.0.1:8099",
    "DJANGO_SETTINGS_MODULE": "dbfleet.console.settings",
}
_before = {name: os.environ.get(name) for name in _HERE}
os.environ.update(_HERE)
try:
    import django

    django.setup()
finally:  # what other tests start must not inherit these
    for _name, _value in _before.items():
        if _value is None:
            os.environ.pop(_name, None)
        else:
            os.environ[_name] = _value

from django.db import connection, connections  # noqa: E402

from dbfleet.console.models import Job  # noqa: E402
from dbfleet.fleet import Fleet  # noqa: E402

WEB_PASSWORD = "what the web logs in with"
FLEET = """
[fleet]
name = "console"
runtime = "process"
[targets.a]
engine = "postgres"
[targets.c]
engine = "postgres"
[targets.b]
engine = "sqlite"
"""


@dataclass
class Console:
    """The servers, and what a process of the console needs in its environment."""

    fleet: Fleet
    folder: Path
    environment: dict[str, str]

    def start(self, role: str, **more: str) -> subprocess.Popen[bytes]:
        """A process of the console; its log is `<role>.log`."""
        log = open(self.folder / f"{role}.log", "ab")  # noqa: SIM115 - the child has it
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "dbfleet.console", *role.split()],
                env={**self.environment, **more}, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What a person types."""
        return subprocess.run(
            [sys.executable, "-m", "dbfleet", *words], env=self.environment, cwd=self.folder, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip


def use(host: str | None, port: int | None, user: str | None, password: str | None) -> None:
    """Let Django talk to this control database."""
    connections.close_all()
    connection.settings_dict.update(HOST=host, PORT=port, USER=user, PASSWORD=password, CONN_MAX_AGE=0)


def use_broker(url: str) -> None:
    """Let Celery ring there."""
    from dbfleet.console.jobs.app import app

    app.conf.broker_url = url


def end(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL for its group where that is not enough."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def until(true: Callable[[], object], what: str, *, most_s: float = 60.0) -> None:
    """Wait until it is true; fail where it never is."""
    end_ = time.monotonic() + most_s
    while not true():
        if time.monotonic() > end_:
            pytest.fail(f"not within {most_s:g} s: {what}")
        time.sleep(0.05)


def ended(job: int, *, most_s: float = 90.0) -> Job:
    """The job once it has ended."""
    until(lambda: Job.objects.get(pk=job).state in Job.ENDED, f"job {job} has ended", most_s=most_s)
    found: Job = Job.objects.get(pk=job)
    return found
