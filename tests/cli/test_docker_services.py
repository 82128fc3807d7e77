"""Services as containers. Needs a Docker engine, and the images that test_docker_fleet needs: control and broker run on
those of PostgreSQL and Redis."""

from __future__ import annotations

import os

import pytest
from test_docker_fleet import IMAGES, container, dbfleet, docker, of_project, pytestmark
from test_fleet import CommandLine

__all__ = ["dbfleet", "pytestmark"]


@pytest.fixture
def console(dbfleet: CommandLine) -> CommandLine:
    dbfleet.environment |= {
        "DBFLEET_CONTROL_IMAGE": IMAGES["DBFLEET_POSTGRES_IMAGE"],
        "DBFLEET_BROKER_IMAGE": IMAGES["DBFLEET_REDIS_IMAGE"],
    }
    return dbfleet


def test_control_and_broker_come_up_beside_an_engine_and_go_down(console: CommandLine) -> None:
    console("up", "redis", "control", "broker")
    found = console.records("status")
    assert {name: found[name]["state"] for name in ("redis", "control", "broker")} == dict.fromkeys(
        ("redis", "control", "broker"), "running"
    )
    assert found["control"]["cap"] == 160 << 20
    assert all(record["ok"] for record in console.records("health").values())
    project = f"dbfleet-{console.environment['DBFLEET_FLEET']}"
    assert len(of_project("container", project)) == 3, "one project, so they reach each other by name"
    folder = console.folder / "s" / console.environment["DBFLEET_FLEET"] / "secrets"
    told = docker("inspect", container(console, "control"), container(console, "broker"))
    assert not [name for name in ("control", "broker", "password") if (folder / name).read_text("ascii") in told]
    console("stop", "console")
    states = {name: record["state"] for name, record in console.records("status").items()}
    assert (states["redis"], states["control"], states["broker"]) == ("running", "stopped", "stopped")
    console("down")
    assert of_project("container", project) == []


def test_a_killed_control_database_is_told_and_comes_back_with_its_data(console: CommandLine) -> None:
    console("up", "control")
    docker("kill", container(console, "control"))
    assert "exit code 137" in str(console.records("health", "control", code=1)["control"]["error"])
    assert console.records("status", "control")["control"]["state"] in ("failed", "stopped")
    console("up", "control")
    assert console.records("health", "control")["control"]["ok"]


@pytest.fixture
def built(console: CommandLine) -> CommandLine:
    if not os.environ.get("DBFLEET_CONSOLE_BASE") or not os.environ.get("DBFLEET_NGINX_IMAGE"):
        pytest.skip("no images are named in this run")
    names = (
        "DBFLEET_CONSOLE_BASE",
        "DBFLEET_NGINX_IMAGE",
        "PIP_CERT",
        "PIP_INDEX_URL",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    )
    console.environment |= {name: os.environ[name] for name in names if name in os.environ}
    return console


CONSOLE = ("control", "broker", "web", "worker", "beat", "hostworker", "nginx")


def test_the_console_is_built_of_this_dbfleet_and_comes_up_in_containers(built: CommandLine) -> None:
    with built.start("up", "redis", "console", "--timeout", "1800") as child:  # the first build takes minutes
        _, err = child.communicate(timeout=1800)
    assert child.returncode == 0, err
    found = built.records("status")
    assert {name: found[name]["state"] for name in CONSOLE} == dict.fromkeys(CONSOLE, "running")
    runtimes = {name: found[name]["runtime"] for name in CONSOLE}
    assert runtimes == {**dict.fromkeys(CONSOLE, "docker"), "hostworker": "process"}
    assert all(record["ok"] for record in built.records("health").values())
    inside = ("web", "worker", "beat")
    assert len({docker("inspect", "--format", "{{.Image}}", container(built, name)) for name in inside}) == 1

    fleet = built.folder / "s" / built.environment["DBFLEET_FLEET"]
    secrets = [file.read_text("ascii") for file in (fleet / "secrets").iterdir() if file.is_file()]
    told = docker("inspect", *(container(built, name) for name in inside))
    assert not [secret for secret in secrets if secret in told]

    def said(name: str, *command: str) -> str:
        return docker("exec", container(built, name), *command)

    assert said("web", "id", "-u") == "10001"
    writers = (fleet / "secrets" / "password").read_text("ascii")
    assert writers in said("worker", "sh", "-c", "cat /run/dbfleet/*")
    assert writers not in said("web", "sh", "-c", "cat /run/dbfleet/* /run/secrets/*")
    assert "PONG" in said("worker", "python3", "-m", "dbfleet", "query", "redis", "PING")
    assert "PONG" in said("web", "python3", "-m", "dbfleet", "query", "redis", "PING", "--read-only")

    flower = (fleet / "secrets" / "flower").read_text("ascii")
    assert flower not in docker("inspect", container(built, "nginx"))
    ask = ("curl", "--silent", "--insecure", "--include")
    url = found["nginx"]["url"]
    assert " 200 " not in said("nginx", *ask, "https://127.0.0.1:8443/flower/").splitlines()[0], "nobody is logged in"
    assert f"Location: {url}/jobs" in said("nginx", *ask, "http://127.0.0.1:8080/jobs")
    for _ in ("from web", "from nginx's cache"):
        assert " 200 " in said("nginx", *ask, "https://127.0.0.1:8443/static/console.css").splitlines()[0]
    large = ("sh", "-c", f"head -c 5000000 /dev/zero | {' '.join(ask)} --data-binary @- https://127.0.0.1:8443/login")
    assert " 403 " in said("nginx", *large), "web has heard of it"

    first = {name: container(built, name) for name in inside}
    built("up", "console", "--timeout", "600")
    assert {name: container(built, name) for name in inside} == first, "what runs as it should is left alone"
    docker("kill", container(built, "worker"))
    assert not built.records("health", "worker", code=1)["worker"]["ok"]
