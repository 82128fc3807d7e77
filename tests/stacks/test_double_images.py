"""The doubles' images, asked as the official ones are: variables, passwords, commands, signals. `make test-fleet` names
the images; the stacks themselves run on them in its other tests."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

ORACLE = os.environ.get("DBFLEET_ORACLE_IMAGE", "")
SQLSERVER = os.environ.get("DBFLEET_SQLSERVER_IMAGE", "")
SQLCMD = ("/opt/mssql-tools18/bin/sqlcmd", "-C", "-b", "-S", "127.0.0.1", "-U", "sa")
PASSWORD = "Abcdefg1"

pytestmark = pytest.mark.skipif(
    not (ORACLE.endswith(":double") and SQLSERVER.endswith(":double")),
    reason="no images are named in this run",
)


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def started() -> Iterator[Callable[..., str]]:
    """Starts a container that is removed with its volumes after the test; its id."""
    containers: list[str] = []

    def start(*arguments: str) -> str:
        done = docker("run", "--detach", *arguments)
        assert done.returncode == 0, done.stderr
        containers.append(done.stdout.strip())
        return containers[-1]

    yield start
    if containers:
        docker("rm", "--force", "--volumes", *containers)


def answers(container: str, *command: str) -> None:
    """Wait until the command says so."""
    deadline = time.monotonic() + 30
    while docker("exec", container, *command).returncode:
        assert time.monotonic() < deadline, docker("logs", container).stderr
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        (["MSSQL_SA_PASSWORD=Abcdefg1"], "must be accepted"),
        (["ACCEPT_EULA=Y"], "password policy"),
        (["ACCEPT_EULA=Y", "MSSQL_SA_PASSWORD=Abcdef1"], "password policy"),
        (["ACCEPT_EULA=Y", "MSSQL_SA_PASSWORD=abcdefg1"], "password policy"),
    ],
)
def test_sql_servers_conditions_are_asked_for(variables: list[str], reason: str) -> None:
    done = docker("run", "--rm", *(word for each in variables for word in ("--env", each)), SQLSERVER)
    assert (done.returncode, reason in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ([], "ORACLE_PASSWORD"),
        (["ORACLE_PASSWORD=a", "ORACLE_PASSWORD_FILE=/b"], "only one"),
        (["ORACLE_PASSWORD=a"], "APP_USER"),
        (["ORACLE_PASSWORD=a", "APP_USER=u"], "APP_USER_PASSWORD"),
        (["ORACLE_PASSWORD=a", "APP_USER=u", "APP_USER_PASSWORD=p", "ORACLE_DATABASE=D"], "FREEPDB1"),
    ],
)
def test_oracles_variables_are_asked_for(variables: list[str], reason: str) -> None:
    done = docker("run", "--rm", *(word for each in variables for word in ("--env", each)), ORACLE)
    assert (done.returncode, reason in done.stderr) == (1, True), done.stderr


def test_the_password_of_the_first_start_stays_and_sigterm_ends_it_well(started: Callable[..., str]) -> None:
    def start(password: str, volume: str) -> str:
        return started(
            "--env", "ACCEPT_EULA=Y", "--env", f"MSSQL_SA_PASSWORD={password}", "--volume", f"{volume}:/var/opt/mssql",
            SQLSERVER,
        )  # fmt: skip

    volume = docker("volume", "create").stdout.strip()
    try:
        first = start(PASSWORD, volume)
        answers(first, *SQLCMD, "-P", PASSWORD, "-Q", "CREATE DATABASE kept")
        docker("stop", first)
        state = docker("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", first).stdout.split()
        assert state == ["0", "false"]
        second = start(PASSWORD[::-1], volume)
        answers(second, *SQLCMD, "-P", PASSWORD, "-d", "kept", "-Q", "SELECT 1")
        assert docker("exec", second, *SQLCMD, "-P", PASSWORD[::-1], "-Q", "SELECT 1").returncode == 1
        docker("rm", "--force", first, second)
    finally:
        docker("volume", "rm", "--force", volume)


def test_sqlcmd_says_rows_and_errors(started: Callable[..., str]) -> None:
    container = started("--env", "ACCEPT_EULA=Y", "--env", f"MSSQL_SA_PASSWORD={PASSWORD}", SQLSERVER)
    answers(container, *SQLCMD, "-P", PASSWORD, "-Q", "IF DB_ID('dbfleet') IS NULL CREATE DATABASE dbfleet")
    as_sa = ("exec", "--env", f"SQLCMDPASSWORD={PASSWORD}", container, *SQLCMD)
    again = docker(*as_sa, "-Q", "IF DB_ID('dbfleet') IS NULL CREATE DATABASE dbfleet")
    assert again.returncode == 0, again.stdout
    rows = docker(*as_sa, "-d", "dbfleet", "-Q", "SELECT 1 AS a, N'é' AS b")
    assert (rows.returncode, rows.stdout.split()[:6]) == (0, ["a", "b", "-", "-", "1", "é"])
    failed = docker(*as_sa, "-Q", "SELECT x")
    assert (failed.returncode, "207" in failed.stdout) == (1, True)
    assert docker(*as_sa, "-d", "nowhere", "-Q", "SELECT 1").returncode == 1


def test_oracles_healthcheck_knows_the_service_and_no_other(started: Callable[..., str]) -> None:
    variables = ("ORACLE_PASSWORD=a", "APP_USER=u", "APP_USER_PASSWORD=p")
    container = started(*(word for each in variables for word in ("--env", each)), ORACLE)
    answers(container, "healthcheck.sh")
    assert docker("exec", container, "healthcheck.sh", "NOWHERE").returncode == 1
    docker("stop", container)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "0"
