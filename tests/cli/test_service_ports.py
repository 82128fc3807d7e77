"""What a service is told of the others' ports is what they got, also where another program takes one while `up` runs.

The other program is this test: it listens on the port at the moment that the report tells."""

from __future__ import annotations

import os
import shutil
import signal
import socket

import psutil
import pytest
from test_fleet import CommandLine, ended, servers_of
from test_services import console, dbfleet, environment

from dbfleet.fleet import Fleet
from dbfleet.ops.up import up
from dbfleet.runtimes import Event

__all__ = ["console", "dbfleet"]

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin:/usr/bin")


@pytest.fixture
def fleet(console: CommandLine) -> Fleet:
    return Fleet.open(environ=console.environment, directory=console.folder)


def told(console: CommandLine, name: str) -> dict[str, str]:
    words = environment(console.pid(name)).split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


def test_each_port_of_a_service_that_is_taken_is_replaced_and_told(console: CommandLine, fleet: Fleet) -> None:
    if not NGINX:
        pytest.skip("no nginx on this machine")
    console("up", "nginx")
    console("stop", "nginx")
    ports = fleet.record("nginx")["more_ports"]
    (first,) = ports.values()
    with socket.create_server(("127.0.0.1", first)):
        _, err = console.both("up", "nginx")
        assert f"nginx: {first} is taken by " in err
        (second,) = fleet.record("nginx")["more_ports"].values()
        assert f"nginx listens on {second} too" in err
        pid = console.pid("nginx")
        assert "is taken by" not in console.both("up", "nginx")[1]
        assert console.pid("nginx") == pid
        with socket.create_connection(("127.0.0.1", second)) as client:
            client.sendall(b"GET /jobs HTTP/1.0\r\n\r\n")
            assert b"301" in client.recv(1000)

        console("stop", "nginx")
        asked = {"DBFLEET_NGINX_HTTP_PORT": str(first)}
        _, err = CommandLine(console.folder, console.environment | asked).both("up", "nginx", code=8)
        assert f"port {first} is taken by" in err

    state = console.folder / "s" / "default"
    with (state / "servers" / "nginx" / "home" / "server.log").open("a") as log:
        log.write("of an earlier start\n")
    (state / "secrets" / "tls" / "key.pem").write_text("no key")
    _, err = console.both("up", "nginx", code=8)
    assert "cannot load certificate key" in err
    assert "of an earlier start" not in err
    found = console.records("status")["nginx"]
    assert (found["state"], found["error"]) == ("failed", "it ended by itself")


def test_a_start_that_failed_is_told_as_that(console: CommandLine, fleet: Fleet) -> None:
    console("up", "broker")
    os.kill(console.pid("broker"), signal.SIGKILL)
    assert ended(console.pid("broker"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asked = {"DBFLEET_BROKER_PORT": str(listener.getsockname()[1])}
        CommandLine(console.folder, console.environment | asked).both("up", "broker", code=7)
    found = console.records("status")["broker"]
    assert (found["state"], found["error"]) == ("failed", "it ended by itself")
    console("stop", "broker")
    found = console.records("status")["broker"]
    assert (found["state"], found["error"]) == ("stopped", None), "it had ended by itself, and was stopped then"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("DBFLEET_NGINX_PORT", "abc", "a port is a number"),
        ("DBFLEET_NGINX_HTTP_PORT", "0", "a port is a number"),
        ("DBFLEET_WEB_THREADS", "0", "a number from 1 to 999"),
        ("DBFLEET_CONSOLE_OIDC_SECRET", "${file:nowhere}", "No such file"),
    ],
)
@pytest.mark.parametrize("verb", ["up", "restart"])
def test_what_is_set_is_judged_before_anything_starts(
    console: CommandLine, verb: str, variable: str, value: str, told: str
) -> None:
    console("up", "broker")
    pid = console.pid("broker")
    wrong = CommandLine(console.folder, console.environment | {variable: value, "DBFLEET_BROKER_MEMORY": "50m"})
    _, err = wrong.both(verb, "console", code=2)
    assert variable in err
    assert told in err
    assert console.pid("broker") == pid
    assert [each.name() for each in servers_of(console.folder / "s")] == [psutil.Process(pid).name()]


def test_a_port_that_is_taken_while_up_runs_is_told_right_to_all(console: CommandLine, fleet: Fleet) -> None:
    moments = [("worker", "ready"), ("web", "starting")]  # after the others were told of it; when it was told itself
    listeners: list[socket.socket] = []

    def report(event: Event) -> None:
        if moments and (event.target, event.stage) == moments[0]:
            del moments[0]
            listeners.append(socket.create_server(("127.0.0.1", fleet.record("web")["port"])))

    try:
        up(fleet, ["web"], report=report)
        port = fleet.record("web")["port"]
        assert len({port, *(listener.getsockname()[1] for listener in listeners)}) == 3, "it was driven away twice"
        assert told(console, "web")["DBFLEET_WEB_LISTEN"] == f"127.0.0.1:{port}"
        for name in ("web", "worker"):
            assert told(console, name)["DBFLEET_CONSOLE_URL"] == f"http://127.0.0.1:{port}"
        assert all(record["ok"] for record in console.records("health").values())
    finally:
        for listener in listeners:
            listener.close()
