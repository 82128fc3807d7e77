"""Servers that die, lines that go dead, disks that fill up and Ctrl-C, in the middle of copy, dump and load: a clear
error and its exit code, no hang, and the same command again ends with an empty diff.

The server is a real one of the test's own: each that is bundled, as a process, or with `--engine` one in Docker. What
dbfleet says to it goes through a proxy that counts, so a fault comes at a share of all the bytes that the job takes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from command_line import Ran, Shell
from tcp_proxy import Proxy

from dbfleet.conformance.plugin import chosen, environment
from dbfleet.fleet import Fleet

ORDERS = 3000
NAMES = ("customers", "products", "orders", "order_items", "reviews", "follows")
ENGINES = ("mariadb", "postgres", "redis")
"""Whose servers are killed where they are in this run: with SIGKILL one is like the other."""
BOUND_S = 40
"""A job that has not ended by then hangs: all of dbfleet's own timeouts together are shorter."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        names = [name for name in chosen(metafunc.config) if name in ENGINES]
        # Waiting for what never comes takes as long as dbfleet's timeouts: one server is enough.
        only_one = metafunc.config.getoption("--engine") or metafunc.definition.get_closest_marker("one_server")
        metafunc.parametrize("server", names[:1] if only_one else names, indirect=True, scope="module")


class Server:
    """One server of the fleet: `near` is SQLite's file, `far` the server through the proxy."""

    def __init__(self, shell: Shell, engine: str) -> None:
        self.shell = shell
        self.engine = engine
        self.sizes: dict[str, int] = {}
        self.holds_the_shop = True
        self._fleet = Fleet.open(environ=shell.environment, directory=shell.folder)
        shell.ok("up", engine)
        self.proxy = Proxy(self._port())
        target = self._fleet.target(engine).with_(port=self.proxy.port, managed=False)
        config = f"[targets.{engine}]\n[targets.far]\nurl = {json.dumps(target.url(reveal=True))}\n"
        config += '[targets.near]\nurl = "sqlite:///near.db"\n[targets.shop]\nurl = "sqlite:///shop.db"\n'
        (shell.folder / "dbfleet.toml").write_text(config)
        shell.ok("seed", "shop", "--rows", str(ORDERS))
        shell.ok("dump", "shop", "-o", "shop.dump")
        shell.ok("copy", "shop", engine)

    def _port(self) -> int:
        port = self._fleet.target(self.engine).port
        assert port is not None
        return port

    def kill(self) -> None:
        """SIGKILL: it says nothing to anybody."""
        if self._fleet.record(self.engine)["runtime"] == "docker":
            subprocess.run(["docker", "kill", self._container()], check=True, capture_output=True)
            return
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr.port == self._port() and found.pid:  # type: ignore[union-attr]
                process = psutil.Process(found.pid)
                while (parent := process.parent()) and parent.name() == process.name():
                    process = parent
                process.kill()
                return
        raise AssertionError("nobody listens")

    def _container(self) -> str:
        return subprocess.run(
            ["docker", "ps", "-q", "--filter", f"publish={self._port()}"], check=True, capture_output=True, text=True
        ).stdout.strip()

    def revive(self) -> None:
        self.proxy.reset()
        self.shell.ok("up", self.engine)
        self.proxy.upstream = self._port()

    def empty(self, target: str) -> None:
        """Without the shop."""
        with self._fleet_of_file().connect(self._fleet_of_file().target(target)) as adapter:
            for name in reversed(NAMES):
                adapter.drop(name)

    def _fleet_of_file(self) -> Fleet:
        return Fleet.open(environ=self.shell.environment, directory=self.shell.folder)

    def same(self, a: str, b: str) -> bool:
        ran = self.shell("diff", a, b)
        assert ran.code in (0, 1), ran
        return ran.out == ""


