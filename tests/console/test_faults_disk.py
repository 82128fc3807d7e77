"""The disk under the control database is full: what needs to be put on record is refused in words, what only reads goes
on, and when there is room again everything does, with nothing lost of what was said to be on record."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from console_people import Person, Web, environment, free_port
from console_servers import WEB_PASSWORD, Console, end, until, use
from django.db import connection, connections
from django.db.utils import OperationalError

from dbfleet.console import schema
from dbfleet.console.access import people
from dbfleet.console.desk import Desk
from dbfleet.console.models import Job
from dbfleet.errors import Unavailable
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.ops.down import down
from dbfleet.ops.stop import stop
from dbfleet.ops.up import up

FULL = "the control database's disk is full"
FLEET = """
[fleet]
name = "small"
runtime = "process"
[targets.s]
engine = "sqlite"
"""
ROOM = 24 << 20
"""What the small disk has beside the data, for write-ahead log that recovery may need."""


def mounted(place: Path, size: int) -> bool:
    """Whether a disk of that size could be put there."""
    if os.geteuid():
        return False
    words = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(place)]
    return subprocess.run(words, capture_output=True).returncode == 0


@pytest.fixture
def small(console: Console, tmp_path: Path) -> Iterator[tuple[Console, Path]]:
    """A console of its own, whose control database has a small disk: its folder."""
    (tmp_path / "dbfleet.toml").write_text(FLEET)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DBFLEET_")}
    told = {**plain, "DBFLEET_STATE_DIR": str(tmp_path / "state"), "DBFLEET_CONFIG": str(tmp_path / "dbfleet.toml")}
    fleet = Fleet.open(environ=told, directory=tmp_path)
    up(fleet, ["control"])
    data = data_of(fleet)
    stop(fleet, ["control"])
    size = sum(path.lstat().st_size for path in data.rglob("*")) + ROOM
    kept, owner = tmp_path / "kept", data.stat()
    shutil.copytree(data, kept, symlinks=True)
    is_mounted = mounted(data, size)
    try:
        if not is_mounted:
            pytest.skip("not on this machine")
        os.chown(data, owner.st_uid, owner.st_gid)
        subprocess.run(["cp", "-a", "--no-preserve=ownership", f"{kept}/.", str(data)], check=True)
        for path in data.rglob("*"):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        up(fleet, ["control"])
        control = fleet.service("control")
        more = {"DBFLEET_CONTROL_URL": control.url(reveal=True)}
        use(control.host, control.port, control.user, control.password)
        schema.migrate(WEB_PASSWORD, lambda text: None)
        yield replace(console, fleet=fleet, folder=tmp_path, environment={**console.environment, **told, **more}), data
    finally:
        connections.close_all()
        control = console.fleet.service("control")
        use(control.host, control.port, control.user, control.password)
        stop(fleet, ["control"])
        if is_mounted:
            subprocess.run(["umount", str(data)], check=True)
        down(fleet, volumes=True)


def data_of(fleet: Fleet) -> Path:
    """Where the control database's files are."""
    ((runtime, (server,)),) = _servers.by_runtime(fleet, [fleet.service("control")])
    return Path(str(runtime.places(server)["data"]))


def filled(data: Path) -> Path:
    """Put a file there that leaves no room."""
    file = data / "filler"
    with file.open("wb") as out:
        try:
            while True:
                out.write(b"\0" * 65536)
                out.flush()
        except OSError:
            pass
    return file


def until_refused(desk: Desk) -> tuple[list[int], Unavailable]:
    """Jobs with much to say, until one cannot be put on record: those that are, and what was said of that one."""
    made: list[int] = []
    for _ in range(500):
        statement = f"select '{secrets.token_hex(3000)}'"  # what cannot be compressed fills pages soon
        try:
            made.append(desk.make_job("command", {"command": ["query", "s", statement]}))
        except Unavailable as error:
            connections.close_all()
            return made, error
    pytest.fail("the disk has room without an end")


def write_ahead_log_has_no_room() -> None:
    """Begin new files of it until there is no room for one: then PostgreSQL ends itself, as it may promise no more.

    Each file needs a record: pg_switch_wal does nothing where nothing was written since the last one.
    """
    try:
        with connection.cursor() as cursor:
            for _ in range(2_000):
                cursor.execute("SELECT pg_logical_emit_message(false, 'test', 'x')")
                cursor.execute("SELECT pg_switch_wal()")
    except OperationalError:
        connections.close_all()
        return
    pytest.fail("the disk has room without an end")


def test_a_full_disk_is_told_and_everything_goes_on_once_there_is_room(small: tuple[Console, Path]) -> None:
    console, data = small
    desk, port = Desk(console.fleet), free_port()
    people.add("anna", by="cli:test", role="admin", pattern="*")
    child = console.start("web", **environment(console, port))
    try:
        web = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", child)
        until(web.is_up, "web answers")
        anna = Person(web, "anna")
        anna.enter()
        made = [desk.make_job("health", {"targets": ["s"]}) for _ in range(3)]
        filler = filled(data)
        more, error = until_refused(desk)
        assert (error.message, "make room" in (error.hint or "")) == (FULL, True)
        refused = anna.call("POST", "/access/tokens", {"name": "x" * 60, "role": "viewer"})
        for _ in range(300):
            if refused.status_code == 503:
                break
            refused = anna.call("POST", "/access/tokens", {"name": "x" * 60, "role": "viewer"})
        assert (refused.status_code, refused.json()["error"]) == (503, FULL)
        assert "make room" in refused.json()["hint"]
        assert anna.get("/healthz").status_code == 200
        assert "jobs" in anna.call("GET", "/jobs").json()
        done = console.command("schedule", "add", "dump", "s", "--every", "1d", "--name", "x" * 190)
        if done.returncode:  # it may find a place in a page that is there
            assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
            assert FULL in done.stderr
        write_ahead_log_has_no_room()
        says = {"ok": False, "error": "the control database is away"}
        until(lambda: says.items() <= anna.get("/healthz").json().items(), "PostgreSQL has ended itself")
        filler.unlink()
        up(console.fleet, ["control"])
        until(web.is_up, "web goes on by itself")
        assert Job.objects.filter(pk__in=[*made, *more]).count() == len(made) + len(more)
        after = desk.make_job("log", {"target": "s", "lines": 1})
        assert Job.objects.get(pk=after).state == "waiting"
        assert anna.call("POST", "/access/tokens", {"name": "y", "role": "viewer"}).status_code in (200, 201)
        assert desk.verify()["ok"]
    finally:
        end(child)
