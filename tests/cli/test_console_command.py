"""`dbfleet console` as a person types it: it ends what it has started, however it ends, and leaves the rest alone."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from test_fleet import CommandLine, servers_of
from test_service_ports import NGINX
from test_services import CONSOLE, console, dbfleet

from dbfleet.fleet import Fleet

__all__ = ["console", "dbfleet"]

READY = "Ctrl-C ends it"


@contextmanager
def looking(console: CommandLine, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`dbfleet console`, once it is ready, and what it said until then."""
    with console.start(*arguments, "console") as child:
        assert child.stderr
        said = ""
        try:
            while READY not in said:
                line = child.stderr.readline()
                assert line, f"it ended: {child.wait()}\n{said}"
                said += line
            yield child, said
        finally:
            if child.poll() is None:
                child.terminate()


def pids(console: CommandLine) -> dict[str, int]:
    return {name: console.pid(name) for name in CONSOLE}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["hup", "term", "int"]
)
def test_all_that_it_started_goes_down_with_it(console: CommandLine, number: int, code: int) -> None:
    with looking(console) as (child, said):
        assert "up before" not in said
        assert servers_of(console.folder / "s") != []
        child.send_signal(number)
        _, err = child.communicate(timeout=120)
        assert child.returncode == code, err
    assert servers_of(console.folder / "s") == []


def test_all_that_it_started_goes_down_when_its_terminal_is_closed(console: CommandLine) -> None:
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
         "os.execv(sys.executable, [sys.executable, '-m', 'dbfleet', 'console'])"],
        cwd=console.folder, env={"TERM": "xterm", **console.environment},
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    said = b""
    while READY.encode() not in said:
        said += os.read(master, 65536)
    os.close(master)
    assert child.wait(120) == 129
    assert servers_of(console.folder / "s") == []


def test_it_and_up_console_leave_what_the_other_started_as_it_is(console: CommandLine) -> None:
    del console.environment["DBFLEET_RUNTIME"]
    console("--runtime", "process", "up", "console")
    first = pids(console)
    with looking(console) as (child, said):
        assert pids(console) == first
        assert "was up before, and left running when this ends" in said or "were up before" in said
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=120)
        assert "left running: dbfleet stop " in err
    assert pids(console) == first
    console("up", "console")
    assert pids(console) == first
    elsewhere = console.folder / "below"
    elsewhere.mkdir()
    there = CommandLine(elsewhere, {**console.environment, "DBFLEET_RUNTIME": ""})
    there("up", "console")
    assert pids(console) == first, "from another folder, and nothing in the settings depends on that"


def test_a_port_that_is_gone_when_it_starts_a_service_again_is_told(console: CommandLine) -> None:
    if not NGINX:
        pytest.skip("no nginx on this machine")
    fleet = Fleet.open(environ=console.environment, directory=console.folder)
    with looking(console) as (child, _):
        assert child.stderr
        (port,) = fleet.record("nginx")["more_ports"].values()
        nginx = psutil.Process(console.pid("nginx"))
        for process in [nginx, *nginx.children(recursive=True)]:
            process.kill()
        with listening(port):
            lines = iter(child.stderr.readline, "")
            assert next(lines).startswith("nginx: it ended by itself")
            assert next(lines).startswith(f"nginx: {port} is taken by ")


@contextmanager
def listening(port: int) -> Iterator[None]:
    """Listen on a port as soon as nobody does any more."""
    for _ in range(1000):
        try:
            listener = socket.create_server(("127.0.0.1", port))
        except OSError:
            time.sleep(0.002)
        else:
            with listener:
                yield
            return
    raise AssertionError(f"{port} is not free")


def test_it_says_which_were_up_before_and_how_to_stop_them(console: CommandLine) -> None:
    console("up", "control", "broker")
    told = "control and broker were up before, and left running"
    with looking(console) as (child, said):
        assert f"{told} when this ends" in said
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=120)
    assert f"{told}: dbfleet stop control broker ends that" in err
    found = console.records("status")
    assert {name for name in CONSOLE if found[name]["state"] == "running"} == {"control", "broker"}
