"""What the docker runtime tells the stacks, in the file of a project's variables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.runtimes import Server, docker_output
from dbfleet.runtimes.compose import Projects


def written(projects: Projects, port: int) -> dict[str, str]:
    """The variables of a project with Neo4j, whose stack publishes a second port, on `port`."""
    neo4j = Server("neo4j", registry.spec("neo4j"), port, "neo4j", "unused-here", "neo4j")
    projects.write_variables("check", [neo4j])
    return dict(line.split("=", 1) for line in projects.variables("check").read_text("utf-8").splitlines())


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Projects:
    monkeypatch.delenv("DBFLEET_NEO4J_HTTP_PORT", raising=False)
    return Projects("check", tmp_path / "docker", tmp_path / "secrets")


def test_a_stacks_second_port_is_the_default_one_where_it_is_free(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbfleet.runtimes.ports.is_free", lambda port: True)
    assert written(projects, 27687)["DBFLEET_NEO4J_HTTP_PORT"] == "7474"


def test_a_second_port_that_is_taken_is_replaced_once_and_kept(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbfleet.runtimes.ports.is_free", lambda port: port != 7474)
    chosen = written(projects, 7687)["DBFLEET_NEO4J_HTTP_PORT"]
    assert chosen != "7474"
    assert 1024 < int(chosen) < 65536
    assert written(projects, 7687)["DBFLEET_NEO4J_HTTP_PORT"] == chosen


def test_a_second_port_that_was_taken_since_is_replaced_unless_the_server_itself_has_it(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    neo4j = Server("neo4j", registry.spec("neo4j"), 7687, "neo4j", "unused-here", "neo4j")
    taken: set[int] = set()
    monkeypatch.setattr("dbfleet.runtimes.ports.is_free", lambda port: port not in taken)
    assert written(projects, 7687)["DBFLEET_NEO4J_HTTP_PORT"] == "7474"
    taken.add(7474)
    projects.write_variables("check", [neo4j], {"neo4j"})
    assert projects.variable("check", neo4j, 7474) == "DBFLEET_NEO4J_HTTP_PORT"
    moved = written(projects, 7687)["DBFLEET_NEO4J_HTTP_PORT"]
    assert (moved == "7474", projects.variable("check", neo4j, int(moved))) == (False, "DBFLEET_NEO4J_HTTP_PORT")
    assert projects.variable("check", neo4j, 7687) is None


def test_the_second_port_can_be_named(projects: Projects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBFLEET_NEO4J_HTTP_PORT", "27474")
    assert written(projects, 27687)["DBFLEET_NEO4J_HTTP_PORT"] == "27474"


def test_servers_that_move_to_other_ports_at_once_all_keep_theirs(projects: Projects) -> None:
    servers = [
        Server(spec.name, spec, 20000 + place, spec.name, "unused-here", spec.name)
        for place, spec in enumerate(each for each in registry.specs() if not each.embedded)
    ]
    with ThreadPoolExecutor(len(servers)) as pool:
        for _ in range(20):
            list(pool.map(lambda server: projects.write_variables("check", [server]), servers))
            lines = projects.variables("check").read_text("utf-8").splitlines()
            found = dict(line.split("=", 1) for line in lines)
            assert {server.target: found.get(f"DBFLEET_{server.target.upper()}_PORT") for server in servers} == {
                server.target: str(server.port) for server in servers
            }
            projects.variables("check").unlink()


def test_a_servers_port_is_the_engines_own_not_that_of_its_web_page() -> None:
    inspected: dict[str, object] = {
        "Name": "/x-neo4j-1",
        "State": {"Running": True, "StartedAt": "2026-01-02T03:04:05.123456789Z", "Pid": 1},
        "NetworkSettings": {
            "Ports": {"7473/tcp": None, "7474/tcp": [{"HostPort": "27474"}], "7687/tcp": [{"HostPort": "27687"}]}
        },
    }
    assert docker_output.state(inspected, None, registry.spec("neo4j").default_port).port == 27687
    assert docker_output.state(inspected, None).port == 27474
