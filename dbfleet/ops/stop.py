"""`stop`: servers end, each before what it needs; containers and data stay. `up` starts them again."""

from __future__ import annotations

from collections.abc import Sequence

from dbfleet.fleet import Fleet
from dbfleet.ops import _console, _servers
from dbfleet.runtimes import Report, silent

LOCK_TIMEOUT_S = 300.0


def stop(fleet: Fleet, names: Sequence[str] | None = None, *, report: Report = silent) -> list[str]:
    """Stop the named targets, or all; the names of those that ran."""
    chosen = _servers.targets_and_dropped(fleet, names)
    stopped: list[str] = []
    if not fleet.state.exists():
        return stopped
    with _servers.alone(fleet, report, timeout_s=LOCK_TIMEOUT_S):
        for wave in reversed(_servers.waves(chosen)):
            for runtime, servers in _servers.by_runtime(fleet, wave):
                stopped += runtime.stop(servers, report=report)
        for target in chosen:  # what had ended by itself is not missed any more either
            if target.name in stopped or fleet.record(target.name).get("wanted"):
                fleet.save_record(target.name, stopped=True)
        _console.tell_all(fleet)
    return stopped