class Job:
    """A command, how to begin anew, and what is to be the same when it is done."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.again: tuple[str, ...]
        self.command: tuple[str, ...]
        match name:
            case "copy from":
                self.command, self.again = ("copy", "far", "near"), ("copy", "far", "near", "--resume")
            case "copy to":
                self.command, self.again = ("copy", "shop", "far"), ("copy", "shop", "far", "--resume")
            case "dump":
                self.command = self.again = ("dump", "far", "-o", "far.dump", "--yes")
            case "load":
                self.command, self.again = (
                    ("load", "far", "shop.dump"),
                    ("load", "far", "shop.dump", "--mode", "replace", "--yes"),
                )

    def begin(self) -> None:
        """Nothing of an earlier run is left."""
        shell = self.server.shell
        for path in shell.folder.glob("near.db*"):
            path.unlink()
        writes = self.name in ("copy to", "load")
        if writes:
            self.server.empty(self.server.engine)
        elif not self.server.holds_the_shop:
            self.server.empty(self.server.engine)
            shell.ok("copy", "shop", self.server.engine)
        self.server.holds_the_shop = not writes
        self.server.proxy.reset()

    def size(self) -> int:
        """How many bytes it takes, when nothing happens."""
        if self.name not in self.server.sizes:
            self.begin()
            self.server.shell.ok(*self.command)
            self.server.sizes[self.name] = self.server.proxy.passed
            self.begin()
        return self.server.sizes[self.name]

    def run(self, share: float, act: Callable[[subprocess.Popen[bytes]], None]) -> Ran:
        """The job, with something that happens to it when this share of its bytes has passed."""
        size = self.size()
        self.begin()
        held: list[subprocess.Popen[bytes]] = []
        self.server.proxy.after(max(1, int(size * share)), lambda: act(held[0]))
        with self.server.shell.start(*self.command) as child:
            held.append(child)
            try:
                out, err = child.communicate(timeout=BOUND_S)
            except subprocess.TimeoutExpired:
                child.kill()
                raise AssertionError(f"{self.command} hangs") from None
        return Ran(child.returncode, out.decode(), err.decode())

    def ends_well(self) -> None:
        """Once more: it goes through, and nothing differs."""
        ran = self.server.shell(*self.again)
        assert ran.code == 0, ran
        match self.name:
            case "copy from":
                assert self.server.same("shop", "near")
            case "dump":
                self.server.shell.ok("load", "near", "far.dump")
                assert self.server.same("shop", "near")
            case _:
                assert self.server.same("shop", self.server.engine)
                self.server.holds_the_shop = True


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("faults")
    given = environment(request.config)
    kept = {
        name: given[name] for name in given if name in ("PATH", "HOME", "PYTHONPATH") or name.startswith("DBFLEET_")
    }
    state = f"/tmp/dbf{uuid.uuid4().hex[:8]}"  # short: a socket's path may have 107 characters
    shell = Shell(
        folder, {**kept, "DBFLEET_STATE_DIR": state, "COLUMNS": "80", "DBFLEET_FLEET": f"f{uuid.uuid4().hex[:8]}"}
    )
    shell.environment.pop("DBFLEET_CONFIG", None)
    try:
        found = Server(shell, request.param)
        with found.proxy:
            yield found
    finally:
        shell("down", "--volumes", "--yes")
        shutil.rmtree(state, ignore_errors=True)


def is_clear(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran
    assert "Traceback" not in ran.err, ran
    assert len(ran.err) < 6000, ran
    for word in words:
        assert word in ran.err, ran


@pytest.mark.parametrize(("name", "share"), [("copy from", 0.5), ("copy to", 0.1), ("dump", 0.5), ("load", 0.3)])
def test_a_server_that_dies(server: Server, name: str, share: float) -> None:
    job = Job(server, name)
    ran = job.run(share, lambda child: server.kill())
    server.revive()
    is_clear(ran, 3, "far")
    job.ends_well()


@pytest.mark.one_server
@pytest.mark.parametrize(("name", "share"), [("copy to", 0.6), ("dump", 0.5)])
def test_ctrl_c_when_the_line_is_dead(server: Server, name: str, share: float) -> None:
    """The statement cannot be stopped on the server, as nothing reaches it; dbfleet ends all the same."""
    job = Job(server, name)

    def stall(child: subprocess.Popen[bytes]) -> None:
        server.proxy.go_silent()
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)

    ran = job.run(share, stall)
    assert server.proxy.silent, "nothing else ended it"
    server.proxy.reset()
    is_clear(ran, 130, "interrupted")
    job.ends_well()


@pytest.mark.parametrize(("name", "share"), [("copy to", 0.6), ("load", 0.1)])
def test_ctrl_c(server: Server, name: str, share: float) -> None:
    job = Job(server, name)
    ran = job.run(share, lambda child: child.send_signal(signal.SIGINT))
    is_clear(ran, 130, "interrupted")
    server.proxy.reset()
    job.ends_well()


@pytest.mark.one_server
def test_a_server_that_takes_the_call_and_says_nothing(server: Server) -> None:
    job = Job(server, "copy to")
    ran = job.run(0.0, lambda child: server.proxy.go_silent())
    server.proxy.reset()
    is_clear(ran, 3, "far")
    job.ends_well()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    if os.geteuid() != 0:
        pytest.skip("not on this machine")
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("not on this machine")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("name", ["copy", "dump", "load"])
def test_a_disk_that_fills_up(shell: Shell, disk: Path, name: str) -> None:
    """The file that is written lies on it. With room again the same command ends well."""
    (shell.folder / "dbfleet.toml").write_text(
        f'[targets.shop]\nengine = "sqlite"\n[targets.small]\nurl = "sqlite:///{disk}/small.db"\n'
    )
    shell.ok("seed", "shop", "--rows", "20000")
    command: tuple[str, ...]
    again: tuple[str, ...]
    match name:
        case "copy":
            command, again = ("copy", "shop", "small"), ("copy", "shop", "small", "--resume")
        case "dump":
            command = again = ("dump", "shop", "-o", str(disk / "d"), "--yes")
        case _:
            shell.ok("dump", "shop", "-o", "d")
            command, again = ("load", "small", "d"), ("load", "small", "d", "--mode", "replace", "--yes")
    ran = shell(*command)
    assert ran.code in (5, 7), ran
    assert "full" in ran.err or "No space" in ran.err, ran
    assert "Traceback" not in ran.err, ran
    subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
    assert shell(*again).code == 0
    if name == "dump":
        shell.ok("load", "small", str(disk / "d"))
    assert shell.ok("diff", "shop", "small") == ""
