"""What is said where Docker is missing, half there, or closed to this user. The docker command is a script here, so
these run on any machine."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.runtimes import docker_engine

NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
NOT_ALLOWED = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, for a docker command of the test's own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "docker"


def write(docker: Path, *, version: str, compose: str, info: str = "exit 1") -> None:
    """A docker command: shell for `docker version`, `docker compose version` and `docker info`."""
    shell = shutil.which("sh", path=os.defpath) or "/bin/sh"
    docker.write_text(f'#!{shell}\ncase "$1" in compose) {compose};; info) {info};; *) {version};; esac\n')
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


def test_an_engine_that_hangs_is_not_waited_for(docker: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "never"
    os.mkfifo(fifo)  # nobody writes to it: whoever reads it waits for ever
    write(docker, version=f"read line <{fifo}", compose="echo 2.26.1")
    assert docker_engine.look(timeout_s=0.3).trouble == "slow"


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


INFO = '{"KernelVersion": "%s", "SecurityOptions": [%s]}'


@pytest.mark.parametrize(
    ("said", "kernel", "selinux"),
    [
        (INFO % ("6.19.2-fc44.x86_64", '"name=seccomp,profile=default", "name=selinux"'), (6, 19, 2), True),
        (INFO % ("5.15-generic", '"name=seccomp,profile=builtin"'), (5, 15), False),
        ('{"KernelVersion": "6.12.76-linuxkit", "SecurityOptions": null}', (6, 12, 76), False),
    ],
)
def test_the_engine_tells_of_its_machine(docker: Path, said: str, kernel: tuple[int, ...], selinux: bool) -> None:
    write(docker, version="echo 28.0", compose="echo 2.26.1", info=f"echo '{said}'")
    assert docker_engine.host() == docker_engine.Host(kernel, selinux)


@pytest.mark.parametrize("said", ["exit 1", "echo no json", "echo '{}'", "exec /bin/sleep 30"])
def test_an_engine_that_tells_nothing_of_its_machine(docker: Path, said: str) -> None:
    write(docker, version="echo 28.0", compose="echo 2.26.1", info=said)
    assert docker_engine.host(timeout_s=0.3) is None


def test_what_the_kernel_means_is_the_engines_to_say() -> None:
    examine = registry.spec("mongodb").examine_kernel
    assert examine is not None
    assert examine((6, 18, 44)) == ()
    (found,) = examine((6, 19))
    assert (found.level, "GLIBC_TUNABLES" in found.text) == ("warn", True)


@pytest.mark.parametrize(
    ("said", "port"),
    [
        ("Error response from daemon: driver failed programming external connectivity on endpoint x-neo4j-1 (0a1b): "
         "Bind for 127.0.0.1:7474 failed: port is already allocated", 7474),
        ("Error starting userland proxy: listen tcp4 127.0.0.1:7687: bind: address already in use", 7687),
        ("Ports are not available: exposing port TCP 127.0.0.1: address already in use", 0),
        ("no space left on device", None),
    ],
)  # fmt: skip
def test_the_port_that_another_program_has_is_read(said: str, port: int | None) -> None:
    assert docker_engine.taken_port(said) == port
