"""worker: does jobs, as many at a time as it has slots. It sees the fleet itself, with the logins that can write."""

from __future__ import annotations

from typing import Final

from dbfleet.services import _console
from dbfleet.services._probes import by_role
from dbfleet.spec import ServiceSpec, Setting

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
    settings={
        "slots": Setting(
            "DBFLEET_WORKER_SLOTS", r"[1-9]\d{0,2}", "how many parts at a time, from 1 to 999", also=("hostworker",)
        ),
        "notice_schemes": Setting(
            "DBFLEET_NOTICE_SCHEMES",
            r"[a-zA-Z0-9+-]+([,\s]+[a-zA-Z0-9+-]+)*",
            "schemes of URLs, as in https, mailto",
            also=("hostworker", "web"),
        ),
        "notice_allow": Setting(
            "DBFLEET_NOTICE_ALLOW",
            r"[0-9a-fA-F.:/]+([,\s]+[0-9a-fA-F.:/]+)*",
            "networks, as in 10.1.0.0/16, 127.0.0.1",
            also=("hostworker", "web"),
        ),
    },
)
