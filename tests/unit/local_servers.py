"""Servers for the tests of the process runtime: a small one of our own whose every failure can be had, and what a
test asks of a process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dbfleet.adapter import ServerInfo
from dbfleet.runtimes import Deadline, Event, Server, ports
from dbfleet.spec import EngineSpec, LocalServer, ServerPlan

PASSWORD = "s3cretOfTheFleet"

PROGRAM = """
import os, signal, socket, sys, time
port, mode = int(sys.argv[1]), sys.argv[2]
print("small server of the tests, mode", mode, flush=True)
if mode == "crash":
    print("FATAL: cannot go on", flush=True)
    sys.exit(3)
if mode == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "silent":
    time.sleep(600)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen()
while True:
    connection, _ = listener.accept()
    connection.sendall(b"hello\\n")
    connection.close()
"""

FILL = "import sys, time; open('filled', 'w').write('x'); time.sleep(float(sys.argv[1])); open('whole', 'w').write('x')"


@dataclass
class Small:
    """How the small server behaves: each field may be changed between two starts."""

    mode: str = "normal"
    fill_s: float = 0.0
    fills: list[list[str]] = field(default_factory=list)
    prepared: int = 0
    prepare: Callable[[ServerPlan], None] | None = None

    def spec(self) -> EngineSpec:
        python = Path(sys.executable)

        def initialise(plan: ServerPlan) -> list[list[str]]:
            self.fills.append(sorted(each.name for each in plan.data.iterdir()))
            return [[str(plan.binaries[python.name]), "-c", FILL, str(self.fill_s)]]

        def prepare(plan: ServerPlan) -> None:
            if self.prepare:
                self.prepare(plan)
            self.prepared += 1

        local = LocalServer(
            choices=((python.name,),),
            bundled=lambda: python.parent,
            initialise=initialise,
            command=lambda plan: [str(plan.binaries[python.name]), "-c", PROGRAM, str(plan.port), self.mode],
            prepare=prepare,
            stop_timeout_s=0.5,
            how_to_get="it is Python itself",
        )
        return EngineSpec(
            name="small",
            title="Small",
            paradigm="key-value",
            language="none",
            schemes=("small",),
            driver="none",
            connect=lambda target, timeout_s=10: None,
            types={},
            local=local,
        )


def server(spec: EngineSpec, state: Path, *, port: int | None = None) -> Server:
    """A server of this spec under its own name, on a port that is free."""
    return Server(spec.name, spec, port or ports.choose(str(state)), "dbfleet", PASSWORD, "dbfleet")


class Heard(list[Event]):
    """Takes the events of a run."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    @property
    def stages(self) -> list[str]:
        return [event.stage for event in self]


def a_minute() -> Deadline:
    return Deadline(60)


def info(_timeout_s: float) -> ServerInfo:
    return ServerInfo("Small", "1", 0.001)


def ended(pid: int, within_s: float = 10.0) -> bool:
    """Whether the process has ended; a zombie has."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
