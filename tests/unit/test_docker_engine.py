"""What is said where Docker is missing, half there, or closed to this user. The docker command is a script here, so
these run on any machine."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import pytest

from dbfleet.runtimes import docker_engine

NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
NOT_ALLOWED = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, for a docker command of the test's own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "docker"


def write(docker: Path, *, version: str, compose: str) -> None:
    """A docker command: shell for `docker version` and for `docker compose version`."""
    shell = shutil.which("sh", path=os.defpath) or "/bin/sh"
    docker.write_text(f'#!{shell}\nif [ "$1" = compose ]; then {compose}; else {version}; fi\n')
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)


def test_all_there(docker: Path) -> None:
    write(docker, version="echo 20.10.24", compose="echo v2.26.1-4")
    found = docker_engine.look()
    assert (found.usable, found.engine, found.compose) == (True, "20.10.24", "v2.26.1-4")


def test_no_client(docker: Path) -> None:
    found = docker_engine.look()
    assert (found.trouble, found.usable) == ("no client", False)
    assert "--runtime process" in found.hint


def test_a_client_without_an_engine(docker: Path) -> None:
    write(docker, version=f"echo '{NO_ENGINE}' >&2; exit 1", compose="echo 2.26.1")
    assert docker_engine.look().trouble == "no engine"


def test_a_socket_that_this_user_may_not_open(docker: Path) -> None:
    write(docker, version=f"echo '{NOT_ALLOWED}' >&2; exit 1", compose="echo 2.26.1")
    found = docker_engine.look()
    assert found.trouble == "not allowed"
    assert "group" in found.hint


def test_no_compose(docker: Path) -> None:
    write(docker, version="echo 20.10.24", compose="echo \"docker: 'compose' is not a docker command\" >&2; exit 1")
    found = docker_engine.look()
    assert found.trouble == "no compose"
    assert "docker-compose-plugin" in found.hint


@pytest.mark.parametrize(("version", "usable"), [("2.19.9", False), ("2.20.0", True), ("v5.1", True), ("1.29", False)])
def test_a_compose_that_is_too_old(docker: Path, version: str, usable: bool) -> None:
    write(docker, version="echo 28.0", compose=f"echo {version}")
    assert docker_engine.look().usable is usable


def test_an_engine_that_hangs_costs_a_second_at_most(docker: Path) -> None:
    write(docker, version="exec /bin/sleep 30", compose="echo 2.26.1")
    began = time.monotonic()
    assert docker_engine.look(timeout_s=0.3).trouble == "slow"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (NO_ENGINE, "no Docker engine answers"),
        (NOT_ALLOWED, "permission denied"),
        ("write /var/lib/docker/tmp/x: no space left on device", "disk that holds Docker's data is full"),
        ("something\nError response from daemon: pull access denied for x", "pull access denied for x"),
        ("", "it gave no reason"),
    ],
)
def test_a_complaint_becomes_a_sentence(said: str, meant: str) -> None:
    assert meant in docker_engine.meaning(said)[0]
