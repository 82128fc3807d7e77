"""What became of a server, told from what Docker and Linux say. The Docker engine is a socket of the test's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet import own
from dbfleet.own import engine_socket, procfs
from dbfleet.runtimes import ports

UP = {
    "State": {"Status": "running", "Running": True, "OOMKilled": False, "ExitCode": 0},
    "HostConfig": {"Memory": 512 << 20},
    "Config": {"Labels": {own.PROJECT: "dbfleet-shop", own.SERVICE: "redis"}},
    "NetworkSettings": {"Ports": {"6379/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20123"}]}},
}


def ended(**state: Any) -> dict[str, Any]:
    finished = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime())
    return {**UP, "State": {"Status": "exited", "Running": False, "OOMKilled": False, "FinishedAt": finished, **state}}


@pytest.mark.parametrize(
    ("found", "told", "mend"),
    [
        ({"OOMKilled": True, "ExitCode": 137}, "it was killed for memory at ", "memory"),
        ({"OOMKilled": True, "ExitCode": 0}, "it was stopped at ", "start"),  # a process of it was killed, once
        ({"ExitCode": 143}, "it was stopped at ", "start"),
        ({"ExitCode": 137}, "it was killed at ", "start"),
        ({"ExitCode": 1}, "it ended by itself at ", "logs"),
        (
            {"State": {"Status": "created", "Running": False, "Error": "no room"}},
            "could not be started: no room",
            "start",
        ),
        ({"State": {"Status": "paused", "Running": True, "Paused": True}}, "its container is paused", "start"),
    ],
)
def test_what_an_inspection_means(found: dict[str, Any], told: str, mend: str) -> None:
    # Made now: its moment is told without the day only on that day.
    fate = own.of_container(found if "State" in found else ended(**found))
    assert fate is not None
    assert told in fate.what
    assert fate.mend == mend


def test_a_cap_and_a_moment_are_told_as_people_write_them() -> None:
    fate = own.of_container(ended(OOMKilled=True, ExitCode=137))
    assert fate is not None
    assert fate.what.endswith("its cap is 512m")
    assert [own.size(count) for count in (2 << 30, 320 << 20, 1 << 10, 7, 0)] == ["2g", "320m", "1k", "7b", "not set"]
    assert own.clock(time.time()).startswith("at ")
    assert own.clock(time.time() - 3 * 86400).startswith("on ")
    assert own.moment("0001-01-01T00:00:00Z") is None


# --- the engine's socket ------------------------------------------------------------------------------------------

Answer = Callable[[str], tuple[int, Any]]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[Answer], str]]:
    """A Docker engine that answers as it is told: from the path of a question to a status and an object."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "engine.sock"))
    listener.listen()

    def serve(answer: Answer) -> str:
        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    status, found = answer(connection.recv(65536).decode().split()[1])
                    body = found if isinstance(found, bytes) else json.dumps(found).encode()
                    connection.sendall(f"HTTP/1.0 {status} X\r\nServer: x\r\n\r\n".encode() + body)

        threading.Thread(target=run, daemon=True).start()
        return f"unix://{tmp_path}/engine.sock"

    yield serve
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def of_fleet(tmp_path: Path, at: str) -> own.Container:
    (tmp_path / own.PROJECTS_FILE).write_text('{"": "dbfleet-shop"}')
    (tmp_path / own.ENGINE_FILE).write_text(at)
    return own.Container(tmp_path, tmp_path / "secrets", "redis", "redis")


