"""The console: what its workers, its pages and its memory cost, against the same thing done without it.

The console of the benchmark's fleet runs as local processes, whatever runs the engines: control database, broker, web,
beat and one worker, and a second worker of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.measure import Case, NotRun, Run, command
from bench.query import seeded
from bench.servers import Servers

_DBFLEET = (sys.executable, "-m", "dbfleet", "--quiet")
_GETS = 20
_YEAR = """
INSERT INTO console_sample (target, span, at, looks, bad, latency_ms, latency_max_ms, memory, error)
SELECT 'target' || t, span, to_timestamp(floor(extract(epoch FROM now()) / step) * step) - n * step * interval '1 s',
       greatest(1, step / 30), (n % 97 = 0)::int, 1 + n % 7, 9, 50000000 + n, ''
  FROM generate_series(1, 11) t,
       (VALUES (0, 30, 5760), (600, 600, 2016), (3600, 3600, 8784)) AS spans(span, step, most),
       LATERAL generate_series(1, most) n
ON CONFLICT DO NOTHING;
INSERT INTO console_targetstate (target, engine, url, ok, since, at, latency_ms, product, version, memory, error, told)
SELECT 'target' || t, 'postgres', '', true, now() - interval '1 d', now(), 1, 'PostgreSQL', '18', 50000000, '', ''
  FROM generate_series(1, 11) t ON CONFLICT DO NOTHING;
ANALYZE console_sample;
"""
"""Of 11 targets: single looks of two days, sums of ten minutes of two weeks, sums of an hour of a year."""


class _Console:
    """The console of the benchmark's fleet, started at the first need of it."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._second: subprocess.Popen[bytes] | None = None
        self.up = False

    def start(self) -> None:
        if not self.up:
            self._up("control", "broker", "worker", "beat", "web")
            self.up = True

    def _up(self, *services: str) -> None:
        words = [*_DBFLEET, "--runtime", "process", "up", *services]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise NotRun(done.stderr.strip().splitlines()[0])

    def second_worker(self) -> None:
        """Another worker on this machine, with the environment of the first."""
        self.start()
        if self._second is None:
            from dbfleet.ops._console import environment

            log = open(Path(tempfile.gettempdir()) / f"bench-worker-{os.getpid()}.log", "wb")  # noqa: SIM115
            with log:
                self._second = subprocess.Popen(
                    [sys.executable, "-m", "dbfleet.console", "worker"],
                    env={**os.environ, **environment(self._servers.fleet, "worker", "process")}, stdout=log, stderr=log,
                )  # fmt: skip
            time.sleep(8.0)

    def person(self) -> tuple[Any, str]:
        """A session that is logged in as the admin, and the console's address."""
        import requests

        self.start()
        link = subprocess.run([*_DBFLEET, "console", "link"], capture_output=True, text=True, check=True).stdout.strip()
        address = re.match(r"https?://[^/]+", link)
        assert address is not None
        session = requests.Session()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', session.get(link, timeout=30).text)
        assert token is not None
        session.post(link, data={"csrfmiddlewaretoken": token[1], "username": "bench"}, timeout=30).raise_for_status()
        return session, address[0]

    def a_year(self) -> None:
        """A year of samples of eleven targets."""
        self.start()
        with self._servers.fleet_again().connect(self._servers.fleet_again().service("control").with_(
            engine="postgres"
        )) as adapter:  # fmt: skip
            for statement in filter(str.strip, _YEAR.split(";\n")):
                with adapter.query(statement) as result:
                    for _ in result:
                        pass

    def memory_mb(self) -> float:
        """The proportional memory of all that it runs, after it has been idle for a while."""
        self.start()
        self._up("nginx")  # last: the console's address is nginx's from now on, with a certificate of its own
        time.sleep(60.0)
        import psutil

        found = 0.0
        for name in ("control", "broker", "web", "worker", "beat", "nginx"):
            state = self._servers.state_of(name)
            process = psutil.Process(state.pid)
            for each in (process, *process.children(recursive=True)):
                found += each.memory_full_info().pss / 1e6
        return found

    def end(self) -> None:
        if self._second is not None:
            self._second.terminate()
            self._second.wait(30)
            self._second = None


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    console = _Console(servers)
    servers.at_end(console.end)
    yield "console copy postgres mysql --on workers", partial(_copy, servers, console, rows, "mysql")
    yield "console copy postgres sqlite --on workers", partial(_copy, servers, console, rows, "sqlite")
    yield "console fleet page, 11 targets, a year", partial(_fleet_page, console)
    yield "console export of orders as csv", partial(_export, servers, console, rows)
    yield "console memory when idle, MB", partial(_memory, console)


def _copy(servers: Servers, console: _Console, rows: int, sink: str) -> Case:
    """Two workers on one machine against `dbfleet copy` itself with two jobs."""
    seeded(servers, "postgres", rows)
    servers.target(sink)
    console.second_worker()
    argv = [*_DBFLEET, "copy", "postgres", sink, "--mode", "replace", "--yes", "--jobs", "2"]
    return Case(
        f"console copy postgres {sink} --on workers", 1.15, lambda: command([*argv, "--on", "workers"]),
        lambda: command(argv),
    )  # fmt: skip


def _fleet_page(console: _Console) -> Case:
    """The fleet's page against Django's own login page, by one session after the other."""
    import requests

    console.a_year()
    person, address = console.person()

    def gets(session: Any, path: str) -> Run:
        session.get(f"{address}{path}", timeout=60).raise_for_status()
        began = time.perf_counter()
        for _ in range(_GETS):
            session.get(f"{address}{path}", timeout=60).raise_for_status()
        return Run(time.perf_counter() - began, 0.0)

    nobody = requests.Session()
    return Case(
        "console fleet page, 11 targets, a year", 2.0, lambda: gets(person, "/fleet"), lambda: gets(nobody, "/login")
    )


def _export(servers: Servers, console: _Console, rows: int) -> Case:
    """All orders as csv by the API, against the command line."""
    seeded(servers, "postgres", rows)
    person, address = console.person()
    text = "select * from orders"

    def ours() -> Run:
        began = time.perf_counter()
        with person.post(
            f"{address}/api/query", json={"target": "postgres", "text": text, "format": "csv"}, stream=True,
            headers={"X-CSRFToken": next(each.value for each in person.cookies if "csrf" in each.name)},
            timeout=600,
        ) as answer:  # fmt: skip
            answer.raise_for_status()
            for _ in answer.iter_content(1 << 20):
                pass
        return Run(time.perf_counter() - began, 0.0)

    argv = [sys.executable, "-m", "dbfleet", "query", "postgres", text, "--format", "csv"]
    return Case("console export of orders as csv", 1.3, ours, lambda: command(argv))


def _memory(console: _Console) -> Case:
    """Megabytes in the place of seconds, against 600."""
    found = console.memory_mb()
    return Case("console memory when idle, MB", 1.0, lambda: Run(found, found), lambda: Run(600.0, 0.0))
