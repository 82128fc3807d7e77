"""What a service is told of the others' ports is what they got, also where another program takes one while `up` runs.

The other program is this test: it listens on the port at the moment that the report tells."""

from __future__ import annotations

import socket

import pytest
from test_fleet import CommandLine
from test_services import console, dbfleet, environment

from dbfleet.fleet import Fleet
from dbfleet.ops.up import up
from dbfleet.runtimes import Event

__all__ = ["console", "dbfleet"]


@pytest.fixture
def fleet(console: CommandLine) -> Fleet:
    return Fleet.open(environ=console.environment, directory=console.folder)


def told(console: CommandLine, name: str) -> dict[str, str]:
    words = environment(console.pid(name)).split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


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
