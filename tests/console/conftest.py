"""A console of real servers: a control database and a broker from the embedded packages, a fleet of two PostgreSQLs and
SQLite beside them, and processes of the console that a test starts when it needs them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress

import pytest
from asked_web import ask_fleet, person, web, web_process
from console_servers import FLEET, WEB_PASSWORD, Console, end, until, use, use_broker
from django.db import connection, connections

from dbfleet.console import schema
from dbfleet.console.desk import Desk
from dbfleet.console.models import Pulse
from dbfleet.errors import ConstraintViolated
from dbfleet.fleet import Fleet
from dbfleet.ops.down import down
from dbfleet.ops.up import up

__all__ = ["ask_fleet", "person", "web", "web_process"]

_up: list[Console] = []
"""The console while it is up."""


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """Control database, broker and fleet, with the schema applied."""
    folder = tmp_path_factory.mktemp("console")
    state = tmp_path_factory.mktemp("state")
    (folder / "dbfleet.toml").write_text(FLEET)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DBFLEET_")}
    environment = {**plain, "DBFLEET_STATE_DIR": str(state), "DBFLEET_CONFIG": str(folder / "dbfleet.toml")}
    fleet = Fleet.open(environ=environment, directory=folder)
    try:
        up(fleet, ["control", "broker", "a", "b", "c"])
        control, broker = fleet.service("control"), fleet.service("broker")
        (folder / "key").write_text("signed with this")
        (folder / "web").write_text(WEB_PASSWORD)
        environment |= {
            "DBFLEET_CONTROL_URL": control.url(reveal=True),
            "DBFLEET_BROKER_URL": broker.url(reveal=True),
            "DBFLEET_CONSOLE_KEY_FILE": str(folder / "key"),
            "DBFLEET_CONTROL_WEB_PASSWORD_FILE": str(folder / "web"),
            "DBFLEET_CONSOLE_URL": "http://127.0.0.1:8099",
        }
        use(control.host, control.port, control.user, control.password)
        use_broker(broker.url(reveal=True))
        schema.migrate(WEB_PASSWORD, lambda text: None)
        _up.append(Console(fleet, folder, environment))
        yield _up[0]
    finally:
        _up.clear()
        connections.close_all()
        down(fleet, volumes=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """What a file's tests leave in the targets is not the next one's: which comes next depends on how they are dealt
    out among workers."""
    yield
    if _up and (nextitem is None or nextitem.path != item.path):
        for name in "abc":
            _empty(_up[0].fleet, name)


def _empty(fleet: Fleet, name: str) -> None:
    with fleet.connect(fleet.target(name)) as adapter:
        there = list(adapter.collections())
        for _ in there:  # what refers to another one goes before it
            for collection in list(there):
                with suppress(ConstraintViolated):
                    adapter.drop(collection)
                    there.remove(collection)
        assert not there, f"{name} still has {', '.join(there)}"


@pytest.fixture
def desk(console: Console) -> Iterator[Desk]:
    """The console with nothing on record."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public' "
            "AND (tablename LIKE 'console_%' OR tablename LIKE 'django_celery_beat_%' OR tablename LIKE 'auth_user%')"
        )
        names = ", ".join(row[0] for row in cursor.fetchall())
        # As the owner, whom no trigger stops so.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {names} CASCADE")
        cursor.execute("SET session_replication_role = origin")
    yield Desk(console.fleet)
    connections.close_all()


@pytest.fixture
def process(console: Console) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes of the console, and ends them after the test."""
    with ExitStack() as stack:

        def start(role: str, waits: bool = True, **more: str) -> subprocess.Popen[bytes]:
            child = console.start(role, **more)
            stack.callback(end, child)
            if role == "worker" and waits:
                until(lambda: Pulse.objects.filter(name__endswith=f":{child.pid}").exists(), "the worker is ready")
            return child

        yield start
