"""How long a start may take: what was asked for; else what is usual, and longer where the server's stack says so."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import ServerInfo
from dbfleet.errors import NotReady, Unavailable
from dbfleet.runtimes import Deadline, Server, ServerState, docker_output, wait_ready
from dbfleet.runtimes.docker import DockerRuntime

ONE = Server("slow", registry.spec("oracle"), 1, "u", "p", "d")


class Starting:
    """A runtime whose server takes `needs_s` from now, and whose stack grants it `patience_s`."""

    def __init__(self, needs_s: float, patience_s: float) -> None:
        self.began = time.time()
        self.needs_s = needs_s
        self.patience_s = patience_s
        self.asked: list[float] = []

    def states(self, servers: Any) -> dict[str, ServerState]:
        self.asked.append(time.time())
        ready = self.asked[-1] > self.began + self.needs_s
        state = ServerState("running" if ready else "starting", started=self.began, patience_s=self.patience_s)
        return {server.target: state for server in servers}

    def logs(self, *_: Any, **__: Any) -> list[str]:
        return []

    def wait(self, deadline: Deadline) -> ServerInfo:
        return wait_ready(self, ONE, lambda _timeout_s: ServerInfo("x", "1", 0.0), deadline=deadline)  # type: ignore[arg-type]


def test_a_server_has_its_stacks_start_period_where_nobody_asked_for_a_deadline() -> None:
    assert Starting(0.6, 30).wait(Deadline(0.2, firm=False)).version == "1"


def test_a_deadline_that_was_asked_for_holds() -> None:
    with pytest.raises(NotReady, match=r"within 0\.2 s"):
        Starting(5, 30).wait(Deadline(0.2))


def test_the_start_period_ends_too_and_counts_from_the_servers_start() -> None:
    slow = Starting(1000, 0.5)
    with pytest.raises(NotReady):
        slow.wait(Deadline(0.1, firm=False))
    assert slow.asked[-1] >= slow.began + slow.patience_s
    slow = Starting(1000, 100)
    slow.began -= 200
    with pytest.raises(NotReady, match=r"within 0\.1 s"):  # what was asked for: the start period is over
        slow.wait(Deadline(0.1, firm=False))


def test_cancelling_reaches_the_longer_deadline() -> None:
    deadline = Deadline(0.1, firm=False)
    longer = deadline.at_least(60)
    assert (longer.seconds, longer.passed) == (60, False)
    deadline.cancel()
    with pytest.raises(KeyboardInterrupt):
        longer.sleep(1)


def test_a_server_that_runs_and_does_not_answer_is_waited_for_as_long() -> None:
    slow, asked = Starting(0, 0.4), []

    def ping(_timeout_s: float) -> ServerInfo:
        asked.append(1)
        raise Unavailable("not yet")

    with pytest.raises(NotReady, match="not yet"):
        wait_ready(slow, ONE, ping, deadline=Deadline(0.1, firm=False))  # type: ignore[arg-type]
    assert len(asked) > 1


def test_a_containers_start_period_is_the_servers_patience() -> None:
    found = {
        "Name": "/one",
        "Config": {"Healthcheck": {"StartPeriod": 600_000_000_000}},
        "NetworkSettings": {"Ports": {}},
        "State": {"Running": True, "StartedAt": "2026-01-01T00:00:00.123456789Z", "Health": {"Status": "starting"}},
    }
    state = docker_output.state(found, None)
    assert (state.state, state.patience_s) == ("starting", 600.0)
    found["Config"] = {}
    assert docker_output.state(found, None).patience_s == 0


@pytest.mark.parametrize("asked", [False, True])
def test_a_download_has_its_own_time_unless_a_deadline_was_asked_for(
    asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def run(command: list[str], deadline: Deadline, *_: Any) -> tuple[int, str]:
        given.append(deadline._end)
        return 0, ""

    images = SimpleNamespace(exists=lambda image: False)
    docker = SimpleNamespace(image=images, client_config=SimpleNamespace(docker_cmd=["docker"]))
    runtime = DockerRuntime("one", tmp_path, tmp_path)
    monkeypatch.setattr(runtime, "_docker", lambda *_: docker)
    monkeypatch.setattr(runtime, "_config", lambda *_: {"services": {"redis": {"image": "redis:8"}}})
    monkeypatch.setattr(runtime, "_run_visibly", run)
    server = SimpleNamespace(target="cache", spec=SimpleNamespace(name="redis"))
    deadline = Deadline(5, firm=asked)
    end = deadline._end
    assert runtime._pull("one", [server], deadline, lambda event: None) == {}  # type: ignore[list-item]
    assert (given[0] > end) is not asked, "the download's own time is the longer one"
    assert (deadline._end > end) is not asked, "and what it took is given to the servers"
