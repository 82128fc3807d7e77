"""Which port a server is started on: the one in the settings, else the one on record, else its own, else a free one.

Rule: a port from the settings is used, or is an error that names who has it. Where another than the server's own is
taken, a note says which, and why. That holds for each port of a service, not for its first alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from dbfleet import services
from dbfleet.fleet import Fleet
from dbfleet.members import is_service
from dbfleet.ops import _servers
from dbfleet.runtimes import Event, Report, Server, port_taken, ports
from dbfleet.target import Target


def chosen(
    fleet: Fleet, target: Target, running_on: int | None, others: Sequence[Server], report: Report, *, runtime: str
) -> int:
    """The port to start it on; the one that it has where it runs and that is right; 0 where it takes none of this
    machine's. `others` are started with it."""
    own = fleet.runs(target).default_port
    hidden = runtime == "docker" and is_service(target) and not services.spec(target.name).published
    if own is None or hidden:
        return 0
    wanted = fleet.settings_of(target).port
    if wanted:
        if wanted != running_on and not ports.is_free(wanted):
            raise port_taken(_servers.server(fleet, target, port=wanted))
        return wanted
    if running_on:
        return running_on
    record = fleet.record(target.name)
    avoid = {each.port for each in others} | _of_others(fleet, target.name) | set(record.get("more_ports", {}).values())
    recorded = record.get("port")
    for port in (recorded, own):
        if port and port not in avoid and ports.is_free(port):
            return int(port)
    found = ports.choose(f"{fleet.state}/{target.name}", avoid=avoid)
    first = recorded or own
    by = f"by {ports.holder(first)}" if not ports.is_free(first) else "in this fleet"
    report(Event(target.name, "note", f"{first} is taken {by}: {target.name} listens on {found}"))
    return found


def more(fleet: Fleet, target: Target, report: Report, *, runs: bool) -> dict[str, int] | None:
    """The ports that a service has besides its own, by variable: those on record where it runs, else free ones."""
    found: dict[str, int] = {}
    record = fleet.record(target.name)
    for variable, default in services.spec(target.name).more_ports.items():
        recorded = record.get("more_ports", {}).get(variable)
        asked = fleet.settings.variable_port(variable)
        if asked:
            if not (runs and asked == recorded) and not ports.is_free(asked):
                raise port_taken(_servers.server(fleet, target, port=asked))
            found[variable] = asked
            continue
        if recorded and runs:
            found[variable] = recorded
            continue
        avoid = _of_others(fleet, target.name) | {record.get("port") or 0}
        free = (port for port in (recorded, default) if port and port not in avoid and ports.is_free(port))
        found[variable] = next(free, None) or ports.choose(f"{fleet.state}/{variable}", avoid=avoid)
        first = recorded or default
        if found[variable] != first:
            by = f"by {ports.holder(first)}" if not ports.is_free(first) else "in this fleet"
            report(Event(target.name, "note", f"{first} is taken {by}: {target.name} listens on {found[variable]} too"))
    return found or None


def are_free(fleet: Fleet, name: str, port: int) -> bool:
    """Whether this port, and the others that a service has on record besides it, could be listened on now."""
    return all(map(ports.is_free, (port, *fleet.record(name).get("more_ports", {}).values())))


def _of_others(fleet: Fleet, name: str) -> set[int]:
    """The ports that are on record or in the settings for other targets and services."""
    records = [record for other, record in fleet.records().items() if other != name]
    recorded = {record["port"] for record in records if record.get("port")}
    recorded |= {port for record in records for port in record.get("more_ports", {}).values()}
    settings = [fleet.settings.target(other) for other in fleet.names if other != name]
    settings += [fleet.settings.service(other) for other in services.names() if other != name]
    return recorded | {each.port for each in settings if each.port}
