"""beat: makes a job when a schedule is due. Two of them do no harm."""

from __future__ import annotations

from typing import Final

from dbfleet.services import _console
from dbfleet.services._probes import by_role
from dbfleet.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="beat",
    title="Beat",
    purpose="makes a job when a schedule is due",
    needs=("control", "broker"),
    groups=("console",),
    built=True,
    probe=by_role("beat"),
    secrets=("control", "control-web", "broker", "console-key"),
    environment=_console.owner,
    local=_console.role("beat"),
)
