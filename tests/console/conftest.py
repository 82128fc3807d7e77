"""A console of real servers: a control database and a broker from the embedded packages, a fleet of two PostgreSQLs and
SQLite beside them, and processes of the console that a test starts when it needs them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from asked_web import ask_fleet, person, web, web_process
from console_servers import FLEET, WEB_PASSWORD, Console, end, until, use, use_broker
from django.db import connection, connections

from dbfleet.console import schema
from dbfleet.console.desk import Desk
from dbfleet.console.models import Pulse
from dbfleet.fleet import Fleet
from dbfleet.ops.down import down
from dbfleet.ops.up import up

__all__ = ["ask_fleet", "person", "web", "web_process"]


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
        yield Console(fleet, folder, environment)
    finally:
        connections.close_all()
        down(fleet, volumes=True)


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
