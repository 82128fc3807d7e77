"""Services as containers. Needs a Docker engine, and the images that test_docker_fleet needs: control and broker run on
those of PostgreSQL and Redis."""

from __future__ import annotations

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
