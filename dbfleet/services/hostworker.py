"""hostworker: the worker of a fleet in Docker that runs on this machine, as a local process. What needs the runtime is
for it: a drill's throw-away server, a server's log. A worker in a container has no Docker socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dbfleet.services import _console
from dbfleet.services._probes import by_role
from dbfleet.spec import ServiceSpec, Surroundings


def _environment(surroundings: Surroundings) -> Mapping[str, str]:
    return {**_console.owner(surroundings), "DBFLEET_WORKER_ABILITIES": "host", "DBFLEET_WORKER_NAME": "hostworker"}


SERVICE: Final = ServiceSpec(
    name="hostworker",
    title="Worker on this machine",
    purpose="does what needs the runtime, where the other services are containers: drills, servers' logs",
    needs=("control", "broker"),
    groups=("console",),
    probe=by_role("worker"),
    secrets=("control", "control-web", "broker", "console-key"),
    runtime="process",
    beside="docker",
    optional=True,
    environment=_environment,
    local=_console.role("worker"),
)
