"""What became of a container: told by every verb, and mended by `up`. Needs what test_docker_fleet needs."""

from __future__ import annotations

import os
from pathlib import Path

import test_docker_fleet
from test_docker_fleet import container, docker, of_project
from test_docker_fleet import dbfleet as dbfleet
from test_fleet import CommandLine
from test_wrong_server import VERBS, port_of, shop_file, stranger

pytestmark = test_docker_fleet.pytestmark

MEMORY = "memory under [targets.redis] in dbfleet.toml, or DBFLEET_REDIS_MEMORY"


def name_of(dbfleet: CommandLine) -> str:
    return dbfleet.environment["DBFLEET_FLEET"]


def test_no_verb_says_a_word_to_a_stranger_on_the_port(dbfleet: CommandLine) -> None:
    shop_file(dbfleet)
    dbfleet("up", "redis")
    port = port_of(dbfleet)
    docker("rm", "--force", container(dbfleet))
    with stranger(port) as who:
        for verb, words in VERBS.items():
            _, err = dbfleet.both(*words, code=3)
            assert f"redis is not up in fleet {name_of(dbfleet)}: its container was removed" in err, verb
            assert f"(pid {os.getpid()}) listens on its port {port}" in err, verb
        assert "its container was removed" in dbfleet.records("health", "redis", code=1)["redis"]["error"]
        status = dbfleet.records("status", "redis")["redis"]
        assert (status["state"], status["error"]) == ("absent", "its container was removed")
        assert "dbfleet up redis" in status["hint"]
        assert (who.heard, who.visitors) == (b"", 0)


def test_a_server_that_dies_of_memory_under_a_command_is_told_with_its_cap(dbfleet: CommandLine) -> None:
    dbfleet.environment["DBFLEET_REDIS_MEMORY"] = "96m"
    dbfleet("up", "redis")
    dbfleet("query", "redis", "CONFIG SET maxmemory 0")
    _, err = dbfleet.both("query", "redis", "SETRANGE big 400000000 x", code=3)
    told = "it was killed for memory at "
    assert told in err
    assert "its cap is 96m" in err
    assert MEMORY in err
    record = dbfleet.records("status", "redis")["redis"]
    assert (record["state"], record["cap"]) == ("failed", 96 << 20)
    assert record["error"].startswith(told)
    assert MEMORY in record["hint"]
    assert record["since"].endswith("Z")
    assert told in dbfleet.records("health", "redis", code=1)["redis"]["error"]
    dbfleet("up", "redis")
    assert dbfleet.records("status", "redis")["redis"]["error"] is None


def test_a_start_that_failed_before_anything_was_made_leaves_nobody_missing(dbfleet: CommandLine) -> None:
    dbfleet.environment["DBFLEET_REDIS_IMAGE"] = "127.0.0.1:1/nosuch/redis:0"
    assert "cannot be pulled" in dbfleet.both("up", "redis", code=7)[1]
    assert dbfleet.records("status", "redis")["redis"]["state"] == "absent"
    assert dbfleet.records("health", code=1) == {}
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "its last start failed" in err
    assert "removed" not in err


def test_a_container_that_ends_says_how(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    docker("pause", container(dbfleet))
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "its container is paused" in err
    dbfleet("up", "redis")
    docker("kill", container(dbfleet))
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "it was killed at " in err
    assert "killed" in dbfleet.records("status", "redis")["redis"]["error"]
    dbfleet("up", "redis")
    dbfleet("stop")
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "it was stopped" in err
    assert dbfleet.records("status", "redis")["redis"]["error"] is None
    dbfleet("down")
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "it was taken down" in err


def test_up_makes_good_what_was_removed_by_hand(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    dbfleet("query", "redis", "SET kept 42")
    docker("stop", container(dbfleet))  # in order, so that nothing is lost
    docker("rm", container(dbfleet))
    dbfleet("up", "redis")
    assert '"42"' in dbfleet("query", "redis", "GET kept")
    docker("rm", "--force", container(dbfleet))
    docker("volume", "rm", *of_project("volume", f"dbfleet-{name_of(dbfleet)}"))
    dbfleet("up", "redis")
    assert '"42"' not in dbfleet("query", "redis", "GET kept")


def test_an_engine_that_does_not_answer_is_told_as_such(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    engine = dbfleet.folder / "s" / name_of(dbfleet) / "docker" / "engine"
    kept = engine.read_text()
    engine.write_text("unix:///nowhere/docker.sock")
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "the Docker engine does not answer, so nobody knows whether it runs" in err
    assert "/nowhere/docker.sock" in err
    engine.write_text(kept)
    dbfleet.environment["DOCKER_HOST"] = "unix:///nowhere/else.sock"
    assert "PONG" in dbfleet("query", "redis", "PING"), "its own engine is on record"
    dbfleet.environment.pop("DOCKER_HOST")
    engine.write_text("ssh://nowhere.invalid")  # not behind a socket: the docker command is asked
    assert "PONG" in dbfleet("query", "redis", "PING")
    engine.write_text(kept)


def test_the_name_of_a_fleet_that_went_may_be_taken_by_another(dbfleet: CommandLine, tmp_path: Path) -> None:
    """Two state directories, one after the other: neither sees, reaches nor removes what is the other's."""
    dbfleet("up", "redis")
    other = CommandLine(dbfleet.folder, dbfleet.environment | {"DBFLEET_STATE_DIR": str(tmp_path / "other")})
    docker("rm", "--force", container(dbfleet))
    docker("volume", "rm", *of_project("volume", f"dbfleet-{name_of(dbfleet)}"))
    try:
        other("up", "redis")
        assert other("url", "redis", "--reveal") != dbfleet("url", "redis", "--reveal")
        assert dbfleet.records("status", "redis")["redis"]["state"] == "absent"
        _, err = dbfleet.both("query", "redis", "PING", code=3)
        assert "its container was removed, and another fleet's has its name" in err
        dbfleet("down", "--volumes", "--yes")
        assert other.records("health", "redis")["redis"]["ok"]
        dbfleet("up", "redis")
        assert dbfleet.records("health", "redis")["redis"]["ok"]
        assert other.records("health", "redis")["redis"]["ok"]
        dbfleet("down", "--volumes", "--yes")
    finally:
        other("down", "--volumes", "--yes")
