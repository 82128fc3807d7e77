"""worker: does jobs, as many at a time as it has slots. It sees the fleet itself, with the logins that can write."""

from __future__ import annotations

from typing import Final

from dbfleet.services import _console
from dbfleet.services._probes import by_role
from dbfleet.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="worker",
    title="Worker",
    purpose="does the jobs: copies, dumps, drills, drift checks, health samples",
    needs=("control", "broker"),
    groups=("console",),
    built=True,
    probe=by_role("worker"),
    secrets=("control", "control-web", "broker", "console-key"),
    environment=_console.owner,
    local=_console.role("worker"),
)