def test_the_fleets_own_container_is_reached_and_no_other(tmp_path: Path, engine: Callable[[Answer], str]) -> None:
    ours = {**UP, "Mounts": [{"Source": f"/host_mnt{tmp_path}/secrets/password"}]}
    now: dict[str, Any] = {}
    asked: list[str] = []

    def answer(path: str) -> tuple[int, Any]:
        asked.append(path)
        if path.startswith("/containers/json"):
            return 200, [{"Id": "f00"}] if now else []
        return (200, now) if now else (404, {"message": "No such container"})

    container = of_fleet(tmp_path, engine(answer))

    def fate(**more: Any) -> str:
        found = container.fate(20123, 6379, **more)
        return found.what if found else "up"

    assert fate() == "its container was removed"
    now |= ours
    asked.clear()
    assert fate() == "up"
    assert asked == ["/containers/dbfleet-shop-redis-1/json"]
    now["Config"] = {"Labels": {own.PROJECT: "another"}}  # has the name; the labels lead to one that is ours
    assert fate() == "up"
    now["Mounts"] = [{"Source": "/elsewhere/secrets/password"}]
    assert "another fleet's has its name" in fate()
    now |= ours
    now["NetworkSettings"] = {"Ports": {"6379/tcp": [{"HostPort": "20124"}]}}
    assert fate() == "its container runs, but on port 20124, not on 20123"
    now["NetworkSettings"] = {"Ports": None}
    assert fate() == "its container runs, but on no port, not on 20123"
    now |= ours | {"State": {**ours["State"], "OOMKilled": True}}  # type: ignore[dict-item]
    assert fate() == "up"
    assert "killed for memory, its cap is 512m" in fate(lost=True)


@pytest.mark.parametrize("answer", [(500, {"message": "oh"}), (403, {"message": "no"}), (200, b"<html>"), (200, b"")])
def test_an_engine_that_does_not_say_leaves_nothing_reached(
    tmp_path: Path, engine: Callable[[Answer], str], answer: tuple[int, Any]
) -> None:
    found = of_fleet(tmp_path, engine(lambda _: answer)).fate(20123, 6379)
    assert found is not None
    assert "the Docker engine does not answer" in found.what
    assert found.mend == "engine"


def test_where_the_engine_is_asked(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert engine_socket.endpoint(environ) == engine_socket.DEFAULT
    meta = tmp_path / ".docker" / "contexts" / "meta" / "abc"
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text('{"Name": "mine", "Endpoints": {"docker": {"Host": "unix:///mine.sock"}}}')
    assert engine_socket.endpoint(environ) == engine_socket.DEFAULT
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "mine"}')
    assert engine_socket.endpoint(environ) == "unix:///mine.sock"
    assert engine_socket.endpoint(environ | {"DOCKER_CONTEXT": "default"}) == engine_socket.DEFAULT
    assert engine_socket.endpoint(environ | {"DOCKER_HOST": "tcp://there:2375"}) == "tcp://there:2375"


# --- processes ----------------------------------------------------------------------------------------------------

LISTEN = "import socket, time; s = socket.create_server(('{host}', {port})); print(flush=True); time.sleep(60)"


@pytest.mark.skipif(not procfs.AVAILABLE, reason="not on this machine")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_who_listens_is_seen_also_behind_a_launcher(host: str) -> None:
    port = ports.choose(host)
    assert procfs.listens(os.getpid(), port) is None
    script = f'{sys.executable} -c "{LISTEN.format(host=host, port=port)}" & wait'
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as launcher:
        assert launcher.stdout
        launcher.stdout.readline()
        assert procfs.listens(launcher.pid, port) is True
        assert procfs.listens(os.getpid(), port) is False
        assert procfs.identity(launcher.pid) != procfs.identity(os.getpid())
        os.killpg(launcher.pid, 9)
    assert procfs.identity(launcher.pid) is None


BUSY = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
files = []
while True:
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(50)]
    for each in files:
        os.close(each)
"""


@pytest.mark.skipif(not procfs.AVAILABLE, reason="not on this machine")
def test_a_server_that_closes_files_while_it_is_looked_at_is_found_each_time() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as busy:
        assert busy.stdout is not None
        port = int(busy.stdout.readline())
        seen = [procfs.listens(busy.pid, port) for _ in range(200)]
        busy.kill()
    assert seen == [True] * 200
