"""The benchmark's own fleet, with memory enough for a million orders, and the engines' own clients."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.measure import NotRun
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops.up import up
from dbfleet.runtimes import ServerState
from dbfleet.target import Target

ROOT = Path(__file__).parents[1]
STATE = Path(tempfile.mkdtemp(prefix="dbfleet-bench-"))
_MEMORY = {
    "POSTGRES": "2g",
    "MYSQL": "2g",
    "MARIADB": "2g",
    "MONGODB": "3g",
    "REDIS": "8g",
    "COUCHDB": "1g",
    "CASSANDRA": "3g",
    "NEO4J": "3g",
}


def environment() -> dict[str, str]:
    """What dbfleet's processes get: a state of their own, roomy servers, the local test images where they stand."""
    found = {"DBFLEET_STATE_DIR": str(STATE), "DBFLEET_FLEET": f"bench{os.getpid()}", "DBFLEET_CONFIG": ""}
    found |= {f"DBFLEET_{engine}_MEMORY": size for engine, size in _MEMORY.items()}
    images = ROOT / ".cache" / "test-images.env"
    if images.exists():
        found |= dict(line.split("=", 1) for line in images.read_text().split())
    return {**found, **{key: value for key, value in os.environ.items() if key in found}}


class Servers:
    """Starts a server at the first need of it; NotRun where it cannot be started."""

    def __init__(self) -> None:
        os.environ.update(environment())
        self.fleet = Fleet.open()
        self._failed: dict[str, str] = {}
        self._ends: list[Callable[[], None]] = []

    def at_end(self, act: Callable[[], None]) -> None:
        """Call it before the servers are taken down."""
        self._ends.append(act)

    def fleet_again(self) -> Fleet:
        """The fleet as its records are now, where another process has started a part of it."""
        return Fleet.open()

    def state_of(self, service: str) -> ServerState:
        """How a service of the fleet is."""
        from dbfleet.ops import _servers

        fleet = self.fleet_again()
        ((runtime, found),) = _servers.by_runtime(fleet, [fleet.service(service)])
        return runtime.states(found, memory=True)[service]

    def target(self, name: str) -> Target:
        if name in self._failed:
            raise NotRun(self._failed[name])
        try:
            up(self.fleet, [name])
        except DbfleetError as error:
            self._failed[name] = f"{error} ({error.hint})" if error.hint else str(error)
            raise NotRun(self._failed[name]) from error
        return self.fleet.target(name)

    def adapter(self, name: str) -> Adapter:
        from dbfleet import registry

        return registry.connect(self.target(name).with_(create=True))

    def container(self, name: str) -> str | None:
        """The container's name, where the target runs in one."""
        self.target(name)
        if self.fleet.record(name).get("runtime") != "docker":
            return None
        return f"dbfleet-{self.fleet.name}-{name}-1"

    def client(self, name: str, program: str) -> list[str]:
        """argv of an engine's own client: from PATH, or inside the container."""
        if shutil.which(program):
            return [program]
        container = self.container(name)
        if container:
            return ["docker", "exec", "-i", container, program]
        raise NotRun(f"{program} is neither on PATH nor in a container")

    def down(self) -> None:
        from dbfleet.ops.down import down

        for act in self._ends:
            act()
        down(self.fleet, volumes=True)
        shutil.rmtree(STATE, ignore_errors=True)
