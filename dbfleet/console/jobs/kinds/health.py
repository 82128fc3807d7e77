"""`health`: one round trip to each target, and how much memory its server has; the fleet's page lives on it."""

from __future__ import annotations

import contextlib
from typing import Any

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    return {"targets": [kinds.target(fleet, each) for each in kinds.names(arguments.get("targets"), "targets")]}


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.console import absent
    from dbfleet.ops import health as op

    looks = op.health(fleet, arguments.get("targets") or None)
    memory = _memory(fleet, [look["target"] for look in looks])
    for look in looks:
        target = fleet.member(look["target"])
        look["engine"], look["url"] = target.engine, target.url()
        look["memory"] = memory.get(look["target"])
    ill = [look["target"] for look in looks if not look["ok"]]
    # A target that was never started, or was taken down, is not ill, and is shown nevertheless.
    known = {look["target"] for look in looks}
    down = [
        {"target": target.name, "engine": target.engine, "url": target.url(), "why": absent.why(fleet, target)}
        for target in fleet.targets.values()
        if target.name not in known and not arguments.get("targets")
    ]
    return Outcome(rows=len(looks), verdict="red" if ill else "ok", result={"looks": looks, "down": down})


def _memory(fleet: Fleet, names: list[str]) -> dict[str, int]:
    """The memory of the servers that this machine's runtimes know, in bytes."""
    from dbfleet.ops import _servers

    found: dict[str, int] = {}
    with contextlib.suppress(DbfleetError):
        for runtime, servers in _servers.by_runtime(fleet, [fleet.member(name) for name in names]):
            with contextlib.suppress(DbfleetError):
                for name, state in runtime.states(servers, memory=True).items():
                    if state.memory is not None:
                        found[name] = state.memory
    return found


KIND = Kind(
    name="health",
    words="one round trip to each target",
    takes={"targets": "which; all if none is named"},
    check=_check,
    run=_run,
    ends=lambda arguments: ("", ", ".join(arguments.get("targets") or ["all"])),
    works_on=lambda arguments: (),
    sees_all=True,
    kept_days=1,
)
