"""Which targets and services an `up` means, on which runtime each is started, and what would be done.

Rule: nothing is started here. What is set of them is judged before anything is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dbfleet import services
from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.members import is_service
from dbfleet.ops import _servers
from dbfleet.target import Target


def chosen(fleet: Fleet, names: Sequence[str] | None, *, everything: bool = False) -> list[tuple[Target, bool]]:
    """What is to be started, with what it needs; and of each whether it is an error where it cannot be."""
    if everything or not names:
        all_services = [fleet.service(name) for name in services.names() if everything]
        return [
            (target, False)
            for target in (*fleet.targets.values(), *all_services)
            if _servers.of_this_fleet(fleet, target)
        ]
    named = _servers.named(fleet, names)
    wanted = services.in_order(target.name for target in named if is_service(target))
    found = [target for target in named if not is_service(target)]
    found += [one for one in map(fleet.service, wanted) if one.name in names or _servers.of_this_fleet(fleet, one)]
    return [
        (target, target.name in names or not (is_service(target) and services.spec(target.name).optional))
        for target in found
    ]


def check(fleet: Fleet, meant: Sequence[tuple[Target, bool]]) -> None:
    """ConfigError where something is set that one of what is `chosen` cannot take."""
    for target, _ in meant:
        fleet.check_settings(target)


def runtime_of(fleet: Fleet, target: Target, default: str) -> str:
    """The runtime for this start. A server that runs on another one than was asked for must be stopped first."""
    fixed = services.spec(target.name).runtime if is_service(target) else None
    if fixed:
        return fixed
    recorded = fleet.record(target.name).get("runtime")
    asked = fleet.settings.runtime
    if not recorded or recorded == asked or (asked == "auto" and recorded == default):
        return recorded or default
    if asked == "auto":
        return str(recorded)
    one = _servers.server(fleet, target)
    if _servers.runtime(fleet, recorded).states([one])[target.name].alive:
        raise UsageError(
            f"{target.name} runs on the runtime {recorded}, and {asked} was asked for",
            target=target.name,
            hint=f"dbfleet stop {target.name}, then up again; its data stays with {recorded}",
        )
    return asked


def plan(fleet: Fleet, names: Sequence[str] | None = None, *, everything: bool = False) -> list[dict[str, Any]]:
    """What `up` would do, without doing it: a record a target, with target runtime port action."""
    default, _ = _servers.default_runtime(fleet)
    found: list[dict[str, Any]] = []
    meant = [target for target, _ in chosen(fleet, names, everything=everything)]
    for target in (target for wave in _servers.waves(meant) for target in wave):
        record: dict[str, Any] = {"target": target.name, "runtime": None, "port": target.port, "action": "ask it"}
        if _servers.started(fleet, target):
            name = record["runtime"] = runtime_of(fleet, target, default)
            runtime, one = _servers.runtime(fleet, name), _servers.server(fleet, target)
            if missing := runtime.missing(one.spec):
                record["action"] = f"nothing: {missing}"
            elif runtime.states([one])[target.name].alive:
                record["action"] = "nothing: it runs"
            else:
                record["action"] = "start it" if fleet.record(target.name).get("runtime") else "make it and start it"
        elif target.managed and fleet.runs(target).embedded:
            record["action"] = "make the file where it is missing"
        found.append(record)
    return found
